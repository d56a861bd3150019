// The injection queue alone: what was added first comes first, and singles and batches have turns.
#include "base/slab.h"
#include "scheduler/inject.h"
#include "scheduler/ring.h"
#include "scheduler/scheduler.h"
#include "tests/support/test.h"

#define BATCH 4

static struct trp_task singles[64], batched[BATCH];

static void open_with_a_batch(struct trp_inject *inject)
{
    struct trp_task *batch[BATCH];
    trp_inject_init(inject, &trp_default_allocator);
    for (int i = 0; i < BATCH; i++)
        batch[i] = &batched[i];
    trp_inject_push_all(inject, batch, BATCH);
}

static void neither_singles_nor_batches_keep_the_others_waiting(void **state)
{
    (void)state;
    struct trp_inject inject;
    struct trp_task *taken;
    int of_batch = 0, alone = 0;
    open_with_a_batch(&inject);
    for (int i = 0; i < 2 * BATCH; i++) { // singles never run out
        trp_inject_push(&inject, &singles[2 * i]);
        trp_inject_push(&inject, &singles[2 * i + 1]);
        assert_int_equal(trp_inject_take(&inject, &taken, 1), 1);
        if (taken >= batched && taken < batched + BATCH)
            assert_ptr_equal(taken, &batched[of_batch++]);
        else
            assert_ptr_equal(taken, &singles[alone++]);
    }
    assert_int_equal(of_batch, BATCH);
    assert_int_equal(trp_inject_count(&inject), 4 * BATCH - alone);
    trp_inject_fini(&inject);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neither_singles_nor_batches_keep_the_others_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
