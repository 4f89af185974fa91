/* direct_read: see direct_read.h. The few functions and types of cuFile's interface (cuFile API reference, CUDA 12 and
 * 13, which have the same ones) are declared here, as there may be no header. */
#include "kernels/direct_read.h"

#include "base/mem.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

struct cufile_error {
    int error, cuda_error; /* 0: none */
};

struct cufile_descriptor {
    int type; /* 1: a file descriptor */
    union {
        int fd;
        void *other;
    } handle;
    const void *file_system; /* NULL: the kernel's */
};

enum { CUFILE_FD = 1 };

static struct {
    pthread_once_t once;
    bool is_open;
    char text[128]; /* what it is, or why it cannot be used */
    struct cufile_error (*driver_open)(void);
    struct cufile_error (*get_version)(int *);
    struct cufile_error (*add)(void **handle, struct cufile_descriptor *);
    void (*remove)(void *handle);
    ssize_t (*read)(void *handle, void *device, size_t n, off_t at, off_t device_at);
} cufile = {.once = PTHREAD_ONCE_INIT};

/* One file, as cuFile knows it. */
struct direct_file {
    int fd; /* opened past the page cache, as it wants it */
    void *handle;
};

/* --- the library -------------------------------------------------------------------------------------------------- */

static bool find(void *library, const char *name, void *function)
{
    void *found = dlsym(library, name);

    memcpy(function, &found, sizeof found);
    return found != NULL;
}

static void open_library(void)
{
    void *library = dlopen("libcufile.so.0", RTLD_NOW | RTLD_LOCAL);
    int version = 0;

    if (!library) {
        snprintf(cufile.text, sizeof cufile.text, "libcufile.so.0 cannot be loaded");
        return;
    }
    if (!find(library, "cuFileDriverOpen", &cufile.driver_open) ||
        !find(library, "cuFileHandleRegister", &cufile.add) ||
        !find(library, "cuFileHandleDeregister", &cufile.remove) || !find(library, "cuFileRead", &cufile.read)) {
        snprintf(cufile.text, sizeof cufile.text, "libcufile.so.0 lacks a function");
        return;
    }
    const struct cufile_error e = cufile.driver_open();
    if (e.error != 0) {
        snprintf(cufile.text, sizeof cufile.text, "cuFile does not start: error %d, CUDA error %d", e.error,
                 e.cuda_error);
        return;
    }
    cufile.is_open = true;
    if (find(library, "cuFileGetVersion", &cufile.get_version))
        (void)cufile.get_version(&version);
    snprintf(cufile.text, sizeof cufile.text, "cuFile %d.%d", version / 1000, version % 1000 / 10);
}

static enum status describe(char *text, size_t bytes)
{
    pthread_once(&cufile.once, open_library);
    snprintf(text, bytes, "%s", cufile.text);
    return cufile.is_open ? ST_OK : FAIL(ST_UNSUPPORTED, "no direct reading: %s", cufile.text);
}

/* NVIDIA's driver for it is there. (By peer-to-peer DMA it may do without: JACQUARD_CUFILE=1 asks for it.) */
static bool pays(void)
{
    return access("/proc/driver/nvidia-fs/version", F_OK) == 0;
}

/* --- files -------------------------------------------------------------------------------------------------------- */

static void remove_file(struct compute_file *file)
{
    struct direct_file *d = file->direct;

    file->direct = NULL;
    if (!d)
        return;
    if (d->handle)
        cufile.remove(d->handle);
    if (d->fd >= 0)
        close(d->fd);
    free(d);
}

static enum status add_file(struct compute_file *file)
{
    struct direct_file *d = mem_array(1, sizeof *d);
    char name[64];

    TRY_MEM(d);
    file->direct = d;
    snprintf(name, sizeof name, "/proc/self/fd/%d", file->fd);
    d->fd = open(name, O_RDONLY | O_DIRECT | O_CLOEXEC);
    struct cufile_descriptor descriptor = {.type = CUFILE_FD, .handle.fd = d->fd};
    const int fault = d->fd < 0 ? errno : cufile.add(&d->handle, &descriptor).error;
    if (fault == 0)
        return ST_OK;
    d->handle = NULL;
    remove_file(file);
    return FAIL(ST_UNSUPPORTED, "%s cannot be read by cuFile: error %d", file->path, fault);
}

enum status direct_read(const struct compute_file *file, void *device, size_t n, size_t least, int64_t at)
{
    const struct direct_file *d = file->direct;

    errno = 0;
    const ssize_t got = cufile.read(d->handle, device, n, (off_t)at, 0);
    if (got >= (ssize_t)least)
        return ST_OK;
    return got < 0 ? FAIL(ST_FORMAT, "cannot read %s by cuFile: error %zd (%s)", file->path, -got, strerror(errno))
                   : FAIL(ST_FORMAT, "cannot read %s by cuFile: it ends too early", file->path);
}

const struct compute_direct direct_read_cuda = {
    .pays = pays, .describe = describe, .add = add_file, .remove = remove_file};
