/* FilteringNet of the paper's model: rows of pictures, and its first layer's rows from them. Included once for each kind of
 * number, LF_KIND; with floats, for the other layers too. */

/* Three planes of a row of a picture, `width` values each, parted, the last pixel repeated. */
LF_OUTLINE void LF_OF(lf_read_row)(const lf_picture *p, int y, int width, lf_range range, LF_NUM *planes) {
    enum { LF_TILE = LF_OF(LF_TILE), LF_LANES = LF_OF(LF_LANES), LF_RUN = 2 * LF_TILE, LF_TWO = 2 * LF_LANES };
    const LF_NUM scale = (LF_NUM)range.scale, offset = (LF_NUM)range.offset;
    const int parted = lf_parted(width);
    for (int at = 0; at < width; at += LF_RUN) {
        lf_expect(p, p->type, at, y + 1, LF_RUN, 0);
        LF_OF(lf_vec) run[3][LF_RUN / LF_LANES];
        LF_UNROLL
        for (int t = 0; t < LF_RUN; t += LF_TILE) {
            const int x = lf_min_int(at + t, p->width - 1);
            LF_OF(lf_plane) tile[3];
            LF_OF(lf_read_tile)(p, p->type, x, y, lf_min_int(LF_TILE, p->width - x), tile);
            LF_UNROLL
            for (int c = 0; c < 3; c++)
                LF_UNROLL
                for (int k = 0; k < LF_OF(LF_VECS); k++) run[c][t / LF_LANES + k] = tile[c][k] * scale + offset;
        }
        LF_UNROLL
        for (int c = 0; c < 3; c++)
            LF_UNROLL
            for (int t = 0; t < LF_RUN; t += LF_TWO)
                if (at + t < width)
                    LF_OF(lf_store_parted)(planes + 2 * c * parted + (at + t) / 2, parted, run[c][t / LF_LANES],
                                           run[c][t / LF_LANES + 1]);
    }
    for (int c = 0; c < 3; c++) planes[2 * c * parted + width / 2] = 0;
}

/* One row of a 3 x 3 depthwise layer of stride 2 on six planes; rows[] are three rows of the layer before, or the last
 * NULL below its last row, where it counts as zero. bias may be NULL. Values are parted again if part. Whole vectors
 * are read and written: what lies past a row's end is no value of it. */
LF_OUTLINE void LF_OF(lf_depthwise_row)(const LF_NUM *const rows[3], int width, const float *w, const float *bias,
                                        float *out, const int part) {
    enum { LF_LANES = LF_OF(LF_LANES), LF_FLOATS = 2 * LF_LANES / LF_LANES_f32 };
    const int half = width / 2, odd = lf_parted(width), parted = lf_parted(half);
    for (int c = 0; c < 6; c++, out += 2 * parted, w += 9) {
        const LF_NUM *from[3];
        LF_OF(lf_vec) weights[9];
        for (int i = 0; i < 3; i++) from[i] = (rows[i] ? rows[i] : rows[0]) + (size_t)c * 2 * odd;
        for (int i = 0; i < 9; i++) weights[i] = LF_OF(lf_splat)((LF_NUM)(i < 6 || rows[2] ? w[i] : 0.0f));
        const LF_OF(lf_vec) start = LF_OF(lf_splat)((LF_NUM)(bias ? bias[c] : 0.0f));
        for (int x = 0; x < half; x += 2 * LF_LANES) {
            LF_OF(lf_vec) sum[2] = {start, start};
            lf_vec_f32 floats[LF_FLOATS];
            LF_UNROLL
            for (int i = 0; i < 3; i++)
                LF_UNROLL
                for (int k = 0; k < 2; k++) {
                    const LF_NUM *at = from[i] + x + k * LF_LANES;
                    sum[k] += weights[3 * i] * LF_OF(lf_load)(at);
                    sum[k] += weights[3 * i + 1] * LF_OF(lf_load)(at + odd);
                    sum[k] += weights[3 * i + 2] * LF_OF(lf_load)(at + 1);
                }
            LF_OF(lf_to_floats)(sum, floats);
            LF_UNROLL
            for (int k = 0; k < LF_FLOATS; k += 2) {
                const int at = x + k * LF_LANES_f32;
                if (part) {
                    lf_store_parted_f32(out + at / 2, parted, floats[k], floats[k + 1]);
                } else {
                    lf_store_f32(out + at, floats[k]);
                    lf_store_f32(out + at + LF_LANES_f32, floats[k + 1]);
                }
            }
        }
        if (part) out[half / 2] = 0.0f;
    }
}
