/* jacquard: films become barcodes, labelled images become classifiers. */
#include "base/log.h"
#include "base/thread.h"
#include "catalog/workers/worker_main.h"
#include "cli/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static atomic_int stop;

static void request_stop(int signal)
{
    (void)signal;
    atomic_fetch_add(&stop, 1); /* how often matters to some */
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = request_stop};

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    sigaction(SIGUSR1, &action, NULL); /* batch systems send it before their time limit */
    signal(SIGPIPE, SIG_IGN);          /* a closed stdout is a write error, not a death; nor is a full quota */
    signal(SIGXFSZ, SIG_IGN);
}

/* A closed stdin, stdout or stderr would become the next file that is opened. */
static void hold_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0)
            return;
}

/* What was printed is a result as well. */
static enum status finish_stdout(void)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return FAIL(ST_IO, "cannot write to standard output: %s", strerror(errno));
    return ST_OK;
}

/* What rank 0 does alone the others must have been asked for too. */
static enum status meet_over_words(struct comm *comm, int argc, char **argv)
{
    char name[32];

    for (int i = 2; i < argc; i++) {
        snprintf(name, sizeof name, "argument %d", i - 1);
        comm_must_match(comm, name, "%s", argv[i]);
    }
    return comm_meet(comm, ST_OK);
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static enum status run_command(struct comm *comm, int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    comm_must_match(comm, "the program's version", "%s", JACQUARD_VERSION);
    comm_must_match(comm, "the command", "%s%s", name, asks_for_help(argc, argv) ? " --help" : "");

    if (strcmp(name, "--version") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        if (comm->rank == 0 && strcmp(name, "--version") == 0)
            puts("jacquard " JACQUARD_VERSION);
        else if (comm->rank == 0)
            command_print_all(stdout);
        return ST_OK;
    }
    const struct command *command = command_find(name);
    if (command) {
        TRY(command->meets ? ST_OK : meet_over_words(comm, argc, argv));
        return command_run(command, comm, argc - 1, argv + 1, &stop);
    }
    return argc > 1 ? FAIL(ST_USAGE, "unknown command %s (see: jacquard --help)", name)
                    : FAIL(ST_USAGE, "a command is missing (see: jacquard --help)");
}

int main(int argc, char **argv)
{
    struct comm comm;
    enum status st;

    if (thread_set_stacks() != ST_OK)
        log_note("%s", status_message());
    if (argc == 2 && strcmp(argv[1], WORKER_ARGUMENT) == 0)
        return worker_main(); /* not for people: a catalogue starts itself again to decode */
    hold_streams();
    catch_signals();
    st = comm_open_world(&comm);
    if (st != ST_OK) {
        log_error("%s", status_message());
        return status_exit_code(st);
    }
    log_set_speaker(comm.rank == 0);
    st = run_command(&comm, argc, argv);
    if (!comm.has_met) /* its options were not to be understood, or asked for help: the others wait to hear of it */
        st = comm_meet(&comm, st);
    if (st == ST_OK && comm.rank == 0)
        st = finish_stdout();
    if (st != ST_OK && (comm.rank == 0 || st == ST_COMM))
        log_error("%s", status_message());
    if (st == ST_COMM) /* the others cannot be met any more */
        comm_abort(&comm, status_exit_code(st));
    comm_close(&comm);
    return status_exit_code(st);
}
