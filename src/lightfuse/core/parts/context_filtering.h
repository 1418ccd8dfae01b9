/* Context models: FilteringNet on the thumbnails. */
#ifndef LIGHTFUSE_CONTEXT_FILTERING_H
#define LIGHTFUSE_CONTEXT_FILTERING_H

#include "thumbnail.h"

LF_INLINE lf_size lf_halved(lf_size size, int times) { return (lf_size){size.rows >> times, size.columns >> times}; }

/* Cells and channels whose sums lf_mix_planes keeps in registers. */
enum { LF_MIX_VECS = LF_LANES_f32 == 16 ? 4 : 2, LF_MIX_CELLS = LF_MIX_VECS * LF_LANES_f32, LF_MIX_OUTS = 4 };

/* LF_MIX_CELLS cells of `outs` (a constant) planes from o on, cells from one plane to the next; see lf_mix_planes. */
LF_INLINE void lf_mix_block(const float *in, int n_in, float *out, int n_out, size_t cells, int o, const int outs,
                            const float *w, const float *b, const int relu, const int add) {
    lf_vec_f32 sum[LF_MIX_OUTS][LF_MIX_VECS];
    LF_UNROLL
    for (int j = 0; j < outs; j++)
        LF_UNROLL
        for (int k = 0; k < LF_MIX_VECS; k++) sum[j][k] = lf_splat_f32(b[o + j]);
    for (int i = 0; i < n_in; i++, in += cells)
        LF_UNROLL
        for (int k = 0; k < LF_MIX_VECS; k++) {
            const lf_vec_f32 value = lf_load_f32(in + k * LF_LANES_f32);
            LF_UNROLL
            for (int j = 0; j < outs; j++) sum[j][k] += value * w[i * n_out + o + j];
        }
    LF_UNROLL
    for (int j = 0; j < outs; j++)
        LF_UNROLL
        for (int k = 0; k < LF_MIX_VECS; k++) {
            float *to = out + (size_t)(o + j) * cells + k * LF_LANES_f32;
            lf_vec_f32 value = sum[j][k];
            if (relu) value = lf_max_f32(value, lf_splat_f32(0.0f));
            if (add) value += lf_load_f32(to);
            lf_store_f32(to, value);
        }
}

/* Planes [n_in][cells] to [n_out][cells] by w [n_in][n_out] and bias b, with ReLU if relu; added to out if add. */
LF_INLINE void lf_mix_planes(const float *in, int n_in, float *out, int n_out, size_t cells, const float *w,
                             const float *b, const int relu, const int add) {
    size_t at = 0;
    for (; at + LF_MIX_CELLS <= cells; at += LF_MIX_CELLS) {
        int o = 0;
        for (; o + LF_MIX_OUTS <= n_out; o += LF_MIX_OUTS)
            lf_mix_block(in + at, n_in, out + at, n_out, cells, o, LF_MIX_OUTS, w, b, relu, add);
        for (; o < n_out; o++) lf_mix_block(in + at, n_in, out + at, n_out, cells, o, 1, w, b, relu, add);
    }
    for (; at < cells; at++)
        for (int o = 0; o < n_out; o++) {
            float sum = b[o];
            for (int i = 0; i < n_in; i++) sum += w[i * n_out + o] * in[i * cells + at];
            sum = relu && sum < 0 ? 0 : sum;
            out[o * cells + at] = add ? out[o * cells + at] + sum : sum;
        }
}

/* A 3 x 3 depthwise layer, the border repeated once around, of stride 1 or 2 (a constant) on planes of size `size`. */
LF_INLINE void lf_depthwise_planes(const float *in, int channels, lf_size size, const int stride, const float *w,
                                   float *out) {
    const int rows = size.rows / stride, columns = size.columns / stride;
    for (int c = 0; c < channels; c++, w += 9, in += lf_cells(size), out += (size_t)rows * columns) {
        for (int y = 0; y < rows; y++) {
            float *restrict to = out + (size_t)y * columns;
            const float *restrict r0 = in + (size_t)(y > 0 ? y * stride - 1 : 0) * size.columns;
            const float *restrict r1 = in + (size_t)(y * stride) * size.columns;
            const float *restrict r2 = in + (size_t)lf_min_int(y * stride + 1, size.rows - 1) * size.columns;
#define LF_COLUMN(left, x, right)                                                                                     \
    w[0] * r0[left] + w[1] * r0[x] + w[2] * r0[right] + w[3] * r1[left] + w[4] * r1[x] + w[5] * r1[right] +           \
        w[6] * r2[left] + w[7] * r2[x] + w[8] * r2[right]
            const int last = lf_min_int(columns, (size.columns - 1) / stride); /* the first without a right neighbour */
            to[0] = LF_COLUMN(0, 0, lf_min_int(1, size.columns - 1));
            for (int x = 1; x < last; x++) to[x] = LF_COLUMN(x * stride - 1, x * stride, x * stride + 1);
            for (int x = last > 1 ? last : 1; x < columns; x++)
                to[x] = LF_COLUMN(x * stride - 1, x * stride, lf_min_int(x * stride + 1, size.columns - 1));
#undef LF_COLUMN
        }
    }
}

/* Add to planes of size `size` the planes of half that size, doubled by bilinear interpolation (half-pixel centres). */
LF_INLINE void lf_add_doubled(const float *in, int channels, lf_size size, float *out) {
    const lf_size half = lf_halved(size, 1);
    for (int c = 0; c < channels; c++, in += lf_cells(half), out += lf_cells(size)) {
        for (int y = 0; y < size.rows; y++) {
            const int near = y / 2, other = y % 2 ? near + 1 : near - 1;
            const int far = other < 0 ? 0 : lf_min_int(other, half.rows - 1);
            const float *restrict a = in + (size_t)near * half.columns, *restrict b = in + (size_t)far * half.columns;
            float *restrict to = out + (size_t)y * size.columns;
#define LF_HERE(x) (0.75f * a[x] + 0.25f * b[x])
#define LF_DOUBLE(left, x, right)                                                                                     \
    do {                                                                                                              \
        const float here = 0.75f * LF_HERE(x);                                                                        \
        to[2 * (x)] += here + 0.25f * LF_HERE(left);                                                                  \
        to[2 * (x) + 1] += here + 0.25f * LF_HERE(right);                                                             \
    } while (0)
            const int last = half.columns - 1;
            LF_DOUBLE(0, 0, lf_min_int(1, last));
            for (int x = 1; x < last; x++) LF_DOUBLE(x - 1, x, x + 1);
            if (last > 0) LF_DOUBLE(last - 1, last, last);
#undef LF_HERE
#undef LF_DOUBLE
        }
    }
}

/* One step down: out (half the size) = ReLU(separable(in)) + means of 2 x 2 of in; scratch as large as in. */
LF_INLINE void lf_step_down(const float *in, int channels, lf_size size, const lf_separable *layer, float *out,
                            float *scratch) {
    const lf_size half = lf_halved(size, 1);
    lf_depthwise_planes(in, channels, size, 2, layer->depthwise, scratch);
    lf_mix_planes(scratch, channels, out, channels, lf_cells(half), layer->pointwise, layer->bias, 1, 0);
    for (int c = 0; c < channels; c++, in += lf_cells(size), out += lf_cells(half))
        for (int y = 0; y < half.rows; y++)
            for (int x = 0; x < half.columns; x++) {
                const float *cell = in + (size_t)2 * y * size.columns + 2 * x;
                out[y * half.columns + x] +=
                    0.25f * (cell[0] + cell[1] + cell[size.columns] + cell[size.columns + 1]);
            }
}

/* Add to the coarsest level, everywhere, what the means and maxima of its channels say together. */
LF_INLINE void lf_add_summary(const lf_context_model *m, float *planes, size_t cells) {
    const int n = m->channels;
    float summary[2 * LF_MAX_WIDTH];
    for (int c = 0; c < n; c++) {
        const float *plane = planes + (size_t)c * cells;
        float sum = 0, most = plane[0];
        for (size_t i = 0; i < cells; i++) {
            sum += plane[i];
            most = plane[i] > most ? plane[i] : most;
        }
        summary[c] = sum / (float)cells;
        summary[n + c] = most;
    }
    for (int o = 0; o < n; o++) {
        float value = m->summary_bias[o];
        for (int i = 0; i < 2 * n; i++) value += summary[i] * m->summary[i * n + o];
        for (size_t i = 0; i < cells; i++) planes[(size_t)o * cells + i] += value;
    }
}

/* Scratch floats lf_context_filter needs: the levels (less than 4/3 of the finest), and a buffer of the finest. */
LF_CODE size_t lf_context_scratch_floats(const lf_context_model *m, lf_size size) {
    const size_t widest = (size_t)(m->channels > 6 ? m->channels : 6) * lf_cells(size);
    return 2 * widest + widest / 3 + 1;
}

/* FilteringNet: thumbnails [6][rows][columns] in [0, 1], under's planes before over's, to the grid
 * [contexts][rows][columns]. The thumbnails are left shifted to [-0.5, 0.5]. */
LF_CODE void lf_context_filter(const lf_context_model *m, float *thumbnails, lf_size size, float *grid, float *scratch) {
    const int n = m->channels;
    const size_t cells = lf_cells(size), widest = (size_t)(n > 6 ? n : 6) * cells;
    float *levels[LF_MAX_LEVELS + 1];
    levels[0] = scratch;
    levels[1] = scratch + widest;
    for (int i = 2; i <= m->levels; i++) levels[i] = levels[i - 1] + (size_t)n * lf_cells(lf_halved(size, i - 1));
    float *spare = scratch + widest + widest / 3 + 1;

    for (size_t i = 0; i < 6 * cells; i++) thumbnails[i] -= 0.5f;
    lf_depthwise_planes(thumbnails, 6, size, 2, m->first.depthwise, spare);
    lf_mix_planes(spare, 6, levels[1], n, lf_cells(lf_halved(size, 1)), m->first.pointwise, m->first.bias, 1, 0);
    for (int i = 1; i < m->levels; i++)
        lf_step_down(levels[i], n, lf_halved(size, i), &m->down[i - 1], levels[i + 1], spare);
    lf_add_summary(m, levels[m->levels], lf_cells(lf_halved(size, m->levels)));
    lf_mix_planes(thumbnails, 6, levels[0], n, cells, m->stem.pointwise, m->stem.bias, 1, 0);
    for (int i = m->levels - 1; i >= 0; i--) {
        const lf_size here = lf_halved(size, i);
        lf_add_doubled(levels[i + 1], n, here, levels[i]);
        lf_depthwise_planes(levels[i], n, here, 1, m->up[i].depthwise, spare);
        lf_mix_planes(spare, n, levels[i], n, lf_cells(here), m->up[i].pointwise, m->up[i].bias, 1, 1);
    }
    lf_mix_planes(levels[0], n, grid, m->contexts, cells, m->head, m->head_bias, 0, 0);
}

/* How far CombiningNet may go, from the thumbnails (not yet filtered): 0 for two pictures whose mean difference is below
 * 0.03, so that equal ones come back as they are, 1 for a bracket, from 0.12 on. */
LF_CODE float lf_context_strength(const float *thumbnails, lf_size size) {
    const size_t n = 3 * lf_cells(size);
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += __builtin_fabsf(thumbnails[n + i] - thumbnails[i]);
    const double strength = (sum / (double)n - 0.03) / 0.09;
    return (float)(strength < 0 ? 0 : strength > 1 ? 1 : strength);
}

#endif
