/* Regions of motion, from maps of disagreement: shapes of 0 and 1, their connected parts, and what is done to them. */
#ifndef LIGHTFUSE_DEGHOST_REGIONS_H
#define LIGHTFUSE_DEGHOST_REGIONS_H

#include "disagreement.h"

enum { LF_FEWEST_CERTAIN = 6, LF_GROW = 3, LF_FEATHER_RADIUS = 6 };
#define LF_CERTAIN 0.2 /* disagreement */
#define LF_CERTAIN_STOPS 6.0
#define LF_DARK 0.3
#define LF_CERTAIN_PART 0.025
#define LF_EXTENT 0.06 /* radii as parts of the diagonal */
#define LF_CLOSE 0.004
#define LF_TOGETHER 0.015
#define LF_CLOSE_OWN 0.12 /* of the square root of a patch's area */
#define LF_FEATHER 1.5 /* standard deviation, pixels */

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

/* Where parts are found and shapes are closed. */
typedef struct {
    int32_t *labels, *stack;
    lf_part_box *parts;
} lf_labelling;

LF_GHOST size_t lf_labelling_bytes(size_t pixels) {
    return 2 * pixels * sizeof(int32_t) + (pixels / 2 + 1) * sizeof(lf_part_box) + 3 * 64;
}
LF_GHOST lf_labelling lf_new_labelling(size_t pixels, lf_arena *arena) {
    return (lf_labelling){lf_take(arena, pixels * sizeof(int32_t)), lf_take(arena, pixels * sizeof(int32_t)),
                          lf_take(arena, (pixels / 2 + 1) * sizeof(lf_part_box))};
}

/* The largest radius that a shape of this size is closed with. */
LF_GHOST int lf_most_closing(int width, int height) {
    const double diagonal = lf_root((double)width * width + (double)height * height);
    return 3 + (int)lf_most(LF_CLOSE * diagonal, LF_CLOSE_OWN * lf_root((double)width * height));
}
LF_GHOST size_t lf_closing_bytes(int width, int height) {
    const int more = 2 * lf_most_closing(width, height);
    return 2 * (size_t)(width + more) * (size_t)(height + more) + sizeof(int32_t) * (size_t)(width + more) +
           lf_labelling_bytes((size_t)width * (size_t)height) + 8 * 64;
}

/* Adds to `out`, at (left, top), a shape after a morphological closing by a disc, and with its holes filled. */
LF_GHOST void lf_close(lf_binary in, int radius, lf_binary out, int left, int top, lf_arena arena) {
    lf_binary wide = lf_new_binary(in.width + 2 * radius, in.height + 2 * radius, &arena);
    lf_binary other = lf_new_binary(wide.width, wide.height, &arena);
    int32_t *const away = lf_take(&arena, (size_t)wide.width * sizeof *away);
    for (int y = 0; y < in.height; y++)
        __builtin_memcpy(lf_binary_row(wide, y + radius) + radius, lf_binary_row(in, y), (size_t)in.width);
    lf_grow(wide, radius, 0, other, away);
    lf_shrink(other, radius, wide, away);
    const lf_binary outside = {other.at, in.width, in.height};
    for (int y = 0; y < in.height; y++)
        for (int x = 0; x < in.width; x++) lf_binary_row(outside, y)[x] = !lf_binary_row(wide, y + radius)[x + radius];
    const lf_labelling found = lf_new_labelling((size_t)in.width * (size_t)in.height, &arena);
    lf_label_parts(outside, 4, found.labels, found.stack, found.parts);
    for (int y = 0; y < in.height; y++)
        for (int x = 0; x < in.width; x++) {
            const int label = found.labels[y * in.width + x];
            const lf_part_box *part = &found.parts[label ? label - 1 : 0];
            const int is_hole = label && part->left > 0 && part->top > 0 && part->right < in.width && part->bottom < in.height;
            lf_binary_row(out, top + y)[left + x] |= !label || is_hole;
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

/* The shape with each patch closed: the inside of an object may look like its background. */
LF_GHOST void lf_fill_patches(lf_binary shape, lf_arena arena) {
    const int width = shape.width, height = shape.height;
    const size_t n = (size_t)width * (size_t)height;
    lf_binary closed = lf_new_binary(width, height, &arena), patch = lf_new_binary(width, height, &arena);
    const int radius = lf_radius(LF_CLOSE, shape);
    lf_close(shape, radius < 2 ? 2 : radius, closed, 0, 0, arena);
    __builtin_memcpy(shape.at, closed.at, n);
    const lf_labelling found = lf_new_labelling(n, &arena);
    const int count = lf_label_parts(closed, 8, found.labels, found.stack, found.parts);
    for (int label = 1; label <= count; label++) {
        const lf_part_box box = found.parts[label - 1];
        patch.width = box.right - box.left, patch.height = box.bottom - box.top;
        for (int y = 0; y < patch.height; y++)
            for (int x = 0; x < patch.width; x++)
                lf_binary_row(patch, y)[x] = found.labels[(box.top + y) * width + box.left + x] == label;
        const int own = (int)(LF_CLOSE_OWN * lf_root(box.area) + 0.5);
        lf_close(patch, own < 1 ? 1 : own, shape, box.left, box.top, arena);
    }
}

/* The soft mask of a shape: 1 all over it and a little beyond, then smoothed by a Gaussian. */
LF_GHOST void lf_soften(lf_binary core, float *soft, lf_arena arena) {
    const int width = core.width, height = core.height;
    lf_binary wide = lf_new_binary(width, height, &arena);
    int32_t *const away = lf_take(&arena, (size_t)width * sizeof *away);
    float *const line = lf_take(&arena, (size_t)width * sizeof *line), weights[LF_FEATHER_RADIUS + 1], total = 0;
    lf_grow(core, LF_GROW, 0, wide, away);
    for (int i = 0; i <= LF_FEATHER_RADIUS; i++) {
        weights[i] = (float)lf_exp2(-i * i / (2 * LF_FEATHER * LF_FEATHER) * 1.4426950408889634);
        total += (i ? 2 : 1) * weights[i];
    }
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) line[x] = 0;
        for (int d = -LF_FEATHER_RADIUS; d <= LF_FEATHER_RADIUS; d++) {
            const uint8_t *row = lf_binary_row(wide, lf_mirrored(y + d, height));
            const float weight = weights[d < 0 ? -d : d] / total;
            for (int x = 0; x < width; x++) line[x] += row[x] * weight;
        }
        float *const out = soft + (ptrdiff_t)y * width;
        for (int x = 0; x < width; x++) {
            float sum = 0;
            for (int d = -LF_FEATHER_RADIUS; d <= LF_FEATHER_RADIUS; d++)
                sum += line[lf_mirrored(x + d, width)] * weights[d < 0 ? -d : d];
            out[x] = sum / total < 1.0f / 255 ? 0 : sum / total;
        }
    }
}

/* The regions grown from seeds over near disagreement, with the tolerance to extend: `core` takes their pixels, `soft` their
 * soft mask, `labels` each one's part of the frame. Patches close to one another make one region. Returns how many. */
LF_GHOST int lf_find_regions(lf_binary core, const float *low, float *soft, lf_labelling found, lf_arena arena) {
    lf_extend_seeds(core, low, arena);
    lf_fill_patches(core, arena);
    lf_soften(core, soft, arena);
    lf_binary together = lf_new_binary(core.width, core.height, &arena);
    const int near = lf_radius(LF_TOGETHER, core);
    int32_t *const away = lf_take(&arena, (size_t)core.width * sizeof *away);
    lf_grow(core, near < 2 * LF_GROW + 2 ? 2 * LF_GROW + 2 : near, 0, together, away);
    return lf_label_parts(together, 8, found.labels, found.stack, found.parts);
}

#endif
