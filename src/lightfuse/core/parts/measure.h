/* A picture's extremes, sum and range. */
#ifndef LIGHTFUSE_MEASURE_H
#define LIGHTFUSE_MEASURE_H

#include "pixels.h"

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
        LF_MEASURE(uint8_t, uint32_t)
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
