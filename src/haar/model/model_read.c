/* model_read: a model out of its text (model_format.h). A model may come from anywhere, so nothing is trusted, not even
 * with a digest that matches: every number is checked against its range, and every tree must be one. Only the writer's
 * own spelling is accepted (one space, no leading zeros), so that a file that was read is written again byte for byte.
 * Memory is taken as rounds are read, never by what a count promises. */
#include "haar/model/model.h"

#include "base/file.h"
#include "base/number.h"
#include "base/sha256.h"
#include "haar/model/model_format.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 10,000,000 rounds of small trees, or 1,000,000 of the largest. A model takes about as much memory as its text. */
static const int64_t most_bytes = (int64_t)8 << 30;

struct reader {
    const char *path;
    char *text; /* the whole file, and a 0 */
    size_t length, at;
};

/* "x.model: line 12: ...": the line is that of reader->at. */
static enum status wrong(const struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static enum status wrong(const struct reader *r, const char *format, ...)
{
    char what[400];
    size_t line = 1;
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    for (size_t i = 0; i < r->at; i++)
        line += r->text[i] == '\n';
    return FAIL(ST_FORMAT, "%s: line %zu: %s", r->path, line, what);
}

/* --- words -------------------------------------------------------------------------------------------------------- */

/* Bytes up to the next space or line end. */
static int word_length(const struct reader *r)
{
    size_t n = 0;

    while (n < 40 && r->at + n < r->length && r->text[r->at + n] != ' ' && r->text[r->at + n] != '\n')
        n++;
    return (int)n;
}

/* What stands at r->at, for messages; "" at a line's end. */
static enum status unexpected(const struct reader *r, const char *wanted)
{
    if (r->at >= r->length)
        return wrong(r, "%s is wanted; the file ends", wanted);
    return wrong(r, "%s is wanted, not \"%.*s\"", wanted, word_length(r), r->text + r->at);
}

static bool next_is(struct reader *r, const char *literal)
{
    const size_t n = strlen(literal);

    if (r->length - r->at < n || memcmp(r->text + r->at, literal, n) != 0)
        return false;
    r->at += n;
    return true;
}

static enum status expect(struct reader *r, const char *literal)
{
    char quoted[40];

    if (next_is(r, literal))
        return ST_OK;
    snprintf(quoted, sizeof quoted, "\"%s\"", literal);
    return unexpected(r, quoted);
}

static enum status expect_line_end(struct reader *r)
{
    return next_is(r, "\n") ? ST_OK : unexpected(r, "the end of the line");
}

/* Digits of a number from 0 to 2^64 - 1, as the writer spells them. */
static bool next_digits(struct reader *r, uint64_t *value)
{
    const char *digit = r->text + r->at, *first = digit; /* the 0 behind the text stops the walk */

    *value = 0;
    if (!number_next_u64(&digit, UINT64_MAX, value) || (*first == '0' && digit > first + 1))
        return false;
    r->at = (size_t)(digit - r->text);
    return true;
}

static enum status get_unsigned(struct reader *r, const char *what, uint64_t low, uint64_t high, uint64_t *value)
{
    char range[120];
    const size_t start = r->at;

    if (next_digits(r, value) && *value >= low && *value <= high)
        return ST_OK;
    r->at = start;
    snprintf(range, sizeof range, "%s from %" PRIu64 " to %" PRIu64, what, low, high);
    return unexpected(r, range);
}

static enum status get_int(struct reader *r, const char *what, int64_t low, int64_t high, int32_t *value)
{
    char range[120];
    const size_t start = r->at;
    const bool is_negative = next_is(r, "-");
    uint64_t size;

    if (next_digits(r, &size) && size <= (uint64_t)1 << 31 && !(is_negative && size == 0)) {
        const int64_t wide = is_negative ? -(int64_t)size : (int64_t)size;
        *value = (int32_t)wide;
        if (wide >= low && wide <= high)
            return ST_OK;
    }
    r->at = start;
    snprintf(range, sizeof range, "%s from %" PRId64 " to %" PRId64, what, low, high);
    return unexpected(r, range);
}

/* A space and a number of a byte. */
static enum status get_byte(struct reader *r, const char *what, int low, int high, uint8_t *value)
{
    int32_t wide = 0;

    TRY(expect(r, " "));
    TRY(get_int(r, what, low, high, &wide));
    *value = (uint8_t)wide;
    return ST_OK;
}

/* One of n words, followed by a space or the end of the line. */
static enum status get_word(struct reader *r, const char *what, const char *const *words, int n, int *which)
{
    const size_t length = (size_t)word_length(r);

    for (*which = 0; *which < n; ++*which)
        if (strlen(words[*which]) == length && memcmp(r->text + r->at, words[*which], length) == 0) {
            r->at += length;
            return ST_OK;
        }
    return unexpected(r, what);
}

/* --- weak learners ------------------------------------------------------------------------------------------------ */

/* Splits that leave at least one pixel on every side, for types that have them. */
static enum status get_splits(struct reader *r, struct haar_feature *f)
{
    const bool has_a =
        f->type == HAAR_EDGE_V || f->type == HAAR_QUAD || f->type == HAAR_LINE_V || f->type == HAAR_LINE_H;
    const bool has_b =
        f->type == HAAR_EDGE_H || f->type == HAAR_QUAD || f->type == HAAR_LINE_V || f->type == HAAR_LINE_H;
    const bool is_line = f->type == HAAR_LINE_H || f->type == HAAR_LINE_V;
    const int end_a = f->type == HAAR_LINE_H ? f->h : f->w, end_b = f->type == HAAR_LINE_V ? f->w : f->h;

    TRY(get_byte(r, "a split a", has_a, has_a ? end_a - 1 - is_line : 0, &f->a));
    return get_byte(r, "a split b", is_line ? f->a + 1 : has_b, has_b ? end_b - 1 : 0, &f->b);
}

static enum status get_feature(struct reader *r, const struct model *model, struct haar_feature *f)
{
    int type;

    TRY(get_word(r, "a feature's type", model_type_names, HAAR_N_TYPES, &type));
    f->type = (uint8_t)type;
    TRY(get_byte(r, "a channel", 0, preprocess_n_channels(&model->settings.preprocess) - 1, &f->channel));
    TRY(get_byte(r, "a feature's x", 0, model->width - 1, &f->x));
    TRY(get_byte(r, "a feature's y", 0, model->height - 1, &f->y));
    TRY(get_byte(r, "a feature's width", 1, model->width - f->x, &f->w));
    TRY(get_byte(r, "a feature's height", 1, model->height - f->y, &f->h));
    return get_splits(r, f);
}

static enum status get_child(struct reader *r, const struct weak *weak, int parent, int16_t *child)
{
    int32_t wide = 0;

    TRY(expect(r, " "));
    TRY(get_int(r, "a child", -weak->n_leaves, weak->n_nodes - 1, &wide));
    if (wide >= 0 && wide <= parent)
        return wrong(r, "node %d has node %d for a child: only later ones can be", parent, wide);
    *child = (int16_t)wide;
    return ST_OK;
}

static enum status get_node(struct reader *r, const struct model *model, struct weak *weak, int number)
{
    struct weak_node *node = &weak->node[number];

    TRY(expect(r, number > 0 ? " ; " : " "));
    TRY(get_feature(r, model, &node->feature));
    const struct haar_corners corners = haar_corners_of(node->feature, model->width, model->height);
    TRY(expect(r, " "));
    TRY(get_int(r, "a cut", corners.is_positive ? 0 : -corners.most, (int64_t)corners.most + 1, &node->cut));
    if (weak->kind == WEAK_TREE) {
        TRY(get_child(r, weak, number, &node->child[0]));
        TRY(get_child(r, weak, number, &node->child[1]));
    }
    return ST_OK;
}

/* Children are in range and come later than their parents; there are 2 (leaves - 1) of them, so if none occurs twice,
 * each occurs once. */
static enum status check_tree(const struct reader *r, const struct weak *weak)
{
    bool has_node[BOOST_MAX_LEAVES] = {false}, has_leaf[BOOST_MAX_LEAVES] = {false};

    for (int i = 0; i < 2 * weak->n_nodes; i++) {
        const int child = weak->node[i / 2].child[i % 2];
        bool *seen = child >= 0 ? &has_node[child] : &has_leaf[-1 - child];
        if (*seen)
            return wrong(r, "this is no tree: two ways lead to %s %d", child >= 0 ? "node" : "leaf",
                         child >= 0 ? child : -1 - child);
        *seen = true;
    }
    return ST_OK;
}

/* The learner's kind and size, as the settings allow. */
static enum status get_shape(struct reader *r, const struct model *model, struct weak *weak)
{
    const struct model_settings *s = &model->settings;
    const bool is_tree = s->learner == LEARNER_TREE;
    const int most = is_tree ? s->leaves : s->learner == LEARNER_PRODUCT ? s->terms : 1;
    int32_t size = 0;

    weak->kind = is_tree ? WEAK_TREE : WEAK_PRODUCT;
    TRY(expect(r, model_kind_names[weak->kind]));
    TRY(expect(r, " "));
    TRY(get_int(r, is_tree ? "a number of leaves" : "a number of terms", is_tree ? 1 : 0, most, &size));
    weak->n_nodes = is_tree ? size - 1 : size;
    weak->n_leaves = is_tree ? size : 1 << size;
    return ST_OK;
}

static enum status read_round(struct reader *r, struct model *model)
{
    int32_t votes[BOOST_MAX_LEAVES * HAAR_MAX_CLASSES];
    struct model_round round = {.votes = votes};
    struct weak *weak = &round.weak;

    TRY(get_shape(r, model, weak));
    TRY(expect(r, " shift "));
    TRY(get_int(r, "a shift", INT32_MIN, INT32_MAX, &round.shift));
    TRY(expect(r, " loss "));
    TRY(get_int(r, "a loss", INT32_MIN, INT32_MAX, &round.loss));
    TRY(expect(r, " |"));
    for (int i = 0; i < weak->n_nodes; i++)
        TRY(get_node(r, model, weak, i));
    if (weak->kind == WEAK_TREE)
        TRY(check_tree(r, weak));
    TRY(expect(r, " |"));
    for (int i = 0; i < weak->n_leaves * model->n_classes; i++) {
        TRY(expect(r, " "));
        TRY(get_int(r, "a vote", -MODEL_MOST_VOTE, MODEL_MOST_VOTE, &votes[i]));
    }
    TRY(expect_line_end(r));
    return model_add_round(model, &round);
}

/* --- file --------------------------------------------------------------------------------------------------------- */

static enum status read_setting(struct reader *r, const struct opt *row, struct model *model)
{
    uint64_t value = 0, least, most;
    int which = 0;

    if (!next_is(r, row->key)) {
        if (row->may_lack)
            return ST_OK;
        TRY(expect(r, row->key));
    }
    TRY(expect(r, " "));
    opts_range(row, &least, &most);
    if (row->names)
        TRY(get_word(r, row->key, row->names, row->n_names, &which));
    else
        TRY(get_unsigned(r, row->key, least, most, &value));
    opts_set_number(row, model, row->names ? (uint64_t)which : value);
    return expect_line_end(r);
}

static enum status read_settings(struct reader *r, struct model *model)
{
    for (const struct opt *row = model_rows; row->kind != OPT_END; row++)
        if (row->key)
            TRY(read_setting(r, row, model));
    if (model->settings.learner == LEARNER_TREE && model->settings.leaves < 2)
        return wrong(r, "trees of %d leaves: at least 2 are wanted", model->settings.leaves);
    if (model->settings.learner == LEARNER_PRODUCT && model->settings.terms < 1)
        return wrong(r, "products of %d terms: at least 1 is wanted", model->settings.terms);
    return ST_OK;
}

static enum status read_member(struct reader *r, struct model *model)
{
    uint64_t seed, n_rounds;

    TRY(expect(r, "member "));
    TRY(get_unsigned(r, "a seed", 0, UINT64_MAX, &seed));
    TRY(expect(r, " "));
    TRY(get_unsigned(r, "a number of rounds", 0, (uint64_t)model->settings.rounds, &n_rounds));
    TRY(expect_line_end(r));
    TRY(model_add_member(model, seed));
    for (uint64_t i = 0; i < n_rounds; i++)
        TRY(read_round(r, model));
    return ST_OK;
}

/* The first two lines; leaves r->at behind them. */
static enum status check_digest(struct reader *r)
{
    char hex[65];
    uint64_t version;

    if (!next_is(r, MODEL_MAGIC " "))
        return FAIL(ST_FORMAT, "%s is not a jacquard model: it does not begin with " MODEL_MAGIC, r->path);
    TRY(get_unsigned(r, "a version", 1, UINT32_MAX, &version));
    if (version != MODEL_VERSION)
        return FAIL(ST_FORMAT, "%s is a model of version %" PRIu64 "; this program reads version %d", r->path, version,
                    MODEL_VERSION);
    TRY(expect_line_end(r));
    TRY(expect(r, "sha256 "));
    if (r->length - r->at < 65 || r->text[r->at + 64] != '\n')
        return unexpected(r, "a digest of 64 digits");
    sha256_hex(r->text + r->at + 65, r->length - r->at - 65, hex);
    if (memcmp(hex, r->text + r->at, 64) != 0)
        return FAIL(ST_FORMAT, "%s is damaged: its SHA-256 is %s, and it says %.64s", r->path, hex, r->text + r->at);
    r->at += 65;
    return ST_OK;
}

static enum status read_text(struct reader *r, struct model *model)
{
    TRY(check_digest(r));
    TRY(read_settings(r, model));
    do
        TRY(read_member(r, model));
    while (!next_is(r, "end\n"));
    return r->at == r->length ? ST_OK : wrong(r, "there is something after the end");
}

enum status model_read(const char *path, struct model *model)
{
    struct reader reader = {.path = path};

    *model = (struct model){0};
    enum status st = file_read_most(reader.path, ST_FORMAT, most_bytes, &reader.text, &reader.length);
    if (st == ST_OK)
        st = read_text(&reader, model);
    free(reader.text);
    return st;
}
