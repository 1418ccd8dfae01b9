/* What align.h works on and answers with. */
#ifndef LIGHTFUSE_ALIGN_TYPES_H
#define LIGHTFUSE_ALIGN_TYPES_H

#include "../parts/types.h"

/* The type of a picture; a program that has 8 bits only is smaller if it defines LF_BYTES_ONLY. */
#ifdef LF_BYTES_ONLY
#define LF_TYPE(type) LF_U8
#else
#define LF_TYPE(type) (type)
#endif

/* One channel of a picture: `step` values from one pixel to the next. Float32 values lie in [0, 1]. */
typedef struct {
    const void *values;
    ptrdiff_t row_bytes;
    int step, width, height;
    lf_type type;
} lf_channel;

/* A homography, row by row. */
typedef struct {
    double m[9];
} lf_matrix;

/* Why a frame is not moved. With LF_NO_REASON no gain is certain (or it is moved). LF_ALREADY_ALIGNED is what the quick
 * test says, without registration. */
typedef enum { LF_NO_REASON, LF_LITTLE_IN_COMMON, LF_IMPLAUSIBLE, LF_ALREADY_ALIGNED } lf_reason;

/* What became of a frame: its homography from the base's pixels (the identity if it is not moved), and how far the
 * corner that moves most is moved. */
typedef struct {
    lf_matrix warp;
    int moved;
    lf_reason reason;
    double pixels;
} lf_alignment;

#endif
