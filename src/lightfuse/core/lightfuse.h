/* lightfuse.h: the whole inference of LightFuse in one header (C11, GCC or Clang vector extensions).
 *
 * No allocation it is not handed, no threads, nothing from libc but math. A picture is fused in passes, most of them over
 * any range of rows, so that a caller may share rows out to threads or stream them; the result does not depend on how.
 *
 * The paper's model (arXiv 2107.02299):
 *   1. lf_measure_rows         both pictures: lowest, highest and sum of values; lf_range_of turns them into a range
 *   2. lf_paper_filter_rows    FilteringNet: the context, one row for every 8 rows of the picture
 *   3. lf_paper_combine_rows   CombiningNet on every pixel, plus context, to the fused picture; of 8 bits in 16-bit fixed
 *                              point, if no hidden layer is wider than LF_MAX_WIDTH
 *
 * The context models (small, base):
 *   1. lf_widen_box            both pictures: the box around the scene, without borders that are black or white in both;
 *      lf_scene_box, lf_part   and the parts of them that are in it
 *   2. lf_thumbnail_rows       both parts: area averages, a few thousand cells whatever the size. lf_brightness tells which
 *                              is the under exposure
 *   3. lf_context_prepare      the two thumbnails: how much of a bracket they are, and which cells show the scene
 *   4. lf_context_summarise    FilteringNet on the thumbnails, all of it but the finest level, and
 *      lf_context_decode_rows  that, any range of rows of the context grid
 *   5. lf_context_combine_rows CombiningNet on every pixel, with the grid smoothly between, to the fused picture; or, of 8
 *                              bits, in integers:
 *      lf_find_extremes, lf_fix, lf_fix_grid  the numbers' formats, and weights and grid in them
 *      lf_fixed_combine_rows   CombiningNet in 16-bit fixed point
 *
 * 8-bit pictures have the same result to the bit on every processor where they are fused in fixed point, if compilers are
 * kept from contracting products and sums (-ffp-contract=off).
 *
 * Pictures are interleaved RGB. Licence: MIT.
 */
#ifndef LIGHTFUSE_H
#define LIGHTFUSE_H

#include "parts/types.h"
#ifndef LF_TYPES_ONLY /* define it where only the types are wanted, as from C++ */
#include "parts/measure.h"
#include "parts/fixed_paper.h"
#include "parts/context_filtering.h"
#include "parts/context_combining.h"
#include "parts/fixed_combining.h"
#endif

#endif
