/* Context models: FilteringNet on the thumbnails. */
#ifndef LIGHTFUSE_CONTEXT_FILTERING_H
#define LIGHTFUSE_CONTEXT_FILTERING_H

#include "measure.h"

LF_INLINE lf_size lf_halved(lf_size size, int times) { return (lf_size){size.rows >> times, size.columns >> times}; }

/* Cells and channels whose sums lf_mix_planes keeps in registers. */
enum { LF_MIX_VECS = LF_LANES == 16 ? 4 : 2, LF_MIX_CELLS = LF_MIX_VECS * LF_LANES, LF_MIX_OUTS = 4 };

/* Planes of one channel each, `pitch` numbers from one to the next. */
typedef struct {
    float *at;
    size_t pitch;
} lf_planes;
LF_INLINE lf_planes lf_planes_of(float *at, lf_size size) { return (lf_planes){at, lf_cells(size)}; }

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

/* Rows [row0, row1) of a 3 x 3 depthwise layer, the border repeated once around, of stride 1 or 2 (a constant), on planes
 * of size `size` that begin with their row `first`. */
LF_INLINE void lf_depthwise_planes(lf_planes in, int channels, lf_size size, int first, const int stride,
                                   const float *w, lf_planes out, int row0, int row1) {
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

/* What the means and maxima of the coarsest level's channels say together, to summary[channels]. Each cell counts as much as
 * `weights` say; NULL for 1. For the maximum, a quarter counts in full. */
LF_INLINE void lf_summary_of(const lf_context_model *m, const float *planes, size_t cells, const float *weights,
                             float *summary) {
    const int n = m->channels;
    float seen[2 * LF_MAX_WIDTH], total = weights ? 0 : (float)cells;
    for (size_t i = 0; weights && i < cells; i++) total += weights[i];
    for (int c = 0; c < n; c++) {
        const float *plane = planes + (size_t)c * cells;
        float sum = 0, most = 0; /* channels are at least 0 */
        for (size_t i = 0; i < cells; i++) {
            const float weight = weights ? weights[i] : 1.0f, full = 4 * weight < 1 ? 4 * weight : 1.0f;
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

/* Cells of the coarsest level; how much each shows of the scene is kept at the beginning of the levels' memory. */
LF_INLINE size_t lf_coarsest_cells(const lf_context_model *m, lf_size size) { return lf_cells(lf_halved(size, m->levels)); }

/* Floats of the pyramid's levels but the finest (less than a third of the finest), and a spare one of half size. */
LF_CODE size_t lf_context_levels_floats(const lf_context_model *m, lf_size size) {
    const size_t widest = (size_t)(m->channels > 6 ? m->channels : 6) * lf_cells(size);
    return lf_coarsest_cells(m, size) + widest / 3 + widest / 4 + 2;
}

/* ---- Which part of the thumbnails shows the scene: what is black or white in both exposures, such as a border, does not -- */

/* Means of 2 x 2 cells of a plane of this size. */
LF_INLINE void lf_halve_plane(const float *in, lf_size size, float *out) {
    for (int y = 0; y < size.rows / 2; y++)
        for (int x = 0; x < size.columns / 2; x++, out++) {
            const float *cell = in + (size_t)2 * y * size.columns + 2 * x;
            *out = 0.25f * (cell[0] + cell[1] + cell[size.columns] + cell[size.columns + 1]);
        }
}

/* How much a cell counts, 0 to 1, from the brightest channel of over and the darkest of under. Borders of scans are a few
 * levels above black. */
LF_INLINE float lf_cell_weight(float brightest, float darkest) {
    const float above_black = (brightest - 0.02f) / 0.04f, below_white = (0.98f - darkest) / 0.04f;
    return (above_black < 0 ? 0 : above_black > 1 ? 1 : above_black) *
           (below_white < 0 ? 0 : below_white > 1 ? 1 : below_white);
}

/* Where less than 1 / 1024 of the picture counts, let the rest count, too; returns the sum of the weights. */
LF_INLINE float lf_scene_total(float *weights, size_t cells) {
    double sum = 0, total = 0;
    for (size_t i = 0; i < cells; i++) sum += weights[i];
    const float floor = (float)(1 - sum / (double)cells * 1024);
    for (size_t i = 0; i < cells; i++) {
        weights[i] = weights[i] < floor ? floor : weights[i];
        total += weights[i];
    }
    return (float)total;
}

LF_INLINE float lf_scene_weights(const float *thumbnails, lf_size size, float *weights) {
    const size_t cells = lf_cells(size);
    for (size_t i = 0; i < cells; i++) {
        const float *under = thumbnails + i, *over = under + 3 * cells;
        float brightest = over[0], darkest = under[0];
        for (int c = 1; c < 3; c++) {
            brightest = over[c * cells] > brightest ? over[c * cells] : brightest;
            darkest = under[c * cells] < darkest ? under[c * cells] : darkest;
        }
        weights[i] = lf_cell_weight(brightest, darkest);
    }
    return lf_scene_total(weights, cells);
}

/* Cells of little weight filled from those around them, so that the scene seems to go on there: a pyramid of weighted means
 * ("push-pull", Gortler et al., "The Lumigraph", 1996, section 3.4). Each cell is mixed with the coarser level as far as its
 * weight falls short of 1, the coarsest with the mean of the scene. One plane, by the weights of its cells; spare holds four
 * thirds of a plane, once more for the weights. */
LF_INLINE void lf_fill_plane(float *plane, const float *weights, lf_size size, int levels, float total, float *spare) {
    float *values[LF_MAX_LEVELS + 1] = {plane}, *counts[LF_MAX_LEVELS + 1] = {NULL}, mean = 0;
    for (size_t i = 0; i < lf_cells(size); i++) mean += plane[i] * weights[i];
    mean /= total;
    for (int l = 1; l <= levels; l++) {
        const lf_size finer = lf_halved(size, l - 1), here = lf_halved(size, l);
        const float *w = l > 1 ? counts[l - 1] : weights;
        values[l] = spare;
        counts[l] = spare + lf_cells(here);
        spare += 2 * lf_cells(here);
        for (int y = 0; y < here.rows; y++)
            for (int x = 0; x < here.columns; x++) {
                const size_t at = (size_t)2 * y * finer.columns + 2 * x, below = at + finer.columns;
                const float *v = values[l - 1];
                const float sum = 0.25f * (w[at] + w[at + 1] + w[below] + w[below + 1]);
                const float all = 0.25f * (v[at] * w[at] + v[at + 1] * w[at + 1] + v[below] * w[below] +
                                           v[below + 1] * w[below + 1]);
                values[l][y * here.columns + x] = all / (sum > 1e-6f ? sum : 1e-6f);
                counts[l][y * here.columns + x] = 4 * sum < 1 ? 4 * sum : 1;
            }
    }
    for (int l = levels; l >= 0; l--) {
        const lf_size here = lf_halved(size, l);
        const float *w = l > 0 ? counts[l] : weights;
        for (int y = 0; y < here.rows; y++)
            for (int x = 0; x < here.columns; x++) {
                const size_t at = (size_t)y * here.columns + x;
                const float coarser =
                    l < levels ? values[l + 1][(size_t)(y / 2) * (here.columns / 2) + x / 2] : mean;
                values[l][at] = values[l][at] * w[at] + coarser * (1 - w[at]);
            }
    }
}

/* The weights of the coarsest level's cells, from those of the finest, behind which there is room for half as many. */
LF_INLINE void lf_coarsest_weights(const float *weights, lf_size size, int levels, float *coarsest) {
    float *room = (float *)weights + lf_cells(size);
    for (int l = 0; l < levels; l++) {
        float *to = l + 1 < levels ? room : coarsest;
        lf_halve_plane(weights, lf_halved(size, l), to);
        weights = to;
        room += lf_cells(lf_halved(size, l + 1));
    }
}

/* How far CombiningNet may go, by the mean difference of the thumbnails. */
LF_INLINE float lf_strength_of(double difference) {
    const double strength = (difference - 0.03) / 0.09;
    return (float)(strength < 0 ? 0 : strength > 1 ? 1 : strength);
}

/* From the thumbnails [6][rows][columns] in [0, 1], under's planes before over's: how far CombiningNet may go, 0 for two
 * pictures whose mean difference is below 0.03, so that equal ones come back as they are, 1 for a bracket, from 0.12 on.
 * Cells that show nothing of the scene are filled, and the coarsest level's weights left in `levels`, which holds
 * lf_context_levels_floats(m, size) floats. */
LF_CODE float lf_context_prepare(const lf_context_model *m, float *thumbnails, lf_size size, float *levels) {
    const size_t cells = lf_cells(size);
    float *weights = levels + lf_coarsest_cells(m, size), total = (float)cells;
    if (m->bounded)
        total = lf_scene_weights(thumbnails, size, weights);
    else
        for (size_t i = 0; i < cells; i++) weights[i] = 1;
    double sums[3] = {0};
    for (int c = 0; c < 3; c++)
        for (size_t i = 0; i < cells; i++)
            sums[c] += __builtin_fabsf(thumbnails[(3 + c) * cells + i] - thumbnails[c * cells + i]) * weights[i];
    for (int c = 0; c < 6 && total < (float)cells; c++)
        lf_fill_plane(thumbnails + c * cells, weights, size, m->levels, total, weights + cells);
    lf_coarsest_weights(weights, size, m->levels, levels);
    return lf_strength_of((sums[0] + sums[1] + sums[2]) / (3.0 * total));
}

/* ---- The passes -------------------------------------------------------------------------------------------------- */

/* FilteringNet but for its finest level, from the thumbnails and the levels that lf_context_prepare left, to the levels. The
 * thumbnails are left shifted to [-0.5, 0.5]. `given` is a summary [channels] to use instead of this scene's own, such as
 * one that several pictures share, or NULL; the one used is left in `summary`. */
LF_CODE void lf_context_summarise(const lf_context_model *m, float *thumbnails, lf_size size, float *levels,
                                  const float *given, float *summary) {
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
    const size_t few = lf_coarsest_cells(m, size);
    float *scene = lf_level(m, size, coarsest, levels).at;
    lf_summary_of(m, scene, few, m->bounded ? levels : NULL, summary);
    for (int c = 0; c < n; c++) {
        if (given) summary[c] = given[c];
        for (size_t i = 0; i < few; i++) scene[(size_t)c * few + i] += summary[c];
    }
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
LF_CODE void lf_context_decode_rows(const lf_context_model *m, float *thumbnails, lf_size size, float *levels,
                                    float *grid, int row0, int row1, float *scratch) {
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

/* FilteringNet in one go after lf_context_prepare, with the same scratch: thumbnails to the whole grid. */
LF_CODE void lf_context_filter(const lf_context_model *m, float *thumbnails, lf_size size, float *grid, float *scratch) {
    float summary[LF_MAX_WIDTH];
    lf_context_summarise(m, thumbnails, size, scratch, NULL, summary);
    lf_context_decode_rows(m, thumbnails, size, scratch, grid, 0, size.rows, scratch + lf_context_levels_floats(m, size));
}

#endif
