/* The paper's CombiningNet on eight-bit pictures by a processor's matrix unit (AMX), with halves for what is not a layer.
 *
 * A step is 16 pixels of a row, each a row of a matrix. A hidden layer has 32 channels, just what such a row holds in bf16,
 * which ReLU's results are rounded to; sums are floats. The pixels are exact, the first layer's weights to 16 bits, the
 * others are bf16: pictures come as close to those of floats as in half precision, whose sigmoids make most of the difference. */
#ifndef LIGHTFUSE_PAPER_AMX_H
#define LIGHTFUSE_PAPER_AMX_H

#include "paper.h"

#if defined(LF_HALVES) && defined(__AMX_BF16__) && defined(__AVX512BF16__)
#define LF_AMX 1

enum { LF_STEP = 16, LF_HIDDEN = 32, LF_STRIP = 512 };
typedef uint16_t lf_bf16;
typedef lf_bf16 lf_matrix[LF_STEP][LF_HIDDEN]; /* a row a pixel; of weights, a row two channels in, for 16 channels out */
typedef float lf_sums[LF_STEP][LF_STEP];       /* a row a pixel, 16 channels */

/* The matrix registers: numbers, since instructions' names are pasted together with them. */
#define LF_SUM_A 0
#define LF_SUM_B 1
#define LF_IN 2
#define LF_W1_A 3
#define LF_W1_B 4
#define LF_W2_A 5
#define LF_W2_B 6
#define LF_W3 7

/* What a block of rows needs besides its pixels; weights in halves A and B, output channels 0 .. 15 and 16 .. 31. */
typedef struct {
    lf_matrix w1[2], w2[2], w3;
    float b1[LF_HIDDEN], b2[LF_HIDDEN], b3[LF_STEP];
    uint8_t places[8][64]; /* where the bytes of the row of pixel 0 .. 7 lie in 24 bytes of under and, 32 on, of over */
    uint16_t bits[32];     /* which bits of a byte each number of a row has */
    uint8_t order[64];     /* where the 48 bytes of a step's pixels lie as they come out of it */
} lf_amx_paper;

LF_INLINE float lf_float_of(lf_bf16 x) {
    const union {
        uint32_t bits;
        float value;
    } number = {(uint32_t)x << 16};
    return number.value;
}

LF_INLINE lf_bf16 lf_bf16_of(float x) {
    const union {
        float value;
        uint32_t bits;
    } number = {x};
    return (lf_bf16)((number.bits + 0x7fff + (number.bits >> 16 & 1)) >> 16);
}

/* The place of the weight from channel `in` to channel `out` of 16. */
LF_INLINE lf_bf16 *lf_weight_at(lf_matrix w, int in, int out) { return &w[in / 2][2 * out + in % 2]; }

/* A byte is given as two numbers, 128 + its lowest seven bits and 128 + its highest: the bf16 of 128 with these bits put
 * in. Numbers 0 .. 5 and 6 .. 11 of a row are those of the six channels; 12 .. 23 are the same again, for what is left
 * of their weights in bf16. */
LF_CODE void lf_amx_fold(const lf_paper *m, lf_range under, lf_range over, lf_amx_paper *to) {
    *to = (lf_amx_paper){0};
    for (int o = 0; o < LF_HIDDEN; o++) {
        lf_bf16(*const w1)[LF_HIDDEN] = to->w1[o / LF_STEP], (*const w2)[LF_HIDDEN] = to->w2[o / LF_STEP];
        to->b1[o] = m->b1[o];
        to->b2[o] = m->b2[o];
        for (int i = 0; i < 6; i++) {
            const lf_range range = i < 3 ? under : over;
            const float weight = m->w1[i * LF_HIDDEN + o];
            const lf_bf16 most = lf_bf16_of(weight * range.scale);
            const lf_bf16 left = lf_bf16_of(weight * range.scale - lf_float_of(most));
            for (int part = 0; part < 12; part += 6) {
                *lf_weight_at(w1, part + i, o % LF_STEP) = most;
                *lf_weight_at(w1, 12 + part + i, o % LF_STEP) = left;
            }
            to->b1[o] += weight * range.offset - 256.0f * (lf_float_of(most) + lf_float_of(left));
        }
        for (int i = 0; i < LF_HIDDEN; i++) *lf_weight_at(w2, i, o % LF_STEP) = lf_bf16_of(m->w2[i * LF_HIDDEN + o]);
    }
    /* Red, green, blue and nothing, four times: each of four pixels leaves another of them in its vector. */
    for (int o = 0; o < LF_STEP; o++) {
        if (o % 4 == 3) continue;
        to->b3[o] = LF_PAPER_ANSWER * m->b3[o % 4];
        for (int i = 0; i < LF_HIDDEN; i++) *lf_weight_at(to->w3, i, o) = lf_bf16_of(LF_PAPER_ANSWER * m->w3[3 * i + o % 4]);
    }
    for (int j = 0; j < 24; j++) {
        for (int pixel = 0; pixel < 8; pixel++)
            to->places[pixel][2 * j] = (uint8_t)((j % 6 < 3 ? j % 6 : 29 + j % 6) + 3 * pixel);
        to->bits[j] = j % 12 < 6 ? 0x7f : 0x80;
    }
    /* Two vectors of 8 pixels are packed into one by lanes of 16 bytes: two pixels of the first, two of the second. */
    for (int i = 0; i < LF_STEP; i++)
        for (int c = 0; c < 3; c++) to->order[3 * i + c] = (uint8_t)(i % 8 / 2 * 16 + i / 8 * 8 + i % 2 * 4 + c);
}

LF_INLINE void lf_amx_start(const lf_amx_paper *f) {
    const struct {
        uint8_t palette, start, none[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } shapes = {1, 0, {0}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};
    /* Compilers do not know that loads of matrices read memory, only that stores write it: one has to stand between. */
    __asm__ volatile("" ::: "memory");
    _tile_loadconfig(&shapes);
    _tile_loadd(LF_W1_A, f->w1[0], 64);
    _tile_loadd(LF_W1_B, f->w1[1], 64);
    _tile_loadd(LF_W2_A, f->w2[0], 64);
    _tile_loadd(LF_W2_B, f->w2[1], 64);
    _tile_loadd(LF_W3, f->w3, 64);
}

/* 8 pixels of both pictures, of which only the bytes of `mask` are read, as rows of a matrix. */
LF_INLINE void lf_amx_read(const lf_amx_paper *f, const char *under, const char *over, __mmask32 mask,
                           lf_bf16 rows[8][LF_HIDDEN]) {
    const __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_maskz_loadu_epi8(mask, under)),
                                            _mm256_maskz_loadu_epi8(mask, over), 1);
    LF_UNROLL
    for (int i = 0; i < 8; i++) {
        const __m512i bytes = _mm512_permutexvar_epi8(_mm512_loadu_si512(f->places[i]), both);
        _mm512_store_si512(rows[i], _mm512_ternarylogic_epi32(bytes, _mm512_loadu_si512(f->bits),
                                                              _mm512_set1_epi16(0x4300), 0xea)); /* bytes & bits | 128 */
    }
}

/* ReLU of both halves of 16 pixels' sums. A bf16 below zero is so as a whole number, too. */
LF_INLINE void lf_amx_relu(const lf_sums sums[2], lf_matrix to) {
    LF_UNROLL
    for (int i = 0; i < LF_STEP; i++) {
        const __m512i rounded = (__m512i)_mm512_cvtne2ps_pbh(_mm512_load_ps(sums[1][i]), _mm512_load_ps(sums[0][i]));
        _mm512_store_si512(to[i], _mm512_max_epi16(rounded, _mm512_setzero_si512()));
    }
}

/* 8 pixels' answers and contexts to pixels, as whole numbers: red, green, blue and a fourth of no meaning. */
LF_INLINE __m512i lf_amx_answer(const float answers[8][LF_STEP], const float context[4]) {
    const __m512 added = _mm512_broadcast_f32x4(_mm_load_ps(context));
    __m256i parts[2];
    LF_UNROLL
    for (int k = 0; k < 2; k++) {
        __m512 four = _mm512_load_ps(answers[4 * k]);
        LF_UNROLL
        for (int i = 1; i < 4; i++) four = _mm512_mask_load_ps(four, (__mmask16)(15 << 4 * i), answers[4 * k + i]);
        parts[k] = (__m256i)_mm512_cvtxps_ph(_mm512_add_ps(_mm512_min_ps(four, _mm512_setzero_ps()), added));
    }
    const lf_vec_f16 t = (lf_vec_f16)_mm512_inserti64x4(_mm512_castsi256_si512(parts[0]), parts[1], 1);
    return _mm512_cvtph_epi16((__m512h)(lf_falling_f16(t) * (_Float16)255.0f));
}

/* What lies between the layers, each of another step. Close together: a load is held up by stores not long before it whose
 * addresses have the same last 12 bits. */
typedef struct {
    lf_matrix pixels, layer1, layer2;
    lf_sums sums1[2], sums2[2], answers;
} lf_amx_between;

/* The first pixel of a step, which goes on through rows of a strip. */
typedef struct {
    int x, y;
} lf_place;

LF_INLINE void lf_amx_go_on(lf_place *place, int columns) {
    place->x += LF_STEP;
    if (place->x >= columns) *place = (lf_place){0, place->y + 1};
}

/* Fuse pixels at .. at+columns-1 of rows [row0, row1), at most 8, whose contexts are `context` [columns / 8][4].
 *
 * What each layer gives lies in memory between them, and would be waited for; so each turn of the loop works on several
 * steps, every one further on its way, the furthest first, and on some before the first and beyond the last, of which nothing
 * is kept. For the same reason sums are stored when their register is wanted again. */
LF_OUTLINE void lf_amx_strip(const lf_amx_paper *f, const lf_picture *under, const lf_picture *over,
                             const float (*context)[4], const lf_picture *out, int row0, int row1, int at, int columns) {
    lf_amx_between m __attribute__((aligned(64)));
    const int steps = (columns + LF_STEP - 1) / LF_STEP * (row1 - row0);
    lf_place from = {0, row0}, to = {0, row0};
    for (int step = 0; step < steps + 5; step++) {
        _tile_loadd(LF_IN, m.layer2, 64);
        _tile_stored(LF_SUM_A, m.sums1[1], 64);
        _tile_loadd(LF_SUM_A, f->b3, 0);
        _tile_dpbf16ps(LF_SUM_A, LF_IN, LF_W3);
        lf_amx_relu(m.sums2, m.layer2);
        _tile_loadd(LF_IN, m.layer1, 64);
        _tile_stored(LF_SUM_B, m.sums1[0], 64);
        _tile_loadd(LF_SUM_B, f->b2, 0);
        _tile_dpbf16ps(LF_SUM_B, LF_IN, LF_W2_A);
        _tile_stored(LF_SUM_A, m.answers, 64);
        _tile_loadd(LF_SUM_A, f->b2 + LF_STEP, 0);
        _tile_dpbf16ps(LF_SUM_A, LF_IN, LF_W2_B);
        lf_amx_relu(m.sums1, m.layer1);
        _tile_loadd(LF_IN, m.pixels, 64);
        _tile_stored(LF_SUM_B, m.sums2[0], 64);
        _tile_loadd(LF_SUM_B, f->b1, 0);
        _tile_dpbf16ps(LF_SUM_B, LF_IN, LF_W1_A);
        const int left = step < steps ? lf_min_int(columns - from.x, LF_STEP) : 0;
        const __mmask64 mask = ((__mmask64)1 << 3 * left) - 1;
        const char *dark = lf_at(under, at + from.x, from.y), *bright = lf_at(over, at + from.x, from.y);
        lf_expect(under, LF_U8, at + from.x, from.y + 1, LF_STEP, 0);
        lf_expect(over, LF_U8, at + from.x, from.y + 1, LF_STEP, 0);
        lf_amx_read(f, dark, bright, mask & 0xffffff, m.pixels);
        lf_amx_read(f, dark + 24, bright + 24, mask >> 24 & 0xffffff, m.pixels + 8);
        lf_amx_go_on(&from, columns);
        _tile_stored(LF_SUM_A, m.sums2[1], 64);
        _tile_loadd(LF_SUM_A, f->b1 + LF_STEP, 0);
        _tile_dpbf16ps(LF_SUM_A, LF_IN, LF_W1_B);
        if (step >= 5) {
            const __m512i words = _mm512_packus_epi16(lf_amx_answer(m.answers, context[to.x / LF_STRIDE]),
                                                      lf_amx_answer(m.answers + 8, context[to.x / LF_STRIDE + 1]));
            const int count = lf_min_int(columns - to.x, LF_STEP);
            lf_expect(out, LF_U8, at + to.x, to.y + 1, LF_STEP, 1);
            _mm512_mask_storeu_epi8(lf_at(out, at + to.x, to.y), ((__mmask64)1 << 3 * count) - 1,
                                    _mm512_permutexvar_epi8(_mm512_loadu_si512(f->order), words));
            lf_amx_go_on(&to, columns);
        }
    }
}

/* As lf_paper_combine_rows; scratch holds lf_amx_combine_scratch_floats(m) floats. The system has to have allowed the
 * process its matrix unit. */
LF_CODE void lf_amx_combine_rows(const lf_paper *m, const lf_picture *under, const lf_picture *over, lf_range under_range,
                                 lf_range over_range, const float *context, const lf_picture *out, int row0, int row1,
                                 float *scratch) {
    if (under->type != LF_U8 || m->hidden1 != LF_HIDDEN || m->hidden2 != LF_HIDDEN) {
        lf_paper_combine_rows(m, under, over, under_range, over_range, context, out, row0, row1, scratch);
        return;
    }
    const int columns = lf_paper_context_side(under->width), rows = lf_paper_context_side(under->height);
    lf_amx_paper *const f = (lf_amx_paper *)(void *)lf_aligned(scratch);
    lf_amx_fold(m, under_range, over_range, f);
    lf_amx_start(f);
    while (row0 < row1) {
        const int block = row0 / LF_STRIDE, end = lf_min_int(row1, (block + 1) * LF_STRIDE);
        for (int at = 0; at < under->width; at += LF_STRIP) {
            float spread[LF_STRIP / LF_STRIDE][4] __attribute__((aligned(16)));
            for (int i = 0; i < LF_STRIP / LF_STRIDE; i++)
                for (int c = 0; c < 4; c++) {
                    const size_t place = ((size_t)c * rows + block) * columns + lf_min_int(at / LF_STRIDE + i, columns - 1);
                    spread[i][c] = c < 3 ? LF_PAPER_ANSWER * context[place] : 0.0f;
                }
            lf_amx_strip(f, under, over, spread, out, row0, end, at, lf_min_int(LF_STRIP, under->width - at));
        }
        row0 = end;
    }
    _tile_release();
}

LF_CODE size_t lf_amx_combine_scratch_floats(const lf_paper *m) {
    const size_t most = lf_paper_combine_scratch_floats(m), here = sizeof(lf_amx_paper) / sizeof(float) + 15;
    return most > here ? most : here;
}

#undef LF_SUM_A
#undef LF_SUM_B
#undef LF_IN
#undef LF_W1_A
#undef LF_W1_B
#undef LF_W2_A
#undef LF_W2_B
#undef LF_W3
#endif

#endif
