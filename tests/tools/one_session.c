/* one_session: decodes films one after the other, each by two decoders that take turns at its segments, all in one
 * session that is never reset in between, as NVDEC's go from film to film. It decodes in software: the functions of
 * nvdec.h that decoders call are this program's own. Prints, a film a line of its name, then a line a frame as
 * --frame-hashes does, in no order. It claims to be hardware, unless ONE_SESSION_REFUSED=1 is set.
 * usage: one_session EVERY FILM... */
#include "barcode/plan.h"
#include "film/decode/nvdec.h"
#include "film/frame_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct nvdec *kept;
static int64_t n_sessions;

static void end_session(void)
{
    if (kept)
        avcodec_free_context(&kept->codec);
    free(kept);
    kept = NULL;
}

enum status nvdec_take(const struct film_info *film, const struct av_input *in, int device, struct nvdec **out)
{
    if (kept && strcmp(kept->kind, film->kind) != 0)
        end_session();
    struct nvdec *s = *out = kept ? kept : calloc(1, sizeof *s);
    kept = NULL;
    if (!s)
        return FAIL(ST_NOMEM, "out of memory for a session");
    if (s->codec)
        return ST_OK;
    n_sessions++;
    memcpy(s->kind, film->kind, sizeof s->kind);
    s->device = device;
    TRY(av_decoder_open(&s->codec, in, 1));
    return av_decoder_start(s->codec, in);
}

bool nvdec_is_hardware(const struct nvdec *s)
{
    (void)s;
    return getenv("ONE_SESSION_REFUSED") == NULL;
}

void nvdec_keep(struct nvdec **s, int64_t n_packets, bool holds_frames)
{
    (*s)->first_time += n_packets;
    (*s)->holds_frames = holds_frames;
    (*s)->was_used = true;
    kept = *s;
    *s = NULL;
}

/* One that is none to keep, says whoever closes it; here it is. */
void nvdec_close(struct nvdec **s)
{
    nvdec_keep(s, INT32_MAX, true);
}

struct turn {
    const struct film *film;
    const struct plan *plan;
    uint8_t *is_due; /* [frames] asked for, and not there yet */
};

static int64_t which_frame(void *context, int64_t frame)
{
    return ((const struct turn *)context)->is_due[frame] ? frame : -1;
}

static enum status print_frame(void *context, int64_t number, const struct frame *frame, const char *hash)
{
    struct turn *t = context;

    (void)frame;
    t->is_due[number] = 0;
    printf("%lld %lld %s\n", (long long)number, (long long)t->film->frame[number].pts, hash);
    return ST_OK;
}

/* Segments first, first + 2, ... */
static enum status decode_turn(struct turn *t, int64_t first, const atomic_int *stop)
{
    const struct decoder_setup setup = {.film = t->film,
                                        .path = DECODER_NVDEC,
                                        .threads = 1,
                                        .want_hash = true,
                                        .sink = {t, which_frame, print_frame, NULL},
                                        .stop = stop};
    struct decoder *decoder;
    enum status st = decoder_open(&setup, &decoder);

    for (int64_t i = first; i < t->plan->n_segments; i += 2)
        for (int64_t j = t->plan->segment[i].first; j < t->plan->segment[i].last; j++)
            t->is_due[t->plan->sample_frame[j]] = 1;
    for (int64_t i = first; st == ST_OK && i < t->plan->n_segments; i += 2) {
        const struct segment *s = &t->plan->segment[i];
        st = decoder_turn_to(decoder, t->plan->sample_frame[s->first]);
        if (st == ST_OK)
            st = decoder_run(decoder, t->plan->sample_frame + s->first, s->last - s->first);
    }
    if (st == ST_OK)
        st = decoder_finish(decoder);
    if (st == ST_OK && decoder_stats(decoder).damaged > 0)
        st = FAIL(ST_MISMATCH, "%s: damage was met", t->film->path);
    decoder_close(&decoder);
    return st;
}

static enum status decode_film(const char *path, double every)
{
    const struct sampling sampling = {.unit = SAMPLE_FRAMES, .every = every};
    atomic_int stop = 0;
    struct film film;
    struct plan plan = {0};
    enum status st = film_open(&film, path, &stop, NULL, NULL);

    printf("%s\n", path);
    if (st == ST_OK)
        st = plan_make(&plan, &film, &sampling, 1, 64);
    struct turn turn = {&film, &plan, calloc((size_t)film.n_frames + 1, 1)};
    if (st == ST_OK && !turn.is_due)
        st = FAIL(ST_NOMEM, "out of memory for %s", path);
    for (int64_t first = 0; st == ST_OK && first < 2; first++)
        st = decode_turn(&turn, first, &stop);
    free(turn.is_due);
    plan_release(&plan);
    film_release(&film);
    return st;
}

int main(int argc, char **argv)
{
    enum status st = ST_OK;

    if (argc < 3) {
        fputs("usage: one_session EVERY FILM...\n", stderr);
        return 2;
    }
    for (int i = 2; st == ST_OK && i < argc; i++)
        st = decode_film(argv[i], atof(argv[1]));
    if (st != ST_OK)
        fprintf(stderr, "one_session: %s\n", status_message());
    else
        fprintf(stderr, "one_session: %lld sessions\n", (long long)n_sessions);
    end_session();
    return status_exit_code(st);
}
