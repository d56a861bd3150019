// What waits in a mailbox when its actor ends comes out of it: as dead letters, and asks with down.
#include "tests/support/gate.h"
#include "troupe/ask.h"
#include "troupe/system.h"

#include <stdatomic.h>

#define WAITING 1000 // more than is drained in one go

TROUPE_EMPTY(Hold);
TROUPE_EMPTY(Aside);
TROUPE_EMPTY(Query);

static struct gate gate;
static _Atomic uint32_t letters, taken_up;

static void on_dead_letter(void *user, const troupe_dead_letter *letter)
{
    (void)user, (void)letter;
    atomic_fetch_add(&letters, 1);
}

static troupe_system *start(void)
{
    troupe_system *system;
    troupe_system_opts opts = {.workers = 2, .on_dead_letter = on_dead_letter};
    gate_init(&gate);
    atomic_store(&letters, 0);
    assert_int_equal(troupe_system_start(&opts, &system), TROUPE_OK);
    return system;
}

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    if (troupe_match(msg, Hold))
        gate_pass(&gate);
    if (troupe_match(msg, Aside))
        return troupe_stash(ctx, msg);
    return TROUPE_OK;
}

// Takes up what was put aside, although it is too late to handle it.
static void take_up(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)state, (void)why;
    atomic_store(&taken_up, (uint32_t)troupe_unstash(ctx));
}

static const troupe_behavior behavior = {.name = "holding", .receive = receive, .stop = take_up};

static void *ask(void *arg)
{
    troupe_ctx *ctx = ((void **)arg)[0];
    const troupe_ref *ref = ((void **)arg)[1];
    if (troupe_call(ctx, *ref, TROUPE_NO_LIMIT, NULL, Query) != TROUPE_EDOWN)
        abort(); // cmocka's checks are for the main thread only
    return NULL;
}

static void end_with_a_full_mailbox(troupe_place place)
{
    troupe_system *system = start();
    troupe_ctx *ctx = troupe_outside(system);
    troupe_ref ref;
    assert_int_equal(troupe_spawn(ctx, &behavior, &(troupe_spawn_opts){.place = place}, &ref),
                     TROUPE_OK);
    troupe_send(ctx, ref, Hold);
    gate_await(&gate);
    for (int i = 0; i < WAITING; i++)
        troupe_send(ctx, ref, Query);
    pthread_t asker;
    void *args[] = {ctx, &ref};
    assert_int_equal(pthread_create(&asker, NULL, ask, args), 0);
    troupe_stats stats = {0};
    while (stats.sent < WAITING + 2) // until its request waits, too
        troupe_system_stats(system, &stats);
    troupe_stop(ctx, ref);
    gate_open(&gate);
    pthread_join(asker, NULL); // hangs if its request stays where it is
    assert_int_equal(atomic_load(&letters), WAITING + 1);
    assert_int_equal(troupe_system_stop(system, 0, NULL), TROUPE_OK);
}

static void all_that_waits_becomes_a_dead_letter(void **state)
{
    (void)state;
    end_with_a_full_mailbox(TROUPE_ON_POOL);
    end_with_a_full_mailbox(TROUPE_ON_THREAD);
}

static void what_is_taken_up_again_in_stop_is_not_lost(void **state)
{
    (void)state;
    troupe_system *system = start();
    troupe_ctx *ctx = troupe_outside(system);
    troupe_ref ref;
    assert_int_equal(troupe_spawn(ctx, &behavior, NULL, &ref), TROUPE_OK);
    troupe_send(ctx, ref, Aside);
    troupe_send(ctx, ref, Hold);
    gate_await(&gate);
    troupe_send(ctx, ref, Query);
    troupe_send(ctx, ref, Query);
    troupe_stop(ctx, ref);
    gate_open(&gate);
    assert_int_equal(troupe_join(ctx, ref, TROUPE_NO_LIMIT, NULL), TROUPE_OK);
    assert_int_equal(atomic_load(&taken_up), 1);
    troupe_report report;
    assert_int_equal(troupe_system_stop(system, 0, &report), TROUPE_OK);
    assert_int_equal(report.stats.dead, 3);
    assert_int_equal(atomic_load(&letters), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_waits_becomes_a_dead_letter),
        cmocka_unit_test(what_is_taken_up_again_in_stop_is_not_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
