// Asks, the right to answer them, and blocking jobs. Each ask has one outcome, unless its asker
// ends first, and one that can be: a reply if there was one, a cancel if that was in time, a
// timeout not before its time.
#include "tests/fuzz/calls.h"

#include <string.h>

#define ASKS   256
#define TOKENS 64
#define JOBS   64

static struct ask {
    uint32_t who, incarnation; // who asks
    troupe_ref to;
    troupe_ask_id id;
    uint64_t due; // 0: never
    bool answered, cancelled, over;
    uint8_t script[4]; // done with its outcome
} asks[ASKS];

static struct {
    uint32_t who, incarnation, ask;
    troupe_token token;
} tokens[TOKENS];

static struct job {
    uint32_t who, incarnation;
    bool run, released, over;
} jobs[JOBS];

static uint32_t ask_count, token_count, job_count; // an ask's number is its place and one

// ---- Asking

static troupe_status on_outcome(troupe_ctx *ctx, void *data, void *user,
                                const troupe_outcome *outcome)
{
    struct ask *ask = user;
    struct calls_state *state = data;
    struct calls_actor actor = {.ctx = ctx, .who = state->who, .state = state};
    calls_check_actor(&actor);
    fuzz_trace("  %u.%u: outcome of %td: %s", state->who, state->incarnation, ask - asks + 1,
               troupe_status_name(outcome->status));
    FUZZ_CHECK(ask->who == state->who && ask->incarnation == state->incarnation,
               "%u.%u has an outcome of %u.%u", state->who, state->incarnation, ask->who,
               ask->incarnation);
    FUZZ_CHECK(!ask->over, "the second outcome of an ask of %u", ask->who);
    ask->over = true;
    FUZZ_CHECK((outcome->status == TROUPE_ECANCELED) == ask->cancelled, "%s",
               troupe_status_name(outcome->status));
    FUZZ_CHECK(!outcome->reply == (outcome->status != TROUPE_OK) &&
                   !outcome->reason == (outcome->status != TROUPE_EDOWN),
               "%s", troupe_status_name(outcome->status));
    const struct calls_answer *answer = troupe_match(outcome->reply, CallsAnswer);
    if (outcome->status == TROUPE_OK) {
        FUZZ_CHECK(answer && ask->answered && answer->ask == (uint32_t)(ask - asks) + 1,
                   "a reply to another ask");
        calls_got(&actor, answer->from, answer->number);
    } else if (outcome->status == TROUPE_ETIMEDOUT) {
        FUZZ_CHECK(ask->due && fuzz_now() >= ask->due, "%llu ns too early",
                   (unsigned long long)(ask->due - fuzz_now()));
    } else {
        FUZZ_CHECK(outcome->status == TROUPE_EDOWN || outcome->status == TROUPE_ENOREPLY ||
                       outcome->status == TROUPE_ECANCELED ||
                       (outcome->status == TROUPE_ENOMEM && fuzz_memory_failed()),
                   "%s", troupe_status_name(outcome->status));
    }
    struct fuzz_bytes script = {ask->script, ask->script + sizeof ask->script};
    if (!calls.calm)
        calls_do(&actor, &script);
    return actor.status;
}

static void ask(struct calls_actor *actor, struct fuzz_bytes *script)
{
    static const uint32_t limits[] = {0, 1, 5, 100, 5000, TROUPE_NO_LIMIT};
    if (ask_count == ASKS)
        return;
    struct ask *ask = &asks[ask_count];
    troupe_ref to = calls_pick(actor, script);
    uint32_t ms = limits[fuzz_choice(script, 6)];
    struct calls_say say = {.from = actor->who, .to = calls_find(to), .ask = ask_count + 1};
    *ask = (struct ask){.to = to, .who = actor->who};
    struct fuzz_bytes rest = fuzz_cut(script, fuzz_choice(script, CALLS_SCRIPT / 2));
    for (struct fuzz_bytes at = rest; fuzz_more(&at);)
        say.script[say.size++] = fuzz_byte(&at);
    for (size_t i = 0; i < sizeof ask->script && i < say.size / 2; i++)
        ask->script[i] = say.script[say.size - 1 - i];
    say.number = calls_number(actor->who, to);
    ask->incarnation = actor->state ? actor->state->incarnation : 0;
    ask->due = ms == TROUPE_NO_LIMIT ? 0 : fuzz_now() + (ms ? ms : 5000) * UINT64_C(1000000);
    ask_count++;
    troupe_status status =
        troupe_ask_body(actor->ctx, to, ms, on_outcome, ask, &ask->id, TROUPE_TYPE(CallsSay), &say);
    fuzz_trace("%u asks %u, %u ms: %s", actor->who, say.to, ms, troupe_status_name(status));
    if (actor->who == OUTSIDE)
        CALLS_EXPECT(status, TROUPE_ENOTSUP);
    else
        CALLS_EXPECT(status, TROUPE_OK, TROUPE_EDEAD, TROUPE_ENOTWIRE);
    ask->over = status != TROUPE_OK; // it never was
    if (status != TROUPE_OK)
        ask->who = CALLS_PLAYERS; // nobody's
}

// From outside, waiting.
static void call(struct calls_actor *actor, struct fuzz_bytes *script)
{
    troupe_ref to = calls_pick(actor, script);
    uint32_t ms = 1 + fuzz_choice(script, 100);
    uint32_t who = calls_find(to);
    troupe_msg *reply = NULL;
    uint64_t due = fuzz_now() + ms * UINT64_C(1000000);
    troupe_status status =
        troupe_call(actor->ctx, to, ms, &reply, CallsSay, .from = actor->who, .to = who,
                    .number = actor->who ? 0 : calls_number(OUTSIDE, to), .size = 2,
                    .script = {fuzz_byte(script), fuzz_byte(script)});
    fuzz_trace("%u calls %u: %s", actor->who, who, troupe_status_name(status));
    if (actor->who != OUTSIDE)
        CALLS_EXPECT(status, TROUPE_ENOTSUP);
    else
        CALLS_EXPECT(status, TROUPE_OK, TROUPE_EDEAD, TROUPE_EDOWN, TROUPE_ETIMEDOUT,
                     TROUPE_ENOREPLY, TROUPE_ENOTWIRE);
    FUZZ_CHECK(status != TROUPE_ETIMEDOUT || fuzz_now() >= due || calls.count == 0, "too early");
    FUZZ_CHECK(!reply == (status != TROUPE_OK), "%s", troupe_status_name(status));
    troupe_msg_free(actor->ctx, reply);
}

// Mostly one of its own.
static struct ask *choose_ask(const struct calls_actor *actor, uint32_t dice)
{
    for (uint32_t i = ask_count, skip = dice % 4; i-- > 0 && dice < 192;)
        if (asks[i].who == actor->who && skip-- == 0)
            return &asks[i];
    return ask_count ? &asks[dice % ask_count] : NULL;
}

static void cancel(struct calls_actor *actor, struct fuzz_bytes *script)
{
    struct ask *ask = choose_ask(actor, fuzz_byte(script));
    if (ask == NULL || actor->who == OUTSIDE)
        return;
    bool mine = ask->who == actor->who && ask->incarnation == actor->state->incarnation;
    troupe_status status = troupe_ask_cancel(actor->ctx, ask->id);
    CALLS_EXPECT(status, TROUPE_OK, TROUPE_EALREADY);
    FUZZ_CHECK(status == TROUPE_EALREADY || (mine && !ask->over && !ask->cancelled),
               "%u cancels what is not its own any more", actor->who);
    ask->cancelled |= status == TROUPE_OK;
    fuzz_trace("%u cancels %td: %s", actor->who, ask - asks + 1, troupe_status_name(status));
}

// ---- Answering

static struct calls_answer answer_of(struct calls_actor *actor, uint32_t number)
{
    struct calls_answer answer = {.from = actor->who, .ask = number};
    const struct ask *ask = number ? &asks[number - 1] : NULL;
    if (ask && ask->who > OUTSIDE && ask->who < CALLS_PLAYERS)
        answer.number = calls_number(actor->who, calls.players[ask->who].ref);
    return answer;
}

static void mark_answered(uint32_t number)
{
    if (number)
        asks[number - 1].answered = true;
}

static void reply(struct calls_actor *actor)
{
    struct calls_answer answer = answer_of(actor, actor->ask);
    if (actor->who == OUTSIDE || actor->msg == NULL)
        return;
    bool is_ask = troupe_is_ask(actor->ctx);
    troupe_status status = troupe_reply_body(actor->ctx, TROUPE_TYPE(CallsAnswer), &answer);
    fuzz_trace("%u replies: %s", actor->who, troupe_status_name(status));
    CALLS_EXPECT(status, TROUPE_OK, TROUPE_EALREADY);
    if (status == TROUPE_OK && is_ask)
        mark_answered(actor->ask);
    FUZZ_CHECK(status != TROUPE_OK || !troupe_is_ask(actor->ctx), "answered and still an ask");
}

static void take_token(struct calls_actor *actor)
{
    if (actor->who == OUTSIDE || actor->msg == NULL || token_count == TOKENS)
        return;
    bool is_ask = troupe_is_ask(actor->ctx);
    troupe_token token;
    troupe_status status = troupe_token_take(actor->ctx, &token);
    fuzz_trace("%u takes a token: %s", actor->who, troupe_status_name(status));
    CALLS_EXPECT(status, TROUPE_OK, TROUPE_EINVAL, TROUPE_EALREADY);
    FUZZ_CHECK(status != TROUPE_EINVAL || !is_ask, "it is an ask");
    if (status != TROUPE_OK)
        return;
    tokens[token_count].who = actor->who;
    tokens[token_count].incarnation = actor->state->incarnation;
    tokens[token_count].ask = actor->ask;
    tokens[token_count++].token = token;
}

static void reply_to(struct calls_actor *actor, uint32_t at)
{
    bool mine = tokens[at].who == actor->who && actor->state &&
                tokens[at].incarnation == actor->state->incarnation;
    struct calls_answer answer = answer_of(actor, mine ? tokens[at].ask : 0);
    if (actor->who == OUTSIDE)
        return;
    troupe_status status =
        troupe_reply_to_body(actor->ctx, tokens[at].token, TROUPE_TYPE(CallsAnswer), &answer);
    fuzz_trace("%u replies to %u: %s", actor->who, answer.ask, troupe_status_name(status));
    CALLS_EXPECT(status, mine ? TROUPE_OK : TROUPE_EALREADY);
    if (status != TROUPE_OK)
        return;
    mark_answered(tokens[at].ask);
    tokens[at] = tokens[--token_count];
}

void calls_pay(struct calls_actor *actor)
{
    for (uint32_t i = token_count; i-- > 0;)
        if (tokens[i].who == actor->who && tokens[i].incarnation == actor->state->incarnation)
            reply_to(actor, i);
}

// ---- Blocking jobs

static troupe_status work(void *arg)
{
    struct job *job = arg;
    FUZZ_CHECK(!job->run && !job->released, "a job that is over runs");
    job->run = true;
    return TROUPE_EBUSY;
}

static void release(void *arg)
{
    struct job *job = arg;
    FUZZ_CHECK(!job->released, "a job is released twice");
    job->released = true;
}

static troupe_status on_done(troupe_ctx *ctx, void *data, void *user, const troupe_outcome *outcome)
{
    struct job *job = user;
    struct calls_state *state = data;
    struct calls_actor actor = {.ctx = ctx, .who = state->who, .state = state};
    calls_check_actor(&actor);
    FUZZ_CHECK(job->who == state->who && job->incarnation == state->incarnation && job->run &&
                   !job->released && !job->over,
               "a strange job is over");
    FUZZ_CHECK(outcome->status == TROUPE_EBUSY && !outcome->reply && !outcome->reason, "%s",
               troupe_status_name(outcome->status));
    job->over = true;
    return TROUPE_OK;
}

static void run_blocking(struct calls_actor *actor)
{
    if (job_count == JOBS)
        return;
    struct job *job = &jobs[job_count++];
    *job = (struct job){.who = actor->who};
    job->incarnation = actor->state ? actor->state->incarnation : 0;
    troupe_status status = troupe_run_blocking(actor->ctx, work, job, release, on_done, job);
    fuzz_trace("%u has a job run: %s", actor->who, troupe_status_name(status));
    if (actor->who == OUTSIDE)
        CALLS_EXPECT(status, TROUPE_ENOTSUP);
    else
        CALLS_EXPECT(status, TROUPE_OK, calls.is_closed ? TROUPE_ECLOSED : TROUPE_OK);
    if (status != TROUPE_OK) {
        FUZZ_CHECK(!job->released, "released, and never begun");
        job_count--;
    }
}

// ---- Commands, and the end

void calls_do_ask(struct calls_actor *actor, uint32_t command, struct fuzz_bytes *script)
{
    switch (command) {
    case 0:
        ask(actor, script);
        break;
    case 1:
        if (actor->who != OUTSIDE || fuzz_choice(script, 4) == 0)
            call(actor, script);
        break;
    case 2:
        cancel(actor, script);
        break;
    case 3:
        reply(actor);
        break;
    case 4:
        take_token(actor);
        break;
    case 5:
        if (token_count > 0)
            reply_to(actor, fuzz_byte(script) % token_count);
        break;
    default:
        run_blocking(actor);
        break;
    }
}

void calls_check_asks(void)
{
    for (uint32_t i = 0; i < ask_count; i++)
        FUZZ_CHECK(asks[i].over || asks[i].who == CALLS_PLAYERS ||
                       !calls_is_here(asks[i].who, asks[i].incarnation),
                   "ask %u, of %u.%u, has no outcome", i + 1, asks[i].who, asks[i].incarnation);
    for (uint32_t i = 0; i < job_count; i++)
        FUZZ_CHECK(jobs[i].over || !calls_is_here(jobs[i].who, jobs[i].incarnation),
                   "a job of %u.%u has no outcome", jobs[i].who, jobs[i].incarnation);
}

void calls_check_jobs(void)
{
    for (uint32_t i = 0; i < job_count; i++)
        FUZZ_CHECK(jobs[i].released, "a job of %u was never released", jobs[i].who);
}

void calls_forget_asks(void)
{
    ask_count = token_count = job_count = 0;
}
