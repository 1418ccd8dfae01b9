/* What lightfuse.h works on: pictures, and the models' weights as the caller hands them. */
#ifndef LIGHTFUSE_TYPES_H
#define LIGHTFUSE_TYPES_H

#include <stddef.h>
#include <stdint.h>

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

enum { LF_MAX_LEVELS = 8, LF_LAYERS = 3, LF_ANSWERS = 5, LF_MAX_WIDTH = 32, LF_MAX_CONTEXT = LF_MAX_WIDTH + LF_ANSWERS };

/* A depthwise 3 x 3 [channels][3][3] without bias, then a pointwise [in][out] with bias [out]. */
typedef struct {
    const float *depthwise, *pointwise, *bias;
} lf_separable;

/* FilteringNet halves the thumbnail `levels` times and comes back up: first from 6 to `channels` at stride 2, then
 * down[] at stride 2, a summary [2 * channels][channels] of the coarsest level's means and maxima, up[] at stride 1 on
 * every level, stem [6][channels] beside the thumbnail, head [channels][contexts].
 * CombiningNet has three pointwise layers [in][out] of widths[0..3] (6, two hidden ones, 5); the middle one has a bias.
 * The first widths[1] contexts are added inside its first layer, the last 5 of them to its last, whose answers are: mixing
 * weight of luma, luma gain, luma offset, chroma gain, mixing weight of chroma. down[] and up[] point at levels' own weights,
 * or all at the same. */
typedef struct {
    int thumbnail_cells, channels, levels, contexts;
    int widths[LF_LAYERS + 1];
    lf_separable first, stem, down[LF_MAX_LEVELS], up[LF_MAX_LEVELS];
    const float *summary, *summary_bias, *head, *head_bias;
    const float *weights[LF_LAYERS], *bias;
} lf_context_model;

/* Pixels left .. right-1 of rows top .. bottom-1. */
typedef struct {
    int left, top, right, bottom;
} lf_area;

#define LF_INLINE static inline __attribute__((always_inline)) /* where size is asked for, too */

LF_INLINE int lf_pixel_bytes(lf_type type) { return type == LF_U8 ? 3 : type == LF_U16 ? 6 : 12; }

LF_INLINE char *lf_at(const lf_picture *p, int x, int y) {
    return (char *)p->pixels + (ptrdiff_t)y * p->row_bytes + (ptrdiff_t)x * lf_pixel_bytes(p->type);
}

/* The part of a picture in a box. */
LF_INLINE lf_picture lf_part(const lf_picture *p, lf_area box) {
    lf_picture part = *p;
    part.pixels = lf_at(p, box.left, box.top);
    part.width = box.right - box.left;
    part.height = box.bottom - box.top;
    return part;
}

/* Rows and columns of a thumbnail, and of the context grid. */
typedef struct {
    int rows, columns;
} lf_size;

/* Planes of one channel each, `pitch` numbers from one to the next. */
typedef struct {
    float *at;
    size_t pitch;
} lf_planes;

/* Rows [first, first + rows) of a context grid of size `size`, [contexts][rows][size.columns], which covers the part `box` of
 * a picture; pixels beside it have the context of its edge. Cells are floats, or the integers of lf_fix_grid. */
typedef struct {
    lf_area box;
    lf_size size;
    int first, rows;
    const void *cells;
} lf_grid;

/* ---- Fixed point: see fixed_format.h -------------------------------------------------------------------------------- */

/* The extremes of every channel of the context grid. */
typedef struct {
    float low[LF_MAX_CONTEXT], high[LF_MAX_CONTEXT];
} lf_extremes;

/* A weight of 16 bits, on x86 twice in 32 bits: it has an instruction that spreads those over a vector while loading. */
#if defined(__x86_64__) || defined(__i386__)
typedef uint32_t lf_weight;
#else
typedef int16_t lf_weight;
#endif

/* Weights [in][out] and biases of every layer; context = grid * grid_scale + grid_shift, in integers; by how many bits the
 * answers are raised: weights of luma and chroma, luma's gain and offset, chroma's gain. */
typedef struct {
    lf_weight weights[LF_LAYERS][LF_MAX_WIDTH * LF_MAX_WIDTH], biases[LF_LAYERS][LF_MAX_WIDTH];
    float grid_scale[LF_MAX_CONTEXT], grid_shift[LF_MAX_CONTEXT];
    int bits[5];
#if defined(__wasm__)
    /* What is stored of a value, levels * 2^7: the bits `stored` of it, times `scale` in Q15. See lf_store_levels. */
    int16_t stored, scale;
#endif
} lf_fixed;

#endif
