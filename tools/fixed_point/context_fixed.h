/* Context models, eight-bit pictures: CombiningNet in 16-bit fixed point, with the same bits on every processor.
 *
 * The one product is (a * b + 2^14) >> 15 (vpmulhrsw, vqrdmulhq_s16, i16x8.q15mulr_sat). Each channel has a scale of its own,
 * chosen from the weights and the context grid's extremes so that its final sum fits 16 bits; partial sums may wrap. For bounded
 * models of 5 outputs with ratio. */
#ifndef LIGHTFUSE_FIXED_H
#define LIGHTFUSE_FIXED_H

#include "parts/context_filtering.h"

#if defined(__AVX512BW__)
enum { LF_WORDS = 32 };
#elif defined(__AVX2__)
enum { LF_WORDS = 16 };
#else
enum { LF_WORDS = 8 };
#endif
typedef int16_t lf_word __attribute__((vector_size(2 * LF_WORDS), may_alias));
typedef int16_t lf_loose_word __attribute__((vector_size(2 * LF_WORDS), may_alias, aligned(2)));

#if defined(__AVX512BW__)
#define LF_WORD_OP(name, op) LF_INLINE lf_word name(lf_word a, lf_word b) { return (lf_word)_mm512_##op((__m512i)a, (__m512i)b); }
#elif defined(__AVX2__)
#define LF_WORD_OP(name, op) LF_INLINE lf_word name(lf_word a, lf_word b) { return (lf_word)_mm256_##op((__m256i)a, (__m256i)b); }
#endif
#if defined(LF_WORD_OP)
LF_WORD_OP(lf_mul, mulhrs_epi16)
LF_WORD_OP(lf_adds, adds_epi16)
LF_WORD_OP(lf_subs, subs_epi16)
LF_WORD_OP(lf_minw, min_epi16)
LF_WORD_OP(lf_maxw, max_epi16)
#else /* plain C; compilers that know such vectors see what this is */
#define LF_WORD_LOOP(name, value)                                \
    LF_INLINE lf_word name(lf_word a, lf_word b) {               \
        lf_word c;                                               \
        for (int i = 0; i < LF_WORDS; i++) {                     \
            const int32_t x = a[i], y = b[i], z = value;         \
            c[i] = (int16_t)(z < -32768 ? -32768 : z > 32767 ? 32767 : z); \
        }                                                        \
        return c;                                                \
    }
LF_WORD_LOOP(lf_mul, (x * y + 0x4000) >> 15)
LF_WORD_LOOP(lf_adds, x + y)
LF_WORD_LOOP(lf_subs, x - y)
LF_WORD_LOOP(lf_minw, x < y ? x : y)
LF_WORD_LOOP(lf_maxw, x > y ? x : y)
#endif
LF_INLINE lf_word lf_word_of(int x) { return (int16_t)x - (lf_word){0}; }
LF_INLINE lf_word lf_clampw(lf_word a, int low, int high) { return lf_minw(lf_maxw(a, lf_word_of(low)), lf_word_of(high)); }
LF_INLINE lf_word lf_pickw(lf_word mask, lf_word a, lf_word b) { return (a & mask) | (b & ~mask); }
/* a * 2^bits, held to 16 bits. */
LF_INLINE lf_word lf_raise(lf_word a, int bits) { return lf_clampw(a, -(32768 >> bits), 32767 >> bits) << bits; }
LF_INLINE lf_word lf_halved_word(lf_word a, int bits) { return (a + (int16_t)(1 << (bits - 1))) >> bits; }


enum { LF_PAIR = 2, LF_WORD_TILE = LF_PAIR * LF_WORDS, LF_WORD_COLUMNS = 512 };
typedef lf_word lf_words_of_tile[LF_PAIR];

/* A weight twice in 32 bits: processors spread those over a vector as they load them. */
typedef uint32_t lf_word_weight;
LF_INLINE lf_word_weight lf_weight_word(double x) { return (uint32_t)(uint16_t)(int16_t)__builtin_floor(x + 0.5) * 0x10001u; }
LF_INLINE lf_word lf_spread(const lf_word_weight *p) {
#if defined(__AVX512BW__)
    return (lf_word)_mm512_set1_epi32((int)*p);
#elif defined(__AVX2__)
    return (lf_word)_mm256_set1_epi32((int)*p);
#else
    return lf_word_of((int16_t)*p);
#endif
}

/* Weights [in][out] of the three layers as the kernel wants them, the second's biases, and by how many bits answers are raised. */
typedef struct {
    lf_word_weight w1[6 * 8], w2[8 * 8], b2[8], w3[8 * 5];
    int logit_bits[2], luma_bits, chroma_bits;
} lf_fixed;

/* 1 / (1 + e^(8 x)) of x in Q15, in Q15: a polynomial to the eighth power, in Q13 but for its last sum. */
LF_INLINE lf_word lf_fixed_falling(lf_word x) {
    static const int16_t coefficients[6] = {30047, -3715, -7624, 12544, -5661, -217};
    const lf_word negative = (lf_word)(x < 0), p = lf_maxw(x, lf_subs((lf_word){0}, x));
    lf_word y = lf_word_of(coefficients[5]);
    LF_UNROLL
    for (int i = 4; i > 0; i--) y = lf_mul(y, p) + coefficients[i];
    y = (lf_mul(y, p) << 2) + coefficients[0];
    y = lf_mul(y, y);
    y = lf_mul(y, y);
    y = lf_mul(y, y);
    return lf_pickw(negative, 32767 - y, y);
}

/* n / d in Q15 for 0 <= n <= d, 0 < d: d is brought to 2^14 .. 2^15, its reciprocal a line and two steps of Newton's.
 * `from` says from which power of two on d is small: 8 for any, 2 for d >= 2^11. */
LF_INLINE lf_word lf_ratio(lf_word n, lf_word d, const int from) {
    LF_UNROLL
    for (int bits = from; bits > 0; bits /= 2) {
        const lf_word small = (lf_word)(d < (int16_t)(1 << (15 - bits)));
        n = lf_pickw(small, n << bits, n);
        d = lf_pickw(small, d << bits, d);
    }
    lf_word y = lf_mul(49151 - 65536 - d, lf_word_of(30840));
    y = lf_adds(y, lf_mul(y, 32767 - 2 * lf_mul(d, y)));
    y = lf_adds(y, lf_mul(y, 32767 - 2 * lf_mul(d, y)));
    const lf_word half = lf_mul(n, y);
    return lf_adds(half, half);
}

LF_INLINE int lf_any(lf_word mask) {
#if defined(__AVX512BW__)
    return _mm512_movepi16_mask((__m512i)mask) != 0;
#elif defined(__AVX2__)
    return !_mm256_testz_si256((__m256i)mask, (__m256i)mask);
#else
    int any = 0;
    for (int i = 0; i < LF_WORDS; i++) any |= mask[i];
    return any;
#endif
}

LF_INLINE void lf_fixed_layer(const lf_words_of_tile *in, const int n_in, lf_words_of_tile *out, const int n_out,
                              const lf_word_weight *w, const int relu) {
    enum { LF_BLOCK = LF_WORDS == 32 ? 8 : 4 };
    LF_UNROLL
    for (int o = 0; o < n_out; o += LF_BLOCK) {
        lf_word sum[LF_BLOCK][LF_PAIR];
        const int outs = lf_min_int(LF_BLOCK, n_out - o);
        LF_UNROLL
        for (int j = 0; j < outs; j++)
            LF_UNROLL
            for (int k = 0; k < LF_PAIR; k++) sum[j][k] = out[o + j][k];
        LF_UNROLL
        for (int i = 0; i < n_in; i++)
            LF_UNROLL
            for (int j = 0; j < outs; j++) {
                const lf_word weight = lf_spread(w + i * n_out + o + j);
                LF_UNROLL
                for (int k = 0; k < LF_PAIR; k++) sum[j][k] += lf_mul(in[i][k], weight);
            }
        LF_UNROLL
        for (int j = 0; j < outs; j++)
            LF_UNROLL
            for (int k = 0; k < LF_PAIR; k++) out[o + j][k] = relu ? lf_maxw(sum[j][k], (lf_word){0}) : sum[j][k];
    }
}

/* Answers and pixels (7 bits behind the point) to the fused pixels, 0 .. 255. */
LF_INLINE void lf_fixed_structure(const lf_fixed *f, const lf_words_of_tile *answers, const lf_words_of_tile *x, const int k,
                                  lf_word rgb[3]) {
    const lf_word r = lf_word_of(9798), g = lf_word_of(19235), b = lf_word_of(3736);
    lf_word d[3], chroma[3];
    const lf_word mixing = lf_fixed_falling(lf_raise(answers[0][k], f->logit_bits[0]));
    const lf_word colouring = lf_fixed_falling(lf_raise(answers[4][k], f->logit_bits[1]));
    LF_UNROLL
    for (int c = 0; c < 3; c++) d[c] = x[c][k] - x[3 + c][k];
    const lf_word over = lf_mul(x[3][k], r) + lf_mul(x[4][k], g) + lf_mul(x[5][k], b);
    const lf_word difference = lf_mul(d[0], r) + lf_mul(d[1], g) + lf_mul(d[2], b);
    const lf_word mixed = over + lf_mul(mixing, difference), grey = over + lf_mul(colouring, difference);
    const lf_word lowest = lf_minw(over, over + difference), highest = lf_maxw(over, over + difference);
    lf_word luma = lf_adds(lf_mul(mixed, answers[1][k]), lf_mul(answers[2][k], lf_word_of(32640)));
    luma = lf_adds(mixed, lf_raise(luma, f->luma_bits));
    luma = lf_minw(lf_maxw(luma, lowest), highest);

    const lf_word divisor = (grey >> 1) + 326, dividend = lf_minw((luma >> 1) + 326, lf_raise(divisor, 3));
    const lf_word small = (lf_word)(divisor < 2048);
    const lf_word lift = lf_ratio(lf_pickw(small, dividend, (dividend + 4) >> 3), lf_pickw(small, divisor << 3, divisor), 2);
    const lf_word gain = lf_maxw(lf_raise(lf_mul(lift, answers[3][k]), f->chroma_bits), (lf_word){0});
    LF_UNROLL
    for (int c = 0; c < 3; c++) chroma[c] = lf_mul(x[3 + c][k] + lf_mul(colouring, d[c]) - grey, gain); /* 16 to a level */
    const lf_word most = lf_maxw(lf_maxw(chroma[0], chroma[1]), chroma[2]);
    const lf_word least = lf_minw(lf_minw(chroma[0], chroma[1]), chroma[2]);
    const lf_word outside = (lf_word)(lf_adds(luma >> 3, most) > 4080) | (lf_word)((luma >> 3) + least < 0);
    LF_UNROLL
    for (int c = 0; c < 3; c++) rgb[c] = (luma + (chroma[c] << 3) + 64) >> 7;
    if (lf_any(outside)) {
        const lf_word white = lf_word_of(2040), one = lf_word_of(1);
        lf_word high = most >> 1, low = -(least >> 1), level = luma >> 4;
        const lf_word scale = lf_maxw(lf_ratio(white, lf_maxw(level + high, white), 2), lf_ratio(lowest >> 4, lf_maxw(level, one), 8));
        level = lf_mul(level, scale);
        high = lf_mul(high, scale);
        low = lf_mul(low, scale);
        const lf_word room = lf_maxw(white - level, (lf_word){0});
        const lf_word to_white = lf_ratio(lf_minw(room, high), lf_maxw(high, one), 8);
        const lf_word to_black = lf_ratio(lf_minw(level, low), lf_maxw(low, one), 8);
        const lf_word keep = lf_minw(lf_pickw((lf_word)(high > room), to_white, lf_word_of(32767)),
                                     lf_pickw((lf_word)(low > level), to_black, lf_word_of(32767)));
        luma = lf_mul(luma, scale);
        LF_UNROLL
        for (int c = 0; c < 3; c++)
            rgb[c] = lf_pickw(outside, (luma + (lf_mul(lf_mul(chroma[c], scale), keep) << 3) + 64) >> 7, rgb[c]);
    }
}

/* LF_WORDS pixels of interleaved RGB as three vectors, and back, held to 0 .. 255. */
#if defined(__AVX2__)
#define LF_LANE(x) (x), (x) + 3, (x) + 6
LF_INLINE void lf_read_words(const uint8_t *at, lf_word rgb[3]) {
    /* Eight pixels a lane of 16 bytes: the bytes 0 .. 15 of their 24 in one vector, 8 .. 23 in another. */
    for (int c = 0; c < 3; c++) {
        int8_t first[16], second[16];
        LF_UNROLL
        for (int i = 0; i < 8; i++) {
            const int byte = 3 * i + c;
            first[2 * i] = (int8_t)(byte < 16 ? byte : -1);
            second[2 * i] = (int8_t)(byte < 16 ? -1 : byte - 8);
            first[2 * i + 1] = second[2 * i + 1] = -1;
        }
        const __m128i pick = _mm_loadu_si128((const __m128i *)first), rest = _mm_loadu_si128((const __m128i *)second);
#if defined(__AVX512BW__)
        const __m512i whole = _mm512_loadu_si512(at), end = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)(at + 64)));
        const __m512i a = _mm512_permutex2var_epi32(whole, _mm512_setr_epi32(0, 1, 2, 3, 6, 7, 8, 9, 12, 13, 14, 15, 18, 19, 20, 21), end);
        const __m512i b = _mm512_permutex2var_epi32(whole, _mm512_setr_epi32(2, 3, 4, 5, 8, 9, 10, 11, 14, 15, 16, 17, 20, 21, 22, 23), end);
        rgb[c] = (lf_word)_mm512_or_si512(_mm512_shuffle_epi8(a, _mm512_broadcast_i32x4(pick)), _mm512_shuffle_epi8(b, _mm512_broadcast_i32x4(rest)));
#else
        const __m256i a = _mm256_loadu2_m128i((const __m128i *)(at + 24), (const __m128i *)at);
        const __m256i b = _mm256_loadu2_m128i((const __m128i *)(at + 32), (const __m128i *)(at + 8));
        rgb[c] = (lf_word)_mm256_or_si256(_mm256_shuffle_epi8(a, _mm256_broadcastsi128_si256(pick)), _mm256_shuffle_epi8(b, _mm256_broadcastsi128_si256(rest)));
#endif
    }
}
LF_INLINE void lf_write_words(uint8_t *at, const lf_word rgb[3]) {
    const __m128i low_rg = _mm_setr_epi8(0, 8, -1, 1, 9, -1, 2, 10, -1, 3, 11, -1, 4, 12, -1, 5), low_b = _mm_setr_epi8(-1, -1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1);
    const __m128i high_rg = _mm_setr_epi8(13, -1, 6, 14, -1, 7, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1), high_b = _mm_setr_epi8(-1, 5, -1, -1, 6, -1, -1, 7, -1, -1, -1, -1, -1, -1, -1, -1);
#if defined(__AVX512BW__)
#define LF_BOTH(a, b) _mm512_or_si512(_mm512_shuffle_epi8(rg, _mm512_broadcast_i32x4(a)), _mm512_shuffle_epi8(bb, _mm512_broadcast_i32x4(b)))
    const __m512i rg = _mm512_packus_epi16((__m512i)rgb[0], (__m512i)rgb[1]), bb = _mm512_packus_epi16((__m512i)rgb[2], (__m512i)rgb[2]);
    const __m512i a = LF_BOTH(low_rg, low_b), b = LF_BOTH(high_rg, high_b);
    _mm512_storeu_si512(at, _mm512_permutex2var_epi32(a, _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 4, 5, 6, 7, 20, 21, 8, 9, 10, 11), b));
    _mm256_storeu_si256((__m256i *)(at + 64), _mm512_castsi512_si256(_mm512_permutex2var_epi32(a, _mm512_setr_epi32(24, 25, 12, 13, 14, 15, 28, 29, 0, 0, 0, 0, 0, 0, 0, 0), b)));
#else
#define LF_BOTH(a, b) _mm256_or_si256(_mm256_shuffle_epi8(rg, _mm256_broadcastsi128_si256(a)), _mm256_shuffle_epi8(bb, _mm256_broadcastsi128_si256(b)))
    const __m256i rg = _mm256_packus_epi16((__m256i)rgb[0], (__m256i)rgb[1]), bb = _mm256_packus_epi16((__m256i)rgb[2], (__m256i)rgb[2]);
    const __m256i a = LF_BOTH(low_rg, low_b), b = LF_BOTH(high_rg, high_b);
    _mm_storeu_si128((__m128i *)at, _mm256_castsi256_si128(a));
    _mm_storel_epi64((__m128i *)(at + 16), _mm256_castsi256_si128(b));
    _mm_storeu_si128((__m128i *)(at + 24), _mm256_extracti128_si256(a, 1));
    _mm_storel_epi64((__m128i *)(at + 40), _mm256_extracti128_si256(b, 1));
#endif
#undef LF_BOTH
}
#else
LF_INLINE void lf_read_words(const uint8_t *at, lf_word rgb[3]) {
    for (int i = 0; i < LF_WORDS; i++)
        for (int c = 0; c < 3; c++) rgb[c][i] = at[3 * i + c];
}
LF_INLINE void lf_write_words(uint8_t *at, const lf_word rgb[3]) {
    for (int i = 0; i < LF_WORDS; i++)
        for (int c = 0; c < 3; c++) at[3 * i + c] = (uint8_t)(rgb[c][i] < 0 ? 0 : rgb[c][i] > 255 ? 255 : rgb[c][i]);
}
#endif

/* A tile of LF_WORD_TILE pixels of under and over to out. Contexts lie between two rows, LF_WORD_COLUMNS apart a channel: upper
 * + part * step, part in Q15. hidden is a constant. */
LF_INLINE void lf_fixed_tile(const lf_fixed *f, const uint8_t *under, const uint8_t *over, uint8_t *out, const int16_t *upper,
                             const int16_t *step, int16_t part, const int hidden) {
    lf_words_of_tile x[6], first[8], second[8], answers[5];
    LF_UNROLL
    for (int k = 0; k < LF_PAIR; k++) {
        lf_word rgb[3];
        for (int p = 0; p < 2; p++) {
            lf_read_words((p ? over : under) + 3 * k * LF_WORDS, rgb);
            LF_UNROLL
            for (int c = 0; c < 3; c++) x[3 * p + c][k] = rgb[c] << 7;
        }
        LF_UNROLL
        for (int c = 0; c < 13; c++) {
            const int at = c * LF_WORD_COLUMNS + k * LF_WORDS;
            const lf_word value = *(const lf_loose_word *)(upper + at) + lf_mul(*(const lf_loose_word *)(step + at), lf_word_of(part));
            if (c < 8) first[c][k] = value; else answers[c - 8][k] = value;
        }
        LF_UNROLL
        for (int c = 0; c < hidden; c++) second[c][k] = lf_spread(f->b2 + c);
    }
    lf_fixed_layer(x, 6, first, 8, f->w1, 1);
    lf_fixed_layer(first, 8, second, hidden, f->w2, 1);
    lf_fixed_layer(second, hidden, answers, 5, f->w3, 0);
    LF_UNROLL
    for (int k = 0; k < LF_PAIR; k++) {
        lf_word rgb[3];
        lf_fixed_structure(f, (const lf_words_of_tile *)answers, (const lf_words_of_tile *)x, k, rgb);
        lf_write_words(out + 3 * k * LF_WORDS, rgb);
    }
}

#endif
