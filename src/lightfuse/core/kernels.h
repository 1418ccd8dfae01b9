/* The entry points of lightfuse.h, compiled once for each instruction set. */
#ifndef LIGHTFUSE_KERNELS_H
#define LIGHTFUSE_KERNELS_H

#ifdef __cplusplus
#define LF_TYPES_ONLY
#endif
#include "lightfuse.h"

typedef struct {
    const char *name;
    void (*measure_rows)(const lf_picture *, int, int, lf_measure *);
    lf_range (*range_of)(double, double, lf_type);
    int (*paper_context_side)(int);
    size_t (*paper_scratch_floats)(int);
    void (*paper_filter_rows)(const lf_paper *, const lf_picture *, const lf_picture *, lf_range, lf_range, float *, int,
                              int, float *);
    void (*paper_combine_rows)(const lf_paper *, const lf_picture *, const lf_picture *, lf_range, lf_range,
                               const float *, const lf_picture *, int, int);
} lf_kernels;

#endif
