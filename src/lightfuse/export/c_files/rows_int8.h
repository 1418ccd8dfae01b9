/* lightfuse_rows.h: a picture fused row by row in whole numbers, for processors without floating point.
 *
 * Rows of both pictures are read twice, from the first to the last: once for their thumbnails, once to fuse them. No
 * picture is ever whole in memory, nor is the context grid: its rows are made when the second pass comes to them.
 * Weights have 8 bits, what layers hand on 16, sums 32; products of 64 bits are met on the thumbnail only. Plain C11
 * that calls nothing; it takes for granted, as every compiler does, that >> of a negative number keeps its sign.
 * For the models small and base, and any of their kind; sides up to 65,535.
 */
#ifndef LIGHTFUSE_ROWS_H
#define LIGHTFUSE_ROWS_H

#include <stddef.h>
#include <stdint.h>

typedef enum { LF_U8, LF_U16 } lf_type;

static int lf_pixel_bytes(lf_type type) { return type == LF_U8 ? 3 : 6; }

#include "rows_shared.h"
#include "int8/model.h"
#include "int8/memory.h"
#include "int8/thumbnails.h"
#include "int8/filtering.h"
#include "int8/grid.h"
#include "int8/combining.h"

/* Fuse row by row. memory holds lf_fuse_rows_bytes bytes, at an address that is a multiple of 16.
 * Returns 0, or 1 when a row could not be read or written. */
static inline int lf_fuse_rows(const lf_int8_model *m, const lf_rows *r, void *memory) {
    lf_rows_state s = {.model = m, .rows = r, .size = lf_thumbnail_size(m, r->width, r->height)};
    lf_rows_place(&s, memory);
    const int order = lf_rows_thumbnails(&s);
    if (order > 0) return 1;
    lf_rows_strength(&s);
    lf_rows_filter(&s);
    for (int i = 0; i < r->width; i++) {
        int32_t part;
        s.cells[i] = (uint16_t)lf_between(i, r->width, s.size.columns, &part);
        s.parts[i] = (uint16_t)part;
    }
    for (int y = 0; y < r->height; y++) {
        for (int p = 0; p < 2; p++)
            if (r->read(r->user, p, y, s.pixels[p])) return 1;
        lf_rows_mix_grid(&s, y);
        lf_rows_fuse(&s, s.pixels[order ? 1 : 0], s.pixels[order ? 0 : 1]);
        if (r->write(r->user, y, s.pixels[order ? 1 : 0])) return 1;
    }
    return 0;
}

#endif
