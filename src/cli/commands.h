/* commands: the subcommands of the program: options -> config -> job -> status. */
#ifndef JACQUARD_CLI_COMMANDS_H
#define JACQUARD_CLI_COMMANDS_H

#include "base/status.h"
#include "mpi/comm.h"

#include <stdatomic.h>

/* argv[0] is the subcommand's name. *stop counts signals to end: SIGINT, SIGTERM, SIGHUP, SIGUSR1. Collective. */
typedef enum status command(struct comm *comm, int argc, char **argv, atomic_int *stop);

command command_barcode, command_render, command_info;
command command_catalog, command_status, command_verify;
command command_scan, command_train, command_evaluate, command_predict, command_export;
command command_bench;

#endif
