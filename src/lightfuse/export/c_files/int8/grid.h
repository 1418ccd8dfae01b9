/* Pass 2: the finest level, the context grid, and the context of a row of the picture. */

static int16_t *lf_rows_finest(const lf_rows_state *s, int row) {
    const int y = row < 0 ? 0 : lf_min_int(row, s->size.rows - 1);
    return s->finest + y % 3 * s->model->channels * s->size.columns;
}

static int16_t *lf_rows_grid(const lf_rows_state *s, int row) {
    return s->grid + row % 2 * s->model->contexts * s->size.columns;
}

/* Make the context grid up to and with row `last`; its last two rows are kept. */
static void lf_rows_make_grid(lf_rows_state *s, int last) {
    const lf_int8_model *m = s->model;
    const int n = m->channels, columns = s->size.columns;
    int16_t *depthwise = s->blocks, *block = s->blocks + n * columns;
    for (; s->grid_made <= last; s->grid_made++) {
        const int y = s->grid_made;
        for (; s->made <= y + 1 && s->made < s->size.rows; s->made++) {
            int16_t *to = lf_rows_finest(s, s->made);
            lf_rows_thumbnail(s, s->made, block);
            lf_rows_pointwise(block, 6, to, n, columns, &m->stem, 1, 0);
            lf_rows_add_doubled(s, 1, s->made, to);
        }
        const int16_t *const near[3] = {lf_rows_finest(s, y - 1), lf_rows_finest(s, y), lf_rows_finest(s, y + 1)};
        lf_rows_depthwise(near, n, columns, 1, &m->up[0].depthwise, depthwise);
        for (int i = 0; i < n * columns; i++) block[i] = near[1][i];
        lf_rows_pointwise(depthwise, n, block, n, columns, &m->up[0].pointwise, 1, 1);
        lf_rows_pointwise(block, n, lf_rows_grid(s, y), m->contexts, columns, &m->head, 0, 0);
    }
}

/* Where pixel i of `side` lies between `cells` cells: cell index and how far towards the next (half-pixel centres). */
static int lf_between(int i, int side, int cells, int32_t *part) {
    const int64_t twice = 2 * (int64_t)side, at = (2 * (int64_t)i + 1) * cells - side;
    const int cell = at > 0 ? lf_min_int((int)(at / twice), cells - 1) : 0;
    *part = at > 0 ? (int32_t)(((at - cell * twice) << LF_PART_BITS) / twice) : 0;
    return cell;
}

/* The context of row y of the picture: between two rows of the grid. */
static void lf_rows_mix_grid(lf_rows_state *s, int y) {
    const int contexts = s->model->contexts, columns = s->size.columns;
    int32_t part;
    const int cell = lf_between(y, s->rows->height, s->size.rows, &part), next = lf_min_int(cell + 1, s->size.rows - 1);
    lf_rows_make_grid(s, next);
    const int16_t *upper = lf_rows_grid(s, cell), *lower = lf_rows_grid(s, next);
    for (int c = 0; c < contexts; c++, upper += columns, lower += columns)
        for (int x = 0; x < columns; x++)
            s->mixed[x * contexts + c] = (int16_t)(upper[x] + lf_shifted((lower[x] - upper[x]) * part, LF_PART_BITS));
}
