/* lightfuse_rows.h: a picture fused row by row, in memory that does not grow with its height.
 *
 * Rows of both pictures are read twice, from the first to the last: once for their thumbnails, once to fuse them. No
 * picture is ever whole in memory, nor is the context grid: its rows are made when the second pass comes to them. The
 * results are lightfuse.h's, to within rounding. For the models small and base, and any of their kind.
 */
#ifndef LIGHTFUSE_ROWS_H
#define LIGHTFUSE_ROWS_H

#include "lightfuse.h"

#include "rows_shared.h"

/* ---- Memory ----------------------------------------------------------------------------------------------------- */

/* What the fusing of one picture holds. Planes of a row lie one behind the other: [channels][columns]. */
typedef struct {
    const lf_context_model *model;
    const lf_rows *rows;
    lf_size size;
    uint16_t *thumbnails[2];       /* [rows][3][columns], 65535 for 1; under first once both are made */
    float *levels[LF_MAX_LEVELS];  /* levels[i]: [rows >> i][channels][columns >> i]; there is no levels[0] */
    float *means, *sums;           /* pass 1: [2][3][columns] of a row of the pictures, and of one of the thumbnails */
    float *spare;                  /* between the passes: rows of a level */
    float *finest, *grid, *mixed;  /* pass 2: 3 rows of the finest level, 2 of the context grid, and between those */
    float *blocks, *scratch;       /* pass 2: rows of thumbnails and of sums, and what lightfuse.h asks for */
    void *pixels[2];               /* a row of each picture */
    int made, grid_made;           /* rows of the finest level and of the grid that have been made */
    float strength;
} lf_rows_state;

/* Share the memory out, and return how much of it is used. What one pass needs lies where another has finished. */
static size_t lf_rows_place(lf_rows_state *s, char *memory) {
    const lf_context_model *m = s->model;
    const size_t n = (size_t)m->channels, contexts = (size_t)m->contexts, columns = (size_t)s->size.columns;
    const size_t widest = n > 6 ? n : 6, number = sizeof(float);
    size_t shared = 0, ends[2];
    for (int p = 0; p < 2; p++)
        s->thumbnails[p] = lf_rows_take(memory, &shared, 3 * columns * (size_t)s->size.rows * sizeof(uint16_t));
    for (int p = 0; p < 2; p++) s->pixels[p] = lf_rows_take(memory, &shared, lf_rows_row_bytes(s->rows));
    s->levels[1] = lf_rows_take(memory, &shared, n * (columns / 2) * (size_t)(s->size.rows / 2) * number);

    ends[0] = shared;
    for (int i = 2; i <= m->levels; i++)
        s->levels[i] = lf_rows_take(memory, &ends[0], n * (columns >> i) * (size_t)(s->size.rows >> i) * number);
    s->spare = lf_rows_take(memory, &ends[0], (18 * columns + 3 * widest * (columns / 2)) * number);
    s->means = s->spare;
    s->sums = s->spare ? s->spare + 6 * columns : NULL;

    ends[1] = shared;
    s->finest = lf_rows_take(memory, &ends[1], 3 * n * columns * number);
    s->grid = lf_rows_take(memory, &ends[1], 2 * contexts * columns * number);
    s->mixed = lf_rows_take(memory, &ends[1], contexts * columns * number);
    s->blocks = lf_rows_take(memory, &ends[1], (n + widest) * columns * number);
    s->scratch = lf_rows_take(memory, &ends[1], lf_context_combine_scratch_floats(m) * number);
    return ends[0] > ends[1] ? ends[0] : ends[1];
}

/* Bytes of memory that lf_fuse_rows needs. */
LF_CODE size_t lf_fuse_rows_bytes(const lf_context_model *m, const lf_rows *r) {
    lf_rows_state s = {.model = m, .rows = r, .size = lf_thumbnail_size(m, r->width, r->height)};
    return lf_rows_place(&s, NULL);
}

/* ---- Pass 1: thumbnails ----------------------------------------------------------------------------------------- */

/* Means over columns of one row of a picture, in the picture's units, [3][columns]. */
static void lf_rows_columns(const void *row, const lf_rows *r, int columns, float *means) {
    for (int x = 0; x < columns; x++) {
        const int x0 = (int)((int64_t)x * r->width / columns);
        const int x1 = (int)(((int64_t)(x + 1) * r->width + columns - 1) / columns);
        float sum[3] = {0, 0, 0};
        for (int i = 3 * x0; i < 3 * x1; i++)
            sum[i % 3] += r->type == LF_U8    ? (float)((const uint8_t *)row)[i]
                          : r->type == LF_U16 ? (float)((const uint16_t *)row)[i]
                                              : ((const float *)row)[i];
        for (int c = 0; c < 3; c++) means[c * columns + x] = sum[c] / (float)(x1 - x0);
    }
}

/* Make both thumbnails and put under's first. A cell's last row of pixels may be the next cell's first too. */
static int lf_rows_thumbnails(lf_rows_state *s) {
    const int rows = s->size.rows, columns = s->size.columns, height = s->rows->height;
    const float top = lf_top(s->rows->type);
    double brightness[2] = {0, 0};
    int order = 0, last = -1;
    for (int row = 0; row < rows; row++) {
        const int y0 = (int)((int64_t)row * height / rows), y1 = (int)(((int64_t)(row + 1) * height + rows - 1) / rows);
        for (int i = 0; i < 6 * columns; i++) s->sums[i] = 0;
        for (int y = y0; y < y1; y++) {
            if (y > last) {
                if (lf_rows_read(s->rows, y, s->pixels, &order)) return 1;
                for (int p = 0; p < 2; p++)
                    lf_rows_columns(s->pixels[p], s->rows, columns, s->means + 3 * columns * p);
                last = y;
            }
            for (int i = 0; i < 6 * columns; i++) s->sums[i] += s->means[i];
        }
        for (int p = 0; p < 2; p++)
            for (int i = 0; i < 3 * columns; i++) {
                float value = s->sums[3 * columns * p + i] / ((float)(y1 - y0) * top);
                value = value < 0 ? 0 : value > 1 ? 1 : value;
                brightness[p] += value;
                s->thumbnails[p][3 * row * columns + i] = (uint16_t)(value * 65535.0f + 0.5f);
            }
    }
    if (brightness[0] > brightness[1] || (!(brightness[0] < brightness[1]) && order > 0)) {
        uint16_t *over = s->thumbnails[0];
        s->thumbnails[0] = s->thumbnails[1];
        s->thumbnails[1] = over;
        return -1;
    }
    return 0;
}

/* How far CombiningNet may go: see lf_context_strength. */
static float lf_rows_strength(const lf_rows_state *s) {
    const size_t n = 3 * (size_t)s->size.rows * (size_t)s->size.columns;
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        const int difference = (int)s->thumbnails[1][i] - (int)s->thumbnails[0][i];
        sum += (uint64_t)(difference < 0 ? -difference : difference);
    }
    const double strength = ((double)sum / ((double)n * 65535.0) - 0.03) / 0.09;
    return (float)(strength < 0 ? 0 : strength > 1 ? 1 : strength);
}

/* ---- FilteringNet, a row at a time ------------------------------------------------------------------------------ */

/* Row `row` of both thumbnails, or the nearest there is, as the network sees it: [6][columns] in [-0.5, 0.5]. */
static void lf_rows_thumbnail(const lf_rows_state *s, int row, float *to) {
    const int n = 3 * s->size.columns, y = row < 0 ? 0 : lf_min_int(row, s->size.rows - 1);
    for (int p = 0; p < 2; p++)
        for (int i = 0; i < n; i++)
            to[p * n + i] = (float)s->thumbnails[p][(size_t)y * (size_t)n + (size_t)i] * (1.0f / 65535.0f) - 0.5f;
}

/* A 3 x 3 depthwise layer on three rows of planes, the border repeated, to a row of columns / stride. */
static void lf_rows_depthwise(const float *const rows[3], int channels, int columns, int stride, const float *w,
                              float *out) {
    for (int c = 0; c < channels; c++, w += 9)
        for (int at = 0; at < columns; at += stride) {
            const int here = c * columns + at, left = here - (at > 0), right = here + (at + 1 < columns);
            float sum = 0;
            for (int i = 0; i < 3; i++)
                sum += w[3 * i] * rows[i][left] + w[3 * i + 1] * rows[i][here] + w[3 * i + 2] * rows[i][right];
            *out++ = sum;
        }
}

/* A pointwise layer on a row of planes, with ReLU if relu; added to out if add. */
static void lf_rows_pointwise(const float *in, int n_in, float *out, int n_out, int columns, const float *w,
                              const float *b, int relu, int add) {
    for (int o = 0; o < n_out; o++)
        for (int x = 0; x < columns; x++) {
            float sum = b[o];
            for (int i = 0; i < n_in; i++) sum += w[i * n_out + o] * in[i * columns + x];
            if (relu && sum < 0) sum = 0;
            out[o * columns + x] = add ? out[o * columns + x] + sum : sum;
        }
}

/* Add to a row of planes the level of half its size, doubled by bilinear interpolation (half-pixel centres). */
static void lf_rows_add_doubled(const lf_rows_state *s, int level, int row, float *to) {
    const int n = s->model->channels, columns = s->size.columns >> level, rows = s->size.rows >> level;
    const int near = row / 2, far = row % 2 ? near + 1 : near - 1;
    const float *a = s->levels[level] + near * n * columns;
    const float *b = s->levels[level] + (far < 0 ? 0 : lf_min_int(far, rows - 1)) * n * columns;
    for (int c = 0; c < n; c++, a += columns, b += columns, to += 2 * columns)
        for (int x = 0; x < columns; x++) {
            const int left = x > 0 ? x - 1 : 0, right = lf_min_int(x + 1, columns - 1);
            const float here = 0.75f * a[x] + 0.25f * b[x];
            to[2 * x] += 0.75f * here + 0.25f * (0.75f * a[left] + 0.25f * b[left]);
            to[2 * x + 1] += 0.75f * here + 0.25f * (0.75f * a[right] + 0.25f * b[right]);
        }
}

static float *lf_rows_of(const lf_rows_state *s, int level, int row) {
    const int rows = s->size.rows >> level, y = row < 0 ? 0 : lf_min_int(row, rows - 1);
    return s->levels[level] + (size_t)y * (size_t)s->model->channels * (size_t)(s->size.columns >> level);
}

/* From the thumbnails to level 1. */
static void lf_rows_first(lf_rows_state *s) {
    const lf_separable *layer = &s->model->first;
    const int columns = s->size.columns;
    float *const near[3] = {s->spare, s->spare + 6 * columns, s->spare + 12 * columns}, *mixed = s->spare + 18 * columns;
    const float *const rows[3] = {near[0], near[1], near[2]};
    for (int y = 0; y < s->size.rows / 2; y++) {
        for (int i = 0; i < 3; i++) lf_rows_thumbnail(s, 2 * y + i - 1, near[i]);
        lf_rows_depthwise(rows, 6, columns, 2, layer->depthwise, mixed);
        lf_rows_pointwise(mixed, 6, lf_rows_of(s, 1, y), s->model->channels, columns / 2, layer->pointwise, layer->bias,
                          1, 0);
    }
}

/* From a level to the one of half its size. */
static void lf_rows_down(lf_rows_state *s, int level) {
    const lf_separable *layer = &s->model->down[level - 1];
    const int n = s->model->channels, columns = s->size.columns >> level, half = columns / 2;
    for (int y = 0; y < s->size.rows >> (level + 1); y++) {
        const float *const rows[3] = {lf_rows_of(s, level, 2 * y - 1), lf_rows_of(s, level, 2 * y),
                                      lf_rows_of(s, level, 2 * y + 1)};
        float *to = lf_rows_of(s, level + 1, y);
        lf_rows_depthwise(rows, n, columns, 2, layer->depthwise, s->spare);
        lf_rows_pointwise(s->spare, n, to, n, half, layer->pointwise, layer->bias, 1, 0);
        for (int c = 0; c < n; c++)
            for (int x = 0; x < half; x++) {
                const float *upper = rows[1] + c * columns + 2 * x, *lower = rows[2] + c * columns + 2 * x;
                to[c * half + x] += 0.25f * (upper[0] + upper[1] + lower[0] + lower[1]);
            }
    }
}

/* Add to the coarsest level what the means and maxima of its channels say together. */
static void lf_rows_summary(lf_rows_state *s) {
    const lf_context_model *m = s->model;
    const int n = m->channels, rows = s->size.rows >> m->levels, columns = s->size.columns >> m->levels;
    float summary[2 * LF_MAX_WIDTH];
    for (int c = 0; c < n; c++) {
        float sum = 0, most = lf_rows_of(s, m->levels, 0)[c * columns];
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < columns; x++) {
                const float value = lf_rows_of(s, m->levels, y)[c * columns + x];
                sum += value;
                most = value > most ? value : most;
            }
        summary[c] = sum / (float)(rows * columns);
        summary[n + c] = most;
    }
    for (int o = 0; o < n; o++) {
        float value = m->summary_bias[o];
        for (int i = 0; i < 2 * n; i++) value += summary[i] * m->summary[i * n + o];
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < columns; x++) lf_rows_of(s, m->levels, y)[o * columns + x] += value;
    }
}

/* A level on the way up, in place. */
static void lf_rows_up(lf_rows_state *s, int level) {
    const lf_separable *layer = &s->model->up[level];
    const int n = s->model->channels, columns = s->size.columns >> level, rows = s->size.rows >> level;
    float *above = s->spare, *mixed = s->spare + n * columns;
    for (int y = 0; y < rows; y++) lf_rows_add_doubled(s, level + 1, y, lf_rows_of(s, level, y));
    for (int y = 0; y < rows; y++) {
        float *here = lf_rows_of(s, level, y);
        const float *const near[3] = {y > 0 ? above : here, here, lf_rows_of(s, level, y + 1)};
        lf_rows_depthwise(near, n, columns, 1, layer->depthwise, mixed);
        for (int i = 0; i < n * columns; i++) above[i] = here[i];
        lf_rows_pointwise(mixed, n, here, n, columns, layer->pointwise, layer->bias, 1, 1);
    }
}

/* All of FilteringNet but its finest level. */
static void lf_rows_filter(lf_rows_state *s) {
    lf_rows_first(s);
    for (int i = 1; i < s->model->levels; i++) lf_rows_down(s, i);
    lf_rows_summary(s);
    for (int i = s->model->levels - 1; i > 0; i--) lf_rows_up(s, i);
}

/* ---- Pass 2: the finest level, the grid, the picture ------------------------------------------------------------ */

static float *lf_rows_finest(const lf_rows_state *s, int row) {
    const int y = row < 0 ? 0 : lf_min_int(row, s->size.rows - 1);
    return s->finest + (size_t)(y % 3) * (size_t)s->model->channels * (size_t)s->size.columns;
}

static float *lf_rows_grid(const lf_rows_state *s, int row) {
    return s->grid + (size_t)(row % 2) * (size_t)s->model->contexts * (size_t)s->size.columns;
}

/* Make the context grid up to and with row `last`; its last two rows are kept. */
static void lf_rows_make_grid(lf_rows_state *s, int last) {
    const lf_context_model *m = s->model;
    const int n = m->channels, columns = s->size.columns;
    float *depthwise = s->blocks, *block = s->blocks + n * columns;
    for (; s->grid_made <= last; s->grid_made++) {
        const int y = s->grid_made;
        for (; s->made <= y + 1 && s->made < s->size.rows; s->made++) {
            float *to = lf_rows_finest(s, s->made);
            lf_rows_thumbnail(s, s->made, block);
            lf_rows_pointwise(block, 6, to, n, columns, m->stem.pointwise, m->stem.bias, 1, 0);
            lf_rows_add_doubled(s, 1, s->made, to);
        }
        const float *const near[3] = {lf_rows_finest(s, y - 1), lf_rows_finest(s, y), lf_rows_finest(s, y + 1)};
        lf_rows_depthwise(near, n, columns, 1, m->up[0].depthwise, depthwise);
        for (int i = 0; i < n * columns; i++) block[i] = near[1][i];
        lf_rows_pointwise(depthwise, n, block, n, columns, m->up[0].pointwise, m->up[0].bias, 1, 1);
        lf_rows_pointwise(block, n, lf_rows_grid(s, y), m->contexts, columns, m->head, m->head_bias, 0, 0);
    }
}

/* The context of row y of the picture: between two rows of the grid. */
static void lf_rows_mix_grid(lf_rows_state *s, int y) {
    const float at = ((float)y + 0.5f) * ((float)s->size.rows / (float)s->rows->height) - 0.5f;
    const int cell = lf_min_int(at > 0 ? (int)at : 0, s->size.rows - 1), next = lf_min_int(cell + 1, s->size.rows - 1);
    const float part = at > 0 ? at - (float)cell : 0.0f;
    lf_rows_make_grid(s, next);
    const float *upper = lf_rows_grid(s, cell), *lower = lf_rows_grid(s, next);
    for (int i = 0; i < s->model->contexts * s->size.columns; i++) s->mixed[i] = upper[i] + part * (lower[i] - upper[i]);
}

/* Fuse row by row. memory holds lf_fuse_rows_bytes bytes, at an address that is a multiple of 16.
 * Returns 0, or 1 when a row could not be read or written. */
LF_CODE int lf_fuse_rows(const lf_context_model *m, const lf_rows *r, void *memory) {
    lf_rows_state s = {.model = m, .rows = r, .size = lf_thumbnail_size(m, r->width, r->height)};
    lf_rows_place(&s, memory);
    const int order = lf_rows_thumbnails(&s);
    if (order > 0) return 1;
    s.strength = lf_rows_strength(&s);
    lf_rows_filter(&s);

    const ptrdiff_t bytes = (ptrdiff_t)lf_rows_row_bytes(r);
    const lf_picture under = {s.pixels[order ? 1 : 0], bytes, r->width, 1, r->type};
    const lf_picture over = {s.pixels[order ? 0 : 1], bytes, r->width, 1, r->type};
    const lf_size one_row = {1, s.size.columns};
    for (int y = 0; y < r->height; y++) {
        for (int p = 0; p < 2; p++)
            if (r->read(r->user, p, y, s.pixels[p])) return 1;
        lf_rows_mix_grid(&s, y);
        lf_context_combine_rows(m, &under, &over, s.mixed, one_row, s.strength, &under, 0, 1, s.scratch);
        if (r->write(r->user, y, under.pixels)) return 1;
    }
    return 0;
}

#endif
