/* What is measured of a picture: its extremes, its sum, and its thumbnail. */
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
        LF_MEASURE(lf_u16, uint32_t)
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

/* ---- The thumbnail of the context models ------------------------------------------------------------------------- */

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

/* The rows of a picture that a row of cells is the mean of. Cells of large pictures are sampled, as many odd rows as even:
 * LF_ENOUGH_ROWS tell their mean to a level or so, and reading all takes longer than everything else a context needs. */
enum { LF_ENOUGH_ROWS = 8 };
typedef struct {
    int first, step, count; /* of every `step` rows one */
} lf_sampled_rows;
LF_INLINE lf_sampled_rows lf_rows_of_cell(int i, int side, int cells) {
    const int first = lf_cell_start(i, side, cells), rows = lf_cell_end(i, side, cells) - first;
    const int step = rows < 2 * LF_ENOUGH_ROWS ? 1 : rows / LF_ENOUGH_ROWS;
    return (lf_sampled_rows){first, step, step > 1 ? rows / step & ~1 : rows};
}
LF_INLINE int lf_sampled_row(lf_sampled_rows of, int k) { return of.first + k * of.step + (k & ~of.step & 1); }

/* Totals of the n values of some rows, column by column, added to total unless first: four rows at a time, which are read side
 * by side. Sums of integers are exact, those of floats in the order of the rows. */
#define LF_TOTAL_ROWS(name, value, number)                                                                            \
    LF_INLINE void name(const lf_picture *p, lf_sampled_rows of, int n, number *restrict total, int first) {          \
        for (int i = 0; i < n && first; i++) total[i] = 0;                                                            \
        int k = 0;                                                                                                    \
        for (; k + 4 <= of.count; k += 4) {                                                                           \
            const value *row[4];                                                                                      \
            for (int j = 0; j < 4; j++) row[j] = (const value *)lf_at(p, 0, lf_sampled_row(of, k + j));               \
            for (int i = 0; i < n; i++) total[i] = (((total[i] + row[0][i]) + row[1][i]) + row[2][i]) + row[3][i];    \
        }                                                                                                             \
        for (; k < of.count; k++) {                                                                                   \
            const value *row = (const value *)lf_at(p, 0, lf_sampled_row(of, k));                                     \
            for (int i = 0; i < n; i++) total[i] += row[i];                                                           \
        }                                                                                                             \
    }
typedef uint32_t lf_total __attribute__((may_alias)); /* totals of integers lie where those of floats would */
LF_TOTAL_ROWS(lf_total_rows_u8, uint8_t, lf_total)
LF_TOTAL_ROWS(lf_total_rows_u16, lf_u16, lf_total)
LF_TOTAL_ROWS(lf_total_rows_f32, float, float)
#undef LF_TOTAL_ROWS

/* The same for any picture; the totals are at the beginning of lf_thumbnail_scratch_floats floats. */
LF_INLINE void lf_total_rows(const lf_picture *p, lf_sampled_rows of, float *scratch, int first) {
    const int n = 3 * p->width;
    if (p->type == LF_F32)
        lf_total_rows_f32(p, of, n, scratch, first);
    else if (p->type == LF_U8)
        lf_total_rows_u8(p, of, n, (lf_total *)scratch, first);
    else
        lf_total_rows_u16(p, of, n, (lf_total *)scratch, first);
}

/* Means of a row of cells from the totals of their rows of the picture. */
LF_INLINE uint16_t lf_cell_value(double mean) {
    return (uint16_t)((mean > 0 ? mean < 65535 ? mean : 65535 : 0) + 0.5);
}
#define LF_AVERAGE_COLUMNS(name, number, sum_type)                                                                    \
    LF_INLINE void name(const lf_picture *p, const number *total, lf_size size, int rows, uint16_t *to) {             \
        for (int x = 0; x < size.columns; x++, to++) {                                                                \
            const int x0 = lf_cell_start(x, p->width, size.columns), x1 = lf_cell_end(x, p->width, size.columns);     \
            sum_type red = 0, green = 0, blue = 0;                                                                    \
            for (int i = x0; i < x1; i++) {                                                                           \
                red += total[3 * i];                                                                                  \
                green += total[3 * i + 1];                                                                            \
                blue += total[3 * i + 2];                                                                             \
            }                                                                                                         \
            const double scale = 65535.0 / (lf_top(p->type) * (double)(x1 - x0) * (double)rows);                      \
            to[0] = lf_cell_value((double)red * scale);                                                               \
            to[lf_cells(size)] = lf_cell_value((double)green * scale);                                                \
            to[2 * lf_cells(size)] = lf_cell_value((double)blue * scale);                                             \
        }                                                                                                             \
    }
LF_AVERAGE_COLUMNS(lf_average_columns, lf_total, uint64_t)
LF_AVERAGE_COLUMNS(lf_average_columns_f32, float, double)
#undef LF_AVERAGE_COLUMNS

/* Scratch floats lf_thumbnail_rows needs: totals of a row of a picture. */
LF_CODE size_t lf_thumbnail_scratch_floats(int width) { return 3 * (size_t)width; }

/* A row of cells from the totals of `rows` rows of a picture. */
LF_INLINE void lf_average_row(const lf_picture *p, const float *scratch, lf_size size, int rows, uint16_t *to) {
    if (p->type == LF_F32)
        lf_average_columns_f32(p, scratch, size, rows, to);
    else
        lf_average_columns(p, (const lf_total *)scratch, size, rows, to);
}

/* Rows [row0, row1) of the thumbnail of a picture: means over cells, 65535 for 1, as planes [3][size.rows][size.columns].
 * scratch holds lf_thumbnail_scratch_floats(p->width) floats. */
LF_CODE void lf_thumbnail_rows(const lf_picture *p, lf_size size, int row0, int row1, uint16_t *thumbnail,
                               float *scratch) {
    for (int row = row0; row < row1; row++) {
        const lf_sampled_rows of = lf_rows_of_cell(row, p->height, size.rows);
        lf_total_rows(p, of, scratch, 1);
        lf_average_row(p, scratch, size, of.count, thumbnail + (size_t)row * size.columns);
    }
}

/* The sum of a thumbnail [3][rows][columns]: of two exposures, under has the smaller one. */
LF_CODE uint64_t lf_brightness(const uint16_t *thumbnail, lf_size size) {
    uint64_t sum = 0;
    for (size_t i = 0; i < 3 * lf_cells(size); i++) sum += thumbnail[i];
    return sum;
}

#endif
