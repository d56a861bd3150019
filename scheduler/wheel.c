// Eight levels of 64 slots; level l has slots of 64^l ticks. A timer of tick T lies in the level of
// the highest group of 6 bits in which T differs from `current`, in the slot that this group of T
// names. So all of a level's timers are earlier than those of the levels above, all slots in use
// lie ahead of `current`, and the next thing to do is the lowest bit of the lowest level in use.
//
//   tick T:      | l7 | l6 | l5 | l4 | l3 | l2 | l1 | l0 |    6 bits each
//   current:     same ............ same | differs -> level 2, slot = T's bits there
//
// `current` moves only to the start of the next slot in use, or to a tick before it. At the start
// of a slot of level l > 0 its timers are placed anew, in order, and all land below l (cascade).
// Since a slot is spread at the moment when `current` enters it, two timers of one tick never lie
// in two levels: order within a tick is order of arming.
//
// Ticks are rounded up from deadlines: never early, at most one tick late.
#include "scheduler/wheel.h"

#include "base/assert.h"
#include "base/clock.h"
#include "scheduler/lock.h"

#include <stddef.h>

enum { LEVEL_BITS = 6, SLOTS = 1 << LEVEL_BITS, LEVELS = 8 };

// Rounded-up ticks are at most 2^46: 47 bits of the 48 that the levels hold.
_Static_assert(64 - TRP_WHEEL_TICK_SHIFT + 1 <= LEVEL_BITS * LEVELS, "levels hold all ticks");

struct trp_wheel {
    struct trp_lock lock;
    _Atomic uint64_t next;                 // ns; written under the lock, read by any thread
    uint64_t current;                      // tick that the wheel has reached; lock
    uint8_t levels;                        // bit l: level l has a slot in use; lock
    uint64_t slots[LEVELS];                // bit s: slot s of that level is in use; lock
    struct trp_timer due;                  // list head: reached, not yet returned; lock
    struct trp_timer heads[LEVELS][SLOTS]; // list heads; lock
    troupe_allocator allocator;            // constant
};

_Static_assert(LEVELS <= 8, "levels fit into the bits of a byte");

// ---- Lists: circular, with the head as an element

static void list_init(struct trp_timer *head)
{
    head->next = head;
    head->previous = head;
}

static bool list_is_empty(const struct trp_timer *head)
{
    return head->next == head;
}

static void list_append(struct trp_timer *head, struct trp_timer *timer)
{
    timer->next = head;
    timer->previous = head->previous;
    head->previous->next = timer;
    head->previous = timer;
}

static void list_unlink(struct trp_timer *timer)
{
    timer->previous->next = timer->next;
    timer->next->previous = timer->previous;
    timer->next = NULL;
    timer->previous = NULL;
}

static void list_move_all(struct trp_timer *from, struct trp_timer *to)
{
    if (list_is_empty(from))
        return;
    from->next->previous = to->previous;
    to->previous->next = from->next;
    from->previous->next = to;
    to->previous = from->previous;
    list_init(from);
}

// ---- Ticks and slots

static uint64_t tick_of(uint64_t deadline)
{
    bool rounded = (deadline & (TRP_WHEEL_TICK_NS - 1)) != 0;
    return (deadline >> TRP_WHEEL_TICK_SHIFT) + rounded;
}

static uint64_t time_of(uint64_t tick)
{
    return tick >> (64 - TRP_WHEEL_TICK_SHIFT) ? TRP_NEVER : tick << TRP_WHEEL_TICK_SHIFT;
}

static void mark_used(struct trp_wheel *wheel, uint32_t level, uint32_t slot)
{
    wheel->slots[level] |= UINT64_C(1) << slot;
    wheel->levels = (uint8_t)(wheel->levels | 1U << level);
}

static void mark_empty(struct trp_wheel *wheel, uint32_t level, uint32_t slot)
{
    wheel->slots[level] &= ~(UINT64_C(1) << slot);
    if (wheel->slots[level] == 0)
        wheel->levels = (uint8_t)(wheel->levels & ~(1U << level));
}

static void place(struct trp_wheel *wheel, struct trp_timer *timer)
{
    uint64_t tick = tick_of(timer->deadline);
    if (tick <= wheel->current) {
        list_append(&wheel->due, timer);
        return;
    }
    uint32_t highest = 63U - (uint32_t)__builtin_clzll(tick ^ wheel->current);
    uint32_t level = highest / LEVEL_BITS;
    uint32_t slot = (uint32_t)(tick >> (level * LEVEL_BITS)) % SLOTS;
    list_append(&wheel->heads[level][slot], timer);
    mark_used(wheel, level, slot);
}

struct event { // the next slot in use
    uint32_t level;
    uint32_t slot;
    uint64_t tick; // where it starts
};

static bool next_event(const struct trp_wheel *wheel, struct event *event)
{
    if (wheel->levels == 0)
        return false;
    uint32_t level = (uint32_t)__builtin_ctz(wheel->levels);
    uint32_t slot = (uint32_t)__builtin_ctzll(wheel->slots[level]);
    uint64_t above = wheel->current >> ((level + 1) * LEVEL_BITS) << LEVEL_BITS;
    *event = (struct event){level, slot, (above | slot) << (level * LEVEL_BITS)};
    return true;
}

static void publish_next(struct trp_wheel *wheel)
{
    struct event event;
    uint64_t next = TRP_NEVER;
    if (!list_is_empty(&wheel->due))
        next = 0;
    else if (next_event(wheel, &event))
        next = time_of(event.tick);
    // relaxed: written under the lock only.
    if (next != atomic_load_explicit(&wheel->next, memory_order_relaxed))
        // seq_cst [arm-sleep]: comes before the look at how long the sentinel sleeps, parking.c.
        atomic_store_explicit(&wheel->next, next, memory_order_seq_cst);
}

// Enters the slot: its timers are due (level 0) or are placed anew, below (other levels).
static void enter(struct trp_wheel *wheel, const struct event *event)
{
    TRP_ASSERT(event->tick > wheel->current);
    wheel->current = event->tick;
    mark_empty(wheel, event->level, event->slot);
    struct trp_timer *head = &wheel->heads[event->level][event->slot];
    if (event->level == 0) {
        list_move_all(head, &wheel->due);
        return;
    }
    struct trp_timer moved;
    list_init(&moved);
    list_move_all(head, &moved);
    while (!list_is_empty(&moved)) {
        struct trp_timer *timer = moved.next;
        list_unlink(timer);
        place(wheel, timer);
    }
}

// ---- The contract

struct trp_wheel *trp_wheel_new(const troupe_allocator *allocator, uint64_t now)
{
    struct trp_wheel *wheel =
        allocator->alloc(allocator->user, sizeof *wheel, _Alignof(struct trp_wheel));
    if (!wheel)
        return NULL;
    trp_lock_init(&wheel->lock);
    atomic_init(&wheel->next, TRP_NEVER);
    wheel->current = now >> TRP_WHEEL_TICK_SHIFT;
    wheel->levels = 0;
    wheel->allocator = *allocator;
    list_init(&wheel->due);
    for (uint32_t level = 0; level < LEVELS; level++) {
        wheel->slots[level] = 0;
        for (uint32_t slot = 0; slot < SLOTS; slot++)
            list_init(&wheel->heads[level][slot]);
    }
    return wheel;
}

void trp_wheel_free(struct trp_wheel *wheel)
{
    troupe_allocator allocator = wheel->allocator;
    allocator.free(allocator.user, wheel, sizeof *wheel);
}

void trp_wheel_lock(struct trp_wheel *wheel)
{
    trp_lock_acquire(&wheel->lock);
}

void trp_wheel_unlock(struct trp_wheel *wheel)
{
    trp_lock_release(&wheel->lock);
}

void trp_wheel_arm(struct trp_wheel *wheel, struct trp_timer *timer, uint64_t deadline)
{
    TRP_ASSERT(!timer->previous);
    timer->deadline = deadline;
    place(wheel, timer);
    publish_next(wheel);
}

bool trp_wheel_cancel(struct trp_wheel *wheel, struct trp_timer *timer)
{
    if (!timer->previous)
        return false;
    // Alone in its list: both neighbours are the head, and the head tells the slot.
    struct trp_timer *head = timer->next == timer->previous ? timer->next : NULL;
    list_unlink(timer);
    if (head && head != &wheel->due) {
        uint32_t index = (uint32_t)(head - &wheel->heads[0][0]);
        mark_empty(wheel, index / SLOTS, index % SLOTS);
    }
    if (head)
        publish_next(wheel);
    return true;
}

// Enters slots until something is due at `now`, or none is left that could be.
static void reach(struct trp_wheel *wheel, uint64_t now)
{
    uint64_t now_tick = now >> TRP_WHEEL_TICK_SHIFT;
    struct event event;
    while (list_is_empty(&wheel->due) && next_event(wheel, &event) && event.tick <= now_tick)
        enter(wheel, &event);
    if (list_is_empty(&wheel->due) && now_tick > wheel->current)
        wheel->current = now_tick; // nothing lies before it: all slots in use stay ahead
}

struct trp_timer *trp_wheel_expire(struct trp_wheel *wheel, uint64_t now)
{
    reach(wheel, now);
    struct trp_timer *timer = NULL;
    if (!list_is_empty(&wheel->due)) {
        timer = wheel->due.next;
        list_unlink(timer);
    }
    publish_next(wheel);
    return timer;
}

uint32_t trp_wheel_due(struct trp_wheel *wheel, uint64_t now)
{
    reach(wheel, now);
    publish_next(wheel);
    uint32_t count = 0;
    for (struct trp_timer *timer = wheel->due.next; timer != &wheel->due; timer = timer->next)
        count++;
    return count;
}

struct trp_timer *trp_wheel_expire_at(struct trp_wheel *wheel, uint32_t index)
{
    struct trp_timer *timer = wheel->due.next;
    for (; index > 0; index--)
        timer = timer->next;
    TRP_ASSERT(timer != &wheel->due);
    list_unlink(timer);
    publish_next(wheel);
    return timer;
}

uint64_t trp_wheel_first(const struct trp_wheel *wheel)
{
    struct event event;
    if (!list_is_empty(&wheel->due))
        return 0;
    if (!next_event(wheel, &event))
        return TRP_NEVER;
    const struct trp_timer *head = &wheel->heads[event.level][event.slot];
    uint64_t first = TRP_NEVER;
    for (const struct trp_timer *timer = head->next; timer != head; timer = timer->next) {
        uint64_t time = time_of(tick_of(timer->deadline));
        first = time < first ? time : first;
    }
    return first;
}

uint64_t trp_wheel_next(const struct trp_wheel *wheel)
{
    // seq_cst [arm-sleep]: read again after the sentinel has said how long it sleeps, parking.c.
    return atomic_load_explicit(&wheel->next, memory_order_seq_cst);
}
