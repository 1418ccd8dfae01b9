/* One instruction set's build of align.h, with the same results as all others; LF_NAME comes from the build. */
#include "align.h"
#include "kernels.h"

#define LF_PASTE(a, b) a##b
#define LF_TABLE(name) LF_PASTE(lf_align_, name)

static void align_frames(const lf_channel *base, const lf_channel *frames, int count, int always, void *scratch,
                         lf_alignment *found) {
    lf_chain chain;
    lf_chain_begin(&chain, base, scratch);
    for (int i = 0; i < count; i++) found[i] = lf_chain_next(&chain, &frames[i], always);
}

static void fill_border(const lf_picture *shown, const lf_picture *base, const lf_matrix *warp, void *memory) {
    lf_fill fill;
    lf_fill_begin(&fill, warp, 3, base->width, base->height, base->type, memory);
    for (int pass = 0; pass < LF_FILL_PASSES; pass++) lf_fill_rows(&fill, pass, shown, base, 0, base->height);
}

extern const lf_align_kernels LF_TABLE(LF_NAME);
const lf_align_kernels LF_TABLE(LF_NAME) = {.bytes = lf_chain_bytes,
                                            .frames = align_frames,
                                            .warp_rows = lf_warp_rows,
                                            .first_row = lf_first_row,
                                            .fill_bytes = lf_fill_bytes,
                                            .fill_border = fill_border};
