// The injection queue under chosen interleavings: threads add single tasks and batches while others
// take some. Each task comes out once, those of one thread in its order, and the count is right.
#include "scheduler/inject.h"
#include "scheduler/scheduler.h"
#include "tests/support/interleave.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#define MOST  24
#define BATCH 3 // tasks

static struct {
    int singles, batches; // that are added
    int takes, at_most;   // how often, and how many at a time
    bool no_memory;       // for batches

    struct trp_inject inject;
    struct trp_task tasks[2 * MOST]; // single ones, those of batches
    int next[2];                     // which of each comes out next
    bool taken[2 * MOST];
    int seen;
} game;

static void *alloc(void *user, size_t size, size_t align)
{
    (void)user;
    return game.no_memory ? NULL : aligned_alloc(align, (size + align - 1) / align * align);
}

static void give(void *user, void *block, size_t size)
{
    (void)user, (void)size;
    free(block);
}

static const troupe_allocator allocator = {.alloc = alloc, .free = give};

static void setup(void *user)
{
    (void)user;
    trp_inject_init(&game.inject, &allocator);
    memset(game.tasks, 0, sizeof game.tasks);
    memset(game.next, 0, sizeof game.next);
    memset(game.taken, 0, sizeof game.taken);
    game.seen = 0;
}

static void add_singles(void *user)
{
    (void)user;
    for (int i = 0; i < game.singles; i++)
        trp_inject_push(&game.inject, &game.tasks[i]);
}

static void add_batches(void *user)
{
    (void)user;
    for (int i = 0; i < game.batches; i++) {
        struct trp_task *tasks[BATCH];
        for (int k = 0; k < BATCH; k++)
            tasks[k] = &game.tasks[MOST + BATCH * i + k];
        trp_inject_push_all(&game.inject, tasks, BATCH);
    }
}

static void see(struct trp_task *const *tasks, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        bool *taken = &game.taken[tasks[i] - game.tasks];
        TRP_EXPECT(!*taken);
        *taken = true;
        game.seen++;
    }
}

// All comes out in order, if there is one who takes.
static void see_in_order(struct trp_task *const *tasks, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        int kind = tasks[i] >= game.tasks + MOST;
        TRP_EXPECT(tasks[i] == &game.tasks[kind * MOST + game.next[kind]]);
        game.next[kind]++;
    }
    see(tasks, count);
}

static void take_in_order(void *user)
{
    (void)user;
    struct trp_task *tasks[MOST];
    for (int i = 0; i < game.takes; i++) {
        trp_interleave_yield("test: before taking");
        see_in_order(tasks, trp_inject_take(&game.inject, tasks, (uint32_t)game.at_most));
    }
}

static void take(void *user)
{
    (void)user;
    struct trp_task *tasks[MOST];
    for (int i = 0; i < game.takes; i++) {
        trp_interleave_yield("test: before taking");
        see(tasks, trp_inject_take(&game.inject, tasks, (uint32_t)game.at_most));
    }
}

static void check(void *user)
{
    (void)user;
    struct trp_task *tasks[MOST];
    int left = (int)trp_inject_count(&game.inject);
    TRP_EXPECT(game.seen + left == game.singles + BATCH * game.batches);
    uint32_t count;
    while ((count = trp_inject_take(&game.inject, tasks, MOST)) > 0)
        see(tasks, count);
    TRP_EXPECT(game.seen == game.singles + BATCH * game.batches);
    TRP_EXPECT(trp_inject_count(&game.inject) == 0);
    trp_inject_fini(&game.inject);
}

static void play(struct trp_interleave *test)
{
    for (int no_memory = 0; no_memory < 2; no_memory++) {
        game.no_memory = no_memory;
        game.singles = 2;
        game.batches = game.takes = 1;
        game.at_most = 2;
        trp_interleave_exhaustive(test);
        game.singles = MOST;
        game.batches = MOST / BATCH;
        game.takes = MOST;
        game.at_most = 2;
        trp_interleave_random(test, 1, 2000);
    }
}

// One is amid adding, another wants to add or take.
static void what_is_added_by_two_is_taken_once_and_in_order(void **state)
{
    (void)state;
    struct trp_interleave test = {.name = "singles, batches and one who takes",
                                  .setup = setup,
                                  .threads = {add_singles, add_batches, take_in_order},
                                  .count = 3,
                                  .check = check,
                                  .max_preemptions = 3,
                                  .windows = {{"inject: added, not counted", "futex: asleep"},
                                              {"inject: taken, not counted", "futex: asleep"},
                                              {"inject: pushed", "inject: taken, not counted"}}};
    play(&test);
}

static void two_who_take_never_get_the_same(void **state)
{
    (void)state;
    struct trp_interleave test = {.name = "two who take",
                                  .setup = setup,
                                  .threads = {add_singles, add_batches, take, take},
                                  .count = 4,
                                  .check = check,
                                  .max_preemptions = 2,
                                  .windows = {{"inject: taken, not counted", "futex: asleep"}}};
    play(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_added_by_two_is_taken_once_and_in_order),
        cmocka_unit_test(two_who_take_never_get_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
