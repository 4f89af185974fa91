/* event: one table says which members the lines of each kind have, for both directions. A line is believed as a whole
 * or not at all. Refuses what does not begin like an object, before it is parsed; members that are missing, twice
 * there, of the wrong kind or out of range; film names that are no names of files in one folder. Members that are not
 * known are passed over. */
#include "catalog/store/event.h"

#include "base/json.h"
#include "catalog/store/result_text.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char *const event_names[N_EVENT_KINDS] = {"run",   "film", "cost",   "start", "step",
                                                       "fault", "done", "failed", "beat",  "end"};
const char *const fault_names[N_FAULT_KINDS] = {"unreadable", "not-a-film", "incomplete", "damaged",
                                                "settings",   "crash",      "timeout",    "memory",
                                                "killed",     "device",     "other"};
const char *const state_names[4] = {"left", "done", "failed", "quarantined"};

enum { HEAD_ROOM = 4096, MOST_DEPTH = 100 /* a parser recurses */ };

struct summary { /* its text in a line; NULL: still in the object */
    const char *text;
    size_t length;
};

static const double latest_time = 1e11; /* the year 5138: what is later is no time */

/* --- members ------------------------------------------------------------------------------------------------------ */

enum {
    FILM = 1 << EVENT_FILM,
    COST = 1 << EVENT_COST,
    START = 1 << EVENT_START,
    STEP = 1 << EVENT_STEP,
    FAULT = 1 << EVENT_FAULT,
    DONE = 1 << EVENT_DONE,
    FAILED = 1 << EVENT_FAILED,
    BEAT = 1 << EVENT_HEARTBEAT,
    END = 1 << EVENT_END,
    TASK = START | STEP | FAULT,
    OF_FILM = FILM | COST | TASK | DONE | FAILED
};

/* In the order in which a line has them. */
static const struct member {
    unsigned written, read; /* in lines of these kinds; a line is refused where one that is read is not sound */
    struct field field;
} members[] = {
#define MEMBER(key, kind, member) FIELD(key, kind, event, member)
    {OF_FILM, OF_FILM, MEMBER("name", FIELD_NAME, name)},
    {FILM | DONE | FAILED, FILM | DONE | FAILED, MEMBER("path", FIELD_NAME, path)},
    {TASK, TASK, MEMBER("kind", FIELD_TEXT, as.task.kind)},
    {TASK, TASK, MEMBER("piece", FIELD_INT, as.task.piece)},
    {TASK, 0, MEMBER("pieces", FIELD_INT, as.task.n_pieces)},
    {TASK, TASK, MEMBER("rank", FIELD_INT, as.task.rank)},
    {TASK, TASK, MEMBER("lane", FIELD_INT, as.task.worker)},
    {TASK, 0, MEMBER("host", FIELD_TEXT, as.task.host)},
    {FAULT | FAILED, FAILED, MEMBER("fault", FIELD_FAULT, fault)},
    {FAULT, FAULT, MEMBER("counts", FIELD_BOOL, as.task.counts)},
    {FAILED, FAILED, MEMBER("quarantined", FIELD_BOOL, as.failure.quarantined)},
    {FAILED, 0, MEMBER("attempts", FIELD_INT, as.failure.attempts)},
    {FAULT | FAILED, FAULT | FAILED, MEMBER("error", FIELD_HEAP_TEXT, text)},
    {FILM | COST | FAILED, FILM | COST | FAILED, MEMBER("bytes", FIELD_INT64, bytes)},
    {FILM | COST | FAILED, FILM | COST | FAILED, MEMBER("mtime_ns", FIELD_INT64, mtime_ns)},
    {COST, COST, MEMBER("cost", FIELD_ESTIMATE, as.cost.cost)},
    {COST, COST, MEMBER("pieces", FIELD_INT, as.cost.n_pieces)},
    {STEP | FAILED, FAILED, MEMBER("seconds", FIELD_DOUBLE, seconds)},
    {FAILED, FAILED, MEMBER("settings_id", FIELD_TEXT, settings_id)},
    {BEAT, BEAT, MEMBER("done", FIELD_INT64, as.heartbeat.n_done)},
    {BEAT, BEAT, MEMBER("failed", FIELD_INT64, as.heartbeat.n_failed)},
    {BEAT, BEAT, MEMBER("left", FIELD_INT64, as.heartbeat.n_left)},
    {BEAT, BEAT, MEMBER("running", FIELD_INT64, as.heartbeat.n_running)},
    {BEAT, BEAT, MEMBER("cost_done", FIELD_ESTIMATE, as.heartbeat.cost_done)},
    {BEAT, BEAT, MEMBER("cost_left", FIELD_ESTIMATE, as.heartbeat.cost_left)},
    {BEAT, BEAT, MEMBER("eta_seconds", FIELD_ESTIMATE, as.heartbeat.eta_seconds)},
    {END, END, MEMBER("exit_code", FIELD_INT, as.exit_code)},
#undef MEMBER
};

enum { N_MEMBERS = sizeof members / sizeof *members };

static const struct field time_field = FIELD("time", FIELD_DOUBLE, event, time);

/* What is read of a "run" line; journal.c writes it. */
static const struct field run_settings = FIELD("settings", FIELD_HEAP_TEXT, event, text),
                          run_command = FIELD("command", FIELD_HEAP_TEXT, event, command),
                          run_settings_id = FIELD("settings_id", FIELD_TEXT, event, settings_id);

/* --- writing ------------------------------------------------------------------------------------------------------ */

void event_print(FILE *file, const struct event *e)
{
    fprintf(file, ",\"event\":\"%s\"", event_names[e->kind]);
    for (int i = 0; i < N_MEMBERS; i++)
        if (members[i].written >> e->kind & 1)
            field_print(file, &members[i].field, e);
    if (e->kind == EVENT_DONE)
        result_print(file, e->result);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

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

/* The summary is most of a line, and jansson is slow with texts: where a line ends like `,"card":"AB+/"}` it is
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

static bool read_run(const json_t *o, struct event *e, bool *is_short_of_memory)
{
    if (!field_read(o, &run_settings, e, is_short_of_memory) || !field_read(o, &run_command, e, is_short_of_memory))
        return false;
    drop_other_than_object(&e->text);
    (void)field_read(o, &run_settings_id, e, NULL); /* it stays "" */
    return true;
}

static enum event_kind find_kind(const char *name)
{
    int kind = 0;

    while (kind < N_EVENT_KINDS && strcmp(event_names[kind], name) != 0)
        kind++;
    return (enum event_kind)kind;
}

static bool read_members(const json_t *o, const struct summary *summary, struct event *e, bool *is_short_of_memory)
{
    const json_t *kind = json_object_get(o, "event");

    if (!json_is_string(kind) || !field_read(o, &time_field, e, NULL) || !(e->time > 0.0 && e->time < latest_time))
        return false;
    e->kind = find_kind(json_string_value(kind));
    for (int i = 0; i < N_MEMBERS; i++)
        if (members[i].read >> e->kind & 1 && !field_read(o, &members[i].field, e, is_short_of_memory))
            return false;
    if (e->name && !is_name(e->name))
        return false;
    if (e->kind == EVENT_RUN)
        return read_run(o, e, is_short_of_memory);
    if (e->kind == EVENT_DONE)
        return read_result(o, summary, &e->result, is_short_of_memory);
    return e->kind != EVENT_COST || e->as.cost.n_pieces >= 0;
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
