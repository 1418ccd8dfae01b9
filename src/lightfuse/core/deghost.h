/* deghost.h: what moved between two aligned exposures found, and taken from one of them (C11).
 *
 * No allocation it is not handed, no threads, no libc. Compiled without contraction of multiplications and additions
 * (-ffp-contract=off) it gives the same bits on every machine, however rows are shared out.
 *
 *   1. lf_ghosts_begin    with the frames' size, and memory of lf_ghosts_bytes
 *   2. quick test         lf_ghosts_reduce_rows of both frames with `quick`, lf_ghosts_map, lf_ghosts_compare_rows (in bands of
 *                         LF_BAND rows), lf_ghosts_are_none: most pairs end here
 *   3. search             the same without `quick`, lf_ghosts_seeds; if there are any, lf_ghosts_compare_rows again and
 *                         lf_ghosts_decide
 *   4. change a frame     lf_ghosts_blend, lf_blend_rows
 *
 * Licence: MIT. */
#ifndef LIGHTFUSE_DEGHOST_H
#define LIGHTFUSE_DEGHOST_H

#include "deghost/blend.h"

enum {
    LF_REDUCED_PIXELS = 1000000, /* ghosts worth removing are visible at this size */
    LF_LEAST_SIDE = 16, /* of a reduced frame; smaller ones are left as they are */
    LF_FEW_PIXELS = 5 /* pixels; the search itself demands one more, in one place */
};
#define LF_UNCERTAIN 0.8 /* of what is certain */
#define LF_TOO_LARGE_SHARE 0.6

/* The integer by which both sides of a frame are divided. */
LF_GHOST int lf_ghosts_factor(int width, int height) { return lf_shrink_to(width, height, LF_REDUCED_PIXELS); }

/* Bytes of memory for frames of this size. */
LF_GHOST size_t lf_ghosts_bytes(int width, int height, lf_type type) {
    const int factor = lf_ghosts_factor(width, height), columns = (width - 1) / factor + 1, rows = (height - 1) / factor + 1;
    /* Held for each pixel: nine floats, its place in the core and in a labelling, half a region. Then the largest of the steps:
     * closing with three shapes and a labelling, or comparing detail with six floats. */
    const size_t pixel = 15 * sizeof(float) + 4 + 4 * sizeof(int32_t) + sizeof(lf_part_box) + sizeof(lf_region) / 2;
    return (size_t)columns * (size_t)rows * pixel + (size_t)columns * 16 + sizeof(lf_ghosts) + 3 * sizeof(lf_bounds) +
           sizeof(uint32_t) * LF_GRID * LF_GRID + lf_blend_bytes(type) + 64 * 64;
}

LF_GHOST lf_ghosts *lf_ghosts_begin(int width, int height, lf_type type, void *memory) {
    const int factor = lf_ghosts_factor(width, height), columns = (width - 1) / factor + 1, rows = (height - 1) / factor + 1;
    const size_t n = (size_t)columns * (size_t)rows, bytes = n * sizeof(float);
    lf_arena arena = {memory};
    lf_ghosts *const g = lf_take(&arena, sizeof *g);
    *g = (lf_ghosts){.width = width, .height = height, .factor = factor, .columns = columns, .rows = rows, .type = type};
    for (int i = 0; i < 6; i++) g->small[i / 3][i % 3] = lf_take(&arena, bytes);
    for (int i = 0; i < 2; i++) g->disagreement[i] = lf_take(&arena, bytes);
    g->soft = lf_take(&arena, bytes);
    g->core = lf_new_binary(columns, rows, &arena);
    g->labelling = lf_new_labelling(n, &arena);
    g->bounds = lf_take(&arena, 3 * sizeof *g->bounds);
    g->arena = arena;
    return g;
}

/* Rows and columns of a reduced frame. */
LF_GHOST lf_size lf_ghosts_size(const lf_ghosts *g) { return (lf_size){g->rows, g->columns}; }

/* The sum of values of a row, `step` apart. */
LF_GHOST float lf_sum_of(const void *row, ptrdiff_t from, int count, int step, lf_type type) {
    float sum = 0;
    if (LF_TYPE(type) == LF_U8) for (int i = 0; i < count; i++) sum += ((const uint8_t *)row)[from + i * step];
    else if (type == LF_U16) for (int i = 0; i < count; i++) sum += ((const uint16_t *)row)[from + i * step];
    else for (int i = 0; i < count; i++) sum += ((const float *)row)[from + i * step];
    return sum;
}

/* Rows [from, to) of a frame reduced to means of cells of factor x factor pixels; with `quick` of their middle rows alone.
 * Averaging in floats keeps what eight bits would round away: in the shadows one level of under is many of over's. Returns
 * whether all values are finite. */
LF_GHOST int lf_ghosts_reduce_rows(lf_ghosts *g, lf_frame which, const lf_picture *frame, int channels, int quick, int from, int to) {
    float check = 0;
    for (int row = from; row < to; row++) {
        int top = row * g->factor, bottom = lf_clamp(top + g->factor, 0, g->height);
        if (quick) top = lf_clamp(top + g->factor / 2, 0, g->height - 1), bottom = top + 1;
        for (int column = 0; column < g->columns; column++) {
            const int left = column * g->factor, across = lf_clamp(g->width - left, 0, g->factor);
            const float scale = 1 / (lf_full_scale(frame->type) * (float)(across * (bottom - top)));
            for (int c = 0; c < 3; c++) {
                float sum = 0;
                for (int y = top; y < bottom; y++)
                    sum += lf_sum_of(lf_picture_row(frame, y), (ptrdiff_t)left * channels + c, across, channels, frame->type);
                g->small[which][c][(ptrdiff_t)row * g->columns + column] = sum * scale;
                check += sum - sum;
            }
        }
    }
    return check == 0;
}

/* Find the intensity mapping, and how far frames may differ to detect ghosts; `quick`: from every other row. Returns 0 where the
 * frames cannot be compared. */
LF_GHOST int lf_ghosts_map(lf_ghosts *g, int quick) {
    const int columns = g->columns;
    lf_arena arena = g->arena;
    uint32_t *const comparagram = lf_take(&arena, sizeof *comparagram * LF_GRID * LF_GRID);
    uint16_t *const places = lf_take(&arena, sizeof *places * (size_t)columns);
    for (int c = 0; c < 3; c++) {
        for (int i = 0; i < LF_GRID * LF_GRID; i++) comparagram[i] = 0;
        for (int y = 0; y < g->rows; y += 1 + quick) {
            const float *over = g->small[LF_OVER][c] + (ptrdiff_t)y * columns;
            lf_roots_of(g->small[LF_UNDER][c] + (ptrdiff_t)y * columns, columns, LF_GRID - 1, places);
            for (int x = 0; x < columns; x++)
                places[x] = (uint16_t)(places[x] * LF_GRID + (int)(lf_unit_clamped(over[x]) * (LF_GRID - 1) + 0.5f));
            for (int x = 0; x < columns; x++) comparagram[places[x]]++;
        }
        if (!lf_find_mapping(comparagram, &g->maps[c])) return 0;
        lf_find_bounds(&g->maps[c], lf_to_detect, &g->bounds[c]);
    }
    return 1;
}

/* Rows [from, to), a band of LF_BAND, compared; `extend`: with the tolerance for the extent of ghosts, after lf_ghosts_seeds. */
LF_GHOST void lf_ghosts_compare_rows(lf_ghosts *g, int extend, int from, int to, void *scratch) {
    lf_disagreement_rows(g->small[LF_UNDER], g->small[LF_OVER], g->columns, g->rows, g->bounds, from, to,
                         g->disagreement[extend], scratch);
}

/* Whether the frames, reduced by the quick test, agree wherever they can be compared. It demands less than the search, so that it
 * is 0 whenever that would find a ghost. */
LF_GHOST int lf_ghosts_are_none(const lf_ghosts *g) {
    const double stops = lf_median_stops(g->maps);
    const float least = (float)LF_UNCERTAIN * lf_certain(0, stops), *by = g->disagreement[0];
    int uncertain = 0;
    for (ptrdiff_t i = 0; i < (ptrdiff_t)g->columns * g->rows && uncertain <= LF_FEW_PIXELS; i++)
        uncertain += by[i] > least &&
                     by[i] > (float)LF_UNCERTAIN * lf_certain(lf_mean_of(g->small[LF_OVER], i) + (double)by[i], stops);
    return uncertain <= LF_FEW_PIXELS;
}

/* Find where ghosts are certain; their extent can be compared next. Returns 0 if there are none. */
LF_GHOST int lf_ghosts_seeds(lf_ghosts *g) {
    if (g->columns < LF_LEAST_SIDE || g->rows < LF_LEAST_SIDE) return 0;
    for (int c = 0; c < 3; c++) lf_find_bounds(&g->maps[c], lf_to_extend, &g->bounds[c]);
    return lf_find_seeds(g->disagreement[0], g->small[LF_OVER], lf_median_stops(g->maps), g->core, g->arena);
}

/* Find the regions to change and their source exposures: `base`, or with LF_EITHER the one of lower expected cost, but the
 * other one where that would leave a hole. `always` changes all that disagrees, else only what improves, and nothing if the
 * frames disagree nearly everywhere. */
LF_GHOST lf_decision lf_ghosts_decide(lf_ghosts *g, lf_frame base, int always) {
    lf_decision found = {.too_large = 0};
    double soft = 0;
    g->count = lf_find_regions(g->core, g->disagreement[1], g->soft, g->labelling, g->arena);
    g->regions = lf_take(&g->arena, (size_t)g->count * sizeof *g->regions);
    for (int i = 0; i < g->count; i++) {
        lf_region *const region = &g->regions[i];
        *region = (lf_region){.box = g->labelling.parts[i], .label = i + 1};
        LF_FOR_PIXELS(g, region->box, at) region->size += g->labelling.labels[at] == region->label && g->core.at[at];
        region->kept = always || !lf_same_structure(g, region, g->arena);
        if (region->kept) lf_find_costs(g, region);
    }
    lf_choose_sources(g->regions, g->count, base);
    for (int i = 0; i < g->count; i++) {
        lf_region *const region = &g->regions[i];
        region->kept &= always || region->ghost > region->cost[region->source];
        if (!region->kept) continue;
        found.changed[!region->source] = 1;
        LF_FOR_PIXELS(g, region->box, at) soft += g->labelling.labels[at] == region->label ? g->soft[at] : 0;
        region->has_fill = region->source == LF_OVER && lf_fill_region(g, region);
    }
    found.share = soft / ((double)g->columns * g->rows);
    if (always || found.share <= LF_TOO_LARGE_SHARE) return found;
    return (lf_decision){.too_large = 1, .share = found.share};
}

#endif
