// The unbounded mailbox queue: many producers, one consumer, intrusive, no stub node.
//
// The node at the front stays linked while it is handled, as the holder of an MCS lock does: a
// queue whose head is NULL is idle, and exactly the producer that finds it idle is told to schedule
// the consumer. One exchange per push, one compare-and-swap to go idle, nothing else.
//
//      front                        head
//        |                            |
//        v                            v
//      [ m1 ] -> [ m2 ] -> [ m3 ]  [ m4 ]        m4: exchanged [swap], not yet linked [link]
//
// The two words are separate structures because producers write the head and the consumer writes
// the front: whoever embeds them puts them on different cache lines.
//
// Order: a producer's own pushes stay in order. Not promised: any order between producers; that a
// pushed node can be seen at once (a producer may pause between [swap] and [link]: the consumer
// waits for it, and no other producer does).
#ifndef TRP_MAILBOX_MPSC_H
#define TRP_MAILBOX_MPSC_H

#include "base/assert.h"
#include "base/yield.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct trp_link {
    _Atomic(struct trp_link *) next; // written once by the next producer, read by the consumer
};

struct trp_mpsc_head {
    _Atomic(struct trp_link *)
        last; // the node pushed last; NULL: idle. Producers, and the consumer to go idle
};

struct trp_mpsc_front {
    struct trp_link
        *first; // the oldest node; the consumer's, and the waking producer's before that
};

// Appends the nodes from `first` to `last`, which are linked in order, by one exchange. Returns
// true when the queue was idle: the caller must then make the consumer run.
static inline bool trp_mpsc_push_chain(struct trp_mpsc_head *head, struct trp_mpsc_front *front,
                                       struct trp_link *first, struct trp_link *last)
{
    // relaxed: published by [swap].
    atomic_store_explicit(&last->next, NULL, memory_order_relaxed);
    TRP_YIELD("mpsc push: before swap");
    // [swap] release: the consumer that finds the nodes here or through [link] sees their contents.
    // acquire: the producer that finds the queue idle sees all that the consumer did before [idle].
    struct trp_link *previous = atomic_exchange_explicit(&head->last, last, memory_order_acq_rel);
    TRP_YIELD("mpsc push: between swap and link");
    if (previous == NULL) {
        front->first = first; // no consumer runs before the caller schedules it
        return true;
    }
    // [link] release: pairs with the acquires of [link] below.
    atomic_store_explicit(&previous->next, first, memory_order_release);
    return false;
}

// Appends one node, likewise.
static inline bool trp_mpsc_push(struct trp_mpsc_head *head, struct trp_mpsc_front *front,
                                 struct trp_link *link)
{
    return trp_mpsc_push_chain(head, front, link, link);
}

// Tells whether nobody consumes and nothing is queued; a hint only for other threads.
static inline bool trp_mpsc_is_idle(const struct trp_mpsc_head *head)
{
    return atomic_load_explicit(&head->last, memory_order_relaxed) == NULL;
}

// Consumer: tells whether no node has been pushed behind `link` until now.
static inline bool trp_mpsc_is_newest(const struct trp_mpsc_head *head, const struct trp_link *link)
{
    return atomic_load_explicit(&head->last, memory_order_relaxed) == link;
}

// Waits for the node behind `link`, which is known to be on its way.
static inline struct trp_link *trp_mpsc_await_next(struct trp_link *link)
{
    struct trp_link *next;
    while ((next = atomic_load_explicit(&link->next, memory_order_acquire)) == NULL) { // of [link]
        TRP_YIELD("mpsc pop: waiting for link");
        trp_cpu_relax();
    }
    return next;
}

// Detaches the front node. Returns true when another node is the front now; false when the queue
// went idle: from then on the caller is not the consumer any more and may not touch the front.
// Either way the detached node, which was the front, belongs to the caller.
static inline bool trp_mpsc_pop(struct trp_mpsc_head *head, struct trp_mpsc_front *front)
{
    struct trp_link *link = front->first;
    struct trp_link *next = atomic_load_explicit(&link->next, memory_order_acquire); // of [link]
    if (next == NULL) {
        struct trp_link *expected = link;
        TRP_YIELD("mpsc pop: before idle");
        // [idle] release: the producer that finds NULL sees what the consumer did. acquire is not
        // needed on success; on failure the node is read through [link].
        if (atomic_compare_exchange_strong_explicit(&head->last, &expected, NULL,
                                                    memory_order_release, memory_order_relaxed))
            return false;
        next = trp_mpsc_await_next(link);
    }
    front->first = next;
    return true;
}

// Detaches the front node without ever going idle: when it is the last one, `filler` is pushed
// behind it first. Returns true when the filler was used.
static inline bool trp_mpsc_take(struct trp_mpsc_head *head, struct trp_mpsc_front *front,
                                 struct trp_link *filler)
{
    struct trp_link *link = front->first;
    bool filled = false;
    struct trp_link *next = atomic_load_explicit(&link->next, memory_order_acquire); // of [link]
    if (next == NULL && filler != NULL) {
        filled = true;
        bool idle = trp_mpsc_push(head, front, filler); // never: `link` is still there
        TRP_ASSERT(!idle);
    }
    front->first = next ? next : trp_mpsc_await_next(link);
    return filled;
}

#endif
