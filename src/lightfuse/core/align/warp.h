/* Resampling a frame in the base's geometry: cubic interpolation (Keys 1981, a = -0.5), mirrored at the frame's edges.
 *
 * Positions are rounded to 1/64 of a pixel. 8 bits are interpolated in integers, 16 bits and floats in floats. */
#ifndef LIGHTFUSE_ALIGN_WARP_H
#define LIGHTFUSE_ALIGN_WARP_H

#include "geometry.h"

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__wasm_simd128__)
#include <wasm_simd128.h>
#endif

enum {
    LF_STEPS = 64, /* parts of a pixel */
    LF_REACH = 16, /* values that are read of a row: 4 pixels of 3 or 4 channels */
    LF_WARP_RUN = 32, /* pixels between exact positions; those between are interpolated */
    LF_DOWN_BITS = 7,
    LF_ALONG_BITS = 14
};

typedef uint8_t lf_tap_bytes __attribute__((vector_size(LF_REACH)));
typedef int16_t lf_tap_words __attribute__((vector_size(2 * LF_REACH)));
typedef uint16_t lf_tap_codes __attribute__((vector_size(2 * LF_REACH)));
typedef float lf_tap_reals __attribute__((vector_size(4 * LF_REACH)));
/* One pixel, of up to four channels. */
typedef int16_t lf_quad_words __attribute__((vector_size(8)));
typedef int32_t lf_quad_longs __attribute__((vector_size(16)));

#if defined(__AVX2__)
typedef lf_tap_words lf_tap_weight; /* spread beforehand */
#else
typedef int16_t lf_tap_weight;
#endif

/* Weights of the four pixels around for every part of a pixel, down the rows and along them. */
typedef struct {
    lf_tap_weight down[LF_STEPS + 1][4];
    int16_t along[LF_STEPS + 1][4];
    float real[LF_STEPS + 1][4];
} lf_taps;

/* Of a run of pixels: sums down the rows, and the part of a pixel along them. */
typedef struct {
    int16_t words[LF_WARP_RUN][LF_REACH];
    float reals[LF_WARP_RUN][LF_REACH];
    int along[LF_WARP_RUN];
} lf_run;

/* Weights as integers whose sum is exactly 1 << bits. */
LF_ALIGN void lf_round_taps(const double *weights, int bits, int *rounded) {
    int sum = 0;
    for (int i = 0; i < 4; i++) {
        rounded[i] = (int)(weights[i] * (1 << bits) + 1024.5) - 1024;
        sum += rounded[i];
    }
    rounded[weights[1] >= weights[2] ? 1 : 2] += (1 << bits) - sum;
}

LF_ALIGN void lf_make_taps(lf_taps *taps) {
    for (int step = 0; step <= LF_STEPS; step++) {
        const double t = (double)step / LF_STEPS;
        const double weights[4] = {((2 - t) * t - 1) * t / 2, ((3 * t - 5) * t * t + 2) / 2, ((4 - 3 * t) * t + 1) * t / 2,
                                   (t - 1) * t * t / 2};
        int down[4], along[4];
        lf_round_taps(weights, LF_DOWN_BITS, down);
        lf_round_taps(weights, LF_ALONG_BITS, along);
        for (int i = 0; i < 4; i++) {
            taps->down[step][i] = (lf_tap_weight){0} + (int16_t)down[i];
            taps->along[step][i] = (int16_t)along[i];
            taps->real[step][i] = (float)weights[i];
        }
    }
}

/* Adds values of a row times a weight; GCC does not make that instruction of the conversion. */
LF_INLINE void lf_add_row(const unsigned char *row, lf_tap_weight weight, lf_tap_words *sums) {
    lf_tap_bytes values;
    __builtin_memcpy(&values, row, sizeof values);
#if defined(__AVX2__)
    *sums += (lf_tap_words)_mm256_cvtepu8_epi16((__m128i)values) * weight;
#else
    *sums += __builtin_convertvector(values, lf_tap_words) * weight;
#endif
}

/* Sums of four rows of 8-bit values times their weights: they fit 16 bits less a half of their range. */
LF_INLINE void lf_down_u8(const unsigned char *const rows[4], const lf_tap_weight *weights, int16_t *out) {
    lf_tap_words sums = {0};
    sums -= (int16_t)(1 << 14);
    lf_add_row(rows[0], weights[0], &sums);
    lf_add_row(rows[1], weights[1], &sums);
    lf_add_row(rows[2], weights[2], &sums);
    lf_add_row(rows[3], weights[3], &sums);
    __builtin_memcpy(out, &sums, sizeof sums);
}

LF_INLINE void lf_down_real(const unsigned char *const rows[4], const float *weights, lf_type type, float *out) {
    lf_tap_reals sums = {0};
    for (int i = 0; i < 4; i++) {
        lf_tap_reals values;
        if (type == LF_U16) {
            lf_tap_codes codes;
            __builtin_memcpy(&codes, rows[i], sizeof codes);
            values = __builtin_convertvector(codes, lf_tap_reals);
        } else {
            __builtin_memcpy(&values, rows[i], sizeof values);
        }
        sums += values * weights[i];
    }
    __builtin_memcpy(out, &sums, sizeof sums);
}

/* Two neighbours of four, times their weights. */
LF_INLINE lf_quad_longs lf_along_two(const int16_t *sums, const int16_t *weights, const int channels) {
#if defined(__AVX2__)
    const __m128i pairs = channels == 3 ? _mm_setr_epi8(0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11, -1, -1, -1, -1)
                                        : _mm_setr_epi8(0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15);
    int32_t both;
    __builtin_memcpy(&both, weights, sizeof both);
    const __m128i values = _mm_loadu_si128((const __m128i *)(const void *)sums);
    return (lf_quad_longs)_mm_madd_epi16(_mm_shuffle_epi8(values, pairs), _mm_set1_epi32(both));
#elif defined(__wasm_simd128__)
    const v128_t values = wasm_v128_load(sums);
    const v128_t pairs = channels == 3 ? wasm_i16x8_shuffle(values, values, 0, 3, 1, 4, 2, 5, 3, 6)
                                       : wasm_i16x8_shuffle(values, values, 0, 4, 1, 5, 2, 6, 3, 7);
    return (lf_quad_longs)wasm_i32x4_dot_i16x8(pairs, wasm_v128_load32_splat(weights));
#else
    lf_quad_words one, other;
    __builtin_memcpy(&one, sums, sizeof one);
    __builtin_memcpy(&other, sums + channels, sizeof other);
    return __builtin_convertvector(one, lf_quad_longs) * weights[0] + __builtin_convertvector(other, lf_quad_longs) * weights[1];
#endif
}

/* A pixel from the sums of the four around it, not yet kept in range; four numbers are written. */
LF_INLINE void lf_along_u8(const int16_t *sums, const int16_t *weights, const int channels, int32_t *out) {
    lf_quad_longs total = lf_along_two(sums, weights, channels) + lf_along_two(sums + 2 * channels, weights + 2, channels);
    total += (1 << (14 + LF_ALONG_BITS)) + (1 << (LF_DOWN_BITS + LF_ALONG_BITS - 1));
    __builtin_memcpy(out, &total, sizeof total);
}

#if defined(__wasm_simd128__)
/* Sixteen numbers as bytes, kept in their range. */
LF_INLINE v128_t lf_bytes_of(const v128_t four[4]) {
    return wasm_u8x16_narrow_i16x8(wasm_i16x8_narrow_i32x4(four[0], four[1]), wasm_i16x8_narrow_i32x4(four[2], four[3]));
}
#endif

/* Such numbers as bytes; a multiple of 16 is read. */
LF_INLINE void lf_in_range(const int32_t *totals, int count, unsigned char *out) {
#if defined(__wasm_simd128__)
    unsigned char bytes[4 * LF_WARP_RUN];
    for (int i = 0; i < count; i += 16) {
        v128_t four[4];
        for (int j = 0; j < 4; j++)
            four[j] = wasm_i32x4_shr(wasm_v128_load(totals + i + 4 * j), LF_DOWN_BITS + LF_ALONG_BITS);
        wasm_v128_store(bytes + i, lf_bytes_of(four));
    }
    __builtin_memcpy(out, bytes, (size_t)count);
#else
    for (int i = 0; i < count; i++) {
        const int total = totals[i] >> (LF_DOWN_BITS + LF_ALONG_BITS);
        out[i] = (unsigned char)(total < 0 ? 0 : total > 255 ? 255 : total);
    }
#endif
}

/* The same of 16-bit or float values: results are rounded to integers, or kept in [0, 1]. */
LF_INLINE void lf_along_real(const float *sums, const float *weights, int channels, lf_type type, unsigned char *out) {
    float total[4] = {0};
    for (int i = 0; i < 4; i++)
        for (int c = 0; c < channels; c++) total[c] += sums[i * channels + c] * weights[i];
    for (int c = 0; c < channels; c++) {
        const float value = total[c];
        if (type == LF_U16) ((uint16_t *)(void *)out)[c] = (uint16_t)(value < 0 ? 0 : value > 65535 ? 65535 : value + 0.5f);
        else ((float *)(void *)out)[c] = value < 0 ? 0 : value > 1 ? 1 : value;
    }
}

/* Pixels of one output row whose positions in the frame are a straight line from (x, y), in 1/2^32 pixels. */
LF_INLINE void lf_warp_run(const lf_picture *frame, const lf_taps *taps, int64_t x, int64_t y, int64_t step_x, int64_t step_y,
                           int count, const lf_type type, const int channels, unsigned char *out) {
    const int size = type == LF_U8 ? 1 : type == LF_U16 ? 2 : 4, pixel = channels * size;
    const int room = (LF_REACH + channels - 1) / channels;
    unsigned char patch[4][LF_REACH * 4];
    lf_run run;
    for (int i = 0; i < count; i++, x += step_x, y += step_y) {
        const int left = (int)(x >> 32) - 1, top = (int)(y >> 32) - 1;
        const int down = (int)(((y >> 25) & 127) + 1) >> 1;
        run.along[i] = (int)(((x >> 25) & 127) + 1) >> 1;
        const unsigned char *rows[4];
        if (left >= 0 && top >= 0 && left + room <= frame->width && top + 4 <= frame->height) {
            const unsigned char *from = (const unsigned char *)frame->pixels + top * frame->row_bytes + (ptrdiff_t)left * pixel;
            for (int j = 0; j < 4; j++) rows[j] = from + j * frame->row_bytes;
        } else {
            for (int j = 0; j < 4; j++) {
                const unsigned char *row =
                    (const unsigned char *)frame->pixels + lf_mirrored(top + j, frame->height) * frame->row_bytes;
                for (int k = 0; k < 4; k++)
                    __builtin_memcpy(patch[j] + k * pixel, row + (ptrdiff_t)lf_mirrored(left + k, frame->width) * pixel,
                                     (size_t)pixel);
                for (int k = 4 * pixel; k < LF_REACH * size; k++) patch[j][k] = 0;
                rows[j] = patch[j];
            }
        }
        if (type == LF_U8) lf_down_u8(rows, taps->down[down], run.words[i]);
        else lf_down_real(rows, taps->real[down], type, run.reals[i]);
    }
    if (type != LF_U8) {
        for (int i = 0; i < count; i++)
            lf_along_real(run.reals[i], taps->real[run.along[i]], channels, type, out + i * pixel);
        return;
    }
    int32_t totals[4 * LF_WARP_RUN]; /* of three channels, the last pixel's fourth number is none */
    for (int i = 0; i < count; i++) lf_along_u8(run.words[i], taps->along[run.along[i]], channels, totals + i * channels);
    lf_in_range(totals, count * channels, out);
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
    const int pixel = channels * (type == LF_U8 ? 1 : type == LF_U16 ? 2 : 4);
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
