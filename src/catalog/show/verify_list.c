/* verify_list: which films there are to be verified. */
#include "catalog/show/verify_parts.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status add_check(struct verifier *v, const char *name, size_t length, const struct history_film *film)
{
    struct check *grown = mem_grow(v->check, (size_t)v->n, &v->room, sizeof *grown);

    TRY_MEM(grown);
    v->check = grown;
    char *copy = strndup(name, length);
    if (!copy)
        return FAIL(ST_NOMEM, "out of memory for the list of films");
    grown[v->n++] = (struct check){.name = copy, .film = film, .result = film ? film->result : NULL};
    return ST_OK;
}

/* Whether OUT/NAME.json, of which file is the name, is a side-car rather than anybody's JSON. */
static bool is_sidecar(int folder, const char *file, size_t stem)
{
    char beside[2 * NAME_MAX], head[64] = "";
    struct stat info;

    snprintf(beside, sizeof beside, "%.*s" PICTURE_SUFFIX, (int)stem, file);
    if (fstatat(folder, beside, &info, 0) == 0)
        return true;
    const int fd = openat(folder, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const ssize_t n = fd >= 0 ? read(fd, head, sizeof head - 1) : 0;
    if (fd >= 0)
        close(fd);
    return n > 0 && strstr(head, "\"jacquard-barcode\"");
}

/* Side-cars that no journal knows. */
static enum status list_strangers(struct verifier *v, const struct history *history)
{
    DIR *folder = opendir(v->setup->out);
    const struct dirent *entry;
    enum status st = ST_OK;

    if (!folder)
        return FAIL(ST_USAGE, "cannot read folder %s: %s", v->setup->out, strerror(errno));
    while (st == ST_OK && (entry = readdir(folder))) {
        char name[NAME_MAX + 1];
        const size_t n = strlen(entry->d_name), stem = n >= sizeof SIDECAR_SUFFIX ? n - strlen(SIDECAR_SUFFIX) : 0;
        if (stem == 0 || entry->d_name[0] == '.' || strcmp(entry->d_name + stem, SIDECAR_SUFFIX) != 0)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)stem, entry->d_name);
        if (!history_find(history, name) && is_sidecar(dirfd(folder), entry->d_name, stem))
            st = add_check(v, entry->d_name, stem, NULL);
    }
    closedir(folder);
    return st;
}

enum status verify_list(struct verifier *v, const struct history *history)
{
    for (int64_t i = 0; i < history->n; i++) {
        const struct history_film *film = &history->film[i];
        if (film->state == STATE_DONE)
            TRY(add_check(v, film->name, strlen(film->name), film));
    }
    TRY(list_strangers(v, history));
    if (v->n == 0 && history->n_runs == 0)
        return FAIL(ST_USAGE, "%s is no catalogue: it has neither a journal nor a side-car", v->setup->out);
    return ST_OK;
}
