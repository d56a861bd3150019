// A system is stopped while threads of the program's own wait in calls: each comes out with an
// answer, and only then is the system gone. Also what may not stop it.
#include "tests/support/test.h"

#include <pthread.h>
#include <sched.h>
#include <troupe.h>

#define THREADS 16 // far more than there are CPUs
#define ROUNDS  200

TROUPE_EMPTY(Question);

struct waiter {
    troupe_ctx *ctx;
    troupe_ref ref;
    troupe_status status;
};

// Keeps all questions and answers none.
static troupe_status silent_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    (void)msg;
    troupe_token token;
    return troupe_token_take(ctx, &token);
}

static const troupe_behavior silent = {.name = "silent", .receive = silent_receive};

static void *wait_in_the_system(void *arg)
{
    struct waiter *waiter = arg;
    waiter->status = troupe_call(waiter->ctx, waiter->ref, TROUPE_NO_LIMIT, NULL, Question);
    return NULL;
}

static troupe_stats stats_of(troupe_system *system)
{
    troupe_stats stats;
    troupe_system_stats(system, &stats);
    return stats;
}

static void a_stop_lets_those_who_wait_come_out_first(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        troupe_system *system;
        troupe_ref ref;
        pthread_t threads[THREADS];
        struct waiter waiters[THREADS];
        assert_int_equal(troupe_system_start(&(troupe_system_opts){.workers = 2}, &system),
                         TROUPE_OK);
        troupe_ctx *ctx = troupe_outside(system);
        assert_int_equal(troupe_spawn(ctx, &silent, NULL, &ref), TROUPE_OK);
        for (int i = 0; i < THREADS; i++) {
            waiters[i] = (struct waiter){ctx, ref, TROUPE_OK};
            assert_int_equal(pthread_create(&threads[i], NULL, wait_in_the_system, &waiters[i]), 0);
        }
        while (stats_of(system).handled < THREADS) // their questions are there, so they wait
            sched_yield();
        assert_int_equal(troupe_system_stop(system, 0, NULL), TROUPE_OK);
        for (int i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
            assert_int_equal(waiters[i].status, TROUPE_EDOWN);
        }
    }
}

// ---- A blocking job cannot stop what it is part of

TROUPE_EMPTY(Go);

static troupe_system *own_system;

static troupe_status stop_own_system(void *arg)
{
    (void)arg;
    return troupe_system_stop(own_system, TROUPE_NO_LIMIT, NULL);
}

static troupe_status on_outcome(troupe_ctx *ctx, void *state, void *user,
                                const troupe_outcome *outcome)
{
    (void)ctx;
    (void)state;
    *(troupe_status *)user = outcome->status;
    return TROUPE_STOP;
}

static troupe_status stopper_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    static troupe_status seen;
    (void)msg;
    return troupe_run_blocking(ctx, stop_own_system, NULL, NULL, on_outcome, &seen);
}

static const troupe_behavior stopper = {.name = "stopper", .receive = stopper_receive};

static void a_blocking_job_cannot_stop_its_system(void **state)
{
    (void)state;
    troupe_ref ref;
    assert_int_equal(troupe_system_start(NULL, &own_system), TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(own_system);
    assert_int_equal(troupe_spawn(ctx, &stopper, NULL, &ref), TROUPE_OK);
    assert_int_equal(troupe_send(ctx, ref, Go), TROUPE_OK);
    assert_int_equal(troupe_join(ctx, ref, TROUPE_NO_LIMIT, NULL), TROUPE_OK);
    assert_int_equal(troupe_system_stop(own_system, 0, NULL), TROUPE_OK);
}

// ---- A hook that makes dead letters

static void send_to_the_dead(void *user, const troupe_dead_letter *letter)
{
    troupe_ctx **ctx = user;
    troupe_send(*ctx, letter->target, Go);
}

static void a_dead_letter_hook_may_make_dead_letters(void **state)
{
    (void)state;
    troupe_system *system;
    troupe_ctx *ctx = NULL;
    const troupe_system_opts opts = {.on_dead_letter = send_to_the_dead, .hook_user = &ctx};
    assert_int_equal(troupe_system_start(&opts, &system), TROUPE_OK);
    ctx = troupe_outside(system);
    troupe_ref nobody = {.system = 0, .slot = 1, .generation = 1};
    assert_int_equal(troupe_send(ctx, nobody, Go), TROUPE_EDEAD);
    assert_int_equal(stats_of(system).dead, 2);
    assert_int_equal(troupe_system_stop(system, 0, NULL), TROUPE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stop_lets_those_who_wait_come_out_first),
        cmocka_unit_test(a_blocking_job_cannot_stop_its_system),
        cmocka_unit_test(a_dead_letter_hook_may_make_dead_letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
