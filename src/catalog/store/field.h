/* field: members of a struct as members of a JSON object, there and back, by one table for both directions. Local. */
#ifndef JACQUARD_CATALOG_STORE_FIELD_H
#define JACQUARD_CATALOG_STORE_FIELD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct field {
    const char *key;
    enum field_kind {
        FIELD_INT,
        FIELD_INT64,
        FIELD_BOOL,
        FIELD_DOUBLE,    /* null, which stands for what is no number, reads as 0 */
        FIELD_ESTIMATE,  /* a double, below 0 where it is not known: then null, which reads as -1 */
        FIELD_TEXT,      /* char[bytes]; what is too long is cut at the end of a character */
        FIELD_OPTIONAL,  /* likewise, "" where it is not known: then it is not written; missing reads as "" */
        FIELD_HEAP_TEXT, /* char *; NULL is written as "" */
        FIELD_NAME,      /* char * of any bytes but 0, which come back as they were (json_print_bytes) */
        FIELD_FAULT      /* enum fault_kind, by its name */
    } kind;
    size_t at, bytes; /* of the member in its struct */
};

#define FIELD(key, kind, type, member)                                                                                 \
    {                                                                                                                  \
        key, kind, offsetof(struct type, member), sizeof(((struct type *)0)->member)                                   \
    }

/* With a comma before it. Texts that are no UTF-8 get U+FFFD. */
void field_print(FILE *file, const struct field *f, const void *from);

/* False where the member is missing, of the wrong kind or out of range, or (*is_short_of_memory is set; may be NULL
 * where no field is on the heap) memory ran out. What is on the heap is the caller's, also after a failure. */
bool field_read(const json_t *object, const struct field *f, void *to, bool *is_short_of_memory);

#endif
