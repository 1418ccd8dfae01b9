// The paper's model: weights, and the three passes of lightfuse.h over a pair of pictures.
#pragma once

#include <memory>
#include <stdexcept>

#include "measuring.hpp"
#include "rows.hpp"
#include "tensors.hpp"

extern "C" {
#include "kernels.h"
}

class PaperModel {
  public:
    explicit PaperModel(const Tensors &tensors) {
        model_.hidden1 = static_cast<int>(tensors.at("combining.layers.0.bias").shape(0));
        model_.hidden2 = static_cast<int>(tensors.at("combining.layers.1.bias").shape(0));
        if (std::max(model_.hidden1, model_.hidden2) > LF_MAX_HIDDEN)
            throw std::invalid_argument("hidden layers are wider than the core allows");
        model_.w1 = store_.turned(tensors.at("combining.layers.0.weight"));
        model_.b1 = store_.kept(tensors.at("combining.layers.0.bias"));
        model_.w2 = store_.turned(tensors.at("combining.layers.1.weight"));
        model_.b2 = store_.kept(tensors.at("combining.layers.1.bias"));
        model_.w3 = store_.turned(tensors.at("combining.layers.2.weight"));
        model_.b3 = store_.kept(tensors.at("combining.layers.2.bias"));
        model_.down1 = store_.kept(tensors.at("filtering.down1.weight"));
        model_.down1_bias = store_.kept(tensors.at("filtering.down1.bias"));
        model_.down2 = store_.kept(tensors.at("filtering.down2.weight"));
        model_.down2_bias = store_.kept(tensors.at("filtering.down2.bias"));
        model_.down3 = store_.kept(tensors.at("filtering.down3.weight"));
        model_.mix = store_.turned(tensors.at("filtering.mix.weight"));
        model_.mix_bias = store_.kept(tensors.at("filtering.mix.bias"));
    }

    // Fuse two pictures of one size and type, in either order, into out, which may be one of them.
    void fuse(const lf_kernels &kernels, const lf_picture &first, const lf_picture &second, const lf_picture &out,
              int threads) const {
        const lf_measure measures[2] = {measure(kernels, first, threads), measure(kernels, second, threads)};
        const bool swapped = comes_after(measures[0].sum, first, measures[1].sum, second);
        const lf_picture &under = swapped ? second : first, &over = swapped ? first : second;
        const lf_measure &dark = measures[swapped], &bright = measures[!swapped];
        const lf_range under_range = kernels.range_of(dark.low, dark.high, under.type);
        const lf_range over_range = kernels.range_of(bright.low, bright.high, over.type);

        const int rows = kernels.paper_context_side(under.height), columns = kernels.paper_context_side(under.width);
        const std::unique_ptr<float[]> context(new float[size_t{3} * rows * columns]);
        share_rows(rows, 2 * kBlockRows / LF_STRIDE, threads, [&](int from, int to) {
            const std::unique_ptr<float[]> scratch(new float[kernels.paper_scratch_floats(under.width)]);
            kernels.paper_filter_rows(&model_, &under, &over, under_range, over_range, context.get(), from, to,
                                      scratch.get());
        });
        share_rows(under.height, kBlockRows, threads, [&](int from, int to) {
            const std::unique_ptr<float[]> scratch(new float[kernels.paper_combine_scratch_floats(&model_)]);
            kernels.paper_combine_rows(&model_, &under, &over, under_range, over_range, context.get(), &out, from, to,
                                       scratch.get());
        });
    }

  private:
    TensorStore store_;
    lf_paper model_{};
};
