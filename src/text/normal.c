/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The quantile is Wichura's PPND16 (Algorithm AS 241, Applied Statistics 37, 1988), good to about 1 in 10^16. Random
 * bits are those of xoshiro256** by Blackman and Vigna, seeded by splitmix64 as they advise; a normal number is the
 * quantile of 53 of them, so that it takes one draw and nothing is thrown away. */

#include "normal.h"

#include "bits.h"
#include "splitmix.h"

#include <math.h>

#define DEGREE 7

/* Numerator and denominator, from the constant on. */
struct rational {
	double over[DEGREE + 1], under[DEGREE + 1];
};

static const struct rational centre = {
	{ 3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
		4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3 },
	{ 1, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3, 2.1213794301586595867e4,
		3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3 },
};
static const struct rational shoulder = {
	{ 1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
		1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4 },
	{ 1, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1, 1.48103976427480074590e-1,
		1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9 },
};
static const struct rational tail = {
	{ 6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
		2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7 },
	{ 1, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2, 7.86869131145613259100e-4,
		1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15 },
};

static double evaluate(const struct rational *r, double x)
{
	double over = r->over[DEGREE], under = r->under[DEGREE];

	for (unsigned i = DEGREE; i; i--) {
		over = over * x + r->over[i - 1];
		under = under * x + r->under[i - 1];
	}
	return over / under;
}

double wick_normal_quantile(double p)
{
	double q = p - 0.5, r;

	if (fabs(q) <= 0.425)
		return q * evaluate(&centre, 0.180625 - q * q);
	r = sqrt(-log(q < 0 ? p : 1 - p));
	r = r <= 5 ? evaluate(&shoulder, r - 1.6) : evaluate(&tail, r - 5);
	return q < 0 ? -r : r;
}

double wick_normal_cdf(double x)
{
	return 0.5 * erfc(-x * M_SQRT1_2);
}

WICK_WRAPS static uint64_t rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

void wick_random_seed(struct wick_random *random, uint64_t seed)
{
	for (unsigned i = 0; i < 4; i++)
		random->state[i] = wick_splitmix_draw(&seed);
}

WICK_WRAPS uint64_t wick_random_next(struct wick_random *random)
{
	uint64_t *s = random->state, result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

/* Biased by less than limit / 2^32. */
uint32_t wick_random_below(struct wick_random *random, uint32_t limit)
{
	return (wick_random_next(random) >> 32) * limit >> 32;
}

double wick_random_normal(struct wick_random *random)
{
	return wick_normal_quantile(((double)(wick_random_next(random) >> 11) + 0.5) * 0x1p-53);
}
