// That the stop is the last that a monitor tells, under chosen interleavings: the target restarts
// and ends while the watcher's handler of a restart is about to return.
#include "actors/monitor.h"
#include "tests/support/hands.h"
#include "tests/support/test.h"
#include "troupe/supervisor.h"

TROUPE_EMPTY(Watch);
TROUPE_EMPTY(Fail);
TROUPE_EMPTY(Stop);

struct game {
    struct hands hands;
    troupe_ref supervisor, target;
    int stops, after_stop;
};

static struct game only, *const game = &only;

static troupe_status play(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state;
    return troupe_match(msg, Stop) ? TROUPE_STOP : TROUPE_EINVAL;
}

static const troupe_behavior mortal = {.name = "mortal", .receive = play};

static troupe_status watch(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const troupe_down *down = troupe_match(msg, troupe_down);
    if (down == NULL)
        return troupe_monitor(ctx, game->target, TROUPE_ON_RESTART | TROUPE_ON_STOP, NULL);
    game->after_stop += game->stops;
    game->stops += down->event == TROUPE_ON_STOP;
    return TROUPE_OK;
}

static const troupe_behavior watcher = {.name = "watcher", .receive = watch};

static void setup(void *user)
{
    (void)user;
    static const troupe_child child = {.id = "a", .behavior = &mortal, .restart = TROUPE_TRANSIENT};
    const troupe_supervisor spec = {.max_restarts = 10, .children = &child, .child_count = 1};
    troupe_ref ref;
    hands_open(&game->hands, 1, NULL, 0);
    game->stops = game->after_stop = 0;
    TRP_EXPECT(troupe_supervise(game->hands.ctx, &spec, &game->supervisor) == TROUPE_OK);
    hands_settle(&game->hands);
    TRP_EXPECT(troupe_child_ref(game->hands.ctx, game->supervisor, "a", &game->target) ==
               TROUPE_OK);
    TRP_EXPECT(troupe_spawn(game->hands.ctx, &watcher, NULL, &ref) == TROUPE_OK);
    TRP_EXPECT(troupe_send(game->hands.ctx, ref, Watch) == TROUPE_OK);
    hands_settle(&game->hands);
    TRP_EXPECT(troupe_send(game->hands.ctx, game->target, Fail) == TROUPE_OK);
    TRP_EXPECT(troupe_send(game->hands.ctx, game->target, Fail) == TROUPE_OK);
    TRP_EXPECT(troupe_send(game->hands.ctx, game->target, Stop) == TROUPE_OK);
}

static void check(void *user)
{
    (void)user;
    troupe_report report;
    TRP_EXPECT(game->stops == 1);
    TRP_EXPECT(game->after_stop == 0);
    hands_close(&game->hands, &report);
}

static void the_stop_is_the_last_that_is_told(void **state)
{
    (void)state;
    struct trp_interleave test = {.name = "stop after restarts",
                                  .setup = setup,
                                  .threads = {hands_thread_0, hands_thread_1},
                                  .count = 2,
                                  .check = check,
                                  .user = game,
                                  .max_preemptions = 3};
    trp_interleave_random(&test, 1, 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_stop_is_the_last_that_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
