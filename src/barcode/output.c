#include "barcode/output.h"

#include "barcode/output_names.h"
#include "barcode/sidecar.h"
#include "base/file.h"
#include "base/mem.h"
#include "image/png.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILES = N_STRIPS + 3 };

/* Paths: the strips in the order asked for, then JSON, CSV, hashes. NULL where not wanted. */
struct paths {
    char *path[MAX_FILES];
};

static void paths_release(struct paths *p)
{
    for (int i = 0; i < MAX_FILES; i++)
        free(p->path[i]);
}

static enum status paths_make(const struct barcode_config *c, struct paths *p)
{
    const char *const data[] = {c->json, c->csv, c->frame_hashes};
    bool is_made;

    *p = (struct paths){0};
    p->path[0] = c->output ? strdup(c->output) : file_with_suffix(c->film, PICTURE_SUFFIX);
    is_made = p->path[0] != NULL;
    for (int i = 1; i < c->settings.n_strips && is_made; i++) {
        const size_t room = strlen(p->path[0]) + 32;
        if ((is_made = (p->path[i] = mem_array(room, 1)) != NULL))
            output_name_strip(p->path[0], c->settings.strip[i], p->path[i], room);
    }
    for (int i = 0; i < 3 && is_made; i++)
        is_made = !data[i] || (p->path[N_STRIPS + i] = strdup(data[i]));
    return is_made ? ST_OK : FAIL(ST_NOMEM, "out of memory for a file name");
}

enum status output_check_size(const struct barcode_config *config, int64_t n_columns, int n_lines)
{
    return render_check_size(n_columns, n_lines, config->settings.drawing.height, mem_limit());
}

enum status output_check(const struct barcode_config *config)
{
    struct paths p;

    if (config->settings.sampling.unit == SAMPLE_COLUMNS) /* known before the film is opened */
        TRY(output_check_size(config, (int64_t)config->settings.sampling.every, 0));
    enum status st = paths_make(config, &p);
    if (st == ST_OK)
        st = file_check_outputs((const char *const *)p.path, MAX_FILES, &config->film, 1, config->force);
    paths_release(&p);
    return st;
}

static enum status write_strip(FILE *file, const char *path, const struct barcode *b, enum strip strip,
                               const struct barcode_config *config)
{
    struct picture p;
    enum status st = render_strip(b, strip, &config->settings.drawing, &p);

    if (st == ST_OK)
        st = png_write_rgb(file, path, p.rgb, p.width, p.height);
    free(p.rgb);
    return st;
}

static enum status write_hashes(FILE *file, const char *path, const struct barcode *b, const char (*hash)[65],
                                const int64_t *column_sample)
{
    for (int64_t i = 0; i < b->n_columns; i++) {
        const struct column *c = &b->columns[i];
        if (c->pts == INT64_MIN)
            fprintf(file, "%" PRId64 " nopts %s\n", c->frame, hash[column_sample[i]]);
        else
            fprintf(file, "%" PRId64 " %" PRId64 " %s\n", c->frame, c->pts, hash[column_sample[i]]);
    }
    return ferror(file) ? FAIL(ST_IO, "cannot write %s", path) : ST_OK;
}

enum status output_write(const struct barcode_config *config, const struct barcode *b, const char (*hash)[65],
                         const int64_t *column_sample, const atomic_int *stop)
{
    struct file_out out[MAX_FILES] = {0};
    struct paths p;
    enum status st = paths_make(config, &p);

    for (int i = 0; i < MAX_FILES && st == ST_OK; i++) {
        if (!p.path[i])
            continue;
        st = file_out_open(&out[i], p.path[i], config->force);
        if (st != ST_OK)
            break;
        if (i < N_STRIPS)
            st = write_strip(out[i].stream, p.path[i], b, config->settings.strip[i], config);
        else if (i == N_STRIPS)
            st = sidecar_write_json(out[i].stream, p.path[i], b);
        else if (i == N_STRIPS + 1)
            st = sidecar_write_csv(out[i].stream, p.path[i], b);
        else
            st = write_hashes(out[i].stream, p.path[i], b, hash, column_sample);
        if (st == ST_OK && atomic_load(stop))
            st = FAIL(ST_INTERRUPTED, "interrupted: nothing was written");
    }
    for (int i = 0; i < MAX_FILES && st == ST_OK; i++)
        if (p.path[i])
            st = file_out_commit(&out[i]);
    for (int i = 0; i < MAX_FILES; i++) {
        file_out_discard(&out[i]);
        if (p.path[i] && st == ST_OK)
            puts(p.path[i]);
    }
    if (st == ST_OK && fflush(stdout) != 0)
        st = FAIL(ST_IO, "cannot write to stdout");
    paths_release(&p);
    return st;
}
