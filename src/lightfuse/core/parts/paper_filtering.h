/* The paper's model (arXiv 2107.02299): FilteringNet. */
#ifndef LIGHTFUSE_PAPER_FILTERING_H
#define LIGHTFUSE_PAPER_FILTERING_H

#include "layers.h"
#include "pixels.h"

/* Floats of context of a picture: [3][rows][columns], a value for every 8 x 8 pixels begun. */
LF_CODE int lf_paper_context_side(int side) { return (side + LF_STRIDE - 1) / LF_STRIDE; }

/* How many of the smallest numbers in use a line of the cache, 64 bytes, holds. */
#if defined(LF_HALVES)
enum { LF_LINE = 32 };
#else
enum { LF_LINE = 16 };
#endif

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
LF_INLINE void lf_store_parted_f32(float *to, int parted, lf_vec_f32 a, lf_vec_f32 b) {
    lf_vec_f32 even, odd;
    lf_part_columns(a, b, &even, &odd);
    lf_store_f32(to, even);
    lf_store_f32(to + parted, odd);
}

LF_INLINE void lf_to_floats_f32(const lf_vec_f32 from[2], lf_vec_f32 to[2]) {
    to[0] = from[0];
    to[1] = from[1];
}

#define LF_KIND f32
#define LF_NUM float
#include "paper_row_tile.h"
#undef LF_KIND
#undef LF_NUM

#if defined(LF_HALVES)
#define LF_KIND f16
#define LF_NUM _Float16
#include "paper_row_tile.h"
#undef LF_KIND
#undef LF_NUM
#endif

/* The layers of FilteringNet as streams: each keeps its newest rows in a ring, made when first asked for. Rows of eight-bit
 * pictures are halves where the processor has them, in room for as many floats. */
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
    lf_depthwise_row_f32((const float *const *)rows, from->width, w, bias, lf_stream_slot(to, row), part);
}

/* The same for the first layer, from rows of pictures. */
LF_INLINE void lf_stream_first_layer(const lf_stream *from, const lf_stream *to, int row, const float *w,
                                     const float *bias, const int halves) {
#if defined(LF_HALVES)
    if (halves) {
        float *rows[3];
        lf_stream_three(from, row, rows);
        lf_depthwise_row_f16((const _Float16 *const[3]){(void *)rows[0], (void *)rows[1], (void *)rows[2]}, from->width, w,
                             bias, lf_stream_slot(to, row), 1);
        return;
    }
#endif
    (void)halves;
    lf_stream_layer(from, to, row, w, bias, 1);
}

/* Fill the ring of picture rows up to and with row `last`, repeating the picture's last row and column. */
LF_INLINE void lf_stream_pictures(lf_stream *s, int last, const lf_picture *under, const lf_picture *over,
                                  lf_range under_range, lf_range over_range, const int halves) {
    for (; s->next <= last && s->next < s->height; s->next++) {
        const int y = lf_min_int(s->next, under->height - 1), planes = 6 * lf_parted(s->width);
        float *row = lf_stream_slot(s, s->next);
#if defined(LF_HALVES)
        if (halves) {
            lf_read_row_f16(under, y, s->width, under_range, (_Float16 *)(void *)row);
            lf_read_row_f16(over, y, s->width, over_range, (_Float16 *)(void *)row + planes);
            continue;
        }
#endif
        (void)halves;
        lf_read_row_f32(under, y, s->width, under_range, row);
        lf_read_row_f32(over, y, s->width, over_range, row + planes);
    }
}

/* Rows [row0, row1) of the context [3][rows][columns]; scratch holds lf_paper_scratch_floats(width) floats. */
LF_CODE void lf_paper_filter_rows(const lf_paper *m, const lf_picture *under, const lf_picture *over,
                                  lf_range under_range, lf_range over_range, float *context, int row0, int row1,
                                  float *scratch) {
    const int columns = lf_paper_context_side(under->width), rows = lf_paper_context_side(under->height);
    const int width = columns * LF_STRIDE, height = rows * LF_STRIDE, halves = under->type == LF_U8;
    scratch = lf_aligned(scratch);
    lf_stream pictures = lf_stream_start(&scratch, 4, width, height, 8 * row0);
    lf_stream layer1 = lf_stream_start(&scratch, 8, width / 2, height / 2, 4 * row0);
    lf_stream layer2 = lf_stream_start(&scratch, 4, width / 4, height / 4, 2 * row0);
    lf_stream layer3 = lf_stream_start(&scratch, 1, columns, rows, row0);
    for (int row = row0; row < row1; row++) {
        for (; layer2.next <= 2 * row + 2 && layer2.next < layer2.height; layer2.next++) {
            for (; layer1.next <= 2 * layer2.next + 2 && layer1.next < layer1.height; layer1.next++) {
                lf_stream_pictures(&pictures, 2 * layer1.next + 2, under, over, under_range, over_range, halves);
                lf_stream_first_layer(&pictures, &layer1, layer1.next, m->down1, m->down1_bias, halves);
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

#endif
