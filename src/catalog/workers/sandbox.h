/* sandbox: what the process that opens other people's films may not do any more. Linux; each part is taken where the
 * kernel has it, and what could not be had is told. Nothing here can be undone in the process. */
#ifndef JACQUARD_CATALOG_WORKERS_SANDBOX_H
#define JACQUARD_CATALOG_WORKERS_SANDBOX_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

struct sandbox_setup {
    const char *const *readable; /* [n_readable] files and folders that may be read: the films'. A link in them that
                                    leads elsewhere can be followed only if where it leads is named too */
    int n_readable;
    const char *const
        *writable; /* [n_writable] folders in which files may be made, read, written, renamed, removed: the results' */
    int n_writable;
    bool has_device; /* CUDA is in use: its device files, local sockets (MPS), and no limit on memory */
    double memory;   /* bytes of private memory the process may have (RLIMIT_DATA: heap, and 8 MiB for each thread's
                        stack) where has_device is false; what is above fails with ENOMEM. 0 = no limit */
};

/* At the very start of the process, before threads: no core dumps, the first to go when the host's memory runs out, and
 * death (SIGKILL) when the thread that started the process ends: for a thread that lives as long as its process, when
 * that dies. parent: its process id; where it is gone already the process dies here. Signals and the session are the
 * caller's business. */
enum status sandbox_begin(int parent);

/* Once everything that needs rights is open, before the first film:
 *
 * - No new privileges.
 * - Files (Landlock ABI 1 and later, as the kernel has it): reading what libraries read (/usr, /lib*, /opt, /sys, parts
 *   of /etc, /proc and /dev, the folders of the libraries in use and of LD_LIBRARY_PATH), reading what is readable,
 *   all in what is writable, nothing else; no program is executed; from ABI 4 on no TCP, from 6 on no signals and no
 *   abstract sockets to the outside. has_device: NVIDIA's device files, and all of /proc may be read. Moving a file
 *   from one folder to another needs ABI 2. Paths that do not exist or cannot be opened are passed over. What was open
 *   before stays open.
 * - System calls (seccomp, x86-64 and arm64): no new processes or programs, no sockets (has_device: none but AF_UNIX),
 *   no looking into, signals to or limits on other processes, no input into a terminal, no change of owners, modes or
 *   times of files, none of the kernel's administration, nothing that is newer than this list. They fail with EPERM, or
 *   ENOSYS where libraries know another way.
 * - The limit of memory.
 *
 * seccomp holds for all threads, Landlock for the calling thread and those started later: call it before there are
 * others. (The threads of a CUDA that is open already are outside Landlock. CUDA can also be opened afterwards if its
 * kernel modules are loaded and its device files made, as after any use of it on the host.) LeakSanitizer cannot look
 * at the end of a sealed process: leave by _exit. text: what is in force, for the log: "landlock 7, seccomp, memory 4.0
 * GiB", "landlock 7 but for 2 older threads, ...", "no landlock (not in this kernel), seccomp, no memory limit". ST_OK
 * also where a part is not to be had; a fault (ST_UNSUPPORTED, ST_NOMEM) only where a part that exists fails in an
 * unexpected way: then the process must not open a film. */
enum status sandbox_seal(const struct sandbox_setup *setup, char *text, size_t bytes);

#endif
