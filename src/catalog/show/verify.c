/* verify: see verify.h. The list of what is to be checked is made first; then films are checked side by side, each by
 * one thread; last comes what only many films together can tell. Trusts no file in OUT: a picture is read only in the
 * size that its side-car gives it. */
#include "catalog/show/verify_parts.h"

#include "barcode/settings.h"
#include "barcode/sidecar.h"
#include "base/file.h"
#include "base/log.h"
#include "base/pool.h"
#include "base/sha256.h"
#include "catalog/out_path.h"
#include "image/png.h"
#include "base/file_mark.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_NAMED = 10 };

/* --- what is said ------------------------------------------------------------------------------------------------- */

void verify_off(struct verifier *v, struct check *c, const char *format, ...)
{
    char what[STATUS_MESSAGE_BYTES];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    (void)FAIL(ST_MISMATCH, "%s: %s", c->name, what); /* names must not steer the terminal */
    pthread_mutex_lock(&v->mutex);
    c->is_off = true;
    progress_end(&v->progress);
    puts(status_message());
    pthread_mutex_unlock(&v->mutex);
}

bool verify_went_well(struct verifier *v, struct check *c, enum status st)
{
    if (st == ST_NOMEM || st == ST_BUG) {
        pthread_mutex_lock(&v->mutex);
        v->fault = st;
        snprintf(v->why, sizeof v->why, "%s", status_message());
        pthread_mutex_unlock(&v->mutex);
    } else if (st != ST_OK) {
        char message[STATUS_MESSAGE_BYTES];
        snprintf(message, sizeof message, "%s", status_message());
        verify_off(v, c, "%s", message);
    }
    return st == ST_OK;
}

/* --- one film ----------------------------------------------------------------------------------------------------- */

static bool is_output_changed(const struct check *c, const char *suffix)
{
    for (int i = 0; c->result && i < c->result->n_outputs; i++)
        if (strcmp(c->result->output[i].suffix, suffix) == 0)
            return c->is_changed[i];
    return false;
}

/* False where it was told. */
static bool check_output(struct verifier *v, struct check *c, const struct film_output *output)
{
    char path[OUT_PATH_BYTES], digest[65];
    int64_t bytes;
    struct stat info;

    out_path(v->setup->out, c->name, output->suffix, path);
    if (stat(path, &info) == 0 && info.st_size != output->bytes) {
        verify_off(v, c, "%s has %lld bytes, not %lld", path, (long long)info.st_size, (long long)output->bytes);
        return false;
    }
    if (!verify_went_well(v, c, file_sha256(path, ST_FORMAT, digest, &bytes)))
        return false;
    const bool is_same = strcmp(digest, output->sha256) == 0;
    if (!is_same)
        verify_off(v, c, "%s has changed since it was made (SHA-256 %.8s..., not %.8s...)", path, digest,
                   output->sha256);
    return is_same;
}

/* The side-car against the journal. */
static void check_names(struct verifier *v, struct check *c, const struct barcode *b,
                        const struct barcode_settings *plan)
{
    const struct film_result *r = c->result;

    sha256_hex(b->settings_text, strlen(b->settings_text), c->settings);
    if (b->film.bytes != r->bytes || strcmp(b->film.fingerprint, r->fingerprint) != 0)
        verify_off(v, c,
                   "its side-car names a film of %lld bytes, fingerprint %.8s..., the journal one of %lld, %.8s...",
                   (long long)b->film.bytes, b->film.fingerprint, (long long)r->bytes, r->fingerprint);
    if (b->n_columns != r->columns || b->film_frames != r->frames)
        verify_off(v, c, "its side-car has %lld columns of %lld frames, the journal %lld of %lld",
                   (long long)b->n_columns, (long long)b->film_frames, (long long)r->columns, (long long)r->frames);
    if (plan->n_strips + 1 != r->n_outputs)
        verify_off(v, c, "by its settings it has %d outputs, by the journal %d", plan->n_strips + 1, r->n_outputs);
}

static void check_strip(struct verifier *v, struct check *c, const struct barcode *b,
                        const struct barcode_settings *plan, int i)
{
    struct picture wanted = {0};
    uint8_t *found = NULL;
    char path[OUT_PATH_BYTES], suffix[OUTPUT_SUFFIX_BYTES];

    output_suffix_strip(plan->strip, i, suffix);
    if (is_output_changed(c, suffix))
        return;
    out_path(v->setup->out, c->name, suffix, path);
    if (verify_went_well(v, c, render_strip(b, plan->strip[i], &plan->drawing, &wanted)) &&
        verify_went_well(v, c, png_read_rgb(path, wanted.width, wanted.height, &found))) {
        const size_t n = (size_t)wanted.width * wanted.height * 3;
        size_t at = 0;
        while (at < n && found[at] == wanted.rgb[at])
            at++;
        if (at < n)
            verify_off(v, c, "%s is not what its side-car draws: first at column %zu, row %zu", path,
                       at / 3 % wanted.width, at / 3 / wanted.width);
    }
    free(found);
    free(wanted.rgb);
}

/* False where it was told. */
static bool check_film(struct verifier *v, struct check *c, const char *path, int64_t bytes, const char *fingerprint)
{
    struct file_mark found;

    if (!verify_went_well(v, c, file_mark_take("film", path, FILE_MARK_ENDS, &found)))
        return false;
    const bool is_as_long = found.bytes == bytes, is_same = strcmp(found.fingerprint, fingerprint) == 0;
    if (!is_as_long)
        verify_off(v, c, "its film %s has %lld bytes, not %lld as when it was read", path, (long long)found.bytes,
                   (long long)bytes);
    else if (!is_same)
        verify_off(v, c, "its film %s has changed since it was read (fingerprint %.8s..., not %.8s...)", path,
                   found.fingerprint, fingerprint);
    return is_as_long && is_same;
}

static bool is_ended(struct verifier *v)
{
    pthread_mutex_lock(&v->mutex);
    const bool is_faulty = v->fault != ST_OK;
    pthread_mutex_unlock(&v->mutex);
    return is_faulty || atomic_load(v->setup->stop);
}

static void check_all_of(struct verifier *v, struct check *c)
{
    const char *film_path = c->film ? c->film->path : NULL;
    struct barcode_settings plan;
    char path[OUT_PATH_BYTES];
    struct barcode b;

    for (int i = 0; c->result && i < c->result->n_outputs && !is_ended(v); i++)
        c->is_changed[i] = !check_output(v, c, &c->result->output[i]);
    out_path(v->setup->out, c->name, SIDECAR_SUFFIX, path);
    if (is_ended(v))
        return;
    if (is_output_changed(c, SIDECAR_SUFFIX) || !verify_went_well(v, c, sidecar_read_json(path, &b))) {
        if (c->result && film_path)
            check_film(v, c, film_path, c->result->bytes, c->result->fingerprint);
        return;
    }
    if (verify_went_well(v, c, barcode_settings_read(b.settings_text, barcode_picture_rows, &plan))) {
        if (c->result)
            check_names(v, c, &b, &plan);
        for (int i = 0; i < plan.n_strips && !is_ended(v); i++)
            check_strip(v, c, &b, &plan, i);
    }
    film_path = film_path ? film_path : b.film_path;
    if (!is_ended(v) && check_film(v, c, film_path, b.film.bytes, b.film.fingerprint) && v->setup->n_samples > 0)
        verify_note_for_again(v, c, &b, film_path);
    barcode_release(&b);
}

static void check_item(void *context, int64_t i, int thread)
{
    struct verifier *v = context;

    (void)thread;
    if (is_ended(v))
        return;
    check_all_of(v, &v->check[i]);
    pthread_mutex_lock(&v->mutex);
    progress_show(&v->progress, ++v->n_checked, v->n, "");
    pthread_mutex_unlock(&v->mutex);
}

/* --- many films --------------------------------------------------------------------------------------------------- */

static int compare_settings(const void *a, const void *b)
{
    const struct check *x = a, *y = b;
    const int order = strcmp(x->result ? x->result->settings_id : "", y->result ? y->result->settings_id : "");

    return order != 0 ? order : strcmp(x->name, y->name);
}

/* Whoever has the same settings_id has the same settings in the side-car. */
static void compare_films(struct verifier *v)
{
    const struct check *first = NULL;

    if (v->n > 0)
        qsort(v->check, (size_t)v->n, sizeof *v->check, compare_settings);
    for (int64_t i = 0; i < v->n; i++) {
        struct check *c = &v->check[i];
        if (!c->result || !c->settings[0])
            continue;
        if (!first || strcmp(first->result->settings_id, c->result->settings_id) != 0)
            first = c;
        else if (strcmp(first->settings, c->settings) != 0)
            verify_off(v, c, "the settings in its side-car are not those of %s, which the journal says are the same",
                       first->name);
    }
}

static void note_undone(const struct history *history)
{
    char names[1024] = "";
    long long n_left = 0, n_failed = 0;

    for (int64_t i = 0; i < history->n; i++) {
        const struct history_film *film = &history->film[i];
        const size_t used = strlen(names);
        n_failed += history_has_failed(film);
        if (film->state != STATE_LEFT)
            continue;
        if (++n_left <= MOST_NAMED)
            snprintf(names + used, sizeof names - used, "%s %s", used ? "," : ":", film->name);
    }
    if (n_left > 0)
        log_note("%lld films are left, not done yet%s%s", n_left, names, n_left > MOST_NAMED ? ", ..." : "");
    if (n_failed > 0)
        log_note("%lld films failed and have no results", n_failed);
}

static enum status check_films(struct verifier *v, struct verify_result *result)
{
    struct pool *pool;

    TRY(pool_open(v->setup->threads, &pool));
    progress_start(&v->progress, v->setup->progress, "verify");
    pool_run(pool, v->n, check_item, v);
    progress_end(&v->progress);
    pool_close(&pool);
    if (v->fault != ST_OK) {
        status_adopt(v->why);
        return v->fault;
    }
    if (atomic_load(v->setup->stop))
        return FAIL(ST_INTERRUPTED, "interrupted with %lld of %lld films verified", (long long)v->n_checked,
                    (long long)v->n);
    if (v->setup->n_samples > 0)
        TRY(verify_make_again(v, result));
    compare_films(v); /* sorts them */
    return fflush(stdout) == 0 && !ferror(stdout) ? ST_OK : FAIL(ST_IO, "cannot write to stdout");
}

enum status verify_run(const struct verify_setup *setup, struct verify_result *result)
{
    struct verifier v = {.setup = setup, .mutex = PTHREAD_MUTEX_INITIALIZER};
    struct history history = {0};
    enum status st = history_read(setup->out, &history);

    *result = (struct verify_result){0};
    if (st == ST_OK)
        st = verify_list(&v, &history);
    if (st == ST_OK) {
        st = check_films(&v, result);
        result->n_films = v.n_checked;
    }
    if (st == ST_OK)
        note_undone(&history);
    for (int64_t i = 0; i < v.n; i++) {
        result->n_off += v.check[i].is_off;
        free(v.check[i].name);
        free(v.check[i].again);
    }
    free(v.check);
    history_release(&history);
    return st;
}
