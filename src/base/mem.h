/* mem: heap arrays, sized in elements rather than bytes. */
#ifndef JACQUARD_BASE_MEM_H
#define JACQUARD_BASE_MEM_H

#include <stddef.h>

/* n zeroed things of thing_bytes each, 64-byte aligned, or NULL with a message (FAIL ST_NOMEM was called). n = 0 is
 * answered with one byte. Ends with free(). */
void *mem_array(size_t n, size_t thing_bytes);

/* Room for one more in a growing array: returns the (perhaps moved) array of at least n + 1 things and updates *room,
 * or NULL with a message and the old array left as it was. */
void *mem_grow(void *array, size_t n, size_t *room, size_t thing_bytes);

/* The most bytes that this process may ever have: the least of the machine's memory, its own limits (ulimit -d, -v) and
 * those of its control groups. Infinity where nothing says so. */
double mem_limit(void);

#endif
