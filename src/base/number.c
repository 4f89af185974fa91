#include "base/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool number_next_u64(const char **text, uint64_t high, uint64_t *value)
{
    const char *digit = *text;
    uint64_t sum = 0;

    for (; *digit >= '0' && *digit <= '9'; digit++) {
        const uint64_t d = (uint64_t)(*digit - '0');
        if (sum > (UINT64_MAX - d) / 10)
            return false;
        sum = sum * 10 + d;
    }
    if (digit == *text || sum > high)
        return false;
    *text = digit;
    *value = sum;
    return true;
}

bool number_next_int(const char **text, int64_t low, int64_t high, int64_t *value)
{
    const bool is_negative = **text == '-';
    const char *at = *text + is_negative;
    uint64_t size;

    if (!number_next_u64(&at, (uint64_t)INT64_MAX + is_negative, &size))
        return false;
    const int64_t number = !is_negative ? (int64_t)size : size > 0 ? -(int64_t)(size - 1) - 1 : 0;
    if (number < low || number > high)
        return false;
    *text = at;
    *value = number;
    return true;
}

bool number_next_int32(const char **text, int32_t low, int32_t high, int32_t *value)
{
    int64_t wide;

    if (!number_next_int(text, low, high, &wide))
        return false;
    *value = (int32_t)wide;
    return true;
}

/* Bytes of the decimal at text; 0: none. */
static size_t decimal_length(const char *text)
{
    const size_t whole = strspn(text, "0123456789"), point = text[whole] == '.';
    const size_t part = point ? strspn(text + whole + 1, "0123456789") : 0;

    return whole + part > 0 ? whole + point + part : 0;
}

/* strtod rounds correctly, but would also accept what is not a decimal, or read on. */
static bool convert(const char *text, size_t length, double *value)
{
    char *end;
    const double v = strtod(text, &end);

    if (end != text + length || !isfinite(v))
        return false;
    *value = v;
    return true;
}

bool number_next_decimal(const char **text, double *value)
{
    const size_t length = decimal_length(*text);

    if (length == 0 || !convert(*text, length, value))
        return false;
    *text += length;
    return true;
}

bool number_read_int(const char *text, int64_t low, int64_t high, int64_t *value)
{
    int64_t v;

    if (!number_next_int(&text, low, high, &v) || *text)
        return false;
    *value = v;
    return true;
}

bool number_read_int32(const char *text, int32_t low, int32_t high, int32_t *value)
{
    int64_t wide;

    if (!number_read_int(text, low, high, &wide))
        return false;
    *value = (int32_t)wide;
    return true;
}

bool number_read_real(const char *text, double *value)
{
    size_t length = decimal_length(text);

    if (length > 0 && (text[length] == 'e' || text[length] == 'E')) {
        const size_t sign = text[length + 1] == '-' || text[length + 1] == '+';
        const size_t digits = strspn(text + length + 1 + sign, "0123456789");
        if (digits == 0)
            return false;
        length += 1 + sign + digits;
    }
    return length > 0 && text[length] == '\0' && convert(text, length, value);
}

bool number_read_pair(const char *text, char between, int32_t low, int32_t high, int32_t *first, int32_t *second)
{
    int32_t a, b;

    if (!number_next_int32(&text, low, high, &a) || *text++ != between || !number_next_int32(&text, low, high, &b) ||
        *text)
        return false;
    *first = a;
    *second = b;
    return true;
}
