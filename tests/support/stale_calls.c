// See stale_calls.h.
#include "tests/support/stale_calls.h"

#include "actors/system.h"
#include "troupe/ask.h"
#include "troupe/blocking.h"
#include "troupe/children.h"
#include "troupe/link.h"
#include "troupe/name.h"
#include "troupe/system.h"
#include "troupe/timer.h"
#include "troupe/tree.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

struct stale_word {
    char text[8];
};

TROUPE_STRUCT(StaleWord, struct stale_word);

#define BODY "stale"

static void expect(struct stale_calls *calls, bool right, const char *call)
{
    const char *none = NULL;
    atomic_fetch_add(&calls->made, 1);
    if (!right)
        atomic_compare_exchange_strong(&calls->refused, &none, call);
}

// With a text of its own.
static bool is_stale(troupe_ctx *ctx, troupe_status status)
{
    bool said = strstr(troupe_error_text(ctx), "given up") != NULL;
    trp_error(TROUPE_OK, "-");
    return status == TROUPE_ESTALE && said;
}

#define STALE(call)   expect(calls, is_stale(ctx, (call)), #call)
#define OUTSIDE(call) expect(calls, (call) == TROUPE_ENOTSUP, #call)
#define RIGHT(check)  expect(calls, (check), #check)

const char *stale_calls_refused(const struct stale_calls *calls)
{
    const char *refused = atomic_load(&calls->refused);
    return refused ? refused : "";
}

// ---- What the calls are given; none of it is ever called

static troupe_status on_outcome(troupe_ctx *ctx, void *state, void *user,
                                const troupe_outcome *outcome)
{
    (void)ctx, (void)state, (void)user, (void)outcome;
    abort();
}

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    abort();
}

static troupe_status job(void *arg)
{
    (void)arg;
    abort();
}

static void release(void *arg)
{
    (void)arg;
    abort();
}

static const troupe_behavior nobody = {.name = "nobody", .receive = receive};
static const troupe_child child = {.id = "another", .behavior = &nobody};
static const troupe_supervisor family = {.children = &child, .child_count = 1};

// ---- By chapter

static void messages(troupe_ctx *ctx, const troupe_msg *msg, troupe_ref to,
                     struct stale_calls *calls)
{
    troupe_msg *own;
    STALE(troupe_send(ctx, to, StaleWord, BODY));
    STALE(troupe_send_many(ctx, &to, 1, NULL, StaleWord, BODY));
    STALE(troupe_msg_take(ctx, msg, &own));
    RIGHT(own == NULL);
    RIGHT(troupe_msg_new(ctx, StaleWord, &own) == NULL && own == NULL);
    RIGHT(troupe_msg_alloc(ctx, NULL, 8) == NULL);
    STALE(troupe_move(ctx, to, NULL));
    STALE(troupe_forward(ctx, to, msg));
    STALE(troupe_stash(ctx, msg));
    RIGHT(troupe_unstash(ctx) == 0);
    troupe_msg_free(ctx, NULL);
}

static void actors(troupe_ctx *ctx, troupe_ref to, struct stale_calls *calls)
{
    troupe_ref ref = to;
    const troupe_spawn_opts linked = {.link = true, .monitor = TROUPE_ON_STOP};
    const troupe_spawn_opts named = {.register_as = STALE_CALLS_NAME};
    STALE(troupe_spawn(ctx, &nobody, NULL, &ref));
    RIGHT(troupe_ref_is_none(ref));
    STALE(troupe_spawn(ctx, &nobody, &linked, NULL));
    STALE(troupe_spawn(ctx, &nobody, &named, NULL));
    STALE(troupe_spawn_with(ctx, &nobody, NULL, &ref, StaleWord, BODY));
    OUTSIDE(troupe_spawn_wait(ctx, &nobody, NULL, &ref, NULL, NULL));
    STALE(troupe_stop(ctx, to));
    STALE(troupe_kill(ctx, to));
    STALE(troupe_drain(ctx, to));
    STALE(troupe_become(ctx, receive));
    STALE(troupe_unbecome(ctx));
    RIGHT(troupe_alloc(ctx, 16) == NULL);
    STALE(troupe_defer(ctx, release, NULL));
    RIGHT(troupe_fail(ctx, TROUPE_EUSER, "a text for nobody") == TROUPE_EUSER);
    RIGHT(troupe_random(ctx) == 0);
    RIGHT(troupe_ref_is_none(troupe_owner(ctx)));
    RIGHT(strcmp(troupe_name(ctx), "") == 0);
}

// Whoever takes over ends the incarnation a moment after the handler was given up: waits for that.
static bool comes_to_an_end(troupe_ctx *ctx, troupe_ref self)
{
    while (troupe_incarnation(ctx, self) == 1)
        sched_yield();
    return true;
}

static void looks(troupe_ctx *ctx, struct stale_calls *calls)
{
    troupe_ref self = troupe_self(ctx);
    RIGHT(!troupe_ref_is_none(self));
    RIGHT(comes_to_an_end(ctx, self));
    RIGHT(troupe_system_of(ctx) != NULL);
    RIGHT(troupe_now_ns(ctx) != 0);
}

static void monitors(troupe_ctx *ctx, troupe_ref to, struct stale_calls *calls)
{
    troupe_monitor_ref monitor = {{0, 0}};
    STALE(troupe_monitor(ctx, to, TROUPE_ON_STOP, &monitor));
    STALE(troupe_monitor_name(ctx, STALE_CALLS_TARGET, TROUPE_ON_STOP, &monitor));
    STALE(troupe_demonitor(ctx, monitor));
    OUTSIDE(troupe_join(ctx, to, 1, NULL));
}

static void links(troupe_ctx *ctx, troupe_ref to, struct stale_calls *calls)
{
    const troupe_reason shutdown = {.kind = TROUPE_SHUTDOWN}, killed = {.kind = TROUPE_KILLED};
    const troupe_reason failed = {.kind = TROUPE_FAILED, .text = "a text for nobody"};
    STALE(troupe_link(ctx, to));
    STALE(troupe_link(ctx, troupe_self(ctx)));
    STALE(troupe_unlink(ctx, to));
    STALE(troupe_trap_exits(ctx, true));
    STALE(troupe_trap_exits(ctx, false));
    STALE(troupe_exit(ctx, to, &shutdown));
    STALE(troupe_exit(ctx, to, &killed));
    STALE(troupe_exit(ctx, to, &failed));
}

static void names(troupe_ctx *ctx, troupe_ref to, bool lives, struct stale_calls *calls)
{
    troupe_ref ref;
    STALE(troupe_register(ctx, STALE_CALLS_NAME, to));
    STALE(troupe_unregister(ctx, STALE_CALLS_TARGET));
    STALE(troupe_unregister(ctx, STALE_CALLS_NAME));
    if (!lives)
        return; // nobody has a name any more
    STALE(troupe_send_name(ctx, STALE_CALLS_TARGET, StaleWord, BODY));
    RIGHT(troupe_ref_equal(troupe_whereis(ctx, STALE_CALLS_TARGET), to));
    RIGHT(troupe_lookup(ctx, STALE_CALLS_TARGET, &ref) == TROUPE_OK && troupe_ref_equal(ref, to));
}

static void asks(troupe_ctx *ctx, troupe_ref to, struct stale_calls *calls)
{
    troupe_ask_id id = {{0, 0}};
    troupe_token token = {{0, 0}};
    troupe_msg *reply;
    STALE(troupe_ask(ctx, to, 0, on_outcome, NULL, StaleWord, BODY));
    STALE(troupe_ask_with_id(ctx, to, 0, on_outcome, NULL, &id, StaleWord, BODY));
    STALE(troupe_ask_cancel(ctx, id));
    OUTSIDE(troupe_call(ctx, to, 1, &reply, StaleWord, BODY));
    STALE(troupe_reply(ctx, StaleWord, BODY));
    RIGHT(!troupe_is_ask(ctx));
    STALE(troupe_token_take(ctx, &token));
    STALE(troupe_reply_to(ctx, token, StaleWord, BODY));
    STALE(troupe_run_blocking(ctx, job, NULL, release, on_outcome, NULL));
}

static void timers(troupe_ctx *ctx, troupe_ref to, struct stale_calls *calls)
{
    const struct stale_word word = {BODY};
    troupe_timer timer = {{0, 0}};
    STALE(troupe_after(ctx, 1, to, &timer, StaleWord, BODY));
    STALE(troupe_every(ctx, 1, to, &timer, StaleWord, BODY));
    STALE(troupe_at(ctx, 1, to, &timer, StaleWord, BODY));
    STALE(troupe_timer_body(ctx, 1000000, 0, to, &timer, TROUPE_TYPE(StaleWord), &word));
    STALE(troupe_timer_at_body(ctx, 1, to, &timer, TROUPE_TYPE(StaleWord), &word));
    STALE(troupe_timer_cancel(ctx, timer));
}

static void supervisors(troupe_ctx *ctx, troupe_ref to, struct stale_calls *calls)
{
    troupe_ref ref = to;
    STALE(troupe_supervise(ctx, &family, &ref));
    RIGHT(troupe_ref_is_none(ref));
    OUTSIDE(troupe_supervise_wait(ctx, &family, &ref));
    STALE(troupe_child_ref(ctx, to, STALE_CALLS_CHILD, &ref));
    RIGHT(troupe_ref_is_none(ref));
    STALE(troupe_tree_print(ctx, to, TROUPE_TREE_TEXT, stderr));
}

// Each kind of request, with an outcome or without.
static void requests(troupe_ctx *ctx, troupe_ref to, troupe_on_outcome then,
                     struct stale_calls *calls)
{
    const char *id = STALE_CALLS_CHILD;
    STALE(troupe_start_child(ctx, to, 0, then, NULL, &child));
    STALE(troupe_start_child_with(ctx, to, 0, then, NULL, StaleWord, BODY));
    STALE(troupe_stop_child(ctx, to, 0, then, NULL, id));
    STALE(troupe_stop_child_ref(ctx, to, 0, then, NULL, to));
    STALE(troupe_restart_child(ctx, to, 0, then, NULL, id));
    STALE(troupe_delete_child(ctx, to, 0, then, NULL, id));
    STALE(troupe_which_children(ctx, to, 0, then, NULL));
    STALE(troupe_count_children(ctx, to, 0, then, NULL));
    STALE(troupe_child_spec(ctx, to, 0, then, NULL, id));
}

static void requests_that_wait(troupe_ctx *ctx, troupe_ref to, struct stale_calls *calls)
{
    const char *id = STALE_CALLS_CHILD;
    troupe_ref ref;
    troupe_msg *reply;
    troupe_child_count count;
    OUTSIDE(troupe_start_child_wait(ctx, to, 1, &child, &ref));
    OUTSIDE(troupe_stop_child_wait(ctx, to, 1, id));
    OUTSIDE(troupe_stop_child_ref_wait(ctx, to, 1, to));
    OUTSIDE(troupe_restart_child_wait(ctx, to, 1, id, &ref));
    OUTSIDE(troupe_delete_child_wait(ctx, to, 1, id));
    OUTSIDE(troupe_which_children_wait(ctx, to, 1, &reply));
    OUTSIDE(troupe_count_children_wait(ctx, to, 1, &count));
    OUTSIDE(troupe_child_spec_wait(ctx, to, 1, id, &reply));
}

void stale_calls_make(troupe_ctx *ctx, const troupe_msg *msg, troupe_ref target,
                      struct stale_calls *calls)
{
    bool lives = troupe_incarnation(ctx, target) != 0; // else the system has been stopped
    messages(ctx, msg, target, calls);
    actors(ctx, target, calls);
    monitors(ctx, target, calls);
    links(ctx, target, calls);
    names(ctx, target, lives, calls);
    asks(ctx, target, calls);
    timers(ctx, target, calls);
    supervisors(ctx, target, calls);
    requests(ctx, target, on_outcome, calls);
    requests(ctx, target, NULL, calls);
    requests_that_wait(ctx, target, calls);
    looks(ctx, calls);
}
