/* evaluation: see evaluation.h. Shares are worked out in integers, rounded half up, so that they are the same text
 * everywhere. Assumes at least one image. */
#include "haar/use/evaluation.h"

#include <inttypes.h>

static bool is_worse(const struct wrong_image *a, const struct wrong_image *b)
{
    return a->margin > b->margin || (a->margin == b->margin && a->index < b->index);
}

void evaluation_note_worst(struct evaluation *e, struct wrong_image image)
{
    int at = e->n_worst;

    if (at == EVALUATION_MOST_WORST && !is_worse(&image, &e->worst[at - 1]))
        return;
    at = at < EVALUATION_MOST_WORST ? at : at - 1;
    e->n_worst = at + 1;
    for (; at > 0 && is_worse(&image, &e->worst[at - 1]); at--)
        e->worst[at] = e->worst[at - 1];
    e->worst[at] = image;
}

/* Images with the class's label, images with the class for an answer, and those that are both. */
struct class_count {
    int64_t labelled, answered, right;
};

static struct class_count count_class(const struct evaluation *e, int l)
{
    struct class_count c = {.right = e->confusion[l * e->n_classes + l]};

    for (int other = 0; other < e->n_classes; other++) {
        c.labelled += e->confusion[l * e->n_classes + other];
        c.answered += e->confusion[other * e->n_classes + l];
    }
    return c;
}

/* part / whole in units of 1 / ones, rounded half up, as a number of that many places: "99.05%", "0.990500"; of nothing
 * the word for it. */
static const char *share_of(int64_t part, int64_t whole, int64_t ones, int64_t unit, int places, const char *end,
                            const char *nothing, char text[32])
{
    const int64_t n = whole > 0 ? (2 * part * ones + whole) / (2 * whole) : 0;

    if (whole > 0)
        snprintf(text, 32, "%" PRId64 ".%0*" PRId64 "%s", n / unit, places, n % unit, end);
    else
        snprintf(text, 32, "%s", nothing);
    return text;
}

static const char *percent(int64_t part, int64_t whole, char text[32])
{
    return share_of(part, whole, 10000, 100, 2, "%", "-", text);
}

static const char *fraction(int64_t part, int64_t whole, char text[32])
{
    return share_of(part, whole, 1000000, 1000000, 6, "", "null", text);
}

static void print_confusion(FILE *file, const struct evaluation *e)
{
    int64_t most = e->n_classes;
    int width = 2;

    for (int i = 0; i < e->n_classes * e->n_classes; i++)
        if (e->confusion[i] > most)
            most = e->confusion[i];
    for (; most > 0; most /= 10)
        width++;
    fprintf(file, "\nconfusion (rows: labels, columns: answers)\n%*s", width, "");
    for (int l = 0; l < e->n_classes; l++)
        fprintf(file, "%*d", width, l);
    fputs("\n", file);
    for (int l = 0; l < e->n_classes; l++) {
        fprintf(file, "%*d", width, l);
        for (int answer = 0; answer < e->n_classes; answer++)
            fprintf(file, "%*" PRId64, width, e->confusion[l * e->n_classes + answer]);
        fputs("\n", file);
    }
}

void evaluation_print(FILE *file, const struct evaluation *e)
{
    char one[32], two[32];

    fprintf(file, "error %s (%" PRId64 "/%" PRId64 ")\n\n", percent(e->n_wrong, e->n_images, one), e->n_wrong,
            e->n_images);
    fprintf(file, "%5s %9s %9s %9s %9s\n", "class", "images", "right", "recall", "precision");
    for (int l = 0; l < e->n_classes; l++) {
        const struct class_count c = count_class(e, l);
        fprintf(file, "%5d %9" PRId64 " %9" PRId64 " %9s %9s\n", l, c.labelled, c.right,
                percent(c.right, c.labelled, one), percent(c.right, c.answered, two));
    }
    print_confusion(file, e);
}

void evaluation_print_json(FILE *file, const struct evaluation *e)
{
    char one[32], two[32];

    fprintf(file,
            "{\"format\":\"jacquard-evaluation\",\"version\":1,\n\"model\":\"%s\",\"members\":%d,\"rounds\":%d,\n",
            e->digest, e->n_members, e->n_rounds);
    fprintf(file, "\"error\":%s,\"wrong\":%" PRId64 ",\"total\":%" PRId64 ",\n", fraction(e->n_wrong, e->n_images, one),
            e->n_wrong, e->n_images);
    fputs("\"classes\":[", file);
    for (int l = 0; l < e->n_classes; l++) {
        const struct class_count c = count_class(e, l);
        fprintf(file, "%s\n{\"class\":%d,\"images\":%" PRId64 ",\"right\":%" PRId64 ",\"recall\":%s,\"precision\":%s}",
                l > 0 ? "," : "", l, c.labelled, c.right, fraction(c.right, c.labelled, one),
                fraction(c.right, c.answered, two));
    }
    fputs("\n],\n\"confusion\":[", file);
    for (int i = 0; i < e->n_classes * e->n_classes; i++) {
        const int answer = i % e->n_classes;
        fprintf(file, "%s%" PRId64 "%s",
                answer > 0 ? ","
                : i > 0    ? ",\n["
                           : "\n[",
                e->confusion[i], answer == e->n_classes - 1 ? "]" : "");
    }
    fputs("\n],\n\"worst\":[", file);
    for (int i = 0; i < e->n_worst; i++)
        fprintf(file, "%s\n{\"index\":%" PRId64 ",\"label\":%d,\"answer\":%d,\"margin\":%" PRId64 "}", i > 0 ? "," : "",
                e->worst[i].index, e->worst[i].label, e->worst[i].answer, e->worst[i].margin);
    fputs("\n]}\n", file);
}

void evaluation_print_curve(FILE *file, const struct evaluation *e)
{
    char text[32];

    fputs("round,wrong,error\n", file);
    for (int t = 0; t < e->n_rounds; t++)
        fprintf(file, "%d,%" PRId64 ",%s\n", t + 1, e->wrong_after[t], fraction(e->wrong_after[t], e->n_images, text));
}
