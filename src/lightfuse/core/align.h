/* align.h: registration of hand-held exposures, many stops apart, to a fraction of a pixel (C11).
 *
 * No allocation it is not handed, no threads, no libc. Compiled without contraction of multiplications and additions
 * (-ffp-contract=off) it gives the same bits on every machine.
 *
 *   1. lf_chain_begin   with the base, and memory of lf_chain_bytes
 *   2. lf_chain_next    every other frame on one side of the base in brightness, from the nearest outwards
 *
 * lf_warp_rows resamples a frame in the base's geometry, any range of rows; lf_fill_border then fills the border that the
 * frame does not show.
 *
 * Licence: MIT. */
#ifndef LIGHTFUSE_ALIGN_H
#define LIGHTFUSE_ALIGN_H

#include "align/fill.h"
#include "align/refine.h"
#include "align/still.h"
#include "align/warp.h"

/* Frames on one side of the base, each first registered to its neighbour in brightness on the base's side: neighbours have
 * most in common. The result is the prior with which it is then registered to the base itself. */
typedef struct {
    lf_channel base, nearer;
    int at_base; /* nearer is the base */
    int still; /* all frames so far are already aligned; `parameters` are the nearer one's */
    double parameters[LF_PARAMETERS];
    lf_matrix nearer_warp;
    double covariance[LF_PARAMETERS][LF_PARAMETERS];
    unsigned char *scratch;
} lf_chain;

enum {
    LF_MOST_PIXELS = 2000000, /* at which frames are compared */
    LF_SEARCH_SIDE = 320,
    LF_ROUGH_SIDE = 160,
    LF_COARSEST_SIDE = 320,
    LF_COARSEST_SHORT_SIDE = 32,
    LF_DEEPEST = 16,
    LF_ITERATIONS = 15,
    LF_HALF_ITERATIONS = 6,
    LF_FINE_POINTS = 48000,
    LF_COARSE_POINTS = 12000
};

/* ---- Registering a pair ------------------------------------------------------------------------------------------ */

/* Frames are compared at their size up to 2 megapixels, else at one smaller by an integer factor. */
LF_ALIGN int lf_working_shrink(int width, int height) { return lf_shrink_to(width, height, LF_MOST_PIXELS); }

LF_ALIGN lf_area lf_whole(const lf_channel *channel) { return (lf_area){0, 0, channel->width, channel->height}; }

/* The best of several candidates from small images, each refined there; the identity is one of them. */
LF_ALIGN lf_matrix lf_search(const lf_channel *first, const lf_channel *second, lf_arena arena) {
    const int longest = first->width > first->height ? first->width : first->height;
    const int shrink = longest > LF_SEARCH_SIDE ? (longest + LF_SEARCH_SIDE / 2) / LF_SEARCH_SIDE : 1;
    const size_t levels = (size_t)lf_levels_of(first->type);
    uint16_t *tables[2] = {lf_take(&arena, levels * sizeof **tables), lf_take(&arena, levels * sizeof **tables)};
    lf_match_tones(first, second, lf_whole(first), lf_whole(second), tables[0], tables[1], arena);
    const lf_image small[2] = {lf_reduced(first, tables[0], shrink, &arena), lf_reduced(second, tables[1], shrink, &arena)};
    const size_t bytes = (size_t)small[0].width * (size_t)small[0].height * sizeof(float);
    lf_image base = small[0];
    lf_pair pair = {.second = small[1]};
    base.values = lf_take(&arena, bytes);
    pair.second.values = lf_take(&arena, bytes);
    lf_local_contrast(&small[0], base.values, arena);
    lf_local_contrast(&small[1], pair.second.values, arena);
    lf_arena kept = {lf_take(&arena, lf_points_bytes(LF_COARSE_POINTS))};
    pair.points = lf_salient_points(&base, LF_COARSE_POINTS, &kept, arena);
    const lf_estimate prior = lf_hand_shake_prior();
    lf_matrix best = lf_refine(&pair, lf_identity, &prior, LF_ALL, LF_ITERATIONS).warp;
    double correlation = lf_mean_correlation(&pair, best);
    if (correlation >= 0.9) return best; /* nothing better is to be found */
    lf_image rough[2] = {base, pair.second};
    for (int i = 0; i < 2 && longest / shrink > LF_ROUGH_SIDE; i++) {
        const lf_image half = lf_half_sized(&small[i], &arena);
        rough[i] = half;
        rough[i].values = lf_take(&arena, bytes / 4);
        lf_local_contrast(&half, rough[i].values, arena);
    }
    lf_matrix candidates[LF_CANDIDATES];
    const int count = lf_search_candidates(&rough[0], &rough[1], candidates, arena);
    for (int i = 0; i < count; i++) {
        const lf_matrix tried = lf_refine(&pair, candidates[i], &prior, LF_ALL, LF_ITERATIONS).warp;
        const double reached = lf_mean_correlation(&pair, tried);
        if (reached > correlation) correlation = reached, best = tried;
    }
    return best;
}

/* Register `second` to `first`, coarse to fine. Without a prior all plausible hand shake is searched; with one, its mean is
 * the start. What outlives the call, the pair, is taken from `kept`. */
LF_ALIGN lf_estimate lf_register(const lf_channel *first, const lf_channel *second, const lf_estimate *prior, lf_pair *pair,
                                 lf_arena *kept, lf_arena arena) {
    const int width = first->width, height = first->height, shrink = lf_working_shrink(width, height);
    const lf_estimate used = prior ? *prior : lf_hand_shake_prior();
    lf_estimate found = used;
    if (!prior) found.warp = lf_search(first, second, arena);
    const size_t levels = (size_t)lf_levels_of(first->type);
    uint16_t *tables[2] = {lf_take(&arena, levels * sizeof **tables), lf_take(&arena, levels * sizeof **tables)};
    const lf_matrix pixels = lf_in_pixels(found.warp, lf_unit_of(width, height));
    lf_match_tones(first, second, lf_common_box(lf_inverse(pixels), width, height), lf_common_box(pixels, width, height),
                   tables[0], tables[1], arena);
    lf_image bases[LF_DEEPEST], frames[LF_DEEPEST];
    int depth = 0;
    bases[0] = lf_reduced(first, tables[0], shrink, &arena);
    frames[0] = lf_reduced(second, tables[1], shrink, &arena);
    while (depth < LF_DEEPEST - 1 && (bases[depth].width >= LF_COARSEST_SIDE || bases[depth].height >= LF_COARSEST_SIDE) &&
           bases[depth].width >= LF_COARSEST_SHORT_SIDE && bases[depth].height >= LF_COARSEST_SHORT_SIDE) {
        bases[depth + 1] = lf_half_sized(&bases[depth], &arena);
        frames[depth + 1] = lf_half_sized(&frames[depth], &arena);
        depth++;
    }
    const size_t bytes = (size_t)bases[0].width * (size_t)bases[0].height * sizeof(float);
    float *contrast = lf_take(&arena, bytes), *finest = lf_take(kept, bytes);
    const lf_arena before_points = *kept;
    for (int i = depth; i >= 0; i--) {
        lf_image base = bases[i];
        base.values = contrast;
        pair->second = frames[i];
        pair->second.values = finest;
        lf_local_contrast(&bases[i], contrast, arena);
        lf_local_contrast(&frames[i], finest, arena);
        *kept = before_points;
        pair->points = lf_salient_points(&base, i == 0 ? LF_FINE_POINTS : LF_COARSE_POINTS, kept, arena);
        found = lf_refine(pair, found.warp, &used, LF_ALL, LF_ITERATIONS);
    }
    return found;
}

/* ---- Acceptance test: whether a frame is better moved, by tiles to which the movement was not fitted ----------------- */

#define LF_LEAST_MOVE (always ? 0.05 : 0.3) /* pixels at the corner that moves most; less is not worth the blur */
#define LF_LARGEST_UNCERTAINTY (always ? 2.0 : 0.5) /* distance of the two halves' warps, as a part of the movement */
#define LF_LEAST_TILES 6.0
#define LF_LEAST_CORRELATION 0.1
#define LF_LEAST_GAIN 0.008
#define LF_SIGNIFICANT 4.0 /* standard errors */
#define LF_WORSE 0.03 /* a tile whose correlation falls by more got worse */
#define LF_MOST_WORSE 0.2

/* One tile's correlations without and with the movement, and its weight. */
typedef struct {
    double before, after, weight;
} lf_gain;

enum { LF_MOST_GAINS = 3 * LF_MOST_TILES };

/* Adds the tiles of a pair of scores; a tile's weight is what is visible both ways, capped so that a few strong tiles do
 * not outvote the rest. */
LF_ALIGN int lf_add_gains(const lf_scores *before, const lf_scores *after, lf_gain *gains, int count) {
    float strong[LF_MOST_TILES];
    int strongest = 0;
    double most = 0;
    for (int i = 0; i < before->tiles; i++) {
        gains[count + i] = (lf_gain){before->correlation[i], after->correlation[i], lf_least(before->weight[i], after->weight[i])};
        most = lf_most(most, gains[count + i].weight);
    }
    for (int i = 0; i < before->tiles; i++)
        if (gains[count + i].weight > most / 2) strong[strongest++] = (float)gains[count + i].weight;
    const double cap = strongest ? lf_select(strong, strongest, strongest / 2) : 0;
    for (int i = 0; i < before->tiles; i++) gains[count + i].weight = lf_least(gains[count + i].weight, cap);
    return count + before->tiles;
}

/* Decide whether to move a frame by a warp in centred coordinates. The warps of two halves of the tiles tell its
 * uncertainty. */
LF_ALIGN lf_alignment lf_accept(lf_matrix warp, lf_matrix odd, lf_matrix even, lf_gain *gains, int count, int width,
                                int height, int always) {
    const lf_unit unit = lf_unit_of(width, height);
    const lf_matrix pixels = lf_in_pixels(warp, unit);
    double sum = 0, squares = 0, before = 0, after = 0, variance = 0, worse = 0;
    for (int i = 0; i < count; i++) sum += gains[i].weight;
    for (int i = 0; i < count; i++) {
        gains[i].weight = sum > 0 ? gains[i].weight / sum : 0;
        squares += gains[i].weight * gains[i].weight;
        before += gains[i].weight * gains[i].before;
        after += gains[i].weight * gains[i].after;
    }
    const double tiles = squares > 0 ? 1 / squares : 0; /* the number of equal tiles they are worth */
    const double gain = after - before, move = lf_corner_distance(pixels, lf_identity, width, height);
    for (int i = 0; i < count; i++) {
        const double off = gains[i].after - gains[i].before;
        variance += gains[i].weight * (off - gain) * (off - gain);
        if (off < -LF_WORSE) worse += gains[i].weight;
    }
    const double error = lf_root(variance / lf_most(tiles - 1, 1));
    lf_alignment stays = {lf_identity, 0, LF_NO_REASON, 0};
    if (tiles < LF_LEAST_TILES || after < LF_LEAST_CORRELATION) stays.reason = LF_LITTLE_IN_COMMON;
    else if (move >= LF_LEAST_MOVE && !lf_is_plausible(warp)) stays.reason = LF_IMPLAUSIBLE;
    if (stays.reason || !(move >= LF_LEAST_MOVE)) return stays;
    const double uncertainty = lf_corner_distance(lf_in_pixels(odd, unit), lf_in_pixels(even, unit), width, height);
    if (!(uncertainty <= LF_LARGEST_UNCERTAINTY * move) || !(gain >= 0)) return stays;
    if (!always && (gain < lf_most(LF_LEAST_GAIN, LF_SIGNIFICANT * error) || worse > LF_MOST_WORSE)) return stays;
    return (lf_alignment){pixels, 1, LF_NO_REASON, move};
}

/* ---- Registering a bracket --------------------------------------------------------------------------------------- */

LF_ALIGN size_t lf_pair_bytes(int width, int height) {
    const int shrink = lf_working_shrink(width, height);
    return (size_t)(width / shrink) * (size_t)(height / shrink) * sizeof(float) + lf_points_bytes(LF_FINE_POINTS) + 128;
}

/* Bytes that a chain needs as scratch for frames of this size. */
LF_ALIGN size_t lf_chain_bytes(int width, int height) {
    const int shrink = lf_working_shrink(width, height);
    const size_t w = (size_t)(width / shrink), h = (size_t)(height / shrink), n = w * h;
    /* Two pairs; tones and their halves, twice; three images of contrast; two tiles; rows; tables and histograms. */
    return 2 * lf_pair_bytes(width, height) + 7 * n * sizeof(float) + (w + h + 64) * 16 * sizeof(float) + ((size_t)4 << 20);
}

LF_ALIGN void lf_chain_begin(lf_chain *chain, const lf_channel *base, void *scratch) {
    *chain = (lf_chain){.base = *base, .nearer = *base, .at_base = 1, .still = 1, .nearer_warp = lf_identity, .scratch = scratch};
}

LF_ALIGN void lf_chain_link(lf_chain *chain, const lf_channel *frame, lf_matrix warp) {
    chain->nearer = *frame;
    chain->nearer_warp = warp;
    chain->at_base = 0;
}

/* Whether the next frame is already aligned, as all before it: then it becomes the next one's neighbour. */
LF_ALIGN int lf_chain_is_still(lf_chain *chain, const lf_channel *frame) {
    chain->still = chain->still && lf_already_aligned(&chain->nearer, frame, chain->parameters, (lf_arena){chain->scratch});
    if (!chain->still) return 0;
    lf_chain_link(chain, frame, lf_identity);
    const double tolerance = LF_ALIGNED * lf_unit_of(frame->width, frame->height).scale;
    for (int i = 0; i < LF_PARAMETERS; i++) chain->covariance[i][i] = tolerance * tolerance;
    return 1;
}

/* Register the next frame, of the base's size and type, unless it is already aligned; its values must outlive the chain's
 * next call. `always` also makes small and less certain movements, but no implausible ones. */
LF_ALIGN lf_alignment lf_chain_next(lf_chain *chain, const lf_channel *frame, int always) {
    if (!always && lf_chain_is_still(chain, frame)) return (lf_alignment){lf_identity, 0, LF_ALREADY_ALIGNED, 0};
    lf_arena kept = {chain->scratch}, arena = {chain->scratch + 2 * lf_pair_bytes(frame->width, frame->height)};
    lf_estimate prior = lf_hand_shake_prior();
    lf_pair pairs[2], *pair = &pairs[0];
    lf_estimate found = lf_register(&chain->nearer, frame, NULL, pair, &kept, arena);
    const int linked = lf_mean_correlation(pair, found.warp) >= 0.15;
    const lf_matrix to_base = lf_inverse(chain->nearer_warp);
    if (!chain->at_base) {
        double covariance[LF_PARAMETERS][LF_PARAMETERS];
        lf_invert(found.information, covariance);
        for (int i = 0; i < LF_PARAMETERS; i++)
            for (int j = 0; j < LF_PARAMETERS; j++) covariance[i][j] += chain->covariance[i][j];
        prior.warp = lf_scaled(lf_times(found.warp, chain->nearer_warp));
        lf_invert(covariance, prior.information);
        pair = &pairs[1];
        found = lf_register(&chain->base, frame, &prior, pair, &kept, arena);
    }
    const lf_matrix odd = lf_refine(pair, found.warp, &prior, LF_ODD, LF_HALF_ITERATIONS).warp;
    const lf_matrix even = lf_refine(pair, found.warp, &prior, LF_EVEN, LF_HALF_ITERATIONS).warp;
    lf_scores *before = lf_take(&arena, sizeof *before), *after = lf_take(&arena, sizeof *after);
    lf_gain *gains = lf_take(&arena, LF_MOST_GAINS * sizeof *gains);
    int count = 0;
    for (int part = LF_EVEN; part <= LF_ODD; part++) {
        lf_score(pair, lf_identity, part, before);
        lf_score(pair, part == LF_ODD ? even : odd, part, after);
        count = lf_add_gains(before, after, gains, count);
    }
    if (!chain->at_base) {
        lf_score(&pairs[0], to_base, LF_ALL, before);
        lf_score(&pairs[0], lf_times(found.warp, to_base), LF_ALL, after);
        count = lf_add_gains(before, after, gains, count);
    }
    if (linked) { /* A frame without common detail must not become the next one's neighbour. */
        lf_chain_link(chain, frame, found.warp);
        lf_invert(found.information, chain->covariance);
    }
    return lf_accept(found.warp, odd, even, gains, count, frame->width, frame->height, always);
}

/* Frames on one side of the base in brightness, from the nearest outwards. */
LF_ALIGN void lf_align_frames(const lf_channel *base, const lf_channel *frames, int count, int always, void *scratch,
                              lf_alignment *found) {
    lf_chain chain;
    lf_chain_begin(&chain, base, scratch);
    for (int i = 0; i < count; i++) found[i] = lf_chain_next(&chain, &frames[i], always);
}

#endif
