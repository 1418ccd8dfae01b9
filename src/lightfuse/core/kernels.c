/* One instruction set's build of lightfuse.h; LF_NAME (baseline, avx2, avx512, armv81) comes from the build. */
#include "kernels.h"

#define LF_PASTE(a, b) a##b
#define LF_TABLE(name) LF_PASTE(lf_kernels_, name)
#define LF_TEXT(name) #name
#define LF_STRING(name) LF_TEXT(name)

extern const lf_kernels LF_TABLE(LF_NAME);
const lf_kernels LF_TABLE(LF_NAME) = {
    .name = LF_STRING(LF_NAME),
    .measure_rows = lf_measure_rows,
    .range_of = lf_range_of,
    .paper_context_side = lf_paper_context_side,
    .paper_scratch_floats = lf_paper_scratch_floats,
    .paper_filter_rows = lf_paper_filter_rows,
    .paper_combine_rows = lf_paper_combine_rows,
    .paper_combine_scratch_floats = lf_paper_combine_scratch_floats,
    .thumbnail_size = lf_thumbnail_size,
    .thumbnail_scratch_floats = lf_thumbnail_scratch_floats,
    .thumbnail_rows = lf_thumbnail_rows,
    .brightness = lf_brightness,
    .widen_box = lf_widen_box,
    .scene_box = lf_scene_box,
    .context_prepare = lf_context_prepare,
    .context_levels_floats = lf_context_levels_floats,
    .context_summarise = lf_context_summarise,
    .context_decode_scratch_floats = lf_context_decode_scratch_floats,
    .context_decode_rows = lf_context_decode_rows,
    .context_combine_scratch_floats = lf_context_combine_scratch_floats,
    .context_combine_rows = lf_context_combine_rows,
    .find_extremes = lf_find_extremes,
    .fix = lf_fix,
    .fix_grid = lf_fix_grid,
    .fixed_scratch_floats = lf_fixed_scratch_floats,
    .fixed_combine_rows = lf_fixed_combine_rows,
};
