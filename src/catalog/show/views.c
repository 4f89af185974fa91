#include "catalog/show/views.h"

#include "catalog/show/gallery.h"
#include "catalog/show/report.h"

#include "catalog/out_path.h"

static int64_t count_settled(const struct history *h)
{
    int64_t n = 0;

    for (int64_t i = 0; i < h->n; i++)
        n += h->film[i].state != STATE_LEFT;
    return n;
}

enum status views_write(const char *out, const struct passed *passed, int64_t *n_settled)
{
    struct history h;
    enum status st = history_read(out, &h);

    if (st == ST_OK)
        st = report_write(out, &h, passed);
    if (st == ST_OK)
        st = gallery_write(out, &h);
    *n_settled = count_settled(&h);
    history_release(&h);
    return st;
}

enum status views_write_last(const char *out, const struct passed *passed)
{
    int64_t shown, there;

    do {
        struct history h;
        TRY(views_write(out, passed, &shown));
        TRY(history_read(out, &h));
        there = count_settled(&h);
        history_release(&h);
    } while (there > shown);
    return ST_OK;
}

enum status views_rebuild(const char *out)
{
    struct passed passed;
    struct history h;
    enum status st = history_read(out, &h);

    if (st == ST_OK && h.n_runs == 0)
        st = FAIL(ST_USAGE, "%s is no catalogue: there is no journal in %s/" OUT_JOURNAL, out, out);
    history_release(&h);
    TRY(st);
    report_read_passed(out, &passed);
    return views_write_last(out, &passed);
}
