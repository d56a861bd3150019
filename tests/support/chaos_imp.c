// Imps: what the actors of chaos do. Each signs in its life when it starts and out when it ends,
// however it ends.
#include "tests/support/chaos.h"
#include "troupe/link.h"
#include "troupe/name.h"
#include "troupe/timer.h"

#include <sched.h>
#include <stdio.h>
#include <time.h>

#define A_WHIM "a whim of " // and who had it

struct imp {
    struct chaos_life *life;
    bool always_traps;
    bool leaves;       // has decided to end normally
    struct stay *stay; // NULL: it was given up
    troupe_monitor_ref monitor;
    troupe_timer timer;
};

// ---- Signing in and out

struct stay {
    struct chaos_life *life;
    uint64_t ref;
    uint32_t incarnation;
    uint32_t why; // it ends
};

// Writes into the journal, unless who writes may be given up: see chaos_journal.c
static void enter(const struct stay *stay, struct chaos_line line)
{
    if (stay == NULL || stay->life->may_overlap)
        return;
    line.who = stay->ref;
    line.incarnation = stay->incarnation;
    chaos_enter(&line);
}

static void sign_out(void *arg)
{
    struct stay *stay = arg;
    enter(stay, (struct chaos_line){.mark = CHAOS_ENDED, .detail = stay->why});
    pthread_mutex_lock(&chaos.lock); // the next one may be there already, with the same ref
    if (stay->life->ref == stay->ref && stay->life->incarnation == stay->incarnation)
        atomic_store(&stay->life->ref, 0);
    pthread_mutex_unlock(&chaos.lock);
    atomic_fetch_sub(&stay->life->alive, 1);
}

static struct stay *sign_in(troupe_ctx *ctx, struct chaos_life *life)
{
    struct stay *stay = troupe_alloc(ctx, sizeof *stay);
    if (stay == NULL)
        return NULL; // it was given up meanwhile
    troupe_ref self = troupe_self(ctx);
    *stay = (struct stay){life, chaos_pack(self), troupe_incarnation(ctx, self), CHAOS_UNCLEAR};
    if (troupe_defer(ctx, sign_out, stay) != TROUPE_OK)
        return NULL; // likewise
    if (atomic_fetch_add(&life->alive, 1) > 0 && !life->may_overlap)
        chaos_broken("two are there of %u.%u", life->office, life->child);
    pthread_mutex_lock(&chaos.lock);
    atomic_store(&life->incarnation, stay->incarnation);
    atomic_store(&life->ref, stay->ref);
    pthread_mutex_unlock(&chaos.lock);
    return stay;
}

static troupe_status start_somehow(troupe_ctx *ctx, struct imp *imp)
{
    switch (troupe_random(ctx) % 300) {
    case 0:
        return troupe_fail(ctx, TROUPE_EUSER, "born unhappy");
    case 1:
        return TROUPE_IGNORE;
    case 2:
        imp->leaves = true;
        return TROUPE_STOP;
    case 3:
        return troupe_kill(ctx, troupe_self(ctx));
    default:
        imp->always_traps = troupe_random(ctx) % 4 == 0;
        return imp->always_traps ? troupe_trap_exits(ctx, true) : TROUPE_OK;
    }
}

static troupe_status imp_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    struct imp *imp = state;
    const struct chaos_birth *birth = troupe_match(args, ChaosBirth);
    if (birth == NULL)
        chaos_broken("somebody is born without a life");
    imp->life = birth->life;
    imp->stay = sign_in(ctx, imp->life);
    troupe_status status = atomic_load(&chaos.calm) ? TROUPE_OK : start_somehow(ctx, imp);
    if (imp->stay && status == TROUPE_OK)
        imp->stay->why = TROUPE_KILLED; // unless it has a chance to say something else
    return status;
}

// ---- Guests of imps, who go with them

static troupe_status guest_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state;
    atomic_fetch_add(&chaos.handled, troupe_match(msg, ChaosAct) != NULL);
    return TROUPE_STOP;
}

static const troupe_behavior guest = {.name = "guest", .receive = guest_receive};

static void invite(troupe_ctx *ctx, uint64_t dice)
{
    troupe_spawn_opts opts = {.link = dice % 3 == 0, .monitor = dice % 2 ? TROUPE_ON_STOP : 0};
    troupe_ref ref;
    if (troupe_spawn(ctx, &guest, &opts, &ref) == TROUPE_OK && dice % 4 == 0)
        chaos_send(ctx, ref);
}

// A small tree of the imp's own.
static void found(troupe_ctx *ctx, uint64_t dice)
{
    static const troupe_child children[] = {
        {.id = "one", .behavior = &guest, .restart = TROUPE_TRANSIENT},
        {.id = "two", .behavior = &guest}};
    troupe_supervisor spec = {.strategy = (troupe_strategy)(dice % 3),
                              .max_restarts = 1 + (uint32_t)(dice >> 2) % 4,
                              .children = children,
                              .child_count = 2};
    troupe_ref ref;
    if (troupe_supervise(ctx, &spec, &ref) == TROUPE_OK && dice >> 8 & 1)
        troupe_link(ctx, ref);
}

// ---- What they do

// One of the same office, most of the time.
static struct chaos_life *life_of_neighbour(const struct imp *imp, uint64_t dice)
{
    struct chaos_office *office = &chaos.offices[imp->life->office];
    if (dice % 8 == 0)
        return chaos_somebody(dice >> 3);
    return office->guests ? &office->guests[dice / 8 % CHAOS_GUESTS]
                          : &office->lives[dice / 8 % office->spec.child_count];
}

static troupe_ref neighbour(const struct imp *imp, uint64_t dice)
{
    return chaos_unpack(atomic_load(&life_of_neighbour(imp, dice)->ref));
}

// Takes a name of those that many want, or takes one away.
static void change_name(troupe_ctx *ctx, uint64_t dice)
{
    char name[24];
    chaos_popular_name(dice >> 2, name);
    if (dice % 4)
        (void)troupe_register(ctx, name, troupe_self(ctx));
    else
        (void)troupe_unregister(ctx, name);
}

static void be_slow(uint64_t dice)
{
    for (uint64_t i = 0; i < dice % 8 && !chaos.shape.driven; i++)
        sched_yield();
}

// Is killed, and does not return until it has been given up.
static void be_too_slow(troupe_ctx *ctx)
{
    static const struct timespec long_enough = {0, 5000000};
    if (chaos.shape.driven || troupe_kill(ctx, troupe_self(ctx)) != TROUPE_OK)
        return;
    (void)nanosleep(&long_enough, NULL);
}

static troupe_status on_pong(troupe_ctx *ctx, void *state, void *user,
                             const troupe_outcome *outcome)
{
    (void)ctx, (void)state;
    const struct chaos_birth *pong =
        outcome->reply ? troupe_match(outcome->reply, ChaosPong) : NULL;
    if (outcome->status == TROUPE_OK && (pong == NULL || pong->life != user))
        chaos_broken("somebody else has answered");
    return TROUPE_OK;
}

static void ask_somebody(troupe_ctx *ctx, uint64_t dice)
{
    struct chaos_life *life = chaos_somebody(dice);
    troupe_ref ref = chaos_unpack(atomic_load(&life->ref));
    if (!troupe_ref_is_none(ref))
        troupe_ask(ctx, ref, dice >> 40 & 15 ? 0 : 1, on_pong, life, ChaosPing);
}

// It is certain with whom if that one was there before and is there afterwards.
static void link_with(troupe_ctx *ctx, const struct imp *imp, struct chaos_life *other)
{
    uint64_t ref = atomic_load(&other->ref);
    uint32_t incarnation = atomic_load(&other->incarnation);
    if (ref == 0 || other == imp->life || troupe_link(ctx, chaos_unpack(ref)) != TROUPE_OK)
        return;
    if (ref == atomic_load(&other->ref) && incarnation == atomic_load(&other->incarnation) &&
        !other->may_overlap)
        enter(imp->stay, (struct chaos_line){
                             .mark = CHAOS_LINKED, .other = ref, .other_incarnation = incarnation});
}

static void unlink_from(troupe_ctx *ctx, const struct imp *imp, struct chaos_life *other)
{
    uint64_t ref = atomic_load(&other->ref);
    enter(imp->stay, (struct chaos_line){.mark = CHAOS_UNLINKED, .other = ref});
    troupe_unlink(ctx, chaos_unpack(ref));
}

static uint64_t number_of(troupe_monitor_ref monitor)
{
    return monitor.opaque[0] * 0x9e3779b97f4a7c15u ^ monitor.opaque[1];
}

static void watch(troupe_ctx *ctx, struct imp *imp, uint64_t dice)
{
    uint32_t events = 1 + (uint32_t)(dice % 7);
    troupe_ref ref = neighbour(imp, dice >> 8);
    if (dice >> 3 & 1) {
        troupe_monitor_name(ctx, chaos_some_office(dice >> 8)->id, events, &imp->monitor);
    } else if (troupe_monitor(ctx, ref, events, &imp->monitor) == TROUPE_OK &&
               events & TROUPE_ON_STOP) {
        enter(imp->stay, (struct chaos_line){.mark = CHAOS_WATCHED,
                                             .other = number_of(imp->monitor),
                                             .detail = chaos_pack(ref)});
    }
}

static void stop_watching(troupe_ctx *ctx, struct imp *imp)
{
    enter(imp->stay,
          (struct chaos_line){.mark = CHAOS_UNWATCHED, .other = number_of(imp->monitor)});
    troupe_demonitor(ctx, imp->monitor);
}

static void hear_of_exit(const struct imp *imp, const troupe_exited *exited)
{
    if (exited->incarnation != 0)
        enter(imp->stay, (struct chaos_line){.mark = CHAOS_TOLD,
                                             .other = chaos_pack(exited->ref),
                                             .other_incarnation = exited->incarnation});
}

static void hear_of_down(const struct imp *imp, const troupe_down *down)
{
    if (down->event == TROUPE_ON_STOP)
        enter(imp->stay,
              (struct chaos_line){.mark = CHAOS_DOWN, .other = number_of(down->monitor)});
}

static void end_neighbour(troupe_ctx *ctx, struct imp *imp, uint64_t dice)
{
    static const troupe_reason_kind kinds[] = {TROUPE_NORMAL, TROUPE_SHUTDOWN, TROUPE_KILLED,
                                               TROUPE_FAILED};
    troupe_ref ref = neighbour(imp, dice >> 8);
    troupe_reason reason = {.kind = kinds[dice % 4], .text = "a quarrel"};
    switch (dice >> 2 & 7) {
    case 0:
        troupe_kill(ctx, ref);
        break;
    case 1:
        troupe_stop(ctx, ref);
        break;
    case 2:
        troupe_drain(ctx, ref);
        break;
    case 3:
        imp->leaves |= troupe_ref_equal(ref, troupe_self(ctx));
        troupe_exit(ctx, ref, &reason);
        break;
    default:
        break;
    }
}

static troupe_status put_aside(troupe_ctx *ctx, const troupe_msg *msg)
{
    bool counts = troupe_match(msg, ChaosAct) != NULL;
    troupe_status status = troupe_stash(ctx, msg);
    if (counts && status == TROUPE_OK)
        atomic_fetch_sub(&chaos.handled, 1); // it will come again
    return status;
}

static troupe_status act(troupe_ctx *ctx, struct imp *imp, const troupe_msg *msg)
{
    uint64_t dice = troupe_random(ctx);
    uint64_t more = dice >> 8;
    switch (dice % 32) {
    case 0:
    case 1:
        return troupe_fail(ctx, TROUPE_EUSER, A_WHIM "%u.%u", troupe_self(ctx).slot,
                           troupe_self(ctx).generation);
    case 2:
        imp->leaves = true;
        return TROUPE_STOP;
    case 3:
    case 4:
        end_neighbour(ctx, imp, more);
        return TROUPE_OK;
    case 5:
    case 6:
        link_with(ctx, imp, life_of_neighbour(imp, more));
        return TROUPE_OK;
    case 7:
        watch(ctx, imp, more);
        return TROUPE_OK;
    case 8:
    case 9:
    case 10:
        chaos_ask_office(ctx, &chaos.offices[imp->life->office], more);
        return TROUPE_OK;
    case 11:
        chaos_ask_office(ctx, chaos_some_office(more >> 20), more);
        return TROUPE_OK;
    case 12:
    case 13:
        ask_somebody(ctx, more);
        return TROUPE_OK;
    case 14:
        invite(ctx, more);
        return TROUPE_OK;
    case 15:
        return troupe_trap_exits(ctx, imp->always_traps || more % 2);
    case 16:
        return put_aside(ctx, msg);
    case 17:
        be_slow(more);
        if (imp->life->may_overlap && more % 16 == 0)
            be_too_slow(ctx);
        return TROUPE_OK;
    case 18:
        troupe_after(ctx, more % 3, neighbour(imp, more >> 2), &imp->timer, ChaosTick);
        return TROUPE_OK;
    case 19:
        return TROUPE_UNHANDLED;
    case 20:
        troupe_send_name(ctx, chaos_some_office(more)->id, ChaosTick);
        return TROUPE_OK;
    case 21:
        if (more % 4 == 0)
            unlink_from(ctx, imp, life_of_neighbour(imp, more >> 2));
        else if (more % 4 == 1)
            stop_watching(ctx, imp);
        else
            troupe_unstash(ctx);
        return TROUPE_OK;
    case 22:
        change_name(ctx, more);
        return TROUPE_OK;
    case 23:
        if (more % 4 == 0)
            found(ctx, more >> 2);
        return TROUPE_OK;
    default:
        if (more % 2)
            chaos_send(ctx, neighbour(imp, more >> 1));
        return TROUPE_OK;
    }
}

static void answer_roll(const struct imp *imp, const struct chaos_roll *roll)
{
    if (roll->life != imp->life)
        chaos_broken("somebody else is there for %u.%u", roll->life->office, roll->life->child);
    atomic_store(&roll->life->here, roll->round);
}

static troupe_status imp_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct imp *imp = state;
    const troupe_exited *exited = troupe_match(msg, troupe_exited);
    const troupe_down *down = troupe_match(msg, troupe_down);
    const struct chaos_roll *roll = troupe_match(msg, ChaosRoll);
    bool counts = troupe_match(msg, ChaosAct) != NULL;
    troupe_status status = TROUPE_OK;
    if (exited)
        hear_of_exit(imp, exited);
    else if (roll)
        answer_roll(imp, roll);
    else if (down)
        hear_of_down(imp, down);
    else if (troupe_match(msg, ChaosPing))
        status = troupe_reply(ctx, ChaosPong, .life = imp->life);
    else if ((counts || troupe_match(msg, ChaosTick)) && !atomic_load(&chaos.calm))
        status = act(ctx, imp, msg);
    if (counts && (status == TROUPE_OK || status == TROUPE_STOP))
        atomic_fetch_add(&chaos.handled, 1); // else it is a dead letter
    return status;
}

// Nobody ends by another's link who traps, or because another has ended normally.
static void check_why(troupe_ctx *ctx, const struct imp *imp, const troupe_reason *why)
{
    unsigned slot, generation;
    if (why->kind == TROUPE_NORMAL && !imp->leaves)
        chaos_broken("%u.%u ends normally and does not know why", imp->life->office,
                     imp->life->child);
    if (imp->always_traps && sscanf(why->text, A_WHIM "%u.%u", &slot, &generation) == 2 &&
        (slot != troupe_self(ctx).slot || generation != troupe_self(ctx).generation))
        chaos_broken("%u.%u traps exits and ends by one", imp->life->office, imp->life->child);
}

static void imp_stop(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    struct imp *imp = state;
    uint64_t dice = troupe_random(ctx);
    check_why(ctx, imp, why);
    if (imp->stay)
        imp->stay->why = why->kind;
    if (dice % 16 == 0)
        be_slow(dice >> 4);
    if (dice % 4 == 0) // to be handled by the next incarnation, or stale
        chaos_send(ctx, neighbour(imp, dice >> 4));
}

const troupe_behavior chaos_imp = {.name = "imp",
                                   .state_size = sizeof(struct imp),
                                   .init = imp_init,
                                   .receive = imp_receive,
                                   .stop = imp_stop};
