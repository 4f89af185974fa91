#include "catalog/coordinate/resume.h"

#include "base/pool.h"
#include "catalog/store/outputs.h"
#include "base/file_mark.h"

#include <string.h>

enum { THREADS = 8 }; /* it is the storage that is waited for */

struct decision {
    const struct catalog_config *config;
    const char *settings_id;
    const struct listing *listing;
    const struct history *history;
    const atomic_int *stop;
    struct resume_film *film;
};

static bool is_done(const struct decision *d, const struct listing_film *film, const struct history_film *before)
{
    const struct film_result *r = before->result;
    struct file_mark mark;

    return r && strcmp(r->settings_id, d->settings_id) == 0 && r->bytes == film->bytes &&
           r->mtime_ns == film->mtime_ns && outputs_are_sound(d->config->out, film->name, r) &&
           file_mark_take("film", film->path, FILE_MARK_ENDS, &mark) == ST_OK &&
           strcmp(mark.fingerprint, r->fingerprint) == 0;
}

static void decide(void *context, int64_t i, int thread)
{
    const struct decision *d = context;
    const struct listing_film *film = &d->listing->film[i];
    struct resume_film *r = &d->film[i];

    (void)thread;
    *r = (struct resume_film){.before = history_find(d->history, film->name)};
    if (!r->before || atomic_load(d->stop))
        return;
    r->is_unchanged = r->before->bytes == film->bytes && r->before->mtime_ns == film->mtime_ns;
    if (r->before->state == STATE_DONE && is_done(d, film, r->before))
        r->state = RESUME_DONE;
    else if (history_has_failed(r->before) && r->is_unchanged && !d->config->retry_failed &&
             strcmp(r->before->failure.settings_id, d->settings_id) == 0)
        r->state = RESUME_FAILED;
}

enum status resume_decide(const struct catalog_config *config, const char *settings_id, const struct listing *listing,
                          const struct history *history, const atomic_int *stop, struct resume_film *film)
{
    struct decision d = {config, settings_id, listing, history, stop, film};
    struct pool *pool;

    TRY(pool_open(THREADS, &pool));
    pool_run(pool, listing->n, decide, &d);
    pool_close(&pool);
    return atomic_load(stop) ? FAIL(ST_INTERRUPTED, "interrupted") : ST_OK;
}
