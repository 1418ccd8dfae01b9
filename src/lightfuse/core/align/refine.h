/* The homography between two local-contrast images: searched for coarsely, then refined to a small part of a pixel.
 *
 * The refinement is inverse compositional image alignment (Baker & Matthews, IJCV 2004, section 3.2) with robust weights,
 * which are small where the images disagree (moving objects), and a prior on the shake of a hand-held camera, which keeps
 * the parameters small where there is little texture. */
#ifndef LIGHTFUSE_ALIGN_REFINE_H
#define LIGHTFUSE_ALIGN_REFINE_H

#include "contrast.h"

enum { LF_TILES = 12 /* along the long side */, LF_MOST_TILES = LF_TILES * LF_TILES, LF_BORDER = 3 };
enum { LF_ALL = -1, LF_EVEN = 0, LF_ODD = 1 }; /* the squares of the tiles' chessboard */

/* A salient pixel: where it is, its value, and how that changes with the eight parameters. */
typedef struct {
    float x, y, value;
    float slopes[LF_PARAMETERS];
} lf_point;

/* Points of an image ordered by tile, those of tile t from start[t] on. `residuals` and `sorted` are room for refining. */
typedef struct {
    lf_point *points;
    float *residuals, *sorted;
    int tiles, start[LF_MOST_TILES + 1];
    unsigned char odd[LF_MOST_TILES];
} lf_points;

/* The finest level of two frames' local contrast. Warps are in centred coordinates, first frame to second. */
typedef struct {
    lf_points points;
    lf_image second;
} lf_pair;

/* For each tile the correlation of two images at their salient points (-1 to 1), and its weight: the strength of the
 * contrast there in both, above noise; 0 where a tile is left out. */
typedef struct {
    int tiles;
    double correlation[LF_MOST_TILES], weight[LF_MOST_TILES];
} lf_scores;

/* ---- Salient points ---------------------------------------------------------------------------------------------- */

LF_ALIGN float lf_steepness(const lf_image *level, int x, int y) {
    if (x < LF_BORDER || y < LF_BORDER || x >= level->width - LF_BORDER || y >= level->height - LF_BORDER) return 0;
    const float *p = level->values + (size_t)y * (size_t)level->width + (size_t)x;
    const float right = p[1] - p[-1], down = p[level->width] - p[-level->width];
    return right * right + down * down;
}

LF_ALIGN lf_point lf_point_at(const lf_image *level, int x, int y) {
    const float *p = level->values + (size_t)y * (size_t)level->width + (size_t)x;
    const lf_unit unit = level->unit;
    const double right = (p[1] - p[-1]) * 0.5f / unit.scale, down = (p[level->width] - p[-level->width]) * 0.5f / unit.scale;
    lf_point point = {(float)x, (float)y, *p, {0}};
    lf_jacobian(right, down, x * unit.scale + unit.x0, y * unit.scale + unit.y0, point.slopes);
    return point;
}

LF_ALIGN int lf_tile_side(int width, int height) {
    const int longest = width > height ? width : height, side = (longest + LF_TILES - 1) / LF_TILES;
    return side > 8 ? side : 8;
}

/* How many points a tile has at most, if all have about `most`. */
LF_ALIGN int lf_points_per_tile(int width, int height, int most) {
    const int side = lf_tile_side(width, height), quarter = (int)((double)width * height / 4);
    const int rows = height / side > 1 ? height / side : 1, columns = width / side > 1 ? width / side : 1;
    const int each = (most < quarter ? most : quarter) / (rows * columns);
    return each > 16 ? each : 16;
}

/* Bytes for about `most` points: tiles of few have up to 16. */
LF_ALIGN size_t lf_points_bytes(int most) {
    return ((size_t)most + 16 * LF_MOST_TILES) * (sizeof(lf_point) + 2 * sizeof(float)) + 256;
}

/* The pixels of a local-contrast image with the largest gradients, in every tile, so that all parts of it count. */
LF_ALIGN lf_points lf_salient_points(const lf_image *level, int most, lf_arena *kept, lf_arena arena) {
    const int width = level->width, height = level->height, side = lf_tile_side(width, height);
    const int rows = height / side > 1 ? height / side : 1, columns = width / side > 1 ? width / side : 1;
    const int each = lf_points_per_tile(width, height, most);
    const size_t room = (size_t)each * (size_t)(rows * columns);
    lf_points found = {.tiles = rows * columns};
    found.points = lf_take(kept, room * sizeof *found.points);
    found.residuals = lf_take(kept, room * sizeof *found.residuals);
    found.sorted = lf_take(kept, room * sizeof *found.sorted);
    const size_t area = (size_t)lf_clamp(2 * side, 0, width) * (size_t)lf_clamp(2 * side, 0, height);
    float *steepness = lf_take(&arena, area * sizeof *steepness), *ordered = lf_take(&arena, area * sizeof *ordered);
    int count = 0;
    for (int tile = 0; tile < found.tiles; tile++) {
        const int row = tile / columns, column = tile % columns;
        /* The last tile of a row or column takes what is left over. */
        const int top = row * side, bottom = row == rows - 1 ? height : top + side;
        const int left = column * side, right = column == columns - 1 ? width : left + side;
        int n = 0;
        for (int y = top; y < bottom; y++)
            for (int x = left; x < right; x++, n++) ordered[n] = steepness[n] = lf_steepness(level, x, y);
        const float least = n > each ? lf_select(ordered, n, n - each) : 0;
        int above = 0, taken = 0;
        for (int i = 0; i < n; i++) above += steepness[i] > least;
        found.start[tile] = count;
        found.odd[tile] = (row + column) & 1;
        for (int y = top, i = 0; y < bottom; y++)
            for (int x = left; x < right; x++, i++) {
                if (!(steepness[i] > 0) || steepness[i] < least) continue;
                if (steepness[i] == least && ++taken > each - above) continue; /* as many of the equal ones as there is room */
                found.points[count++] = lf_point_at(level, x, y);
            }
    }
    found.start[found.tiles] = count;
    return found;
}

/* ---- Comparing under a warp -------------------------------------------------------------------------------------- */

LF_ALIGN int lf_is_in(const lf_points *points, int tile, int part) { return part == LF_ALL || points->odd[tile] == part; }

/* An image's value where a homography of its pixels maps a point, bilinear; NaN outside of it. */
LF_ALIGN float lf_sample(const lf_image *level, const lf_matrix *h, const lf_point *point) {
    double x, y;
    lf_map(h, point->x, point->y, &x, &y);
    if (!(x >= LF_BORDER && y >= LF_BORDER && x <= level->width - 1 - LF_BORDER && y <= level->height - 1 - LF_BORDER))
        return __builtin_nanf("");
    const int left = (int)x, top = (int)y;
    return lf_bilinear(level->values + (ptrdiff_t)top * level->width + left, level->width, (float)(x - left), (float)(y - top));
}

LF_ALIGN void lf_score(const lf_pair *pair, lf_matrix warp, int part, lf_scores *scores) {
    const lf_points *points = &pair->points;
    const lf_matrix h = lf_in_pixels(warp, pair->second.unit);
    scores->tiles = points->tiles;
    for (int tile = 0; tile < points->tiles; tile++) {
        double product = 0, first = 0, second = 0;
        const int end = lf_is_in(points, tile, part) ? points->start[tile + 1] : points->start[tile];
        for (int i = points->start[tile]; i < end; i++) {
            const double value = points->points[i].value, sampled = lf_sample(&pair->second, &h, &points->points[i]);
            if (sampled != sampled) continue;
            product += value * sampled;
            first += value * value;
            second += sampled * sampled;
        }
        scores->weight[tile] = lf_root(first * second);
        scores->correlation[tile] = product / lf_most(scores->weight[tile], 1e-9);
    }
}

/* The weighted mean correlation; 0 where there is no contrast. */
LF_ALIGN double lf_mean_correlation(const lf_pair *pair, lf_matrix warp) {
    lf_scores scores;
    lf_score(pair, warp, LF_ALL, &scores);
    double sum = 0, all = 1e-12;
    for (int tile = 0; tile < scores.tiles; tile++) {
        sum += scores.correlation[tile] * scores.weight[tile];
        all += scores.weight[tile];
    }
    return sum / all;
}

/* ---- Refinement -------------------------------------------------------------------------------------------------- */

/* What the frame shows at the points, less their values (NaN outside of it); returns the deviation without outliers, from
 * the median of every fourth. */
LF_ALIGN double lf_residuals(const lf_pair *pair, lf_matrix warp, int part) {
    const lf_points *points = &pair->points;
    const lf_matrix h = lf_in_pixels(warp, pair->second.unit);
    ptrdiff_t count = 0;
    for (int tile = 0; tile < points->tiles; tile++) {
        if (!lf_is_in(points, tile, part)) continue;
        for (int i = points->start[tile]; i < points->start[tile + 1]; i++) {
            const float residual = lf_sample(&pair->second, &h, &points->points[i]) - points->points[i].value;
            points->residuals[i] = residual;
            if (i % 4 == 0 && residual == residual) points->sorted[count++] = residual < 0 ? -residual : residual;
        }
    }
    return count ? lf_most(0.02, 1.4826 * (double)lf_select(points->sorted, count, count / 2)) : 1;
}

/* Adds J'WJ to information and J'W(residuals) to gradient. */
LF_ALIGN void lf_normal_equations(const lf_points *points, double sigma, int part,
                                  double information[LF_PARAMETERS][LF_PARAMETERS], double *gradient) {
    /* Points lie densely on the same smoothed edges: about 16 are worth one independent one. */
    const double precision = 1 / (16 * sigma * sigma), narrow = 1 / (4 * sigma * sigma);
    for (int tile = 0; tile < points->tiles; tile++) {
        if (!lf_is_in(points, tile, part)) continue;
        double sums[LF_PARAMETERS][LF_PARAMETERS] = {{0}}, pull[LF_PARAMETERS] = {0};
        for (int i = points->start[tile]; i < points->start[tile + 1]; i++) {
            const double residual = points->residuals[i];
            if (residual != residual) continue;
            const double off = 1 + residual * residual * narrow, weight = precision / (off * off);
            double slopes[LF_PARAMETERS];
            for (int c = 0; c < LF_PARAMETERS; c++) slopes[c] = points->points[i].slopes[c];
            for (int r = 0; r < LF_PARAMETERS; r++) {
                const double weighted = weight * slopes[r];
                for (int c = 0; c < LF_PARAMETERS; c++) sums[r][c] += weighted * slopes[c];
            }
            for (int c = 0; c < LF_PARAMETERS; c++) pull[c] += weight * residual * slopes[c];
        }
        for (int r = 0; r < LF_PARAMETERS; r++) {
            gradient[r] += pull[r];
            for (int c = 0; c < LF_PARAMETERS; c++) information[r][c] += sums[r][c];
        }
    }
}

/* How far a step moves the corner that moves most, in pixels of a level. */
LF_ALIGN double lf_farthest(lf_matrix step, const lf_image *level) {
    return lf_corner_distance(lf_in_pixels(step, level->unit), lf_identity, level->width, level->height);
}

/* Refine `start` until the frame matches the values of the points (all, or those of one half of the tiles) best. */
LF_ALIGN lf_estimate lf_refine(const lf_pair *pair, lf_matrix start, const lf_estimate *prior, int part, int iterations) {
    const lf_matrix from_prior = lf_inverse(prior->warp);
    lf_estimate found = *prior;
    found.warp = start;
    for (int iteration = 0; iteration < iterations; iteration++) {
        const double sigma = lf_residuals(pair, found.warp, part);
        double gradient[LF_PARAMETERS] = {0}, from_mean[LF_PARAMETERS];
        lf_to_parameters(lf_times(found.warp, from_prior), from_mean);
        for (int r = 0; r < LF_PARAMETERS; r++)
            for (int c = 0; c < LF_PARAMETERS; c++) {
                found.information[r][c] = prior->information[r][c];
                gradient[r] += prior->information[r][c] * from_mean[c];
            }
        lf_normal_equations(&pair->points, sigma, part, found.information, gradient);
        lf_solve(found.information, gradient);
        const lf_matrix step = lf_from_parameters(gradient);
        found.warp = lf_scaled(lf_times(found.warp, lf_inverse(step)));
        if (!(lf_farthest(step, &pair->second) >= 0.004)) break;
    }
    return found;
}

/* ---- The first rough warp: every translation and rotation of a hand, tried on a small image ------------------------ */

enum { LF_ANGLES = 9, LF_CANDIDATES = 3, LF_MOST_REACH = 32, LF_MOST_COMPARED = 4000 };

/* A level's values under a homography of its pixels, bilinear; 0 outside. */
LF_ALIGN void lf_rotate(const lf_image *level, const lf_matrix *h, float *out) {
    for (int y = 0; y < level->height; y++)
        for (int x = 0; x < level->width; x++, out++) {
            const double at_x = h->m[0] * x + h->m[1] * y + h->m[2], at_y = h->m[3] * x + h->m[4] * y + h->m[5];
            *out = 0;
            if (!(at_x >= 0 && at_y >= 0 && at_x < level->width - 1 && at_y < level->height - 1)) continue;
            const int left = (int)at_x, top = (int)at_y;
            *out = lf_bilinear(level->values + (ptrdiff_t)top * level->width + left, level->width, (float)(at_x - left),
                               (float)(at_y - top));
        }
}

/* The translation within `reach` under which the base's inner part correlates best with a frame; returns how well. */
LF_ALIGN double lf_best_shift(const lf_image *base, const float *frame, int reach, int *best_x, int *best_y) {
    const int width = base->width, height = base->height, shifts = 2 * reach + 1;
    const double pixels = (double)(width - 2 * reach) * (height - 2 * reach);
    const int step = pixels > LF_MOST_COMPARED ? (int)lf_root(pixels / LF_MOST_COMPARED) : 1;
    double best = -1e30;
    for (int dy = -reach; dy <= reach; dy++) {
        float products[2 * LF_MOST_REACH + 1] = {0}, strengths[2 * LF_MOST_REACH + 1] = {0};
        for (int y = reach; y < height - reach; y += step)
            for (int x = reach; x < width - reach; x += step) {
                const float value = base->values[(size_t)y * (size_t)width + (size_t)x];
                const float *seen = frame + (size_t)(y + dy) * (size_t)width + (size_t)(x - reach);
                for (int i = 0; i < shifts; i++) products[i] += value * seen[i];
                for (int i = 0; i < shifts; i++) strengths[i] += seen[i] * seen[i];
            }
        for (int i = 0; i < shifts; i++) {
            const double correlation = products[i] / lf_root(strengths[i] + 1e-12);
            if (correlation > best) best = correlation, *best_x = i - reach, *best_y = dy;
        }
    }
    return best;
}

/* The best translations with rotation (one for each angle), homographies of centred coordinates, best first; returns how
 * many: at most LF_CANDIDATES. */
LF_ALIGN int lf_search_candidates(const lf_image *base, const lf_image *frame, lf_matrix *found, lf_arena arena) {
    static const double sines[] = {0, 0.017452406437283512, 0.034899496702500969, 0.052335956242943835, 0.069756473744125302};
    const int width = base->width, height = base->height, longest = width > height ? width : height;
    const int room = ((width < height ? width : height) - 8) / 2;
    const int wanted = (int)(0.08 * longest + 0.5), reach = lf_clamp(wanted > 4 ? wanted : 4, 0, room < LF_MOST_REACH ? room : LF_MOST_REACH);
    if (reach < 1) return 0;
    float *rotated = lf_take(&arena, (size_t)width * (size_t)height * sizeof *rotated);
    double correlations[LF_CANDIDATES];
    int count = 0;
    for (int angle = -LF_ANGLES / 2; angle <= LF_ANGLES / 2; angle++) {
        const double sine = angle < 0 ? -sines[-angle] : sines[angle], cosine = lf_root(1 - sine * sine);
        const double x = (width - 1) / 2.0, y = (height - 1) / 2.0;
        const lf_matrix turn = {{cosine, -sine, x - cosine * x + sine * y, sine, cosine, y - sine * x - cosine * y, 0, 0, 1}};
        int dx = 0, dy = 0;
        lf_rotate(frame, &turn, rotated);
        const double correlation = lf_best_shift(base, rotated, reach, &dx, &dy);
        const lf_matrix shift = {{1, 0, dx, 0, 1, dy, 0, 0, 1}};
        int place = count;
        while (place > 0 && correlations[place - 1] < correlation) place--;
        if (place == LF_CANDIDATES) continue;
        if (count < LF_CANDIDATES) count++;
        for (int i = count - 1; i > place; i--) correlations[i] = correlations[i - 1], found[i] = found[i - 1];
        correlations[place] = correlation;
        found[place] = lf_centred(lf_times(turn, shift), base->unit);
    }
    return count;
}

#endif
