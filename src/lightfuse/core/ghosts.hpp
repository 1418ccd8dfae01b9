// The steps of deghost.h on two whole pictures, their rows shared out to threads.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <tuple>

#include "models.hpp"

// Two aligned frames and what moved between them; keeps the frames.
class Ghosts {
  public:
    Ghosts(const lf_kernels &kernels, const Input &under, const Input &over, int threads)
        : kernels_(kernels), kept_{under, over}, frames_{picture_of(under), picture_of(over)}, threads_(threads),
          memory_(new unsigned char[kernels.ghosts_bytes(frames_[0].width, frames_[0].height, frames_[0].type)]),
          ghosts_(kernels.ghosts_begin(frames_[0].width, frames_[0].height, frames_[0].type, memory_.get())),
          size_(kernels.ghosts_size(ghosts_)) {}

    // The quick test: whether the frames agree wherever they can be compared.
    bool are_none() {
        reduce(true);
        if (!kernels_.ghosts_map(ghosts_, true)) return false;
        compare(0);
        return kernels_.ghosts_are_none(ghosts_);
    }

    // Returns why nothing is decided ("not finite", "not comparable", "too large") or "", whether under and over are to be
    // changed, and the share of the picture that moved.
    std::tuple<std::string, bool, bool, double> search(const std::string &base, bool always) {
        if (!reduce(false)) return {"not finite", false, false, 0};
        if (!kernels_.ghosts_map(ghosts_, false)) return {"not comparable", false, false, 0};
        compare(0);
        if (!kernels_.ghosts_seeds(ghosts_)) return {"", false, false, 0};
        compare(1);
        const lf_frame first = base == "under" ? LF_UNDER : base == "over" ? LF_OVER : LF_EITHER;
        const lf_decision found = kernels_.ghosts_decide(ghosts_, first, always);
        return {found.too_large ? "too large" : "", found.changed[0] != 0, found.changed[1] != 0, found.share};
    }

    // Change a copy of the frame that is not the source; raise the mask, one byte a pixel.
    void replace(const std::string &source_name, const Output &out_array, const Output &mask) {
        const lf_frame source = source_name == "under" ? LF_UNDER : LF_OVER;
        const lf_picture out = picture_of(out_array);
        auto *const levels = static_cast<unsigned char *>(mask.data());
        const lf_blend *const blend = kernels_.ghosts_blend(ghosts_, source, 3);
        share_rows(out.height, LF_BLEND_ROWS, threads_, [&](int from, int to) {
            const std::unique_ptr<unsigned char[]> scratch(new unsigned char[kernels_.tile_bytes(size_.columns)]);
            kernels_.blend_rows(blend, &out, &frames_[source], from, to, levels, out.width, scratch.get());
        });
    }

  private:
    static constexpr int kReducedRows = 16;

    // Reduce both frames, quickly or for the search. Returns whether all values are finite.
    bool reduce(bool quick) {
        std::atomic<bool> finite{true};
        share_rows(2 * size_.rows, kReducedRows, threads_, [&](int from, int to) {
            for (int which = 0; which < 2; which++) {
                const int first = std::max(from - which * size_.rows, 0), last = std::min(to - which * size_.rows, size_.rows);
                if (first >= last) continue;
                if (!kernels_.ghosts_reduce_rows(ghosts_, lf_frame(which), &frames_[which], 3, quick, first, last)) finite = false;
            }
        });
        return finite;
    }

    void compare(int extend) {
        share_rows(size_.rows, LF_BAND, threads_, [&](int from, int to) {
            const std::unique_ptr<unsigned char[]> scratch(new unsigned char[kernels_.band_bytes(size_.columns)]);
            kernels_.ghosts_compare_rows(ghosts_, extend, from, to, scratch.get());
        });
    }

    const lf_kernels &kernels_;
    std::array<Input, 2> kept_;
    std::array<lf_picture, 2> frames_;
    int threads_;
    std::unique_ptr<unsigned char[]> memory_;
    lf_ghosts *ghosts_;
    lf_size size_;
};
