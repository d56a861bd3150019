// Handlers that do not return: after a kill and its grace the incarnation is given up and life goes
// on without it. Here the handler of a message; others in abandon_held_test.c, and what a stop of
// the system does about them in abandon_system_test.c.
#include "tests/support/stage.h"
#include "troupe/link.h"
#include "troupe/name.h"

static void give_up_one(troupe_place place)
{
    stage_open(2, 1);
    troupe_ref ref = stage_spawn(&held_behavior, place, 0);
    stage_hold(ref);
    stage_kill_and_join(ref); // although the handler has not returned
    assert_int_equal(atomic_load(&stage.abandoned), 1);
    assert_int_equal(atomic_load(&stage.deferred), 0);
    stage_release();
    assert_true(atomic_load(&stage.calls.made) > 80); // of which nothing has come
    assert_int_equal(stage_close().abandoned, 1);
    assert_int_equal(atomic_load(&stage.deferred), 1);
}

static void a_handler_that_does_not_return_is_given_up_on_a_thread(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        give_up_one(TROUPE_ON_THREAD);
}

static void a_handler_that_does_not_return_is_given_up_on_the_pool(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        give_up_one(TROUPE_ON_POOL);
}

static void a_worker_that_was_held_works_again(void **state)
{
    (void)state;
    stage_open(2, 1);
    for (int i = 0; i < 20; i++) {
        troupe_ref ref = stage_spawn(&held_behavior, TROUPE_ON_POOL, 0);
        stage_hold(ref);
        stage_kill_and_join(ref);
        stage_release();
    }
    assert_int_equal(stage_close().abandoned, 20);
    assert_int_equal(atomic_load(&stage.deferred), 20);
}

static long ask_for_sum(troupe_ref ref)
{
    troupe_msg *reply;
    assert_int_equal(troupe_call(stage.ctx, ref, TROUPE_NO_LIMIT, &reply, Query), TROUPE_OK);
    long value = number_of(reply);
    troupe_msg_free(stage.ctx, reply);
    return value;
}

static void go_on_behind_the_same_ref(troupe_place place)
{
    stage_open(2, 1);
    troupe_child child = {
        .id = "held", .behavior = &held_behavior, .place = place, .kill_grace_ms = 3};
    troupe_supervisor spec = {.children = &child, .child_count = 1, .max_restarts = 10};
    troupe_ref supervisor, ref;
    assert_int_equal(troupe_supervise_wait(stage.ctx, &spec, &supervisor), TROUPE_OK);
    assert_int_equal(troupe_child_ref(stage.ctx, supervisor, "held", &ref), TROUPE_OK);
    troupe_send(stage.ctx, ref, Number, .value = 7);
    stage_hold(ref);
    for (int i = 1; i <= 100; i++) // these are kept
        troupe_send(stage.ctx, ref, Number, .value = i);
    assert_int_equal(troupe_kill(stage.ctx, ref), TROUPE_OK);
    assert_int_equal(ask_for_sum(ref), 5050); // of the next incarnation
    assert_int_equal(troupe_incarnation(stage.ctx, ref), 2);
    assert_int_equal(atomic_load(&stage.deferred), 0); // the old one is still there
    stage_release();
    assert_int_equal(ask_for_sum(ref), 5050);
    troupe_stats stats = stage_close();
    assert_int_equal(stats.abandoned, 1);
    assert_int_equal(stats.restarts, 1);
    assert_int_equal(atomic_load(&stage.deferred), 1);
}

static void the_next_incarnation_goes_on_behind_the_same_ref(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        go_on_behind_the_same_ref(TROUPE_ON_THREAD);
        go_on_behind_the_same_ref(TROUPE_ON_POOL);
    }
}

static const troupe_behavior large_behavior = {
    .name = "large", .state_size = STAGE_LARGE, .receive = held_receive};

// The body stays with the handler, so the next one has to be made.
static void a_next_incarnation_without_memory_is_an_attempt_that_failed(void **state)
{
    (void)state;
    stage_open(2, 1);
    troupe_child child = {.id = "large", .behavior = &large_behavior};
    troupe_supervisor spec = {.children = &child, .child_count = 1, .max_restarts = 3};
    troupe_ref supervisor, ref;
    assert_int_equal(troupe_supervise_wait(stage.ctx, &spec, &supervisor), TROUPE_OK);
    assert_int_equal(troupe_child_ref(stage.ctx, supervisor, "large", &ref), TROUPE_OK);
    stage_hold(ref);
    troupe_send(stage.ctx, ref, Number, .value = 5);
    atomic_store(&stage.refusals, 2); // with the kill that is as many as are allowed
    assert_int_equal(troupe_kill(stage.ctx, ref), TROUPE_OK);
    assert_int_equal(ask_for_sum(ref), 5);
    assert_int_equal(atomic_load(&stage.refusals), 0);
    assert_int_equal(troupe_incarnation(stage.ctx, ref), 2);
    stage_release();
    assert_int_equal(stage_close().restarts, 1);
}

static troupe_status patient_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state;
    const struct held *hold = msg->body;
    gate_pass(hold->gate);
    return TROUPE_OK;
}

static const troupe_behavior patient_behavior = {.name = "patient", .receive = patient_receive};

static void a_short_grace_does_not_wait_for_a_longer_one(void **state)
{
    (void)state;
    stage_open(1, 1);
    struct gate other;
    gate_init(&other);
    troupe_ref patient = stage_spawn(&patient_behavior, TROUPE_ON_THREAD, TROUPE_NO_LIMIT);
    troupe_send(stage.ctx, patient, Hold, .gate = &other);
    gate_await(&other);
    troupe_kill(stage.ctx, patient);
    for (int i = 0; i < 3; i++) { // until the first look has found the patient one
        troupe_ref ref = stage_spawn(&held_behavior, TROUPE_ON_THREAD, 1);
        stage_hold(ref);
        stage_kill_and_join(ref);
        stage_release();
    }
    gate_open(&other);
    assert_int_equal(stage_close().abandoned, 3);
}

// ---- What it owed to others

static struct {
    troupe_status status;
    troupe_reason_kind kind;
} outcome_seen;

static troupe_status on_outcome(troupe_ctx *ctx, void *state, void *user,
                                const troupe_outcome *outcome)
{
    (void)ctx, (void)state, (void)user;
    outcome_seen.status = outcome->status;
    outcome_seen.kind = outcome->reason ? outcome->reason->kind : 0;
    sem_post(&stage.done);
    return TROUPE_OK;
}

static troupe_status asker_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const troupe_ref *to = msg->body;
    return troupe_ask(ctx, *to, TROUPE_NO_LIMIT, on_outcome, NULL, Hold, .gate = &stage.gate);
}

static const troupe_behavior asker = {.name = "asker", .receive = asker_receive};

static void an_ask_in_its_hands_gets_down_at_once(void **state)
{
    (void)state;
    stage_open(2, 1);
    troupe_ref ref = stage_spawn(&held_behavior, TROUPE_ON_THREAD, 0);
    troupe_ref asking = stage_spawn(&asker, TROUPE_ON_POOL, 0);
    troupe_send_body(stage.ctx, asking, TROUPE_TYPE(Whom), &ref);
    gate_await(&stage.gate);
    troupe_kill(stage.ctx, ref);
    gate_wait(&stage.done); // the outcome, while the handler is held
    assert_int_equal(outcome_seen.status, TROUPE_EDOWN);
    assert_int_equal(outcome_seen.kind, TROUPE_KILLED);
    stage_release();
    stage_close();
}

static void its_children_end_with_it(void **state)
{
    (void)state;
    stage_open(2, 2);
    troupe_ref ref = stage_spawn(&parent_behavior, TROUPE_ON_POOL, 0);
    stage_hold(ref);
    stage_kill_and_join(ref);
    assert_int_equal(troupe_incarnation(stage.ctx, stage.spawned), 0); // ended before it
    stage_release();
    stage_close();
}

static void its_name_is_free_at_once(void **state)
{
    (void)state;
    const troupe_spawn_opts opts = {.register_as = "held"};
    troupe_ref ref;
    stage_open(2, 1);
    assert_int_equal(troupe_spawn(stage.ctx, &held_behavior, &opts, &ref), TROUPE_OK);
    stage_hold(ref);
    stage_kill_and_join(ref);
    assert_true(troupe_ref_is_none(troupe_whereis(stage.ctx, "held")));
    assert_int_equal(troupe_spawn(stage.ctx, &bystander_behavior, &opts, &ref), TROUPE_OK);
    stage_release();
    assert_true(troupe_ref_equal(troupe_whereis(stage.ctx, "held"), ref));
    stage_close();
}

static troupe_status partner_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const troupe_ref *whom = troupe_match(msg, Whom);
    const troupe_exited *exited = troupe_match(msg, troupe_exited);
    if (whom) {
        troupe_trap_exits(ctx, true);
        troupe_link(ctx, *whom);
    } else if (exited) {
        outcome_seen.kind = exited->reason.kind;
    }
    sem_post(&stage.done);
    return TROUPE_OK;
}

static const troupe_behavior partner = {.name = "partner", .receive = partner_receive};

static void whom_it_is_linked_with_gets_the_exit_signal_at_once(void **state)
{
    (void)state;
    stage_open(2, 1);
    troupe_ref ref = stage_spawn(&held_behavior, TROUPE_ON_THREAD, 0);
    troupe_ref other = stage_spawn(&partner, TROUPE_ON_POOL, 0);
    troupe_send_body(stage.ctx, other, TROUPE_TYPE(Whom), &ref);
    gate_wait(&stage.done); // it is linked
    stage_hold(ref);
    assert_int_equal(troupe_kill(stage.ctx, ref), TROUPE_OK);
    gate_wait(&stage.done); // the signal, while the handler is held
    assert_int_equal(outcome_seen.kind, TROUPE_KILLED);
    stage_release();
    stage_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handler_that_does_not_return_is_given_up_on_a_thread),
        cmocka_unit_test(a_handler_that_does_not_return_is_given_up_on_the_pool),
        cmocka_unit_test(a_worker_that_was_held_works_again),
        cmocka_unit_test(the_next_incarnation_goes_on_behind_the_same_ref),
        cmocka_unit_test(a_next_incarnation_without_memory_is_an_attempt_that_failed),
        cmocka_unit_test(a_short_grace_does_not_wait_for_a_longer_one),
        cmocka_unit_test(an_ask_in_its_hands_gets_down_at_once),
        cmocka_unit_test(its_children_end_with_it),
        cmocka_unit_test(its_name_is_free_at_once),
        cmocka_unit_test(whom_it_is_linked_with_gets_the_exit_signal_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
