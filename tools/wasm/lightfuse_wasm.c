/* The core for browsers: lightfuse.h with the weights of `small` and `base`, fed by strips of rows.
 *
 * A picture stays where JavaScript has it; rows of RGBA are written into this module's memory a strip at a time, so memory
 * depends on a picture's width alone. The calls, in their order:
 *   1. lfw_begin        a model and the picture's size; says how many rows a strip may have
 *   2. lfw_measure      for all rows of the thumbnail: lfw_cell_start and lfw_cell_end say which rows of the picture to
 *                       write to lfw_strip(0) and lfw_strip(1)
 *   3. lfw_filter       once all is measured; lfw_brightness tells under from over
 *   4. lfw_combine      rows of under in lfw_strip(0), of over in lfw_strip(1); the fused ones are then in lfw_strip(0)
 * Several instances can share the work: thumbnails and grid are copied from one's memory to the other's. */
#include "lightfuse.h"

#include "weights.h" /* generated: lfw_models[], LFW_MODELS */

#define EXPORT(name) __attribute__((export_name(#name)))

/* Strips made for each model are fast where there is SIMD; without it, the one for any model is small. */
#if defined(__wasm_simd128__)
#define LFW_STRIP (job.model == lfw_models[0] ? lf_strip_small_u8 : lf_strip_base_u8)
#else
#define LFW_STRIP lf_strip_any_u8
#endif

enum { PAGE = 65536, COMBINED_ROWS = 64, ALIGNMENT = 64 };

extern unsigned char __heap_base;

static struct {
    const lf_context_model *model;
    int width, height;
    lf_size size;
    float strength;
    float *thumbnails, *grid, *scratch;
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

static int strip_rows(lf_size size, int height) {
    const int tallest = (height + size.rows - 1) / size.rows + 1;
    return lf_min_int(tallest > COMBINED_ROWS ? tallest : COMBINED_ROWS, height);
}

/* Returns how many rows a strip holds, or 0 where there is not enough memory or no such model. */
EXPORT(lfw_begin) int lfw_begin(int model, int width, int height) {
    if (model < 0 || model >= LFW_MODELS || width < 1 || height < 1) return 0;
    heap_end = ((uintptr_t)&__heap_base + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1);
    job.model = lfw_models[model];
    job.width = width;
    job.height = height;
    job.size = lf_thumbnail_size(job.model, width, height);
    const uint64_t cells = lf_cells(job.size), rows = (uint64_t)strip_rows(job.size, height);
    const uint64_t scratch[] = {lf_thumbnail_scratch_floats(width), lf_context_scratch_floats(job.model, job.size),
                                lf_context_combine_scratch_floats(job.model)};
    uint64_t most = 0;
    for (int i = 0; i < 3; i++) most = scratch[i] > most ? scratch[i] : most;
    job.thumbnails = take(6 * cells * sizeof(float));
    job.grid = take(cells * (uint64_t)job.model->contexts * sizeof(float));
    job.scratch = take(most * sizeof(float));
    for (int i = 0; i < 2; i++) {
        job.rgba[i] = take(4 * rows * (uint64_t)width);
        job.rgb[i] = take(3 * rows * (uint64_t)width);
    }
    const int enough = job.thumbnails && job.grid && job.scratch && job.rgba[0] && job.rgb[0] && job.rgba[1] && job.rgb[1];
    return enough ? (int)rows : 0;
}

EXPORT(lfw_strip) void *lfw_strip(int which) { return job.rgba[which]; }
EXPORT(lfw_cell_rows) int lfw_cell_rows(void) { return job.size.rows; }
EXPORT(lfw_cell_columns) int lfw_cell_columns(void) { return job.size.columns; }
EXPORT(lfw_contexts) int lfw_contexts(void) { return job.model->contexts; }
EXPORT(lfw_thumbnails) float *lfw_thumbnails(void) { return job.thumbnails; }
EXPORT(lfw_grid) float *lfw_grid(void) { return job.grid; }
EXPORT(lfw_strength) float lfw_strength(void) { return job.strength; }
EXPORT(lfw_set_strength) void lfw_set_strength(float strength) { job.strength = strength; }

/* Which rows of the picture row `cell` of the thumbnail is the mean of. */
EXPORT(lfw_cell_start) int lfw_cell_start(int cell) { return lf_cell_start(cell, job.height, job.size.rows); }
EXPORT(lfw_cell_end) int lfw_cell_end(int cell) { return lf_cell_end(cell, job.height, job.size.rows); }

/* ---- Pixels: RGBA as browsers have it, RGB as the core wants it -------------------------------------------------- */

static void drop_alpha(int which, int rows) {
    const uint8_t *restrict rgba = job.rgba[which];
    uint8_t *restrict rgb = job.rgb[which];
    for (size_t i = 0; i < (size_t)rows * (size_t)job.width; i++)
        for (int c = 0; c < 3; c++) rgb[3 * i + c] = rgba[4 * i + c];
}

static void add_alpha(int which, int rows) {
    const uint8_t *restrict rgb = job.rgb[which];
    uint8_t *restrict rgba = job.rgba[which];
    for (size_t i = 0; i < (size_t)rows * (size_t)job.width; i++) {
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

/* Rows [from, to) of the thumbnail of picture `which`, of the picture's rows lfw_cell_start(from) to lfw_cell_end(to - 1)
 * that the strip holds. */
EXPORT(lfw_measure) __attribute__((flatten)) void lfw_measure(int which, int from, int to) {
    const int first = lfw_cell_start(from);
    drop_alpha(which, lfw_cell_end(to - 1) - first);
    const lf_picture picture = picture_of(which, first);
    lf_thumbnail_rows(&picture, job.size, from, to, job.thumbnails + 3 * lf_cells(job.size) * which, job.scratch);
}

/* Sum of a picture's thumbnail: the under exposure is the one with less. */
EXPORT(lfw_brightness) double lfw_brightness(int which) {
    const size_t n = 3 * lf_cells(job.size);
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += job.thumbnails[n * which + i];
    return sum;
}

/* The first picture turns out to be over: exchange the thumbnails. */
EXPORT(lfw_swap) void lfw_swap(void) {
    const size_t n = 3 * lf_cells(job.size);
    for (size_t i = 0; i < n; i++) {
        const float first = job.thumbnails[i];
        job.thumbnails[i] = job.thumbnails[n + i];
        job.thumbnails[n + i] = first;
    }
}

EXPORT(lfw_filter) void lfw_filter(void) {
    job.strength = lf_context_prepare(job.model, job.thumbnails, job.size, job.scratch);
    lf_context_filter(job.model, job.thumbnails, job.size, job.grid, job.scratch);
}

/* Fuse the picture's rows [row, row + rows) that lie in the strips; the result replaces the first. */
EXPORT(lfw_combine) void lfw_combine(int row, int rows) {
    drop_alpha(0, rows);
    drop_alpha(1, rows);
    const lf_picture under = picture_of(0, row), over = picture_of(1, row);
    /* What lf_context_combine_rows does for 8 bits, named outright so that the code for all else is left out. */
    lf_context_rows(job.model, &under, &over, job.grid, job.size, job.strength, &under, LF_U8, LFW_STRIP, row, row + rows,
                    job.scratch);
    add_alpha(0, rows);
}
