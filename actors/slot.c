// See slot.h. Slots come from chunks that live as long as the system; free ones are kept per runner
// and handed on in batches under the system's slots_lock.
#include "actors/slot.h"

#include "actors/actor.h"
#include "actors/target.h"

#include <string.h>

#define CACHE_BATCH 64

static uint32_t chunk_size(uint32_t chunk)
{
    return 256u << chunk;
}

static uintptr_t chunk_offset(uint32_t chunk)
{
    return (((uintptr_t)1 << chunk) - 1) * 256 * sizeof(struct trp_slot);
}

// ---- Free slots

static struct trp_slot *init_slot(troupe_system *system, uint32_t index)
{
    struct trp_slot *slot = trp_slot_place(&system->slots, index);
    uint32_t generation = system->seams.first_generation;
    if (generation == 0) // the upper half of the range is left to be used
        generation = (uint32_t)(trp_random_next(&system->slots_random) >> 33) | 1;
    memset(slot, 0, sizeof *slot);
    slot->index = index;
    atomic_init(&slot->generation, generation);
    atomic_init(&slot->orders, (uint64_t)generation << 32);
    return slot;
}

static bool make_chunk(troupe_system *system, uint32_t chunk)
{
    struct trp_slot_table *table = &system->slots;
    if (chunk >= TRP_SLOT_CHUNKS)
        return false;
    if (atomic_load_explicit(&table->bases[chunk], memory_order_relaxed) != 0)
        return true;
    size_t size = chunk_size(chunk) * sizeof(struct trp_slot);
    struct trp_slot *slots = system->allocator.alloc(
        system->allocator.user, size, size < TRP_HUGE_PAGE ? TRP_CACHE_LINE : TRP_HUGE_PAGE);
    if (slots == NULL)
        return false;
    // relaxed: published by the count.
    atomic_store_explicit(&table->bases[chunk], (uintptr_t)slots - chunk_offset(chunk),
                          memory_order_relaxed);
    return true;
}

// Makes up to `wanted` slots of one chunk, free as those that were used: a ref that names one of
// them finds nobody there. Returns them by index, lowest first; NULL without memory. slots_lock.
static struct trp_slot *make_slots(troupe_system *system, uint32_t wanted, uint32_t *made)
{
    struct trp_slot_table *table = &system->slots;
    uint32_t first = atomic_load_explicit(&table->count, memory_order_relaxed);
    uint32_t chunk = trp_slot_chunk(first);
    if (!make_chunk(system, chunk))
        return NULL;
    uint32_t left = (((UINT32_C(2) << chunk) - 1) << 8) - first; // in the chunk
    // So that a small system has none that it does not use.
    uint32_t worth = 1 + first / CACHE_BATCH;
    wanted = wanted < worth ? wanted : worth;
    *made = wanted < left ? wanted : left;
    struct trp_slot *slot = init_slot(system, first);
    for (uint32_t i = 1; i < *made; i++)
        slot[i - 1].sibling_next = init_slot(system, first + i);
    // release: with trp_slot_at. Not before they are made: a ref may name a slot that never was.
    atomic_store_explicit(&table->count, first + *made, memory_order_release);
    return slot;
}

// Takes up to `wanted` slots that were used before; NULL: there are none. slots_lock.
static struct trp_slot *take_used(struct trp_slot_table *table, uint32_t wanted, uint32_t *taken)
{
    struct trp_slot *first = table->free_list, *last = first;
    if (first == NULL)
        return NULL;
    for (*taken = 1; *taken < wanted && last->sibling_next; ++*taken)
        last = last->sibling_next;
    table->free_list = last->sibling_next;
    last->sibling_next = NULL;
    return first;
}

__attribute__((noinline)) static struct trp_slot *refill(troupe_system *system,
                                                         struct trp_runner *runner)
{
    uint32_t wanted = runner ? CACHE_BATCH : 1, count = 0;
    pthread_mutex_lock(&system->slots_lock);
    struct trp_slot *slot = take_used(&system->slots, wanted, &count);
    if (slot == NULL)
        slot = make_slots(system, wanted, &count);
    pthread_mutex_unlock(&system->slots_lock);
    if (slot && runner) {
        runner->slots.free_list = slot->sibling_next;
        runner->slots.count = count - 1;
    }
    return slot;
}

struct trp_slot *trp_slot_take(troupe_system *system, struct trp_runner *runner)
{
    struct trp_slot_cache *cache = runner ? &runner->slots : NULL;
    if (TRP_UNLIKELY(cache == NULL || cache->free_list == NULL))
        return refill(system, runner);
    struct trp_slot *slot = cache->free_list, *next = slot->sibling_next;
    cache->free_list = next;
    cache->count--;
    if (TRP_LIKELY(next != NULL)) { // it may have been used on another CPU
        trp_cpu_prefetch_write(&next->inbox);
        trp_cpu_prefetch_write(&next->front);
        trp_cpu_prefetch_write(&next->behavior);
    }
    return slot;
}

static void give_to_system(troupe_system *system, struct trp_slot *first, struct trp_slot *last)
{
    pthread_mutex_lock(&system->slots_lock);
    last->sibling_next = system->slots.free_list;
    system->slots.free_list = first;
    pthread_mutex_unlock(&system->slots_lock);
}

static void give_slot(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot)
{
    if (runner == NULL) {
        give_to_system(system, slot, slot);
        return;
    }
    struct trp_slot_cache *cache = &runner->slots;
    slot->sibling_next = cache->free_list;
    cache->free_list = slot;
    if (++cache->count < 2 * CACHE_BATCH)
        return;
    struct trp_slot *first = cache->free_list, *last = first;
    for (uint32_t i = 1; i < CACHE_BATCH; i++)
        last = last->sibling_next;
    cache->free_list = last->sibling_next;
    cache->count -= CACHE_BATCH;
    give_to_system(system, first, last);
}

void trp_slot_release_hold(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot)
{
    TRP_YIELD("slot: before release of a hold");
    // Holds are only given back: who reads 1 has the last one, and nobody is left to race with.
    // acq_rel, and acquire: whoever uses the slot next sees all that both holders did.
    if (atomic_load_explicit(&slot->holds, memory_order_acquire) != 1 &&
        atomic_fetch_sub_explicit(&slot->holds, 1, memory_order_acq_rel) != 1)
        return;
    if (TRP_UNLIKELY(slot->reason.text != NULL))
        trp_reason_release(system, runner, &slot->reason);
    // relaxed: the end that both holds came after has set it. 0: the generations are used up, the
    // slot retires.
    if (TRP_LIKELY(atomic_load_explicit(&slot->generation, memory_order_relaxed) != 0))
        give_slot(system, runner, slot);
}

void trp_slot_cache_fini(troupe_system *system, struct trp_slot_cache *cache)
{
    while (cache->free_list) {
        struct trp_slot *slot = cache->free_list;
        cache->free_list = slot->sibling_next;
        give_to_system(system, slot, slot);
    }
    cache->count = 0;
}

void trp_slot_table_fini(troupe_system *system)
{
    for (uint32_t chunk = 0; chunk < TRP_SLOT_CHUNKS; chunk++) {
        uintptr_t base = atomic_load(&system->slots.bases[chunk]);
        if (base)
            system->allocator.free(system->allocator.user, (void *)(base + chunk_offset(chunk)),
                                   chunk_size(chunk) * sizeof(struct trp_slot));
    }
}

// ---- Orders
//
// An order is a bit, then a nudge: the bit says what to do, the nudge makes somebody look. A new
// actor's start is nudged for in the same way; what there is to be seen is its body.
// [alive] The word that holds the orders holds the generation and TRP_ALIVE, too: the spawn sets
// both in one store, the end replaces them by one exchange. So an order is set in the word of the
// actor that it is meant for, or not at all, and goes with it. The store comes before the body's:
// who finds somebody alive who has no body yet waits for it, before the nudge that would else be
// looked at by an activation that finds nobody, and be the last.
// [nudge] The nudge node is in the mailbox at most once, which `nudged` guards:
// 1. Whoever wants it sets its bit first and then adds one to `nudged`: from 0 it pushes the node.
//    The consumer sees that bit when it sees the node at the front, and looks at the orders after
//    that, before it takes the node out.
// 2. Whoever takes the node out exchanges `nudged` for 0 afterwards. More than 1: others wanted it
//    meanwhile, and relied on that. It sees their bits (their additions release, the exchange
//    acquires) and looks again; when it is not the consumer any more it nudges for them. It does
//    not judge the bits: the slot may be somebody else's by now, in another phase.
// 3. A suspended slot is scheduled by whoever clears SUSPENDED, in the same step that sets the bit.

void trp_slot_nudge(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot)
{
    TRP_YIELD("slot nudge: before nudged");
    // acq_rel [nudge] 1; acquire: the push comes after the pop of the one who set it to 0.
    if (atomic_fetch_add_explicit(&slot->nudged, 1, memory_order_acq_rel) != 0)
        return;
    if (trp_mpsc_push(&slot->inbox, &slot->front, &slot->nudge))
        trp_schedule(system->scheduler, runner ? runner->worker : NULL, &slot->task);
}

bool trp_slot_nudge_done(struct trp_slot *slot)
{
    TRP_YIELD("slot nudge done: before nudged");
    return atomic_exchange_explicit(&slot->nudged, 0, memory_order_acq_rel) > 1; // [nudge] 2
}

void trp_slot_detach_front(struct trp_slot *slot)
{
    struct trp_link *front = slot->front.first;
    // acquire: of the push's link.
    while (atomic_load_explicit(&front->next, memory_order_acquire) == NULL) {
        // In use means that it is on its way here, or that the consumer before us has taken it out
        // and is about to say so: then nothing may ever come.
        uint32_t unused = 0;
        TRP_YIELD("slot detach: before nudged");
        if (atomic_compare_exchange_strong_explicit(&slot->nudged, &unused, 1, memory_order_acq_rel,
                                                    memory_order_relaxed)) { // as [nudge] 1
            bool idle = trp_mpsc_push(&slot->inbox, &slot->front, &slot->nudge);
            TRP_ASSERT(!idle); // `front` is still there
            break;
        }
        TRP_YIELD("slot detach: waiting for the next node");
        trp_cpu_relax();
    }
    trp_mpsc_take(&slot->inbox, &slot->front, NULL);
}

// [alive] Ends: the spawn is between two stores, or the actor has ended meanwhile.
static void await_body(struct trp_slot *slot, uint32_t generation)
{
    TRP_YIELD("slot order: before the body");
    // acquire: the nudge, and with it the activation that takes it, comes after the body.
    while (TRP_UNLIKELY(atomic_load_explicit(&slot->body, memory_order_acquire) == NULL) &&
           trp_slot_lives(atomic_load_explicit(&slot->orders, memory_order_relaxed), generation)) {
        TRP_YIELD("slot order: waiting for the body");
        trp_cpu_relax();
    }
}

bool trp_slot_order(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot,
                    uint32_t generation, uint32_t bits)
{
    uint64_t old = atomic_load(&slot->orders); // seq_cst: with the end of trp_spawn
    uint64_t wanted;
    if (!trp_slot_lives(old, generation))
        return false;
    // acquire: of trp_target_new; a target sets it before it is alive.
    const struct trp_target_ops *ops = atomic_load_explicit(&slot->ops, memory_order_acquire);
    if (ops) {
        ops->order(system, runner, slot->target_user, slot, generation, bits);
        return true;
    }
    do {
        if (!trp_slot_lives(old, generation))
            return false;
        wanted = (old | bits) & ~(uint64_t)TRP_ORDER_SUSPENDED;
        TRP_YIELD("slot order: before bits");
    } while (!atomic_compare_exchange_weak(&slot->orders, &old, wanted)); // [nudge] 1, 3
    if (old & TRP_ORDER_SUSPENDED) {
        trp_schedule(system->scheduler, runner ? runner->worker : NULL, &slot->task);
    } else {
        await_body(slot, generation);
        trp_slot_nudge(system, runner, slot);
    }
    if (bits & TRP_ORDER_KILL)
        trp_overdue_watch(system);
    return true;
}

bool trp_slot_suspend(struct trp_slot *slot, uint32_t mask)
{
    uint64_t old = atomic_load(&slot->orders);
    do {
        if (old & mask)
            return false;
        TRP_YIELD("slot suspend: before bit");
    } while (!atomic_compare_exchange_weak(&slot->orders, &old, old | TRP_ORDER_SUSPENDED));
    return true;
}

uint32_t trp_slot_take_orders(struct trp_slot *slot, uint32_t mask)
{
    return (uint32_t)atomic_fetch_and(&slot->orders, ~(uint64_t)mask) & mask;
}
