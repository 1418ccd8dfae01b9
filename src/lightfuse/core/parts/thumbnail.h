/* Context models: the thumbnail. */
#ifndef LIGHTFUSE_THUMBNAIL_H
#define LIGHTFUSE_THUMBNAIL_H

#include "pixels.h"

LF_INLINE int lf_thumbnail_side(int side, int cells, int multiple, double scale) {
    const int steps = (int)(side * scale / multiple + 0.5), most = cells / (multiple * multiple);
    return multiple * (steps < 1 || most < 1 ? 1 : lf_min_int(steps, most));
}

/* The thumbnail of a picture: about m->thumbnail_cells cells of the picture's own aspect, in multiples of 2^levels. */
LF_CODE lf_size lf_thumbnail_size(const lf_context_model *m, int width, int height) {
    const double scale = __builtin_sqrt((double)m->thumbnail_cells / ((double)width * height));
    const int multiple = 1 << m->levels;
    return (lf_size){lf_thumbnail_side(height, m->thumbnail_cells, multiple, scale),
                     lf_thumbnail_side(width, m->thumbnail_cells, multiple, scale)};
}

/* First and past-the-last pixel of cell i of `cells` along a side: cells cover the side, sharing a pixel at most. */
LF_INLINE int lf_cell_start(int i, int side, int cells) { return (int)((int64_t)i * side / cells); }
LF_INLINE int lf_cell_end(int i, int side, int cells) { return (int)(((int64_t)(i + 1) * side + cells - 1) / cells); }

typedef uint32_t lf_total __attribute__((may_alias)); /* sums lie where floats go afterwards */

/* Rows [row0, row1) of the thumbnail of a picture: means over cells, in [0, 1], as planes [3][size.rows][size.columns].
 * scratch holds 3 * width floats. */
LF_CODE void lf_thumbnail_rows(const lf_picture *p, lf_size size, int row0, int row1, float *thumbnail, float *scratch) {
    enum { LF_STRIP = 4096 }; /* values whose sums stay in the first cache while rows pass */
    for (int row = row0; row < row1; row++) {
        const int y0 = lf_cell_start(row, p->height, size.rows), y1 = lf_cell_end(row, p->height, size.rows);
        const int n = 3 * p->width;
        for (int start = 0; start < n; start += LF_STRIP) {
            const int count = lf_min_int(LF_STRIP, n - start);
#define LF_SUM(value, total)                                                                                          \
    do {                                                                                                              \
        total *restrict sum = (total *)scratch + start;                                                               \
        for (int i = 0; i < count; i++) sum[i] = 0;                                                                   \
        for (int y = y0; y < y1; y++) {                                                                               \
            const value *restrict v = (const value *)lf_at(p, 0, y) + start;                                          \
            for (int i = 0; i < count; i++) sum[i] += v[i];                                                           \
        }                                                                                                             \
        if (p->type != LF_F32)                                                                                        \
            for (int i = 0; i < count; i++) scratch[start + i] = (float)sum[i];                                       \
    } while (0)
            if (p->type == LF_U8)
                LF_SUM(uint8_t, lf_total);
            else if (p->type == LF_U16)
                LF_SUM(uint16_t, lf_total);
            else
                LF_SUM(float, float);
#undef LF_SUM
        }
        for (int x = 0; x < size.columns; x++) {
            const int x0 = lf_cell_start(x, p->width, size.columns), x1 = lf_cell_end(x, p->width, size.columns);
            float sum[3] = {0, 0, 0};
            for (int i = x0; i < x1; i++)
                for (int c = 0; c < 3; c++) sum[c] += scratch[3 * i + c];
            const float scale = 1.0f / (lf_top(p->type) * (float)(x1 - x0) * (float)(y1 - y0));
            for (int c = 0; c < 3; c++)
                thumbnail[((size_t)c * size.rows + row) * size.columns + x] = sum[c] * scale;
        }
    }
}

#endif
