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

// Under slots_lock.
static struct trp_slot *make_slot(troupe_system *system)
{
    struct trp_slot_table *table = &system->slots;
    uint32_t index = atomic_load_explicit(&table->count, memory_order_relaxed);
    uint32_t chunk = trp_slot_chunk(index);
    if (chunk >= TRP_SLOT_CHUNKS)
        return NULL;
    if (atomic_load_explicit(&table->bases[chunk], memory_order_relaxed) == 0) {
        struct trp_slot *slots = system->allocator.alloc(
            system->allocator.user, chunk_size(chunk) * sizeof(struct trp_slot),
            chunk_size(chunk) * sizeof(struct trp_slot) < TRP_HUGE_PAGE ? TRP_CACHE_LINE
                                                                        : TRP_HUGE_PAGE);
        if (slots == NULL)
            return NULL;
        atomic_store_explicit(&table->bases[chunk], (uintptr_t)slots - chunk_offset(chunk),
                              memory_order_relaxed);
    }
    struct trp_slot *slot = init_slot(system, index);
    // release: with trp_slot_at. Not before it is made: a ref may name a slot that never was.
    atomic_store_explicit(&table->count, index + 1, memory_order_release);
    return slot;
}

struct trp_slot *trp_slot_take(troupe_system *system, struct trp_runner *runner)
{
    struct trp_slot_cache *cache = runner ? &runner->slots : NULL;
    if (cache && cache->free_list) {
        struct trp_slot *slot = cache->free_list;
        cache->free_list = slot->sibling_next;
        cache->count--;
        return slot;
    }
    pthread_mutex_lock(&system->slots_lock);
    struct trp_slot *slot = system->slots.free_list;
    if (slot)
        system->slots.free_list = slot->sibling_next;
    else
        slot = make_slot(system);
    for (uint32_t i = 1; cache && i < CACHE_BATCH && system->slots.free_list; i++) {
        struct trp_slot *extra = system->slots.free_list;
        system->slots.free_list = extra->sibling_next;
        extra->sibling_next = cache->free_list;
        cache->free_list = extra;
        cache->count++;
    }
    pthread_mutex_unlock(&system->slots_lock);
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
    // acq_rel: whoever uses the slot next sees all that both holders did.
    if (atomic_fetch_sub_explicit(&slot->holds, 1, memory_order_acq_rel) != 1)
        return;
    trp_reason_release(system, runner, &slot->reason);
    if (trp_slot_generation(slot) != 0) // 0: the generations are used up, the slot retires
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

bool trp_slot_order(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot,
                    uint32_t generation, uint32_t bits)
{
    uint64_t old = atomic_load(&slot->orders);
    uint64_t wanted;
    if (atomic_load(&slot->incarnation) == 0) // nobody lives here (yet)
        return false;
    const struct trp_target_ops *ops = atomic_load_explicit(&slot->ops, memory_order_acquire);
    if (ops) {
        bool alive = (uint32_t)(old >> 32) == generation;
        if (alive)
            ops->order(system, runner, slot->target_user, slot, generation, bits);
        return alive;
    }
    do {
        if ((uint32_t)(old >> 32) != generation)
            return false;
        wanted = (old | bits) & ~(uint64_t)TRP_ORDER_SUSPENDED;
        TRP_YIELD("slot order: before bits");
    } while (!atomic_compare_exchange_weak(&slot->orders, &old, wanted)); // [nudge] 1, 3
    if (old & TRP_ORDER_SUSPENDED)
        trp_schedule(system->scheduler, runner ? runner->worker : NULL, &slot->task);
    else
        trp_slot_nudge(system, runner, slot);
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
