/* Deghosting for browsers: deghost.h on two whole pictures of RGBA, a module of its own.
 *
 *   1. lfg_begin     the pictures' size; then under's pixels are written to lfg_frame(0), over's to lfg_frame(1)
 *   2. lfg_search    what was found, an lfg_result; lfg_share says how much of the picture moved
 *   3. lfg_replace   changes, in place, a frame that lfg_changed names; the other one must be as it was given */
#define LF_BYTES_ONLY
#include "deghost.h"

#define EXPORT(name) __attribute__((export_name(#name)))

enum { PAGE = 65536, CHANNELS = 4, ALIGNMENT = 64 };

typedef enum { SEARCHED, NOT_COMPARABLE, TOO_LARGE } lfg_result;

extern unsigned char __heap_base;

static struct {
    int width, height;
    unsigned char *frames[2], *memory, *scratch;
    lf_ghosts *ghosts;
    lf_decision found;
} job;

static lf_picture picture(int which) {
    return (lf_picture){job.frames[which], (intptr_t)CHANNELS * job.width, job.width, job.height, LF_U8};
}

/* Returns 0 where there is not enough memory. */
EXPORT(lfg_begin) int lfg_begin(int width, int height) {
    const uint64_t pixels = ((uint64_t)width * (uint64_t)height + ALIGNMENT) & ~(uint64_t)(ALIGNMENT - 1);
    const uint64_t held = (lf_ghosts_bytes(width, height, LF_U8) + ALIGNMENT) & ~(uint64_t)(ALIGNMENT - 1);
    const int columns = (width - 1) / lf_ghosts_factor(width, height) + 1;
    const uint64_t band = lf_band_bytes(columns), tile = lf_tile_bytes(columns);
    const uint64_t from = ((uintptr_t)&__heap_base + ALIGNMENT) & ~(uint64_t)(ALIGNMENT - 1);
    const uint64_t to = from + 2 * CHANNELS * pixels + held + (band > tile ? band : tile);
    const uint64_t have = (uint64_t)__builtin_wasm_memory_size(0) * PAGE;
    if (to > UINT32_MAX) return 0;
    if (to > have && __builtin_wasm_memory_grow(0, (size_t)((to - have + PAGE - 1) / PAGE)) == SIZE_MAX) return 0;
    job.width = width, job.height = height;
    job.frames[LF_UNDER] = (unsigned char *)(uintptr_t)from;
    job.frames[LF_OVER] = job.frames[LF_UNDER] + CHANNELS * pixels;
    job.memory = job.frames[LF_OVER] + CHANNELS * pixels;
    job.scratch = job.memory + held;
    return 1;
}

EXPORT(lfg_frame) void *lfg_frame(int which) { return job.frames[which]; }

static void reduce(int quick) {
    for (int which = 0; which < 2; which++) {
        const lf_picture frame = picture(which);
        lf_ghosts_reduce_rows(job.ghosts, (lf_frame)which, &frame, CHANNELS, quick, 0, job.ghosts->rows);
    }
}

static void compare(int extend) {
    const int rows = job.ghosts->rows;
    for (int from = 0; from < rows; from += LF_BAND)
        lf_ghosts_compare_rows(job.ghosts, extend, from, from + LF_BAND < rows ? from + LF_BAND : rows, job.scratch);
}

/* Search both frames; `base` is an lf_frame. Returns an lfg_result. */
EXPORT(lfg_search) int lfg_search(int base) {
    job.found = (lf_decision){.too_large = 0};
    job.ghosts = lf_ghosts_begin(job.width, job.height, LF_U8, job.memory);
    reduce(1);
    if (lf_ghosts_map(job.ghosts, 1)) {
        compare(0);
        if (lf_ghosts_are_none(job.ghosts)) return SEARCHED;
    }
    reduce(0);
    if (!lf_ghosts_map(job.ghosts, 0)) return NOT_COMPARABLE;
    compare(0);
    if (!lf_ghosts_seeds(job.ghosts)) return SEARCHED;
    compare(1);
    job.found = lf_ghosts_decide(job.ghosts, (lf_frame)base, 0);
    return job.found.too_large ? TOO_LARGE : SEARCHED;
}

EXPORT(lfg_changed) int lfg_changed(int which) { return job.found.changed[which]; }
EXPORT(lfg_share) double lfg_share(void) { return job.found.share; }

EXPORT(lfg_replace) void lfg_replace(int which) {
    const lf_frame source = which == LF_UNDER ? LF_OVER : LF_UNDER;
    const lf_picture target = picture(which), shown = picture(source);
    const lf_blend *const blend = lf_ghosts_blend(job.ghosts, source, CHANNELS);
    for (int from = 0, to; from < job.height; from = to) {
        to = from + LF_BLEND_ROWS < job.height ? from + LF_BLEND_ROWS : job.height;
        lf_blend_rows(blend, &target, &shown, from, to, NULL, 0, job.scratch);
    }
}
