// The models: their weights copied in, and the passes of lightfuse.h over a pair of pictures, rows shared out to threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

extern "C" {
#include "kernels.h"
}

// ---- Rows shared out to threads -------------------------------------------------------------------------------------

// Rows are handed out in blocks of a fixed size: what a block computes never depends on how many threads there are.
constexpr int kBlockRows = 64;

// Run work(first, last) for every block of at most `size` of the rows 0 .. rows, on up to `threads` threads, this one
// among them. An exception in one block is thrown here once all have stopped; a thread that cannot start is done without.
template <typename Work>
void share_rows(int rows, int size, int threads, const Work &work) {
    const int blocks = (rows + size - 1) / size;
    std::atomic<int> next{0};
    std::exception_ptr failure;
    std::mutex failing;
    const auto run = [&] {
        try {
            for (int block; (block = next.fetch_add(1)) < blocks;) work(block * size, std::min((block + 1) * size, rows));
        } catch (...) {
            const std::lock_guard<std::mutex> lock(failing);
            failure = std::current_exception();
            next = blocks;
        }
    };
    std::vector<std::thread> helpers;
    try {
        for (int i = 1; i < std::min(threads, blocks); i++) helpers.emplace_back(run);
    } catch (const std::exception &) {  // No more threads to be had.
    }
    run();
    for (auto &helper : helpers) helper.join();
    if (failure) std::rethrow_exception(failure);
}

// ---- Pictures from Python -------------------------------------------------------------------------------------------

using Input = nanobind::ndarray<nanobind::ro, nanobind::device::cpu>;
using Output = nanobind::ndarray<nanobind::device::cpu>;

// lightfuse.h has one type for pictures read and written; it writes only to those given as out.
template <typename Array>
lf_picture picture_of(const Array &array) {
    lf_picture picture{};
    picture.pixels = const_cast<void *>(static_cast<const void *>(array.data()));
    picture.height = static_cast<int>(array.shape(0));
    picture.width = static_cast<int>(array.shape(1));
    picture.row_bytes = static_cast<ptrdiff_t>(array.stride(0)) * static_cast<ptrdiff_t>(array.itemsize());
    picture.type = array.itemsize() == 1 ? LF_U8 : array.itemsize() == 2 ? LF_U16 : LF_F32;
    return picture;
}

// ---- Weights as lightfuse.h wants them ------------------------------------------------------------------------------

using Tensor = nanobind::ndarray<const float, nanobind::c_contig, nanobind::device::cpu>;

// The members of a model's struct by designator, as Python prepares them (models/store.py); keeps the arrays.
class Members {
  public:
    using Map = std::map<std::string, std::variant<int, Tensor>>;

    explicit Members(const Map &members) : members_(members) {}

    int number(const std::string &name) const { return std::get<int>(members_.at(name)); }
    const float *array(const std::string &name) const { return std::get<Tensor>(members_.at(name)).data(); }

    lf_separable separable(const std::string &name) const {
        const bool is_pointwise = members_.count(name + ".depthwise") == 0;
        return {is_pointwise ? nullptr : array(name + ".depthwise"), array(name + ".pointwise"), array(name + ".bias")};
    }

  private:
    Map members_;
};

// ---- Which picture is the under exposure ----------------------------------------------------------------------------

inline lf_measure measure(const lf_kernels &kernels, const lf_picture &picture, int threads) {
    std::vector<lf_measure> parts((picture.height + kBlockRows - 1) / kBlockRows);
    share_rows(picture.height, kBlockRows, threads, [&](int first, int last) {
        kernels.measure_rows(&picture, first, last, &parts[first / kBlockRows]);
    });
    lf_measure whole = parts[0];
    for (size_t i = 1; i < parts.size(); i++) {
        whole.low = std::min(whole.low, parts[i].low);
        whole.high = std::max(whole.high, parts[i].high);
        whole.sum += parts[i].sum;
        whole.finite = whole.finite && parts[i].finite;
    }
    return whole;
}

// Whether the first picture is the over exposure: brighter, or, where brightness is equal, larger in the first bytes to
// differ, so that which was given first never matters.
inline bool comes_after(double first_brightness, const lf_picture &first, double second_brightness,
                        const lf_picture &second) {
    if (first_brightness != second_brightness) return first_brightness > second_brightness;
    const size_t row_bytes = size_t(first.width) * lf_pixel_bytes(first.type);
    for (int y = 0; y < first.height; y++) {
        const int order = std::memcmp(static_cast<const char *>(first.pixels) + y * first.row_bytes,
                                      static_cast<const char *>(second.pixels) + y * second.row_bytes, row_bytes);
        if (order != 0) return order > 0;
    }
    return false;
}

// ---- The paper's model ----------------------------------------------------------------------------------------------

class PaperModel {
  public:
    explicit PaperModel(const Members::Map &members) : members_(members) {
        const Members &m = members_;
        model_ = {m.number("hidden1"), m.number("hidden2"), m.array("w1"), m.array("b1"), m.array("w2"), m.array("b2"),
                  m.array("w3"), m.array("b3"), m.array("down1"), m.array("down1_bias"), m.array("down2"),
                  m.array("down2_bias"), m.array("down3"), m.array("mix"), m.array("mix_bias")};
        if (std::max(model_.hidden1, model_.hidden2) > LF_MAX_HIDDEN)
            throw std::invalid_argument("hidden layers are wider than the core allows");
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
            kernels.paper_filter_rows(&model_, &under, &over, under_range, over_range, context.get(), from, to);
        });
        share_rows(under.height, kBlockRows, threads, [&](int from, int to) {
            const std::unique_ptr<float[]> scratch(new float[kernels.paper_combine_scratch_floats(&model_)]);
            kernels.paper_combine_rows(&model_, &under, &over, under_range, over_range, context.get(), &out, from, to,
                                       scratch.get());
        });
    }

  private:
    Members members_;
    lf_paper model_{};
};

// ---- The context models (small, base) -------------------------------------------------------------------------------

// What a context model knows of a scene as a whole; empty, or negative, where it is to find that out itself.
struct Context {
    float strength = -1;         // of the correction, 0 to 1
    std::vector<float> summary;  // [channels]
    std::vector<float> grid;     // [contexts][size.rows][size.columns]
    lf_size size{};
};

class ContextModel {
  public:
    explicit ContextModel(const Members::Map &members) : members_(members) {
        const Members &m = members_;
        model_.thumbnail_cells = m.number("thumbnail_cells");
        model_.channels = m.number("channels");
        model_.levels = m.number("levels");
        model_.contexts = m.number("contexts");
        for (int i = 0; i <= LF_LAYERS; i++) model_.widths[i] = m.number("widths[" + std::to_string(i) + "]");
        if (*std::max_element(model_.widths, model_.widths + LF_LAYERS + 1) > LF_MAX_WIDTH)
            throw std::invalid_argument("a layer is wider than the core allows");
        if (model_.levels < 1 || model_.levels > LF_MAX_LEVELS || model_.channels > LF_MAX_WIDTH ||
            model_.contexts != model_.widths[1] + LF_ANSWERS)
            throw std::invalid_argument("the model is larger than the core allows");
        model_.first = m.separable("first");
        model_.stem = m.separable("stem");
        for (int i = 0; i < model_.levels; i++) {
            if (i + 1 < model_.levels) model_.down[i] = m.separable("down[" + std::to_string(i) + "]");
            model_.up[i] = m.separable("up[" + std::to_string(i) + "]");
        }
        model_.summary = m.array("summary");
        model_.summary_bias = m.array("summary_bias");
        model_.head = m.array("head");
        model_.head_bias = m.array("head_bias");
        for (int i = 0; i < LF_LAYERS; i++) model_.weights[i] = m.array("weights[" + std::to_string(i) + "]");
        model_.bias = m.array("bias");
    }

    // Fuse two pictures of one size and type, in either order, into out, which may be one of them; or, with no out, only find
    // their context. What is given of it is used as it is; the context used is returned.
    Context fuse(const lf_kernels &kernels, const lf_picture &first, const lf_picture &second, const lf_picture *out,
                 int threads, const Context &given) const {
        const lf_area box = box_of(kernels, first, second, threads);
        const lf_size size = kernels.thumbnail_size(&model_, box.right - box.left, box.bottom - box.top);
        std::vector<uint16_t> thumbnails(size_t{6} * size.rows * size.columns);
        const bool swapped = measure_thumbnails(kernels, first, second, box, size, thumbnails.data(), threads);
        const lf_picture &under = swapped ? second : first, &over = swapped ? first : second;
        const Context context = filter(kernels, thumbnails.data(), size, threads, given);
        if (out != nullptr) combine(kernels, under, over, context, box, *out, threads);
        return context;
    }

    int channels() const { return model_.channels; }
    int contexts() const { return model_.contexts; }

  private:
    static constexpr int kDecodedRows = 16;  // of the grid to a block: what a thread holds of them fits the second cache

    template <typename T>
    static std::unique_ptr<T[]> array(size_t count) {
        return std::unique_ptr<T[]>(new T[count]);
    }

    // The box around the scene: where the first and the last row reach from side to side, that is all.
    static lf_area box_of(const lf_kernels &kernels, const lf_picture &first, const lf_picture &second, int threads) {
        const lf_area whole{0, 0, first.width, first.height}, none{first.width, first.height, 0, 0};
        const auto widened = [](const lf_area &a, const lf_area &b) {
            return lf_area{std::min(a.left, b.left), std::min(a.top, b.top), std::max(a.right, b.right),
                          std::max(a.bottom, b.bottom)};
        };
        lf_area box = none;
        kernels.widen_box(&first, &second, 0, 1, &box);
        kernels.widen_box(&first, &second, first.height - 1, first.height, &box);
        if (box.left > 0 || box.top > 0 || box.right < whole.right || box.bottom < whole.bottom) {
            std::mutex widening;
            share_rows(first.height, kBlockRows, threads, [&](int from, int to) {
                lf_area block = none;
                kernels.widen_box(&first, &second, from, to, &block);
                const std::lock_guard<std::mutex> lock(widening);
                box = widened(box, block);
            });
        }
        return kernels.scene_box(box, &first);
    }

    // Both thumbnails of what is in the box, under's before over's; whether the second picture is the under exposure.
    static bool measure_thumbnails(const lf_kernels &kernels, const lf_picture &first, const lf_picture &second,
                                   const lf_area &box, lf_size size, uint16_t *thumbnails, int threads) {
        const size_t half = size_t{3} * size.rows * size.columns;
        const lf_picture parts[2] = {lf_part(&first, box), lf_part(&second, box)};
        share_rows(size.rows, 4, threads, [&](int from, int to) {
            const auto scratch = array<float>(kernels.thumbnail_scratch_floats(parts[0].width));
            for (int p = 0; p < 2; p++)
                kernels.thumbnail_rows(&parts[p], size, from, to, thumbnails + p * half, scratch.get());
        });
        const bool swapped = comes_after(double(kernels.brightness(thumbnails, size)), first,
                                         double(kernels.brightness(thumbnails + half, size)), second);
        if (swapped) std::swap_ranges(thumbnails, thumbnails + half, thumbnails + half);
        return swapped;
    }

    // FilteringNet: thumbnails to what is not given of the context.
    Context filter(const lf_kernels &kernels, uint16_t *thumbnails, lf_size size, int threads, const Context &given) const {
        Context context = given;
        const size_t cells = size_t(size.rows) * size.columns;
        const auto levels = array<float>(kernels.context_levels_floats(&model_, size));
        const float strength = kernels.context_prepare(&model_, thumbnails, size, levels.get());
        if (given.strength < 0) context.strength = strength;
        if (!given.grid.empty()) return context;
        context.size = size;
        context.grid.resize(model_.contexts * cells);
        context.summary.resize(model_.channels);
        kernels.context_summarise(&model_, thumbnails, size, levels.get(),
                                  given.summary.empty() ? nullptr : given.summary.data(), context.summary.data());
        share_rows(size.rows, kDecodedRows, threads, [&](int from, int to) {
            const auto scratch = array<float>(kernels.context_decode_scratch_floats(&model_, size, kDecodedRows));
            kernels.context_decode_rows(&model_, thumbnails, size, levels.get(), {context.grid.data(), cells}, 0, from, to,
                                        scratch.get());
        });
        return context;
    }

    // CombiningNet: pictures and the context of what is in the box to the fused picture.
    void combine(const lf_kernels &kernels, const lf_picture &under, const lf_picture &over, const Context &context,
                 const lf_area &box, const lf_picture &out, int threads) const {
        lf_grid grid{box, context.size, 0, context.size.rows, context.grid.data()};
        if (under.type != LF_U8) {
            share_rows(under.height, kBlockRows, threads, [&](int from, int to) {
                const auto scratch = array<float>(kernels.context_combine_scratch_floats(&model_));
                kernels.context_combine_rows(&model_, &under, &over, &grid, context.strength, &out, from, to, scratch.get());
            });
            return;
        }
        const size_t cells = size_t(context.size.rows) * context.size.columns;
        lf_extremes extremes;
        const auto fixed = std::make_unique<lf_fixed>();
        const auto words = array<int16_t>(model_.contexts * cells);
        kernels.find_extremes(&model_, context.grid.data(), cells, cells, 0, &extremes);
        kernels.fix(&model_, &extremes, context.strength, fixed.get());
        kernels.fix_grid(&model_, fixed.get(), context.grid.data(), cells, cells, words.get());
        grid.cells = words.get();
        share_rows(under.height, kBlockRows, threads, [&](int from, int to) {
            const auto scratch = array<float>(kernels.fixed_scratch_floats(&model_));
            kernels.fixed_combine_rows(&model_, fixed.get(), &under, &over, &grid, &out, from, to, scratch.get());
        });
    }

    Members members_;
    lf_context_model model_{};
};
