/* Fuzzes deghost.h under AddressSanitizer and UndefinedBehaviorSanitizer: see core.py, which builds and runs this.
 *
 * An input chooses the type, size, strides and addresses of two exposures, what they show and what moved between them, and the
 * options of the search. Ghosts are looked for and removed with rows in one order and in the other, which must give the same bits.
 */
#include "deghost.h"
#include "inputs.h"

/* ---- Two exposures -------------------------------------------------------------------------------------------------- */

typedef struct {
    int noise, stops, moved[4], clipped, is_random;
} scene;

static scene scene_of(input *in, int width, int height) {
    scene s = {.noise = choose(in, 0, 15), .stops = choose(in, 0, 5), .is_random = choose(in, 0, 7) == 0};
    const int sides[2] = {width, height};
    for (int i = 0; i < 2; i++) {
        s.moved[i] = (int)(next_byte(in) * (unsigned)sides[i] / 256);
        s.moved[2 + i] = s.moved[i] + 1 + (int)(next_byte(in) * (unsigned)sides[i] / 512);
    }
    s.clipped = choose(in, 0, 3) ? 0 : choose(in, 1, 255) * width / 512;
    return s;
}

static float scene_value(const scene *s, lf_frame which, int x, int y, int width, int height, int channel) {
    if (s->is_random) return (float)(random_bits() & 0xff) / 255;
    const int shown = 10 + (x * 7 / (1 + width / 9) + y * 3 / (1 + height / 9)) * 13 % 110 + 9 * channel;
    const float value = (float)(shown + (int)(random_bits() % (unsigned)(s->noise + 1))) / 255;
    if (which == LF_UNDER) return value;
    if (x < s->clipped) return 1;
    if (x >= s->moved[0] && x < s->moved[2] && y >= s->moved[1] && y < s->moved[3]) return random_bits() % 3 ? 0.9f : 0.05f;
    const float over = value * (float)(1 << s->stops);
    return over < 1 ? over : 1;
}

static void show(const lf_picture *p, const scene *s, lf_frame which) {
    for (int y = 0; y < p->height; y++)
        for (int i = 0; i < 3 * p->width; i++) {
            const float value = scene_value(s, which, i / 3, y, p->width, p->height, i % 3);
            lf_store_value(row_of(p, y), i, p->type, value);
        }
}

/* ---- The search ----------------------------------------------------------------------------------------------------- */

typedef struct {
    lf_frame base;
    int always, backwards;
} options;

static void reduce(lf_ghosts *g, const lf_picture frames[2], int quick) {
    for (int which = 0; which < 2; which++)
        FOR_PIECES(first, last, g->rows) REQUIRE(lf_ghosts_reduce_rows(g, (lf_frame)which, &frames[which], 3, quick, first, last));
}

/* Call for bands of rows in one order or the other. */
#define FOR_BANDS(first, last, band, rows, backwards)                                                                 \
    for (int bands = ((rows) + (band)-1) / (band), k = 0, first, last;                                                \
         k < bands && (first = ((backwards) ? bands - 1 - k : k) * (band), last = least(first + (band), rows), 1); k++)

static void compare(lf_ghosts *g, int extend, const options *o) {
    void *scratch = block(lf_band_bytes(g->columns));
    FOR_BANDS(first, last, LF_BAND, g->rows, o->backwards) lf_ghosts_compare_rows(g, extend, first, last, scratch);
}

/* Returns whether the quick test found none; it must not have missed any that are found. */
static int quick_test(lf_ghosts *g, const lf_picture frames[2], const options *o) {
    reduce(g, frames, 1);
    if (!lf_ghosts_map(g, 1)) return 0;
    compare(g, 0, o);
    return lf_ghosts_are_none(g);
}

static lf_decision search(lf_ghosts *g, const lf_picture frames[2], const options *o) {
    reduce(g, frames, 0);
    if (!lf_ghosts_map(g, 0)) return (lf_decision){.too_large = 0};
    compare(g, 0, o);
    if (!lf_ghosts_seeds(g)) return (lf_decision){.too_large = 0};
    compare(g, 1, o);
    return lf_ghosts_decide(g, o->base, o->always);
}

/* `target` is a copy of the frame that is not the source; its rows are changed in bands that may not see each other. */
static void change(lf_ghosts *g, lf_frame source, const lf_picture frames[2], const lf_picture *target, const options *o) {
    const lf_blend *blend = lf_ghosts_blend(g, source, 3);
    uint8_t *mask = block((size_t)target->width * (size_t)target->height);
    memset(mask, 0, (size_t)target->width * (size_t)target->height);
    void *scratch = block(lf_tile_bytes(g->columns));
    FOR_BANDS(first, last, LF_BLEND_ROWS, target->height, o->backwards)
    lf_blend_rows(blend, target, &frames[source], first, last, mask, (size_t)target->width, scratch);
}

static void deghost(const lf_picture frames[2], const lf_picture *targets, const options *o) {
    const int width = frames[0].width, height = frames[0].height;
    lf_ghosts *g = lf_ghosts_begin(width, height, frames[0].type, block(lf_ghosts_bytes(width, height, frames[0].type)));
    quick_test(g, frames, o);
    const lf_decision found = search(g, frames, o);
    REQUIRE(found.share >= 0 && found.share <= 1);
    for (int to = 0; to < 2; to++) {
        for (int y = 0; y < height; y++) memcpy(row_of(&targets[to], y), row_of(&frames[to], y), row_length(&frames[to]));
        if (found.changed[to]) change(g, (lf_frame)!to, frames, &targets[to], o);
    }
}

/* ---- One input ------------------------------------------------------------------------------------------------------ */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
    input in = {data, data + length};
    block_count = 0;
    random_state = 2463534242u ^ (next_byte(&in) << 8 | next_byte(&in));
    const lf_type type = (lf_type)choose(&in, 0, 2);
    const int pieces = choose(&in, 1, 7), shape = choose(&in, 0, 63);
    /* Most are as large as a frame has to be to be searched; some are tiny, and some so large that they are reduced. */
    int width = 16 + choose(&in, 0, 80), height = 16 + choose(&in, 0, 60);
    if (shape < 4) width = choose(&in, 1, 20), height = choose(&in, 1, 20);
    if (shape == 4) width = 2000 + choose(&in, 0, 255), height = choose(&in, 1, 40);
    if (shape == 5) width = 1000 + choose(&in, 0, 40), height = 1000 + choose(&in, 0, 20);
    if (shape == 6) height = 100 + choose(&in, 0, 200);
    const size_t unit = type == LF_F32 ? 4 : type == LF_U16 ? 2 : 1;
    const scene s = scene_of(&in, width, height);
    options o = {.base = (lf_frame)choose(&in, 0, 2), .always = choose(&in, 0, 3) == 0};
    lf_picture frames[2], whole[2], pieced[2];
    for (int i = 0; i < 2; i++) {
        frames[i] = picture(&in, width, height, type, unit);
        whole[i] = picture(&in, width, height, type, unit), pieced[i] = picture(&in, width, height, type, unit);
        show(&frames[i], &s, (lf_frame)i);
    }
    deghost(frames, whole, &o);
    piece_rows = pieces, o.backwards = 1;
    deghost(frames, pieced, &o);
    piece_rows = 0;
    for (int i = 0; i < 2; i++) {
        check_same(&whole[i], &pieced[i]);
        check_result(&whole[i]);
        check_result(&pieced[i]);
    }
    while (block_count) free(blocks[--block_count]);
    return 0;
}
