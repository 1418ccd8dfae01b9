/* Where pixels lie between the cells of a context grid, and the way CombiningNet goes over them. */
#ifndef LIGHTFUSE_CONTEXT_GRID_H
#define LIGHTFUSE_CONTEXT_GRID_H

#include "pixels.h"

/* Where row `row` of channel c begins; past the last row it is that one. */
LF_INLINE size_t lf_grid_place(const lf_grid *g, int c, int row) {
    const int y = lf_min_int(row, g->size.rows - 1) - g->first;
    return ((size_t)c * g->rows + y) * g->size.columns;
}

/* A place between two cells: the first, and how far towards the second, 0 .. 1, also in Q15. */
typedef struct {
    int cell, word;
    float part;
} lf_place;

/* How places follow one another: the present one is cell + rest / whole, and each is `step` further (half-pixel centres). */
typedef struct {
    int64_t cell, rest, whole, step;
    int cells;
    float scale;
} lf_places;

/* Places along a side of `side` pixels, of which the first is pixel `begin` of a picture, from its pixel i on. */
LF_INLINE lf_places lf_places_from(int i, int begin, int side, int cells) {
    const int64_t whole = 2 * (int64_t)side, at = (2 * (int64_t)(i - begin) + 1) * cells - side;
    const int64_t cell = at < 0 ? -((whole - 1 - at) / whole) : at / whole;
    return (lf_places){cell, at - cell * whole, whole, 2 * (int64_t)cells, cells, 1.0f / (float)whole};
}
LF_INLINE lf_place lf_place_of(const lf_places *p) {
    if (p->cell < 0) return (lf_place){0, 0, 0.0f};
    if (p->cell >= p->cells - 1) return (lf_place){p->cells - 1, 0, 0.0f};
    const float part = (float)p->rest * p->scale;
    return (lf_place){(int)p->cell, lf_min_int((int)(part * 32768.0f), 32767), part};
}
LF_INLINE void lf_next_place(lf_places *p) {
    for (p->rest += p->step; p->rest >= p->whole; p->rest -= p->whole) p->cell++;
}

/* Between which rows of the grid a row of the picture lies, and where the rows end that lie between the same two. */
LF_INLINE lf_place lf_between_rows(const lf_grid *g, int row) {
    const lf_places places = lf_places_from(row, g->box.top, g->box.bottom - g->box.top, g->size.rows);
    return lf_place_of(&places);
}
LF_INLINE int lf_end_of_cell(const lf_grid *g, int row, int row1) {
    const int cell = lf_between_rows(g, row).cell;
    int end = row + 1;
    while (end < row1 && lf_between_rows(g, end).cell == cell) end++;
    return end;
}

/* Where the pixels of a strip lie between the grid's columns, and the runs of them that lie between the same
 * two: run i is pixels start[i] .. start[i+1]-1, right of cell[i]. */
typedef struct {
    float parts[LF_WORD_COLUMNS + 16];
    int16_t words[LF_WORD_COLUMNS + 32];
    int count, start[LF_WORD_COLUMNS + 1], cell[LF_WORD_COLUMNS];
} lf_runs;

LF_INLINE void lf_find_runs(const lf_grid *g, int first, int columns, lf_runs *runs) {
    lf_places places = lf_places_from(first, g->box.left, g->box.right - g->box.left, g->size.columns);
    runs->count = 0;
    for (int i = 0; i < columns; i++, lf_next_place(&places)) {
        const lf_place place = lf_place_of(&places);
        runs->parts[i] = place.part;
        runs->words[i] = (int16_t)place.word;
        if (i > 0 && place.cell == runs->cell[runs->count - 1]) continue;
        runs->cell[runs->count] = place.cell;
        runs->start[runs->count++] = i;
    }
    runs->start[runs->count] = columns;
    for (int i = columns; i < columns + 16; i++) runs->parts[i] = 0;
    for (int i = columns; i < columns + 32; i++) runs->words[i] = 0;
}

/* What CombiningNet works on, in floats or in 16-bit integers: the pictures, from column `at` on; the model's weights; and the
 * context of a strip of pixels along two rows of the grid, `upper`, and `step` from there to the row below, both
 * [contexts][pixels of a strip]; a few numbers past the end are touched. */
typedef struct {
    const lf_context_model *model;
    const lf_picture *under, *over, *out;
    const lf_grid *grid;
    const void *weights;
    void *upper, *step;
    lf_runs *runs;
    int at;
} lf_work;

/* Fuse rows [row0, row1) a strip of `pixels` columns at a time: `spread` makes its context between row `cell` of the grid and the
 * next, `fuse` its rows of the picture that lie there. */
LF_INLINE void lf_combine_strips(lf_work *work, const int pixels, void (*spread)(const lf_work *, int cell),
                                 void (*fuse)(const lf_work *, int row0, int row1, int columns), int row0, int row1) {
    const int width = work->under->width;
    for (work->at = 0; work->at < width; work->at += pixels) {
        lf_find_runs(work->grid, work->at, pixels, work->runs);
        for (int row = row0, end; row < row1; row = end) {
            end = lf_end_of_cell(work->grid, row, row1);
            spread(work, lf_between_rows(work->grid, row).cell);
            fuse(work, row, end, lf_min_int(pixels, width - work->at));
        }
    }
}

/* Have `bytes` bytes brought into the cache, to be read or, if to_write (a constant), written: strips of rows are too short for
 * processors to foresee. */
LF_INLINE void lf_expect(const char *at, int bytes, const int to_write) {
    for (int i = 0; i < bytes; i += 64)
        if (to_write)
            __builtin_prefetch(at + i, 1);
        else
            __builtin_prefetch(at + i, 0);
}

#endif
