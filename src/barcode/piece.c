#include "barcode/piece.h"

enum status piece_index(struct pipeline *p, bool *splits)
{
    TRY(pipeline_index(p));
    *splits = !p->film.info.unsplit[0];
    return piece_files_save_index(p->kept, &p->film);
}

enum status piece_extract(struct pipeline *p, int share, int n_shares, bool *drained)
{
    struct extract_count c;

    TRY(pipeline_index(p));
    TRY(pipeline_extract(p, share, n_shares, &c));
    *drained = extract_judge(&c) == EXTRACT_DRAINED;
    return piece_files_save_share(p->kept, share, n_shares, &p->extract, &p->samples, &p->stats);
}

enum status piece_join(struct pipeline *p, int n_shares, bool *fits)
{
    struct extract_count c = {0};
    bool found = true;

    TRY(pipeline_index(p));
    TRY(pipeline_plan(p, 0, 1)); /* one share: room for all samples */
    TRY(extract_result_make(&p->extract, &p->samples));
    for (int i = 0; i < n_shares && found; i++)
        TRY(piece_files_load_share(p->kept, i, n_shares, &p->extract, &p->samples, &p->stats, &found));
    c.n_missing = extract_result_missing(&p->samples);
    c.n_damaged = p->stats.damaged;
    *fits = found && extract_judge(&c) == EXTRACT_SOUND;
    return *fits ? pipeline_join(p) : ST_OK;
}
