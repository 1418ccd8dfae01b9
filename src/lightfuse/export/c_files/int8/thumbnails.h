/* Pass 1: the thumbnails of both pictures, and how much of a bracket they are. */

static uint32_t lf_value(const void *row, lf_type type, int i) {
    return type == LF_U8 ? ((const uint8_t *)row)[i] : ((const uint16_t *)row)[i];
}

static int lf_cell_start(int i, int side, int cells) { return (int)((uint32_t)i * (uint32_t)side / (uint32_t)cells); }
static int lf_cell_end(int i, int side, int cells) {
    return (int)(((uint32_t)(i + 1) * (uint32_t)side + (uint32_t)cells - 1) / (uint32_t)cells);
}

/* Sums over columns of one row of a picture, [3][columns]. */
static void lf_rows_columns(const void *row, const lf_rows *r, int columns, uint32_t *sums) {
    for (int x = 0; x < columns; x++) {
        const int x1 = lf_cell_end(x, r->width, columns);
        uint32_t sum[3] = {0, 0, 0};
        for (int i = lf_cell_start(x, r->width, columns); i < x1; i++)
            for (int c = 0; c < 3; c++) sum[c] += lf_value(row, r->type, 3 * i + c);
        for (int c = 0; c < 3; c++) sums[c * columns + x] = sum[c];
    }
}

/* The mean of a cell, 0 .. LF_ONE. */
static uint32_t lf_mean(uint32_t sum, uint32_t pixels, lf_type type) {
    if (type == LF_U16) return (sum + pixels / 2) / pixels >> 1;
    const uint32_t mean = (sum * 128 + pixels / 2) / pixels;
    return mean + (mean >> 8);
}

/* Row `row` of both thumbnails, from the sums of its rows of the pictures; adds what it holds to brightness. */
static void lf_rows_means(const lf_rows_state *s, int row, int pixel_rows, uint64_t brightness[2]) {
    const int columns = s->size.columns;
    for (int p = 0; p < 2; p++)
        for (int x = 0; x < columns; x++) {
            const int wide = lf_cell_end(x, s->rows->width, columns) - lf_cell_start(x, s->rows->width, columns);
            for (int c = 0; c < 3; c++) {
                const uint32_t sum = s->sums[(3 * p + c) * columns + x];
                const uint32_t mean = lf_mean(sum, (uint32_t)(wide * pixel_rows), s->rows->type);
                s->thumbnails[p][(3 * row + c) * columns + x] = (int16_t)((int32_t)mean - (LF_ONE + 1) / 2);
                brightness[p] += mean;
            }
        }
}

/* Make both thumbnails and put under's first. A cell's last row of pixels may be the next cell's first too. */
static int lf_rows_thumbnails(lf_rows_state *s) {
    const int rows = s->size.rows, columns = s->size.columns, height = s->rows->height;
    uint64_t brightness[2] = {0, 0};
    int order = 0, last = -1;
    for (int row = 0; row < rows; row++) {
        const int y0 = lf_cell_start(row, height, rows), y1 = lf_cell_end(row, height, rows);
        for (int i = 0; i < 6 * columns; i++) s->sums[i] = 0;
        for (int y = y0; y < y1; y++) {
            if (y > last) {
                if (lf_rows_read(s->rows, y, s->pixels, &order)) return 1;
                for (int p = 0; p < 2; p++)
                    lf_rows_columns(s->pixels[p], s->rows, columns, s->row_sums + 3 * columns * p);
                last = y;
            }
            for (int i = 0; i < 6 * columns; i++) s->sums[i] += s->row_sums[i];
        }
        lf_rows_means(s, row, y1 - y0, brightness);
    }
    if (brightness[0] > brightness[1] || (brightness[0] == brightness[1] && order > 0)) {
        int16_t *over = s->thumbnails[0];
        s->thumbnails[0] = s->thumbnails[1];
        s->thumbnails[1] = over;
        return -1;
    }
    return 0;
}

/* How far CombiningNet may go: not at all where the thumbnails' mean difference is below 0.03, all the way from 0.12. */
static void lf_rows_strength(lf_rows_state *s) {
    const uint32_t n = 3 * (uint32_t)s->size.rows * (uint32_t)s->size.columns;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        const int difference = s->thumbnails[1][i] - s->thumbnails[0][i];
        sum += (uint64_t)(difference < 0 ? -difference : difference);
    }
    const int32_t mean = (int32_t)(sum / n), strength = mean < 983 ? 0 : lf_min_int((mean - 983) * LF_ONE / 2949, LF_ONE);
    for (int i = 0; i < 3; i++) s->gains[i] = s->model->gains[i] * strength >> 15;
}
