/* Context models: FilteringNet on the thumbnails. */
#ifndef LIGHTFUSE_CONTEXT_FILTERING_H
#define LIGHTFUSE_CONTEXT_FILTERING_H

#include "thumbnail.h"

LF_INLINE lf_size lf_halved(lf_size size, int times) { return (lf_size){size.rows >> times, size.columns >> times}; }

/* Cells and channels whose sums lf_mix_planes keeps in registers. */
enum { LF_MIX_VECS = LF_LANES_f32 == 16 ? 4 : 2, LF_MIX_CELLS = LF_MIX_VECS * LF_LANES_f32, LF_MIX_OUTS = 4 };

/* Planes of one channel each, `pitch` numbers from one to the next. */
typedef struct {
    float *at;
    size_t pitch;
} lf_planes;
LF_INLINE lf_planes lf_planes_of(float *at, lf_size size) { return (lf_planes){at, lf_cells(size)}; }

/* LF_MIX_CELLS cells of `outs` (a constant) planes from o on; see lf_mix_planes. */
LF_INLINE void lf_mix_block(lf_planes in, int n_in, lf_planes out, int n_out, size_t cell, int o, const int outs,
                            const float *w, const float *b, const int relu, const int add) {
    lf_vec_f32 sum[LF_MIX_OUTS][LF_MIX_VECS];
    const float *from = in.at + cell;
    LF_UNROLL
    for (int j = 0; j < outs; j++)
        LF_UNROLL
        for (int k = 0; k < LF_MIX_VECS; k++) sum[j][k] = lf_splat_f32(b[o + j]);
    for (int i = 0; i < n_in; i++, from += in.pitch)
        LF_UNROLL
        for (int k = 0; k < LF_MIX_VECS; k++) {
            const lf_vec_f32 value = lf_load_f32(from + k * LF_LANES_f32);
            LF_UNROLL
            for (int j = 0; j < outs; j++) sum[j][k] += value * w[i * n_out + o + j];
        }
    LF_UNROLL
    for (int j = 0; j < outs; j++)
        LF_UNROLL
        for (int k = 0; k < LF_MIX_VECS; k++) {
            float *to = out.at + (size_t)(o + j) * out.pitch + cell + k * LF_LANES_f32;
            lf_vec_f32 value = sum[j][k];
            if (relu) value = lf_max_f32(value, lf_splat_f32(0.0f));
            if (add) value += lf_load_f32(to);
            lf_store_f32(to, value);
        }
}

/* `cells` cells of n_in planes to n_out by w [n_in][n_out] and bias b, with ReLU if relu; added to out if add. */
LF_OUTLINE void lf_mix_planes(lf_planes in, int n_in, lf_planes out, int n_out, size_t cells, const float *w,
                             const float *b, const int relu, const int add) {
    size_t at = 0;
    for (; at + LF_MIX_CELLS <= cells; at += LF_MIX_CELLS) {
        int o = 0;
        for (; o + LF_MIX_OUTS <= n_out; o += LF_MIX_OUTS)
            lf_mix_block(in, n_in, out, n_out, at, o, LF_MIX_OUTS, w, b, relu, add);
        for (; o < n_out; o++) lf_mix_block(in, n_in, out, n_out, at, o, 1, w, b, relu, add);
    }
    for (; at < cells; at++)
        for (int o = 0; o < n_out; o++) {
            float sum = b[o], *to = out.at + (size_t)o * out.pitch + at;
            for (int i = 0; i < n_in; i++) sum += w[i * n_out + o] * in.at[(size_t)i * in.pitch + at];
            sum = relu && sum < 0 ? 0 : sum;
            *to = add ? *to + sum : sum;
        }
}

/* A row of a 3 x 3 depthwise layer w of stride 1 or 2 (a constant) from the rows above, at and below it, n cells long, their
 * ends repeated. */
LF_INLINE void lf_filter_row(const float *restrict r0, const float *restrict r1, const float *restrict r2, int n,
                                const int stride, const float *w, float *restrict to) {
#define LF_COLUMN(left, x, right)                                                                                     \
    w[0] * r0[left] + w[1] * r0[x] + w[2] * r0[right] + w[3] * r1[left] + w[4] * r1[x] + w[5] * r1[right] +           \
        w[6] * r2[left] + w[7] * r2[x] + w[8] * r2[right]
    const int columns = n / stride, last = lf_min_int(columns, (n - 1) / stride); /* the first without a right neighbour */
    to[0] = LF_COLUMN(0, 0, lf_min_int(1, n - 1));
    for (int x = 1; x < last; x++) to[x] = LF_COLUMN(x * stride - 1, x * stride, x * stride + 1);
    for (int x = last > 1 ? last : 1; x < columns; x++)
        to[x] = LF_COLUMN(x * stride - 1, x * stride, lf_min_int(x * stride + 1, n - 1));
#undef LF_COLUMN
}

/* Rows [row0, row1) of a 3 x 3 depthwise layer, the border repeated once around, of stride 1 or 2 (a constant), on planes
 * of size `size` that begin with their row `first`. */
LF_INLINE void lf_depthwise_planes(lf_planes in, int channels, lf_size size, int first, const int stride, const float *w,
                                   lf_planes out, int row0, int row1) {
    const int columns = size.columns;
    for (int c = 0; c < channels; c++, w += 9, in.at += in.pitch, out.at += out.pitch)
        for (int row = row0; row < row1; row++) {
            const int y = row * stride, above = y > 0 ? y - 1 : 0, below = lf_min_int(y + 1, size.rows - 1);
            const float *at = in.at - (ptrdiff_t)first * columns;
            lf_filter_row(at + (size_t)above * columns, at + (size_t)y * columns, at + (size_t)below * columns, columns,
                             stride, w, out.at + (size_t)(row - row0) * (columns / stride));
        }
}

/* Add to rows [row0, row1) of planes of size `size` the planes of half that size, doubled by bilinear interpolation
 * (half-pixel centres). out begins with row row0. */
LF_INLINE void lf_add_doubled(lf_planes in, int channels, lf_size size, lf_planes out, int row0, int row1) {
    const lf_size half = lf_halved(size, 1);
    for (int c = 0; c < channels; c++, in.at += in.pitch, out.at += out.pitch) {
        for (int y = row0; y < row1; y++) {
            const int near = y / 2, other = y % 2 ? near + 1 : near - 1;
            const int far = other < 0 ? 0 : lf_min_int(other, half.rows - 1);
            const float *restrict a = in.at + (size_t)near * half.columns, *restrict b = in.at + (size_t)far * half.columns;
            float *restrict to = out.at + (size_t)(y - row0) * size.columns;
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

/* Rows [row0, row1) of a level on the way up: `here`, which begins with its row `first` and holds a row more on either side
 * where there is one, has the doubled coarser level added and answers with itself + ReLU(separable(itself)). */
LF_INLINE void lf_step_up(lf_planes coarser, lf_planes here, int channels, lf_size size, int first, int last,
                          const lf_separable *layer, lf_planes spare, int row0, int row1) {
    lf_add_doubled(coarser, channels, size, here, first, last);
    lf_depthwise_planes(here, channels, size, first, 1, layer->depthwise, spare, row0, row1);
    here.at += (size_t)(row0 - first) * size.columns;
    lf_mix_planes(spare, channels, here, channels, (size_t)(row1 - row0) * size.columns, layer->pointwise, layer->bias, 1, 1);
}

/* One step down: out (half the size) = ReLU(separable(in)) + means of 2 x 2 of in; spare as large as out. */
LF_INLINE void lf_step_down(lf_planes in, int channels, lf_size size, const lf_separable *layer, lf_planes out,
                            lf_planes spare) {
    const lf_size half = lf_halved(size, 1);
    lf_depthwise_planes(in, channels, size, 0, 2, layer->depthwise, spare, 0, half.rows);
    lf_mix_planes(spare, channels, out, channels, lf_cells(half), layer->pointwise, layer->bias, 1, 0);
    for (int c = 0; c < channels; c++, in.at += in.pitch, out.at += out.pitch)
        for (int y = 0; y < half.rows; y++)
            for (int x = 0; x < half.columns; x++) {
                const float *cell = in.at + (size_t)2 * y * size.columns + 2 * x;
                out.at[y * half.columns + x] +=
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

/* Level i >= 1 of the pyramid in the memory of all of them, half-size first; past the coarsest, what is free. */
LF_INLINE lf_planes lf_level(const lf_context_model *m, lf_size size, int i, float *levels) {
    for (int k = 1; k < i; k++) levels += (size_t)m->channels * lf_cells(lf_halved(size, k));
    return lf_planes_of(levels, lf_halved(size, i));
}

/* Floats of the pyramid's levels but the finest (less than a third of the finest), and a spare one of half size. */
LF_CODE size_t lf_context_levels_floats(const lf_context_model *m, lf_size size) {
    const size_t widest = (size_t)(m->channels > 6 ? m->channels : 6) * lf_cells(size);
    return widest / 3 + widest / 4 + 2;
}

/* FilteringNet but for its finest level: thumbnails [6][rows][columns] in [0, 1], under's planes before over's, to
 * lf_context_levels_floats(m, size) floats of levels. The thumbnails are left shifted to [-0.5, 0.5]. */
LF_CODE void lf_context_summarise(const lf_context_model *m, float *thumbnails, lf_size size, float *levels) {
    const int n = m->channels, coarsest = m->levels;
    const size_t cells = lf_cells(size);
    const lf_size half = lf_halved(size, 1);
    float *spare = lf_level(m, size, coarsest + 1, levels).at;

    for (size_t i = 0; i < 6 * cells; i++) thumbnails[i] -= 0.5f;
    lf_depthwise_planes(lf_planes_of(thumbnails, size), 6, size, 0, 2, m->first.depthwise, lf_planes_of(spare, half), 0,
                        half.rows);
    lf_mix_planes(lf_planes_of(spare, half), 6, lf_level(m, size, 1, levels), n, lf_cells(half), m->first.pointwise,
                  m->first.bias, 1, 0);
    for (int i = 1; i < coarsest; i++)
        lf_step_down(lf_level(m, size, i, levels), n, lf_halved(size, i), &m->down[i - 1], lf_level(m, size, i + 1, levels),
                     lf_planes_of(spare, lf_halved(size, i + 1)));
    lf_add_summary(m, lf_level(m, size, coarsest, levels).at, lf_cells(lf_halved(size, coarsest)));
    for (int i = coarsest - 1; i >= 1; i--) {
        const lf_size here = lf_halved(size, i);
        lf_step_up(lf_level(m, size, i + 1, levels), lf_level(m, size, i, levels), n, here, 0, here.rows, &m->up[i],
                   lf_planes_of(spare, here), 0, here.rows);
    }
}

/* Rows of the finest level that lf_context_decode_rows holds at a time, and scratch floats it needs: they and a row more on
 * either side, once more without those. */
enum { LF_DECODED = 16 };
LF_CODE size_t lf_context_decode_scratch_floats(const lf_context_model *m, lf_size size) {
    return (size_t)(2 * lf_min_int(LF_DECODED, size.rows) + 2) * m->channels * size.columns;
}

/* FilteringNet's finest level: rows [row0, row1) of the grid [contexts][rows][columns] from the shifted thumbnails and the
 * levels that lf_context_summarise left. scratch holds lf_context_decode_scratch_floats(m, size) floats. */
LF_CODE void lf_context_decode_rows(const lf_context_model *m, float *thumbnails, lf_size size, float *levels, float *grid,
                                    int row0, int row1, float *scratch) {
    const int n = m->channels, columns = size.columns;
    for (int row = row0, end; row < row1; row = end) {
        end = lf_min_int(row + LF_DECODED, row1);
        const int first = row > 0 ? row - 1 : 0, last = lf_min_int(end + 1, size.rows);
        const size_t held = (size_t)(last - first) * columns, wanted = (size_t)(end - row) * columns;
        const lf_planes here = {scratch, held}, spare = {scratch + n * held, wanted};
        const lf_planes seen = {thumbnails + (size_t)first * columns, lf_cells(size)};
        const lf_planes out = {grid + (size_t)row * columns, lf_cells(size)};
        lf_mix_planes(seen, 6, here, n, held, m->stem.pointwise, m->stem.bias, 1, 0);
        lf_step_up(lf_level(m, size, 1, levels), here, n, size, first, last, &m->up[0], spare, row, end);
        const lf_planes decoded = {here.at + (size_t)(row - first) * columns, held};
        lf_mix_planes(decoded, n, out, m->contexts, wanted, m->head, m->head_bias, 0, 0);
    }
}

/* Scratch floats lf_context_filter needs. */
LF_CODE size_t lf_context_scratch_floats(const lf_context_model *m, lf_size size) {
    return lf_context_levels_floats(m, size) + lf_context_decode_scratch_floats(m, size);
}

/* FilteringNet in one go: thumbnails as lf_context_summarise takes and leaves them, to the whole grid. */
LF_CODE void lf_context_filter(const lf_context_model *m, float *thumbnails, lf_size size, float *grid, float *scratch) {
    lf_context_summarise(m, thumbnails, size, scratch);
    lf_context_decode_rows(m, thumbnails, size, scratch, grid, 0, size.rows, scratch + lf_context_levels_floats(m, size));
}

/* How far CombiningNet may go, from the thumbnails (not yet filtered): 0 for two pictures whose mean difference is below
 * 0.03, so that equal ones come back as they are, 1 for a bracket, from 0.12 on. */
LF_CODE float lf_context_strength(const float *thumbnails, lf_size size) {
    enum { LF_SUMS = 4 }; /* at once: one alone would wait for each of its additions */
    const size_t n = 3 * lf_cells(size);
    double sums[LF_SUMS] = {0}, sum = 0;
    for (size_t i = 0; i < n; i += LF_SUMS) /* n is a multiple of 12: sides are even */
        for (int k = 0; k < LF_SUMS; k++) sums[k] += __builtin_fabsf(thumbnails[n + i + k] - thumbnails[i + k]);
    for (int k = 0; k < LF_SUMS; k++) sum += sums[k];
    const double strength = (sum / (double)n - 0.03) / 0.09;
    return (float)(strength < 0 ? 0 : strength > 1 ? 1 : strength);
}

#endif
