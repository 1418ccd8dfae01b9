/* Which part of two exposures shows the scene: what is black in both or white in both, such as a border, does not. */
#ifndef LIGHTFUSE_SCENE_H
#define LIGHTFUSE_SCENE_H

#include "measure.h"

/* A cell or pixel shows nothing where no channel is above the first in either exposure, or none below the second. Borders of
 * scans are a few levels above black. */
#define LF_BLACK 0.02f
#define LF_SCENE_WHITE 0.98f

/* ---- Pixels: the box around all that show something of the scene -------------------------------------------------------- */

LF_INLINE lf_area lf_no_box(const lf_picture *p) { return (lf_area){p->width, p->height, 0, 0}; }
LF_INLINE lf_area lf_both_boxes(lf_area a, lf_area b) {
    return (lf_area){lf_min_int(a.left, b.left), lf_min_int(a.top, b.top), a.right > b.right ? a.right : b.right,
                    a.bottom > b.bottom ? a.bottom : b.bottom};
}

/* Whether any of the pixels x0 .. x1-1 of row y shows the scene. */
LF_CODE int lf_shows_scene(const lf_picture *p, const lf_picture *q, int x0, int x1, int y) {
    const lf_area area = {x0, y, x1, y + 1};
    const lf_picture first = lf_part(p, area), second = lf_part(q, area);
    lf_measure one, two;
    lf_measure_rows(&first, 0, 1, &one);
    lf_measure_rows(&second, 0, 1, &two);
    return (one.high > two.high ? one.high : two.high) > LF_BLACK * lf_top(p->type) &&
           (one.low < two.low ? one.low : two.low) < LF_SCENE_WHITE * lf_top(p->type);
}

/* The first (or with last, the last) of the pixels x0 .. x1-1 of row y that shows the scene; -1 where none does. */
LF_CODE int lf_scene_pixel(const lf_picture *p, const lf_picture *q, int x0, int x1, int y, int last) {
    enum { LF_AT_ONCE = 64 };
    for (int done = 0; done < x1 - x0; done += LF_AT_ONCE) {
        const int n = lf_min_int(LF_AT_ONCE, x1 - x0 - done), begin = last ? x1 - done - n : x0 + done;
        if (!lf_shows_scene(p, q, begin, begin + n, y)) continue;
        for (int i = 0; i < n; i++) {
            const int x = last ? begin + n - 1 - i : begin + i;
            if (lf_shows_scene(p, q, x, x + 1, y)) return x;
        }
    }
    return -1;
}

/* Widen the box by the pixels of rows [row0, row1) of two pictures that show the scene. The order of rows does not matter; the
 * box begins as lf_no_box. */
LF_CODE void lf_widen_box(const lf_picture *p, const lf_picture *q, int row0, int row1, lf_area *box) {
    for (int y = row0; y < row1; y++) {
        const int known = y >= box->top && y < box->bottom, width = p->width;
        const int first = lf_scene_pixel(p, q, 0, known ? box->left : width, y, 0);
        const int end = known ? box->right : first;
        const int last = first < 0 && !known ? -1 : lf_scene_pixel(p, q, end, width, y, 1);
        if (first >= 0) *box = lf_both_boxes(*box, (lf_area){first, y, first + 1, y + 1});
        if (last >= 0) *box = lf_both_boxes(*box, (lf_area){last, y, last + 1, y + 1});
    }
}

/* The box, or the whole picture where that shows hardly any scene: less than 1 / 1024 of it. */
LF_CODE lf_area lf_scene_box(lf_area box, const lf_picture *p) {
    const double area = (double)(box.right - box.left) * (box.bottom - box.top), whole = (double)p->width * p->height;
    if (box.right <= box.left || area * 1024 < whole) return (lf_area){0, 0, p->width, p->height};
    return box;
}

/* ---- Cells of the thumbnails: how much each of them counts --------------------------------------------------------------- */

LF_INLINE lf_size lf_halved(lf_size size, int times) { return (lf_size){size.rows >> times, size.columns >> times}; }

/* Means of 2 x 2 cells of a plane of this size. */
LF_INLINE void lf_halve_plane(const float *in, lf_size size, float *out) {
    for (int y = 0; y < size.rows / 2; y++)
        for (int x = 0; x < size.columns / 2; x++, out++) {
            const float *cell = in + (size_t)2 * y * size.columns + 2 * x;
            *out = 0.25f * (cell[0] + cell[1] + cell[size.columns] + cell[size.columns + 1]);
        }
}

/* How much a cell counts, 0 to 1, from the brightest channel of over and the darkest of under. */
LF_INLINE float lf_cell_weight(float brightest, float darkest) {
    const float above_black = (brightest - LF_BLACK) / 0.04f, below_white = (LF_SCENE_WHITE - darkest) / 0.04f;
    return (above_black < 0 ? 0 : above_black > 1 ? 1 : above_black) *
           (below_white < 0 ? 0 : below_white > 1 ? 1 : below_white);
}

/* The lowest of a plane's values in the 3 x 3 cells around one. */
LF_INLINE float lf_lowest_near(const float *plane, lf_size size, int row, int column) {
    float lowest = plane[(size_t)row * size.columns + column];
    for (int y = row > 0 ? row - 1 : 0; y < size.rows && y <= row + 1; y++)
        for (int x = column > 0 ? column - 1 : 0; x < size.columns && x <= column + 1; x++)
            lowest = plane[(size_t)y * size.columns + x] < lowest ? plane[(size_t)y * size.columns + x] : lowest;
    return lowest;
}

/* The weights of all cells, and their sum. Cells beside empty ones may be mixed with these, and count less. Where less than
 * 1 / 1024 of the picture counts, the rest counts, too. spare holds a plane. */
LF_INLINE float lf_scene_weights(const uint16_t *thumbnails, lf_size size, float *weights, float *spare) {
    const size_t cells = lf_cells(size);
    double sum = 0, total = 0;
    for (size_t i = 0; i < cells; i++) {
        const uint16_t *under = thumbnails + i, *over = under + 3 * cells;
        uint16_t brightest = over[0], darkest = under[0];
        for (int c = 1; c < 3; c++) {
            brightest = over[c * cells] > brightest ? over[c * cells] : brightest;
            darkest = under[c * cells] < darkest ? under[c * cells] : darkest;
        }
        spare[i] = lf_cell_weight((float)brightest / 65535.0f, (float)darkest / 65535.0f);
    }
    for (size_t i = 0; i < cells; i++) {
        const int row = (int)(i / (size_t)size.columns), column = (int)(i % (size_t)size.columns);
        weights[i] = spare[i] * (0.1f + 0.9f * lf_lowest_near(spare, size, row, column));
        sum += weights[i];
    }
    const float floor = (float)(1 - sum / (double)cells * 1024);
    for (size_t i = 0; i < cells; i++) {
        weights[i] = weights[i] < floor ? floor : weights[i];
        total += weights[i];
    }
    return (float)total;
}

/* Cells of little weight filled from those around them, so that the scene seems to go on there: a pyramid of weighted means
 * ("push-pull", Gortler et al., "The Lumigraph", 1996, section 3.4). Each cell is mixed with the coarser level as far as its
 * weight falls short of 1, the coarsest with the mean of the scene. One plane, by the weights of its cells; spare holds two
 * thirds of a plane. */
LF_INLINE void lf_fill_plane(float *plane, const float *weights, lf_size size, int levels, float total, float *spare) {
    float *values[LF_MAX_LEVELS + 1] = {plane}, *counts[LF_MAX_LEVELS + 1] = {NULL}, mean = 0;
    for (size_t i = 0; i < lf_cells(size); i++) mean += plane[i] * weights[i];
    mean /= total;
    for (int l = 1; l <= levels; l++) {
        const lf_size finer = lf_halved(size, l - 1), here = lf_halved(size, l);
        const float *w = l > 1 ? counts[l - 1] : weights;
        values[l] = spare;
        counts[l] = spare + lf_cells(here);
        spare += 2 * lf_cells(here);
        for (int y = 0; y < here.rows; y++)
            for (int x = 0; x < here.columns; x++) {
                const size_t at = (size_t)2 * y * finer.columns + 2 * x, below = at + finer.columns;
                const float *v = values[l - 1];
                const float sum = 0.25f * (w[at] + w[at + 1] + w[below] + w[below + 1]);
                const float all = 0.25f * (v[at] * w[at] + v[at + 1] * w[at + 1] + v[below] * w[below] +
                                           v[below + 1] * w[below + 1]);
                values[l][y * here.columns + x] = all / (sum > 1e-6f ? sum : 1e-6f);
                counts[l][y * here.columns + x] = 4 * sum < 1 ? 4 * sum : 1;
            }
    }
    for (int l = levels; l >= 0; l--) {
        const lf_size here = lf_halved(size, l);
        const float *w = l > 0 ? counts[l] : weights;
        for (int y = 0; y < here.rows; y++)
            for (int x = 0; x < here.columns; x++) {
                const size_t at = (size_t)y * here.columns + x;
                const float coarser =
                    l < levels ? values[l + 1][(size_t)(y / 2) * (here.columns / 2) + x / 2] : mean;
                values[l][at] = values[l][at] * w[at] + coarser * (1 - w[at]);
            }
    }
}

/* The weights of the coarsest level's cells, from those of the finest, behind which there is room for half as many. */
LF_INLINE void lf_coarsest_weights(const float *weights, lf_size size, int levels, float *coarsest) {
    float *room = (float *)weights + lf_cells(size);
    for (int l = 0; l < levels; l++) {
        float *to = l + 1 < levels ? room : coarsest;
        lf_halve_plane(weights, lf_halved(size, l), to);
        weights = to;
        room += lf_cells(lf_halved(size, l + 1));
    }
}

/* How far CombiningNet may go, by the mean difference of the thumbnails. */
LF_INLINE float lf_strength_of(double difference) {
    const double strength = (difference - 0.03) / 0.09;
    return (float)(strength < 0 ? 0 : strength > 1 ? 1 : strength);
}

/* Cells of the coarsest level; how much each shows of the scene is kept at the beginning of the levels' memory. */
LF_INLINE size_t lf_coarsest_cells(const lf_context_model *m, lf_size size) { return lf_cells(lf_halved(size, m->levels)); }

/* From the thumbnails [6][rows][columns], under's planes before over's: how far CombiningNet may go, 0 for two pictures whose
 * mean difference is below 0.03, so that equal ones come back as they are, 1 for a bracket, from 0.12 on. Cells that show nothing
 * of the scene are filled, and the coarsest level's weights left in `levels`, which holds lf_context_levels_floats(m, size)
 * floats. */
LF_CODE float lf_context_prepare(const lf_context_model *m, uint16_t *thumbnails, lf_size size, float *levels) {
    const size_t cells = lf_cells(size);
    float *weights = levels + lf_coarsest_cells(m, size), *plane = weights + cells;
    const float total = lf_scene_weights(thumbnails, size, weights, plane);
    double sums[3] = {0};
    for (int c = 0; c < 3; c++)
        for (size_t i = 0; i < cells; i++) {
            const int difference = (int)thumbnails[(3 + c) * cells + i] - (int)thumbnails[c * cells + i];
            sums[c] += (double)((float)(difference < 0 ? -difference : difference) * weights[i]);
        }
    for (int c = 0; c < 6 && total < (float)cells; c++) {
        uint16_t *const thumbnail = thumbnails + c * cells;
        for (size_t i = 0; i < cells; i++) plane[i] = (float)thumbnail[i];
        lf_fill_plane(plane, weights, size, m->levels, total, plane + cells);
        for (size_t i = 0; i < cells; i++) thumbnail[i] = (uint16_t)(plane[i] + 0.5f);
    }
    lf_coarsest_weights(weights, size, m->levels, levels);
    return lf_strength_of((sums[0] + sums[1] + sums[2]) / (3.0 * 65535.0 * total));
}

#endif
