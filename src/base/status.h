/* status: what a function came back with, and the one line that says why.
 *
 * Whoever sees a fault says so with FAIL: what was tried, on what, what was found. Callers relay with TRY and add
 * nothing. The message belongs to the calling thread until its next FAIL; a thread that hands its fault to another
 * one copies the text. */
#ifndef JACQUARD_BASE_STATUS_H
#define JACQUARD_BASE_STATUS_H

enum status {
    ST_OK,
    ST_END,         /* nothing more to read; not a fault, never mixed up with one */
    ST_NOMEM,       /* memory, threads or other resources of this machine ran out */
    ST_IO,          /* an output could not be written */
    ST_FORMAT,      /* an input (film, images, model, side-car) is not what it should be, damaged or not whole */
    ST_NO_MATCH,    /* a catalogue that no film matches */
    ST_MISMATCH,    /* results are not what they should be */
    ST_USAGE,       /* the command line asks for what cannot be done; ranks differ in what they were asked for */
    ST_UNSUPPORTED, /* this build or this machine cannot do it */
    ST_DEVICE,      /* the GPU or its driver failed */
    ST_COMM,        /* the ranks could not talk to each other */
    ST_INTERRUPTED, /* by a signal to end, or because a time limit is over */
    ST_BUG          /* an invariant of this program does not hold */
};

enum { STATUS_MESSAGE_BYTES = 1024 };

/* Records the message and yields st: `return FAIL(ST_FORMAT, "%s: bad magic 0x%08x", path, magic);` */
#define FAIL(...) status_fail(__FILE__, __LINE__, __VA_ARGS__)

#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        const enum status try_st = (call);                                                                             \
        if (try_st != ST_OK)                                                                                           \
            return try_st;                                                                                             \
    } while (0)

/* After mem_array and its kin, whose message it relays. */
#define TRY_MEM(is_there) TRY((is_there) ? ST_OK : ST_NOMEM)

/* Sets st and goes to the function's one cleanup label. */
#define TRY_OR(label, st, call)                                                                                        \
    do {                                                                                                               \
        (st) = (call);                                                                                                 \
        if ((st) != ST_OK)                                                                                             \
            goto label;                                                                                                \
    } while (0)

enum status status_fail(const char *file, int line, enum status st, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The calling thread's last message, without its place; "" when there is none. Control bytes are shown as '?'. */
const char *status_message(void);

/* Takes over a message written by another thread or rank. */
void status_adopt(const char *message);

/* What users are told of each: doc/guide.md. */
int status_exit_code(enum status st);

#endif
