/* Where two reduced frames disagree once their exposures are accounted for: beyond noise and a shift by one pixel. */
#ifndef LIGHTFUSE_DEGHOST_DISAGREEMENT_H
#define LIGHTFUSE_DEGHOST_DISAGREEMENT_H

#include "mapping.h"

enum {
    LF_ROOTS = 4096, /* of under's values, in tables */
    LF_SCALES = 3, /* each of half the size of the last */
    LF_LEAST_SCALED = 16, /* a plane with a shorter side is not halved */
    LF_HALO = 16 /* rows around a band, a multiple of four */
};
#define LF_REMAINING 0.6f /* of the noise at half the size: 0.5 for white noise, more for what JPEG makes of it */

/* By how much frames may differ without disagreeing: so many standard deviations of noise; error of under over a whole patch
 * (JPEG rounds a block's mean, black levels drift); difference in values of over that is not visible. */
typedef struct {
    double sigmas, rounded, visible;
} lf_tolerance;

static const lf_tolerance lf_to_detect = {3, 2.5 / 255, 0.02}; /* a larger difference is hardly chance */
static const lf_tolerance lf_to_extend = {1.5, 0.7 / 255, 0.012}; /* for the extent of a detected ghost */

/* For roots of under's values: the least and the most that over may be, and the margin for noise. Where under is black there is
 * an upper bound only. */
typedef struct {
    float least[LF_ROOTS], most[LF_ROOTS], margin[LF_ROOTS], visible;
} lf_bounds;

LF_GHOST void lf_find_bounds(const lf_mapping *map, lf_tolerance tolerance, lf_bounds *bounds) {
    for (int i = 0; i < LF_ROOTS; i++) {
        const double root = (double)i / (LF_ROOTS - 1), value = root * root;
        bounds->least[i] = value > LF_BLACK_UP_TO ? (float)lf_forward(map, value - tolerance.rounded) : 0;
        bounds->most[i] = (float)lf_forward(map, lf_most(value, LF_BLACK_UP_TO) + tolerance.rounded);
        bounds->margin[i] = (float)(tolerance.sigmas * lf_at_root(map->spread, value));
    }
    bounds->visible = (float)tolerance.visible;
}

/* The place of values in tables of roots. */
LF_GHOST void lf_roots_of(const float *values, int count, float steps, uint16_t *out) {
    for (int i = 0; i < count; i++) out[i] = (uint16_t)(__builtin_sqrtf(lf_unit_clamped(values[i])) * steps + 0.5f);
}

/* One channel at one scale. */
typedef struct {
    lf_field least, most, margin, over;
} lf_compared;

/* The distance of over from its bounds if either may be one pixel off, less the margin, for row y; raises `found` to it.
 * `lines` holds 5 * width + 2 floats. */
LF_GHOST void lf_compare_row(const lf_compared *c, int y, float *lines, float *restrict found) {
    const int width = c->over.width, up = y > 0 ? y - 1 : 0, down = y + 1 < c->over.height ? y + 1 : y;
    float *const low = lines + width + 2, *const high = low + width, *const dark = high + width, *const bright = dark + width;
    const float *over = lf_line(c->over, y), *least = lf_line(c->least, y), *most = lf_line(c->most, y);
    const float *margin = lf_line(c->margin, y);
    lf_least_of_nine(lf_line(c->least, up), least, lf_line(c->least, down), width, lines, low);
    lf_most_of_nine(lf_line(c->most, up), most, lf_line(c->most, down), width, lines, high);
    lf_least_of_nine(lf_line(c->over, up), over, lf_line(c->over, down), width, lines, dark);
    lf_most_of_nine(lf_line(c->over, up), over, lf_line(c->over, down), width, lines, bright);
    for (int x = 0; x < width; x++) {
        const float one = lf_most_float(low[x] - over[x], over[x] - high[x]);
        const float other = lf_most_float(dark[x] - most[x], least[x] - bright[x]);
        found[x] = lf_most_float(found[x], lf_least_float(one, other) - margin[x]);
    }
}

/* Raises row y of a frame of `rows` rows to a smaller scale of it, enlarged: `small` holds rows from `top` on of `whole`. */
LF_GHOST void lf_raise_row(lf_field small, int top, int whole, int y, int rows, int columns, float *out) {
    const lf_between down = lf_place_in_smaller(y, rows, whole);
    const float *upper = lf_line(small, down.low - top), *lower = lf_line(small, down.high - top);
    int x = 0;
    while (x < small.width && !(upper[x] > 0 || lower[x] > 0)) x++;
    if (x == small.width) return;
    for (x = 0; x < columns; x++) {
        const lf_between at = lf_place_in_smaller(x, columns, small.width);
        const float above = lf_mix(upper[at.low], upper[at.high], at.part), below = lf_mix(lower[at.low], lower[at.high], at.part);
        out[x] = lf_most_float(out[x], lf_mix(above, below, down.part));
    }
}

/* Bytes of scratch for comparing one band of rows. */
LF_GHOST size_t lf_band_bytes(int columns) {
    const size_t row = (size_t)columns + 1, rows = LF_BAND + 2 * LF_HALO;
    return sizeof(float) * (row * (rows * 4 + 5 * (rows / 2 + 1) + 5 * (rows / 4 + 1)) + 8 * row) + 4096;
}

/* Rows [from, to) of the disagreement of two reduced frames, given as planes of red, green and blue, in values of over: the
 * largest of the channels and of the scales, 0 where all agree. `to - from` is at most LF_BAND, `from` a multiple of it. */
LF_GHOST void lf_disagreement_rows(float *const *under, float *const *over, int columns, int rows, const lf_bounds *bounds,
                                   int from, int to, float *out, void *scratch) {
    lf_arena arena = {scratch};
    const int top = lf_clamp(from - LF_HALO, 0, rows), bottom = lf_clamp(to + LF_HALO, 0, rows);
    lf_field found[LF_SCALES];
    lf_compared scales[LF_SCALES];
    int width = columns, height = bottom - top, wholes[LF_SCALES] = {rows}, count = 0;
    uint16_t *const roots = lf_take(&arena, (size_t)columns * sizeof *roots);
    float *const lines = lf_take(&arena, (5 * (size_t)columns + 8) * sizeof *lines);
    for (; count < LF_SCALES; count++) {
        scales[count] = (lf_compared){lf_new_plane(width, height, &arena), lf_new_plane(width, height, &arena),
                                      lf_new_plane(width, height, &arena), {NULL, width, height}};
        if (count) scales[count].over = lf_new_plane(width, height, &arena);
        found[count] = lf_new_plane(width, height, &arena);
        for (ptrdiff_t i = 0; i < (ptrdiff_t)width * height; i++) found[count].at[i] = 0;
        if (count + 1 < LF_SCALES) wholes[count + 1] = (wholes[count] + 1) / 2;
        if (width < LF_LEAST_SCALED || wholes[count] < LF_LEAST_SCALED) break;
        width = (width + 1) / 2, height = (height + 1) / 2;
    }
    if (count == LF_SCALES) count--;
    for (int c = 0; c < 3; c++) {
        lf_compared *first = &scales[0];
        first->over.at = over[c] + (ptrdiff_t)top * columns;
        for (int y = 0; y < bottom - top; y++) {
            lf_roots_of(under[c] + (ptrdiff_t)(top + y) * columns, columns, LF_ROOTS - 1, roots);
            float *least = lf_line(first->least, y), *most = lf_line(first->most, y), *margin = lf_line(first->margin, y);
            for (int x = 0; x < columns; x++) {
                least[x] = bounds[c].least[roots[x]];
                most[x] = bounds[c].most[roots[x]];
                margin[x] = bounds[c].margin[roots[x]];
            }
        }
        for (int s = 0; s <= count; s++) {
            if (s) {
                lf_halve(scales[s - 1].least, scales[s].least, 1, lines);
                lf_halve(scales[s - 1].most, scales[s].most, 1, lines);
                lf_halve(scales[s - 1].margin, scales[s].margin, LF_REMAINING, lines);
                lf_halve(scales[s - 1].over, scales[s].over, 1, lines);
            }
            for (int y = 0; y < scales[s].over.height; y++) lf_compare_row(&scales[s], y, lines, lf_line(found[s], y));
        }
    }
    for (int s = 0; s <= count; s++)
        for (ptrdiff_t i = 0; i < (ptrdiff_t)found[s].width * found[s].height; i++)
            found[s].at[i] = lf_most_float(found[s].at[i] - bounds[0].visible, 0);
    for (int y = from; y < to; y++) {
        float *const row = out + (ptrdiff_t)y * columns;
        __builtin_memcpy(row, lf_line(found[0], y - top), (size_t)columns * sizeof *row);
        for (int s = 1; s <= count; s++) lf_raise_row(found[s], top >> s, wholes[s], y, rows, columns, row);
    }
}

#endif
