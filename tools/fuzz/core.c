/* Fuzzes lightfuse.h and align.h under AddressSanitizer and UndefinedBehaviorSanitizer: see core.py, which builds and runs this.
 *
 * An input chooses a model and its weights, or a homography, the type, size, strides and addresses of two pictures, and how rows
 * are shared out. The pictures are fused, or one is warped and its border filled from the other, in one go and again in pieces,
 * whose results must be the same bits. Every block of memory is as long as it has to be and no byte longer.
 */
#include <math.h>

#include "align.h"
#include "inputs.h"
#include "lightfuse.h"

static float *floats(size_t count) { return block(count * sizeof(float)); }
static float weight_size;
static const float *weights(int count) {
    float *to = floats((size_t)count);
    for (int i = 0; i < count; i++) to[i] = ((float)(random_bits() & 0xffff) / 32768.0f - 1.0f) * weight_size;
    return to;
}

/* Fill it with the rest of the input, over and over, from byte `from` on; with noise where there is none. */
static void fill(const lf_picture *p, input *in, size_t from) {
    const size_t left = (size_t)(in->end - in->at);
    for (int y = 0; y < p->height; y++) {
        uint8_t *row = row_of(p, y);
        for (size_t i = 0; i < row_length(p) / (p->type == LF_F32 ? 4 : 1); i++) {
            const uint8_t byte = left ? in->at[from++ % left] : (uint8_t)random_bits();
            const float value = byte == 1 ? -9e-4f : byte == 2 ? 1.0009f : byte == 3 ? 1e-45f : (float)byte / 255.0f;
            if (p->type == LF_F32)
                memcpy(row + 4 * i, &value, 4);
            else
                row[i] = byte;
        }
    }
}

static double luma(const lf_picture *p, int x, int y) {
    const uint8_t *at = row_of(p, y) + (size_t)x * (size_t)lf_pixel_bytes(p->type);
    double rgb[3];
    for (int c = 0; c < 3; c++) {
        uint16_t word;
        float value;
        memcpy(&word, at + (p->type == LF_U16 ? 2 * c : 0), 2);
        memcpy(&value, at + (p->type == LF_F32 ? 4 * c : 0), p->type == LF_F32 ? 4 : 2);
        rgb[c] = p->type == LF_U8 ? at[c] / 255.0 : p->type == LF_U16 ? word / 65535.0 : value;
    }
    return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
}

static void check_luma(const lf_picture *under, const lf_picture *over, const lf_picture *out) {
    const double tolerance = out->type == LF_U8 ? 1.5 / 255 : 1.1e-3; /* floats may begin outside [0, 1] by 1e-3 */
    for (int y = 0; y < out->height; y++)
        for (int x = 0; x < out->width; x++) {
            const double a = luma(under, x, y), b = luma(over, x, y), fused = luma(out, x, y);
            REQUIRE(fused >= fmin(a, b) - tolerance && fused <= fmax(a, b) + tolerance);
        }
}

/* ---- The paper's model ---------------------------------------------------------------------------------------------- */

static lf_paper paper_model(input *in) {
    const int h1 = choose(in, 1, 9), h2 = choose(in, 1, 9);
    return (lf_paper){h1, h2, weights(6 * h1), weights(h1), weights(h1 * h2), weights(h2), weights(3 * h2), weights(3),
                      weights(54), weights(6), weights(54), weights(6), weights(54), weights(18), weights(3)};
}

static lf_measure measured(const lf_picture *p) {
    lf_measure whole, part;
    lf_measure_rows(p, 0, 1, &whole);
    if (p->height > 1) {
        lf_measure_rows(p, 1, p->height, &part);
        whole.low = fmin(whole.low, part.low);
        whole.high = fmax(whole.high, part.high);
        whole.finite = whole.finite && part.finite;
    }
    REQUIRE(whole.finite && whole.low <= whole.high);
    return whole;
}

static void fuse_paper(const lf_paper *m, const lf_picture *under, const lf_picture *over, const lf_picture *out) {
    const lf_measure a = measured(under), b = measured(over);
    const lf_range u = lf_range_of(a.low, a.high, under->type), o = lf_range_of(b.low, b.high, over->type);
    const int rows = lf_paper_context_side(under->height), columns = lf_paper_context_side(under->width);
    float *context = floats(3 * (size_t)rows * (size_t)columns);
    FOR_PIECES(first, last, rows) lf_paper_filter_rows(m, under, over, u, o, context, first, last);
    float *scratch = floats(lf_paper_combine_scratch_floats(m));
    FOR_PIECES(first, last, under->height)
    lf_paper_combine_rows(m, under, over, u, o, context, out, first, last, scratch);
}

/* ---- Context models ------------------------------------------------------------------------------------------------- */

static lf_separable separable(int from, int to) { return (lf_separable){weights(9 * from), weights(from * to), weights(to)}; }

static lf_context_model context_model(input *in, int kind) {
    lf_context_model m = {0};
    m.channels = choose(in, 1, 10);
    const unsigned sizes = next_byte(in);
    m.levels = (const int[]){1, 1, 2, 3}[sizes >> 6];
    m.thumbnail_cells = (1 << 2 * m.levels) * choose(in, 1, sizes & 48 ? 2 : m.levels > 1 ? 3 : 24);
    m.widths[0] = 6;
    for (int l = 1; l < LF_LAYERS; l++) m.widths[l] = kind < 3 ? (l == 2 && kind == 1 ? 6 : 8) : choose(in, 1, 9);
    m.widths[LF_LAYERS] = LF_ANSWERS;
    m.contexts = m.widths[1] + LF_ANSWERS;
    for (int l = 0; l < LF_LAYERS; l++) m.weights[l] = weights(m.widths[l] * m.widths[l + 1]);
    m.bias = weights(m.widths[2]);
    m.first = separable(6, m.channels);
    m.stem = (lf_separable){NULL, weights(6 * m.channels), weights(m.channels)};
    for (int i = 0; i < m.levels; i++) {
        m.down[i] = separable(m.channels, m.channels);
        m.up[i] = separable(m.channels, m.channels);
    }
    m.summary = weights(2 * m.channels * m.channels);
    m.summary_bias = weights(m.channels);
    m.head = weights(m.channels * m.contexts);
    m.head_bias = weights(m.contexts);
    return m;
}

static lf_area scene_box(const lf_picture *under, const lf_picture *over) {
    lf_area box = lf_no_box(under);
    FOR_PIECES(first, last, under->height) lf_widen_box(under, over, first, last, &box);
    return lf_scene_box(box, under);
}

static void fuse_context(const lf_context_model *m, const lf_picture *under, const lf_picture *over,
                         const lf_picture *out) {
    const lf_area box = scene_box(under, over);
    const lf_picture parts[2] = {lf_part(under, box), lf_part(over, box)};
    const lf_size size = lf_thumbnail_size(m, parts[0].width, parts[0].height);
    const size_t cells = lf_cells(size);
    uint16_t *thumbnails = block(6 * cells * sizeof(uint16_t));
    float *scratch = floats(lf_thumbnail_scratch_floats(parts[0].width)), *levels = floats(lf_context_levels_floats(m, size));
    for (int p = 0; p < 2; p++)
        FOR_PIECES(first, last, size.rows)
    lf_thumbnail_rows(&parts[p], size, first, last, thumbnails + (size_t)p * 3 * cells, scratch);
    const float strength = lf_context_prepare(m, thumbnails, size, levels);
    REQUIRE(strength >= 0 && strength <= 1);
    float *summary = floats((size_t)m->channels);
    lf_context_summarise(m, thumbnails, size, levels, NULL, summary);
    float *cells_of_grid = floats((size_t)m->contexts * cells);
    FOR_PIECES(first, last, size.rows) {
        float *decoding = floats(lf_context_decode_scratch_floats(m, size, last - first));
        lf_context_decode_rows(m, thumbnails, size, levels, (lf_planes){cells_of_grid, cells}, 0, first, last, decoding);
    }
    lf_grid grid = {box, size, 0, size.rows, cells_of_grid};
    if (under->type != LF_U8) {
        scratch = floats(lf_context_combine_scratch_floats(m));
        FOR_PIECES(first, last, under->height)
        lf_context_combine_rows(m, under, over, &grid, strength, out, first, last, scratch);
        return;
    }
    lf_extremes extremes;
    lf_fixed *fixed = block(sizeof(lf_fixed));
    int16_t *words = block((size_t)m->contexts * cells * sizeof(int16_t));
    lf_find_extremes(m, cells_of_grid, cells, cells, 0, &extremes);
    lf_fix(m, &extremes, strength, fixed);
    lf_fix_grid(m, fixed, cells_of_grid, cells, cells, words);
    grid.cells = words;
    scratch = floats(lf_fixed_scratch_floats(m));
    FOR_PIECES(first, last, under->height)
    lf_fixed_combine_rows(m, fixed, under, over, &grid, out, first, last, scratch);
}

/* ---- Warping and filling the border -------------------------------------------------------------------------------- */

/* As wild as any that alignment accepts, and wilder: up to half a picture, and all of it beside the frame. */
static lf_matrix homography(input *in, int width, int height) {
    double p[LF_PARAMETERS];
    const double times = (double)choose(in, 0, 4) / 2;
    for (int i = 0; i < LF_PARAMETERS; i++) p[i] = times * lf_plausible[i] * ((double)next_byte(in) / 127.5 - 1);
    return lf_in_pixels(lf_from_parameters(p), lf_unit_of(width, height));
}

static void warp_and_fill(const lf_matrix *warp, const lf_picture *frame, const lf_picture *base, const lf_picture *out) {
    FOR_PIECES(first, last, out->height) lf_warp_rows(frame, warp, out, 3, first, last);
    lf_fill_border(out, base, warp, 3, block(lf_fill_bytes(base->width, base->height, base->type)));
}

/* ---- One input ------------------------------------------------------------------------------------------------------ */

/* What an input does; the kinds between are models of the shapes of `small` and `base`, and of any. */
enum { PAPER = 0, WARP = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
    input in = {data, data + length};
    block_count = 0;
    random_state = 2463534242u ^ (next_byte(&in) << 8 | next_byte(&in));
    const int sixteenth = choose(&in, 0, 15), kind = sixteenth == 15 ? WARP : sixteenth % WARP, pieces = choose(&in, 1, 7), in_place = choose(&in, 0, 3);
    const lf_type any = (lf_type)choose(&in, 0, 2);
    /* A border's tone curves of more than 8 bits take a thousand times as long as a fusion: rarely, whatever inputs are kept. */
    uint32_t hash = 0;
    for (size_t i = 0; i < length; i++) hash = (hash ^ data[i]) * 16777619u;
    const lf_type type = kind == WARP && hash >> 24 ? LF_U8 : any;
    weight_size = (float)choose(&in, 1, 16) / 8.0f;
    /* Most faults show in the smallest pictures; some are wider than what is spread out at once, some larger than a tile. */
    const int shape = choose(&in, 0, 15);
    const int width = shape == 0 ? LF_COLUMNS - 8 + choose(&in, 0, LF_COLUMNS + 16) : choose(&in, 1, shape < 3 ? 40 : 12);
    const int height = choose(&in, 1, shape == 0 ? 2 : shape < 3 ? 24 : 6);
    /* Floats lie at multiples of 4 bytes: that is promised of them, as of any float; 16 bits where a frame is warped. */
    const size_t unit = type == LF_F32 ? 4 : type == LF_U16 && kind == WARP ? 2 : 1;
    const lf_picture under = picture(&in, width, height, type, unit), over = picture(&in, width, height, type, unit);
    lf_picture whole = picture(&in, width, height, type, unit), out = picture(&in, width, height, type, unit);
    lf_paper paper = {0};
    lf_context_model context = {0};
    lf_matrix warp = lf_identity;
    if (kind == PAPER) paper = paper_model(&in);
    else if (kind == WARP) warp = homography(&in, width, height);
    else context = context_model(&in, kind);
    fill(&under, &in, 0);
    fill(&over, &in, 7);
    if (in_place == 1 && kind != WARP) out = under;
    if (in_place == 2 && kind != WARP) out = over;

    for (int twice = 0; twice < 2; twice++) {
        const lf_picture *const to = twice ? &out : &whole;
        piece_rows = twice ? pieces : 0;
        if (kind == PAPER) fuse_paper(&paper, &under, &over, to);
        else if (kind == WARP) warp_and_fill(&warp, &under, &over, to);
        else fuse_context(&context, &under, &over, to);
        if (!twice && kind != PAPER && kind != WARP) check_luma(&under, &over, &whole);
    }
    check_same(&whole, &out);
    check_result(&whole);
    check_result(&out);
    while (block_count) free(blocks[--block_count]);
    return 0;
}
