#include "catalog/protocol/sanitize.h"

#include <stddef.h>
#include <string.h>

#define END_TEXT(text) ((text)[sizeof(text) - 1] = '\0')

static const double most_seconds = 1e12; /* also of what a film claims to last: 30,000 years */

static double number(double v, double low, double high, double otherwise)
{
    return v >= low && v <= high ? v : otherwise;
}

static int64_t count(int64_t n)
{
    return n < 0 || n > (int64_t)1 << 40 ? 0 : n;
}

static void sanitize_numbers(struct film_result *r, const struct task *task)
{
    r->bytes = r->bytes < 0 ? 0 : r->bytes;
    r->width = r->width < 0 ? 0 : r->width;
    r->height = r->height < 0 ? 0 : r->height;
    r->frames = count(r->frames);
    r->film_seconds = number(r->film_seconds, 0.0, 1e18, 0.0);
    r->frames_missing = count(r->frames_missing);
    r->frames_damaged = count(r->frames_damaged);
    r->frames_lead_in = count(r->frames_lead_in);
    r->columns = count(r->columns);
    r->seconds = number(r->seconds, 0.0, most_seconds, 0.0);
    r->index_seconds = number(r->index_seconds, 0.0, most_seconds, 0.0);
    r->extract_seconds = number(r->extract_seconds, 0.0, most_seconds, 0.0);
    r->write_seconds = number(r->write_seconds, 0.0, most_seconds, 0.0);
    r->frames_decoded = count(r->frames_decoded);
    r->cpu_decoders = count(r->cpu_decoders);
    r->nvdec_decoders = count(r->nvdec_decoders);
    r->n_pieces = r->n_pieces == 0 ? 0 : task->n_pieces;
    r->summary.n_bins = r->summary.n_bins < 0                  ? 0
                        : r->summary.n_bins > SUMMARY_MAX_BINS ? SUMMARY_MAX_BINS
                                                               : r->summary.n_bins;
    r->summary.hue = number(r->summary.hue, -1.0, 360.0, -1.0);
    r->summary.lightness = number(r->summary.lightness, 0.0, 101.0, 0.0);
    r->summary.chroma = number(r->summary.chroma, 0.0, 1.01, 0.0);
}

static void sanitize_texts(struct film_result *r)
{
    END_TEXT(r->fingerprint);
    END_TEXT(r->container);
    END_TEXT(r->codec);
    END_TEXT(r->pixel_format);
    END_TEXT(r->aspect);
    if (r->aspect[strspn(r->aspect, "0123456789.")])
        r->aspect[0] = '\0';
    END_TEXT(r->settings_id);
    END_TEXT(r->note);
    END_TEXT(r->notes);
    r->n_outputs = r->n_outputs < 0 ? 0 : r->n_outputs > MAX_OUTPUTS ? MAX_OUTPUTS : r->n_outputs;
    for (int i = 0; i < MAX_OUTPUTS; i++) {
        struct film_output *out = &r->output[i];
        END_TEXT(out->suffix);
        for (char *c = out->suffix; *c; c++)
            *c = *c == '/' ? '_' : *c;
        END_TEXT(out->sha256);
        out->bytes = out->bytes < 0 ? 0 : out->bytes;
    }
}

static void sanitize_result(struct film_result *r, const struct task *task)
{
    sanitize_numbers(r, task);
    sanitize_texts(r);
}

bool sanitize_is_sound(const struct outcome *o)
{
    struct film_result result;

    memcpy(&result, &o->result, sizeof result); /* padding and all */
    sanitize_result(&result, &o->task);
    return memcmp(&result, &o->result, sizeof result) == 0; /* NOLINT(bugprone-suspicious-memory-comparison) */
}

void sanitize_outcome(struct outcome *o, const struct task_request *request, bool is_ending)
{
    const struct task *task = &request->task;
    const bool can_unsplit = task->kind == TASK_INDEX || task->kind == TASK_JOIN;

    o->task = *task;
    if (o->end > OUTCOME_STOPPED || (o->end == OUTCOME_UNSPLIT && !can_unsplit) ||
        ((o->end == OUTCOME_DRAINED || o->end == OUTCOME_STOPPED) && !is_ending))
        *o = (struct outcome){.task = *task,
                              .end = OUTCOME_FAULT,
                              .fault = FAULT_CRASH,
                              .again = true,
                              .message = "the process that decoded it sent what is no outcome"};
    o->again = o->again != 0;
    o->is_output_fault = o->is_output_fault != 0;
    o->n_same = o->n_same < 0 || o->n_same > request->n_samples ? 0 : o->n_same;
    o->fault = o->fault < N_FAULT_KINDS ? o->fault : FAULT_OTHER;
    o->seconds = number(o->seconds, 0.0, most_seconds, 0.0);
    o->cost = number(o->cost, 0.0, most_seconds, 0.0);
    END_TEXT(o->message);
    sanitize_result(&o->result, task);
}

bool sanitize_ready(struct wire_ready *ready, const void *data)
{
    uint8_t has_device;

    memcpy(&has_device, (const char *)data + offsetof(struct wire_ready, has_device), sizeof has_device);
    if (has_device > 1)
        return false;
    memcpy(ready, data, sizeof *ready);
    END_TEXT(ready->backend);
    END_TEXT(ready->sandbox);
    return ready->threads >= 1 && ready->threads <= 1 << 16;
}
