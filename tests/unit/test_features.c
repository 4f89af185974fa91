/* test_features: the feature sets: their published sizes; that a feature's number and the full list agree; the rules of
 * each set, the student project's in its own coordinates; boxes and channels. */
#include "haar/features.h"
#include "unit/test.h"

static struct haar_feature *list_all(const struct haar_feature_list *list)
{
    struct haar_feature *all = calloc(list->n_all + 1, sizeof *all);

    if (!all) {
        printf("out of memory\n");
        exit(1);
    }
    haar_feature_list_all(list, all);
    return all;
}

static uint32_t size_of(enum haar_set set, int width, int height)
{
    struct haar_feature_list list;

    haar_feature_list_init(&list, set, width, height, false, 1);
    return list.n_all;
}

static void test_sizes(void)
{
    struct haar_feature_list list;

    CHECK_INT(size_of(HAAR_SEED, 28, 28), 450000);
    CHECK_INT(size_of(HAAR_FULL, 28, 28), 528125);
    CHECK_INT(size_of(HAAR_MULTIBOOST, 28, 28), 299880);
    CHECK_INT(size_of(HAAR_MULTIBOOST, 24, 24), 162336);
    CHECK_INT(size_of(HAAR_SEED, 4, 64), 0);
    CHECK_INT(size_of(HAAR_FULL, 4, 4), 5);
    CHECK_INT(size_of(HAAR_MULTIBOOST, 1, 1), 0);
    CHECK_INT(size_of(HAAR_MULTIBOOST, 1, 2), 1);
    haar_feature_list_init(&list, HAAR_SEED, 28, 28, false, 1);
    for (int type = 0; type < HAAR_BOX; type++)
        CHECK_INT(list.n[type], 90000);
    CHECK_INT(list.n_types, 5);
    CHECK_INT(list.n[HAAR_BOX], 0);
    haar_feature_list_init(&list, HAAR_MULTIBOOST, 28, 28, true, 1);
    CHECK_INT(list.n_types, 6);
    CHECK_INT(list.n[HAAR_BOX], 28 * 29 / 2 * (28 * 29 / 2));
}

/* How many features a set should have, counted rectangle by rectangle. */
static uint32_t count_plainly(enum haar_set set, enum haar_type type, int width, int height)
{
    const int least = set == HAAR_SEED ? 5 : set == HAAR_FULL ? 4 : 1;
    uint32_t n = 0;

    for (int w = 1; w <= width; w++)
        for (int h = 1; h <= height; h++) {
            bool is_in = w >= least && h >= least;
            if (set == HAAR_MULTIBOOST && type != HAAR_BOX)
                is_in = (type == HAAR_EDGE_H && h % 2 == 0) || (type == HAAR_EDGE_V && w % 2 == 0) ||
                        (type == HAAR_LINE_H && h % 3 == 0) || (type == HAAR_LINE_V && w % 3 == 0) ||
                        (type == HAAR_QUAD && w % 2 == 0 && h % 2 == 0);
            if (is_in || type == HAAR_BOX)
                n += (uint32_t)((width - w + 1) * (height - h + 1));
        }
    return n;
}

static bool splits_lie_inside(const struct haar_feature *f)
{
    switch (f->type) {
    case HAAR_EDGE_H:
        return f->a == 0 && f->b > 0 && f->b < f->h;
    case HAAR_EDGE_V:
        return f->b == 0 && f->a > 0 && f->a < f->w;
    case HAAR_LINE_H:
        return 0 < f->a && f->a < f->b && f->b < f->h;
    case HAAR_LINE_V:
        return 0 < f->a && f->a < f->b && f->b < f->w;
    case HAAR_QUAD:
        return f->a > 0 && f->a < f->w && f->b > 0 && f->b < f->h;
    default:
        return f->a == 0 && f->b == 0;
    }
}

static uint64_t place_of(const struct haar_feature *f)
{
    return (uint64_t)f->type << 40 | (uint64_t)f->channel << 32 | (uint64_t)f->x << 24 | (uint64_t)f->y << 16 |
           (uint64_t)f->w << 8 | f->h;
}

/* Every number in turn gives the list, which ascends and lies inside the image. */
static void check_list(enum haar_set set, int width, int height, bool with_box, int n_channels)
{
    struct haar_feature_list list;
    uint32_t at = 0, n_wrong = 0;

    haar_feature_list_init(&list, set, width, height, with_box, n_channels);
    struct haar_feature *all = list_all(&list);
    for (int type = 0; type < list.n_types; type++) {
        CHECK_INT(list.n[type], count_plainly(set, (enum haar_type)type, width, height));
        for (int channel = 0; channel < n_channels; channel++)
            for (uint32_t i = 0; i < list.n[type]; i++, at++) {
                const struct haar_feature f = haar_feature_at(&list, (enum haar_type)type, channel, i);
                n_wrong += memcmp(&f, &all[at], sizeof f) != 0 || f.type != type || f.channel != channel;
                n_wrong += f.x + f.w > width || f.y + f.h > height || f.w == 0 || f.h == 0;
                n_wrong += !splits_lie_inside(&f);
                n_wrong += at > 0 && place_of(&all[at - 1]) >= place_of(&f);
            }
    }
    CHECK_INT(at, list.n_all);
    if (!CHECK_INT(n_wrong, 0))
        printf("  set %s, %dx%d\n", haar_set_names[set], width, height);
    free(all);
}

/* Splits are counted from the rectangle's side in the list; the student project has them in absolute, inclusive
 * coordinates. */
static void test_seed_splits(void)
{
    struct haar_feature_list list;
    long n_wrong = 0;

    haar_feature_list_init(&list, HAAR_SEED, 28, 28, false, 1);
    struct haar_feature *all = list_all(&list);
    for (uint32_t i = 0; i < list.n_all; i++) {
        const struct haar_feature *f = &all[i];
        const int x1 = f->x, x2 = f->x + f->w - 1, y1 = f->y, y2 = f->y + f->h - 1;
        int a = 0, b = 0;
        if (f->type == HAAR_EDGE_V || f->type == HAAR_QUAD)
            a = (x1 + x2) / 2 - x1 + 1;
        if (f->type == HAAR_EDGE_H || f->type == HAAR_QUAD)
            b = (y1 + y2) / 2 - y1 + 1;
        if (f->type == HAAR_LINE_H) {
            a = (3 * y1 + y2) / 4 - y1 + 1;
            b = (y1 + 3 * y2) / 4 - y1 + 1;
        }
        if (f->type == HAAR_LINE_V) {
            a = (3 * x1 + x2) / 4 - x1 + 1;
            b = (x1 + 3 * x2) / 4 - x1 + 1;
        }
        n_wrong += f->a != a || f->b != b;
    }
    CHECK_INT(n_wrong, 0);
    free(all);
}

static void test_equal_parts(void)
{
    struct haar_feature_list list;
    long n_wrong = 0;

    haar_feature_list_init(&list, HAAR_MULTIBOOST, 20, 17, false, 1);
    struct haar_feature *all = list_all(&list);
    for (uint32_t i = 0; i < list.n_all; i++) {
        const struct haar_corners c = haar_corners_of(all[i], 20, 17);
        const struct haar_feature *f = &all[i];
        const bool is_line = f->type == HAAR_LINE_H || f->type == HAAR_LINE_V;
        /* a white pixel counts 1: lines are two parts of white, black counts 2 */
        n_wrong += c.most != 255 * (is_line ? 2 * f->w * f->h / 3 : f->w * f->h / 2);
        n_wrong += f->type == HAAR_EDGE_H && 2 * f->b != f->h;
        n_wrong += f->type == HAAR_LINE_V && (3 * f->a != f->w || 3 * f->b != 2 * f->w);
    }
    CHECK_INT(n_wrong, 0);
    free(all);
}

int main(void)
{
    test_sizes();
    test_seed_splits();
    test_equal_parts();
    for (int set = 0; set < HAAR_N_SETS; set++) {
        check_list((enum haar_set)set, 28, 28, false, 1);
        check_list((enum haar_set)set, 13, 21, true, 1);
        check_list((enum haar_set)set, 9, 6, true, 5);
        check_list((enum haar_set)set, 64, 7, false, 2);
        check_list((enum haar_set)set, 64, 64, false, 1);
        check_list((enum haar_set)set, 1, 1, true, 1);
        check_list((enum haar_set)set, 3, 30, false, 1);
    }
    return test_end();
}
