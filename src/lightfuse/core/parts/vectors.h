/* Vectors of floats as wide as the processor's, by GCC's and Clang's vector extensions, and pointwise layers on them. */
#ifndef LIGHTFUSE_VECTORS_H
#define LIGHTFUSE_VECTORS_H

#include "types.h"

#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpass-failed" /* where it unrolls less than asked for, that is fine */
#endif
#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

/* LF_LANES floats in a vector; LF_VECS vectors of pixels in flight (a tile), so that a weight once loaded serves
 * them all; LF_OUTS output channels at once at most. Vectors times outputs, the sums, have to stay in registers. */
#if defined(__AVX512F__)
enum { LF_LANES = 16, LF_VECS = 2, LF_OUTS = 8 };
#elif defined(__AVX2__)
enum { LF_LANES = 8, LF_VECS = 2, LF_OUTS = 5 };
#elif defined(__aarch64__)
enum { LF_LANES = 4, LF_VECS = 3, LF_OUTS = 7 };
#elif defined(__SSE2__) || defined(__ARM_NEON) || defined(__wasm_simd128__)
enum { LF_LANES = 4, LF_VECS = 2, LF_OUTS = 5 };
#else /* no vectors: what compilers make of them instead stays short */
enum { LF_LANES = 4, LF_VECS = 1, LF_OUTS = 4 };
#endif
enum { LF_TILE = LF_LANES * LF_VECS };
/* Pixels of a row whose context is spread out at once, to stay in the first cache; those of 16-bit integers. */
enum { LF_COLUMNS = 256, LF_WORD_COLUMNS = 512 };

/* may_alias: tiles are filled and read as plain floats too. */
typedef float lf_vec __attribute__((vector_size(4 * LF_LANES), may_alias));
typedef float lf_loose_vec __attribute__((vector_size(4 * LF_LANES), may_alias, aligned(4)));
typedef int32_t lf_ivec __attribute__((vector_size(4 * LF_LANES)));
typedef lf_vec lf_plane[LF_VECS]; /* one channel of a tile: LF_TILE pixels of a row */

#define LF_CODE static __attribute__((unused))
#define LF_OUTLINE static __attribute__((unused, noinline))
#if defined(__clang__) && !defined(__wasm__) && !defined(__OPTIMIZE_SIZE__)
#define LF_UNROLL _Pragma("clang loop unroll(full)")
#else /* which Clang takes no notice of: small code */
#define LF_UNROLL _Pragma("GCC unroll 32")
#endif

/* Forget what is known of a value: keeps compilers from moving hundreds of weights out of a loop and into memory. */
#define LF_FORGET(value) __asm__("" : "+r"(value))

/* Where there are registers enough, layers are unrolled over their inputs, and compilers kept from changing the order of the
 * sums, with which there would not be. */
#if defined(__AVX2__)
enum { LF_UNROLLED = 1 };
#define LF_UNROLL_INPUTS LF_UNROLL
#define LF_IN_ORDER(value) __asm__ volatile("" : "+v"(value))
#elif defined(__aarch64__)
enum { LF_UNROLLED = 1 };
#define LF_UNROLL_INPUTS LF_UNROLL
#define LF_IN_ORDER(value) __asm__ volatile("" : "+w"(value))
#else
enum { LF_UNROLLED = 0 };
#define LF_UNROLL_INPUTS
#define LF_IN_ORDER(value) (void)0
#endif

LF_INLINE int lf_min_int(int a, int b) { return a < b ? a : b; }
LF_INLINE lf_vec lf_splat(float x) { return x - (lf_vec){0}; }
LF_INLINE lf_vec lf_load(const float *p) { return *(const lf_loose_vec *)p; }
LF_INLINE void lf_store(float *p, lf_vec value) { *(lf_loose_vec *)p = value; }

/* The first address in scratch that is a multiple of 64 bytes: vectors there never straddle two lines of the cache. */
LF_INLINE float *lf_aligned(float *scratch) { return (float *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63); }

/* C has no vector ?: in GCC, and compilers do not see minimum, maximum, rounding and reciprocal in what C can say of
 * vectors: where it matters the instruction is named. */
#if defined(__AVX512F__)
LF_INLINE lf_vec lf_min(lf_vec a, lf_vec b) { return (lf_vec)_mm512_min_ps((__m512)a, (__m512)b); }
LF_INLINE lf_vec lf_max(lf_vec a, lf_vec b) { return (lf_vec)_mm512_max_ps((__m512)a, (__m512)b); }
LF_INLINE lf_vec lf_round(lf_vec a) { return (lf_vec)_mm512_roundscale_ps((__m512)a, 8); }
LF_INLINE lf_ivec lf_to_int(lf_vec a) { return (lf_ivec)_mm512_cvtps_epi32((__m512)a); }
LF_INLINE int lf_any_positive(lf_vec a) { return _mm512_cmp_ps_mask((__m512)a, _mm512_setzero_ps(), _CMP_GT_OQ) != 0; }
LF_INLINE lf_vec lf_reciprocal_estimate(lf_vec a) { return (lf_vec)_mm512_rcp14_ps((__m512)a); }
#elif defined(__AVX2__)
LF_INLINE lf_vec lf_min(lf_vec a, lf_vec b) { return (lf_vec)_mm256_min_ps((__m256)a, (__m256)b); }
LF_INLINE lf_vec lf_max(lf_vec a, lf_vec b) { return (lf_vec)_mm256_max_ps((__m256)a, (__m256)b); }
LF_INLINE lf_vec lf_round(lf_vec a) { return (lf_vec)_mm256_round_ps((__m256)a, 8); }
LF_INLINE lf_ivec lf_to_int(lf_vec a) { return (lf_ivec)_mm256_cvtps_epi32((__m256)a); }
LF_INLINE int lf_any_positive(lf_vec a) {
    return _mm256_movemask_ps(_mm256_cmp_ps((__m256)a, _mm256_setzero_ps(), _CMP_GT_OQ)) != 0;
}
LF_INLINE lf_vec lf_reciprocal_estimate(lf_vec a) { return (lf_vec)_mm256_rcp_ps((__m256)a); }
#else
LF_INLINE lf_vec lf_pick(lf_ivec mask, lf_vec a, lf_vec b) {
    return (lf_vec)((mask & (lf_ivec)a) | (~mask & (lf_ivec)b));
}
LF_INLINE lf_vec lf_min(lf_vec a, lf_vec b) { return lf_pick((lf_ivec)(a < b), a, b); }
LF_INLINE lf_vec lf_max(lf_vec a, lf_vec b) { return lf_pick((lf_ivec)(a > b), a, b); }
LF_INLINE lf_vec lf_round(lf_vec a) { return (a + 12582912.0f) - 12582912.0f; } /* 1.5 * 2^23; |a| < 2^22 */
LF_INLINE lf_ivec lf_to_int(lf_vec a) { return __builtin_convertvector(lf_round(a), lf_ivec); }
LF_INLINE int lf_any_positive(lf_vec a) {
    int any = 0;
    for (int i = 0; i < LF_LANES; i++) any |= a[i] > 0.0f;
    return any;
}
#endif

/* a * b + c in one step where the processor has one. Everything else must not be contracted (-ffp-contract=off): the context
 * of 8-bit pictures has the same bits on every machine. */
LF_INLINE lf_vec lf_fma(lf_vec a, lf_vec b, lf_vec c) {
#if defined(__AVX512F__)
    return (lf_vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
    return (lf_vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
    return (lf_vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return a * b + c;
#endif
}

/* 1 / a, to about 1e-7: an estimate and a step of Newton's, where there is an estimate. */
LF_INLINE lf_vec lf_reciprocal(lf_vec a) {
#if defined(__AVX2__)
    const lf_vec guess = lf_reciprocal_estimate(a);
    return lf_fma(guess, lf_fma(-a, guess, lf_splat(1.0f)), guess);
#else
    return 1.0f / a;
#endif
}

/* 1 / (1 + 2^t), to about 1e-6: 2^t = 2^whole * 2^part, 2^part by a polynomial of least largest error. */
LF_INLINE lf_vec lf_falling(lf_vec t) {
    t = lf_max(lf_min(t, lf_splat(80.0f)), lf_splat(-80.0f));
    const lf_vec whole = lf_round(t), part = t - whole;
    lf_vec power = lf_fma(part, lf_splat(9.57010144e-3f), lf_splat(5.59178603e-2f));
    power = lf_fma(power, part, lf_splat(2.40247448e-1f));
    power = lf_fma(power, part, lf_splat(6.93121815e-1f));
    power = lf_fma(power, part, lf_splat(9.99999261e-1f));
    return lf_reciprocal(1.0f + power * (lf_vec)((__builtin_convertvector(whole, lf_ivec) + 127) << 23));
}

/* ---- Pointwise layers on a tile of pixels: the arithmetic that nearly all time goes to ------------------------------ */

/* Where a layer's sums start: at a bias a channel (or NULL for 0), or else at a context between two rows of it, a row of
 * `stride` numbers a channel: upper + part * step. */
typedef struct {
    const float *bias;
    const float *upper, *step;
    int stride;
    float part;
} lf_start;

LF_INLINE lf_start lf_start_at(const float *bias) { return (lf_start){bias, NULL, NULL, 0, 0}; }

/* The numbers of the channels that are not 0 in all pixels of a tile; returns how many they are. ReLU leaves about half. */
LF_INLINE int lf_live_channels(const lf_plane *in, int n_in, int *live) {
    int count = 0;
    for (int i = 0; i < n_in; i++) {
        live[count] = i;
        lf_vec most = in[i][0];
        for (int k = 1; k < LF_VECS; k++) most = lf_max(most, in[i][k]);
        count += lf_any_positive(most);
    }
    return count;
}

/* Output channels o .. o+outs-1 (outs a constant) of a layer of weights w [n_in][n_out], of whose inputs only those numbered
 * in `live` (or NULL: all) are read. */
LF_INLINE void lf_layer_block(const lf_plane *restrict in, const int n_in, const int *live, lf_plane *restrict out,
                              const int n_out, const int o, const int outs, const float *restrict w, lf_start start,
                              const int relu) {
    lf_vec sum[LF_OUTS][LF_VECS];
    LF_UNROLL
    for (int j = 0; j < outs; j++)
        LF_UNROLL
        for (int k = 0; k < LF_VECS; k++) {
            if (start.upper) {
                const int at = (o + j) * start.stride + k * LF_LANES;
                sum[j][k] = lf_fma(lf_splat(start.part), lf_load(start.step + at), lf_load(start.upper + at));
            } else {
                sum[j][k] = start.bias ? lf_splat(start.bias[o + j]) : lf_splat(0);
            }
        }
    for (int n = 0; n < n_in; n++) {
        const int i = live ? live[n] : n;
        LF_UNROLL
        for (int j = 0; j < outs; j++) {
            const lf_vec weight = lf_splat(w[i * n_out + o + j]);
            LF_UNROLL
            for (int k = 0; k < LF_VECS; k++) {
                sum[j][k] = lf_fma(in[i][k], weight, sum[j][k]);
                LF_IN_ORDER(sum[j][k]);
            }
        }
    }
    LF_UNROLL
    for (int j = 0; j < outs; j++)
        LF_UNROLL
        for (int k = 0; k < LF_VECS; k++)
            out[o + j][k] = relu ? lf_max(sum[j][k], lf_splat(0)) : sum[j][k];
}

/* A layer with ReLU if relu (a constant). Where n_in and n_out are constants too, so is every loop. */
LF_INLINE void lf_layer(const lf_plane *restrict in, const int n_in, const int *live, lf_plane *restrict out, const int n_out,
                        const float *restrict w, lf_start start, const int relu) {
    int o = 0;
    for (; o + LF_OUTS <= n_out; o += LF_OUTS) lf_layer_block(in, n_in, live, out, n_out, o, LF_OUTS, w, start, relu);
    if (__builtin_constant_p(n_out)) {
        if (o < n_out) lf_layer_block(in, n_in, live, out, n_out, o, n_out - o, w, start, relu);
        return;
    }
    if (LF_OUTS > 4)
        for (; o + 4 <= n_out; o += 4) lf_layer_block(in, n_in, live, out, n_out, o, 4, w, start, relu);
    for (; o < n_out; o++) lf_layer_block(in, n_in, live, out, n_out, o, 1, w, start, relu);
}

#endif
