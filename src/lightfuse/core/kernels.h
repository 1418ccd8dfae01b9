/* The entry points of lightfuse.h, compiled once for each instruction set. */
#ifndef LIGHTFUSE_KERNELS_H
#define LIGHTFUSE_KERNELS_H

#ifdef __cplusplus
#define LF_TYPES_ONLY
#endif
#include "lightfuse.h"
#include "align/types.h"
#include "deghost/types.h"

typedef struct {
    const char *name;
    void (*measure_rows)(const lf_picture *, int, int, lf_measure *);
    lf_range (*range_of)(double, double, lf_type);
    int (*paper_context_side)(int);
    size_t (*paper_scratch_floats)(int);
    void (*paper_filter_rows)(const lf_paper *, const lf_picture *, const lf_picture *, lf_range, lf_range, float *, int,
                              int, float *);
    void (*paper_combine_rows)(const lf_paper *, const lf_picture *, const lf_picture *, lf_range, lf_range,
                               const float *, const lf_picture *, int, int, float *);
    size_t (*paper_combine_scratch_floats)(const lf_paper *);
    lf_size (*thumbnail_size)(const lf_context_model *, int, int);
    size_t (*thumbnail_scratch_floats)(int);
    void (*thumbnail_rows)(const lf_picture *, lf_size, int, int, uint16_t *, float *);
    uint64_t (*brightness)(const uint16_t *, lf_size);
    void (*widen_box)(const lf_picture *, const lf_picture *, int, int, lf_area *);
    lf_area (*scene_box)(lf_area, const lf_picture *);
    float (*context_prepare)(const lf_context_model *, uint16_t *, lf_size, float *);
    size_t (*context_levels_floats)(const lf_context_model *, lf_size);
    void (*context_summarise)(const lf_context_model *, const uint16_t *, lf_size, float *, const float *, float *);
    size_t (*context_decode_scratch_floats)(const lf_context_model *, lf_size, int);
    void (*context_decode_rows)(const lf_context_model *, const uint16_t *, lf_size, float *, lf_planes, int, int, int,
                                float *);
    size_t (*context_combine_scratch_floats)(const lf_context_model *);
    void (*context_combine_rows)(const lf_context_model *, const lf_picture *, const lf_picture *, const lf_grid *, float,
                                 const lf_picture *, int, int, float *);
    void (*find_extremes)(const lf_context_model *, const float *, size_t, size_t, int, lf_extremes *);
    void (*fix)(const lf_context_model *, const lf_extremes *, float, lf_fixed *);
    void (*fix_grid)(const lf_context_model *, const lf_fixed *, const float *, size_t, size_t, int16_t *);
    size_t (*fixed_scratch_floats)(const lf_context_model *);
    void (*fixed_combine_rows)(const lf_context_model *, const lf_fixed *, const lf_picture *, const lf_picture *,
                               const lf_grid *, const lf_picture *, int, int, float *);
} lf_kernels;

/* align.c, for each instruction set: bytes of scratch for frames of this size; frames of that size, on one side of the base
 * in brightness from the nearest outwards, registered to it; lf_warp_rows and lf_first_row; and filling the border of a warped
 * RGB frame, with the bytes of memory that it needs. */
typedef struct {
    size_t (*bytes)(int width, int height);
    void (*frames)(const lf_channel *base, const lf_channel *frames, int count, int always, void *scratch,
                   lf_alignment *found);
    void (*warp_rows)(const lf_picture *frame, const lf_matrix *warp, const lf_picture *out, int channels, int from,
                      int to);
    int (*first_row)(const lf_matrix *warp, int width, int height, int y);
    size_t (*fill_bytes)(int width, int height, lf_type type);
    void (*fill_border)(const lf_picture *shown, const lf_picture *base, const lf_matrix *warp, void *memory);
} lf_align_kernels;

/* deghost.c, for each instruction set: what deghost.h says of functions of these names; bytes of scratch for a band, and for rows
 * that are changed; rows of a reduced frame. */
typedef struct {
    size_t (*bytes)(int width, int height, lf_type type);
    lf_ghosts *(*begin)(int width, int height, lf_type type, void *memory);
    int (*rows)(const lf_ghosts *);
    int (*reduce_rows)(lf_ghosts *, lf_frame, const lf_picture *, int channels, int quick, int from, int to);
    int (*map)(lf_ghosts *, int quick);
    size_t (*band_bytes)(const lf_ghosts *);
    void (*compare_rows)(lf_ghosts *, int extend, int from, int to, void *scratch);
    int (*are_none)(const lf_ghosts *);
    int (*seeds)(lf_ghosts *);
    lf_decision (*decide)(lf_ghosts *, lf_frame base, int override, int always);
    void (*count_noise)(lf_ghosts *, const lf_picture *under, int channels);
    lf_blend *(*blend)(const lf_ghosts *, lf_frame source, int channels);
    size_t (*tile_bytes)(const lf_ghosts *);
    void (*blend_rows)(const lf_blend *, const lf_picture *target, const lf_picture *source, int from, int to, uint8_t *mask,
                       ptrdiff_t mask_row, void *scratch);
} lf_deghost_kernels;

#endif
