// Monitors and news of children under chosen interleavings: real activations on two workers of the
// test's own. What must hold: a start is told once and an end once, to whoever watches, when it
// begins to watch while the actor starts or ends; no child's end is lost to its owner; and who
// waits until no actor is left is woken then, and not before.
#include "actors/monitor.h"
#include "tests/support/hands.h"
#include "tests/support/test.h"

#define CHILDREN 3

struct game {
    struct hands hands;
    troupe_ref target;
    struct trp_slot *slot;       // of the owner
    int starts, stops, noactors; // what the watcher was told
    const troupe_behavior *behavior;
    struct trp_monitor *first; // of the thread that watches, too
    struct trp_waiter waiter;
    int early, late; // over all runs: the watcher came before the end or after it
};

static struct game only, *const game = &only;

TROUPE_EMPTY(Watch);
TROUPE_EMPTY(Spawn);
TROUPE_EMPTY(Stop);

// ---- The actors

static troupe_status init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)ctx, (void)state, (void)args;
    trp_interleave_yield("init");
    return TROUPE_OK;
}

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    return TROUPE_STOP;
}

static const troupe_behavior mortal = {.name = "mortal", .init = init, .receive = receive};
static const troupe_behavior bare = {.name = "bare", .receive = receive};

static troupe_status watch(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const troupe_down *down = troupe_match(msg, troupe_down);
    if (down == NULL)
        return troupe_monitor(ctx, game->target, TROUPE_ON_START | TROUPE_ON_STOP, NULL);
    game->starts += down->event == TROUPE_ON_START && down->incarnation == 1;
    game->stops += down->event == TROUPE_ON_STOP;
    game->noactors += down->reason.kind == TROUPE_NOACTOR;
    return TROUPE_OK;
}

static const troupe_behavior watcher = {.name = "watcher", .receive = watch};

static void explore(struct trp_interleave *test)
{
    print_message("%s: %llu runs\n", test->name,
                  (unsigned long long)trp_interleave_exhaustive(test));
}

// ---- Monitors

static void setup_target(int outsiders)
{
    hands_open(&game->hands, 1, NULL, outsiders);
    game->starts = game->stops = game->noactors = 0;
    game->first = NULL;
    troupe_ctx *ctx = game->hands.ctx;
    troupe_ref ref;
    TRP_EXPECT(troupe_spawn(ctx, game->behavior, NULL, &game->target) == TROUPE_OK);
    TRP_EXPECT(troupe_spawn(ctx, &watcher, NULL, &ref) == TROUPE_OK);
    TRP_EXPECT(troupe_send(ctx, game->target, Stop) == TROUPE_OK);
    TRP_EXPECT(troupe_send(ctx, ref, Watch) == TROUPE_OK);
}

static void setup_watching(void *user)
{
    (void)user;
    setup_target(0);
}

// Somebody else watches already: the target takes the lock whatever the watcher does.
static void setup_watched(void *user)
{
    (void)user;
    setup_target(0);
    game->waiter = (struct trp_waiter){0};
    game->first = trp_monitor_for_waiter(game->hands.system, TROUPE_ON_STOP, &game->waiter);
    TRP_EXPECT(game->first != NULL);
    trp_monitor_begin(game->first, game->target);
}

static void check_told(void *user)
{
    (void)user;
    troupe_report report;
    TRP_EXPECT(game->stops == 1);
    TRP_EXPECT(game->starts == (game->noactors ? 0 : 1));
    if (game->noactors)
        game->late++;
    else
        game->early++;
    if (game->first) {
        bool stopped;
        struct trp_reason reason;
        TRP_EXPECT(atomic_load(&game->waiter.done) == 1);
        trp_monitor_wait_end(game->first, &stopped, &reason);
        TRP_EXPECT(stopped && reason.kind == TROUPE_NORMAL);
    }
    hands_close(&game->hands, &report);
    TRP_EXPECT(report.stats.ended == 2 && report.stats.dead == 0);
}

static void explore_watching(const char *name, void (*setup)(void *user),
                             const troupe_behavior *behavior)
{
    *game = (struct game){.behavior = behavior};
    struct trp_interleave test = {.name = name,
                                  .setup = setup,
                                  .threads = {hands_thread_0, hands_thread_1},
                                  .count = 2,
                                  .check = check_told,
                                  .user = game,
                                  .max_preemptions = 3};
    explore(&test);
    trp_interleave_random(&test, 1, 1000);
    assert_true(game->early > 0); // both ends of the race are reached
    assert_true(game->late > 0);
}

static void a_start_and_an_end_are_told_once(void **state)
{
    (void)state;
    explore_watching("monitor against start and end", setup_watching, &mortal);
    explore_watching("monitor against end", setup_watching, &bare);
}

static void a_second_watcher_is_told_once_too(void **state)
{
    (void)state;
    explore_watching("second monitor against start and end", setup_watched, &mortal);
    explore_watching("second monitor against end", setup_watched, &bare);
}

// ---- News of children

static troupe_status own(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state, (void)msg;
    for (int i = 0; i < CHILDREN; i++) {
        troupe_ref ref;
        TRP_EXPECT(troupe_spawn(ctx, game->behavior, NULL, &ref) == TROUPE_OK);
        TRP_EXPECT(troupe_send(ctx, ref, Stop) == TROUPE_OK);
    }
    return TROUPE_OK;
}

static const troupe_behavior owner = {.name = "owner", .receive = own};

static void setup_family(void *user)
{
    (void)user;
    hands_open(&game->hands, 1, NULL, 0);
    TRP_EXPECT(troupe_spawn(game->hands.ctx, &owner, NULL, &game->target) == TROUPE_OK);
    TRP_EXPECT(troupe_send(game->hands.ctx, game->target, Spawn) == TROUPE_OK);
    hands_step(&game->hands);
    game->slot = trp_resolve(game->hands.system, game->target);
}

static void check_family(void *user)
{
    (void)user;
    troupe_report report;
    uint32_t told = 0; // and not yet read: nobody waits for it
    for (struct trp_slot *child = atomic_load(&game->slot->notices); child;
         child = child->notice_next)
        told++;
    TRP_EXPECT(game->slot->persist->child_count == told); // or an end was lost
    TRP_EXPECT((atomic_load(&game->slot->orders) & TRP_ORDER_ANY) == 0);
    TRP_EXPECT(trp_mpsc_is_idle(&game->slot->inbox));
    hands_close(&game->hands, &report);
    TRP_EXPECT(report.stats.ended == CHILDREN + 1);
}

static void no_end_of_a_child_is_lost(void **state)
{
    (void)state;
    *game = (struct game){.behavior = &bare};
    struct trp_interleave test = {.name = "ends of children against their owner",
                                  .setup = setup_family,
                                  .threads = {hands_thread_0, hands_thread_1},
                                  .count = 2,
                                  .check = check_family,
                                  .user = game,
                                  .max_preemptions = 3};
    explore(&test);
    trp_interleave_random(&test, 1, 2000);
}

// The owner ends while its children do: it is the last.
static void setup_stopped_family(void *user)
{
    setup_family(user);
    TRP_EXPECT(troupe_stop(game->hands.ctx, game->target) == TROUPE_OK);
}

static void check_stopped_family(void *user)
{
    (void)user;
    troupe_report report;
    TRP_EXPECT(atomic_load(&game->slot->body) == NULL);
    TRP_EXPECT(trp_mpsc_is_idle(&game->slot->inbox));
    hands_close(&game->hands, &report);
    TRP_EXPECT(report.stats.ended == CHILDREN + 1);
}

static void an_owner_that_stops_sees_the_end_of_its_children(void **state)
{
    (void)state;
    *game = (struct game){.behavior = &bare};
    struct trp_interleave test = {.name = "ends of children against the owner's stop",
                                  .setup = setup_stopped_family,
                                  .threads = {hands_thread_0, hands_thread_1},
                                  .count = 2,
                                  .check = check_stopped_family,
                                  .user = game};
    explore(&test);
    trp_interleave_random(&test, 1, 2000);
}

// ---- Waiting for the last one

// Each hands over to the next one and ends: between two activations one of them lives.
static troupe_status hand_over(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    if (troupe_match(msg, Spawn) == NULL)
        return TROUPE_STOP;
    troupe_ref ref;
    TRP_EXPECT(troupe_spawn(ctx, &bare, &(troupe_spawn_opts){.detached = true}, &ref) == TROUPE_OK);
    trp_interleave_yield("hand over: both live");
    TRP_EXPECT(troupe_send(ctx, ref, Stop) == TROUPE_OK);
    return TROUPE_STOP;
}

static const troupe_behavior relay = {.name = "relay", .receive = hand_over};

static void setup_relay(void *user)
{
    (void)user;
    hands_open(&game->hands, 1, NULL, 1);
    game->waiter = (struct trp_waiter){0};
    TRP_EXPECT(troupe_spawn(game->hands.ctx, &relay, NULL, &game->target) == TROUPE_OK);
    TRP_EXPECT(troupe_send(game->hands.ctx, game->target, Spawn) == TROUPE_OK);
}

static void expect_nobody(void)
{
    const struct trp_slot_table *slots = &game->hands.system->slots;
    for (uint32_t i = 0; i < atomic_load(&slots->count); i++)
        TRP_EXPECT((atomic_load(&trp_slot_at(slots, i)->orders) & TRP_ALIVE) == 0);
}

static bool is_woken(void *user)
{
    (void)user;
    return atomic_load(&game->waiter.done) != 0;
}

static void wait_for_the_last(void *user)
{
    (void)user;
    troupe_system *system = game->hands.system;
    trp_lock_acquire(&system->roots_lock);
    bool gone = trp_roots_gone(system);
    if (!gone) {
        game->waiter.next = system->waiters;
        system->waiters = &game->waiter;
    }
    trp_lock_release(&system->roots_lock);
    if (!gone)
        trp_interleave_block_until("wait: blocked until woken", is_woken, NULL);
    if (gone)
        game->late++;
    else
        game->early++;
    expect_nobody();
    hands_leave(&game->hands);
}

static void check_relay(void *user)
{
    (void)user;
    troupe_report report;
    hands_close(&game->hands, &report);
    TRP_EXPECT(report.stats.ended == 2 && report.stats.dead == 0);
}

static void who_waits_for_the_last_end_is_woken_by_it(void **state)
{
    (void)state;
    *game = (struct game){.behavior = &bare};
    struct trp_interleave test = {.name = "waiting against ends",
                                  .setup = setup_relay,
                                  .threads = {wait_for_the_last, hands_thread_0, hands_thread_1},
                                  .count = 3,
                                  .check = check_relay,
                                  .user = game};
    explore(&test);
    trp_interleave_random(&test, 1, 5000);
    assert_true(game->early > 0);
    assert_true(game->late > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_and_an_end_are_told_once),
        cmocka_unit_test(a_second_watcher_is_told_once_too),
        cmocka_unit_test(no_end_of_a_child_is_lost),
        cmocka_unit_test(an_owner_that_stops_sees_the_end_of_its_children),
        cmocka_unit_test(who_waits_for_the_last_end_is_woken_by_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
