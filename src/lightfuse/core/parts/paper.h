/* The paper's model (arXiv 2107.02299): CombiningNet. */
#ifndef LIGHTFUSE_PAPER_H
#define LIGHTFUSE_PAPER_H

#include "layers.h"
#include "paper_filtering.h"

#define LF_PAPER_ANSWER -2.88539008f /* -2 log2(e): (tanh(v) + 1) / 2 = 1 / (1 + e^(-2v)) */

#define LF_KIND f32
#define LF_KIND_IS_HALF 0
#define LF_NUM float
#include "paper_tile.h"
#undef LF_KIND
#undef LF_KIND_IS_HALF
#undef LF_NUM

#if defined(LF_HALVES)
#define LF_KIND f16
#define LF_KIND_IS_HALF 1
#define LF_NUM _Float16
#include "paper_tile.h"
#undef LF_KIND
#undef LF_KIND_IS_HALF
#undef LF_NUM
#endif

/* Scratch floats lf_paper_combine_rows needs: its weights. */
LF_CODE size_t lf_paper_combine_scratch_floats(const lf_paper *m) {
    return (size_t)m->hidden1 * 7 + (size_t)m->hidden2 * (m->hidden1 + 4) + 3;
}

/* Fuse rows [row0, row1) of under and over into the same rows of out, which may be one of the two.
 * scratch holds lf_paper_combine_scratch_floats(m) floats. */
LF_CODE void lf_paper_combine_rows(const lf_paper *m, const lf_picture *under, const lf_picture *over,
                                   lf_range under_range, lf_range over_range, const float *context,
                                   const lf_picture *out, int row0, int row1, float *scratch) {
#define LF_ROWS(kind, bits) \
    lf_paper_rows_##kind(m, under, over, under_range, over_range, context, out, lf_paper_strip_##bits##_##kind, row0, row1, \
                         scratch)
    if (under->type == LF_U16)
        LF_ROWS(f32, u16);
    else if (under->type == LF_F32)
        LF_ROWS(f32, float);
    else
#if defined(LF_HALVES)
        LF_ROWS(f16, u8);
#else
        LF_ROWS(f32, u8);
#endif
#undef LF_ROWS
}

#endif
