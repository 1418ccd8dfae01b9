/* Context models: FilteringNet on the thumbnails. */
#ifndef LIGHTFUSE_CONTEXT_FILTERING_H
#define LIGHTFUSE_CONTEXT_FILTERING_H

#include "scene.h"

/* Cells and channels whose sums lf_mix_planes keeps in registers. */
enum { LF_MIX_VECS = LF_LANES == 16 ? 4 : 2, LF_MIX_CELLS = LF_MIX_VECS * LF_LANES, LF_MIX_OUTS = 4 };

LF_INLINE lf_planes lf_planes_of(float *at, lf_size size) { return (lf_planes){at, lf_cells(size)}; }
LF_INLINE lf_planes lf_from_row(lf_planes planes, lf_size size, int row) {
    return (lf_planes){planes.at + (size_t)row * size.columns, planes.pitch};
}

/* LF_MIX_CELLS cells of `outs` (a constant) planes from o on; see lf_mix_planes. */
LF_INLINE void lf_mix_block(lf_planes in, int n_in, lf_planes out, int n_out, size_t cell, int o, const int outs,
                            const float *w, const float *b, const int relu, const int add) {
    lf_vec sum[LF_MIX_OUTS][LF_MIX_VECS];
    const float *from = in.at + cell;
    LF_UNROLL
    for (int j = 0; j < outs; j++)
        LF_UNROLL
        for (int k = 0; k < LF_MIX_VECS; k++) sum[j][k] = lf_splat(b[o + j]);
    for (int i = 0; i < n_in; i++, from += in.pitch)
        LF_UNROLL
        for (int k = 0; k < LF_MIX_VECS; k++) {
            const lf_vec value = lf_load(from + k * LF_LANES);
            LF_UNROLL
            for (int j = 0; j < outs; j++) sum[j][k] += value * w[i * n_out + o + j];
        }
    LF_UNROLL
    for (int j = 0; j < outs; j++)
        LF_UNROLL
        for (int k = 0; k < LF_MIX_VECS; k++) {
            float *to = out.at + (size_t)(o + j) * out.pitch + cell + k * LF_LANES;
            lf_vec value = sum[j][k];
            if (relu) value = lf_max(value, lf_splat(0.0f));
            if (add) value += lf_load(to);
            lf_store(to, value);
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

/* Rows [row0, row1) of a 3 x 3 depthwise layer, the border repeated once around, of stride 1 or 2, on planes of size `size`
 * that begin with their row `first`. */
LF_OUTLINE void lf_depthwise_planes(lf_planes in, int channels, lf_size size, int first, int stride, const float *w,
                                    lf_planes out, int row0, int row1) {
    const int columns = size.columns;
    for (int c = 0; c < channels; c++, w += 9, in.at += in.pitch, out.at += out.pitch)
        for (int row = row0; row < row1; row++) {
            const int y = row * stride, above = y > 0 ? y - 1 : 0, below = lf_min_int(y + 1, size.rows - 1);
            const float *at = in.at - (ptrdiff_t)first * columns, *r0 = at + (size_t)above * columns;
            const float *r1 = at + (size_t)y * columns, *r2 = at + (size_t)below * columns;
            float *to = out.at + (size_t)(row - row0) * (columns / stride);
            if (stride == 1) lf_filter_row(r0, r1, r2, columns, 1, w, to);
            else lf_filter_row(r0, r1, r2, columns, 2, w, to);
        }
}

/* Add to rows [row0, row1) of planes of size `size` the planes of half that size, doubled by bilinear interpolation
 * (half-pixel centres). out begins with row row0. */
LF_OUTLINE void lf_add_doubled(lf_planes in, int channels, lf_size size, lf_planes out, int row0, int row1) {
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

/* How many rows of a level are made at once, in scratch memory that does not grow with the number of rows. */
enum { LF_ROWS_AT_ONCE = 4 };

/* One step down: out (half the size) = means of 2 x 2 of in + ReLU(separable(in)). */
LF_INLINE void lf_step_down(lf_planes in, int channels, lf_size size, const lf_separable *layer, lf_planes out,
                            float *scratch) {
    const lf_size half = lf_halved(size, 1);
    const lf_planes filtered = {scratch, (size_t)LF_ROWS_AT_ONCE * half.columns};
    for (int c = 0; c < channels; c++) lf_halve_plane(in.at + c * in.pitch, size, out.at + c * out.pitch);
    for (int row = 0, end; row < half.rows; row = end) {
        end = lf_min_int(row + LF_ROWS_AT_ONCE, half.rows);
        lf_depthwise_planes(in, channels, size, 0, 2, layer->depthwise, filtered, row, end);
        lf_mix_planes(filtered, channels, lf_from_row(out, half, row), channels, (size_t)(end - row) * half.columns,
                      layer->pointwise, layer->bias, 1, 1);
    }
}

/* One step up: the doubled coarser level added to `here`, then here + ReLU(separable(here)). Rows are filtered before the ones
 * above them are replaced. */
LF_INLINE void lf_step_up(lf_planes coarser, lf_planes here, int channels, lf_size size, const lf_separable *layer,
                          float *scratch) {
    const size_t pitch = (size_t)LF_ROWS_AT_ONCE * size.columns;
    lf_planes filtered = {scratch, pitch}, next = {scratch + channels * pitch, pitch};
    lf_add_doubled(coarser, channels, size, here, 0, size.rows);
    lf_depthwise_planes(here, channels, size, 0, 1, layer->depthwise, filtered, 0, lf_min_int(LF_ROWS_AT_ONCE, size.rows));
    for (int row = 0, end; row < size.rows; row = end) {
        end = lf_min_int(row + LF_ROWS_AT_ONCE, size.rows);
        const int after = lf_min_int(end + LF_ROWS_AT_ONCE, size.rows);
        lf_depthwise_planes(here, channels, size, 0, 1, layer->depthwise, next, end, after);
        lf_mix_planes(filtered, channels, lf_from_row(here, size, row), channels, (size_t)(end - row) * size.columns,
                      layer->pointwise, layer->bias, 1, 1);
        const lf_planes used = filtered;
        filtered = next;
        next = used;
    }
}

/* What the means and maxima of the coarsest level's channels say together, to summary[channels]. Each cell counts as much as
 * `weights` say. For the maximum, a quarter counts in full. */
LF_INLINE void lf_summary_of(const lf_context_model *m, const float *planes, size_t cells, const float *weights,
                             float *summary) {
    const int n = m->channels;
    float seen[2 * LF_MAX_WIDTH], total = 0;
    for (size_t i = 0; i < cells; i++) total += weights[i];
    for (int c = 0; c < n; c++) {
        const float *plane = planes + (size_t)c * cells;
        float sum = 0, most = 0; /* channels are at least 0 */
        for (size_t i = 0; i < cells; i++) {
            const float weight = weights[i], full = 4 * weight < 1 ? 4 * weight : 1.0f;
            sum += plane[i] * weight;
            most = plane[i] * full > most ? plane[i] * full : most;
        }
        seen[c] = sum / total;
        seen[n + c] = most;
    }
    for (int o = 0; o < n; o++) {
        summary[o] = m->summary_bias[o];
        for (int i = 0; i < 2 * n; i++) summary[o] += seen[i] * m->summary[i * n + o];
    }
}

/* Level i >= 1 of the pyramid in the memory of all of them, half-size first; past the coarsest, what is free. */
LF_INLINE lf_planes lf_level(const lf_context_model *m, lf_size size, int i, float *levels) {
    levels += lf_cells(lf_halved(size, m->levels)); /* the weights of the coarsest level's cells */
    for (int k = 1; k < i; k++) levels += (size_t)m->channels * lf_cells(lf_halved(size, k));
    return lf_planes_of(levels, lf_halved(size, i));
}

/* Floats of the pyramid's levels but the finest (less than a third of the finest) and scratch; lf_context_prepare needs three
 * planes. */
LF_CODE size_t lf_context_levels_floats(const lf_context_model *m, lf_size size) {
    const size_t cells = lf_cells(size), n = (size_t)m->channels;
    const size_t first = 6 * (2 * LF_ROWS_AT_ONCE + 1) + 3 * LF_ROWS_AT_ONCE, up = LF_ROWS_AT_ONCE * n;
    const size_t pyramid = n * cells / 3 + 1 + (first > up ? first : up) * (size_t)size.columns;
    return lf_coarsest_cells(m, size) + (pyramid > 3 * cells ? pyramid : 3 * cells);
}

/* ---- The passes -------------------------------------------------------------------------------------------------- */

/* Rows [row0, row1) of the thumbnails as the network sees them, in [-0.5, 0.5]. */
LF_INLINE void lf_seen_rows(const uint16_t *thumbnails, lf_size size, int row0, int row1, lf_planes to) {
    const size_t first = (size_t)row0 * size.columns, n = (size_t)(row1 - row0) * size.columns;
    for (int c = 0; c < 6; c++, thumbnails += lf_cells(size), to.at += to.pitch)
        for (size_t i = 0; i < n; i++) to.at[i] = (float)thumbnails[first + i] * (1.0f / 65535.0f) - 0.5f;
}

/* From the thumbnails to level 1. */
LF_INLINE void lf_first_level(const lf_context_model *m, const uint16_t *thumbnails, lf_size size, lf_planes out,
                              float *scratch) {
    const lf_size half = lf_halved(size, 1);
    const lf_planes seen = {scratch, (size_t)(2 * LF_ROWS_AT_ONCE + 1) * size.columns};
    const lf_planes filtered = {scratch + 6 * seen.pitch, (size_t)LF_ROWS_AT_ONCE * half.columns};
    for (int row = 0, end; row < half.rows; row = end) {
        end = lf_min_int(row + LF_ROWS_AT_ONCE, half.rows);
        const int first = row > 0 ? 2 * row - 1 : 0;
        lf_seen_rows(thumbnails, size, first, 2 * end, seen);
        lf_depthwise_planes(seen, 6, size, first, 2, m->first.depthwise, filtered, row, end);
        lf_mix_planes(filtered, 6, lf_from_row(out, half, row), m->channels, (size_t)(end - row) * half.columns,
                      m->first.pointwise, m->first.bias, 1, 0);
    }
}

/* FilteringNet but for its finest level, from the thumbnails and the levels that lf_context_prepare left, to the levels; and to
 * summary[channels], which is that of the scene or, where not NULL, the given one. */
LF_CODE void lf_context_summarise(const lf_context_model *m, const uint16_t *thumbnails, lf_size size, float *levels,
                                  const float *given, float *summary) {
    const int n = m->channels, coarsest = m->levels;
    const size_t few = lf_coarsest_cells(m, size);
    float *scratch = lf_level(m, size, coarsest + 1, levels).at, *scene = lf_level(m, size, coarsest, levels).at;
    lf_first_level(m, thumbnails, size, lf_level(m, size, 1, levels), scratch);
    for (int i = 1; i < coarsest; i++)
        lf_step_down(lf_level(m, size, i, levels), n, lf_halved(size, i), &m->down[i - 1], lf_level(m, size, i + 1, levels),
                     scratch);
    lf_summary_of(m, scene, few, levels, summary);
    for (int c = 0; c < n; c++) {
        if (given) summary[c] = given[c];
        for (size_t i = 0; i < few; i++) scene[(size_t)c * few + i] += summary[c];
    }
    for (int i = coarsest - 1; i >= 1; i--)
        lf_step_up(lf_level(m, size, i + 1, levels), lf_level(m, size, i, levels), n, lf_halved(size, i), &m->up[i], scratch);
}

/* Rows of the finest level that lf_context_decode_rows holds at a time, and the scratch floats it needs where it is asked for
 * `rows` rows at most: the thumbnails, the level and a row more of either on both sides, and the filtered level. */
enum { LF_DECODED = 16 };
LF_CODE size_t lf_context_decode_scratch_floats(const lf_context_model *m, lf_size size, int rows) {
    const int held = lf_min_int(LF_DECODED, rows) + 2;
    return (size_t)(held * (m->channels + 6) + (held - 2) * m->channels) * size.columns;
}

/* FilteringNet's finest level: rows [row0, row1) of the context grid, one plane a context, from the thumbnails and the levels
 * that lf_context_summarise left; `grid` begins with its row `first`. */
LF_CODE void lf_context_decode_rows(const lf_context_model *m, const uint16_t *thumbnails, lf_size size, float *levels,
                                    lf_planes grid, int first, int row0, int row1, float *scratch) {
    const int n = m->channels, columns = size.columns;
    for (int row = row0, end; row < row1; row = end) {
        end = lf_min_int(row + LF_DECODED, row1);
        const int top = row > 0 ? row - 1 : 0, bottom = lf_min_int(end + 1, size.rows);
        const size_t held = (size_t)(bottom - top) * columns, wanted = (size_t)(end - row) * columns;
        const lf_planes seen = {scratch, held}, here = {scratch + 6 * held, held}, filtered = {here.at + n * held, wanted};
        const lf_planes asked = lf_from_row(here, size, row - top);
        lf_seen_rows(thumbnails, size, top, bottom, seen);
        lf_mix_planes(seen, 6, here, n, held, m->stem.pointwise, m->stem.bias, 1, 0);
        lf_add_doubled(lf_level(m, size, 1, levels), n, size, here, top, bottom);
        lf_depthwise_planes(here, n, size, top, 1, m->up[0].depthwise, filtered, row, end);
        lf_mix_planes(filtered, n, asked, n, wanted, m->up[0].pointwise, m->up[0].bias, 1, 1);
        lf_mix_planes(asked, n, lf_from_row(grid, size, row - first), m->contexts, wanted, m->head, m->head_bias, 0, 0);
    }
}

#endif
