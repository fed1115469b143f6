// How far two fingerprints lie apart.
//
//   row:    ratio  |log2(a + 1) - log2(b + 1)| / span     two minutes and four are as far apart as
//                                                         two days and four
//           share  |a - b| / span
//           bar    |a - b| / 2, summed over the histogram: total variation, the share of one that
//                  would have to be moved to make the other
//   group:  the mean of its rows (the sum, of bars), at most 1000
//   whole:  the mean of the groups by weight
//
// Doubt goes through all of it as an interval: a value that is a range lies anywhere in it, a value
// that one side does not know may be the same or altogether different. `middle` alone leaves what
// is unknown out. It is a distance by construction for exact values (symmetric, 0 with itself), it
// is no probability: how near is near is told by distances between known cases.
#include <string.h>

#include "base/check.h"
#include "technique/fingerprint.h"

enum { MILLI = 1000, PPM = 1000000, LOG_BITS = 20 };

// log2 in thousandths: the whole part by counting bits, the fraction by squaring, one bit at a time
// (Knuth, The Art of Computer Programming, volume 1, section 1.2.2).
static int64_t log2_milli(uint64_t x)
{
	DP_CHECK(x > 0);
	unsigned whole = 63 - (unsigned)__builtin_clzll(x);
	uint64_t y = x << (63 - whole); // 1 <= y / 2^63 < 2
	uint64_t fraction = 0;
	for (int i = 0; i < LOG_BITS; i++) {
		unsigned __int128 square = (unsigned __int128)y * y >> 63;
		bool two = square >> 64 != 0;
		fraction = fraction << 1 | two;
		y = (uint64_t)(two ? square >> 1 : square);
	}
	return (int64_t)whole * MILLI + (int64_t)(fraction * MILLI >> LOG_BITS);
}

typedef struct range {
	int64_t low, high;
} range;

// As it counts: logarithms or millionths.
static range counts_as(const dp_feature *f, const dp_feature_value *v)
{
	DP_CHECK(v->known && v->low >= 0 && v->low <= v->high);
	if (f->scale != DP_SCALE_RATIO) return (range){v->low, v->high};
	return (range){log2_milli((uint64_t)v->low + 1), log2_milli((uint64_t)v->high + 1)};
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

// Of two intervals: how near and how far their points can be.
static range apart(range a, range b)
{
	int64_t near = larger(a.low - b.high, b.low - a.high);
	return (range){larger(near, 0), larger(a.high - b.low, b.high - a.low)};
}

static uint32_t in_milli(int64_t difference, int64_t span)
{
	DP_CHECK(difference >= 0 && span > 0);
	int64_t d = difference * MILLI / span;
	return d > MILLI ? MILLI : (uint32_t)d;
}

// A histogram's bars: known all or none on each side (the reader sees to that).
static void compare_bins(dp_distance_part *part, uint32_t *ret_middle, const dp_feature *f,
                         const dp_fingerprint *a, const dp_fingerprint *b)
{
	range sum = {0, 0};
	for (uint32_t i = part->feature; i < part->feature + part->feature_count; i++) {
		if (!a->value[i].known || !b->value[i].known) return;
		range r = apart(counts_as(&f[i], &a->value[i]), counts_as(&f[i], &b->value[i]));
		sum.low += r.low;
		sum.high += r.high;
	}
	part->known_ppm = PPM;
	part->low = in_milli(sum.low, 2 * PPM);
	part->high = in_milli(sum.high, 2 * PPM);
	*ret_middle = (part->low + part->high) / 2;
}

static void compare_rows(dp_distance_part *part, uint32_t *ret_middle, const dp_feature *f,
                         const dp_fingerprint *a, const dp_fingerprint *b)
{
	uint32_t low = 0, high = 0, known = 0;
	for (uint32_t i = part->feature; i < part->feature + part->feature_count; i++) {
		if (!a->value[i].known || !b->value[i].known) continue;
		range r = apart(counts_as(&f[i], &a->value[i]), counts_as(&f[i], &b->value[i]));
		low += in_milli(r.low, f[i].span);
		high += in_milli(r.high, f[i].span);
		known++;
	}
	if (known == 0) return;
	part->known_ppm = (uint32_t)((uint64_t)PPM * known / part->feature_count);
	part->low = low / part->feature_count;
	part->high = (high + (part->feature_count - known) * MILLI) / part->feature_count;
	*ret_middle = (low + high) / (2 * known);
}

static dp_alike alike_of(const dp_distance_part *part)
{
	if (part->known_ppm == 0) return DP_ALIKE_UNKNOWN;
	if (part->high <= DP_ALIKE_YES_MAX) return DP_ALIKE_YES;
	return part->low >= DP_ALIKE_NO_MIN ? DP_ALIKE_NO : DP_ALIKE_SOMEWHAT;
}

const char *dp_alike_name(dp_alike alike)
{
	static const char *const name[] = {"unknown", "alike", "somewhat", "not alike"};
	DP_CHECK(alike >= DP_ALIKE_UNKNOWN && alike <= DP_ALIKE_NO);
	return name[alike];
}

typedef struct sums {
	uint64_t weight;                  // all
	uint64_t low, high;               // times weight
	uint64_t middle[DP_FEATURES_MAX]; // by part, times weight and known millionths
	uint64_t middle_sum, known;       // weight times known millionths
} sums;

static void compare_group(dp_distance *d, sums *io_all, const dp_feature *f,
                          const dp_fingerprint *a, const dp_fingerprint *b)
{
	dp_distance_part *part = &d->part[d->part_count];
	uint32_t middle = 0;
	part->high = MILLI;
	part->weight = f[part->feature].weight;
	bool bins = f[part->feature].scale == DP_SCALE_BIN;
	(bins ? compare_bins : compare_rows)(part, &middle, f, a, b);
	DP_CHECK(part->low <= part->high && part->high <= MILLI && middle <= MILLI);
	part->alike = alike_of(part);
	io_all->weight += part->weight;
	io_all->low += (uint64_t)part->weight * part->low;
	io_all->high += (uint64_t)part->weight * part->high;
	io_all->middle[d->part_count] = (uint64_t)part->weight * part->known_ppm * middle;
	io_all->middle_sum += io_all->middle[d->part_count];
	io_all->known += (uint64_t)part->weight * part->known_ppm;
	d->part_count++;
}

dp_distance dp_fingerprint_distance(const dp_fingerprint *a, const dp_fingerprint *b)
{
	DP_CHECK(a != NULL && b != NULL);
	uint32_t count;
	const dp_feature *f = dp_features(&count);
	dp_distance d = {0};
	sums all = {0};
	for (uint32_t i = 0, end; i < count; i = end) {
		for (end = i + 1; end < count && strcmp(f[end].group, f[i].group) == 0; end++) {}
		d.part[d.part_count] = (dp_distance_part){.feature = i, .feature_count = end - i};
		compare_group(&d, &all, f, a, b);
	}
	DP_CHECK(all.weight > 0);
	d.low = (uint32_t)(all.low / all.weight);
	d.high = (uint32_t)((all.high + all.weight - 1) / all.weight);
	d.middle = all.known == 0 ? MILLI / 2 : (uint32_t)(all.middle_sum / all.known);
	if (d.middle < d.low) d.middle = d.low; // each was cut by itself
	if (d.middle > d.high) d.middle = d.high;
	d.known_ppm = (uint32_t)(all.known / all.weight);
	for (uint32_t i = 0; i < d.part_count && all.middle_sum > 0; i++)
		d.part[i].share = (uint32_t)(all.middle[i] * MILLI / all.middle_sum);
	DP_CHECK(d.low <= d.high && d.high <= MILLI && d.middle <= MILLI);
	return d;
}
