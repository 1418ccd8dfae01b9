/* Homographies of a hand-held camera, and small systems of linear equations.
 *
 * Centred coordinates have their origin in the middle of the picture and half its long side as unit. The eight parameters
 * of a homography W(p) = 1 + sum p*G are translation in x and y, rotation, zoom, stretch, shear, perspective in x and y; in
 * centred coordinates a parameter p moves the edge of the picture by about p. */
#ifndef LIGHTFUSE_ALIGN_GEOMETRY_H
#define LIGHTFUSE_ALIGN_GEOMETRY_H

#include "types.h"

#define LF_ALIGN static __attribute__((unused))

enum { LF_PARAMETERS = 8 };

/* A Gaussian estimate of a homography in centred coordinates: its mean, and its parameters' inverse covariance. */
typedef struct {
    lf_matrix warp;
    double information[LF_PARAMETERS][LF_PARAMETERS];
} lf_estimate;

/* Pixels to centred coordinates: u = x * scale + x0, v = y * scale + y0. */
typedef struct {
    double scale, x0, y0;
} lf_unit;

static const lf_matrix lf_identity = {{1, 0, 0, 0, 1, 0, 0, 0, 1}};

/* Standard deviations of the parameters between two hand-held frames: free translation and rotation, a little perspective
 * and zoom (focus breathing), hardly any stretch and shear. */
static const double lf_hand_shake[LF_PARAMETERS] = {0.06, 0.06, 0.04, 0.01, 0.001, 0.001, 0.008, 0.008};
/* The largest plausible parameters. */
static const double lf_plausible[LF_PARAMETERS] = {0.25, 0.25, 0.18, 0.06, 0.025, 0.025, 0.08, 0.08};

LF_ALIGN double lf_abs(double a) { return a < 0 ? -a : a; }
LF_INLINE double lf_least(double a, double b) { return a < b ? a : b; }
LF_INLINE double lf_most(double a, double b) { return a > b ? a : b; }
LF_INLINE double lf_root(double a) { return __builtin_sqrt(a); }
LF_INLINE int lf_clamp(int a, int low, int high) { return a < low ? low : a > high ? high : a; }

/* A position inside [0, size): those outside mirrored at the centres of the first and last pixel. */
LF_ALIGN int lf_mirrored(int position, int size) {
    if (position >= 0 && position < size) return position;
    const int period = size > 1 ? 2 * (size - 1) : 1;
    const int folded = ((position % period) + period) % period;
    return folded < period - folded ? folded : period - folded;
}

LF_ALIGN lf_matrix lf_times(lf_matrix a, lf_matrix b) {
    lf_matrix c;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            c.m[3 * i + j] = a.m[3 * i] * b.m[j] + a.m[3 * i + 1] * b.m[3 + j] + a.m[3 * i + 2] * b.m[6 + j];
    return c;
}

LF_ALIGN lf_matrix lf_scaled(lf_matrix a) {
    lf_matrix b;
    for (int i = 0; i < 9; i++) b.m[i] = a.m[i] / a.m[8];
    return b;
}

LF_ALIGN lf_matrix lf_inverse(lf_matrix of) {
    const double *m = of.m;
    return lf_scaled((lf_matrix){{m[4] * m[8] - m[5] * m[7], m[2] * m[7] - m[1] * m[8], m[1] * m[5] - m[2] * m[4],
                                  m[5] * m[6] - m[3] * m[8], m[0] * m[8] - m[2] * m[6], m[2] * m[3] - m[0] * m[5],
                                  m[3] * m[7] - m[4] * m[6], m[1] * m[6] - m[0] * m[7], m[0] * m[4] - m[1] * m[3]}});
}

/* Where a homography maps a point. */
LF_INLINE void lf_map(const lf_matrix *h, double x, double y, double *to_x, double *to_y) {
    const double *m = h->m, divisor = 1 / (m[6] * x + m[7] * y + m[8]);
    *to_x = (m[0] * x + m[1] * y + m[2]) * divisor;
    *to_y = (m[3] * x + m[4] * y + m[5]) * divisor;
}

LF_ALIGN lf_unit lf_unit_of(int width, int height) {
    const double half = (width > height ? width : height) / 2.0;
    return (lf_unit){1 / half, -(width - 1) / 2.0 / half, -(height - 1) / 2.0 / half};
}

/* A homography of centred coordinates in the pixels of a unit, and back. */
LF_ALIGN lf_matrix lf_in_pixels(lf_matrix warp, lf_unit unit) {
    const lf_matrix to = {{unit.scale, 0, unit.x0, 0, unit.scale, unit.y0, 0, 0, 1}};
    return lf_scaled(lf_times(lf_inverse(to), lf_times(warp, to)));
}

LF_ALIGN lf_matrix lf_centred(lf_matrix pixels, lf_unit unit) {
    const lf_matrix to = {{unit.scale, 0, unit.x0, 0, unit.scale, unit.y0, 0, 0, 1}};
    return lf_scaled(lf_times(to, lf_times(pixels, lf_inverse(to))));
}

LF_ALIGN lf_matrix lf_from_parameters(const double *p) {
    return (lf_matrix){{1 + p[3] + p[4], p[5] - p[2], p[0], p[5] + p[2], 1 + p[3] - p[4], p[1], p[6], p[7], 1}};
}

/* The inverse of lf_from_parameters. */
LF_ALIGN void lf_to_parameters(lf_matrix warp, double *p) {
    const lf_matrix w = lf_scaled(warp);
    const double *m = w.m;
    const double found[LF_PARAMETERS] = {m[2], m[5], (m[3] - m[1]) / 2, (m[0] + m[4]) / 2 - 1,
                                         (m[0] - m[4]) / 2, (m[1] + m[3]) / 2, m[6], m[7]};
    for (int i = 0; i < LF_PARAMETERS; i++) p[i] = found[i];
}

/* Derivatives of an image by the eight parameters, from its gradient at a centred point. */
LF_ALIGN void lf_jacobian(double right, double down, double u, double v, float *slopes) {
    const double radial = right * u + down * v;
    const double all[LF_PARAMETERS] = {right, down, down * u - right * v, radial, right * u - down * v,
                                       right * v + down * u, -u * radial, -v * radial};
    for (int i = 0; i < LF_PARAMETERS; i++) slopes[i] = (float)all[i];
}

/* The largest distance in pixels between where two homographies of pixels map a corner. */
LF_ALIGN double lf_corner_distance(lf_matrix first, lf_matrix second, int width, int height) {
    double most = 0;
    for (int corner = 0; corner < 4; corner++) {
        double x, y, other_x, other_y;
        lf_map(&first, (corner & 1) * (width - 1), (corner >> 1) * (height - 1), &x, &y);
        lf_map(&second, (corner & 1) * (width - 1), (corner >> 1) * (height - 1), &other_x, &other_y);
        const double apart = lf_root((x - other_x) * (x - other_x) + (y - other_y) * (y - other_y));
        if (!(apart <= most)) most = apart; /* NaN stays */
    }
    return most;
}

/* Whether a homography of centred coordinates may be the shake of a hand-held camera between two frames. */
LF_ALIGN int lf_is_plausible(lf_matrix warp) {
    double p[LF_PARAMETERS];
    lf_to_parameters(warp, p);
    for (int i = 0; i < LF_PARAMETERS; i++)
        if (!(lf_abs(p[i]) <= lf_plausible[i])) return 0; /* nor if it is NaN */
    return 1;
}

/* The prior of a frame of which nothing is known but that the camera was hand-held. */
LF_ALIGN lf_estimate lf_hand_shake_prior(void) {
    lf_estimate prior = {lf_identity, {{0}}};
    for (int i = 0; i < LF_PARAMETERS; i++) prior.information[i][i] = 1 / (lf_hand_shake[i] * lf_hand_shake[i]);
    return prior;
}

/* Solve A*x = b by Gaussian elimination with partial pivoting; x replaces b. A is left as it is; not finite if it is singular. */
LF_ALIGN void lf_solve(double matrix[LF_PARAMETERS][LF_PARAMETERS], double *b) {
    enum { N = LF_PARAMETERS };
    double a[N][N];
    for (int i = 0; i < N * N; i++) a[i / N][i % N] = matrix[i / N][i % N];
    for (int column = 0; column < N; column++) {
        int best = column;
        for (int row = column + 1; row < N; row++)
            if (lf_abs(a[row][column]) > lf_abs(a[best][column])) best = row;
        for (int i = 0; i < N && best != column; i++) {
            const double swapped = a[column][i];
            a[column][i] = a[best][i];
            a[best][i] = swapped;
        }
        const double right = b[best];
        b[best] = b[column];
        b[column] = right;
        for (int row = column + 1; row < N; row++) {
            const double factor = a[row][column] / a[column][column];
            for (int i = column; i < N; i++) a[row][i] -= factor * a[column][i];
            b[row] -= factor * b[column];
        }
    }
    for (int row = N - 1; row >= 0; row--) {
        for (int i = row + 1; i < N; i++) b[row] -= a[row][i] * b[i];
        b[row] /= a[row][row];
    }
}

LF_ALIGN void lf_invert(double matrix[LF_PARAMETERS][LF_PARAMETERS], double inverse[LF_PARAMETERS][LF_PARAMETERS]) {
    for (int column = 0; column < LF_PARAMETERS; column++) {
        double unit[LF_PARAMETERS] = {0};
        unit[column] = 1;
        lf_solve(matrix, unit);
        for (int row = 0; row < LF_PARAMETERS; row++) inverse[row][column] = unit[row];
    }
}

#endif
