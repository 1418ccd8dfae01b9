/* Pointwise layers, in each kind of number: f32 everywhere, f16 where the processor has halves.
 * Templates (layer_tile.h, context_tile.h, paper_tile.h, paper_row_tile.h) are included once for each, with LF_KIND its name, LF_NUM its
 * type, and LF_OF(name) the name of its vectors, tiles and functions. */
#ifndef LIGHTFUSE_LAYERS_H
#define LIGHTFUSE_LAYERS_H

#include "halves.h"
#include "vectors.h"

#define LF_JOIN_NAMES(name, kind) name##_##kind
#define LF_JOIN(name, kind) LF_JOIN_NAMES(name, kind)
#define LF_OF(name) LF_JOIN(name, LF_KIND)

#define LF_KIND f32
#define LF_NUM float
#include "layer_tile.h"
#undef LF_KIND
#undef LF_NUM

#if defined(LF_HALVES)
#define LF_KIND f16
#define LF_NUM _Float16
#include "layer_tile.h"
#undef LF_KIND
#undef LF_NUM
#endif

#endif
