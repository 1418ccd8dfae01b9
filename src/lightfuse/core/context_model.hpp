// A context model: weights, and the three passes of lightfuse.h over a pair of pictures.
#pragma once

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <vector>

#include "measuring.hpp"
#include "rows.hpp"
#include "tensors.hpp"

extern "C" {
#include "kernels.h"
}

class ContextModel {
  public:
    ContextModel(const Tensors &tensors, int thumbnail_cells, int levels, bool ratio) {
        model_.thumbnail_cells = thumbnail_cells;
        model_.levels = levels;
        model_.ratio = ratio;
        read_combining(tensors);
        read_filtering(tensors);
        if (model_.levels < 1 || model_.levels > LF_MAX_LEVELS || model_.channels > LF_MAX_WIDTH ||
            model_.contexts > LF_MAX_CONTEXT || model_.contexts != model_.widths[1] + model_.outputs ||
            (model_.outputs != 4 && model_.outputs != 5))
            throw std::invalid_argument("the model is larger than the core allows");
    }

    // Fuse two pictures of one size and type, in either order, into out, which may be one of them.
    void fuse(const lf_kernels &kernels, const lf_picture &first, const lf_picture &second, const lf_picture &out,
              int threads) const {
        const lf_size size = kernels.thumbnail_size(&model_, first.width, first.height);
        const size_t cells = size_t(size.rows) * size.columns;
        std::vector<float> thumbnails(6 * cells);
        const auto grid = floats(model_.contexts * cells), levels = floats(kernels.context_levels_floats(&model_, size));
        float *const halves[2] = {thumbnails.data(), thumbnails.data() + 3 * cells};
        share_rows(size.rows, 4, threads, [&](int from, int to) {
            const auto scratch = floats(kernels.thumbnail_scratch_floats(first.width));
            kernels.thumbnail_rows(&first, size, from, to, halves[0], scratch.get());
            kernels.thumbnail_rows(&second, size, from, to, halves[1], scratch.get());
        });
        const bool swapped = comes_after(sum_of(halves[0], 3 * cells), first, sum_of(halves[1], 3 * cells), second);
        if (swapped) std::swap_ranges(halves[0], halves[1], halves[1]);
        const lf_picture &under = swapped ? second : first, &over = swapped ? first : second;
        const float strength = kernels.context_strength(thumbnails.data(), size);
        kernels.context_summarise(&model_, thumbnails.data(), size, levels.get());
        share_rows(size.rows, kDecodedRows, threads, [&](int from, int to) {
            const auto scratch = floats(kernels.context_decode_scratch_floats(&model_, size));
            kernels.context_decode_rows(&model_, thumbnails.data(), size, levels.get(), grid.get(), from, to, scratch.get());
        });
        share_rows(under.height, kBlockRows, threads, [&](int from, int to) {
            const auto scratch = floats(kernels.context_combine_scratch_floats(&model_));
            kernels.context_combine_rows(&model_, &under, &over, grid.get(), size, strength, &out, from, to,
                                         scratch.get());
        });
    }

  private:
    static constexpr int kDecodedRows = 16;  // of the grid to a block: what a thread holds of them fits the second cache

    static std::unique_ptr<float[]> floats(size_t count) { return std::unique_ptr<float[]>(new float[count]); }

    // Of a thumbnail: `count` is a multiple of 12. Four sums at once, as one alone would wait for each of its additions.
    static double sum_of(const float *values, size_t count) {
        double sums[4] = {};
        for (size_t i = 0; i < count; i += 4)
            for (int k = 0; k < 4; k++) sums[k] += values[i + k];
        return (sums[0] + sums[1]) + (sums[2] + sums[3]);
    }

    static int outs_of(const Tensor &weight) { return static_cast<int>(weight.shape(0)); }

    void read_combining(const Tensors &tensors) {
        model_.widths[0] = 6;
        for (int l = 0; l < LF_MAX_LAYERS; l++) {
            const std::string name = "combining.layers." + std::to_string(l);
            const auto weight = tensors.find(name + ".weight");
            if (weight == tensors.end()) break;
            const auto bias = tensors.find(name + ".bias");
            model_.weights[l] = store_.turned(weight->second);
            model_.biases[l] = bias == tensors.end() ? nullptr : store_.kept(bias->second);
            model_.widths[l + 1] = model_.outputs = outs_of(weight->second);
            if (model_.outputs > LF_MAX_WIDTH) throw std::invalid_argument("a layer is wider than the core allows");
            model_.layers = l + 1;
        }
        if (model_.layers < 2) throw std::invalid_argument("CombiningNet needs two layers or more");
    }

    void read_filtering(const Tensors &tensors) {
        model_.first = {store_.kept(tensors.at("filtering.first_dw.weight")),
                        store_.turned(tensors.at("filtering.first_pw.weight")),
                        store_.kept(tensors.at("filtering.first_pw.bias"))};
        model_.channels = outs_of(tensors.at("filtering.first_pw.weight"));
        model_.stem = {nullptr, store_.turned(tensors.at("filtering.stem.weight")),
                       store_.kept(tensors.at("filtering.stem.bias"))};
        for (int i = 0; i < std::min<int>(model_.levels, LF_MAX_LEVELS); i++) {
            model_.down[i] = separable(tensors, "filtering.down.", i);
            model_.up[i] = separable(tensors, "filtering.up.", i);
        }
        model_.summary = store_.turned(tensors.at("filtering.summary.weight"));
        model_.summary_bias = store_.kept(tensors.at("filtering.summary.bias"));
        model_.head = store_.turned(tensors.at("filtering.head.weight"));
        model_.head_bias = store_.kept(tensors.at("filtering.head.bias"));
        model_.contexts = outs_of(tensors.at("filtering.head.weight"));
    }

    // The block of level i; where levels share one, that one.
    lf_separable separable(const Tensors &tensors, const std::string &kind, int i) {
        std::string name = kind + std::to_string(i);
        if (tensors.count(name + ".dw.weight") == 0) name = kind + "0";
        return {store_.kept(tensors.at(name + ".dw.weight")), store_.turned(tensors.at(name + ".pw.weight")),
                store_.kept(tensors.at(name + ".pw.bias"))};
    }

    TensorStore store_;
    lf_context_model model_{};
};
