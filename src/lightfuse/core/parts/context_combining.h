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
#define LF_EACH_VEC LF_UNROLL for (int k = 0; k < LF_VECS; k++)
    LF_EACH_VEC weight[k] = lf_falling(answers[0][k]);
    LF_EACH_VEC {
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
    LF_EACH_VEC luma[k] = lf_min(lf_max(y[k] * answers[1][k] + answers[2][k], lowest[k]), highest[k]);
    LF_EACH_VEC {
        const lf_vec lift = lf_min((luma[k] + little) * lf_reciprocal(grey[k] + little), most);
        const lf_vec gain = lf_min(lf_max(answers[3][k] * lift, none), most);
        LF_UNROLL
        for (int c = 0; c < 3; c++) x[c][k] = (x[3 + c][k] + weight[k] * x[c][k] - grey[k]) * gain;
    }
    LF_EACH_VEC lf_into_gamut(luma[k], &x[0][k], &x[1][k], &x[2][k], lowest[k], top);
#undef LF_EACH_VEC
}

/* `count` pixels of row `row` from pixel x of the strip on, `part` of the way between its two rows of context. The first layer
 * starts from its contexts, the last from the rest. */
LF_INLINE void lf_context_tile(const lf_work *work, const lf_folded *f, const lf_type type, float part, int row, int x,
                               int count) {
    const int *widths = work->model->widths;
    lf_start start = {NULL, (const float *)work->upper + x, (const float *)work->step + x, LF_COLUMNS, part};
    lf_plane pixels[6], hidden[2][LF_MAX_WIDTH], answers[LF_ANSWERS];
    lf_read_tile(work->under, type, work->at + x, row, count, pixels);
    lf_read_tile(work->over, type, work->at + x, row, count, pixels + 3);
    lf_layer(pixels, 6, NULL, hidden[0], widths[1], f->weights[0], start, 1);
    lf_layer(hidden[0], widths[1], NULL, hidden[1], widths[2], f->weights[1], lf_start_at(f->bias), 1);
    start.upper += widths[1] * LF_COLUMNS;
    start.step += widths[1] * LF_COLUMNS;
    lf_layer(hidden[1], widths[2], NULL, answers, LF_ANSWERS, f->weights[2], start, 0);
    lf_structure(answers, pixels, lf_top(type));
    lf_write_tile(work->out, type, work->at + x, row, count, pixels);
}

LF_INLINE void lf_context_strip(const lf_work *work, const lf_type type, int row0, int row1, int columns) {
    for (int row = row0; row < row1; row++) {
        const float part = lf_between_rows(work->grid, row).part;
        const lf_folded *f = work->weights;
        for (int x = 0; x < columns; x += LF_TILE) {
            LF_FORGET(f);
            if (row + 1 < row1) {
                lf_expect(lf_at(work->under, work->at + x, row + 1), LF_TILE * lf_pixel_bytes(type), 0);
                lf_expect(lf_at(work->over, work->at + x, row + 1), LF_TILE * lf_pixel_bytes(type), 0);
                lf_expect(lf_at(work->out, work->at + x, row + 1), LF_TILE * lf_pixel_bytes(type), 1);
            }
            lf_context_tile(work, f, type, part, row, x, lf_min_int(LF_TILE, columns - x));
        }
    }
}
LF_OUTLINE void lf_strip_u16(const lf_work *work, int row0, int row1, int columns) {
    lf_context_strip(work, LF_U16, row0, row1, columns);
}
LF_OUTLINE void lf_strip_f32(const lf_work *work, int row0, int row1, int columns) {
    lf_context_strip(work, LF_F32, row0, row1, columns);
}

LF_INLINE void lf_spread_context(const lf_work *work, int row) {
    const lf_grid *grid = work->grid;
    const lf_runs *runs = work->runs;
    const lf_folded *f = work->weights;
    float *upper = work->upper, *step = work->step;
    for (int c = 0; c < work->model->contexts; c++, upper += LF_COLUMNS, step += LF_COLUMNS) {
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

/* Fuse rows [row0, row1) of under and over, of 16 bits or floats, into the same rows of out, which may be one of the two. The grid holds floats;
 * scratch holds lf_context_combine_scratch_floats(m) floats. */
LF_CODE void lf_context_combine_rows(const lf_context_model *m, const lf_picture *under, const lf_picture *over,
                                     const lf_grid *grid, float strength, const lf_picture *out, int row0, int row1,
                                     float *scratch) {
    float *upper = lf_aligned(scratch), *step = upper + m->contexts * LF_COLUMNS + LF_LANES;
    lf_folded *folded = (lf_folded *)(upper + lf_context_rows_floats(m));
    lf_runs *runs = (lf_runs *)((float *)folded + LF_WEIGHTS_FLOATS);
    lf_work work = {m, under, over, out, grid, folded, upper, step, runs, 0};
    lf_fold(m, lf_top(under->type), strength, folded);
    lf_combine_strips(&work, LF_COLUMNS, lf_spread_context, under->type == LF_U16 ? lf_strip_u16 : lf_strip_f32, row0, row1);
}

#endif
