/* Vectors of half-precision floats, where the processor multiplies them twice as many at a time: eight-bit pictures. */
#ifndef LIGHTFUSE_HALVES_H
#define LIGHTFUSE_HALVES_H

#include "pixels.h"

#if defined(__AVX512FP16__) && defined(__AVX512VBMI__)
#define LF_HALVES 1

enum { LF_LANES_f16 = 32, LF_VECS_f16 = 2, LF_OUTS_f16 = 8, LF_TILE_f16 = LF_LANES_f16 * LF_VECS_f16 };
enum { LF_COLUMNS_f16 = 512 };
typedef _Float16 lf_vec_f16 __attribute__((vector_size(2 * LF_LANES_f16), may_alias));
typedef _Float16 lf_loose_vec_f16 __attribute__((vector_size(2 * LF_LANES_f16), may_alias, aligned(2)));
typedef lf_vec_f16 lf_plane_f16[LF_VECS_f16];

LF_INLINE lf_vec_f16 lf_splat_f16(_Float16 x) { return (lf_vec_f16)_mm512_set1_ph(x); }
LF_INLINE lf_vec_f16 lf_load_f16(const _Float16 *p) { return *(const lf_loose_vec_f16 *)p; }
LF_INLINE lf_vec_f16 lf_min_f16(lf_vec_f16 a, lf_vec_f16 b) { return (lf_vec_f16)_mm512_min_ph((__m512h)a, (__m512h)b); }
LF_INLINE lf_vec_f16 lf_max_f16(lf_vec_f16 a, lf_vec_f16 b) { return (lf_vec_f16)_mm512_max_ph((__m512h)a, (__m512h)b); }
LF_INLINE lf_vec_f16 lf_reciprocal_f16(lf_vec_f16 a) { return (lf_vec_f16)_mm512_rcp_ph((__m512h)a); }

/* As lf_keep_hue_f32; pixels that have no such channel stay as they are to the bit, and few have one. */
LF_INLINE void lf_keep_hue_f16(lf_vec_f16 *r, lf_vec_f16 *g, lf_vec_f16 *b, float top) {
    const lf_vec_f16 white = lf_splat_f16((_Float16)top), largest = lf_max_f16(lf_max_f16(*r, *g), *b);
    const __mmask32 above = _mm512_cmp_ph_mask((__m512h)largest, (__m512h)white, _CMP_GT_OQ);
    if (!above) return;
    const __m512h scale = (__m512h)(white * lf_reciprocal_f16(largest));
    *r = (lf_vec_f16)_mm512_mask_mul_ph((__m512h)*r, above, (__m512h)*r, scale);
    *g = (lf_vec_f16)_mm512_mask_mul_ph((__m512h)*g, above, (__m512h)*g, scale);
    *b = (lf_vec_f16)_mm512_mask_mul_ph((__m512h)*b, above, (__m512h)*b, scale);
}

/* Twice, since 32 bits are spread over a vector as they are loaded, 16 bits only in a second step. */
typedef uint32_t lf_weight_f16;
LF_INLINE lf_weight_f16 lf_weight_of_f16(float x) {
    const union {
        _Float16 half;
        uint16_t bits;
    } weight = {(_Float16)x};
    return weight.bits * 0x10001u;
}
LF_INLINE lf_vec_f16 lf_splat_weight_f16(const lf_weight_f16 *p) { return (lf_vec_f16)_mm512_set1_epi32((int)*p); }

/* LF_LANES_f32 floats rounded to halves in memory. */
LF_INLINE void lf_store_f16(_Float16 *p, lf_vec_f32 value) {
    _mm256_storeu_ph(p, _mm512_cvtxps_ph((__m512)value));
}

/* Two vectors of halves as floats. */
LF_INLINE void lf_to_floats_f16(const lf_vec_f16 from[2], lf_vec_f32 to[4]) {
    LF_UNROLL
    for (int k = 0; k < 2; k++) {
        to[2 * k] = (lf_vec_f32)_mm512_cvtxph_ps((__m256h)_mm512_castsi512_si256((__m512i)from[k]));
        to[2 * k + 1] = (lf_vec_f32)_mm512_cvtxph_ps((__m256h)_mm512_extracti64x4_epi64((__m512i)from[k], 1));
    }
}

/* As lf_store_parted_f32. */
#define LF_PARTED(j) (j) / 16 + (j) % 16 * 2
static const uint16_t lf_parted_places[32] __attribute__((aligned(64), unused)) = {LF_32(LF_PARTED, 0)};
LF_INLINE void lf_store_parted_f16(_Float16 *to, int parted, lf_vec_f16 a, lf_vec_f16 b) {
    const lf_vec_f16 both[2] = {a, b};
    LF_UNROLL
    for (int k = 0; k < 2; k++) {
        const __m512i columns = _mm512_permutexvar_epi16(*(const __m512i *)lf_parted_places, (__m512i)both[k]);
        _mm256_storeu_si256((__m256i *)(to + 16 * k), _mm512_castsi512_si256(columns));
        _mm256_storeu_si256((__m256i *)(to + parted + 16 * k), _mm512_extracti64x4_epi64(columns, 1));
    }
}

/* 1 / (1 + 2^t) by a parabola for each 22 / 32 of t between -11 and 11: what t^0, t^1 and t^2 are multiplied by, as bits
 * of halves, the middle of the range at place 16. The largest error is 4e-4, most of it rounding. */
static const uint16_t lf_falling_parabolas[3][32] __attribute__((aligned(64), unused)) = {
    {0x3bd7, 0x3bca, 0x3bb3, 0x3b92, 0x3b66, 0x3b2a, 0x3add, 0x3a78, 0x3a00, 0x3975, 0x38e5,
     0x3862, 0x3808, 0x37c8, 0x37d8, 0x37f9, 0x3800, 0x3803, 0x3814, 0x381c, 0x37f0, 0x373c,
     0x3638, 0x3515, 0x3401, 0x321c, 0x308e, 0x2eac, 0x2cd2, 0x2add, 0x28d8, 0x26ca},
    {0x9aa4, 0x9c88, 0x9edb, 0xa130, 0xa3c4, 0xa5c7, 0xa83b, 0xaa29, 0xac60, 0xae10, 0xb00b,
     0xb11f, 0xb208, 0xb27c, 0xb253, 0xb1d0, 0xb187, 0xb1cd, 0xb253, 0xb27c, 0xb207, 0xb11f,
     0xb00c, 0xae0e, 0xac60, 0xaa26, 0xa83d, 0xa5c5, 0xa3c4, 0xa12e, 0x9ee2, 0x9c8c},
    {0x8852, 0x8a2e, 0x8cf5, 0x8ff9, 0x9267, 0x951e, 0x980e, 0x9a6a, 0x9cff, 0x9f9f, 0xa1a2,
     0xa3e8, 0xa522, 0xa5dd, 0xa574, 0xa2c3, 0x8002, 0x22bf, 0x2573, 0x25dd, 0x251f, 0x23e8,
     0x21a2, 0x1f9b, 0x1cfd, 0x1a69, 0x1810, 0x151e, 0x1264, 0x0ff7, 0x0cf9, 0x0a2e}};

/* 1024 and more have no bits behind the point: the lowest five of t * 32 / 22 + 1040 say which parabola. */
LF_INLINE lf_vec_f16 lf_falling_f16(lf_vec_f16 t) {
    t = lf_max_f16(lf_min_f16(t, lf_splat_f16((_Float16)10.6f)), lf_splat_f16((_Float16)-11.0f));
    const __m512i place = (__m512i)(t * (_Float16)1.45454545f + (_Float16)1040.0f);
    const __m512i *parabolas = (const __m512i *)lf_falling_parabolas;
    const lf_vec_f16 whole = (lf_vec_f16)_mm512_permutexvar_epi16(place, parabolas[0]),
                     first = (lf_vec_f16)_mm512_permutexvar_epi16(place, parabolas[1]),
                     second = (lf_vec_f16)_mm512_permutexvar_epi16(place, parabolas[2]);
    return (second * t + first) * t + whole;
}

/* As words: where byte c of pixel i, 3 i + c, lies in 64 bytes or in the next 32. */
#define LF_RED(j) ((j) / 2 * 3) & 63
#define LF_GREEN(j) ((j) / 2 * 3 + 1) & 63
#define LF_BLUE(j) ((j) / 2 * 3 + 2) & 63
static const uint8_t lf_colour_places[3][64] __attribute__((aligned(64), unused)) = {
    {LF_32(LF_RED, 0), LF_32(LF_RED, 32)}, {LF_32(LF_GREEN, 0), LF_32(LF_GREEN, 32)}, {LF_32(LF_BLUE, 0), LF_32(LF_BLUE, 32)}};
/* Where byte j of 32 pixels lies in their bytes of red and green, or of blue, 8 of each in every 16. */
#define LF_MIXED(j) (j) / 24 * 16 + (j) / 3 % 8 + ((j) % 3 == 1 ? 8 : 0)
static const uint8_t lf_mixed_places[128] __attribute__((aligned(64), unused)) = {LF_32(LF_MIXED, 0), LF_32(LF_MIXED, 32),
                                                                                  LF_32(LF_MIXED, 64)};

/* 32 pixels of 8 bits as raw numbers. Words of the first 21 (22 of red) pixels' bytes lie in the first 64. */
LF_INLINE void lf_read_u8_f16(const char *at, lf_vec_f16 rgb[3]) {
    const __m512i low = _mm512_loadu_si512(at);
    const __m512i high = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)(at + 64)));
    const __m512i *table = (const __m512i *)lf_colour_places;
    LF_UNROLL
    for (int c = 0; c < 3; c++) {
        const __mmask64 first = c == 0 ? 0x55555555555ull : 0x15555555555ull, all = 0x5555555555555555ull;
        __m512i words = _mm512_maskz_permutexvar_epi8(first, table[c], low);
        words = _mm512_mask_permutexvar_epi8(words, all & ~first, table[c], high);
        rgb[c] = (lf_vec_f16)_mm512_cvtepu16_ph(words);
    }
}

/* The reverse, rounded and held to 0 .. 255: bytes of red and green, then of blue twice, 8 of each in every 16. */
LF_INLINE void lf_write_u8_f16(char *at, const lf_vec_f16 rgb[3]) {
    const __m512i r = _mm512_cvtph_epi16((__m512h)rgb[0]), g = _mm512_cvtph_epi16((__m512h)rgb[1]),
                  b = _mm512_cvtph_epi16((__m512h)rgb[2]);
    const __m512i red_green = _mm512_packus_epi16(r, g), blue = _mm512_packus_epi16(b, b);
    const __m512i low = *(const __m512i *)lf_mixed_places, high = *(const __m512i *)(lf_mixed_places + 64);
    /* Every third byte is blue: the bytes 2, 5, 8 ... of the first 64, 1, 4, 7 ... of the rest. */
    _mm512_storeu_si512(at, _mm512_mask_permutexvar_epi8(_mm512_permutexvar_epi8(low, red_green), 0x4924924924924924ull,
                                                         low, blue));
    _mm256_storeu_si256((__m256i *)(at + 64),
                        _mm512_castsi512_si256(_mm512_mask_permutexvar_epi8(_mm512_permutexvar_epi8(high, red_green),
                                                                            0x92492492ull, high, blue)));
}

/* As lf_read_tile_f32, in raw numbers. */
LF_INLINE void lf_read_tile_f16(const lf_picture *p, const lf_type type, int x, int y, int count, lf_plane_f16 *planes) {
    const char *at = lf_at(p, x, y);
    char copy[3 * LF_TILE_f16];
    (void)type;
    if (count < LF_TILE_f16) {
        lf_copy(copy, at, count * 3);
        for (int i = count; i < LF_TILE_f16; i++) lf_copy(copy + i * 3, copy + (count - 1) * 3, 3);
        at = copy;
    }
    LF_UNROLL
    for (int k = 0; k < LF_VECS_f16; k++, at += LF_LANES_f16 * 3) {
        lf_vec_f16 rgb[3];
        lf_read_u8_f16(at, rgb);
        LF_UNROLL
        for (int c = 0; c < 3; c++) planes[c][k] = rgb[c];
    }
}

/* As lf_write_tile_f32. */
LF_INLINE void lf_write_tile_f16(const lf_picture *p, const lf_type type, int x, int y, int count,
                                 const lf_plane_f16 *planes) {
    char *at = lf_at(p, x, y), copy[3 * LF_TILE_f16];
    char *to = count < LF_TILE_f16 ? copy : at;
    (void)type;
    LF_UNROLL
    for (int k = 0; k < LF_VECS_f16; k++, to += LF_LANES_f16 * 3) {
        const lf_vec_f16 rgb[3] = {planes[0][k], planes[1][k], planes[2][k]};
        lf_write_u8_f16(to, rgb);
    }
    if (count < LF_TILE_f16) lf_copy(at, copy, count * 3);
}
#endif

#endif
