/* Context models: CombiningNet and its structured output on every pixel. */
#ifndef LIGHTFUSE_CONTEXT_COMBINING_H
#define LIGHTFUSE_CONTEXT_COMBINING_H

#include "context_grid.h"

/* What answer o is multiplied by and added to, that lf_structure may use it as it is: the mixing weights are
 * 1 / (1 + 2^t) of it, the gains count from 1, the offset is in the picture's units. */
LF_INLINE float lf_answer_scale(int o, float top, float strength) {
    return o == 0 || o == 4 ? -1.44269504f : o == 2 ? 0.5f * top * strength : strength;
}
LF_INLINE float lf_answer_shift(int o) { return o == 0 || o == 4 ? 3.0f * 1.44269504f : o == 2 ? 0.0f : 1.0f; }

/* Widths of CombiningNet's hidden layers. */
typedef struct {
    int first, second;
} lf_shape;

LF_INLINE lf_shape lf_shape_of(const lf_context_model *m) { return (lf_shape){m->widths[1], m->widths[2]}; }
LF_INLINE int lf_is_shape(const lf_context_model *m, lf_shape shape) {
    return m->widths[1] == shape.first && m->widths[2] == shape.second;
}

/* The shapes of the shipped models, which have code of their own, every loop unrolled. */
#define LF_SHAPE_SMALL ((lf_shape){6, 6})
#define LF_SHAPE_BASE ((lf_shape){7, 6})

/* Floats of scratch: two rows of context, their last vectors past the end; the weights; where columns lie; room to start at a
 * multiple of 64 bytes. */
enum { LF_WEIGHTS_FLOATS = LF_LAYERS * LF_MAX_WIDTH * LF_MAX_WIDTH + LF_MAX_WIDTH + 2 * LF_MAX_CONTEXT };
LF_INLINE size_t lf_context_rows_floats(const lf_context_model *m) {
    return 2 * ((size_t)m->contexts * LF_COLUMNS + LF_LANES);
}
LF_CODE size_t lf_context_combine_scratch_floats(const lf_context_model *m) {
    return lf_context_rows_floats(m) + LF_WEIGHTS_FLOATS + sizeof(lf_runs) / sizeof(float) + 15;
}

/* The weights of CombiningNet as a picture of raw numbers 0 .. top wants them: what its output does with the answers, and
 * its input with the pixels, is multiplied in. Contexts take part as scale * context + shift. */
typedef struct {
    float weights[LF_LAYERS][LF_MAX_WIDTH * LF_MAX_WIDTH], bias[LF_MAX_WIDTH];
    float scale[LF_MAX_CONTEXT], shift[LF_MAX_CONTEXT];
} lf_folded;

LF_INLINE void lf_fold(const lf_context_model *m, float top, float strength, lf_folded *f) {
    const int last = LF_LAYERS - 1, hidden = m->widths[1];
    for (int l = 0; l < LF_LAYERS; l++)
        for (int i = 0; i < m->widths[l]; i++)
            for (int o = 0; o < m->widths[l + 1]; o++) {
                const float scale = (l == 0 ? 1.0f / top : 1.0f) * (l == last ? lf_answer_scale(o, top, strength) : 1.0f);
                f->weights[l][i * m->widths[l + 1] + o] = scale * m->weights[l][i * m->widths[l + 1] + o];
            }
    for (int o = 0; o < m->widths[2]; o++) f->bias[o] = m->bias[o];
    for (int c = 0; c < m->contexts; c++) {
        const int o = c - hidden; /* below 0: a context of the first layer */
        f->scale[c] = o < 0 ? 1.0f : lf_answer_scale(o, top, strength);
        f->shift[c] = o < 0 ? 0.0f : lf_answer_shift(o);
    }
}

/* What a tile needs beside its place: the pictures, the weights, and the context of its columns between two grid rows. */
typedef struct {
    const lf_picture *under, *over, *out;
    const lf_folded *folded;
    const float *upper, *step;
    int row, at;
} lf_context_row;

/* luma + chroma x[0..2] as a colour between 0 and top of the same hue, which replaces x[0..2]; one that is inside already
 * stays as it is. A pixel with a channel above top is divided by its largest, which keeps its saturation, but its luma is not
 * lowered below `lowest`; what is still outside loses chroma at the same luma. */
LF_INLINE void lf_into_gamut(lf_vec luma, lf_vec *r, lf_vec *g, lf_vec *b, lf_vec lowest, const float top) {
    const lf_vec white = lf_splat(top), one = lf_splat(1.0f), tiny = lf_splat(1e-6f * top);
    const lf_vec most = lf_max(lf_max(*r, *g), *b), least = lf_min(lf_min(*r, *g), *b);
    lf_vec scale = top * lf_reciprocal(lf_max(luma + most, white));
    scale = lf_min(lf_max(scale, lowest * lf_reciprocal(lf_max(luma, tiny))), one);
    luma *= scale;
    const lf_vec to_white = (white - luma) * lf_reciprocal(lf_max(most * scale, tiny));
    const lf_vec to_black = luma * lf_reciprocal(lf_max(-least * scale, tiny));
    scale *= lf_min(lf_min(to_white, to_black), one);
    *r = luma + *r * scale;
    *g = luma + *g * scale;
    *b = luma + *b * scale;
}

/* The structured output: CombiningNet's answers, folded, and the two pictures to the fused one, which replaces x[0..2].
 * Its luma is that of the mix, times 1 + gain, plus half the offset, no further than the lumas of the two pictures; its chroma
 * that of a mix of its own, raised or lowered as luma is, times 1 + its own gain. */
LF_INLINE void lf_structure(const lf_plane *answers, lf_plane *x, const float top) {
    const float red = 0.299f, green = 0.587f, blue = 0.114f, little = 0.02f * top;
    const lf_vec most = lf_splat(8.0f), none = lf_splat(0.0f);
    lf_vec y[LF_VECS], grey[LF_VECS], luma[LF_VECS], weight[LF_VECS], lowest[LF_VECS], highest[LF_VECS];
#define LF_EACH LF_UNROLL for (int k = 0; k < LF_VECS; k++)
    LF_EACH weight[k] = lf_falling(answers[0][k]);
    LF_EACH {
        LF_UNROLL
        for (int c = 0; c < 3; c++) x[c][k] -= x[3 + c][k];
        const lf_vec over = x[3][k] * red + x[4][k] * green + x[5][k] * blue;
        const lf_vec d = x[0][k] * red + x[1][k] * green + x[2][k] * blue;
        lowest[k] = lf_min(over, over + d);
        highest[k] = lf_max(over, over + d);
        y[k] = over + weight[k] * d;
        weight[k] = lf_falling(answers[4][k]);
        grey[k] = over + weight[k] * d;
    }
    LF_EACH luma[k] = lf_min(lf_max(y[k] * answers[1][k] + answers[2][k], lowest[k]), highest[k]);
    LF_EACH {
        const lf_vec lift = lf_min((luma[k] + little) * lf_reciprocal(grey[k] + little), most);
        const lf_vec gain = lf_min(lf_max(answers[3][k] * lift, none), most);
        LF_UNROLL
        for (int c = 0; c < 3; c++) x[c][k] = (x[3 + c][k] + weight[k] * x[c][k] - grey[k]) * gain;
    }
    LF_EACH lf_into_gamut(luma[k], &x[0][k], &x[1][k], &x[2][k], lowest[k], top);
#undef LF_EACH
}

/* `count` pixels of row r->row from column r->at + column on. The shape is a constant where speed matters. The first layer
 * starts from its contexts, the last from the rest. */
LF_INLINE void lf_context_tile(const lf_context_row *r, const lf_folded *f, const lf_type type, const lf_shape shape,
                               float part, int column, int count) {
    lf_start start = {NULL, r->upper + column, r->step + column, LF_COLUMNS, part};
    lf_plane x[6], hidden[2][LF_MAX_WIDTH], answers[LF_ANSWERS];
    lf_read_tile(r->under, type, r->at + column, r->row, count, x);
    lf_read_tile(r->over, type, r->at + column, r->row, count, x + 3);
    lf_layer(x, 6, NULL, hidden[0], shape.first, f->weights[0], start, 1);
    lf_layer(hidden[0], shape.first, NULL, hidden[1], shape.second, f->weights[1], lf_start_at(f->bias), 1);
    start.upper += shape.first * LF_COLUMNS;
    start.step += shape.first * LF_COLUMNS;
    lf_layer(hidden[1], shape.second, NULL, answers, LF_ANSWERS, f->weights[2], start, 0);
    lf_structure(answers, x, lf_top(type));
    lf_write_tile(r->out, type, r->at + column, r->row, count, x);
}

/* `columns` pixels of a row, `part` of the way between its two rows of context; more if another row follows. */
LF_INLINE void lf_context_tiles(const lf_context_row *r, const lf_type type, const lf_shape shape, float part,
                                int columns, int more) {
    const lf_folded *f = r->folded;
    for (int column = 0; column < columns; column += LF_TILE) {
        LF_FORGET(f);
        if (more) {
            lf_expect(r->under, type, r->at + column, r->row + 1, LF_TILE, 0);
            lf_expect(r->over, type, r->at + column, r->row + 1, LF_TILE, 0);
            lf_expect(r->out, type, r->at + column, r->row + 1, LF_TILE, 1);
        }
        lf_context_tile(r, f, type, shape, part, column, lf_min_int(LF_TILE, columns - column));
    }
}

/* The context of LF_COLUMNS pixels along two rows of the grid: `upper`, and `step` from there to the row below, both
 * [contexts][LF_COLUMNS]; a few numbers past the end are touched. */
LF_INLINE void lf_spread_context(const lf_context_model *m, const lf_folded *f, const lf_grid *grid, int row,
                                 const lf_runs *runs, float *upper, float *step) {
    for (int c = 0; c < m->contexts; c++, upper += LF_COLUMNS, step += LF_COLUMNS) {
        const float *a = (const float *)grid->cells + lf_grid_place(grid, c, row);
        const float *b = (const float *)grid->cells + lf_grid_place(grid, c, row + 1);
        for (int i = 0; i < runs->count; i++) {
            const int cell = runs->cell[i], next = lf_min_int(cell + 1, grid->size.columns - 1), end = runs->start[i + 1];
            const float left = f->scale[c] * a[cell] + f->shift[c], left_step = f->scale[c] * (b[cell] - a[cell]);
            const float right = f->scale[c] * a[next] + f->shift[c], right_step = f->scale[c] * (b[next] - a[next]);
            for (int x = runs->start[i]; x < end; x += LF_LANES) {
                const lf_vec part = lf_load(runs->parts + x);
                lf_store(upper + x, lf_splat(left) + part * (right - left));
                lf_store(step + x, lf_splat(left_step) + part * (right_step - left_step));
            }
        }
    }
}

/* Rows [row0, row1) of columns at .. at+columns-1, which all lie between the same two rows of the grid. */
LF_INLINE void lf_context_strip(const lf_context_row *row, const lf_type type, const lf_shape shape, const lf_grid *grid,
                                int row0, int row1, int columns) {
    lf_context_row r = *row;
    for (r.row = row0; r.row < row1; r.row++)
        lf_context_tiles(&r, type, shape, lf_between_rows(grid, r.row).part, columns, r.row + 1 < row1);
}

/* The strip for pictures of one type: functions of their own, each with a shape as constants, are smaller than one. */
typedef void (*lf_strip)(const lf_context_row *, const lf_context_model *, const lf_grid *, int, int, int);
#define LF_STRIP_FUNCTION(name, type, shape)                                                                          \
    LF_OUTLINE void name(const lf_context_row *r, const lf_context_model *m, const lf_grid *grid, int row0, int row1, \
                         int columns) {                                                                               \
        (void)m;                                                                                                      \
        lf_context_strip(r, type, shape, grid, row0, row1, columns);                                                  \
    }
#define LF_STRIP_FUNCTIONS(bits, type)                                                                                \
    LF_STRIP_FUNCTION(lf_strip_small_##bits, type, LF_SHAPE_SMALL)                                                    \
    LF_STRIP_FUNCTION(lf_strip_base_##bits, type, LF_SHAPE_BASE)                                                      \
    LF_STRIP_FUNCTION(lf_strip_any_##bits, type, lf_shape_of(m))
LF_STRIP_FUNCTIONS(u16, LF_U16)
LF_STRIP_FUNCTIONS(f32, LF_F32)
#undef LF_STRIP_FUNCTIONS
#undef LF_STRIP_FUNCTION

/* Fuse rows [row0, row1) of under and over, of 16 bits or floats, into the same rows of out, which may be one of the two. The grid holds floats;
 * scratch holds lf_context_combine_scratch_floats(m) floats. */
LF_CODE void lf_context_combine_rows(const lf_context_model *m, const lf_picture *under, const lf_picture *over,
                                     const lf_grid *grid, float strength, const lf_picture *out, int row0, int row1,
                                     float *scratch) {
    const int is_small = lf_is_shape(m, LF_SHAPE_SMALL), is_base = lf_is_shape(m, LF_SHAPE_BASE);
#define LF_STRIP(bits) (is_small ? lf_strip_small_##bits : is_base ? lf_strip_base_##bits : lf_strip_any_##bits)
    const lf_strip strip = under->type == LF_U16 ? LF_STRIP(u16) : LF_STRIP(f32);
#undef LF_STRIP
    float *upper = (float *)lf_aligned(scratch), *step = upper + m->contexts * LF_COLUMNS + LF_LANES;
    lf_folded *folded = (lf_folded *)(lf_aligned(scratch) + lf_context_rows_floats(m));
    lf_runs *runs = (lf_runs *)(lf_aligned(scratch) + lf_context_rows_floats(m) + LF_WEIGHTS_FLOATS);
    lf_context_row r = {under, over, out, folded, upper, step, 0, 0};
    lf_fold(m, lf_top(under->type), strength, folded);
    for (r.at = 0; r.at < under->width; r.at += LF_COLUMNS) {
        lf_find_runs(grid, r.at, LF_COLUMNS, runs);
        for (int row = row0, end; row < row1; row = end) {
            end = lf_end_of_cell(grid, row, row1);
            lf_spread_context(m, folded, grid, lf_between_rows(grid, row).cell, runs, upper, step);
            strip(&r, m, grid, row, end, lf_min_int(LF_COLUMNS, under->width - r.at));
        }
    }
}

#endif
