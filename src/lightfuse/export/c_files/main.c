/* Fuses two PPM pictures (P6, 8 or 16 bits) of one scene row by row: lightfuse FIRST.ppm SECOND.ppm FUSED.ppm */
#include <stdio.h>
#include <stdlib.h>

#include "lightfuse_rows.h"
#include "lightfuse_@MODEL@_weights.h"

typedef struct {
    FILE *in[2], *out;
    long pixels[2]; /* where they begin in the files */
    size_t row_bytes;
    int wide; /* two bytes a value, the larger first, as PPM has them */
} files;

/* Turn a row of 16-bit values from PPM's order of bytes to the processor's, or back. */
static void turn_bytes(unsigned char *row, size_t bytes) {
    const uint16_t one = 1;
    if (*(const unsigned char *)&one == 0) return;
    for (size_t i = 0; i < bytes; i += 2) {
        const unsigned char larger = row[i];
        row[i] = row[i + 1];
        row[i + 1] = larger;
    }
}

static int read_row(void *user, int picture, int row, void *to) {
    const files *f = user;
    if (row == 0 && fseek(f->in[picture], f->pixels[picture], SEEK_SET)) return 1;
    if (fread(to, 1, f->row_bytes, f->in[picture]) != f->row_bytes) return 1;
    if (f->wide) turn_bytes(to, f->row_bytes);
    return 0;
}

static int write_row(void *user, int row, const void *from) {
    const files *f = user;
    (void)row;
    if (!f->wide) return fwrite(from, 1, f->row_bytes, f->out) != f->row_bytes;
    for (size_t i = 0; i < f->row_bytes / 2; i++) {
        const unsigned value = ((const uint16_t *)from)[i];
        if (fputc((int)(value >> 8), f->out) == EOF || fputc((int)(value & 255), f->out) == EOF) return 1;
    }
    return 0;
}

static int fail(const char *sentence) {
    fprintf(stderr, "lightfuse: %s\n", sentence);
    return 2;
}

int main(int count, char **names) {
    if (count != 4) return fail("give two PPM files to read and one to write");
    files f = {0};
    int width[2], height[2], top[2];
    for (int p = 0; p < 2; p++) {
        f.in[p] = fopen(names[1 + p], "rb");
        if (!f.in[p] || fscanf(f.in[p], "P6 %d %d %d", &width[p], &height[p], &top[p]) != 3 || fgetc(f.in[p]) == EOF)
            return fail("a picture cannot be read: it must be a PPM (P6) without comments");
        f.pixels[p] = ftell(f.in[p]);
    }
    if (width[0] != width[1] || height[0] != height[1] || top[0] != top[1] || width[0] < 1 || height[0] < 1 ||
        (top[0] != 255 && top[0] != 65535))
        return fail("the pictures must be of one size, with 255 or 65535 for white in both");
    f.wide = top[0] == 65535;
    f.row_bytes = (size_t)width[0] * (f.wide ? 6 : 3);

    const lf_rows rows = {width[0], height[0], f.wide ? LF_U16 : LF_U8, read_row, write_row, &f};
    void *memory = malloc(lf_fuse_rows_bytes(&lightfuse_@MODEL@, &rows));
    f.out = fopen(names[3], "wb");
    if (!memory || !f.out) return fail("there is not enough memory, or the result cannot be written");
    fprintf(f.out, "P6\n%d %d\n%d\n", width[0], height[0], top[0]);
    if (lf_fuse_rows(&lightfuse_@MODEL@, &rows, memory) || fclose(f.out)) return fail("a row was not read or written");
    free(memory);
    return 0;
}
