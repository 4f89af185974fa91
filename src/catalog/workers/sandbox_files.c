/* sandbox_files: the files and the network by Landlock. The kernel's interface is written out here: its headers are
 * often older than the kernel, or not installed. */
#include "catalog/workers/sandbox_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* --- the kernel's interface (its manual: userspace-api/landlock) -------------------------------------------------- */

enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446 }; /* the same on all processors */
enum { ASK_VERSION = 1, RULE_PATH_BENEATH = 1 };

/* Of files. */
enum {
    MAY_EXECUTE = 1 << 0,
    MAY_WRITE_FILE = 1 << 1,
    MAY_READ_FILE = 1 << 2,
    MAY_READ_DIR = 1 << 3,
    MAY_REMOVE_DIR = 1 << 4,
    MAY_REMOVE_FILE = 1 << 5,
    MAY_MAKE_DIR = 1 << 7,
    MAY_MAKE_REG = 1 << 8,
    MAY_ABI_1 = (1 << 13) - 1, /* all of the first kernels, devices and links too */
    MAY_REFER = 1 << 13,       /* ABI 2: rename into another folder */
    MAY_TRUNCATE = 1 << 14,    /* ABI 3 */
    MAY_IOCTL_DEV = 1 << 15    /* ABI 5 */
};
enum { NET_BIND_TCP = 1, NET_CONNECT_TCP = 2 };       /* ABI 4 */
enum { SCOPE_ABSTRACT_SOCKET = 1, SCOPE_SIGNAL = 2 }; /* ABI 6 */

struct ruleset_attributes {
    uint64_t handled_files, handled_net, scoped;
};

struct path_beneath {
    uint64_t may;
    int32_t parent;
} __attribute__((packed));

/* --- rules -------------------------------------------------------------------------------------------------------- */

enum {
    READ = MAY_READ_FILE | MAY_READ_DIR,
    DEVICE = READ | MAY_WRITE_FILE | MAY_IOCTL_DEV,
    WRITE = READ | MAY_WRITE_FILE | MAY_TRUNCATE | MAY_MAKE_REG | MAY_MAKE_DIR | MAY_REMOVE_FILE | MAY_REMOVE_DIR |
            MAY_REFER,
    OF_A_FILE = MAY_EXECUTE | MAY_WRITE_FILE | MAY_READ_FILE | MAY_TRUNCATE | MAY_IOCTL_DEV
};

struct rules {
    int fd;
    uint64_t handled;
    enum status st; /* the first fault */
};

static void allow(struct rules *r, const char *path, uint64_t may)
{
    struct path_beneath rule = {.may = may & r->handled};
    struct stat info;

    if (r->st != ST_OK)
        return;
    rule.parent = open(path, O_PATH | O_CLOEXEC);
    if (rule.parent < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
        r->st = FAIL(ST_NOMEM, "cannot open %s: %s", path, strerror(errno));
    if (rule.parent < 0)
        return;
    if (fstat(rule.parent, &info) != 0 || !S_ISDIR(info.st_mode))
        rule.may &= OF_A_FILE;
    /* EBADFD: a pipe and the like, which no rule can name */
    if (syscall(ADD_RULE, r->fd, RULE_PATH_BENEATH, &rule, 0) != 0 && errno != EBADFD)
        r->st = FAIL(ST_UNSUPPORTED, "landlock: no rule can be made for %s: %s", path, strerror(errno));
    close(rule.parent);
}

static void allow_each(struct rules *r, const char *const *path, int n, uint64_t may)
{
    for (int i = 0; i < n; i++)
        allow(r, path[i], may);
}

/* The folder that the first n bytes of text name; an empty one is the working folder: not meant. */
static void allow_reading(struct rules *r, const char *text, size_t n)
{
    char folder[4096];

    if (n > 0 && snprintf(folder, sizeof folder, "%.*s", (int)n, text) < (int)sizeof folder)
        allow(r, folder, READ);
}

/* The folders of a list like LD_LIBRARY_PATH. */
static void allow_list(struct rules *r, const char *list)
{
    while (list && *list) {
        const size_t n = strcspn(list, ":");
        allow_reading(r, list, n);
        list += n + (list[n] == ':');
    }
}

/* A library's further parts lie beside it (a driver's, in a container or a home folder). */
static int allow_folder_of_library(struct dl_phdr_info *info, size_t bytes, void *context)
{
    const char *slash = strrchr(info->dlpi_name, '/');

    (void)bytes;
    allow_reading(context, info->dlpi_name, slash ? (size_t)(slash - info->dlpi_name) : 0);
    return 0;
}

/* NVIDIA's device files (numbered; /dev/nvidia-caps is a folder), and WSL's. */
static void allow_gpus(struct rules *r)
{
    DIR *dev = opendir("/dev");
    char path[300];

    for (struct dirent *e; dev && (e = readdir(dev));)
        if (strncmp(e->d_name, "nvidia", 6) == 0 || strcmp(e->d_name, "dxg") == 0) {
            snprintf(path, sizeof path, "/dev/%s", e->d_name);
            allow(r, path, DEVICE);
        }
    if (dev)
        closedir(dev);
    allow(r, "/proc", READ); /* which of its files a driver reads depends on the driver */
    /* A driver names its threads there, and gives up where it cannot. */
    allow(r, "/proc/self", READ | MAY_WRITE_FILE | MAY_TRUNCATE);
    allow(r, "/run/nvidia-persistenced", READ);
}

static void allow_system(struct rules *r, bool has_device)
{
    static const char *const read[] = {
        "/usr", "/lib", "/lib32", "/lib64", "/opt", "/nix/store", "/gnu/store", "/run/opengl-driver", "/sys",
        /* of /etc what the loader and the C library read: no keys, no accounts */
        "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/localtime", "/etc/locale.alias", "/etc/nvidia",
        /* this process (a name that the kernel resolves now), and what tells a host's size */
        "/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys/vm/overcommit_memory", "/dev/zero",
        "/dev/random", "/dev/urandom",
        /* the program: for debug information in the report of a sanitizer */
        "/proc/self/exe"};

    allow_each(r, read, (int)(sizeof read / sizeof *read), READ);
    allow(r, "/dev/null", READ | MAY_WRITE_FILE | MAY_TRUNCATE);
    allow_list(r, getenv("LD_LIBRARY_PATH"));
    dl_iterate_phdr(allow_folder_of_library, r);
    if (has_device)
        allow_gpus(r);
}

/* --- in force ----------------------------------------------------------------------------------------------------- */

static int count_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    int n = 0;

    for (struct dirent *e; tasks && (e = readdir(tasks));)
        n += e->d_name[0] != '.';
    if (tasks)
        closedir(tasks);
    return n;
}

static const char *why_none(int error)
{
    return error == ENOSYS       ? "not in this kernel"
           : error == EOPNOTSUPP ? "not enabled in this kernel"
                                 : strerror(error);
}

enum status sandbox_seal_files(const struct sandbox_setup *setup, struct sandbox_text *t)
{
    struct ruleset_attributes all = {.handled_files = MAY_ABI_1};
    const int n_threads = count_threads();
    const long abi = syscall(CREATE_RULESET, NULL, 0, ASK_VERSION);

    if (abi < 1) {
        sandbox_tell(t, "no landlock (%s)", why_none(errno));
        return ST_OK;
    }
    all.handled_files |= (abi >= 2 ? MAY_REFER : 0) | (abi >= 3 ? MAY_TRUNCATE : 0) | (abi >= 5 ? MAY_IOCTL_DEV : 0);
    all.handled_net = abi >= 4 ? NET_BIND_TCP | NET_CONNECT_TCP : 0;
    all.scoped = abi >= 6 ? SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL : 0;
    if (n_threads > 1) /* before Linux 6.15 the process's own older threads would be outside too */
        all.scoped &= ~(uint64_t)SCOPE_SIGNAL;

    /* Older kernels take the longer structure as long as what they do not know is 0. */
    struct rules r = {.handled = all.handled_files, .fd = (int)syscall(CREATE_RULESET, &all, sizeof all, 0)};
    if (r.fd < 0)
        return FAIL(ST_UNSUPPORTED, "landlock %ld: no rules can be made: %s", abi, strerror(errno));
    allow_system(&r, setup->has_device);
    allow_each(&r, setup->readable, setup->n_readable, READ);
    allow_each(&r, setup->writable, setup->n_writable, WRITE);
    if (r.st == ST_OK && syscall(RESTRICT_SELF, r.fd, 0) != 0) {
        if (errno != E2BIG)
            r.st = FAIL(ST_UNSUPPORTED, "landlock %ld: the rules cannot be put in force: %s", abi, strerror(errno));
        else /* 16 sandboxes around this one already */
            sandbox_tell(t, "no landlock (too many already)");
    } else if (r.st == ST_OK && n_threads > 1) {
        sandbox_tell(t, "landlock %ld but for %d older thread%s", abi, n_threads - 1, n_threads == 2 ? "" : "s");
    } else if (r.st == ST_OK) {
        sandbox_tell(t, "landlock %ld", abi);
    }
    close(r.fd);
    return r.st;
}
