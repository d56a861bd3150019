// An actor with 100,000 monitors and links restarts and ends while those who watch take monitors
// and links back, end, or the system stops, amid the telling. Nobody hears of what it has taken
// back, who goes on watching hears of the end exactly once, and nothing is left behind.
#include "tests/support/gate.h"
#include "troupe.h"

#include <stdatomic.h>
#include <string.h>

#define CROWD    20000
#define MONITORS 4 // of each; and a link
#define FALLS    5

TROUPE_EMPTY(Fall);
TROUPE_EMPTY(Leave);
TROUPE_STRUCT(Watch, troupe_ref);

static struct {
    _Atomic uint64_t set, news, stops, taken_back, wrong;
    bool take_back; // whoever hears of the first monitor takes the second and the link back
} seen;

static troupe_ref refs[CROWD];

// ---- Who watches

struct watcher {
    troupe_ref hub;
    troupe_monitor_ref monitors[MONITORS];
    bool ended[MONITORS], cut;
};

static troupe_status begin(troupe_ctx *ctx, struct watcher *watcher, troupe_ref hub)
{
    watcher->hub = hub;
    troupe_status status = troupe_trap_exits(ctx, true);
    if (status == TROUPE_OK)
        status = troupe_link(ctx, hub);
    for (int i = 0; i < MONITORS && status == TROUPE_OK; i++)
        status = troupe_monitor(ctx, hub, TROUPE_ON_STOP | (i % 2 ? 0 : TROUPE_ON_RESTART),
                                &watcher->monitors[i]);
    seen.set++;
    return status;
}

static void end_monitor(troupe_ctx *ctx, struct watcher *watcher, int i)
{
    if (watcher->ended[i])
        return;
    seen.wrong += troupe_demonitor(ctx, watcher->monitors[i]) != TROUPE_OK;
    watcher->ended[i] = true;
    seen.taken_back++;
}

static void end_link(troupe_ctx *ctx, struct watcher *watcher)
{
    seen.wrong += troupe_unlink(ctx, watcher->hub) != TROUPE_OK;
    watcher->cut = true;
}

static void hear(troupe_ctx *ctx, struct watcher *watcher, const troupe_down *down)
{
    int i = 0;
    while (i < MONITORS && memcmp(&down->monitor, &watcher->monitors[i], sizeof down->monitor) != 0)
        i++;
    seen.wrong += i == MONITORS || watcher->ended[i];
    if (down->event == TROUPE_ON_STOP) {
        seen.stops++;
        if (i < MONITORS)
            watcher->ended[i] = true;
    }
    if (i == 0 && seen.take_back) {
        end_monitor(ctx, watcher, 1);
        end_link(ctx, watcher);
    }
}

static troupe_status leave(troupe_ctx *ctx, struct watcher *watcher)
{
    uint64_t dice = troupe_random(ctx);
    if (dice & 1)
        end_link(ctx, watcher);
    for (int i = 0; i < MONITORS && (dice & 2); i++)
        end_monitor(ctx, watcher, i);
    return dice & 4 ? TROUPE_STOP : troupe_fail(ctx, TROUPE_EUSER, "leaves");
}

static troupe_status watch(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct watcher *watcher = state;
    const troupe_ref *hub = troupe_match(msg, Watch);
    const troupe_down *down = troupe_match(msg, troupe_down);
    if (hub)
        return begin(ctx, watcher, *hub);
    if (troupe_match(msg, Leave))
        return leave(ctx, watcher);
    seen.news++;
    if (down)
        hear(ctx, watcher, down);
    else
        seen.wrong += watcher->cut;
    return TROUPE_OK;
}

static const troupe_behavior watcher_behavior = {
    .name = "watcher", .state_size = sizeof(struct watcher), .receive = watch};

// ---- Who is watched

static troupe_status trap(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state, (void)args;
    return troupe_trap_exits(ctx, true); // else each watcher that fails would end it
}

static troupe_status fall(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    return troupe_match(msg, Fall) ? troupe_fail(ctx, TROUPE_EUSER, "fallen") : TROUPE_OK;
}

static const troupe_behavior hub_behavior = {.name = "hub", .init = trap, .receive = fall};

// ---- Stories

struct stage {
    struct books books;
    troupe_system *system;
    troupe_ctx *ctx;
    troupe_ref supervisor, hub;
};

static void await(struct stage *stage, _Atomic uint64_t *counter, uint64_t count)
{
    while (atomic_load(counter) < count)
        (void)troupe_system_wait(stage->system, 1); // the others live on
}

static void open_stage(struct stage *stage, uint32_t workers, bool take_back)
{
    const troupe_child child = {.id = "hub", .behavior = &hub_behavior};
    const troupe_supervisor spec = {.max_restarts = FALLS, .children = &child, .child_count = 1};
    troupe_allocator allocator = books_open(&stage->books);
    const troupe_system_opts opts = {.workers = workers, .allocator = &allocator};
    seen.set = seen.news = seen.stops = seen.taken_back = seen.wrong = 0;
    seen.take_back = take_back;
    assert_int_equal(troupe_system_start(&opts, &stage->system), TROUPE_OK);
    stage->ctx = troupe_outside(stage->system);
    assert_int_equal(troupe_supervise_wait(stage->ctx, &spec, &stage->supervisor), TROUPE_OK);
    assert_int_equal(troupe_child_ref(stage->ctx, stage->supervisor, "hub", &stage->hub),
                     TROUPE_OK);
    for (int i = 0; i < CROWD; i++) {
        assert_int_equal(troupe_spawn(stage->ctx, &watcher_behavior, NULL, &refs[i]), TROUPE_OK);
        assert_int_equal(troupe_send_body(stage->ctx, refs[i], TROUPE_TYPE(Watch), &stage->hub),
                         TROUPE_OK);
    }
    await(stage, &seen.set, CROWD);
}

static void close_stage(struct stage *stage)
{
    troupe_report report;
    assert_int_equal(troupe_system_stop(stage->system, 60000, &report), TROUPE_OK);
    assert_int_equal(report.stats.spawned, report.stats.ended);
    assert_int_equal(seen.wrong, 0);
    books_close(&stage->books);
}

static void taking_back(uint32_t workers)
{
    struct stage stage;
    open_stage(&stage, workers, true);
    for (int i = 0; i < FALLS; i++)
        assert_int_equal(troupe_send(stage.ctx, stage.hub, Fall), TROUPE_OK);
    await(&stage, &seen.news, 1);
    assert_int_equal(troupe_stop(stage.ctx, stage.supervisor), TROUPE_OK);
    assert_int_equal(troupe_join(stage.ctx, stage.hub, TROUPE_NO_LIMIT, NULL), TROUPE_OK);
    while (seen.stops + seen.taken_back < (uint64_t)CROWD * MONITORS)
        (void)troupe_system_wait(stage.system, 1);
    close_stage(&stage);
    assert_int_equal(seen.stops + seen.taken_back, (uint64_t)CROWD * MONITORS);
}

static void what_was_taken_back_is_not_heard_and_the_rest_is_once(void **state)
{
    (void)state;
    taking_back(1);
    taking_back(3);
}

static void leaving(uint32_t workers, bool kill)
{
    struct stage stage;
    open_stage(&stage, workers, false);
    for (int i = 0; i < CROWD; i++) {
        if (i % (CROWD / FALLS) == 0)
            assert_int_equal(troupe_send(stage.ctx, stage.hub, Fall), TROUPE_OK);
        if (kill && i % 3 == 0)
            (void)troupe_kill(stage.ctx, refs[i]);
        else
            (void)troupe_send(stage.ctx, refs[i], Leave);
    }
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(troupe_join(stage.ctx, refs[i], TROUPE_NO_LIMIT, NULL), TROUPE_OK);
    close_stage(&stage);
}

static void watchers_may_leave_while_they_are_told(void **state)
{
    (void)state;
    leaving(1, false);
    leaving(3, false);
    leaving(3, true);
}

static void a_system_may_stop_while_they_are_told(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 6; i++) {
        struct stage stage;
        open_stage(&stage, 1 + i % 3, i % 2);
        assert_int_equal(troupe_send(stage.ctx, stage.hub, Fall), TROUPE_OK);
        await(&stage, &seen.news, i * CROWD / 4);
        close_stage(&stage);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_taken_back_is_not_heard_and_the_rest_is_once),
        cmocka_unit_test(watchers_may_leave_while_they_are_told),
        cmocka_unit_test(a_system_may_stop_while_they_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
