// A group's restart against a message that is just being pushed, under chosen interleavings: what a
// member has sent may be behind it in the mailbox, and must be found stale all the same.
#include "tests/support/hands.h"
#include "tests/support/test.h"
#include "troupe/children.h"

TROUPE_EMPTY(FromOutside);
TROUPE_EMPTY(FromMember);
TROUPE_EMPTY(Go);
TROUPE_EMPTY(Fail);

static struct {
    struct hands hands;
    troupe_ref supervisor, sender, receiver;
} game;

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    if (troupe_match(msg, Fail))
        return troupe_fail(ctx, TROUPE_EUSER, "broken");
    if (troupe_match(msg, Go)) // before the restart, or after it
        return troupe_incarnation(ctx, troupe_self(ctx)) == 1
                   ? troupe_send(ctx, game.receiver, FromMember)
                   : TROUPE_OK;
    if (troupe_match(msg, FromMember))
        TRP_EXPECT(troupe_incarnation(ctx, troupe_self(ctx)) == 1);
    return TROUPE_OK;
}

static const troupe_behavior member = {.name = "member", .receive = receive};

static const troupe_child children[] = {{.id = "sender", .behavior = &member},
                                        {.id = "receiver", .behavior = &member},
                                        {.id = "failing", .behavior = &member}};

static void setup(void *user)
{
    (void)user;
    const troupe_supervisor spec = {
        .strategy = TROUPE_ONE_FOR_ALL, .max_restarts = 1, .children = children, .child_count = 3};
    troupe_ref failing;
    hands_open(&game.hands, 1, NULL, 1);
    troupe_ctx *ctx = game.hands.ctx;
    TRP_EXPECT(troupe_supervise(ctx, &spec, &game.supervisor) == TROUPE_OK);
    hands_settle(&game.hands);
    TRP_EXPECT(troupe_child_ref(ctx, game.supervisor, "sender", &game.sender) == TROUPE_OK);
    TRP_EXPECT(troupe_child_ref(ctx, game.supervisor, "receiver", &game.receiver) == TROUPE_OK);
    TRP_EXPECT(troupe_child_ref(ctx, game.supervisor, "failing", &failing) == TROUPE_OK);
    troupe_send(ctx, failing, Fail);
    hands_step(&game.hands); // it has failed,
    hands_step(&game.hands); // and the supervisor has told the receiver to stop
}

// The first is at the front when the receiver looks for what is stale.
static void send_around_a_members(void *user)
{
    (void)user;
    troupe_send(game.hands.ctx, game.receiver, FromOutside);
    troupe_send(game.hands.ctx, game.sender, Go);
    troupe_send(game.hands.ctx, game.receiver, FromOutside);
    hands_leave(&game.hands);
}

static void check(void *user)
{
    (void)user;
    troupe_report report;
    TRP_EXPECT(troupe_incarnation(game.hands.ctx, game.sender) == 2);
    TRP_EXPECT(troupe_incarnation(game.hands.ctx, game.receiver) == 2);
    hands_close(&game.hands, &report);
}

static void what_is_behind_a_message_that_is_being_pushed_is_stale(void **state)
{
    (void)state;
    const struct trp_interleave test = {
        .name = "stale behind a push",
        .setup = setup,
        .threads = {send_around_a_members, hands_thread_0, hands_thread_1},
        .count = 3,
        .check = check,
        .max_preemptions = 2,
        .windows = {{"mpsc push: between swap and link", "stale: waiting for the next node"}}};
    trp_interleave_exhaustive(&test);
    trp_interleave_random(&test, 1, 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_behind_a_message_that_is_being_pushed_is_stale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
