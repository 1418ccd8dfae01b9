/* The model in whole numbers, and sums and sizes of its kind. */

enum { LF_MAX_LEVELS = 8, LF_MAX_LAYERS = 5, LF_MAX_WIDTH = 64 };
enum { LF_ONE = 32767, LF_GAIN_BITS = 13, LF_CHROMA_BITS = 12, LF_PART_BITS = 14, LF_LITTLE = 655 };

/* A depthwise 3 x 3 [channels][3][3]: its sums are shifted right. */
typedef struct {
    const int8_t *weights;
    const uint8_t *shifts;
} lf_spread;

/* A pointwise layer [out][in] of FilteringNet: (sum + bias) * multiplier, shifted right. */
typedef struct {
    const int8_t *weights;
    const int32_t *biases;
    const int16_t *multipliers;
    const uint8_t *shifts;
} lf_mix;

typedef struct {
    lf_spread depthwise;
    lf_mix pointwise;
} lf_separable;

/* A layer [out][in] of CombiningNet: sum + bias, shifted right. */
typedef struct {
    const int8_t *weights;
    const int32_t *biases;
    const uint8_t *shifts;
} lf_layer;

/* A mixing weight by the last layer's sum: table[i] at (first + i) * 2^bits, `steps` steps, linear between. */
typedef struct {
    const int16_t *table;
    int32_t first, steps;
    int bits;
} lf_curve;

/* FilteringNet halves the thumbnail `levels` times and comes back up; CombiningNet has `layers` layers of
 * widths[0..layers] (6 ... outputs). The first widths[1] contexts are added inside its first layer, the others to its
 * last. gains: luma gain, luma offset and chroma gain of answers 1, 2 and 3, as a product and a shift. */
typedef struct {
    int thumbnail_cells, channels, levels, layers, outputs, contexts, ratio;
    int widths[LF_MAX_LAYERS + 1];
    lf_separable first, down[LF_MAX_LEVELS], up[LF_MAX_LEVELS];
    lf_mix stem, summary, head;
    lf_layer combining[LF_MAX_LAYERS];
    const uint8_t *context_shifts;
    lf_curve curves[2];
    int32_t gains[3];
    uint8_t gain_shifts[3];
} lf_int8_model;

typedef struct {
    int rows, columns;
} lf_size;

static int lf_min_int(int a, int b) { return a < b ? a : b; }
static int32_t lf_held(int32_t x, int32_t low, int32_t high) { return x < low ? low : x > high ? high : x; }
static int16_t lf_fitted(int32_t x) { return (int16_t)lf_held(x, -LF_ONE - 1, LF_ONE); }

/* x / 2^by, halves upwards. */
static int32_t lf_shifted(int32_t x, int by) { return (x + ((1 << by) >> 1)) >> by; }

/* Steps of `multiple` cells along a side, rounded: sqrt(cells * side / other) / multiple. */
static int lf_thumbnail_side(int side, int other, int cells, int multiple) {
    const uint64_t most = 4 * (uint64_t)side * (uint64_t)cells, step = (uint64_t)(multiple * multiple) * (uint64_t)other;
    const int largest = cells / (multiple * multiple);
    int steps = 1;
    for (uint64_t odd = 3; steps < largest && odd * odd * step <= most; odd += 2) steps++;
    return multiple * steps;
}

static lf_size lf_thumbnail_size(const lf_int8_model *m, int width, int height) {
    const int multiple = 1 << m->levels;
    return (lf_size){lf_thumbnail_side(height, width, m->thumbnail_cells, multiple),
                     lf_thumbnail_side(width, height, m->thumbnail_cells, multiple)};
}
