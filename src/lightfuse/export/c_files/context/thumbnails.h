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

/* How far CombiningNet may go: see lf_context_strength. */
static float lf_rows_strength(const lf_rows_state *s) {
    const size_t n = 3 * (size_t)s->size.rows * (size_t)s->size.columns;
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        const int difference = (int)s->thumbnails[1][i] - (int)s->thumbnails[0][i];
        sum += (uint64_t)(difference < 0 ? -difference : difference);
    }
    const double strength = ((double)sum / ((double)n * 65535.0) - 0.03) / 0.09;
    return (float)(strength < 0 ? 0 : strength > 1 ? 1 : strength);
}
