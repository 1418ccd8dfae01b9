// Python's door to lightfuse.h: checks nothing that Fuser has checked, releases the GIL, shares rows out to threads.
#include <algorithm>
#include <cstring>
#include <deque>
#include <initializer_list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/variant.h>
#include <nanobind/stl/vector.h>

#include "ghosts.hpp"

#if defined(LIGHTFUSE_X86)
#include <cpuid.h>
#elif defined(LIGHTFUSE_ARM)
#include <sys/auxv.h>
#endif

extern "C" {
extern const lf_kernels lf_kernels_baseline;
#if defined(LIGHTFUSE_X86)
extern const lf_kernels lf_kernels_avx2, lf_kernels_avx512;
#elif defined(LIGHTFUSE_ARM)
extern const lf_kernels lf_kernels_armv81;
#endif
}

namespace nb = nanobind;

namespace {

#if defined(LIGHTFUSE_X86)
// Of processor and system, by CPUID: __builtin_cpu_supports answers no to everything where Zig has linked.
bool has_features(uint32_t registers, uint32_t extended) {
    uint32_t a, b, c, d, saved;
    const uint32_t basic = bit_OSXSAVE | bit_AVX | bit_FMA;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & basic) != basic) return false;
    __asm__("xgetbv" : "=a"(saved) : "c"(0) : "edx"); // the registers that the system saves
    return (saved & registers) == registers && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & extended) == extended;
}
bool has_avx2() { return has_features(0x06, bit_AVX2); }
bool has_avx512() { return has_features(0xe6, bit_AVX2 | bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL); }
#endif

// The instruction sets this processor can run, best first.
std::vector<const lf_kernels *> available() {
    std::vector<const lf_kernels *> found;
#if defined(LIGHTFUSE_X86)
    if (has_avx512()) found.push_back(&lf_kernels_avx512);
    if (has_avx2()) found.push_back(&lf_kernels_avx2);
#elif defined(LIGHTFUSE_ARM)
    const unsigned long rounding_multiply_add = 1ul << 12; // HWCAP_ASIMDRDM, which old headers do not name
    if (getauxval(AT_HWCAP) & rounding_multiply_add) found.push_back(&lf_kernels_armv81);
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

// A picture's lowest, highest and mean value in its own units, and whether all its values are finite.
std::tuple<double, double, double, bool> measure_array(const Input &array, int threads, const std::string &isa) {
    const lf_picture picture = picture_of(array);
    const lf_measure found = measure(kernels_named(isa), picture, threads);
    return {found.low, found.high, found.sum / (3.0 * picture.width * picture.height), found.finite != 0};
}

// A picture's thumbnail: means of cells, 65535 for white, in three planes; of cells of many rows some are read.
void thumbnail_of(const Input &array, const Output &planes) {
    const lf_kernels &kernels = *available().front();
    const lf_picture picture = picture_of(array);
    const lf_size size{static_cast<int>(planes.shape(1)), static_cast<int>(planes.shape(2))};
    const std::unique_ptr<float[]> scratch(new float[kernels.thumbnail_scratch_floats(picture.width)]);
    kernels.thumbnail_rows(&picture, size, 0, size.rows, static_cast<uint16_t *>(planes.data()), scratch.get());
}

// The green channel: the least noisy; the tone curve between two exposures of one channel is monotonic.
lf_channel green_of(const Input &array) {
    const lf_picture picture = picture_of(array);
    const auto *values = static_cast<const unsigned char *>(picture.pixels) + array.itemsize();
    return {values, picture.row_bytes, 3, picture.width, picture.height, picture.type};
}

lf_matrix matrix_of(const std::vector<double> &numbers) {
    lf_matrix matrix;
    std::copy_n(numbers.begin(), 9, matrix.m);
    return matrix;
}

// Rows wait until no other row is made from those that they are to replace.
void warp_in_place(const lf_kernels &kernels, const lf_picture &frame, const lf_matrix &matrix, size_t row_bytes,
                   int threads) {
    const int block = std::min(2 * kBlockRows * threads, frame.height);
    std::vector<int> first(frame.height + 1, frame.height);  // Read for any of the rows from here on.
    for (int y = frame.height - 1; y >= 0; y--)
        first[y] = std::min(first[y + 1], kernels.first_row(&matrix, frame.width, frame.height, y));
    std::deque<std::unique_ptr<unsigned char[]>> waiting, spare;
    auto *const pixels = static_cast<unsigned char *>(frame.pixels);
    for (int from = 0, stored = 0; from < frame.height; from += block) {
        const int to = std::min(from + block, frame.height);
        if (spare.empty()) spare.emplace_back(new unsigned char[block * row_bytes]);
        waiting.push_back(std::move(spare.front()));
        spare.pop_front();
        lf_picture rows = frame;
        rows.row_bytes = static_cast<ptrdiff_t>(row_bytes);
        rows.pixels = waiting.back().get() - from * rows.row_bytes;
        share_rows(to - from, kBlockRows, threads,
                   [&](int top, int end) { kernels.warp_rows(&frame, &matrix, &rows, 3, from + top, from + end); });
        for (; stored < std::min(to, first[to]); stored++) {
            std::memcpy(pixels + stored * frame.row_bytes, waiting.front().get() + stored % block * row_bytes, row_bytes);
            if (stored % block < block - 1) continue;
            spare.push_back(std::move(waiting.front()));
            waiting.pop_front();
        }
    }
}

// The base's picture plane, of out's size, as a frame shows it: `warp` maps its pixels to the frame's. Out may be the frame.
void warp_frame(const Input &frame_array, const std::vector<double> &warp, const Output &out_array, int threads) {
    const lf_kernels &kernels = *available().front();
    const lf_picture frame = picture_of(frame_array), out = picture_of(out_array);
    const lf_matrix matrix = matrix_of(warp);
    if (frame.pixels == out.pixels) return warp_in_place(kernels, frame, matrix, size_t(frame.width) * lf_pixel_bytes(frame.type), threads);
    share_rows(out.height, kBlockRows, threads, [&](int from, int to) { kernels.warp_rows(&frame, &matrix, &out, 3, from, to); });
}

// What a warped frame does not show is taken from the base, in the frame's tones.
void fill_border(const Output &shown_array, const Input &base_array, const std::vector<double> &warp) {
    const lf_kernels &kernels = *available().front();
    const lf_picture shown = picture_of(shown_array), base = picture_of(base_array);
    const lf_matrix matrix = matrix_of(warp);
    const std::unique_ptr<unsigned char[]> memory(new unsigned char[kernels.fill_bytes(base.width, base.height, base.type)]);
    kernels.fill_border(&shown, &base, &matrix, 3, memory.get());
}

using Alignment = std::tuple<std::vector<double>, double, int>;

// Register frames on one side of the base in brightness, from the nearest outwards: for each its homography from the base's
// pixels (row by row), how far it is to be moved (0: not at all), and the reason why not.
std::vector<Alignment> align_frames(const Input &base_array, const std::vector<Input> &frame_arrays, bool always) {
    const lf_kernels &kernels = *available().front();
    const lf_channel base = green_of(base_array);
    std::vector<lf_channel> frames;
    for (const auto &frame : frame_arrays) frames.push_back(green_of(frame));
    std::vector<lf_alignment> found(frames.size());
    const std::unique_ptr<unsigned char[]> scratch(new unsigned char[kernels.chain_bytes(base.width, base.height)]);
    kernels.align_frames(&base, frames.data(), static_cast<int>(frames.size()), always, scratch.get(), found.data());
    std::vector<Alignment> answers;
    for (const auto &one : found)
        answers.emplace_back(std::vector<double>(one.warp.m, one.warp.m + 9), one.pixels, one.reason);
    return answers;
}

// Fuse two pictures of one size and type, in either order, into out, which may be one of them.
void fuse_paper(const PaperModel &model, const Input &first_array, const Input &second_array, const Output &out_array,
                int threads, const std::string &isa) {
    model.fuse(kernels_named(isa), picture_of(first_array), picture_of(second_array), picture_of(out_array), threads);
}

nb::object array_of(const std::vector<float> &values, std::initializer_list<size_t> shape) {
    auto *copy = new std::vector<float>(values);
    const nb::capsule owner(copy, [](void *p) noexcept { delete static_cast<std::vector<float> *>(p); });
    return nb::cast(nb::ndarray<nb::numpy, float>(copy->data(), shape.size(), shape.begin(), owner));
}

// The same with a context model; without out, only their context is found. What is given of it, a strength of 0 or more, a
// summary, a grid, is used instead of this pair's own. Returns strength and summary, and without out the grid, too.
nb::tuple fuse_in_context(const ContextModel &model, const Input &first_array, const Input &second_array,
                          const std::optional<Output> &out_array, int threads, const std::string &isa, float strength,
                          const std::optional<Tensor> &summary, const std::optional<Tensor> &grid) {
    const lf_kernels &kernels = kernels_named(isa);
    const lf_picture first = picture_of(first_array), second = picture_of(second_array);
    Context context;
    context.strength = strength;
    if (summary) context.summary.assign(summary->data(), summary->data() + summary->size());
    if (grid) context.grid.assign(grid->data(), grid->data() + grid->size());
    if (grid && grid->ndim() == 3) context.size = {static_cast<int>(grid->shape(1)), static_cast<int>(grid->shape(2))};
    if ((summary && summary->size() != static_cast<size_t>(model.channels())) ||
        (grid && (grid->ndim() != 3 || grid->size() == 0 || grid->shape(0) != static_cast<size_t>(model.contexts()))))
        throw std::invalid_argument("the context is that of another model");
    {
        const lf_picture out = out_array ? picture_of(*out_array) : lf_picture{};
        const nb::gil_scoped_release release;
        context = model.fuse(kernels, first, second, out_array ? &out : nullptr, threads, context);
    }
    const nb::object found = array_of(context.summary, {context.summary.size()});
    if (out_array) return nb::make_tuple(context.strength, found);
    const size_t rows = context.size.rows, columns = context.size.columns;
    return nb::make_tuple(context.strength, found, array_of(context.grid, {context.grid.size() / (rows * columns), rows, columns}));
}

}  // namespace

NB_MODULE(_core, m) {
    const nb::call_guard<nb::gil_scoped_release> released;
    nb::set_leak_warnings(false);  // At the end of the program what is still in use is not collected.
    m.doc() = "The inference of LightFuse, compiled from lightfuse.h.";
    m.def(
        "instruction_sets",
        [] {
            std::vector<std::string> names;
            for (const auto *kernels : available()) names.emplace_back(kernels->name);
            return names;
        },
        "Names of the instruction sets this processor can run, best first.");
    m.def("measure", &measure_array, released, nb::arg("picture"), nb::arg("threads"), nb::arg("isa") = "",
          "Lowest, highest and mean value of a picture in its own units, and whether all values are finite.");
    m.def("thumbnail", &thumbnail_of, released, nb::arg("picture"), nb::arg("out"),
          "Means of a picture's cells, 65535 for white, as three planes.");
    m.def("align_frames", &align_frames, released, nb::arg("base"), nb::arg("frames"), nb::arg("always"),
          "Register frames on one side of the base in brightness, from the nearest outwards.");
    m.def("warp", &warp_frame, released, nb::arg("frame"), nb::arg("warp"), nb::arg("out"), nb::arg("threads"),
          "Resample a frame in the base's geometry, by cubic interpolation.");
    m.def("fill_border", &fill_border, released, nb::arg("shown"), nb::arg("base"), nb::arg("warp"),
          "Fill what a warped frame does not show from the base, in the frame's tones.");
    nb::class_<Ghosts>(m, "Ghosts", "Two aligned frames and what moved between them.")
        .def(
            "__init__",
            [](Ghosts *self, const Input &under, const Input &over, int threads) {
                new (self) Ghosts(*available().front(), under, over, threads);
            },
            nb::arg("under"), nb::arg("over"), nb::arg("threads"))
        .def("are_none", &Ghosts::are_none, released)
        .def("search", &Ghosts::search, released, nb::arg("base"), nb::arg("always"))
        .def("replace", &Ghosts::replace, released, nb::arg("source"), nb::arg("out"), nb::arg("mask"));
    nb::class_<PaperModel>(m, "PaperModel", "The paper's model, ready to fuse.")
        .def(nb::init<const Members::Map &>(), nb::arg("members"))
        .def("fuse", &fuse_paper, released, nb::arg("first"), nb::arg("second"), nb::arg("out"), nb::arg("threads"),
             nb::arg("isa") = "");
    nb::class_<ContextModel>(m, "ContextModel", "A context model (small, base), ready to fuse.")
        .def(nb::init<const Members::Map &>(), nb::arg("members"))
        .def("fuse", &fuse_in_context, nb::arg("first"), nb::arg("second"), nb::arg("out").none(), nb::arg("threads"),
             nb::arg("isa") = "", nb::arg("strength") = -1.0f, nb::arg("summary") = nb::none(), nb::arg("grid") = nb::none());
}
