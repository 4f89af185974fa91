/* train_job: what the files of the training job share; private to them and to bench_train. */
#ifndef JACQUARD_HAAR_TRAIN_JOB_H
#define JACQUARD_HAAR_TRAIN_JOB_H

#include "base/pool.h"
#include "haar/data/dataset.h"
#include "haar/train/boosting.h"
#include "haar/train/train.h"
#include "haar/train/train_plan.h"
#include "job/resources.h"

struct train_job {
    struct comm *world;
    const struct train_config *config;
    atomic_int *stop;
    struct resources resources;
    struct train_plan plan;
    struct comm team, data, features; /* the ranks of one training, and its grid: parts of the world */
    struct dataset train, held_out;   /* this rank's shares */
    struct pool *pool;
    struct model model; /* the members that were trained here; after the gather all of them on rank 0 */
    struct progress progress;
    double started, train_seconds;
    int64_t rounds_done;
    bool is_stopped; /* a member was left unfinished */
};

/* Collective over job->world. Parts the world into teams and grids, with sums over GPUs where there are some; the plan
 * and the resources are chosen. ST_USAGE where some ranks have a GPU and some have none. */
enum status train_open_grid(struct train_job *job);

/* Local. Gives back what a job holds, however far it got. */
void train_job_release(struct train_job *job);

/* A member's rounds over the grid, before boosting_init: of the settings' weak learners, on the training images. */
struct boosting train_boosting(struct train_job *job, const struct model_settings *settings, uint64_t seed);

/* What an instance for n_images of this rank is opened with. */
struct boost_setup train_setup(struct train_job *job, int64_t n_images);

/* Collective over job->world, where members were dealt to ranks: what each rank calls after each of its rounds, and
 * goes on calling without work (is_busy = false) until no rank has any, so that one rank's request to stop, or its
 * fault, ends all of them within a round. Sets job->is_stopped; *n_busy are the ranks at work. */
enum status train_exchange(struct train_job *job, bool is_busy, bool is_ending, int64_t *n_busy);

/* train_member.c. Collective over job->team. Trains member `number` (from 0) and adds it to job->model, unless it was
 * stopped. */
enum status train_member(struct train_job *job, int number);

/* train_gather.c. Collective over job->world, where members were dealt to ranks: rank 0's model gets all of them, in
 * the order of their seeds. */
enum status train_gather_members(struct train_job *job);

#endif
