#include "base/mem.h"

#include "base/status.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *mem_array(size_t n, size_t thing_bytes)
{
    void *array = NULL;

    if (thing_bytes == 0 || n <= (SIZE_MAX - 64) / thing_bytes) {
        const size_t bytes = (n * thing_bytes + 64) & ~(size_t)63; /* aligned_alloc wants a multiple; never 0 */
        array = aligned_alloc(64, bytes);
        if (array)
            memset(array, 0, bytes);
    }
    if (!array)
        (void)FAIL(ST_NOMEM, "out of memory: wanted %zu x %zu bytes", n, thing_bytes);
    return array;
}

void *mem_grow(void *array, size_t n, size_t *room, size_t thing_bytes)
{
    if (n < *room)
        return array;
    const size_t wanted = *room ? *room * 2 : 256;
    void *grown = wanted <= SIZE_MAX / thing_bytes ? realloc(array, wanted * thing_bytes) : NULL;
    if (!grown) {
        (void)FAIL(ST_NOMEM, "out of memory: wanted %zu x %zu bytes", wanted, thing_bytes);
        return NULL;
    }
    *room = wanted;
    return grown;
}
