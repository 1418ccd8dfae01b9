/* Context models: CombiningNet on every pixel, and its structured output. */
#ifndef LIGHTFUSE_CONTEXT_COMBINING_H
#define LIGHTFUSE_CONTEXT_COMBINING_H

#include "pixels.h"
#include "pointwise.h"

/* Where pixel i of `side` lies between `cells` cells: cell index and how far towards the next (half-pixel centres). */
LF_INLINE int lf_between(int i, int side, int cells, float *part) {
    const float at = ((float)i + 0.5f) * ((float)cells / (float)side) - 0.5f;
    const int cell = lf_min_int(at > 0 ? (int)at : 0, cells - 1);
    *part = at > 0 ? at - (float)cell : 0.0f;
    return cell;
}

enum { LF_COLUMNS = 256 }; /* pixels of a row whose context is spread out at once, to stay in the first cache */

/* The context of LF_COLUMNS pixels from column `at` on, along two rows of the grid: `upper`, and `step` from there to
 * the row below, both [contexts][LF_COLUMNS]. */
LF_INLINE void lf_spread_context(const lf_context_model *m, const float *grid, lf_size size, int row, int at, int width,
                                 float *restrict upper, float *restrict step) {
    int32_t cell[LF_COLUMNS], next[LF_COLUMNS];
    float part[LF_COLUMNS];
    for (int i = 0; i < LF_COLUMNS; i++) {
        cell[i] = lf_between(lf_min_int(at + i, width - 1), width, size.columns, &part[i]);
        next[i] = lf_min_int(cell[i] + 1, size.columns - 1);
    }
    for (int c = 0; c < m->contexts; c++, upper += LF_COLUMNS, step += LF_COLUMNS) {
        const float *restrict a = grid + ((size_t)c * size.rows + row) * size.columns;
        const float *restrict b = row + 1 < size.rows ? a + size.columns : a;
        for (int i = 0; i < LF_COLUMNS; i++) {
            upper[i] = a[cell[i]] + part[i] * (a[next[i]] - a[cell[i]]);
            step[i] = b[cell[i]] + part[i] * (b[next[i]] - b[cell[i]]) - upper[i];
        }
    }
}

/* The structured output: CombiningNet's answers and the two pictures to the fused one, which replaces x[0..2].
 * picture = luma of the mix, times 1 + gain, plus half the offset; chroma of the mix, times 1 + its own gain. */
LF_INLINE void lf_structure(const lf_plane *answers, lf_plane *x, float strength, const int outputs, const int ratio) {
    const float red = 0.299f, green = 0.587f, blue = 0.114f;
    LF_UNROLL
    for (int k = 0; k < LF_VECS; k++) {
        lf_vec weight = lf_sigmoid(answers[0][k] - 3.0f), mix[3];
        for (int c = 0; c < 3; c++) mix[c] = x[3 + c][k] + weight * (x[c][k] - x[3 + c][k]);
        const lf_vec y = mix[0] * red + mix[1] * green + mix[2] * blue;
        const lf_vec luma = y + y * (answers[1][k] * strength) + answers[2][k] * (0.5f * strength);
        lf_vec grey = y;
        if (outputs == 5) {
            weight = lf_sigmoid(answers[4][k] - 3.0f);
            for (int c = 0; c < 3; c++) mix[c] = x[3 + c][k] + weight * (x[c][k] - x[3 + c][k]);
            grey = mix[0] * red + mix[1] * green + mix[2] * blue;
        }
        lf_vec gain = answers[3][k] * strength + 1.0f;
        if (ratio) gain *= lf_min((luma + 0.02f) * lf_reciprocal(grey + 0.02f), lf_splat(8.0f));
        gain = lf_min(lf_max(gain, lf_splat(0.0f)), lf_splat(8.0f));
        for (int c = 0; c < 3; c++)
            x[c][k] = lf_min(lf_max(luma + (mix[c] - grey) * gain, lf_splat(0.0f)), lf_splat(1.0f));
    }
}

/* What a tile needs beside its place: the model, the pictures, and the context of its columns between two grid rows. */
typedef struct {
    const lf_context_model *model;
    const lf_picture *under, *over, *out;
    const float *upper, *step;
    float part, strength;
} lf_context_row;

/* CombiningNet's answers for a tile; start is its first layer's, of whose context the rest starts the last layer. */
LF_INLINE void lf_answers(const lf_context_model *m, const lf_plane *x, lf_start start, lf_plane *answers) {
    lf_plane layer[2][LF_MAX_WIDTH];
    lf_start last = start;
    last.upper += m->widths[1] * start.stride;
    last.step += m->widths[1] * start.stride;
    last.bias = m->biases[m->layers - 1];
    lf_pointwise(x, 6, layer[0], m->widths[1], m->weights[0], start, 1);
    int l = 1;
    for (; l < m->layers - 1; l++)
        lf_pointwise(layer[(l - 1) % 2], m->widths[l], layer[l % 2], m->widths[l + 1], m->weights[l],
                     lf_start_at(m->biases[l]), 1);
    lf_pointwise(layer[(l - 1) % 2], m->widths[l], answers, m->outputs, m->weights[l], last, 0);
}

/* `count` pixels of a row from column `at` on, `column` columns into the context that is spread out. */
LF_INLINE void lf_context_tile(const lf_context_row *r, const lf_type type, int row, int at, int column, int count) {
    const lf_context_model *m = r->model;
    const lf_range range = {1.0f / lf_top(type), 0.0f};
    const lf_start start = {m->biases[0], r->upper + column, r->step + column, LF_COLUMNS, r->part};
    lf_plane x[6], answers[LF_MAX_WIDTH];
    lf_read_tile(r->under, type, at, row, count, range, x);
    lf_read_tile(r->over, type, at, row, count, range, x + 3);
    lf_answers(m, x, start, answers);
    lf_structure(answers, x, r->strength, m->outputs, m->ratio);
    lf_write_tile(r->out, type, at, row, count, x);
}

/* The first `columns` pixels from column `at` on of rows that lie between the same two rows of the grid. */
LF_INLINE void lf_context_strip(lf_context_row *r, const lf_type type, lf_size size, int row0, int row1, int at,
                                int columns) {
    for (int row = row0; row < row1; row++) {
        lf_between(row, r->under->height, size.rows, &r->part);
        for (int x = 0; x < columns; x += LF_TILE)
            lf_context_tile(r, type, row, at + x, x, lf_min_int(LF_TILE, columns - x));
    }
}

/* Fuse rows [row0, row1) of under and over into the same rows of out, which may be one of the two.
 * scratch holds 2 * LF_MAX_CONTEXT * LF_COLUMNS floats. */
LF_CODE void lf_context_combine_rows(const lf_context_model *m, const lf_picture *under, const lf_picture *over,
                                     const float *grid, lf_size size, float strength, const lf_picture *out, int row0,
                                     int row1, float *scratch) {
    float *upper = scratch, *step = scratch + LF_MAX_CONTEXT * LF_COLUMNS;
    lf_context_row r = {m, under, over, out, upper, step, 0.0f, strength};
    while (row0 < row1) {
        float part;
        const int cell = lf_between(row0, under->height, size.rows, &part);
        int end = row0 + 1;
        while (end < row1 && lf_between(end, under->height, size.rows, &part) == cell) end++;
        for (int at = 0; at < under->width; at += LF_COLUMNS) {
            const int columns = lf_min_int(LF_COLUMNS, under->width - at);
            lf_spread_context(m, grid, size, cell, at, under->width, upper, step);
            if (under->type == LF_U8)
                lf_context_strip(&r, LF_U8, size, row0, end, at, columns);
            else if (under->type == LF_U16)
                lf_context_strip(&r, LF_U16, size, row0, end, at, columns);
            else
                lf_context_strip(&r, LF_F32, size, row0, end, at, columns);
        }
        row0 = end;
    }
}

#endif
