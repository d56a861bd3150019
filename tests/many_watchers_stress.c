// An actor with 100,000 monitors or links starts, restarts and ends: each of them is told, exactly
// once; and that takes turns, so that others get theirs in between, on a single worker.
#include "tests/support/test.h"
#include "troupe.h"

#include <stdatomic.h>

#define MANY  100000
#define TURNS (MANY / 256) // at least so many does it take

TROUPE_EMPTY(Tick);
TROUPE_EMPTY(Fall);
TROUPE_STRUCT(Watch, troupe_ref);

static struct {
    _Atomic uint32_t set, starts, restarts, stops, exits;
    _Atomic uint32_t turns;       // of the one who only wants to get on
    _Atomic uint32_t first, last; // turns when the target has fallen, and when the witness hears it
    _Atomic bool link, over;
    _Atomic uint32_t wrong;
} seen;

static void reset(bool link)
{
    seen.set = seen.starts = seen.restarts = seen.stops = seen.exits = 0;
    seen.turns = seen.first = seen.last = seen.wrong = 0;
    seen.link = link;
    seen.over = false;
}

// ---- Who watches

static troupe_status watch(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const troupe_ref *target = troupe_match(msg, Watch);
    const troupe_down *down = troupe_match(msg, troupe_down);
    const troupe_exited *exited = troupe_match(msg, troupe_exited);
    if (target) {
        troupe_status status =
            seen.link ? troupe_trap_exits(ctx, true)
                      : troupe_monitor(ctx, *target,
                                       TROUPE_ON_START | TROUPE_ON_RESTART | TROUPE_ON_STOP, NULL);
        if (seen.link && status == TROUPE_OK)
            status = troupe_link(ctx, *target);
        seen.set++;
        return status;
    }
    if (exited) {
        seen.wrong += exited->reason.kind != TROUPE_FAILED || exited->incarnation != 1;
        seen.exits++;
        return TROUPE_STOP;
    }
    if (down == NULL)
        return TROUPE_STOP;
    if (down->event == TROUPE_ON_START)
        seen.starts++;
    else if (down->event == TROUPE_ON_RESTART)
        seen.restarts++;
    else
        seen.stops++;
    return down->event == TROUPE_ON_STOP ? TROUPE_STOP : TROUPE_OK;
}

static const troupe_behavior watcher = {.name = "watcher", .receive = watch};

// ---- Who is watched

static troupe_status fall(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    seen.first = seen.turns;
    return troupe_match(msg, Fall) ? troupe_fail(ctx, TROUPE_EUSER, "fallen") : TROUPE_STOP;
}

static troupe_status init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)ctx, (void)state, (void)args;
    return TROUPE_OK;
}

static const troupe_behavior hub = {.name = "hub", .init = init, .receive = fall};

// ---- The stories

static void await_count(troupe_system *system, _Atomic uint32_t *counter)
{
    while (atomic_load(counter) < MANY)
        (void)troupe_system_wait(system, 1); // the others live on
}

static troupe_system *begin(uint32_t workers, bool link)
{
    troupe_system *system;
    const troupe_system_opts opts = {.workers = workers};
    reset(link);
    assert_int_equal(troupe_system_start(&opts, &system), TROUPE_OK);
    return system;
}

static void watch_by_many(troupe_system *system, troupe_ref target)
{
    troupe_ctx *ctx = troupe_outside(system);
    for (int i = 0; i < MANY; i++) {
        troupe_ref ref;
        assert_int_equal(troupe_spawn(ctx, &watcher, NULL, &ref), TROUPE_OK);
        assert_int_equal(troupe_send_body(ctx, ref, TROUPE_TYPE(Watch), &target), TROUPE_OK);
    }
    await_count(system, &seen.set);
}

static void end(troupe_system *system)
{
    troupe_report report;
    seen.over = true;
    assert_int_equal(troupe_system_stop(system, 60000, &report), TROUPE_OK);
    assert_int_equal(report.stats.spawned, report.stats.ended);
    assert_int_equal(seen.wrong, 0);
}

static void an_end_is_told(uint32_t workers, bool link)
{
    troupe_system *system = begin(workers, link);
    troupe_ref ref;
    assert_int_equal(troupe_spawn(troupe_outside(system), &hub, NULL, &ref), TROUPE_OK);
    watch_by_many(system, ref);
    assert_int_equal(troupe_send(troupe_outside(system), ref, Fall), TROUPE_OK);
    await_count(system, link ? &seen.exits : &seen.stops);
    end(system);
    assert_int_equal(link ? seen.exits : seen.stops, MANY);
}

static void an_end_is_told_to_all_who_watch(void **state)
{
    (void)state;
    an_end_is_told(1, false);
    an_end_is_told(2, false);
}

static void an_end_is_told_to_all_who_are_linked(void **state)
{
    (void)state;
    an_end_is_told(1, true);
    an_end_is_told(2, true);
}

static void a_restart_is_told(uint32_t workers, bool link)
{
    troupe_system *system = begin(workers, link);
    troupe_ctx *ctx = troupe_outside(system);
    const troupe_child child = {.id = "hub", .behavior = &hub};
    const troupe_supervisor spec = {.children = &child, .child_count = 1};
    troupe_ref supervisor, ref;
    assert_int_equal(troupe_supervise_wait(ctx, &spec, &supervisor), TROUPE_OK);
    assert_int_equal(troupe_child_ref(ctx, supervisor, "hub", &ref), TROUPE_OK);
    watch_by_many(system, ref);
    if (!link)
        await_count(system, &seen.starts);
    assert_int_equal(troupe_send(ctx, ref, Fall), TROUPE_OK);
    if (link) {
        await_count(system, &seen.exits);
    } else {
        await_count(system, &seen.restarts);
        while (atomic_load(&seen.starts) < 2 * MANY)
            (void)troupe_system_wait(system, 1);
    }
    assert_int_equal(troupe_stop(ctx, supervisor), TROUPE_OK);
    if (!link)
        await_count(system, &seen.stops);
    end(system);
    if (!link) {
        assert_int_equal(seen.restarts, MANY);
        assert_int_equal(seen.starts, 2 * MANY);
    }
}

static void a_restart_is_told_to_all(void **state)
{
    (void)state;
    a_restart_is_told(1, false);
    a_restart_is_told(2, false);
    a_restart_is_told(1, true);
    a_restart_is_told(2, true);
}

// ---- Who gets on, one activation after the other

static troupe_status go_on(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state, (void)msg;
    if (seen.over)
        return TROUPE_STOP;
    seen.turns++;
    return troupe_send(ctx, troupe_self(ctx), Tick);
}

static const troupe_behavior other = {.name = "other", .receive = go_on};

// ---- Turns

#define WATCHERS 100 // of whom each has 1,000 monitors

static troupe_status watch_often(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const troupe_ref *target = troupe_match(msg, Watch);
    for (uint32_t i = 0; target && i < MANY / WATCHERS; i++) {
        troupe_status status =
            troupe_monitor(ctx, *target, TROUPE_ON_RESTART | TROUPE_ON_STOP, NULL);
        if (status != TROUPE_OK)
            return status;
        seen.set++;
    }
    return TROUPE_OK;
}

static const troupe_behavior frequent = {.name = "frequent", .receive = watch_often};

static troupe_status be_linked(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const troupe_ref *target = troupe_match(msg, Watch);
    seen.set++;
    return target ? troupe_link(ctx, *target) : TROUPE_UNHANDLED;
}

static const troupe_behavior linked = {.name = "linked", .receive = be_linked};

// Watches last, and so is told last.
static troupe_status witness_last(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const troupe_ref *target = troupe_match(msg, Watch);
    if (target) {
        seen.stops++;
        return troupe_monitor(ctx, *target, TROUPE_ON_RESTART | TROUPE_ON_STOP, NULL);
    }
    seen.last = seen.turns;
    seen.exits++;
    return TROUPE_STOP;
}

static const troupe_behavior witness = {.name = "witness", .receive = witness_last};

static void send_target(troupe_ctx *ctx, const troupe_behavior *behavior, troupe_ref target)
{
    troupe_ref ref;
    assert_int_equal(troupe_spawn(ctx, behavior, NULL, &ref), TROUPE_OK);
    assert_int_equal(troupe_send_body(ctx, ref, TROUPE_TYPE(Watch), &target), TROUPE_OK);
}

static void await_one(troupe_system *system, _Atomic uint32_t *counter)
{
    while (atomic_load(counter) == 0)
        (void)troupe_system_wait(system, 1);
}

static void others_get_turns(const troupe_behavior *who, uint32_t how_many, bool restart)
{
    troupe_system *system;
    const troupe_system_opts opts = {.workers = 1, .batch = 1}; // a turn is a message
    reset(false);
    assert_int_equal(troupe_system_start(&opts, &system), TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(system);
    const troupe_child child = {.id = "hub", .behavior = &hub};
    const troupe_supervisor spec = {.children = &child, .child_count = 1};
    troupe_ref target, supervisor, ref;
    if (restart) {
        assert_int_equal(troupe_supervise_wait(ctx, &spec, &supervisor), TROUPE_OK);
        assert_int_equal(troupe_child_ref(ctx, supervisor, "hub", &target), TROUPE_OK);
    } else {
        assert_int_equal(troupe_spawn_wait(ctx, &hub, NULL, &target, NULL, NULL), TROUPE_OK);
    }
    for (uint32_t i = 0; i < how_many; i++)
        send_target(ctx, who, target);
    await_count(system, &seen.set);
    send_target(ctx, &witness, target);
    await_one(system, &seen.stops);
    assert_int_equal(troupe_spawn(ctx, &other, NULL, &ref), TROUPE_OK);
    assert_int_equal(troupe_send(ctx, ref, Tick), TROUPE_OK);
    // A normal end, for which nobody who is linked has to run; and a failure, which restarts.
    assert_int_equal(restart ? troupe_send(ctx, target, Fall) : troupe_send(ctx, target, Tick),
                     TROUPE_OK);
    await_one(system, &seen.exits);
    uint32_t turns = seen.last - seen.first;
    end(system);
    print_message("%u turns\n", turns);
    assert_true(turns >= TURNS - 2);
}

static void others_get_turns_in_between(void **state)
{
    (void)state;
    others_get_turns(&frequent, WATCHERS, false);
    others_get_turns(&frequent, WATCHERS, true);
    others_get_turns(&linked, MANY, false);
    // Those that are told have to run, too: more of them than a run queue holds.
    others_get_turns(&watcher, MANY, false);
    others_get_turns(&linked, MANY, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_end_is_told_to_all_who_watch),
        cmocka_unit_test(an_end_is_told_to_all_who_are_linked),
        cmocka_unit_test(a_restart_is_told_to_all),
        cmocka_unit_test(others_get_turns_in_between),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
