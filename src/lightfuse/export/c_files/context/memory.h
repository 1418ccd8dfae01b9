/* What the fusing of one picture holds, and where. */

/* What the fusing of one picture holds. Planes of a row lie one behind the other: [channels][columns]. */
typedef struct {
    const lf_context_model *model;
    const lf_rows *rows;
    lf_size size;
    uint16_t *thumbnails[2];       /* [rows][3][columns], 65535 for 1; under first once both are made */
    float *levels[LF_MAX_LEVELS];  /* levels[i]: [rows >> i][channels][columns >> i]; there is no levels[0] */
    float *means, *sums;           /* pass 1: [2][3][columns] of a row of the pictures, and of one of the thumbnails */
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
    size_t shared = 0, ends[2];
    for (int p = 0; p < 2; p++)
        s->thumbnails[p] = lf_rows_take(memory, &shared, 3 * columns * (size_t)s->size.rows * sizeof(uint16_t));
    for (int p = 0; p < 2; p++) s->pixels[p] = lf_rows_take(memory, &shared, lf_rows_row_bytes(s->rows));
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
    return ends[0] > ends[1] ? ends[0] : ends[1];
}

/* Bytes of memory that lf_fuse_rows needs. */
LF_CODE size_t lf_fuse_rows_bytes(const lf_context_model *m, const lf_rows *r) {
    lf_rows_state s = {.model = m, .rows = r, .size = lf_thumbnail_size(m, r->width, r->height)};
    return lf_rows_place(&s, NULL);
}
