/* What becomes of a region of motion: whether both frames show the same there after all, and which is its source exposure. */
#ifndef LIGHTFUSE_DEGHOST_SOURCES_H
#define LIGHTFUSE_DEGHOST_SOURCES_H

#include "regions.h"

enum { LF_FINE = 1, LF_COARSE = 7 /* radii of means whose difference is detail */, LF_FEWEST_UNCLIPPED = 12 };
#define LF_SAME 0.58 /* correlation; in real brackets, moving people stay below 0.5 */
#define LF_LEAST_UNCLIPPED 0.3
#define LF_LEAST_TEXTURE (2.5 / 255)
#define LF_FLARE_SHARE 0.7
#define LF_LARGELY_CLIPPED 0.3
#define LF_RAISED (12.0 / 255)
#define LF_RAISED_SHARE 0.9

/* The cost of a pixel that the source exposure does not show (clipped) though the other frame shows something else; of one at
 * the region's edge that it does not resolve. */
#define LF_BLANK 0.25
#define LF_HIDDEN 0.4
#define LF_CUT 0.06
#define LF_NOISE (0.7 / 255) /* of under after filtering, in its own values: an 8-bit photograph's */
#define LF_APART (4.0 / 255)
#define LF_ROUNDED (2.5 / 255) /* under resolves nothing where this much rounding of it becomes so much in over: */
#define LF_BLIND 0.15
#define LF_COSTLY 0.06
#define LF_CLEARLY 0.5

/* Neighbouring patches in which the frames disagree: a box of reduced pixels, in it those of this label, and how many of them
 * are certain. The mean error of these, in values of over: with each frame as the source, and of the ghost itself; and what is
 * expected besides of each frame where the object may extend beyond the region into what the frame does not resolve. */
typedef struct {
    lf_part_box box;
    int label, size, kept, has_fill;
    lf_frame source;
    double cost[2], cut[2], ghost;
} lf_region;

/* A pair of frames of a size, both reduced by an integer `factor` to planes of red, green and blue; over from under and back. */
struct lf_ghosts {
    int width, height, factor, columns, rows, count;
    lf_type type;
    float *small[2][3];
    lf_mapping maps[3];
    lf_bounds *bounds;
    float *disagreement[2]; /* with the tolerance to detect, and to extend */
    lf_binary core; /* the regions' pixels, their parts of the frame, their soft masks, and what over does not show there */
    lf_labelling labelling;
    float *soft, *fill[3];
    lf_region *regions;
    struct lf_noise *noise;
    lf_arena arena; /* what is left */
};

/* One pixel of both frames, and under mapped to over. */
typedef struct {
    double under[3], over[3], mapped[3];
    int clipped, mapped_clipped, bright;
} lf_both;

LF_GHOST lf_both lf_both_at(const lf_ghosts *g, ptrdiff_t i) {
    lf_both p = {.clipped = 0};
    for (int c = 0; c < 3; c++) {
        p.under[c] = lf_unit_clamped(g->small[LF_UNDER][c][i]), p.over[c] = g->small[LF_OVER][c][i];
        p.mapped[c] = lf_forward(&g->maps[c], p.under[c]);
        p.clipped |= p.over[c] >= LF_WHITE_FROM;
        p.mapped_clipped |= p.mapped[c] >= LF_WHITE_FROM;
        p.bright |= p.under[c] > 2 * LF_BLACK_UP_TO;
    }
    return p;
}

#define LF_FOR_PIXELS(g, box, i)                                                                                           \
    for (int row_ = (box).top; row_ < (box).bottom; row_++)                                                                \
        for (ptrdiff_t i = (ptrdiff_t)row_ * (g)->columns + (box).left, end_ = i + (box).right - (box).left; i < end_; i++)

/* Flare adds to linear light: where much is clipped, the detail is compared there, which it leaves as it is. */
LF_GHOST float lf_tone_of(const double *rgb, int in_light) {
    double sum = 0;
    for (int c = 0; c < 3; c++) sum += in_light ? lf_to_light(lf_least(lf_most(rgb[c], 0), 1)) : rgb[c];
    return (float)(in_light ? lf_root(sum / 3) : sum / 3);
}

/* Whether the frames' detail is the same where nothing is clipped: the mean of 3 x 3 pixels less that of 15 x 15. */
LF_GHOST int lf_same_detail(const lf_ghosts *g, const lf_region *region, int in_light, lf_arena arena) {
    const lf_part_box box = region->box;
    const int width = box.right - box.left, height = box.bottom - box.top;
    float *means[2][2];
    lf_field tones[2];
    for (int k = 0; k < 2; k++) {
        tones[k] = lf_new_plane(width, height, &arena);
        for (int j = 0; j < 2; j++) means[k][j] = lf_new_plane(width, height, &arena).at;
    }
    double *const sums = lf_take(&arena, (size_t)(width + 2 * LF_COARSE) * sizeof *sums);
    ptrdiff_t at = 0;
    LF_FOR_PIXELS(g, box, i) {
        const lf_both p = lf_both_at(g, i);
        tones[0].at[at] = lf_tone_of(p.mapped, in_light), tones[1].at[at++] = lf_tone_of(p.over, in_light);
    }
    for (int k = 0; k < 2; k++) lf_box_mean(tones[k], LF_FINE, means[k][0], sums), lf_box_mean(tones[k], LF_COARSE, means[k][1], sums);
    double products = 0, squares[2] = {0}, count = 0;
    at = -1;
    LF_FOR_PIXELS(g, box, i) {
        at++;
        if (g->labelling.labels[i] != region->label || !g->core.at[i]) continue;
        const lf_both p = lf_both_at(g, i);
        if (p.clipped || !p.bright) continue;
        const double one = means[0][0][at] - means[0][1][at], other = means[1][0][at] - means[1][1][at];
        products += one * other, squares[0] += one * one, squares[1] += other * other, count++;
    }
    const double strengths[2] = {lf_root(squares[0] / count), lf_root(squares[1] / count)};
    if (lf_least(strengths[0], strengths[1]) < LF_LEAST_TEXTURE) return 0;
    return products / count > LF_SAME * strengths[0] * strengths[1];
}

/* Whether two frames show the same in a region, though their values disagree. Then nothing moved. Flare and blooming add light
 * around what is clipped in over, and remove its colour; mixed light, or a camera that desaturates highlights or maps tones
 * locally, makes values disagree that one intensity mapping cannot predict.
 *
 * Where over is clipped as predicted from under and only brighter in its other channels, that is flare. Where under is nearly
 * what over predicts, in its own values, both show shadows, which glare, lens shading correction and noise raise in under: many
 * stops apart, few levels of it are a large part of over's range, but no ghost is visible. Elsewhere the detail decides. If too
 * little is unclipped or textured, the answer is no. */
LF_GHOST int lf_same_structure(const lf_ghosts *g, const lf_region *region, lf_arena arena) {
    int raised = 0, both_clipped = 0, flare = 0, unclipped = 0;
    LF_FOR_PIXELS(g, region->box, i) {
        if (g->labelling.labels[i] != region->label || !g->core.at[i]) continue;
        const lf_both p = lf_both_at(g, i);
        double off = 0;
        int brighter = 1;
        for (int c = 0; c < 3; c++) {
            const double more = p.under[c] - lf_backward(&g->maps[c], p.over[c]);
            off = lf_most(off, p.over[c] < LF_WHITE_FROM ? lf_abs(more) : -more); /* clipped, over predicts a lower bound */
            brighter &= p.over[c] > p.mapped[c] - lf_to_detect.visible;
        }
        raised += off < LF_RAISED;
        if (p.clipped && p.mapped_clipped) both_clipped++, flare += brighter;
        unclipped += !p.clipped && p.bright;
    }
    if (raised > LF_RAISED_SHARE * region->size || flare > LF_FLARE_SHARE * region->size) return 1;
    if (unclipped < lf_most(LF_FEWEST_UNCLIPPED, LF_LEAST_UNCLIPPED * (region->size - both_clipped))) return 0;
    return lf_same_detail(g, region, both_clipped > LF_LARGELY_CLIPPED * region->size, arena);
}

LF_GHOST void lf_find_costs(const lf_ghosts *g, lf_region *region) {
    double darkest[3], costs[2] = {0}, cuts[2] = {0}, ghosts = 0, rim = 0;
    for (int c = 0; c < 3; c++) darkest[c] = lf_forward(&g->maps[c], LF_BLACK_UP_TO + LF_APART) + LF_APART;
    LF_FOR_PIXELS(g, region->box, i) {
        if (g->labelling.labels[i] != region->label || !(g->soft[i] > 0 || g->core.at[i])) continue;
        const lf_both p = lf_both_at(g, i);
        double noise = 0, ghost = 0;
        int blank = 0, hidden = 0;
        for (int c = 0; c < 3; c++) {
            noise = lf_most(noise, lf_at_root(g->maps[c].slope, p.under[c]));
            ghost = lf_most(ghost, lf_abs(p.mapped[c] - p.over[c]));
            blank |= p.under[c] <= LF_BLACK_UP_TO && p.over[c] > darkest[c];
            hidden |= p.over[c] >= LF_WHITE_FROM && p.under[c] < g->maps[c].whitest - LF_APART;
        }
        if (g->core.at[i]) {
            costs[LF_UNDER] += lf_most(lf_least(noise * LF_NOISE, LF_BLANK), LF_BLANK * blank);
            costs[LF_OVER] += LF_HIDDEN * hidden;
            ghosts += ghost;
        } else {
            rim++;
            cuts[LF_UNDER] += LF_CUT * lf_least(noise * LF_ROUNDED / LF_BLIND, 1);
            cuts[LF_OVER] += LF_CUT * p.clipped;
        }
    }
    for (int f = 0; f < 2; f++) region->cost[f] = costs[f] / region->size, region->cut[f] = cuts[f] / lf_most(rim, 1);
    region->ghost = ghosts / region->size;
}

LF_GHOST double lf_expected_cost(const lf_region *region, lf_frame source) { return region->cost[source] + region->cut[source]; }

/* The source exposure of each region: one frame for all, so that no object shows twice. That frame is `base`, or with LF_EITHER
 * the one with the lower expected cost over all regions, but the other one where it would leave a hole. */
LF_GHOST void lf_choose_sources(lf_region *regions, int count, lf_frame base) {
    double totals[2] = {0};
    for (int i = 0; i < count; i++)
        for (int f = 0; regions[i].kept && f < 2; f++) totals[f] += lf_expected_cost(&regions[i], (lf_frame)f) * regions[i].size;
    const lf_frame first = base != LF_EITHER ? base : totals[LF_OVER] <= totals[LF_UNDER] ? LF_OVER : LF_UNDER;
    const lf_frame other = first == LF_OVER ? LF_UNDER : LF_OVER;
    for (int i = 0; i < count; i++) {
        const double cost = regions[i].cost[first];
        const int leaves_hole = cost > LF_COSTLY && lf_expected_cost(&regions[i], other) < cost * LF_CLEARLY;
        regions[i].source = base == LF_EITHER && leaves_hole ? other : first;
    }
}

/* ---- Filling what the source over does not show ------------------------------------------------------------------ */

/* Planes of red, green and blue, times weights in [0, 1], and the weights. */
typedef struct {
    lf_field weighted[3], weight;
} lf_known;

enum { LF_PYRAMID = 24 };

LF_GHOST float lf_known_weight(float part) { return lf_least_float(2 * part, 1); }

/* A picture where it is known, else a smooth continuation: averages of the known pixels are pushed down a pyramid until all is
 * known, then pulled up into the gaps (Gortler and others, The Lumigraph, SIGGRAPH 1996). In place. */
LF_GHOST void lf_push_pull(lf_known picture, lf_arena arena) {
    lf_known levels[LF_PYRAMID] = {picture};
    int depth = 0;
    const int widest = picture.weight.width;
    float *const line = lf_take(&arena, (size_t)(widest + 4) * sizeof *line), *const mixed = lf_take(&arena, (size_t)widest * sizeof *mixed);
    for (int is_last = 0; !is_last; depth += !is_last) {
        lf_known *const from = &levels[depth], *const to = from + 1;
        const int width = from->weight.width, height = from->weight.height;
        float least = 1;
        for (ptrdiff_t i = 0; i < (ptrdiff_t)width * height; i++) least = lf_least_float(least, from->weight.at[i]);
        is_last = least >= 1 || (width < 2 && height < 2) || depth + 1 == LF_PYRAMID;
        if (!is_last) {
            to->weight = lf_new_plane((width + 1) / 2, (height + 1) / 2, &arena);
            lf_halve(from->weight, to->weight, 1, line);
            const ptrdiff_t n = (ptrdiff_t)to->weight.width * to->weight.height;
            for (int c = 0; c < 3; c++) {
                to->weighted[c] = lf_new_plane(to->weight.width, to->weight.height, &arena);
                lf_halve(from->weighted[c], to->weighted[c], 1, line);
                float *const at = to->weighted[c].at; /* a cell that is half known counts as known */
                for (ptrdiff_t i = 0; i < n; i++) at[i] *= lf_known_weight(to->weight.at[i]) / lf_most_float(to->weight.at[i], 1e-6f);
            }
            for (ptrdiff_t i = 0; i < n; i++) to->weight.at[i] = lf_known_weight(to->weight.at[i]);
        }
        for (int c = 0; c < 3; c++)
            for (ptrdiff_t i = 0; i < (ptrdiff_t)width * height; i++)
                from->weighted[c].at[i] /= lf_most_float(from->weight.at[i], 1e-6f); /* the means from here on */
    }
    for (; depth > 0; depth--)
        for (int c = 0; c < 3; c++) {
            const lf_field coarse = levels[depth].weighted[c], fine = levels[depth - 1].weighted[c];
            for (int y = 0; y < fine.height; y++) {
                const lf_between at = lf_place_in_smaller(y, fine.height, coarse.height);
                lf_mix_lines(lf_line(coarse, at.low), lf_line(coarse, at.high), at.part, coarse.width, line);
                lf_enlarge_line(line, coarse.width, fine.width, mixed);
                const float *weight = lf_line(levels[depth - 1].weight, y);
                for (int x = 0; x < fine.width; x++) lf_line(fine, y)[x] = lf_mix(mixed[x], lf_line(fine, y)[x], weight[x]);
            }
        }
}

LF_GHOST size_t lf_fill_of_region_bytes(int columns, int rows) {
    const size_t row = (size_t)columns + 1, most = row * ((size_t)rows + 1);
    return sizeof(float) * (4 * (most + most / 2 + 4 * (row + (size_t)rows)) + 2 * row + 8) + (4 * LF_PYRAMID + 2) * 64;
}

/* Fills, for a region, g->fill: under continued where the source over is clipped and under is too dark to show the same moment.
 * Returns 0 if there is no such place, or nothing clipped beside it to continue. */
LF_GHOST int lf_fill_region(const lf_ghosts *g, const lf_region *region, lf_arena arena) {
    const lf_part_box box = region->box;
    lf_known picture;
    for (int c = 0; c < 3; c++) picture.weighted[c] = lf_new_plane(box.right - box.left, box.bottom - box.top, &arena);
    picture.weight = lf_new_plane(box.right - box.left, box.bottom - box.top, &arena);
    int holes = 0, known = 0;
    ptrdiff_t at = 0;
    LF_FOR_PIXELS(g, box, i) {
        int clipped = 1, bright = 1;
        for (int c = 0; c < 3; c++) {
            clipped &= g->small[LF_OVER][c][i] >= LF_WHITE_FROM;
            bright &= g->small[LF_UNDER][c][i] >= g->maps[c].whitest;
        }
        holes |= clipped && !bright && g->labelling.labels[i] == region->label && g->soft[i] > 0;
        known |= clipped && bright;
        picture.weight.at[at] = (float)(clipped && bright);
        for (int c = 0; c < 3; c++) picture.weighted[c].at[at] = g->small[LF_UNDER][c][i] * picture.weight.at[at];
        at++;
    }
    if (!holes || !known) return 0;
    lf_push_pull(picture, arena);
    at = -1;
    LF_FOR_PIXELS(g, box, i) {
        at++;
        for (int c = 0; c < 3 && g->labelling.labels[i] == region->label; c++) g->fill[c][i] = picture.weighted[c].at[at];
    }
    return 1;
}

#endif
