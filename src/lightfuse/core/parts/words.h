/* Vectors of 16-bit integers, whose operations give the same bits on every processor, and pixels of 8 bits in and out.
 *
 * The one product is (a * b + 2^14) >> 15: vpmulhrsw of AVX2 and AVX-512, sqrdmulh of NEON, i16x8.q15mulr_sat of
 * WebAssembly. Those differ where both factors are -32768, which therefore never happens. Sums without `_sat` wrap. */
#ifndef LIGHTFUSE_WORDS_H
#define LIGHTFUSE_WORDS_H

#include "pixels.h"

#if defined(__ARM_NEON)
#include <arm_neon.h>
#elif defined(__wasm_simd128__)
#include <wasm_simd128.h>
#elif defined(__SSE2__) && !defined(__AVX2__)
#include <emmintrin.h>
#endif

/* LF_WORDS integers in a vector; a layer works on LF_PAIR of them, so that a weight once loaded serves both, and on
 * LF_SUMS output channels at once, whose sums stay in registers; a tile is LF_VECTORS vectors of pixels. */
#if defined(__AVX512BW__)
enum { LF_WORDS = 32, LF_PAIR = 2, LF_SUMS = 8 };
#elif defined(__AVX2__)
enum { LF_WORDS = 16, LF_PAIR = 2, LF_SUMS = 5 };
#elif defined(__aarch64__)
enum { LF_WORDS = 8, LF_PAIR = 2, LF_SUMS = 8 };
#elif defined(__wasm_simd128__) /* half the code */
enum { LF_WORDS = 8, LF_PAIR = 1, LF_SUMS = 8 };
#elif defined(__SSE2__) || defined(__ARM_NEON)
enum { LF_WORDS = 8, LF_PAIR = 2, LF_SUMS = 4 };
#else
enum { LF_WORDS = 1, LF_PAIR = 1, LF_SUMS = 4 };
#endif
/* Whether layers skip inputs that are 0 in all pixels: NEON has no quick way to find out. */
#if defined(__ARM_NEON)
enum { LF_SKIPPED = 0 };
#else
enum { LF_SKIPPED = 1 };
#endif
enum { LF_VECTORS = LF_WORDS > 8 ? 2 * LF_PAIR : LF_PAIR, LF_WORD_TILE = LF_VECTORS * LF_WORDS };

typedef int16_t lf_word __attribute__((vector_size(2 * LF_WORDS), may_alias));
typedef int16_t lf_loose_word __attribute__((vector_size(2 * LF_WORDS), may_alias, aligned(2)));
typedef lf_word lf_word_plane[LF_VECTORS]; /* one channel of a tile */

LF_INLINE lf_word lf_word_of(int x) { return (int16_t)x - (lf_word){0}; }
LF_INLINE lf_word lf_load_words(const int16_t *p) { return *(const lf_loose_word *)p; }
LF_INLINE void lf_store_words(int16_t *p, lf_word value) { *(lf_loose_word *)p = value; }

/* The product; sums and differences held to 16 bits; minimum and maximum. */
#define LF_WORD_OPS(cast, mul, add, subtract, least, most)                                                            \
    LF_INLINE lf_word lf_mul(lf_word a, lf_word b) { return (lf_word)mul((cast)a, (cast)b); }                         \
    LF_INLINE lf_word lf_add_sat(lf_word a, lf_word b) { return (lf_word)add((cast)a, (cast)b); }                     \
    LF_INLINE lf_word lf_sub_sat(lf_word a, lf_word b) { return (lf_word)subtract((cast)a, (cast)b); }                \
    LF_INLINE lf_word lf_min_words(lf_word a, lf_word b) { return (lf_word)least((cast)a, (cast)b); }                 \
    LF_INLINE lf_word lf_max_words(lf_word a, lf_word b) { return (lf_word)most((cast)a, (cast)b); }
#if defined(__AVX512BW__)
LF_WORD_OPS(__m512i, _mm512_mulhrs_epi16, _mm512_adds_epi16, _mm512_subs_epi16, _mm512_min_epi16, _mm512_max_epi16)
#elif defined(__AVX2__)
LF_WORD_OPS(__m256i, _mm256_mulhrs_epi16, _mm256_adds_epi16, _mm256_subs_epi16, _mm256_min_epi16, _mm256_max_epi16)
#elif defined(__SSE2__)
LF_INLINE __m128i lf_mulhrs(__m128i a, __m128i b) {
    const __m128i low = _mm_srli_epi16(_mm_mullo_epi16(a, b), 14), high = _mm_slli_epi16(_mm_mulhi_epi16(a, b), 1);
    return _mm_add_epi16(high, _mm_srli_epi16(_mm_add_epi16(low, _mm_set1_epi16(1)), 1));
}
LF_WORD_OPS(__m128i, lf_mulhrs, _mm_adds_epi16, _mm_subs_epi16, _mm_min_epi16, _mm_max_epi16)
#elif defined(__ARM_NEON)
LF_WORD_OPS(int16x8_t, vqrdmulhq_s16, vqaddq_s16, vqsubq_s16, vminq_s16, vmaxq_s16)
#elif defined(__wasm_simd128__)
LF_WORD_OPS(v128_t, wasm_i16x8_q15mulr_sat, wasm_i16x8_add_sat, wasm_i16x8_sub_sat, wasm_i16x8_min, wasm_i16x8_max)
#else
#define LF_PLAIN_OP(name, value)                                                                                      \
    LF_INLINE lf_word name(lf_word a, lf_word b) {                                                                    \
        for (int i = 0; i < LF_WORDS; i++) {                                                                          \
            const int32_t x = a[i], y = b[i], z = value;                                                              \
            a[i] = (int16_t)(z < -32768 ? -32768 : z > 32767 ? 32767 : z);                                            \
        }                                                                                                             \
        return a;                                                                                                     \
    }
LF_PLAIN_OP(lf_mul, (x * y + 0x4000) >> 15)
LF_PLAIN_OP(lf_add_sat, x + y)
LF_PLAIN_OP(lf_sub_sat, x - y)
LF_PLAIN_OP(lf_min_words, x < y ? x : y)
LF_PLAIN_OP(lf_max_words, x > y ? x : y)
#undef LF_PLAIN_OP
#endif
#undef LF_WORD_OPS

/* Where a > b: on AVX-512 bits, else elements that are all ones; a where a mask says so, else b; whether it does anywhere. */
#if defined(__AVX512BW__)
typedef __mmask32 lf_mask;
LF_INLINE lf_mask lf_more(lf_word a, lf_word b) { return _mm512_cmpgt_epi16_mask((__m512i)a, (__m512i)b); }
LF_INLINE lf_word lf_pick_words(lf_mask mask, lf_word a, lf_word b) {
    return (lf_word)_mm512_mask_mov_epi16((__m512i)b, mask, (__m512i)a);
}
LF_INLINE int lf_any(lf_mask mask) { return mask != 0; }
#else
typedef lf_word lf_mask;
LF_INLINE lf_mask lf_more(lf_word a, lf_word b) { return (lf_mask)(a > b); }
LF_INLINE lf_word lf_pick_words(lf_mask mask, lf_word a, lf_word b) {
#if defined(__AVX2__)
    return (lf_word)_mm256_blendv_epi8((__m256i)b, (__m256i)a, (__m256i)mask);
#elif defined(__wasm_simd128__)
    return (lf_word)wasm_v128_bitselect((v128_t)a, (v128_t)b, (v128_t)mask);
#else
    return (a & mask) | (b & ~mask);
#endif
}
LF_INLINE int lf_any(lf_mask mask) {
#if defined(__AVX2__)
    return !_mm256_testz_si256((__m256i)mask, (__m256i)mask);
#elif defined(__SSE2__)
    return _mm_movemask_epi8((__m128i)mask) != 0;
#elif defined(__aarch64__)
    return vmaxvq_u16((uint16x8_t)mask) != 0;
#elif defined(__wasm_simd128__)
    return wasm_v128_any_true((v128_t)mask);
#else
    int any = 0;
    for (int i = 0; i < LF_WORDS; i++) any |= mask[i];
    return any;
#endif
}
#endif
/* Whether any of the numbers, none of which is negative, is not 0. */
LF_INLINE int lf_any_above(lf_word a) {
#if defined(__AVX2__) && !defined(__AVX512BW__)
    return lf_any(a);
#else
    return lf_any(lf_more(a, (lf_word){0}));
#endif
}

/* a * 2^bits, held to 16 bits; of a from 0 on if held < 1, and of a that is never below that if held < 0. */
LF_INLINE lf_word lf_raise(lf_word a, int bits, const int held) {
    if (held >= 0) a = lf_max_words(a, held ? lf_word_of(-(32768 >> bits)) : lf_word_of(0));
    return lf_min_words(a, lf_word_of(32767 >> bits)) << (int16_t)bits;
}

/* Where d < 2^(15 - bits): n and d times 2^bits. */
LF_INLINE void lf_scale_up(lf_word *n, lf_word *d, const int bits) {
    const lf_mask small = lf_more(lf_word_of(1 << (15 - bits)), *d);
    *n = lf_pick_words(small, *n << bits, *n);
    *d = lf_pick_words(small, *d << bits, *d);
}

/* 2^29 / d of d in [2^14, 2^15), to 1e-4: a parabola of least largest relative error, and a step of Newton's from there. */
LF_INLINE lf_word lf_word_reciprocal(lf_word d) {
    const lf_word v = d + d; /* 2^16 less, as it wraps */
    lf_word y = lf_mul(v, lf_word_of(10592)) - 5296;
    y = lf_mul(y, v) + 16549;
    const lf_word p = lf_mul(d, y);
    return y + lf_mul(y, lf_word_of(-32766) - (p + p));
}

/* n / d in Q15 of 0 <= n <= d, where d >= 2^(15 - 2 * from); from is 2, 4 or 8, a constant. */
LF_INLINE lf_word lf_ratio(lf_word n, lf_word d, const int from) {
    if (from > 4) lf_scale_up(&n, &d, 8);
    if (from > 2) lf_scale_up(&n, &d, 4);
    lf_scale_up(&n, &d, 2);
    lf_scale_up(&n, &d, 1);
    const lf_word half = lf_mul(n, lf_word_reciprocal(d));
    return lf_add_sat(half, half);
}

/* 1 / (1 + e^(8 x)) in Q15, of |x| in Q15 and x, to 1.3e-4: a polynomial of least largest error to the eighth power. */
LF_INLINE lf_word lf_word_falling(lf_word size, lf_word x) {
    lf_word y = lf_mul(size, lf_word_of(-11887)) + 25325; /* in Q14 but for the last sum */
    y = lf_mul(y, size) - 15284;
    y = lf_mul(y, size) - 7429;
    y = lf_mul(y, size);
    y = y + y + 30047;
    y = lf_mul(y, y);
    y = lf_mul(y, y);
    y = lf_mul(y, y);
    return y ^ ((x >> 15) & 32767); /* 32767 - y where x < 0 */
}

/* ---- LF_WORDS pixels of interleaved RGB as three vectors of values * 2^7, and back from values, held to 0 .. 255 -------- */

#if defined(__AVX2__)
/* Eight pixels a lane of 16 bytes: bytes 0 .. 15 of their 24 in one vector, 8 .. 23 in another. */
LF_INLINE void lf_read_words(const uint8_t *at, lf_word rgb[3]) {
#if defined(__AVX512BW__)
    const __m512i whole = _mm512_loadu_si512(at), rest = _mm512_castsi256_si512(_mm256_loadu_si256((const void *)(at + 64)));
    const __m512i first = _mm512_setr_epi32(0, 1, 2, 3, 6, 7, 8, 9, 12, 13, 14, 15, 18, 19, 20, 21);
    const __m512i a = _mm512_permutex2var_epi32(whole, first, rest);
    const __m512i b = _mm512_permutex2var_epi32(whole, _mm512_add_epi32(first, _mm512_set1_epi32(2)), rest);
#define LF_PICK(v, places) _mm512_shuffle_epi8(v, _mm512_broadcast_i32x4(places))
#define LF_PICK_BOTH(a, places, b, others, where) \
    _mm512_mask_shuffle_epi8(LF_PICK(a, places), (where) * 0x1000100010001u, b, _mm512_broadcast_i32x4(others))
#else
    const __m256i a = _mm256_loadu2_m128i((const __m128i *)(at + 24), (const __m128i *)at);
    const __m256i b = _mm256_loadu2_m128i((const __m128i *)(at + 32), (const __m128i *)(at + 8));
#define LF_PICK(v, places) _mm256_shuffle_epi8(v, _mm256_broadcastsi128_si256(places))
#define LF_PICK_BOTH(a, places, b, others, where) _mm256_or_si256(LF_PICK(a, places), LF_PICK(b, others))
#endif
#define LF_COLOUR(c, at5, in_b, where)                                                                                \
    const __m128i first##c = _mm_setr_epi8(c, -1, c + 3, -1, c + 6, -1, c + 9, -1, c + 12, -1, at5, -1, -1, -1, -1, -1); \
    const __m128i second##c = _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, in_b, -1, c + 10, -1, c + 13, -1); \
    rgb[c] = (lf_word)LF_PICK_BOTH(a, first##c, b, second##c, where) << 7
    LF_COLOUR(0, 15, -1, 0xf000u);
    LF_COLOUR(1, -1, 8, 0xfc00u);
    LF_COLOUR(2, -1, 9, 0xfc00u);
#undef LF_COLOUR
}
LF_INLINE void lf_write_words(uint8_t *at, const lf_word rgb[3]) {
    const __m128i low_rg = _mm_setr_epi8(0, 8, -1, 1, 9, -1, 2, 10, -1, 3, 11, -1, 4, 12, -1, 5);
    const __m128i low_b = _mm_setr_epi8(-1, -1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1);
    const __m128i high_rg = _mm_setr_epi8(13, -1, 6, 14, -1, 7, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    const __m128i high_b = _mm_setr_epi8(-1, 5, -1, -1, 6, -1, -1, 7, -1, -1, -1, -1, -1, -1, -1, -1);
#if defined(__AVX512BW__)
    const __m512i rg = _mm512_packus_epi16((__m512i)rgb[0], (__m512i)rgb[1]), blue = _mm512_packus_epi16((__m512i)rgb[2], (__m512i)rgb[2]);
    const __m512i a = LF_PICK_BOTH(rg, low_rg, blue, low_b, 0x4924u);
    const __m512i b = LF_PICK_BOTH(rg, high_rg, blue, high_b, 0x92u);
    const __m512i begin = _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 4, 5, 6, 7, 20, 21, 8, 9, 10, 11);
    const __m512i end = _mm512_setr_epi32(24, 25, 12, 13, 14, 15, 28, 29, 0, 0, 0, 0, 0, 0, 0, 0);
    _mm512_storeu_si512(at, _mm512_permutex2var_epi32(a, begin, b));
    _mm256_storeu_si256((__m256i *)(at + 64), _mm512_castsi512_si256(_mm512_permutex2var_epi32(a, end, b)));
#else
    const __m256i rg = _mm256_packus_epi16((__m256i)rgb[0], (__m256i)rgb[1]), blue = _mm256_packus_epi16((__m256i)rgb[2], (__m256i)rgb[2]);
    const __m256i a = LF_PICK_BOTH(rg, low_rg, blue, low_b, 0x4924u);
    const __m256i b = LF_PICK_BOTH(rg, high_rg, blue, high_b, 0x92u);
    _mm_storeu_si128((__m128i *)at, _mm256_castsi256_si128(a));
    _mm_storel_epi64((__m128i *)(at + 16), _mm256_castsi256_si128(b));
    _mm_storeu_si128((__m128i *)(at + 24), _mm256_extracti128_si256(a, 1));
    _mm_storel_epi64((__m128i *)(at + 40), _mm256_extracti128_si256(b, 1));
#endif
}
#undef LF_PICK
#undef LF_PICK_BOTH
#elif defined(__ARM_NEON)
LF_INLINE void lf_read_words(const uint8_t *at, lf_word rgb[3]) {
    const uint8x8x3_t pixels = vld3_u8(at);
    for (int c = 0; c < 3; c++) rgb[c] = (lf_word)vshll_n_u8(pixels.val[c], 7);
}
LF_INLINE void lf_write_words(uint8_t *at, const lf_word rgb[3]) {
    uint8x8x3_t pixels;
    for (int c = 0; c < 3; c++) pixels.val[c] = vqmovun_s16((int16x8_t)rgb[c]);
    vst3_u8(at, pixels);
}
#elif defined(__wasm_simd128__)
/* The 24 bytes are bytes 0 .. 15 of one vector and 8 .. 15 of another, which shuffles number 24 .. 31. */
LF_INLINE void lf_read_words(const uint8_t *at, lf_word rgb[3]) {
    const v128_t a = wasm_v128_load(at), b = wasm_v128_load(at + 8);
#define LF_COLOUR(c, at5) \
    rgb[c] = (lf_word)wasm_u16x8_extend_low_u8x16(wasm_i8x16_shuffle(a, b, c, c + 3, c + 6, c + 9, c + 12, at5, c + 26, c + 29, 0, 0, 0, 0, 0, 0, 0, 0)) << 7
    LF_COLOUR(0, 15);
    LF_COLOUR(1, 24);
    LF_COLOUR(2, 25);
#undef LF_COLOUR
}
LF_INLINE void lf_write_words(uint8_t *at, const lf_word rgb[3]) {
    const v128_t rg = wasm_u8x16_narrow_i16x8((v128_t)rgb[0], (v128_t)rgb[1]), b = wasm_u8x16_narrow_i16x8((v128_t)rgb[2], (v128_t)rgb[2]);
    wasm_v128_store(at, wasm_i8x16_shuffle(rg, b, 0, 8, 16, 1, 9, 17, 2, 10, 18, 3, 11, 19, 4, 12, 20, 5));
    wasm_v128_store64_lane(at + 16, wasm_i8x16_shuffle(rg, b, 13, 21, 6, 14, 22, 7, 15, 23, 0, 0, 0, 0, 0, 0, 0, 0), 0);
}
#else
LF_INLINE void lf_read_words(const uint8_t *at, lf_word rgb[3]) {
    for (int i = 0; i < LF_WORDS; i++)
        for (int c = 0; c < 3; c++) ((int16_t *)&rgb[c])[i] = (int16_t)(at[3 * i + c] << 7);
}
LF_INLINE void lf_write_words(uint8_t *at, const lf_word rgb[3]) {
    for (int i = 0; i < LF_WORDS; i++)
        for (int c = 0; c < 3; c++) at[3 * i + c] = (uint8_t)(rgb[c][i] < 0 ? 0 : rgb[c][i] > 255 ? 255 : rgb[c][i]);
}
#endif

#endif
