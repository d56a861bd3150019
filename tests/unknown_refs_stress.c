// Threads that try refs which they have from nowhere, while the places that those name are being
// made: they find nobody, or whoever is there, and nothing that is half made.
#include "tests/support/test.h"
#include "troupe/actor.h"
#include "troupe/system.h"

#include <pthread.h>
#include <stdatomic.h>

#define GUESSERS 2
#define ACTORS   60000

TROUPE_EMPTY(Number);

struct stage {
    troupe_system *system;
    troupe_ctx *outside;
    uint64_t id;
    _Atomic uint32_t newest; // relaxed, on purpose: no more than a hint where places are being made
    _Atomic bool over;
};

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    return TROUPE_OK;
}

static const troupe_behavior behavior = {.name = "a", .receive = receive};

static void *guess(void *user)
{
    struct stage *stage = user;
    while (!atomic_load_explicit(&stage->over, memory_order_relaxed)) {
        uint32_t newest = atomic_load_explicit(&stage->newest, memory_order_relaxed);
        troupe_ref ref = {stage->id, newest, 1};
        for (; ref.slot < newest + 100; ref.slot++)
            (void)troupe_send(stage->outside, ref, Number);
    }
    return NULL;
}

static void who_is_guessed_is_there_or_not(void **state)
{
    (void)state;
    struct stage stage = {.over = false};
    pthread_t guessers[GUESSERS];
    assert_int_equal(troupe_system_start(&(troupe_system_opts){.workers = 1}, &stage.system),
                     TROUPE_OK);
    stage.outside = troupe_outside(stage.system);
    troupe_ref ref;
    assert_int_equal(troupe_spawn(stage.outside, &behavior, NULL, &ref), TROUPE_OK);
    stage.id = ref.system;
    for (int i = 0; i < GUESSERS; i++)
        assert_int_equal(pthread_create(&guessers[i], NULL, guess, &stage), 0);
    for (int i = 0; i < ACTORS; i++) {
        assert_int_equal(troupe_spawn(stage.outside, &behavior, NULL, &ref), TROUPE_OK);
        atomic_store_explicit(&stage.newest, ref.slot, memory_order_relaxed);
    }
    atomic_store_explicit(&stage.over, true, memory_order_relaxed);
    for (int i = 0; i < GUESSERS; i++)
        pthread_join(guessers[i], NULL);
    assert_int_equal(troupe_system_stop(stage.system, TROUPE_NO_LIMIT, NULL), TROUPE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_guessed_is_there_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
