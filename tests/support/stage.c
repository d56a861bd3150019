// See stage.h.
#include "tests/support/stage.h"

#include "troupe/name.h"

struct stage stage;

static void on_event(void *user, const troupe_event *event)
{
    (void)user;
    if (event->kind == TROUPE_EVENT_ABANDONED)
        atomic_fetch_add(&stage.abandoned, 1);
}

static troupe_status do_nothing(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    return TROUPE_OK;
}

// ---- Opening and closing

static void *take(void *user, size_t size, size_t align)
{
    if (size >= STAGE_LARGE && size < STAGE_LARGE + 10000 && atomic_load(&stage.refusals) > 0) {
        atomic_fetch_sub(&stage.refusals, 1);
        return NULL;
    }
    return books_alloc(user, size, align);
}

static const troupe_behavior target_child = {.name = STALE_CALLS_CHILD, .receive = do_nothing};

static void start_target(void)
{
    static const troupe_child child = {.id = STALE_CALLS_CHILD, .behavior = &target_child};
    static const troupe_supervisor target = {
        .register_as = STALE_CALLS_TARGET, .children = &child, .child_count = 1};
    assert_int_equal(troupe_supervise_wait(stage.ctx, &target, &stage.target), TROUPE_OK);
}

void stage_open(uint32_t workers, uint32_t grace_ms)
{
    memset(&stage, 0, sizeof stage);
    gate_init(&stage.gate);
    sem_init(&stage.done, 0, 0);
    stage.allocator = books_open(&stage.books);
    stage.allocator.alloc = take;
    troupe_system_opts opts = {.workers = workers,
                               .kill_grace_ms = grace_ms,
                               .allocator = &stage.allocator,
                               .on_event = on_event};
    assert_int_equal(troupe_system_start(&opts, &stage.system), TROUPE_OK);
    stage.ctx = troupe_outside(stage.system);
    start_target();
}

// It lives, is called what it was called, and has its child as it was.
static void expect_target_as_it_was(void)
{
    troupe_ref child;
    assert_true(troupe_ref_equal(troupe_whereis(stage.ctx, STALE_CALLS_TARGET), stage.target));
    assert_true(troupe_ref_is_none(troupe_whereis(stage.ctx, STALE_CALLS_NAME)));
    assert_int_equal(troupe_child_ref(stage.ctx, stage.target, STALE_CALLS_CHILD, &child),
                     TROUPE_OK);
    assert_int_equal(troupe_incarnation(stage.ctx, child), 1);
}

troupe_stats stage_close(void)
{
    troupe_report report;
    expect_target_as_it_was();
    assert_string_equal(stale_calls_refused(&stage.calls), "");
    assert_int_equal(troupe_system_stop(stage.system, 0, &report), TROUPE_OK);
    books_close(&stage.books);
    assert_int_equal(report.stats.sent,
                     report.stats.handled + report.stats.dead + report.stats.dropped);
    return report.stats;
}

// ---- Holding and letting go

troupe_ref stage_spawn(const troupe_behavior *behavior, troupe_place place, uint32_t grace_ms)
{
    troupe_ref ref;
    troupe_spawn_opts opts = {.place = place, .kill_grace_ms = grace_ms};
    assert_int_equal(troupe_spawn(stage.ctx, behavior, &opts, &ref), TROUPE_OK);
    return ref;
}

void stage_hold(troupe_ref ref)
{
    assert_int_equal(troupe_send(stage.ctx, ref, Hold, .gate = &stage.gate), TROUPE_OK);
    gate_await(&stage.gate);
}

void stage_kill_and_join(troupe_ref ref)
{
    troupe_reason_kind kind;
    assert_int_equal(troupe_kill(stage.ctx, ref), TROUPE_OK);
    assert_int_equal(troupe_join(stage.ctx, ref, TROUPE_NO_LIMIT, &kind), TROUPE_OK);
    assert_int_equal(kind, TROUPE_KILLED);
}

void stage_release(void)
{
    gate_open(&stage.gate);
    gate_wait(&stage.done);
}

void stage_read(const char *text)
{
    strncpy(stage.text, text, sizeof stage.text - 1);
}

void stage_call_everything(troupe_ctx *ctx, const troupe_msg *msg)
{
    stale_calls_make(ctx, msg, stage.target, &stage.calls);
}

void stage_count_defer(void *unused)
{
    (void)unused;
    atomic_fetch_add(&stage.deferred, 1);
}

// ---- Actors

long number_of(const troupe_msg *msg)
{
    const struct number *number = troupe_match(msg, Number);
    return number ? number->value : -1;
}

troupe_status held_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct worker *worker = state;
    const struct held *hold = troupe_match(msg, Hold);
    const struct number *number = troupe_match(msg, Number);
    if (hold) {
        troupe_defer(ctx, stage_count_defer, NULL);
        gate_pass(hold->gate);
        worker->sum += 1000; // its state is still there
        stage_call_everything(ctx, msg);
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

const troupe_behavior held_behavior = {
    .name = "held", .state_size = sizeof(struct worker), .receive = held_receive};

static void count_stop(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)ctx, (void)state, (void)why;
    atomic_fetch_add(&stage.child_ends, 1);
}

const troupe_behavior bystander_behavior = {
    .name = "bystander", .receive = do_nothing, .stop = count_stop};

static troupe_status parent_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    if (troupe_match(msg, Hold)) {
        troupe_spawn(ctx, &bystander_behavior, NULL, &stage.spawned);
        troupe_monitor(ctx, stage.spawned, TROUPE_ON_STOP, NULL);
        troupe_every(ctx, 1, troupe_self(ctx), NULL, Number, .value = 1);
    }
    return held_receive(ctx, state, msg);
}

const troupe_behavior parent_behavior = {
    .name = "parent", .state_size = sizeof(struct worker), .receive = parent_receive};

const char failing_text[] = "a text that lives as long as the handler";

troupe_status failing_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    if (troupe_match(msg, Fail))
        return troupe_fail(ctx, TROUPE_EUSER, "%s", failing_text);
    return TROUPE_OK;
}

const troupe_behavior failing_behavior = {.name = "failing", .receive = failing_receive};
