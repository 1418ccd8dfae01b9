/* Regions of motion, from maps of disagreement: shapes of 0 and 1, their connected parts, and what is done to them. */
#ifndef LIGHTFUSE_DEGHOST_REGIONS_H
#define LIGHTFUSE_DEGHOST_REGIONS_H

#include "disagreement.h"

enum { LF_FEWEST_CERTAIN = 6, LF_GROW = 3, LF_FEATHER_RADIUS = 2 };
#define LF_CERTAIN 0.2 /* disagreement */
#define LF_CERTAIN_STOPS 6.0
#define LF_DARK 0.3
#define LF_CERTAIN_PART 0.025
#define LF_EXTENT 0.06 /* radii as parts of the diagonal */
#define LF_CLOSE 0.004
#define LF_TOGETHER 0.015

typedef struct {
    uint8_t *at;
    int width, height;
} lf_binary;

/* A connected part: columns [left, right), rows [top, bottom), and how many pixels. */
typedef struct {
    int left, top, right, bottom, area;
} lf_part_box;

LF_GHOST lf_binary lf_new_binary(int width, int height, lf_arena *arena) {
    lf_binary shape = {lf_take(arena, (size_t)width * (size_t)height), width, height};
    __builtin_memset(shape.at, 0, (size_t)width * (size_t)height);
    return shape;
}
LF_GHOST uint8_t *lf_binary_row(lf_binary shape, int y) { return shape.at + (ptrdiff_t)y * shape.width; }

/* Label the connected parts of a shape, by 4 or 8 neighbours, from 1 on; 0 outside. Returns how many there are. `stack` is as
 * large as `labels`, `parts` holds as many as may be: every other pixel. */
LF_GHOST int lf_label_parts(lf_binary shape, int neighbours, int32_t *labels, int32_t *stack, lf_part_box *parts) {
    const int width = shape.width, height = shape.height;
    int count = 0;
    for (int i = 0; i < width * height; i++) labels[i] = 0;
    for (int seed = 0; seed < width * height; seed++) {
        if (!shape.at[seed] || labels[seed]) continue;
        lf_part_box part = {width, height, 0, 0, 0};
        int waiting = 0;
        labels[stack[waiting++] = seed] = ++count;
        while (waiting) {
            const int i = stack[--waiting], x = i % width, y = i / width;
            part.area++;
            if (x < part.left) part.left = x;
            if (x >= part.right) part.right = x + 1;
            if (y < part.top) part.top = y;
            if (y >= part.bottom) part.bottom = y + 1;
            for (int dy = y > 0 ? -1 : 0; dy <= (y < height - 1); dy++)
                for (int dx = x > 0 ? -1 : 0; dx <= (x < width - 1); dx++) {
                    const int near = i + dy * width + dx;
                    if (!shape.at[near] || labels[near] || (neighbours == 4 && dx && dy)) continue;
                    labels[stack[waiting++] = near] = count;
                }
        }
        parts[count - 1] = part;
    }
    return count;
}

/* How far a disc reaches across at a distance from its middle row, as OpenCV's MORPH_ELLIPSE. */
LF_GHOST int lf_disc_reach(int radius, int down) {
    return (int)(lf_root((double)radius * radius - (double)down * down) + 0.5);
}

/* Adds a shape grown by a disc, or by a square, to `out`, of the same size. `away` holds as many numbers as a row. */
LF_GHOST void lf_grow(lf_binary in, int radius, int is_square, lf_binary out, int32_t *away) {
    const int width = in.width;
    for (int y = 0; y < in.height; y++) {
        const uint8_t *row = lf_binary_row(in, y);
        int first = 0, last = width - 1;
        while (first < width && !row[first]) first++;
        if (first == width) continue;
        while (!row[last]) last--;
        first = lf_clamp(first - radius, 0, width), last = lf_clamp(last + radius, 0, width - 1);
        int32_t since = INT32_MAX / 2;
        for (int x = first; x <= last; x++) away[x] = since = row[x] ? 0 : since + 1;
        since = INT32_MAX / 2;
        for (int x = last; x >= first; x--) {
            since = row[x] ? 0 : since + 1;
            if (since < away[x]) away[x] = since;
        }
        for (int to = lf_clamp(y - radius, 0, y); to <= y + radius && to < in.height; to++) {
            const int reach = is_square ? radius : lf_disc_reach(radius, to - y);
            uint8_t *grown = lf_binary_row(out, to);
            for (int x = first; x <= last; x++) grown[x] |= away[x] <= reach;
        }
    }
}

LF_GHOST void lf_invert_binary(lf_binary shape) {
    for (ptrdiff_t i = 0; i < (ptrdiff_t)shape.width * shape.height; i++) shape.at[i] = !shape.at[i];
}

/* The shape without what is near its outside; all around the frame counts as inside. `in` is inverted and back again. */
LF_GHOST void lf_shrink(lf_binary in, int radius, lf_binary out, int32_t *away) {
    __builtin_memset(out.at, 0, (size_t)out.width * (size_t)out.height);
    lf_invert_binary(in);
    lf_grow(in, radius, 0, out, away);
    lf_invert_binary(in);
    lf_invert_binary(out);
}

/* Where parts are found. */
typedef struct {
    int32_t *labels, *stack;
    lf_part_box *parts;
} lf_labelling;

LF_GHOST lf_labelling lf_new_labelling(size_t pixels, lf_arena *arena) {
    return (lf_labelling){lf_take(arena, pixels * sizeof(int32_t)), lf_take(arena, pixels * sizeof(int32_t)),
                          lf_take(arena, (pixels / 2 + 1) * sizeof(lf_part_box))};
}

/* A shape after a morphological closing by a disc, with its holes filled. */
LF_GHOST void lf_close(lf_binary shape, int radius, lf_arena arena) {
    const int width = shape.width, height = shape.height, n = width * height;
    lf_binary outside = lf_new_binary(width, height, &arena);
    int32_t *const away = lf_take(&arena, (size_t)width * sizeof *away);
    lf_grow(shape, radius, 0, outside, away);
    lf_shrink(outside, radius, shape, away);
    for (int i = 0; i < n; i++) outside.at[i] = !shape.at[i];
    const lf_labelling found = lf_new_labelling((size_t)n, &arena);
    lf_label_parts(outside, 4, found.labels, found.stack, found.parts);
    for (int i = 0; i < n; i++) {
        const lf_part_box part = found.parts[found.labels[i] ? found.labels[i] - 1 : 0];
        shape.at[i] |= found.labels[i] && part.left > 0 && part.top > 0 && part.right < width && part.bottom < height;
    }
}

/* ---- From disagreement to regions -------------------------------------------------------------------------------- */

/* The disagreement that is certain, given the mean of over's channels and the disagreement. In over's shadows less is enough;
 * beyond six stops more is demanded: veiling glare, blooming and local tone mapping grow. */
LF_GHOST float lf_certain(double brightness, double stops) {
    return (float)(LF_CERTAIN * lf_most(1, stops / LF_CERTAIN_STOPS) * (LF_DARK + (1 - LF_DARK) * lf_least(brightness, 1)));
}

LF_GHOST float lf_mean_of(float *const *planes, ptrdiff_t i) { return (planes[0][i] + planes[1][i] + planes[2][i]) / 3; }

/* The patches in which a map of disagreement, with the tolerance to detect, is certain, as 0 and 1. A patch counts by its largest
 * values: what is not motion differs by little over wide areas, moving objects by much somewhere. Returns whether there is one. */
LF_GHOST int lf_find_seeds(const float *disagreement, float *const *over, double stops, lf_binary seeds, lf_arena arena) {
    const int width = seeds.width, height = seeds.height;
    const ptrdiff_t n = (ptrdiff_t)width * height;
    lf_binary weak = lf_new_binary(width, height, &arena), grown = lf_new_binary(width, height, &arena);
    int32_t *const away = lf_take(&arena, (size_t)width * sizeof *away);
    for (ptrdiff_t i = 0; i < n; i++) weak.at[i] = disagreement[i] > 0;
    lf_grow(weak, 1, 0, grown, away);
    lf_shrink(grown, 1, weak, away);
    const lf_labelling found = lf_new_labelling((size_t)n, &arena);
    const int count = lf_label_parts(weak, 8, found.labels, found.stack, found.parts);
    int32_t *const certain = found.stack;
    int any = 0;
    for (int i = 0; i <= count && i < n; i++) certain[i] = 0;
    for (ptrdiff_t i = 0; i < n; i++)
        if (found.labels[i] && disagreement[i] > lf_certain((double)lf_mean_of(over, i) + disagreement[i], stops))
            certain[found.labels[i] - 1]++;
    for (ptrdiff_t i = 0; i < n; i++) {
        const int part = found.labels[i] - 1;
        seeds.at[i] = part >= 0 && certain[part] >= lf_most(LF_FEWEST_CERTAIN, LF_CERTAIN_PART * found.parts[part].area);
        any |= seeds.at[i];
    }
    return any;
}

LF_GHOST int lf_radius(double part, lf_binary shape) {
    const double diagonal = lf_root((double)shape.width * shape.width + (double)shape.height * shape.height);
    return (int)lf_most(1, part * diagonal + 0.5);
}

/* The seeds, and connected disagreement that is not far away: two thresholds with hysteresis, after Canny (PAMI 1986). */
LF_GHOST void lf_extend_seeds(lf_binary seeds, const float *low, lf_arena arena) {
    const int width = seeds.width, height = seeds.height;
    const ptrdiff_t n = (ptrdiff_t)width * height;
    lf_binary weak = lf_new_binary(width, height, &arena), thin = lf_new_binary(width, height, &arena);
    int32_t *const away = lf_take(&arena, (size_t)width * sizeof *away);
    lf_grow(seeds, lf_radius(LF_EXTENT, seeds), 1, weak, away);
    for (ptrdiff_t i = 0; i < n; i++) weak.at[i] &= low[i] > 0;
    lf_shrink(weak, 1, thin, away); /* opened, so that single noisy pixels make no bridges */
    __builtin_memcpy(weak.at, seeds.at, (size_t)n);
    lf_grow(thin, 1, 0, weak, away);
    const lf_labelling found = lf_new_labelling((size_t)n, &arena);
    const int count = lf_label_parts(weak, 4, found.labels, found.stack, found.parts);
    int32_t *const kept = found.stack;
    for (int i = 0; i <= count && i < n; i++) kept[i] = 0;
    for (ptrdiff_t i = 0; i < n; i++)
        if (seeds.at[i]) kept[found.labels[i] - 1] = 1;
    for (ptrdiff_t i = 0; i < n; i++) seeds.at[i] = found.labels[i] && kept[found.labels[i] - 1];
}

/* The soft mask of a shape: 1 all over it and a little beyond, then smoothed. */
LF_GHOST void lf_soften(lf_binary core, float *soft, lf_arena arena) {
    const int width = core.width, height = core.height, n = width * height;
    lf_binary wide = lf_new_binary(width, height, &arena);
    float *const between = lf_take(&arena, (size_t)n * sizeof *between);
    double *const sums = lf_take(&arena, lf_box_sums(width, LF_FEATHER_RADIUS) * sizeof *sums);
    lf_grow(core, LF_GROW, 0, wide, lf_take(&arena, (size_t)width * sizeof(int32_t)));
    for (int i = 0; i < n; i++) soft[i] = wide.at[i];
    lf_box_blur(soft, width, height, 1, LF_FEATHER_RADIUS, between, soft, sums);
    for (int i = 0; i < n; i++) soft[i] = soft[i] < 1.0f / 255 ? 0 : lf_least_float(soft[i], 1);
}

/* The regions grown from seeds over near disagreement, with the tolerance to extend: `core` takes their pixels, `soft` their
 * soft mask, `labels` each one's part of the frame. Patches close to one another make one region. Returns how many. */
LF_GHOST int lf_find_regions(lf_binary core, const float *low, float *soft, lf_labelling found, lf_arena arena) {
    lf_extend_seeds(core, low, arena);
    const int close = lf_radius(LF_CLOSE, core), near = lf_radius(LF_TOGETHER, core);
    lf_close(core, close < 2 ? 2 : close, arena); /* the inside of an object may look like its background */
    lf_soften(core, soft, arena);
    lf_binary together = lf_new_binary(core.width, core.height, &arena);
    int32_t *const away = lf_take(&arena, (size_t)core.width * sizeof *away);
    lf_grow(core, near < 2 * LF_GROW + 2 ? 2 * LF_GROW + 2 : near, 0, together, away);
    return lf_label_parts(together, 8, found.labels, found.stack, found.parts);
}

#endif
