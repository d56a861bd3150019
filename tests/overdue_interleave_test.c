// Looks for handlers that do not return, under chosen interleavings: a kill that comes while one is
// made, and a runner whose handler has returned in time and that is in another one by then.
#include "scheduler/core.h"
#include "tests/support/hands.h"
#include "tests/support/test.h"

#define GRACE_MS 1000u

struct game {
    struct hands hands;
    troupe_ref first, second;
    int entered, may_return; // handlers
    int looks;               // that are over
    uint64_t now;
};

static struct game only, *const game = &only;

TROUPE_EMPTY(Hold);

static bool may_return(void *user)
{
    (void)user;
    return game->may_return >= game->entered;
}

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    game->entered++;
    trp_interleave_block_until("handler: held", may_return, NULL);
    return TROUPE_OK;
}

static const troupe_behavior slow = {.name = "slow", .receive = receive};

static uint64_t now(void *user)
{
    (void)user;
    return game->now;
}

static void setup(int outsiders)
{
    const troupe_system_opts opts = {.kill_grace_ms = GRACE_MS};
    hands_open(&game->hands, 1, &opts, outsiders);
    game->entered = game->may_return = game->looks = 0;
    TRP_EXPECT(troupe_spawn(game->hands.ctx, &slow, NULL, &game->first) == TROUPE_OK);
    TRP_EXPECT(troupe_spawn(game->hands.ctx, &slow, NULL, &game->second) == TROUPE_OK);
    hands_settle(&game->hands);
    game->now = trp_now(game->hands.system);
    game->hands.system->scheduler->config.clock.now = now;
    troupe_send(game->hands.ctx, game->first, Hold);
}

static bool one_is_held(void *user)
{
    (void)user;
    return game->entered == 1;
}

static bool both_were_held(void *user)
{
    (void)user;
    return game->entered == 2;
}

static void check(void *user)
{
    (void)user;
    troupe_report report;
    hands_close(&game->hands, &report);
    TRP_EXPECT(report.stats.abandoned == 0);
}

// As troupe_kill does it.
static void kill_it(troupe_ref ref)
{
    troupe_system *system = game->hands.system;
    trp_slot_order(system, NULL, trp_resolve(system, ref), ref.generation, TRP_ORDER_KILL);
    trp_interleave_yield("kill: ordered");
    trp_overdue_watch(system);
}

// ---- A kill during a look

// A look is due already: the kill of another has armed the timer.
static void setup_during(void *user)
{
    (void)user;
    setup(2);
    trp_overdue_watch(game->hands.system);
}

static void let_it_go(void)
{
    if (++game->looks == 2) {
        TRP_EXPECT(atomic_load(&game->hands.system->overdue.due) != TRP_NEVER);
        game->may_return = 1;
    }
    hands_leave(&game->hands);
}

static void kill_during(void *user)
{
    (void)user;
    trp_interleave_block_until("kill: until it is held", one_is_held, NULL);
    kill_it(game->first);
    let_it_go();
}

static void look(void *user)
{
    (void)user;
    trp_interleave_block_until("look: until it is held", one_is_held, NULL);
    trp_overdue_expired(game->hands.hands[1].runner, NULL);
    let_it_go();
}

static void after_a_kill_during_a_look_there_is_another_look(void **state)
{
    (void)state;
    const struct trp_interleave test = {.name = "kill against a look",
                                        .setup = setup_during,
                                        .threads = {kill_during, look, hands_thread_0},
                                        .count = 3,
                                        .check = check,
                                        .user = game,
                                        .max_preemptions = 2};
    print_message("%llu runs\n", (unsigned long long)trp_interleave_exhaustive(&test));
    trp_interleave_random(&test, 1, 1000);
}

// ---- Another activation

static void setup_another(void *user)
{
    (void)user;
    setup(1);
}

// Kills the first, which returns in time, and much later the second, which has its own grace.
static void kill_both(void *user)
{
    (void)user;
    trp_interleave_block_until("kill: until the first is held", one_is_held, NULL);
    kill_it(game->first);
    trp_overdue_look(game->hands.system, NULL, false);
    game->may_return = 1;
    game->now += 2 * GRACE_MS * TRP_NS_PER_MS;
    troupe_send(game->hands.ctx, game->second, Hold);
    trp_interleave_block_until("kill: until the second is held", both_were_held, NULL);
    kill_it(game->second);
    trp_overdue_look(game->hands.system, NULL, false);
    game->may_return = 2;
    hands_leave(&game->hands);
}

static void the_grace_of_each_activation_is_its_own(void **state)
{
    (void)state;
    const struct trp_interleave test = {.name = "the grace of the next one",
                                        .setup = setup_another,
                                        .threads = {kill_both, hands_thread_0},
                                        .count = 2,
                                        .check = check,
                                        .user = game,
                                        .max_preemptions = 1};
    print_message("%llu runs\n", (unsigned long long)trp_interleave_exhaustive(&test));
    trp_interleave_random(&test, 1, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_a_kill_during_a_look_there_is_another_look),
        cmocka_unit_test(the_grace_of_each_activation_is_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
