/* The paper's model on 8-bit pictures: CombiningNet in 16-bit fixed point, with the same bits on every processor. */
#ifndef LIGHTFUSE_FIXED_PAPER_H
#define LIGHTFUSE_FIXED_PAPER_H

#include "fixed_combining.h"
#include "paper.h"

/* Output channels summed at once: hidden widths are multiples of it, or else the rest is summed one at a time. */
enum { LF_PAPER_SUMS = LF_SUMS < 8 ? 4 : 8, LF_PAPER_PIXELS = LF_PAIR * LF_WORDS };

/* What a picture's pixels become before the first layer: (level - lowest) * 2^(7 + shift), as large as 16 bits allow. */
typedef struct {
    int16_t lowest, shift;
} lf_fixed_levels;

/* Weights [in][out] and biases of every layer, and by how many bits the answers are raised. An answer is -v / 4, where the
 * paper's is v: picture = (tanh(v) + 1) / 2 = 1 / (1 + e^(8 t)), t = -v / 4. */
typedef struct {
    int widths[LF_LAYERS + 1], bits[3];
    lf_weight *weights[LF_LAYERS], *biases[LF_LAYERS];
    lf_fixed_levels levels[2];
} lf_fixed_paper;

enum { LF_PAPER_FACTOR = -4 }; /* t = v / -4 */

/* How levels of a picture of this range become integers; returns what 1 and the highest level of the range are then. */
LF_CODE lf_fixed_input lf_fix_levels(lf_range range, lf_fixed_levels *levels) {
    const int low = lf_rounded((-1.0 - range.offset) / range.scale), high = lf_rounded((1.0 - range.offset) / range.scale);
    levels->lowest = (int16_t)(low << 7);
    levels->shift = 0;
    while (levels->shift < 7 && (high - low) << (8 + levels->shift) <= 32767) levels->shift++;
    const int one = 1 << (7 + levels->shift);
    return (lf_fixed_input){one / (double)range.scale, (high - low) * one};
}

/* Everything that the pixels of one picture need; `room` takes lf_paper_combine_scratch_floats(m) numbers. */
LF_CODE lf_fixed_paper lf_fix_paper(const lf_paper *m, lf_range under, lf_range over, lf_weight *room) {
    const float *const weights[LF_LAYERS] = {m->w1, m->w2, m->w3}, *const biases[LF_LAYERS] = {m->b1, m->b2, m->b3};
    lf_fixed_paper f = {.widths = {6, m->hidden1, m->hidden2, 3}};
    lf_fixed_input inputs[2][LF_MAX_WIDTH];
    for (int i = 0; i < 6; i++) inputs[0][i] = lf_fix_levels(i < 3 ? under : over, &f.levels[i / 3]);
    for (int l = 0; l < LF_LAYERS; l++) {
        const int n_in = f.widths[l], n_out = f.widths[l + 1], last = l == LF_LAYERS - 1;
        f.weights[l] = room;
        f.biases[l] = room += n_in * n_out;
        room += n_out;
        for (int o = 0; o < n_out; o++) {
            double bias = biases[l][o];
            for (int i = 0; l == 0 && i < n_in; i++) bias -= weights[l][i * n_out + o]; /* the lowest level is -1 */
            const double factor = last ? 1.0 / LF_PAPER_FACTOR : 1, shift = factor * bias;
            const lf_fixed_sum sum = {weights[l] + o, inputs[l % 2], n_in, n_out, -1, factor, shift, shift, shift};
            if (last) f.bits[o] = lf_answer_bits(&sum);
            const double scale = last ? 32768 >> f.bits[o] : lf_hidden_scale(&sum);
            inputs[(l + 1) % 2][o] = lf_fix_channel(&sum, scale, f.weights[l] + o, f.biases[l] + o);
        }
    }
    return f;
}

typedef lf_word lf_word_pair[LF_PAIR]; /* one channel of LF_PAPER_PIXELS pixels */

/* Output channels o .. o+outs-1 of layer l from its inputs numbered in `live`. */
LF_INLINE void lf_paper_block(const lf_fixed_paper *f, const int l, const lf_word_pair *in, int n_in, const int *live,
                              lf_word_pair *out, const int o, const int outs) {
    const int n_out = f->widths[l + 1];
    lf_word sum[LF_SUMS][LF_PAIR];
    LF_UNROLL
    for (int j = 0; j < outs; j++)
        LF_EACH sum[j][k] = lf_spread_weight(f->biases[l] + o + j);
    for (int n = 0; n < n_in; n++) lf_add_input(sum, in[live[n]], f->weights[l] + live[n] * n_out + o, outs);
    LF_UNROLL
    for (int j = 0; j < outs; j++)
        LF_EACH out[o + j][k] = sum[j][k];
}

/* Hidden layer l; `live` numbers its inputs that are not 0 in all pixels, `count` many, and then its outputs: ReLU leaves about
 * half of them so. Returns how many those are. */
LF_INLINE int lf_paper_layer(const lf_fixed_paper *f, const int l, const lf_word_pair *in, int count, int *live,
                             lf_word_pair *out) {
    const int n_out = f->widths[l + 1];
    int o = 0, alive = 0;
    for (; o + LF_PAPER_SUMS <= n_out; o += LF_PAPER_SUMS) lf_paper_block(f, l, in, count, live, out, o, LF_PAPER_SUMS);
    for (; o < n_out; o++) lf_paper_block(f, l, in, count, live, out, o, 1);
    for (o = 0; o < n_out; o++) {
        LF_EACH out[o][k] = lf_max_words(out[o][k], (lf_word){0});
        live[alive] = o;
        alive += lf_any_above(out[o][0] | out[o][LF_PAIR - 1]);
    }
    return alive;
}

/* Pixels at .. at+columns-1 of a row, whose context is `context` [3][LF_WORD_COLUMNS]. */
LF_OUTLINE void lf_fixed_paper_strip(const lf_fixed_paper *f, const lf_picture *under, const lf_picture *over,
                                     const int16_t *context, const lf_picture *out, int row, int at, int columns) {
    for (int x = 0; x < columns; x += LF_PAPER_PIXELS) {
        const int count = lf_min_int(LF_PAPER_PIXELS, columns - x);
        lf_word_pair pixels[6], hidden[2][LF_MAX_WIDTH], answers[3];
        int live[LF_MAX_WIDTH] = {0, 1, 2, 3, 4, 5};
        char copy[3 * LF_PAPER_PIXELS];
        for (int p = 0; p < 2; p++) {
            const char *from = lf_lengthened(lf_at(p ? over : under, at + x, row), count, LF_PAPER_PIXELS, 3, copy);
            const lf_word lowest = lf_word_of(f->levels[p].lowest);
            LF_EACH {
                lf_word rgb[3];
                lf_read_words((const uint8_t *)from + 3 * k * LF_WORDS, rgb);
                for (int c = 0; c < 3; c++) pixels[3 * p + c][k] = (rgb[c] - lowest) << f->levels[p].shift;
            }
        }
        int alive = lf_paper_layer(f, 0, pixels, 6, live, hidden[0]);
        alive = lf_paper_layer(f, 1, hidden[0], alive, live, hidden[1]);
        lf_paper_block(f, 2, hidden[1], alive, live, answers, 0, 3);
        uint8_t *to = (uint8_t *)(count < LF_PAPER_PIXELS ? copy : lf_at(out, at + x, row));
        LF_EACH {
            lf_word rgb[3];
            LF_UNROLL
            for (int c = 0; c < 3; c++) {
                const lf_word added = lf_load_words(context + c * LF_WORD_COLUMNS + x + k * LF_WORDS);
                const lf_word t = lf_max_words(lf_add_sat(lf_min_words(answers[c][k], (lf_word){0}), added), lf_word_of(-32767));
                rgb[c] = lf_mul(lf_word_falling(lf_raise(lf_max_words(t, -t), f->bits[c], -1), t), lf_word_of(255));
            }
            lf_write_words(to + 3 * k * LF_WORDS, rgb);
        }
        if (count < LF_PAPER_PIXELS) lf_copy(lf_at(out, at + x, row), copy, 3 * count);
    }
}

/* Fuse rows [row0, row1) of under and over into the same rows of out, which may be one of the two.
 * scratch holds lf_paper_combine_scratch_floats(m) floats. */
LF_CODE void lf_paper_combine_rows(const lf_paper *m, const lf_picture *under, const lf_picture *over,
                                   lf_range under_range, lf_range over_range, const float *context,
                                   const lf_picture *out, int row0, int row1, float *scratch) {
    const int columns = lf_paper_context_side(under->width), rows = lf_paper_context_side(under->height);
    const int is_fixed = under->type == LF_U8 && m->hidden1 <= LF_MAX_WIDTH && m->hidden2 <= LF_MAX_WIDTH;
    lf_paper_folded folded = {0};
    lf_fixed_paper fixed = {0};
    if (is_fixed)
        fixed = lf_fix_paper(m, under_range, over_range, (lf_weight *)scratch);
    else
        folded = lf_paper_fold(m, under_range, over_range, scratch);
    for (int block = row0 / LF_STRIDE; block * LF_STRIDE < row1; block++)
        for (int at = 0; at < under->width; at += LF_WORD_COLUMNS) {
            union {
                float values[3 * LF_WORD_COLUMNS];
                int16_t words[3 * LF_WORD_COLUMNS];
            } spread;
            const int count = lf_min_int(LF_WORD_COLUMNS, under->width - at), last = columns - 1 - at / LF_STRIDE;
            for (int c = 0; c < 3; c++)
                for (int x = 0; x < LF_WORD_COLUMNS; x += LF_STRIDE) {
                    const size_t cell = ((size_t)c * rows + block) * columns + at / LF_STRIDE + lf_min_int(x / LF_STRIDE, last);
                    const int place = c * LF_WORD_COLUMNS + x;
                    if (is_fixed) {
                        const int word = lf_rounded(context[cell] / LF_PAPER_FACTOR * (float)(32768 >> fixed.bits[c]));
                        for (int i = 0; i < LF_STRIDE; i++) spread.words[place + i] = (int16_t)word;
                    } else {
                        for (int i = 0; i < LF_STRIDE; i++) spread.values[place + i] = context[cell] * LF_PAPER_ANSWER;
                    }
                }
            const int end = lf_min_int(row1, (block + 1) * LF_STRIDE);
            for (int row = block * LF_STRIDE > row0 ? block * LF_STRIDE : row0; row < end; row++)
                if (is_fixed)
                    lf_fixed_paper_strip(&fixed, under, over, spread.words, out, row, at, count);
                else
                    lf_float_paper_strip(&folded, m, under, over, spread.values, out, row, at, count);
        }
}

#endif
