// The ring of a worker. Shape: the run queues of Go and Tokio.
//
// Who may race: thieves with the owner and with each other, on `head` only. Taking is: read head
// and tail, copy the slots, then claim them with one compare-exchange of head. Copies made before a
// failed claim are thrown away.
//
//   [ring-publish] push: slot, then tail (release)  ->  steal: tail (acquire), then slot.
//                  A thief that sees the tail sees the slot and what the task points to.
//   [ring-reuse]   take: slot, then head (release)  ->  push: head (acquire), then slot.
//                  The owner overwrites a slot only after the copy that was claimed from it.
//
// What cannot happen: two takers of one position (head is claimed by compare-exchange from a value
// that never comes back); a claimed copy that is stale (position h is overwritten only when head
// has passed h, and then the claim from h fails).
#include "scheduler/ring.h"

#include "base/yield.h"

#include <stddef.h>

static _Atomic(struct trp_task *) *slot_at(struct trp_ring *ring, uint64_t position)
{
    return &ring->slots[position % TRP_RING_SIZE];
}

void trp_ring_init(struct trp_ring *ring)
{
    atomic_init(&ring->head, 0);
    atomic_init(&ring->tail, 0);
    for (uint32_t i = 0; i < TRP_RING_SIZE; i++)
        atomic_init(&ring->slots[i], NULL);
}

bool trp_ring_push(struct trp_ring *ring, struct trp_task *task)
{
    // acquire [ring-reuse]: the slot that is written next has been copied by whoever claimed it.
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    // relaxed: the owner alone writes tail.
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    if (tail - head >= TRP_RING_SIZE)
        return false;
    TRP_YIELD("ring push: room seen");
    // relaxed: published by tail.
    atomic_store_explicit(slot_at(ring, tail), task, memory_order_relaxed);
    TRP_YIELD("ring push: slot written");
    // release [ring-publish].
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
    return true;
}

// Claims positions [head, head + count). Release [ring-reuse]: the copies come before it. Acquire
// is not needed for what was copied: tail's acquire (thief) or program order (owner) gave that.
static bool claim(struct trp_ring *ring, uint64_t head, uint64_t count)
{
    TRP_YIELD("ring take: copied");
    return atomic_compare_exchange_strong_explicit(&ring->head, &head, head + count,
                                                   memory_order_release, memory_order_relaxed);
}

struct trp_task *trp_ring_pop(struct trp_ring *ring)
{
    // relaxed: the owner alone writes tail, and has itself written what is in the slots.
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    for (;;) {
        // relaxed: the claim checks it.
        uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
        if (head == tail)
            return NULL;
        struct trp_task *task = atomic_load_explicit(slot_at(ring, head), memory_order_relaxed);
        if (claim(ring, head, 1))
            return task;
    }
}

uint32_t trp_ring_spill(struct trp_ring *ring, struct trp_task **batch)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed); // checked by the claim
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed); // the owner's own
    if (tail - head < TRP_RING_SIZE)
        return 0;
    for (uint32_t i = 0; i < TRP_RING_SIZE / 2; i++)
        batch[i] = atomic_load_explicit(slot_at(ring, head + i), memory_order_relaxed);
    return claim(ring, head, TRP_RING_SIZE / 2) ? TRP_RING_SIZE / 2 : 0;
}

uint32_t trp_ring_steal(struct trp_ring *ring, struct trp_ring *victim)
{
    // relaxed: our own tail.
    uint64_t own_tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    // acquire [ring-reuse]: our free slots have been copied by whoever claimed them from us.
    uint64_t own_head = atomic_load_explicit(&ring->head, memory_order_acquire);
    TRP_ASSERT(TRP_RING_SIZE - (own_tail - own_head) >= TRP_RING_SIZE / 2);
    for (;;) {
        // acquire: so that tail is read after head, and no older than it.
        uint64_t head = atomic_load_explicit(&victim->head, memory_order_acquire);
        TRP_YIELD("ring steal: head read");
        uint64_t tail = atomic_load_explicit(&victim->tail, memory_order_acquire); // [ring-publish]
        uint64_t count = tail > head ? (tail - head + 1) / 2 : 0;
        if (count == 0)
            return 0;
        if (count > TRP_RING_SIZE / 2) // head is old: others took, the owner pushed on
            continue;
        // The copies go to our unpublished slots: nobody reads those before our tail moves.
        for (uint64_t i = 0; i < count; i++) {
            struct trp_task *task =
                atomic_load_explicit(slot_at(victim, head + i), memory_order_relaxed);
            atomic_store_explicit(slot_at(ring, own_tail + i), task, memory_order_relaxed);
        }
        if (claim(victim, head, count)) {
            TRP_YIELD("ring steal: claimed");
            // release [ring-publish]: the next thief sees our copies, and through them the tasks.
            atomic_store_explicit(&ring->tail, own_tail + count, memory_order_release);
            return (uint32_t)count;
        }
    }
}
