/* ranks: several ranks as threads of one process, for tests without a launcher: a third implementation of comm_ops. One
 * rank runs at a time, until it waits for the others; so what is not made for threads (getopt, stdout) works as in
 * processes of their own. A rank that does not come where the others wait hangs the test, which ctest ends. */
#ifndef JACQUARD_TESTS_UNIT_RANKS_H
#define JACQUARD_TESTS_UNIT_RANKS_H

#include "mpi/comm_ops.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RANKS_MOST = 8 };

/* What one rank brings to a collective. */
struct ranks_call {
    int rank, number; /* the number is a root, a colour, or a value to compare */
    void *data;
    size_t n, stride;
    void *all;
    size_t all_bytes;
    enum status st;
    struct comm *comm, *part;
};

struct ranks_message {
    struct ranks_message *next;
    int from;
    size_t bytes;
    char data[];
};

struct comm_group {
    int size, n_open, n_here;
    unsigned generation;
    struct ranks_call *call[RANKS_MOST];
    struct ranks_message *first[RANKS_MOST], *last[RANKS_MOST]; /* to each rank */
};

static pthread_mutex_t ranks_baton = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ranks_moved = PTHREAD_COND_INITIALIZER;

static inline void *ranks_room(size_t bytes)
{
    void *room = calloc(bytes > 0 ? bytes : 1, 1);

    if (!room)
        abort();
    return room;
}

/* The last one to come does the work for all. */
static inline enum status ranks_meet(struct comm *comm, struct ranks_call *mine, void (*work)(struct comm_group *))
{
    struct comm_group *g = comm->group;
    const unsigned generation = g->generation;

    mine->rank = comm->rank;
    mine->comm = comm;
    g->call[comm->rank] = mine;
    if (++g->n_here == g->size) {
        work(g);
        g->n_here = 0;
        g->generation++;
        pthread_cond_broadcast(&ranks_moved);
    }
    while (g->generation == generation)
        pthread_cond_wait(&ranks_moved, &ranks_baton);
    return mine->st;
}

static inline void ranks_do_bcast(struct comm_group *g)
{
    const struct ranks_call *root = g->call[g->call[0]->number];

    for (int r = 0; r < g->size; r++)
        if (g->call[r] != root && root->n > 0)
            memcpy(g->call[r]->data, root->data, root->n);
}

static inline enum status ranks_bcast(struct comm *comm, int root, void *data, size_t bytes)
{
    return ranks_meet(comm, &(struct ranks_call){.number = root, .data = data, .n = bytes}, ranks_do_bcast);
}

static inline void ranks_do_lowest(struct comm_group *g)
{
    int lowest = INT_MAX;

    for (int r = 0; r < g->size; r++)
        lowest = *(int *)g->call[r]->data < lowest ? *(int *)g->call[r]->data : lowest;
    for (int r = 0; r < g->size; r++)
        *(int *)g->call[r]->data = lowest;
}

static inline enum status ranks_lowest(struct comm *comm, int *value)
{
    return ranks_meet(comm, &(struct ranks_call){.data = value}, ranks_do_lowest);
}

/* Of the columns [0, n) of row `row` (rows are stride apart), to rank `only` or, negative, to all. */
static inline void ranks_sum_row(struct comm_group *g, size_t row, int only)
{
    for (size_t i = row; i < row + g->call[0]->n; i++) {
        uint32_t sum = 0;
        for (int r = 0; r < g->size; r++)
            sum += (uint32_t)((int32_t *)g->call[r]->data)[i];
        for (int r = 0; r < g->size; r++)
            if (only < 0 || only == r)
                ((int32_t *)g->call[r]->data)[i] = (int32_t)sum;
    }
}

static inline void ranks_do_sum_i32(struct comm_group *g)
{
    ranks_sum_row(g, 0, -1);
}

static inline enum status ranks_sum_i32(struct comm *comm, int32_t *values, size_t n)
{
    return ranks_meet(comm, &(struct ranks_call){.data = values, .n = n}, ranks_do_sum_i32);
}

static inline void ranks_do_reduce_scatter(struct comm_group *g)
{
    for (int r = 0; r < g->size; r++)
        ranks_sum_row(g, (size_t)r * g->call[0]->stride, r);
}

static inline enum status ranks_reduce_scatter(struct comm *comm, int32_t *values, size_t stride, size_t n)
{
    return ranks_meet(comm, &(struct ranks_call){.data = values, .n = n, .stride = stride}, ranks_do_reduce_scatter);
}

static inline void ranks_do_sum_i64(struct comm_group *g)
{
    for (size_t i = 0; i < g->call[0]->n; i++) {
        int64_t sum = 0;
        for (int r = 0; r < g->size; r++)
            sum += ((int64_t *)g->call[r]->data)[i];
        for (int r = 0; r < g->size; r++)
            ((int64_t *)g->call[r]->data)[i] = sum;
    }
}

static inline enum status ranks_sum_i64(struct comm *comm, int64_t *values, size_t n)
{
    return ranks_meet(comm, &(struct ranks_call){.data = values, .n = n}, ranks_do_sum_i64);
}

/* No room is something that all hear of. */
static inline void ranks_do_gather(struct comm_group *g)
{
    struct ranks_call *zero = g->call[0];
    size_t total = 0;

    for (int r = 0; r < g->size; r++)
        total += g->call[r]->n;
    char *at = zero->all = malloc(total > 0 ? total : 1);
    for (int r = 0; r < g->size; r++) {
        if (zero->all && g->call[r]->n > 0)
            memcpy(at, g->call[r]->data, g->call[r]->n);
        at = zero->all ? at + g->call[r]->n : NULL;
        g->call[r]->st = zero->all ? ST_OK : ST_NOMEM;
    }
    zero->all_bytes = zero->all ? total : 0;
}

static inline enum status ranks_gather(struct comm *comm, const void *data, size_t bytes, void **all, size_t *all_bytes)
{
    struct ranks_call call = {.data = (void *)data, .n = bytes};
    enum status st = ranks_meet(comm, &call, ranks_do_gather);

    *all = call.all;
    *all_bytes = call.all_bytes;
    return comm_agree(comm, st == ST_OK || comm->rank > 0 ? ST_OK : FAIL(ST_NOMEM, "out of memory for a gather"));
}

static inline void ranks_do_all_gather(struct comm_group *g)
{
    const size_t bytes = g->call[0]->n;
    char *whole = ranks_room(bytes * (size_t)g->size);

    for (int r = 0; r < g->size; r++)
        memcpy(whole + (size_t)r * bytes, g->call[r]->data, bytes);
    for (int r = 0; r < g->size; r++)
        memcpy(g->call[r]->all, whole, bytes * (size_t)g->size);
    free(whole);
}

static inline enum status ranks_all_gather(struct comm *comm, const void *data, size_t bytes, void *all)
{
    return ranks_meet(comm, &(struct ranks_call){.data = (void *)data, .n = bytes, .all = all}, ranks_do_all_gather);
}

static inline enum status ranks_post(struct comm *comm, int to, const void *data, size_t bytes)
{
    struct comm_group *g = comm->group;
    struct ranks_message *message = ranks_room(sizeof *message + bytes);

    message->from = comm->rank;
    message->bytes = bytes;
    if (bytes > 0)
        memcpy(message->data, data, bytes);
    if (g->first[to])
        g->last[to]->next = message;
    else
        g->first[to] = message;
    g->last[to] = message;
    return ST_OK;
}

/* One that finds nothing lets another go on. */
static inline enum status ranks_take(struct comm *comm, void *data, size_t room, size_t *bytes, int *from)
{
    struct ranks_message *message = comm->group->first[comm->rank];

    if (!message) {
        pthread_mutex_unlock(&ranks_baton);
        sched_yield();
        pthread_mutex_lock(&ranks_baton);
        return ST_OK;
    }
    comm->group->first[comm->rank] = message->next;
    const enum status st = comm_hand_over(message->data, message->bytes, message->from, data, room);
    *bytes = message->bytes;
    *from = message->from;
    free(message);
    return st;
}

static inline void ranks_close(struct comm *comm)
{
    struct comm_group *g = comm->group;

    if (--g->n_open > 0)
        return;
    for (int r = 0; r < g->size; r++)
        for (struct ranks_message *next, *m = g->first[r]; m; m = next) {
            next = m->next;
            free(m);
        }
    free(g);
}

static inline void ranks_abort(int exit_code)
{
    printf("a rank ended all others with the exit code %d: %s\n", exit_code, status_message());
    exit(1);
}

static inline void ranks_do_split(struct comm_group *g)
{
    for (int r = 0; r < g->size; r++) {
        struct ranks_call *mine = g->call[r];
        struct comm_group *group = NULL;

        for (int q = 0; q < r; q++)
            if (g->call[q]->number == mine->number)
                group = g->call[q]->part->group;
        group = group ? group : ranks_room(sizeof *group);
        *mine->part = *mine->comm;
        memset(mine->part->traffic, 0, sizeof mine->part->traffic);
        mine->part->gpu = NULL;
        mine->part->terms = NULL;
        mine->part->has_met = false;
        mine->part->group = group;
        mine->part->rank = group->size++;
        group->n_open++;
    }
    for (int r = 0; r < g->size; r++)
        g->call[r]->part->size = g->call[r]->part->group->size;
}

static inline enum status ranks_split(struct comm *comm, int colour, struct comm *part)
{
    return ranks_meet(comm, &(struct ranks_call){.number = colour, .part = part}, ranks_do_split);
}

static const struct comm_ops ranks_ops = {
    .close = ranks_close,
    .abort = ranks_abort,
    .split = ranks_split,
    .bcast = ranks_bcast,
    .lowest = ranks_lowest,
    .sum_i32 = ranks_sum_i32,
    .sum_i64 = ranks_sum_i64,
    .reduce_scatter_i32 = ranks_reduce_scatter,
    .gather = ranks_gather,
    .all_gather = ranks_all_gather,
    .post = ranks_post,
    .take = ranks_take,
};

struct ranks_thread {
    pthread_t thread;
    struct comm comm;
    void (*run)(struct comm *comm, void *context);
    void *context;
};

static inline void *ranks_start(void *argument)
{
    struct ranks_thread *t = argument;

    pthread_mutex_lock(&ranks_baton);
    t->run(&t->comm, t->context);
    pthread_mutex_unlock(&ranks_baton);
    return NULL;
}

/* n ranks (1..RANKS_MOST) call run, each with its own communicator, which run closes. */
static inline void ranks_run(int n, void (*run)(struct comm *comm, void *context), void *context)
{
    struct ranks_thread rank[RANKS_MOST];
    struct comm_group *group = ranks_room(sizeof *group);

    group->size = group->n_open = n;
    for (int r = 0; r < n; r++) {
        rank[r] = (struct ranks_thread){.run = run, .context = context};
        rank[r].comm = (struct comm){
            .rank = r, .size = n, .world_rank = r, .node_rank = r, .node_size = n, .ops = &ranks_ops, .group = group};
        if (pthread_create(&rank[r].thread, NULL, ranks_start, &rank[r]) != 0)
            abort();
    }
    for (int r = 0; r < n; r++)
        pthread_join(rank[r].thread, NULL);
}

#endif
