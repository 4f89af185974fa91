/* verify_again: columns made again from the films, in processes that may do nothing else. */
#include "catalog/show/verify_parts.h"

#include "base/mem.h"
#include "catalog/store/settings_id.h"
#include "catalog/workers/checks.h"

#include <stdlib.h>
#include <string.h>

/* Made by this version, by these rules: then every column can be made again to the last bit. */
static enum status is_ours(const struct verifier *v, const struct check *c, const struct barcode *b, bool *is)
{
    char id[65];

    *is = false;
    for (int partial = 0; c->result && partial < 2 && !*is; partial++) {
        TRY(settings_id_make(b->settings_text, v->setup->version, partial, id));
        *is = strcmp(id, c->result->settings_id) == 0;
    }
    return ST_OK;
}

void verify_note_for_again(struct verifier *v, struct check *c, const struct barcode *b, const char *film_path)
{
    bool is;

    if (!verify_went_well(v, c, is_ours(v, c, b, &is)))
        return;
    if (is) {
        c->again = strdup(film_path);
        if (!c->again)
            verify_went_well(v, c, FAIL(ST_NOMEM, "out of memory for the list of films"));
        return;
    }
    pthread_mutex_lock(&v->mutex);
    v->n_not_ours++;
    pthread_mutex_unlock(&v->mutex);
}

struct again {
    struct verifier *v;
    struct check **check; /* [n] */
    struct checks_film *film;
    int64_t n, n_same;
};

static void on_film_outcome(void *context, int64_t i, int64_t n_same, const char *message)
{
    struct again *a = context;

    a->n_same += n_same;
    if (message)
        verify_off(a->v, a->check[i], "%s", message);
}

enum status verify_make_again(struct verifier *v, struct verify_result *result)
{
    const struct verify_setup *s = v->setup;
    struct again a = {.v = v};
    const struct checks_setup setup = {.out = s->out,
                                       .n_samples = s->n_samples,
                                       .n_workers = s->threads,
                                       .film_timeout = s->film_timeout,
                                       .film_memory = s->film_memory,
                                       .progress = &v->progress,
                                       .stop = s->stop,
                                       .tell = on_film_outcome,
                                       .context = &a};
    enum status st = ST_NOMEM;

    a.check = mem_array((size_t)v->n, sizeof *a.check);
    a.film = mem_array((size_t)v->n, sizeof *a.film);
    for (int64_t i = 0; a.check && a.film && i < v->n; i++)
        if (v->check[i].again) {
            a.check[a.n] = &v->check[i];
            a.film[a.n++] = (struct checks_film){v->check[i].name, v->check[i].again};
        }
    progress_start(&v->progress, s->progress, "verify frames");
    if (a.check && a.film)
        st = checks_run(&setup, a.film, a.n);
    progress_end(&v->progress);
    result->n_again = a.n;
    result->n_same = a.n_same;
    result->n_not_ours = v->n_not_ours;
    free(a.check);
    free(a.film);
    return st;
}
