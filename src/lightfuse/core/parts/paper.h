/* The paper's model (arXiv 2107.02299): FilteringNet, then CombiningNet. */
#ifndef LIGHTFUSE_PAPER_H
#define LIGHTFUSE_PAPER_H

#include "pixels.h"

/* Floats of context of a picture: [3][rows][columns], a value for every 8 x 8 pixels begun. */
LF_CODE int lf_paper_context_side(int side) { return (side + LF_STRIDE - 1) / LF_STRIDE; }

/* FilteringNet's three layers have nothing but biases between them, and so are one of stride 8: a cell sees its own pixels and
 * the 7 rows and columns behind them. A row is read in blocks, of whole vectors and whole cells, in which each pixel counts for
 * its cell and for the one before: weights[channel][row][which of the two][pixel]. Behind a picture's edges, and those of each
 * layer, are zeros: so what the biases come to is another number in the last row and the last column: biases[channel][last
 * row][last column]. */
enum { LF_SEEN_ROWS = 2 * LF_STRIDE - 1 };
enum { LF_BLOCK = LF_LANES > (int)LF_STRIDE ? (int)LF_LANES : (int)LF_STRIDE, LF_BLOCK_VECS = LF_BLOCK / LF_LANES };
typedef struct {
    float weights[6][LF_SEEN_ROWS][2][LF_BLOCK], biases[6][2][2];
} lf_paper_filter;
typedef lf_vec lf_paper_sums[2][3][LF_BLOCK_VECS];

LF_CODE void lf_paper_join_layers(const lf_paper *m, lf_paper_filter *f) {
    *f = (lf_paper_filter){0};
    for (int i = 0; i < 6 * 9 * 9; i++) {
        const int c = i / 81, third = i / 9 % 9, second = i % 9;
        const int row = 4 * (third / 3) + 2 * (second / 3), column = 4 * (third % 3) + 2 * (second % 3);
        const float outer = m->down3[9 * c + third], inner = outer * m->down2[9 * c + second];
        const float bias = inner * m->down1_bias[c] + (second == 0 ? outer * m->down2_bias[c] : 0);
        for (int y = 0; y < 3; y++)
            for (int x = 0; x < 3; x++)
                for (int at = (column + x) % LF_STRIDE; at < LF_BLOCK; at += LF_STRIDE)
                    f->weights[c][row + y][(column + x) / LF_STRIDE][at] += inner * m->down1[9 * c + 3 * y + x];
        for (int y = 0; y < (row < LF_STRIDE ? 2 : 1); y++)
            for (int x = 0; x < (column < LF_STRIDE ? 2 : 1); x++) f->biases[c][y][x] += bias;
    }
}

/* Add what `rows` rows of a block of a picture, from its pixel x of row y on, come to; weights are those of its three channels,
 * and mix what these are multiplied by for the three contexts. */
LF_INLINE void lf_paper_add_block(const lf_picture *p, const lf_type type, lf_range range, int x, int y, int rows,
                                  const float weights[3][LF_SEEN_ROWS][2][LF_BLOCK], const float *mix, lf_paper_sums sums) {
    const int bytes = lf_pixel_bytes(type), count = lf_min_int(LF_BLOCK, p->width - x);
    lf_paper_sums seen = {0};
    for (int row = 0; row < rows; row++) {
        char copy[12 * LF_BLOCK];
        const char *at = lf_lengthened(lf_at(p, x, lf_min_int(y + row, p->height - 1)), count, LF_BLOCK, bytes, copy);
        for (int i = 0; i < LF_BLOCK * bytes; i += 64) __builtin_prefetch((const void *)((uintptr_t)at + LF_AHEAD + i));
        LF_UNROLL
        for (int k = 0; k < LF_BLOCK_VECS; k++) {
            lf_vec rgb[3];
            lf_read_vector(at + k * LF_LANES * bytes, type, rgb);
            LF_UNROLL
            for (int c = 0; c < 3; c++) {
                const lf_vec value = rgb[c] * lf_splat(range.scale) + lf_splat(range.offset);
                LF_UNROLL
                for (int before = 0; before < 2; before++)
                    seen[before][c][k] += value * lf_load(weights[c][row][before] + k * LF_LANES);
            }
        }
    }
    LF_UNROLL
    for (int before = 0; before < 2; before++)
        LF_UNROLL
        for (int o = 0; o < 3; o++)
            LF_UNROLL
            for (int k = 0; k < LF_BLOCK_VECS; k++)
                for (int c = 0; c < 3; c++)
                    sums[before][o][k] += seen[before][c][k] * lf_splat(mix[3 * c + o]);
}

LF_OUTLINE void lf_paper_add(const lf_picture *p, lf_range range, int x, int y, int rows,
                             const float weights[3][LF_SEEN_ROWS][2][LF_BLOCK], const float *mix, lf_paper_sums sums) {
    if (p->type == LF_U8)
        lf_paper_add_block(p, LF_U8, range, x, y, rows, weights, mix, sums);
    else if (p->type == LF_U16)
        lf_paper_add_block(p, LF_U16, range, x, y, rows, weights, mix, sums);
    else
        lf_paper_add_block(p, LF_F32, range, x, y, rows, weights, mix, sums);
}

/* Rows [row0, row1) of the context [3][rows][columns]. */
LF_CODE void lf_paper_filter_rows(const lf_paper *m, const lf_picture *under, const lf_picture *over, lf_range under_range,
                                  lf_range over_range, float *context, int row0, int row1) {
    const int columns = lf_paper_context_side(under->width), rows = lf_paper_context_side(under->height);
    lf_paper_filter filter;
    lf_paper_join_layers(m, &filter);
    for (int row = row0; row < row1; row++) {
        const int y = row * LF_STRIDE, last = row == rows - 1, seen = last ? LF_STRIDE : LF_SEEN_ROWS;
        float *out[3];
        for (int o = 0; o < 3; o++) {
            out[o] = context + ((size_t)o * rows + row) * columns;
            for (int cell = 0; cell < columns; cell++) {
                out[o][cell] = m->mix_bias[o];
                for (int c = 0; c < 6; c++) out[o][cell] += m->mix[3 * c + o] * filter.biases[c][last][cell == columns - 1];
            }
        }
        for (int x = 0; x < under->width; x += LF_BLOCK) {
            lf_paper_sums sums = {0};
            lf_paper_add(under, under_range, x, y, seen, filter.weights, m->mix, sums);
            lf_paper_add(over, over_range, x, y, seen, filter.weights + 3, m->mix + 9, sums);
            for (int before = 0; before < 2; before++)
                for (int i = 0; i < LF_BLOCK; i += LF_STRIDE) {
                    const int cell = (x + i) / LF_STRIDE;
                    for (int o = 0; o < 3 && cell >= before && cell < columns; o++) {
                        const float *v = (const float *)sums[before][o] + i;
                        out[o][cell - before] += ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]));
                    }
                }
        }
    }
}

/* ---- CombiningNet ------------------------------------------------------------------------------------------------ */

#define LF_PAPER_ANSWER -2.88539008f /* -2 log2(e): (tanh(v) + 1) / 2 = 1 / (1 + e^(-2v)) */

/* The weights of CombiningNet as raw numbers of two pictures want them, with what its output does with the answers
 * multiplied in: picture = top / (1 + 2^t), t = -2 log2(e) (ReLU(answer) + context). */
typedef struct {
    float *w1, *b1, *w2, *b2, *w3, *b3;
} lf_paper_folded;

LF_INLINE float *lf_folded_copy(float **scratch, const float *from, int count, float scale) {
    float *to = *scratch;
    for (int i = 0; i < count; i++) to[i] = scale * from[i];
    *scratch += count;
    return to;
}

LF_INLINE lf_paper_folded lf_paper_fold(const lf_paper *m, lf_range under, lf_range over, float *scratch) {
    const int n1 = m->hidden1, n2 = m->hidden2;
    lf_paper_folded f;
    f.w1 = lf_folded_copy(&scratch, m->w1, 3 * n1, under.scale);
    lf_folded_copy(&scratch, m->w1 + 3 * n1, 3 * n1, over.scale);
    f.b1 = scratch;
    scratch += n1;
    for (int o = 0; o < n1; o++) {
        float sum = m->b1[o];
        for (int i = 0; i < 6; i++) sum += m->w1[i * n1 + o] * (i < 3 ? under.offset : over.offset);
        f.b1[o] = sum;
    }
    f.w2 = lf_folded_copy(&scratch, m->w2, n1 * n2, 1.0f);
    f.b2 = lf_folded_copy(&scratch, m->b2, n2, 1.0f);
    f.w3 = lf_folded_copy(&scratch, m->w3, 3 * n2, LF_PAPER_ANSWER);
    f.b3 = lf_folded_copy(&scratch, m->b3, 3, LF_PAPER_ANSWER);
    return f;
}

/* Pixels at .. at+columns-1 of a row, whose context, times LF_PAPER_ANSWER, is `context` [3][LF_WORD_COLUMNS]. */
LF_INLINE void lf_paper_strip(const lf_paper_folded *f, const lf_paper *m, const lf_picture *under, const lf_picture *over,
                              const float *context, const lf_picture *out, const lf_type type, int row, int at, int columns) {
    for (int x = 0; x < columns; x += LF_TILE) {
        const int count = lf_min_int(LF_TILE, columns - x);
        lf_plane pixels[6], layer1[LF_MAX_HIDDEN], layer2[LF_MAX_HIDDEN], y[3];
        int live[LF_MAX_HIDDEN];
        lf_read_tile(under, type, at + x, row, count, pixels);
        lf_read_tile(over, type, at + x, row, count, pixels + 3);
        lf_layer(pixels, 6, NULL, layer1, m->hidden1, f->w1, lf_start_at(f->b1), 1);
        const int live1 = lf_live_channels(layer1, m->hidden1, live);
        lf_layer(layer1, live1, live, layer2, m->hidden2, f->w2, lf_start_at(f->b2), 1);
        const int live2 = lf_live_channels(layer2, m->hidden2, live);
        lf_layer(layer2, live2, live, y, 3, f->w3, lf_start_at(f->b3), 0);
        LF_UNROLL
        for (int c = 0; c < 3; c++)
            LF_UNROLL
            for (int k = 0; k < LF_VECS; k++) {
                const lf_vec t = lf_min(y[c][k], lf_splat(0)) + /* the scale is below 0 */
                                 lf_load(context + c * LF_WORD_COLUMNS + x + k * LF_LANES);
                y[c][k] = lf_falling(t) * lf_top(type);
            }
        lf_write_tile(out, type, at + x, row, count, y);
    }
}

LF_OUTLINE void lf_float_paper_strip(const lf_paper_folded *f, const lf_paper *m, const lf_picture *under,
                                     const lf_picture *over, const float *context, const lf_picture *out, int row, int at,
                                     int columns) {
    if (under->type == LF_U8)
        lf_paper_strip(f, m, under, over, context, out, LF_U8, row, at, columns);
    else if (under->type == LF_U16)
        lf_paper_strip(f, m, under, over, context, out, LF_U16, row, at, columns);
    else
        lf_paper_strip(f, m, under, over, context, out, LF_F32, row, at, columns);
}

/* Scratch floats lf_paper_combine_rows needs: its weights. */
LF_CODE size_t lf_paper_combine_scratch_floats(const lf_paper *m) {
    return (size_t)m->hidden1 * 7 + (size_t)m->hidden2 * (m->hidden1 + 4) + 3;
}

#endif
