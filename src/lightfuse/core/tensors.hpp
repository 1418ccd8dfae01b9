// A model's weights, copied in as lightfuse.h wants them.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

using Tensor = nanobind::ndarray<const float, nanobind::c_contig, nanobind::device::cpu>;
using Tensors = std::map<std::string, Tensor>;

// Keeps every copy for as long as it lives.
class TensorStore {
  public:
    // As it lies: biases, and depthwise kernels [channel][1][row][column].
    const float *kept(const Tensor &tensor) {
        return store_.emplace_back(tensor.data(), tensor.data() + tensor.size()).data();
    }

    // A matrix [out][in] of torch, turned to [in][out].
    const float *turned(const Tensor &tensor) {
        const size_t outs = tensor.shape(0), ins = tensor.shape(1);
        std::vector<float> matrix(outs * ins);
        for (size_t o = 0; o < outs; o++)
            for (size_t i = 0; i < ins; i++) matrix[i * outs + o] = tensor.data()[o * ins + i];
        return store_.emplace_back(std::move(matrix)).data();
    }

  private:
    std::deque<std::vector<float>> store_;
};
