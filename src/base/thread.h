/* thread: settings for all threads of the process, also those of libraries. */
#ifndef JACQUARD_BASE_THREAD_H
#define JACQUARD_BASE_THREAD_H

#include "base/status.h"

/* Threads get stacks as large as decoders need, however small those are that the process was started with (`ulimit -s`
 * decides otherwise). To be called before the first thread is made. */
enum status thread_set_stacks(void);

#endif
