/* json: helpers for printing JSON by hand: texts of any bytes and numbers, in any locale. Local. */
#ifndef JACQUARD_BASE_JSON_H
#define JACQUARD_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Bytes of the UTF-8 sequence (RFC 3629) at text, 1 to 4; 0 where it is not one. Looks at no byte after a 0. */
size_t json_utf8_length(const char *text);

/* Where a value ends, found without parsing it, in pieces: {0} begins. */
struct json_walk {
    int depth; /* of the lists and objects that are open */
    bool in_text, is_escaped, has_begun;
};

/* Goes on over n bytes: how many of them belong to the value; less than n, or *ended, where it ends there. A number or
 * a name has ended where something else follows. What is not JSON ends somewhere. */
size_t json_walk(struct json_walk *walk, const char *text, size_t n, bool *ended);

/* How deep lists and objects are nested at most: parsers recurse. */
int json_depth(const char *text, size_t n);

/* With its quotes; each byte that is not UTF-8 becomes U+FFFD: a file name may be any bytes, JSON may not. */
void json_print_string(FILE *file, const char *text);

/* The shortest text that reads back as v, with a decimal point whatever the locale has; null where v is not a number.
 */
void json_print_double(FILE *file, double v);

/* "key":"text", and where that is not all of it "key_hex":"...", its bytes in lower-case hexadecimal digits. */
void json_print_bytes(FILE *file, const char *key, const char *text);

#endif
