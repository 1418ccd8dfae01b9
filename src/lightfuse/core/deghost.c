/* One instruction set's build of deghost.h, with the same results as all others; LF_NAME comes from the build. */
#include "deghost.h"
#include "kernels.h"

#define LF_PASTE(a, b) a##b
#define LF_TABLE(name) LF_PASTE(lf_deghost_, name)

static int rows(const lf_ghosts *g) { return g->view.rows; }
static size_t band_bytes(const lf_ghosts *g) { return lf_band_bytes(g->view.columns); }
static size_t tile_bytes(const lf_ghosts *g) { return lf_tile_bytes(g->view.columns); }

extern const lf_deghost_kernels LF_TABLE(LF_NAME);
const lf_deghost_kernels LF_TABLE(LF_NAME) = {.bytes = lf_ghosts_bytes,
                                              .begin = lf_ghosts_begin,
                                              .rows = rows,
                                              .reduce_rows = lf_ghosts_reduce_rows,
                                              .map = lf_ghosts_map,
                                              .band_bytes = band_bytes,
                                              .compare_rows = lf_ghosts_compare_rows,
                                              .are_none = lf_ghosts_are_none,
                                              .seeds = lf_ghosts_seeds,
                                              .decide = lf_ghosts_decide,
                                              .count_noise = lf_ghosts_count_noise,
                                              .blend = lf_ghosts_blend,
                                              .tile_bytes = tile_bytes,
                                              .blend_rows = lf_blend_rows};
