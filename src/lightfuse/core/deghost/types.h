/* What deghost.h works on and answers with. */
#ifndef LIGHTFUSE_DEGHOST_TYPES_H
#define LIGHTFUSE_DEGHOST_TYPES_H

#include "../align/types.h"

typedef enum { LF_UNDER, LF_OVER, LF_EITHER } lf_frame;

enum {
    LF_BAND = 128, /* rows compared at once; a multiple of four: the smaller scales of a band are those of the frame */
    LF_BLEND_ROWS = 64, /* changed at once, at most */
    LF_BLEND_MARGIN = 8 /* rows of the source around them that filtering reads */
};

/* A pair in which ghosts are sought, and one of its frames being changed. */
typedef struct lf_ghosts lf_ghosts;
typedef struct lf_blend lf_blend;

/* Whether each frame is to be changed. `share`: the mean of the soft masks of all that moved. With `too_large` nothing is to be
 * changed: the frames disagree over that share, too much to be ghosts. */
typedef struct {
    int changed[2], too_large;
    double share;
} lf_decision;

#endif
