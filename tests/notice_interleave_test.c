// What children tell their supervisor, under chosen interleavings: two of them end at once on two
// workers of the test's own. What must hold: no news is lost though one order serves for all, and
// whoever hears of an end, and then asks the supervisor, finds that it knows.
#include "tests/support/hands.h"
#include "tests/support/test.h"
#include "troupe/children.h"

#include <string.h>

#define CHILDREN 3

TROUPE_EMPTY(Watch);
TROUPE_EMPTY(Stop);

static const char *const ids[CHILDREN] = {"a", "b", "c"};

static struct {
    int children;
    struct hands hands;
    troupe_ref supervisor, refs[CHILDREN];
    int told, answered;
} game;

static troupe_status end(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    return TROUPE_STOP;
}

static const troupe_behavior mortal = {.name = "mortal", .receive = end};

// ---- Who watches, and asks

static troupe_status on_outcome(troupe_ctx *ctx, void *state, void *user,
                                const troupe_outcome *outcome)
{
    (void)ctx, (void)state, (void)user;
    const troupe_child_reply *reply = troupe_match(outcome->reply, troupe_child_reply);
    TRP_EXPECT(reply && reply->status == TROUPE_OK); // or it says that it still runs
    game.answered++;
    return TROUPE_OK;
}

static int index_of(troupe_ref ref)
{
    int index = 0;
    while (!troupe_ref_equal(game.refs[index], ref))
        index++;
    return index;
}

static troupe_status watch(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const troupe_down *down = troupe_match(msg, troupe_down);
    for (int i = 0; i < game.children && !down; i++)
        TRP_EXPECT(troupe_monitor(ctx, game.refs[i], TROUPE_ON_STOP, NULL) == TROUPE_OK);
    if (!down)
        return TROUPE_OK;
    game.told++;
    return troupe_delete_child(ctx, game.supervisor, 0, on_outcome, NULL, ids[index_of(down->ref)]);
}

static const troupe_behavior watcher = {.name = "watcher", .receive = watch};

// ---- The game

static void setup(void *user)
{
    (void)user;
    troupe_child children[CHILDREN];
    for (int i = 0; i < CHILDREN; i++)
        children[i] =
            (troupe_child){.id = ids[i], .behavior = &mortal, .restart = TROUPE_TRANSIENT};
    const troupe_supervisor spec = {.children = children, .child_count = (size_t)game.children};
    troupe_ref ref;
    game.told = game.answered = 0;
    hands_open(&game.hands, 1, NULL, 0);
    troupe_ctx *ctx = game.hands.ctx;
    TRP_EXPECT(troupe_supervise(ctx, &spec, &game.supervisor) == TROUPE_OK);
    hands_settle(&game.hands);
    for (int i = 0; i < game.children; i++)
        TRP_EXPECT(troupe_child_ref(ctx, game.supervisor, ids[i], &game.refs[i]) == TROUPE_OK);
    TRP_EXPECT(troupe_spawn(ctx, &watcher, NULL, &ref) == TROUPE_OK);
    TRP_EXPECT(troupe_send(ctx, ref, Watch) == TROUPE_OK);
    hands_settle(&game.hands);
    for (int i = 0; i < game.children; i++)
        TRP_EXPECT(troupe_send(ctx, game.refs[i], Stop) == TROUPE_OK);
    for (int i = 0; i < game.children + 1; i++)
        hands_step(&game.hands); // the supervisor, last, has told all of them to end for good
}

static void check(void *user)
{
    (void)user;
    troupe_report report;
    TRP_EXPECT(game.told == game.children);
    TRP_EXPECT(game.answered == game.children);
    const struct trp_slot *slot = trp_resolve(game.hands.system, game.supervisor);
    TRP_EXPECT(slot && slot->persist->child_count == 0);
    if (slot == NULL)
        return;
    TRP_EXPECT(atomic_load(&slot->notices) == NULL);
    TRP_EXPECT((atomic_load(&slot->orders) & TRP_ORDER_ANY) == 0);
    hands_close(&game.hands, &report);
}

static void who_is_told_of_an_end_finds_that_the_supervisor_knows(void **state)
{
    (void)state;
    game.children = 2;
    // One has pushed its news and is about to give the order for it; the other finds them there.
    const struct trp_interleave test = {.name = "news against news",
                                        .setup = setup,
                                        .threads = {hands_thread_0, hands_thread_1},
                                        .count = 2,
                                        .check = check,
                                        .max_preemptions = 2,
                                        .windows = {{"notice: after push", "notice: after push"}}};
    trp_interleave_exhaustive(&test);
    game.children = CHILDREN;
    trp_interleave_random(&test, 1, 5000);
}

// The supervisor takes all news while another child adds to them.
static void no_news_is_lost_while_the_supervisor_takes_them(void **state)
{
    (void)state;
    game.children = 2;
    const struct trp_interleave test = {
        .name = "news against their reading",
        .setup = setup,
        .threads = {hands_thread_0, hands_thread_1},
        .count = 2,
        .check = check,
        .max_preemptions = 2,
        .windows = {{"notice: before push", "slot nudge done: before nudged"}}};
    trp_interleave_exhaustive(&test);
    game.children = CHILDREN;
    trp_interleave_random(&test, 1, 5000);
}

// ---- A child that starts and ends at once: news that comes while other news is read

static void setup_starting(void *user)
{
    (void)user;
    const troupe_child child = {.id = "a", .behavior = &mortal, .restart = TROUPE_TRANSIENT};
    const troupe_supervisor spec = {.children = &child, .child_count = 1};
    hands_open(&game.hands, 1, NULL, 0);
    troupe_ctx *ctx = game.hands.ctx;
    TRP_EXPECT(troupe_supervise(ctx, &spec, &game.supervisor) == TROUPE_OK);
    hands_step(&game.hands);
    TRP_EXPECT(troupe_child_ref(ctx, game.supervisor, "a", &game.refs[0]) == TROUPE_OK);
    TRP_EXPECT(troupe_send(ctx, game.refs[0], Stop) == TROUPE_OK);
}

static void check_ended(void *user)
{
    (void)user;
    troupe_report report;
    TRP_EXPECT(troupe_incarnation(game.hands.ctx, game.supervisor) == 1);
    TRP_EXPECT(troupe_incarnation(game.hands.ctx, game.refs[0]) == 0); // it was told that it may
    hands_close(&game.hands, &report);
}

static void news_that_comes_while_other_news_is_read_is_not_lost(void **state)
{
    (void)state;
    const struct trp_interleave test = {
        .name = "news against news of the same",
        .setup = setup_starting,
        .threads = {hands_thread_0, hands_thread_1},
        .count = 2,
        .check = check_ended,
        .max_preemptions = 3,
        .windows = {{"notice: looked at", "links end: before the lock"}}};
    trp_interleave_exhaustive(&test);
    trp_interleave_random(&test, 1, 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_told_of_an_end_finds_that_the_supervisor_knows),
        cmocka_unit_test(news_that_comes_while_other_news_is_read_is_not_lost),
        cmocka_unit_test(no_news_is_lost_while_the_supervisor_takes_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
