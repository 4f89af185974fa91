#include "base/thread.h"

#include <pthread.h>
#include <string.h>

enum { LEAST_STACK = 2 << 20 }; /* glibc's size where there is no limit; our own frames stay below 100 KiB */

enum status thread_set_stacks(void)
{
    pthread_attr_t attributes;
    size_t bytes = 0;
    int error = pthread_getattr_default_np(&attributes);

    if (error == 0) {
        error = pthread_attr_getstacksize(&attributes, &bytes);
        if (error == 0 && bytes < LEAST_STACK)
            error = pthread_attr_setstacksize(&attributes, LEAST_STACK);
        if (error == 0 && bytes < LEAST_STACK)
            error = pthread_setattr_default_np(&attributes);
        pthread_attr_destroy(&attributes);
    }
    return error == 0 ? ST_OK : FAIL(ST_NOMEM, "cannot set the size of threads' stacks: %s", strerror(error));
}
