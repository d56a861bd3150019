// Runs a fuzz target as an ordinary test: each file given, then inputs derived from them and from
// nothing, always the same ones. A failure is the target's: it aborts, or a sanitizer does.
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// DERIVED_INPUTS, how many, is told by the BUILD file.
enum {
    MAX_SIZE = 4096,
    MAX_MUTATIONS = 8,
};

struct input {
    uint8_t *bytes;
    size_t size;
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

// splitmix64 (Steele, Lea, Flood, 2014), from a fixed start.
static uint64_t draw(void)
{
    static uint64_t state = 20261121;
    uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static size_t draw_below(size_t limit)
{
    return (size_t)(draw() % limit);
}

// Runs the target on an exact copy, so that a sanitizer sees a read past the end.
static void run(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    if (size)
        memcpy(copy, bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static struct input read_input(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "cannot read %s: %s\n", path, strerror(errno));
        exit(1);
    }
    struct input input = {malloc(MAX_SIZE), 0};
    if (!input.bytes)
        abort();
    input.size = fread(input.bytes, 1, MAX_SIZE, file);
    fclose(file);
    return input;
}

// Changes bytes in place; returns the new size.
static size_t mutate(uint8_t *bytes, size_t size)
{
    // Lengths and tags go wrong at their limits.
    static const uint8_t limits[] = {0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff};

    if (size == 0) {
        bytes[0] = (uint8_t)draw();
        return 1;
    }
    size_t at = draw_below(size);
    size_t count = 1 + draw_below(size - at);
    switch (draw_below(6)) {
    case 0:
        bytes[at] = (uint8_t)(bytes[at] ^ (1U << draw_below(8)));
        return size;
    case 1:
        bytes[at] = (uint8_t)draw();
        return size;
    case 2:
        bytes[at] = limits[draw_below(sizeof limits)];
        return size;
    case 3: // cut off
        return at;
    case 4: // remove a piece
        memmove(bytes + at, bytes + at + count, size - at - count);
        return size - count;
    default: // repeat a piece
        if (count > MAX_SIZE - size)
            return size;
        memmove(bytes + at + count, bytes + at, size - at);
        return size + count;
    }
}

int main(int argc, char **argv)
{
    size_t seed_count = (size_t)(argc - 1);
    struct input *seeds = calloc(seed_count + 1, sizeof *seeds); // the last one stays empty
    if (!seeds)
        abort();
    for (size_t i = 0; i < seed_count; i++) {
        seeds[i] = read_input(argv[i + 1]);
        run(seeds[i].bytes, seeds[i].size);
    }
    run(NULL, 0);

    static uint8_t bytes[MAX_SIZE];
    for (int i = 0; i < DERIVED_INPUTS; i++) {
        const struct input *seed = &seeds[draw_below(seed_count + 1)];
        size_t size = seed->size;
        if (seed->bytes) {
            memcpy(bytes, seed->bytes, size);
        } else { // small inputs reach more than large ones
            size = draw_below((size_t)1 << draw_below(10));
            for (size_t k = 0; k < size; k++)
                bytes[k] = (uint8_t)draw();
        }
        for (size_t mutations = draw_below(MAX_MUTATIONS + 1); mutations > 0; mutations--)
            size = mutate(bytes, size);
        run(bytes, size);
    }

    printf("%zu corpus files and %d derived inputs\n", seed_count, DERIVED_INPUTS);
    for (size_t i = 0; i < seed_count; i++)
        free(seeds[i].bytes);
    free(seeds);
    return 0;
}
