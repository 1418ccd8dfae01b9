/* lightfuse_rows.h: a picture fused row by row, in memory that does not grow with its height.
 *
 * Rows of both pictures are read twice, from the first to the last: once for their extremes, once to fuse them. No picture
 * is ever whole in memory: 16 rows of each are, which is what a row of context is made of. The results are
 * lightfuse.h's. For the paper's model.
 */
#ifndef LIGHTFUSE_ROWS_H
#define LIGHTFUSE_ROWS_H

#include "lightfuse.h"

#include "rows_shared.h"

enum { LF_ROWS_BAND = 2 * LF_STRIDE };

/* What the fusing of one picture holds; pixels: LF_ROWS_BAND rows of each picture, picture 0 and picture 1. */
typedef struct {
    void *pixels[2];
    float *context, *scratch;
} lf_rows_state;

/* Share the memory out, and return how much of it is used. */
static size_t lf_rows_place(lf_rows_state *s, const lf_paper *m, const lf_rows *r, char *memory) {
    size_t used = 0;
    for (int p = 0; p < 2; p++) s->pixels[p] = lf_rows_take(memory, &used, LF_ROWS_BAND * lf_rows_row_bytes(r));
    s->context = lf_rows_take(memory, &used, 6 * (size_t)lf_paper_context_side(r->width) * sizeof(float));
    s->scratch = lf_rows_take(memory, &used, lf_paper_combine_scratch_floats(m) * sizeof(float));
    return used;
}

/* Bytes of memory that lf_fuse_rows needs. */
LF_CODE size_t lf_fuse_rows_bytes(const lf_paper *m, const lf_rows *r) {
    lf_rows_state s;
    return lf_rows_place(&s, m, r, NULL);
}

/* Pass 1: both pictures' ranges. Returns 0, -1 when the second picture is the under exposure, 1 when reading failed. */
static int lf_rows_measure(const lf_rows_state *s, const lf_rows *r, lf_range ranges[2]) {
    lf_measure whole[2] = {{0, 0, 0, 1}, {0, 0, 0, 1}};
    int order = 0;
    for (int y = 0; y < r->height; y++) {
        if (lf_rows_read(r, y, s->pixels, &order)) return 1;
        for (int p = 0; p < 2; p++) {
            const lf_picture row = {s->pixels[p], (ptrdiff_t)lf_rows_row_bytes(r), r->width, 1, r->type};
            lf_measure found;
            lf_measure_rows(&row, 0, 1, &found);
            whole[p].low = y > 0 && whole[p].low < found.low ? whole[p].low : found.low;
            whole[p].high = y > 0 && whole[p].high > found.high ? whole[p].high : found.high;
            whole[p].sum += found.sum;
        }
    }
    for (int p = 0; p < 2; p++) ranges[p] = lf_range_of(whole[p].low, whole[p].high, r->type);
    return -(whole[0].sum > whole[1].sum || (!(whole[0].sum < whole[1].sum) && order > 0));
}

/* Fuse row by row. memory holds lf_fuse_rows_bytes bytes, at an address that is a multiple of 16.
 * Returns 0, or 1 when a row could not be read or written. */
LF_CODE int lf_fuse_rows(const lf_paper *m, const lf_rows *r, void *memory) {
    lf_rows_state s;
    lf_range ranges[2];
    lf_rows_place(&s, m, r, memory);
    const int swapped = lf_rows_measure(&s, r, ranges);
    if (swapped > 0) return 1;
    const int under_is = swapped ? 1 : 0, over_is = 1 - under_is;
    const size_t bytes = lf_rows_row_bytes(r);
    int held = 0; /* rows in the bands */
    for (int y = 0; y < r->height; y += LF_STRIDE) {
        for (; held < LF_ROWS_BAND && y + held < r->height; held++)
            for (int p = 0; p < 2; p++)
                if (r->read(r->user, p, y + held, (char *)s.pixels[p] + (size_t)held * bytes)) return 1;
        /* The band is a picture of its own, of whose context only the first row is made: it ends where the picture does,
         * or below all that this row looks at. */
        const lf_picture under = {s.pixels[under_is], (ptrdiff_t)bytes, r->width, held, r->type};
        const lf_picture over = {s.pixels[over_is], (ptrdiff_t)bytes, r->width, held, r->type};
        lf_picture fused = under;
        const int count = lf_min_int(LF_STRIDE, held), left = held - count;
        lf_paper_filter_rows(m, &under, &over, ranges[under_is], ranges[over_is], s.context, 0, 1);
        lf_paper_combine_rows(m, &under, &over, ranges[under_is], ranges[over_is], s.context, &fused, 0, count,
                              s.scratch);
        for (int i = 0; i < count; i++)
            if (r->write(r->user, y + i, (char *)s.pixels[under_is] + (size_t)i * bytes)) return 1;
        for (int p = 0; p < 2; p++) {
            char *band = s.pixels[p];
            for (size_t i = 0; i < (size_t)left * bytes; i++) band[i] = band[(size_t)count * bytes + i];
        }
        held = left;
    }
    return 0;
}

#endif
