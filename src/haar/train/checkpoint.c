#include "haar/train/checkpoint.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

char *checkpoint_path(const char *path, int member, int n_members)
{
    const size_t bytes = strlen(path) + 16;
    char *name = mem_array(bytes, 1);

    if (name && n_members > 1)
        snprintf(name, bytes, "%s.%d", path, member + 1);
    else if (name)
        snprintf(name, bytes, "%s", path);
    return name;
}

static enum status compare(const char *path, const struct model *was, const struct model *now)
{
    struct model same = *now; /* but for what may differ: a member has a seed of its own */
    char was_text[32], now_text[32];

    same.settings.rounds = was->settings.rounds;
    same.settings.seed = was->settings.seed;
    const struct opt *row = opts_difference(model_rows, was, &same);
    if (row) {
        opts_text(row, was, false, was_text, sizeof was_text);
        opts_text(row, now, false, now_text, sizeof now_text);
        return FAIL(ST_USAGE, "%s: cannot go on from this checkpoint: its \"%s\" is %s, now it is %s", path, row->key,
                    was_text, now_text);
    }
    if (was->n_members != 1 || was->member[0].seed != now->member[0].seed)
        return FAIL(ST_USAGE, "%s: cannot go on from this checkpoint: its seed is %llu, now it is %llu", path,
                    was->n_members > 0 ? (unsigned long long)was->member[0].seed : 0ULL,
                    (unsigned long long)now->member[0].seed);
    if (was->member[0].n_rounds > now->settings.rounds)
        return FAIL(ST_USAGE, "%s: cannot go on from this checkpoint: it has %d rounds already, --rounds is %d", path,
                    was->member[0].n_rounds, now->settings.rounds);
    return ST_OK;
}

enum status checkpoint_read(const char *path, struct model *model)
{
    struct model was = {0};
    enum status st;

    if (access(path, F_OK) != 0 && errno == ENOENT)
        return ST_OK;
    TRY_OR(done, st, model_read(path, &was));
    TRY_OR(done, st, compare(path, &was, model));
    for (int i = 0; i < was.member[0].n_rounds; i++)
        TRY_OR(done, st, model_add_round(model, &was.member[0].round[i]));
done:
    model_release(&was);
    return st;
}
