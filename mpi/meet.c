/* meet: what the ranks must have in common, as a list of names and values, and where it is compared: comm_must_match,
 * comm_meet. It knows none of the names itself. Ranks exchange text of a fixed shape, so that programs of different
 * versions understand each other well enough to find out that they differ. */
#include "base/mem.h"
#include "mpi/comm_ops.h"
#include "mpi/watch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Name, 0, value, 0, name, 0, ... */
struct comm_terms {
    FILE *stream; /* writes text[bytes] */
    char *text;
    size_t bytes;
    bool is_short; /* memory ran out */
};

static struct comm_terms lost = {.is_short = true};

/* ---- the list ---- */

static struct comm_terms *terms_of(struct comm *comm)
{
    if (comm->terms)
        return comm->terms;
    struct comm_terms *t = mem_array(1, sizeof *t);
    if (t) {
        t->stream = open_memstream(&t->text, &t->bytes);
        t->is_short = !t->stream;
    }
    comm->terms = t ? t : &lost;
    return comm->terms;
}

void comm_must_match(struct comm *comm, const char *name, const char *format, ...)
{
    va_list args;

    if (comm->size == 1 || terms_of(comm)->is_short)
        return;
    struct comm_terms *t = comm->terms;
    va_start(args, format);
    t->is_short = fprintf(t->stream, "%s%c", name, '\0') < 0 || vfprintf(t->stream, format, args) < 0 ||
                  fputc('\0', t->stream) == EOF || fflush(t->stream) != 0;
    va_end(args);
}

void comm_forget_terms(struct comm *comm)
{
    if (comm->terms && comm->terms != &lost) {
        if (comm->terms->stream)
            fclose(comm->terms->stream);
        free(comm->terms->text);
        free(comm->terms);
    }
    comm->terms = NULL;
}

/* ---- the comparison ---- */

/* Rank 0's list at another rank, or a rank's own. */
struct list {
    const char *text;
    size_t bytes;
    const char *host;
};

struct term {
    const char *name, *value;
};

/* The term at *at, which moves on; false at the end, or where the list is not one. */
static bool next_term(const struct list *list, size_t *at, struct term *term)
{
    for (int i = 0; i < 2; i++) {
        const char *end = *at < list->bytes ? memchr(list->text + *at, '\0', list->bytes - *at) : NULL;

        if (!end)
            return false;
        *(i == 0 ? &term->name : &term->value) = list->text + *at;
        *at = (size_t)(end - list->text) + 1;
    }
    return true;
}

/* Lists are mostly alike: the search goes from *from on, behind the term found last, then from the beginning. */
static const char *find_value(const struct list *list, const char *name, size_t *from)
{
    struct term term;

    for (int round = 0; round < 2; round++)
        for (size_t at = round == 0 ? *from : 0; next_term(list, &at, &term);)
            if (strcmp(term.name, name) == 0) {
                *from = at;
                return term.value;
            }
    return NULL;
}

/* Mine are looked at in their order: the first are the most telling. What only rank 0 has comes last. */
static enum status compare(const struct list *mine, const struct list *first)
{
    struct term term;
    size_t from = 0;

    for (size_t at = 0; next_term(mine, &at, &term);) {
        const char *value = find_value(first, term.name, &from);

        if (!value)
            return FAIL(ST_USAGE, "%.100s is %.300s; rank 0 on %s has no such thing", term.name, term.value,
                        first->host);
        if (strcmp(value, term.value) != 0)
            return FAIL(ST_USAGE, "%.100s is %.300s, but %.300s on rank 0 on %s", term.name, term.value, value,
                        first->host);
    }
    from = 0;
    for (size_t at = 0; next_term(first, &at, &term);)
        if (!find_value(mine, term.name, &from))
            return FAIL(ST_USAGE, "no %.100s, which is %.300s on rank 0 on %s", term.name, term.value, first->host);
    return ST_OK;
}

/* Collective. */
static enum status compare_with_rank_0(struct comm *comm)
{
    const struct comm_terms *terms = comm->terms;
    struct offer {
        uint64_t bytes;
        char host[HOST_BYTES];
    } offer = {.bytes = terms->bytes};
    char *text = NULL;
    enum status st;

    watch_host(offer.host);
    TRY(comm->ops->bcast(comm, 0, &offer, sizeof offer));
    text = mem_array(offer.bytes + 1, 1);
    st = comm_agree_on_start(comm, text ? ST_OK : ST_NOMEM);
    if (st == ST_OK) {
        if (comm->rank == 0 && terms->bytes > 0)
            memcpy(text, terms->text, terms->bytes);
        st = comm->ops->bcast(comm, 0, text, offer.bytes);
    }
    if (st == ST_OK) {
        const struct list mine = {.text = terms->text, .bytes = terms->bytes};
        const struct list first = {.text = text, .bytes = offer.bytes, .host = offer.host};

        st = comm_agree_on_start(comm, compare(&mine, &first));
    }
    free(text);
    return st;
}

enum status comm_meet(struct comm *comm, enum status mine)
{
    comm->has_met = true;
    if (comm->size == 1)
        return mine;
    if (mine == ST_OK && terms_of(comm)->is_short)
        mine = FAIL(ST_NOMEM, "out of memory for what the ranks have in common");
    enum status st = comm_agree_on_start(comm, mine);
    if (st == ST_OK)
        st = compare_with_rank_0(comm);
    comm_forget_terms(comm);
    return st;
}
