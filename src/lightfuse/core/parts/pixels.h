/* Pixels in and out: rows of interleaved RGB to planes of floats and back. */
#ifndef LIGHTFUSE_PIXELS_H
#define LIGHTFUSE_PIXELS_H

#include "types.h"
#include "vectors.h"

/* What a value of 1 is in a picture of a type. */
LF_INLINE float lf_top(lf_type type) { return type == LF_U8 ? 255.0f : type == LF_U16 ? 65535.0f : 1.0f; }

/* A value of 16 bits at any address. */
typedef uint16_t lf_u16 __attribute__((may_alias, aligned(1)));

enum { LF_AHEAD = 1024 }; /* bytes of a row to have brought into the cache before they are wanted, where whole rows are read */

/* memcpy without libc, for the few bytes at a row's end. */
LF_INLINE void lf_copy(void *restrict to, const void *restrict from, int bytes) {
    for (int i = 0; i < bytes; i++) ((char *)to)[i] = ((const char *)from)[i];
}

/* ---- One vector of pixels, as raw numbers ----------------------------------------------------------------------- */

/* The plain way, for every type and processor. */
#define LF_READ_PLAIN(value)                                                                                          \
    for (int i = 0; i < LF_LANES; i++)                                                                                \
        for (int c = 0; c < 3; c++) ((float *)&rgb[c])[i] = (float)((const value *)at)[3 * i + c]
#define LF_WRITE_PLAIN(value)                                                                                         \
    for (int c = 0; c < 3; c++) {                                                                                     \
        const lf_ivec whole = lf_to_int(rgb[c]);                                                                      \
        for (int i = 0; i < LF_LANES; i++) ((value *)at)[3 * i + c] = (value)whole[i];                                \
    }

#if defined(__AVX512BW__)
/* 12 bytes, four pixels, in each 16-byte lane; then a byte shuffle takes one colour of them to four integers. */
LF_INLINE void lf_read_u8(const char *at, lf_vec rgb[3]) {
    const __m512i spread = _mm512_setr_epi32(0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10, 11, 11);
    const __m512i lanes = _mm512_permutexvar_epi32(spread, _mm512_maskz_loadu_epi32(0x0fff, at));
    for (int c = 0; c < 3; c++) {
        const __m512i pick = _mm512_broadcast_i32x4(
            _mm_setr_epi8(c, -1, -1, -1, c + 3, -1, -1, -1, c + 6, -1, -1, -1, c + 9, -1, -1, -1));
        rgb[c] = (lf_vec)_mm512_cvtepi32_ps(_mm512_shuffle_epi8(lanes, pick));
    }
}
/* Tables of 8 numbers a line: place(j), place(j + 1), ... */
#define LF_8(place, j) \
    place(j), place(j + 1), place(j + 2), place(j + 3), place(j + 4), place(j + 5), place(j + 6), place(j + 7)
#define LF_32(place, j) LF_8(place, j), LF_8(place, j + 8), LF_8(place, j + 16), LF_8(place, j + 24)

/* As 32 bits each: where number c of pixel i, 3 i + c, lies in 32 numbers or in the next 16. */
#define LF_FIRST(j) (j) / 2 * 3 & 31
#define LF_SECOND(j) ((j) / 2 * 3 + 1) & 31
#define LF_THIRD(j) ((j) / 2 * 3 + 2) & 31
static const uint16_t lf_number_places[3][32] __attribute__((aligned(64), unused)) = {
    {LF_32(LF_FIRST, 0)}, {LF_32(LF_SECOND, 0)}, {LF_32(LF_THIRD, 0)}};
/* Where number j of 16 pixels lies among their reds and greens, or blues, 4 of each in every 8. */
#define LF_AMONG(j) (j) / 12 * 8 + (j) / 3 % 4 + ((j) % 3 == 1 ? 4 : 0)
static const uint16_t lf_among_places[64] __attribute__((aligned(64), unused)) = {LF_32(LF_AMONG, 0), LF_32(LF_AMONG, 32)};

LF_INLINE void lf_read_u16(const char *at, lf_vec rgb[3]) {
    const __m512i low = _mm512_loadu_si512(at);
    const __m512i high = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)(at + 64)));
    const __m512i *table = (const __m512i *)lf_number_places;
    LF_UNROLL
    for (int c = 0; c < 3; c++) {
        const __mmask32 first = c == 2 ? 0x55555u : 0x155555u, all = 0x55555555u;
        __m512i numbers = _mm512_maskz_permutexvar_epi16(first, table[c], low);
        numbers = _mm512_mask_permutexvar_epi16(numbers, all & ~first, table[c], high);
        rgb[c] = (lf_vec)_mm512_cvtepi32_ps(numbers);
    }
}
LF_INLINE void lf_write_u16(char *at, const lf_vec rgb[3]) {
    const __m512i r = (__m512i)lf_to_int(rgb[0]), g = (__m512i)lf_to_int(rgb[1]), b = (__m512i)lf_to_int(rgb[2]);
    const __m512i red_green = _mm512_packus_epi32(r, g), blue = _mm512_packus_epi32(b, b);
    const __m512i low = *(const __m512i *)lf_among_places, high = *(const __m512i *)(lf_among_places + 32);
    /* Every third number is blue: 2, 5, 8 ... of the first 32, 0, 3, 6 ... of the rest. */
    _mm512_storeu_si512(at, _mm512_mask_permutexvar_epi16(_mm512_permutexvar_epi16(low, red_green), 0x24924924u, low, blue));
    _mm256_storeu_si256((__m256i *)(at + 64),
                        _mm512_castsi512_si256(_mm512_mask_permutexvar_epi16(_mm512_permutexvar_epi16(high, red_green),
                                                                             0x9249u, high, blue)));
}
#elif defined(__AVX2__)
LF_INLINE void lf_read_u8(const char *at, lf_vec rgb[3]) {
    const __m256i six = _mm256_setr_epi32(-1, -1, -1, -1, -1, -1, 0, 0);
    const __m256i lanes = _mm256_permutevar8x32_epi32(_mm256_maskload_epi32((const int *)at, six),
                                                      _mm256_setr_epi32(0, 1, 2, 2, 3, 4, 5, 5));
    for (int c = 0; c < 3; c++) {
        const __m256i pick = _mm256_broadcastsi128_si256(
            _mm_setr_epi8(c, -1, -1, -1, c + 3, -1, -1, -1, c + 6, -1, -1, -1, c + 9, -1, -1, -1));
        rgb[c] = (lf_vec)_mm256_cvtepi32_ps(_mm256_shuffle_epi8(lanes, pick));
    }
}
/* Four pixels a lane of 16 bytes: bytes 0 .. 15 of their 24 in one vector, 8 .. 23 in another. */
LF_INLINE void lf_read_u16(const char *at, lf_vec rgb[3]) {
    const __m256i a = _mm256_loadu2_m128i((const __m128i *)(at + 24), (const __m128i *)at);
    const __m256i b = _mm256_loadu2_m128i((const __m128i *)(at + 32), (const __m128i *)(at + 8));
#define LF_NUMBER(i) i, (i) < 0 ? -1 : (i) + 1, -1, -1
#define LF_COLOUR(c, third, in_b)                                                                                     \
    const __m128i first##c = _mm_setr_epi8(LF_NUMBER(2 * c), LF_NUMBER(2 * c + 6), LF_NUMBER(third), LF_NUMBER(-1));  \
    const __m128i last##c = _mm_setr_epi8(LF_NUMBER(-1), LF_NUMBER(-1), LF_NUMBER(in_b), LF_NUMBER(2 * c + 10));      \
    rgb[c] = (lf_vec)_mm256_cvtepi32_ps(_mm256_or_si256(_mm256_shuffle_epi8(a, _mm256_broadcastsi128_si256(first##c)), \
                                                        _mm256_shuffle_epi8(b, _mm256_broadcastsi128_si256(last##c))))
    LF_COLOUR(0, 12, -1);
    LF_COLOUR(1, 14, -1);
    LF_COLOUR(2, -1, 8);
#undef LF_COLOUR
#undef LF_NUMBER
}
LF_INLINE void lf_write_u16(char *at, const lf_vec rgb[3]) { LF_WRITE_PLAIN(lf_u16) }
#else
LF_INLINE void lf_read_u8(const char *at, lf_vec rgb[3]) { LF_READ_PLAIN(uint8_t); }
LF_INLINE void lf_read_u16(const char *at, lf_vec rgb[3]) { LF_READ_PLAIN(lf_u16); }
LF_INLINE void lf_write_u16(char *at, const lf_vec rgb[3]) { LF_WRITE_PLAIN(lf_u16) }
#endif
/* Pictures of 8 bits are fused in integers, but for models with wide hidden layers. */
LF_INLINE void lf_write_u8(char *at, const lf_vec rgb[3]) { LF_WRITE_PLAIN(uint8_t) }

LF_INLINE void lf_read_f32(const char *at, lf_vec rgb[3]) { LF_READ_PLAIN(float); }
LF_INLINE void lf_write_f32(char *at, const lf_vec rgb[3]) {
    for (int i = 0; i < LF_LANES; i++)
        for (int c = 0; c < 3; c++) ((float *)at)[3 * i + c] = rgb[c][i];
}
#undef LF_READ_PLAIN
#undef LF_WRITE_PLAIN

/* ---- A tile of pixels ------------------------------------------------------------------------------------------- */

/* LF_LANES pixels of a type, which is a constant where speed matters. */
LF_INLINE void lf_read_vector(const char *at, const lf_type type, lf_vec rgb[3]) {
    if (type == LF_U8)
        lf_read_u8(at, rgb);
    else if (type == LF_U16)
        lf_read_u16(at, rgb);
    else
        lf_read_f32(at, rgb);
}

/* Where `wanted` pixels lie, of which `count` exist: there, or all in the copy, the last repeated. */
LF_INLINE const char *lf_lengthened(const char *at, int count, int wanted, int bytes, char *copy) {
    if (count >= wanted) return at;
    lf_copy(copy, at, count * bytes);
    for (int i = count; i < wanted; i++) lf_copy(copy + i * bytes, copy + (count - 1) * bytes, bytes);
    return copy;
}

/* Pixels x .. x+LF_TILE-1 of a row as three planes of raw numbers; past the count that exist the last is repeated.
 * type is p->type, a constant where speed matters. */
LF_INLINE void lf_read_tile(const lf_picture *p, const lf_type type, int x, int y, int count,
                            lf_plane *restrict planes) {
    const int bytes = lf_pixel_bytes(type);
    char copy[12 * LF_TILE];
    const char *at = lf_lengthened(lf_at(p, x, y), count, LF_TILE, bytes, copy);
    LF_UNROLL
    for (int k = 0; k < LF_VECS; k++) {
        lf_vec rgb[3];
        lf_read_vector(at + k * LF_LANES * bytes, type, rgb);
        LF_UNROLL
        for (int c = 0; c < 3; c++) planes[c][k] = rgb[c];
    }
}

/* The first count pixels of three planes of raw numbers to a row, rounded to the picture's type and held to its range. */
LF_INLINE void lf_write_tile(const lf_picture *p, const lf_type type, int x, int y, int count, const lf_plane *planes) {
    const int bytes = lf_pixel_bytes(type);
    char *at = lf_at(p, x, y), copy[12 * LF_TILE];
    char *to = count < LF_TILE ? copy : at;
    LF_UNROLL
    for (int k = 0; k < LF_VECS; k++, to += LF_LANES * bytes) {
        lf_vec rgb[3];
        LF_UNROLL
        for (int c = 0; c < 3; c++)
            rgb[c] = lf_min(lf_max(planes[c][k], lf_splat(0.0f)), lf_splat(lf_top(type)));
        if (type == LF_U8)
            lf_write_u8(to, rgb);
        else if (type == LF_U16)
            lf_write_u16(to, rgb);
        else
            lf_write_f32(to, rgb);
    }
    if (count < LF_TILE) lf_copy(at, copy, count * bytes);
}

#endif
