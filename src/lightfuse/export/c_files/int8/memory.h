/* What the fusing of one picture holds, and where. */

/* What the fusing of one picture holds. Planes of a row lie one behind the other: [channels][columns]. */
typedef struct {
    const lf_int8_model *model;
    const lf_rows *rows;
    lf_size size;
    int16_t *thumbnails[2];          /* [rows][3][columns], -16384 for 0; under first once both are made */
    int16_t *levels[LF_MAX_LEVELS];  /* levels[i]: [rows >> i][channels][columns >> i]; there is no levels[0] */
    uint32_t *row_sums, *sums;       /* pass 1: [2][3][columns] of a row of the pictures, and of one of the thumbnails */
    int16_t *spare;                  /* between the passes: rows of a level */
    int16_t *finest, *grid, *blocks; /* pass 2: 3 rows of the finest level, 2 of the context grid, spare rows */
    int16_t *mixed;                  /* pass 2: between two rows of the grid, [columns][contexts] */
    uint16_t *cells, *parts;         /* pass 2: where the pixels of a row lie between the grid's columns */
    void *pixels[2];                 /* a row of each picture */
    int made, grid_made;             /* rows of the finest level and of the grid that have been made */
    int32_t gains[3];                /* the model's, as much of them as this pair deserves */
} lf_rows_state;

/* Share the memory out, and return how much of it is used. What one pass needs lies where another has finished. */
static size_t lf_rows_place(lf_rows_state *s, char *memory) {
    const lf_int8_model *m = s->model;
    const size_t n = (size_t)m->channels, contexts = (size_t)m->contexts, columns = (size_t)s->size.columns;
    const size_t widest = n > 6 ? n : 6, number = sizeof(int16_t);
    size_t shared = 0, ends[3];
    for (int p = 0; p < 2; p++)
        s->thumbnails[p] = lf_rows_take(memory, &shared, 3 * columns * (size_t)s->size.rows * number);
    for (int p = 0; p < 2; p++) s->pixels[p] = lf_rows_take(memory, &shared, lf_rows_row_bytes(s->rows));

    ends[0] = shared;
    s->row_sums = lf_rows_take(memory, &ends[0], 6 * columns * sizeof(uint32_t));
    s->sums = lf_rows_take(memory, &ends[0], 6 * columns * sizeof(uint32_t));

    s->levels[1] = lf_rows_take(memory, &shared, n * (columns / 2) * (size_t)(s->size.rows / 2) * number);
    ends[1] = ends[2] = shared;
    for (int i = 2; i <= m->levels; i++)
        s->levels[i] = lf_rows_take(memory, &ends[1], n * (columns >> i) * (size_t)(s->size.rows >> i) * number);
    s->spare = lf_rows_take(memory, &ends[1], (18 * columns + 3 * widest * (columns / 2)) * number);

    s->finest = lf_rows_take(memory, &ends[2], 3 * n * columns * number);
    s->grid = lf_rows_take(memory, &ends[2], 2 * contexts * columns * number);
    s->mixed = lf_rows_take(memory, &ends[2], contexts * columns * number);
    s->blocks = lf_rows_take(memory, &ends[2], (n + widest) * columns * number);
    s->cells = lf_rows_take(memory, &ends[2], (size_t)s->rows->width * sizeof(uint16_t));
    s->parts = lf_rows_take(memory, &ends[2], (size_t)s->rows->width * sizeof(uint16_t));
    for (int i = 1; i < 3; i++) ends[0] = ends[i] > ends[0] ? ends[i] : ends[0];
    return ends[0];
}

/* Bytes of memory that lf_fuse_rows needs. */
static inline size_t lf_fuse_rows_bytes(const lf_int8_model *m, const lf_rows *r) {
    lf_rows_state s = {.model = m, .rows = r, .size = lf_thumbnail_size(m, r->width, r->height)};
    return lf_rows_place(&s, NULL);
}
