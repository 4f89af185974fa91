#include "film/frame_source.h"

#include "base/file.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Asked in this order; the last one takes whatever no other claims. */
static const struct frame_source *const sources[] = {&source_pattern, &source_ffmpeg};

enum { N_SOURCES = sizeof sources / sizeof *sources };

/* What cannot be read goes to the last one, which refuses it. */
static const struct frame_source *source_of_file(const char *path)
{
    char head[FRAME_SOURCE_HEAD];
    const size_t n = file_read_head(path, head, sizeof head);
    int i = 0;

    while (i < N_SOURCES - 1 && !sources[i]->claims(head, n))
        i++;
    return sources[i];
}

static const struct frame_source *source_of(const struct film_info *info)
{
    int i = 0;

    while (i < N_SOURCES - 1 && strcmp(sources[i]->name, info->source) != 0)
        i++;
    return sources[i];
}

/* --- index -------------------------------------------------------------------------------------------------------- */

enum status film_open(struct film *film, const char *path, const atomic_int *stop, film_progress *progress,
                      void *context)
{
    const struct frame_source *source = source_of_file(path);

    *film = (struct film){.path = strdup(path)};
    if (!film->path)
        return FAIL(ST_NOMEM, "out of memory opening %s", path);
    snprintf(film->info.source, sizeof film->info.source, "%s", source->name);
    return source->index(film, stop, progress, context);
}

enum status film_list_by_decoding(struct film *film, const char *why, const atomic_int *stop, film_progress *progress,
                                  void *context)
{
    return source_of(&film->info)->list_by_decoding(film, why, stop, progress, context);
}

enum status film_probe(const char *path, const atomic_int *stop, struct film_probe *probe)
{
    return source_of_file(path)->probe(path, stop, probe);
}

enum status plain_decode(const struct plain_decode *p, int64_t *n_taken)
{
    return source_of_file(p->path)->plain(p, n_taken);
}

/* --- decoders ----------------------------------------------------------------------------------------------------- */

struct decoder {
    const struct decoder_ops *ops;
    void *priv;
};

enum status decoder_open(const struct decoder_setup *setup, struct decoder **out)
{
    struct decoder *d = *out = mem_array(1, sizeof *d);

    TRY_MEM(d);
    d->ops = source_of(&setup->film->info)->decoder;
    d->priv = mem_array(1, d->ops->priv_bytes);
    return d->priv ? d->ops->open(d->priv, setup) : ST_NOMEM;
}

void decoder_close(struct decoder **in)
{
    struct decoder *d = *in;

    *in = NULL;
    if (d && d->priv)
        d->ops->close(d->priv);
    if (d)
        free(d->priv);
    free(d);
}

enum status decoder_run(struct decoder *d, const int64_t *frame, int64_t n)
{
    return d->ops->run(d->priv, frame, n);
}

enum status decoder_turn_to(struct decoder *d, int64_t frame)
{
    return d->ops->turn_to(d->priv, frame);
}

enum status decoder_finish(struct decoder *d)
{
    return d->ops->finish(d->priv);
}

struct decoder_stats decoder_stats(const struct decoder *d)
{
    return d->ops->stats(d->priv);
}
