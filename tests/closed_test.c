// A system that stops: nobody gets new actors any more, also not an actor that still runs; and of
// several roots that give up the first is the one that is named. What is on its way then is
// accounted for.
#include "actors/actor.h"
#include "tests/support/world.h"

#include <string.h>

static troupe_status spawn_child(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    troupe_status status = troupe_spawn(ctx, &puppet_behavior, NULL, &puppet->other);
    puppet_say(ctx, "%s", troupe_status_name(status));
    return TROUPE_OK;
}

WORLD_STORY(an_actor_that_still_runs_gets_no_children)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, spawn_child, NULL);
    atomic_store(&world->system->closed, true); // as troupe_system_stop does first
    world_do(world, a, spawn_child, NULL);
    world_expect(world, "a", "init 1; TROUPE_OK; TROUPE_ECLOSED");
}

static troupe_ref supervise_once(struct world *world, const char *name, troupe_ref *supervisor)
{
    const troupe_child child = {.id = name, .behavior = &puppet_behavior};
    const troupe_supervisor spec = {
        .name = name, .max_restarts = TROUPE_NO_RESTARTS, .children = &child, .child_count = 1};
    troupe_ref ref;
    assert_int_equal(troupe_supervise_wait(world->ctx, &spec, supervisor), TROUPE_OK);
    assert_int_equal(troupe_child_ref(world->ctx, *supervisor, name, &ref), TROUPE_OK);
    return ref;
}

WORLD_STORY_DRIVEN(of_several_roots_that_give_up_the_first_is_named)
{
    static char broken[] = "broken";
    troupe_ref first, second;
    troupe_ref a = supervise_once(world, "first", &first);
    troupe_ref b = supervise_once(world, "second", &second);
    world_tell(world, a, puppet_fail, broken);
    world_tell(world, b, puppet_fail, broken);
    world_join(world, first);
    world_join(world, second);
    world_stop(world);
    assert_true(world->report.gave_up);
    // Who gave up first has said so first.
    const char *named = world->report.root_name;
    bool both = world_heard(world, "event", "gave up first 1 failed: broken") == 1 &&
                world_heard(world, "event", "gave up second 1 failed: broken") == 1;
    if (both && strcmp(named, "first") == 0)
        world_expect_order(world, "event", "gave up first 1 failed: broken", "event",
                           "gave up second 1 failed: broken");
    else if (both)
        world_expect_order(world, "event", "gave up second 1 failed: broken", "event",
                           "gave up first 1 failed: broken");
}

// Sent when the target was still there, so to speak.
WORLD_STORY_DRIVEN(what_is_on_its_way_to_the_dead_is_a_dead_letter_at_last)
{
    const struct number number = {.value = 5};
    struct trp_envelope *envelope;
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    troupe_stop(world->ctx, a);
    world_join(world, a);
    world_settle(world);
    assert_int_equal(trp_build(world->system, NULL, TROUPE_TYPE(Number), &number, TRP_KIND_USER,
                               false, &envelope),
                     TROUPE_OK);
    trp_push_from(world->system, NULL, trp_resolve(world->system, a), a.generation, envelope);
    world_stop(world); // before anybody can look
    world_expect(world, "dead", "Number 5 ended");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_actor_that_still_runs_gets_no_children),
        cmocka_unit_test(what_is_on_its_way_to_the_dead_is_a_dead_letter_at_last),
        cmocka_unit_test(of_several_roots_that_give_up_the_first_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
