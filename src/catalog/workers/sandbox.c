/* sandbox: the process itself: its life, its memory, and the order in which it is sealed. */
#include "catalog/workers/sandbox.h"

#include "base/number.h"
#include "catalog/workers/sandbox_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

void sandbox_tell(struct sandbox_text *t, const char *format, ...)
{
    const size_t used = strlen(t->text);
    va_list arguments;

    if (used > 0)
        snprintf(t->text + used, t->bytes - used, ", ");
    va_start(arguments, format);
    const size_t start = strlen(t->text);
    vsnprintf(t->text + start, t->bytes - start, format, arguments);
    va_end(arguments);
}

/* Raised, not set: a batch system may have put it higher. 300 of 1000: before the rank, whose death ends the whole job,
 * but after a process that eats a third of the host's memory. Best effort. */
static void raise_oom_score(void)
{
    static const char path[] = "/proc/self/oom_score_adj";
    char old[16] = "";
    const char *at = old;
    int32_t score = 0;
    const int fd = open(path, O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return;
    if (read(fd, old, sizeof old - 1) > 0 && number_next_int32(&at, -1000, 1000, &score) && score < 300 &&
        pwrite(fd, "300", 3, 0) != 3)
        errno = 0;
    close(fd);
}

enum status sandbox_begin(int parent)
{
    /* Not 0: that stops files only. 1 is too little for a file and is what the kernel takes as "no" where dumps are
     * piped to a program; the dump of a process with a GPU's address space takes long. */
    const struct rlimit no_core = {1, 1};

    if (setrlimit(RLIMIT_CORE, &no_core) != 0)
        return FAIL(ST_UNSUPPORTED, "cannot turn core dumps off: %s", strerror(errno));
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return FAIL(ST_UNSUPPORTED, "cannot tie the process to the one that started it: %s", strerror(errno));
    if (getppid() != parent)
        kill(getpid(), SIGKILL); /* as the kernel would have, had it died a moment later */
    raise_oom_score();
    return ST_OK;
}

/* What RLIMIT_DATA counts. 0 where it cannot be told. */
static double private_memory(void)
{
    static const char key[] = "VmData:";
    char line[256];
    int64_t kib = 0;
    FILE *file = fopen("/proc/self/status", "re");

    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, key, sizeof key - 1) != 0)
            continue;
        const char *at = line + sizeof key - 1;
        at += strspn(at, " \t");
        (void)number_next_int(&at, 0, INT64_MAX, &kib);
        break;
    }
    if (file)
        fclose(file);
    return 1024.0 * (double)kib;
}

static enum status limit_memory(const struct sandbox_setup *setup, struct sandbox_text *t)
{
    const double limit = setup->memory;
    struct rlimit data;

    if (setup->has_device || limit <= 0.0) {
        sandbox_tell(t, setup->has_device ? "no memory limit (a GPU's process)" : "no memory limit");
        return ST_OK;
    }
    /* AddressSanitizer keeps terabytes, by address only; nothing would work any more. */
    if (private_memory() >= limit) {
        sandbox_tell(t, "no memory limit (%.1f GiB are in use)", private_memory() / 0x1p30);
        return ST_OK;
    }
    if (getrlimit(RLIMIT_DATA, &data) != 0)
        return FAIL(ST_UNSUPPORTED, "cannot read the limit of memory: %s", strerror(errno));
    if (limit < (double)data.rlim_cur)
        data.rlim_cur = (rlim_t)limit;
    data.rlim_max = data.rlim_cur;
    if (setrlimit(RLIMIT_DATA, &data) != 0)
        return FAIL(ST_UNSUPPORTED, "cannot limit the memory to %.0f bytes: %s", limit, strerror(errno));
    if (data.rlim_cur >= 1 << 30)
        sandbox_tell(t, "memory %.1f GiB", (double)data.rlim_cur / 0x1p30);
    else
        sandbox_tell(t, "memory %.0f MiB", (double)data.rlim_cur / 0x1p20);
    return ST_OK;
}

enum status sandbox_seal(const struct sandbox_setup *setup, char *text, size_t bytes)
{
    struct sandbox_text t = {text, bytes};

    text[0] = '\0';
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return FAIL(ST_UNSUPPORTED, "cannot give up new privileges: %s", strerror(errno));
    TRY(sandbox_seal_files(setup, &t));
    TRY(sandbox_seal_calls(setup, &t));
    return limit_memory(setup, &t);
}
