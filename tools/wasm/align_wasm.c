/* Registration for browsers: align.h, fed by strips of rows of RGBA, in an instance of the module of its own.
 *
 *   1. lfa_begin     the pictures' size; says how many rows a strip may have
 *   2. lfa_load      for all rows of the base, written to lfa_strip() a strip at a time; then lfa_side
 *   3. lfa_load      for all rows of the next frame on that side of the base in brightness, from the nearest outwards; then
 *                    lfa_register, and lfa_answer for what was found
 * lfa_side begins the other side with the same base.
 *
 * Warping, in another instance: lfa_warp_begin, the frame's rows to lfa_strip(), the homography to lfa_matrix(), then lfa_warp
 * and the result at lfa_warped().
 *
 * Filling the warped frame's border, in another: the homography to lfa_matrix(), lfa_fill_begin, the frame to lfa_strip() and
 * the base to lfa_warped(), as far as they are read, then lfa_fill, which changes the frame. */
#define LF_BYTES_ONLY
#include <wasm_simd128.h>

#include "align.h"

#define EXPORT(name) __attribute__((export_name(#name)))

enum { PAGE = 65536, STRIP_ROWS = 64, CHANNELS = 4, GREEN = 1, PLANES = 3 };

extern unsigned char __heap_base;

static struct {
    int width, height, loading;
    unsigned char *strip, *planes[PLANES], *scratch;
    lf_chain chain;
    lf_alignment found;
} job;

static lf_channel plane(int which) {
    return (lf_channel){job.planes[which], job.width, 1, job.width, job.height, LF_U8};
}

/* Puts the strip at the heap's base, with `bytes` in all; returns 0 where there is not enough memory. */
static int take(int width, int height, uint64_t bytes) {
    const uint64_t from = ((uintptr_t)&__heap_base + 63) & ~(uint64_t)63, to = from + bytes + 64;
    const uint64_t have = (uint64_t)__builtin_wasm_memory_size(0) * PAGE;
    if (to > UINT32_MAX) return 0;
    if (to > have && __builtin_wasm_memory_grow(0, (size_t)((to - have + PAGE - 1) / PAGE)) == SIZE_MAX) return 0;
    job.width = width;
    job.height = height;
    job.strip = (unsigned char *)(uintptr_t)from;
    return 1;
}

/* Returns how many rows a strip holds, or 0 where there is not enough memory. */
EXPORT(lfa_begin) int lfa_begin(int width, int height) {
    const uint64_t pixels = (uint64_t)width * (uint64_t)height, strip = (uint64_t)CHANNELS * STRIP_ROWS * (uint64_t)width;
    if (!take(width, height, strip + PLANES * pixels + lf_chain_bytes(width, height))) return 0;
    job.loading = 0;
    for (int i = 0; i < PLANES; i++) job.planes[i] = job.strip + strip + (uint64_t)i * pixels;
    job.scratch = job.strip + strip + PLANES * pixels;
    return STRIP_ROWS;
}

EXPORT(lfa_strip) void *lfa_strip(void) { return job.strip; }

/* Take in the picture's rows [row, row + rows) that the strip holds. */
EXPORT(lfa_load) void lfa_load(int row, int rows) {
    unsigned char *to = job.planes[job.loading] + (size_t)row * (size_t)job.width;
    size_t i = 0, n = (size_t)rows * (size_t)job.width;
    for (; i + 16 <= n; i += 16) {
        v128_t four[4];
        for (int j = 0; j < 4; j++)
            four[j] = wasm_v128_and(wasm_u32x4_shr(wasm_v128_load(job.strip + CHANNELS * (i + 4 * (size_t)j)), 8 * GREEN),
                                    wasm_i32x4_splat(255));
        wasm_v128_store(to + i, wasm_u8x16_narrow_i16x8(wasm_i16x8_narrow_i32x4(four[0], four[1]),
                                                        wasm_i16x8_narrow_i32x4(four[2], four[3])));
    }
    for (; i < n; i++) to[i] = job.strip[CHANNELS * i + GREEN];
}

EXPORT(lfa_side) void lfa_side(void) {
    const lf_channel base = plane(0);
    lf_chain_begin(&job.chain, &base, job.scratch);
    job.loading = 1;
}

EXPORT(lfa_register) void lfa_register(void) {
    const lf_channel frame = plane(job.loading);
    job.found = lf_chain_next(&job.chain, &frame, 0);
    /* A frame that the next one is compared with stays; else its plane is free again. */
    if (job.chain.nearer.values == job.planes[job.loading]) job.loading = 3 - job.loading;
}

/* The nine numbers of the homography, then by how many pixels it moves the corner that moves most (0: not moved),
 * and the reason why the frame stays, a lf_reason. */
EXPORT(lfa_answer) double lfa_answer(int which) {
    const double others[] = {job.found.pixels, job.found.reason};
    return which < 9 ? job.found.warp.m[which] : others[which - 9];
}

/* ---- Warping ----------------------------------------------------------------------------------------------------- */

/* Room for `held` rows of a frame of this size and for `rows` of the result; returns 0 where there is not enough memory. */
EXPORT(lfa_warp_begin) int lfa_warp_begin(int width, int height, int held, int rows) {
    const uint64_t row_bytes = (uint64_t)CHANNELS * (uint64_t)width;
    if (!take(width, height, row_bytes * ((uint64_t)held + (uint64_t)rows))) return 0;
    job.scratch = job.strip + row_bytes * (uint64_t)held;
    return 1;
}

EXPORT(lfa_matrix) double *lfa_matrix(void) { return job.found.warp.m; }
EXPORT(lfa_warped) void *lfa_warped(void) { return job.scratch; }

/* Rows [top, bottom) of the base's plane from the strip, whose first row is the frame's row `first`. Addresses count from
 * where the first rows of the whole pictures would be. */
EXPORT(lfa_warp) void lfa_warp(int first, int top, int bottom) {
    const intptr_t row_bytes = (intptr_t)CHANNELS * job.width;
    const lf_picture frame = {(void *)((intptr_t)job.strip - first * row_bytes), row_bytes, job.width, job.height, LF_U8};
    const lf_picture out = {(void *)((intptr_t)job.scratch - top * row_bytes), row_bytes, job.width, bottom, LF_U8};
    lf_warp_rows(&frame, &job.found.warp, &out, CHANNELS, top, bottom);
}

/* ---- Filling ----------------------------------------------------------------------------------------------------- */

/* Room for a frame and the base, whose homography is at lfa_matrix(). Returns where six integers are that tell what is read,
 * or 0 where there is not enough memory: rows before `top` and from `bottom` on; from `first` on every row `step` after the one
 * before; of other rows the pixels before `left` and from `right` on. Memory that nobody writes takes no room. */
EXPORT(lfa_fill_begin) const int *lfa_fill_begin(int width, int height) {
    static int needed[6];
    const uint64_t bytes = (uint64_t)CHANNELS * (uint64_t)width * (uint64_t)height;
    if (!take(width, height, 2 * bytes + lf_fill_bytes(width, height, LF_U8))) return NULL;
    job.scratch = job.strip + bytes;
    const lf_area box = lf_common_box(lf_inverse(job.found.warp), width, height);
    const lf_area inside = lf_fill_inside(box, lf_fill_feather(width, height));
    const int values[6] = {inside.top, inside.bottom, box.top, lf_sampling_step(box), inside.left, inside.right};
    __builtin_memcpy(needed, values, sizeof needed);
    return needed;
}

EXPORT(lfa_fill) void lfa_fill(void) {
    const intptr_t row_bytes = (intptr_t)CHANNELS * job.width;
    const lf_picture shown = {job.strip, row_bytes, job.width, job.height, LF_U8};
    const lf_picture base = {job.scratch, row_bytes, job.width, job.height, LF_U8};
    lf_fill_border(&shown, &base, &job.found.warp, CHANNELS, job.scratch + row_bytes * job.height);
}
