/* Making two exposures comparable: histogram matching of their tones, and pyramids of local contrast.
 *
 * Two exposures of one scene differ, channel by channel, by a monotonic tone curve. It maps equal shares of pixels to equal
 * shares, however the frames are moved: histogram matching (Ward 2003's median threshold bitmaps use one point of that
 * curve). Where the brighter frame is clipped, the darker one is clipped at the same radiance, so that an edge lies at the
 * same place in both. */
#ifndef LIGHTFUSE_ALIGN_CONTRAST_H
#define LIGHTFUSE_ALIGN_CONTRAST_H

#include "geometry.h"

/* A float image; `unit` takes its pixels to the centred coordinates of the frame that it was reduced from. */
typedef struct {
    float *values;
    int width, height;
    lf_unit unit;
} lf_image;

/* Memory handed out from a buffer of the caller's; copied, so that what a function takes is free again when it returns. */
typedef struct {
    unsigned char *next;
} lf_arena;

enum {
    LF_BINS_U8 = 256,
    LF_BINS_U16 = 4096,
    LF_MOST_COUNTED = 1000000,
    LF_MOST_SAMPLES = 4, /* along each side of a cell */
    LF_MOST_NOISE_SAMPLES = 16384
};
#define LF_CLIPPED 0.98 /* JPEG and noise reach this far below white */
#define LF_CONTRAST_FLOOR 0.004f /* local contrast below this much of [0, 1] is not visible */
#define LF_NOISE_SIGMAS 3.0f /* nor is contrast below so many standard deviations of noise */

LF_ALIGN void *lf_take(lf_arena *arena, size_t bytes) {
    unsigned char *from = (unsigned char *)(((uintptr_t)arena->next + 63) & ~(uintptr_t)63);
    arena->next = from + bytes;
    return from;
}

LF_ALIGN int lf_levels_of(lf_type type) { return LF_TYPE(type) == LF_U8 ? 256 : 65536; }
LF_ALIGN int lf_bins_of(lf_type type) { return LF_TYPE(type) == LF_U8 ? LF_BINS_U8 : LF_BINS_U16; }

LF_ALIGN uint16_t lf_code_of_float(float value) {
    const float code = value * 65535.0f + 0.5f;
    return code >= 65535.0f ? 65535 : code > 0 ? (uint16_t)code : 0;
}

/* A pixel as an integer code: float32 as 16 bits. */
LF_INLINE int lf_code(const void *row, ptrdiff_t at, lf_type type) {
    if (LF_TYPE(type) == LF_U8) return ((const uint8_t *)row)[at];
    if (type == LF_U16) return ((const uint16_t *)row)[at];
    return lf_code_of_float(((const float *)row)[at]);
}

LF_ALIGN float lf_least_float(float a, float b) { return a < b ? a : b; }
LF_ALIGN float lf_most_float(float a, float b) { return a > b ? a : b; }
LF_ALIGN float lf_unit_clamped(float a) { return lf_least_float(lf_most_float(a, 0), 1); }

/* A value as a pixel, clipped to [0, 1] and rounded. */
LF_ALIGN void lf_store_value(void *row, ptrdiff_t at, lf_type type, float value) {
    const float inside = lf_unit_clamped(value);
    if (LF_TYPE(type) == LF_U8) ((uint8_t *)row)[at] = (uint8_t)(inside * 255 + 0.5f);
    else if (type == LF_U16) ((uint16_t *)row)[at] = (uint16_t)(inside * 65535 + 0.5f);
    else ((float *)row)[at] = inside;
}

/* Between four values, two and the two a pitch behind them. */
LF_INLINE float lf_bilinear(const float *upper, ptrdiff_t pitch, float part, float down) {
    const float *lower = upper + pitch;
    const float above = upper[0] + part * (upper[1] - upper[0]), below = lower[0] + part * (lower[1] - lower[0]);
    return above + down * (below - above);
}

/* One channel of a picture of 3 or 4. */
LF_ALIGN lf_channel lf_channel_of(const lf_picture *picture, int channels, int which) {
    const unsigned char *first = (const unsigned char *)picture->pixels + which * lf_pixel_bytes(picture->type) / 3;
    return (lf_channel){first, picture->row_bytes, channels, picture->width, picture->height, picture->type};
}

LF_ALIGN const void *lf_row(const lf_channel *channel, int y) {
    return (const unsigned char *)channel->values + y * channel->row_bytes;
}

/* The least integer that both sides are divided by to leave no more than so many pixels. */
LF_ALIGN int lf_shrink_to(int width, int height, double most) {
    int shrink = 1;
    while (shrink * (shrink * most) < (double)width * height) shrink++;
    return shrink;
}

/* The box of a frame that is mapped inside the other by a homography of pixels, but for slivers after a rotation. */
LF_ALIGN lf_area lf_common_box(lf_matrix way, int width, int height) {
    double x[4], y[4];
    for (int i = 0; i < 4; i++) lf_map(&way, (i & 1) * (width - 1), (i >> 1) * (height - 1), &x[i], &y[i]);
    const double left = lf_most(lf_most(x[0], x[2]), 0), right = lf_least(lf_least(x[1], x[3]), width - 1);
    const double top = lf_most(lf_most(y[0], y[1]), 0), bottom = lf_least(lf_least(y[2], y[3]), height - 1);
    if (!(left <= right && top <= bottom)) return (lf_area){0, 0, width, height};
    return (lf_area){(int)left, (int)top, (int)right + 1, (int)bottom + 1};
}

/* ---- Tones ------------------------------------------------------------------------------------------------------- */

/* How far apart the sampled pixels of a box are: at most a million are counted. */
LF_ALIGN int lf_sampling_step(lf_area box) {
    const double area = (double)(box.right - box.left) * (box.bottom - box.top);
    return area > LF_MOST_COUNTED ? (int)(lf_root(area / LF_MOST_COUNTED) + 0.5) : 1;
}

/* From counts, that of each bin behind its upper edge, to the share of pixels below each edge. */
LF_ALIGN void lf_cumulate(double *below, int bins) {
    for (int i = 0; i < bins; i++) below[i + 1] += below[i];
    const double all = lf_most(1, below[bins]);
    for (int i = 0; i <= bins; i++) below[i] /= all;
}

/* Share of a box's pixels below each edge of the bins, bins + 1 of them; a code counts as spread over its own width. */
LF_ALIGN void lf_cumulative_histogram(const lf_channel *channel, lf_area box, double *below) {
    const int bins = lf_bins_of(channel->type), wide = lf_levels_of(channel->type) / bins, step = lf_sampling_step(box);
    for (int i = 0; i <= bins; i++) below[i] = 0;
    for (int y = box.top; y < box.bottom; y += step) {
        const void *row = lf_row(channel, y);
        for (int x = box.left; x < box.right; x += step)
            below[lf_code(row, (ptrdiff_t)x * channel->step, channel->type) / wide + 1] += 1;
    }
    lf_cumulate(below, bins);
}

LF_ALIGN double lf_share_at(const double *below, int bins, double at) {
    const int bin = lf_clamp((int)at, 0, bins - 1);
    return below[bin] + (at - bin) * (below[bin + 1] - below[bin]);
}

/* The tone in [0, 1] below which a histogram has this share of its pixels. `bin` is where to begin, and where it was found:
 * shares that rise are found in one walk. */
LF_ALIGN double lf_tone_at(const double *below, int bins, double share, int *bin) {
    while (*bin < bins - 1 && below[*bin + 1] <= share) ++*bin;
    const double step = below[*bin + 1] - below[*bin];
    const double part = step > 0 ? (share - below[*bin]) / step : 0;
    return (*bin + lf_least(1, lf_most(0, part))) / bins;
}

/* For each code with the first histogram the tone of equal share with the second. */
LF_ALIGN void lf_curve(const double *below, const double *others, lf_type type, float *curve) {
    const int levels = lf_levels_of(type), bins = lf_bins_of(type);
    int bin = 0;
    for (int code = 0; code < levels; code++) {
        const double share = lf_share_at(below, bins, (code + 0.5) * bins / levels);
        curve[code] = (float)lf_tone_at(others, bins, share, &bin);
    }
}

LF_ALIGN uint16_t lf_tone(double tone, double top) { return (uint16_t)(lf_least(tone / top, 1) * 65535 + 0.5); }

/* Tables (lf_levels_of the type) from two frames' codes to common tones, from what boxes with the same part of the scene
 * hold. The common tones are the darker frame's: its noise is the larger, and this way it is not amplified. */
LF_ALIGN void lf_match_tones(const lf_channel *first, const lf_channel *second, lf_area box, lf_area other_box,
                             uint16_t *table, uint16_t *other_table, lf_arena arena) {
    const int levels = lf_levels_of(first->type), bins = lf_bins_of(first->type);
    double *one = lf_take(&arena, (size_t)(bins + 1) * sizeof *one), *other = lf_take(&arena, (size_t)(bins + 1) * sizeof *other);
    float *curve = lf_take(&arena, (size_t)levels * sizeof *curve);
    lf_cumulative_histogram(first, box, one);
    lf_cumulative_histogram(second, other_box, other);
    double sum = 0, other_sum = 0;
    for (int i = 0; i <= bins; i++) sum += one[i], other_sum += other[i];
    const int first_is_darker = sum >= other_sum;
    const double *dark = first_is_darker ? one : other, *bright = first_is_darker ? other : one;
    int bin = 0;
    const double found = lf_tone_at(dark, bins, lf_share_at(bright, bins, LF_CLIPPED * bins), &bin);
    const double top = found > 0 ? found : 1;
    lf_curve(bright, dark, first->type, curve);
    for (int code = 0; code < levels; code++) {
        (first_is_darker ? table : other_table)[code] = lf_tone((code + 0.5) / levels, top);
        (first_is_darker ? other_table : table)[code] = lf_tone(curve[code], top);
    }
}

/* ---- Smaller pictures -------------------------------------------------------------------------------------------- */

/* Codes through a table, then averaged over cells of shrink x shrink pixels, of which at most 4 x 4, spread evenly, are
 * looked at; an incomplete last row or column is left out. The table comes first: it is exact for single pixels, not for
 * averages of pixels across an edge. */
LF_ALIGN lf_image lf_reduced(const lf_channel *channel, const uint16_t *table, int shrink, lf_arena *arena) {
    const int width = channel->width / shrink, height = channel->height / shrink;
    const int samples = shrink < LF_MOST_SAMPLES ? shrink : LF_MOST_SAMPLES;
    const lf_type type = channel->type;
    int at[LF_MOST_SAMPLES];
    double centre = 0;
    for (int i = 0; i < samples; i++) {
        at[i] = (2 * i + 1) * shrink / (2 * samples);
        centre += (double)at[i] / samples;
    }
    float *values = lf_take(arena, (size_t)width * (size_t)height * sizeof *values);
    const float scale = 1.0f / (float)(samples * samples * 65535);
    for (int y = 0; y < height; y++) {
        const void *rows[LF_MOST_SAMPLES];
        for (int i = 0; i < samples; i++) rows[i] = lf_row(channel, y * shrink + at[i]);
        for (int x = 0; x < width; x++) {
            uint32_t sum = 0;
            for (int j = 0; j < samples; j++) {
                const ptrdiff_t place = (ptrdiff_t)(x * shrink + at[j]) * channel->step;
                for (int i = 0; i < samples; i++) sum += table[lf_code(rows[i], place, type)];
            }
            values[(size_t)y * (size_t)width + (size_t)x] = (float)sum * scale;
        }
    }
    const lf_unit unit = lf_unit_of(channel->width, channel->height);
    return (lf_image){values, width, height,
                      {unit.scale * shrink, unit.x0 + unit.scale * centre, unit.y0 + unit.scale * centre}};
}

LF_ALIGN lf_image lf_half_sized(const lf_image *level, lf_arena *arena) {
    const int width = level->width / 2, height = level->height / 2;
    float *values = lf_take(arena, (size_t)width * (size_t)height * sizeof *values);
    for (int y = 0; y < height; y++) {
        const float *upper = level->values + (size_t)(2 * y) * (size_t)level->width, *lower = upper + level->width;
        float *out = values + (size_t)y * (size_t)width;
        for (int x = 0; x < width; x++)
            out[x] = (upper[2 * x] + upper[2 * x + 1] + lower[2 * x] + lower[2 * x + 1]) * 0.25f;
    }
    const lf_unit unit = level->unit;
    return (lf_image){values, width, height, {2 * unit.scale, unit.x0 + unit.scale / 2, unit.y0 + unit.scale / 2}};
}

/* ---- Local contrast ---------------------------------------------------------------------------------------------- */

/* The k-th smallest of n numbers (Hoare's quickselect); reorders them. */
LF_ALIGN float lf_select(float *values, ptrdiff_t n, ptrdiff_t k) {
    ptrdiff_t low = 0, high = n - 1;
    while (low < high) {
        const float pivot = values[low + (high - low) / 2];
        ptrdiff_t i = low, j = high;
        while (i <= j) {
            while (values[i] < pivot) i++;
            while (values[j] > pivot) j--;
            if (i > j) break;
            const float swapped = values[i];
            values[i++] = values[j];
            values[j--] = swapped;
        }
        if (k <= j) high = j;
        else if (k >= i) low = i;
        else break;
    }
    return values[k];
}

/* A Gaussian blur with a standard deviation of one pixel; `row` holds width + 6 floats, `along` is as large as the level. */
LF_ALIGN void lf_blur(const lf_image *level, float *restrict along, float *restrict row, float *restrict out) {
    static const float w0 = 0.39906f, w1 = 0.24203f, w2 = 0.05401f, w3 = 0.00443f;
    const int width = level->width, height = level->height;
    for (int y = 0; y < height; y++) {
        const float *from = level->values + (size_t)y * (size_t)width;
        float *to = along + (size_t)y * (size_t)width;
        for (int i = 0; i < 3; i++) row[i] = from[0], row[width + 3 + i] = from[width - 1];
        for (int x = 0; x < width; x++) row[x + 3] = from[x];
        for (int x = 0; x < width; x++)
            to[x] = w0 * row[x + 3] + w1 * (row[x + 2] + row[x + 4]) + w2 * (row[x + 1] + row[x + 5]) +
                    w3 * (row[x] + row[x + 6]);
    }
    for (int y = 0; y < height; y++) {
        const float *r[7];
        for (int i = 0; i < 7; i++) r[i] = along + (size_t)lf_clamp(y + i - 3, 0, height - 1) * (size_t)width;
        float *to = out + (size_t)y * (size_t)width;
        for (int x = 0; x < width; x++)
            to[x] = w0 * r[3][x] + w1 * (r[2][x] + r[4][x]) + w2 * (r[1][x] + r[5][x]) + w3 * (r[0][x] + r[6][x]);
    }
}

/* Means over the pixels within a radius across and down; mirrored at the border. `sums` holds lf_box_sums doubles. */
LF_ALIGN size_t lf_box_sums(int width, int radius) { return (size_t)width + 2 * (size_t)radius + 1; }

LF_ALIGN void lf_box_mean(const float *restrict in, int width, int height, int radius, float *restrict out, double *sums) {
    const double scale = 1.0 / ((2.0 * radius + 1) * (2.0 * radius + 1));
    double *columns = sums + radius + 1;
    for (int x = 0; x < width; x++) columns[x] = 0;
    for (int d = -radius; d < radius; d++) {
        const float *row = in + (ptrdiff_t)lf_mirrored(d, height) * width;
        for (int x = 0; x < width; x++) columns[x] += row[x];
    }
    for (int y = 0; y < height; y++) {
        const float *entering = in + (ptrdiff_t)lf_mirrored(y + radius, height) * width;
        const float *leaving = in + (ptrdiff_t)lf_mirrored(y - radius, height) * width;
        float *to = out + (ptrdiff_t)y * width;
        for (int x = 0; x < width; x++) columns[x] += entering[x];
        for (int i = 1; i <= radius; i++) {
            columns[-i] = columns[lf_mirrored(-i, width)];
            columns[width - 1 + i] = columns[lf_mirrored(width - 1 + i, width)];
        }
        columns[-radius - 1] = 0;
        double sum = 0;
        for (int i = -radius; i < radius; i++) sum += columns[i];
        for (int x = 0; x < width; x++) {
            sum += columns[x + radius] - columns[x - radius - 1];
            to[x] = (float)(sum * scale);
        }
        for (int x = 0; x < width; x++) columns[x] -= leaving[x];
    }
}

/* Two such means, one of the other: nearly a Gaussian. `between` is as large as the picture; out may be in. */
LF_ALIGN void lf_box_blur(const float *in, int width, int height, int near, int far, float *between, float *out, double *sums) {
    lf_box_mean(in, width, height, near, between, sums);
    lf_box_mean(between, width, height, far, out, sums);
}

/* Standard deviation of the noise that the blur leaves, by Immerkaer's mask (CVIU 1996) with the median instead of the
 * mean: the noise of flat areas where most of the image is flat, else a fair part of its texture. */
LF_ALIGN float lf_fine_noise(const lf_image *level, lf_arena arena) {
    const int width = level->width, height = level->height;
    float *responses = lf_take(&arena, 2 * LF_MOST_NOISE_SAMPLES * sizeof *responses);
    int step = 1;
    while ((double)(width / step) * (height / step) > LF_MOST_NOISE_SAMPLES) step++;
    ptrdiff_t count = 0;
    for (int y = 1; y < height - 1; y += step)
        for (int x = 1; x < width - 1 && count < 2 * LF_MOST_NOISE_SAMPLES; x += step) {
            const float *p = level->values + (size_t)y * (size_t)width + (size_t)x;
            const float crosses = p[-1] + p[1] + p[-width] + p[width];
            const float response = 4 * p[0] - 2 * crosses + (p[-width - 1] + p[-width + 1] + p[width - 1] + p[width + 1]);
            responses[count++] = response < 0 ? -response : response;
        }
    const float left_by_blur = 0.28209479f; /* 1 / (2 sqrt(pi)) */
    return count ? lf_select(responses, count, count / 2) / 0.6745f / 6 * left_by_blur : 0;
}

/* An image less its surround's mean, divided by its deviation there; slightly smoothed, and near 0 where noise prevails.
 * This removes illumination and the strength of edges, which differ between exposures. */
LF_ALIGN void lf_local_contrast(const lf_image *level, float *out, lf_arena arena) {
    enum { NEAR = 9, FAR = 10 /* together nearly a Gaussian of eight pixels */ };
    const int width = level->width, height = level->height;
    const size_t n = (size_t)width * (size_t)height;
    float *one = lf_take(&arena, n * sizeof *one), *other = lf_take(&arena, n * sizeof *other);
    float *row = lf_take(&arena, ((size_t)width + 6) * sizeof *row);
    double *sums = lf_take(&arena, lf_box_sums(width, FAR) * sizeof *sums);
    lf_box_blur(level->values, width, height, NEAR, FAR, other, one, sums);
    for (size_t i = 0; i < n; i++) one[i] = level->values[i] - one[i];
    lf_blur(&(lf_image){one, width, height, level->unit}, other, row, out); /* last, so that what is flat is exactly 0 */
    for (size_t i = 0; i < n; i++) one[i] = out[i] * out[i];
    lf_box_blur(one, width, height, NEAR, FAR, other, one, sums);
    const float noise = LF_NOISE_SIGMAS * lf_fine_noise(level, arena);
    const float floor = LF_CONTRAST_FLOOR * LF_CONTRAST_FLOOR + noise * noise;
    for (size_t i = 0; i < n; i++) out[i] /= __builtin_sqrtf(one[i] + floor);
}

#endif
