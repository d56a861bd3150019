// Commands: what a player does, as bytes say, and whether the call may end as it does.
#include "tests/fuzz/calls.h"

#include <string.h>

bool calls_expect(troupe_status status, const int *allowed, const char *file, int line)
{
    bool fits = status == TROUPE_ENOMEM && fuzz_memory_failed();
    for (; *allowed >= 0; allowed++)
        fits |= *allowed == (int)status;
    if (!fits)
        fuzz_broken(file, line, "a status that was expected", "%s: %s", troupe_status_name(status),
                    troupe_error_text(NULL));
    return status == TROUPE_OK;
}

troupe_ref calls_pick(struct calls_actor *actor, struct fuzz_bytes *script)
{
    uint32_t dice = fuzz_byte(script);
    if (dice < 224 && calls.count > 1)
        return calls.players[1 + dice % (calls.count - 1)].ref;
    if (dice < 240)
        return calls_office(dice);
    if (dice < 250 && actor->who != OUTSIDE)
        return troupe_self(actor->ctx);
    troupe_ref ref = calls.players[calls.count - 1].ref;
    if (dice < 252)
        ref.generation ^= 0x40000000; // not the next one, who may come to be
    else if (dice < 254 && calls.count > 1)
        ref.system++;
    else
        ref = (troupe_ref){0, 0, 0};
    return ref;
}

// ---- Sending

static void fill(struct calls_actor *actor, struct fuzz_bytes *script, troupe_ref to,
                 struct calls_say *say)
{
    *say = (struct calls_say){.from = actor->who, .to = calls_find(to)};
    uint32_t size = fuzz_choice(script, CALLS_SCRIPT + 1);
    struct fuzz_bytes part = fuzz_cut(script, size);
    while (fuzz_more(&part))
        say->script[say->size++] = fuzz_byte(&part);
    say->number = calls_number(actor->who, to);
}

static bool is_abroad(troupe_ref ref)
{
    return !troupe_ref_is_none(ref) && ref.system != calls.players[1].ref.system;
}

static void say_sent(const struct calls_actor *actor, troupe_ref to, troupe_status status)
{
    fuzz_trace("%u sends to %u: %s", actor->who, calls_find(to), troupe_status_name(status));
    CALLS_EXPECT(status, TROUPE_OK, TROUPE_EDEAD, is_abroad(to) ? TROUPE_ENOTWIRE : TROUPE_OK);
    FUZZ_CHECK(status == TROUPE_OK || status == TROUPE_ENOMEM || !calls_lives(to), "%u lives",
               calls_find(to));
}

static void send(struct calls_actor *actor, struct fuzz_bytes *script)
{
    struct calls_say say;
    troupe_ref to = calls_pick(actor, script);
    fill(actor, script, to, &say);
    say_sent(actor, to, troupe_send_body(actor->ctx, to, TROUPE_TYPE(CallsSay), &say));
}

// More than a handler may send before messages are delivered in groups.
static void send_burst(struct calls_actor *actor, struct fuzz_bytes *script)
{
    troupe_ref to = calls_pick(actor, script), also = calls_pick(actor, script);
    for (uint32_t left = 10 + fuzz_byte(script) % 32; left > 0; left--) {
        troupe_ref ref = left % 5 ? to : also;
        struct calls_say say = {.from = actor->who, .to = calls_find(ref)};
        say.number = calls_number(actor->who, ref);
        say_sent(actor, ref, troupe_send_body(actor->ctx, ref, TROUPE_TYPE(CallsSay), &say));
    }
}

static void move(struct calls_actor *actor, struct fuzz_bytes *script)
{
    troupe_msg *msg = NULL;
    struct calls_say *say = troupe_msg_new(actor->ctx, CallsSay, &msg);
    FUZZ_CHECK(say || fuzz_memory_failed(), "no message");
    if (say == NULL)
        return;
    troupe_ref to = calls_pick(actor, script);
    fill(actor, script, to, say);
    troupe_status status =
        fuzz_byte(script) % 8 ? troupe_move(actor->ctx, to, msg) : TROUPE_ECANCELED;
    if (status != TROUPE_OK)
        troupe_msg_free(actor->ctx, msg);
    if (status != TROUPE_ECANCELED)
        say_sent(actor, to, status);
}

// Unnumbered, as the copies are all the same.
static void send_many(struct calls_actor *actor, struct fuzz_bytes *script)
{
    troupe_ref refs[8];
    size_t count = 1 + fuzz_choice(script, 8), failed = 99, dead = 0;
    for (size_t i = 0; i < count; i++) {
        refs[i] = calls_pick(actor, script);
        dead += !calls_lives(refs[i]);
    }
    troupe_status status = troupe_send_many(actor->ctx, refs, count, &failed, CallsSay,
                                            .from = actor->who, .to = OUTSIDE, .size = 2,
                                            .script = {fuzz_byte(script), fuzz_byte(script)});
    fuzz_trace("%u sends to %zu: %s", actor->who, count, troupe_status_name(status));
    CALLS_EXPECT(status, TROUPE_OK, TROUPE_EDEAD, TROUPE_ENOTWIRE);
    FUZZ_CHECK(status == TROUPE_ENOMEM || failed == dead, "%zu have failed, %zu are dead", failed,
               dead);
}

static void send_name(struct calls_actor *actor, struct fuzz_bytes *script)
{
    struct calls_say say;
    const char *name = calls_name(fuzz_byte(script));
    troupe_ref to = troupe_whereis(actor->ctx, name);
    fill(actor, script, to, &say);
    troupe_status status = troupe_send_name_body(actor->ctx, name, TROUPE_TYPE(CallsSay), &say);
    if (troupe_ref_is_none(to))
        CALLS_EXPECT(status, TROUPE_ENOENT);
    else
        say_sent(actor, to, status);
}

#define MOST_HANDED_ON 64 // or a message could go round for ever: it keeps its commands

// With the message that is being handled.
static void hand_on(struct calls_actor *actor, struct fuzz_bytes *script)
{
    const struct calls_say *say = troupe_match(actor->msg, CallsSay);
    if (actor->msg == NULL || (say && !calls_may_return(actor)) ||
        calls.handed_on == MOST_HANDED_ON)
        return;
    struct calls_aside aside =
        say ? (struct calls_aside){say->from, say->number} : (struct calls_aside){0, 0};
    troupe_msg *own = NULL;
    bool takes = fuzz_byte(script) % 4 == 0;
    troupe_ref to = calls_pick(actor, script);
    troupe_status status = takes ? troupe_msg_take(actor->ctx, actor->msg, &own)
                                 : troupe_forward(actor->ctx, to, actor->msg);
    fuzz_trace("%u %s: %s", actor->who, takes ? "takes it" : "hands it on",
               troupe_status_name(status));
    CALLS_EXPECT(status, TROUPE_OK, TROUPE_ENOTSUP, TROUPE_EINVAL, takes ? -1 : TROUPE_EDEAD,
                 TROUPE_ENOTWIRE);
    if (status == TROUPE_OK) {
        calls.handed_on++;
        actor->msg = NULL;
        calls_will_return(actor, aside);
    }
    if (status == TROUPE_OK && takes && troupe_move(actor->ctx, to, own) != TROUPE_OK)
        troupe_msg_free(actor->ctx, own);
}

// ---- Ending

static void end(struct calls_actor *actor, struct fuzz_bytes *script)
{
    static const char *const ways[] = {"stops", "drains", "kills"};
    uint32_t way = fuzz_choice(script, 3);
    troupe_ref ref = calls_pick(actor, script);
    bool lived = calls_lives(ref);
    troupe_status status = way == 0   ? troupe_stop(actor->ctx, ref)
                           : way == 1 ? troupe_drain(actor->ctx, ref)
                                      : troupe_kill(actor->ctx, ref);
    fuzz_trace("%u %s %u: %s", actor->who, ways[way], calls_find(ref), troupe_status_name(status));
    FUZZ_CHECK(status != TROUPE_ENOMEM || way == 1, "it needs no memory");
    CALLS_EXPECT(status, lived ? TROUPE_OK : TROUPE_EDEAD);
}

static void exit_signal(struct calls_actor *actor, struct fuzz_bytes *script)
{
    static const troupe_reason_kind kinds[] = {TROUPE_NORMAL, TROUPE_SHUTDOWN, TROUPE_FAILED,
                                               TROUPE_KILLED, TROUPE_START_FAILED};
    uint32_t dice = fuzz_byte(script);
    troupe_reason reason = {
        .kind = kinds[dice % 5], .status = TROUPE_EUSER, .text = dice & 32 ? "by command" : NULL};
    troupe_ref ref = calls_pick(actor, script);
    troupe_status status = troupe_exit(actor->ctx, ref, &reason);
    fuzz_trace("%u sends an exit signal to %u, %s: %s", actor->who, calls_find(ref),
               troupe_reason_name(reason.kind), troupe_status_name(status));
    CALLS_EXPECT(status, dice % 5 == 4 ? TROUPE_EINVAL : TROUPE_OK);
}

static void leave(struct calls_actor *actor, struct fuzz_bytes *script)
{
    static const troupe_status statuses[] = {TROUPE_OK,    TROUPE_STOP,   TROUPE_UNHANDLED,
                                             TROUPE_EUSER, TROUPE_ENOMEM, TROUPE_IGNORE};
    actor->status = statuses[fuzz_choice(script, 6)];
    actor->leaves = true;
    if (actor->status == TROUPE_EUSER && actor->state)
        (void)troupe_fail(actor->ctx, actor->status, "by command");
    fuzz_trace("%u returns %s", actor->who, troupe_status_name(actor->status));
}

// ---- What an incarnation has

static troupe_status other_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    return calls_behavior.receive(ctx, state, msg);
}

static void become(struct calls_actor *actor, struct fuzz_bytes *script)
{
    if (actor->state == NULL)
        return;
    if (fuzz_byte(script) % 2) {
        if (CALLS_EXPECT(troupe_become(actor->ctx, other_receive), TROUPE_OK))
            actor->state->becomes++;
        return;
    }
    uint32_t before = actor->state->becomes;
    CALLS_EXPECT(troupe_unbecome(actor->ctx), before ? TROUPE_OK : TROUPE_ENOENT);
    actor->state->becomes -= before > 0;
}

static void stash(struct calls_actor *actor, struct fuzz_bytes *script)
{
    if (actor->state == NULL)
        return;
    if (fuzz_byte(script) % 2)
        actor->state->put_aside += fuzz_choice(script, 4);
    else
        (void)troupe_unstash(actor->ctx);
}

struct deferred {
    struct calls_state *state;
    uint32_t number;
};

static void run_deferred(void *arg)
{
    const struct deferred *deferred = arg;
    FUZZ_CHECK(deferred->state->defers == deferred->number && !deferred->state->over,
               "defer %u after %u", deferred->number, deferred->state->defers);
    deferred->state->defers--;
    calls.deferred++;
}

static void allocate(struct calls_actor *actor, struct fuzz_bytes *script)
{
    size_t size = (size_t)fuzz_byte(script) * 16;
    if (actor->state == NULL)
        return;
    struct deferred *deferred = troupe_alloc(actor->ctx, sizeof *deferred + size);
    if (deferred == NULL)
        return; // its memory limit
    *deferred = (struct deferred){actor->state, actor->state->defers + 1};
    memset(deferred + 1, 0xa5, size);
    troupe_status status = troupe_defer(actor->ctx, run_deferred, deferred);
    if (!CALLS_EXPECT(status, TROUPE_OK, TROUPE_EMEMLIMIT))
        return;
    actor->state->defers++;
    calls.defers++;
}

// ---- Spawning

static void learn(struct calls_actor *actor, const troupe_spawn_opts *opts, troupe_ref ref,
                  uint32_t name)
{
    calls_enter(ref);
    if (opts->register_as)
        calls_named(name, ref);
    if (opts->link)
        calls_linked(actor, ref, 1);
    if (opts->monitor)
        calls_watched(actor, ref, opts->monitor, *opts->monitor_ref);
}

static void spawn(struct calls_actor *actor, struct fuzz_bytes *script)
{
    static const uint32_t patience[] = {0, 1, TROUPE_KILL_NOW, TROUPE_NO_LIMIT};
    uint32_t dice = fuzz_byte(script), more = fuzz_byte(script), name = fuzz_byte(script);
    struct calls_born born = {.fate = fuzz_byte(script)};
    struct fuzz_bytes part = fuzz_cut(script, dice % 8);
    troupe_monitor_ref monitor = {{0, 0}};
    troupe_spawn_opts opts = {.detached = dice & 8,
                              .place = more % 8 == 7 ? TROUPE_ON_THREAD : TROUPE_ON_POOL,
                              .memory_limit = more & 8 ? 600 : 0,
                              .shutdown_ms = patience[more / 16 % 4],
                              .register_as = dice & 16 ? calls_name(name) : NULL,
                              .link = dice & 32,
                              .monitor = dice & 64 ? 1 + name % 7 : 0};
    while (fuzz_more(&part))
        born.script[born.size++] = fuzz_byte(&part);
    if (actor->state == NULL || !calls_can_watch()) {
        opts.link = false;
        opts.monitor = 0;
    }
    opts.monitor_ref = opts.monitor ? &monitor : NULL;
    if (calls.count >= CALLS_CROWD)
        return;
    troupe_ref ref;
    bool waits = actor->state == NULL && dice & 128;
    troupe_status status = waits ? troupe_spawn_wait(actor->ctx, &calls_behavior, &opts, &ref,
                                                     TROUPE_TYPE(CallsBorn), &born)
                                 : troupe_spawn_body(actor->ctx, &calls_behavior, &opts, &ref,
                                                     TROUPE_TYPE(CallsBorn), &born);
    fuzz_trace("%u spawns %u%s%s%s: %s", actor->who,
               status == TROUPE_OK ? calls_enter(ref) : OUTSIDE, opts.link ? ", linked" : "",
               opts.register_as ? ", named " : "", opts.register_as ? opts.register_as : "",
               troupe_status_name(status));
    bool may_be_closed = calls.is_closed || (actor->state && actor->status != TROUPE_OK);
    CALLS_EXPECT(status, TROUPE_OK, opts.register_as ? TROUPE_EEXIST : TROUPE_OK,
                 waits ? TROUPE_ESTART : TROUPE_OK, waits ? TROUPE_IGNORE : TROUPE_OK,
                 may_be_closed ? TROUPE_ECLOSED : TROUPE_OK);
    FUZZ_CHECK(status != TROUPE_EEXIST ||
                   troupe_ref_equal(ref, troupe_whereis(actor->ctx, opts.register_as)),
               "it does not tell who has the name");
    if (status == TROUPE_OK)
        learn(actor, &opts, ref, name);
    if (waits && opts.register_as) // much may have happened to it
        calls_named(name, troupe_whereis(actor->ctx, opts.register_as));
}

// ---- From outside: waiting, and letting time pass

static void join(struct calls_actor *actor, struct fuzz_bytes *script)
{
    troupe_reason_kind kind = 0;
    uint32_t ms = fuzz_byte(script);
    troupe_ref ref = calls_pick(actor, script);
    troupe_status status = troupe_join(actor->ctx, ref, ms, &kind);
    fuzz_trace("%u joins %u: %s, %s", actor->who, calls_find(ref), troupe_status_name(status),
               troupe_reason_name(kind));
    if (actor->who != OUTSIDE)
        CALLS_EXPECT(status, TROUPE_ENOTSUP);
    else
        CALLS_EXPECT(status, TROUPE_OK, TROUPE_ETIMEDOUT);
    FUZZ_CHECK(status != TROUPE_OK || (kind && !calls_lives(ref)), "%u lives", calls_find(ref));
}

static void let_pass(struct calls_actor *actor, struct fuzz_bytes *script)
{
    uint32_t dice = fuzz_byte(script);
    if (actor->who != OUTSIDE)
        return;
    fuzz_trace("-- %u", dice);
    if (dice < 96)
        for (uint32_t i = 0; i <= dice % 32 && fuzz_step(); i++)
            continue;
    else if (dice < 192)
        (void)fuzz_settle();
    else
        (void)fuzz_advance(dice % 64 * (dice < 208 ? 100u : 1u));
}

// ---- All of them

static void do_one(struct calls_actor *actor, struct fuzz_bytes *script)
{
    static void (*const own[])(struct calls_actor *, struct fuzz_bytes *) = {
        send,  send, send_burst, move,  send_many, send_name, hand_on, end,      exit_signal,
        leave, join, become,     stash, allocate,  spawn,     spawn,   let_pass, let_pass};

    enum { OWN = sizeof own / sizeof own[0], ASK = 7, WATCH = 11, TIME = 3, TREE = 8 };

    uint32_t command = fuzz_byte(script) % (OWN + ASK + WATCH + TIME + TREE);
    if (command < OWN)
        own[command](actor, script);
    else if ((command -= OWN) < ASK)
        calls_do_ask(actor, command, script);
    else if ((command -= ASK) < WATCH)
        calls_do_watch(actor, command, script);
    else if ((command -= WATCH) < TIME)
        calls_do_time(actor, command, script);
    else
        calls_do_tree(actor, command - TIME, script);
}

void calls_do(struct calls_actor *actor, struct fuzz_bytes *script)
{
    while (fuzz_more(script) && !actor->leaves)
        do_one(actor, script);
}
