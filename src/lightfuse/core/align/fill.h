/* Filling the border of a warped frame: what it does not show is taken from the base, in the frame's tones.
 *
 * The base's pixels go through curves from its tones to the frame's, one per channel, corrected near the frame's edge by what
 * the frame shows there, with a soft seam along the edge. Where the base is clipped it cannot predict the frame: there the
 * mirrored frame stays, as far as the base does not contradict it. */
#ifndef LIGHTFUSE_ALIGN_FILL_H
#define LIGHTFUSE_ALIGN_FILL_H

#include "contrast.h"

/* Passes over the rows of both pictures, one after the other, each in any order of rows. */
typedef enum { LF_FILL_COUNT, LF_FILL_COMPARE, LF_FILL_MIX, LF_FILL_PASSES } lf_fill_pass;

enum { LF_FILL_BLUR = 2 /* cells to each side, twice: nearly a Gaussian of two cells */ };

#define LF_FILL_FEATHER 0.005 /* of the long side */
#define LF_FILL_CORRECTED 4.0f /* feathers beyond the edge up to which the frame corrects the curves */

/* `below`: histograms of the base's three channels and of the frame's, see lf_cumulative_histogram. `curves`: from the base's
 * codes to the frame's tones, for each channel. `sums`: for each row of cells four rows `pitch` apart: the frame less its
 * prediction in three channels, and the number of pixels. */
typedef struct {
    lf_matrix warp;
    lf_type type;
    lf_fill_pass pass;
    lf_area shown; /* what the frame shows, in the base's pixels */
    int channels, width, height, step, margin, cell, columns, rows, pitch, brighter, least, most; /* codes not clipped */
    float feather, *curves, *sums, *blurred, *line;
    double *below;
} lf_fill;

LF_ALIGN double lf_fill_feather(int width, int height) {
    return lf_most(2, LF_FILL_FEATHER * (width > height ? width : height));
}

/* Bytes of memory that filling pictures of a size needs. */
LF_ALIGN size_t lf_fill_bytes(int width, int height, lf_type type) {
    const int cell = (int)(lf_fill_feather(width, height) / 2 + 0.5);
    const size_t pitch = (size_t)((width - 1) / cell + 1 + 2 * LF_FILL_BLUR), rows = (size_t)((height - 1) / cell + 1);
    return 4 * sizeof(float) * pitch * (2 * rows + 2) + 3 * sizeof(float) * (size_t)lf_levels_of(type) +
           6 * sizeof(double) * (size_t)(lf_bins_of(type) + 1) + 5 * 64;
}

/* Set out to fill a frame of 3 or 4 channels; `warp` maps the base's pixels to the frame's. */
LF_ALIGN void lf_fill_begin(lf_fill *fill, const lf_matrix *warp, int channels, int width, int height, lf_type type,
                            void *memory) {
    lf_arena arena = {memory};
    const double feather = lf_fill_feather(width, height);
    const int cell = (int)(feather / 2 + 0.5), bins = lf_bins_of(type);
    const lf_area shown = lf_common_box(lf_inverse(*warp), width, height);
    *fill = (lf_fill){.warp = *warp, .type = type, .shown = shown, .channels = channels, .width = width, .height = height,
                      .cell = cell, .columns = (width - 1) / cell + 1, .rows = (height - 1) / cell + 1,
                      .margin = (int)feather + 1, .feather = (float)feather, .step = lf_sampling_step(shown)};
    fill->pitch = fill->columns + 2 * LF_FILL_BLUR;
    const size_t row = 4 * (size_t)fill->pitch * sizeof(float);
    fill->below = lf_take(&arena, 6 * (size_t)(bins + 1) * sizeof(double));
    fill->curves = lf_take(&arena, 3 * (size_t)lf_levels_of(type) * sizeof(float));
    fill->sums = lf_take(&arena, row * (size_t)(fill->rows + 1)); /* one row more is read, times 0 */
    fill->blurred = lf_take(&arena, row * (size_t)fill->rows);
    fill->line = lf_take(&arena, row);
    __builtin_memset(memory, 0, lf_fill_bytes(width, height, type));
}

LF_INLINE float lf_clamped(float t, float most) { return t < 0 ? 0 : t > most ? most : t; }

LF_INLINE float lf_smooth_step(float t) {
    t = lf_clamped(t, 1);
    return t * t * (3 - 2 * t);
}

/* The curves; clipped codes count as just not clipped. */
LF_ALIGN void lf_fill_curves(lf_fill *fill) {
    const int levels = lf_levels_of(fill->type), bins = lf_bins_of(fill->type);
    double sum = 0;
    for (int i = 0; i < 6; i++) {
        double *below = fill->below + i * (bins + 1);
        lf_cumulate(below, bins);
        for (int bin = 0; bin <= bins; bin++) sum += i < 3 ? below[bin] : -below[bin];
    }
    fill->brighter = sum > 0; /* more of the base is below any tone */
    fill->least = fill->brighter ? levels / 100 : 0;
    fill->most = fill->brighter ? levels - 1 : levels * 49 / 50;
    for (int c = 0; c < 3; c++)
        lf_curve(fill->below + c * (bins + 1), fill->below + (3 + c) * (bins + 1), fill->type, fill->curves + c * levels);
}

/* The sums become means over the cells around. */
LF_ALIGN void lf_fill_smooth(lf_fill *fill) {
    const int pitch = fill->pitch, columns = fill->columns, far = LF_FILL_BLUR;
    for (int y = 0; y < fill->rows; y++) {
        float *row = fill->sums + 4 * (ptrdiff_t)pitch * y;
        lf_box_along(row, pitch, columns, far, far, fill->line);
        lf_repeat_edges(fill->line, pitch, columns, far);
        lf_box_along(fill->line, pitch, columns, far, far, row);
    }
    lf_box_down(fill->sums, 4 * pitch, fill->rows, far, fill->line, fill->blurred);
    lf_box_down(fill->blurred, 4 * pitch, fill->rows, far, fill->line, fill->sums);
    for (ptrdiff_t i = 0; i < (ptrdiff_t)fill->rows * 4 * pitch; i++) {
        const float count = fill->sums[i + (3 - i / pitch % 4) * pitch];
        fill->sums[i] /= count > 1e-3f ? count : 1;
    }
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
    const float *upper = fill->sums + (ptrdiff_t)(4 * top + channel) * fill->pitch + LF_FILL_BLUR + left;
    return lf_bilinear(upper, 4 * (ptrdiff_t)fill->pitch, across - (float)left, down - (float)top);
}

/* A pixel of the border in the passes after the first. */
LF_ALIGN void lf_fill_pixel(const lf_fill *fill, void *shown, const void *base, int x, int y) {
    const lf_type type = LF_TYPE(fill->type);
    const ptrdiff_t at = (ptrdiff_t)x * fill->channels;
    double column, row;
    lf_map(&fill->warp, x, y, &column, &row);
    const double to_side = lf_least(column, fill->width - 1 - column), to_end = lf_least(row, fill->height - 1 - row);
    const float inside = (float)lf_least(to_side, to_end) / fill->feather;
    if (fill->pass == LF_FILL_MIX && inside >= 1) return;
    int codes[3];
    float own[3], predicted[3];
    for (int c = 0; c < 3; c++) {
        codes[c] = lf_code(base, at + c, type);
        own[c] = type == LF_F32 ? ((const float *)shown)[at + c]
                                : (float)lf_code(shown, at + c, type) / (float)(lf_levels_of(type) - 1);
    }
    lf_fill_predict(fill, codes, own, predicted);
    float *sums = fill->sums + 4 * (ptrdiff_t)fill->pitch * (y / fill->cell) + LF_FILL_BLUR + x / fill->cell;
    const float near = lf_smooth_step(1 + inside / LF_FILL_CORRECTED), kept = lf_smooth_step(inside);
    if (fill->pass == LF_FILL_COMPARE) sums[3 * fill->pitch] += 1;
    for (int c = 0; c < 3; c++) {
        if (fill->pass == LF_FILL_COMPARE) {
            sums[c * fill->pitch] += own[c] - predicted[c];
            continue;
        }
        const float filled = predicted[c] + near * lf_fill_correction(fill, x, y, c);
        lf_store_value(shown, at + c, type, filled + kept * (own[c] - filled));
    }
}

LF_ALIGN void lf_fill_count(const lf_fill *fill, const void *shown, const void *base, int x) {
    const int bins = lf_bins_of(fill->type), wide = lf_levels_of(fill->type) / bins;
    for (int i = 0; i < 6; i++) {
        const int code = lf_code(i < 3 ? base : shown, (ptrdiff_t)x * fill->channels + i % 3, fill->type);
        fill->below[i * (bins + 1) + code / wide + 1] += 1;
    }
}

/* Whether the first pass counts in row y. */
LF_ALIGN int lf_fill_counts(const lf_fill *fill, int y) {
    return y >= fill->shown.top && y < fill->shown.bottom && (y - fill->shown.top) % fill->step == 0;
}

/* What a pass needs of row y of both pictures: the columns before `left`, and from `right` on. */
LF_ALIGN lf_area lf_fill_columns(const lf_fill *fill, lf_fill_pass pass, int y) {
    const lf_area box = fill->shown;
    const int width = fill->width, left = box.left + fill->margin;
    if (pass == LF_FILL_COUNT) return (lf_area){.left = 0, .right = lf_fill_counts(fill, y) ? 0 : width};
    const int crosses = y >= box.top + fill->margin && y < box.bottom - fill->margin;
    if (!crosses || left >= width) return (lf_area){.left = width, .right = width};
    return (lf_area){.left = left, .right = lf_clamp(box.right - fill->margin, left, width)};
}

/* One pass over rows [from, to) of the frame as it was warped, and of the base; the last pass changes the frame. */
LF_ALIGN void lf_fill_rows(lf_fill *fill, lf_fill_pass pass, const lf_picture *shown, const lf_picture *base, int from,
                           int to) {
    if (pass != fill->pass && pass == LF_FILL_COMPARE) lf_fill_curves(fill);
    if (pass != fill->pass && pass == LF_FILL_MIX) lf_fill_smooth(fill);
    fill->pass = pass;
    for (int y = from; y < to; y++) {
        void *const frame = (unsigned char *)shown->pixels + y * shown->row_bytes;
        const void *const other = (const unsigned char *)base->pixels + y * base->row_bytes;
        if (pass == LF_FILL_COUNT) {
            if (!lf_fill_counts(fill, y)) continue;
            for (int x = fill->shown.left; x < fill->shown.right; x += fill->step) lf_fill_count(fill, frame, other, x);
            continue;
        }
        const lf_area columns = lf_fill_columns(fill, pass, y);
        for (int x = 0; x < fill->width; x++) {
            if (x == columns.left) x = columns.right;
            if (x < fill->width) lf_fill_pixel(fill, frame, other, x, y);
        }
    }
}

/* All passes over a whole warped frame of RGB, with memory of lf_fill_bytes. */
LF_ALIGN void lf_fill_border(const lf_picture *shown, const lf_picture *base, const lf_matrix *warp, void *memory) {
    lf_fill fill;
    lf_fill_begin(&fill, warp, 3, base->width, base->height, base->type, memory);
    for (int pass = 0; pass < LF_FILL_PASSES; pass++) lf_fill_rows(&fill, pass, shown, base, 0, base->height);
}

#endif
