// Python's door to lightfuse.h: checks nothing that Fuser has checked, releases the GIL, shares rows out to threads.
#include <stdexcept>
#include <string>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "models.hpp"

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
nb::tuple measure_array(const Input &array, int threads, const std::string &isa) {
    const lf_kernels &kernels = kernels_named(isa);
    const lf_picture picture = picture_of(array);
    lf_measure found;
    {
        const nb::gil_scoped_release release;
        found = measure(kernels, picture, threads);
    }
    return nb::make_tuple(found.low, found.high, found.sum / (3.0 * picture.width * picture.height), found.finite != 0);
}

// Fuse two pictures of one size and type, in either order, into out, which may be one of them.
template <typename Model>
void fuse_arrays(const Model &model, const Input &first_array, const Input &second_array, const Output &out_array,
                 int threads, const std::string &isa) {
    const lf_kernels &kernels = kernels_named(isa);
    const lf_picture first = picture_of(first_array), second = picture_of(second_array), out = picture_of(out_array);
    const nb::gil_scoped_release release;
    model.fuse(kernels, first, second, out, threads);
}

template <typename Model>
void add_fuse(nb::class_<Model> &type) {
    type.def("fuse", &fuse_arrays<Model>, nb::arg("first"), nb::arg("second"), nb::arg("out"), nb::arg("threads"),
             nb::arg("isa") = "");
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
    m.def("measure", &measure_array, nb::arg("picture"), nb::arg("threads"), nb::arg("isa") = "",
          "Lowest, highest and mean value of a picture in its own units, and whether all values are finite.");
    auto paper = nb::class_<PaperModel>(m, "PaperModel", "The paper's model, ready to fuse.")
                     .def(nb::init<const Tensors &>(), nb::arg("tensors"));
    auto context = nb::class_<ContextModel>(m, "ContextModel", "A context model (small, base), ready to fuse.")
                       .def(nb::init<const Tensors &, int, int, bool, bool>(), nb::arg("tensors"), nb::arg("thumbnail_cells"),
                            nb::arg("levels"), nb::arg("ratio"), nb::arg("bounded") = false);
    add_fuse(paper);
    add_fuse(context);
}
