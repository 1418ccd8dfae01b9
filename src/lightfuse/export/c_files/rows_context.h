/* lightfuse_rows.h: a picture fused row by row, in memory that does not grow with its height.
 *
 * Rows of both pictures are read three times, from the first to the last: for the box around the scene, for their thumbnails,
 * and to fuse them. No picture is ever whole in memory, nor is the context grid: its rows are made when they are needed. The
 * results are lightfuse.h's. For the models small and base, and any of their kind.
 */
#ifndef LIGHTFUSE_ROWS_H
#define LIGHTFUSE_ROWS_H

#include "lightfuse.h"

#include "rows_shared.h"

/* What the fusing of one picture holds; the two planes of each context in `floats` and `words` are two rows of the grid. */
typedef struct {
    const lf_context_model *model;
    const lf_rows *rows;
    lf_grid grid;
    void *pixels[2];
    uint16_t *thumbnails;
    float *totals[2], *levels, *floats, *decode, *combine;
    int16_t *words;
    lf_fixed *fixed;
    float strength;
} lf_rows_state;

static int lf_rows_fixed(const lf_rows_state *s) { return s->rows->type == LF_U8; }

/* Share the memory out, and return how much of it is used. What one pass needs lies where another has finished. */
static size_t lf_rows_place(lf_rows_state *s, char *memory) {
    const lf_context_model *m = s->model;
    const size_t cells = lf_cells(s->grid.size), number = sizeof(float), row = 2 * (size_t)s->grid.size.columns;
    const size_t contexts = (size_t)m->contexts;
    size_t used = 0, ends[3];
    for (int p = 0; p < 2; p++) s->pixels[p] = lf_rows_take(memory, &used, lf_rows_row_bytes(s->rows));
    s->thumbnails = lf_rows_take(memory, &used, 6 * cells * sizeof(uint16_t));
    ends[0] = ends[1] = ends[2] = used;
    for (int p = 0; p < 2; p++)
        s->totals[p] = lf_rows_take(memory, &ends[0], lf_thumbnail_scratch_floats(s->rows->width) * number);
    s->levels = lf_rows_take(memory, &ends[1], lf_context_levels_floats(m, s->grid.size) * number);
    const size_t first_level = (size_t)m->channels * lf_cells(lf_halved(s->grid.size, 1));
    lf_rows_take(memory, &ends[2], (lf_coarsest_cells(m, s->grid.size) + first_level) * number);
    s->floats = lf_rows_take(memory, &ends[2], contexts * row * number);
    s->decode = lf_rows_take(memory, &ends[2], lf_context_decode_scratch_floats(m, s->grid.size, 1) * number);
    if (lf_rows_fixed(s)) {
        s->words = lf_rows_take(memory, &ends[2], contexts * row * sizeof(int16_t));
        s->fixed = lf_rows_take(memory, &ends[2], sizeof(lf_fixed));
    }
    const size_t scratch = lf_rows_fixed(s) ? lf_fixed_scratch_floats(m) : lf_context_combine_scratch_floats(m);
    s->combine = lf_rows_take(memory, &ends[2], scratch * number);
    for (int i = 1; i < 3; i++) ends[0] = ends[i] > ends[0] ? ends[i] : ends[0];
    return ends[0];
}

static lf_rows_state lf_rows_begin(const lf_context_model *m, const lf_rows *r) {
    lf_rows_state s = {.model = m, .rows = r};
    s.grid.box = (lf_area){0, 0, r->width, r->height};
    s.grid.size = lf_thumbnail_size(m, r->width, r->height);
    return s;
}

/* Bytes of memory that lf_fuse_rows needs. */
LF_CODE size_t lf_fuse_rows_bytes(const lf_context_model *m, const lf_rows *r) {
    lf_rows_state s = lf_rows_begin(m, r);
    return lf_rows_place(&s, NULL);
}

/* The row that is in memory as a whole picture, whichever row is asked for. */
static lf_picture lf_rows_picture(const lf_rows_state *s, int p) {
    return (lf_picture){s->pixels[p], 0, s->rows->width, s->rows->height, s->rows->type};
}

/* Pass 1: the box around the scene, or, if the thumbnail of that needed more memory, the whole picture. order as lf_rows_read
 * tells it. */
static int lf_rows_box(lf_rows_state *s, int *order) {
    const lf_picture first = lf_rows_picture(s, 0), second = lf_rows_picture(s, 1);
    lf_area box = lf_no_box(&first);
    for (int y = 0; y < s->rows->height; y++) {
        if (lf_rows_read(s->rows, y, s->pixels, order)) return 1;
        lf_widen_box(&first, &second, y, y + 1, &box);
    }
    const lf_grid whole = s->grid;
    const size_t bytes = lf_rows_place(s, NULL);
    s->grid.box = box = lf_scene_box(box, &first);
    s->grid.size = lf_thumbnail_size(s->model, box.right - box.left, box.bottom - box.top);
    if (lf_rows_place(s, NULL) > bytes) s->grid = whole;
    return 0;
}

/* Pass 2: both thumbnails. A cell's last row of pixels may be the next cell's first too. */
static int lf_rows_thumbnails(lf_rows_state *s, int *order) {
    const lf_area box = s->grid.box;
    const lf_size size = s->grid.size;
    const int height = box.bottom - box.top;
    int row = 0;
    for (int y = 0; y < s->rows->height; y++) {
        if (lf_rows_read(s->rows, y, s->pixels, order)) return 1;
        if (y < box.top || y >= box.bottom) continue;
        for (int again = 1; again; ) {
            const lf_sampled_rows of = lf_rows_of_cell(row, height, size.rows);
            const int end = lf_cell_end(row, height, size.rows);
            const int k = lf_min_int((y - box.top - of.first) / of.step, of.count - 1);
            again = 0;
            for (int p = 0; p < 2; p++) {
                lf_picture part = lf_rows_picture(s, p);
                part = lf_part(&part, box);
                if (y - box.top == lf_sampled_row(of, k))
                    lf_total_rows(&part, (lf_sampled_rows){0, 1, 1}, s->totals[p], k == 0);
                if (y - box.top < end - 1) continue;
                uint16_t *to = s->thumbnails + 3 * (size_t)p * lf_cells(size) + (size_t)row * (size_t)size.columns;
                lf_average_row(&part, s->totals[p], size, of.count, to);
                again = row + 1 < size.rows && lf_cell_start(row + 1, height, size.rows) <= y - box.top;
            }
            if (y - box.top >= end - 1) row++;
        }
    }
    return 0;
}

/* Put under's thumbnail first. Returns whether the second picture is the under exposure. */
static int lf_rows_order(lf_rows_state *s, int order) {
    const size_t n = 3 * lf_cells(s->grid.size);
    const uint64_t first = lf_brightness(s->thumbnails, s->grid.size);
    const uint64_t second = lf_brightness(s->thumbnails + n, s->grid.size);
    if (first < second || (first == second && order <= 0)) return 0;
    for (size_t i = 0; i < n; i++) {
        const uint16_t value = s->thumbnails[i];
        s->thumbnails[i] = s->thumbnails[n + i];
        s->thumbnails[n + i] = value;
    }
    return 1;
}

/* Row `row` of the grid, as the first or second of the two rows in memory. */
static void lf_rows_decode(lf_rows_state *s, int row, int slot) {
    const size_t columns = (size_t)s->grid.size.columns;
    const lf_planes to = {s->floats + (size_t)slot * columns, 2 * columns};
    lf_context_decode_rows(s->model, s->thumbnails, s->grid.size, s->levels, to, row, row, row + 1, s->decode);
}

/* The formats of all numbers, from the extremes of the whole grid, which is made once for this. */
static void lf_rows_fix(lf_rows_state *s) {
    const size_t columns = (size_t)s->grid.size.columns;
    lf_extremes extremes;
    for (int row = 0; row < s->grid.size.rows; row++) {
        lf_rows_decode(s, row, 0);
        lf_find_extremes(s->model, s->floats, columns, 2 * columns, row > 0, &extremes);
    }
    lf_fix(s->model, &extremes, s->strength, s->fixed);
}

/* Have the two rows of the grid in memory that row y of the picture lies between. */
static void lf_rows_make_grid(lf_rows_state *s, int y) {
    const int cell = lf_between_rows(&s->grid, y).cell, next = lf_min_int(cell + 1, s->grid.size.rows - 1);
    const size_t columns = (size_t)s->grid.size.columns, pair = 2 * columns;
    if (s->grid.rows && s->grid.first == cell) return;
    if (s->grid.rows && s->grid.first + 1 == cell)
        for (size_t c = 0; c < (size_t)s->model->contexts; c++)
            for (size_t x = 0; x < columns; x++) s->floats[c * pair + x] = s->floats[c * pair + columns + x];
    else
        lf_rows_decode(s, cell, 0);
    lf_rows_decode(s, next, 1);
    s->grid.first = cell;
    s->grid.rows = 2;
    s->grid.cells = s->floats;
    if (!lf_rows_fixed(s)) return;
    lf_fix_grid(s->model, s->fixed, s->floats, pair, pair, s->words);
    s->grid.cells = s->words;
}

/* Fuse row by row. memory holds lf_fuse_rows_bytes bytes, at an address that is a multiple of 16.
 * Returns 0, or 1 when a row could not be read or written. */
LF_CODE int lf_fuse_rows(const lf_context_model *m, const lf_rows *r, void *memory) {
    lf_rows_state s = lf_rows_begin(m, r);
    float summary[LF_MAX_WIDTH];
    int order = 0;
    lf_rows_place(&s, memory);
    if (lf_rows_box(&s, &order)) return 1;
    lf_rows_place(&s, memory);
    if (lf_rows_thumbnails(&s, &order)) return 1;
    const int swapped = lf_rows_order(&s, order);
    s.strength = lf_context_prepare(m, s.thumbnails, s.grid.size, s.levels);
    lf_context_summarise(m, s.thumbnails, s.grid.size, s.levels, NULL, summary);
    if (lf_rows_fixed(&s)) lf_rows_fix(&s);

    const lf_picture under = lf_rows_picture(&s, swapped), over = lf_rows_picture(&s, !swapped);
    for (int y = 0; y < r->height; y++) {
        for (int p = 0; p < 2; p++)
            if (r->read(r->user, p, y, s.pixels[p])) return 1;
        lf_rows_make_grid(&s, y);
        if (lf_rows_fixed(&s))
            lf_fixed_combine_rows(m, s.fixed, &under, &over, &s.grid, &under, y, y + 1, s.combine);
        else
            lf_context_combine_rows(m, &under, &over, &s.grid, s.strength, &under, y, y + 1, s.combine);
        if (r->write(r->user, y, under.pixels)) return 1;
    }
    return 0;
}

#endif
