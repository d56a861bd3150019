// See outbox.h.
#include "actors/outbox.h"

#include "actors/system.h"

static void set_used(struct trp_outbox *outbox, uint64_t used)
{
    atomic_store_explicit(&outbox->used, used, memory_order_relaxed); // one writer at a time
}

static uint64_t get_used(const struct trp_outbox *outbox)
{
    return atomic_load_explicit(&outbox->used, memory_order_relaxed);
}

static void deliver(troupe_system *system, struct trp_runner *by, struct trp_outbox_chain *chain)
{
    struct trp_slot *slot = chain->slot;
    // relaxed: the chain is published below.
    atomic_store_explicit(&chain->last->next, NULL, memory_order_relaxed);
    if (by && chain->length >= TRP_OUTBOX_CHAIN / 2)
        chain->first = trp_ahead_new(&by->worker->cache, chain->first);
    if (trp_mpsc_push_chain(&slot->inbox, &slot->front, chain->first, chain->last))
        trp_schedule(system->scheduler, by ? by->worker : NULL, &slot->task);
}

// Nobody looks after the handlers of home threads; and actors that have one go on by themselves.
static bool must_not_wait(const struct trp_runner *runner, struct trp_slot *slot)
{
    return !runner->worker->pool ||
           atomic_load_explicit(&slot->task.home, memory_order_relaxed) != NULL;
}

void trp_outbox_add(struct trp_runner *runner, struct trp_slot *slot, struct trp_link *link)
{
    struct trp_outbox *outbox = &runner->outbox;
    uint32_t place = slot->index % TRP_OUTBOX_TARGETS;
    struct trp_outbox_chain *chain = &outbox->chains[place];
    uint64_t bit = UINT64_C(1) << place, used = get_used(outbox);
    if ((used & bit) && chain->slot == slot) {
        // relaxed: published with the chain.
        atomic_store_explicit(&chain->last->next, link, memory_order_relaxed);
        TRP_YIELD("outbox: linked");
        chain->last = link;
        chain->length++;
    } else {
        if (used & bit)
            deliver(runner->system, runner, chain);
        *chain = (struct trp_outbox_chain){slot, link, link, 1};
        TRP_YIELD("outbox: chain begun");
        set_used(outbox, used | bit);
    }
    if (chain->length >= TRP_OUTBOX_CHAIN || must_not_wait(runner, slot)) {
        deliver(runner->system, runner, chain);
        set_used(outbox, used & ~bit);
    } else if (used == 0) {
        trp_scheduler_alert(runner->system->scheduler);
    }
    if (outbox->sent >= TRP_OUTBOX_ALL) {
        trp_outbox_deliver(runner, runner);
        outbox->sent = TRP_OUTBOX_AFTER;
    }
}

void trp_outbox_deliver(struct trp_runner *runner, struct trp_runner *by)
{
    struct trp_outbox *outbox = &runner->outbox;
    uint64_t used = get_used(outbox);
    TRP_YIELD("outbox: about to deliver");
    set_used(outbox, 0);
    for (; used != 0; used &= used - 1)
        deliver(runner->system, by, &outbox->chains[__builtin_ctzll(used)]);
}
