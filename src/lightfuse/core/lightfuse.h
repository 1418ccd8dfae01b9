/* lightfuse.h: the whole inference of LightFuse in one header (C11, GCC or Clang vector extensions).
 *
 * No allocation it is not handed, no threads, nothing from libc but math. A picture is fused in passes, most of them over
 * any range of rows, so that a caller may share rows out to threads or stream them; the result does not depend on how.
 *
 * The paper's model (arXiv 2107.02299):
 *   1. lf_measure_rows         both pictures: lowest, highest and sum of values; lf_range_of turns them into a range
 *   2. lf_paper_filter_rows    FilteringNet: the context, one row for every 8 rows of the picture
 *   3. lf_paper_combine_rows   CombiningNet on every pixel, plus context, to the fused picture
 *
 * The context models (small, base):
 *   1. lf_thumbnail_rows       both pictures: area averages, a few thousand cells whatever the size
 *   2. lf_context_prepare      the two thumbnails: how much of a bracket they are, and which part of them shows the scene
 *   3. lf_context_filter       FilteringNet on the two thumbnails: the context grid. Or, to share it out to threads,
 *      lf_context_summarise    all of it but the finest level, and
 *      lf_context_decode_rows  that, any range of rows of the grid
 *   4. lf_context_combine_rows CombiningNet on every pixel, with the grid smoothly between, to the fused picture
 *
 * Pictures are interleaved RGB. Licence: MIT.
 */
#ifndef LIGHTFUSE_H
#define LIGHTFUSE_H

#include "parts/types.h"
#ifndef LF_TYPES_ONLY /* define it where only the types are wanted, as from C++ */
#include "parts/measure.h"
#include "parts/paper.h"
#include "parts/context_filtering.h"
#include "parts/context_combining.h"
#endif

#endif
