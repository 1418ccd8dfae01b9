/* Context models: the thumbnail. */
#ifndef LIGHTFUSE_THUMBNAIL_H
#define LIGHTFUSE_THUMBNAIL_H

#include "pixels.h"

LF_INLINE size_t lf_cells(lf_size size) { return (size_t)size.rows * size.columns; }

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

/* Rows are summed up column by column, a vector of bytes at a time read as words of two neighbouring values: sums of the
 * lower ones, then of the upper ones, for each vector. Words of 16 bits hold the sum of LF_SUMMED rows of 8 bits. */
enum { LF_SUM_BYTES = 4 * LF_LANES_f32, LF_SUMMED = 256 };
enum { LF_AHEAD = 1024 }; /* bytes of a row to have brought into the cache before they are wanted */
typedef uint16_t lf_words __attribute__((vector_size(LF_SUM_BYTES), may_alias, aligned(2)));
typedef uint32_t lf_double_words __attribute__((vector_size(LF_SUM_BYTES), may_alias, aligned(4)));
typedef uint32_t lf_total __attribute__((may_alias)); /* sums lie where floats go afterwards */

/* Add `rows` (1 or 4, a constant) rows of `vectors` vectors, row_bytes apart, to sums, which start at 0 if fresh. */
#define LF_SUM_ROWS(name, words, bits)                                                                                \
    LF_INLINE void name(const char *at, ptrdiff_t row_bytes, const int rows, int vectors, words *sums, int fresh) {   \
        for (int i = 0; i < vectors; i++, at += LF_SUM_BYTES, sums += 2) {                                            \
            words lower = {0}, upper = {0};                                                                           \
            LF_UNROLL                                                                                                 \
            for (int y = 0; y < rows; y++) {                                                                          \
                __builtin_prefetch((const void *)((uintptr_t)(at + y * row_bytes) + LF_AHEAD));                       \
                const words both = *(const words *)(at + y * row_bytes);                                              \
                lower += both & ((words){0} + ((1u << bits) - 1));                                                    \
                upper += both >> bits;                                                                                \
            }                                                                                                         \
            if (!fresh) {                                                                                             \
                lower += sums[0];                                                                                     \
                upper += sums[1];                                                                                     \
            }                                                                                                         \
            sums[0] = lower;                                                                                          \
            sums[1] = upper;                                                                                          \
        }                                                                                                             \
    }
LF_SUM_ROWS(lf_sum_rows_u8, lf_words, 8)
LF_SUM_ROWS(lf_sum_rows_u16, lf_double_words, 16)
#undef LF_SUM_ROWS

/* Totals of the n values of rows [y0, y1), at most LF_SUMMED of them, added to total unless first. */
#define LF_TOTAL_ROWS(name, value, words, word, add)                                                                  \
    LF_INLINE void name(const lf_picture *p, int y0, int y1, int n, lf_total *restrict total, words *restrict sums,   \
                        int first) {                                                                                  \
        const int wide = (int)(LF_SUM_BYTES / sizeof(value)), vectors = n / wide;                                     \
        int y = y0;                                                                                                   \
        for (; y + 4 <= y1; y += 4) add(lf_at(p, 0, y), p->row_bytes, 4, vectors, sums, y == y0);                     \
        for (; y < y1; y++) add(lf_at(p, 0, y), p->row_bytes, 1, vectors, sums, y == y0);                             \
        for (int i = 0; i < vectors; i++) {                                                                           \
            const word *lower = (const word *)(sums + 2 * i), *upper = (const word *)(sums + 2 * i + 1);              \
            lf_total *to = total + i * wide;                                                                          \
            for (int j = 0; j < wide / 2; j++) {                                                                      \
                to[2 * j] = (first ? 0 : to[2 * j]) + lower[j];                                                       \
                to[2 * j + 1] = (first ? 0 : to[2 * j + 1]) + upper[j];                                               \
            }                                                                                                         \
        }                                                                                                             \
        for (int i = vectors * wide; i < n; i++) {                                                                    \
            uint32_t sum = first ? 0 : total[i];                                                                      \
            for (y = y0; y < y1; y++) sum += ((const value *)lf_at(p, 0, y))[i];                                      \
            total[i] = sum;                                                                                           \
        }                                                                                                             \
    }
LF_TOTAL_ROWS(lf_total_rows_u8, uint8_t, lf_words, uint16_t, lf_sum_rows_u8)
LF_TOTAL_ROWS(lf_total_rows_u16, uint16_t, lf_double_words, uint32_t, lf_sum_rows_u16)
#undef LF_TOTAL_ROWS

LF_INLINE void lf_total_rows_f32(const lf_picture *p, int y0, int y1, int n, float *restrict total) {
    for (int i = 0; i < n; i++) total[i] = 0;
    for (int y = y0; y < y1; y++) {
        const float *restrict v = (const float *)lf_at(p, 0, y);
        for (int i = 0; i < n; i++) total[i] += v[i];
    }
}

/* A row of the thumbnail from the totals of its rows of the picture, `rows` of them. */
#define LF_AVERAGE_COLUMNS(total, sum_type)                                                                           \
    for (int x = 0; x < size.columns; x++) {                                                                          \
        const int x0 = lf_cell_start(x, p->width, size.columns), x1 = lf_cell_end(x, p->width, size.columns);         \
        sum_type red = 0, green = 0, blue = 0;                                                                        \
        for (int i = 3 * x0; i < 3 * x1; i += 3) {                                                                    \
            red += total[i];                                                                                          \
            green += total[i + 1];                                                                                    \
            blue += total[i + 2];                                                                                     \
        }                                                                                                             \
        const float scale = 1.0f / (lf_top(p->type) * (float)(x1 - x0) * (float)(y1 - y0));                           \
        float *to = thumbnail + (size_t)row * size.columns + x;                                                       \
        to[0] = (float)red * scale;                                                                                   \
        to[lf_cells(size)] = (float)green * scale;                                                                    \
        to[2 * lf_cells(size)] = (float)blue * scale;                                                                 \
    }

/* Scratch floats lf_thumbnail_rows needs: totals of a row of a picture, and sums twice as short or as long. */
LF_CODE size_t lf_thumbnail_scratch_floats(int width) { return 6 * (size_t)width + LF_LANES_f32; }

/* Rows [row0, row1) of the thumbnail of a picture: means over cells, in [0, 1], as planes [3][size.rows][size.columns].
 * scratch holds lf_thumbnail_scratch_floats(p->width) floats. */
LF_CODE void lf_thumbnail_rows(const lf_picture *p, lf_size size, int row0, int row1, float *thumbnail, float *scratch) {
    const int n = 3 * p->width;
    lf_total *total = (lf_total *)scratch;
    for (int row = row0; row < row1; row++) {
        const int y0 = lf_cell_start(row, p->height, size.rows), y1 = lf_cell_end(row, p->height, size.rows);
        if (p->type == LF_F32) {
            lf_total_rows_f32(p, y0, y1, n, scratch);
            LF_AVERAGE_COLUMNS(scratch, float)
            continue;
        }
        for (int y = y0; y < y1; y += LF_SUMMED) {
            const int end = lf_min_int(y + LF_SUMMED, y1);
            if (p->type == LF_U8)
                lf_total_rows_u8(p, y, end, n, total, (lf_words *)(scratch + n), y == y0);
            else
                lf_total_rows_u16(p, y, end, n, total, (lf_double_words *)(scratch + n), y == y0);
        }
        LF_AVERAGE_COLUMNS(total, uint64_t)
    }
}
#undef LF_AVERAGE_COLUMNS

#endif
