// What a handler that floods has kept, under chosen interleavings: another worker delivers it for
// the handler, or gives the handler up, while that sends on. What must hold: each message arrives
// once and in order, and what was refused does not arrive.
#include "tests/support/hands.h"
#include "tests/support/test.h"

#include <string.h>

#define RECEIVERS 2
#define MOST      80 // more than a chain holds

struct place {
    uint64_t place;
};

TROUPE_STRUCT(Sent, struct place);
TROUPE_EMPTY(Begin);

static struct {
    uint64_t messages; // to each receiver
    int looks;         // of the other worker
    bool kill;         // it gives the handler up

    struct hands hands;
    troupe_ref receivers[RECEIVERS], flooder;
    bool floods;
    uint64_t sent[RECEIVERS], received[RECEIVERS];
    int delivered, abandoned; // over all runs: how often the other worker has done something
} game;

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const struct place *sent = troupe_match(msg, Sent);
    int self = troupe_ref_equal(troupe_self(ctx), game.receivers[0]) ? 0 : 1;
    TRP_EXPECT(sent->place == game.received[self]);
    game.received[self]++;
    return TROUPE_OK;
}

static troupe_status flood(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state, (void)msg;
    game.floods = true;
    ctx->runner->outbox.sent = TRP_OUTBOX_AFTER - 1; // it has sent that many before
    for (uint64_t place = 0; place < game.messages; place++) {
        for (int i = 0; i < RECEIVERS; i++) {
            troupe_status status = troupe_send(ctx, game.receivers[i], Sent, .place = place);
            TRP_EXPECT(status == TROUPE_OK || (game.kill && status == TROUPE_ESTALE));
            game.sent[i] += status == TROUPE_OK;
        }
        trp_interleave_yield("flood: between sends");
    }
    return TROUPE_OK;
}

static const troupe_behavior receiver = {.name = "receiver", .receive = receive};
static const troupe_behavior flooder = {.name = "flooder", .receive = flood};

static void setup(void *user)
{
    (void)user;
    hands_open(&game.hands, 1, NULL, 1);
    troupe_ctx *ctx = game.hands.ctx;
    game.floods = false;
    for (int i = 0; i < RECEIVERS; i++) {
        game.sent[i] = game.received[i] = 0;
        TRP_EXPECT(troupe_spawn(ctx, &receiver, NULL, &game.receivers[i]) == TROUPE_OK);
    }
    TRP_EXPECT(troupe_spawn(ctx, &flooder, NULL, &game.flooder) == TROUPE_OK);
    hands_settle(&game.hands);
    TRP_EXPECT(troupe_send(ctx, game.flooder, Begin) == TROUPE_OK);
}

static bool has_begun(void *user)
{
    (void)user;
    return game.floods;
}

static void give_up(void)
{
    troupe_system *system = game.hands.system;
    trp_slot_order(system, game.hands.hands[1].runner, trp_resolve(system, game.flooder),
                   game.flooder.generation, TRP_ORDER_KILL);
    trp_overdue_look(system, game.hands.hands[1].runner, true);
}

// The other worker: looks after the first one as a sentinel does, then works itself.
static void look_after(void *user)
{
    (void)user;
    struct hand *hands = game.hands.hands;
    trp_interleave_block_until("look: blocked until it floods", has_begun, NULL);
    for (int i = 0; i < game.looks; i++) {
        trp_interleave_yield("look: before");
        if (trp_overdue_outbox(&hands[0].worker, NULL))
            game.delivered += trp_overdue_outbox(&hands[0].worker, &hands[1].worker);
    }
    if (game.kill)
        give_up();
    hands_leave(&game.hands);
    hands_work(&game.hands, 1);
}

static void check(void *user)
{
    (void)user;
    troupe_report report;
    for (int i = 0; i < RECEIVERS; i++) {
        TRP_EXPECT(game.received[i] == game.sent[i]);
        TRP_EXPECT(game.kill || game.sent[i] == game.messages);
    }
    hands_close(&game.hands, &report);
    game.abandoned += report.stats.abandoned > 0;
}

static void play(const char *name, bool kill)
{
    game.kill = kill;
    game.delivered = game.abandoned = 0;
    game.messages = 3;
    game.looks = 1;
    const struct trp_interleave test = {
        .name = name,
        .setup = setup,
        .threads = {hands_thread_0, look_after},
        .count = 2,
        .check = check,
        .max_preemptions = game.kill ? 2 : 3,
        .windows = {{"outbox: about to deliver", "bias enter: waiting for the decision"},
                    {"outbox: linked", "bias freeze: after barrier"},
                    {"outbox: chain begun", "bias freeze: after barrier"}}};
    trp_interleave_exhaustive(&test);
    game.messages = MOST;
    game.looks = 20;
    trp_interleave_random(&test, 1, 500);
    assert_true(game.delivered > 0);
    assert_true(!game.kill || game.abandoned > 0);
}

// The other worker delivers and the handler comes; or the handler, which is amid a chain.
static void what_a_handler_has_kept_is_delivered_once_and_in_order(void **state)
{
    (void)state;
    play("delivery against sends", false);
}

static void what_was_sent_before_its_handler_was_given_up_arrives(void **state)
{
    (void)state;
    play("giving up against sends", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_handler_has_kept_is_delivered_once_and_in_order),
        cmocka_unit_test(what_was_sent_before_its_handler_was_given_up_arrives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
