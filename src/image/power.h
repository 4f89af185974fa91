/* power: exp2 and powers by additions, multiplications and divisions alone, whose results IEEE 754 fixes: the same bits
 * on every machine, where those of libm differ in the last one. Errors are below 1e-14 of the result. Pure. */
#ifndef JACQUARD_IMAGE_POWER_H
#define JACQUARD_IMAGE_POWER_H

/* 2^x, |x| < 1000. */
double power_of_two(double x);

/* x^y for x >= 0 (0 for x = 0) and results within 2^+-1000. */
double power(double x, double y);

#endif
