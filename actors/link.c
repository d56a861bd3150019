// Links: one record per link, a bond, with a tie for each of its two ends. A tie is in the set of
// the actor whose end it is, and says what becomes of that actor when the other one ends.
//
// [tie] The stripe lock of an actor's slot guards its set and the states of the ties in it. Only
// making a link needs both locks: taken in the order of the stripes, so that two actors which link
// each other make one link, and that a link is in both sets or in none. All ends go from one side
// to the other, with one lock at a time:
// 1. Who ends, or unlinks, cuts its own tie first. From then on nothing tells it any more.
// 2. Then it takes the other's lock. If the tie there is still tied, the other is told (or, by an
//    unlink, its tie is cut); if not, the other has ended or unlinked by itself. So of two that end
//    at the same time neither is told, and of one that ends while the other unlinks either the
//    signal or the cut wins.
// 3. A tie whose signal is on its way stays in the set, as TOLD, until the signal was handled or
//    dropped: so unlink finds it and takes the effect from a signal that waits. Then a new link
//    between the same two may be in the set, too.
//
// Ties are cut in batches when an actor ends, see watched.h [batch]; in between, others find those
// that are left and tell or cut them as ever.
//
// The record is counted: one for each tie that is in a set, one for each signal on its way.
#include "actors/link.h"

#include <string.h>

#define ANY_STATE (TRP_TIE_TIED | TRP_TIE_TOLD)

static const struct trp_reason nobody = {.kind = TROUPE_NOACTOR};

static void release(troupe_system *system, struct trp_runner *runner, struct trp_bond *bond)
{
    // acq_rel: the last one sees all that the others did.
    if (atomic_fetch_sub_explicit(&bond->refs, 1, memory_order_acq_rel) == 1)
        trp_bond_free(system, runner, bond);
}

static struct trp_tie *other_end(const struct trp_tie *tie)
{
    return &tie->bond->ties[tie == &tie->bond->ties[0]];
}

// ---- Making one

static void init_tie(struct trp_bond *bond, struct trp_tie *tie, struct trp_slot *slot,
                     uint32_t generation, uint32_t incarnation)
{
    tie->bond = bond;
    tie->slot = slot;
    tie->generation = generation;
    tie->incarnation = tie->signal.incarnation = incarnation;
    trp_signal_init(&tie->signal, tie);
}

// Under the stripe lock of its slot, which is watched.
static void tie_up(struct trp_tie *tie, troupe_ref peer)
{
    struct trp_watched *watched = tie->slot->watched;
    tie->peer = peer;
    tie->state = TRP_TIE_TIED;
    trp_ties_add(&watched->ties, tie);
    watched->tie_count++;
    trp_watched_grown(tie->slot);
}

// Under the stripe lock of its slot. The caller has got the set's count.
static void cut(struct trp_tie *tie)
{
    struct trp_watched *watched = tie->slot->watched;
    trp_ties_remove(&watched->ties, tie);
    watched->tie_count--;
    tie->state = TRP_TIE_CUT;
}

static void lock_both(troupe_system *system, uint32_t one, uint32_t two)
{
    struct trp_lock *first = trp_stripe(system, one), *second = trp_stripe(system, two);
    trp_lock_acquire(first < second ? first : second);
    if (first != second)
        trp_lock_acquire(first < second ? second : first);
}

static void unlock_both(troupe_system *system, uint32_t one, uint32_t two)
{
    struct trp_lock *first = trp_stripe(system, one), *second = trp_stripe(system, two);
    trp_lock_release(first);
    if (first != second)
        trp_lock_release(second);
}

// The running actor gets what its end of a link hangs on. False: no memory.
static bool prepare_self(struct troupe_ctx *ctx)
{
    struct trp_watched *spare = trp_watched_new(ctx->system, ctx->runner);
    if (spare == NULL)
        return false;
    struct trp_lock *lock = trp_stripe(ctx->system, ctx->slot->index);
    trp_lock_acquire(lock);
    uint64_t orders = trp_watched_open(ctx->slot, ctx->generation, &spare);
    trp_lock_release(lock);
    TRP_ASSERT(orders != 0); // it runs
    trp_watched_free_spare(ctx->system, ctx->runner, spare);
    return true;
}

struct trp_bond *trp_bond_new(struct troupe_ctx *ctx)
{
    if (!prepare_self(ctx))
        return NULL;
    struct trp_bond *bond = trp_take(ctx->system, ctx->runner, sizeof *bond);
    if (bond == NULL)
        return NULL;
    memset(bond, 0, sizeof *bond);
    init_tie(bond, &bond->ties[0], ctx->slot, ctx->generation,
             atomic_load_explicit(&ctx->slot->incarnation, memory_order_relaxed)); // our own
    init_tie(bond, &bond->ties[1], NULL, 0, 0);
    return bond;
}

void trp_bond_free(troupe_system *system, struct trp_runner *runner, struct trp_bond *bond)
{
    trp_reason_release(system, runner, &bond->ties[0].signal.reason);
    trp_reason_release(system, runner, &bond->ties[1].signal.reason);
    trp_give(system, runner, bond, sizeof *bond);
}

// Under both locks; both are watched.
static void tie_both(troupe_system *system, struct trp_bond *bond, struct trp_slot *slot,
                     uint32_t generation, uint32_t incarnation)
{
    struct trp_tie *own = &bond->ties[0], *other = &bond->ties[1];
    atomic_init(&bond->refs, 2);
    init_tie(bond, other, slot, generation, incarnation);
    tie_up(own, trp_ref(system, slot->index, generation));
    tie_up(other, trp_ref(system, own->slot->index, own->generation));
}

void trp_bond_begin_new(troupe_system *system, struct trp_bond *bond, struct trp_slot *slot,
                        uint32_t generation)
{
    uint32_t own = bond->ties[0].slot->index;
    lock_both(system, own, slot->index);
    tie_both(system, bond, slot, generation, 1);
    unlock_both(system, own, slot->index);
}

// ---- Ends

// Decides how a tie that is tied tells its actor of the other's end: the signal sets out, or, if it
// would have no effect, the tie is cut. Under the stripe lock of its slot.
static enum trp_signal_way take_effect(struct trp_tie *tie, uint32_t incarnation,
                                       const struct trp_reason *reason)
{
    struct trp_signal *signal = &tie->signal;
    // acquire: as in trp_watched_open. A tie that is tied is of the incarnation that runs, or of
    // the next one: see signal.c [between].
    uint64_t orders = atomic_load_explicit(&tie->slot->orders, memory_order_acquire);
    enum trp_signal_way way = trp_signal_way(orders, tie->generation, reason->kind);
    if (way == TRP_SIGNAL_NOT) {
        cut(tie);
        return way;
    }
    tie->state = TRP_TIE_TOLD;
    atomic_fetch_add_explicit(&tie->bond->refs, 1, memory_order_relaxed); // on its way
    signal->reason = trp_reason_acquire(*reason);
    signal->body.ref = tie->peer;
    signal->body.incarnation = incarnation;
    if (way == TRP_SIGNAL_ORDER)
        trp_signal_keep(tie->slot, signal);
    return way;
}

// Tells an actor that the other end of a link has ended: by a signal, if that has an effect [tie] 2
static void tell(troupe_system *system, struct trp_runner *runner, struct trp_tie *tie,
                 uint32_t incarnation, const struct trp_reason *reason)
{
    struct trp_slot *slot = tie->slot;
    if (slot == NULL) // there was nobody to link to
        return;
    enum trp_signal_way way = TRP_SIGNAL_NOT;
    TRP_YIELD("link: before it is told");
    struct trp_lock *lock = trp_stripe(system, slot->index);
    trp_lock_acquire(lock);
    bool tied = tie->state == TRP_TIE_TIED;
    uint32_t generation = tie->generation; // a tie whose signal is kept may be gone soon
    if (tied)
        way = take_effect(tie, incarnation, reason);
    trp_lock_release(lock);
    if (way != TRP_SIGNAL_NOT)
        trp_signal_send(system, runner, &tie->signal, way, slot, generation);
    else if (tied)
        release(system, runner, tie->bond);
}

// Takes a link away from the actor at this end, which is not told.
static void untie(troupe_system *system, struct trp_runner *runner, struct trp_tie *tie)
{
    if (tie->slot == NULL)
        return;
    TRP_YIELD("link: before it is untied");
    struct trp_lock *lock = trp_stripe(system, tie->slot->index);
    trp_lock_acquire(lock);
    bool tied = tie->state == TRP_TIE_TIED;
    if (tied)
        cut(tie);
    trp_lock_release(lock);
    if (tied)
        release(system, runner, tie->bond);
}

void trp_tie_done(troupe_system *system, struct trp_runner *runner, struct trp_tie *tie)
{
    struct trp_lock *lock = trp_stripe(system, tie->slot->index);
    trp_lock_acquire(lock);
    bool told = tie->state == TRP_TIE_TOLD;
    if (told)
        cut(tie);
    trp_lock_release(lock);
    if (told)
        release(system, runner, tie->bond);
    release(system, runner, tie->bond);
}

struct trp_tie *trp_links_cut(struct trp_watched *watched, uint32_t *room)
{
    struct trp_tie *first = NULL;
    for (; watched->ties && *room > 0; --*room) {
        struct trp_tie *tie = trp_ties_take(&watched->ties);
        watched->tie_count--;
        tie->state = TRP_TIE_CUT;
        tie->children[0] = first;
        first = tie;
    }
    return first;
}

void trp_links_tell(troupe_system *system, struct trp_runner *runner, struct trp_tie *cut_ties,
                    uint32_t incarnation, const struct trp_reason *reason)
{
    while (cut_ties) {
        struct trp_tie *tie = cut_ties;
        cut_ties = tie->children[0];
        bool of_it = tie->incarnation == incarnation;
        tell(system, runner, other_end(tie), of_it ? incarnation : 0, of_it ? reason : &nobody);
        release(system, runner, tie->bond);
    }
}

bool trp_links_end_incarnation(troupe_system *system, struct trp_runner *runner,
                               struct trp_slot *slot)
{
    uint32_t room = TRP_WATCHED_BATCH;
    struct trp_tie *ties = NULL;
    struct trp_signal *signals = NULL;
    TRP_YIELD("links end: before the lock");
    struct trp_lock *lock = trp_stripe(system, slot->index);
    trp_lock_acquire(lock);
    struct trp_watched *watched = slot->watched;
    if (watched) {
        ties = trp_links_cut(watched, &room);
        signals = trp_signals_cut(watched, &room);
    }
    bool all = watched == NULL || !(watched->ties || watched->signals);
    if (all) // relaxed: see signal.c [between]; those who look have the lock.
        atomic_fetch_or_explicit(&slot->orders, TRP_ALIVE_BETWEEN, memory_order_relaxed);
    trp_lock_release(lock);
    trp_links_tell(system, runner, ties,
                   atomic_load_explicit(&slot->incarnation, memory_order_relaxed), &slot->reason);
    trp_signals_drop(system, runner, signals);
    return all;
}

// ---- Public

// Ties both ends, or, when nobody is there, our own only. False: they are linked already.
static bool begin(struct troupe_ctx *ctx, struct trp_bond *bond, troupe_ref ref, bool *alive,
                  struct trp_watched **spare)
{
    troupe_system *system = ctx->system;
    struct trp_slot *slot = trp_resolve(system, ref);
    uint32_t index = slot ? slot->index : ctx->slot->index;
    lock_both(system, ctx->slot->index, index);
    bool is_new = trp_ties_find(ctx->slot->watched->ties, ref, TRP_TIE_TIED) == NULL;
    uint64_t orders = is_new && slot ? trp_watched_open(slot, ref.generation, spare) : 0;
    *alive = orders != 0;
    if (*alive) {
        // relaxed: it changes under the lock only; see signal.c [between].
        uint32_t incarnation = atomic_load_explicit(&slot->incarnation, memory_order_relaxed);
        tie_both(system, bond, slot, ref.generation,
                 incarnation + (orders & TRP_ALIVE_BETWEEN ? 1 : 0));
    } else if (is_new) {
        atomic_init(&bond->refs, 1);
        tie_up(&bond->ties[0], ref);
    }
    unlock_both(system, ctx->slot->index, index);
    return is_new;
}

static troupe_status link_actor(struct troupe_ctx *ctx, troupe_ref ref)
{
    struct trp_bond *bond = trp_bond_new(ctx);
    struct trp_watched *spare = bond ? trp_watched_new(ctx->system, ctx->runner) : NULL;
    if (spare == NULL) {
        if (bond)
            trp_bond_free(ctx->system, ctx->runner, bond);
        return trp_error(TROUPE_ENOMEM, "troupe_link: no memory");
    }
    bool alive;
    if (!begin(ctx, bond, ref, &alive, &spare))
        trp_bond_free(ctx->system, ctx->runner, bond);
    else if (!alive)
        tell(ctx->system, ctx->runner, &bond->ties[0], 0, &nobody);
    trp_watched_free_spare(ctx->system, ctx->runner, spare);
    return TROUPE_OK;
}

troupe_status troupe_link(troupe_ctx *ctx, troupe_ref ref)
{
    if (ctx->slot == NULL)
        return trp_error(TROUPE_ENOTSUP, "troupe_link: a thread of the program's own cannot be "
                                         "linked; use troupe_join");
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    troupe_status status = TROUPE_OK;
    if (!troupe_ref_equal(ref, trp_self(ctx)))
        status = link_actor(ctx, ref);
    trp_leave(ctx);
    return status;
}

// Cuts all that the running actor has with the other one.
static void unlink_actor(struct troupe_ctx *ctx, troupe_ref ref)
{
    struct trp_tie *tie, *ties = NULL;
    struct trp_lock *lock = trp_stripe(ctx->system, ctx->slot->index);
    trp_lock_acquire(lock);
    struct trp_watched *watched = ctx->slot->watched;
    while (watched && (tie = trp_ties_find(watched->ties, ref, ANY_STATE)) != NULL) {
        cut(tie);
        tie->children[0] = ties;
        ties = tie;
    }
    trp_lock_release(lock);
    while (ties) {
        tie = ties;
        ties = tie->children[0];
        untie(ctx->system, ctx->runner, other_end(tie));
        release(ctx->system, ctx->runner, tie->bond);
    }
}

troupe_status troupe_unlink(troupe_ctx *ctx, troupe_ref ref)
{
    if (ctx->slot == NULL)
        return trp_error(TROUPE_ENOTSUP, "troupe_unlink: only an actor has links");
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    unlink_actor(ctx, ref);
    trp_leave(ctx);
    return TROUPE_OK;
}
