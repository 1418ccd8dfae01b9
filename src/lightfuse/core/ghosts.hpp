// The steps of deghost.h on two whole pictures, their rows shared out to threads.
#pragma once

#include <array>
#include <atomic>
#include <memory>

#include "models.hpp"

class Ghosts {
  public:
    Ghosts(const lf_deghost_kernels &kernels, const lf_picture &under, const lf_picture &over, int threads)
        : kernels_(kernels), frames_{under, over}, threads_(threads),
          memory_(new unsigned char[kernels.bytes(under.width, under.height, under.type)]),
          ghosts_(kernels.begin(under.width, under.height, under.type, memory_.get())) {}

    // The quick test: whether the frames agree wherever they can be compared.
    bool are_none() {
        reduce(true);
        if (!kernels_.map(ghosts_, true)) return false;
        compare(0);
        return kernels_.are_none(ghosts_);
    }

    // Reduce both frames for the search. Returns whether all values are finite.
    bool reduce(bool quick = false) {
        std::atomic<bool> finite{true};
        const int rows = kernels_.rows(ghosts_);
        share_rows(2 * rows, kReducedRows, threads_, [&](int from, int to) {
            for (int which = 0; which < 2; which++) {
                const int first = std::max(from - which * rows, 0), last = std::min(to - which * rows, rows);
                if (first < last && !kernels_.reduce_rows(ghosts_, lf_frame(which), &frames_[which], 3, quick, first, last))
                    finite = false;
            }
        });
        return finite;
    }

    // Returns false where the frames share too little to be compared; without ghosts the decision changes nothing.
    bool search(lf_frame base, bool override, bool always, lf_decision &found) {
        if (!kernels_.map(ghosts_, false)) return false;
        compare(0);
        if (!kernels_.seeds(ghosts_)) return true;
        compare(1);
        found = kernels_.decide(ghosts_, base, override, always);
        return true;
    }

    // Change a copy of the frame that is not the source; raise the mask, one byte a pixel.
    void replace(lf_frame source, const lf_picture &out, unsigned char *mask) {
        if (source == LF_UNDER) kernels_.count_noise(ghosts_, &frames_[source], 3);
        const lf_blend *const blend = kernels_.blend(ghosts_, source, 3);
        share_rows(out.height, LF_BLEND_ROWS, threads_, [&](int from, int to) {
            const std::unique_ptr<unsigned char[]> scratch(new unsigned char[kernels_.tile_bytes(ghosts_)]);
            kernels_.blend_rows(blend, &out, &frames_[source], from, to, mask, out.width, scratch.get());
        });
    }

  private:
    static constexpr int kReducedRows = 16;

    void compare(int extend) {
        share_rows(kernels_.rows(ghosts_), LF_BAND, threads_, [&](int from, int to) {
            const std::unique_ptr<unsigned char[]> scratch(new unsigned char[kernels_.band_bytes(ghosts_)]);
            kernels_.compare_rows(ghosts_, extend, from, to, scratch.get());
        });
    }

    const lf_deghost_kernels &kernels_;
    std::array<lf_picture, 2> frames_;
    int threads_;
    std::unique_ptr<unsigned char[]> memory_;
    lf_ghosts *ghosts_;
};
