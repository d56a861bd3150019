// The ways in which an ask ends against each other, under chosen interleavings: exactly one wins,
// its outcome is whole, and the record is freed once. Then the timer of an actor's asks against
// what the actor does meanwhile: no limit is forgotten.
#include "actors/ask.h"
#include "tests/support/hands.h"
#include "tests/support/test.h"

#include <string.h>

#define LATER UINT64_C(10000000000) // ns; after every limit

enum asker_does { LOOKS_AT_LIMITS, CANCELS, ENDS, ASKS_AGAIN };

enum asked_does { REPLIES, REPLIES_AT_LENGTH, DIES };

struct game {
    struct hands hands;
    troupe_ref asker, asked;
    enum asker_does asker_does;
    enum asked_does asked_does;
    bool own_timer; // the ask has a timer of its own: all lists are in use
    int asks, outcomes;
    int replies, others; // over all runs
};

static struct game only, *const game = &only;

struct answer {
    uint64_t words[3];
};

struct long_answer {
    uint64_t words[20];
};

TROUPE_EMPTY(Begin);
TROUPE_EMPTY(Go);
TROUPE_EMPTY(Question);
TROUPE_STRUCT(Answer, struct answer);
TROUPE_STRUCT(LongAnswer, struct long_answer);

// ---- The asked

static troupe_status asked_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    troupe_token *token = state;
    if (troupe_match(msg, Question))
        return token->opaque[0] == 0 ? troupe_token_take(ctx, token) : troupe_reply(ctx, Go);
    if (game->asked_does == DIES)
        return TROUPE_STOP;
    if (game->asked_does == REPLIES)
        return troupe_reply_to(ctx, *token, Answer, .words = {7, 8, 9});
    return troupe_reply_to(ctx, *token, LongAnswer, .words = {[19] = 9});
}

static const troupe_behavior asked = {
    .name = "asked", .state_size = sizeof(troupe_token), .receive = asked_receive};

// ---- The asker

static troupe_status on_outcome(troupe_ctx *ctx, void *state, void *user,
                                const troupe_outcome *outcome)
{
    (void)ctx, (void)state, (void)user;
    game->outcomes++;
    const struct answer *answer = outcome->reply ? troupe_match(outcome->reply, Answer) : NULL;
    const struct long_answer *long_answer =
        outcome->reply ? troupe_match(outcome->reply, LongAnswer) : NULL;
    TRP_EXPECT((outcome->status == TROUPE_OK) == (outcome->reply != NULL));
    TRP_EXPECT((outcome->status == TROUPE_EDOWN) == (outcome->reason != NULL));
    if (answer)
        TRP_EXPECT(answer->words[0] == 7 && answer->words[1] == 8 && answer->words[2] == 9);
    if (long_answer)
        TRP_EXPECT(long_answer->words[0] == 0 && long_answer->words[19] == 9);
    if (outcome->status == TROUPE_OK || outcome->status == TROUPE_EDOWN)
        game->replies++;
    else
        game->others++;
    return TROUPE_OK;
}

// More limits than there are lists: the last one has a timer of its own.
static troupe_status ask_with_all_lists(troupe_ctx *ctx, troupe_ask_id *id)
{
    for (uint32_t i = 1; i < TRP_ASK_LISTS; i++) {
        game->asks++;
        TRP_EXPECT(troupe_ask(ctx, troupe_self(ctx), i, on_outcome, NULL, Question) == TROUPE_OK);
    }
    return troupe_ask_with_id(ctx, game->asked, 1000, on_outcome, NULL, id, Question);
}

static troupe_status asker_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    troupe_ask_id *id = state;
    if (troupe_match(msg, Begin)) {
        game->asks++;
        if (game->own_timer)
            return ask_with_all_lists(ctx, id);
        return troupe_ask_with_id(ctx, game->asked, 1000, on_outcome, NULL, id, Question);
    }
    if (!troupe_match(msg, Go))
        return TROUPE_OK;
    if (game->asker_does == ENDS)
        return TROUPE_STOP;
    if (game->asker_does == CANCELS)
        (void)troupe_ask_cancel(ctx, *id);
    if (game->asker_does == ASKS_AGAIN) {
        game->asks++;
        return troupe_ask(ctx, troupe_self(ctx), 500, on_outcome, NULL, Begin);
    }
    return TROUPE_OK;
}

static const troupe_behavior asker = {
    .name = "asker", .state_size = sizeof(troupe_ask_id), .receive = asker_receive};

// ---- The game

static void begin(int outsiders)
{
    hands_open(&game->hands, 1, NULL, outsiders);
    troupe_ctx *ctx = game->hands.ctx;
    game->asks = game->outcomes = 0;
    TRP_EXPECT(troupe_spawn(ctx, &asked, NULL, &game->asked) == TROUPE_OK);
    TRP_EXPECT(troupe_spawn(ctx, &asker, NULL, &game->asker) == TROUPE_OK);
    troupe_send(ctx, game->asker, Begin);
    hands_settle(&game->hands);
}

// What a worker does that finds timers due.
static void expire(struct trp_worker *worker)
{
    struct hands *hands = &game->hands;
    struct trp_wheel *wheel = trp_scheduler_wheel(hands->system->scheduler, game->asker.slot);
    struct trp_timer *timer;
    do {
        trp_wheel_lock(wheel);
        timer = trp_wheel_expire(wheel, hands->driver.sim->now);
        trp_wheel_unlock(wheel);
        trp_interleave_yield("asks: taken out of the wheel");
        if (timer)
            trp_expire(worker, timer);
    } while (timer);
}

static void check(void *user)
{
    (void)user;
    troupe_report report;
    struct hands *hands = &game->hands;
    hands_settle(hands);
    if (game->asker_does != ENDS) {
        hands->driver.sim->now += LATER; // what is left runs out, if its timer is there
        hands_settle(hands);
        TRP_EXPECT(game->outcomes == game->asks);
    } else {
        TRP_EXPECT(game->outcomes <= game->asks);
    }
    hands_close(hands, &report); // no message is lost, and no record
}

// ---- One hand runs the asker, the other the asked, both are due

static void setup_ends(void *user)
{
    (void)user;
    begin(0);
    if (game->asker_does == LOOKS_AT_LIMITS) {
        game->hands.driver.sim->now += LATER;
        expire(&game->hands.hands[1].worker);
    } else {
        troupe_send(game->hands.ctx, game->asker, Go);
    }
    troupe_send(game->hands.ctx, game->asked, Go);
}

static void explore(struct trp_interleave test)
{
    test.check = check;
    test.user = game;
    test.max_runs = 2000000;
    trp_interleave_exhaustive(&test);
    trp_interleave_random(&test, 1, 1000);
}

static void one_of_two_ends_wins(void **state)
{
    (void)state;
    for (int does = LOOKS_AT_LIMITS; does <= ENDS; does++) {
        for (int answer = REPLIES; answer <= DIES; answer++) {
            *game = (struct game){.asker_does = (enum asker_does)does,
                                  .asked_does = (enum asked_does)answer};
            explore((struct trp_interleave){
                .name = "asker against asked",
                .setup = setup_ends,
                .threads = {hands_thread_0, hands_thread_1},
                .count = 2,
                .max_preemptions = 4,
                .windows = {{"ask: before decision", "ask: before decision"}}});
            assert_true(does == ENDS || (game->replies > 0 && game->others > 0));
        }
    }
}

// ---- The timer goes off on another worker while the asker does something

static void setup_timer(void *user)
{
    (void)user;
    begin(1);
    troupe_send(game->hands.ctx, game->asker, Go);
}

static void pass_time(void *user)
{
    (void)user;
    trp_interleave_yield("asks: before the time");
    game->hands.driver.sim->now += LATER;
    expire(&game->hands.hands[1].worker);
    hands_leave(&game->hands);
}

static void no_limit_is_forgotten(void **state)
{
    (void)state;
    for (int own_timer = 0; own_timer < 2; own_timer++) {
        for (int does = CANCELS; does <= ASKS_AGAIN; does++) {
            *game = (struct game){.asker_does = (enum asker_does)does, .own_timer = own_timer};
            explore((struct trp_interleave){
                .name = "timer against asker",
                .setup = setup_timer,
                .threads = {hands_thread_0, pass_time},
                .count = 2,
                .max_preemptions = own_timer ? 2 : 3,
                .windows = {{"asks: expired, before order", "bias leave"}}});
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_two_ends_wins),
        cmocka_unit_test(no_limit_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
