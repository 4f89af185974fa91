#include "catalog/store/field.h"

#include "base/json.h"
#include "catalog/store/history.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <string.h>

void field_print(FILE *file, const struct field *f, const void *from)
{
    const void *at = (const char *)from + f->at;

    if (f->kind == FIELD_OPTIONAL && !*(const char *)at)
        return;
    fputc(',', file);
    if (f->kind == FIELD_NAME) {
        json_print_bytes(file, f->key, *(char *const *)at);
        return;
    }
    fprintf(file, "\"%s\":", f->key);
    switch (f->kind) {
    case FIELD_INT:
        fprintf(file, "%d", *(const int *)at);
        break;
    case FIELD_INT64:
        fprintf(file, "%" PRId64, *(const int64_t *)at);
        break;
    case FIELD_BOOL:
        fputs(*(const bool *)at ? "true" : "false", file);
        break;
    case FIELD_DOUBLE:
        json_print_double(file, *(const double *)at);
        break;
    case FIELD_ESTIMATE:
        json_print_double(file, *(const double *)at >= 0.0 ? *(const double *)at : NAN);
        break;
    case FIELD_TEXT:
    case FIELD_OPTIONAL:
        json_print_string(file, at);
        break;
    case FIELD_HEAP_TEXT:
        json_print_string(file, *(char *const *)at ? *(char *const *)at : "");
        break;
    case FIELD_FAULT:
        json_print_string(file, fault_names[*(const enum fault_kind *)at]);
        break;
    case FIELD_NAME:
        break;
    }
}

static void read_text(const json_t *member, char *text, size_t bytes)
{
    size_t n = json_string_length(member);

    if (n >= bytes)
        for (n = bytes - 1; n > 0 && (json_string_value(member)[n] & 0xc0) == 0x80;)
            n--;
    memcpy(text, json_string_value(member), n);
    text[n] = '\0';
}

static bool copy_text(const json_t *member, char **copy, bool *is_short_of_memory)
{
    if (!json_is_string(member))
        return false;
    *copy = strdup(json_string_value(member));
    *is_short_of_memory |= !*copy;
    return *copy;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* As json_print_bytes writes it. */
static bool read_name(const json_t *o, const char *key, char **bytes, bool *is_short_of_memory)
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

static bool read_fault(const json_t *member, enum fault_kind *kind)
{
    for (int i = 0; json_is_string(member) && i < N_FAULT_KINDS; i++)
        if (strcmp(json_string_value(member), fault_names[i]) == 0) {
            *kind = (enum fault_kind)i;
            return true;
        }
    return false;
}

bool field_read(const json_t *object, const struct field *f, void *to, bool *is_short_of_memory)
{
    const json_t *member = json_object_get(object, f->key);
    const json_int_t integer = json_integer_value(member);
    void *at = (char *)to + f->at;

    switch (f->kind) {
    case FIELD_INT:
        if (integer >= INT_MIN && integer <= INT_MAX)
            *(int *)at = (int)integer;
        return json_is_integer(member) && integer >= INT_MIN && integer <= INT_MAX;
    case FIELD_INT64:
        *(int64_t *)at = integer;
        return json_is_integer(member);
    case FIELD_BOOL:
        *(bool *)at = json_is_true(member);
        return json_is_boolean(member);
    case FIELD_DOUBLE:
    case FIELD_ESTIMATE:
        *(double *)at = json_is_number(member) ? json_number_value(member) : f->kind == FIELD_DOUBLE ? 0.0 : -1.0;
        return json_is_number(member) || json_is_null(member);
    case FIELD_TEXT:
    case FIELD_OPTIONAL:
        *(char *)at = '\0';
        if (json_is_string(member))
            read_text(member, at, f->bytes);
        return json_is_string(member) || (!member && f->kind == FIELD_OPTIONAL);
    case FIELD_HEAP_TEXT:
        return copy_text(member, at, is_short_of_memory);
    case FIELD_NAME:
        return read_name(object, f->key, at, is_short_of_memory);
    case FIELD_FAULT:
        return read_fault(member, at);
    }
    return false;
}
