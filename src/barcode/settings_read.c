#include "barcode/settings_read.h"

#include "compute/kmeans_rules.h"

#include <jansson.h>
#include <stdbool.h>
#include <string.h>

static bool find_name(const json_t *text, const char *const *names, int n, int *which)
{
    const char *name = json_string_value(text); /* NULL where it is no text */

    for (*which = 0; name && *which < n; ++*which)
        if (strcmp(name, names[*which]) == 0)
            return true;
    return false;
}

static enum status read_strips(const json_t *list, struct picture_plan *plan)
{
    bool is_taken[N_STRIPS] = {false};
    const size_t n = json_array_size(list); /* 0 where it is no list */
    int which;

    if (n < 1 || n > N_STRIPS)
        return FAIL(ST_USAGE, "settings.strips is not a list of 1 to %d strips", N_STRIPS);
    for (size_t i = 0; i < n; i++) {
        if (!find_name(json_array_get(list, i), strip_names, N_STRIPS, &which) || is_taken[which])
            return FAIL(ST_USAGE, "settings.strips[%zu] is not the name of a further strip", i);
        is_taken[which] = true;
        plan->strip[i] = (enum strip)which;
    }
    plan->n_strips = (int)n;
    return ST_OK;
}

static enum status read_plan(const json_t *settings, struct picture_plan *plan)
{
    const json_int_t height = json_integer_value(json_object_get(settings, "height")); /* 0 where it is none */
    int which;

    if (height < 1 || height > SETTINGS_MAX_HEIGHT)
        return FAIL(ST_USAGE, "settings.height is not a number from 1 to %d", SETTINGS_MAX_HEIGHT);
    plan->height = (uint32_t)height;
    if (!find_name(json_object_get(settings, "order"), order_names, N_ORDERS, &which))
        return FAIL(ST_USAGE, "settings.order is not the name of an order");
    plan->order = (enum order)which;
    return read_strips(json_object_get(settings, "strips"), plan);
}

enum status settings_read_plan(const char *settings_text, struct picture_plan *plan)
{
    json_error_t error;
    json_t *settings = json_loads(settings_text, JSON_REJECT_DUPLICATES, &error);

    *plan = (struct picture_plan){0};
    if (!settings)
        return FAIL(ST_USAGE, "its settings are no JSON object: %s", error.text);
    const enum status st = read_plan(settings, plan);
    json_decref(settings);
    return st;
}

static enum status read_number(const json_t *settings, const char *key, json_int_t least, json_int_t most,
                               json_int_t *value)
{
    const json_t *member = json_object_get(settings, key);

    *value = json_integer_value(member);
    return json_is_integer(member) && *value >= least && *value <= most
               ? ST_OK
               : FAIL(ST_USAGE, "settings.%s is not a number from %lld to %lld", key, (long long)least,
                      (long long)most);
}

static enum status read_kmeans(const json_t *settings, struct kmeans_settings *kmeans)
{
    const json_t *plain = json_object_get(settings, "plain");
    json_int_t k, n_init, seed;

    TRY(read_number(settings, "k", 1, COMPUTE_MAX_K, &k));
    TRY(read_number(settings, "n_init", 1, KMEANS_MAX_RESTARTS, &n_init));
    TRY(read_number(settings, "seed", 0, INT64_MAX, &seed));
    if (!json_is_boolean(plain))
        return FAIL(ST_USAGE, "settings.plain is not true or false");
    *kmeans = (struct kmeans_settings){
        .k = (int)k, .n_init = (int)n_init, .plain = json_is_true(plain), .seed = (uint64_t)seed};
    return ST_OK;
}

enum status settings_read_kmeans(const char *settings_text, struct kmeans_settings *kmeans)
{
    json_error_t error;
    json_t *settings = json_loads(settings_text, JSON_REJECT_DUPLICATES, &error);

    *kmeans = (struct kmeans_settings){0};
    if (!settings)
        return FAIL(ST_USAGE, "its settings are no JSON object: %s", error.text);
    const enum status st = read_kmeans(settings, kmeans);
    json_decref(settings);
    return st;
}
