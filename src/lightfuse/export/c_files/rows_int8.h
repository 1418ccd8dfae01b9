/* lightfuse_rows.h: a picture fused row by row in whole numbers, for processors without floating point.
 *
 * Rows of both pictures are read twice, from the first to the last: once for their thumbnails, once to fuse them. No
 * picture is ever whole in memory, nor is the context grid: its rows are made when the second pass comes to them.
 * Weights have 8 bits, what layers hand on 16, sums 32; products of 64 bits are met on the thumbnail only. Plain C11
 * that calls nothing; it takes for granted, as every compiler does, that >> of a negative number keeps its sign.
 * For the models small and base, and any of their kind; sides up to 65,535.
 */
#ifndef LIGHTFUSE_ROWS_H
#define LIGHTFUSE_ROWS_H

#include <stddef.h>
#include <stdint.h>

typedef enum { LF_U8, LF_U16 } lf_type;

static int lf_pixel_bytes(lf_type type) { return type == LF_U8 ? 3 : 6; }

#include "rows_shared.h"

/* ---- The model -------------------------------------------------------------------------------------------------- */

enum { LF_MAX_LEVELS = 8, LF_MAX_LAYERS = 5, LF_MAX_WIDTH = 64 };
enum { LF_ONE = 32767, LF_GAIN_BITS = 13, LF_CHROMA_BITS = 12, LF_PART_BITS = 14, LF_LITTLE = 655 };

/* A depthwise 3 x 3 [channels][3][3]: its sums are shifted right. */
typedef struct {
    const int8_t *weights;
    const uint8_t *shifts;
} lf_spread;

/* A pointwise layer [out][in] of FilteringNet: (sum + bias) * multiplier, shifted right. */
typedef struct {
    const int8_t *weights;
    const int32_t *biases;
    const int16_t *multipliers;
    const uint8_t *shifts;
} lf_mix;

typedef struct {
    lf_spread depthwise;
    lf_mix pointwise;
} lf_separable;

/* A layer [out][in] of CombiningNet: sum + bias, shifted right. */
typedef struct {
    const int8_t *weights;
    const int32_t *biases;
    const uint8_t *shifts;
} lf_layer;

/* A mixing weight by the last layer's sum: table[i] at (first + i) * 2^bits, `steps` steps, linear between. */
typedef struct {
    const int16_t *table;
    int32_t first, steps;
    int bits;
} lf_curve;

/* FilteringNet halves the thumbnail `levels` times and comes back up; CombiningNet has `layers` layers of
 * widths[0..layers] (6 ... outputs). The first widths[1] contexts are added inside its first layer, the others to its
 * last. gains: luma gain, luma offset and chroma gain of answers 1, 2 and 3, as a product and a shift. */
typedef struct {
    int thumbnail_cells, channels, levels, layers, outputs, contexts, ratio;
    int widths[LF_MAX_LAYERS + 1];
    lf_separable first, down[LF_MAX_LEVELS], up[LF_MAX_LEVELS];
    lf_mix stem, summary, head;
    lf_layer combining[LF_MAX_LAYERS];
    const uint8_t *context_shifts;
    lf_curve curves[2];
    int32_t gains[3];
    uint8_t gain_shifts[3];
} lf_int8_model;

typedef struct {
    int rows, columns;
} lf_size;

static int lf_min_int(int a, int b) { return a < b ? a : b; }
static int32_t lf_held(int32_t x, int32_t low, int32_t high) { return x < low ? low : x > high ? high : x; }
static int16_t lf_fitted(int32_t x) { return (int16_t)lf_held(x, -LF_ONE - 1, LF_ONE); }

/* x / 2^by, halves upwards. */
static int32_t lf_shifted(int32_t x, int by) { return (x + ((1 << by) >> 1)) >> by; }

/* Steps of `multiple` cells along a side, rounded: sqrt(cells * side / other) / multiple. */
static int lf_thumbnail_side(int side, int other, int cells, int multiple) {
    const uint64_t most = 4 * (uint64_t)side * (uint64_t)cells, step = (uint64_t)(multiple * multiple) * (uint64_t)other;
    const int largest = cells / (multiple * multiple);
    int steps = 1;
    for (uint64_t odd = 3; steps < largest && odd * odd * step <= most; odd += 2) steps++;
    return multiple * steps;
}

static lf_size lf_thumbnail_size(const lf_int8_model *m, int width, int height) {
    const int multiple = 1 << m->levels;
    return (lf_size){lf_thumbnail_side(height, width, m->thumbnail_cells, multiple),
                     lf_thumbnail_side(width, height, m->thumbnail_cells, multiple)};
}

/* ---- Memory ----------------------------------------------------------------------------------------------------- */

/* What the fusing of one picture holds. Planes of a row lie one behind the other: [channels][columns]. */
typedef struct {
    const lf_int8_model *model;
    const lf_rows *rows;
    lf_size size;
    int16_t *thumbnails[2];          /* [rows][3][columns], -16384 for 0; under first once both are made */
    int16_t *levels[LF_MAX_LEVELS];  /* levels[i]: [rows >> i][channels][columns >> i]; there is no levels[0] */
    uint32_t *row_sums, *sums;       /* pass 1: [2][3][columns] of a row of the pictures, and of one of the thumbnails */
    int16_t *spare;                  /* between the passes: rows of a level */
    int16_t *finest, *grid, *blocks; /* pass 2: 3 rows of the finest level, 2 of the context grid, spare rows */
    int16_t *mixed;                  /* pass 2: between two rows of the grid, [columns][contexts] */
    uint16_t *cells, *parts;         /* pass 2: where the pixels of a row lie between the grid's columns */
    void *pixels[2];                 /* a row of each picture */
    int made, grid_made;             /* rows of the finest level and of the grid that have been made */
    int32_t gains[3];                /* the model's, as much of them as this pair deserves */
} lf_rows_state;

/* Share the memory out, and return how much of it is used. What one pass needs lies where another has finished. */
static size_t lf_rows_place(lf_rows_state *s, char *memory) {
    const lf_int8_model *m = s->model;
    const size_t n = (size_t)m->channels, contexts = (size_t)m->contexts, columns = (size_t)s->size.columns;
    const size_t widest = n > 6 ? n : 6, number = sizeof(int16_t);
    size_t shared = 0, ends[3];
    for (int p = 0; p < 2; p++)
        s->thumbnails[p] = lf_rows_take(memory, &shared, 3 * columns * (size_t)s->size.rows * number);
    for (int p = 0; p < 2; p++) s->pixels[p] = lf_rows_take(memory, &shared, lf_rows_row_bytes(s->rows));

    ends[0] = shared;
    s->row_sums = lf_rows_take(memory, &ends[0], 6 * columns * sizeof(uint32_t));
    s->sums = lf_rows_take(memory, &ends[0], 6 * columns * sizeof(uint32_t));

    s->levels[1] = lf_rows_take(memory, &shared, n * (columns / 2) * (size_t)(s->size.rows / 2) * number);
    ends[1] = ends[2] = shared;
    for (int i = 2; i <= m->levels; i++)
        s->levels[i] = lf_rows_take(memory, &ends[1], n * (columns >> i) * (size_t)(s->size.rows >> i) * number);
    s->spare = lf_rows_take(memory, &ends[1], (18 * columns + 3 * widest * (columns / 2)) * number);

    s->finest = lf_rows_take(memory, &ends[2], 3 * n * columns * number);
    s->grid = lf_rows_take(memory, &ends[2], 2 * contexts * columns * number);
    s->mixed = lf_rows_take(memory, &ends[2], contexts * columns * number);
    s->blocks = lf_rows_take(memory, &ends[2], (n + widest) * columns * number);
    s->cells = lf_rows_take(memory, &ends[2], (size_t)s->rows->width * sizeof(uint16_t));
    s->parts = lf_rows_take(memory, &ends[2], (size_t)s->rows->width * sizeof(uint16_t));
    for (int i = 1; i < 3; i++) ends[0] = ends[i] > ends[0] ? ends[i] : ends[0];
    return ends[0];
}

/* Bytes of memory that lf_fuse_rows needs. */
static inline size_t lf_fuse_rows_bytes(const lf_int8_model *m, const lf_rows *r) {
    lf_rows_state s = {.model = m, .rows = r, .size = lf_thumbnail_size(m, r->width, r->height)};
    return lf_rows_place(&s, NULL);
}

/* ---- Pass 1: thumbnails ----------------------------------------------------------------------------------------- */

static uint32_t lf_value(const void *row, lf_type type, int i) {
    return type == LF_U8 ? ((const uint8_t *)row)[i] : ((const uint16_t *)row)[i];
}

static int lf_cell_start(int i, int side, int cells) { return (int)((uint32_t)i * (uint32_t)side / (uint32_t)cells); }
static int lf_cell_end(int i, int side, int cells) {
    return (int)(((uint32_t)(i + 1) * (uint32_t)side + (uint32_t)cells - 1) / (uint32_t)cells);
}

/* Sums over columns of one row of a picture, [3][columns]. */
static void lf_rows_columns(const void *row, const lf_rows *r, int columns, uint32_t *sums) {
    for (int x = 0; x < columns; x++) {
        const int x1 = lf_cell_end(x, r->width, columns);
        uint32_t sum[3] = {0, 0, 0};
        for (int i = lf_cell_start(x, r->width, columns); i < x1; i++)
            for (int c = 0; c < 3; c++) sum[c] += lf_value(row, r->type, 3 * i + c);
        for (int c = 0; c < 3; c++) sums[c * columns + x] = sum[c];
    }
}

/* The mean of a cell, 0 .. LF_ONE. */
static uint32_t lf_mean(uint32_t sum, uint32_t pixels, lf_type type) {
    if (type == LF_U16) return (sum + pixels / 2) / pixels >> 1;
    const uint32_t mean = (sum * 128 + pixels / 2) / pixels;
    return mean + (mean >> 8);
}

/* Row `row` of both thumbnails, from the sums of its rows of the pictures; adds what it holds to brightness. */
static void lf_rows_means(const lf_rows_state *s, int row, int pixel_rows, uint64_t brightness[2]) {
    const int columns = s->size.columns;
    for (int p = 0; p < 2; p++)
        for (int x = 0; x < columns; x++) {
            const int wide = lf_cell_end(x, s->rows->width, columns) - lf_cell_start(x, s->rows->width, columns);
            for (int c = 0; c < 3; c++) {
                const uint32_t sum = s->sums[(3 * p + c) * columns + x];
                const uint32_t mean = lf_mean(sum, (uint32_t)(wide * pixel_rows), s->rows->type);
                s->thumbnails[p][(3 * row + c) * columns + x] = (int16_t)((int32_t)mean - (LF_ONE + 1) / 2);
                brightness[p] += mean;
            }
        }
}

/* Make both thumbnails and put under's first. A cell's last row of pixels may be the next cell's first too. */
static int lf_rows_thumbnails(lf_rows_state *s) {
    const int rows = s->size.rows, columns = s->size.columns, height = s->rows->height;
    uint64_t brightness[2] = {0, 0};
    int order = 0, last = -1;
    for (int row = 0; row < rows; row++) {
        const int y0 = lf_cell_start(row, height, rows), y1 = lf_cell_end(row, height, rows);
        for (int i = 0; i < 6 * columns; i++) s->sums[i] = 0;
        for (int y = y0; y < y1; y++) {
            if (y > last) {
                if (lf_rows_read(s->rows, y, s->pixels, &order)) return 1;
                for (int p = 0; p < 2; p++)
                    lf_rows_columns(s->pixels[p], s->rows, columns, s->row_sums + 3 * columns * p);
                last = y;
            }
            for (int i = 0; i < 6 * columns; i++) s->sums[i] += s->row_sums[i];
        }
        lf_rows_means(s, row, y1 - y0, brightness);
    }
    if (brightness[0] > brightness[1] || (brightness[0] == brightness[1] && order > 0)) {
        int16_t *over = s->thumbnails[0];
        s->thumbnails[0] = s->thumbnails[1];
        s->thumbnails[1] = over;
        return -1;
    }
    return 0;
}

/* How far CombiningNet may go: not at all where the thumbnails' mean difference is below 0.03, all the way from 0.12. */
static void lf_rows_strength(lf_rows_state *s) {
    const uint32_t n = 3 * (uint32_t)s->size.rows * (uint32_t)s->size.columns;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        const int difference = s->thumbnails[1][i] - s->thumbnails[0][i];
        sum += (uint64_t)(difference < 0 ? -difference : difference);
    }
    const int32_t mean = (int32_t)(sum / n), strength = mean < 983 ? 0 : lf_min_int((mean - 983) * LF_ONE / 2949, LF_ONE);
    for (int i = 0; i < 3; i++) s->gains[i] = s->model->gains[i] * strength >> 15;
}

/* ---- FilteringNet, a row at a time ------------------------------------------------------------------------------ */

/* Row `row` of both thumbnails, or the nearest there is: [6][columns]. */
static void lf_rows_thumbnail(const lf_rows_state *s, int row, int16_t *to) {
    const int n = 3 * s->size.columns, y = row < 0 ? 0 : lf_min_int(row, s->size.rows - 1);
    for (int p = 0; p < 2; p++)
        for (int i = 0; i < n; i++) *to++ = s->thumbnails[p][y * n + i];
}

/* A row of a 3 x 3 depthwise layer from three rows of planes, the border repeated: [channels][columns / stride]. */
static void lf_rows_depthwise(const int16_t *const rows[3], int channels, int columns, int stride, const lf_spread *layer,
                              int16_t *out) {
    for (int c = 0; c < channels; c++) {
        const int8_t *w = layer->weights + 9 * c;
        const int by = layer->shifts[c];
        for (int x = 0; x < columns; x += stride) {
            const int left = x > 0 ? x - 1 : 0, right = lf_min_int(x + 1, columns - 1);
            int32_t sum = 0;
            for (int i = 0; i < 3; i++) {
                const int16_t *row = rows[i] + c * columns;
                sum += w[3 * i] * row[left] + w[3 * i + 1] * row[x] + w[3 * i + 2] * row[right];
            }
            *out++ = lf_fitted(lf_shifted(sum, by));
        }
    }
}

/* (sum + bias) of output o as it is handed on. */
static int16_t lf_scaled(int32_t sum, const lf_mix *layer, int o, int relu) {
    const int64_t total = (int64_t)sum + layer->biases[o];
    if (relu && total < 0) return 0;
    const int by = layer->shifts[o];
    const int64_t scaled = (total * layer->multipliers[o] + (((int64_t)1 << by) >> 1)) >> by;
    return (int16_t)(scaled > LF_ONE ? LF_ONE : scaled < -LF_ONE - 1 ? -LF_ONE - 1 : scaled);
}

/* Planes of a row [n_in][columns] to [n_out][columns], with ReLU if relu; added to out if add. */
static void lf_rows_pointwise(const int16_t *in, int n_in, int16_t *out, int n_out, int columns, const lf_mix *layer,
                              int relu, int add) {
    for (int o = 0; o < n_out; o++)
        for (int x = 0; x < columns; x++) {
            int32_t sum = 0;
            for (int i = 0; i < n_in; i++) sum += layer->weights[o * n_in + i] * in[i * columns + x];
            const int16_t value = lf_scaled(sum, layer, o, relu);
            out[o * columns + x] = add ? lf_fitted(out[o * columns + x] + value) : value;
        }
}

/* Add to a row of planes the level of half its size, doubled by bilinear interpolation (half-pixel centres). */
static void lf_rows_add_doubled(const lf_rows_state *s, int level, int row, int16_t *to) {
    const int n = s->model->channels, columns = s->size.columns >> level, rows = s->size.rows >> level;
    const int near = row / 2, far = row % 2 ? near + 1 : near - 1;
    const int16_t *a = s->levels[level] + near * n * columns;
    const int16_t *b = s->levels[level] + (far < 0 ? 0 : lf_min_int(far, rows - 1)) * n * columns;
    for (int c = 0; c < n; c++, a += columns, b += columns, to += 2 * columns)
        for (int x = 0; x < columns; x++) {
            const int left = x > 0 ? x - 1 : 0, right = lf_min_int(x + 1, columns - 1);
            const int32_t here = 3 * (3 * a[x] + b[x]);
            to[2 * x] = lf_fitted(to[2 * x] + lf_shifted(here + 3 * a[left] + b[left], 4));
            to[2 * x + 1] = lf_fitted(to[2 * x + 1] + lf_shifted(here + 3 * a[right] + b[right], 4));
        }
}

static int16_t *lf_rows_of(const lf_rows_state *s, int level, int row) {
    const int rows = s->size.rows >> level, y = row < 0 ? 0 : lf_min_int(row, rows - 1);
    return s->levels[level] + y * s->model->channels * (s->size.columns >> level);
}

/* From the thumbnails to level 1. */
static void lf_rows_first(lf_rows_state *s) {
    const lf_separable *layer = &s->model->first;
    const int columns = s->size.columns;
    int16_t *const near[3] = {s->spare, s->spare + 6 * columns, s->spare + 12 * columns};
    int16_t *const mixed = s->spare + 18 * columns;
    const int16_t *const rows[3] = {near[0], near[1], near[2]};
    for (int y = 0; y < s->size.rows / 2; y++) {
        for (int i = 0; i < 3; i++) lf_rows_thumbnail(s, 2 * y + i - 1, near[i]);
        lf_rows_depthwise(rows, 6, columns, 2, &layer->depthwise, mixed);
        lf_rows_pointwise(mixed, 6, lf_rows_of(s, 1, y), s->model->channels, columns / 2, &layer->pointwise, 1, 0);
    }
}

/* From a level to the one of half its size. */
static void lf_rows_down(lf_rows_state *s, int level) {
    const lf_separable *layer = &s->model->down[level - 1];
    const int n = s->model->channels, columns = s->size.columns >> level, half = columns / 2;
    for (int y = 0; y < s->size.rows >> (level + 1); y++) {
        const int16_t *const rows[3] = {lf_rows_of(s, level, 2 * y - 1), lf_rows_of(s, level, 2 * y),
                                        lf_rows_of(s, level, 2 * y + 1)};
        int16_t *to = lf_rows_of(s, level + 1, y);
        lf_rows_depthwise(rows, n, columns, 2, &layer->depthwise, s->spare);
        lf_rows_pointwise(s->spare, n, to, n, half, &layer->pointwise, 1, 0);
        for (int c = 0; c < n; c++)
            for (int x = 0; x < half; x++) {
                const int16_t *upper = rows[1] + c * columns + 2 * x, *lower = rows[2] + c * columns + 2 * x;
                const int32_t mean = lf_shifted(upper[0] + upper[1] + lower[0] + lower[1], 2);
                to[c * half + x] = lf_fitted(to[c * half + x] + mean);
            }
    }
}

/* Add to the coarsest level what the means and maxima of its channels say together. */
static void lf_rows_summary(lf_rows_state *s) {
    const lf_int8_model *m = s->model;
    const int n = m->channels, rows = s->size.rows >> m->levels, columns = s->size.columns >> m->levels;
    int16_t summary[2 * LF_MAX_WIDTH];
    for (int c = 0; c < n; c++) {
        int64_t sum = rows * columns / 2;
        int16_t most = lf_rows_of(s, m->levels, 0)[c * columns];
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < columns; x++) {
                const int16_t value = lf_rows_of(s, m->levels, y)[c * columns + x];
                sum += value;
                most = value > most ? value : most;
            }
        summary[c] = (int16_t)(sum / (rows * columns));
        summary[n + c] = most;
    }
    for (int o = 0; o < n; o++) {
        int32_t sum = 0;
        for (int i = 0; i < 2 * n; i++) sum += m->summary.weights[2 * n * o + i] * summary[i];
        const int16_t value = lf_scaled(sum, &m->summary, o, 0);
        for (int y = 0; y < rows; y++) {
            int16_t *to = lf_rows_of(s, m->levels, y) + o * columns;
            for (int x = 0; x < columns; x++) to[x] = lf_fitted(to[x] + value);
        }
    }
}

/* A level on the way up, in place. */
static void lf_rows_up(lf_rows_state *s, int level) {
    const lf_separable *layer = &s->model->up[level];
    const int n = s->model->channels, columns = s->size.columns >> level, rows = s->size.rows >> level;
    int16_t *above = s->spare, *mixed = s->spare + n * columns;
    for (int y = 0; y < rows; y++) lf_rows_add_doubled(s, level + 1, y, lf_rows_of(s, level, y));
    for (int y = 0; y < rows; y++) {
        int16_t *here = lf_rows_of(s, level, y);
        const int16_t *const near[3] = {y > 0 ? above : here, here, lf_rows_of(s, level, y + 1)};
        lf_rows_depthwise(near, n, columns, 1, &layer->depthwise, mixed);
        for (int i = 0; i < n * columns; i++) above[i] = here[i];
        lf_rows_pointwise(mixed, n, here, n, columns, &layer->pointwise, 1, 1);
    }
}

/* All of FilteringNet but its finest level. */
static void lf_rows_filter(lf_rows_state *s) {
    lf_rows_first(s);
    for (int i = 1; i < s->model->levels; i++) lf_rows_down(s, i);
    lf_rows_summary(s);
    for (int i = s->model->levels - 1; i > 0; i--) lf_rows_up(s, i);
}

/* ---- Pass 2: the finest level and the grid ---------------------------------------------------------------------- */

static int16_t *lf_rows_finest(const lf_rows_state *s, int row) {
    const int y = row < 0 ? 0 : lf_min_int(row, s->size.rows - 1);
    return s->finest + y % 3 * s->model->channels * s->size.columns;
}

static int16_t *lf_rows_grid(const lf_rows_state *s, int row) {
    return s->grid + row % 2 * s->model->contexts * s->size.columns;
}

/* Make the context grid up to and with row `last`; its last two rows are kept. */
static void lf_rows_make_grid(lf_rows_state *s, int last) {
    const lf_int8_model *m = s->model;
    const int n = m->channels, columns = s->size.columns;
    int16_t *depthwise = s->blocks, *block = s->blocks + n * columns;
    for (; s->grid_made <= last; s->grid_made++) {
        const int y = s->grid_made;
        for (; s->made <= y + 1 && s->made < s->size.rows; s->made++) {
            int16_t *to = lf_rows_finest(s, s->made);
            lf_rows_thumbnail(s, s->made, block);
            lf_rows_pointwise(block, 6, to, n, columns, &m->stem, 1, 0);
            lf_rows_add_doubled(s, 1, s->made, to);
        }
        const int16_t *const near[3] = {lf_rows_finest(s, y - 1), lf_rows_finest(s, y), lf_rows_finest(s, y + 1)};
        lf_rows_depthwise(near, n, columns, 1, &m->up[0].depthwise, depthwise);
        for (int i = 0; i < n * columns; i++) block[i] = near[1][i];
        lf_rows_pointwise(depthwise, n, block, n, columns, &m->up[0].pointwise, 1, 1);
        lf_rows_pointwise(block, n, lf_rows_grid(s, y), m->contexts, columns, &m->head, 0, 0);
    }
}

/* Where pixel i of `side` lies between `cells` cells: cell index and how far towards the next (half-pixel centres). */
static int lf_between(int i, int side, int cells, int32_t *part) {
    const int64_t twice = 2 * (int64_t)side, at = (2 * (int64_t)i + 1) * cells - side;
    const int cell = at > 0 ? lf_min_int((int)(at / twice), cells - 1) : 0;
    *part = at > 0 ? (int32_t)(((at - cell * twice) << LF_PART_BITS) / twice) : 0;
    return cell;
}

/* The context of row y of the picture: between two rows of the grid. */
static void lf_rows_mix_grid(lf_rows_state *s, int y) {
    const int contexts = s->model->contexts, columns = s->size.columns;
    int32_t part;
    const int cell = lf_between(y, s->rows->height, s->size.rows, &part), next = lf_min_int(cell + 1, s->size.rows - 1);
    lf_rows_make_grid(s, next);
    const int16_t *upper = lf_rows_grid(s, cell), *lower = lf_rows_grid(s, next);
    for (int c = 0; c < contexts; c++, upper += columns, lower += columns)
        for (int x = 0; x < columns; x++)
            s->mixed[x * contexts + c] = (int16_t)(upper[x] + lf_shifted((lower[x] - upper[x]) * part, LF_PART_BITS));
}

/* ---- Pass 2: CombiningNet --------------------------------------------------------------------------------------- */

/* A pixel's sums in the last layer. x: under and over, 0 .. LF_ONE; context: in the sums' units. */
static void lf_combine(const lf_int8_model *m, const int16_t x[6], const int32_t *context, int32_t *sums) {
    int16_t values[2][LF_MAX_WIDTH];
    const int16_t *in = x;
    for (int l = 0; l < m->layers; l++) {
        const lf_layer *layer = &m->combining[l];
        const int n_in = m->widths[l], last = l == m->layers - 1;
        const int32_t *start = l == 0 ? context : last ? context + m->widths[1] : NULL;
        const int8_t *w = layer->weights;
        for (int o = 0; o < m->widths[l + 1]; o++, w += n_in) {
            int32_t sum = layer->biases[o] + (start ? start[o] : 0);
            for (int i = 0; i < n_in; i++) sum += w[i] * in[i];
            if (last)
                sums[o] = sum;
            else
                values[l % 2][o] = (int16_t)(sum < 0 ? 0 : lf_min_int(lf_shifted(sum, layer->shifts[o]), LF_ONE));
        }
        in = values[l % 2];
    }
}

/* The mixing weight, 0 .. LF_ONE, of a last layer's sum. */
static int32_t lf_curve_at(const lf_curve *curve, int32_t sum) {
    const int32_t low = curve->first * ((int32_t)1 << curve->bits), end = curve->steps << curve->bits;
    const int32_t at = lf_held(sum, low, low + end - 1) - low, part = at & (((int32_t)1 << curve->bits) - 1);
    const int16_t *t = curve->table + (at >> curve->bits);
    return t[0] + ((t[1] - t[0]) * part >> curve->bits);
}

static int32_t lf_luma(const int16_t *x) { return (9798 * x[0] + 19235 * x[1] + 3735 * x[2] + (1 << 14)) >> 15; }

/* Luma gain (o = 1), luma offset (2) or chroma gain (3). */
static int32_t lf_answer(const lf_rows_state *s, const int32_t *sums, int o) {
    const lf_int8_model *m = s->model;
    const int32_t answer = lf_held(sums[o] >> m->combining[m->layers - 1].shifts[o], -LF_ONE, LF_ONE);
    return lf_held(answer * s->gains[o - 1] >> m->gain_shifts[o - 1], -LF_ONE, LF_ONE);
}

/* The structured output: luma of the mix, times 1 + gain, plus the offset; chroma of the mix, times 1 + its own gain. */
static void lf_compose(const lf_rows_state *s, const int16_t x[6], const int32_t *sums, int32_t fused[3]) {
    const int32_t bright = lf_luma(x + 3), difference = lf_luma(x) - bright, most = 8 << LF_CHROMA_BITS;
    int32_t weight = lf_curve_at(&s->model->curves[0], sums[0]);
    const int32_t mixture = bright + (weight * difference >> 15);
    if (s->model->outputs == 5) weight = lf_curve_at(&s->model->curves[1], sums[4]);
    const int32_t grey = bright + (weight * difference >> 15);
    const int32_t luma = mixture + (mixture * lf_answer(s, sums, 1) >> LF_GAIN_BITS) + lf_answer(s, sums, 2);
    int32_t gain = lf_answer(s, sums, 3) + (1 << LF_CHROMA_BITS);
    if (s->model->ratio) {
        const int32_t lifted = luma + LF_LITTLE > 0 ? luma + LF_LITTLE : 0;
        gain = gain * lf_min_int((lifted << LF_CHROMA_BITS) / (grey + LF_LITTLE), most) >> LF_CHROMA_BITS;
    }
    gain = lf_held(gain, 0, most);
    int32_t largest = 0;
    for (int c = 0; c < 3; c++) {
        const int32_t coloured = x[3 + c] + (weight * (x[c] - x[3 + c]) >> 15);
        const int32_t channel = luma + ((coloured - grey) * gain >> LF_CHROMA_BITS);
        fused[c] = channel < 0 ? 0 : channel;
        if (fused[c] > largest) largest = fused[c];
    }
    if (largest > LF_ONE) /* divided by it: clipped, a highlight would change hue */
        for (int c = 0; c < 3; c++) fused[c] = fused[c] * ((LF_ONE << 15) / largest) >> 15;
}

static int16_t lf_read(const void *row, lf_type type, int i) {
    return (int16_t)(lf_value(row, type, i) * (type == LF_U8 ? 257 : 1) >> 1);
}

static void lf_write(void *row, lf_type type, int i, int32_t value) {
    if (type == LF_U8)
        ((uint8_t *)row)[i] = (uint8_t)(((uint32_t)value * 65282 + (1 << 22)) >> 23);
    else
        ((uint16_t *)row)[i] = (uint16_t)(value << 1 | value >> 14);
}

/* Fuse a row into under's pixels. */
static void lf_rows_fuse(const lf_rows_state *s, void *under, const void *over) {
    const lf_int8_model *m = s->model;
    const lf_type type = s->rows->type;
    int32_t context[2 * LF_MAX_WIDTH], sums[LF_MAX_WIDTH], fused[3];
    int16_t x[6];
    for (int i = 0; i < s->rows->width; i++) {
        const int16_t *left = s->mixed + s->cells[i] * m->contexts;
        const int16_t *right = s->cells[i] + 1 < s->size.columns ? left + m->contexts : left;
        for (int c = 0; c < m->contexts; c++)
            context[c] = (left[c] * (1 << LF_PART_BITS) + (right[c] - left[c]) * s->parts[i]) >> m->context_shifts[c];
        for (int c = 0; c < 3; c++) {
            x[c] = lf_read(under, type, 3 * i + c);
            x[3 + c] = lf_read(over, type, 3 * i + c);
        }
        lf_combine(m, x, context, sums);
        lf_compose(s, x, sums, fused);
        for (int c = 0; c < 3; c++) lf_write(under, type, 3 * i + c, fused[c]);
    }
}

/* Fuse row by row. memory holds lf_fuse_rows_bytes bytes, at an address that is a multiple of 16.
 * Returns 0, or 1 when a row could not be read or written. */
static inline int lf_fuse_rows(const lf_int8_model *m, const lf_rows *r, void *memory) {
    lf_rows_state s = {.model = m, .rows = r, .size = lf_thumbnail_size(m, r->width, r->height)};
    lf_rows_place(&s, memory);
    const int order = lf_rows_thumbnails(&s);
    if (order > 0) return 1;
    lf_rows_strength(&s);
    lf_rows_filter(&s);
    for (int i = 0; i < r->width; i++) {
        int32_t part;
        s.cells[i] = (uint16_t)lf_between(i, r->width, s.size.columns, &part);
        s.parts[i] = (uint16_t)part;
    }
    for (int y = 0; y < r->height; y++) {
        for (int p = 0; p < 2; p++)
            if (r->read(r->user, p, y, s.pixels[p])) return 1;
        lf_rows_mix_grid(&s, y);
        lf_rows_fuse(&s, s.pixels[order ? 1 : 0], s.pixels[order ? 0 : 1]);
        if (r->write(r->user, y, s.pixels[order ? 1 : 0])) return 1;
    }
    return 0;
}

#endif
