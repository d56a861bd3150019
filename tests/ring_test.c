// A worker's ring, from one thread: the other thread's part is played by calling it.
#include "scheduler/ring.h"
#include "scheduler/scheduler.h"
#include "tests/support/test.h"

static struct trp_task tasks[2 * TRP_RING_SIZE];
static struct trp_ring ring;
static struct trp_ring other;

static int setup(void **state)
{
    (void)state;
    trp_ring_init(&ring);
    trp_ring_init(&other);
    return 0;
}

static void push(struct trp_ring *to, uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++)
        assert_true(trp_ring_push(to, &tasks[i]));
}

static void expect(struct trp_ring *from, uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++)
        assert_ptr_equal(trp_ring_pop(from), &tasks[i]);
}

static void tasks_come_out_in_order(void **state)
{
    (void)state;
    assert_null(trp_ring_pop(&ring));
    for (uint32_t round = 0; round < 1000; round++) { // past the end many times
        push(&ring, 0, 100);
        assert_int_equal(trp_ring_length(&ring), 100);
        expect(&ring, 0, 100);
    }
    assert_null(trp_ring_pop(&ring));
}

static void a_full_ring_refuses_and_spills_its_older_half(void **state)
{
    (void)state;
    struct trp_task *batch[TRP_RING_SIZE / 2];
    push(&ring, 0, TRP_RING_SIZE - 1);
    assert_int_equal(trp_ring_spill(&ring, batch), 0); // not full
    push(&ring, TRP_RING_SIZE - 1, 1);
    assert_false(trp_ring_push(&ring, &tasks[TRP_RING_SIZE]));
    assert_int_equal(trp_ring_spill(&ring, batch), TRP_RING_SIZE / 2);
    for (uint32_t i = 0; i < TRP_RING_SIZE / 2; i++)
        assert_ptr_equal(batch[i], &tasks[i]);
    push(&ring, TRP_RING_SIZE, TRP_RING_SIZE / 2);
    expect(&ring, TRP_RING_SIZE / 2, TRP_RING_SIZE);
    assert_null(trp_ring_pop(&ring));
}

static void a_thief_takes_the_older_half_rounded_up(void **state)
{
    (void)state;
    assert_int_equal(trp_ring_steal(&other, &ring), 0);
    push(&ring, 0, 5);
    assert_int_equal(trp_ring_steal(&other, &ring), 3);
    expect(&other, 0, 3);
    expect(&ring, 3, 2);
    push(&ring, 5, 1);
    assert_int_equal(trp_ring_steal(&other, &ring), 1);
    expect(&other, 5, 1);
    assert_null(trp_ring_pop(&ring));
}

static void half_of_a_full_ring_fits_into_a_half_full_one(void **state)
{
    (void)state;
    push(&ring, 0, TRP_RING_SIZE);
    push(&other, TRP_RING_SIZE, TRP_RING_SIZE / 2);
    assert_int_equal(trp_ring_steal(&other, &ring), TRP_RING_SIZE / 2);
    expect(&other, TRP_RING_SIZE, TRP_RING_SIZE / 2);
    expect(&other, 0, TRP_RING_SIZE / 2);
    expect(&ring, TRP_RING_SIZE / 2, TRP_RING_SIZE / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(tasks_come_out_in_order, setup),
        cmocka_unit_test_setup(a_full_ring_refuses_and_spills_its_older_half, setup),
        cmocka_unit_test_setup(a_thief_takes_the_older_half_rounded_up, setup),
        cmocka_unit_test_setup(half_of_a_full_ring_fits_into_a_half_full_one, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
