/* event: a line is believed as a whole or not at all. Refuses what does not begin like an object, before it is parsed;
 * members that are missing, twice there, of the wrong kind or out of range; film names that are no names of files in
 * one folder. Members that are not known are passed over. */
#include "catalog/store/event.h"

#include "base/json.h"
#include "catalog/store/result_text.h"

#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char *const event_names[N_EVENT_KINDS] = {"run",   "film", "cost",   "start", "step",
                                                       "fault", "done", "failed", "beat",  "end"};
const char *const fault_names[N_FAULT_KINDS] = {"unreadable", "not-a-film", "incomplete", "damaged", "crash",
                                                "timeout",    "memory",     "killed",     "device",  "other"};
const char *const state_names[4] = {"left", "done", "failed", "quarantined"};

enum { HEAD_ROOM = 4096, MOST_DEPTH = 100 /* a parser recurses */ };

struct summary { /* its text in a line; NULL: still in the object */
    const char *text;
    size_t length;
};

static const double latest_time = 1e11; /* the year 5138: what is later is no time */

/* All of these: false where the member is not as it should be. */

static bool read_int(const json_t *o, const char *key, int *v)
{
    int64_t wide;
    const bool is_read = result_read_integer(o, key, &wide) && wide >= INT_MIN && wide <= INT_MAX;

    *v = is_read ? (int)wide : 0;
    return is_read;
}

static bool read_bool(const json_t *o, const char *key, bool *v)
{
    const json_t *member = json_object_get(o, key);

    *v = json_is_true(member);
    return json_is_boolean(member);
}

/* Out of names[n]. */
static bool read_choice(const json_t *o, const char *key, const char *const *names, int n, int *which)
{
    const json_t *member = json_object_get(o, key);

    for (*which = 0; json_is_string(member) && *which < n; (*which)++)
        if (strcmp(json_string_value(member), names[*which]) == 0)
            return true;
    return false;
}

static bool copy_text(const json_t *text, char **copy, bool *is_short_of_memory)
{
    if (!json_is_string(text))
        return false;
    *copy = strdup(json_string_value(text));
    *is_short_of_memory |= !*copy;
    return *copy;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* As json_print_bytes writes it. */
static bool read_bytes(const json_t *o, const char *key, char **bytes, bool *is_short_of_memory)
{
    char hex_key[16];

    strcat(strcpy(hex_key, key), "_hex");
    const json_t *hex = json_object_get(o, hex_key);
    if (!copy_text(hex ? hex : json_object_get(o, key), bytes, is_short_of_memory))
        return false;
    if (!hex)
        return true;
    const size_t n = strlen(*bytes);
    for (size_t i = 0; i + 1 < n; i += 2) {
        const int high = hex_digit((*bytes)[i]), low = hex_digit((*bytes)[i + 1]);
        if (high < 0 || low < 0 || high + low == 0)
            return false;
        (*bytes)[i / 2] = (char)(16 * high + low);
    }
    (*bytes)[n / 2] = '\0';
    return n % 2 == 0;
}

static bool is_name(const char *name)
{
    return name[0] && !strchr(name, '/') && strlen(name) <= NAME_MAX && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

/* Settings that are no JSON object would spoil what they are printed into. */
static void drop_other_than_object(char **text)
{
    const bool is_shallow = *text && json_depth(*text, strlen(*text)) <= MOST_DEPTH;
    json_t *value = is_shallow ? json_loads(*text, JSON_REJECT_DUPLICATES, NULL) : NULL;

    if (!json_is_object(value)) {
        free(*text);
        *text = NULL;
    }
    json_decref(value);
}

static bool read_task(const json_t *o, struct event *e)
{
    return result_read_text(o, "kind", e->as.task.kind, sizeof e->as.task.kind) &&
           read_int(o, "piece", &e->as.task.piece) && read_int(o, "rank", &e->as.task.rank) &&
           read_int(o, "lane", &e->as.task.worker);
}

static bool read_heartbeat(const json_t *o, struct journal_heartbeat *b)
{
    return result_read_integer(o, "done", &b->n_done) && result_read_integer(o, "failed", &b->n_failed) &&
           result_read_integer(o, "left", &b->n_left) && result_read_integer(o, "running", &b->n_running) &&
           result_read_double(o, "cost_done", -1.0, &b->cost_done) &&
           result_read_double(o, "cost_left", -1.0, &b->cost_left) &&
           result_read_double(o, "eta_seconds", -1.0, &b->eta_seconds);
}

static bool read_failure(const json_t *o, struct event *e)
{
    int kind;
    const bool is_read =
        read_choice(o, "fault", fault_names, N_FAULT_KINDS, &kind) &&
        read_bool(o, "quarantined", &e->as.failure.quarantined) &&
        result_read_integer(o, "bytes", &e->as.failure.bytes) &&
        result_read_integer(o, "mtime_ns", &e->as.failure.mtime_ns) &&
        result_read_double(o, "seconds", 0.0, &e->as.failure.seconds) &&
        result_read_text(o, "settings_id", e->as.failure.settings_id, sizeof e->as.failure.settings_id);

    if (is_read)
        e->as.failure.kind = (enum fault_kind)kind;
    return is_read;
}

/* The summary is most of a line, and jansson is slow with texts: where a line ends like `,"summary":"AB+/"}` it is
 * taken off before. The rest of the line, closed again, is in head; false where the line has another ending. */
static bool take_off_summary(const char *line, size_t length, char head[HEAD_ROOM], size_t *head_length,
                             struct summary *summary)
{
    static const char key[] = ",\"card\":\"", ending[] = "\"}";
    const size_t key_length = sizeof key - 1;

    if (length < key_length + 2 || memcmp(line + length - 2, ending, 2) != 0)
        return false;
    const size_t end = length - 2;
    const char *quote = memrchr(line, '"', end);
    const size_t at = quote ? (size_t)(quote - line) + 1 : 0;
    if (at < key_length || at - key_length >= HEAD_ROOM || memcmp(line + at - key_length, key, key_length) != 0)
        return false;
    *summary = (struct summary){line + at, end - at};
    *head_length = at - key_length + 1;
    memcpy(head, line, at - key_length);
    head[*head_length - 1] = '}';
    return true;
}

static bool read_result(const json_t *o, const struct summary *summary, struct film_result **result,
                        bool *is_short_of_memory)
{
    const json_t *member = json_object_get(o, "card");

    if (!member == !summary->text) /* neither, or both */
        return false;
    if (member && !json_is_string(member))
        return false;
    *result = malloc(sizeof **result);
    *is_short_of_memory |= !*result;
    if (!*result)
        return false;
    return summary->text ? result_read(o, summary->text, summary->length, *result)
                         : result_read(o, json_string_value(member), json_string_length(member), *result);
}

static bool read_members(const json_t *o, const struct summary *summary, struct event *e, bool *is_short_of_memory)
{
    const json_t *kind = json_object_get(o, "event");
    int which;

    if (!json_is_string(kind) || !result_read_double(o, "time", 0.0, &e->time) ||
        !(e->time > 0.0 && e->time < latest_time))
        return false;
    if (!read_choice(o, "event", event_names, N_EVENT_KINDS, &which))
        which = EVENT_UNKNOWN;
    e->kind = (enum event_kind)which;
    if (e->kind >= EVENT_FILM && e->kind <= EVENT_FAILED &&
        !(read_bytes(o, "name", &e->name, is_short_of_memory) && is_name(e->name)))
        return false;
    if ((e->kind == EVENT_FILM || e->kind == EVENT_DONE || e->kind == EVENT_FAILED) &&
        !read_bytes(o, "path", &e->path, is_short_of_memory))
        return false;
    if ((e->kind == EVENT_FAULT || e->kind == EVENT_FAILED) &&
        !copy_text(json_object_get(o, "error"), &e->text, is_short_of_memory))
        return false;

    switch (e->kind) {
    case EVENT_RUN:
        if (!copy_text(json_object_get(o, "settings"), &e->text, is_short_of_memory) ||
            !copy_text(json_object_get(o, "command"), &e->command, is_short_of_memory))
            return false;
        drop_other_than_object(&e->text);
        if (!json_is_string(json_object_get(o, "settings_id")) ||
            !result_read_text(o, "settings_id", e->as.settings_id, sizeof e->as.settings_id))
            e->as.settings_id[0] = '\0';
        return true;
    case EVENT_FILM:
        return result_read_integer(o, "bytes", &e->as.film.bytes) &&
               result_read_integer(o, "mtime_ns", &e->as.film.mtime_ns);
    case EVENT_COST:
        return result_read_integer(o, "bytes", &e->as.film.bytes) &&
               result_read_integer(o, "mtime_ns", &e->as.film.mtime_ns) &&
               result_read_double(o, "cost", -1.0, &e->as.film.cost) && read_int(o, "pieces", &e->as.film.n_pieces) &&
               e->as.film.n_pieces >= 0;
    case EVENT_START:
    case EVENT_STEP:
        return read_task(o, e);
    case EVENT_FAULT:
        return read_task(o, e) && read_bool(o, "counts", &e->as.task.counts);
    case EVENT_DONE:
        return read_result(o, summary, &e->result, is_short_of_memory);
    case EVENT_FAILED:
        return read_failure(o, e);
    case EVENT_HEARTBEAT:
        return read_heartbeat(o, &e->as.heartbeat);
    case EVENT_END:
        return read_int(o, "exit_code", &e->as.exit_code);
    case EVENT_UNKNOWN:
        break;
    }
    return true;
}

enum status event_read(const char *line, size_t length, struct event *e)
{
    bool is_short_of_memory = false;
    struct summary summary = {NULL, 0};
    char head[HEAD_ROOM];
    size_t head_length;
    json_error_t error;

    memset(e, 0, sizeof *e);
    if (length == 0 || line[0] != '{' || json_depth(line, length) > MOST_DEPTH)
        return ST_FORMAT;
    json_t *object = take_off_summary(line, length, head, &head_length, &summary)
                         ? json_loadb(head, head_length, JSON_REJECT_DUPLICATES, &error)
                         : json_loadb(line, length, JSON_REJECT_DUPLICATES, &error);
    if (!object)
        return json_error_code(&error) == json_error_out_of_memory ? FAIL(ST_NOMEM, "out of memory for a journal")
                                                                   : ST_FORMAT;
    const bool is_read = read_members(object, &summary, e, &is_short_of_memory);
    json_decref(object);
    if (is_read)
        return ST_OK;
    event_release(e);
    return is_short_of_memory ? FAIL(ST_NOMEM, "out of memory for a journal") : ST_FORMAT;
}

void event_release(struct event *e)
{
    free(e->name);
    free(e->path);
    free(e->text);
    free(e->command);
    free(e->result);
    *e = (struct event){0};
}
