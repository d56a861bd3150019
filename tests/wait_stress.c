// Who finds that no actor is left sees all that they did, without having been woken by them. What
// they write is not atomic, on purpose.
#include "tests/support/test.h"
#include "troupe/actor.h"
#include "troupe/system.h"

#include <sched.h>

#define ROUNDS 3000

static uint64_t written;

static troupe_status start(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)ctx, (void)state, (void)args;
    written++;
    return TROUPE_STOP;
}

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    return TROUPE_OK;
}

static const troupe_behavior writer = {.name = "writer", .init = start, .receive = receive};

static uint64_t ended(troupe_system *system)
{
    troupe_stats stats;
    troupe_system_stats(system, &stats);
    return stats.ended;
}

static void what_was_done_is_seen_by_who_finds_that_all_have_ended(void **state)
{
    (void)state;
    troupe_system *system;
    troupe_ref ref;
    assert_int_equal(troupe_system_start(&(troupe_system_opts){.workers = 2}, &system), TROUPE_OK);
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        assert_int_equal(troupe_spawn(troupe_outside(system), &writer, NULL, &ref), TROUPE_OK);
        while (ended(system) < round)
            sched_yield(); // so that it need not wait
        assert_int_equal(troupe_system_wait(system, TROUPE_NO_LIMIT), TROUPE_OK);
        assert_int_equal(written, round);
    }
    assert_int_equal(troupe_system_stop(system, TROUPE_NO_LIMIT, NULL), TROUPE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_done_is_seen_by_who_finds_that_all_have_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
