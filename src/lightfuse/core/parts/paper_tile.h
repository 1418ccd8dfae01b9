/* The paper's model: tiles of pixels through CombiningNet. Included once for each kind of number, LF_KIND. */

/* The weights of CombiningNet as raw numbers of two pictures want them, with what its output does with the answers
 * multiplied in: picture = top / (1 + 2^t), t = -2 log2(e) (ReLU(answer) + context). */
typedef struct {
    LF_OF(lf_weight) *w1, *b1, *w2, *b2, *w3, *b3;
} LF_OF(lf_paper_folded);

LF_INLINE LF_OF(lf_weight) *LF_OF(lf_folded_copy)(LF_OF(lf_weight) **scratch, const float *from, int count, float scale) {
    LF_OF(lf_weight) *to = *scratch;
    for (int i = 0; i < count; i++) to[i] = LF_OF(lf_weight_of)(scale * from[i]);
    *scratch += count;
    return to;
}

LF_INLINE LF_OF(lf_paper_folded) LF_OF(lf_paper_fold)(const lf_paper *m, lf_range under, lf_range over,
                                                           LF_OF(lf_weight) *scratch) {
    const int n1 = m->hidden1, n2 = m->hidden2;
    LF_OF(lf_paper_folded) f;
    f.w1 = LF_OF(lf_folded_copy)(&scratch, m->w1, 3 * n1, under.scale);
    LF_OF(lf_folded_copy)(&scratch, m->w1 + 3 * n1, 3 * n1, over.scale);
    f.b1 = scratch;
    scratch += n1;
    for (int o = 0; o < n1; o++) {
        float sum = m->b1[o];
        for (int i = 0; i < 6; i++) sum += m->w1[i * n1 + o] * (i < 3 ? under.offset : over.offset);
        f.b1[o] = LF_OF(lf_weight_of)(sum);
    }
    f.w2 = LF_OF(lf_folded_copy)(&scratch, m->w2, n1 * n2, 1.0f);
    f.b2 = LF_OF(lf_folded_copy)(&scratch, m->b2, n2, 1.0f);
    f.w3 = LF_OF(lf_folded_copy)(&scratch, m->w3, 3 * n2, LF_PAPER_ANSWER);
    f.b3 = LF_OF(lf_folded_copy)(&scratch, m->b3, 3, LF_PAPER_ANSWER);
    return f;
}

/* Fuse pixels at .. at+columns-1 of rows [row0, row1), whose context is `context` [3][LF_OF(LF_COLUMNS)]. */
LF_INLINE void LF_OF(lf_paper_strip)(LF_OF(lf_paper_folded) f, const int hidden1, const int hidden2,
                                     const lf_picture *under, const lf_picture *over, const LF_NUM *context,
                                     const lf_picture *out, const lf_type type, int row0, int row1, int at, int columns) {
    for (int row = row0; row < row1; row++)
        for (int x = 0; x < columns; x += LF_OF(LF_TILE)) {
            const int count = lf_min_int(LF_OF(LF_TILE), columns - x);
            LF_OF(lf_plane) pixels[6], layer1[LF_MAX_HIDDEN], layer2[LF_MAX_HIDDEN], y[3];
            LF_FORGET(f.w1);
            LF_FORGET(f.w2);
            LF_FORGET(f.w3);
            LF_OF(lf_read_tile)(under, type, at + x, row, count, pixels);
            LF_OF(lf_read_tile)(over, type, at + x, row, count, pixels + 3);
            LF_OF(lf_layer)(pixels, 6, layer1, hidden1, f.w1, LF_OF(lf_start_at)(f.b1), 1);
            LF_OF(lf_layer)(layer1, hidden1, layer2, hidden2, f.w2, LF_OF(lf_start_at)(f.b2), 1);
            LF_OF(lf_layer)(layer2, hidden2, y, 3, f.w3, LF_OF(lf_start_at)(f.b3), 0);
            LF_UNROLL
            for (int c = 0; c < 3; c++)
                LF_UNROLL
                for (int k = 0; k < LF_OF(LF_VECS); k++) {
                    const LF_OF(lf_vec) t = LF_OF(lf_min)(y[c][k], LF_OF(lf_splat)(0)) + /* the scale is below 0 */
                                            LF_OF(lf_load)(context + c * LF_OF(LF_COLUMNS) + x + k * LF_OF(LF_LANES));
                    y[c][k] = LF_OF(lf_falling)(t) * (LF_NUM)lf_top(type);
                }
            LF_OF(lf_write_tile)(out, type, at + x, row, count, y);
        }
}

#define LF_STRIP_FUNCTIONS(bits, type)                                                                                \
    LF_OUTLINE void LF_OF(lf_paper_strip_##bits)(                                                                     \
        const LF_OF(lf_paper_folded) *f, int hidden1, int hidden2, const lf_picture *under, const lf_picture *over,   \
        const LF_NUM *context, const lf_picture *out, int row0, int row1, int at, int columns) {                      \
        if (hidden1 == 32 && hidden2 == 32)                                                                           \
            LF_OF(lf_paper_strip)(*f, 32, 32, under, over, context, out, type, row0, row1, at, columns);              \
        else                                                                                                          \
            LF_OF(lf_paper_strip)(*f, hidden1, hidden2, under, over, context, out, type, row0, row1, at, columns);    \
    }
LF_STRIP_FUNCTIONS(u8, LF_U8)
#if !LF_KIND_IS_HALF
LF_STRIP_FUNCTIONS(u16, LF_U16)
LF_STRIP_FUNCTIONS(float, LF_F32)
#endif
#undef LF_STRIP_FUNCTIONS

typedef void (*LF_OF(lf_paper_strips))(const LF_OF(lf_paper_folded) *, int, int, const lf_picture *, const lf_picture *,
                                       const LF_NUM *, const lf_picture *, int, int, int, int);

/* lf_paper_combine_rows, with the strip made for its pictures' type. */
LF_CODE void LF_OF(lf_paper_rows)(const lf_paper *m, const lf_picture *under, const lf_picture *over,
                                    lf_range under_range, lf_range over_range, const float *context,
                                    const lf_picture *out, LF_OF(lf_paper_strips) strip, int row0, int row1,
                                    float *scratch) {
    const int columns = lf_paper_context_side(under->width), rows = lf_paper_context_side(under->height);
    const LF_OF(lf_paper_folded) f = LF_OF(lf_paper_fold)(m, under_range, over_range, (LF_OF(lf_weight) *)scratch);
    while (row0 < row1) {
        const int block = row0 / LF_STRIDE, end = lf_min_int(row1, (block + 1) * LF_STRIDE);
        for (int at = 0; at < under->width; at += LF_OF(LF_COLUMNS)) {
            LF_NUM spread[3 * LF_OF(LF_COLUMNS)] __attribute__((aligned(64)));
            const int count = lf_min_int(LF_OF(LF_COLUMNS), under->width - at), last = columns - 1 - at / LF_STRIDE;
            for (int c = 0; c < 3; c++)
                for (int i = 0; i < LF_OF(LF_COLUMNS); i++)
                    spread[c * LF_OF(LF_COLUMNS) + i] =
                        (LF_NUM)(LF_PAPER_ANSWER * context[((size_t)c * rows + block) * columns + at / LF_STRIDE +
                                                           lf_min_int(i / LF_STRIDE, last)]);
            strip(&f, m->hidden1, m->hidden2, under, over, spread, out, row0, end, at, count);
        }
        row0 = end;
    }
}
