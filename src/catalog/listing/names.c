/* names: see names.h. In rounds: whoever is not the first of those who want one name gets more digits and asks again.
 * Alike are names that a file system may take for one: the case of Latin, Greek and Cyrillic letters is not told apart
 * (a few letters more than need be are taken for alike, which costs them digits and nothing else). */
#include "catalog/listing/names.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "catalog/listing/path.h"
#include "catalog/out_path.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_DIGITS = 8, MOST_DIGITS = 64 };

struct candidate {
    struct listing_film *film;
    char key[NAMES_MAX_BYTES + 1]; /* of its name: alike names have the same */
    int n_digits;
    bool asks_again;
};

/* --- one name ----------------------------------------------------------------------------------------------------- */

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c != 0x7f && c != '/' && c != '\\';
}

/* What the file at path is called without its suffix, made harmless, in at most `room` bytes and a 0. */
static void write_stem(const char *path, size_t room, char *name)
{
    const char *file = path_file(path), *dot = strrchr(file, '.');
    const char *end = dot && dot > file ? dot : file + strlen(file);
    size_t n = 0;

    for (const char *at = file; at < end;) {
        const size_t length = json_utf8_length(at);
        if (n + (length ? length : 1) > room)
            break;
        if (length > 1)
            memcpy(name + n, at, length);
        else
            name[n] = length == 1 && is_plain((unsigned char)*at) ? *at : '_';
        n += length ? length : 1;
        at += length ? length : 1;
    }
    name[n] = '\0';
    if (name[0] == '.' || name[0] == '-')
        name[0] = '_';
    if (n == 0)
        strcpy(name, "film");
}

/* --- alike -------------------------------------------------------------------------------------------------------- */

static uint32_t fold(uint32_t code)
{
    const bool is_odd_first = (code >= 0x139 && code <= 0x148) || (code >= 0x179 && code <= 0x17e);

    if ((code >= 'A' && code <= 'Z') || (code >= 0xc0 && code <= 0xde) || (code >= 0x391 && code <= 0x3ab) ||
        (code >= 0x410 && code <= 0x42f))
        return code + 32;
    if (code >= 0x400 && code <= 0x40f)
        return code + 80;
    if (is_odd_first)
        return (code + 1) | 1;
    if ((code >= 0x100 && code <= 0x24f) || (code >= 0x460 && code <= 0x52f) || (code >= 0x1e00 && code <= 0x1eff))
        return code | 1;
    return code;
}

/* As UTF-8; no letter that fold() makes needs more bytes than the one that it was. */
static size_t write_code(uint32_t code, char *at)
{
    if (code < 0x80) {
        at[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        at[0] = (char)(0xc0 | code >> 6);
        at[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    at[0] = (char)(0xe0 | code >> 12);
    at[1] = (char)(0x80 | (code >> 6 & 0x3f));
    at[2] = (char)(0x80 | (code & 0x3f));
    return 3;
}

/* name is UTF-8. */
static void write_key(const char *name, char key[NAMES_MAX_BYTES + 1])
{
    const unsigned char *s = (const unsigned char *)name;
    size_t n = 0;

    while (*s) {
        const size_t length = json_utf8_length((const char *)s);
        if (length < 4) {
            const uint32_t code = length == 1   ? s[0]
                                  : length == 2 ? (s[0] & 0x1fu) << 6 | (s[1] & 0x3fu)
                                                : (s[0] & 0x0fu) << 12 | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu);
            n += write_code(fold(code), key + n);
        } else {
            memcpy(key + n, s, length);
            n += length;
        }
        s += length;
    }
    key[n] = '\0';
}

/* And its key. */
static enum status write_name(struct candidate *c)
{
    const size_t digits_bytes = c->n_digits > 0 ? (size_t)c->n_digits + 1 : 0;
    char *name = mem_array(NAMES_MAX_BYTES + 1, 1), hex[65];

    free(c->film->name);
    c->film->name = name;
    TRY_MEM(name);
    write_stem(c->film->path, NAMES_MAX_BYTES - digits_bytes, name);
    if (c->n_digits > 0) {
        sha256_hex(c->film->path, strlen(c->film->path), hex);
        snprintf(name + strlen(name), digits_bytes + 1, "-%s", hex);
    }
    write_key(name, c->key);
    return ST_OK;
}

/* --- who gets it -------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    const int order = strcmp(x->key, y->key);

    return order != 0 ? order : x->film < y->film ? -1 : x->film > y->film; /* the films are sorted by path */
}

static bool is_reserved(const struct candidate *c)
{
    return strcmp(c->key, OUT_REPORT) == 0 || strcmp(c->key, OUT_PAGE) == 0;
}

/* candidate[n] want one name: all but one of them, or all of them, ask again. */
static enum status settle(struct candidate *candidate, size_t n, names_owner *claim, void *context)
{
    size_t keeper = n; /* nobody */

    for (size_t i = 0; i < n; i++) {
        const enum names_claim whose =
            claim ? claim(context, candidate[i].film->name, candidate[i].film) : NAME_IS_FREE;
        if (whose == NAME_IS_FREE && keeper == n)
            keeper = i;
        if (whose == NAME_IS_ITS_OWN) {
            keeper = i;
            break;
        }
    }
    for (size_t i = 0; i < n; i++) {
        struct candidate *c = &candidate[i];
        if (i == keeper)
            continue;
        if (c->n_digits == MOST_DIGITS)
            return FAIL(ST_BUG, "two films are called %s", c->film->name);
        c->n_digits = c->n_digits ? 2 * c->n_digits : FIRST_DIGITS;
        c->asks_again = true;
    }
    return ST_OK;
}

static enum status play_round(struct candidate *c, size_t n, names_owner *claim, void *context, bool *is_over)
{
    for (size_t i = 0; i < n; i++) {
        if (!c[i].asks_again)
            continue;
        TRY(write_name(&c[i]));
        c[i].asks_again = false;
        if (c[i].n_digits == 0 && is_reserved(&c[i])) {
            c[i].n_digits = FIRST_DIGITS;
            TRY(write_name(&c[i]));
        }
    }
    qsort(c, n, sizeof *c, compare);
    *is_over = true;
    for (size_t first = 0, last; first < n; first = last) {
        for (last = first + 1; last < n && strcmp(c[first].key, c[last].key) == 0; last++)
            ;
        TRY(settle(c + first, last - first, claim, context));
        for (size_t i = first; i < last; i++)
            *is_over = *is_over && !c[i].asks_again;
    }
    return ST_OK;
}

enum status names_assign(struct listing *listing, names_owner *claim, void *context)
{
    const size_t n = (size_t)listing->n;
    struct candidate *candidate = mem_array(n, sizeof *candidate);
    enum status st = candidate ? ST_OK : ST_NOMEM;
    bool is_over = n == 0;

    for (size_t i = 0; candidate && i < n; i++)
        candidate[i] = (struct candidate){.film = &listing->film[i], .asks_again = true};
    while (st == ST_OK && !is_over)
        st = play_round(candidate, n, claim, context, &is_over);
    free(candidate);
    return st;
}
