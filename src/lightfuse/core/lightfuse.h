/* lightfuse.h: the whole inference of LightFuse in one header (C11, GCC or Clang vector extensions).
 *
 * No allocation it is not handed, no threads, nothing from libc but math. A picture is fused in passes, most of them over
 * any range of rows, so that a caller may share rows out to threads or stream them; the result does not depend on how.
 *
 * The paper's model (arXiv 2107.02299):
 *   1. lf_measure_rows         both pictures: lowest, highest and sum of values; lf_range_of turns them into a range
 *   2. lf_paper_filter_rows    FilteringNet: the context, one row for every 8 rows of the picture
 *   3. lf_paper_combine_rows   CombiningNet on every pixel, plus context, to the fused picture
 *
 * The context models (small, base):
 *   1. lf_thumbnail_rows       both pictures: area averages, a few thousand cells whatever the size
 *   2. lf_context_filter       FilteringNet on the two thumbnails: the context grid, and how far the two differ
 *   3. lf_context_combine_rows CombiningNet on every pixel, with the grid smoothly between, to the fused picture
 *
 * Pictures are interleaved RGB. Licence: MIT.
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

/* ---- The context models ------------------------------------------------------------------------------------- */

enum { LF_MAX_LEVELS = 8, LF_MAX_LAYERS = 4, LF_MAX_WIDTH = 32, LF_MAX_CONTEXT = 48 };

/* A depthwise 3 x 3 [channels][3][3] without bias, then a pointwise [in][out] with bias [out]. */
typedef struct {
    const float *depthwise, *pointwise, *bias;
} lf_separable;

/* FilteringNet halves the thumbnail `levels` times and comes back up: first from 6 to `channels` at stride 2, then
 * down[] at stride 2, a summary [2 * channels][channels] of the coarsest level's means and maxima, up[] at stride 1 on
 * every level, stem [6][channels] beside the thumbnail, head [channels][contexts].
 * CombiningNet has `layers` pointwise layers [in][out] of widths[0..layers] (6 ... outputs); a layer's bias may be NULL.
 * The first widths[1] contexts are added inside its first layer, the last `outputs` of them to its last.
 * outputs: mixing weight, luma gain, luma offset, chroma gain, and with 5 a mixing weight of chroma. With ratio,
 * chroma follows the luma. down[] and up[] point at levels' own weights, or all at the same. */
typedef struct {
    int thumbnail_cells, channels, levels, layers, outputs, contexts, ratio;
    int widths[LF_MAX_LAYERS + 1];
    lf_separable first, stem, down[LF_MAX_LEVELS], up[LF_MAX_LEVELS];
    const float *summary, *summary_bias, *head, *head_bias;
    const float *weights[LF_MAX_LAYERS], *biases[LF_MAX_LAYERS];
} lf_context_model;

/* Rows and columns of a thumbnail, and of the context grid. */
typedef struct {
    int rows, columns;
} lf_size;

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

/* may_alias: tiles are filled and read as plain floats too, and sums kept where floats go later. */
typedef float lf_vec __attribute__((vector_size(4 * LF_LANES), may_alias));
typedef uint32_t lf_total __attribute__((may_alias));
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

/* outs (a constant) output channels of a pointwise layer, for LF_VECS vectors of pixels from vector v on. The sums
 * start at b (a number a channel, or NULL for 0) plus `start` (a plane a channel, or NULL). */
LF_INLINE void lf_pointwise_block(const lf_plane *restrict in, int n_in, lf_plane *restrict out, const int outs,
                                  int stride, const float *restrict w, const float *restrict b,
                                  const lf_plane *restrict start, const int relu, int v) {
    lf_vec sum[LF_OUTS][LF_VECS];
#pragma GCC unroll 8
    for (int o = 0; o < outs; o++)
#pragma GCC unroll 4
        for (int k = 0; k < LF_VECS; k++) {
            sum[o][k] = lf_splat(b ? b[o] : 0.0f);
            if (start) sum[o][k] += start[o][v + k];
        }
    for (int i = 0; i < n_in; i++, w += stride)
#pragma GCC unroll 8
        for (int o = 0; o < outs; o++)
#pragma GCC unroll 4
            for (int k = 0; k < LF_VECS; k++) sum[o][k] += in[i][v + k] * w[o];
#pragma GCC unroll 8
    for (int o = 0; o < outs; o++)
#pragma GCC unroll 4
        for (int k = 0; k < LF_VECS; k++) out[o][v + k] = relu ? lf_max(sum[o][k], lf_splat(0)) : sum[o][k];
}

/* A pointwise layer on a tile, with ReLU if relu (a constant); w is [n_in][n_out], b and start as above. */
LF_INLINE void lf_pointwise(const lf_plane *restrict in, int n_in, lf_plane *restrict out, int n_out,
                            const float *restrict w, const float *restrict b, const lf_plane *restrict start,
                            const int relu) {
#define LF_BLOCK(outs)                                                                                                \
    lf_pointwise_block(in, n_in, out + o, outs, n_out, w + o, b ? b + o : NULL, start ? start + o : NULL, relu, v)
    for (int v = 0; v < LF_TILE_VECS; v += LF_VECS) {
        int o = 0;
        for (; o + LF_OUTS <= n_out; o += LF_OUTS) LF_BLOCK(LF_OUTS);
        if (LF_OUTS > 4 && o + 4 <= n_out) {
            LF_BLOCK(4 < LF_OUTS ? 4 : LF_OUTS);
            o += 4;
        }
        if (o + 3 <= n_out) {
            LF_BLOCK(3);
            o += 3;
        }
        for (; o < n_out; o++) LF_BLOCK(1);
    }
#undef LF_BLOCK
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
            lf_pointwise(x, 6, hidden1, m->hidden1, m->w1, m->b1, NULL, 1);
            lf_pointwise(hidden1, m->hidden1, hidden2, m->hidden2, m->w2, m->b2, NULL, 1);
            lf_pointwise(hidden2, m->hidden2, y, 3, m->w3, m->b3, NULL, 1);
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

/* ---- Context models: the thumbnail ---------------------------------------------------------------------------- */

LF_INLINE int lf_thumbnail_side(int side, int cells, int multiple, double scale) {
    const int steps = (int)(side * scale / multiple + 0.5), most = cells / (multiple * multiple);
    return multiple * (steps < 1 ? 1 : steps > most ? most : steps);
}

/* The thumbnail of a picture: about m->thumbnail_cells cells of the picture's own aspect, in multiples of 2^levels. */
LF_CODE lf_size lf_thumbnail_size(const lf_context_model *m, int width, int height) {
    const double scale = __builtin_sqrt((double)m->thumbnail_cells / ((double)width * height));
    const int multiple = 1 << m->levels;
    return (lf_size){lf_thumbnail_side(height, m->thumbnail_cells, multiple, scale),
                     lf_thumbnail_side(width, m->thumbnail_cells, multiple, scale)};
}

/* First and past-the-last pixel of cell i of `cells` along a side: cells cover the side, sharing a pixel at most. */
LF_INLINE int lf_cell_start(int i, int side, int cells) { return (int)((int64_t)i * side / cells); }
LF_INLINE int lf_cell_end(int i, int side, int cells) { return (int)(((int64_t)(i + 1) * side + cells - 1) / cells); }

/* Rows [row0, row1) of the thumbnail of a picture: means over cells, in [0, 1], as planes [3][size.rows][size.columns].
 * scratch holds 3 * width floats. */
LF_CODE void lf_thumbnail_rows(const lf_picture *p, lf_size size, int row0, int row1, float *thumbnail, float *scratch) {
    static const float tops[] = {255.0f, 65535.0f, 1.0f};
    enum { LF_STRIP = 4096 }; /* values whose sums stay in the first cache while rows pass */
    for (int row = row0; row < row1; row++) {
        const int y0 = lf_cell_start(row, p->height, size.rows), y1 = lf_cell_end(row, p->height, size.rows);
        const int n = 3 * p->width;
        for (int start = 0; start < n; start += LF_STRIP) {
            const int count = lf_min_int(LF_STRIP, n - start);
#define LF_SUM(value, total)                                                                                          \
    do {                                                                                                              \
        total *restrict sum = (total *)scratch + start;                                                               \
        for (int i = 0; i < count; i++) sum[i] = 0;                                                                   \
        for (int y = y0; y < y1; y++) {                                                                               \
            const value *restrict v = (const value *)lf_at(p, 0, y) + start;                                          \
            for (int i = 0; i < count; i++) sum[i] += v[i];                                                           \
        }                                                                                                             \
        if (p->type != LF_F32)                                                                                        \
            for (int i = 0; i < count; i++) scratch[start + i] = (float)sum[i];                                       \
    } while (0)
            if (p->type == LF_U8)
                LF_SUM(uint8_t, lf_total);
            else if (p->type == LF_U16)
                LF_SUM(uint16_t, lf_total);
            else
                LF_SUM(float, float);
#undef LF_SUM
        }
        for (int x = 0; x < size.columns; x++) {
            const int x0 = lf_cell_start(x, p->width, size.columns), x1 = lf_cell_end(x, p->width, size.columns);
            float sum[3] = {0, 0, 0};
            for (int i = x0; i < x1; i++)
                for (int c = 0; c < 3; c++) sum[c] += scratch[3 * i + c];
            const float scale = 1.0f / (tops[p->type] * (float)(x1 - x0) * (float)(y1 - y0));
            for (int c = 0; c < 3; c++)
                thumbnail[((size_t)c * size.rows + row) * size.columns + x] = sum[c] * scale;
        }
    }
}

/* ---- Context models: FilteringNet ------------------------------------------------------------------------------ */

LF_INLINE size_t lf_cells(lf_size size) { return (size_t)size.rows * size.columns; }
LF_INLINE lf_size lf_halved(lf_size size, int times) { return (lf_size){size.rows >> times, size.columns >> times}; }

/* Planes [n_in][cells] to [n_out][cells] by w [n_in][n_out] and bias b, with ReLU if relu; added to out if add. */
LF_INLINE void lf_mix_planes(const float *in, int n_in, float *out, int n_out, size_t cells, const float *w,
                             const float *b, const int relu, const int add) {
    enum { LF_RUN = 64 };
    for (size_t at = 0; at < cells; at += LF_RUN) {
        const int count = (int)(cells - at < LF_RUN ? cells - at : LF_RUN);
        for (int o = 0; o < n_out; o++) {
            float sum[LF_RUN];
            for (int k = 0; k < LF_RUN; k++) sum[k] = b[o];
            for (int i = 0; i < n_in; i++) {
                const float *restrict from = in + (size_t)i * cells + at;
                const float weight = w[i * n_out + o];
                if (count == LF_RUN)
                    for (int k = 0; k < LF_RUN; k++) sum[k] += weight * from[k];
                else
                    for (int k = 0; k < count; k++) sum[k] += weight * from[k];
            }
            float *restrict to = out + (size_t)o * cells + at;
            for (int k = 0; k < count; k++) {
                const float value = relu && sum[k] < 0 ? 0 : sum[k];
                to[k] = add ? to[k] + value : value;
            }
        }
    }
}

/* A 3 x 3 depthwise layer, the border repeated once around, of stride 1 or 2 (a constant) on planes of size `size`. */
LF_INLINE void lf_depthwise_planes(const float *in, int channels, lf_size size, const int stride, const float *w,
                                   float *out) {
    const int rows = size.rows / stride, columns = size.columns / stride;
    for (int c = 0; c < channels; c++, w += 9, in += lf_cells(size), out += (size_t)rows * columns) {
        for (int y = 0; y < rows; y++) {
            float *restrict to = out + (size_t)y * columns;
            for (int x = 0; x < columns; x++) to[x] = 0;
            for (int i = 0; i < 3; i++) {
                const int above = y * stride + i - 1;
                const int from_row = above < 0 ? 0 : lf_min_int(above, size.rows - 1);
                const float *restrict from = in + (size_t)from_row * size.columns;
                const float a = w[3 * i], b = w[3 * i + 1], d = w[3 * i + 2];
                to[0] += (a + b) * from[0] + d * from[1];
                const int last = stride == 1 ? columns - 1 : columns;
                for (int x = 1; x < last; x++)
                    to[x] += a * from[x * stride - 1] + b * from[x * stride] + d * from[x * stride + 1];
                if (stride == 1) to[last] += a * from[last - 1] + (b + d) * from[last];
            }
        }
    }
}

/* Add to planes of size `size` the planes of half that size, doubled by bilinear interpolation (half-pixel centres). */
LF_INLINE void lf_add_doubled(const float *in, int channels, lf_size size, float *out) {
    const lf_size half = lf_halved(size, 1);
    for (int c = 0; c < channels; c++, in += lf_cells(half), out += lf_cells(size)) {
        for (int y = 0; y < size.rows; y++) {
            const int near = y / 2, other = y % 2 ? near + 1 : near - 1;
            const int far = other < 0 ? 0 : lf_min_int(other, half.rows - 1);
            const float *restrict a = in + (size_t)near * half.columns, *restrict b = in + (size_t)far * half.columns;
            float *restrict to = out + (size_t)y * size.columns;
            for (int x = 0; x < half.columns; x++) {
                const int left = x > 0 ? x - 1 : 0, right = lf_min_int(x + 1, half.columns - 1);
                const float here = 0.75f * a[x] + 0.25f * b[x];
                to[2 * x] += 0.75f * here + 0.25f * (0.75f * a[left] + 0.25f * b[left]);
                to[2 * x + 1] += 0.75f * here + 0.25f * (0.75f * a[right] + 0.25f * b[right]);
            }
        }
    }
}

/* One step down: out (half the size) = ReLU(separable(in)) + means of 2 x 2 of in; scratch as large as in. */
LF_INLINE void lf_step_down(const float *in, int channels, lf_size size, const lf_separable *layer, float *out,
                            float *scratch) {
    const lf_size half = lf_halved(size, 1);
    lf_depthwise_planes(in, channels, size, 2, layer->depthwise, scratch);
    lf_mix_planes(scratch, channels, out, channels, lf_cells(half), layer->pointwise, layer->bias, 1, 0);
    for (int c = 0; c < channels; c++, in += lf_cells(size), out += lf_cells(half))
        for (int y = 0; y < half.rows; y++)
            for (int x = 0; x < half.columns; x++) {
                const float *cell = in + (size_t)2 * y * size.columns + 2 * x;
                out[y * half.columns + x] +=
                    0.25f * (cell[0] + cell[1] + cell[size.columns] + cell[size.columns + 1]);
            }
}

/* Add to the coarsest level, everywhere, what the means and maxima of its channels say together. */
LF_INLINE void lf_add_summary(const lf_context_model *m, float *planes, size_t cells) {
    const int n = m->channels;
    float summary[2 * LF_MAX_WIDTH];
    for (int c = 0; c < n; c++) {
        const float *plane = planes + (size_t)c * cells;
        float sum = 0, most = plane[0];
        for (size_t i = 0; i < cells; i++) {
            sum += plane[i];
            most = plane[i] > most ? plane[i] : most;
        }
        summary[c] = sum / (float)cells;
        summary[n + c] = most;
    }
    for (int o = 0; o < n; o++) {
        float value = m->summary_bias[o];
        for (int i = 0; i < 2 * n; i++) value += summary[i] * m->summary[i * n + o];
        for (size_t i = 0; i < cells; i++) planes[(size_t)o * cells + i] += value;
    }
}

/* Scratch floats lf_context_filter needs: the levels (less than 4/3 of the finest), and a buffer of the finest. */
LF_CODE size_t lf_context_scratch_floats(const lf_context_model *m, lf_size size) {
    const size_t widest = (size_t)(m->channels > 6 ? m->channels : 6) * lf_cells(size);
    return 2 * widest + widest / 3 + 1;
}

/* FilteringNet: thumbnails [6][rows][columns] in [0, 1], under's planes before over's, to the grid
 * [contexts][rows][columns]. The thumbnails are left shifted to [-0.5, 0.5]. */
LF_CODE void lf_context_filter(const lf_context_model *m, float *thumbnails, lf_size size, float *grid, float *scratch) {
    const int n = m->channels;
    const size_t cells = lf_cells(size), widest = (size_t)(n > 6 ? n : 6) * cells;
    float *levels[LF_MAX_LEVELS + 1];
    levels[0] = scratch;
    levels[1] = scratch + widest;
    for (int i = 2; i <= m->levels; i++) levels[i] = levels[i - 1] + (size_t)n * lf_cells(lf_halved(size, i - 1));
    float *spare = scratch + widest + widest / 3 + 1;

    for (size_t i = 0; i < 6 * cells; i++) thumbnails[i] -= 0.5f;
    lf_depthwise_planes(thumbnails, 6, size, 2, m->first.depthwise, spare);
    lf_mix_planes(spare, 6, levels[1], n, lf_cells(lf_halved(size, 1)), m->first.pointwise, m->first.bias, 1, 0);
    for (int i = 1; i < m->levels; i++)
        lf_step_down(levels[i], n, lf_halved(size, i), &m->down[i - 1], levels[i + 1], spare);
    lf_add_summary(m, levels[m->levels], lf_cells(lf_halved(size, m->levels)));
    lf_mix_planes(thumbnails, 6, levels[0], n, cells, m->stem.pointwise, m->stem.bias, 1, 0);
    for (int i = m->levels - 1; i >= 0; i--) {
        const lf_size here = lf_halved(size, i);
        lf_add_doubled(levels[i + 1], n, here, levels[i]);
        lf_depthwise_planes(levels[i], n, here, 1, m->up[i].depthwise, spare);
        lf_mix_planes(spare, n, levels[i], n, lf_cells(here), m->up[i].pointwise, m->up[i].bias, 1, 1);
    }
    lf_mix_planes(levels[0], n, grid, m->contexts, cells, m->head, m->head_bias, 0, 0);
}

/* How far CombiningNet may go, from the thumbnails (not yet filtered): 0 for two equal pictures, which so come back
 * as they are, 1 from a mean difference of 0.08 on. */
LF_CODE float lf_context_strength(const float *thumbnails, lf_size size) {
    const size_t n = 3 * lf_cells(size);
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += __builtin_fabsf(thumbnails[n + i] - thumbnails[i]);
    const double strength = sum / (double)n / 0.08;
    return (float)(strength > 1 ? 1 : strength);
}

/* ---- Context models: CombiningNet ------------------------------------------------------------------------------ */

/* Where pixel i of `side` lies between `cells` cells: cell index and how far towards the next (half-pixel centres). */
LF_INLINE int lf_between(int i, int side, int cells, float *part) {
    const float at = ((float)i + 0.5f) * ((float)cells / (float)side) - 0.5f;
    const int cell = lf_min_int(at > 0 ? (int)at : 0, cells - 1);
    *part = at > 0 ? at - (float)cell : 0.0f;
    return cell;
}

enum { LF_COLUMNS = 256 }; /* pixels of a row whose context is spread out at once, to stay in the first cache */

/* The context of LF_COLUMNS pixels from column `at` on, along two rows of the grid: `upper`, and `step` from there to
 * the row below, both [contexts][LF_COLUMNS]. */
LF_INLINE void lf_spread_context(const lf_context_model *m, const float *grid, lf_size size, int row, int at, int width,
                                 float *restrict upper, float *restrict step) {
    int32_t cell[LF_COLUMNS], next[LF_COLUMNS];
    float part[LF_COLUMNS];
    for (int i = 0; i < LF_COLUMNS; i++) {
        cell[i] = lf_between(lf_min_int(at + i, width - 1), width, size.columns, &part[i]);
        next[i] = lf_min_int(cell[i] + 1, size.columns - 1);
    }
    for (int c = 0; c < m->contexts; c++, upper += LF_COLUMNS, step += LF_COLUMNS) {
        const float *restrict a = grid + ((size_t)c * size.rows + row) * size.columns;
        const float *restrict b = row + 1 < size.rows ? a + size.columns : a;
        for (int i = 0; i < LF_COLUMNS; i++) {
            upper[i] = a[cell[i]] + part[i] * (a[next[i]] - a[cell[i]]);
            step[i] = b[cell[i]] + part[i] * (b[next[i]] - b[cell[i]]) - upper[i];
        }
    }
}

/* The structured output: CombiningNet's answers and the two pictures to the fused one, which replaces x[0..2].
 * picture = luma of the mix, times 1 + gain, plus half the offset; chroma of the mix, times 1 + its own gain. */
LF_INLINE void lf_structure(const lf_plane *answers, lf_plane *x, float strength, const int outputs, const int ratio) {
    const float red = 0.299f, green = 0.587f, blue = 0.114f;
    for (int v = 0; v < LF_TILE_VECS; v++) {
        lf_vec weight = lf_sigmoid(answers[0][v] - 3.0f), mix[3];
        for (int c = 0; c < 3; c++) mix[c] = x[3 + c][v] + weight * (x[c][v] - x[3 + c][v]);
        const lf_vec y = mix[0] * red + mix[1] * green + mix[2] * blue;
        const lf_vec luma = y + y * (answers[1][v] * strength) + answers[2][v] * (0.5f * strength);
        lf_vec grey = y;
        if (outputs == 5) {
            weight = lf_sigmoid(answers[4][v] - 3.0f);
            for (int c = 0; c < 3; c++) mix[c] = x[3 + c][v] + weight * (x[c][v] - x[3 + c][v]);
            grey = mix[0] * red + mix[1] * green + mix[2] * blue;
        }
        lf_vec gain = answers[3][v] * strength + 1.0f;
        if (ratio) gain *= lf_min((luma + 0.02f) / (grey + 0.02f), lf_splat(8.0f));
        gain = lf_min(lf_max(gain, lf_splat(0.0f)), lf_splat(8.0f));
        for (int c = 0; c < 3; c++)
            x[c][v] = lf_min(lf_max(luma + (mix[c] - grey) * gain, lf_splat(0.0f)), lf_splat(1.0f));
    }
}

/* A tile of `count` pixels of a row at column `at`; part is how far the row lies from `upper` towards the next. */
LF_INLINE void lf_context_tile(const lf_context_model *m, const lf_picture *under, const lf_picture *over,
                               const lf_picture *out, int row, int at, int count, const float *upper, const float *step,
                               float part, float strength) {
    static const float tops[] = {255.0f, 65535.0f, 1.0f};
    const lf_range range = {1.0f / tops[under->type], 0.0f};
    lf_plane x[6], context[LF_MAX_CONTEXT], layer[2][LF_MAX_WIDTH];
    lf_unpack(under, at, row, count, LF_TILE, range, (float *)x[0], (float *)x[1], (float *)x[2]);
    lf_unpack(over, at, row, count, LF_TILE, range, (float *)x[3], (float *)x[4], (float *)x[5]);
    for (int c = 0; c < m->contexts; c++, upper += LF_COLUMNS, step += LF_COLUMNS)
        for (int i = 0; i < LF_TILE; i++) ((float *)context[c])[i] = upper[i] + part * step[i];
    lf_pointwise(x, 6, layer[0], m->widths[1], m->weights[0], m->biases[0], context, 1);
    int l = 1;
    for (; l < m->layers - 1; l++)
        lf_pointwise(layer[(l - 1) % 2], m->widths[l], layer[l % 2], m->widths[l + 1], m->weights[l], m->biases[l], NULL, 1);
    lf_pointwise(layer[(l - 1) % 2], m->widths[l], layer[l % 2], m->outputs, m->weights[l], m->biases[l],
                 context + m->widths[1], 0);
    lf_structure(layer[l % 2], x, strength, m->outputs, m->ratio);
    lf_pack(out, at, row, count, (const float *)x[0], (const float *)x[1], (const float *)x[2]);
}

/* Fuse rows [row0, row1) of under and over into the same rows of out, which may be one of the two.
 * scratch holds 2 * LF_MAX_CONTEXT * LF_COLUMNS floats. */
LF_CODE void lf_context_combine_rows(const lf_context_model *m, const lf_picture *under, const lf_picture *over,
                                     const float *grid, lf_size size, float strength, const lf_picture *out, int row0,
                                     int row1, float *scratch) {
    float *upper = scratch, *step = scratch + LF_MAX_CONTEXT * LF_COLUMNS;
    while (row0 < row1) {
        float part;
        const int cell = lf_between(row0, under->height, size.rows, &part);
        int end = row0 + 1;
        while (end < row1 && lf_between(end, under->height, size.rows, &part) == cell) end++;
        for (int at = 0; at < under->width; at += LF_COLUMNS) {
            const int columns = lf_min_int(LF_COLUMNS, under->width - at);
            lf_spread_context(m, grid, size, cell, at, under->width, upper, step);
            for (int row = row0; row < end; row++) {
                lf_between(row, under->height, size.rows, &part);
                for (int x = 0; x < columns; x += LF_TILE)
                    lf_context_tile(m, under, over, out, row, at + x, lf_min_int(LF_TILE, columns - x), upper + x,
                                    step + x, part, strength);
            }
        }
        row0 = end;
    }
}

#endif /* LF_TYPES_ONLY */
#endif /* LIGHTFUSE_H */
