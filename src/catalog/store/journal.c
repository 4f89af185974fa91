/* journal: lines are made whole in memory and handed to the kernel by one write(2), so that what a killed process
 * leaves is whole lines; only a full disk or a crash of the machine can tear one. After a write that failed the next
 * line, if there is one, begins with a newline: it must not end up as part of a torn one. */
#include "catalog/store/journal.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "catalog/out_path.h"
#include "catalog/store/event.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct journal {
    int fd;
    char path[PATH_MAX];
    int64_t last_time; /* microseconds since the epoch, of the last line */
    bool is_torn;      /* the last line may be there in part */
};

/* --- lines -------------------------------------------------------------------------------------------------------- */

struct line {
    FILE *file;
    char *text;
    size_t bytes;
};

static enum status begin(struct journal *j, struct line *line, const struct event *e)
{
    struct timespec t;

    *line = (struct line){0};
    line->file = open_memstream(&line->text, &line->bytes);
    if (!line->file)
        return FAIL(ST_NOMEM, "out of memory for a line of %s", j->path);
    clock_gettime(CLOCK_REALTIME, &t);
    const int64_t now = (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
    if (now > j->last_time) /* a clock that is set back must not turn the order of events around */
        j->last_time = now;
    if (j->is_torn)
        fputc('\n', line->file);
    fprintf(line->file, "{\"time\":%" PRId64 ".%06" PRId64, j->last_time / 1000000, j->last_time % 1000000);
    event_print(line->file, e);
    return ST_OK;
}

static enum status write_all(struct journal *j, const char *text, size_t bytes)
{
    size_t done = 0;

    while (done < bytes) {
        const ssize_t n = write(j->fd, text + done, bytes - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            j->is_torn = true;
            return FAIL(ST_IO, "cannot write %s: %s", j->path, strerror(errno));
        }
        done += (size_t)n;
    }
    j->is_torn = false;
    return ST_OK;
}

static enum status end(struct journal *j, struct line *line, bool sync)
{
    enum status st;

    fputs("}\n", line->file);
    const bool is_whole = !ferror(line->file);
    if (fclose(line->file) != 0 || !is_whole)
        st = FAIL(ST_NOMEM, "out of memory for a line of %s", j->path);
    else
        st = write_all(j, line->text, line->bytes);
    free(line->text);
    TRY(st);
    if (sync && fdatasync(j->fd) != 0 && errno != EINVAL && errno != ENOSYS && errno != ENOTSUP)
        return FAIL(ST_IO, "cannot write %s: %s", j->path, strerror(errno));
    return ST_OK;
}

static void print_text(FILE *file, const char *key, const char *text)
{
    fprintf(file, ",\"%s\":", key);
    json_print_string(file, text ? text : "");
}

/* --- the file ----------------------------------------------------------------------------------------------------- */

/* Best effort: without it a crash of the machine may cost the file its name. */
static void sync_folder(const char *path)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
}

/* Two runs may share second, host name and process id: containers do. */
static enum status create_file(struct journal *j, const char *folder, const char *host)
{
    const time_t now = time(NULL);
    char when[32];
    struct tm utc;

    strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", gmtime_r(&now, &utc));
    for (int i = 1; i < 1000; i++) {
        char more[16] = "";
        if (i > 1)
            snprintf(more, sizeof more, "-%d", i);
        const int n =
            snprintf(j->path, sizeof j->path, "%s/%s-%s-%ld%s.ndjson", folder, when, host, (long)getpid(), more);
        if (n >= (int)sizeof j->path)
            return FAIL(ST_IO, "cannot write into %s: the name is too long", folder);
        j->fd = open(j->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
        if (j->fd >= 0)
            return ST_OK;
        if (errno != EEXIST)
            break;
    }
    return FAIL(ST_IO, "cannot write %s: %s", j->path, strerror(errno));
}

static enum status write_run(struct journal *j, const struct journal_run *run, const char *host)
{
    struct line line;

    TRY(begin(j, &line, &(struct event){.kind = EVENT_RUN}));
    fputs(",\"format\":\"jacquard-journal\",\"version\":1", line.file);
    print_text(line.file, "program", run->version);
    print_text(line.file, "settings", run->settings_text); /* as text: they come back byte for byte */
    print_text(line.file, "settings_id", run->settings_id);
    print_text(line.file, "command", run->command);
    fprintf(line.file, ",\"ranks\":%d,\"lanes\":%d,\"films\":%" PRId64, run->n_ranks, run->n_workers, run->n_films);
    print_text(line.file, "launch", run->launch);
    print_text(line.file, "host", host);
    fprintf(line.file, ",\"pid\":%ld", (long)getpid());
    return end(j, &line, true);
}

enum status journal_open(const char *out, const struct journal_run *run, struct journal **opened)
{
    struct journal *j = *opened = mem_array(1, sizeof *j);
    char folder[OUT_PATH_BYTES], host[65] = "";
    enum status st;

    TRY_MEM(j);
    j->fd = -1;
    j->last_time = run->not_before > 0.0 && run->not_before < 1e11 ? (int64_t)(run->not_before * 1e6) + 1 : 0;
    gethostname(host, sizeof host - 1);
    for (char *c = host; *c; c++)
        if (*c == '/' || (unsigned char)*c <= ' ' || (unsigned char)*c > '~')
            *c = '_';
    if (out_path(out, OUT_JOURNAL, "", folder) >= PATH_MAX)
        TRY_OR(fault, st, FAIL(ST_IO, "cannot write into %s: the name is too long", out));
    TRY_OR(fault, st, file_make_folder(folder));
    TRY_OR(fault, st, create_file(j, folder, host[0] ? host : "host"));
    sync_folder(folder);
    TRY_OR(fault, st, write_run(j, run, host));
    return ST_OK;
fault:
    journal_close(opened);
    return st;
}

void journal_close(struct journal **j)
{
    if (!*j)
        return;
    if ((*j)->fd >= 0)
        close((*j)->fd);
    free(*j);
    *j = NULL;
}

/* --- events ------------------------------------------------------------------------------------------------------- */

enum status journal_write(struct journal *j, const struct event *e)
{
    struct line line;

    if (!j)
        return ST_OK;
    TRY(begin(j, &line, e));
    return end(j, &line, e->kind >= EVENT_DONE);
}
