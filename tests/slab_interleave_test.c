// Batches that pass through the depot while threads take turns at its door.
#include "base/assert.h"
#include "base/slab.h"
#include "tests/support/interleave.h"
#include "tests/support/test.h"

#include <string.h>

#define BLOCK   2048 // the class with the smallest batches
#define BATCH   8
#define THREADS 3
#define MOST    64

struct game {
    int threads;
    struct trp_slab *slab;
    struct trp_slab_cache caches[THREADS];
    // Blocks on their way from thread 0 to the others; only whoever has the turn touches them.
    void *travelling[MOST];
    int travelling_count;
    int given;
};

static void reset(void *user)
{
    struct game *game = user;
    *game = (struct game){.threads = game->threads};
    game->slab = trp_slab_new(&trp_default_allocator);
    TRP_ASSERT(game->slab != NULL);
    for (int i = 0; i < game->threads; i++)
        trp_slab_cache_init(&game->caches[i], game->slab);
}

static void mark(void *block, int owner)
{
    memset(block, owner, BLOCK);
}

// Nobody else has got the block meanwhile.
static void expect_mark(const unsigned char *block, int owner)
{
    TRP_EXPECT(block[0] == owner && block[BLOCK / 2] == owner && block[BLOCK - 1] == owner);
}

// Takes more than one batch, and gives all back, so that batches go to the depot and come from it.
static void take_and_give(struct game *game, int self)
{
    struct trp_slab_cache *cache = &game->caches[self];
    void *blocks[3 * BATCH];
    for (int i = 0; i < 3 * BATCH; i++) {
        blocks[i] = trp_slab_take(cache, BLOCK);
        mark(blocks[i], self + 1);
    }
    trp_interleave_yield("test: holds blocks");
    for (int i = 0; i < 3 * BATCH; i++) {
        expect_mark(blocks[i], self + 1);
        trp_slab_give(cache, blocks[i], BLOCK);
    }
    trp_slab_cache_fini(cache);
}

static void take_and_give_0(void *user)
{
    take_and_give(user, 0);
}

static void take_and_give_1(void *user)
{
    take_and_give(user, 1);
}

static void take_and_give_2(void *user)
{
    take_and_give(user, 2);
}

static void produce(void *user)
{
    struct game *game = user;
    for (int i = 0; i < MOST; i++) {
        void *block = trp_slab_take(&game->caches[0], BLOCK);
        mark(block, 100);
        game->travelling[game->travelling_count++] = block;
        if (i % BATCH == 0)
            trp_interleave_yield("test: sent some");
    }
    trp_slab_cache_fini(&game->caches[0]);
}

static bool has_arrived(void *user)
{
    const struct game *game = user;
    return game->travelling_count > 0 || game->given == MOST;
}

static void consume(struct game *game, int self)
{
    while (game->given < MOST) {
        trp_interleave_block_until("test: blocked until a block arrives", has_arrived, game);
        if (game->travelling_count == 0)
            continue;
        void *block = game->travelling[--game->travelling_count];
        game->given++;
        expect_mark(block, 100);
        trp_slab_give(&game->caches[self], block, BLOCK);
    }
    trp_slab_cache_fini(&game->caches[self]);
}

static void consume_1(void *user)
{
    consume(user, 1);
}

static void consume_2(void *user)
{
    consume(user, 2);
}

static void check_nothing_is_lost(void *user)
{
    struct game *game = user;
    TRP_EXPECT(trp_slab_blocks_out(game->slab) == 0);
    trp_slab_free(game->slab);
}

static void a_batch_handed_over_against_a_fetch_has_one_owner(void **state)
{
    (void)state;
    struct game game = {.threads = 2};
    struct trp_interleave test = {
        .name = "hand over against fetch",
        .setup = reset,
        .threads = {take_and_give_0, take_and_give_1, take_and_give_2},
        .count = 2,
        .check = check_nothing_is_lost,
        .user = &game,
        .max_preemptions = 3,
        .windows = {{"slab: before handing a batch over", "slab: before fetching a batch"}}};
    trp_interleave_exhaustive(&test);
    game.threads = test.count = 3;
    trp_interleave_random(&test, 1, 2000);
}

static void no_block_has_two_owners_with_three_threads(void **state)
{
    (void)state;
    struct game game = {.threads = 3};
    const struct trp_interleave test = {
        .name = "three threads take and give",
        .setup = reset,
        .threads = {take_and_give_0, take_and_give_1, take_and_give_2},
        .count = 3,
        .check = check_nothing_is_lost,
        .user = &game,
        .max_preemptions = 1};
    print_message("%llu runs\n", (unsigned long long)trp_interleave_exhaustive(&test));
    trp_interleave_random(&test, 1, 1000);
}

static void blocks_that_travel_to_two_consumers_all_come_back(void **state)
{
    (void)state;
    struct game game = {.threads = 3};
    const struct trp_interleave test = {.name = "travelling blocks",
                                        .setup = reset,
                                        .threads = {produce, consume_1, consume_2},
                                        .count = 3,
                                        .check = check_nothing_is_lost,
                                        .user = &game};
    trp_interleave_random(&test, 1, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_handed_over_against_a_fetch_has_one_owner),
        cmocka_unit_test(no_block_has_two_owners_with_three_threads),
        cmocka_unit_test(blocks_that_travel_to_two_consumers_all_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
