// Supervisors in bursts: failures, kills, starts that fail, backoffs, requests from outside and of
// the children themselves, without waiting for any. Whatever came of it, when all is at rest again
// no child has ever run twice at once, everybody agrees on who runs, and all stop in reverse.
// What each single step must come to: supervisor_model_test.c.
#include "tests/support/tree.h"

#include <stdio.h>
#include <string.h>

#define IDS    5 // "a" to "e"
#define BURSTS 4
#define STEPS  12

static const char *const names[IDS] = {"a", "b", "c", "d", "e"};

static _Atomic int alive[IDS]; // incarnations that run
static _Atomic int moods[IDS]; // how many of the next inits fail
static _Atomic unsigned stops; // in a final stop: how many have

static _Atomic int last_stopped[IDS]; // whose stop was the n-th

struct burst {
    struct world *world;
    troupe_ref top;
    uint64_t random;
};

static uint32_t any(struct burst *burst, uint32_t below)
{
    burst->random = burst->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(burst->random >> 33) % below;
}

// ---- The children

struct deed { // what is to be done with whom; as a message: by a child
    troupe_ref top;
    int what, id;
    troupe_child child; // to be started
};

TROUPE_STRUCT(Deed, struct deed);

static troupe_status do_deed(troupe_ctx *ctx, const struct deed *deed)
{
    const char *name = names[deed->id];
    troupe_ref ref;
    switch (deed->what) {
    case 0:
        return troupe_start_child(ctx, deed->top, 0, NULL, NULL, &deed->child);
    case 1:
        return troupe_stop_child(ctx, deed->top, 0, NULL, NULL, name);
    case 2:
        return troupe_restart_child(ctx, deed->top, 0, NULL, NULL, name);
    case 3:
        return troupe_delete_child(ctx, deed->top, 0, NULL, NULL, name);
    case 4:
        return troupe_child_ref(ctx, deed->top, name, &ref) == TROUPE_OK ? troupe_kill(ctx, ref)
                                                                         : TROUPE_OK;
    default:
        return troupe_child_ref(ctx, deed->top, name, &ref) == TROUPE_OK ? troupe_stop(ctx, ref)
                                                                         : TROUPE_OK;
    }
}

static void has_ended(void *id)
{
    atomic_fetch_sub(&alive[*(const int *)id], 1);
}

static const int ids[IDS] = {0, 1, 2, 3, 4};

struct id {
    int id;
};

TROUPE_STRUCT(Id, struct id);

static troupe_status member_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    const struct id *given = troupe_match(args, Id);
    WORLD_CHECK(given != NULL);
    int id = *(int *)state = given->id;
    WORLD_CHECK(atomic_fetch_add(&alive[id], 1) == 0);
    troupe_status status = troupe_defer(ctx, has_ended, (void *)(uintptr_t)&ids[id]);
    WORLD_CHECK(status == TROUPE_OK);
    if (atomic_load(&moods[id]) <= 0 || atomic_fetch_sub(&moods[id], 1) <= 0)
        return TROUPE_OK;
    return troupe_fail(ctx, TROUPE_EUSER, "%s", broken);
}

static troupe_status member_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const struct deed *deed = troupe_match(msg, Deed);
    if (deed)
        (void)do_deed(ctx, deed);
    const struct number *number = troupe_match(msg, Number);
    if (number)
        return number->value ? troupe_fail(ctx, TROUPE_EUSER, "%s", broken) : TROUPE_STOP;
    return TROUPE_OK;
}

static void member_stop(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)ctx;
    (void)why;
    last_stopped[atomic_fetch_add(&stops, 1) % IDS] = *(int *)state;
}

static const troupe_behavior member_behavior = {.name = "member",
                                                .state_size = sizeof(int),
                                                .init = member_init,
                                                .receive = member_receive,
                                                .stop = member_stop};

static const struct id id_args[IDS] = {{0}, {1}, {2}, {3}, {4}};

static troupe_child random_child(struct burst *burst, int id)
{
    troupe_child child = {.id = names[id],
                          .behavior = &member_behavior,
                          .restart = (troupe_restart)any(burst, 3),
                          .backoff = {.min_ms = any(burst, 3), .random_percent = any(burst, 100)},
                          .args_type = TROUPE_TYPE(Id),
                          .args = &id_args[id]};
    if (child.backoff.min_ms == 0)
        child.backoff.random_percent = 0;
    if (any(burst, 2))
        child.restart = TROUPE_PERMANENT;
    return child;
}

// ---- Bursts

static void step(struct burst *burst)
{
    struct world *world = burst->world;
    struct deed deed = {burst->top, (int)any(burst, 6), (int)any(burst, IDS), {0}};
    deed.child = random_child(burst, deed.id);
    troupe_ref ref;
    uint32_t how = any(burst, 8), value = any(burst, 3);
    if (how < 3) {
        (void)do_deed(world->ctx, &deed);
        return;
    }
    if (how == 3)
        atomic_store(&moods[deed.id], (int)value);
    if (troupe_child_ref(world->ctx, burst->top, names[any(burst, IDS)], &ref) != TROUPE_OK)
        return;
    if (how == 4)
        (void)troupe_send_body(world->ctx, ref, TROUPE_TYPE(Deed), &deed);
    else
        (void)troupe_send(world->ctx, ref, Number, .value = value);
}

// ---- At rest

// Tells who runs, in order, and checks that others say the same.
static int who_runs(struct burst *burst, int running[IDS])
{
    struct world *world = burst->world;
    troupe_msg *reply;
    troupe_ref ref;
    int count = 0;
    assert_int_equal(troupe_which_children_wait(world->ctx, burst->top, TROUPE_NO_LIMIT, &reply),
                     TROUPE_OK);
    const troupe_children *all = TREE_REPLY(reply, troupe_children);
    for (size_t i = 0; i < all->count; i++) {
        const troupe_child_info *child = &all->children[i];
        int id = child->id[0] - 'a';
        bool runs = child->state == TROUPE_CHILD_RUNNING;
        assert_true(runs || child->state == TROUPE_CHILD_STOPPED);
        assert_int_equal(atomic_load(&alive[id]), runs);
        assert_int_equal(troupe_child_ref(world->ctx, burst->top, child->id, &ref),
                         runs ? TROUPE_OK : TROUPE_ENOENT);
        assert_true(troupe_ref_equal(ref, child->ref));
        assert_int_equal(troupe_incarnation(world->ctx, ref), child->incarnation);
        if (runs)
            running[count++] = id;
    }
    tree_expect_count(world, burst->top, all->count, (size_t)count, 0, all->count);
    troupe_msg_free(world->ctx, reply);
    return count;
}

// Returns how many run; -1: the supervisor has ended.
static int rest(struct burst *burst, int running[IDS])
{
    if (!burst->world->driven)
        return 0; // one never knows when
    world_advance(burst->world, 10000);
    if (troupe_incarnation(burst->world->ctx, burst->top) == 0)
        return -1;
    int count = who_runs(burst, running), in_all = 0;
    for (int id = 0; id < IDS; id++)
        in_all += atomic_load(&alive[id]);
    assert_int_equal(in_all, count);
    return count;
}

static void tell(struct world *world, troupe_strategy strategy, uint32_t max_restarts)
{
    troupe_child children[IDS];
    int running[IDS], count = 0;
    struct burst burst = {.world = world, .random = world->seed + world->workers};
    for (int id = 0; id < IDS; id++) {
        atomic_store(&alive[id], 0);
        atomic_store(&moods[id], 0);
        children[id] = random_child(&burst, id);
    }
    burst.top = tree_start_owned(
        world,
        &(troupe_supervisor){.strategy = strategy, .max_restarts = max_restarts, TREE(children)});
    for (int i = 0; i < BURSTS && count >= 0; i++) {
        for (uint32_t j = any(&burst, STEPS); j > 0; j--)
            step(&burst);
        count = rest(&burst, running);
    }
    atomic_store(&stops, 0);
    troupe_stop(world->ctx, burst.top);
    world_await_all(world, "owner", "init 1; down start 1; down stop 1 shutdown");
    for (int id = 0; id < IDS; id++)
        assert_int_equal(atomic_load(&alive[id]), 0);
    if (!world->driven || count < 0)
        return;
    assert_int_equal(atomic_load(&stops), count);
    for (int i = 0; i < count; i++)
        assert_int_equal(last_stopped[i], running[count - 1 - i]);
}

WORLD_STORY(bursts_of_one_for_one_come_to_rest)
{
    tell(world, TROUPE_ONE_FOR_ONE, MANY);
}

WORLD_STORY(bursts_of_one_for_all_come_to_rest)
{
    tell(world, TROUPE_ONE_FOR_ALL, MANY);
}

WORLD_STORY(bursts_of_rest_for_one_come_to_rest)
{
    tell(world, TROUPE_REST_FOR_ONE, MANY);
}

WORLD_STORY(bursts_may_have_one_for_one_give_up)
{
    tell(world, TROUPE_ONE_FOR_ONE, 2);
}

WORLD_STORY(bursts_may_have_one_for_all_give_up)
{
    tell(world, TROUPE_ONE_FOR_ALL, 2);
}

WORLD_STORY(bursts_may_have_rest_for_one_give_up)
{
    tell(world, TROUPE_REST_FOR_ONE, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bursts_of_one_for_one_come_to_rest),
        cmocka_unit_test(bursts_of_one_for_all_come_to_rest),
        cmocka_unit_test(bursts_of_rest_for_one_come_to_rest),
        cmocka_unit_test(bursts_may_have_one_for_one_give_up),
        cmocka_unit_test(bursts_may_have_one_for_all_give_up),
        cmocka_unit_test(bursts_may_have_rest_for_one_give_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
