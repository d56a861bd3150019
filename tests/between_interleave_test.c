// A link against the restart of whom it is made with, under chosen interleavings: it is with the
// incarnation that ends or with the next one, and never with one after that.
#include "tests/support/hands.h"
#include "tests/support/test.h"
#include "troupe/link.h"
#include "troupe/supervisor.h"

struct game {
    struct hands hands;
    troupe_ref target;
    int exits; // that the one that has linked has heard of
    troupe_exited last;
    uint64_t with_first, with_next; // over all runs
};

static struct game only, *const game = &only;

TROUPE_EMPTY(Fall);
TROUPE_EMPTY(Link);

static troupe_status fall(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    return TROUPE_EUSER;
}

static const troupe_behavior faller = {.name = "faller", .receive = fall};

static troupe_status act(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const troupe_exited *exited = troupe_match(msg, troupe_exited);
    if (exited) {
        game->exits++;
        game->last = *exited;
        return TROUPE_OK;
    }
    TRP_EXPECT(troupe_trap_exits(ctx, true) == TROUPE_OK);
    TRP_EXPECT(troupe_link(ctx, game->target) == TROUPE_OK);
    return TROUPE_OK;
}

static const troupe_behavior actor = {.name = "actor", .receive = act};

static void setup(void *user)
{
    (void)user;
    static const troupe_child child = {.id = "target", .behavior = &faller};
    static const troupe_supervisor spec = {.max_restarts = 5, .children = &child, .child_count = 1};
    hands_open(&game->hands, 1, NULL, 0);
    game->exits = 0;
    troupe_ctx *ctx = game->hands.ctx;
    troupe_ref supervisor, ref;
    TRP_EXPECT(troupe_supervise(ctx, &spec, &supervisor) == TROUPE_OK);
    hands_settle(&game->hands);
    TRP_EXPECT(troupe_child_ref(ctx, supervisor, "target", &game->target) == TROUPE_OK);
    TRP_EXPECT(troupe_spawn(ctx, &actor, NULL, &ref) == TROUPE_OK);
    troupe_send(ctx, game->target, Fall);
    troupe_send(ctx, ref, Link);
}

// Once more it falls: the link is over by then, if not before.
static void check(void *user)
{
    (void)user;
    troupe_report report;
    troupe_send(game->hands.ctx, game->target, Fall);
    hands_settle(&game->hands);
    TRP_EXPECT(troupe_incarnation(game->hands.ctx, game->target) == 3);
    TRP_EXPECT(game->exits == 1);
    TRP_EXPECT(game->last.reason.kind == TROUPE_FAILED);
    game->with_first += game->last.incarnation == 1;
    game->with_next += game->last.incarnation == 2;
    hands_close(&game->hands, &report);
}

static void a_link_is_with_one_of_the_two(void **state)
{
    (void)state;
    const struct trp_interleave test = {.name = "link against restart",
                                        .setup = setup,
                                        .threads = {hands_thread_0, hands_thread_1},
                                        .count = 2,
                                        .check = check,
                                        .user = game,
                                        .max_preemptions = 2};
    print_message("%llu runs\n", (unsigned long long)trp_interleave_exhaustive(&test));
    trp_interleave_random(&test, 1, 5000);
    assert_true(game->with_first > 0);
    assert_true(game->with_next > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_is_with_one_of_the_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
