// Refs that never named anybody: with places that there are not, or not yet.
#include "tests/support/world.h"

#include <stdio.h>

static troupe_ref somewhere(struct world *world, uint32_t slot)
{
    troupe_ref ref = world_spawn(world, "a", NULL, NULL); // of this system
    ref.slot = slot;
    ref.generation = 1;
    return ref;
}

static void expect_nobody(struct world *world, troupe_ref ref)
{
    char witness[32];
    snprintf(witness, sizeof witness, "witness %u", ref.slot);
    assert_int_equal(troupe_send(world->ctx, ref, Number, .value = 1), TROUPE_EDEAD);
    assert_int_equal(troupe_stop(world->ctx, ref), TROUPE_EDEAD);
    assert_int_equal(troupe_call(world->ctx, ref, TROUPE_NO_LIMIT, NULL, Sync), TROUPE_EDEAD);
    assert_int_equal(troupe_incarnation(world->ctx, ref), 0);
    world_watch(world, witness, ref, TROUPE_ON_STOP);
    world_await_all(world, witness, "down stop 0 noactor");
}

WORLD_STORY(nobody_is_where_there_is_no_place)
{
    static const uint32_t slots[] = {200, 255, 256, 1000, 1000000, UINT32_MAX / 2, UINT32_MAX};
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++)
        expect_nobody(world, somewhere(world, slots[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_where_there_is_no_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
