/* Vectors of floats as wide as the processor's, by GCC's and Clang's vector extensions. */
#ifndef LIGHTFUSE_VECTORS_H
#define LIGHTFUSE_VECTORS_H

#include <stddef.h>
#include <stdint.h>

#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpass-failed" /* where it unrolls less than asked for, that is fine */
#endif
#if defined(__AVX2__)
#include <immintrin.h>
#endif

/* LF_LANES_f32 floats in a vector; LF_VECS_f32 vectors of pixels in flight (a tile), so that a weight once loaded serves
 * them all; LF_OUTS_f32 output channels at once at most. Vectors times outputs, the sums, have to stay in registers. */
#if defined(__AVX512F__)
enum { LF_LANES_f32 = 16, LF_VECS_f32 = 2, LF_OUTS_f32 = 8 };
#elif defined(__AVX2__)
enum { LF_LANES_f32 = 8, LF_VECS_f32 = 2, LF_OUTS_f32 = 5 };
#elif defined(__aarch64__)
enum { LF_LANES_f32 = 4, LF_VECS_f32 = 3, LF_OUTS_f32 = 7 };
#elif defined(__SSE2__) || defined(__ARM_NEON) || defined(__wasm_simd128__) || defined(_M_X64)
enum { LF_LANES_f32 = 4, LF_VECS_f32 = 2, LF_OUTS_f32 = 5 };
#else /* no vectors: what compilers make of them instead stays short */
enum { LF_LANES_f32 = 4, LF_VECS_f32 = 1, LF_OUTS_f32 = 4 };
#endif
enum { LF_TILE_f32 = LF_LANES_f32 * LF_VECS_f32 };
enum { LF_COLUMNS_f32 = 256 }; /* pixels of a row whose context is spread out at once, to stay in the first cache */

/* may_alias: tiles are filled and read as plain floats too. */
typedef float lf_vec_f32 __attribute__((vector_size(4 * LF_LANES_f32), may_alias));
typedef float lf_loose_vec_f32 __attribute__((vector_size(4 * LF_LANES_f32), may_alias, aligned(4)));
typedef int32_t lf_ivec __attribute__((vector_size(4 * LF_LANES_f32)));
typedef lf_vec_f32 lf_plane_f32[LF_VECS_f32]; /* one channel of a tile: LF_TILE_f32 pixels of a row */

#define LF_INLINE static inline __attribute__((always_inline))
#define LF_CODE static __attribute__((unused))
#define LF_OUTLINE static __attribute__((unused, noinline))
#define LF_UNROLL _Pragma("GCC unroll 32")

/* Forget what is known of a value: keeps compilers from moving hundreds of weights out of a loop and into memory. */
#define LF_FORGET(value) __asm__("" : "+r"(value))

LF_INLINE int lf_min_int(int a, int b) { return a < b ? a : b; }
LF_INLINE lf_vec_f32 lf_splat_f32(float x) { return x - (lf_vec_f32){0}; }
LF_INLINE lf_vec_f32 lf_load_f32(const float *p) { return *(const lf_loose_vec_f32 *)p; }
LF_INLINE void lf_store_f32(float *p, lf_vec_f32 value) { *(lf_loose_vec_f32 *)p = value; }

/* A weight as it lies in memory, and a vector of it. */
typedef float lf_weight_f32;
LF_INLINE lf_weight_f32 lf_weight_of_f32(float x) { return x; }
LF_INLINE lf_vec_f32 lf_splat_weight_f32(const lf_weight_f32 *p) { return lf_splat_f32(*p); }

/* The first address in scratch that is a multiple of 64 bytes: vectors there never straddle two lines of the cache. */
LF_INLINE float *lf_aligned(float *scratch) { return (float *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63); }

/* C has no vector ?: in GCC, and compilers do not see minimum, maximum, rounding and reciprocal in what C can say of
 * vectors: where it matters the instruction is named. */
#if defined(__AVX512F__)
LF_INLINE lf_vec_f32 lf_min_f32(lf_vec_f32 a, lf_vec_f32 b) { return (lf_vec_f32)_mm512_min_ps((__m512)a, (__m512)b); }
LF_INLINE lf_vec_f32 lf_max_f32(lf_vec_f32 a, lf_vec_f32 b) { return (lf_vec_f32)_mm512_max_ps((__m512)a, (__m512)b); }
LF_INLINE lf_ivec lf_to_int(lf_vec_f32 a) { return (lf_ivec)_mm512_cvtps_epi32((__m512)a); }
LF_INLINE lf_vec_f32 lf_reciprocal_estimate(lf_vec_f32 a) { return (lf_vec_f32)_mm512_rcp14_ps((__m512)a); }
#elif defined(__AVX2__)
LF_INLINE lf_vec_f32 lf_min_f32(lf_vec_f32 a, lf_vec_f32 b) { return (lf_vec_f32)_mm256_min_ps((__m256)a, (__m256)b); }
LF_INLINE lf_vec_f32 lf_max_f32(lf_vec_f32 a, lf_vec_f32 b) { return (lf_vec_f32)_mm256_max_ps((__m256)a, (__m256)b); }
LF_INLINE lf_vec_f32 lf_round(lf_vec_f32 a) { return (lf_vec_f32)_mm256_round_ps((__m256)a, 8); }
LF_INLINE lf_ivec lf_to_int(lf_vec_f32 a) { return (lf_ivec)_mm256_cvtps_epi32((__m256)a); }
LF_INLINE lf_vec_f32 lf_reciprocal_estimate(lf_vec_f32 a) { return (lf_vec_f32)_mm256_rcp_ps((__m256)a); }
#else
LF_INLINE lf_vec_f32 lf_pick(lf_ivec mask, lf_vec_f32 a, lf_vec_f32 b) {
    return (lf_vec_f32)((mask & (lf_ivec)a) | (~mask & (lf_ivec)b));
}
LF_INLINE lf_vec_f32 lf_min_f32(lf_vec_f32 a, lf_vec_f32 b) { return lf_pick((lf_ivec)(a < b), a, b); }
LF_INLINE lf_vec_f32 lf_max_f32(lf_vec_f32 a, lf_vec_f32 b) { return lf_pick((lf_ivec)(a > b), a, b); }
LF_INLINE lf_vec_f32 lf_round(lf_vec_f32 a) { return (a + 12582912.0f) - 12582912.0f; } /* 1.5 * 2^23; |a| < 2^22 */
LF_INLINE lf_ivec lf_to_int(lf_vec_f32 a) { return __builtin_convertvector(lf_round(a), lf_ivec); }
#endif

/* The even and the odd numbers of two vectors. */
LF_INLINE void lf_part_columns(lf_vec_f32 a, lf_vec_f32 b, lf_vec_f32 *even, lf_vec_f32 *odd) {
#if defined(__AVX512F__)
    const __m512i places = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    *even = (lf_vec_f32)_mm512_permutex2var_ps((__m512)a, places, (__m512)b);
    *odd = (lf_vec_f32)_mm512_permutex2var_ps((__m512)a, _mm512_add_epi32(places, _mm512_set1_epi32(1)), (__m512)b);
#else
    for (int i = 0; i < LF_LANES_f32; i++) {
        (*even)[i] = 2 * i < LF_LANES_f32 ? a[2 * i] : b[2 * i - LF_LANES_f32];
        (*odd)[i] = 2 * i < LF_LANES_f32 ? a[2 * i + 1] : b[2 * i + 1 - LF_LANES_f32];
    }
#endif
}

/* 1 / a, to about 1e-7: an estimate and a step of Newton's, where there is an estimate. */
LF_INLINE lf_vec_f32 lf_reciprocal_f32(lf_vec_f32 a) {
#if defined(__AVX2__)
    const lf_vec_f32 guess = lf_reciprocal_estimate(a);
    return guess + guess * (1.0f - a * guess);
#else
    return 1.0f / a;
#endif
}

/* A pixel with a channel above top is divided by its largest: clipped, a highlight would change hue. */
LF_INLINE void lf_keep_hue_f32(lf_vec_f32 *r, lf_vec_f32 *g, lf_vec_f32 *b, float top) {
    const lf_vec_f32 largest = lf_max_f32(lf_max_f32(*r, *g), lf_max_f32(*b, lf_splat_f32(top)));
    const lf_vec_f32 scale = top * lf_reciprocal_f32(largest);
    *r *= scale;
    *g *= scale;
    *b *= scale;
}

/* 1 / (1 + 2^t), to about 1e-6: 2^t = 2^whole * 2^part, 2^part by a polynomial of least largest error. */
LF_INLINE lf_vec_f32 lf_falling_f32(lf_vec_f32 t) {
#if defined(__AVX512DQ__)
    const lf_vec_f32 part = (lf_vec_f32)_mm512_reduce_ps((__m512)t, 1); /* t - floor(t) */
    lf_vec_f32 power = part * 1.35341672e-2f + 5.20114619e-2f;
    power = power * part + 2.41442756e-1f;
    power = power * part + 6.93003835e-1f;
    power = power * part + 1.00000259f;
    power = (lf_vec_f32)_mm512_scalef_ps((__m512)power, (__m512)t);
    /* Infinity for t > 127; an estimate of its reciprocal is 0, a step of Newton's from there no number. */
    const lf_vec_f32 guess = lf_reciprocal_estimate(1.0f + lf_min_f32(power, lf_splat_f32(1e30f)));
    return guess + guess * (1.0f - (1.0f + lf_min_f32(power, lf_splat_f32(1e30f))) * guess);
#else
    t = lf_max_f32(lf_min_f32(t, lf_splat_f32(80.0f)), lf_splat_f32(-80.0f));
    const lf_vec_f32 whole = lf_round(t), part = t - whole;
    lf_vec_f32 power = part * 9.57010144e-3f + 5.59178603e-2f;
    power = power * part + 2.40247448e-1f;
    power = power * part + 6.93121815e-1f;
    power = power * part + 9.99999261e-1f;
    return lf_reciprocal_f32(1.0f + power * (lf_vec_f32)((__builtin_convertvector(whole, lf_ivec) + 127) << 23));
#endif
}

#endif
