/* A picture's extremes, sum and range. */
#ifndef LIGHTFUSE_MEASURE_H
#define LIGHTFUSE_MEASURE_H

#include "pixels.h"

/* A vector of bytes, and of words that sum up two bytes each, LF_SUMMED_VECS times at most: 65280. */
enum { LF_BYTES = 4 * LF_LANES_f32, LF_SUMMED_VECS = 128 };
typedef uint8_t lf_bytes __attribute__((vector_size(LF_BYTES), may_alias, aligned(1)));
typedef uint16_t lf_byte_pairs __attribute__((vector_size(LF_BYTES), may_alias));

#if defined(__AVX512BW__)
LF_INLINE lf_bytes lf_min_bytes(lf_bytes a, lf_bytes b) { return (lf_bytes)_mm512_min_epu8((__m512i)a, (__m512i)b); }
LF_INLINE lf_bytes lf_max_bytes(lf_bytes a, lf_bytes b) { return (lf_bytes)_mm512_max_epu8((__m512i)a, (__m512i)b); }
#elif defined(__AVX2__)
LF_INLINE lf_bytes lf_min_bytes(lf_bytes a, lf_bytes b) { return (lf_bytes)_mm256_min_epu8((__m256i)a, (__m256i)b); }
LF_INLINE lf_bytes lf_max_bytes(lf_bytes a, lf_bytes b) { return (lf_bytes)_mm256_max_epu8((__m256i)a, (__m256i)b); }
#else
LF_INLINE lf_bytes lf_min_bytes(lf_bytes a, lf_bytes b) {
    const lf_bytes less = (lf_bytes)(a < b);
    return (a & less) | (b & ~less);
}
LF_INLINE lf_bytes lf_max_bytes(lf_bytes a, lf_bytes b) {
    const lf_bytes more = (lf_bytes)(a > b);
    return (a & more) | (b & ~more);
}
#endif

/* lf_measure_rows of 8 bits: compilers widen bytes before they compare them, though bytes have instructions for it. */
LF_INLINE void lf_measure_bytes(const lf_picture *p, int row0, int row1, lf_measure *out) {
    const int n = 3 * p->width, vectors = n / LF_BYTES;
    lf_bytes lows = ~(lf_bytes){0}, highs = {0};
    uint8_t low = 255, high = 0;
    uint64_t total = 0;
    for (int y = row0; y < row1; y++) {
        const uint8_t *v = (const uint8_t *)lf_at(p, 0, y);
        for (int start = 0; start < vectors; start += LF_SUMMED_VECS) {
            lf_byte_pairs sums = {0};
            for (int i = start; i < lf_min_int(vectors, start + LF_SUMMED_VECS); i++) {
                const lf_bytes values = *(const lf_bytes *)(v + i * LF_BYTES);
                lows = lf_min_bytes(values, lows);
                highs = lf_max_bytes(values, highs);
                sums += ((lf_byte_pairs)values & 255) + ((lf_byte_pairs)values >> 8);
            }
            for (int i = 0; i < LF_BYTES / 2; i++) total += sums[i];
        }
        for (int i = vectors * LF_BYTES; i < n; i++) {
            low = v[i] < low ? v[i] : low;
            high = v[i] > high ? v[i] : high;
            total += v[i];
        }
    }
    for (int i = 0; i < LF_BYTES; i++) {
        low = lows[i] < low ? lows[i] : low;
        high = highs[i] > high ? highs[i] : high;
    }
    out->low = low;
    out->high = high;
    out->sum = (double)total;
}

/* Lowest, highest and sum of the values in rows [row0, row1). Sums of integers are exact. */
LF_CODE void lf_measure_rows(const lf_picture *p, int row0, int row1, lf_measure *out) {
    *out = (lf_measure){.low = p->type == LF_F32 ? 3.4e38 : 65535, .high = p->type == LF_F32 ? -3.4e38 : 0, .finite = 1};
    const int n = 3 * p->width;
#define LF_MEASURE(value, total)                                                                                      \
    for (int y = row0; y < row1; y++) {                                                                               \
        const value *restrict v = (const value *)lf_at(p, 0, y);                                                      \
        value low = v[0], high = v[0];                                                                                \
        for (int start = 0; start < n; start += 4096) {                                                               \
            const int end = lf_min_int(n, start + 4096);                                                              \
            total sum = 0;                                                                                            \
            for (int i = start; i < end; i++) {                                                                       \
                low = v[i] < low ? v[i] : low;                                                                        \
                high = v[i] > high ? v[i] : high;                                                                     \
                sum += v[i];                                                                                          \
            }                                                                                                         \
            out->sum += (double)sum;                                                                                  \
        }                                                                                                             \
        out->low = low < out->low ? low : out->low;                                                                   \
        out->high = high > out->high ? high : out->high;                                                              \
    }
    if (p->type == LF_U8) {
        lf_measure_bytes(p, row0, row1, out);
    } else if (p->type == LF_U16) {
        LF_MEASURE(uint16_t, uint32_t)
    } else {
        LF_MEASURE(float, double)
        out->finite = out->sum - out->sum == 0; /* NaN and infinity survive a sum, and only they fail this */
    }
#undef LF_MEASURE
}

/* The range that stretches a picture's low .. high to [-1, 1]; a flat picture keeps its own level. */
LF_CODE lf_range lf_range_of(double low, double high, lf_type type) {
    const float top = lf_top(type);
    if (!(high > low)) return (lf_range){2.0f / top, -1.0f};
    const double scale = 2.0 / (high - low);
    return (lf_range){(float)scale, (float)(-low * scale - 1.0)};
}

#endif
