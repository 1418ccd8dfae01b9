/* Planes of floats, row by row, and the filters that the search for ghosts puts them through. */
#ifndef LIGHTFUSE_DEGHOST_PLANES_H
#define LIGHTFUSE_DEGHOST_PLANES_H

#include "../align/contrast.h"
#include "types.h"

#define LF_GHOST static __attribute__((unused))

typedef struct {
    float *at;
    int width, height;
} lf_field;

LF_GHOST lf_field lf_new_plane(int width, int height, lf_arena *arena) {
    return (lf_field){lf_take(arena, (size_t)width * (size_t)height * sizeof(float)), width, height};
}

LF_GHOST float *lf_line(lf_field plane, int y) { return plane.at + (ptrdiff_t)y * plane.width; }

LF_GHOST void lf_plane_mean(lf_field plane, int radius, float *out, double *sums) {
    lf_box_mean(plane.at, plane.width, plane.height, radius, out, sums);
}

/* The least (the largest) of three rows and of three neighbours across; `line` holds width + 2 floats. */
LF_GHOST void lf_least_of_nine(const float *a, const float *b, const float *c, int width, float *line, float *restrict out) {
    for (int x = 0; x < width; x++) line[x + 1] = lf_least_float(lf_least_float(a[x], b[x]), c[x]);
    line[0] = line[1], line[width + 1] = line[width];
    for (int x = 0; x < width; x++) out[x] = lf_least_float(lf_least_float(line[x], line[x + 1]), line[x + 2]);
}
LF_GHOST void lf_most_of_nine(const float *a, const float *b, const float *c, int width, float *line, float *restrict out) {
    for (int x = 0; x < width; x++) line[x + 1] = lf_most_float(lf_most_float(a[x], b[x]), c[x]);
    line[0] = line[1], line[width + 1] = line[width];
    for (int x = 0; x < width; x++) out[x] = lf_most_float(lf_most_float(line[x], line[x + 1]), line[x + 2]);
}

/* Half the size, rounded up, by a 5 x 5 binomial filter (Burt and Adelson 1983), times a factor; mirrored at the border.
 * `line` holds width + 4 floats. */
LF_GHOST void lf_halve(lf_field in, lf_field out, float factor, float *line) {
    const int width = in.width;
    for (int y = 0; y < out.height; y++) {
        const float *r[5];
        for (int i = 0; i < 5; i++) r[i] = lf_line(in, lf_mirrored(2 * y + i - 2, in.height));
        for (int x = 0; x < width; x++)
            line[x + 2] = (r[0][x] + r[4][x] + 4 * (r[1][x] + r[3][x]) + 6 * r[2][x]) * (factor / 256);
        for (int i = 1; i < 3; i++) {
            line[2 - i] = line[2 + lf_mirrored(-i, width)];
            line[width + 1 + i] = line[2 + lf_mirrored(width - 1 + i, width)];
        }
        float *to = lf_line(out, y);
        for (int x = 0; x < out.width; x++) {
            const float *p = line + 2 * x;
            to[x] = p[0] + p[4] + 4 * (p[1] + p[3]) + 6 * p[2];
        }
    }
}

/* The place `at` of a row of `length` pixels as one of a row of `others`: between `low` and the next, `part` of the way. */
typedef struct {
    int low, high;
    float part;
} lf_between;

LF_GHOST lf_between lf_place_between(double at, int first, int end) {
    const double inside = at < first ? first : at > end - 1 ? end - 1 : at;
    const int low = (int)inside;
    return (lf_between){low, low + 1 < end ? low + 1 : low, (float)(inside - low)};
}

LF_GHOST lf_between lf_place_in_smaller(int at, int length, int others) {
    return lf_place_between((at + 0.5) * others / length - 0.5, 0, others);
}

LF_GHOST float lf_mix(float a, float b, float part) { return a + (b - a) * part; }

#endif
