/* FilteringNet by rows, all but its finest level: memory, thumbnails, and the passes between them and the grid. */

/* What the fusing of one picture holds. Planes of a row lie one behind the other: [channels][columns]. */
typedef struct {
    const lf_context_model *model;
    const lf_rows *rows;
    lf_size size;
    uint16_t *thumbnails[2];       /* [rows][3][columns], 65535 for 1; under first once both are made */
    float *levels[LF_MAX_LEVELS];  /* levels[i]: [rows >> i][channels][columns >> i]; there is no levels[0] */
    float *means, *sums;           /* pass 1: [2][3][columns] of a row of the pictures, and of one of the thumbnails */
    float *scene, *coarsest;       /* how much each cell shows of the scene, with room to fill a plane; the same, coarsest */
    float *spare;                  /* between the passes: rows of a level */
    float *finest, *grid, *mixed;  /* pass 2: 3 rows of the finest level, 2 of the context grid, and between those */
    float *blocks, *scratch;       /* pass 2: rows of thumbnails and of sums, and what lightfuse.h asks for */
    void *pixels[2];               /* a row of each picture */
    int made, grid_made;           /* rows of the finest level and of the grid that have been made */
    float strength;
} lf_rows_state;

/* Share the memory out, and return how much of it is used. What one pass needs lies where another has finished. */
static size_t lf_rows_place(lf_rows_state *s, char *memory) {
    const lf_context_model *m = s->model;
    const size_t n = (size_t)m->channels, contexts = (size_t)m->contexts, columns = (size_t)s->size.columns;
    const size_t widest = n > 6 ? n : 6, number = sizeof(float);
    const size_t cells = columns * (size_t)s->size.rows;
    size_t shared = 0, ends[3];
    for (int p = 0; p < 2; p++)
        s->thumbnails[p] = lf_rows_take(memory, &shared, 3 * columns * (size_t)s->size.rows * sizeof(uint16_t));
    for (int p = 0; p < 2; p++) s->pixels[p] = lf_rows_take(memory, &shared, lf_rows_row_bytes(s->rows));
    s->coarsest = lf_rows_take(memory, &shared, lf_coarsest_cells(m, s->size) * number);
    ends[2] = shared;
    s->scene = lf_rows_take(memory, &ends[2], (2 * cells + 2 * (cells / 3 + 1)) * number);
    s->levels[1] = lf_rows_take(memory, &shared, n * (columns / 2) * (size_t)(s->size.rows / 2) * number);

    ends[0] = shared;
    for (int i = 2; i <= m->levels; i++)
        s->levels[i] = lf_rows_take(memory, &ends[0], n * (columns >> i) * (size_t)(s->size.rows >> i) * number);
    s->spare = lf_rows_take(memory, &ends[0], (18 * columns + 3 * widest * (columns / 2)) * number);
    s->means = s->spare;
    s->sums = s->spare ? s->spare + 6 * columns : NULL;

    ends[1] = shared;
    s->finest = lf_rows_take(memory, &ends[1], 3 * n * columns * number);
    s->grid = lf_rows_take(memory, &ends[1], 2 * contexts * columns * number);
    s->mixed = lf_rows_take(memory, &ends[1], contexts * columns * number);
    s->blocks = lf_rows_take(memory, &ends[1], (n + widest) * columns * number);
    s->scratch = lf_rows_take(memory, &ends[1], lf_context_combine_scratch_floats(m) * number);
    const size_t most = ends[0] > ends[1] ? ends[0] : ends[1];
    return most > ends[2] ? most : ends[2];
}

/* Bytes of memory that lf_fuse_rows needs. */
LF_CODE size_t lf_fuse_rows_bytes(const lf_context_model *m, const lf_rows *r) {
    lf_rows_state s = {.model = m, .rows = r, .size = lf_thumbnail_size(m, r->width, r->height)};
    return lf_rows_place(&s, NULL);
}

/* Pass 1: the thumbnails of both pictures, and how much of a bracket they are. */

/* Means over columns of one row of a picture, in the picture's units, [3][columns]. */
static void lf_rows_columns(const void *row, const lf_rows *r, int columns, float *means) {
    for (int x = 0; x < columns; x++) {
        const int x0 = (int)((int64_t)x * r->width / columns);
        const int x1 = (int)(((int64_t)(x + 1) * r->width + columns - 1) / columns);
        float sum[3] = {0, 0, 0};
        for (int i = 3 * x0; i < 3 * x1; i++)
            sum[i % 3] += r->type == LF_U8    ? (float)((const uint8_t *)row)[i]
                          : r->type == LF_U16 ? (float)((const uint16_t *)row)[i]
                                              : ((const float *)row)[i];
        for (int c = 0; c < 3; c++) means[c * columns + x] = sum[c] / (float)(x1 - x0);
    }
}

/* Make both thumbnails and put under's first. A cell's last row of pixels may be the next cell's first too. */
static int lf_rows_thumbnails(lf_rows_state *s) {
    const int rows = s->size.rows, columns = s->size.columns, height = s->rows->height;
    const float top = lf_top(s->rows->type);
    double brightness[2] = {0, 0};
    int order = 0, last = -1;
    for (int row = 0; row < rows; row++) {
        const int y0 = (int)((int64_t)row * height / rows), y1 = (int)(((int64_t)(row + 1) * height + rows - 1) / rows);
        for (int i = 0; i < 6 * columns; i++) s->sums[i] = 0;
        for (int y = y0; y < y1; y++) {
            if (y > last) {
                if (lf_rows_read(s->rows, y, s->pixels, &order)) return 1;
                for (int p = 0; p < 2; p++)
                    lf_rows_columns(s->pixels[p], s->rows, columns, s->means + 3 * columns * p);
                last = y;
            }
            for (int i = 0; i < 6 * columns; i++) s->sums[i] += s->means[i];
        }
        for (int p = 0; p < 2; p++)
            for (int i = 0; i < 3 * columns; i++) {
                float value = s->sums[3 * columns * p + i] / ((float)(y1 - y0) * top);
                value = value < 0 ? 0 : value > 1 ? 1 : value;
                brightness[p] += value;
                s->thumbnails[p][3 * row * columns + i] = (uint16_t)(value * 65535.0f + 0.5f);
            }
    }
    if (brightness[0] > brightness[1] || (!(brightness[0] < brightness[1]) && order > 0)) {
        uint16_t *over = s->thumbnails[0];
        s->thumbnails[0] = s->thumbnails[1];
        s->thumbnails[1] = over;
        return -1;
    }
    return 0;
}

/* Where cell i of channel c lies in a thumbnail. */
static size_t lf_rows_cell(const lf_rows_state *s, size_t i, int c) {
    const size_t columns = (size_t)s->size.columns;
    return (i / columns * 3 + (size_t)c) * columns + i % columns;
}

/* What lf_context_prepare does: how far CombiningNet may go, and cells that show nothing of the scene filled. */
static float lf_rows_prepare(lf_rows_state *s) {
    const size_t cells = lf_cells(s->size);
    float *weights = s->scene, *plane = weights + cells, total = (float)cells;
    for (size_t i = 0; i < cells; i++) {
        uint16_t brightest = 0, darkest = 65535;
        for (int c = 0; c < 3; c++) {
            const uint16_t under = s->thumbnails[0][lf_rows_cell(s, i, c)], over = s->thumbnails[1][lf_rows_cell(s, i, c)];
            brightest = over > brightest ? over : brightest;
            darkest = under < darkest ? under : darkest;
        }
        weights[i] = s->model->bounded ? lf_cell_weight((float)brightest / 65535.0f, (float)darkest / 65535.0f) : 1.0f;
    }
    if (s->model->bounded) total = lf_scene_total(weights, cells);
    double sum = 0;
    for (size_t i = 0; i < cells; i++)
        for (int c = 0; c < 3; c++) {
            const size_t at = lf_rows_cell(s, i, c);
            const int difference = (int)s->thumbnails[1][at] - (int)s->thumbnails[0][at];
            sum += (double)((float)(difference < 0 ? -difference : difference) * weights[i]);
        }
    for (int p = 0; p < 2 && total < (float)cells; p++)
        for (int c = 0; c < 3; c++) {
            uint16_t *const thumbnail = s->thumbnails[p];
            for (size_t i = 0; i < cells; i++) plane[i] = (float)thumbnail[lf_rows_cell(s, i, c)];
            lf_fill_plane(plane, weights, s->size, s->model->levels, total, plane + cells);
            for (size_t i = 0; i < cells; i++) thumbnail[lf_rows_cell(s, i, c)] = (uint16_t)(plane[i] + 0.5f);
        }
    lf_coarsest_weights(weights, s->size, s->model->levels, s->coarsest);
    return lf_strength_of(sum / (3.0 * 65535.0 * (double)total));
}

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

/* Add to the coarsest level what the means and maxima of its channels say together, by the weights of its cells. */
static void lf_rows_summary(lf_rows_state *s) {
    const lf_context_model *m = s->model;
    const int n = m->channels, rows = s->size.rows >> m->levels, columns = s->size.columns >> m->levels;
    float summary[2 * LF_MAX_WIDTH], total = 0;
    for (int i = 0; i < rows * columns; i++) total += s->coarsest[i];
    for (int c = 0; c < n; c++) {
        float sum = 0, most = 0;
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < columns; x++) {
                const float value = lf_rows_of(s, m->levels, y)[c * columns + x], weight = s->coarsest[y * columns + x];
                const float full = value * (4 * weight < 1 ? 4 * weight : 1);
                sum += value * weight;
                most = full > most ? full : most;
            }
        summary[c] = sum / total;
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
