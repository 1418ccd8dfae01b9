/* The intensity mapping of a pair: which value of over corresponds to a value of under, channel by channel.
 *
 * Estimated from the comparagram, the joint histogram of the two frames (Mann, Comparametric Equations, IEEE TIP 2000;
 * Grossberg and Nayar, Determining the Camera Response from Images, PAMI 2003), of reduced frames. Moving objects scatter
 * the comparagram, so a value is weighted by how closely its partners agree, and the mapping is smooth in stops: moving
 * objects, a minority, cannot bend it. */
#ifndef LIGHTFUSE_DEGHOST_MAPPING_H
#define LIGHTFUSE_DEGHOST_MAPPING_H

#include "planes.h"

#define LF_WHITE_FROM 0.98 /* a value from here up may be clipped: it is a lower bound */
#define LF_BLACK_UP_TO (1.5 / 255) /* a value of under up to here is black: it is an upper bound */

enum {
    LF_GRID = 256,
    LF_FEWEST = 16, /* pixels of a value */
    LF_FEWEST_VALUES = 6,
    LF_KNOTS = 40,
    LF_SMOOTHING_ROUNDS = 6,
    LF_NEAR_VALUES = 6, /* rows of the comparagram whose spread is pooled, to each side */
    LF_FAR = 128 /* half levels; a larger distance from the mapping is beyond the largest spread */
};
#define LF_LEAST_SHARED 0.01
#define LF_SMOOTHNESS 0.3
#define LF_FLATNESS 1e-3
#define LF_ROBUST_STOPS 0.15
#define LF_ROBUST_TIMES 3.4 /* the mean residual */
#define LF_LEAST_SPREAD 0.004
#define LF_MOST_SPREAD 0.05

/* One channel's mapping on the grid u = (i / 255)^2, finer in the shadows; all values in [0, 1]. `over` is the value of over
 * for u: monotonic, 1 where over is clipped. `spread` is the standard deviation of over about it among static pixels: noise
 * of both frames, rounding, residual misalignment. `rising` is `over` made strictly monotonic. `black` is the median of over
 * where under is black, `whitest` the least value of under for white. `stops` is how many stops over was exposed longer,
 * measured at half its range. */
typedef struct {
    double over[LF_GRID], spread[LF_GRID], rising[LF_GRID], black, whitest, stops;
} lf_mapping;

/* ---- Functions of mathematics ------------------------------------------------------------------------------------ */

/* The logarithm of a positive number, by the series of artanh. */
LF_GHOST double lf_log2(double x) {
    uint64_t bits;
    __builtin_memcpy(&bits, &x, 8);
    int exponent = (int)(bits >> 52) - 1023;
    bits = (bits & ((1ull << 52) - 1)) | (1023ull << 52);
    __builtin_memcpy(&x, &bits, 8);
    if (x > 1.4142135623730951) x /= 2, exponent++;
    const double s = (x - 1) / (x + 1);
    double sum = 0;
    for (int i = 15; i > 0; i -= 2) sum = sum * s * s + 1.0 / i;
    return exponent + 2.8853900817779268 * s * sum; /* 2 / ln 2 */
}

LF_GHOST double lf_exp2(double x) {
    if (!(x > -1000)) return 0;
    if (x > 1000) x = 1000;
    const int whole = (int)(x + (x < 0 ? -0.5 : 0.5));
    const double y = (x - whole) * 0.69314718055994531;
    double sum = 1;
    for (int i = 13; i > 0; i--) sum = 1 + sum * y / i;
    const uint64_t bits = (uint64_t)(whole + 1023) << 52;
    double scale;
    __builtin_memcpy(&scale, &bits, 8);
    return sum * scale;
}

/* sRGB (IEC 61966-2-1). */
LF_GHOST double lf_to_light(double value) {
    return value <= 0.04045 ? value / 12.92 : lf_exp2(2.4 * lf_log2((value + 0.055) / 1.055));
}
LF_GHOST double lf_from_light(double light) {
    return light <= 0.0031308 ? 12.92 * light : 1.055 * lf_exp2(lf_log2(light) / 2.4) - 0.055;
}

/* ---- Using a mapping --------------------------------------------------------------------------------------------- */

LF_GHOST double lf_grid_value(int i) { return (double)i * i / ((LF_GRID - 1.0) * (LF_GRID - 1)); }

/* A table at the value u, interpolated between roots (of values given on the grid). */
LF_GHOST double lf_at_root(const double *table, double u) {
    const lf_between place = lf_place_between(lf_root(u > 0 ? u : 0) * (LF_GRID - 1), 0, LF_GRID);
    return table[place.low] + (table[place.high] - table[place.low]) * place.part;
}

/* The place of x among numbers that rise. */
LF_GHOST lf_between lf_place_among(const double *rising, int count, double x) {
    if (!(x > rising[0])) return (lf_between){0, 0, 0};
    if (x >= rising[count - 1]) return (lf_between){count - 1, count - 1, 0};
    int low = 0, high = count - 1;
    while (high - low > 1) {
        const int middle = (low + high) / 2;
        if (rising[middle] <= x) low = middle;
        else high = middle;
    }
    return (lf_between){low, high, (float)((x - rising[low]) / (rising[high] - rising[low]))};
}

LF_GHOST double lf_forward(const lf_mapping *map, double under) { return lf_at_root(map->over, under); }

/* The derivative of over by under. */
LF_GHOST double lf_slope(const lf_mapping *map, double under) {
    const int low = lf_clamp((int)(lf_root(under) * (LF_GRID - 1)), 0, LF_GRID - 2);
    return (map->over[low + 1] - map->over[low]) / (lf_grid_value(low + 1) - lf_grid_value(low));
}

/* The value of under for one of over; for white, the least of them. */
LF_GHOST double lf_backward(const lf_mapping *map, double over) {
    const lf_between at = lf_place_among(map->rising, LF_GRID, lf_least(over, LF_WHITE_FROM));
    return lf_grid_value(at.low) + (lf_grid_value(at.high) - lf_grid_value(at.low)) * at.part;
}

LF_GHOST double lf_median_stops(const lf_mapping *maps) {
    const double a = maps[0].stops, b = maps[1].stops, c = maps[2].stops;
    return lf_most(lf_least(a, b), lf_least(lf_most(a, b), c));
}

/* ---- Estimating it ----------------------------------------------------------------------------------------------- */

/* Where a part of a histogram's counts lies below, as a fraction of the bins' range; 0 without counts. */
LF_GHOST double lf_quantile(const double *counts, int bins, double part) {
    double all = 0, below = 0;
    for (int i = 0; i < bins; i++) all += counts[i];
    if (!(all > 0)) return 0;
    int place = 0;
    while (place < bins - 1 && below + counts[place] < part * all) below += counts[place++];
    const double share = (part * all - below) / lf_most(counts[place], 1e-9);
    return lf_least(lf_most((place + lf_least(lf_most(share, 0), 1) - 0.5) / (bins - 1), 0), 1);
}

/* Solves a positive definite system of LF_KNOTS equations whose matrix has two diagonals beside the main one. */
LF_GHOST void lf_solve_band(double (*a)[3], double *b) {
    for (int i = 0; i < LF_KNOTS; i++)
        for (int k = 1; k < 3 && i + k < LF_KNOTS; k++) {
            const double factor = a[i][k] / a[i][0];
            for (int m = k; m < 3; m++) a[i + k][m - k] -= factor * a[i][m];
            b[i + k] -= factor * b[i];
        }
    for (int i = LF_KNOTS - 1; i >= 0; i--) {
        for (int k = 1; k < 3 && i + k < LF_KNOTS; k++) b[i] -= a[i][k] * b[i + k];
        b[i] /= a[i][0];
    }
}

/* The knots on both sides of a value of the grid. */
LF_GHOST lf_between lf_knots_of(int i) {
    const double place = (double)i * (LF_KNOTS - 1) / (LF_GRID - 1);
    const int low = place < LF_KNOTS - 2 ? (int)place : LF_KNOTS - 2;
    return (lf_between){low, low + 1, (float)(place - low)};
}

/* The smoothest curve near `stops` (penalised splines; Whittaker 1923), re-weighted against outliers (Tukey). */
LF_GHOST void lf_smooth_curve(const double *stops, const double *prior, double *curve) {
    double weights[LF_GRID], strength = 0;
    for (int i = 0; i < LF_GRID; i++) weights[i] = prior[i], strength += prior[i] / LF_KNOTS;
    for (int round = 0; round < LF_SMOOTHING_ROUNDS; round++) {
        double a[LF_KNOTS][3] = {{0}}, b[LF_KNOTS] = {0}, off = 0, all = 0;
        const double bend = strength * LF_SMOOTHNESS, rise = strength * LF_FLATNESS;
        for (int i = 0; i < LF_KNOTS; i++) {
            a[i][0] += 1e-9;
            if (i + 1 < LF_KNOTS) a[i][0] += rise, a[i][1] -= rise, a[i + 1][0] += rise;
            if (i + 2 >= LF_KNOTS) continue;
            a[i][0] += bend, a[i][1] -= 2 * bend, a[i][2] += bend;
            a[i + 1][0] += 4 * bend, a[i + 1][1] -= 2 * bend, a[i + 2][0] += bend;
        }
        for (int i = 0; i < LF_GRID; i++) {
            const lf_between at = lf_knots_of(i);
            const double share = at.part, rest = 1 - share;
            a[at.low][0] += weights[i] * rest * rest;
            a[at.low][1] += weights[i] * rest * share;
            a[at.low + 1][0] += weights[i] * share * share;
            b[at.low] += weights[i] * rest * stops[i];
            b[at.low + 1] += weights[i] * share * stops[i];
        }
        lf_solve_band(a, b);
        for (int i = 0; i < LF_GRID; i++) {
            const lf_between at = lf_knots_of(i);
            curve[i] = b[at.low] + (b[at.low + 1] - b[at.low]) * at.part;
            off += weights[i] * lf_abs(stops[i] - curve[i]), all += weights[i];
        }
        const double scale = lf_most(LF_ROBUST_STOPS, LF_ROBUST_TIMES * off / all);
        for (int i = 0; i < LF_GRID; i++) {
            const double residual = (stops[i] - curve[i]) / scale, kept = lf_most(1 - residual * residual, 1e-4);
            weights[i] = prior[i] * kept * kept;
        }
    }
}

/* Robust standard deviation (1.48 times the median distance) of each row about the mapping, pooled over near rows. */
LF_GHOST void lf_find_spread(const uint32_t *comparagram, lf_mapping *map) {
    for (int i = 0; i < LF_GRID; i++) {
        double pooled[LF_FAR] = {0};
        for (int row = lf_clamp(i - LF_NEAR_VALUES, 0, i); row <= i + LF_NEAR_VALUES && row < LF_GRID; row++)
            for (int column = 0; column < LF_GRID; column++) {
                const double distance = 2 * lf_abs(column - map->over[row] * (LF_GRID - 1)) + 0.5;
                pooled[(int)lf_least(distance, LF_FAR - 1)] += comparagram[row * LF_GRID + column];
            }
        const double median = lf_quantile(pooled, LF_FAR, 0.5) * (LF_FAR - 1) / (2 * (LF_GRID - 1));
        map->spread[i] = lf_least(lf_most(1.48 * median, LF_LEAST_SPREAD), LF_MOST_SPREAD + lf_slope(map, lf_grid_value(i)) / 255);
    }
}

/* A comparagram's rows: their counts, quartiles and median, and whether they can be used. Returns whether enough can. */
typedef struct {
    double count[LF_GRID], median[LF_GRID], quarter[LF_GRID], three_quarters[LF_GRID], black, usual;
    int usable[LF_GRID];
} lf_partners;

LF_GHOST int lf_find_partners(const uint32_t *comparagram, lf_partners *found) {
    double black[LF_GRID] = {0}, all = 0, shared = 0, row[LF_GRID];
    float counts[LF_GRID];
    int values = 0;
    for (int i = 0; i < LF_GRID; i++) {
        const double value = lf_grid_value(i);
        found->count[i] = 0;
        for (int j = 0; j < LF_GRID; j++) {
            row[j] = comparagram[i * LF_GRID + j];
            found->count[i] += row[j];
            if (value <= LF_BLACK_UP_TO) black[j] += row[j];
        }
        const double median = found->median[i] = lf_quantile(row, LF_GRID, 0.5);
        found->quarter[i] = lf_quantile(row, LF_GRID, 0.25);
        found->three_quarters[i] = lf_quantile(row, LF_GRID, 0.75);
        found->usable[i] = found->count[i] >= LF_FEWEST && value > LF_BLACK_UP_TO && value < LF_WHITE_FROM &&
                           median < LF_WHITE_FROM && median > LF_BLACK_UP_TO;
        all += found->count[i];
        if (found->usable[i]) shared += found->count[i], counts[values++] = (float)found->count[i];
    }
    if (values < LF_FEWEST_VALUES || shared < LF_LEAST_SHARED * all) return 0;
    const double upper = lf_select(counts, values, values / 2);
    found->usual = (upper + (values % 2 ? upper : lf_select(counts, values, values / 2 - 1))) / 2;
    found->black = lf_quantile(black, LF_GRID, 0.5);
    return 1;
}

/* The mapping from a comparagram, LF_GRID rows (roots of under's values) by LF_GRID columns (values of over). Returns 0 where
 * too few pixels are unclipped in both frames: they cannot be compared. */
LF_GHOST int lf_find_mapping(const uint32_t *comparagram, lf_mapping *map) {
    lf_partners found;
    double stops[LF_GRID], weights[LF_GRID], curve[LF_GRID], most = 0;
    if (!lf_find_partners(comparagram, &found)) return 0;
    for (int i = 0; i < LF_GRID; i++) {
        const double light = lf_to_light(lf_most(lf_grid_value(i), LF_BLACK_UP_TO));
        const double low = lf_most(lf_to_light(found.quarter[i]), 1e-6), high = lf_most(lf_to_light(found.three_quarters[i]), 1e-6);
        const double scatter = lf_log2(high / low);
        stops[i] = lf_log2(lf_most(lf_to_light(found.median[i]), 1e-6) / light);
        weights[i] = found.usable[i] ? lf_least(found.count[i], 4 * found.usual) / (scatter * scatter + 0.05 * 0.05) : 0;
        most = lf_most(most, weights[i]);
    }
    for (int i = 0; i < LF_GRID; i++) weights[i] /= most;
    lf_smooth_curve(stops, weights, curve);
    for (int i = 0; i < LF_GRID; i++) {
        const double value = lf_from_light(lf_to_light(lf_grid_value(i)) * lf_exp2(curve[i]));
        map->over[i] = lf_most(i ? map->over[i - 1] : 0, lf_least(lf_most(value, 0), 1));
        map->rising[i] = lf_most(i ? map->rising[i - 1] : 0, map->over[i] + i * 1e-7);
    }
    map->black = found.black;
    map->whitest = lf_backward(map, LF_WHITE_FROM);
    map->stops = lf_log2(lf_to_light(0.5) / lf_to_light(lf_most(lf_backward(map, 0.5), 1e-4)));
    lf_find_spread(comparagram, map);
    return 1;
}

#endif
