/* Pointwise layers on a tile of pixels: the arithmetic that nearly all time goes to.
 * Included once for each kind of number, LF_KIND, by layers.h. */

/* Where a layer's sums start: at a bias a channel (or NULL for 0), or else at a context between two rows of it, a row of
 * `stride` numbers a channel: upper + part * step. */
typedef struct {
    const LF_OF(lf_weight) *bias;
    const LF_NUM *upper, *step;
    int stride;
    LF_NUM part;
} LF_OF(lf_start);

LF_INLINE LF_OF(lf_start) LF_OF(lf_start_at)(const LF_OF(lf_weight) *bias) { return (LF_OF(lf_start)){bias, NULL, NULL, 0, 0}; }

/* Output channels o .. o+outs-1 (outs a constant) of a layer of weights w [n_in][n_out]. */
LF_INLINE void LF_OF(lf_layer_block)(const LF_OF(lf_plane) *restrict in, const int n_in, LF_OF(lf_plane) *restrict out,
                                     const int n_out, const int o, const int outs, const LF_OF(lf_weight) *restrict w,
                                     LF_OF(lf_start) start, const int relu) {
    enum { LF_VECS = LF_OF(LF_VECS), LF_LANES = LF_OF(LF_LANES) };
    LF_OF(lf_vec) sum[LF_OF(LF_OUTS)][LF_VECS];
    LF_UNROLL
    for (int j = 0; j < outs; j++)
        LF_UNROLL
        for (int k = 0; k < LF_VECS; k++) {
            if (start.upper) {
                const int at = (o + j) * start.stride + k * LF_LANES;
                sum[j][k] = LF_OF(lf_load)(start.upper + at) + start.part * LF_OF(lf_load)(start.step + at);
            } else {
                sum[j][k] = start.bias ? LF_OF(lf_splat_weight)(start.bias + o + j) : LF_OF(lf_splat)(0);
            }
        }
    for (int i = 0; i < n_in; i++)
        LF_UNROLL
        for (int j = 0; j < outs; j++) {
            const LF_OF(lf_vec) weight = LF_OF(lf_splat_weight)(w + i * n_out + o + j);
            LF_UNROLL
            for (int k = 0; k < LF_VECS; k++) sum[j][k] += in[i][k] * weight;
        }
    LF_UNROLL
    for (int j = 0; j < outs; j++)
        LF_UNROLL
        for (int k = 0; k < LF_VECS; k++)
            out[o + j][k] = relu ? LF_OF(lf_max)(sum[j][k], LF_OF(lf_splat)(0)) : sum[j][k];
}

/* A layer with ReLU if relu (a constant). Where n_in and n_out are constants too, so is every loop. */
LF_INLINE void LF_OF(lf_layer)(const LF_OF(lf_plane) *restrict in, const int n_in, LF_OF(lf_plane) *restrict out,
                               const int n_out, const LF_OF(lf_weight) *restrict w, LF_OF(lf_start) start, const int relu) {
    enum { LF_OUTS = LF_OF(LF_OUTS) };
    int o = 0;
    for (; o + LF_OUTS <= n_out; o += LF_OUTS) LF_OF(lf_layer_block)(in, n_in, out, n_out, o, LF_OUTS, w, start, relu);
    if (__builtin_constant_p(n_out)) {
        if (o < n_out) LF_OF(lf_layer_block)(in, n_in, out, n_out, o, n_out - o, w, start, relu);
        return;
    }
    if (LF_OUTS > 4)
        for (; o + 4 <= n_out; o += 4) LF_OF(lf_layer_block)(in, n_in, out, n_out, o, 4, w, start, relu);
    for (; o < n_out; o++) LF_OF(lf_layer_block)(in, n_in, out, n_out, o, 1, w, start, relu);
}
