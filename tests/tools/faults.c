/* faults: what a hostile film can do to a decoder, for tests of those who have to live with it. A library to be loaded
 * before a program (LD_PRELOAD) that is linked with FFmpeg's shared libraries: it stands in front of two of their
 * functions and makes films fail by what their paths contain:
 *
 *   fault-crash  SIGSEGV when it is opened         fault-hang  never comes back, sleeping, deaf to signals
 *   fault-abort  abort() when it is opened         fault-spin  never comes back, at full speed
 *   fault-kill   SIGKILL when it is opened         fault-bomb  takes 20 MB more every 10 ms until it gets no more
 *   fault-late   SIGSEGV at the 21st packet that is decoded, over all openings in the process
 *   fault-once   SIGSEGV when it is opened and the file that the environment's FAULT_ONCE names does not exist; makes
 *                it first (a process that is sealed off can do so in the folder of results only)
 *
 * Assumes that a process works on one film at a time. FFmpeg's headers are not used: of its types only pointers pass
 * through here. A program with AddressSanitizer needs ASAN_OPTIONS=verify_asan_link_order=0. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct AVFormatContext;
struct AVInputFormat;
struct AVDictionary;
struct AVCodecContext;
struct AVPacket;

int avformat_open_input(struct AVFormatContext **context, const char *url, const struct AVInputFormat *format,
                        struct AVDictionary **options);
int avcodec_send_packet(struct AVCodecContext *codec, const struct AVPacket *packet);

enum { PACKETS_BEFORE_LATE = 20, BITE = 20 << 20 };

static struct {
    pthread_mutex_t lock;
    char late[4096]; /* the film that will fail in the middle; "": none is open */
    int n_packets;
} film = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* dlsym yields an object's address; ISO C has no way from there to a function but this. */
static void next_function(const char *name, void *function)
{
    void *found = dlsym(RTLD_NEXT, name);

    if (!found) {
        fprintf(stderr, "faults: no %s behind this library\n", name);
        abort();
    }
    memcpy(function, &found, sizeof found);
}

/* By the signal itself, also where a sanitizer has a handler for it. */
static void die_of(int signal_number)
{
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void hang(void)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    for (;;)
        pause();
}

static void spin(void)
{
    for (volatile unsigned long n = 0;;)
        n = n + 1;
}

static void eat(void)
{
    const struct timespec pause_between = {.tv_nsec = 10000000};
    char *bite;

    while ((bite = malloc(BITE))) {
        memset(bite, 1, BITE);
        nanosleep(&pause_between, NULL);
    }
}

static void crash_once(void)
{
    const char *mark = getenv("FAULT_ONCE");
    const int fd = mark ? open(mark, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644) : -1;

    if (fd >= 0)
        die_of(SIGSEGV);
    if (!mark || errno != EEXIST)
        fprintf(stderr, "faults: FAULT_ONCE=%s cannot be made: %s\n", mark ? mark : "", strerror(errno));
}

static void remember(const char *url)
{
    const bool is_late = strstr(url, "fault-late") != NULL;

    pthread_mutex_lock(&film.lock);
    if (strcmp(film.late, is_late ? url : "") != 0) {
        snprintf(film.late, sizeof film.late, "%s", is_late ? url : "");
        film.n_packets = 0;
    }
    pthread_mutex_unlock(&film.lock);
}

int avformat_open_input(struct AVFormatContext **context, const char *url, const struct AVInputFormat *format,
                        struct AVDictionary **options)
{
    int (*open_input)(struct AVFormatContext **, const char *, const struct AVInputFormat *, struct AVDictionary **);
    void (*free_context)(struct AVFormatContext *);

    next_function("avformat_open_input", &open_input);
    next_function("avformat_free_context", &free_context);
    remember(url);
    if (strstr(url, "fault-crash"))
        die_of(SIGSEGV);
    if (strstr(url, "fault-abort"))
        abort();
    if (strstr(url, "fault-kill"))
        die_of(SIGKILL);
    if (strstr(url, "fault-hang"))
        hang();
    if (strstr(url, "fault-spin"))
        spin();
    if (strstr(url, "fault-once"))
        crash_once();
    if (strstr(url, "fault-bomb")) {
        eat();
        free_context(*context); /* as the function itself does when it fails */
        *context = NULL;
        return -ENOMEM; /* AVERROR(ENOMEM) */
    }
    return open_input(context, url, format, options);
}

int avcodec_send_packet(struct AVCodecContext *codec, const struct AVPacket *packet)
{
    int (*send_packet)(struct AVCodecContext *, const struct AVPacket *);
    bool is_time;

    next_function("avcodec_send_packet", &send_packet);
    pthread_mutex_lock(&film.lock);
    is_time = film.late[0] != '\0' && ++film.n_packets > PACKETS_BEFORE_LATE;
    pthread_mutex_unlock(&film.lock);
    if (is_time)
        die_of(SIGSEGV);
    return send_packet(codec, packet);
}
