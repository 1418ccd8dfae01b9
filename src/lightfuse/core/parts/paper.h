/* The paper's model (arXiv 2107.02299): FilteringNet, then CombiningNet. */
#ifndef LIGHTFUSE_PAPER_H
#define LIGHTFUSE_PAPER_H

#include "pixels.h"

/* Floats of context of a picture: [3][rows][columns], a value for every 8 x 8 pixels begun. */
LF_CODE int lf_paper_context_side(int side) { return (side + LF_STRIDE - 1) / LF_STRIDE; }

/* Floats in a line of the cache. */
enum { LF_LINE = 16 };

/* Numbers from a plane's even columns to its odd ones: `width` values lie parted like this, as layers of stride 2 want them,
 * with a zero behind the even ones (TensorFlow's SAME padding). Whole lines of the cache, so that vectors straddle none. */
LF_INLINE int lf_parted(int width) { return (width / (2 * LF_LINE) + 1) * LF_LINE; }

/* Floats in a row of six planes, each with room for both parts. */
LF_INLINE size_t lf_row_floats(int width) { return 12 * (size_t)lf_parted(width); }

/* Scratch floats lf_paper_filter_rows needs: rings of 4 picture rows, 8 rows of layer 1, 4 of layer 2, 1 of layer 3, and
 * room to start at a multiple of 64 bytes. */
LF_CODE size_t lf_paper_scratch_floats(int width) {
    const int full = LF_STRIDE * lf_paper_context_side(width);
    return 4 * lf_row_floats(full) + 8 * lf_row_floats(full / 2) + 4 * lf_row_floats(full / 4) + lf_row_floats(full / 8) + 15;
}

/* Two vectors of a row's values to their even columns, and to their odd ones `parted` numbers behind. */
LF_INLINE void lf_store_parted(float *to, int parted, lf_vec a, lf_vec b) {
    lf_vec even, odd;
    lf_part_columns(a, b, &even, &odd);
    lf_store(to, even);
    lf_store(to + parted, odd);
}

/* Three planes of a row of a picture, `width` values each, parted, the last pixel repeated. */
LF_OUTLINE void lf_read_row(const lf_picture *p, int y, int width, lf_range range, float *planes) {
    enum { LF_RUN = 2 * LF_TILE, LF_TWO = 2 * LF_LANES };
    const float scale = range.scale, offset = range.offset;
    const int parted = lf_parted(width);
    for (int at = 0; at < width; at += LF_RUN) {
        lf_expect(p, p->type, at, y + 1, LF_RUN, 0);
        lf_vec run[3][LF_RUN / LF_LANES];
        LF_UNROLL
        for (int t = 0; t < LF_RUN; t += LF_TILE) {
            const int x = lf_min_int(at + t, p->width - 1);
            lf_plane tile[3];
            lf_read_tile(p, p->type, x, y, lf_min_int(LF_TILE, p->width - x), tile);
            LF_UNROLL
            for (int c = 0; c < 3; c++)
                LF_UNROLL
                for (int k = 0; k < LF_VECS; k++) run[c][t / LF_LANES + k] = tile[c][k] * scale + offset;
        }
        LF_UNROLL
        for (int c = 0; c < 3; c++)
            LF_UNROLL
            for (int t = 0; t < LF_RUN; t += LF_TWO)
                if (at + t < width)
                    lf_store_parted(planes + 2 * c * parted + (at + t) / 2, parted, run[c][t / LF_LANES],
                                           run[c][t / LF_LANES + 1]);
    }
    for (int c = 0; c < 3; c++) planes[2 * c * parted + width / 2] = 0;
}

/* One row of a 3 x 3 depthwise layer of stride 2 on six planes; rows[] are three rows of the layer before, or the last
 * NULL below its last row, where it counts as zero. bias may be NULL. Values are parted again if part. Whole vectors
 * are read and written: what lies past a row's end is no value of it. */
LF_OUTLINE void lf_depthwise_row(const float *const rows[3], int width, const float *w, const float *bias, float *out,
                                 const int part) {
    const int half = width / 2, odd = lf_parted(width), parted = lf_parted(half);
    for (int c = 0; c < 6; c++, out += 2 * parted, w += 9) {
        const float *from[3];
        lf_vec weights[9];
        for (int i = 0; i < 3; i++) from[i] = (rows[i] ? rows[i] : rows[0]) + (size_t)c * 2 * odd;
        for (int i = 0; i < 9; i++) weights[i] = lf_splat(i < 6 || rows[2] ? w[i] : 0.0f);
        const lf_vec start = lf_splat(bias ? bias[c] : 0.0f);
        for (int x = 0; x < half; x += 2 * LF_LANES) {
            lf_vec sum[2] = {start, start};
            LF_UNROLL
            for (int i = 0; i < 3; i++)
                LF_UNROLL
                for (int k = 0; k < 2; k++) {
                    const float *at = from[i] + x + k * LF_LANES;
                    sum[k] += weights[3 * i] * lf_load(at);
                    sum[k] += weights[3 * i + 1] * lf_load(at + odd);
                    sum[k] += weights[3 * i + 2] * lf_load(at + 1);
                }
            if (part) {
                lf_store_parted(out + x / 2, parted, sum[0], sum[1]);
            } else {
                lf_store(out + x, sum[0]);
                lf_store(out + x + LF_LANES, sum[1]);
            }
        }
        if (part) out[half / 2] = 0.0f;
    }
}

/* The layers of FilteringNet as streams: each keeps its newest rows in a ring, made when first asked for. */
typedef struct {
    float *ring;
    size_t row_floats;
    int slots, width, height, next;
} lf_stream;

LF_INLINE float *lf_stream_slot(const lf_stream *s, int row) {
    return s->ring + (size_t)(row & (s->slots - 1)) * s->row_floats;
}

LF_INLINE lf_stream lf_stream_start(float **scratch, int slots, int width, int height, int first) {
    lf_stream s = {*scratch, lf_row_floats(width), slots, width, height, first};
    *scratch += (size_t)slots * s.row_floats;
    return s;
}

/* Rows 2*row .. 2*row+2 of a layer; NULL is one below its last. */
LF_INLINE void lf_stream_three(const lf_stream *from, int row, float *rows[3]) {
    for (int i = 0; i < 3; i++) {
        const int y = 2 * row + i;
        rows[i] = y < from->height ? lf_stream_slot(from, y) : NULL;
    }
}

/* Make row `row` of the layer `to` from three rows of the layer `from`. */
LF_INLINE void lf_stream_layer(const lf_stream *from, const lf_stream *to, int row, const float *w, const float *bias,
                               const int part) {
    float *rows[3];
    lf_stream_three(from, row, rows);
    lf_depthwise_row((const float *const *)rows, from->width, w, bias, lf_stream_slot(to, row), part);
}

/* Fill the ring of picture rows up to and with row `last`, repeating the picture's last row and column. */
LF_INLINE void lf_stream_pictures(lf_stream *s, int last, const lf_picture *under, const lf_picture *over,
                                  lf_range under_range, lf_range over_range) {
    for (; s->next <= last && s->next < s->height; s->next++) {
        const int y = lf_min_int(s->next, under->height - 1), planes = 6 * lf_parted(s->width);
        float *row = lf_stream_slot(s, s->next);
        lf_read_row(under, y, s->width, under_range, row);
        lf_read_row(over, y, s->width, over_range, row + planes);
    }
}

/* Rows [row0, row1) of the context [3][rows][columns]; scratch holds lf_paper_scratch_floats(width) floats. */
LF_CODE void lf_paper_filter_rows(const lf_paper *m, const lf_picture *under, const lf_picture *over,
                                  lf_range under_range, lf_range over_range, float *context, int row0, int row1,
                                  float *scratch) {
    const int columns = lf_paper_context_side(under->width), rows = lf_paper_context_side(under->height);
    const int width = columns * LF_STRIDE, height = rows * LF_STRIDE;
    scratch = lf_aligned(scratch);
    lf_stream pictures = lf_stream_start(&scratch, 4, width, height, 8 * row0);
    lf_stream layer1 = lf_stream_start(&scratch, 8, width / 2, height / 2, 4 * row0);
    lf_stream layer2 = lf_stream_start(&scratch, 4, width / 4, height / 4, 2 * row0);
    lf_stream layer3 = lf_stream_start(&scratch, 1, columns, rows, row0);
    for (int row = row0; row < row1; row++) {
        for (; layer2.next <= 2 * row + 2 && layer2.next < layer2.height; layer2.next++) {
            for (; layer1.next <= 2 * layer2.next + 2 && layer1.next < layer1.height; layer1.next++) {
                lf_stream_pictures(&pictures, 2 * layer1.next + 2, under, over, under_range, over_range);
                lf_stream_layer(&pictures, &layer1, layer1.next, m->down1, m->down1_bias, 1);
            }
            lf_stream_layer(&layer1, &layer2, layer2.next, m->down2, m->down2_bias, 1);
        }
        lf_stream_layer(&layer2, &layer3, row, m->down3, NULL, 0);
        for (int o = 0; o < 3; o++) {
            float *restrict out = context + ((size_t)o * rows + row) * columns;
            for (int x = 0; x < columns; x++) out[x] = m->mix_bias[o];
            for (int i = 0; i < 6; i++) {
                const float *restrict in = lf_stream_slot(&layer3, 0) + (size_t)i * 2 * lf_parted(columns);
                for (int x = 0; x < columns; x++) out[x] += m->mix[3 * i + o] * in[x];
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

/* Fuse pixels at .. at+columns-1 of rows [row0, row1), whose context is `context` [3][LF_COLUMNS]. */
LF_INLINE void lf_paper_strip(lf_paper_folded f, const int hidden1, const int hidden2, const lf_picture *under,
                              const lf_picture *over, const float *context, const lf_picture *out, const lf_type type,
                              int row0, int row1, int at, int columns) {
    for (int row = row0; row < row1; row++)
        for (int x = 0; x < columns; x += LF_TILE) {
            const int count = lf_min_int(LF_TILE, columns - x);
            lf_plane pixels[6], layer1[LF_MAX_HIDDEN], layer2[LF_MAX_HIDDEN], y[3];
            int live[LF_MAX_HIDDEN];
            LF_FORGET(f.w1);
            LF_FORGET(f.w2);
            LF_FORGET(f.w3);
            lf_read_tile(under, type, at + x, row, count, pixels);
            lf_read_tile(over, type, at + x, row, count, pixels + 3);
            lf_layer(pixels, 6, NULL, layer1, hidden1, f.w1, lf_start_at(f.b1), 1);
            const int live1 = lf_live_channels(layer1, hidden1, live);
            lf_layer(layer1, live1, live, layer2, hidden2, f.w2, lf_start_at(f.b2), 1);
            const int live2 = lf_live_channels(layer2, hidden2, live);
            lf_layer(layer2, live2, live, y, 3, f.w3, lf_start_at(f.b3), 0);
            LF_UNROLL
            for (int c = 0; c < 3; c++)
                LF_UNROLL
                for (int k = 0; k < LF_VECS; k++) {
                    const lf_vec t = lf_min(y[c][k], lf_splat(0)) + /* the scale is below 0 */
                                            lf_load(context + c * LF_COLUMNS + x + k * LF_LANES);
                    y[c][k] = lf_falling(t) * lf_top(type);
                }
            lf_write_tile(out, type, at + x, row, count, y);
        }
}

#define LF_STRIP_FUNCTIONS(bits, type)                                                                                \
    LF_OUTLINE void lf_paper_strip_##bits(                                                                     \
        const lf_paper_folded *f, int hidden1, int hidden2, const lf_picture *under, const lf_picture *over,   \
        const float *context, const lf_picture *out, int row0, int row1, int at, int columns) {                      \
        if (hidden1 == 32 && hidden2 == 32)                                                                           \
            lf_paper_strip(*f, 32, 32, under, over, context, out, type, row0, row1, at, columns);              \
        else                                                                                                          \
            lf_paper_strip(*f, hidden1, hidden2, under, over, context, out, type, row0, row1, at, columns);    \
    }
LF_STRIP_FUNCTIONS(u8, LF_U8)
LF_STRIP_FUNCTIONS(u16, LF_U16)
LF_STRIP_FUNCTIONS(f32, LF_F32)
#undef LF_STRIP_FUNCTIONS

typedef void (*lf_paper_strips)(const lf_paper_folded *, int, int, const lf_picture *, const lf_picture *,
                                       const float *, const lf_picture *, int, int, int, int);

/* lf_paper_combine_rows, with the strip made for its pictures' type. */
LF_CODE void lf_paper_rows(const lf_paper *m, const lf_picture *under, const lf_picture *over, lf_range under_range,
                           lf_range over_range, const float *context, const lf_picture *out, lf_paper_strips strip,
                           int row0, int row1, float *scratch) {
    const int columns = lf_paper_context_side(under->width), rows = lf_paper_context_side(under->height);
    const lf_paper_folded f = lf_paper_fold(m, under_range, over_range, (float *)scratch);
    while (row0 < row1) {
        const int block = row0 / LF_STRIDE, end = lf_min_int(row1, (block + 1) * LF_STRIDE);
        for (int at = 0; at < under->width; at += LF_COLUMNS) {
            float spread[3 * LF_COLUMNS] __attribute__((aligned(64)));
            const int count = lf_min_int(LF_COLUMNS, under->width - at), last = columns - 1 - at / LF_STRIDE;
            for (int c = 0; c < 3; c++)
                for (int i = 0; i < LF_COLUMNS; i++)
                    spread[c * LF_COLUMNS + i] =
                        (float)(LF_PAPER_ANSWER * context[((size_t)c * rows + block) * columns + at / LF_STRIDE +
                                                           lf_min_int(i / LF_STRIDE, last)]);
            strip(&f, m->hidden1, m->hidden2, under, over, spread, out, row0, end, at, count);
        }
        row0 = end;
    }
}

/* Scratch floats lf_paper_combine_rows needs: its weights. */
LF_CODE size_t lf_paper_combine_scratch_floats(const lf_paper *m) {
    return (size_t)m->hidden1 * 7 + (size_t)m->hidden2 * (m->hidden1 + 4) + 3;
}

/* Fuse rows [row0, row1) of under and over into the same rows of out, which may be one of the two.
 * scratch holds lf_paper_combine_scratch_floats(m) floats. */
LF_CODE void lf_paper_combine_rows(const lf_paper *m, const lf_picture *under, const lf_picture *over,
                                   lf_range under_range, lf_range over_range, const float *context,
                                   const lf_picture *out, int row0, int row1, float *scratch) {
    lf_paper_rows(m, under, over, under_range, over_range, context, out,
                  under->type == LF_U16   ? lf_paper_strip_u16
                  : under->type == LF_F32 ? lf_paper_strip_f32
                                          : lf_paper_strip_u8,
                  row0, row1, scratch);
}

#endif
