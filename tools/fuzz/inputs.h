/* What the fuzzers of the core share: bytes of the input, memory, and pictures of any layout. Include after the core's headers. */
#ifndef LIGHTFUSE_FUZZ_INPUTS_H
#define LIGHTFUSE_FUZZ_INPUTS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(condition)                                                                                            \
    do {                                                                                                              \
        if (!(condition)) {                                                                                           \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);                              \
            abort();                                                                                                  \
        }                                                                                                             \
    } while (0)

/* ---- The input ------------------------------------------------------------------------------------------------------ */

typedef struct {
    const uint8_t *at, *end;
} input;

static unsigned next_byte(input *in) { return in->at < in->end ? *in->at++ : 0; }
static int choose(input *in, int low, int high) { return low + (int)(next_byte(in) % (unsigned)(high - low + 1)); }

static uint32_t random_state;
static uint32_t random_bits(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    return random_state ^= random_state << 5;
}

/* All memory of a run, to be freed at its end. */
enum { MOST_BLOCKS = 256 };
static void *blocks[MOST_BLOCKS];
static int block_count;
static void *block(size_t bytes) {
    REQUIRE(block_count < MOST_BLOCKS);
    return blocks[block_count++] = malloc(bytes ? bytes : 1);
}

/* ---- Pictures ------------------------------------------------------------------------------------------------------- */

static size_t row_length(const lf_picture *p) { return (size_t)p->width * (size_t)lf_pixel_bytes(p->type); }
static uint8_t *row_of(const lf_picture *p, int y) { return (uint8_t *)p->pixels + y * p->row_bytes; }

/* A picture at multiples of `unit` bytes, its rows any number of these apart, upwards or downwards. */
static lf_picture picture(input *in, int width, int height, lf_type type, size_t unit) {
    lf_picture p = {NULL, 0, width, height, type};
    const size_t offset = unit * (size_t)choose(in, 0, 15), row = row_length(&p) + unit * (size_t)choose(in, 0, 40);
    const int downwards = next_byte(in) & 1;
    uint8_t *memory = block(offset + (size_t)(height - 1) * row + row_length(&p));
    memset(memory, 0xa5, offset + (size_t)(height - 1) * row + row_length(&p));
    p.pixels = memory + offset + (downwards ? 0 : (size_t)(height - 1) * row);
    p.row_bytes = downwards ? (ptrdiff_t)row : -(ptrdiff_t)row;
    return p;
}

static void check_same(const lf_picture *a, const lf_picture *b) {
    for (int y = 0; y < a->height; y++) REQUIRE(!memcmp(row_of(a, y), row_of(b, y), row_length(a)));
}

/* Between rows nothing was written, and floats are finite and in range. */
static void check_result(const lf_picture *p) {
    const size_t length = row_length(p), apart = (size_t)(p->row_bytes < 0 ? -p->row_bytes : p->row_bytes);
    for (int y = 0; y < p->height; y++) {
        const uint8_t *row = row_of(p, y);
        const int is_last = y == (p->row_bytes > 0 ? p->height - 1 : 0);
        for (size_t i = length; i < apart && !is_last; i++) REQUIRE(row[i] == 0xa5);
        for (size_t i = 0; p->type == LF_F32 && i < length; i += 4) {
            float value;
            memcpy(&value, row + i, 4);
            REQUIRE(value >= 0 && value <= 1);
        }
    }
}

/* ---- Rows in pieces ------------------------------------------------------------------------------------------------- */

static int least(int a, int b) { return a < b ? a : b; }

/* How many rows a piece has at most: 0 for all at once. */
static int piece_rows;
#define FOR_PIECES(first, last, rows)                                                                                 \
    for (int first = 0, last = piece_rows ? least(piece_rows, rows) : (rows); first < (rows);                    \
         first = last, last = piece_rows ? least(last + piece_rows, rows) : (rows))

#endif
