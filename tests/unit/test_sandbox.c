/* test_sandbox: what a sealed process can still do and what it cannot do any more. Each look is taken in a child of its
 * own, since nothing of it can be undone. What the kernel lacks is asked of the kernel here, not of the sandbox. */
#include "base/file.h"
#include "catalog/workers/sandbox.h"
#include "unit/test.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

extern char **environ;

static long landlock_abi; /* < 1: none */
static bool has_seccomp;
static const char *films, *results, *outside, *single; /* three folders, and one film that is named by itself */
static char text[256];

static void ask_kernel(void)
{
    landlock_abi = syscall(444, NULL, 0, 1); /* landlock_create_ruleset, LANDLOCK_CREATE_RULESET_VERSION */
    if (landlock_abi < 1)
        printf("not tested: landlock (%s)\n", strerror(errno));
    else if (landlock_abi < 6)
        printf("not tested: what came after landlock %ld\n", landlock_abi);
#if defined(__x86_64__) || defined(__aarch64__)
    /* With a null filter a kernel that has it says EFAULT. */
    has_seccomp = prctl(PR_SET_SECCOMP, 2, NULL) != 0 && errno == EFAULT;
#endif
    if (!has_seccomp)
        printf("not tested: seccomp\n");
}

static void make_folders(void)
{
    static const char *const folder[] = {"films", "films/sub", "results", "outside"};

    for (size_t i = 0; i < sizeof folder / sizeof *folder; i++)
        CHECK_INT(mkdir(test_path(folder[i]), 0755), 0);
    test_write(test_path("films/a.mp4"), "film", 4);
    test_write(test_path("films/sub/b.mp4"), "film", 4);
    test_write(test_path("outside/secret"), "none of it", 10);
    test_write(test_path("outside/single.mp4"), "film", 4);
    CHECK_INT(symlink("../outside/secret", test_path("films/way_out")), 0);
    CHECK_INT(symlink("../outside/single.mp4", test_path("films/way_to_single")), 0);
    CHECK_INT(symlink("nowhere", test_path("dead")), 0);
    CHECK_INT(symlink("loop", test_path("loop")), 0);
    films = strdup(test_path("films"));
    results = strdup(test_path("results"));
    outside = strdup(test_path("outside"));
    single = strdup(test_path("outside/single.mp4"));
    CHECK(films && results && outside && single);
}

/* --- children ----------------------------------------------------------------------------------------------------- */

/* How a child that runs body ended, as waitpid tells. */
static int child_end(void (*body)(void))
{
    int how = -1;

    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        alarm(60);
        test_n_checks = test_n_failed = 0;
        body();
        fflush(stdout);
        _exit(test_n_failed > 0 ? 1 : test_n_checks == 0 ? 2 : 0);
    }
    CHECK(child > 0 && waitpid(child, &how, 0) == child);
    return how;
}

static void in_child(const char *name, void (*body)(void))
{
    const int how = child_end(body);

    if (!CHECK(WIFEXITED(how) && WEXITSTATUS(how) == 0))
        printf("    %s: %s %d\n", name, WIFSIGNALED(how) ? "killed by" : "exit code",
               WIFSIGNALED(how) ? WTERMSIG(how) : WEXITSTATUS(how));
}
#define IN_CHILD(body) in_child(#body, body)

static enum status seal(bool has_device, double memory)
{
    const char *const readable[] = {films,
                                    single,
                                    test_path("dead"),
                                    test_path("loop"),
                                    test_path("none"),
                                    "",
                                    "/dev/nothing",
                                    test_path("outside/secret/below")};
    const char *const writable[] = {results, test_path("missing")};
    const struct sandbox_setup setup = {.readable = readable,
                                        .n_readable = (int)(sizeof readable / sizeof *readable),
                                        .writable = writable,
                                        .n_writable = 2,
                                        .has_device = has_device,
                                        .memory = memory};

    return sandbox_seal(&setup, text, sizeof text);
}

static void begin_and_seal(void)
{
    CHECK_INT(sandbox_begin(getppid()), ST_OK);
    if (!CHECK_INT(seal(false, 0.0), ST_OK))
        printf("    said: %s\n", status_message());
}

/* As errno, 0 if it could be opened. */
static int try_open(const char *path, int flags)
{
    const int fd = open(path, flags | O_CLOEXEC, 0644);

    if (fd >= 0)
        close(fd);
    return fd >= 0 ? 0 : errno;
}

/* The call failed, and because it is forbidden. */
#define REFUSED(call) CHECK(((call) < 0) && (errno == EPERM || errno == EACCES))
#define CLOSED(path, flags) CHECK_INT(try_open((path), (flags)), EACCES)
#define OPEN(path, flags) CHECK_INT(try_open((path), (flags)), 0)

/* --- what still works --------------------------------------------------------------------------------------------- */

static void reading(void)
{
    begin_and_seal();
    OPEN(test_path("films/a.mp4"), O_RDONLY);
    OPEN(test_path("films/sub/b.mp4"), O_RDONLY);
    OPEN(films, O_RDONLY | O_DIRECTORY);
    OPEN(single, O_RDONLY);
    OPEN(test_path("films/way_to_single"), O_RDONLY); /* a link to what is named */
    OPEN("/usr", O_RDONLY | O_DIRECTORY);
    OPEN("/proc/self/maps", O_RDONLY);
    OPEN("/proc/self/exe", O_RDONLY);
    OPEN("/sys", O_RDONLY | O_DIRECTORY);
    OPEN("/dev/urandom", O_RDONLY);
    OPEN("/dev/null", O_RDWR);
    CHECK(sysconf(_SC_NPROCESSORS_ONLN) > 0);
    CHECK(setlocale(LC_ALL, "C") != NULL);
    void *library = dlopen("libresolv.so.2", RTLD_NOW); /* part of the C library, not in use here */
    if (!CHECK(library))
        printf("    %s\n", dlerror());
    CHECK_INT(try_open(test_path("films/none.mp4"), O_RDONLY), ENOENT); /* not: no permission */
}

static bool put(const char *path, bool force)
{
    struct file_out out;

    return file_out_open(&out, path, force) == ST_OK && fputs("result", out.stream) >= 0 &&
           file_out_commit(&out) == ST_OK;
}

static void writing(void)
{
    const char *file = test_path("results/x.png"), *folder = test_path("results/pieces");
    char temp[300];

    begin_and_seal();
    CHECK(put(file, false));
    CHECK(put(file, true)); /* renamed over the older one */
    OPEN(file, O_RDONLY);
    OPEN(file, O_RDWR | O_TRUNC);
    CHECK_INT(mkdir(folder, 0755), 0);
    CHECK(put(test_path("results/pieces/0"), false));
    if (landlock_abi != 1)
        CHECK_INT(rename(test_path("results/pieces/0"), test_path("results/moved")), 0);
    snprintf(temp, sizeof temp, "%s/XXXXXX", folder);
    const int fd = mkstemp(temp);
    CHECK(fd >= 0 && write(fd, "x", 1) == 1 && fsync(fd) == 0 && ftruncate(fd, 0) == 0);
    CHECK_INT(rename(temp, test_path("results/pieces/1")), 0);
    OPEN(results, O_RDONLY | O_DIRECTORY);
    CHECK_INT(unlink(test_path("results/pieces/1")), 0);
    unlink(test_path("results/pieces/0"));
    CHECK_INT(rmdir(folder), 0);
    CHECK(write(STDERR_FILENO, "", 0) == 0);
}

static void *thread_body(void *context)
{
    bool *is_well = context;
    char *memory = malloc(1 << 20);

    *is_well = memory && try_open(test_path("films/a.mp4"), O_RDONLY) == 0 &&
               (landlock_abi < 1 || try_open(test_path("outside/secret"), O_RDONLY) == EACCES) &&
               (!has_seccomp || (socket(AF_UNIX, SOCK_STREAM, 0) < 0 && errno == EPERM));
    free(memory);
    return NULL;
}

static void threads(void)
{
    pthread_t thread[4];
    bool is_well[4] = {false};

    begin_and_seal();
    for (int i = 0; i < 4; i++)
        if (CHECK_INT(pthread_create(&thread[i], NULL, thread_body, &is_well[i]), 0))
            CHECK_INT(pthread_join(thread[i], NULL), 0);
    for (int i = 0; i < 4; i++)
        CHECK(is_well[i]);
    CHECK_INT(pthread_kill(pthread_self(), 0), 0);
    CHECK_INT(kill(getpid(), 0), 0);
}

static int pair[2];

static void answer_parent(void)
{
    char said[8] = "";

    begin_and_seal();
    CHECK(read(pair[1], said, sizeof said) == 6);
    CHECK(write(pair[1], said, 6) == 6);
}

static void talking(void)
{
    char said[8] = "";

    CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    CHECK(write(pair[0], "hello", 6) == 6);
    IN_CHILD(answer_parent);
    CHECK(read(pair[0], said, sizeof said) == 6);
    CHECK_STR(said, "hello");
    close(pair[0]);
    close(pair[1]);
}

/* A fault of the decoder is to be seen as what it is. */
static void crash(void)
{
    begin_and_seal();
    signal(SIGSEGV, SIG_DFL); /* a sanitizer has taken it */
    raise(SIGSEGV);
}

static void give_up(void)
{
    begin_and_seal();
    signal(SIGABRT, SIG_DFL);
    abort();
}

/* --- what does not ------------------------------------------------------------------------------------------------ */

static void files(void)
{
    const char *film = test_path("films/a.mp4"), *secret = test_path("outside/secret");
    const char *result = test_path("results/y");
    const int kept = open(secret, O_RDONLY | O_CLOEXEC);
    char letter;

    begin_and_seal();
    CLOSED(secret, O_RDONLY);
    CLOSED(test_path("films/way_out"), O_RDONLY);
    CLOSED(outside, O_RDONLY | O_DIRECTORY);
    CLOSED("/etc/passwd", O_RDONLY);
    CLOSED("/", O_RDONLY | O_DIRECTORY);
    CLOSED(film, O_WRONLY);
    CLOSED(film, O_RDWR);
    CLOSED(test_path("films/new"), O_WRONLY | O_CREAT);
    CLOSED(test_path("outside/new"), O_WRONLY | O_CREAT);
    CLOSED("/proc/self/mem", O_RDWR);
    REFUSED(unlink(film));
    REFUSED(rename(film, result));
    REFUSED(mkdir(test_path("outside/folder"), 0755));
    OPEN(result, O_WRONLY | O_CREAT);
    CHECK(rename(result, test_path("films/y")) < 0 && (errno == EACCES || errno == EXDEV));
    CHECK(link(secret, test_path("results/secret")) < 0 && (errno == EACCES || errno == EXDEV || errno == EPERM));
    REFUSED(symlink("/", test_path("results/link")));
    REFUSED(mkfifo(test_path("results/fifo"), 0644));
    CHECK(read(kept, &letter, 1) == 1); /* what was open before is */
    REFUSED(execl("/bin/true", "true", (char *)NULL));
}

static void calls(void)
{
    const char *film = test_path("films/a.mp4");
    char *const program[] = {(char *)"true", NULL};
    const struct timeval now[2] = {{0, 0}, {0, 0}};
    struct rlimit limit;
    char byte = 0;
    struct iovec one = {&byte, 1};
    const int film_fd = open(film, O_RDONLY | O_CLOEXEC), terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    pid_t child;

    begin_and_seal();
    REFUSED(execv("/bin/true", program));
    REFUSED(fork());
    CHECK(posix_spawn(&child, "/bin/true", NULL, NULL, program, environ) != 0);
    REFUSED(unshare(CLONE_NEWUSER));
    CHECK(syscall(435 /* clone3 */, NULL, 0) < 0 && errno == ENOSYS);
    CHECK(syscall(1000) < 0 && errno == ENOSYS);

    REFUSED(socket(AF_INET, SOCK_STREAM, 0));
    REFUSED(socket(AF_INET6, SOCK_DGRAM, 0));
    REFUSED(socket(AF_NETLINK, SOCK_RAW, 0));
    REFUSED(socket(AF_UNIX, SOCK_STREAM, 0));
    REFUSED(syscall(425 /* io_uring_setup */, 1, NULL));

    REFUSED(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
    REFUSED(process_vm_readv(getppid(), &one, 1, &one, 1, 0));
    REFUSED(kill(getppid(), 0));
    REFUSED(kill(0, 0));
    REFUSED(kill(-1, 0));
    REFUSED(prlimit(getppid(), RLIMIT_NOFILE, NULL, &limit));
    CHECK_INT(prlimit(getpid(), RLIMIT_NOFILE, NULL, &limit), 0);

    REFUSED(chmod(film, 0));
    REFUSED(fchmod(film_fd, 0));
    REFUSED(chown(film, getuid(), getgid()));
    REFUSED(utimes(film, now));
    REFUSED(setxattr(film, "user.x", "", 0, 0));
    REFUSED(truncate(film, 0));
    REFUSED(setuid(getuid()));
    REFUSED(chroot("/"));
    REFUSED(syscall(SYS_bpf, 0, NULL, 0));
    if (terminal >= 0)
        REFUSED(ioctl(terminal, TIOCSTI, "x"));
    /* Only the lower half of the number counts for the kernel. */
    REFUSED(syscall(SYS_ioctl, terminal, TIOCSTI | 1L << 32, "x"));
}

/* Sockets that the process had before: Landlock's part of the network. The test itself listens at `ear`. */
static struct sockaddr_un ear_name = {.sun_family = AF_UNIX};

static void network(void)
{
    const int tcp = socket(AF_INET, SOCK_STREAM, 0), local = socket(AF_UNIX, SOCK_STREAM, 0);
    const struct sockaddr_in somewhere = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};

    begin_and_seal();
    if (tcp >= 0 && landlock_abi >= 4)
        REFUSED(connect(tcp, (const struct sockaddr *)&somewhere, sizeof somewhere));
    if (landlock_abi >= 6)
        REFUSED(connect(local, (const struct sockaddr *)&ear_name, sizeof ear_name));
}

static void listen_abstractly(void)
{
    const int ear = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), local = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(ear_name.sun_path + 1, sizeof ear_name.sun_path - 1, "jacquard-test-%d", getpid());
    CHECK_INT(bind(ear, (const struct sockaddr *)&ear_name, sizeof ear_name), 0);
    CHECK_INT(listen(ear, 4), 0);
    CHECK_INT(connect(local, (const struct sockaddr *)&ear_name, sizeof ear_name), 0); /* who is not sealed can */
    close(local);
}

static void device(void)
{
    CHECK_INT(sandbox_begin(getppid()), ST_OK);
    CHECK_INT(seal(true, 1e9), ST_OK);
    CHECK(strstr(text, "no memory limit") != NULL);
    CHECK(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
    if (has_seccomp)
        REFUSED(socket(AF_INET, SOCK_STREAM, 0));
    OPEN("/proc/devices", O_RDONLY);
    OPEN("/proc/self/comm", O_WRONLY | O_TRUNC); /* a driver names its threads */
    if (landlock_abi >= 1)
        CLOSED(test_path("outside/secret"), O_RDONLY);
}

/* --- what is said ------------------------------------------------------------------------------------------------- */

static void description(void)
{
    char wanted[100], tiny[8] = "", line[256];
    int mode = -1;
    const struct sandbox_setup nothing = {.memory = 0.0};

    begin_and_seal();
    if (landlock_abi >= 1)
        snprintf(wanted, sizeof wanted, "landlock %ld, %s, no memory limit", landlock_abi,
                 has_seccomp ? "seccomp" : "no seccomp (not in this kernel)");
    else
        snprintf(wanted, sizeof wanted, "no landlock (");
    if (!CHECK(strncmp(text, wanted, strlen(wanted)) == 0))
        printf("    said: %s\n", text);
    CHECK_INT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
    FILE *status = fopen("/proc/self/status", "r");
    while (CHECK(status) && fgets(line, sizeof line, status))
        if (sscanf(line, "Seccomp: %d", &mode) == 1)
            break;
    CHECK(mode == 2 || !has_seccomp);
    CHECK_INT(sandbox_seal(&nothing, tiny, sizeof tiny), ST_OK); /* once more, in little room */
    CHECK_INT(strlen(tiny), sizeof tiny - 1);
}

static pthread_barrier_t sealed;

static void *older_thread(void *context)
{
    bool *is_refused = context;

    pthread_barrier_wait(&sealed);
    *is_refused = socket(AF_UNIX, SOCK_STREAM, 0) < 0 && errno == EPERM;
    return NULL;
}

static void older_threads(void)
{
    bool is_refused = false;
    pthread_t thread;

    pthread_barrier_init(&sealed, NULL, 2);
    CHECK_INT(pthread_create(&thread, NULL, older_thread, &is_refused), 0);
    begin_and_seal();
    pthread_barrier_wait(&sealed);
    CHECK_INT(pthread_join(thread, NULL), 0);
    CHECK(is_refused || !has_seccomp);
    CHECK(landlock_abi < 1 || strstr(text, " but for 1 older thread,"));
    CHECK_INT(pthread_kill(pthread_self(), 0), 0);
}

static void memory(void)
{
    const size_t much = 600 << 20;

    CHECK_INT(sandbox_begin(getppid()), ST_OK);
    CHECK_INT(seal(false, 300.0 * (1 << 20)), ST_OK);
    if (strstr(text, "no memory limit (")) { /* AddressSanitizer; where it is not there, the test must go on */
#ifdef __SANITIZE_ADDRESS__
        printf("not tested: the limit of memory: %s\n", text);
        return;
#endif
    }
    CHECK(strstr(text, "memory 300 MiB") != NULL);
    CHECK(mmap(NULL, much, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
          errno == ENOMEM);
    char *little = malloc(100 << 20);
    CHECK(little != NULL);
    free(little);
    threads(); /* sealed twice is sealed */
}

/* --- life and death ----------------------------------------------------------------------------------------------- */

static void dumps_and_killer(void)
{
    struct rlimit core;
    char adjustment[16] = "";

    begin_and_seal();
    CHECK_INT(getrlimit(RLIMIT_CORE, &core), 0);
    CHECK(core.rlim_cur <= 1 && core.rlim_max <= 1);
    const int fd = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && read(fd, adjustment, sizeof adjustment - 1) > 0 && atoi(adjustment) >= 300);
}

static void orphan(void)
{
    sandbox_begin(getpid()); /* nobody is its own parent: as if the parent were gone */
    CHECK(false);
}

static int alive[2];

static void start_and_wait(void)
{
    fflush(stdout);
    if (fork() == 0) {
        alarm(60);
        begin_and_seal();
        CHECK(write(alive[1], "", 1) == 1);
        close(alive[0]);
        for (;;)
            pause();
    }
    close(alive[1]);
    for (;;)
        pause();
}

/* Its end of the pipe is closed when the process is gone. */
static void parents_death(void)
{
    struct pollfd end = {.events = POLLIN};
    char byte;

    CHECK_INT(pipe2(alive, O_CLOEXEC), 0);
    fflush(stdout);
    const pid_t parent = fork();
    if (parent == 0)
        start_and_wait();
    close(alive[1]);
    CHECK(read(alive[0], &byte, 1) == 1);
    end.fd = alive[0];
    CHECK_INT(poll(&end, 1, 200), 0); /* it lives */
    CHECK_INT(kill(parent, SIGKILL), 0);
    CHECK(waitpid(parent, NULL, 0) == parent);
    CHECK_INT(poll(&end, 1, 20000), 1);
    CHECK(read(alive[0], &byte, 1) == 0);
    close(alive[0]);
}

static void ended_by(int signal_number, void (*body)(void))
{
    const int how = child_end(body);

    CHECK(WIFSIGNALED(how));
    CHECK_INT(WTERMSIG(how), signal_number);
}

int main(void)
{
    ask_kernel();
    make_folders();
    listen_abstractly();
    IN_CHILD(reading);
    IN_CHILD(writing);
    IN_CHILD(threads);
    talking();
    ended_by(SIGSEGV, crash);
    ended_by(SIGABRT, give_up);
    if (landlock_abi >= 1)
        IN_CHILD(files);
    if (landlock_abi >= 4)
        IN_CHILD(network);
    if (has_seccomp)
        IN_CHILD(calls);
    IN_CHILD(device);
    IN_CHILD(description);
    IN_CHILD(older_threads);
    IN_CHILD(memory);
    IN_CHILD(dumps_and_killer);
    ended_by(SIGKILL, orphan);
    parents_death();
    return test_end();
}
