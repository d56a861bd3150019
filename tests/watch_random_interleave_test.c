// All that actors may do with one that they watch, in random order and under random interleavings:
// links, monitors and their ends, asks, exit signals, kills, names, messages that are put aside,
// while the target fails, restarts and ends. Whatever happens: what a monitor tells comes in the
// order in which it was, the stop last and once, nothing after demonitor or unlink; each ask has
// one outcome; names are free when the end is told. That nothing is lost or leaks, hands_close
// checks.
#include "tests/support/hands.h"
#include "tests/support/test.h"
#include "troupe/ask.h"
#include "troupe/link.h"
#include "troupe/name.h"
#include "troupe/supervisor.h"

#include <string.h>

#define FIRST    1    // to repeat a run: its seed here,
#define RUNS     8000 // and 1 here
#define DEEDS    7    // of each watcher
#define MONITORS 16
#define NAME     "target"

TROUPE_EMPTY(Go);
TROUPE_EMPTY(Fail);
TROUPE_EMPTY(Stop);
TROUPE_EMPTY(Hold);

struct watch { // a monitor, as its watcher sees it
    troupe_monitor_ref monitor;
    uint32_t told; // the latest: 2 * incarnation, and 1 for its restart
    int stops;
    bool over;      // it has been taken back
    bool put_aside; // one of its messages: it may come in any order
};

struct watcher {
    troupe_ref ref;
    bool unlinked;
    int asks, outcomes;
    struct watch watches[MONITORS];
    int watch_count;
};

struct game {
    struct hands hands;
    struct trp_random random;
    uint64_t run;
    bool supervised, traps;
    troupe_ref supervisor, target;
    struct watcher watchers[2];
};

static struct game only, *const game = &only;

static bool one_in(uint64_t n)
{
    return trp_random_next(&game->random) % n == 0;
}

static struct watcher *watcher_of(troupe_ctx *ctx)
{
    return &game->watchers[troupe_ref_equal(troupe_self(ctx), game->watchers[1].ref)];
}

static bool holds_its_name(troupe_ctx *ctx)
{
    return troupe_ref_equal(troupe_whereis(ctx, NAME), game->target);
}

// ---- The target

static troupe_status live(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state, (void)args;
    return troupe_incarnation(ctx, troupe_self(ctx)) > 1 && one_in(3) ? TROUPE_EUSER : TROUPE_OK;
}

static troupe_status obey(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    troupe_token token;
    if (troupe_match(msg, Fail))
        return TROUPE_EUSER;
    if (troupe_match(msg, Stop))
        return TROUPE_STOP;
    if (troupe_is_ask(ctx))
        TRP_EXPECT(troupe_token_take(ctx, &token) == TROUPE_OK);
    return TROUPE_OK;
}

static const troupe_behavior target_behavior = {.name = "target", .init = live, .receive = obey};

// ---- What watchers do

static troupe_status hear_outcome(troupe_ctx *ctx, void *state, void *user,
                                  const troupe_outcome *outcome)
{
    (void)state, (void)user;
    watcher_of(ctx)->outcomes++;
    if (outcome->status == TROUPE_EDOWN && !game->supervised)
        TRP_EXPECT(!holds_its_name(ctx));
    return TROUPE_OK;
}

static void ask(troupe_ctx *ctx, struct watcher *watcher, troupe_type *type)
{
    const char nothing = 0;
    watcher->asks += troupe_ask_body(ctx, game->target, TROUPE_NO_LIMIT, hear_outcome, NULL, NULL,
                                     type, &nothing) == TROUPE_OK;
}

static void watch(troupe_ctx *ctx, struct watcher *watcher, uint32_t events)
{
    if (watcher->watch_count == MONITORS)
        return;
    struct watch *watch = &watcher->watches[watcher->watch_count++];
    TRP_EXPECT(troupe_monitor(ctx, game->target, events, &watch->monitor) == TROUPE_OK);
}

static void watch_no_more(troupe_ctx *ctx, struct watch *watch)
{
    (void)troupe_demonitor(ctx, watch->monitor); // it may have ended
    watch->over = true;
}

static void watch_one_less(troupe_ctx *ctx, struct watcher *watcher)
{
    if (watcher->watch_count == 0)
        return;
    uint64_t any = trp_random_next(&game->random) % (uint64_t)watcher->watch_count;
    watch_no_more(ctx, &watcher->watches[any]);
}

static void send_exit(troupe_ctx *ctx, troupe_ref to)
{
    (void)troupe_exit(ctx, to, &(troupe_reason){.kind = TROUPE_FAILED, .status = TROUPE_EUSER});
}

static void do_something(troupe_ctx *ctx, struct watcher *watcher)
{
    troupe_ref target = game->target;
    troupe_ref other = game->watchers[watcher == &game->watchers[0]].ref;
    switch (trp_random_next(&game->random) % 18) {
    case 0:
        TRP_EXPECT(troupe_link(ctx, target) == TROUPE_OK);
        watcher->unlinked = false;
        break;
    case 1:
        TRP_EXPECT(troupe_unlink(ctx, target) == TROUPE_OK);
        watcher->unlinked = true;
        break;
    case 2:
    case 3:
        watch(ctx, watcher, TROUPE_ON_STOP | TROUPE_ON_RESTART | TROUPE_ON_START);
        break;
    case 4:
        watch(ctx, watcher, TROUPE_ON_STOP | TROUPE_ON_RESTART);
        break;
    case 5:
        watch_one_less(ctx, watcher);
        break;
    case 6:
        ask(ctx, watcher, TROUPE_TYPE(Fail));
        break;
    case 7:
        ask(ctx, watcher, TROUPE_TYPE(Stop));
        break;
    case 8:
        ask(ctx, watcher, TROUPE_TYPE(Hold));
        break;
    case 9:
        (void)troupe_send(ctx, target, Fail);
        break;
    case 10:
        (void)troupe_send(ctx, target, Stop);
        break;
    case 11:
        send_exit(ctx, target);
        break;
    case 12:
        (void)troupe_kill(ctx, target);
        break;
    case 13:
        (void)troupe_unstash(ctx);
        break;
    case 14:
        (void)troupe_link(ctx, other);
        break;
    case 15:
        send_exit(ctx, other);
        break;
    case 16:
        (void)troupe_register(ctx, NAME, one_in(2) ? target : troupe_self(ctx));
        break;
    default:
        (void)troupe_unregister(ctx, NAME);
        break;
    }
}

// ---- What watchers hear

static struct watch *watch_of(struct watcher *watcher, const troupe_down *down)
{
    for (int i = 0; i < watcher->watch_count; i++)
        if (memcmp(&watcher->watches[i].monitor, &down->monitor, sizeof down->monitor) == 0)
            return &watcher->watches[i];
    return NULL;
}

static void check_order(struct watch *watch, const troupe_down *down)
{
    uint32_t told = 2 * down->incarnation + (down->event == TROUPE_ON_RESTART);
    TRP_EXPECT(watch->stops == 0);
    if (down->event != TROUPE_ON_STOP)
        TRP_EXPECT(told > watch->told);
    watch->told = told;
}

static troupe_status hear_down(troupe_ctx *ctx, struct watcher *watcher, const troupe_msg *msg,
                               const troupe_down *down)
{
    struct watch *watch = watch_of(watcher, down);
    TRP_EXPECT(watch != NULL);
    if (watch == NULL)
        return TROUPE_OK;
    TRP_EXPECT(!watch->over);
    if (!watch->put_aside)
        check_order(watch, down);
    if (one_in(5)) {
        watch->put_aside = true;
        return troupe_stash(ctx, msg);
    }
    if (down->event == TROUPE_ON_STOP) {
        TRP_EXPECT(++watch->stops == 1);
        TRP_EXPECT(!holds_its_name(ctx));
    } else if (one_in(8)) {
        watch_no_more(ctx, watch);
    }
    return TROUPE_OK;
}

static troupe_status hear(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    struct watcher *watcher = watcher_of(ctx);
    const troupe_down *down = troupe_match(msg, troupe_down);
    const troupe_exited *exited = troupe_match(msg, troupe_exited);
    if (down)
        return hear_down(ctx, watcher, msg, down);
    if (exited) {
        TRP_EXPECT(!watcher->unlinked || !troupe_ref_equal(exited->ref, game->target));
        return one_in(5) ? troupe_stash(ctx, msg) : TROUPE_OK;
    }
    do_something(ctx, watcher);
    return one_in(40) ? TROUPE_EUSER : TROUPE_OK;
}

static troupe_status begin(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state, (void)args;
    return game->traps ? troupe_trap_exits(ctx, true) : TROUPE_OK;
}

static const troupe_behavior watcher_behavior = {.name = "watcher", .init = begin, .receive = hear};

// ---- Runs

static void start_target(troupe_ctx *ctx)
{
    static const troupe_child child = {.id = "target",
                                       .behavior = &target_behavior,
                                       .restart = TROUPE_TRANSIENT,
                                       .register_as = NAME};
    const troupe_supervisor spec = {.max_restarts = 2, .children = &child, .child_count = 1};
    const troupe_spawn_opts opts = {.register_as = NAME};
    if (!game->supervised) {
        TRP_EXPECT(troupe_spawn(ctx, &target_behavior, &opts, &game->target) == TROUPE_OK);
        return;
    }
    TRP_EXPECT(troupe_supervise(ctx, &spec, &game->supervisor) == TROUPE_OK);
    hands_settle(&game->hands);
    TRP_EXPECT(troupe_child_ref(ctx, game->supervisor, "target", &game->target) == TROUPE_OK);
}

static void setup(void *user)
{
    (void)user;
    trp_random_init(&game->random, ++game->run);
    game->supervised = one_in(2);
    game->traps = !one_in(3);
    memset(game->watchers, 0, sizeof game->watchers);
    hands_open(&game->hands, game->run, NULL, 0);
    troupe_ctx *ctx = game->hands.ctx;
    start_target(ctx);
    for (int i = 0; i < 2; i++)
        TRP_EXPECT(troupe_spawn(ctx, &watcher_behavior, NULL, &game->watchers[i].ref) == TROUPE_OK);
    hands_settle(&game->hands);
    for (int i = 0; i < 2 * DEEDS; i++)
        TRP_EXPECT(troupe_send(ctx, game->watchers[i % 2].ref, Go) == TROUPE_OK);
}

static bool lives(troupe_ref ref)
{
    return troupe_incarnation(game->hands.ctx, ref) != 0;
}

static void check_watcher(const struct watcher *watcher)
{
    TRP_EXPECT(watcher->asks == watcher->outcomes);
    for (int i = 0; i < watcher->watch_count; i++) {
        const struct watch *watch = &watcher->watches[i];
        TRP_EXPECT(watch->over || watch->put_aside || watch->stops == 1);
    }
}

static void check(void *user)
{
    (void)user;
    troupe_report report;
    for (int i = 0; i < 2 && !lives(game->target); i++)
        if (lives(game->watchers[i].ref))
            check_watcher(&game->watchers[i]);
    hands_close(&game->hands, &report);
}

static void whatever_is_done_to_one_that_is_watched(void **state)
{
    (void)state;
    struct trp_interleave test = {.name = "a watched actor",
                                  .setup = setup,
                                  .threads = {hands_thread_0, hands_thread_1},
                                  .count = 2,
                                  .check = check,
                                  .user = game};
    game->run = FIRST - 1;
    trp_interleave_random(&test, FIRST, RUNS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whatever_is_done_to_one_that_is_watched)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
