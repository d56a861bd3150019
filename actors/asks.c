// The asks of an incarnation: lists of those that have had no outcome, and one timer for all their
// limits.
//
// Nearly every ask is answered long before its limit. So an ask arms nothing but when its deadline
// is before the time that the timer is armed for, and a reply cancels nothing: a timer goes off
// about once in a limit, whatever the number of asks. It gives an order to the asker's consumer,
// which ends those that are due, and arms it for the first that is left. When none is, it stays
// unarmed until the next ask.
//
// Asks of one limit have their deadlines in the order of asking: each of the lists but the first is
// for one limit, for the next one once it is empty. An ask for which no list is left has a timer of
// its own (TIMED).
//
// The lists are the consumer's: nobody else looks at them. What races is the end of an ask, see
// ask.c [end], and the timer against the end of the incarnation: under the wheel's lock either the
// timer is taken out, or it has been, and gives an order for nothing. An order for nothing is
// harmless; another incarnation may get it.
#include "actors/actor.h"
#include "actors/ask.h"

#include <string.h>

static struct trp_wheel *wheel_of(troupe_system *system, const struct trp_asks *asks)
{
    return trp_scheduler_wheel(system->scheduler, asks->slot->index);
}

static void init_links(struct trp_ask_links *links)
{
    links->next = links->previous = links;
}

static struct trp_ask *first_of(const struct trp_ask_list *list)
{
    return list->head.next == &list->head ? NULL
                                          : TRP_CONTAINER(list->head.next, struct trp_ask, links);
}

struct trp_asks *trp_asks_new(struct troupe_ctx *ctx)
{
    struct trp_asks *asks = trp_take(ctx->system, ctx->runner, sizeof *asks);
    if (asks == NULL)
        return NULL;
    memset(asks, 0, sizeof *asks);
    asks->timed.kind = TRP_TIMED_ASKS;
    atomic_init(&asks->refs, 1);
    asks->slot = ctx->slot;
    asks->generation = ctx->generation;
    asks->armed = TRP_NEVER;
    for (int i = 0; i < TRP_ASK_LISTS; i++)
        init_links(&asks->lists[i].head);
    return asks;
}

static void release(troupe_system *system, struct trp_runner *runner, struct trp_asks *asks)
{
    // acq_rel: the last one sees all that the other did.
    if (atomic_fetch_sub_explicit(&asks->refs, 1, memory_order_acq_rel) == 1)
        trp_give(system, runner, asks, sizeof *asks);
}

struct trp_ask_list *trp_asks_list_slow(struct trp_asks *asks, uint32_t timeout_ms)
{
    struct trp_ask_list *empty = NULL;
    for (int i = 1; i < TRP_ASK_LISTS; i++) {
        struct trp_ask_list *list = &asks->lists[i];
        if (list->timeout_ms == timeout_ms)
            return list;
        if (empty == NULL && first_of(list) == NULL)
            empty = list;
    }
    if (empty) {
        empty->timeout_ms = timeout_ms;
        empty->latest = 0;
    }
    return empty;
}

// ---- The timer

static void disarm(troupe_system *system, struct trp_runner *runner, struct trp_asks *asks)
{
    struct trp_wheel *wheel = wheel_of(system, asks);
    TRP_YIELD("asks: disarm, before lock");
    trp_wheel_lock(wheel);
    bool cancelled = trp_wheel_cancel(wheel, &asks->timed.timer);
    trp_wheel_unlock(wheel);
    asks->armed = TRP_NEVER;
    if (cancelled)
        release(system, runner, asks);
}

void trp_asks_arm(troupe_system *system, struct trp_asks *asks, uint64_t deadline)
{
    struct trp_wheel *wheel = wheel_of(system, asks);
    trp_wheel_lock(wheel);
    if (!trp_wheel_cancel(wheel, &asks->timed.timer)) // else the wheel has its count
        atomic_fetch_add_explicit(&asks->refs, 1, memory_order_relaxed);
    trp_wheel_arm(wheel, &asks->timed.timer, deadline);
    trp_wheel_unlock(wheel);
    asks->armed = deadline;
    trp_scheduler_timer_armed(system->scheduler, deadline);
}

void trp_asks_expired(struct trp_runner *runner, struct trp_timed *timed)
{
    struct trp_asks *asks = TRP_CONTAINER(timed, struct trp_asks, timed);
    TRP_YIELD("asks: expired, before order");
    (void)trp_slot_order(runner->system, runner, asks->slot, asks->generation, TRP_ORDER_EXPIRE);
    release(runner->system, runner, asks);
}

// ---- Limits

// Ends what is due in one list; returns the next deadline.
static uint64_t expire_list(struct trp_runner *runner, struct trp_ask_list *list, uint64_t now)
{
    struct trp_ask *ask;
    while ((ask = first_of(list)) != NULL) {
        if (ask->deadline > now)
            return ask->deadline;
        trp_ask_unlink(ask);
        init_links(&ask->links); // its outcome, whichever it is, unlinks it once more
        trp_ask_expire(runner->system, runner, ask);
    }
    return TRP_NEVER;
}

void trp_asks_look(struct trp_runner *runner, struct trp_slot *slot)
{
    struct troupe_ctx *ctx = atomic_load_explicit(&slot->body, memory_order_relaxed); // consumer
    if (ctx->extras == NULL || ctx->extras->asks == NULL)
        return;
    struct trp_asks *asks = ctx->extras->asks;
    uint64_t now = trp_now(runner->system), next = TRP_NEVER;
    for (int i = 1; i < TRP_ASK_LISTS; i++) {
        uint64_t first = expire_list(runner, &asks->lists[i], now);
        next = first < next ? first : next;
    }
    if (next == TRP_NEVER)
        disarm(runner->system, runner, asks);
    else
        trp_asks_arm(runner->system, asks, next);
}

// ---- The end of the incarnation

void trp_asks_abandon(struct trp_runner *runner, struct trp_asks *asks)
{
    troupe_system *system = runner->system;
    disarm(system, runner, asks);
    for (int i = 0; i < TRP_ASK_LISTS; i++) {
        struct trp_ask *ask;
        while ((ask = first_of(&asks->lists[i])) != NULL) {
            trp_ask_unlink(ask);
            trp_ask_abandon(system, runner, ask);
        }
    }
    release(system, runner, asks);
}
