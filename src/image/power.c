#include "image/power.h"

#include <math.h>

static const double ln_2 = 0.693147180559945309417232;

/* The series of e^(f ln 2) for |f| <= 1/2. */
double power_of_two(double x)
{
    const double whole = floor(x + 0.5), t = (x - whole) * ln_2;
    double sum = 1.0;

    for (int i = 18; i > 0; i--)
        sum = 1.0 + sum * t / i;
    return ldexp(sum, (int)whole);
}

/* log2 of x = m 2^e by ln m = 2 artanh((m - 1) / (m + 1)), m from 1/sqrt 2 to sqrt 2. */
static double log_2(double x)
{
    int exponent;
    double m = frexp(x, &exponent);

    if (m < 0.70710678118654752) {
        m *= 2.0;
        exponent--;
    }
    const double s = (m - 1.0) / (m + 1.0), square = s * s;
    double sum = 0.0;
    for (int i = 25; i > 0; i -= 2)
        sum = sum * square + 1.0 / i;
    return exponent + 2.0 * s * sum / ln_2;
}

double power(double x, double y)
{
    return x > 0.0 ? power_of_two(y * log_2(x)) : 0.0;
}
