#include "cli/barcode_opts.h"

#include "base/number.h"
#include "compute/kmeans_rules.h"

#include <math.h>
#include <string.h>

void barcode_opts_init(struct barcode_opts *o)
{
    *o = (struct barcode_opts){.config = {
                                   .sampling = {.unit = SAMPLE_FRAMES, .every = 24.0},
                                   .k = 8,
                                   .height = 480,
                                   .strip = {STRIP_KMEANS},
                                   .n_strips = 1,
                                   .box_width = 480,
                                   .box_height = 270,
                                   .backend = "auto",
                               }};
}

static enum status parse_every(const char *text, struct sampling *s)
{
    const size_t n = strlen(text);
    char number[64];
    int64_t frames;

    if (n < 2 || n >= sizeof number || (text[n - 1] != 'f' && text[n - 1] != 's'))
        return FAIL(ST_USAGE, "--every %s: N frames (24f) or T seconds (1s) are wanted", text);
    memcpy(number, text, n - 1);
    number[n - 1] = '\0';
    s->unit = text[n - 1] == 'f' ? SAMPLE_FRAMES : SAMPLE_SECONDS;
    if (s->unit == SAMPLE_SECONDS)
        return opts_positive("--every", number, &s->every);
    TRY(opts_int("--every", number, 1, INT32_MAX, &frames));
    s->every = (double)frames;
    return ST_OK;
}

/* 90, 1:30, 0:01:30.5, 10% */
static enum status parse_time(const char *option, const char *text, struct film_time *t)
{
    const char *at = text;
    double total = 0.0, part;
    int n_parts = 0;

    t->is_percent = false;
    for (;; at++) {
        if (!number_next_decimal(&at, &part) || (n_parts > 0 && part >= 60.0) || ++n_parts > 3)
            break;
        total = 60.0 * total + part;
        if (!isfinite(total))
            break;
        if (*at == '\0' || (*at == '%' && at[1] == '\0' && n_parts == 1)) {
            t->is_percent = *at == '%';
            t->value = total;
            return t->is_percent && total > 100.0 ? FAIL(ST_USAGE, "%s %s: at most 100%%", option, text) : ST_OK;
        }
        if (*at != ':')
            break;
    }
    return FAIL(ST_USAGE, "%s %s: seconds (90), [h:]m:s (1:30) or a share (10%%) is wanted", option, text);
}

static enum status parse_scale(const char *text, struct barcode_config *c)
{
    if (!number_read_pair(text, 'x', 1, 8192, &c->box_width, &c->box_height))
        return FAIL(ST_USAGE, "--scale %s: WIDTHxHEIGHT like 480x270 is wanted, each 1 to 8192", text);
    c->scale = SCALE_FIT;
    return ST_OK;
}

static enum status parse_strips(const char *text, struct barcode_config *c)
{
    char name[32];

    c->n_strips = 0;
    while (*text) {
        const size_t n = strcspn(text, ",");
        int strip;
        if (n == 0 || n >= sizeof name || text[n + (text[n] != '\0')] == ',' || (text[n] == ',' && !text[n + 1]))
            return FAIL(ST_USAGE, "--strips: a list like kmeans,average is wanted, not \"%s\"", text);
        memcpy(name, text, n);
        name[n] = '\0';
        TRY(opts_choice("--strips", name, strip_names, N_STRIPS, &strip));
        for (int i = 0; i < c->n_strips; i++)
            if ((int)c->strip[i] == strip)
                return FAIL(ST_USAGE, "--strips names %s twice", name);
        c->strip[c->n_strips++] = (enum strip)strip;
        text += n + (text[n] == ',');
    }
    return c->n_strips > 0 ? ST_OK : FAIL(ST_USAGE, "--strips names no strip");
}

static enum status parse_seed(const char *text, uint64_t *seed)
{
    int64_t value;

    TRY(opts_int("--seed", text, 0, INT64_MAX, &value));
    *seed = (uint64_t)value;
    return ST_OK;
}

enum status barcode_opts_handle(struct barcode_opts *o, int which, const char *arg)
{
    static const char *const samplings[] = {"exact", "key"};
    struct barcode_config *c = &o->config;
    int value = 0;

    switch (which) {
    case BARCODE_OPT_EVERY:
        o->has_every = true;
        return parse_every(arg, &c->sampling);
    case BARCODE_OPT_COLUMNS:
        o->has_columns = true;
        TRY(opts_int32("--columns", arg, 1, INT32_MAX, &value));
        c->sampling.unit = SAMPLE_COLUMNS;
        c->sampling.every = value;
        break;
    case BARCODE_OPT_START:
        c->sampling.has_start = true;
        return parse_time("--start", arg, &c->sampling.start);
    case BARCODE_OPT_END:
        c->sampling.has_end = true;
        return parse_time("--end", arg, &c->sampling.end);
    case BARCODE_OPT_K:
        return opts_int32("-k", arg, 1, COMPUTE_MAX_K, &c->k);
    case BARCODE_OPT_HEIGHT:
        TRY(opts_int32("--height", arg, 1, 65535, &value));
        c->height = (uint32_t)value;
        break;
    case BARCODE_OPT_ORDER:
        TRY(opts_choice("--order", arg, order_names, N_ORDERS, &value));
        c->order = (enum order)value;
        break;
    case BARCODE_OPT_STRIPS:
        return parse_strips(arg, c);
    case BARCODE_OPT_SAMPLING:
        TRY(opts_choice("--sampling", arg, samplings, 2, &value));
        c->sampling.snap_to_keys = value == 1;
        break;
    case BARCODE_OPT_SEED:
        return parse_seed(arg, &c->seed);
    case BARCODE_OPT_N_INIT:
        return opts_int32("--n-init", arg, 1, KMEANS_MAX_RESTARTS, &c->n_init);
    case BARCODE_OPT_PLAIN:
        c->plain = true;
        break;
    case BARCODE_OPT_SCALE:
        o->has_scale = true;
        return parse_scale(arg, c);
    case BARCODE_OPT_FULL:
        c->scale = SCALE_FULL;
        break;
    case BARCODE_OPT_LEGACY:
        c->legacy = true;
        break;
    case BARCODE_OPT_BACKEND:
        return run_opts_backend(arg, &c->backend);
    case BARCODE_OPT_THREADS:
        return run_opts_threads(arg, &c->threads);
    case BARCODE_OPT_PROGRESS:
        return run_opts_progress(arg, &c->progress);
    case BARCODE_OPT_RANK_TIMEOUT:
        return run_opts_rank_timeout(arg);
    case BARCODE_OPT_ALLOW_PARTIAL:
        c->allow_partial = true;
        break;
    case BARCODE_OPT_FORCE:
        c->force = true;
        break;
    default:
        return FAIL(ST_BUG, "barcode: option %d", which);
    }
    return ST_OK;
}

enum status barcode_opts_check(const struct barcode_opts *o)
{
    if (o->has_every && o->has_columns)
        return FAIL(ST_USAGE, "--every and --columns exclude each other");
    if (o->has_scale && o->config.scale == SCALE_FULL)
        return FAIL(ST_USAGE, "--scale and --full exclude each other");
    return ST_OK;
}
