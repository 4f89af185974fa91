/* ledger: what became of each film, as events are told one after the other. */
#ifndef JACQUARD_CATALOG_STORE_LEDGER_H
#define JACQUARD_CATALOG_STORE_LEDGER_H

#include "catalog/store/event.h"

struct ledger { /* {0}: empty */
    struct book *book;
    size_t n_books, book_room;
    size_t *slot, n_slots; /* hash table: number of the book + 1, 0: free; n_slots is a power of two */
    struct flight *flight;
    size_t n_flights, flight_room;
};

/* The number of the film with this name, a new one if need be. Takes over *name. */
enum status ledger_find(struct ledger *l, char **name, size_t *film);

/* The next event; takes what it keeps out of it. is_live: its run goes on, so tasks that it starts may be in flight. */
enum status ledger_follow(struct ledger *l, struct event *e, bool is_live);

/* After the last event: the films (heap), as they were numbered. The ledger keeps nothing of them. */
enum status ledger_hand_out(struct ledger *l, struct history_film **film, int64_t *n);

void ledger_release(struct ledger *l);
void ledger_release_film(struct history_film *film);

#endif
