// Measuring pictures, and which of two is the under exposure.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "rows.hpp"

extern "C" {
#include "kernels.h"
}

inline lf_measure measure(const lf_kernels &kernels, const lf_picture &picture, int threads) {
    std::vector<lf_measure> parts((picture.height + kBlockRows - 1) / kBlockRows);
    share_rows(picture.height, kBlockRows, threads, [&](int first, int last) {
        kernels.measure_rows(&picture, first, last, &parts[first / kBlockRows]);
    });
    lf_measure whole = parts[0];
    for (size_t i = 1; i < parts.size(); i++) {
        whole.low = std::min(whole.low, parts[i].low);
        whole.high = std::max(whole.high, parts[i].high);
        whole.sum += parts[i].sum;
        whole.finite = whole.finite && parts[i].finite;
    }
    return whole;
}

// Whether the first picture is the over exposure: brighter, or, where brightness is equal, larger in the first bytes to
// differ, so that which was given first never matters.
inline bool comes_after(double first_brightness, const lf_picture &first, double second_brightness,
                        const lf_picture &second) {
    if (first_brightness != second_brightness) return first_brightness > second_brightness;
    const size_t row_bytes = size_t(first.width) * (first.type == LF_U8 ? 3 : first.type == LF_U16 ? 6 : 12);
    for (int y = 0; y < first.height; y++) {
        const int order = std::memcmp(static_cast<const char *>(first.pixels) + y * first.row_bytes,
                                      static_cast<const char *>(second.pixels) + y * second.row_bytes, row_bytes);
        if (order != 0) return order > 0;
    }
    return false;
}
