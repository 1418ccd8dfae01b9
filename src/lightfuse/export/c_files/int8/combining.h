/* Pass 2: CombiningNet and the structured output of a row's pixels. */

/* A pixel's sums in the last layer. x: under and over, 0 .. LF_ONE; context: in the sums' units. */
static void lf_combine(const lf_int8_model *m, const int16_t x[6], const int32_t *context, int32_t *sums) {
    int16_t values[2][LF_MAX_WIDTH];
    const int16_t *in = x;
    for (int l = 0; l < m->layers; l++) {
        const lf_layer *layer = &m->combining[l];
        const int n_in = m->widths[l], last = l == m->layers - 1;
        const int32_t *start = l == 0 ? context : last ? context + m->widths[1] : NULL;
        const int8_t *w = layer->weights;
        for (int o = 0; o < m->widths[l + 1]; o++, w += n_in) {
            int32_t sum = layer->biases[o] + (start ? start[o] : 0);
            for (int i = 0; i < n_in; i++) sum += w[i] * in[i];
            if (last)
                sums[o] = sum;
            else
                values[l % 2][o] = (int16_t)(sum < 0 ? 0 : lf_min_int(lf_shifted(sum, layer->shifts[o]), LF_ONE));
        }
        in = values[l % 2];
    }
}

/* The mixing weight, 0 .. LF_ONE, of a last layer's sum. */
static int32_t lf_curve_at(const lf_curve *curve, int32_t sum) {
    const int32_t low = curve->first * ((int32_t)1 << curve->bits), end = curve->steps << curve->bits;
    const int32_t at = lf_held(sum, low, low + end - 1) - low, part = at & (((int32_t)1 << curve->bits) - 1);
    const int16_t *t = curve->table + (at >> curve->bits);
    return t[0] + ((t[1] - t[0]) * part >> curve->bits);
}

static int32_t lf_luma(const int16_t *x) { return (9798 * x[0] + 19235 * x[1] + 3735 * x[2] + (1 << 14)) >> 15; }

/* Luma gain (o = 1), luma offset (2) or chroma gain (3). */
static int32_t lf_answer(const lf_rows_state *s, const int32_t *sums, int o) {
    const lf_int8_model *m = s->model;
    const int32_t answer = lf_held(sums[o] >> m->combining[m->layers - 1].shifts[o], -LF_ONE, LF_ONE);
    return lf_held(answer * s->gains[o - 1] >> m->gain_shifts[o - 1], -LF_ONE, LF_ONE);
}

/* The structured output: luma of the mix, times 1 + gain, plus the offset; chroma of the mix, times 1 + its own gain. */
static void lf_compose(const lf_rows_state *s, const int16_t x[6], const int32_t *sums, int32_t fused[3]) {
    const int32_t bright = lf_luma(x + 3), difference = lf_luma(x) - bright, most = 8 << LF_CHROMA_BITS;
    int32_t weight = lf_curve_at(&s->model->curves[0], sums[0]);
    const int32_t mixture = bright + (weight * difference >> 15);
    if (s->model->outputs == 5) weight = lf_curve_at(&s->model->curves[1], sums[4]);
    const int32_t grey = bright + (weight * difference >> 15);
    const int32_t luma = mixture + (mixture * lf_answer(s, sums, 1) >> LF_GAIN_BITS) + lf_answer(s, sums, 2);
    int32_t gain = lf_answer(s, sums, 3) + (1 << LF_CHROMA_BITS);
    if (s->model->ratio) {
        const int32_t lifted = luma + LF_LITTLE > 0 ? luma + LF_LITTLE : 0;
        gain = gain * lf_min_int((lifted << LF_CHROMA_BITS) / (grey + LF_LITTLE), most) >> LF_CHROMA_BITS;
    }
    gain = lf_held(gain, 0, most);
    int32_t largest = 0;
    for (int c = 0; c < 3; c++) {
        const int32_t coloured = x[3 + c] + (weight * (x[c] - x[3 + c]) >> 15);
        const int32_t channel = luma + ((coloured - grey) * gain >> LF_CHROMA_BITS);
        fused[c] = channel < 0 ? 0 : channel;
        if (fused[c] > largest) largest = fused[c];
    }
    if (largest > LF_ONE) /* divided by it: clipped, a highlight would change hue */
        for (int c = 0; c < 3; c++) fused[c] = fused[c] * ((LF_ONE << 15) / largest) >> 15;
}

static int16_t lf_read(const void *row, lf_type type, int i) {
    return (int16_t)(lf_value(row, type, i) * (type == LF_U8 ? 257 : 1) >> 1);
}

static void lf_write(void *row, lf_type type, int i, int32_t value) {
    if (type == LF_U8)
        ((uint8_t *)row)[i] = (uint8_t)(((uint32_t)value * 65282 + (1 << 22)) >> 23);
    else
        ((uint16_t *)row)[i] = (uint16_t)(value << 1 | value >> 14);
}

/* Fuse a row into under's pixels. */
static void lf_rows_fuse(const lf_rows_state *s, void *under, const void *over) {
    const lf_int8_model *m = s->model;
    const lf_type type = s->rows->type;
    int32_t context[2 * LF_MAX_WIDTH], sums[LF_MAX_WIDTH], fused[3];
    int16_t x[6];
    for (int i = 0; i < s->rows->width; i++) {
        const int16_t *left = s->mixed + s->cells[i] * m->contexts;
        const int16_t *right = s->cells[i] + 1 < s->size.columns ? left + m->contexts : left;
        for (int c = 0; c < m->contexts; c++)
            context[c] = (left[c] * (1 << LF_PART_BITS) + (right[c] - left[c]) * s->parts[i]) >> m->context_shifts[c];
        for (int c = 0; c < 3; c++) {
            x[c] = lf_read(under, type, 3 * i + c);
            x[3 + c] = lf_read(over, type, 3 * i + c);
        }
        lf_combine(m, x, context, sums);
        lf_compose(s, x, sums, fused);
        for (int c = 0; c < 3; c++) lf_write(under, type, 3 * i + c, fused[c]);
    }
}
