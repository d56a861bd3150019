// Very many children with ids under one supervisor, on real workers: starting, stopping, restarting
// and forgetting each takes the same time whatever their number, one failure restarts them all as
// one group, and all stop in reverse. OTP's scale_start_stop_many_children.
#include "tests/support/tree.h"

#include <stdio.h>

#define CHILDREN 20000u // told twenty times

// Counts instead of saying: a puppet's words would take more room than all the rest.
static _Atomic uint32_t starts, stops, out_of_order;
static _Atomic uint32_t next_stop; // number of who is to stop next

struct place {
    uint32_t number;
};

TROUPE_STRUCT(Place, struct place);

static troupe_status item_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)ctx;
    const struct place *place = troupe_match(args, Place);
    WORLD_CHECK(place != NULL);
    *(uint32_t *)state = place->number;
    atomic_fetch_add(&starts, 1);
    return TROUPE_OK;
}

static troupe_status item_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    if (troupe_match(msg, Sync))
        return troupe_reply(ctx, Sync);
    return troupe_fail(ctx, TROUPE_EUSER, "%s", broken);
}

static void item_stop(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)ctx;
    (void)why;
    atomic_fetch_add(&stops, 1);
    if (*(uint32_t *)state != atomic_exchange(&next_stop, *(uint32_t *)state - 1))
        atomic_fetch_add(&out_of_order, 1);
}

static const troupe_behavior item = {.name = "item",
                                     .state_size = sizeof(uint32_t),
                                     .init = item_init,
                                     .receive = item_receive,
                                     .stop = item_stop};

static const char *name(uint32_t number)
{
    static char text[16];
    snprintf(text, sizeof text, "%u", number);
    return text;
}

static bool have_started(struct world *world, void *times)
{
    (void)world;
    return atomic_load(&starts) == *(const uint32_t *)times * CHILDREN;
}

static void await_starts(struct world *world, troupe_ref top, uint32_t times)
{
    world_until(world, have_started, &times);
    tree_await_count(world, top, CHILDREN, CHILDREN, 0, CHILDREN);
}

static void start_all(struct world *world, troupe_ref top)
{
    for (uint32_t i = 0; i < CHILDREN; i++) {
        const struct place place = {i};
        const troupe_child child = {
            .id = name(i), .behavior = &item, .args_type = TROUPE_TYPE(Place), .args = &place};
        assert_int_equal(troupe_start_child(world->ctx, top, 0, NULL, NULL, &child), TROUPE_OK);
    }
    await_starts(world, top, 1);
}

static troupe_ref start(struct world *world, troupe_strategy strategy)
{
    atomic_store(&starts, 0);
    atomic_store(&stops, 0);
    troupe_ref top = tree_start_owned(world, &(troupe_supervisor){.strategy = strategy});
    start_all(world, top);
    return top;
}

static void expect_reverse_stop(struct world *world, troupe_ref top)
{
    atomic_store(&stops, 0);
    atomic_store(&out_of_order, 0);
    atomic_store(&next_stop, CHILDREN - 1);
    troupe_stop(world->ctx, top);
    world_join(world, top);
    assert_int_equal(atomic_load(&stops), CHILDREN);
    assert_int_equal(atomic_load(&out_of_order), 0);
}

static bool all_are_stopped(struct world *world, void *top)
{
    troupe_msg *reply;
    assert_int_equal(
        troupe_which_children_wait(world->ctx, *(troupe_ref *)top, TROUPE_NO_LIMIT, &reply),
        TROUPE_OK);
    const troupe_children *all = TREE_REPLY(reply, troupe_children);
    size_t stopped = 0;
    while (stopped < all->count && all->children[stopped].state == TROUPE_CHILD_STOPPED)
        stopped++;
    bool are = stopped == CHILDREN;
    troupe_msg_free(world->ctx, reply);
    return are;
}

WORLD_STORY_ON_THREADS(each_is_stopped_and_started_by_its_id)
{
    troupe_ref top = start(world, TROUPE_ONE_FOR_ONE);
    for (uint32_t i = 0; i < CHILDREN; i++)
        assert_int_equal(troupe_stop_child(world->ctx, top, 0, NULL, NULL, name(i)), TROUPE_OK);
    world_until(world, all_are_stopped, &top);
    for (uint32_t i = 0; i < CHILDREN; i++)
        assert_int_equal(troupe_restart_child(world->ctx, top, 0, NULL, NULL, name(i)), TROUPE_OK);
    await_starts(world, top, 2);
    expect_reverse_stop(world, top);
}

WORLD_STORY_ON_THREADS(each_is_forgotten)
{
    troupe_ref top = start(world, TROUPE_ONE_FOR_ONE);
    for (uint32_t i = CHILDREN; i-- > 0;)
        assert_int_equal(troupe_stop_child(world->ctx, top, 0, NULL, NULL, name(i)), TROUPE_OK);
    world_until(world, all_are_stopped, &top);
    for (uint32_t i = 0; i < CHILDREN; i++)
        assert_int_equal(troupe_delete_child(world->ctx, top, 0, NULL, NULL, name(i)), TROUPE_OK);
    tree_await_count(world, top, 0, 0, 0, 0);
}

WORLD_STORY_ON_THREADS(all_are_restarted_as_one_group)
{
    troupe_ref top = start(world, TROUPE_ONE_FOR_ALL);
    const char *const who[] = {"0", "777", "19999"};
    troupe_ref refs[COUNT(who)];
    for (size_t i = 0; i < COUNT(who); i++)
        refs[i] = tree_child(world, top, who[i]);
    assert_int_equal(troupe_send(world->ctx, refs[1], Number, .value = 1), TROUPE_OK);
    await_starts(world, top, 2);
    assert_int_equal(atomic_load(&stops), CHILDREN);
    for (size_t i = 0; i < COUNT(who); i++) {
        world_sync(world, refs[i]);
        assert_int_equal(troupe_incarnation(world->ctx, refs[i]), 2);
    }
    expect_reverse_stop(world, top);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_stopped_and_started_by_its_id),
        cmocka_unit_test(each_is_forgotten),
        cmocka_unit_test(all_are_restarted_as_one_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
