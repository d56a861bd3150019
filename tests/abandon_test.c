// Handlers that do not return: after a kill and its grace the incarnation is given up and life goes
// on without it. Every handler here is held at a gate that the test opens when it has seen enough.
#include "tests/support/gate.h"
#include "troupe/ask.h"
#include "troupe/supervisor.h"
#include "troupe/system.h"
#include "troupe/timer.h"

#include <stdatomic.h>
#include <string.h>

struct held {
    struct gate *gate;
};

struct number {
    long value;
};

struct word {
    char text[32];
};

TROUPE_STRUCT(Hold, struct held);
TROUPE_STRUCT(Number, struct number);
TROUPE_STRUCT(Word, struct word);
TROUPE_EMPTY(Query);
TROUPE_EMPTY(Fail);

// What a test sees of the system and its actors.
struct stage {
    troupe_system *system;
    troupe_ctx *ctx;
    struct books books;
    troupe_allocator allocator;
    struct gate gate;
    _Atomic uint32_t deferred;       // defers that have run
    _Atomic uint32_t abandoned;      // events
    _Atomic uint32_t stale, refused; // calls of a given-up incarnation: ESTALE, and the others
    _Atomic uint32_t child_ends;     // of spawned children, as their stop sees it
    troupe_ref child;                // what the held actor has spawned
    sem_t done;
    char text[64]; // what a handler has read after it was given up

    struct troupe_reason_seen {
        troupe_status status;
        troupe_reason_kind kind;
    } outcome;
};

static struct stage stage;

static void on_event(void *user, const troupe_event *event)
{
    (void)user;
    if (event->kind == TROUPE_EVENT_ABANDONED)
        atomic_fetch_add(&stage.abandoned, 1);
}

static void open_stage(uint32_t workers, uint32_t grace_ms)
{
    memset(&stage, 0, sizeof stage);
    gate_init(&stage.gate);
    sem_init(&stage.done, 0, 0);
    stage.allocator = books_open(&stage.books);
    troupe_system_opts opts = {.workers = workers,
                               .kill_grace_ms = grace_ms,
                               .allocator = &stage.allocator,
                               .on_event = on_event};
    assert_int_equal(troupe_system_start(&opts, &stage.system), TROUPE_OK);
    stage.ctx = troupe_outside(stage.system);
}

// Every handler has returned by now, so the stop succeeds.
static troupe_stats close_stage(void)
{
    troupe_report report;
    assert_int_equal(troupe_system_stop(stage.system, 0, &report), TROUPE_OK);
    books_close(&stage.books);
    assert_int_equal(report.stats.sent,
                     report.stats.handled + report.stats.dead + report.stats.dropped);
    return report.stats;
}

static void count_defer(void *counter)
{
    atomic_fetch_add((_Atomic uint32_t *)counter, 1);
}

// ---- The actor that is held

static void expect_stale(troupe_status status)
{
    atomic_fetch_add(status == TROUPE_ESTALE ? &stage.stale : &stage.refused, 1);
}

static void expect_nothing(bool nothing)
{
    atomic_fetch_add(nothing ? &stage.stale : &stage.refused, 1);
}

static troupe_status on_nothing(troupe_ctx *ctx, void *state, void *user, const troupe_outcome *end)
{
    (void)ctx, (void)state, (void)user, (void)end;
    atomic_fetch_add(&stage.refused, 1);
    return TROUPE_OK;
}

static long value_of(const troupe_msg *msg)
{
    const struct number *number = troupe_match(msg, Number);
    return number ? number->value : -1;
}

static troupe_status do_nothing(troupe_ctx *ctx, void *state, const troupe_msg *msg);

static const troupe_behavior nobody = {.name = "nobody", .receive = do_nothing};

#define STALE_CALLS 19

// Every kind of call, by an incarnation that was given up.
static void call_everything(troupe_ctx *ctx, const troupe_msg *msg)
{
    troupe_ref self = troupe_self(ctx), ref;
    troupe_msg *own;
    troupe_timer timer = {{0, 0}};
    troupe_monitor_ref monitor = {{0, 0}};
    troupe_token token = {{0, 0}};
    troupe_ask_id id = {{0, 0}};
    expect_stale(troupe_send(ctx, self, Number, .value = 1));
    expect_stale(troupe_send_many(ctx, &self, 1, NULL, Number, .value = 1));
    expect_stale(troupe_reply(ctx, Number, .value = 1));
    expect_stale(troupe_ask(ctx, self, 0, on_nothing, NULL, Query));
    expect_stale(troupe_ask_cancel(ctx, id));
    expect_stale(troupe_spawn(ctx, &nobody, NULL, &ref));
    expect_stale(troupe_stop(ctx, self));
    expect_stale(troupe_kill(ctx, self));
    expect_stale(troupe_drain(ctx, self));
    expect_stale(troupe_monitor(ctx, self, TROUPE_ON_STOP, NULL));
    expect_stale(troupe_demonitor(ctx, monitor));
    expect_stale(troupe_after(ctx, 1, self, &timer, Number, .value = 1));
    expect_stale(troupe_timer_cancel(ctx, timer));
    expect_stale(troupe_become(ctx, do_nothing));
    expect_stale(troupe_token_take(ctx, &token));
    expect_stale(troupe_reply_to(ctx, token, Number, .value = 1));
    expect_stale(troupe_msg_take(ctx, msg, &own));
    expect_stale(troupe_stash(ctx, msg));
    expect_nothing(troupe_alloc(ctx, 16) == NULL && troupe_unstash(ctx) == 0 &&
                   troupe_random(ctx) == 0 && troupe_msg_new(ctx, Number, &own) == NULL);
}

struct worker { // the state of a held actor
    long sum;
};

static troupe_status held_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct worker *worker = state;
    const struct held *hold = troupe_match(msg, Hold);
    const struct number *number = troupe_match(msg, Number);
    if (hold) {
        troupe_defer(ctx, count_defer, &stage.deferred);
        gate_pass(hold->gate);
        worker->sum += 1000; // its state is still there
        call_everything(ctx, msg);
        sem_post(&stage.done);
        return TROUPE_OK;
    }
    if (number) {
        worker->sum += number->value;
        return TROUPE_OK;
    }
    if (troupe_match(msg, Query))
        return troupe_reply(ctx, Number, .value = worker->sum);
    return TROUPE_UNHANDLED;
}

static const troupe_behavior held_behavior = {
    .name = "held", .state_size = sizeof(struct worker), .receive = held_receive};

static troupe_status do_nothing(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    return TROUPE_OK;
}

static troupe_ref spawn(const troupe_behavior *behavior, troupe_place place, uint32_t grace_ms)
{
    troupe_ref ref;
    troupe_spawn_opts opts = {.place = place, .kill_grace_ms = grace_ms};
    assert_int_equal(troupe_spawn(stage.ctx, behavior, &opts, &ref), TROUPE_OK);
    return ref;
}

static void hold(troupe_ref ref)
{
    assert_int_equal(troupe_send(stage.ctx, ref, Hold, .gate = &stage.gate), TROUPE_OK);
    gate_await(&stage.gate);
}

static void kill_and_join(troupe_ref ref)
{
    troupe_reason_kind kind;
    assert_int_equal(troupe_kill(stage.ctx, ref), TROUPE_OK);
    assert_int_equal(troupe_join(stage.ctx, ref, TROUPE_NO_LIMIT, &kind), TROUPE_OK);
    assert_int_equal(kind, TROUPE_KILLED);
}

static void release(void)
{
    gate_open(&stage.gate);
    gate_wait(&stage.done);
}

// ---- The tests

static void give_up_one(troupe_place place)
{
    open_stage(2, 1);
    troupe_ref ref = spawn(&held_behavior, place, 0);
    hold(ref);
    kill_and_join(ref); // although the handler has not returned
    assert_int_equal(atomic_load(&stage.abandoned), 1);
    assert_int_equal(atomic_load(&stage.deferred), 0);
    release();
    assert_int_equal(atomic_load(&stage.refused), 0);
    assert_int_equal(atomic_load(&stage.stale), STALE_CALLS);
    assert_int_equal(close_stage().abandoned, 1);
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
    open_stage(2, 1);
    for (int i = 0; i < 20; i++) {
        troupe_ref ref = spawn(&held_behavior, TROUPE_ON_POOL, 0);
        hold(ref);
        kill_and_join(ref);
        release();
    }
    assert_int_equal(close_stage().abandoned, 20);
    assert_int_equal(atomic_load(&stage.deferred), 20);
}

static long ask_for_sum(troupe_ref ref)
{
    troupe_msg *reply;
    assert_int_equal(troupe_call(stage.ctx, ref, TROUPE_NO_LIMIT, &reply, Query), TROUPE_OK);
    long value = value_of(reply);
    troupe_msg_free(stage.ctx, reply);
    return value;
}

static void go_on_behind_the_same_ref(troupe_place place)
{
    open_stage(2, 1);
    troupe_child child = {
        .id = "held", .behavior = &held_behavior, .place = place, .kill_grace_ms = 3};
    troupe_supervisor spec = {.children = &child, .child_count = 1, .max_restarts = 10};
    troupe_ref supervisor, ref;
    assert_int_equal(troupe_supervise_wait(stage.ctx, &spec, &supervisor), TROUPE_OK);
    assert_int_equal(troupe_child_ref(stage.ctx, supervisor, "held", &ref), TROUPE_OK);
    troupe_send(stage.ctx, ref, Number, .value = 7);
    hold(ref);
    for (int i = 1; i <= 100; i++) // these are kept
        troupe_send(stage.ctx, ref, Number, .value = i);
    assert_int_equal(troupe_kill(stage.ctx, ref), TROUPE_OK);
    assert_int_equal(ask_for_sum(ref), 5050); // of the next incarnation
    assert_int_equal(troupe_incarnation(stage.ctx, ref), 2);
    assert_int_equal(atomic_load(&stage.deferred), 0); // the old one is still there
    release();
    assert_int_equal(atomic_load(&stage.refused), 0);
    assert_int_equal(ask_for_sum(ref), 5050);
    troupe_stats stats = close_stage();
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
    open_stage(1, 1);
    struct gate other;
    gate_init(&other);
    troupe_ref patient = spawn(&patient_behavior, TROUPE_ON_THREAD, TROUPE_NO_LIMIT);
    troupe_send(stage.ctx, patient, Hold, .gate = &other);
    gate_await(&other);
    troupe_kill(stage.ctx, patient);
    for (int i = 0; i < 3; i++) { // until the first look has found the patient one
        troupe_ref ref = spawn(&held_behavior, TROUPE_ON_THREAD, 1);
        hold(ref);
        kill_and_join(ref);
        release();
    }
    gate_open(&other);
    assert_int_equal(close_stage().abandoned, 3);
}

// ---- What it owed to others

static troupe_status on_outcome(troupe_ctx *ctx, void *state, void *user,
                                const troupe_outcome *outcome)
{
    (void)ctx, (void)state, (void)user;
    stage.outcome.status = outcome->status;
    stage.outcome.kind = outcome->reason ? outcome->reason->kind : 0;
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

TROUPE_STRUCT(AskIt, troupe_ref);

static void an_ask_in_its_hands_gets_down_at_once(void **state)
{
    (void)state;
    open_stage(2, 1);
    troupe_ref ref = spawn(&held_behavior, TROUPE_ON_THREAD, 0);
    troupe_ref asking = spawn(&asker, TROUPE_ON_POOL, 0);
    troupe_send_body(stage.ctx, asking, TROUPE_TYPE(AskIt), &ref);
    gate_await(&stage.gate);
    troupe_kill(stage.ctx, ref);
    gate_wait(&stage.done); // the outcome, while the handler is held
    assert_int_equal(stage.outcome.status, TROUPE_EDOWN);
    assert_int_equal(stage.outcome.kind, TROUPE_KILLED);
    release();
    assert_int_equal(atomic_load(&stage.refused), 0); // also its reply
    close_stage();
}

static void child_stop(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)ctx, (void)state, (void)why;
    atomic_fetch_add(&stage.child_ends, 1);
}

static const troupe_behavior child_behavior = {
    .name = "child", .receive = do_nothing, .stop = child_stop};

static troupe_status parent_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    troupe_spawn(ctx, &child_behavior, NULL, &stage.child);
    troupe_monitor(ctx, stage.child, TROUPE_ON_STOP, NULL);
    troupe_every(ctx, 1, troupe_self(ctx), NULL, Number, .value = 1);
    return held_receive(ctx, state, msg);
}

static const troupe_behavior parent_behavior = {
    .name = "parent", .state_size = sizeof(struct worker), .receive = parent_receive};

static void its_children_end_with_it(void **state)
{
    (void)state;
    open_stage(2, 2);
    troupe_ref ref = spawn(&parent_behavior, TROUPE_ON_POOL, 0);
    hold(ref);
    kill_and_join(ref);
    assert_int_equal(troupe_incarnation(stage.ctx, stage.child), 0); // ended before it
    release();
    close_stage();
}

// ---- Held elsewhere than in receive

static troupe_status held_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state;
    const struct word *word = troupe_match(args, Word);
    if (troupe_incarnation(ctx, troupe_self(ctx)) > 1)
        return TROUPE_OK;
    troupe_defer(ctx, count_defer, &stage.deferred);
    gate_pass(&stage.gate);
    if (word)
        strcpy(stage.text, word->text); // it may still read what it was given
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
        open_stage(2, 1);
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
        kill_and_join(ref); // supervised: a first start that fails ends the supervisor
        if (supervised)
            troupe_join(stage.ctx, supervisor, TROUPE_NO_LIMIT, NULL);
        release();
        assert_string_equal(stage.text, "arguments");
        assert_int_equal(close_stage().abandoned, 1);
        assert_int_equal(atomic_load(&stage.deferred), 1);
    }
}

static troupe_status fail_on_demand(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    if (troupe_match(msg, Fail))
        return troupe_fail(ctx, TROUPE_EUSER, "a text that lives as long as the handler");
    return TROUPE_OK;
}

static void held_stop(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)ctx, (void)state;
    gate_pass(&stage.gate);
    strncpy(stage.text, why->text, sizeof stage.text - 1);
    sem_post(&stage.done);
}

static const troupe_behavior held_in_stop = {
    .name = "held in stop", .receive = fail_on_demand, .stop = held_stop};

static void it_may_be_held_in_stop(void **state)
{
    (void)state;
    open_stage(2, 1);
    troupe_ref ref = spawn(&held_in_stop, TROUPE_ON_POOL, 0);
    troupe_send(stage.ctx, ref, Fail);
    gate_await(&stage.gate);
    kill_and_join(ref);
    release();
    assert_string_equal(stage.text, "a text that lives as long as the handler");
    assert_int_equal(close_stage().abandoned, 1);
}

static troupe_status held_outcome(troupe_ctx *ctx, void *state, void *user,
                                  const troupe_outcome *outcome)
{
    (void)ctx, (void)state, (void)user;
    gate_pass(&stage.gate);
    stage.outcome.kind = (troupe_reason_kind)value_of(outcome->reply);
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
    open_stage(2, 1);
    troupe_ref asked = spawn(&held_behavior, TROUPE_ON_POOL, 0);
    troupe_ref ref = spawn(&held_asker, TROUPE_ON_POOL, 0);
    troupe_send(stage.ctx, asked, Number, .value = 42);
    troupe_send_body(stage.ctx, ref, TROUPE_TYPE(AskIt), &asked);
    gate_await(&stage.gate);
    kill_and_join(ref);
    release();
    assert_int_equal(stage.outcome.kind, 42); // the reply was there as long as it
    close_stage();
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
    strncpy(stage.text, down->reason.text, sizeof stage.text - 1);
    sem_post(&stage.done);
    return TROUPE_OK;
}

static const troupe_behavior watcher = {.name = "watcher", .receive = watcher_receive};
static const troupe_behavior failing = {.name = "failing", .receive = fail_on_demand};

static void it_may_be_held_in_the_message_of_a_monitor(void **state)
{
    (void)state;
    open_stage(2, 1);
    troupe_ref watched = spawn(&failing, TROUPE_ON_POOL, 0);
    troupe_ref ref = spawn(&watcher, TROUPE_ON_POOL, 0);
    troupe_send_body(stage.ctx, ref, TROUPE_TYPE(AskIt), &watched);
    troupe_send(stage.ctx, watched, Fail);
    gate_await(&stage.gate);
    kill_and_join(ref);
    release();
    assert_true(strcmp(stage.text, "a text that lives as long as the handler") == 0 ||
                strcmp(stage.text, "") == 0); // it had ended before it was watched
    close_stage();
}

static void it_may_be_held_in_the_message_of_a_timer(void **state)
{
    (void)state;
    open_stage(2, 1);
    troupe_ref ref = spawn(&held_behavior, TROUPE_ON_THREAD, 0);
    troupe_every(stage.ctx, 1, ref, NULL, Hold, .gate = &stage.gate);
    gate_await(&stage.gate);
    kill_and_join(ref);
    release();
    assert_int_equal(close_stage().abandoned, 1);
}

// ---- The end of the system

static void stop_in_vain(const char *name, const char *type)
{
    troupe_report report;
    assert_int_equal(troupe_system_stop(stage.system, 40, &report), TROUPE_ETIMEDOUT);
    assert_int_equal(report.refused, 1);
    assert_string_equal(report.who[0].name, name);
    assert_string_equal(report.who[0].message_type, type);
    assert_true(report.who[0].ref.generation != 0);
}

static void a_system_stops_by_its_deadline_and_finishes_later(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        for (int grace = 0; grace < 2; grace++) { // given up before, or by the stop
            open_stage(2, grace ? 5000 : 1);
            troupe_ref ref = spawn(&held_behavior, i ? TROUPE_ON_POOL : TROUPE_ON_THREAD, 0);
            for (int k = 0; k < 10; k++)
                assert_int_equal(
                    troupe_spawn_wait(stage.ctx, &child_behavior, NULL, NULL, NULL, NULL),
                    TROUPE_OK);
            hold(ref);
            stop_in_vain("held", "Hold");
            assert_int_equal(atomic_load(&stage.child_ends), 10);
            assert_int_equal(atomic_load(&stage.deferred), 0);
            release();
            books_await_balance(&stage.books);
            assert_int_equal(atomic_load(&stage.deferred), 1);
            assert_int_equal(atomic_load(&stage.refused), 0);
        }
    }
}

static _Atomic bool busy;

// Never at rest: it is hardly ever found outside of the runtime.
static troupe_status busy_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state, (void)msg;
    sem_post(&stage.gate.arrived);
    while (atomic_load(&busy))
        troupe_name(ctx);
    return TROUPE_OK;
}

static const troupe_behavior busy_behavior = {.name = "busy", .receive = busy_receive};

static void a_handler_that_calls_all_the_time_is_given_up_too(void **state)
{
    (void)state;
    open_stage(2, 5000);
    atomic_store(&busy, true);
    troupe_ref ref = spawn(&busy_behavior, TROUPE_ON_THREAD, 0);
    troupe_send(stage.ctx, ref, Query);
    gate_await(&stage.gate);
    stop_in_vain("busy", "Query");
    atomic_store(&busy, false);
    books_await_balance(&stage.books);
}

static void a_stop_kills_the_children_of_what_it_gives_up(void **state)
{
    (void)state;
    open_stage(2, 5000);
    troupe_ref ref = spawn(&parent_behavior, TROUPE_ON_THREAD, 0);
    hold(ref);
    stop_in_vain("parent", "Hold");
    release();
    books_await_balance(&stage.books);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handler_that_does_not_return_is_given_up_on_a_thread),
        cmocka_unit_test(a_handler_that_does_not_return_is_given_up_on_the_pool),
        cmocka_unit_test(a_worker_that_was_held_works_again),
        cmocka_unit_test(the_next_incarnation_goes_on_behind_the_same_ref),
        cmocka_unit_test(a_short_grace_does_not_wait_for_a_longer_one),
        cmocka_unit_test(an_ask_in_its_hands_gets_down_at_once),
        cmocka_unit_test(its_children_end_with_it),
        cmocka_unit_test(it_may_be_held_in_init),
        cmocka_unit_test(it_may_be_held_in_stop),
        cmocka_unit_test(it_may_be_held_in_an_outcome),
        cmocka_unit_test(it_may_be_held_in_the_message_of_a_monitor),
        cmocka_unit_test(it_may_be_held_in_the_message_of_a_timer),
        cmocka_unit_test(a_system_stops_by_its_deadline_and_finishes_later),
        cmocka_unit_test(a_handler_that_calls_all_the_time_is_given_up_too),
        cmocka_unit_test(a_stop_kills_the_children_of_what_it_gives_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
