// What is runnable in driven mode: nothing is lost, whatever is taken, and without memory.
#include "base/slab.h"
#include "scheduler/runnable.h"
#include "scheduler/scheduler.h"
#include "tests/support/test.h"

#define TASKS 300

static struct trp_task tasks[TASKS];
static struct trp_runnable runnable;
static bool scarce;
static int blocks;

static void *take_memory(void *user, size_t size, size_t align)
{
    (void)user;
    if (scarce)
        return NULL;
    blocks++;
    return trp_default_allocator.alloc(trp_default_allocator.user, size, align);
}

static void give_memory(void *user, void *block, size_t size)
{
    (void)user;
    blocks--;
    trp_default_allocator.free(trp_default_allocator.user, block, size);
}

static const troupe_allocator allocator = {.alloc = take_memory, .free = give_memory};

static int setup(void **state)
{
    (void)state;
    scarce = false;
    trp_runnable_init(&runnable, &allocator);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    trp_runnable_fini(&runnable);
    return blocks;
}

static void put(int from, int to)
{
    for (int i = from; i < to; i++)
        trp_runnable_put(&runnable, &tasks[i]);
}

static void expect_oldest_first(int from, int to)
{
    for (int i = from; i < to; i++)
        assert_ptr_equal(trp_runnable_take(&runnable, 0), &tasks[i]);
}

static void the_oldest_is_the_first(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        put(0, TASKS);
        assert_int_equal(runnable.count, TASKS);
        expect_oldest_first(0, TASKS);
        assert_int_equal(runnable.count, 0);
    }
}

static void any_can_be_taken_and_the_oldest_takes_its_place(void **state)
{
    (void)state;
    put(0, 4);
    assert_ptr_equal(trp_runnable_take(&runnable, 2), &tasks[2]);
    assert_ptr_equal(trp_runnable_at(&runnable, 0), &tasks[1]);
    assert_ptr_equal(trp_runnable_at(&runnable, 1), &tasks[0]);
    assert_ptr_equal(trp_runnable_at(&runnable, 2), &tasks[3]);
}

static void any_can_be_preferred_and_the_others_keep_their_order(void **state)
{
    (void)state;
    put(0, TRP_RUNNABLE_FEW);
    expect_oldest_first(0, 3); // so that the ring goes over its end
    put(0, 3);
    trp_runnable_prefer(&runnable, TRP_RUNNABLE_FEW - 1);
    trp_runnable_prefer(&runnable, 0);
    assert_ptr_equal(trp_runnable_take(&runnable, 0), &tasks[2]);
    expect_oldest_first(3, TRP_RUNNABLE_FEW);
    expect_oldest_first(0, 2);
}

static void without_memory_the_youngest_wait(void **state)
{
    (void)state;
    scarce = true;
    put(0, TASKS);
    assert_int_equal(runnable.count, TRP_RUNNABLE_FEW);
    expect_oldest_first(0, TASKS / 2);
    put(0, TASKS / 2);
    scarce = false;
    expect_oldest_first(TASKS / 2, TASKS);
    expect_oldest_first(0, TASKS / 2);
}

static void what_waits_comes_in_once_there_is_memory(void **state)
{
    (void)state;
    scarce = true;
    put(0, 100);
    scarce = false;
    put(100, TASKS);
    assert_true(runnable.count > TRP_RUNNABLE_FEW);
    expect_oldest_first(0, TASKS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_oldest_is_the_first, setup, teardown),
        cmocka_unit_test_setup_teardown(any_can_be_taken_and_the_oldest_takes_its_place, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(any_can_be_preferred_and_the_others_keep_their_order, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(without_memory_the_youngest_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(what_waits_comes_in_once_there_is_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
