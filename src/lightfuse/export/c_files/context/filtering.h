/* Between the passes: FilteringNet, a row at a time, all but its finest level. */

/* Row `row` of both thumbnails, or the nearest there is, as the network sees it: [6][columns] in [-0.5, 0.5]. */
static void lf_rows_thumbnail(const lf_rows_state *s, int row, float *to) {
    const int n = 3 * s->size.columns, y = row < 0 ? 0 : lf_min_int(row, s->size.rows - 1);
    for (int p = 0; p < 2; p++)
        for (int i = 0; i < n; i++)
            to[p * n + i] = (float)s->thumbnails[p][(size_t)y * (size_t)n + (size_t)i] * (1.0f / 65535.0f) - 0.5f;
}

/* A 3 x 3 depthwise layer on three rows of planes, the border repeated, to a row of columns / stride. */
static void lf_rows_depthwise(const float *const rows[3], int channels, int columns, int stride, const float *w,
                              float *out) {
    for (int c = 0; c < channels; c++, w += 9)
        for (int at = 0; at < columns; at += stride) {
            const int here = c * columns + at, left = here - (at > 0), right = here + (at + 1 < columns);
            float sum = 0;
            for (int i = 0; i < 3; i++)
                sum += w[3 * i] * rows[i][left] + w[3 * i + 1] * rows[i][here] + w[3 * i + 2] * rows[i][right];
            *out++ = sum;
        }
}

/* A pointwise layer on a row of planes, with ReLU if relu; added to out if add. */
static void lf_rows_pointwise(const float *in, int n_in, float *out, int n_out, int columns, const float *w,
                              const float *b, int relu, int add) {
    for (int o = 0; o < n_out; o++)
        for (int x = 0; x < columns; x++) {
            float sum = b[o];
            for (int i = 0; i < n_in; i++) sum += w[i * n_out + o] * in[i * columns + x];
            if (relu && sum < 0) sum = 0;
            out[o * columns + x] = add ? out[o * columns + x] + sum : sum;
        }
}

/* Add to a row of planes the level of half its size, doubled by bilinear interpolation (half-pixel centres). */
static void lf_rows_add_doubled(const lf_rows_state *s, int level, int row, float *to) {
    const int n = s->model->channels, columns = s->size.columns >> level, rows = s->size.rows >> level;
    const int near = row / 2, far = row % 2 ? near + 1 : near - 1;
    const float *a = s->levels[level] + near * n * columns;
    const float *b = s->levels[level] + (far < 0 ? 0 : lf_min_int(far, rows - 1)) * n * columns;
    for (int c = 0; c < n; c++, a += columns, b += columns, to += 2 * columns)
        for (int x = 0; x < columns; x++) {
            const int left = x > 0 ? x - 1 : 0, right = lf_min_int(x + 1, columns - 1);
            const float here = 0.75f * a[x] + 0.25f * b[x];
            to[2 * x] += 0.75f * here + 0.25f * (0.75f * a[left] + 0.25f * b[left]);
            to[2 * x + 1] += 0.75f * here + 0.25f * (0.75f * a[right] + 0.25f * b[right]);
        }
}

static float *lf_rows_of(const lf_rows_state *s, int level, int row) {
    const int rows = s->size.rows >> level, y = row < 0 ? 0 : lf_min_int(row, rows - 1);
    return s->levels[level] + (size_t)y * (size_t)s->model->channels * (size_t)(s->size.columns >> level);
}

/* From the thumbnails to level 1. */
static void lf_rows_first(lf_rows_state *s) {
    const lf_separable *layer = &s->model->first;
    const int columns = s->size.columns;
    float *const near[3] = {s->spare, s->spare + 6 * columns, s->spare + 12 * columns}, *mixed = s->spare + 18 * columns;
    const float *const rows[3] = {near[0], near[1], near[2]};
    for (int y = 0; y < s->size.rows / 2; y++) {
        for (int i = 0; i < 3; i++) lf_rows_thumbnail(s, 2 * y + i - 1, near[i]);
        lf_rows_depthwise(rows, 6, columns, 2, layer->depthwise, mixed);
        lf_rows_pointwise(mixed, 6, lf_rows_of(s, 1, y), s->model->channels, columns / 2, layer->pointwise, layer->bias,
                          1, 0);
    }
}

/* From a level to the one of half its size. */
static void lf_rows_down(lf_rows_state *s, int level) {
    const lf_separable *layer = &s->model->down[level - 1];
    const int n = s->model->channels, columns = s->size.columns >> level, half = columns / 2;
    for (int y = 0; y < s->size.rows >> (level + 1); y++) {
        const float *const rows[3] = {lf_rows_of(s, level, 2 * y - 1), lf_rows_of(s, level, 2 * y),
                                      lf_rows_of(s, level, 2 * y + 1)};
        float *to = lf_rows_of(s, level + 1, y);
        lf_rows_depthwise(rows, n, columns, 2, layer->depthwise, s->spare);
        lf_rows_pointwise(s->spare, n, to, n, half, layer->pointwise, layer->bias, 1, 0);
        for (int c = 0; c < n; c++)
            for (int x = 0; x < half; x++) {
                const float *upper = rows[1] + c * columns + 2 * x, *lower = rows[2] + c * columns + 2 * x;
                to[c * half + x] += 0.25f * (upper[0] + upper[1] + lower[0] + lower[1]);
            }
    }
}

/* Add to the coarsest level what the means and maxima of its channels say together. */
static void lf_rows_summary(lf_rows_state *s) {
    const lf_context_model *m = s->model;
    const int n = m->channels, rows = s->size.rows >> m->levels, columns = s->size.columns >> m->levels;
    float summary[2 * LF_MAX_WIDTH];
    for (int c = 0; c < n; c++) {
        float sum = 0, most = lf_rows_of(s, m->levels, 0)[c * columns];
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < columns; x++) {
                const float value = lf_rows_of(s, m->levels, y)[c * columns + x];
                sum += value;
                most = value > most ? value : most;
            }
        summary[c] = sum / (float)(rows * columns);
        summary[n + c] = most;
    }
    for (int o = 0; o < n; o++) {
        float value = m->summary_bias[o];
        for (int i = 0; i < 2 * n; i++) value += summary[i] * m->summary[i * n + o];
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < columns; x++) lf_rows_of(s, m->levels, y)[o * columns + x] += value;
    }
}

/* A level on the way up, in place. */
static void lf_rows_up(lf_rows_state *s, int level) {
    const lf_separable *layer = &s->model->up[level];
    const int n = s->model->channels, columns = s->size.columns >> level, rows = s->size.rows >> level;
    float *above = s->spare, *mixed = s->spare + n * columns;
    for (int y = 0; y < rows; y++) lf_rows_add_doubled(s, level + 1, y, lf_rows_of(s, level, y));
    for (int y = 0; y < rows; y++) {
        float *here = lf_rows_of(s, level, y);
        const float *const near[3] = {y > 0 ? above : here, here, lf_rows_of(s, level, y + 1)};
        lf_rows_depthwise(near, n, columns, 1, layer->depthwise, mixed);
        for (int i = 0; i < n * columns; i++) above[i] = here[i];
        lf_rows_pointwise(mixed, n, here, n, columns, layer->pointwise, layer->bias, 1, 1);
    }
}

/* All of FilteringNet but its finest level. */
static void lf_rows_filter(lf_rows_state *s) {
    lf_rows_first(s);
    for (int i = 1; i < s->model->levels; i++) lf_rows_down(s, i);
    lf_rows_summary(s);
    for (int i = s->model->levels - 1; i > 0; i--) lf_rows_up(s, i);
}
