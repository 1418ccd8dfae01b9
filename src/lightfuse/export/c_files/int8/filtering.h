/* Between the passes: FilteringNet, a row at a time, all but its finest level. */

/* Row `row` of both thumbnails, or the nearest there is: [6][columns]. */
static void lf_rows_thumbnail(const lf_rows_state *s, int row, int16_t *to) {
    const int n = 3 * s->size.columns, y = row < 0 ? 0 : lf_min_int(row, s->size.rows - 1);
    for (int p = 0; p < 2; p++)
        for (int i = 0; i < n; i++) *to++ = s->thumbnails[p][y * n + i];
}

/* A row of a 3 x 3 depthwise layer from three rows of planes, the border repeated: [channels][columns / stride]. */
static void lf_rows_depthwise(const int16_t *const rows[3], int channels, int columns, int stride, const lf_spread *layer,
                              int16_t *out) {
    for (int c = 0; c < channels; c++) {
        const int8_t *w = layer->weights + 9 * c;
        const int by = layer->shifts[c];
        for (int x = 0; x < columns; x += stride) {
            const int left = x > 0 ? x - 1 : 0, right = lf_min_int(x + 1, columns - 1);
            int32_t sum = 0;
            for (int i = 0; i < 3; i++) {
                const int16_t *row = rows[i] + c * columns;
                sum += w[3 * i] * row[left] + w[3 * i + 1] * row[x] + w[3 * i + 2] * row[right];
            }
            *out++ = lf_fitted(lf_shifted(sum, by));
        }
    }
}

/* (sum + bias) of output o as it is handed on. */
static int16_t lf_scaled(int32_t sum, const lf_mix *layer, int o, int relu) {
    const int64_t total = (int64_t)sum + layer->biases[o];
    if (relu && total < 0) return 0;
    const int by = layer->shifts[o];
    const int64_t scaled = (total * layer->multipliers[o] + (((int64_t)1 << by) >> 1)) >> by;
    return (int16_t)(scaled > LF_ONE ? LF_ONE : scaled < -LF_ONE - 1 ? -LF_ONE - 1 : scaled);
}

/* Planes of a row [n_in][columns] to [n_out][columns], with ReLU if relu; added to out if add. */
static void lf_rows_pointwise(const int16_t *in, int n_in, int16_t *out, int n_out, int columns, const lf_mix *layer,
                              int relu, int add) {
    for (int o = 0; o < n_out; o++)
        for (int x = 0; x < columns; x++) {
            int32_t sum = 0;
            for (int i = 0; i < n_in; i++) sum += layer->weights[o * n_in + i] * in[i * columns + x];
            const int16_t value = lf_scaled(sum, layer, o, relu);
            out[o * columns + x] = add ? lf_fitted(out[o * columns + x] + value) : value;
        }
}

/* Add to a row of planes the level of half its size, doubled by bilinear interpolation (half-pixel centres). */
static void lf_rows_add_doubled(const lf_rows_state *s, int level, int row, int16_t *to) {
    const int n = s->model->channels, columns = s->size.columns >> level, rows = s->size.rows >> level;
    const int near = row / 2, far = row % 2 ? near + 1 : near - 1;
    const int16_t *a = s->levels[level] + near * n * columns;
    const int16_t *b = s->levels[level] + (far < 0 ? 0 : lf_min_int(far, rows - 1)) * n * columns;
    for (int c = 0; c < n; c++, a += columns, b += columns, to += 2 * columns)
        for (int x = 0; x < columns; x++) {
            const int left = x > 0 ? x - 1 : 0, right = lf_min_int(x + 1, columns - 1);
            const int32_t here = 3 * (3 * a[x] + b[x]);
            to[2 * x] = lf_fitted(to[2 * x] + lf_shifted(here + 3 * a[left] + b[left], 4));
            to[2 * x + 1] = lf_fitted(to[2 * x + 1] + lf_shifted(here + 3 * a[right] + b[right], 4));
        }
}

static int16_t *lf_rows_of(const lf_rows_state *s, int level, int row) {
    const int rows = s->size.rows >> level, y = row < 0 ? 0 : lf_min_int(row, rows - 1);
    return s->levels[level] + y * s->model->channels * (s->size.columns >> level);
}

/* From the thumbnails to level 1. */
static void lf_rows_first(lf_rows_state *s) {
    const lf_separable *layer = &s->model->first;
    const int columns = s->size.columns;
    int16_t *const near[3] = {s->spare, s->spare + 6 * columns, s->spare + 12 * columns};
    int16_t *const mixed = s->spare + 18 * columns;
    const int16_t *const rows[3] = {near[0], near[1], near[2]};
    for (int y = 0; y < s->size.rows / 2; y++) {
        for (int i = 0; i < 3; i++) lf_rows_thumbnail(s, 2 * y + i - 1, near[i]);
        lf_rows_depthwise(rows, 6, columns, 2, &layer->depthwise, mixed);
        lf_rows_pointwise(mixed, 6, lf_rows_of(s, 1, y), s->model->channels, columns / 2, &layer->pointwise, 1, 0);
    }
}

/* From a level to the one of half its size. */
static void lf_rows_down(lf_rows_state *s, int level) {
    const lf_separable *layer = &s->model->down[level - 1];
    const int n = s->model->channels, columns = s->size.columns >> level, half = columns / 2;
    for (int y = 0; y < s->size.rows >> (level + 1); y++) {
        const int16_t *const rows[3] = {lf_rows_of(s, level, 2 * y - 1), lf_rows_of(s, level, 2 * y),
                                        lf_rows_of(s, level, 2 * y + 1)};
        int16_t *to = lf_rows_of(s, level + 1, y);
        lf_rows_depthwise(rows, n, columns, 2, &layer->depthwise, s->spare);
        lf_rows_pointwise(s->spare, n, to, n, half, &layer->pointwise, 1, 0);
        for (int c = 0; c < n; c++)
            for (int x = 0; x < half; x++) {
                const int16_t *upper = rows[1] + c * columns + 2 * x, *lower = rows[2] + c * columns + 2 * x;
                const int32_t mean = lf_shifted(upper[0] + upper[1] + lower[0] + lower[1], 2);
                to[c * half + x] = lf_fitted(to[c * half + x] + mean);
            }
    }
}

/* Add to the coarsest level what the means and maxima of its channels say together. */
static void lf_rows_summary(lf_rows_state *s) {
    const lf_int8_model *m = s->model;
    const int n = m->channels, rows = s->size.rows >> m->levels, columns = s->size.columns >> m->levels;
    int16_t summary[2 * LF_MAX_WIDTH];
    for (int c = 0; c < n; c++) {
        int64_t sum = rows * columns / 2;
        int16_t most = lf_rows_of(s, m->levels, 0)[c * columns];
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < columns; x++) {
                const int16_t value = lf_rows_of(s, m->levels, y)[c * columns + x];
                sum += value;
                most = value > most ? value : most;
            }
        summary[c] = (int16_t)(sum / (rows * columns));
        summary[n + c] = most;
    }
    for (int o = 0; o < n; o++) {
        int32_t sum = 0;
        for (int i = 0; i < 2 * n; i++) sum += m->summary.weights[2 * n * o + i] * summary[i];
        const int16_t value = lf_scaled(sum, &m->summary, o, 0);
        for (int y = 0; y < rows; y++) {
            int16_t *to = lf_rows_of(s, m->levels, y) + o * columns;
            for (int x = 0; x < columns; x++) to[x] = lf_fitted(to[x] + value);
        }
    }
}

/* A level on the way up, in place. */
static void lf_rows_up(lf_rows_state *s, int level) {
    const lf_separable *layer = &s->model->up[level];
    const int n = s->model->channels, columns = s->size.columns >> level, rows = s->size.rows >> level;
    int16_t *above = s->spare, *mixed = s->spare + n * columns;
    for (int y = 0; y < rows; y++) lf_rows_add_doubled(s, level + 1, y, lf_rows_of(s, level, y));
    for (int y = 0; y < rows; y++) {
        int16_t *here = lf_rows_of(s, level, y);
        const int16_t *const near[3] = {y > 0 ? above : here, here, lf_rows_of(s, level, y + 1)};
        lf_rows_depthwise(near, n, columns, 1, &layer->depthwise, mixed);
        for (int i = 0; i < n * columns; i++) above[i] = here[i];
        lf_rows_pointwise(mixed, n, here, n, columns, &layer->pointwise, 1, 1);
    }
}

/* All of FilteringNet but its finest level. */
static void lf_rows_filter(lf_rows_state *s) {
    lf_rows_first(s);
    for (int i = 1; i < s->model->levels; i++) lf_rows_down(s, i);
    lf_rows_summary(s);
    for (int i = s->model->levels - 1; i > 0; i--) lf_rows_up(s, i);
}
