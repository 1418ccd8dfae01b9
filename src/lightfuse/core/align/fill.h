/* Filling the border of a warped frame: what it does not show is taken from the base, in the frame's tones.
 *
 * The base's pixels go through curves from its tones to the frame's, one per channel, corrected near the frame's edge by what
 * the frame shows there, with a soft seam along the edge. Where the base is clipped it cannot predict the frame: there the
 * mirrored frame stays, as far as the base does not contradict it. */
#ifndef LIGHTFUSE_ALIGN_FILL_H
#define LIGHTFUSE_ALIGN_FILL_H

#include "contrast.h"

enum { LF_FILL_BLUR = 2 /* cells to each side, twice: nearly a Gaussian of two cells */ };

#define LF_FILL_FEATHER 0.005 /* of the long side */
#define LF_FILL_CORRECTED 4.0f /* feathers beyond the edge up to which the frame corrects the curves */

/* `curves`: from the base's codes to the frame's tones, for each channel. `sums`: for each cell the frame less its prediction in
 * three channels, and the number of pixels. */
typedef struct {
    lf_matrix warp;
    lf_type type;
    int channels, width, height, cell, columns, rows, brighter, least, most; /* codes not clipped */
    float feather, *curves, *sums[4];
} lf_fill;

LF_ALIGN double lf_fill_feather(int width, int height) {
    return lf_most(2, LF_FILL_FEATHER * (width > height ? width : height));
}

/* Bytes of memory that filling pictures of a size needs. */
LF_ALIGN size_t lf_fill_bytes(int width, int height, lf_type type) {
    const int cell = (int)(lf_fill_feather(width, height) / 2 + 0.5);
    const size_t columns = (size_t)((width - 1) / cell + 1), rows = (size_t)((height - 1) / cell + 1);
    return 5 * sizeof(float) * (columns * (rows + 1) + 1) + sizeof(double) * (columns + 2 * LF_FILL_BLUR + 1) +
           3 * sizeof(float) * (size_t)lf_levels_of(type) + 2 * sizeof(double) * (size_t)(lf_bins_of(type) + 1) + 9 * 64;
}

LF_INLINE float lf_clamped(float t, float most) { return t < 0 ? 0 : t > most ? most : t; }

LF_INLINE float lf_smooth_step(float t) {
    t = lf_clamped(t, 1);
    return t * t * (3 - 2 * t);
}

/* The curves, from the part of the scene in `box`; clipped codes count as just not clipped. */
LF_ALIGN void lf_fill_curves(lf_fill *fill, const lf_picture *shown, const lf_picture *base, lf_area box, lf_arena arena) {
    const int levels = lf_levels_of(fill->type), bins = lf_bins_of(fill->type);
    const size_t bytes = (size_t)(bins + 1) * sizeof(double);
    double *const below[2] = {lf_take(&arena, bytes), lf_take(&arena, bytes)}, sum = 0;
    for (int c = 0; c < 3; c++) {
        const lf_channel channels[2] = {lf_channel_of(base, fill->channels, c), lf_channel_of(shown, fill->channels, c)};
        for (int i = 0; i < 2; i++) lf_cumulative_histogram(&channels[i], box, below[i]);
        for (int bin = 0; bin <= bins; bin++) sum += below[0][bin] - below[1][bin];
        lf_curve(below[0], below[1], fill->type, fill->curves + c * levels);
    }
    fill->brighter = sum > 0; /* more of the base is below any tone */
    fill->least = fill->brighter ? levels / 100 : 0;
    fill->most = fill->brighter ? levels - 1 : levels * 49 / 50;
}

/* What the base predicts of a pixel that the frame shows as `own`, in [0, 1]. */
LF_ALIGN void lf_fill_predict(const lf_fill *fill, const int *codes, const float *own, float *predicted) {
    const int levels = lf_levels_of(fill->type);
    const int most = codes[0] > codes[1] ? codes[0] : codes[1], brightest = codes[2] > most ? codes[2] : most;
    const float top = (float)(levels - 1), tone = (float)brightest / top;
    const float clipped = lf_smooth_step(fill->brighter ? (0.04f - tone) / 0.03f : (tone - 0.9f) / 0.08f);
    for (int c = 0; c < 3; c++) {
        /* A code stands for the middle of its width, but black and white are 0 and 1. */
        const float middle = fill->curves[c * levels + lf_clamp(codes[c], fill->least, fill->most)];
        const float guess = lf_clamped(middle * (1 + 1 / top) - 0.5f / top, 1);
        /* A clipped base still bounds the frame's tone on one side by its own. */
        const float bounded = (fill->brighter ? own[c] < guess : own[c] > guess) ? own[c] : guess;
        predicted[c] = guess + clipped * (bounded - guess);
    }
}

/* The correction of a channel at a pixel: bilinear between the middles of cells. */
LF_INLINE float lf_fill_correction(const lf_fill *fill, int x, int y, int channel) {
    const float across = lf_clamped(((float)x + 0.5f) / (float)fill->cell - 0.5f, (float)(fill->columns - 1));
    const float down = lf_clamped(((float)y + 0.5f) / (float)fill->cell - 0.5f, (float)(fill->rows - 1));
    const int left = (int)across, top = (int)down;
    const float *upper = fill->sums[channel] + (ptrdiff_t)top * fill->columns + left;
    return lf_bilinear(upper, fill->columns, across - (float)left, down - (float)top);
}

/* A pixel of the border: what the frame shows of it is compared with its prediction, or then mixed with it. */
LF_ALIGN void lf_fill_pixel(const lf_fill *fill, int mixes, void *shown, const void *base, int x, int y) {
    const lf_type type = LF_TYPE(fill->type);
    const ptrdiff_t at = (ptrdiff_t)x * fill->channels, cell = (ptrdiff_t)(y / fill->cell) * fill->columns + x / fill->cell;
    double column, row;
    lf_map(&fill->warp, x, y, &column, &row);
    const double to_side = lf_least(column, fill->width - 1 - column), to_end = lf_least(row, fill->height - 1 - row);
    const float inside = (float)lf_least(to_side, to_end) / fill->feather;
    if (mixes && inside >= 1) return;
    int codes[3];
    float own[3], predicted[3];
    for (int c = 0; c < 3; c++) {
        codes[c] = lf_code(base, at + c, type);
        own[c] = type == LF_F32 ? ((const float *)shown)[at + c]
                                : (float)lf_code(shown, at + c, type) / (float)(lf_levels_of(type) - 1);
    }
    lf_fill_predict(fill, codes, own, predicted);
    if (!mixes) {
        for (int c = 0; c < 3; c++) fill->sums[c][cell] += own[c] - predicted[c];
        fill->sums[3][cell] += 1;
        return;
    }
    const float near = lf_smooth_step(1 + inside / LF_FILL_CORRECTED), kept = lf_smooth_step(inside);
    for (int c = 0; c < 3; c++) {
        const float filled = predicted[c] + near * lf_fill_correction(fill, x, y, c);
        lf_store_value(shown, at + c, type, filled + kept * (own[c] - filled));
    }
}

/* What filling leaves as it is, of the box that the frame shows: all but a little inside of its edges. */
LF_ALIGN lf_area lf_fill_inside(lf_area box, double feather) {
    const int margin = (int)feather + 1;
    return (lf_area){box.left + margin, box.top + margin, box.right - margin, box.bottom - margin};
}

/* Compare, or mix, all pixels but those inside. */
LF_ALIGN void lf_fill_pass(const lf_fill *fill, int mixes, const lf_picture *shown, const lf_picture *base, lf_area inside) {
    for (int y = 0; y < fill->height; y++) {
        void *const row = (unsigned char *)shown->pixels + y * shown->row_bytes;
        const void *const other = (const unsigned char *)base->pixels + y * base->row_bytes;
        const int crosses = y >= inside.top && y < inside.bottom;
        for (int x = 0; x < fill->width; x++) {
            if (crosses && x >= inside.left && x < inside.right) x = inside.right;
            lf_fill_pixel(fill, mixes, row, other, x, y);
        }
    }
}

/* Fill the border of a warped frame of 3 or 4 channels from the base, of one size and type, in place, with memory of
 * lf_fill_bytes; `warp` maps the base's pixels to the frame's. */
LF_ALIGN void lf_fill_border(const lf_picture *shown, const lf_picture *base, const lf_matrix *warp, int channels, void *memory) {
    const int width = base->width, height = base->height;
    const double feather = lf_fill_feather(width, height);
    const int cell = (int)(feather / 2 + 0.5);
    lf_fill fill = {.warp = *warp, .type = base->type, .channels = channels, .width = width, .height = height, .cell = cell,
                    .columns = (width - 1) / cell + 1, .rows = (height - 1) / cell + 1, .feather = (float)feather};
    lf_arena arena = {memory};
    const lf_area box = lf_common_box(lf_inverse(*warp), width, height), inside = lf_fill_inside(box, feather);
    const size_t cells = (size_t)fill.columns * (size_t)fill.rows;
    __builtin_memset(memory, 0, lf_fill_bytes(width, height, base->type));
    fill.curves = lf_take(&arena, 3 * (size_t)lf_levels_of(base->type) * sizeof *fill.curves);
    for (int i = 0; i < 4; i++) /* a row and a number more are read, times 0 */
        fill.sums[i] = lf_take(&arena, (cells + (size_t)fill.columns + 1) * sizeof **fill.sums);
    lf_fill_curves(&fill, shown, base, box, arena);
    lf_fill_pass(&fill, 0, shown, base, inside);
    float *const between = lf_take(&arena, cells * sizeof *between);
    double *const sums = lf_take(&arena, lf_box_sums(fill.columns, LF_FILL_BLUR) * sizeof *sums);
    for (int i = 3; i >= 0; i--) { /* the sums become means over the cells around */
        lf_box_blur(fill.sums[i], fill.columns, fill.rows, LF_FILL_BLUR, LF_FILL_BLUR, between, fill.sums[i], sums);
        for (size_t at = 0; at < cells && i < 3; at++) fill.sums[i][at] /= lf_most_float(fill.sums[3][at], 1e-3f);
    }
    lf_fill_pass(&fill, 1, shown, base, inside);
}

#endif
