/* export: see export.h. Features become corners of integral images here, so that the header needs tables and a loop but
 * no geometry. Every table ends with a 0 of its own, because a model may be without rounds and C has no empty array. */
#include "haar/use/export.h"

#include "base/file.h"
#include "haar/model/model.h"
#include "haar/data/preprocess_text.h"

#include <inttypes.h>
#include <stdio.h>

/* --- tables ------------------------------------------------------------------------------------------------------- */

struct table {
    FILE *file;
    int column;
};

static struct table begin_table(FILE *file, const char *type, const char *name, const char *what)
{
    fprintf(file, "\n/* %s */\nstatic const %s jacquard_%s = {", what, type, name);
    return (struct table){.file = file, .column = 120};
}

static void add_number(struct table *table, int64_t value)
{
    if (table->column > 108) {
        fputs("\n    ", table->file);
        table->column = 4;
    }
    table->column += fprintf(table->file, "%" PRId64 ",", value);
}

static void end_table(struct table *table)
{
    fputs("\n    0};\n", table->file);
}

enum column { SIZES, CUTS, CHILDREN, OFFSETS, FACTORS, FIRSTS, VOTES };

/* What a node adds; *n_corners are those of all nodes before. */
static void add_node(struct table *table, enum column column, const struct weak_node *node,
                     const struct haar_corners *corners, int64_t *n_corners)
{
    *n_corners += corners->n;
    if (column == CUTS)
        add_number(table, node->cut);
    if (column == FIRSTS)
        add_number(table, *n_corners);
    for (int i = 0; column == CHILDREN && i < 2; i++)
        add_number(table, node->child[i]);
    for (int i = 0; (column == OFFSETS || column == FACTORS) && i < corners->n; i++)
        add_number(table, column == OFFSETS ? corners->offset[i] : corners->factor[i]);
}

static void add_round(struct table *table, enum column column, const struct model *model,
                      const struct model_round *round, int64_t *n_corners)
{
    const struct weak *weak = &round->weak;

    if (column == SIZES)
        add_number(table, weak->n_nodes);
    for (int i = 0; i < weak->n_nodes; i++) {
        const struct haar_corners corners = haar_corners_of(weak->node[i].feature, model->width, model->height);
        add_node(table, column, &weak->node[i], &corners, n_corners);
    }
    for (int i = 0; column == VOTES && i < weak->n_leaves * model->n_classes; i++)
        add_number(table, round->votes[i]);
}

static void print_tables(FILE *file, const struct model *model)
{
    static const struct {
        const char *type, *name, *what;
        enum column column;
    } tables[] = {
        {"uint8_t", "nodes[]", "nodes of each weak learner", SIZES},
        {"int32_t", "cut[]", "a value of a node's cut or more goes right", CUTS},
        {"int8_t", "child[]", "left and right of each node: a node of the tree, or leaf -1 - child", CHILDREN},
        {"uint16_t", "offset[]", "corners: where in the integral images", OFFSETS},
        {"int16_t", "factor[]", "and how often it counts", FACTORS},
        {"int32_t", "vote[]", "of each leaf for each class", VOTES},
        {"uint32_t", "first[]", "a node's corners are first[node] .. first[node + 1]", FIRSTS},
    };

    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        const enum column column = tables[i].column;
        int64_t n_corners = 0;

        if (column == CHILDREN && model->settings.learner != LEARNER_TREE)
            continue;
        struct table table = begin_table(file, tables[i].type, tables[i].name, tables[i].what);
        if (column == FIRSTS)
            add_number(&table, 0);
        for (int m = 0; m < model->n_members; m++)
            for (int t = 0; t < model->member[m].n_rounds; t++)
                add_round(&table, column, model, &model->member[m].round[t], &n_corners);
        end_table(&table);
    }
}

/* --- code --------------------------------------------------------------------------------------------------------- */

static void print_head(FILE *file, const struct model *model, const char *digest)
{
    const int n_channels = preprocess_n_channels(&model->settings.preprocess);
    const int stack = n_channels * (4 * (model->width + 1) * (model->height + 1) + model->width * model->height);
    int64_t n_rounds = 0;

    for (int m = 0; m < model->n_members; m++)
        n_rounds += model->member[m].n_rounds;
    fprintf(
        file,
        "/* A classifier of grey images, made by `jacquard export` from the model with the SHA-256\n"
        " * %s.\n"
        " *\n"
        " * jacquard_classify(pixels, scores) gives the class, 0 .. JACQUARD_CLASSES - 1, of an image: uint8_t\n"
        " * [JACQUARD_HEIGHT * JACQUARD_WIDTH], row by row from the top. scores may be null; else JACQUARD_CLASSES\n"
        " * numbers are put there, and the class is that of the highest, the lowest among equals. C99 or C++; takes\n"
        " * %d KB of stack, no heap; any number of threads may call it. */\n"
        "#ifndef JACQUARD_MODEL_H\n"
        "#define JACQUARD_MODEL_H\n\n"
        "#include <stdint.h>\n\n",
        digest, stack / 1024 + 1);
    fprintf(file, "#define JACQUARD_WIDTH %d\n#define JACQUARD_HEIGHT %d\n#define JACQUARD_CLASSES %d\n", model->width,
            model->height, model->n_classes);
    fprintf(file, "#define JACQUARD_CHANNELS %d\n#define JACQUARD_LEARNERS %" PRId64 "\n", n_channels, n_rounds);
    if (model->settings.preprocess.deskew || model->settings.preprocess.gradient) {
        fputs("\n", file);
        fwrite(preprocess_text, 1, preprocess_text_bytes, file);
    }
}

static const char integrate_code[] =
    "\n/* Sums of the pixels above and to the left, [channels, height + 1, width + 1]. */\n"
    "static void jacquard_integrate(const uint8_t *pixels, int32_t *integral)\n"
    "{\n"
    "    int channel, x, y;\n\n"
    "    for (channel = 0; channel < JACQUARD_CHANNELS; channel++)\n"
    "        for (y = 0; y <= JACQUARD_HEIGHT; y++) {\n"
    "            int32_t row = 0;\n"
    "            *integral++ = 0;\n"
    "            for (x = 0; x < JACQUARD_WIDTH; x++, integral++) {\n"
    "                row += y > 0 ? *pixels++ : 0;\n"
    "                *integral = y > 0 ? integral[-(JACQUARD_WIDTH + 1)] + row : 0;\n"
    "            }\n"
    "        }\n"
    "}\n\n"
    "static int jacquard_goes_right(const int32_t *integral, uint32_t node)\n"
    "{\n"
    "    uint32_t value = 0, i;\n\n"
    "    for (i = jacquard_first[node]; i < jacquard_first[node + 1]; i++)\n"
    "        value += (uint32_t)jacquard_factor[i] * (uint32_t)integral[jacquard_offset[i]];\n"
    "    return (int32_t)value >= jacquard_cut[node];\n"
    "}\n";

static const char classify_head[] =
    "\n/* No sum gets further than 2^30 from 0. */\n"
    "static int32_t jacquard_add(int32_t sum, int32_t vote)\n"
    "{\n"
    "    sum += vote;\n"
    "    return sum > 1073741824 ? 1073741824 : sum < -1073741824 ? -1073741824 : sum;\n"
    "}\n"
    "\nstatic int jacquard_classify(const uint8_t *pixels, int32_t *scores)\n"
    "{\n"
    "    int32_t integral[JACQUARD_CHANNELS * (JACQUARD_HEIGHT + 1) * (JACQUARD_WIDTH + 1)];\n"
    "    int32_t sum[JACQUARD_CLASSES];\n"
    "    uint32_t node = 0;\n"
    "    const int32_t *vote = jacquard_vote;\n"
    "    int learner, l, best = 0;\n";

static const char tree_code[] =
    "        int at = jacquard_nodes[learner] > 0 ? 0 : -1;\n"
    "        while (at >= 0)\n"
    "            at = jacquard_child[2 * (node + (uint32_t)at) +\n"
    "                                (uint32_t)jacquard_goes_right(integral, node + (uint32_t)at)];\n"
    "        for (l = 0; l < JACQUARD_CLASSES; l++)\n"
    "            sum[l] = jacquard_add(sum[l], vote[(-1 - at) * JACQUARD_CLASSES + l]);\n"
    "        vote += (jacquard_nodes[learner] + 1) * JACQUARD_CLASSES;\n";

static const char product_code[] = "        int leaf = 0, term;\n"
                                   "        for (term = 0; term < jacquard_nodes[learner]; term++)\n"
                                   "            leaf |= jacquard_goes_right(integral, node + (uint32_t)term) << term;\n"
                                   "        for (l = 0; l < JACQUARD_CLASSES; l++)\n"
                                   "            sum[l] = jacquard_add(sum[l], vote[leaf * JACQUARD_CLASSES + l]);\n"
                                   "        vote += (1 << jacquard_nodes[learner]) * JACQUARD_CLASSES;\n";

static const char classify_end[] = "        node += jacquard_nodes[learner];\n"
                                   "    }\n"
                                   "    for (l = 1; l < JACQUARD_CLASSES; l++)\n"
                                   "        if (sum[l] > sum[best])\n"
                                   "            best = l;\n"
                                   "    for (l = 0; scores && l < JACQUARD_CLASSES; l++)\n"
                                   "        scores[l] = sum[l];\n"
                                   "    return best;\n"
                                   "}\n\n"
                                   "#endif\n";

/* As preprocess_image does it. */
static void print_preprocess(FILE *file, const struct preprocess *p)
{
    if (p->deskew)
        fputs("    jq_deskew(pixels, JACQUARD_WIDTH, JACQUARD_HEIGHT, prepared);\n", file);
    else
        fputs("    for (l = 0; l < JACQUARD_WIDTH * JACQUARD_HEIGHT; l++)\n"
              "        prepared[l] = pixels[l];\n",
              file);
    if (p->gradient)
        fputs("    jq_gradient(prepared, JACQUARD_WIDTH, JACQUARD_HEIGHT, prepared + JACQUARD_WIDTH * "
              "JACQUARD_HEIGHT);\n",
              file);
}

static void print_classify(FILE *file, const struct model *model)
{
    const struct preprocess *p = &model->settings.preprocess;
    const bool is_preprocessed = p->deskew || p->gradient;

    fputs(integrate_code, file);
    fputs(classify_head, file);
    if (is_preprocessed) {
        fputs("    uint8_t prepared[JACQUARD_CHANNELS * JACQUARD_HEIGHT * JACQUARD_WIDTH];\n\n", file);
        print_preprocess(file, p);
    }
    fprintf(file, "%s    jacquard_integrate(%s, integral);\n", is_preprocessed ? "" : "\n",
            is_preprocessed ? "prepared" : "pixels");
    fputs("    for (l = 0; l < JACQUARD_CLASSES; l++)\n"
          "        sum[l] = 0;\n"
          "    for (learner = 0; learner < JACQUARD_LEARNERS; learner++) {\n",
          file);
    fputs(model->settings.learner == LEARNER_TREE ? tree_code : product_code, file);
    fputs(classify_end, file);
}

static enum status write_header(const struct model *model, const char *output, bool force)
{
    struct file_out out;
    char digest[65];

    TRY(model_digest(model, digest));
    TRY(file_out_open(&out, output, force));
    print_head(out.stream, model, digest);
    print_tables(out.stream, model);
    print_classify(out.stream, model);
    return file_out_commit(&out);
}

enum status export_run(const char *path, const char *output, bool force)
{
    struct model model = {0};
    enum status st;

    if (file_is_same(path, output))
        return FAIL(ST_USAGE, "the output %s is the model itself", output);
    TRY(file_check_output(output, force));
    TRY_OR(done, st, model_read(path, &model));
    TRY_OR(done, st, write_header(&model, output, force));
    puts(output);
done:
    model_release(&model);
    return st;
}
