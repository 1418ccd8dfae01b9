/* One instruction set's build of the core; LF_NAME (baseline, avx2, avx512, armv81) comes from the build. */
#include "align.h"
#include "deghost.h"
#include "kernels.h"

#define LF_PASTE(a, b) a##b
#define LF_TABLE(name) LF_PASTE(lf_kernels_, name)
#define LF_TEXT(name) #name
#define LF_STRING(name) LF_TEXT(name)
#define LF_FUNCTION(type, entry, ...) .entry = lf_##entry,

extern const lf_kernels LF_TABLE(LF_NAME);
const lf_kernels LF_TABLE(LF_NAME) = {.name = LF_STRING(LF_NAME), LF_ENTRIES(LF_FUNCTION)};
