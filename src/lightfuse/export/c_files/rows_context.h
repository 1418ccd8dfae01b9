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
#include "rows_context_filtering.h"

/* Pass 2: the finest level, the grid, the picture. */

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
    s.strength = lf_rows_prepare(&s);
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
