// A worker's run queue: a bounded FIFO. One owner pushes at the tail and pops at the head; any
// other worker may steal half from the head into a ring of its own.
//
// Promised: each task that was pushed comes out exactly once; what one thread takes, it takes in
// the order of pushing. Not promised: that a thief sees everything that is there, or gets anything.
#ifndef TRP_SCHEDULER_RING_H
#define TRP_SCHEDULER_RING_H

#include "base/assert.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRP_RING_SIZE 256 // a power of two

struct trp_task;

struct trp_ring {
    // Positions count up for ever; position % TRP_RING_SIZE is the slot. 64 bits do not wrap: at
    // one push per nanosecond they last for 584 years. So a compare-exchange of `head` that
    // succeeds proves that nothing was taken in between (no ABA).
    _Alignas(TRP_CACHE_LINE) _Atomic uint64_t head;  // next to take; owner and thieves
    _Alignas(TRP_CACHE_LINE) _Atomic uint64_t tail;  // next to fill; written by the owner alone
    _Atomic(struct trp_task *) slots[TRP_RING_SIZE]; // written by the owner alone
};

void trp_ring_init(struct trp_ring *ring);

// Owner: appends a task. False: the ring is full.
bool trp_ring_push(struct trp_ring *ring, struct trp_task *task);

// Owner: takes the oldest task, or NULL.
struct trp_task *trp_ring_pop(struct trp_ring *ring);

// Owner: takes the older half of a full ring into `batch` (room for TRP_RING_SIZE / 2). Returns how
// many: 0 when a thief has made room meanwhile.
uint32_t trp_ring_spill(struct trp_ring *ring, struct trp_task **batch);

// Owner of `ring`: moves the older half of `victim` (rounded up) to the end of `ring`, which needs
// room for TRP_RING_SIZE / 2 tasks. Returns how many were moved.
uint32_t trp_ring_steal(struct trp_ring *ring, struct trp_ring *victim);

// Owner: the task that comes after `distance` others, or NULL. It may be taken by a thief at any
// time and be gone, so that it is good for nothing but a hint.
static inline struct trp_task *trp_ring_peek(const struct trp_ring *ring, uint32_t distance)
{
    // relaxed, all: a hint.
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    if (head + distance >= atomic_load_explicit(&ring->tail, memory_order_relaxed))
        return NULL;
    return atomic_load_explicit(&ring->slots[(head + distance) % TRP_RING_SIZE],
                                memory_order_relaxed);
}

// How many tasks wait: exact for the owner while nobody steals, an estimate for everybody else.
static inline uint32_t trp_ring_length(const struct trp_ring *ring)
{
    // relaxed: an estimate. Head first: tail can only have grown since, never fallen behind it.
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    return tail > head ? (uint32_t)(tail - head) : 0;
}

#endif
