/* What becomes of a region of motion: whether both frames show the same there after all, and which is its source exposure. */
#ifndef LIGHTFUSE_DEGHOST_SOURCES_H
#define LIGHTFUSE_DEGHOST_SOURCES_H

#include "regions.h"

enum { LF_FINE = 1, LF_COARSE = 7 /* radii of means whose difference is detail */, LF_FEWEST_UNCLIPPED = 12 };
#define LF_SAME 0.58 /* correlation; in real brackets, moving people stay below 0.5 */
#define LF_LEAST_UNCLIPPED 0.3
#define LF_LEAST_TEXTURE (2.5 / 255)
#define LF_FLARE_SHARE 0.7
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
 * expected besides of each frame where the object may extend beyond the region into what the frame does not resolve. `fill`, with
 * `has_fill`, is what under shows where it does not show the moment of over, which is clipped. */
typedef struct {
    lf_part_box box;
    int label, size, kept, has_fill;
    lf_frame source;
    double cost[2], cut[2], ghost;
    float fill[3];
} lf_region;

/* A pair of frames of a size, both reduced by an integer `factor` to planes of red, green and blue; over from under and back. */
struct lf_ghosts {
    int width, height, factor, columns, rows, count;
    lf_type type;
    float *small[2][3];
    lf_mapping maps[3];
    lf_bounds *bounds;
    float *disagreement[2]; /* with the tolerance to detect, and to extend */
    lf_binary core; /* the regions' pixels, their parts of the frame, and their soft masks */
    lf_labelling labelling;
    float *soft;
    lf_region *regions;
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

/* Whether the frames' detail is the same where nothing is clipped: the mean of 3 x 3 pixels less that of 15 x 15. */
LF_GHOST int lf_same_detail(const lf_ghosts *g, const lf_region *region, lf_arena arena) {
    const lf_part_box box = region->box;
    const int width = box.right - box.left, height = box.bottom - box.top;
    float *means[2][2];
    lf_field tones[2];
    for (int k = 0; k < 2; k++) {
        tones[k] = lf_new_plane(width, height, &arena);
        for (int j = 0; j < 2; j++) means[k][j] = lf_new_plane(width, height, &arena).at;
    }
    double *const sums = lf_take(&arena, lf_box_sums(width, LF_COARSE) * sizeof *sums);
    ptrdiff_t at = 0;
    LF_FOR_PIXELS(g, box, i) {
        const lf_both p = lf_both_at(g, i);
        tones[0].at[at] = (float)((p.mapped[0] + p.mapped[1] + p.mapped[2]) / 3);
        tones[1].at[at++] = (float)((p.over[0] + p.over[1] + p.over[2]) / 3);
    }
    for (int k = 0; k < 2; k++) lf_plane_mean(tones[k], LF_FINE, means[k][0], sums), lf_plane_mean(tones[k], LF_COARSE, means[k][1], sums);
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
    return lf_same_detail(g, region, arena);
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
            noise = lf_most(noise, lf_slope(&g->maps[c], p.under[c]));
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

/* Finds, for a region, the mean of under where over is clipped, too, and under bright enough to show the same moment: what it
 * shows where over is clipped and under too dark. Returns 0 if there is no such place, or nothing clipped beside it. */
LF_GHOST int lf_fill_region(const lf_ghosts *g, lf_region *region) {
    double sums[3] = {0};
    int holes = 0, known = 0;
    LF_FOR_PIXELS(g, region->box, i) {
        int clipped = 1, bright = 1;
        for (int c = 0; c < 3; c++) {
            clipped &= g->small[LF_OVER][c][i] >= LF_WHITE_FROM;
            bright &= g->small[LF_UNDER][c][i] >= g->maps[c].whitest;
        }
        holes |= clipped && !bright && g->labelling.labels[i] == region->label && g->soft[i] > 0;
        known += clipped && bright;
        for (int c = 0; c < 3 && clipped && bright; c++) sums[c] += g->small[LF_UNDER][c][i];
    }
    for (int c = 0; c < 3 && known; c++) region->fill[c] = (float)(sums[c] / known);
    return holes && known;
}

#endif
