#include "base/mem.h"

#include "base/number.h"
#include "base/status.h"

#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

void *mem_array(size_t n, size_t thing_bytes)
{
    void *array = NULL;

    if (thing_bytes == 0 || n <= (SIZE_MAX - 64) / thing_bytes) {
        const size_t bytes = (n * thing_bytes + 64) & ~(size_t)63; /* aligned_alloc wants a multiple; never 0 */
        array = aligned_alloc(64, bytes);
        if (array)
            memset(array, 0, bytes);
    }
    if (!array)
        (void)FAIL(ST_NOMEM, "out of memory: wanted %zu x %zu bytes", n, thing_bytes);
    return array;
}

void *mem_grow(void *array, size_t n, size_t *room, size_t thing_bytes)
{
    if (n < *room)
        return array;
    const size_t wanted = *room ? *room * 2 : 256;
    void *grown = wanted <= SIZE_MAX / thing_bytes ? realloc(array, wanted * thing_bytes) : NULL;
    if (!grown) {
        (void)FAIL(ST_NOMEM, "out of memory: wanted %zu x %zu bytes", wanted, thing_bytes);
        return NULL;
    }
    *room = wanted;
    return grown;
}

/* Infinity where the file is not there, or says "max". */
static double read_limit(const char *folder, const char *name)
{
    char path[PATH_MAX], text[32] = "";
    const char *at = text;
    uint64_t bytes = 0;

    snprintf(path, sizeof path, "/sys/fs/cgroup%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (file) {
        if (!fgets(text, sizeof text, file))
            text[0] = '\0';
        fclose(file);
    }
    return number_next_u64(&at, UINT64_MAX, &bytes) ? (double)bytes : INFINITY;
}

/* Of the control group of this process and of those that it is in, of either version of the interface. */
static double group_limit(void)
{
    char line[PATH_MAX];
    double limit = fmin(read_limit("", "memory.max"), read_limit("/memory", "memory.limit_in_bytes"));
    FILE *file = fopen("/proc/self/cgroup", "re");

    while (file && fgets(line, sizeof line, file)) {
        char *folder = strchr(line, ':'); /* "0::/slice/job", "7:memory:/slurm/job"; names may hold colons */
        folder = folder ? strchr(folder + 1, ':') : NULL;
        if (!folder)
            continue;
        const bool is_second = strncmp(line, "0::", 3) == 0;
        *folder++ = '\0';
        folder[strcspn(folder, "\n")] = '\0';
        for (char *slash = folder + strlen(folder); slash && slash > folder; slash = strrchr(folder, '/')) {
            char below[PATH_MAX];
            *slash = '\0';
            snprintf(below, sizeof below, "/memory%s", folder);
            limit =
                fmin(limit, is_second ? read_limit(folder, "memory.max") : read_limit(below, "memory.limit_in_bytes"));
        }
    }
    if (file)
        fclose(file);
    return limit;
}

double mem_limit(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    double limit = pages > 0 && page > 0 ? (double)pages * (double)page : INFINITY;
    struct rlimit r;

    if (getrlimit(RLIMIT_DATA, &r) == 0 && r.rlim_cur != RLIM_INFINITY)
        limit = fmin(limit, (double)r.rlim_cur);
    if (getrlimit(RLIMIT_AS, &r) == 0 && r.rlim_cur != RLIM_INFINITY)
        limit = fmin(limit, (double)r.rlim_cur);
    return fmin(limit, group_limit());
}
