#include "compute/compute.h"

#include <string.h>

static int comes_before(const struct frame_clusters *c, int a, int b)
{
    if (c->count[a] != c->count[b])
        return c->count[a] > c->count[b];
    for (int i = 0; i < 3; i++)
        if (c->centre[a][i] != c->centre[b][i])
            return c->centre[a][i] < c->centre[b][i];
    return 0;
}

static void swap(struct frame_clusters *c, int a, int b)
{
    const uint32_t count = c->count[a];
    uint16_t centre[3];

    memcpy(centre, c->centre[a], sizeof centre);
    memcpy(c->centre[a], c->centre[b], sizeof centre);
    memcpy(c->centre[b], centre, sizeof centre);
    c->count[a] = c->count[b];
    c->count[b] = count;
}

void clusters_arrange(struct frame_clusters *c)
{
    for (int i = 1; i < c->n; i++)
        for (int j = i; j > 0 && comes_before(c, j, j - 1); j--)
            swap(c, j, j - 1);
    while (c->n > 0 && c->count[c->n - 1] == 0)
        c->n--;
    for (int i = c->n; i < COMPUTE_MAX_K; i++) {
        c->count[i] = 0;
        memset(c->centre[i], 0, sizeof c->centre[i]);
    }
}
