/* Context models on 8-bit pictures: CombiningNet and its structured output in 16-bit fixed point, with the same bits on every
 * processor. */
#ifndef LIGHTFUSE_FIXED_COMBINING_H
#define LIGHTFUSE_FIXED_COMBINING_H

#include "context_grid.h"
#include "fixed_format.h"

/* Widths of CombiningNet's hidden layers. */
typedef struct {
    int first, second;
} lf_shape;

LF_INLINE lf_shape lf_shape_of(const lf_context_model *m) { return (lf_shape){m->widths[1], m->widths[2]}; }
LF_INLINE int lf_is_shape(const lf_context_model *m, lf_shape shape) {
    return m->widths[1] == shape.first && m->widths[2] == shape.second;
}

/* The shapes of the shipped models, which have code of their own, every loop unrolled. */
#define LF_SHAPE_SMALL ((lf_shape){6, 6})
#define LF_SHAPE_BASE ((lf_shape){7, 6})

LF_INLINE lf_word lf_spread_weight(const lf_weight *p) {
#if defined(__AVX512BW__)
    return (lf_word)_mm512_set1_epi32((int)*p);
#elif defined(__AVX2__)
    return (lf_word)_mm256_set1_epi32((int)*p);
#else
    return (int16_t)*p - (lf_word){0};
#endif
}

/* `outs` weights in a row, of which lf_add_product takes number j, a constant, and adds its product. Where one instruction does
 * both it saturates, which no sum of a layer ever does: lf_fits bounds the partial ones, too. */
#if defined(__aarch64__)
typedef int16x8_t lf_weight_row;
LF_INLINE lf_weight_row lf_load_weight_row(const lf_weight *p) { return vld1q_s16(p); } /* reads on within lf_fixed */
LF_INLINE lf_word lf_add_product(lf_word sum, lf_word x, lf_weight_row w, const int j) {
#if defined(__ARM_FEATURE_QRDMX)
#define LF_LANE(j) case j: return vqrdmlahq_laneq_s16(sum, x, w, j);
#else
#define LF_LANE(j) case j: return sum + vqrdmulhq_laneq_s16(x, w, j);
#endif
    switch (j) { LF_LANE(0) LF_LANE(1) LF_LANE(2) LF_LANE(3) LF_LANE(4) LF_LANE(5) LF_LANE(6) default: LF_LANE(7) }
#undef LF_LANE
}
#endif

#define LF_EACH LF_UNROLL for (int k = 0; k < LF_PAIR; k++) /* vector of a pair */
#define LF_EACH_VECTOR LF_UNROLL for (int k = 0; k < LF_VECTORS; k++) /* of a tile */

/* Add the products of one input, a pair of vectors, and `outs` weights in a row to as many sums. Products of all vectors come
 * before their sums: processors share them out to their units better. */
LF_INLINE void lf_add_input(lf_word sum[LF_SUMS][LF_PAIR], const lf_word *x, const lf_weight *w, const int outs) {
#if defined(__aarch64__)
    const lf_weight_row row = lf_load_weight_row(w);
    LF_UNROLL
    for (int j = 0; j < outs; j++)
        LF_EACH {
            sum[j][k] = lf_add_product(sum[j][k], x[k], row, j);
            LF_IN_ORDER(sum[j][k]);
        }
#else
    LF_UNROLL
    for (int j = 0; j < outs; j++) {
        const lf_word weight = lf_spread_weight(w + j);
        lf_word product[LF_PAIR];
        LF_EACH {
            product[k] = lf_mul(x[k], weight);
            LF_IN_ORDER(product[k]);
        }
        LF_EACH {
            sum[j][k] += product[k];
            LF_IN_ORDER(sum[j][k]);
        }
    }
#endif
}

/* Output channels o .. o+outs-1 (outs a constant where speed matters) of layer l, for the vectors of pixels from number `pair`
 * on. Sums start from the context `part` of the way between two rows of it, LF_WORD_COLUMNS apart a channel, or in the middle
 * layer from the biases. Inputs whose bit in `live` is not set are 0 in all these pixels, and skipped: ReLU leaves about half
 * of them so. Returns those bits of the outputs. */
LF_INLINE unsigned lf_fixed_block(const lf_fixed *f, const int l, const lf_word_plane *in, const int n_in, unsigned live,
                                  lf_word_plane *out, const int n_out, const int o, const int outs, const int16_t *upper,
                                  const int16_t *step, lf_word part, const int relu, int pair) {
    const lf_weight *w = f->weights[l] + o, *b = f->biases[l] + o;
    lf_word sum[LF_SUMS][LF_PAIR];
    LF_UNROLL
    for (int j = 0; j < outs; j++)
        LF_EACH {
            const int at = (o + j) * LF_WORD_COLUMNS + (pair + k) * LF_WORDS;
            if (l != 1)
                sum[j][k] = lf_load_words(upper + at) + lf_mul(lf_load_words(step + at), part);
            else
                sum[j][k] = lf_spread_weight(b + j);
        }
    LF_UNROLL_INPUTS
    for (int i = 0; i < n_in; i++) {
        if (LF_SKIPPED && l > 0 && !(live >> i & 1)) continue;
        lf_add_input(sum, in[i] + pair, w + i * n_out, outs);
    }
    unsigned alive = 0;
    LF_UNROLL
    for (int j = 0; j < outs; j++) {
        if (relu) {
            LF_EACH sum[j][k] = lf_max_words(sum[j][k], (lf_word){0});
            if (LF_SKIPPED) alive |= (unsigned)lf_any_above(sum[j][0] | sum[j][LF_PAIR - 1]) << (o + j);
        }
        LF_EACH out[o + j][pair + k] = sum[j][k];
    }
    return alive;
}

/* A layer; takes and returns what lf_fixed_block does. Where its widths are constants, `known`, all its channels are summed in
 * one block or two. */
LF_INLINE unsigned lf_fixed_layer(const lf_fixed *f, const int l, const lf_word_plane *in, const int n_in, unsigned live,
                                  lf_word_plane *out, const int n_out, const int16_t *upper, const int16_t *step, lf_word part,
                                  const int relu, int pair, const int known) {
    unsigned alive = 0;
    if (known && (LF_UNROLLED || __builtin_constant_p(n_out))) {
        const int outs = n_out <= LF_SUMS ? n_out : (n_out + 1) / 2;
        alive = lf_fixed_block(f, l, in, n_in, live, out, n_out, 0, outs, upper, step, part, relu, pair);
        if (outs < n_out)
            alive |= lf_fixed_block(f, l, in, n_in, live, out, n_out, outs, n_out - outs, upper, step, part, relu, pair);
        return alive;
    }
    for (int o = 0; o < n_out; o++)
        alive |= lf_fixed_block(f, l, in, n_in, live, out, n_out, o, 1, upper, step, part, relu, pair);
    return alive;
}

/* A value, levels * 2^7, rounded to levels; in WebAssembly, what lf_store_levels asks for. */
LF_INLINE lf_word lf_stored_level(const lf_fixed *f, lf_word value) {
#if defined(__wasm__)
    return lf_mul(value & f->stored, lf_word_of(f->scale));
#else
    (void)f;
    return lf_mul(value, lf_word_of(256));
#endif
}

/* How much of a chroma that reaches `size` (levels * 2^4) there is room for (levels * 2^7), at most all: in Q15. */
LF_INLINE void lf_kept_chroma(const lf_word_plane room, const lf_word_plane size, lf_word_plane kept) {
    LF_EACH_VECTOR {
        const lf_mask large = lf_more(size[k], lf_word_of(4095)); /* beyond 256 levels */
        const lf_word n = lf_pick_words(large, room[k] >> 3, room[k]), d = lf_pick_words(large, size[k], size[k] << 3);
        const lf_word ratio = lf_ratio(lf_min_words(n, d), lf_max_words(d, lf_word_of(1)), 8);
        kept[k] = lf_pick_words(lf_more(d, n), ratio, lf_word_of(32767));
    }
}

/* A tile's luma (levels * 2^7) + chroma (levels * 2^4) as levels within 0 .. 255 and of the same hue, where it is outside:
 * lf_into_gamut in integers. A pixel with a channel above white is divided by its largest, but its luma not lowered below
 * `lowest`; what is still outside loses chroma. */
LF_INLINE void lf_fixed_gamut(const lf_fixed *f, lf_word_plane luma, const lf_word_plane *chroma, const lf_word_plane most,
                              const lf_word_plane least, const lf_word_plane lowest, const lf_mask *outside,
                              lf_word rgb[LF_VECTORS][3]) {
    const lf_word white = lf_word_of(LF_WHITE >> 3);
    lf_word_plane above, below, from_white, from_black;
    LF_EACH_VECTOR {
        const lf_word ratio = lf_ratio(white, lf_max_words(lf_add_sat(luma[k] >> 3, most[k]), white), 2);
        luma[k] = lf_max_words(lf_mul(luma[k], ratio), lowest[k]);
        above[k] = lf_word_of(LF_WHITE) - luma[k];
        below[k] = lf_sub_sat((lf_word){0}, least[k]);
    }
    lf_kept_chroma(above, most, from_white);
    lf_kept_chroma(luma, below, from_black);
    LF_EACH_VECTOR {
        const lf_word keep = lf_min_words(from_white[k], from_black[k]);
        LF_UNROLL
        for (int c = 0; c < 3; c++) {
            const lf_word mapped = lf_stored_level(f, luma[k] + (lf_mul(chroma[c][k], keep) << 3));
            rgb[k][c] = lf_pick_words(outside[k], mapped, rgb[k][c]);
        }
    }
}

/* The luma of three channels of a tile. */
LF_INLINE void lf_fixed_luma(const lf_word_plane *rgb, lf_word_plane luma) {
    const lf_word red = lf_word_of(9797), green = lf_word_of(19235), blue = lf_word_of(3736);
    LF_EACH_VECTOR luma[k] = lf_mul(rgb[0][k], red) + lf_mul(rgb[1][k], green) + lf_mul(rgb[2][k], blue);
}

/* The structured output: CombiningNet's answers and the two pictures to the fused one, in levels; all vectors of the tile a
 * step at a time, since each depends on the one before. WebAssembly, which pages have to load, has it once for all shapes. */
#if defined(__wasm__)
LF_OUTLINE
#else
LF_INLINE
#endif
void lf_fixed_structure(const lf_fixed *f, const lf_word_plane *answers, const lf_word_plane *x, lf_word rgb[LF_VECTORS][3]) {
    lf_word_plane weights[2], under, over, luma, grey, lowest, gain, chroma[3], most, least;
    LF_UNROLL
    for (int i = 0; i < 2; i++)
        LF_EACH_VECTOR {
            const lf_word t = answers[4 * i][k];
            weights[i][k] = lf_word_falling(lf_raise(lf_max_words(t, -t), f->bits[4 * i], -1), t);
        }
    lf_fixed_luma(x, under);
    lf_fixed_luma(x + 3, over);
    LF_EACH_VECTOR {
        const lf_word mixed = over[k] + lf_mul(weights[0][k], under[k] - over[k]);
        const lf_word change = lf_add_sat(lf_mul(mixed, answers[1][k]), answers[2][k]);
        grey[k] = over[k] + lf_mul(weights[1][k], under[k] - over[k]);
        lowest[k] = lf_min_words(under[k], over[k]);
        luma[k] = lf_max_words(lf_add_sat(mixed, lf_raise(change, f->bits[1], 1)), lowest[k]);
        luma[k] = lf_min_words(luma[k], lf_max_words(under[k], over[k]));
    }

    /* The lift, (luma + 0.02) / (grey + 0.02), in Q15 of 8, which is the most it may be. */
    LF_EACH_VECTOR {
        lf_word from = (grey[k] >> 1) + 326, to = (luma[k] >> 1) + 326;
        const lf_mask small = lf_more(lf_word_of(2048), from);
        to = lf_pick_words(small, to, lf_mul(to, lf_word_of(4096)));
        from = lf_pick_words(small, from << 3, from);
        gain[k] = lf_raise(lf_mul(lf_ratio(lf_min_words(to, from), from, 2), answers[3][k]), f->bits[3], 0);
    }
    LF_UNROLL
    for (int c = 0; c < 3; c++)
        LF_EACH_VECTOR { /* chroma is in levels * 2^4 */
            const lf_word mixed = x[3 + c][k] + lf_mul(weights[1][k], x[c][k] - x[3 + c][k]);
            chroma[c][k] = lf_mul(mixed - grey[k], gain[k]);
        }
    lf_mask outside[LF_VECTORS];
    LF_EACH_VECTOR {
        most[k] = lf_max_words(lf_max_words(chroma[0][k], chroma[1][k]), chroma[2][k]);
        least[k] = lf_min_words(lf_min_words(chroma[0][k], chroma[1][k]), chroma[2][k]);
        const lf_word level = luma[k] >> 3;
        outside[k] = lf_more(lf_add_sat(level, most[k]), lf_word_of(LF_WHITE >> 3)) | lf_more((lf_word){0}, level + least[k]);
        LF_UNROLL
        for (int c = 0; c < 3; c++) rgb[k][c] = lf_stored_level(f, luma[k] + (chroma[c][k] << 3));
    }
    lf_mask any = outside[0];
    LF_EACH_VECTOR any |= outside[k];
    if (lf_any(any)) lf_fixed_gamut(f, luma, chroma, most, least, lowest, outside, rgb);
}

/* CombiningNet's layers on the two vectors of pixels from number `pair` on. */
LF_INLINE void lf_fixed_layers(const lf_fixed *f, const lf_shape shape, const lf_word_plane *x, const int16_t *upper,
                               const int16_t *step, lf_word part, int pair, lf_word_plane *answers, const int known) {
    lf_word_plane hidden[2][LF_MAX_WIDTH];
    unsigned live = lf_fixed_layer(f, 0, x, 6, 0, hidden[0], shape.first, upper, step, part, 1, pair, known);
    live = lf_fixed_layer(f, 1, hidden[0], shape.first, live, hidden[1], shape.second, upper, step, part, 1, pair, known);
    upper += shape.first * LF_WORD_COLUMNS;
    step += shape.first * LF_WORD_COLUMNS;
    lf_fixed_layer(f, 2, hidden[1], shape.second, live, answers, LF_ANSWERS, upper, step, part, 0, pair, known);
}

/* LF_WORD_TILE pixels at under and over to out, whose context begins at upper and step. The shape is a constant where speed
 * matters. */
LF_INLINE void lf_fixed_tile(const lf_fixed *f, const lf_shape shape, const uint8_t *under, const uint8_t *over, uint8_t *out,
                             const int16_t *upper, const int16_t *step, lf_word part, const int known) {
    lf_word_plane x[6], answers[LF_ANSWERS];
    LF_EACH_VECTOR
        LF_UNROLL
        for (int p = 0; p < 2; p++) {
            lf_word rgb[3];
            lf_read_words((p ? over : under) + 3 * k * LF_WORDS, rgb);
            for (int c = 0; c < 3; c++) x[3 * p + c][k] = rgb[c];
        }
    for (int pair = 0; pair < LF_VECTORS; pair += LF_PAIR) {
        LF_FORGET(f);
        lf_fixed_layers(f, shape, x, upper, step, part, pair, answers, known);
    }
    lf_word rgb[LF_VECTORS][3];
    lf_fixed_structure(f, answers, x, rgb);
    LF_EACH_VECTOR lf_write_words(out + 3 * k * LF_WORDS, rgb[k]);
}

LF_INLINE void lf_fixed_strip(const lf_work *work, const lf_shape shape, int row0, int row1, int columns, const int known) {
    for (int row = row0; row < row1; row++) {
        const lf_word part = lf_word_of(lf_between_rows(work->grid, row).word);
        const int16_t *const upper = work->upper, *const step = work->step;
        const lf_fixed *f = work->weights;
        const char *const under = lf_at(work->under, work->at, row), *const over = lf_at(work->over, work->at, row);
        char *const out = lf_at(work->out, work->at, row);
        const ptrdiff_t below[] = {work->under->row_bytes, work->over->row_bytes, work->out->row_bytes};
        for (int x = 0; x < columns; x += LF_WORD_TILE) {
            const int count = lf_min_int(LF_WORD_TILE, columns - x);
            char copies[2][3 * LF_WORD_TILE]; /* of the last pixels of a row, past which nothing may be read or written */
            if (row + 1 < row1) {
                lf_expect(under + below[0] + 3 * x, sizeof copies[0], 0);
                lf_expect(over + below[1] + 3 * x, sizeof copies[0], 0);
                lf_expect(out + below[2] + 3 * x, sizeof copies[0], 1);
            }
            const char *from_under = lf_lengthened(under + 3 * x, count, LF_WORD_TILE, 3, copies[0]);
            const char *from_over = lf_lengthened(over + 3 * x, count, LF_WORD_TILE, 3, copies[1]);
            char *const to = count < LF_WORD_TILE ? copies[0] : out + 3 * x;
            LF_FORGET(f);
            lf_fixed_tile(f, shape, (const uint8_t *)from_under, (const uint8_t *)from_over, (uint8_t *)to, upper + x, step + x,
                          part, known);
            if (count < LF_WORD_TILE) lf_copy(out + 3 * x, to, 3 * count);
        }
    }
}
#define LF_FIXED_STRIP(name, shape, known)                                                                            \
    LF_OUTLINE void name(const lf_work *work, int row0, int row1, int columns) {                                      \
        lf_fixed_strip(work, shape, row0, row1, columns, known);                                                      \
    }
LF_FIXED_STRIP(lf_fixed_strip_small, LF_SHAPE_SMALL, 1)
LF_FIXED_STRIP(lf_fixed_strip_base, LF_SHAPE_BASE, 1)
LF_FIXED_STRIP(lf_fixed_strip_any, lf_shape_of(work->model), 0)
#undef LF_FIXED_STRIP

LF_INLINE void lf_spread_words(const lf_work *work, int row) {
    const lf_grid *grid = work->grid;
    const lf_runs *runs = work->runs;
    int16_t *upper = work->upper, *step = work->step;
    for (int c = 0; c < work->model->contexts; c++, upper += LF_WORD_COLUMNS, step += LF_WORD_COLUMNS) {
        const int16_t *a = (const int16_t *)grid->cells + lf_grid_place(grid, c, row);
        const int16_t *b = (const int16_t *)grid->cells + lf_grid_place(grid, c, row + 1);
        for (int i = 0; i < runs->count; i++) {
            const int cell = runs->cell[i], next = lf_min_int(cell + 1, grid->size.columns - 1), end = runs->start[i + 1];
            const lf_word left = lf_word_of(a[cell]), right = lf_word_of(a[next] - a[cell]);
            const lf_word left_below = lf_word_of(b[cell]), right_below = lf_word_of(b[next] - b[cell]);
            for (int x = runs->start[i]; x < end; x += LF_WORDS) {
                const lf_word part = lf_load_words(runs->words + x), above = left + lf_mul(right, part);
                lf_store_words(upper + x, above);
                lf_store_words(step + x, left_below + lf_mul(right_below, part) - above);
            }
        }
    }
}

/* Floats of scratch: two rows of context, their last vectors past the end; where columns lie; room to start at a multiple of 64
 * bytes. */
LF_CODE size_t lf_fixed_scratch_floats(const lf_context_model *m) {
    return (size_t)m->contexts * LF_WORD_COLUMNS + 2 * 16 + sizeof(lf_runs) / sizeof(float) + 15;
}

/* lf_fixed_combine_rows with the strip made for the model's shape. */
LF_CODE void lf_fixed_rows(const lf_context_model *m, const lf_fixed *fixed, const lf_picture *under, const lf_picture *over,
                           const lf_grid *grid, const lf_picture *out, void (*strip)(const lf_work *, int, int, int), int row0,
                           int row1, float *scratch) {
    int16_t *upper = (int16_t *)lf_aligned(scratch), *step = upper + m->contexts * LF_WORD_COLUMNS + 32;
    lf_runs *runs = (lf_runs *)(lf_aligned(scratch) + m->contexts * LF_WORD_COLUMNS + 2 * 16);
    lf_work work = {m, under, over, out, grid, fixed, upper, step, runs, 0};
    lf_combine_strips(&work, LF_WORD_COLUMNS, lf_spread_words, strip, row0, row1);
}

/* Fuse rows [row0, row1) of under and over, of 8 bits, into the same rows of out, which may be one of the two. The grid holds
 * lf_fix_grid's integers; scratch holds lf_fixed_scratch_floats(m) floats. */
LF_CODE void lf_fixed_combine_rows(const lf_context_model *m, const lf_fixed *fixed, const lf_picture *under,
                                   const lf_picture *over, const lf_grid *grid, const lf_picture *out, int row0, int row1,
                                   float *scratch) {
    lf_fixed_rows(m, fixed, under, over, grid, out,
                  lf_is_shape(m, LF_SHAPE_SMALL)  ? lf_fixed_strip_small
                  : lf_is_shape(m, LF_SHAPE_BASE) ? lf_fixed_strip_base
                                                  : lf_fixed_strip_any,
                  row0, row1, scratch);
}

#endif
