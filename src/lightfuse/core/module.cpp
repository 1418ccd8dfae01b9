// Python's door to lightfuse.h: checks nothing that Fuser has checked, releases the GIL, shares rows out to threads.
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "context_model.hpp"
#include "paper_model.hpp"
#include "rows.hpp"

extern "C" {
extern const lf_kernels lf_kernels_baseline;
#if defined(LIGHTFUSE_X86)
extern const lf_kernels lf_kernels_avx2, lf_kernels_avx512;
#endif
}

namespace nb = nanobind;

namespace {

using Input = nb::ndarray<nb::ro, nb::device::cpu>;
using Output = nb::ndarray<nb::device::cpu>;
using Span = std::pair<double, double>;

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

// lightfuse.h has one type for pictures read and written; it writes only to those given as out.
template <typename Array>
lf_picture picture_of(const Array &array) {
    lf_picture picture{};
    picture.pixels = const_cast<void *>(static_cast<const void *>(array.data()));
    picture.height = static_cast<int>(array.shape(0));
    picture.width = static_cast<int>(array.shape(1));
    picture.row_bytes = static_cast<ptrdiff_t>(array.stride(0)) * static_cast<ptrdiff_t>(array.itemsize());
    picture.type = array.dtype() == nb::dtype<uint8_t>() ? LF_U8 : array.dtype() == nb::dtype<uint16_t>() ? LF_U16 : LF_F32;
    return picture;
}

// A picture's lowest, highest and mean value in its own units, and whether all its values are finite.
nb::tuple measure(const Input &array, int threads, const std::string &isa) {
    const lf_kernels &kernels = kernels_named(isa);
    const lf_picture picture = picture_of(array);
    std::vector<lf_measure> parts((picture.height + kBlockRows - 1) / kBlockRows);
    {
        nb::gil_scoped_release release;
        share_rows(picture.height, kBlockRows, threads, [&](int first, int last) {
            kernels.measure_rows(&picture, first, last, &parts[first / kBlockRows]);
        });
    }
    lf_measure whole = parts[0];
    for (size_t i = 1; i < parts.size(); i++) {
        whole.low = std::min(whole.low, parts[i].low);
        whole.high = std::max(whole.high, parts[i].high);
        whole.sum += parts[i].sum;
        whole.finite = whole.finite && parts[i].finite;
    }
    const double values = 3.0 * picture.width * picture.height;
    return nb::make_tuple(whole.low, whole.high, whole.sum / values, whole.finite != 0);
}

// Fuse two pictures of one size and type into out, which may be one of them; spans are (low, high) as measured.
void fuse_paper(const PaperModel &model, const Input &under_array, const Input &over_array, const Output &out_array,
                Span under_span, Span over_span, int threads, const std::string &isa) {
    const lf_kernels &kernels = kernels_named(isa);
    const lf_picture under = picture_of(under_array), over = picture_of(over_array), out = picture_of(out_array);
    const nb::gil_scoped_release release;
    model.fuse(kernels, under, over, out, kernels.range_of(under_span.first, under_span.second, under.type),
               kernels.range_of(over_span.first, over_span.second, over.type), threads);
}

// The same with a context model, which stretches nothing: the spans are of no use to it.
void fuse_context(const ContextModel &model, const Input &under_array, const Input &over_array, const Output &out_array,
                  Span, Span, int threads, const std::string &isa) {
    const lf_kernels &kernels = kernels_named(isa);
    const lf_picture under = picture_of(under_array), over = picture_of(over_array), out = picture_of(out_array);
    const nb::gil_scoped_release release;
    model.fuse(kernels, under, over, out, threads);
}

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
    m.def("measure", &measure, nb::arg("picture"), nb::arg("threads"), nb::arg("isa") = "",
          "Lowest, highest and mean value of a picture in its own units, and whether all values are finite.");
    nb::class_<PaperModel>(m, "PaperModel", "The paper's model, ready to fuse.")
        .def(nb::init<const Tensors &>(), nb::arg("tensors"))
        .def("fuse", &fuse_paper, nb::arg("under"), nb::arg("over"), nb::arg("out"), nb::arg("under_span"),
             nb::arg("over_span"), nb::arg("threads"), nb::arg("isa") = "");
    nb::class_<ContextModel>(m, "ContextModel", "A context model (small, base), ready to fuse.")
        .def(nb::init<const Tensors &, int, int, bool>(), nb::arg("tensors"), nb::arg("thumbnail_cells"),
             nb::arg("levels"), nb::arg("ratio"))
        .def("fuse", &fuse_context, nb::arg("under"), nb::arg("over"), nb::arg("out"), nb::arg("under_span"),
             nb::arg("over_span"), nb::arg("threads"), nb::arg("isa") = "");
}
