/* Context models: CombiningNet on every pixel. */
#ifndef LIGHTFUSE_CONTEXT_COMBINING_H
#define LIGHTFUSE_CONTEXT_COMBINING_H

#include "halves.h"
#include "layers.h"
#include "pixels.h"

/* Where pixel i of `side` lies between `cells` cells: cell index and how far towards the next (half-pixel centres). */
LF_INLINE int lf_between(int i, int side, int cells, float *part) {
    const float at = ((float)i + 0.5f) * ((float)cells / (float)side) - 0.5f;
    const int cell = lf_min_int(at > 0 ? (int)at : 0, cells - 1);
    *part = at > 0 ? at - (float)cell : 0.0f;
    return cell;
}

/* The most pixels of a row whose context is spread out at once. */
enum { LF_MOST_COLUMNS = 512 };

/* Where the pixels of a strip lie between the grid's columns, and the runs of them that lie between the same
 * two: run i is pixels start[i] .. start[i+1]-1, right of cell[i]. */
typedef struct {
    float at[LF_MOST_COLUMNS + LF_LANES_f32];
    int count, start[LF_MOST_COLUMNS + 1], cell[LF_MOST_COLUMNS];
} lf_runs;

LF_INLINE void lf_find_runs(int first, int columns, int width, int cells, lf_runs *runs) {
    runs->count = 0;
    for (int i = 0; i < columns; i++) {
        float part;
        const int cell = lf_between(lf_min_int(first + i, width - 1), width, cells, &part);
        runs->at[i] = (float)cell + part;
        if (i > 0 && cell == runs->cell[runs->count - 1]) continue;
        runs->cell[runs->count] = cell;
        runs->start[runs->count++] = i;
    }
    runs->start[runs->count] = columns;
    for (int i = columns; i < columns + LF_LANES_f32; i++) runs->at[i] = 0.0f;
}

/* What answer o is multiplied by and added to, that lf_structure may use it as it is: the mixing weights are
 * 1 / (1 + 2^t) of it, the gains count from 1, the offset is in the picture's units. */
LF_INLINE float lf_answer_scale(int o, float top, float strength) {
    return o == 0 || o == 4 ? -1.44269504f : o == 2 ? 0.5f * top * strength : strength;
}
LF_INLINE float lf_answer_shift(int o) { return o == 0 || o == 4 ? 3.0f * 1.44269504f : o == 2 ? 0.0f : 1.0f; }

/* CombiningNet's shape. */
typedef struct {
    int layers, widths[LF_MAX_LAYERS + 1], outputs, ratio;
} lf_shape;

LF_INLINE lf_shape lf_shape_of(const lf_context_model *m) {
    lf_shape shape = {m->layers, {0}, m->outputs, m->ratio};
    for (int l = 0; l <= LF_MAX_LAYERS; l++) shape.widths[l] = m->widths[l];
    return shape;
}

/* The shapes of the shipped models, which have code of their own, every loop unrolled. */
#define LF_SHAPE_SMALL ((lf_shape){3, {6, 8, 6, 5}, 5, 1})
#define LF_SHAPE_BASE ((lf_shape){3, {6, 8, 8, 5}, 5, 1})

LF_INLINE int lf_is_shape(const lf_context_model *m, const lf_shape *shape) {
    int same = m->layers == shape->layers && m->outputs == shape->outputs && !m->ratio == !shape->ratio;
    for (int l = 0; l <= shape->layers; l++) same = same && m->widths[l] == shape->widths[l];
    return same;
}

/* Floats of scratch: two rows of context, their last vectors past the end, with halves in half the room; the weights; where
 * columns lie; room to start at a multiple of 64 bytes. */
enum { LF_WEIGHTS_FLOATS = LF_MAX_LAYERS * LF_MAX_WIDTH * (LF_MAX_WIDTH + 1) + 2 * LF_MAX_CONTEXT };
LF_INLINE size_t lf_context_rows_floats(const lf_context_model *m) {
    return 2 * ((size_t)m->contexts * LF_COLUMNS_f32 + LF_LANES_f32);
}
LF_CODE size_t lf_context_combine_scratch_floats(const lf_context_model *m) {
    return lf_context_rows_floats(m) + LF_WEIGHTS_FLOATS + sizeof(lf_runs) / sizeof(float) + 15;
}

#define LF_KIND f32
#define LF_KIND_IS_HALF 0
#define LF_NUM float
#include "context_tile.h"
#undef LF_KIND
#undef LF_KIND_IS_HALF
#undef LF_NUM

#if defined(LF_HALVES)
#define LF_KIND f16
#define LF_KIND_IS_HALF 1
#define LF_NUM _Float16
#include "context_tile.h"
#undef LF_KIND
#undef LF_KIND_IS_HALF
#undef LF_NUM
#endif

/* Fuse rows [row0, row1) of under and over into the same rows of out, which may be one of the two.
 * scratch holds lf_context_combine_scratch_floats(m) floats. */
LF_CODE void lf_context_combine_rows(const lf_context_model *m, const lf_picture *under, const lf_picture *over,
                                     const float *grid, lf_size size, float strength, const lf_picture *out, int row0,
                                     int row1, float *scratch) {
    const lf_shape small = LF_SHAPE_SMALL, base = LF_SHAPE_BASE;
    const int is_small = lf_is_shape(m, &small), is_base = lf_is_shape(m, &base);
#define LF_ROWS(kind, bits, type)                                                                                     \
    lf_context_rows_##kind(m, under, over, grid, size, strength, out, type,                                           \
                           is_small  ? lf_strip_small_##bits##_##kind                                                 \
                           : is_base ? lf_strip_base_##bits##_##kind                                                  \
                                     : lf_strip_any_##bits##_##kind,                                                  \
                           row0, row1, scratch)
    if (under->type == LF_U16)
        LF_ROWS(f32, u16, LF_U16);
    else if (under->type == LF_F32)
        LF_ROWS(f32, float, LF_F32);
    else
#if defined(LF_HALVES)
        LF_ROWS(f16, u8, LF_U8);
#else
        LF_ROWS(f32, u8, LF_U8);
#endif
#undef LF_ROWS
}

#endif
