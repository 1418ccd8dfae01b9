/* Context models on 8-bit pictures: CombiningNet's weights and the context grid in 16-bit fixed point.
 *
 * A value of a pixel is its level * 2^7. Every other channel has a scale of its own, as large as the weights and the extremes of
 * the context grid allow: bounds by interval arithmetic on the integers themselves make sure that no sum of a layer leaves 16
 * bits at its end; partial sums may wrap. All of it in doubles, in an order that is fixed, for the same bits everywhere. */
#ifndef LIGHTFUSE_FIXED_FORMAT_H
#define LIGHTFUSE_FIXED_FORMAT_H

#include "context_filtering.h"
#include "words.h"

LF_INLINE lf_weight lf_weight_of(int x) {
    return (lf_weight)(sizeof(lf_weight) == 4 ? (uint32_t)(uint16_t)x * 0x10001u : (uint32_t)x);
}

enum { LF_WHITE = 255 << 7, LF_MAX_BITS = 14 };

/* Extremes of `cells` cells of each channel, `pitch` apart; those that were found already count if there are any. */
LF_CODE void lf_find_extremes(const lf_context_model *m, const float *grid, size_t cells, size_t pitch, int any, lf_extremes *e) {
    for (int c = 0; c < m->contexts; c++, grid += pitch) {
        float low = any ? e->low[c] : grid[0], high = any ? e->high[c] : grid[0];
        for (size_t i = 0; i < cells; i++) {
            low = grid[i] < low ? grid[i] : low;
            high = grid[i] > high ? grid[i] : high;
        }
        e->low[c] = low;
        e->high[c] = high;
    }
}

/* The nearest integer, held to +-32767; of NaN the least. */
LF_INLINE int lf_rounded(double x) {
    return !(x >= -32767) ? -32767 : x > 32767 ? 32767 : (int)(x + (x < 0 ? -0.5 : 0.5));
}

/* A layer's input: what 1 is as an integer, and its largest value; the smallest is 0. */
typedef struct {
    double scale;
    int top;
} lf_fixed_input;

/* One channel of a layer before it has a scale: weights w[i * stride] * factor of its inputs, and what is added to them: a
 * context or nothing, times factor, and `shift`; from `low` to `high`. */
typedef struct {
    const float *w;
    const lf_fixed_input *in;
    int n_in, stride, context;
    double factor, shift, low, high;
} lf_fixed_sum;

LF_INLINE double lf_fixed_weight(const lf_fixed_sum *s, int i, double scale) {
    return (double)s->w[i * s->stride] * s->factor * scale * 32768 / s->in[i].scale;
}

/* Whether the channel fits 16 bits at a scale, and the largest value it can take then. */
LF_CODE int lf_fits(const lf_fixed_sum *s, double scale, int *top) {
    const int low = lf_rounded(s->low * scale) - 1, high = lf_rounded(s->high * scale) + 1;
    int64_t least = low, most = high;
    int fits = high - low <= 32767;
    for (int i = 0; i < s->n_in; i++) {
        const double weight = lf_fixed_weight(s, i, scale);
        const int64_t product = ((int64_t)s->in[i].top * lf_rounded(weight) + 0x4000) >> 15;
        fits = fits && weight <= 32767 && weight >= -32767;
        *(product < 0 ? &least : &most) += product;
    }
    *top = most < 0 ? 0 : (int)(most > 32767 ? 32767 : most);
    return fits && least >= -32767 && most <= 32767;
}

/* A scale for a hidden channel: about the largest at which it fits. */
LF_CODE double lf_hidden_scale(const lf_fixed_sum *s) {
    double least = s->low, most = s->high, limit = 1e6;
    for (int i = 0; i < s->n_in; i++) {
        const double weight = lf_fixed_weight(s, i, 1), term = weight * s->in[i].top / 32768;
        *(term < 0 ? &least : &most) += term;
        if (limit * __builtin_fabs(weight) > 32760) limit = 32760 / __builtin_fabs(weight);
    }
    double size = s->high - s->low;
    size = size > most ? size : most;
    size = size > -least ? size : -least;
    double scale = size * limit > 32700 ? 32700 / size : limit;
    int top;
    for (int tries = 0; tries < 1000 && !lf_fits(s, scale, &top); tries++) scale *= 0.999;
    return scale;
}

/* By how many bits an answer is to be raised: the fewest at which it fits. */
LF_CODE int lf_answer_bits(const lf_fixed_sum *s) {
    int bits = 0, top;
    while (bits < LF_MAX_BITS && !lf_fits(s, 32768 >> bits, &top)) bits++;
    return bits;
}

/* A channel at its scale: its weights, `stride` apart, its bias, and what it is to the next layer. */
LF_CODE lf_fixed_input lf_fix_channel(const lf_fixed_sum *s, double scale, lf_weight *weights, lf_weight *bias) {
    lf_fixed_input result = {scale, 0};
    lf_fits(s, scale, &result.top);
    for (int i = 0; i < s->n_in; i++) weights[i * s->stride] = lf_weight_of(lf_rounded(lf_fixed_weight(s, i, scale)));
    *bias = lf_weight_of(lf_rounded(s->shift * scale));
    return result;
}

/* What answer o is multiplied by, and added to: mixing weights are 1 / (1 + e^(8 t)) of it, the offset is in levels * 2^7, the
 * chroma's gain begins at 1. */
LF_INLINE double lf_fixed_answer_factor(int o, double strength) {
    return o == 0 || o == 4 ? -0.125 : o == 2 ? 0.5 * strength * LF_WHITE / 32768 : strength;
}
LF_INLINE double lf_fixed_answer_shift(int o) { return o == 0 || o == 4 ? 0.375 : o == 3 ? 1 : 0; }

LF_CODE lf_fixed_sum lf_fixed_sum_of(const lf_context_model *m, int l, int o, const lf_fixed_input *in, const lf_extremes *e,
                                     float strength) {
    const int last = l == LF_LAYERS - 1, context = last ? m->widths[1] + o : l == 0 ? o : -1;
    const double factor = last ? lf_fixed_answer_factor(o, strength) : 1, bias = l == 1 ? m->bias[o] : 0;
    const double shift = factor * bias + (last ? lf_fixed_answer_shift(o) : 0);
    const double a = context < 0 ? 0 : factor * e->low[context], b = context < 0 ? 0 : factor * e->high[context];
    return (lf_fixed_sum){m->weights[l] + o, in, m->widths[l], m->widths[l + 1], context, factor, shift,
                          shift + (a < b ? a : b), shift + (a < b ? b : a)};
}

/* Let levels be stored, or, where pages want more than 8 bits, the low 7 bits of levels * 2^7, which rounding drops. */
LF_INLINE void lf_store_levels(lf_fixed *f, int low) {
#if defined(__wasm__)
    f->stored = low ? 127 : -1;
    f->scale = low ? 32767 : 256;
#else
    (void)f, (void)low;
#endif
}

/* Everything that the pixels of one picture need, from the extremes of its context grid and lf_context_prepare's strength. */
LF_CODE void lf_fix(const lf_context_model *m, const lf_extremes *extremes, float strength, lf_fixed *f) {
    lf_fixed_input inputs[2][LF_MAX_WIDTH];
    lf_store_levels(f, 0);
    for (int i = 0; i < 6; i++) inputs[0][i] = (lf_fixed_input){LF_WHITE, LF_WHITE};
    for (int l = 0; l < LF_LAYERS; l++) {
        const int n_out = m->widths[l + 1], last = l == LF_LAYERS - 1;
        lf_fixed_sum sums[LF_MAX_WIDTH];
        for (int o = 0; o < n_out; o++) {
            sums[o] = lf_fixed_sum_of(m, l, o, inputs[l % 2], extremes, strength);
            if (last) f->bits[o] = lf_answer_bits(&sums[o]);
        }
        if (last) f->bits[1] = f->bits[2] = f->bits[1] > f->bits[2] ? f->bits[1] : f->bits[2];
        for (int o = 0; o < n_out; o++) {
            const lf_fixed_sum *s = &sums[o];
            const double scale = last ? 32768 >> f->bits[o] : lf_hidden_scale(s);
            inputs[(l + 1) % 2][o] = lf_fix_channel(s, scale, f->weights[l] + o, f->biases[l] + o);
            if (s->context < 0) continue;
            f->grid_scale[s->context] = (float)(s->factor * scale);
            f->grid_shift[s->context] = (float)(s->shift * scale);
        }
    }
}

/* Row by row or all at once: `cells` cells of each channel of the grid, `pitch` apart, as integers. */
LF_CODE void lf_fix_grid(const lf_context_model *m, const lf_fixed *f, const float *grid, size_t cells, size_t pitch, int16_t *to) {
    for (int c = 0; c < m->contexts; c++, grid += pitch, to += pitch)
        for (size_t i = 0; i < cells; i++) {
            const float value = grid[i] * f->grid_scale[c] + f->grid_shift[c];
            const float held = value < -32767 ? -32767.0f : value > 32767 ? 32767.0f : value;
            to[i] = (int16_t)(held + (held < 0 ? -0.5f : 0.5f));
        }
}

#endif
