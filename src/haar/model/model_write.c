/* model_write: a model as text, as model_format.h describes it. The text is made in memory first, because its digest
 * stands before it. Numbers are printed by hand: a checkpoint of thousands of rounds has a few hundred thousand. */
#include "haar/model/model.h"

#include "base/file.h"
#include "base/sha256.h"
#include "haar/model/model_format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The text as it grows. Writing that fails is noticed at the end. */
struct text {
    char *at;
    size_t length;
    FILE *stream;
    bool is_lost;
};

static void add_bytes(struct text *t, const char *bytes, size_t n)
{
    t->is_lost |= fwrite_unlocked(bytes, 1, n, t->stream) != n;
}

static void add_word(struct text *t, const char *word)
{
    add_bytes(t, word, strlen(word));
}

/* A space and the number. */
static void add_number(struct text *t, bool is_negative, uint64_t size)
{
    char digits[22];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + size % 10);
        size /= 10;
    } while (size > 0);
    if (is_negative)
        digits[--at] = '-';
    digits[--at] = ' ';
    add_bytes(t, digits + at, sizeof digits - at);
}

static void add_int(struct text *t, int32_t value)
{
    add_number(t, value < 0, (uint64_t)(value < 0 ? -(int64_t)value : value));
}

static void add_settings(struct text *t, const struct model *model)
{
    char value[32];

    for (const struct opt *row = model_rows; row->kind != OPT_END; row++) {
        if (!row->key || (row->may_lack && opts_number(row, model) == 0))
            continue;
        opts_text(row, model, false, value, sizeof value);
        add_word(t, row->key);
        add_word(t, " ");
        add_word(t, value);
        add_word(t, "\n");
    }
}

static void add_node(struct text *t, const struct weak_node *node, enum weak_kind kind)
{
    const struct haar_feature *f = &node->feature;
    const int number[] = {f->channel, f->x, f->y, f->w, f->h, f->a, f->b};

    add_word(t, " ");
    add_word(t, model_type_names[f->type]);
    for (size_t i = 0; i < sizeof number / sizeof *number; i++)
        add_int(t, number[i]);
    add_int(t, node->cut);
    if (kind == WEAK_TREE) {
        add_int(t, node->child[0]);
        add_int(t, node->child[1]);
    }
}

static void add_round(struct text *t, const struct model_round *round, int n_classes)
{
    const struct weak *weak = &round->weak;

    add_word(t, model_kind_names[weak->kind]);
    add_int(t, weak->kind == WEAK_TREE ? weak->n_leaves : weak->n_nodes);
    add_word(t, " shift");
    add_int(t, round->shift);
    add_word(t, " loss");
    add_int(t, round->loss);
    add_word(t, " |");
    for (int i = 0; i < weak->n_nodes; i++) {
        add_word(t, i > 0 ? " ;" : "");
        add_node(t, &weak->node[i], weak->kind);
    }
    add_word(t, " |");
    for (int i = 0; i < weak->n_leaves * n_classes; i++)
        add_int(t, round->votes[i]);
    add_word(t, "\n");
}

/* All that the digest covers. t->at is the caller's to free. */
static enum status make_text(const struct model *model, struct text *t)
{
    t->stream = open_memstream(&t->at, &t->length);
    if (!t->stream)
        return FAIL(ST_NOMEM, "out of memory for a model's text");
    add_settings(t, model);
    for (int m = 0; m < model->n_members; m++) {
        const struct model_member *member = &model->member[m];
        add_word(t, "member");
        add_number(t, false, member->seed);
        add_int(t, member->n_rounds);
        add_word(t, "\n");
        for (int i = 0; i < member->n_rounds; i++)
            add_round(t, &member->round[i], model->n_classes);
    }
    add_word(t, "end\n");
    return fclose(t->stream) == 0 && !t->is_lost
               ? ST_OK
               : FAIL(ST_NOMEM, "out of memory: a model's text of more than %zu bytes", t->length);
}

enum status model_digest(const struct model *model, char hex[65])
{
    struct text t = {0};
    const enum status st = make_text(model, &t);

    if (st == ST_OK)
        sha256_hex(t.at, t.length, hex);
    free(t.at);
    return st;
}

enum status model_write(const struct model *model, const char *path, bool force)
{
    struct file_out out;
    struct text t = {0};
    char hex[65];
    enum status st;

    TRY_OR(done, st, make_text(model, &t));
    sha256_hex(t.at, t.length, hex);
    TRY_OR(done, st, file_out_open(&out, path, force));
    if (fprintf(out.stream, MODEL_MAGIC " %d\nsha256 %s\n", MODEL_VERSION, hex) < 0 ||
        fwrite(t.at, 1, t.length, out.stream) != t.length)
        st = FAIL(ST_IO, "cannot write %s: %s", path, strerror(errno));
    st = file_out_end(&out, st);
done:
    free(t.at);
    return st;
}
