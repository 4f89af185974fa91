#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

size_t json_utf8_length(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    const unsigned char low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;  /* no overlong forms, */
    const unsigned char high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf; /* surrogates or codes past 10FFFF */
    const size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

    if (n > 1 && (s[1] < low || s[1] > high))
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

static bool is_utf8(const char *text)
{
    while (*text) {
        const size_t n = json_utf8_length(text);
        if (n == 0)
            return false;
        text += n;
    }
    return true;
}

void json_print_string(FILE *file, const char *text)
{
    fputc('"', file);
    while (*text) {
        const size_t n = json_utf8_length(text);
        if (n == 0)
            fputs("\xef\xbf\xbd", file); /* U+FFFD */
        else if (n > 1)
            fwrite(text, 1, n, file);
        else if (*text == '"' || *text == '\\')
            fprintf(file, "\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            fprintf(file, "\\u%04x", (unsigned)(unsigned char)*text);
        else
            fputc(*text, file);
        text += n > 0 ? n : 1;
    }
    fputc('"', file);
}

void json_print_double(FILE *file, double v)
{
    char text[40];

    if (!isfinite(v)) {
        fputs("null", file);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    const size_t whole = strspn(text, "-0123456789"), point = strcspn(text + whole, "0123456789+-e");
    fprintf(file, "%.*s%s%s", (int)whole, text, point > 0 ? "." : "", text + whole + point);
}

void json_print_bytes(FILE *file, const char *key, const char *text)
{
    fprintf(file, "\"%s\":", key);
    json_print_string(file, text);
    if (is_utf8(text))
        return;
    fprintf(file, ",\"%s_hex\":\"", key);
    for (; *text; text++)
        fprintf(file, "%02x", (unsigned)(unsigned char)*text);
    fputc('"', file);
}

/* The byte changes what is open. */
static void walk_byte(struct json_walk *w, char c)
{
    if (w->in_text) {
        w->in_text = w->is_escaped || c != '"';
        w->is_escaped = !w->is_escaped && c == '\\';
    } else if (c == '"') {
        w->in_text = true;
    } else if (c == '[' || c == '{') {
        w->depth++;
    } else if (c == ']' || c == '}') {
        w->depth--;
    }
}

size_t json_walk(struct json_walk *w, const char *text, size_t n, bool *ended)
{
    *ended = false;
    for (size_t i = 0; i < n; i++) {
        const bool is_free = w->depth == 0 && !w->in_text; /* of everything that has to be closed */
        const bool is_simple = !strchr("\"[]{},: \t\r\n", text[i]) || text[i] == '\0';
        if (is_free && !is_simple && (w->has_begun || strchr("]},:", text[i]))) {
            *ended = true;
            return i;
        }
        w->has_begun = true;
        walk_byte(w, text[i]);
        if (!is_simple && w->depth <= 0 && !w->in_text && !is_free) {
            *ended = true;
            return i + 1;
        }
    }
    return n;
}

int json_depth(const char *text, size_t n)
{
    struct json_walk w = {0};
    int most = 0;

    for (size_t i = 0; i < n; i++) {
        walk_byte(&w, text[i]);
        most = w.depth > most ? w.depth : most;
        w.depth = w.depth > 0 ? w.depth : 0;
    }
    return most;
}
