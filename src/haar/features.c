/* features: see features.h. An axis is whole, split in two, or split in three; how long its pieces may be depends on
 * the set. The student project writes its splits in absolute, inclusive coordinates ((3 * y1 + y2) / 4); since 3 * y1 +
 * y2 = 4 * y1 + (h - 1), the division depends on the side alone, and splits are the same wherever the rectangle is. */
#include "haar/features.h"

const char *const haar_set_names[HAAR_N_SETS] = {"seed", "multiboost", "full"};

static int parts_of_x(enum haar_type type)
{
    return type == HAAR_LINE_V ? 3 : type == HAAR_EDGE_V || type == HAAR_QUAD ? 2 : 1;
}

static int parts_of_y(enum haar_type type)
{
    return type == HAAR_LINE_H ? 3 : type == HAAR_EDGE_H || type == HAAR_QUAD ? 2 : 1;
}

static void init_axis(struct haar_axis *axis, enum haar_set set, bool is_box, int parts, int side)
{
    const bool is_equal = set == HAAR_MULTIBOOST || is_box;

    axis->step = is_equal ? parts : 1;
    axis->first_length = is_equal ? parts : set == HAAR_SEED ? 5 : 4;
    axis->before[0] = 0;
    for (int at = 0; at < side; at++) {
        const int most = side - at;
        axis->n[at] = most < axis->first_length ? 0 : (most - axis->first_length) / axis->step + 1;
        axis->before[at + 1] = axis->before[at] + (uint32_t)axis->n[at];
    }
}

void haar_feature_list_init(struct haar_feature_list *list, enum haar_set set, int width, int height, bool with_box,
                            int n_channels)
{
    *list = (struct haar_feature_list){
        .set = set,
        .width = width,
        .height = height,
        .n_channels = n_channels,
        .n_types = with_box ? HAAR_N_TYPES : HAAR_BOX,
    };
    for (int type = 0; type < list->n_types; type++) {
        init_axis(&list->x[type], set, type == HAAR_BOX, parts_of_x((enum haar_type)type), width);
        init_axis(&list->y[type], set, type == HAAR_BOX, parts_of_y((enum haar_type)type), height);
        list->n[type] = list->x[type].before[width] * list->y[type].before[height];
        list->n_all += list->n[type] * (uint32_t)n_channels;
    }
}

/* Where a side is split: behind `part` of n_parts equal parts, or of quarters, by the student project's division. */
static uint8_t split_of(enum haar_set set, int side, int part, int n_parts, int n_quarters)
{
    return (uint8_t)(set == HAAR_MULTIBOOST ? part * side / n_parts : n_quarters * (side - 1) / 4 + 1);
}

static struct haar_feature make(enum haar_set set, enum haar_type type, int channel, int x, int y, int w, int h)
{
    struct haar_feature f = {(uint8_t)type, (uint8_t)channel, (uint8_t)x, (uint8_t)y, (uint8_t)w, (uint8_t)h, 0, 0};

    if (type == HAAR_EDGE_V || type == HAAR_QUAD)
        f.a = split_of(set, w, 1, 2, 2);
    if (type == HAAR_EDGE_H || type == HAAR_QUAD)
        f.b = split_of(set, h, 1, 2, 2);
    if (type == HAAR_LINE_H || type == HAAR_LINE_V) {
        const int side = type == HAAR_LINE_H ? h : w;
        f.a = split_of(set, side, 1, 3, 1);
        f.b = split_of(set, side, 2, 3, 3);
    }
    return f;
}

/* The position whose share of the numbers, unit numbers a length, holds i. */
static int position_of(const struct haar_axis *axis, int side, uint32_t unit, uint32_t i)
{
    const uint32_t length = i / unit;
    int low = 0, high = side - 1;

    while (low < high) {
        const int middle = (low + high + 1) / 2;
        if (axis->before[middle] <= length)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

struct haar_feature haar_feature_at(const struct haar_feature_list *list, enum haar_type type, int channel, uint32_t i)
{
    const struct haar_axis *ax = &list->x[type], *ay = &list->y[type];
    const uint32_t n_y = ay->before[list->height];

    const int x = position_of(ax, list->width, n_y, i); /* n_y numbers a length of x */
    i -= ax->before[x] * n_y;
    const uint32_t n_w = (uint32_t)ax->n[x];
    const int y = position_of(ay, list->height, n_w, i);
    i -= ay->before[y] * n_w;
    const uint32_t n_h = (uint32_t)ay->n[y];
    const int w = ax->first_length + ax->step * (int)(i / n_h);
    const int h = ay->first_length + ay->step * (int)(i % n_h);
    return make(list->set, type, channel, x, y, w, h);
}

/* One type's features in one channel; returns the place after the last. */
static struct haar_feature *list_type(const struct haar_feature_list *list, enum haar_type type, int channel,
                                      struct haar_feature *feature)
{
    const struct haar_axis *ax = &list->x[type], *ay = &list->y[type];

    for (int x = 0; x < list->width; x++)
        for (int y = 0; y < list->height; y++)
            for (int i = 0; i < ax->n[x]; i++)
                for (int j = 0; j < ay->n[y]; j++)
                    *feature++ = make(list->set, type, channel, x, y, ax->first_length + ax->step * i,
                                      ay->first_length + ay->step * j);
    return feature;
}

void haar_feature_list_all(const struct haar_feature_list *list, struct haar_feature *feature)
{
    for (int type = 0; type < list->n_types; type++)
        for (int channel = 0; channel < list->n_channels; channel++)
            feature = list_type(list, (enum haar_type)type, channel, feature);
}
