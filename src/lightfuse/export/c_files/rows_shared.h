/* Where rows come from and go to. The two pictures are given in either order: the darker is taken as under.
 * read puts row `row` of picture 0 or 1 at `to`: width pixels of RGB of the type; write takes such a row.
 * Both return 0, or anything else to stop. */
typedef struct {
    int width, height;
    lf_type type;
    int (*read)(void *user, int picture, int row, void *to);
    int (*write)(void *user, int row, const void *from);
    void *user;
} lf_rows;

static size_t lf_rows_row_bytes(const lf_rows *r) { return (size_t)r->width * (size_t)lf_pixel_bytes(r->type); }

/* Take `bytes` of the memory, in steps of 16; with no memory, only count them. */
static void *lf_rows_take(char *memory, size_t *used, size_t bytes) {
    void *at = memory ? memory + *used : NULL;
    *used += (bytes + 15) / 16 * 16;
    return at;
}

/* Read row y of both pictures; order becomes 1 or -1 at the first byte that is larger in the first or second. */
static int lf_rows_read(const lf_rows *r, int y, void *const pixels[2], int *order) {
    for (int p = 0; p < 2; p++)
        if (r->read(r->user, p, y, pixels[p])) return 1;
    const unsigned char *first = pixels[0], *second = pixels[1];
    for (size_t i = 0, n = lf_rows_row_bytes(r); *order == 0 && i < n; i++)
        *order = (first[i] > second[i]) - (first[i] < second[i]);
    return 0;
}
