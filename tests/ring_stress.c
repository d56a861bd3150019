// The ring with real threads: one owner, more thieves than cores. What is in a task is not atomic,
// on purpose: a task seen by two threads at once, or before what was written to it, is a data race
// that ThreadSanitizer reports.
#include "scheduler/ring.h"
#include "scheduler/scheduler.h"
#include "tests/support/test.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#define THIEVES 16 // far more than there are CPUs
#define TASKS   400000

struct item {
    struct trp_task task; // first
    int runs;
    int number; // 1 + its place, written just before it is pushed
};

struct stage {
    struct trp_ring owner;
    struct trp_ring rings[THIEVES];
    struct item *items;
    _Atomic bool done;
};

struct thief {
    struct stage *stage;
    int index;
    uint64_t taken;
};

static void run_item(struct trp_task *task)
{
    struct item *item = (struct item *)(void *)task;
    item->runs += item->number > 0;
}

static void *steal(void *user)
{
    struct thief *thief = user;
    struct stage *stage = thief->stage;
    struct trp_ring *own = &stage->rings[thief->index];
    struct trp_ring *neighbour = &stage->rings[(thief->index + 1) % THIEVES];
    bool last_look = false;
    for (;;) {
        bool done = atomic_load(&stage->done);
        uint32_t stolen = trp_ring_steal(own, neighbour);
        if (thief->index % 2 == 0) // the others know of the tasks by their neighbour alone
            stolen += trp_ring_steal(own, &stage->owner);
        if (stolen == 0) {
            if (last_look)
                return NULL;
            last_look = done;
        }
        if (stolen == 0 || thief->taken % 16 == 0) // time for others to steal it again
            sched_yield();
        for (struct trp_task *task; (task = trp_ring_pop(own)); thief->taken++)
            run_item(task);
    }
}

static void every_task_runs_once_whoever_takes_it(void **state)
{
    (void)state;
    struct stage *stage = aligned_alloc(TRP_CACHE_LINE, sizeof *stage);
    assert_non_null(stage);
    stage->items = calloc(TASKS, sizeof *stage->items);
    assert_non_null(stage->items);
    atomic_init(&stage->done, false);
    trp_ring_init(&stage->owner);
    for (int i = 0; i < THIEVES; i++)
        trp_ring_init(&stage->rings[i]);
    pthread_t threads[THIEVES];
    struct thief thieves[THIEVES];
    for (int i = 0; i < THIEVES; i++) {
        thieves[i] = (struct thief){.stage = stage, .index = i};
        assert_int_equal(pthread_create(&threads[i], NULL, steal, &thieves[i]), 0);
    }

    uint64_t own = 0;
    struct trp_task *batch[TRP_RING_SIZE / 2];
    for (int i = 0; i < TASKS; i++) {
        stage->items[i].number = i + 1;
        while (!trp_ring_push(&stage->owner, &stage->items[i].task)) {
            uint32_t count = trp_ring_spill(&stage->owner, batch);
            for (uint32_t k = 0; k < count; k++, own++)
                run_item(batch[k]);
        }
        struct trp_task *task = i % 3 == 0 ? trp_ring_pop(&stage->owner) : NULL;
        if (task) {
            run_item(task);
            own++;
        }
    }
    for (struct trp_task *task; (task = trp_ring_pop(&stage->owner)); own++)
        run_item(task);
    atomic_store(&stage->done, true);

    uint64_t total = own;
    for (int i = 0; i < THIEVES; i++) {
        pthread_join(threads[i], NULL);
        total += thieves[i].taken;
    }
    assert_int_equal(total, TASKS);
    for (int i = 0; i < TASKS; i++)
        assert_int_equal(stage->items[i].runs, 1);
    free(stage->items);
    free(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once_whoever_takes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
