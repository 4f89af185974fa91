#include "catalog/store/outputs.h"

#include "base/file.h"
#include "catalog/out_path.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum status outputs_prepare(const char *out)
{
    char pieces[OUT_PATH_BYTES];

    if (strlen(out) > PATH_MAX - 2 * NAME_MAX)
        return FAIL(ST_USAGE, "--out %s: the name is too long", out);
    TRY(file_make_folder(out));
    out_path(out, OUT_PIECES, "", pieces);
    TRY(file_make_folder(pieces));
    return access(out, W_OK | X_OK) == 0 ? ST_OK : FAIL(ST_IO, "cannot write into %s: %s", out, strerror(errno));
}

void outputs_tidy(const char *out)
{
    char pieces[OUT_PATH_BYTES];

    out_path(out, OUT_PIECES, "", pieces);
    rmdir(pieces);
}

/* --- what was left half written ----------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "NAME.barcode.png.x8d0sk.tmp": the length of "NAME.barcode.png", 0 where it is not the name of a temporary file. */
static size_t target_length(const char *file)
{
    const size_t n = strlen(file), ending = strlen(".XXXXXX.tmp");

    if (n <= ending || strcmp(file + n - 4, ".tmp") != 0 || file[n - ending] != '.')
        return 0;
    for (size_t i = n - ending + 1; i < n - 4; i++)
        if (!((file[i] >= 'a' && file[i] <= 'z') || (file[i] >= '0' && file[i] <= '9')))
            return 0;
    return n - ending;
}

/* file[0 .. length - 1]: whether it is one of the names and a suffix. */
static bool is_of_a_name(const char *file, size_t length, const char *const *name, size_t n)
{
    char text[NAME_MAX + 1];
    const char *key = text;
    bool is = false;

    snprintf(text, sizeof text, "%.*s", (int)length, file);
    for (char *dot = strchr(text, '.'); dot && !is; dot = strchr(dot + 1, '.')) {
        if (!output_suffix_is_known(dot))
            continue;
        *dot = '\0';
        is = bsearch(&key, name, n, sizeof *name, compare_names);
        *dot = '.';
    }
    return is;
}

static void sweep_folder(const char *folder, const char *const *name, size_t n)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        const size_t length = target_length(entry->d_name);
        if (length > 0 && is_of_a_name(entry->d_name, length, name, n))
            unlinkat(dirfd(dir), entry->d_name, 0);
    }
    if (dir)
        closedir(dir);
}

void outputs_sweep(const char *out, const struct listing *listing)
{
    const char **name = malloc((size_t)(listing->n + 1) * sizeof *name);
    char pieces[OUT_PATH_BYTES];

    if (!name)
        return; /* the next run will do it */
    for (int64_t i = 0; i < listing->n; i++)
        name[i] = listing->film[i].name;
    qsort(name, (size_t)listing->n, sizeof *name, compare_names);
    sweep_folder(out, name, (size_t)listing->n);
    out_path(out, OUT_PIECES, "", pieces);
    sweep_folder(pieces, name, (size_t)listing->n);
    free(name);
}

/* --- what is there ------------------------------------------------------------------------------------------------ */

enum status outputs_are_free(const char *out, const struct listing *listing, const struct history *history,
                             const struct barcode_config *config)
{
    char path[OUT_PATH_BYTES];

    if (config->force)
        return ST_OK;
    for (int64_t i = 0; i < listing->n; i++) {
        if (history_find(history, listing->film[i].name))
            continue;
        for (int j = -1; j < config->settings.n_strips; j++) {
            char suffix[OUTPUT_SUFFIX_BYTES] = SIDECAR_SUFFIX;
            if (j >= 0)
                output_suffix_strip(config->settings.strip, j, suffix);
            out_path(out, listing->film[i].name, suffix, path);
            if (access(path, F_OK) == 0)
                return FAIL(ST_USAGE, "%s exists already and is not of a catalogue; --force replaces it", path);
        }
    }
    return ST_OK;
}

enum status outputs_can_be_written(const char *out)
{
    static const char block[1 << 16];
    struct file_out file;
    char path[OUT_PATH_BYTES];

    out_path(out, OUT_REPORT, ".json", path);
    TRY(file_out_open(&file, path, true));
    const bool is_written = fwrite(block, 1, sizeof block, file.stream) == sizeof block && fflush(file.stream) == 0 &&
                            fsync(fileno(file.stream)) == 0;
    const int fault = errno;
    file_out_discard(&file);
    return is_written ? ST_OK : FAIL(ST_IO, "cannot write into %s: %s", out, strerror(fault));
}

void outputs_remove(const char *out, const char *name, const struct film_result *result)
{
    char path[OUT_PATH_BYTES];

    for (int i = result->n_outputs - 1; i >= 0; i--) {
        out_path(out, name, result->output[i].suffix, path);
        unlink(path);
    }
}

static bool is_sound(const char *out, const char *name, const struct film_output *output)
{
    char path[OUT_PATH_BYTES], digest[65];
    int64_t bytes;

    out_path(out, name, output->suffix, path);
    return file_sha256(path, ST_IO, digest, &bytes) == ST_OK && bytes == output->bytes &&
           strcmp(digest, output->sha256) == 0;
}

bool outputs_are_sound(const char *out, const char *name, const struct film_result *result)
{
    for (int i = 0; i < result->n_outputs; i++)
        if (!is_sound(out, name, &result->output[i]))
            return false;
    return result->n_outputs > 0;
}
