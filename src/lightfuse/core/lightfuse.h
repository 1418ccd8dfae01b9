/* lightfuse.h: the whole inference of LightFuse in one header (C11, GCC or Clang vector extensions).
 *
 * No allocation it is not handed, no threads, nothing from libc. A picture is fused in three passes, each over any
 * range of rows, so that a caller may share rows out to threads or stream them; the result does not depend on how:
 *
 *   1. lf_measure_rows       both pictures: lowest, highest and sum of values; lf_range_of turns them into a range
 *   2. lf_paper_filter_rows  FilteringNet: the context, one row for every 8 rows of the picture
 *   3. lf_paper_combine_rows CombiningNet on every pixel, plus context, to the fused picture
 *
 * Pictures are interleaved RGB. Network: arXiv 2107.02299. Licence: MIT.
 */
#ifndef LIGHTFUSE_H
#define LIGHTFUSE_H

#include <stddef.h>
#include <stdint.h>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

/* ---- Pictures ------------------------------------------------------------------------------------------------ */

typedef enum { LF_U8, LF_U16, LF_F32 } lf_type;

/* RGB interleaved; row_bytes from one row to the next. float32 values lie in [0, 1]. */
typedef struct {
    void *pixels;
    ptrdiff_t row_bytes;
    int width, height;
    lf_type type;
} lf_picture;

/* What lf_measure_rows found, in the picture's own units; finite is 0 if a float is NaN or infinite. */
typedef struct {
    double low, high, sum;
    int finite;
} lf_measure;

/* Normalised value = pixel * scale + offset. */
typedef struct {
    float scale, offset;
} lf_range;

/* ---- The paper's model ----------------------------------------------------------------------------------------- */

enum { LF_STRIDE = 8, LF_MAX_HIDDEN = 256 };

/* Weights of CombiningNet (6 -> hidden1 -> hidden2 -> 3), each matrix [in][out], and of FilteringNet:
 * three depthwise layers [6][3][3] with biases [6] (the last has none), then mix [6][3] with mix_bias [3].
 * hidden1 and hidden2 are at most LF_MAX_HIDDEN. */
typedef struct {
    int hidden1, hidden2;
    const float *w1, *b1, *w2, *b2, *w3, *b3;
    const float *down1, *down1_bias, *down2, *down2_bias, *down3;
    const float *mix, *mix_bias;
} lf_paper;

#ifndef LF_TYPES_ONLY /* define it where only the types above are wanted, as from C++ */

/* ---- Vectors ----------------------------------------------------------------------------------------------------- */

/* LF_LANES floats in a vector; LF_VECS vectors of pixels in flight, so that a weight once loaded serves them all;
 * LF_OUTS output channels at once. LF_VECS * LF_OUTS accumulators have to stay in registers. */
#if defined(__AVX512F__)
enum { LF_LANES = 16, LF_VECS = 2, LF_OUTS = 8 };
#elif defined(__AVX2__)
enum { LF_LANES = 8, LF_VECS = 2, LF_OUTS = 4 };
#elif defined(__aarch64__)
enum { LF_LANES = 4, LF_VECS = 4, LF_OUTS = 4 };
#else
enum { LF_LANES = 4, LF_VECS = 2, LF_OUTS = 4 };
#endif
enum { LF_TILE = 32, LF_TILE_VECS = LF_TILE / LF_LANES };

typedef float lf_vec __attribute__((vector_size(4 * LF_LANES)));
typedef int32_t lf_ivec __attribute__((vector_size(4 * LF_LANES)));
typedef lf_vec lf_plane[LF_TILE_VECS]; /* one channel of a tile of LF_TILE pixels of a row */

#define LF_INLINE static inline __attribute__((always_inline))
#define LF_CODE static __attribute__((unused))

LF_INLINE lf_vec lf_splat(float x) { return x - (lf_vec){0}; }

/* C has no vector ?: in GCC, and its compilers do not see min and max in the masked form: name the instruction. */
#if defined(__AVX512F__)
LF_INLINE lf_vec lf_min(lf_vec a, lf_vec b) { return (lf_vec)_mm512_min_ps((__m512)a, (__m512)b); }
LF_INLINE lf_vec lf_max(lf_vec a, lf_vec b) { return (lf_vec)_mm512_max_ps((__m512)a, (__m512)b); }
#elif defined(__AVX2__)
LF_INLINE lf_vec lf_min(lf_vec a, lf_vec b) { return (lf_vec)_mm256_min_ps((__m256)a, (__m256)b); }
LF_INLINE lf_vec lf_max(lf_vec a, lf_vec b) { return (lf_vec)_mm256_max_ps((__m256)a, (__m256)b); }
#else
LF_INLINE lf_vec lf_pick(lf_ivec mask, lf_vec a, lf_vec b) {
    return (lf_vec)((mask & (lf_ivec)a) | (~mask & (lf_ivec)b));
}
LF_INLINE lf_vec lf_min(lf_vec a, lf_vec b) { return lf_pick((lf_ivec)(a < b), a, b); }
LF_INLINE lf_vec lf_max(lf_vec a, lf_vec b) { return lf_pick((lf_ivec)(a > b), a, b); }
#endif

LF_INLINE int lf_min_int(int a, int b) { return a < b ? a : b; }

/* 1 / (1 + exp(-x)), to about 2e-7: exp(-x) = 2^whole * 2^part with |part| <= 1/2 from its Taylor series. */
LF_INLINE lf_vec lf_sigmoid(lf_vec x) {
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to a whole number */
    lf_vec t = x * -1.44269504f;
    t = lf_max(lf_min(t, lf_splat(126.0f)), lf_splat(-126.0f));
    lf_vec whole = (t + magic) - magic;
    lf_vec part = (t - whole) * 0.693147181f;
    lf_vec power = part * (1.0f / 720) + (1.0f / 120);
    power = power * part + (1.0f / 24);
    power = power * part + (1.0f / 6);
    power = power * part + 0.5f;
    power = power * part + 1.0f;
    power = power * part + 1.0f;
    lf_ivec bits = (__builtin_convertvector(whole, lf_ivec) + 127) << 23;
    return 1.0f / (1.0f + power * (lf_vec)bits);
}

/* ---- Pixels in and out ------------------------------------------------------------------------------------------- */

LF_INLINE const char *lf_at(const lf_picture *p, int x, int y) {
    static const int bytes[] = {3, 6, 12};
    return (const char *)p->pixels + (ptrdiff_t)y * p->row_bytes + (ptrdiff_t)x * bytes[p->type];
}

/* Pixels x .. x+count-1 of a row, normalised, as three planes of floats; count <= n is what exists, the rest of the n
 * repeats the last pixel. */
LF_INLINE void lf_unpack(const lf_picture *p, int x, int y, int count, int n, lf_range range, float *restrict r,
                         float *restrict g, float *restrict b) {
    const float s = range.scale, o = range.offset;
    const char *at = lf_at(p, x, y);
#define LF_UNPACK(type)                                                                                               \
    do {                                                                                                              \
        const type *restrict v = (const type *)at;                                                                    \
        for (int i = 0; i < count; i++) {                                                                             \
            r[i] = (float)v[3 * i] * s + o;                                                                           \
            g[i] = (float)v[3 * i + 1] * s + o;                                                                       \
            b[i] = (float)v[3 * i + 2] * s + o;                                                                       \
        }                                                                                                             \
    } while (0)
    if (p->type == LF_U8)
        LF_UNPACK(uint8_t);
    else if (p->type == LF_U16)
        LF_UNPACK(uint16_t);
    else
        LF_UNPACK(float);
#undef LF_UNPACK
    for (int i = count; i < n; i++) {
        r[i] = r[count - 1];
        g[i] = g[count - 1];
        b[i] = b[count - 1];
    }
}

/* Three planes in [0, 1] to count pixels of a row, rounded to the picture's type. */
LF_INLINE void lf_pack(const lf_picture *p, int x, int y, int count, const float *restrict r, const float *restrict g,
                       const float *restrict b) {
    char *at = (char *)lf_at(p, x, y);
#define LF_PACK(type, convert)                                                                                        \
    do {                                                                                                              \
        type *restrict v = (type *)at;                                                                                \
        for (int i = 0; i < count; i++) {                                                                             \
            v[3 * i] = convert(r[i]);                                                                                 \
            v[3 * i + 1] = convert(g[i]);                                                                             \
            v[3 * i + 2] = convert(b[i]);                                                                             \
        }                                                                                                             \
    } while (0)
#define LF_TO_U8(value) (uint8_t)(int32_t)((value) * 255.0f + 0.5f)
#define LF_TO_U16(value) (uint16_t)(int32_t)((value) * 65535.0f + 0.5f)
    if (p->type == LF_U8)
        LF_PACK(uint8_t, LF_TO_U8);
    else if (p->type == LF_U16)
        LF_PACK(uint16_t, LF_TO_U16);
    else
        LF_PACK(float, );
#undef LF_PACK
}

/* ---- Measuring ------------------------------------------------------------------------------------------------- */

/* Lowest, highest and sum of the values in rows [row0, row1). Sums of integers are exact. */
LF_CODE void lf_measure_rows(const lf_picture *p, int row0, int row1, lf_measure *out) {
    *out = (lf_measure){.low = p->type == LF_F32 ? 3.4e38 : 65535, .high = p->type == LF_F32 ? -3.4e38 : 0, .finite = 1};
    const int n = 3 * p->width;
#define LF_MEASURE(type, total, top)                                                                                  \
    for (int y = row0; y < row1; y++) {                                                                               \
        const type *restrict v = (const type *)lf_at(p, 0, y);                                                        \
        type low = v[0], high = v[0];                                                                                 \
        for (int start = 0; start < n; start += 4096) {                                                               \
            const int end = lf_min_int(n, start + 4096);                                                              \
            total sum = 0;                                                                                            \
            for (int i = start; i < end; i++) {                                                                       \
                low = v[i] < low ? v[i] : low;                                                                        \
                high = v[i] > high ? v[i] : high;                                                                     \
                sum += v[i];                                                                                          \
            }                                                                                                         \
            out->sum += (double)sum;                                                                                  \
        }                                                                                                             \
        out->low = low < out->low ? low : out->low;                                                                   \
        out->high = high > out->high ? high : out->high;                                                              \
    }
    if (p->type == LF_U8) {
        LF_MEASURE(uint8_t, uint32_t, 255)
    } else if (p->type == LF_U16) {
        LF_MEASURE(uint16_t, uint32_t, 65535)
    } else {
        LF_MEASURE(float, double, 1)
        out->finite = out->sum - out->sum == 0; /* NaN and infinity survive a sum, and only they fail this */
    }
#undef LF_MEASURE
}

/* The range that stretches a picture's low .. high to [-1, 1]; a flat picture keeps its own level. */
LF_CODE lf_range lf_range_of(double low, double high, lf_type type) {
    static const float tops[] = {255.0f, 65535.0f, 1.0f};
    const float top = tops[type];
    if (!(high > low)) return (lf_range){2.0f / top, -1.0f};
    const double scale = 2.0 / (high - low);
    return (lf_range){(float)scale, (float)(-low * scale - 1.0)};
}

/* ---- CombiningNet ------------------------------------------------------------------------------------------------ */

/* outs (a constant) output channels of a pointwise layer, for LF_VECS vectors of pixels from vector v on. */
LF_INLINE void lf_pointwise_block(const lf_plane *restrict in, int n_in, lf_plane *restrict out, const int outs,
                                  int stride, const float *restrict w, const float *restrict b, int v) {
    lf_vec sum[LF_OUTS][LF_VECS];
#pragma GCC unroll 8
    for (int o = 0; o < outs; o++)
#pragma GCC unroll 4
        for (int k = 0; k < LF_VECS; k++) sum[o][k] = lf_splat(b[o]);
    for (int i = 0; i < n_in; i++, w += stride)
#pragma GCC unroll 8
        for (int o = 0; o < outs; o++)
#pragma GCC unroll 4
            for (int k = 0; k < LF_VECS; k++) sum[o][k] += in[i][v + k] * w[o];
#pragma GCC unroll 8
    for (int o = 0; o < outs; o++)
#pragma GCC unroll 4
        for (int k = 0; k < LF_VECS; k++) out[o][v + k] = lf_max(sum[o][k], lf_splat(0));
}

/* A pointwise layer with bias and ReLU on a tile; w is [n_in][n_out]. */
LF_INLINE void lf_pointwise(const lf_plane *restrict in, int n_in, lf_plane *restrict out, int n_out,
                            const float *restrict w, const float *restrict b) {
    for (int v = 0; v < LF_TILE_VECS; v += LF_VECS) {
        int o = 0;
        for (; o + LF_OUTS <= n_out; o += LF_OUTS)
            lf_pointwise_block(in, n_in, out + o, LF_OUTS, n_out, w + o, b + o, v);
        for (; o + 3 <= n_out; o += 3) lf_pointwise_block(in, n_in, out + o, 3, n_out, w + o, b + o, v);
        for (; o < n_out; o++) lf_pointwise_block(in, n_in, out + o, 1, n_out, w + o, b + o, v);
    }
}

/* Floats of context of a picture: [3][rows][columns], a value for every 8 x 8 pixels begun. */
LF_CODE int lf_paper_context_side(int side) { return (side + LF_STRIDE - 1) / LF_STRIDE; }

/* Fuse rows [row0, row1) of under and over into the same rows of out, which may be one of the two. */
LF_CODE void lf_paper_combine_rows(const lf_paper *m, const lf_picture *under, const lf_picture *over,
                                   lf_range under_range, lf_range over_range, const float *context,
                                   const lf_picture *out, int row0, int row1) {
    const int columns = lf_paper_context_side(under->width), rows = lf_paper_context_side(under->height);
    lf_plane x[6], hidden1[LF_MAX_HIDDEN], hidden2[LF_MAX_HIDDEN], y[3];
    for (int row = row0; row < row1; row++) {
        for (int at = 0; at < under->width; at += LF_TILE) {
            const int count = lf_min_int(LF_TILE, under->width - at);
            lf_unpack(under, at, row, count, LF_TILE, under_range, (float *)x[0], (float *)x[1], (float *)x[2]);
            lf_unpack(over, at, row, count, LF_TILE, over_range, (float *)x[3], (float *)x[4], (float *)x[5]);
            lf_pointwise(x, 6, hidden1, m->hidden1, m->w1, m->b1);
            lf_pointwise(hidden1, m->hidden1, hidden2, m->hidden2, m->w2, m->b2);
            lf_pointwise(hidden2, m->hidden2, y, 3, m->w3, m->b3);
            for (int c = 0; c < 3; c++) {
                const float *blocks = context + ((size_t)c * rows + row / LF_STRIDE) * columns + at / LF_STRIDE;
                float *values = (float *)y[c];
                for (int i = 0; i < count; i++) values[i] += blocks[i / LF_STRIDE];
                /* (tanh(v) + 1) / 2 = sigmoid(2v) */
                for (int v = 0; v < LF_TILE_VECS; v++) y[c][v] = lf_sigmoid(2.0f * y[c][v]);
            }
            lf_pack(out, at, row, count, (const float *)y[0], (const float *)y[1], (const float *)y[2]);
        }
    }
}

/* ---- FilteringNet ------------------------------------------------------------------------------------------------ */

/* Floats in one row of six planes: width values each, one zero behind them (TensorFlow's SAME padding). */
LF_INLINE size_t lf_row_floats(int width) { return 6 * ((size_t)width + 1); }

/* Scratch floats lf_paper_filter_rows needs: rings of 4 picture rows, 8 rows of layer 1, 4 of layer 2, 1 of layer 3. */
LF_CODE size_t lf_paper_scratch_floats(int width) {
    const int full = LF_STRIDE * lf_paper_context_side(width);
    return 4 * lf_row_floats(full) + 8 * lf_row_floats(full / 2) + 4 * lf_row_floats(full / 4) + lf_row_floats(full / 8);
}

/* One row of a 3 x 3 depthwise layer of stride 2 on six planes; rows[] are three rows of the layer before, or NULL
 * below its last row, where it counts as zero. bias may be NULL. */
LF_INLINE void lf_depthwise_row(const float *const rows[3], int width, const float *w, const float *bias,
                                float *restrict out) {
    const int half = width / 2;
    for (int c = 0; c < 6; c++, out += half + 1, w += 9) {
        for (int x = 0; x < half; x++) out[x] = bias ? bias[c] : 0.0f;
        out[half] = 0.0f;
        for (int i = 0; i < 3; i++) {
            if (!rows[i]) continue;
            const float *restrict in = rows[i] + (size_t)c * (width + 1);
            const float a = w[3 * i], b = w[3 * i + 1], d = w[3 * i + 2];
            for (int x = 0; x < half; x++) out[x] += a * in[2 * x] + b * in[2 * x + 1] + d * in[2 * x + 2];
        }
    }
}

/* The layers of FilteringNet as streams: each keeps its newest rows in a ring, made when first asked for. */
typedef struct {
    float *ring;
    size_t row_floats;
    int slots, width, height, next;
} lf_stream;

LF_INLINE float *lf_stream_slot(const lf_stream *s, int row) {
    return s->ring + (size_t)(row & (s->slots - 1)) * s->row_floats;
}

LF_INLINE lf_stream lf_stream_start(float **scratch, int slots, int width, int height, int first) {
    lf_stream s = {*scratch, lf_row_floats(width), slots, width, height, first};
    *scratch += (size_t)slots * s.row_floats;
    return s;
}

/* Make row `row` of the layer `to` from rows 2*row .. 2*row+2 of the layer `from`. */
LF_INLINE void lf_stream_layer(const lf_stream *from, const lf_stream *to, int row, const float *w, const float *bias) {
    const float *rows[3];
    for (int i = 0; i < 3; i++) {
        const int y = 2 * row + i;
        rows[i] = y < from->height ? lf_stream_slot(from, y) : NULL;
    }
    lf_depthwise_row(rows, from->width, w, bias, lf_stream_slot(to, row));
}

/* Fill the ring of picture rows up to and with row `last`, repeating the picture's last row and column. */
LF_INLINE void lf_stream_pictures(lf_stream *s, int last, const lf_picture *under, const lf_picture *over,
                                  lf_range under_range, lf_range over_range) {
    for (; s->next <= last && s->next < s->height; s->next++) {
        const int y = lf_min_int(s->next, under->height - 1);
        float *row = lf_stream_slot(s, s->next);
        const size_t step = (size_t)s->width + 1;
        lf_unpack(under, 0, y, under->width, s->width, under_range, row, row + step, row + 2 * step);
        lf_unpack(over, 0, y, over->width, s->width, over_range, row + 3 * step, row + 4 * step, row + 5 * step);
        for (int c = 0; c < 6; c++) row[c * step + s->width] = 0.0f;
    }
}

/* Rows [row0, row1) of the context [3][rows][columns]; scratch holds lf_paper_scratch_floats(width) floats. */
LF_CODE void lf_paper_filter_rows(const lf_paper *m, const lf_picture *under, const lf_picture *over,
                                  lf_range under_range, lf_range over_range, float *context, int row0, int row1,
                                  float *scratch) {
    const int columns = lf_paper_context_side(under->width), rows = lf_paper_context_side(under->height);
    const int width = columns * LF_STRIDE, height = rows * LF_STRIDE;
    lf_stream pictures = lf_stream_start(&scratch, 4, width, height, 8 * row0);
    lf_stream layer1 = lf_stream_start(&scratch, 8, width / 2, height / 2, 4 * row0);
    lf_stream layer2 = lf_stream_start(&scratch, 4, width / 4, height / 4, 2 * row0);
    lf_stream layer3 = lf_stream_start(&scratch, 1, columns, rows, row0);
    for (int row = row0; row < row1; row++) {
        for (; layer2.next <= 2 * row + 2 && layer2.next < layer2.height; layer2.next++) {
            for (; layer1.next <= 2 * layer2.next + 2 && layer1.next < layer1.height; layer1.next++) {
                lf_stream_pictures(&pictures, 2 * layer1.next + 2, under, over, under_range, over_range);
                lf_stream_layer(&pictures, &layer1, layer1.next, m->down1, m->down1_bias);
            }
            lf_stream_layer(&layer1, &layer2, layer2.next, m->down2, m->down2_bias);
        }
        lf_stream_layer(&layer2, &layer3, row, m->down3, NULL);
        for (int o = 0; o < 3; o++) {
            float *restrict out = context + ((size_t)o * rows + row) * columns;
            for (int x = 0; x < columns; x++) out[x] = m->mix_bias[o];
            for (int i = 0; i < 6; i++) {
                const float *restrict in = lf_stream_slot(&layer3, 0) + (size_t)i * (columns + 1);
                for (int x = 0; x < columns; x++) out[x] += m->mix[3 * i + o] * in[x];
            }
        }
    }
}

#endif /* LF_TYPES_ONLY */
#endif /* LIGHTFUSE_H */
