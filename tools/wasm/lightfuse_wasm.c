/* The core for browsers: lightfuse.h with the weights of `small` and `base`, fed by strips of rows.
 *
 * A picture stays where JavaScript has it; rows of RGBA are written into this module's memory a strip at a time, so memory
 * depends on a picture's width alone. The calls, in their order:
 *   1. lfw_begin        a model, the picture's size, and the box around the scene, at first all of it; says how many rows a
 *                       strip may have
 *   2. lfw_scene_box    finds the box; to begin with anew
 *   3. lfw_measure      makes the thumbnails, of rows that 2 and 3 ask for by the import `load`
 *   4. lfw_filter       once lfw_brightness has told under from over
 *   5. lfw_combine      rows of under in lfw_strip(0), of over in lfw_strip(1); the fused ones are then in lfw_strip(0)
 * Several instances can share the work of combining: what is at lfw_context is copied from one's memory to the other's. */
#include "lightfuse.h"

#include "weights.h" /* generated: lfw_models[], LFW_MODELS */

#define EXPORT(name) __attribute__((export_name(#name)))

#define LFW_STRIP (job.model == lfw_models[0] ? lf_fixed_strip_small : lf_fixed_strip_base)

enum { PAGE = 65536, COMBINED_ROWS = 64, ALIGNMENT = 64 };

extern unsigned char __heap_base;

/* JavaScript's: writes the picture's rows [from, to) to lfw_strip(which). */
__attribute__((import_module("env"), import_name("load"))) void load_rows(int which, int from, int to);

static struct {
    const lf_context_model *model;
    int width, height;
    lf_area box, found;
    lf_size size;
    lf_fixed *fixed; /* the grid follows it: together they are what is shared, the context */
    uint16_t *thumbnails;
    int16_t *grid;
    float *scratch;
    unsigned char *rgba[2], *rgb[2];
} job;

/* ---- Memory: every picture starts anew at the heap's base ------------------------------------------------------- */

static uintptr_t heap_end;

static void *take(uint64_t bytes) {
    const uint64_t from = heap_end, to = (from + bytes + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1);
    const uint64_t have = (uint64_t)__builtin_wasm_memory_size(0) * PAGE;
    if (to > UINT32_MAX) return NULL;
    if (to > have && __builtin_wasm_memory_grow(0, (size_t)((to - have + PAGE - 1) / PAGE)) == SIZE_MAX) return NULL;
    heap_end = (uintptr_t)to;
    return (void *)(uintptr_t)from;
}

static int strip_rows(void) {
    const int height = job.box.bottom - job.box.top, tallest = (height + job.size.rows - 1) / job.size.rows + 1;
    return lf_min_int(tallest > COMBINED_ROWS ? tallest : COMBINED_ROWS, job.height);
}

static size_t context_bytes(void) {
    return sizeof(lf_fixed) + lf_cells(job.size) * (size_t)job.model->contexts * sizeof(int16_t);
}

/* Returns how many rows a strip holds, or 0 where there is not enough memory or no such model. */
EXPORT(lfw_begin) int lfw_begin(int model, int width, int height, int left, int top, int right, int bottom) {
    if (model < 0 || model >= LFW_MODELS || width < 1 || height < 1) return 0;
    heap_end = ((uintptr_t)&__heap_base + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1);
    job.model = lfw_models[model];
    job.width = width;
    job.height = height;
    job.box = (lf_area){left, top, right, bottom};
    job.found = (lf_area){width, height, 0, 0};
    job.size = lf_thumbnail_size(job.model, right - left, bottom - top);
    const uint64_t cells = lf_cells(job.size), rows = (uint64_t)strip_rows();
    /* FilteringNet's levels, the rows of its finest one, and the grid in floats are needed at once. */
    const uint64_t filter = lf_context_levels_floats(job.model, job.size) +
                            lf_context_decode_scratch_floats(job.model, job.size, LF_DECODED) + cells * (uint64_t)job.model->contexts;
    const uint64_t scratch[] = {lf_thumbnail_scratch_floats(width), filter, lf_fixed_scratch_floats(job.model)};
    uint64_t most = 0;
    for (int i = 0; i < 3; i++) most = scratch[i] > most ? scratch[i] : most;
    job.thumbnails = take(6 * cells * sizeof(uint16_t));
    job.fixed = take(context_bytes());
    job.grid = (int16_t *)(job.fixed + 1);
    job.scratch = take(most * sizeof(float));
    for (int i = 0; i < 2; i++) {
        job.rgba[i] = take(4 * rows * (uint64_t)width);
        job.rgb[i] = take(3 * rows * (uint64_t)width);
    }
    const int enough = job.thumbnails && job.fixed && job.scratch && job.rgba[0] && job.rgb[0] && job.rgba[1] && job.rgb[1];
    return enough ? (int)rows : 0;
}

EXPORT(lfw_strip) void *lfw_strip(int which) { return job.rgba[which]; }
/* What other instances need to know to combine: so many bytes here. */
EXPORT(lfw_context) void *lfw_context(void) { return job.fixed; }
EXPORT(lfw_context_bytes) int lfw_context_bytes(void) { return (int)context_bytes(); }

/* Which rows of the picture row `cell` of the thumbnail is the mean of. */
static int cell_start(int cell) { return job.box.top + lf_cell_start(cell, job.box.bottom - job.box.top, job.size.rows); }
static int cell_end(int cell) { return job.box.top + lf_cell_end(cell, job.box.bottom - job.box.top, job.size.rows); }

/* ---- Pixels: RGBA as browsers have it, RGB as the core wants it -------------------------------------------------- */

/* Vectors of four pixels, as far as 16 bytes of RGB lie in the strip. */
static void drop_alpha(int which, int rows) {
    const uint8_t *restrict rgba = job.rgba[which];
    uint8_t *restrict rgb = job.rgb[which];
    size_t i = 0, n = (size_t)rows * (size_t)job.width;
    for (; i + 6 <= n; i += 4) {
        const v128_t four = wasm_v128_load(rgba + 4 * i);
        wasm_v128_store(rgb + 3 * i, wasm_i8x16_shuffle(four, four, 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 0, 0, 0, 0));
    }
    for (; i < n; i++)
        for (int c = 0; c < 3; c++) rgb[3 * i + c] = rgba[4 * i + c];
}

static void add_alpha(int which, int rows) {
    const uint8_t *restrict rgb = job.rgb[which];
    uint8_t *restrict rgba = job.rgba[which];
    size_t i = 0, n = (size_t)rows * (size_t)job.width;
    for (; i + 6 <= n; i += 4) {
        const v128_t four = wasm_v128_load(rgb + 3 * i), opaque = wasm_i8x16_splat(-1);
        wasm_v128_store(rgba + 4 * i, wasm_i8x16_shuffle(four, opaque, 0, 1, 2, 16, 3, 4, 5, 16, 6, 7, 8, 16, 9, 10, 11, 16));
    }
    for (; i < n; i++) {
        for (int c = 0; c < 3; c++) rgba[4 * i + c] = rgb[3 * i + c];
        rgba[4 * i + 3] = 255;
    }
}

/* The whole picture, of which only the rows from `row` on are in memory: addresses count from where its first would be. */
LF_INLINE lf_picture picture_of(int which, int row) {
    const uintptr_t row_bytes = 3 * (uintptr_t)job.width, first = (uintptr_t)job.rgb[which] - (uintptr_t)row * row_bytes;
    return (lf_picture){(void *)first, (ptrdiff_t)row_bytes, job.width, job.height, LF_U8};
}

/* ---- The passes -------------------------------------------------------------------------------------------------- */

static void load(int which, int from, int to) {
    load_rows(which, from, to);
    drop_alpha(which, to - from);
}

static void widen_box(int from, int to) {
    for (int row = from, end; row < to; row = end) {
        end = lf_min_int(row + strip_rows(), to);
        load(0, row, end);
        load(1, row, end);
        const lf_picture first = picture_of(0, row), second = picture_of(1, row);
        lf_widen_box(&first, &second, row, end, &job.found);
    }
}

/* The box around the scene: the pictures without borders that are black or white in both. */
EXPORT(lfw_scene_box) lf_area *lfw_scene_box(void) {
    const lf_picture picture = picture_of(0, 0);
    lf_area *box = &job.found;
    widen_box(0, 1);
    widen_box(job.height - 1, job.height);
    if (box->left > 0 || box->top > 0 || box->right < job.width || box->bottom < job.height) widen_box(0, job.height);
    *box = lf_scene_box(*box, &picture);
    return box;
}

/* Both pictures' thumbnails, from as many rows at a time as a strip holds. */
EXPORT(lfw_measure) __attribute__((flatten)) void lfw_measure(void) {
    for (int from = 0, to; from < job.size.rows; from = to) {
        const int first = cell_start(from);
        for (to = from + 1; to < job.size.rows && cell_end(to) - first <= strip_rows();) to++;
        for (int which = 0; which < 2; which++) {
            load(which, first, cell_end(to - 1));
            const lf_picture picture = picture_of(which, first), part = lf_part(&picture, job.box);
            lf_thumbnail_rows(&part, job.size, from, to, job.thumbnails + 3 * lf_cells(job.size) * which, job.scratch);
        }
    }
}

/* Sum of a picture's thumbnail: the under exposure is the one with less. */
EXPORT(lfw_brightness) double lfw_brightness(int which) {
    return (double)lf_brightness(job.thumbnails + 3 * lf_cells(job.size) * which, job.size);
}

/* The first picture turns out to be over: exchange the thumbnails. */
EXPORT(lfw_swap) void lfw_swap(void) {
    const size_t n = 3 * lf_cells(job.size);
    for (size_t i = 0; i < n; i++) {
        const uint16_t first = job.thumbnails[i];
        job.thumbnails[i] = job.thumbnails[n + i];
        job.thumbnails[n + i] = first;
    }
}

EXPORT(lfw_filter) void lfw_filter(void) {
    const lf_context_model *m = job.model;
    const size_t cells = lf_cells(job.size);
    const lf_planes grid = lf_planes_of(job.scratch, job.size);
    float *levels = job.scratch + cells * (size_t)m->contexts, *scratch = levels + lf_context_levels_floats(m, job.size);
    lf_extremes extremes;
    float summary[LF_MAX_WIDTH];
    const float strength = lf_context_prepare(m, job.thumbnails, job.size, levels);
    lf_context_summarise(m, job.thumbnails, job.size, levels, NULL, summary);
    lf_context_decode_rows(m, job.thumbnails, job.size, levels, grid, 0, 0, job.size.rows, scratch);
    lf_find_extremes(m, grid.at, cells, cells, 0, &extremes);
    lf_fix(m, &extremes, strength, job.fixed);
    lf_fix_grid(m, job.fixed, grid.at, cells, cells, job.grid);
}

/* Fuse the picture's rows [row, row + rows) that lie in the strips; the result replaces the first: levels, or the low bits of
 * levels * 2^7. */
EXPORT(lfw_combine) void lfw_combine(int row, int rows, int low) {
    lf_store_levels(job.fixed, low);
    drop_alpha(0, rows);
    drop_alpha(1, rows);
    const lf_picture under = picture_of(0, row), over = picture_of(1, row);
    const lf_grid grid = {job.box, job.size, 0, job.size.rows, job.grid};
    lf_fixed_rows(job.model, job.fixed, &under, &over, &grid, &under, LFW_STRIP, row, row + rows, job.scratch);
    add_alpha(0, rows);
}
