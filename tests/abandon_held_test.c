// Handlers that do not return, held elsewhere than in receive: what they were given lives as long
// as they need it. See abandon_test.c.
#include "tests/support/stage.h"
#include "troupe/link.h"
#include "troupe/name.h"

struct word {
    char text[32];
};

TROUPE_STRUCT(Word, struct word);

// ---- In init and stop

static troupe_status held_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state;
    const struct word *word = troupe_match(args, Word);
    if (troupe_incarnation(ctx, troupe_self(ctx)) > 1)
        return TROUPE_OK;
    troupe_defer(ctx, stage_count_defer, NULL);
    gate_pass(&stage.gate);
    if (word)
        stage_read(word->text); // it may still read what it was given
    sem_post(&stage.done);
    return TROUPE_OK;
}

static const troupe_behavior held_in_init = {.name = "held in init",
                                             .state_size = sizeof(struct worker),
                                             .init = held_init,
                                             .receive = held_receive};

static void it_may_be_held_in_init(void **state)
{
    (void)state;
    for (int supervised = 0; supervised < 2; supervised++) {
        stage_open(2, 1);
        troupe_ref ref, supervisor;
        struct word word = {"arguments"};
        troupe_child child = {
            .id = "held", .behavior = &held_in_init, .args_type = TROUPE_TYPE(Word), .args = &word};
        troupe_supervisor spec = {.children = &child, .child_count = 1, .max_restarts = 10};
        if (supervised)
            assert_int_equal(troupe_supervise(stage.ctx, &spec, &supervisor), TROUPE_OK);
        else
            assert_int_equal(
                troupe_spawn_with(stage.ctx, &held_in_init, NULL, &ref, Word, "arguments"),
                TROUPE_OK);
        gate_await(&stage.gate);
        if (supervised)
            assert_int_equal(troupe_child_ref(stage.ctx, supervisor, "held", &ref), TROUPE_OK);
        stage_kill_and_join(ref); // supervised: a first start that fails ends the supervisor
        if (supervised)
            troupe_join(stage.ctx, supervisor, TROUPE_NO_LIMIT, NULL);
        stage_release();
        assert_string_equal(stage.text, "arguments");
        assert_int_equal(stage_close().abandoned, 1);
        assert_int_equal(atomic_load(&stage.deferred), 1);
    }
}

static void held_stop(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)ctx, (void)state;
    gate_pass(&stage.gate);
    stage_read(why->text);
    sem_post(&stage.done);
}

static const troupe_behavior held_in_stop = {
    .name = "held in stop", .receive = failing_receive, .stop = held_stop};

static void it_may_be_held_in_stop(void **state)
{
    (void)state;
    stage_open(2, 1);
    troupe_ref ref = stage_spawn(&held_in_stop, TROUPE_ON_POOL, 0);
    troupe_send(stage.ctx, ref, Fail);
    gate_await(&stage.gate);
    stage_kill_and_join(ref);
    stage_release();
    assert_string_equal(stage.text, failing_text);
    assert_int_equal(stage_close().abandoned, 1);
}

// ---- In what comes as a message

static long answered;

static troupe_status held_outcome(troupe_ctx *ctx, void *state, void *user,
                                  const troupe_outcome *outcome)
{
    (void)ctx, (void)state, (void)user;
    gate_pass(&stage.gate);
    answered = number_of(outcome->reply);
    sem_post(&stage.done);
    return TROUPE_OK;
}

static troupe_status held_asker_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const troupe_ref *to = msg->body;
    return troupe_ask(ctx, *to, TROUPE_NO_LIMIT, held_outcome, NULL, Query);
}

static const troupe_behavior held_asker = {.name = "held asker", .receive = held_asker_receive};

static void it_may_be_held_in_an_outcome(void **state)
{
    (void)state;
    stage_open(2, 1);
    troupe_ref asked = stage_spawn(&held_behavior, TROUPE_ON_POOL, 0);
    troupe_ref ref = stage_spawn(&held_asker, TROUPE_ON_POOL, 0);
    troupe_send(stage.ctx, asked, Number, .value = 42);
    troupe_send_body(stage.ctx, ref, TROUPE_TYPE(Whom), &asked);
    gate_await(&stage.gate);
    stage_kill_and_join(ref);
    stage_release();
    assert_int_equal(answered, 42); // the reply was there as long as it
    stage_close();
}

static troupe_status watcher_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const troupe_down *down = troupe_match(msg, troupe_down);
    if (down == NULL) {
        const troupe_ref *to = msg->body;
        return troupe_monitor(ctx, *to, TROUPE_ON_STOP, NULL);
    }
    gate_pass(&stage.gate);
    stage_read(down->reason.text);
    sem_post(&stage.done);
    return TROUPE_OK;
}

static const troupe_behavior watcher = {.name = "watcher", .receive = watcher_receive};

static void it_may_be_held_in_the_message_of_a_monitor(void **state)
{
    (void)state;
    stage_open(2, 1);
    troupe_ref watched = stage_spawn(&failing_behavior, TROUPE_ON_POOL, 0);
    troupe_ref ref = stage_spawn(&watcher, TROUPE_ON_POOL, 0);
    troupe_send_body(stage.ctx, ref, TROUPE_TYPE(Whom), &watched);
    troupe_send(stage.ctx, watched, Fail);
    gate_await(&stage.gate);
    stage_kill_and_join(ref);
    stage_release();
    assert_true(strcmp(stage.text, failing_text) == 0 ||
                strcmp(stage.text, "") == 0); // it had ended before it was watched
    stage_close();
}

static troupe_status passing_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const struct held *hold = msg->body;
    struct gate *gate = hold->gate;
    if (troupe_forward(ctx, troupe_whereis(ctx, "receiver"), msg) == TROUPE_OK)
        gate_pass(gate);
    sem_post(&stage.done);
    return TROUPE_OK;
}

static const troupe_behavior passing = {.name = "passing", .receive = passing_receive};

static void it_may_have_passed_its_message_on(void **state)
{
    (void)state;
    const troupe_spawn_opts opts = {.register_as = "receiver"};
    troupe_ref receiver;
    stage_open(2, 1);
    assert_int_equal(troupe_spawn(stage.ctx, &bystander_behavior, &opts, &receiver), TROUPE_OK);
    troupe_ref ref = stage_spawn(&passing, TROUPE_ON_POOL, 0);
    stage_hold(ref);
    stage_kill_and_join(ref);
    stage_release();
    assert_int_equal(stage_close().abandoned, 1); // the message was freed once, by its receiver
}

static void it_may_be_held_in_the_message_of_a_timer(void **state)
{
    (void)state;
    stage_open(2, 1);
    troupe_ref ref = stage_spawn(&held_behavior, TROUPE_ON_THREAD, 0);
    troupe_every(stage.ctx, 1, ref, NULL, Hold, .gate = &stage.gate);
    gate_await(&stage.gate);
    stage_kill_and_join(ref);
    stage_release();
    assert_int_equal(stage_close().abandoned, 1);
}

// Links with whom it is told to, and reads of its end after the gate.
static troupe_status linked_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const troupe_exited *exited = troupe_match(msg, troupe_exited);
    if (exited == NULL) {
        const troupe_ref *to = msg->body;
        troupe_status status = troupe_trap_exits(ctx, true);
        if (status == TROUPE_OK)
            status = troupe_link(ctx, *to);
        sem_post(&stage.done);
        return status;
    }
    gate_pass(&stage.gate);
    stage_read(exited->reason.text);
    stage_call_everything(ctx, msg);
    sem_post(&stage.done);
    return TROUPE_OK;
}

static const troupe_behavior linked = {.name = "linked", .receive = linked_receive};

static void it_may_be_held_in_an_exit_signal_that_it_traps(void **state)
{
    (void)state;
    stage_open(2, 1);
    troupe_ref other = stage_spawn(&failing_behavior, TROUPE_ON_POOL, 0);
    troupe_ref ref = stage_spawn(&linked, TROUPE_ON_POOL, 0);
    troupe_send_body(stage.ctx, ref, TROUPE_TYPE(Whom), &other);
    gate_wait(&stage.done);
    troupe_send(stage.ctx, other, Fail);
    gate_await(&stage.gate);
    stage_kill_and_join(ref);
    stage_release();
    assert_string_equal(stage.text, failing_text); // it was there as long as it
    assert_int_equal(stage_close().abandoned, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_may_be_held_in_init),
        cmocka_unit_test(it_may_be_held_in_stop),
        cmocka_unit_test(it_may_be_held_in_an_outcome),
        cmocka_unit_test(it_may_be_held_in_the_message_of_a_monitor),
        cmocka_unit_test(it_may_have_passed_its_message_on),
        cmocka_unit_test(it_may_be_held_in_the_message_of_a_timer),
        cmocka_unit_test(it_may_be_held_in_an_exit_signal_that_it_traps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
