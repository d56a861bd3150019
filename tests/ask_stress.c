// Asks on several workers, with short limits of several lengths: replies come at once, at about the
// time of the limit, or never; some asks are cancelled, and each asker ends with some on their way.
// Each ask ends once, and none by its limit before that.
#include "tests/support/test.h"

#include <troupe.h>

#define ASKERS    24
#define ANSWERERS 4
#define ASKS      4000 // of each asker
#define PENDING   16
#define KEPT      64 // tokens of an answerer
#define MS        UINT64_C(1000000)

struct large {
    uint64_t words[25];
};

struct team {
    troupe_ref refs[ANSWERERS];
};

TROUPE_STRUCT(Small, uint64_t);
TROUPE_STRUCT(Large, struct large);
TROUPE_STRUCT(Team, struct team);
TROUPE_EMPTY(Late);

// ---- Who answers

struct answerer {
    troupe_token kept[KEPT];
    uint32_t first, count;
};

static troupe_status answer_later(troupe_ctx *ctx, struct answerer *answerer)
{
    troupe_token *token = &answerer->kept[(answerer->first + answerer->count++) % KEPT];
    troupe_status status = troupe_token_take(ctx, token);
    uint64_t delay = troupe_random(ctx) % (4 * MS);
    return status == TROUPE_OK ? troupe_timer_body(ctx, delay, 0, troupe_self(ctx), NULL,
                                                   TROUPE_TYPE(Late), &(char){0})
                               : status;
}

static troupe_status answer(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct answerer *answerer = state;
    const uint64_t *question = troupe_match(msg, Small);
    if (question == NULL) {
        troupe_token token = answerer->kept[answerer->first];
        answerer->first = (answerer->first + 1) % KEPT;
        answerer->count--;
        return troupe_reply_to_body(ctx, token, TROUPE_TYPE(Small), &(uint64_t){0});
    }
    uint64_t how = troupe_random(ctx) % 8;
    if (how == 0)
        return TROUPE_OK;
    if (how == 1)
        return troupe_reply(ctx, Large, .words = {[24] = *question});
    if (how <= 4 && answerer->count < KEPT)
        return answer_later(ctx, answerer);
    return troupe_reply_body(ctx, TROUPE_TYPE(Small), question);
}

static const troupe_behavior answerer_behavior = {
    .name = "answerer", .state_size = sizeof(struct answerer), .receive = answer};

// ---- Who asks

struct asked {
    troupe_ask_id id;
    uint64_t number; // 0: none, or it has ended
    uint64_t at;
    uint32_t limit;
    bool cancelled;
};

struct asker {
    struct team team;
    struct asked asked[PENDING];
    uint64_t made, ended;
};

static troupe_status on_outcome(troupe_ctx *ctx, void *state, void *user,
                                const troupe_outcome *outcome);

static troupe_status ask(troupe_ctx *ctx, struct asker *asker, struct asked *asked)
{
    static const uint32_t limits[] = {1, 1, 2, 2, 3, 4, 5, 0, TROUPE_NO_LIMIT};
    *asked = (struct asked){.number = ++asker->made, .at = troupe_now_ns(ctx)};
    asked->limit = limits[troupe_random(ctx) % (sizeof limits / sizeof limits[0])];
    troupe_ref to = asker->team.refs[troupe_random(ctx) % ANSWERERS];
    return troupe_ask_body(ctx, to, asked->limit, on_outcome, asked,
                           asker->made % 2 ? &asked->id : NULL, TROUPE_TYPE(Small), &asked->number);
}

static bool is_right(troupe_ctx *ctx, const struct asked *asked, const troupe_outcome *outcome)
{
    const uint64_t *small = outcome->reply ? troupe_match(outcome->reply, Small) : NULL;
    const struct large *large = outcome->reply ? troupe_match(outcome->reply, Large) : NULL;
    if (asked->number == 0 || asked->cancelled != (outcome->status == TROUPE_ECANCELED))
        return false;
    if (outcome->status == TROUPE_OK)
        return (small && (*small == 0 || *small == asked->number)) ||
               (large && large->words[0] == 0 && large->words[24] == asked->number);
    if (outcome->status == TROUPE_ETIMEDOUT)
        return asked->limit < TROUPE_NO_LIMIT &&
               troupe_now_ns(ctx) >= asked->at + (asked->limit ? asked->limit : 5000) * MS;
    return outcome->status == TROUPE_ENOREPLY || outcome->status == TROUPE_ECANCELED;
}

static troupe_status on_outcome(troupe_ctx *ctx, void *state, void *user,
                                const troupe_outcome *outcome)
{
    struct asker *asker = state;
    struct asked *asked = user;
    if (!is_right(ctx, asked, outcome))
        return troupe_fail(ctx, TROUPE_EUSER, "ask %llu of %u ms ended wrongly: %s",
                           (unsigned long long)asked->number, asked->limit,
                           troupe_status_name(outcome->status));
    asked->number = 0;
    if (++asker->ended == ASKS)
        return TROUPE_STOP; // with others on their way
    struct asked *other = &asker->asked[troupe_random(ctx) % PENDING];
    if (other->number % 2 && !other->cancelled && troupe_random(ctx) % 4 == 0)
        other->cancelled = troupe_ask_cancel(ctx, other->id) == TROUPE_OK;
    return ask(ctx, asker, asked);
}

static troupe_status start(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    struct asker *asker = state;
    const struct team *team = troupe_match(args, Team);
    if (team == NULL)
        return TROUPE_EINVAL;
    asker->team = *team;
    troupe_status status = TROUPE_OK;
    for (uint32_t i = 0; i < PENDING && status == TROUPE_OK; i++)
        status = ask(ctx, asker, &asker->asked[i]);
    return status;
}

static troupe_status ignore(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    return TROUPE_UNHANDLED;
}

static const troupe_behavior asker_behavior = {
    .name = "asker", .state_size = sizeof(struct asker), .init = start, .receive = ignore};

// ---- All of them

static void tell(void *user, const troupe_event *event)
{
    (void)user;
    if (event->kind == TROUPE_EVENT_FAILED)
        print_message("%s\n", event->reason.text);
}

static void each_ask_ends_once_and_not_before_its_limit(void **state)
{
    (void)state;
    troupe_system *system;
    struct team team;
    troupe_ref askers[ASKERS];
    assert_int_equal(
        troupe_system_start(&(troupe_system_opts){.workers = 16, .on_event = tell}, &system),
        TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(system);
    for (int i = 0; i < ANSWERERS; i++)
        assert_int_equal(troupe_spawn(ctx, &answerer_behavior, NULL, &team.refs[i]), TROUPE_OK);
    for (int i = 0; i < ASKERS; i++)
        assert_int_equal(
            troupe_spawn_body(ctx, &asker_behavior, NULL, &askers[i], TROUPE_TYPE(Team), &team),
            TROUPE_OK);
    for (int i = 0; i < ASKERS; i++)
        assert_int_equal(troupe_join(ctx, askers[i], TROUPE_NO_LIMIT, NULL), TROUPE_OK);
    troupe_report report;
    assert_int_equal(troupe_system_stop(system, 0, &report), TROUPE_OK);
    assert_int_equal(report.stats.failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_ask_ends_once_and_not_before_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
