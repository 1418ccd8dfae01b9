/* Context models: a tile of pixels through CombiningNet and its structured output.
 * Included once for each kind of number, LF_KIND. */

/* The weights of CombiningNet as a picture of raw numbers 0 .. top wants them: what its output does with the answers, and
 * its input with the pixels, is multiplied in. Contexts take part as scale * context + shift. */
typedef struct {
    LF_OF(lf_weight) weights[LF_MAX_LAYERS][LF_MAX_WIDTH * LF_MAX_WIDTH], biases[LF_MAX_LAYERS][LF_MAX_WIDTH];
    float scale[LF_MAX_CONTEXT], shift[LF_MAX_CONTEXT];
} LF_OF(lf_folded);

LF_INLINE void LF_OF(lf_fold)(const lf_context_model *m, float top, float strength, LF_OF(lf_folded) *f) {
    const int last = m->layers - 1, hidden = m->widths[1];
    for (int l = 0; l < m->layers; l++) {
        for (int i = 0; i < m->widths[l]; i++)
            for (int o = 0; o < m->widths[l + 1]; o++) {
                const float scale = (l == 0 ? 1.0f / top : 1.0f) * (l == last ? lf_answer_scale(o, top, strength) : 1.0f);
                f->weights[l][i * m->widths[l + 1] + o] =
                    LF_OF(lf_weight_of)(scale * m->weights[l][i * m->widths[l + 1] + o]);
            }
        for (int o = 0; o < m->widths[l + 1]; o++) f->biases[l][o] = LF_OF(lf_weight_of)(m->biases[l] ? m->biases[l][o] : 0.0f);
    }
    for (int c = 0; c < m->contexts; c++) {
        const int o = c - hidden; /* below 0: a context of the first layer */
        const float *bias = m->biases[o < 0 ? 0 : last];
        f->scale[c] = o < 0 ? 1.0f : lf_answer_scale(o, top, strength);
        f->shift[c] = f->scale[c] * (bias ? bias[o < 0 ? c : o] : 0.0f) + (o < 0 ? 0.0f : lf_answer_shift(o));
    }
}

/* What a tile needs beside its place: the pictures, the weights, and the context of its columns between two grid rows. */
typedef struct {
    const lf_picture *under, *over, *out;
    const LF_OF(lf_folded) *folded;
    const LF_NUM *upper, *step;
    int row, at;
} LF_OF(lf_context_row);

/* The structured output: CombiningNet's answers, folded, and the two pictures to the fused one, which replaces x[0..2].
 * picture = luma of the mix, times 1 + gain, plus half the offset; chroma of the mix, times 1 + its own gain. */
LF_INLINE void LF_OF(lf_structure)(const LF_OF(lf_plane) *answers, LF_OF(lf_plane) *x, const int outputs,
                                   const int ratio, const float top) {
    typedef LF_OF(lf_vec) vec;
    const LF_NUM red = (LF_NUM)0.299f, green = (LF_NUM)0.587f, blue = (LF_NUM)0.114f, little = (LF_NUM)(0.02f * top);
    const vec most = LF_OF(lf_splat)((LF_NUM)8.0f), none = LF_OF(lf_splat)((LF_NUM)0.0f);
    vec y[LF_OF(LF_VECS)], grey[LF_OF(LF_VECS)], luma[LF_OF(LF_VECS)], weight[LF_OF(LF_VECS)], gain[LF_OF(LF_VECS)];
#define LF_EACH LF_UNROLL for (int k = 0; k < LF_OF(LF_VECS); k++)
    LF_EACH weight[k] = LF_OF(lf_falling)(answers[0][k]);
    LF_EACH {
        LF_UNROLL
        for (int c = 0; c < 3; c++) x[c][k] -= x[3 + c][k];
        const vec over = x[3][k] * red + x[4][k] * green + x[5][k] * blue;
        const vec d = x[0][k] * red + x[1][k] * green + x[2][k] * blue;
        y[k] = over + weight[k] * d;
        grey[k] = y[k];
        if (outputs == 5) {
            weight[k] = LF_OF(lf_falling)(answers[4][k]);
            grey[k] = over + weight[k] * d;
        }
    }
    LF_EACH luma[k] = y[k] * answers[1][k] + answers[2][k];
    LF_EACH {
        gain[k] = answers[3][k];
        if (ratio) gain[k] *= LF_OF(lf_min)((luma[k] + little) * LF_OF(lf_reciprocal)(grey[k] + little), most);
        gain[k] = LF_OF(lf_min)(LF_OF(lf_max)(gain[k], none), most);
        LF_UNROLL
        for (int c = 0; c < 3; c++) x[c][k] = luma[k] + (x[3 + c][k] + weight[k] * x[c][k] - grey[k]) * gain[k];
    }
#undef LF_EACH
}

/* `count` pixels of row r->row from column r->at + column on. layers, widths, outputs and ratio are constants where speed
 * matters. The first layer starts from its contexts, the last from the rest. */
LF_INLINE void LF_OF(lf_context_tile)(const LF_OF(lf_context_row) *r, const LF_OF(lf_folded) *f, const lf_type type,
                                      const lf_shape shape, LF_NUM part, int column, int count) {
    const int *w = shape.widths, last = shape.layers - 1;
    LF_OF(lf_start) start = {NULL, r->upper + column, r->step + column, LF_OF(LF_COLUMNS), part};
    LF_OF(lf_plane) x[6], hidden[2][LF_MAX_WIDTH], answers[LF_MAX_WIDTH];
    LF_OF(lf_read_tile)(r->under, type, r->at + column, r->row, count, x);
    LF_OF(lf_read_tile)(r->over, type, r->at + column, r->row, count, x + 3);
    LF_OF(lf_layer)(x, 6, hidden[0], w[1], f->weights[0], start, 1);
    for (int l = 1; l < last; l++)
        LF_OF(lf_layer)(hidden[(l + 1) % 2], w[l], hidden[l % 2], w[l + 1], f->weights[l],
                        LF_OF(lf_start_at)(f->biases[l]), 1);
    start.upper += w[1] * LF_OF(LF_COLUMNS);
    start.step += w[1] * LF_OF(LF_COLUMNS);
    LF_OF(lf_layer)(hidden[(last + 1) % 2], w[last], answers, shape.outputs, f->weights[last], start, 0);
    LF_OF(lf_structure)(answers, x, shape.outputs, shape.ratio, lf_top(type));
    LF_UNROLL
    for (int k = 0; k < LF_OF(LF_VECS); k++) LF_OF(lf_keep_hue)(&x[0][k], &x[1][k], &x[2][k], lf_top(type));
    LF_OF(lf_write_tile)(r->out, type, r->at + column, r->row, count, x);
}

/* `columns` pixels of a row, `part` of the way between its two rows of context; more if another row follows. */
LF_INLINE void LF_OF(lf_context_tiles)(const LF_OF(lf_context_row) *r, const lf_type type, const lf_shape shape,
                                       float part, int columns, int more) {
    const LF_OF(lf_folded) *f = r->folded;
    for (int column = 0; column < columns; column += LF_OF(LF_TILE)) {
        LF_FORGET(f);
        if (more) {
            lf_expect(r->under, type, r->at + column, r->row + 1, LF_OF(LF_TILE), 0);
            lf_expect(r->over, type, r->at + column, r->row + 1, LF_OF(LF_TILE), 0);
            lf_expect(r->out, type, r->at + column, r->row + 1, LF_OF(LF_TILE), 1);
        }
        LF_OF(lf_context_tile)(r, f, type, shape, (LF_NUM)part, column, lf_min_int(LF_OF(LF_TILE), columns - column));
    }
}

/* The context of LF_OF(LF_COLUMNS) pixels from column `at` on, along two rows of the grid: `upper`, and `step` from there to
 * the row below, both [contexts][LF_OF(LF_COLUMNS)]; a few numbers past the end are touched. */
LF_INLINE void LF_OF(lf_spread_context)(const lf_context_model *m, const LF_OF(lf_folded) *f, const float *grid,
                                        lf_size size, int row, const lf_runs *runs, LF_NUM *upper, LF_NUM *step) {
    for (int c = 0; c < m->contexts; c++, upper += LF_OF(LF_COLUMNS), step += LF_OF(LF_COLUMNS)) {
        const float *a = grid + ((size_t)c * size.rows + row) * size.columns;
        const float *b = row + 1 < size.rows ? a + size.columns : a;
        for (int i = 0; i < runs->count; i++) {
            const int cell = runs->cell[i], next = lf_min_int(cell + 1, size.columns - 1), end = runs->start[i + 1];
            const float left = f->scale[c] * a[cell] + f->shift[c], left_step = f->scale[c] * (b[cell] - a[cell]);
            const float right = f->scale[c] * a[next] + f->shift[c], right_step = f->scale[c] * (b[next] - a[next]);
            for (int x = runs->start[i]; x < end; x += LF_LANES_f32) {
                const lf_vec_f32 part = lf_load_f32(runs->at + x) - (float)cell;
                LF_OF(lf_store)(upper + x, lf_splat_f32(left) + part * (right - left));
                LF_OF(lf_store)(step + x, lf_splat_f32(left_step) + part * (right_step - left_step));
            }
        }
    }
}

/* Rows [row0, row1) of columns at .. at+columns-1, which all lie between the same two rows of the grid. */
LF_INLINE void LF_OF(lf_context_strip)(const LF_OF(lf_context_row) *row, const lf_type type, const lf_shape shape,
                                       int grid_rows, int row0, int row1, int columns) {
    LF_OF(lf_context_row) r = *row;
    for (r.row = row0; r.row < row1; r.row++) {
        float part;
        lf_between(r.row, r.under->height, grid_rows, &part);
        LF_OF(lf_context_tiles)(&r, type, shape, part, columns, r.row + 1 < row1);
    }
}

/* The strip for pictures of one type: functions of their own, each with a shape as constants, are smaller than one. */
#define LF_STRIP_FUNCTION(name, type, shape)                                                                          \
    LF_OUTLINE void name(const LF_OF(lf_context_row) *r, const lf_context_model *m, int grid_rows, int row0, int row1, \
                         int columns) {                                                                               \
        (void)m;                                                                                                      \
        LF_OF(lf_context_strip)(r, type, shape, grid_rows, row0, row1, columns);                                      \
    }
#define LF_STRIP_FUNCTIONS(bits, type)                                                                                \
    LF_STRIP_FUNCTION(LF_OF(lf_strip_small_##bits), type, LF_SHAPE_SMALL)                                             \
    LF_STRIP_FUNCTION(LF_OF(lf_strip_base_##bits), type, LF_SHAPE_BASE)                                               \
    LF_STRIP_FUNCTION(LF_OF(lf_strip_any_##bits), type, lf_shape_of(m))
LF_STRIP_FUNCTIONS(u8, LF_U8)
#if !LF_KIND_IS_HALF
LF_STRIP_FUNCTIONS(u16, LF_U16)
LF_STRIP_FUNCTIONS(float, LF_F32)
#endif
#undef LF_STRIP_FUNCTIONS
#undef LF_STRIP_FUNCTION

typedef void (*LF_OF(lf_strip))(const LF_OF(lf_context_row) *, const lf_context_model *, int, int, int, int);

/* lf_context_combine_rows for pictures of one type, with the strip made for it and the model's shape. */
LF_CODE void LF_OF(lf_context_rows)(const lf_context_model *m, const lf_picture *under, const lf_picture *over,
                                      const float *grid, lf_size size, float strength, const lf_picture *out,
                                      const lf_type type, LF_OF(lf_strip) strip, int row0, int row1,
                                      float *scratch) {
    LF_NUM *upper = (LF_NUM *)lf_aligned(scratch), *step = upper + m->contexts * LF_OF(LF_COLUMNS) + LF_OF(LF_LANES);
    LF_OF(lf_folded) *folded = (LF_OF(lf_folded) *)(lf_aligned(scratch) + lf_context_rows_floats(m));
    lf_runs *runs = (lf_runs *)(lf_aligned(scratch) + lf_context_rows_floats(m) + LF_WEIGHTS_FLOATS);
    LF_OF(lf_context_row) r = {under, over, out, folded, upper, step, 0, 0};
    LF_OF(lf_fold)(m, lf_top(type), strength, folded);
    for (r.at = 0; r.at < under->width; r.at += LF_OF(LF_COLUMNS)) {
        lf_find_runs(r.at, LF_OF(LF_COLUMNS), under->width, size.columns, runs);
        for (int row = row0, end; row < row1; row = end) {
            float part;
            const int cell = lf_between(row, under->height, size.rows, &part);
            for (end = row + 1; end < row1 && lf_between(end, under->height, size.rows, &part) == cell;) end++;
            LF_OF(lf_spread_context)(m, folded, grid, size, cell, runs, upper, step);
            strip(&r, m, size.rows, row, end, lf_min_int(LF_OF(LF_COLUMNS), under->width - r.at));
        }
    }
}
