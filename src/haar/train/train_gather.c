/* train_gather: members that ranks trained alone come together in one model. */
#include "haar/train/train_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A member as bytes: its seed and number of rounds, then every round and its votes. */
static enum status pack_members(const struct train_job *job, uint8_t **packed, size_t *bytes)
{
    FILE *stream = open_memstream((char **)packed, bytes);

    if (!stream)
        return FAIL(ST_NOMEM, "out of memory for a model's members");
    for (int m = 0; m < job->model.n_members; m++) {
        const struct model_member *member = &job->model.member[m];
        fwrite(&member->seed, sizeof member->seed, 1, stream);
        fwrite(&member->n_rounds, sizeof member->n_rounds, 1, stream);
        for (int t = 0; t < member->n_rounds; t++) {
            const struct model_round *round = &member->round[t];
            fwrite(round, sizeof *round, 1, stream);
            fwrite(round->votes, sizeof *round->votes, (size_t)(round->weak.n_leaves * job->model.n_classes), stream);
        }
    }
    return fclose(stream) == 0 ? ST_OK : FAIL(ST_NOMEM, "out of memory for a model's members");
}

static int compare_seeds(const void *a, const void *b)
{
    const uint64_t x = ((const struct model_member *)a)->seed, y = ((const struct model_member *)b)->seed;

    return (x > y) - (x < y);
}

static const uint8_t *take(const uint8_t *at, void *to, size_t bytes)
{
    memcpy(to, at, bytes);
    return at + bytes;
}

/* Rank 0's own members are among them. */
static enum status unpack_members(struct train_job *job, const uint8_t *at, size_t bytes)
{
    const uint8_t *end = at + bytes;
    struct model whole = job->model;
    enum status st = ST_OK;

    whole.member = NULL;
    whole.n_members = whole.members_room = 0;
    while (st == ST_OK && at < end) {
        uint64_t seed;
        int n_rounds;
        at = take(at, &seed, sizeof seed);
        at = take(at, &n_rounds, sizeof n_rounds);
        st = model_add_member(&whole, seed);
        for (int t = 0; st == ST_OK && t < n_rounds; t++) {
            struct model_round round;
            int32_t votes[BOOST_MAX_LEAVES * HAAR_MAX_CLASSES];
            at = take(at, &round, sizeof round);
            at = take(at, votes, sizeof *votes * (size_t)(round.weak.n_leaves * whole.n_classes));
            round.votes = votes;
            st = model_add_round(&whole, &round);
        }
    }
    if (st == ST_OK)
        qsort(whole.member, (size_t)whole.n_members, sizeof *whole.member, compare_seeds);
    model_release(&job->model);
    job->model = whole;
    return st;
}

enum status train_gather_members(struct train_job *job)
{
    uint8_t *packed = NULL;
    void *all = NULL;
    size_t bytes = 0, all_bytes = 0;
    enum status st;

    TRY(comm_agree(job->world, pack_members(job, &packed, &bytes)));
    st = comm_gather(job->world, packed, bytes, &all, &all_bytes);
    if (st == ST_OK && job->world->rank == 0)
        st = unpack_members(job, all, all_bytes);
    free(packed);
    free(all);
    return comm_agree(job->world, st);
}
