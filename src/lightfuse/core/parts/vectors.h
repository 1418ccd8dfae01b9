/* Vectors of floats as wide as the processor's, by GCC's and Clang's vector extensions. */
#ifndef LIGHTFUSE_VECTORS_H
#define LIGHTFUSE_VECTORS_H

#include <stddef.h>
#include <stdint.h>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

/* LF_LANES floats in a vector; LF_VECS vectors of pixels in flight (a tile), so that a weight once loaded serves them
 * all; LF_OUTS output channels at once. LF_VECS * LF_OUTS accumulators have to stay in registers. */
#if defined(__AVX512F__)
enum { LF_LANES = 16, LF_VECS = 2, LF_OUTS = 8 };
#elif defined(__AVX2__)
enum { LF_LANES = 8, LF_VECS = 2, LF_OUTS = 4 };
#elif defined(__aarch64__)
enum { LF_LANES = 4, LF_VECS = 4, LF_OUTS = 4 };
#else
enum { LF_LANES = 4, LF_VECS = 2, LF_OUTS = 4 };
#endif
enum { LF_TILE = LF_LANES * LF_VECS };

/* may_alias: tiles are filled and read as plain floats too. */
typedef float lf_vec __attribute__((vector_size(4 * LF_LANES), may_alias));
typedef float lf_loose_vec __attribute__((vector_size(4 * LF_LANES), may_alias, aligned(4)));
typedef int32_t lf_ivec __attribute__((vector_size(4 * LF_LANES)));
typedef lf_vec lf_plane[LF_VECS]; /* one channel of a tile: LF_TILE pixels of a row */

#define LF_INLINE static inline __attribute__((always_inline))
#define LF_CODE static __attribute__((unused))
#define LF_UNROLL _Pragma("GCC unroll 16")

LF_INLINE int lf_min_int(int a, int b) { return a < b ? a : b; }
LF_INLINE lf_vec lf_splat(float x) { return x - (lf_vec){0}; }
LF_INLINE lf_vec lf_load(const float *p) { return *(const lf_loose_vec *)p; }
LF_INLINE void lf_store(float *p, lf_vec value) { *(lf_loose_vec *)p = value; }

/* C has no vector ?: in GCC, and compilers do not see minimum, maximum, rounding and reciprocal in what C can say of
 * vectors: where it matters the instruction is named. */
#if defined(__AVX512F__)
LF_INLINE lf_vec lf_min(lf_vec a, lf_vec b) { return (lf_vec)_mm512_min_ps((__m512)a, (__m512)b); }
LF_INLINE lf_vec lf_max(lf_vec a, lf_vec b) { return (lf_vec)_mm512_max_ps((__m512)a, (__m512)b); }
LF_INLINE lf_vec lf_round(lf_vec a) { return (lf_vec)_mm512_roundscale_ps((__m512)a, 8); }
LF_INLINE lf_ivec lf_to_int(lf_vec a) { return (lf_ivec)_mm512_cvtps_epi32((__m512)a); }
LF_INLINE lf_vec lf_reciprocal_estimate(lf_vec a) { return (lf_vec)_mm512_rcp14_ps((__m512)a); }
LF_INLINE lf_vec lf_scale_by_power(lf_vec a, lf_vec power) {
    return (lf_vec)_mm512_scalef_ps((__m512)a, (__m512)power);
}
#elif defined(__AVX2__)
LF_INLINE lf_vec lf_min(lf_vec a, lf_vec b) { return (lf_vec)_mm256_min_ps((__m256)a, (__m256)b); }
LF_INLINE lf_vec lf_max(lf_vec a, lf_vec b) { return (lf_vec)_mm256_max_ps((__m256)a, (__m256)b); }
LF_INLINE lf_vec lf_round(lf_vec a) { return (lf_vec)_mm256_round_ps((__m256)a, 8); }
LF_INLINE lf_ivec lf_to_int(lf_vec a) { return (lf_ivec)_mm256_cvtps_epi32((__m256)a); }
LF_INLINE lf_vec lf_reciprocal_estimate(lf_vec a) { return (lf_vec)_mm256_rcp_ps((__m256)a); }
#else
LF_INLINE lf_vec lf_pick(lf_ivec mask, lf_vec a, lf_vec b) {
    return (lf_vec)((mask & (lf_ivec)a) | (~mask & (lf_ivec)b));
}
LF_INLINE lf_vec lf_min(lf_vec a, lf_vec b) { return lf_pick((lf_ivec)(a < b), a, b); }
LF_INLINE lf_vec lf_max(lf_vec a, lf_vec b) { return lf_pick((lf_ivec)(a > b), a, b); }
LF_INLINE lf_vec lf_round(lf_vec a) { return (a + 12582912.0f) - 12582912.0f; } /* 1.5 * 2^23; |a| < 2^22 */
LF_INLINE lf_ivec lf_to_int(lf_vec a) { return __builtin_convertvector(lf_round(a), lf_ivec); }
#endif

/* a * 2^power, power whole and of at most 126 either way. */
#if !defined(__AVX512F__)
LF_INLINE lf_vec lf_scale_by_power(lf_vec a, lf_vec power) {
    return a * (lf_vec)((__builtin_convertvector(power, lf_ivec) + 127) << 23);
}
#endif

/* 1 / a, to about 1e-7: an estimate and a step of Newton's, where there is an estimate. */
LF_INLINE lf_vec lf_reciprocal(lf_vec a) {
#if defined(__AVX2__)
    const lf_vec guess = lf_reciprocal_estimate(a);
    return guess + guess * (1.0f - a * guess);
#else
    return 1.0f / a;
#endif
}

/* 1 / (1 + exp(-x)), to about 2e-6: exp(-x) = 2^whole * 2^part with |part| <= 1/2 from its Taylor series. */
LF_INLINE lf_vec lf_sigmoid(lf_vec x) {
    const lf_vec t = lf_max(lf_min(x * -1.44269504f, lf_splat(80.0f)), lf_splat(-80.0f));
    const lf_vec whole = lf_round(t), part = t - whole;
    lf_vec power = part * 1.33335581e-3f + 9.61812911e-3f; /* ln(2)^5 / 120, ln(2)^4 / 24, ... */
    power = power * part + 5.55041087e-2f;
    power = power * part + 2.40226507e-1f;
    power = power * part + 6.93147181e-1f;
    power = power * part + 1.0f;
    return lf_reciprocal(1.0f + lf_scale_by_power(power, whole));
}

#endif
