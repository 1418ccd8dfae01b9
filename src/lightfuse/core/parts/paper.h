/* The paper's model (arXiv 2107.02299). */
#ifndef LIGHTFUSE_PAPER_H
#define LIGHTFUSE_PAPER_H

#include "pixels.h"
#include "layers.h"

/* Floats of context of a picture: [3][rows][columns], a value for every 8 x 8 pixels begun. */
LF_CODE int lf_paper_context_side(int side) { return (side + LF_STRIDE - 1) / LF_STRIDE; }

/* Floats from a plane's even columns to its odd ones: `width` values lie parted like this, as layers of stride 2 want them,
 * with a zero behind the even ones (TensorFlow's SAME padding). A multiple of 64 bytes, so that vectors lie in a line. */
LF_INLINE int lf_parted(int width) { return (width / 32 + 1) * 16; }

/* Floats in a row of six planes, each with room for both parts. */
LF_INLINE size_t lf_row_floats(int width) { return 12 * (size_t)lf_parted(width); }

/* Scratch floats lf_paper_filter_rows needs: rings of 4 picture rows, 8 rows of layer 1, 4 of layer 2, 1 of layer 3, and
 * room to start at a multiple of 64 bytes. */
LF_CODE size_t lf_paper_scratch_floats(int width) {
    const int full = LF_STRIDE * lf_paper_context_side(width);
    return 4 * lf_row_floats(full) + 8 * lf_row_floats(full / 2) + 4 * lf_row_floats(full / 4) + lf_row_floats(full / 8) + 15;
}

/* Two vectors of a row's values to their even columns, and to their odd ones `parted` floats behind. */
LF_INLINE void lf_store_parted(float *to, int parted, lf_vec_f32 a, lf_vec_f32 b) {
    lf_vec_f32 even, odd;
    lf_part_columns(a, b, &even, &odd);
    lf_store_f32(to, even);
    lf_store_f32(to + parted, odd);
}

/* One row of a 3 x 3 depthwise layer of stride 2 on six planes; rows[] are three rows of the layer before, or the last
 * NULL below its last row, where it counts as zero. bias may be NULL. Values are parted again if part. Whole vectors
 * are read and written: what lies past a row's end is no value of it. */
LF_OUTLINE void lf_depthwise_row(const float *const rows[3], int width, const float *w, const float *bias, float *out,
                                 const int part) {
    const int half = width / 2, odd = lf_parted(width), parted = lf_parted(half);
    for (int c = 0; c < 6; c++, out += 2 * parted, w += 9) {
        const float *from[3];
        lf_vec_f32 weights[9];
        for (int i = 0; i < 3; i++) from[i] = (rows[i] ? rows[i] : rows[0]) + (size_t)c * 2 * odd;
        for (int i = 0; i < 9; i++) weights[i] = lf_splat_f32(i < 6 || rows[2] ? w[i] : 0.0f);
        const lf_vec_f32 start = lf_splat_f32(bias ? bias[c] : 0.0f);
        for (int x = 0; x < half; x += 2 * LF_LANES_f32) {
            lf_vec_f32 sum[2] = {start, start};
            LF_UNROLL
            for (int i = 0; i < 3; i++)
                LF_UNROLL
                for (int k = 0; k < 2; k++) {
                    const float *at = from[i] + x + k * LF_LANES_f32;
                    sum[k] += weights[3 * i] * lf_load_f32(at);
                    sum[k] += weights[3 * i + 1] * lf_load_f32(at + odd);
                    sum[k] += weights[3 * i + 2] * lf_load_f32(at + 1);
                }
            if (part) {
                lf_store_parted(out + x / 2, parted, sum[0], sum[1]);
            } else {
                lf_store_f32(out + x, sum[0]);
                lf_store_f32(out + x + LF_LANES_f32, sum[1]);
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

/* Make row `row` of the layer `to` from rows 2*row .. 2*row+2 of the layer `from`. */
LF_INLINE void lf_stream_layer(const lf_stream *from, const lf_stream *to, int row, const float *w, const float *bias,
                               const int part) {
    const float *rows[3];
    for (int i = 0; i < 3; i++) {
        const int y = 2 * row + i;
        rows[i] = y < from->height ? lf_stream_slot(from, y) : NULL;
    }
    lf_depthwise_row(rows, from->width, w, bias, lf_stream_slot(to, row), part);
}

/* Three planes of a row of a picture, `width` values each, parted, the last pixel repeated. */
LF_OUTLINE void lf_read_row(const lf_picture *p, int y, int width, lf_range range, float *planes) {
    enum { LF_RUN = 2 * LF_TILE_f32, LF_TWO = 2 * LF_LANES_f32 };
    const int parted = lf_parted(width);
    for (int at = 0; at < width; at += LF_RUN) {
        lf_vec_f32 run[3][LF_RUN / LF_LANES_f32];
        LF_UNROLL
        for (int t = 0; t < LF_RUN; t += LF_TILE_f32) {
            const int x = lf_min_int(at + t, p->width - 1);
            lf_plane_f32 tile[3];
            lf_read_tile_f32(p, p->type, x, y, lf_min_int(LF_TILE_f32, p->width - x), tile);
            LF_UNROLL
            for (int c = 0; c < 3; c++)
                LF_UNROLL
                for (int k = 0; k < LF_VECS_f32; k++)
                    run[c][t / LF_LANES_f32 + k] = tile[c][k] * range.scale + range.offset;
        }
        LF_UNROLL
        for (int c = 0; c < 3; c++)
            LF_UNROLL
            for (int t = 0; t < LF_RUN; t += LF_TWO)
                if (at + t < width)
                    lf_store_parted(planes + 2 * c * parted + (at + t) / 2, parted, run[c][t / LF_LANES_f32],
                                    run[c][t / LF_LANES_f32 + 1]);
    }
    for (int c = 0; c < 3; c++) planes[2 * c * parted + width / 2] = 0.0f;
}

/* Fill the ring of picture rows up to and with row `last`, repeating the picture's last row and column. */
LF_INLINE void lf_stream_pictures(lf_stream *s, int last, const lf_picture *under, const lf_picture *over,
                                  lf_range under_range, lf_range over_range) {
    for (; s->next <= last && s->next < s->height; s->next++) {
        const int y = lf_min_int(s->next, under->height - 1);
        float *row = lf_stream_slot(s, s->next);
        lf_read_row(under, y, s->width, under_range, row);
        lf_read_row(over, y, s->width, over_range, row + s->row_floats / 2);
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
