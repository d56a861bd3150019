// An actor with a thread of its own whose handler was given up gets another thread when it is
// restarted, and runs on that alone.
#include "tests/support/gate.h"
#include "tests/support/world.h"

#include <pthread.h>
#include <string.h>

static struct gate gate;

static void say_thread(const char *what)
{
    char name[16];
    pthread_getname_np(pthread_self(), name, sizeof name);
    world_say("held", "%s on %s", what, name);
}

static troupe_status init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)ctx, (void)state, (void)args;
    say_thread("init");
    return TROUPE_OK;
}

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state;
    if (troupe_match(msg, Do))
        gate_pass(&gate);
    else
        say_thread("message");
    return TROUPE_OK;
}

static const troupe_behavior held = {.name = "at-home", .init = init, .receive = receive};

WORLD_STORY_ON_THREADS(its_next_incarnation_has_a_thread_of_its_own)
{
    static const troupe_child child = {
        .id = "held", .behavior = &held, .place = TROUPE_ON_THREAD, .kill_grace_ms = 1};
    const troupe_supervisor spec = {.max_restarts = 10, .children = &child, .child_count = 1};
    troupe_ref supervisor, ref;
    gate_init(&gate);
    assert_int_equal(troupe_supervise_wait(world->ctx, &spec, &supervisor), TROUPE_OK);
    assert_int_equal(troupe_child_ref(world->ctx, supervisor, "held", &ref), TROUPE_OK);
    troupe_send(world->ctx, ref, Do);
    gate_await(&gate);
    troupe_kill(world->ctx, ref);
    world_await_times(world, 2, "held", "init on at-home");
    gate_open(&gate);
    troupe_send(world->ctx, ref, Number);
    world_await_all(world, "held", "init on at-home; init on at-home; message on at-home");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_next_incarnation_has_a_thread_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
