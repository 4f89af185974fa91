/* pool: threads wait for a loop, take its items by an atomic counter, and the last one wakes the caller. */
#include "base/pool.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct worker {
    struct pool *pool;
    pthread_t thread;
    int number;
};

struct pool {
    int n_threads;
    struct worker *worker; /* [n_threads - 1]: thread 0 is the caller */
    int n_started;

    pthread_mutex_t mutex;
    pthread_cond_t begin, end;
    uint64_t loop; /* counts the loops, so that a worker knows a new one */
    int n_working;
    bool is_closing;

    void (*run)(void *context, int64_t item, int thread);
    void *context;
    int64_t n_items;
    atomic_llong next;
};

static void take_items(struct pool *pool, int thread)
{
    for (;;) {
        const int64_t item = (int64_t)atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
        if (item >= pool->n_items)
            return;
        pool->run(pool->context, item, thread);
    }
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct pool *pool = worker->pool;
    uint64_t seen = 0;

    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        while (pool->loop == seen && !pool->is_closing)
            pthread_cond_wait(&pool->begin, &pool->mutex);
        if (pool->is_closing)
            break;
        seen = pool->loop;
        pthread_mutex_unlock(&pool->mutex);
        take_items(pool, worker->number);
        pthread_mutex_lock(&pool->mutex);
        if (--pool->n_working == 0)
            pthread_cond_signal(&pool->end);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

enum status pool_open(int n_threads, struct pool **out)
{
    struct pool *pool = mem_array(1, sizeof *pool);

    *out = NULL;
    TRY_MEM(pool);
    pool->n_threads = n_threads < 1 ? 1 : n_threads;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->begin, NULL);
    pthread_cond_init(&pool->end, NULL);
    pool->worker = mem_array((size_t)pool->n_threads, sizeof *pool->worker);
    enum status st = pool->worker ? ST_OK : ST_NOMEM;
    for (int i = 0; st == ST_OK && i < pool->n_threads - 1; i++) {
        pool->worker[i] = (struct worker){.pool = pool, .number = i + 1};
        const int error = pthread_create(&pool->worker[i].thread, NULL, work, &pool->worker[i]);
        if (error == 0)
            pool->n_started++;
        else
            st = FAIL(ST_NOMEM, "cannot start thread %d of %d: %s", i + 2, n_threads, strerror(error));
    }
    if (st != ST_OK)
        pool_close(&pool);
    *out = pool;
    return st;
}

void pool_close(struct pool **p)
{
    struct pool *pool = *p;

    *p = NULL;
    if (!pool)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->is_closing = true;
    pthread_cond_broadcast(&pool->begin);
    pthread_mutex_unlock(&pool->mutex);
    for (int i = 0; i < pool->n_started; i++)
        pthread_join(pool->worker[i].thread, NULL);
    pthread_cond_destroy(&pool->end);
    pthread_cond_destroy(&pool->begin);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->worker);
    free(pool);
}

int pool_n_threads(const struct pool *pool)
{
    return pool->n_threads;
}

void pool_run(struct pool *pool, int64_t n_items, void (*run)(void *context, int64_t item, int thread), void *context)
{
    pool->run = run;
    pool->context = context;
    pool->n_items = n_items;
    atomic_store(&pool->next, 0);
    if (pool->n_threads > 1 && n_items > 1) {
        pthread_mutex_lock(&pool->mutex);
        pool->n_working = pool->n_threads - 1;
        pool->loop++;
        pthread_cond_broadcast(&pool->begin);
        pthread_mutex_unlock(&pool->mutex);
    }
    take_items(pool, 0);
    if (pool->n_threads > 1 && n_items > 1) {
        pthread_mutex_lock(&pool->mutex);
        while (pool->n_working > 0)
            pthread_cond_wait(&pool->end, &pool->mutex);
        pthread_mutex_unlock(&pool->mutex);
    }
}
