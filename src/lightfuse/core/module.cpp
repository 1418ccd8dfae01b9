// Python's door to lightfuse.h: checks nothing that Fuser has checked, releases the GIL, shares rows out to threads.
#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

extern "C" {
#include "kernels.h"
extern const lf_kernels lf_kernels_baseline;
#if defined(LIGHTFUSE_X86)
extern const lf_kernels lf_kernels_avx2, lf_kernels_avx512;
#endif
}

namespace nb = nanobind;

namespace {

using Tensor = nb::ndarray<const float, nb::c_contig, nb::device::cpu>;
using Picture = nb::ndarray<nb::device::cpu>;
using Span = std::pair<double, double>;

// Rows are handed out in blocks of a fixed size: what a block computes never depends on how many threads there are.
constexpr int kBlockRows = 64;

// The instruction sets this processor can run, best first.
std::vector<const lf_kernels *> available() {
    std::vector<const lf_kernels *> found;
#if defined(LIGHTFUSE_X86)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        found.push_back(&lf_kernels_avx512);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found.push_back(&lf_kernels_avx2);
#endif
    found.push_back(&lf_kernels_baseline);
    return found;
}

const lf_kernels &kernels_named(const std::string &name) {
    const auto found = available();
    if (name.empty()) return *found.front();
    for (const auto *kernels : found)
        if (name == kernels->name) return *kernels;
    throw std::invalid_argument("this processor has no instruction set " + name);
}

// Run work(block) for every block on up to `threads` threads, this one among them.
void share(int blocks, int threads, const std::function<void(int)> &work) {
    std::atomic<int> next{0};
    const auto run = [&] {
        for (int block; (block = next.fetch_add(1)) < blocks;) work(block);
    };
    std::vector<std::thread> helpers;
    for (int i = 1; i < std::min(threads, blocks); i++) helpers.emplace_back(run);
    run();
    for (auto &helper : helpers) helper.join();
}

lf_picture picture_of(const Picture &array) {
    lf_picture picture{};
    picture.pixels = array.data();
    picture.height = static_cast<int>(array.shape(0));
    picture.width = static_cast<int>(array.shape(1));
    picture.row_bytes = static_cast<ptrdiff_t>(array.stride(0)) * static_cast<ptrdiff_t>(array.itemsize());
    picture.type = array.dtype() == nb::dtype<uint8_t>() ? LF_U8 : array.dtype() == nb::dtype<uint16_t>() ? LF_U16 : LF_F32;
    return picture;
}

lf_measure measure(const lf_kernels &kernels, const lf_picture &picture, int threads) {
    const int blocks = (picture.height + kBlockRows - 1) / kBlockRows;
    std::vector<lf_measure> parts(blocks);
    share(blocks, threads, [&](int block) {
        const int row = block * kBlockRows;
        kernels.measure_rows(&picture, row, std::min(row + kBlockRows, picture.height), &parts[block]);
    });
    lf_measure whole = parts[0];
    for (int i = 1; i < blocks; i++) {
        whole.low = std::min(whole.low, parts[i].low);
        whole.high = std::max(whole.high, parts[i].high);
        whole.sum += parts[i].sum;
        whole.finite = whole.finite && parts[i].finite;
    }
    return whole;
}

// A picture's lowest, highest and mean value in its own units, and whether all its values are finite.
nb::tuple measure_picture(const Picture &array, int threads, const std::string &isa) {
    const lf_kernels &kernels = kernels_named(isa);
    const lf_picture picture = picture_of(array);
    lf_measure found;
    {
        nb::gil_scoped_release release;
        found = measure(kernels, picture, threads);
    }
    const double values = 3.0 * picture.width * picture.height;
    return nb::make_tuple(found.low, found.high, found.sum / values, found.finite != 0);
}

// The paper's model with its weights copied in, matrices turned to [in][out] as lightfuse.h wants them.
class PaperModel {
  public:
    explicit PaperModel(const std::map<std::string, Tensor> &tensors) {
        model_.hidden1 = static_cast<int>(tensors.at("combining.layers.0.bias").shape(0));
        model_.hidden2 = static_cast<int>(tensors.at("combining.layers.1.bias").shape(0));
        if (std::max(model_.hidden1, model_.hidden2) > LF_MAX_HIDDEN)
            throw std::invalid_argument("hidden layers are wider than the core allows");
        model_.w1 = turned(tensors.at("combining.layers.0.weight"));
        model_.b1 = kept(tensors.at("combining.layers.0.bias"));
        model_.w2 = turned(tensors.at("combining.layers.1.weight"));
        model_.b2 = kept(tensors.at("combining.layers.1.bias"));
        model_.w3 = turned(tensors.at("combining.layers.2.weight"));
        model_.b3 = kept(tensors.at("combining.layers.2.bias"));
        model_.down1 = kept(tensors.at("filtering.down1.weight"));
        model_.down1_bias = kept(tensors.at("filtering.down1.bias"));
        model_.down2 = kept(tensors.at("filtering.down2.weight"));
        model_.down2_bias = kept(tensors.at("filtering.down2.bias"));
        model_.down3 = kept(tensors.at("filtering.down3.weight"));
        model_.mix = turned(tensors.at("filtering.mix.weight"));
        model_.mix_bias = kept(tensors.at("filtering.mix.bias"));
    }

    // Fuse two pictures of one size and type into out, which may be one of them; spans are (low, high) as measured.
    void fuse(const Picture &under_array, const Picture &over_array, const Picture &out_array, Span under_span,
              Span over_span, int threads, const std::string &isa) const {
        const lf_kernels &kernels = kernels_named(isa);
        const lf_picture under = picture_of(under_array), over = picture_of(over_array), out = picture_of(out_array);
        nb::gil_scoped_release release;
        const lf_range under_range = kernels.range_of(under_span.first, under_span.second, under.type);
        const lf_range over_range = kernels.range_of(over_span.first, over_span.second, over.type);
        const auto context = filter(kernels, under, over, under_range, over_range, threads);
        share((under.height + kBlockRows - 1) / kBlockRows, threads, [&](int block) {
            const int row = block * kBlockRows;
            kernels.paper_combine_rows(&model_, &under, &over, under_range, over_range, context.get(), &out, row,
                                       std::min(row + kBlockRows, under.height));
        });
    }

  private:
    std::unique_ptr<float[]> filter(const lf_kernels &kernels, const lf_picture &under, const lf_picture &over,
                                    lf_range under_range, lf_range over_range, int threads) const {
        const int rows = kernels.paper_context_side(under.height);
        const int columns = kernels.paper_context_side(under.width);
        constexpr int block_rows = 2 * kBlockRows / LF_STRIDE;
        std::unique_ptr<float[]> context(new float[size_t{3} * rows * columns]);
        share((rows + block_rows - 1) / block_rows, threads, [&](int block) {
            const std::unique_ptr<float[]> scratch(new float[kernels.paper_scratch_floats(under.width)]);
            const int row = block * block_rows;
            kernels.paper_filter_rows(&model_, &under, &over, under_range, over_range, context.get(), row,
                                      std::min(row + block_rows, rows), scratch.get());
        });
        return context;
    }

    const float *kept(const Tensor &tensor) {
        return store_.emplace_back(tensor.data(), tensor.data() + tensor.size()).data();
    }

    const float *turned(const Tensor &tensor) {
        const size_t outs = tensor.shape(0), ins = tensor.shape(1);
        std::vector<float> matrix(outs * ins);
        for (size_t o = 0; o < outs; o++)
            for (size_t i = 0; i < ins; i++) matrix[i * outs + o] = tensor.data()[o * ins + i];
        return store_.emplace_back(std::move(matrix)).data();
    }

    lf_paper model_{};
    std::vector<std::vector<float>> store_;
};

}  // namespace

NB_MODULE(_core, m) {
    m.doc() = "The inference of LightFuse, compiled from lightfuse.h.";
    m.def(
        "instruction_sets",
        [] {
            std::vector<std::string> names;
            for (const auto *kernels : available()) names.emplace_back(kernels->name);
            return names;
        },
        "Names of the instruction sets this processor can run, best first.");
    m.def("measure", &measure_picture, nb::arg("picture"), nb::arg("threads"), nb::arg("isa") = "",
          "Lowest, highest and mean value of a picture in its own units, and whether all values are finite.");
    nb::class_<PaperModel>(m, "PaperModel", "The paper's model, ready to fuse.")
        .def(nb::init<const std::map<std::string, Tensor> &>(), nb::arg("tensors"))
        .def("fuse", &PaperModel::fuse, nb::arg("under"), nb::arg("over"), nb::arg("out"),
             nb::arg("under_span"), nb::arg("over_span"), nb::arg("threads"), nb::arg("isa") = "");
}
