/* Resampling a frame in the base's geometry: cubic interpolation (Keys 1981, a = -0.5), mirrored at the frame's edges.
 *
 * Positions are rounded to 1/64 of a pixel. Values are interpolated as floats, but 8 bits down the rows as 16-bit integers. */
#ifndef LIGHTFUSE_ALIGN_WARP_H
#define LIGHTFUSE_ALIGN_WARP_H

#include "geometry.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

enum {
    LF_STEPS = 64, /* parts of a pixel */
    LF_REACH = 16, /* values that are read of a row: 4 pixels of 3 or 4 channels */
    LF_WARP_RUN = 32 /* pixels between exact positions; those between are interpolated */
};

typedef float lf_quad __attribute__((vector_size(16))); /* one pixel, of up to four channels */
typedef uint8_t lf_reach_bytes __attribute__((vector_size(LF_REACH)));
typedef int16_t lf_reach_words __attribute__((vector_size(2 * LF_REACH)));
typedef int16_t lf_half_words __attribute__((vector_size(LF_REACH)));
typedef float lf_half_floats __attribute__((vector_size(2 * LF_REACH)));

/* Weights of the four pixels around for every part of a pixel, and as integers whose sum is exactly 128. */
typedef struct {
    float at[LF_STEPS + 1][4];
    int16_t whole[LF_STEPS + 1][4];
} lf_taps;

LF_ALIGN void lf_make_taps(lf_taps *taps) {
    for (int step = 0; step <= LF_STEPS; step++) {
        const double t = (double)step / LF_STEPS;
        const double weights[4] = {((2 - t) * t - 1) * t / 2, ((3 * t - 5) * t * t + 2) / 2, ((4 - 3 * t) * t + 1) * t / 2,
                                   (t - 1) * t * t / 2};
        int rest = 128;
        for (int i = 0; i < 4; i++) {
            taps->at[step][i] = (float)weights[i];
            taps->whole[step][i] = (int16_t)((int)(weights[i] * 128 + 1024.5) - 1024);
            rest -= taps->whole[step][i];
        }
        taps->whole[step][weights[1] >= weights[2] ? 1 : 2] += (int16_t)rest;
    }
}

/* Sums of four rows' bytes times their weights, which fit 16 bits less a half of their range. */
LF_INLINE void lf_sum_bytes(const void *const rows[4], const int16_t *weights, float *out) {
    lf_reach_words sums = {0};
    sums -= (int16_t)(1 << 14);
    for (int j = 0; j < 4; j++) {
        lf_reach_bytes values;
        __builtin_memcpy(&values, rows[j], sizeof values);
#if defined(__AVX2__) /* GCC does not make that instruction of the conversion. */
        sums += (lf_reach_words)_mm256_cvtepu8_epi16((__m128i)values) * weights[j];
#else
        sums += __builtin_convertvector(values, lf_reach_words) * weights[j];
#endif
    }
    for (int half = 0; half < LF_REACH; half += LF_REACH / 2) {
        lf_half_words words;
        __builtin_memcpy(&words, (const int16_t *)&sums + half, sizeof words);
        const lf_half_floats floats = __builtin_convertvector(words, lf_half_floats) * (1.0f / 128) + 128.0f;
        __builtin_memcpy(out + half, &floats, sizeof floats);
    }
}

/* The same of 16 bits or floats; loops, which compilers make vectors of. */
LF_INLINE void lf_sum_rows(const void *const rows[4], const float *weights, const lf_type type, float *restrict out) {
#define LF_SUM(value)                                                                                                      \
    for (int i = 0; i < LF_REACH; i++)                                                                                     \
        out[i] = ((const value *)rows[0])[i] * weights[0] + ((const value *)rows[1])[i] * weights[1] +                     \
                 ((const value *)rows[2])[i] * weights[2] + ((const value *)rows[3])[i] * weights[3];
    if (type == LF_U16) LF_SUM(uint16_t)
    else LF_SUM(float)
#undef LF_SUM
}

/* Numbers as pixels' values: rounded, and kept in their range. */
LF_INLINE void lf_store_values(const float *numbers, int count, const lf_type type, void *out) {
    const float top = type == LF_U8 ? 255.0f : type == LF_U16 ? 65535.0f : 1.0f;
    for (int i = 0; i < count; i++) {
        const float value = numbers[i] < 0 ? 0 : numbers[i] > top ? top : numbers[i];
        if (type == LF_U8) ((uint8_t *)out)[i] = (uint8_t)(value + 0.5f);
        else if (type == LF_U16) ((uint16_t *)out)[i] = (uint16_t)(value + 0.5f);
        else ((float *)out)[i] = value;
    }
}

/* Pixels of one output row whose positions in the frame are a straight line from (x, y), in 1/2^32 pixels. */
LF_INLINE void lf_warp_run(const lf_picture *frame, const lf_taps *taps, int64_t x, int64_t y, int64_t step_x, int64_t step_y,
                           int count, const lf_type type, const int channels, unsigned char *out) {
    const int size = lf_pixel_bytes(type) / 3, pixel = channels * size;
    const int room = (LF_REACH + channels - 1) / channels;
    _Alignas(16) unsigned char patch[4][LF_REACH * 4];
    float sums[LF_WARP_RUN][LF_REACH], totals[4 * LF_WARP_RUN + 4]; /* of three channels, a pixel's fourth number is none */
    const float *along[LF_WARP_RUN];
    for (int i = 0; i < count; i++, x += step_x, y += step_y) {
        const int left = (int)(x >> 32) - 1, top = (int)(y >> 32) - 1;
        const unsigned char *row = (const unsigned char *)frame->pixels;
        const void *rows[4];
        if (left >= 0 && top >= 0 && left + room <= frame->width && top + 4 <= frame->height) {
            row += top * frame->row_bytes + (ptrdiff_t)left * pixel;
            for (int j = 0; j < 4; j++) rows[j] = row + j * frame->row_bytes;
        } else {
            for (int j = 0; j < 4; j++) {
                const unsigned char *from = row + lf_mirrored(top + j, frame->height) * frame->row_bytes;
                for (int k = 0; k < 4; k++)
                    __builtin_memcpy(patch[j] + k * pixel, from + (ptrdiff_t)lf_mirrored(left + k, frame->width) * pixel,
                                     (size_t)pixel);
                for (int k = 4 * pixel; k < LF_REACH * size; k++) patch[j][k] = 0;
                rows[j] = patch[j];
            }
        }
        along[i] = taps->at[(int)(((x >> 25) & 127) + 1) >> 1];
        const int down = (int)(((y >> 25) & 127) + 1) >> 1;
        if (type == LF_U8) lf_sum_bytes(rows, taps->whole[down], sums[i]);
        else lf_sum_rows(rows, taps->at[down], type, sums[i]);
    }
    for (int i = 0; i < count; i++) {
        lf_quad total = {0}, column;
        for (int k = 0; k < 4; k++) {
            __builtin_memcpy(&column, sums[i] + k * channels, sizeof column);
            total += column * along[i][k];
        }
        __builtin_memcpy(totals + i * channels, &total, sizeof total);
    }
    lf_store_values(totals, count * channels, type, out);
}

/* The first row of a frame that lf_warp_rows reads for row y of a plane of the frame's size, or one before it. */
LF_ALIGN int lf_first_row(const lf_matrix *warp, int width, int height, int y) {
    double x, start, end;
    lf_map(warp, 0, y, &x, &start);
    lf_map(warp, width + LF_WARP_RUN, y, &x, &end);
    const double top = lf_least(start, end) - 2, bottom = lf_most(start, end) + 3, below = 2 * (height - 1) - bottom;
    const double near = warp->m[7] * y + warp->m[8], far = near + warp->m[6] * (width + LF_WARP_RUN);
    /* Between the ends of a row positions are monotonic, unless the plane is seen from both sides. */
    if (!(near * far > 0) || !(top > -height) || !(below > -height)) return 0;
    return (int)lf_most(lf_least(top, below), 0); /* what is mirrored at the lower edge lies above it */
}

/* Rows [from, to) of the base's picture plane as a frame of 3 or 4 channels shows them, into `out` of the frame's type, whose
 * first column and row are the plane's. `warp` maps pixels of the plane to pixels of the frame. */
LF_ALIGN void lf_warp_rows(const lf_picture *frame, const lf_matrix *warp, const lf_picture *out, int channels, int from,
                           int to) {
    const double unit = 4294967296.0, farthest = 1e8;
    lf_taps taps;
    lf_make_taps(&taps);
    const lf_type type = LF_TYPE(frame->type);
    const int pixel = channels * lf_pixel_bytes(type) / 3;
    for (int y = from; y < to; y++) {
        unsigned char *row = (unsigned char *)out->pixels + y * out->row_bytes;
        for (int x = 0; x < out->width; x += LF_WARP_RUN) {
            double start_x, start_y, end_x, end_y;
            lf_map(warp, x, y, &start_x, &start_y);
            lf_map(warp, x + LF_WARP_RUN, y, &end_x, &end_y);
            start_x = lf_least(lf_most(start_x, -farthest), farthest), end_x = lf_least(lf_most(end_x, -farthest), farthest);
            start_y = lf_least(lf_most(start_y, -farthest), farthest), end_y = lf_least(lf_most(end_y, -farthest), farthest);
            const int64_t at_x = (int64_t)(start_x * unit), at_y = (int64_t)(start_y * unit);
            const int64_t step_x = (int64_t)((end_x - start_x) * (unit / LF_WARP_RUN));
            const int64_t step_y = (int64_t)((end_y - start_y) * (unit / LF_WARP_RUN));
            const int count = out->width - x < LF_WARP_RUN ? out->width - x : LF_WARP_RUN;
            unsigned char *to_pixels = row + (ptrdiff_t)x * pixel;
            if (channels == 4)
                lf_warp_run(frame, &taps, at_x, at_y, step_x, step_y, count, type, 4, to_pixels);
            else if (type == LF_U8)
                lf_warp_run(frame, &taps, at_x, at_y, step_x, step_y, count, LF_U8, 3, to_pixels);
            else lf_warp_run(frame, &taps, at_x, at_y, step_x, step_y, count, type, 3, to_pixels);
        }
    }
}

#endif
