/* Pointwise layers on a tile of pixels: the arithmetic that nearly all time goes to. */
#ifndef LIGHTFUSE_POINTWISE_H
#define LIGHTFUSE_POINTWISE_H

#include "vectors.h"

/* Where a layer's sums start: at a bias a channel (or NULL for 0), and at a context between two rows of it, a row of
 * `stride` floats a channel: upper + part * step (or upper NULL for none). */
typedef struct {
    const float *bias, *upper, *step;
    int stride;
    float part;
} lf_start;

LF_INLINE lf_start lf_start_at(const float *bias) { return (lf_start){bias, NULL, NULL, 0, 0.0f}; }

/* Output channels o .. o+outs-1 (outs a constant) of a layer of weights w [n_in][n_out]. */
LF_INLINE void lf_pointwise_block(const lf_plane *restrict in, const int n_in, lf_plane *restrict out, const int n_out,
                                  const int o, const int outs, const float *restrict w, lf_start start, const int relu) {
    lf_vec sum[LF_OUTS][LF_VECS];
    LF_UNROLL
    for (int j = 0; j < outs; j++)
        LF_UNROLL
        for (int k = 0; k < LF_VECS; k++) {
            sum[j][k] = lf_splat(start.bias ? start.bias[o + j] : 0.0f);
            if (start.upper) {
                const int at = (o + j) * start.stride + k * LF_LANES;
                sum[j][k] += lf_load(start.upper + at) + start.part * lf_load(start.step + at);
            }
        }
    for (int i = 0; i < n_in; i++)
        LF_UNROLL
        for (int j = 0; j < outs; j++)
            LF_UNROLL
            for (int k = 0; k < LF_VECS; k++) sum[j][k] += in[i][k] * w[i * n_out + o + j];
    LF_UNROLL
    for (int j = 0; j < outs; j++)
        LF_UNROLL
        for (int k = 0; k < LF_VECS; k++) out[o + j][k] = relu ? lf_max(sum[j][k], lf_splat(0)) : sum[j][k];
}

/* A layer with ReLU if relu (a constant). Where n_in and n_out are constants too, so is every loop. */
LF_INLINE void lf_pointwise(const lf_plane *restrict in, const int n_in, lf_plane *restrict out, const int n_out,
                            const float *restrict w, lf_start start, const int relu) {
    int o = 0;
    for (; o + LF_OUTS <= n_out; o += LF_OUTS) lf_pointwise_block(in, n_in, out, n_out, o, LF_OUTS, w, start, relu);
    if (LF_OUTS > 4 && o + 4 <= n_out) {
        lf_pointwise_block(in, n_in, out, n_out, o, 4, w, start, relu);
        o += 4;
    }
    if (o + 3 <= n_out) {
        lf_pointwise_block(in, n_in, out, n_out, o, 3, w, start, relu);
        o += 3;
    }
    for (; o < n_out; o++) lf_pointwise_block(in, n_in, out, n_out, o, 1, w, start, relu);
}

#endif
