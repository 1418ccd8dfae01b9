/* The core's entry points: one table of functions for each instruction set, of lightfuse.h, align.h and deghost.h. */
#ifndef LIGHTFUSE_KERNELS_H
#define LIGHTFUSE_KERNELS_H

#ifdef __cplusplus
#define LF_TYPES_ONLY
#endif
#include "lightfuse.h"
#include "align/types.h"
#include "deghost/types.h"

/* Type of the answer, name without lf_, types of the arguments. */
#define LF_ENTRIES(ENTRY)                                                                                                  \
    ENTRY(void, measure_rows, const lf_picture *, int, int, lf_measure *)                                                  \
    ENTRY(lf_range, range_of, double, double, lf_type)                                                                     \
    ENTRY(int, paper_context_side, int)                                                                                    \
    ENTRY(void, paper_filter_rows, const lf_paper *, const lf_picture *, const lf_picture *, lf_range, lf_range, float *,  \
          int, int)                                                                                                        \
    ENTRY(size_t, paper_combine_scratch_floats, const lf_paper *)                                                          \
    ENTRY(void, paper_combine_rows, const lf_paper *, const lf_picture *, const lf_picture *, lf_range, lf_range,          \
          const float *, const lf_picture *, int, int, float *)                                                            \
    ENTRY(lf_size, thumbnail_size, const lf_context_model *, int, int)                                                     \
    ENTRY(size_t, thumbnail_scratch_floats, int)                                                                           \
    ENTRY(void, thumbnail_rows, const lf_picture *, lf_size, int, int, uint16_t *, float *)                                \
    ENTRY(uint64_t, brightness, const uint16_t *, lf_size)                                                                 \
    ENTRY(void, widen_box, const lf_picture *, const lf_picture *, int, int, lf_area *)                                    \
    ENTRY(lf_area, scene_box, lf_area, const lf_picture *)                                                                 \
    ENTRY(float, context_prepare, const lf_context_model *, uint16_t *, lf_size, float *)                                  \
    ENTRY(size_t, context_levels_floats, const lf_context_model *, lf_size)                                                \
    ENTRY(void, context_summarise, const lf_context_model *, const uint16_t *, lf_size, float *, const float *, float *)   \
    ENTRY(size_t, context_decode_scratch_floats, const lf_context_model *, lf_size, int)                                   \
    ENTRY(void, context_decode_rows, const lf_context_model *, const uint16_t *, lf_size, float *, lf_planes, int, int,    \
          int, float *)                                                                                                    \
    ENTRY(size_t, context_combine_scratch_floats, const lf_context_model *)                                                \
    ENTRY(void, context_combine_rows, const lf_context_model *, const lf_picture *, const lf_picture *, const lf_grid *,   \
          float, const lf_picture *, int, int, float *)                                                                    \
    ENTRY(void, find_extremes, const lf_context_model *, const float *, size_t, size_t, int, lf_extremes *)                \
    ENTRY(void, fix, const lf_context_model *, const lf_extremes *, float, lf_fixed *)                                     \
    ENTRY(void, fix_grid, const lf_context_model *, const lf_fixed *, const float *, size_t, size_t, int16_t *)            \
    ENTRY(size_t, fixed_scratch_floats, const lf_context_model *)                                                          \
    ENTRY(void, fixed_combine_rows, const lf_context_model *, const lf_fixed *, const lf_picture *, const lf_picture *,    \
          const lf_grid *, const lf_picture *, int, int, float *)                                                          \
    ENTRY(size_t, chain_bytes, int, int)                                                                                   \
    ENTRY(void, align_frames, const lf_channel *, const lf_channel *, int, int, void *, lf_alignment *)                    \
    ENTRY(int, first_row, const lf_matrix *, int, int, int)                                                                \
    ENTRY(void, warp_rows, const lf_picture *, const lf_matrix *, const lf_picture *, int, int, int)                       \
    ENTRY(size_t, fill_bytes, int, int, lf_type)                                                                           \
    ENTRY(void, fill_border, const lf_picture *, const lf_picture *, const lf_matrix *, int, void *)                       \
    ENTRY(size_t, ghosts_bytes, int, int, lf_type)                                                                         \
    ENTRY(lf_ghosts *, ghosts_begin, int, int, lf_type, void *)                                                            \
    ENTRY(lf_size, ghosts_size, const lf_ghosts *)                                                                         \
    ENTRY(int, ghosts_reduce_rows, lf_ghosts *, lf_frame, const lf_picture *, int, int, int, int)                          \
    ENTRY(int, ghosts_map, lf_ghosts *, int)                                                                               \
    ENTRY(size_t, band_bytes, int)                                                                                         \
    ENTRY(void, ghosts_compare_rows, lf_ghosts *, int, int, int, void *)                                                   \
    ENTRY(int, ghosts_are_none, const lf_ghosts *)                                                                         \
    ENTRY(int, ghosts_seeds, lf_ghosts *)                                                                                  \
    ENTRY(lf_decision, ghosts_decide, lf_ghosts *, lf_frame, int)                                                          \
    ENTRY(lf_blend *, ghosts_blend, const lf_ghosts *, lf_frame, int)                                                      \
    ENTRY(size_t, tile_bytes, int)                                                                                         \
    ENTRY(void, blend_rows, const lf_blend *, const lf_picture *, const lf_picture *, int, int, uint8_t *, ptrdiff_t, void *)

typedef struct {
    const char *name;
#define LF_MEMBER(type, name, ...) type (*name)(__VA_ARGS__);
    LF_ENTRIES(LF_MEMBER)
} lf_kernels;

#endif
