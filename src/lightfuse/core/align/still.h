/* Whether two frames are already aligned: a quick test, at a small part of the cost of a registration.
 *
 * Most brackets come from a tripod. Small windows at full size, one from each part of the picture where both frames show
 * detail, reveal a shift of a fraction of a pixel. If they are in any way inconclusive (detail that does not correlate,
 * parts that contradict each other), the frames must be registered. */
#ifndef LIGHTFUSE_ALIGN_STILL_H
#define LIGHTFUSE_ALIGN_STILL_H

#include "contrast.h"

enum {
    LF_WINDOW = 64, /* pixels */
    LF_WINDOW_MARGIN = 8, /* belongs to the window but is not compared */
    LF_WINDOWS = 60,
    LF_FEWEST_WINDOWS = 24,
    LF_WINDOW_STEP = 8, /* pixels between those that are examined to choose windows */
    LF_WINDOW_CELLS = LF_WINDOW / LF_WINDOW_STEP,
    LF_FEWEST_CORRELATED = 12
};
#define LF_CORRELATED 0.5 /* correlation of a window */
#define LF_CORRELATED_SHARE 0.5
#define LF_ALIGNED 0.25 /* pixels, by all windows */
#define LF_HALF_ALIGNED 0.35 /* by every other one */

/* What a window says: the correlation of its detail, the normal equations of its shift in pixels, and by how many pixels
 * each of the eight parameters of a homography shifts its middle. */
typedef struct {
    double correlation, xx, xy, yy, x, y;
    float right[LF_PARAMETERS], down[LF_PARAMETERS];
} lf_window;

LF_ALIGN int lf_window_part(int width, int height) {
    const int part = (int)lf_root((double)width * height / LF_WINDOWS);
    return part > LF_WINDOW ? part : LF_WINDOW;
}

/* A frame's pixels from (left, top) on, `step` apart, through a table. */
LF_ALIGN void lf_window_tones(const lf_channel *channel, const uint16_t *table, int left, int top, int step, int columns,
                              int rows, float *out) {
    for (int y = 0; y < rows; y++) {
        const void *row = lf_row(channel, top + y * step);
        for (int x = 0; x < columns; x++)
            *out++ = table[lf_code(row, (ptrdiff_t)(left + x * step) * channel->step, channel->type)] * (1.0f / 65535);
    }
}

/* The upper left corner of the window with most detail in both frames, in one part of the picture. */
LF_ALIGN void lf_salient_window(const lf_channel *const frames[2], uint16_t *const tables[2], int left, int top, int part,
                                int *x, int *y, lf_arena arena) {
    const int cells = part / LF_WINDOW_STEP, room = (cells - LF_WINDOW_CELLS) / 2 + 1, side = LF_WINDOW_CELLS - 1;
    const size_t n = (size_t)cells * (size_t)cells;
    float *tones[2] = {lf_take(&arena, n * sizeof(float)), lf_take(&arena, n * sizeof(float))};
    float *least = lf_take(&arena, n * sizeof *least), *detail = lf_take(&arena, (size_t)room * sizeof *detail), most = -1;
    for (int i = 0; i < 2; i++) lf_window_tones(frames[i], tables[i], left, top, LF_WINDOW_STEP, cells, cells, tones[i]);
    for (size_t at = 0; at + (size_t)cells < n; at++) { /* the last column's is not used */
        float found[2];
        for (int i = 0; i < 2; i++) {
            const float *t = tones[i] + at;
            found[i] = __builtin_fabsf(t[1] - t[0]) + __builtin_fabsf(t[cells] - t[0]);
        }
        least[at] = found[0] < found[1] ? found[0] : found[1];
    }
    for (int row = 0; row < room; row++) {
        for (int column = 0; column < room; column++) detail[column] = 0;
        for (int j = 0; j < side; j++)
            for (int i = 0; i < side; i++) {
                const float *from = least + (size_t)(2 * row + j) * (size_t)cells + i;
                for (int column = 0; column < room; column++) detail[column] += from[2 * column];
            }
        for (int column = 0; column < room; column++)
            if (detail[column] > most)
                most = detail[column], *x = left + 2 * column * LF_WINDOW_STEP, *y = top + 2 * row * LF_WINDOW_STEP;
    }
}

/* One Gauss-Newton step from the identity. The gradient of each frame is multiplied by the other's: their noise is
 * independent, so it does not make shifts look smaller than they are, as the square of one gradient would. */
LF_ALIGN lf_window lf_compare_window(const float *first, const float *second, double u, double v, double scale) {
    double product = 0, one = 0, other = 0;
    lf_window window = {0};
    for (int y = LF_WINDOW_MARGIN; y < LF_WINDOW - LF_WINDOW_MARGIN; y++)
        for (int x = LF_WINDOW_MARGIN; x < LF_WINDOW - LF_WINDOW_MARGIN; x++) {
            const float *a = first + y * LF_WINDOW + x, *b = second + y * LF_WINDOW + x;
            const double ax = a[1] - a[-1], ay = a[LF_WINDOW] - a[-LF_WINDOW];
            const double bx = b[1] - b[-1], by = b[LF_WINDOW] - b[-LF_WINDOW], residual = *b - *a;
            product += (double)*a * *b, one += (double)*a * *a, other += (double)*b * *b;
            window.xx += ax * bx, window.xy += (ax * by + ay * bx) / 2, window.yy += ay * by;
            window.x += (ax + bx) * residual, window.y += (ay + by) * residual;
        }
    window.correlation = product / lf_most(lf_root(one * other), 1e-9);
    lf_jacobian(1 / scale, 0, u, v, window.right);
    lf_jacobian(0, 1 / scale, u, v, window.down);
    return window;
}

/* The eight parameters that fit the shifts of the windows that correlate (all, or those at even or odd places), by least
 * squares, added to `from`; and the largest shift in pixels that they make at a window. NaN if they are undetermined. */
LF_ALIGN double lf_fit_windows(const lf_window *windows, int count, int even, int odd, const double *from, double *to) {
    double normal[LF_PARAMETERS][LF_PARAMETERS] = {{0}}, vector[LF_PARAMETERS] = {0}, most = 0;
    for (int i = 0; i < count; i++) {
        const lf_window *w = &windows[i];
        if (!(w->correlation >= LF_CORRELATED) || !(i % 2 ? odd : even)) continue;
        for (int r = 0; r < LF_PARAMETERS; r++) {
            const double x = w->right[r] * w->xx + w->down[r] * w->xy, y = w->right[r] * w->xy + w->down[r] * w->yy;
            vector[r] += w->right[r] * w->x + w->down[r] * w->y;
            for (int c = 0; c < LF_PARAMETERS; c++) normal[r][c] += x * w->right[c] + y * w->down[c];
        }
    }
    lf_solve(normal, vector);
    for (int r = 0; r < LF_PARAMETERS; r++) to[r] = from[r] + vector[r];
    for (int i = 0; i < count; i++) {
        double x = 0, y = 0;
        if (!(windows[i].correlation >= LF_CORRELATED)) continue;
        for (int r = 0; r < LF_PARAMETERS; r++) x += windows[i].right[r] * to[r], y += windows[i].down[r] * to[r];
        const double shift = lf_root(x * x + y * y);
        if (!(shift <= most)) most = shift; /* NaN stays */
    }
    return most;
}

/* Compare neighbours in brightness. If both are aligned to the base within a quarter of a pixel, returns 1, and
 * in `parameters`, where the nearer one's were, those of the second. */
LF_ALIGN int lf_already_aligned(const lf_channel *first, const lf_channel *second, double *parameters, lf_arena arena) {
    const int width = first->width, height = first->height, part = lf_window_part(width, height);
    const int rows = height / part, columns = width / part, count = rows * columns;
    if (count < LF_FEWEST_WINDOWS) return 0;
    const size_t levels = (size_t)lf_levels_of(first->type), pixels = (size_t)LF_WINDOW * LF_WINDOW;
    const lf_channel *const frames[2] = {first, second};
    uint16_t *const tables[2] = {lf_take(&arena, levels * sizeof **tables), lf_take(&arena, levels * sizeof **tables)};
    const lf_area whole = {0, 0, width, height};
    lf_match_tones(first, second, whole, whole, tables[0], tables[1], arena);
    lf_window *windows = lf_take(&arena, (size_t)count * sizeof *windows);
    int(*places)[2] = lf_take(&arena, (size_t)count * sizeof *places);
    float *contrast[2];
    for (int i = 0; i < count; i++)
        lf_salient_window(frames, tables, i % columns * part, i / columns * part, part, &places[i][0], &places[i][1], arena);
    for (int i = 0; i < 2; i++) {
        lf_image mosaic = {lf_take(&arena, pixels * (size_t)count * sizeof(float)), LF_WINDOW, LF_WINDOW * count, {1, 0, 0}};
        for (int w = 0; w < count; w++)
            lf_window_tones(frames[i], tables[i], places[w][0], places[w][1], 1, LF_WINDOW, LF_WINDOW,
                            mosaic.values + pixels * (size_t)w);
        contrast[i] = lf_take(&arena, pixels * (size_t)count * sizeof(float));
        lf_local_contrast(&mosaic, contrast[i], arena); /* reaches into the neighbouring windows, in both frames alike */
    }
    const lf_unit unit = lf_unit_of(width, height);
    int correlated = 0;
    double found[LF_PARAMETERS], half[LF_PARAMETERS];
    for (int i = 0; i < count; i++) {
        const double x = places[i][0] + LF_WINDOW / 2, y = places[i][1] + LF_WINDOW / 2;
        windows[i] = lf_compare_window(contrast[0] + pixels * (size_t)i, contrast[1] + pixels * (size_t)i,
                                       x * unit.scale + unit.x0, y * unit.scale + unit.y0, unit.scale);
        if (windows[i].correlation >= LF_CORRELATED) correlated++;
    }
    if (correlated < LF_FEWEST_CORRELATED || correlated < LF_CORRELATED_SHARE * count) return 0;
    if (!(lf_fit_windows(windows, count, 1, 1, parameters, found) <= LF_ALIGNED)) return 0;
    if (!(lf_fit_windows(windows, count, 0, 1, parameters, half) <= LF_HALF_ALIGNED)) return 0;
    if (!(lf_fit_windows(windows, count, 1, 0, parameters, half) <= LF_HALF_ALIGNED)) return 0;
    for (int i = 0; i < LF_PARAMETERS; i++) parameters[i] = found[i];
    return 1;
}

#endif
