/* Blending: one frame's pixels replaced, in the regions of motion, by a prediction from the other frame.
 *
 * The prediction is the intensity mapping at full size; amplified noise is filtered, and what the source does not show is
 * taken from around it. */
#ifndef LIGHTFUSE_DEGHOST_BLEND_H
#define LIGHTFUSE_DEGHOST_BLEND_H

#include "sources.h"

enum {
    LF_TILE_COLUMNS = 256,
    LF_TILE_PLANES = 11,
    LF_LUMA_RADIUS = 2,
    LF_CHROMA_RADIUS = 6,
    LF_VARIANCE_RADIUS = 2
};
#define LF_RAMP 0.04f
#define LF_CONSISTENT (3.0f / 255)
#define LF_AGREES 0.06f
#define LF_CONTRAST 1.6f /* a tone curve raises deviations from grey, relative to the mean, by up to this factor; */
#define LF_GREY 0.02f /* rounding adds this much */
#define LF_DARKEST_MEAN (1.0f / 255)

LF_GHOST float lf_full_scale(lf_type type) { return LF_TYPE(type) == LF_U8 ? 255.0f : type == LF_U16 ? 65535.0f : 1.0f; }

LF_GHOST float lf_value_at(const void *row, ptrdiff_t at, lf_type type) {
    if (LF_TYPE(type) == LF_U8) return ((const uint8_t *)row)[at] * (1.0f / 255);
    if (type == LF_U16) return ((const uint16_t *)row)[at] * (1.0f / 65535);
    return ((const float *)row)[at];
}

LF_GHOST void *lf_picture_row(const lf_picture *picture, int y) { return (unsigned char *)picture->pixels + y * picture->row_bytes; }

/* ---- Predictions ------------------------------------------------------------------------------------------------- */

/* Tables from the source's codes: what it predicts of the target, and the variance of that by noise;
 * and over's white in values of under. */
struct lf_blend {
    const lf_ghosts *g;
    lf_frame source;
    int channels;
    float *mapped[3], *variance[3], white[3];
};

LF_GHOST size_t lf_blend_bytes(lf_type type) { return sizeof(lf_blend) + 6 * (size_t)lf_levels_of(type) * sizeof(float) + 8 * 64; }

/* Set out to predict the frame that is not `source`, and to change it. Over predicted from under is as noisy as the mapping's
 * spread. The second frame takes the memory of the first. */
LF_GHOST lf_blend *lf_ghosts_blend(const lf_ghosts *g, lf_frame source, int channels) {
    lf_arena arena = g->arena;
    lf_blend *const blend = lf_take(&arena, sizeof *blend);
    *blend = (lf_blend){.g = g, .source = source, .channels = channels};
    const int levels = lf_levels_of(g->type);
    const int from_under = source == LF_UNDER;
    double grid[LF_GRID], likely[LF_GRID];
    for (int i = 0; i < LF_GRID; i++) grid[i] = lf_grid_value(i);
    for (int c = 0; c < 3; c++) {
        const lf_mapping *map = &g->maps[c];
        const double black = lf_least(map->black, lf_forward(map, 2 * LF_BLACK_UP_TO));
        blend->white[c] = (float)map->whitest;
        blend->mapped[c] = lf_take(&arena, (size_t)levels * sizeof(float));
        blend->variance[c] = lf_take(&arena, (size_t)levels * sizeof(float));
        for (int i = 0; i < LF_GRID; i++) likely[i] = lf_most(map->over[i], black);
        for (int code = 0; code < levels; code++) {
            const double value = code / (levels - 1.0);
            const lf_between at = lf_place_among(grid, LF_GRID, value);
            const double spread = map->spread[at.low] + (map->spread[at.high] - map->spread[at.low]) * at.part;
            blend->mapped[c][code] = (float)(from_under ? likely[at.low] + (likely[at.high] - likely[at.low]) * at.part
                                                        : lf_backward(map, value));
            blend->variance[c][code] = (float)(spread * spread);
        }
    }
    return blend;
}

/* What under shows of a pixel of over (`shown`), whose mapped value is given. Where over is clipped, under's own values stay as
 * far as they are bright enough; `fill`, if any, is used where under is darker, so that it cannot show the same moment. */
LF_GHOST void lf_predict_under(const lf_blend *blend, const float *shown, const float *own, const float *fill, float *predicted) {
    float fits = 1, apart = 0, white[3];
    for (int c = 0; c < 3; c++) {
        white[c] = lf_unit_clamped((shown[c] - ((float)LF_WHITE_FROM - LF_RAMP)) / LF_RAMP);
        fits = lf_least_float(fits, lf_unit_clamped((own[c] - blend->white[c]) / LF_CONSISTENT + 1));
        apart = lf_most_float(apart, (float)lf_abs(own[c] - predicted[c]) * (1 - white[c]));
    }
    /* Where only some channels of over are clipped, under's own values in these count only if its others agree with over; else
     * they are another object's, or over is veiled by flare, and would give the mixture a false colour. */
    const float agrees = lf_unit_clamped(2 - apart / LF_AGREES);
    for (int c = 0; c < 3; c++) {
        float bright = lf_most_float(own[c], blend->white[c]);
        if (fill) bright = lf_mix(lf_most_float(fill[c], blend->white[c]), bright, fits);
        predicted[c] = lf_mix(predicted[c], lf_mix(blend->white[c], bright, agrees), white[c]);
    }
}

/* A prediction whose channels, relative to their mean, deviate from grey no further than in one of the frames: it has no hue that
 * neither has, and hardly more chroma. */
LF_GHOST void lf_bound_colour(const float *shown, const float *own, float *predicted) {
    const float *const frames[2] = {shown, own};
    const float mean = (predicted[0] + predicted[1] + predicted[2]) / 3;
    for (int c = 0; c < 3; c++) {
        float least = 0, most = 0;
        for (int f = 0; f < 2; f++) {
            const float grey = (frames[f][0] + frames[f][1] + frames[f][2]) / 3;
            const float off = frames[f][c] / lf_most_float(grey, LF_DARKEST_MEAN) - 1;
            least = lf_least_float(least, off), most = lf_most_float(most, off);
        }
        least = mean * (1 + (least * LF_CONTRAST - LF_GREY)), most = mean * (1 + (most * LF_CONTRAST + LF_GREY));
        predicted[c] = lf_least_float(lf_most_float(predicted[c], least), most);
    }
}

/* ---- Filtering --------------------------------------------------------------------------------------------------- */

/* Planes of a tile and its margin: predictions and their variance, and room to filter them. */
typedef struct {
    union {
        struct {
            lf_field mapped[3], variance[3], luma, noise, smooth, mean, squares;
        };
        lf_field planes[LF_TILE_PLANES];
    };
    double *sums;
    int left, top; /* of the tile with its margin */
    float *soft, *line;
} lf_tile;

LF_GHOST size_t lf_tile_bytes(int columns) {
    const size_t width = LF_TILE_COLUMNS + 2 * LF_BLEND_MARGIN, height = LF_BLEND_ROWS + 2 * LF_BLEND_MARGIN;
    return sizeof(float) * (LF_TILE_PLANES * width * height + LF_TILE_COLUMNS + (size_t)columns) +
           sizeof(double) * lf_box_sums((int)width, LF_CHROMA_RADIUS) + 15 * 64;
}

LF_GHOST lf_tile lf_new_tile(int columns, lf_arena arena) {
    const int width = LF_TILE_COLUMNS + 2 * LF_BLEND_MARGIN, height = LF_BLEND_ROWS + 2 * LF_BLEND_MARGIN;
    lf_tile tile = {.left = 0};
    for (int i = 0; i < LF_TILE_PLANES; i++) tile.planes[i] = lf_new_plane(width, height, &arena);
    tile.sums = lf_take(&arena, sizeof(double) * lf_box_sums(width, LF_CHROMA_RADIUS));
    tile.soft = lf_take(&arena, sizeof(float) * LF_TILE_COLUMNS);
    tile.line = lf_take(&arena, sizeof(float) * (size_t)columns);
    return tile;
}

/* The local Wiener filter (Lee, PAMI 1980) for a noise variance of its own at each pixel; adds to the plane what `added` holds. */
LF_GHOST void lf_wiener(lf_tile *tile, lf_field plane, int radius, const float *added) {
    const ptrdiff_t n = (ptrdiff_t)plane.width * plane.height;
    for (ptrdiff_t i = 0; i < n; i++) tile->squares.at[i] = plane.at[i] * plane.at[i];
    lf_plane_mean(plane, radius, tile->mean.at, tile->sums);
    lf_plane_mean(tile->squares, radius, tile->smooth.at, tile->sums);
    for (ptrdiff_t i = 0; i < n; i++) {
        const float mean = tile->mean.at[i], seen = tile->smooth.at[i] - mean * mean;
        const float keep = seen > 1e-9f ? lf_most_float(seen - tile->noise.at[i], 0) / seen : 1;
        plane.at[i] = lf_mix(mean, plane.at[i], keep) + (added ? added[i] : 0);
    }
}

/* Filters the predictions of a tile: small windows for luma, large ones for chroma. */
LF_GHOST void lf_denoise(lf_tile *tile) {
    const ptrdiff_t n = (ptrdiff_t)tile->luma.width * tile->luma.height;
    for (ptrdiff_t i = 0; i < n; i++) {
        const float luma = (tile->mapped[0].at[i] + tile->mapped[1].at[i] + tile->mapped[2].at[i]) / 3;
        const float total = (tile->variance[0].at[i] + tile->variance[1].at[i] + tile->variance[2].at[i]) / 9;
        for (int c = 0; c < 3; c++) tile->mapped[c].at[i] -= luma, tile->variance[c].at[i] = tile->variance[c].at[i] / 3 + total;
        tile->luma.at[i] = luma, tile->squares.at[i] = total;
    }
    lf_plane_mean(tile->squares, LF_VARIANCE_RADIUS, tile->noise.at, tile->sums);
    lf_wiener(tile, tile->luma, LF_LUMA_RADIUS, NULL);
    for (int c = 0; c < 3; c++) {
        lf_plane_mean(tile->variance[c], LF_VARIANCE_RADIUS, tile->noise.at, tile->sums);
        lf_wiener(tile, tile->mapped[c], LF_CHROMA_RADIUS, tile->luma.at);
    }
}

/* The predictions, filtered, of columns [left, right) and rows [from, to) and what is near them. */
LF_GHOST void lf_predict_tile(const lf_blend *blend, const lf_picture *source, int left, int right, int from, int to, lf_tile *tile) {
    const int first = lf_clamp(left - LF_BLEND_MARGIN, 0, left), last = lf_clamp(right + LF_BLEND_MARGIN, right, blend->g->width);
    const int top = lf_clamp(from - LF_BLEND_MARGIN, 0, from), bottom = lf_clamp(to + LF_BLEND_MARGIN, to, blend->g->height);
    for (int i = 0; i < LF_TILE_PLANES; i++) tile->planes[i].width = last - first, tile->planes[i].height = bottom - top;
    tile->left = first, tile->top = top;
    for (int y = top; y < bottom; y++) {
        const void *row = lf_picture_row(source, y);
        for (int c = 0; c < 3; c++) {
            float *mapped = lf_line(tile->mapped[c], y - top), *variance = lf_line(tile->variance[c], y - top);
            for (int x = first; x < last; x++) {
                const int code = lf_code(row, (ptrdiff_t)x * blend->channels + c, blend->g->type);
                mapped[x - first] = blend->mapped[c][code], variance[x - first] = blend->variance[c][code];
            }
        }
    }
    lf_denoise(tile);
}

/* ---- Rows -------------------------------------------------------------------------------------------------------- */

/* Columns [left, right) of row y at full size, of a region's own part of the soft masks. Returns whether anything is above 0.
 * `line` holds as many floats as a reduced row. */
LF_GHOST int lf_enlarge_soft(const lf_ghosts *g, const lf_region *region, int y, int left, int right, float *line, float *out) {
    const int columns = g->columns, factor = g->factor;
    const lf_part_box box = region->box;
    const lf_between rows = lf_place_between((y + 0.5) / factor - 0.5, box.top, box.bottom);
    const int first = lf_place_between((left + 0.5) / factor - 0.5, box.left, box.right).low;
    const int last = lf_place_between((right - 0.5) / factor - 0.5, box.left, box.right).high;
    float most = 0;
    for (int x = first; x <= last; x++) {
        const ptrdiff_t upper = (ptrdiff_t)rows.low * columns + x, lower = (ptrdiff_t)rows.high * columns + x;
        const float above = g->labelling.labels[upper] == region->label ? g->soft[upper] : 0;
        const float below = g->labelling.labels[lower] == region->label ? g->soft[lower] : 0;
        line[x] = lf_mix(above, below, rows.part);
        most = lf_most_float(most, line[x]);
    }
    for (int x = left; x < right && most > 0; x++) {
        const lf_between at = lf_place_between((x + 0.5) / factor - 0.5, box.left, box.right);
        out[x - left] = lf_mix(line[at.low], line[at.high], at.part);
    }
    return most > 0;
}

/* Mixes columns [left, right) of row y of the target with their prediction; raises the mask. */
LF_GHOST void lf_mix_row(const lf_blend *blend, const lf_region *region, const lf_picture *target, const void *source, int y,
                         int left, int right, const lf_tile *tile, uint8_t *mask) {
    const lf_type type = blend->g->type;
    void *const row = lf_picture_row(target, y);
    for (int x = left; x < right; x++) {
        const float soft = tile->soft[x - left];
        if (!(soft > 0)) continue;
        const ptrdiff_t at = (ptrdiff_t)x * blend->channels;
        float shown[3], own[3], predicted[3];
        for (int c = 0; c < 3; c++) {
            shown[c] = lf_value_at(source, at + c, type), own[c] = lf_value_at(row, at + c, type);
            predicted[c] = blend->source == LF_UNDER ? lf_line(tile->mapped[c], y - tile->top)[x - tile->left]
                                                     : blend->mapped[c][lf_code(source, at + c, type)];
        }
        if (blend->source == LF_OVER) lf_predict_under(blend, shown, own, region->has_fill ? region->fill : NULL, predicted);
        lf_bound_colour(shown, own, predicted);
        for (int c = 0; c < 3; c++) lf_store_value(row, at + c, type, lf_mix(own[c], predicted[c], soft));
        const uint8_t level = (uint8_t)(soft * 255 + 0.5f);
        if (mask && level > mask[x]) mask[x] = level;
    }
}

/* Rows [from, to), at most LF_BLEND_ROWS, of the target changed in place to show, in the regions whose source is the other frame,
 * the prediction from it. `source` holds LF_BLEND_MARGIN rows more on both sides, as far as there are; `mask`, if any, is raised to
 * the soft masks, `mask_row` bytes a row. */
LF_GHOST void lf_blend_rows(const lf_blend *blend, const lf_picture *target, const lf_picture *source, int from, int to,
                            uint8_t *mask, ptrdiff_t mask_row, void *scratch) {
    const int factor = blend->g->factor;
    lf_tile tile = lf_new_tile(blend->g->columns, (lf_arena){scratch});
    for (const lf_region *region = blend->g->regions; region < blend->g->regions + blend->g->count; region++) {
        const lf_part_box box = region->box;
        const int top = lf_clamp(from, box.top * factor, box.bottom * factor), bottom = lf_clamp(to, top, box.bottom * factor);
        const int end = lf_clamp(box.right * factor, 0, blend->g->width);
        if (!region->kept || region->source != blend->source) continue;
        for (int left = box.left * factor; left < end; left += LF_TILE_COLUMNS) {
            const int right = left + LF_TILE_COLUMNS < end ? left + LF_TILE_COLUMNS : end;
            int is_predicted = blend->source != LF_UNDER;
            for (int y = top; y < bottom; y++) {
                if (!lf_enlarge_soft(blend->g, region, y, left, right, tile.line, tile.soft))
                    continue;
                if (!is_predicted) lf_predict_tile(blend, source, left, right, top, bottom, &tile);
                is_predicted = 1;
                lf_mix_row(blend, region, target, lf_picture_row(source, y), y, left, right, &tile, mask ? mask + y * mask_row : NULL);
            }
        }
    }
}

#endif
