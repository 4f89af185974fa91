/* worker_main: a worker process from inside: only such a process opens films. It is started by its rank (workers.c),
 * has neither MPI nor anything of the rank's, gives up its rights (sandbox.c) and then works on requests until the rank
 * closes the socket. */
#ifndef JACQUARD_CATALOG_WORKERS_WORKER_MAIN_H
#define JACQUARD_CATALOG_WORKERS_WORKER_MAIN_H

/* The first argument of the program that makes it a worker, and the socket it then has. */
#define WORKER_ARGUMENT "--worker"
enum { WORKER_SOCKET = 3 };

/* Comes back with the process's exit code. */
int worker_main(void);

#endif
