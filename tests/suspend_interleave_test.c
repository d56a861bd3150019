// A slot that is suspended, as messages wait in it that its actor cannot handle yet, against the
// orders that let it go on: a supervisor that waits for its child to start, and a child that waits
// for its supervisor's verdict.
#include "actors/lifecycle.h"
#include "tests/support/hands.h"
#include "tests/support/test.h"
#include "troupe/supervisor.h"

struct game {
    struct hands hands;
    troupe_ref supervisor, child;
    int handled; // Numbers, by the child
};

static struct game only, *const game = &only;

TROUPE_EMPTY(Number);
TROUPE_EMPTY(Fail);

static troupe_status init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state, (void)args;
    game->child = troupe_self(ctx);
    return TROUPE_OK;
}

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state;
    if (troupe_match(msg, Fail))
        return TROUPE_EUSER;
    game->handled++;
    return TROUPE_OK;
}

static const troupe_behavior behavior = {.name = "child", .init = init, .receive = receive};
static const troupe_child child = {.id = "child", .behavior = &behavior};
static const troupe_supervisor spec = {.children = &child, .child_count = 1, .max_restarts = 5};

static struct trp_slot *slot_of(troupe_ref ref)
{
    return trp_resolve(game->hands.system, ref);
}

static void setup_starting(void *user)
{
    (void)user;
    hands_open(&game->hands, 1, NULL, 0);
    game->handled = 0;
    troupe_status status = troupe_supervise(game->hands.ctx, &spec, &game->supervisor);
    TRP_EXPECT(status == TROUPE_OK);
    troupe_send(game->hands.ctx, game->supervisor, Number); // waits until it has started
}

static void setup_failing(void *user)
{
    setup_starting(user);
    hands_settle(&game->hands);
    troupe_send(game->hands.ctx, game->child, Fail);
    troupe_send(game->hands.ctx, game->child, Number); // waits for the next incarnation
}

static void expect_at_rest(troupe_ref ref)
{
    uint64_t orders = atomic_load(&slot_of(ref)->orders);
    TRP_EXPECT(orders & TRP_ALIVE_STARTED);
    TRP_EXPECT((orders & (TRP_ORDER_ANY | TRP_ORDER_SUSPENDED)) == 0);
    TRP_EXPECT(trp_mpsc_is_idle(&slot_of(ref)->inbox));
}

static void check(void *user)
{
    (void)user;
    troupe_report report;
    expect_at_rest(game->supervisor);
    expect_at_rest(game->child);
    hands_close(&game->hands, &report);
    TRP_EXPECT(report.stats.ended == 2);
}

static void check_restarted(void *user)
{
    TRP_EXPECT(trp_incarnation(slot_of(game->child)) == 2);
    TRP_EXPECT(game->handled == 1);
    check(user);
}

static void explore(const char *name, void (*setup)(void *user), void (*check_it)(void *user))
{
    const struct trp_interleave test = {.name = name,
                                        .setup = setup,
                                        .threads = {hands_thread_0, hands_thread_1},
                                        .count = 2,
                                        .check = check_it,
                                        .user = game,
                                        .max_preemptions = 3};
    print_message("%s: %llu runs\n", name, (unsigned long long)trp_interleave_exhaustive(&test));
    trp_interleave_random(&test, 1, 2000);
}

static void a_supervisor_sees_that_its_child_has_started(void **state)
{
    (void)state;
    explore("start of a child against suspend", setup_starting, check);
}

static void a_child_sees_the_verdict(void **state)
{
    (void)state;
    explore("verdict against suspend", setup_failing, check_restarted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_supervisor_sees_that_its_child_has_started),
        cmocka_unit_test(a_child_sees_the_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
