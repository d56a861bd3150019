// The players: what they are told, and what is known of them.
#include "tests/fuzz/calls.h"

#include <string.h>

#define ALIVE 0x600dac70u // magic

struct calls calls;

// ---- Who is who

uint32_t calls_find(troupe_ref ref)
{
    for (uint32_t i = 1; i < calls.count; i++)
        if (troupe_ref_equal(calls.players[i].ref, ref))
            return i;
    return OUTSIDE;
}

uint32_t calls_enter(troupe_ref ref)
{
    uint32_t who = calls_find(ref);
    if (who == OUTSIDE && calls.count < CALLS_PLAYERS) {
        who = calls.count++;
        calls.players[who] = (struct calls_player){.ref = ref, .announced = 1};
    }
    return who;
}

static struct calls_end *place_of_end(uint32_t who, uint32_t incarnation)
{
    return &calls.players[who].ends[incarnation % CALLS_ENDS];
}

const struct calls_end *calls_end_of(uint32_t who, uint32_t incarnation)
{
    const struct calls_end *end = place_of_end(who, incarnation);
    return end->incarnation == incarnation ? end : NULL;
}

bool calls_is_here(uint32_t who, uint32_t incarnation)
{
    return calls.players[who].here && calls.players[who].incarnation == incarnation;
}

void calls_check_actor(const struct calls_actor *actor)
{
    const struct calls_state *state = actor->state;
    const struct calls_player *player = &calls.players[actor->who];
    if (state == NULL)
        return;
    FUZZ_CHECK(state->magic == ALIVE, "a handler of %u has a strange state", actor->who);
    FUZZ_CHECK(player->here && state->incarnation == player->incarnation,
               "%u runs, incarnation %u, and is not there", actor->who, state->incarnation);
    FUZZ_CHECK(troupe_ref_equal(troupe_self(actor->ctx), player->ref), "%u is another", actor->who);
    FUZZ_CHECK(troupe_incarnation(actor->ctx, player->ref) == state->incarnation,
               "%u is not its incarnation %u", actor->who, state->incarnation);
}

void calls_check_reason(uint32_t who, uint32_t incarnation, const troupe_reason *reason)
{
    FUZZ_CHECK(reason->kind >= TROUPE_NORMAL && reason->kind <= TROUPE_NOCONNECTION && reason->text,
               "%u has ended with %d", who, (int)reason->kind);
    const struct calls_end *end = who ? calls_end_of(who, incarnation) : NULL;
    if (end == NULL || reason->kind == TROUPE_NOACTOR)
        return;
    FUZZ_CHECK(end->over, "%u is told of as ended with %s, and has not", who,
               troupe_reason_name(reason->kind));
    FUZZ_CHECK(!end->kind || end->kind == reason->kind, "%u has ended with %s, is told with %s",
               who, troupe_reason_name(end->kind), troupe_reason_name(reason->kind));
}

// ---- Order

uint32_t calls_number(uint32_t from, troupe_ref to)
{
    uint32_t who = calls_find(to);
    return who == OUTSIDE ? 0 : ++calls.players[from].sent[who];
}

static bool was_put_aside(struct calls_player *player, uint32_t from, uint32_t number)
{
    for (uint32_t i = 0; i < player->aside_count; i++)
        if (player->asides[i].from == from && player->asides[i].number == number) {
            player->asides[i] = player->asides[--player->aside_count];
            return true;
        }
    return false;
}

bool calls_may_return(const struct calls_actor *actor)
{
    return calls.players[actor->who].aside_count < CALLS_ASIDES;
}

void calls_will_return(const struct calls_actor *actor, struct calls_aside aside)
{
    struct calls_player *player = &calls.players[actor->who];
    if (aside.number)
        player->asides[player->aside_count++] = aside;
}

void calls_got(struct calls_actor *actor, uint32_t from, uint32_t number)
{
    struct calls_player *player = &calls.players[actor->who];
    if (number == 0 || was_put_aside(player, from, number))
        return;
    if (from == actor->who && player->supervised)
        return; // what init sends to itself comes before what waited for the restart
    FUZZ_CHECK(number > player->got[from], "%u got number %u of %u after %u", actor->who, number,
               from, player->got[from]);
    FUZZ_CHECK(!player->over[from], "%u got number %u of %u, of whose end it has been told",
               actor->who, number, from);
    player->got[from] = number;
}

// ---- Beginning and end

static void sign_out(void *arg)
{
    struct calls_state *state = arg;
    struct calls_player *player = &calls.players[state->who];
    struct calls_end *end = place_of_end(state->who, state->incarnation);
    FUZZ_CHECK(state->magic == ALIVE && !state->over && player->here &&
                   player->incarnation == state->incarnation,
               "%u ends, and is not there", state->who);
    state->over = true;
    state->magic = 0;
    player->here = false;
    end->over = true;
    fuzz_trace("  %u.%u is over", state->who, state->incarnation);
}

static void enter(struct calls_actor *actor, const struct calls_born *born)
{
    struct calls_player *player = &calls.players[actor->who];
    struct calls_state *state = actor->state;
    uint32_t incarnation = troupe_incarnation(actor->ctx, player->ref);
    FUZZ_CHECK(state->magic == 0 && state->incarnation == 0, "the state of %u is not cleared",
               actor->who);
    FUZZ_CHECK(!player->here, "%u is there already", actor->who);
    if (player->incarnation == 0) // the first ones may have ended before their init
        player->announced = incarnation;
    FUZZ_CHECK(incarnation == player->announced && incarnation > player->incarnation,
               "%u begins incarnation %u after %u, announced: %u", actor->who, incarnation,
               player->incarnation, player->announced);
    *state = (struct calls_state){.magic = ALIVE, .who = actor->who, .incarnation = incarnation};
    player->here = true;
    player->incarnation = incarnation;
    player->supervised = born->supervised;
    player->type = born->type;
    *place_of_end(actor->who, incarnation) = (struct calls_end){.incarnation = incarnation};
    fuzz_trace("  %u.%u begins", actor->who, incarnation);
}

static troupe_status fated(const struct calls_born *born)
{
    switch (calls.calm ? 0 : born->fate % 16) {
    case 13:
        return TROUPE_STOP;
    case 14:
        return TROUPE_IGNORE;
    case 15:
        return TROUPE_EUSER;
    default:
        return TROUPE_OK;
    }
}

static troupe_status init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    const struct calls_born *born = troupe_match(args, CallsBorn);
    FUZZ_CHECK(born != NULL, "somebody is born without arguments");
    struct calls_actor actor = {.ctx = ctx, .state = state, .status = fated(born)};
    actor.who = calls_enter(troupe_self(ctx));
    if (actor.who == OUTSIDE) // there is no room for more
        return TROUPE_STOP;
    enter(&actor, born);
    if (CALLS_EXPECT(troupe_defer(ctx, sign_out, state), TROUPE_OK)) {
        struct fuzz_bytes script = {born->script, born->script + born->size};
        if (!calls.calm)
            calls_do(&actor, &script);
    } else { // its end could not be seen
        calls.players[actor.who].here = false;
        place_of_end(actor.who, actor.state->incarnation)->incarnation = 0;
        return TROUPE_ENOMEM;
    }
    place_of_end(actor.who, actor.state->incarnation)->started =
        actor.status == TROUPE_OK || actor.status == TROUPE_STOP;
    return actor.status;
}

static void stop(troupe_ctx *ctx, void *data, const troupe_reason *why)
{
    struct calls_state *state = data;
    struct calls_actor actor = {.ctx = ctx, .state = state, .who = state->who};
    if (state->magic == 0) // there was no room for it
        return;
    calls_check_actor(&actor);
    struct calls_end *end = place_of_end(state->who, state->incarnation);
    FUZZ_CHECK(!state->stopped && end->started && why->kind != TROUPE_KILLED, "%u stops with %s",
               state->who, troupe_reason_name(why->kind));
    state->stopped = true;
    end->kind = why->kind;
    fuzz_trace("  %u.%u stops: %s", state->who, state->incarnation, troupe_reason_name(why->kind));
    uint32_t next = 1 + state->who % (calls.count - 1); // its last words
    troupe_ref to = calls.players[next].ref;
    CALLS_EXPECT(troupe_send(ctx, to, CallsSay, .from = state->who, .to = next,
                             .number = calls_number(state->who, to)),
                 TROUPE_OK, TROUPE_EDEAD);
}

// ---- Messages

static void do_say(struct calls_actor *actor, const struct calls_say *say)
{
    struct calls_say own = *say; // it may be handed on amid its commands
    struct fuzz_bytes script = {own.script, own.script + own.size};
    actor->ask = say->ask;
    if (say->to == actor->who) // else it was handed on
        calls_got(actor, say->from, say->number);
    fuzz_trace("  %u.%u got number %u of %u", actor->who, actor->state->incarnation, say->number,
               say->from);
    if (!calls.calm)
        calls_do(actor, &script);
}

static void calm_down(struct calls_actor *actor)
{
    calls_end_timers(actor);
    calls_pay(actor);
    actor->state->put_aside = 0;
    (void)troupe_unstash(actor->ctx);
    for (; actor->state->becomes > 0; actor->state->becomes--)
        CALLS_EXPECT(troupe_unbecome(actor->ctx), TROUPE_OK);
    FUZZ_CHECK(troupe_unbecome(actor->ctx) == TROUPE_ENOENT, "one more than it has become");
}

// Puts it aside if that is wanted.
static bool put_aside(struct calls_actor *actor)
{
    const struct calls_say *say = troupe_match(actor->msg, CallsSay);
    const troupe_down *down = troupe_match(actor->msg, troupe_down);
    if (actor->state->put_aside == 0 || calls.calm || !calls_may_return(actor))
        return false;
    actor->state->put_aside--;
    if (say && say->to == actor->who)
        calls_got(actor, say->from, say->number);
    bool done = CALLS_EXPECT(troupe_stash(actor->ctx, actor->msg), TROUPE_OK);
    fuzz_trace("  %u.%u puts something aside", actor->who, actor->state->incarnation);
    if (done && say && say->to == actor->who)
        calls_will_return(actor, (struct calls_aside){say->from, say->number});
    if (done && down)
        calls_put_aside(actor, down);
    const struct calls_tick *tick = troupe_match(actor->msg, CallsTick);
    if (done && tick)
        calls_put_tick_aside(tick);
    return true;
}

static troupe_status receive(troupe_ctx *ctx, void *data, const troupe_msg *msg)
{
    struct calls_state *state = data;
    struct calls_actor actor = {.ctx = ctx, .who = state->who, .state = state, .msg = msg};
    calls_check_actor(&actor);
    if (put_aside(&actor))
        return TROUPE_OK;
    const struct calls_say *say = troupe_match(msg, CallsSay);
    const troupe_down *down = troupe_match(msg, troupe_down);
    const troupe_exited *exited = troupe_match(msg, troupe_exited);
    const struct calls_tick *tick = troupe_match(msg, CallsTick);
    if (say)
        do_say(&actor, say);
    else if (down)
        calls_on_down(&actor, down);
    else if (exited)
        calls_on_exited(&actor, exited);
    else if (tick)
        calls_on_tick(&actor, tick);
    else if (troupe_match(msg, CallsCalm))
        calm_down(&actor);
    else
        actor.status = TROUPE_UNHANDLED;
    return actor.status;
}

const troupe_behavior calls_behavior = {.name = "player",
                                        .state_size = sizeof(struct calls_state),
                                        .init = init,
                                        .receive = receive,
                                        .stop = stop};
