/* align.h compiled once: its results do not depend on the instruction set. */
#include "align.h"
#include "kernels.h"

size_t lf_align_bytes(int width, int height) { return lf_chain_bytes(width, height); }

void lf_align_frames(const lf_channel *base, const lf_channel *frames, int count, int always, void *scratch,
                     lf_alignment *found) {
    lf_chain chain;
    lf_chain_begin(&chain, base, scratch);
    for (int i = 0; i < count; i++) found[i] = lf_chain_next(&chain, &frames[i], always);
}
