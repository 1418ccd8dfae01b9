// The paper's model: weights, and the three passes of lightfuse.h over a pair of pictures.
#pragma once

#include <memory>
#include <stdexcept>

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

    void fuse(const lf_kernels &kernels, const lf_picture &under, const lf_picture &over, const lf_picture &out,
              lf_range under_range, lf_range over_range, int threads) const {
        const int rows = kernels.paper_context_side(under.height), columns = kernels.paper_context_side(under.width);
        const std::unique_ptr<float[]> context(new float[size_t{3} * rows * columns]);
        share_rows(rows, 2 * kBlockRows / LF_STRIDE, threads, [&](int first, int last) {
            const std::unique_ptr<float[]> scratch(new float[kernels.paper_scratch_floats(under.width)]);
            kernels.paper_filter_rows(&model_, &under, &over, under_range, over_range, context.get(), first, last,
                                      scratch.get());
        });
        share_rows(under.height, kBlockRows, threads, [&](int first, int last) {
            kernels.paper_combine_rows(&model_, &under, &over, under_range, over_range, context.get(), &out, first, last);
        });
    }

  private:
    TensorStore store_;
    lf_paper model_{};
};
