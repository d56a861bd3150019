// A supervisor knows of the end of a child before others are told of it: whoever hears of an end
// and then asks the supervisor is answered as if that had been long ago.
#include "tests/support/world.h"
#include "troupe/children.h"

#define TIMES 20

static const troupe_child temporary = {
    .id = "a", .behavior = &puppet_behavior, .restart = TROUPE_TEMPORARY};
static const troupe_child transient = {
    .id = "a", .behavior = &puppet_behavior, .restart = TROUPE_TRANSIENT};

// A supervisor whose only child has ended by itself.
static troupe_ref supervise_one_that_ends(struct world *world, const troupe_child *child)
{
    const troupe_supervisor spec = {.children = child, .child_count = 1};
    troupe_ref supervisor, a;
    assert_int_equal(troupe_supervise_wait(world->ctx, &spec, &supervisor), TROUPE_OK);
    assert_int_equal(troupe_child_ref(world->ctx, supervisor, "a", &a), TROUPE_OK);
    world_tell(world, a, puppet_stop, NULL);
    world_join(world, a);
    return supervisor;
}

static void end(struct world *world, troupe_ref supervisor)
{
    troupe_stop(world->ctx, supervisor);
    world_join(world, supervisor);
}

WORLD_STORY_ON_THREADS(a_temporary_child_that_has_ended_is_not_counted)
{
    for (int i = 0; i < TIMES; i++) {
        troupe_child_count count;
        troupe_ref supervisor = supervise_one_that_ends(world, &temporary);
        assert_int_equal(troupe_count_children_wait(world->ctx, supervisor, 0, &count), TROUPE_OK);
        assert_int_equal(count.specs, 0);
        end(world, supervisor);
    }
}

WORLD_STORY_ON_THREADS(another_one_of_its_id_can_be_started)
{
    for (int i = 0; i < TIMES; i++) {
        troupe_ref supervisor = supervise_one_that_ends(world, &temporary), a;
        assert_int_equal(troupe_start_child_wait(world->ctx, supervisor, 0, &temporary, &a),
                         TROUPE_OK);
        world_sync(world, a);
        end(world, supervisor);
    }
}

WORLD_STORY_ON_THREADS(a_child_that_has_ended_can_be_restarted)
{
    for (int i = 0; i < TIMES; i++) {
        troupe_ref supervisor = supervise_one_that_ends(world, &transient), a;
        assert_int_equal(troupe_restart_child_wait(world->ctx, supervisor, 0, "a", &a), TROUPE_OK);
        world_sync(world, a);
        end(world, supervisor);
    }
}

WORLD_STORY_ON_THREADS(a_child_that_has_ended_can_be_deleted)
{
    for (int i = 0; i < TIMES; i++) {
        troupe_ref supervisor = supervise_one_that_ends(world, &transient);
        assert_int_equal(troupe_delete_child_wait(world->ctx, supervisor, 0, "a"), TROUPE_OK);
        end(world, supervisor);
    }
}

// The same from an actor's point of view, with many ends at the same time.
#define CROWD 30

static struct {
    troupe_ref supervisor;
    troupe_ref children[CROWD];
    _Atomic size_t heard;
    _Atomic bool wrong;
} watched;

static troupe_status compare(troupe_ctx *ctx, void *state, void *user,
                             const troupe_outcome *outcome)
{
    (void)ctx, (void)state;
    const troupe_child_count *count =
        outcome->status == TROUPE_OK ? troupe_match(outcome->reply, troupe_child_count) : NULL;
    if (count && count->active > CROWD - (size_t)(uintptr_t)user)
        watched.wrong = true;
    return TROUPE_OK;
}

static troupe_status count_at_each_end(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const troupe_down *down = troupe_match(msg, troupe_down);
    for (int i = 0; i < CROWD && down == NULL; i++)
        WORLD_CHECK(troupe_monitor(ctx, watched.children[i], TROUPE_ON_STOP, NULL) == TROUPE_OK);
    if (down == NULL)
        return troupe_reply(ctx, Sync);
    size_t ended = ++watched.heard;
    return troupe_count_children(ctx, watched.supervisor, 0, compare, (void *)(uintptr_t)ended);
}

static const troupe_behavior counting = {.name = "counting", .receive = count_at_each_end};

static bool all_heard(struct world *world, void *arg)
{
    (void)world, (void)arg;
    return watched.heard == CROWD;
}

WORLD_STORY(no_more_children_are_counted_than_the_ends_leave)
{
    static const troupe_child any = {.behavior = &puppet_behavior, .restart = TROUPE_TEMPORARY};
    const troupe_supervisor spec = {
        .strategy = TROUPE_SIMPLE_ONE_FOR_ONE, .children = &any, .child_count = 1};
    troupe_ref counter;
    watched.heard = 0;
    watched.wrong = false;
    assert_int_equal(troupe_supervise_wait(world->ctx, &spec, &watched.supervisor), TROUPE_OK);
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(
            troupe_start_child_wait(world->ctx, watched.supervisor, 0, NULL, &watched.children[i]),
            TROUPE_OK);
    assert_int_equal(troupe_spawn(world->ctx, &counting, NULL, &counter), TROUPE_OK);
    assert_int_equal(troupe_call(world->ctx, counter, TROUPE_NO_LIMIT, NULL, Sync), TROUPE_OK);
    for (int i = 0; i < CROWD; i++)
        world_tell(world, watched.children[i], puppet_stop, NULL);
    world_until(world, all_heard, NULL);
    world_stop(world);
    assert_false(watched.wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_temporary_child_that_has_ended_is_not_counted),
        cmocka_unit_test(another_one_of_its_id_can_be_started),
        cmocka_unit_test(a_child_that_has_ended_can_be_restarted),
        cmocka_unit_test(a_child_that_has_ended_can_be_deleted),
        cmocka_unit_test(no_more_children_are_counted_than_the_ends_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
