// Slots: what refs point to. Type-stable memory: a slot is never freed or re-initialised while its
// system runs, so a sender may touch it without holding a count.
//
// A slot is used by one actor after another, told apart by the generation. It carries what survives
// a restart; what does not is in the body (struct troupe_ctx). Its consumer is whoever runs the
// activation, one at a time: the mailbox's hand-over [swap]/[idle] makes each see what the one
// before did.
//
//            spawn                      init ok                 end of incarnation
//   FREE ------------> STARTING ------------------> RUNNING ---------------------------+
//    ^                     |  init failed, stop                                        v
//    |                     +------------------------------------------------------> STOPPING
//    |                                                            children gone        |
//    |  mailbox empty and owner told                     supervised: AWAITING <--------+
//    +--------------------------------------- ENDED <------------- END      \-- RESTART -->
//    STARTING
//
// TELLING is each of these arrows but the first while more is to be told of it than an activation
// may tell: before RUNNING, that it has started; before AWAITING, what was linked with the
// incarnation; before STARTING, that it restarts; before ENDED, all who are attached. Then the
// generation is over already. Nothing is obeyed or handled meanwhile.
//
// An actor whose behaviour has no init is spawned as RUNNING, unless somebody waits for its start.
//
// FREE and ENDED slots have no body. A message that was pushed just before an end schedules such a
// slot once more: running it is legal and makes dead letters [late].
#ifndef TRP_ACTORS_SLOT_H
#define TRP_ACTORS_SLOT_H

#include "actors/reason.h"
#include "mailbox/envelope.h"
#include "scheduler/scheduler.h"

#include <stdatomic.h>

struct trp_persist;
struct trp_target_ops;

enum trp_phase { TRP_STARTING, TRP_RUNNING, TRP_STOPPING, TRP_AWAITING, TRP_TELLING };

// What is told in TELLING, and so what comes next; see lifecycle.c.
enum trp_telling { TRP_TELL_START, TRP_TELL_LINKS, TRP_TELL_RESTART, TRP_TELL_END };

enum trp_init { TRP_INIT_NOT_YET, TRP_INIT_CALLED, TRP_INIT_SUCCEEDED };

// Orders to a slot's consumer: bits of slot->orders, below the generation they are meant for.
enum trp_order {
    TRP_ORDER_STOP = 1u << 0,      // end with shutdown
    TRP_ORDER_KILL = 1u << 1,      // end with killed
    TRP_ORDER_RESTART = 1u << 2,   // AWAITING: start the next incarnation
    TRP_ORDER_END = 1u << 3,       // AWAITING: end for good
    TRP_ORDER_NOTICE = 1u << 4,    // slot->notices is not empty
    TRP_ORDER_TICK = 1u << 5,      // the slot's own timer went off
    TRP_ORDER_ABANDONED = 1u << 6, // the body is held by a handler that was given up
    TRP_ORDER_EXPIRE = 1u << 7,    // the timer of its asks went off
    TRP_ORDER_PURGE = 1u << 16,    // AWAITING: drop what the group has sent; see stale.c
    TRP_ORDER_SUSPENDED = 1u << 8, // nobody runs it though its mailbox is not idle: schedule it
    TRP_ORDER_EXIT = 1u << 20,     // exit signals wait in slot->watched; see signal.c
};

// What others must know of the actor in the same step as its generation: bits of slot->orders, too.
enum trp_alive {
    TRP_ALIVE = 1u << 9,             // somebody lives here: has been spawned and not ended
    TRP_ALIVE_STARTED = 1u << 10,    // its incarnation has started
    TRP_ALIVE_WATCHED = 1u << 11,    // slot->watched is to be looked at when it starts or ends
    TRP_ALIVE_SUPERVISES = 1u << 12, // fixed: persist->supervision is there
    TRP_ALIVE_ROOT = 1u << 13,       // fixed: belongs to the system
    TRP_ALIVE_AWAITED = 1u << 14,    // a root whose end somebody waits for; see roots.c
    TRP_ALIVE_LISTENS = 1u << 15,    // it waits for the ends of its children; see children.c
    TRP_ALIVE_TRAPS = 1u << 21,      // its incarnation traps exits
    TRP_ALIVE_BETWEEN = 1u << 22,    // it is between two incarnations; see signal.c
    TRP_ALIVE_MANY = 1u << 23        // more than a batch may be attached to it; see watched.h
};

#define TRP_ORDER_ANY ((TRP_ORDER_SUSPENDED - 1u) | TRP_ORDER_EXIT)
#define TRP_ORDER_WHILE_AWAITING                                                              \
    (TRP_ORDER_STOP | TRP_ORDER_KILL | TRP_ORDER_RESTART | TRP_ORDER_END | TRP_ORDER_NOTICE | \
     TRP_ORDER_PURGE)

// What a child tells its owner: bits of slot->notice.
enum trp_notice {
    TRP_NOTICE_STARTED = 1, // init has succeeded
    TRP_NOTICE_DOWN = 2,    // AWAITING: what shall happen to it?
    TRP_NOTICE_GONE = 4,    // ENDED: the owner gives its hold back
    TRP_NOTICE_PURGED = 8,  // AWAITING: has dropped what its group has sent
    TRP_NOTICE_ENDED = 16   // supervised: nobody finds it any more; others are told of it now
};

struct trp_slot {
    // First line: what senders read and write.
    _Alignas(TRP_CACHE_LINE) struct trp_mpsc_head inbox;
    _Atomic uint32_t generation; // of the actor that lives here or will be next
    uint32_t index;              // fixed
    struct trp_task task;
    struct trp_reason reason; // consumer; the owner may read it after DOWN and GONE
    _Atomic uint32_t holds;   // what keeps an ENDED slot from being used again: mailbox, owner
    _Atomic(const struct trp_target_ops *) ops; // set once, see target.h; NULL: an actor

    // Second line: the consumer's, and what can be ordered of it.
    _Alignas(TRP_CACHE_LINE) struct trp_mpsc_front front;
    _Atomic uint64_t orders;            // generation << 32 | enum trp_alive | enum trp_order
    _Atomic(struct troupe_ctx *) body;  // consumer; NULL: FREE or ENDED
    _Atomic(struct trp_slot *) notices; // children with news, newest first, by notice_next
    struct trp_link nudge;              // a node that carries no message; see trp_slot_nudge
    _Atomic uint32_t nudged; // how often the nudge was wanted since it was last free; see slot.c
    uint8_t phase;           // consumer: enum trp_phase
    uint8_t supervised;      // fixed: the owner decides about the end
    uint8_t retiring;        // consumer: gives the mailbox's hold back when it goes idle
    _Atomic uint8_t init;    // consumer: enum trp_init
    _Atomic uint32_t incarnation;   // consumer; in a free slot what it was
    uint32_t shutdown_ms;           // fixed: what the owner allows it to stop in
    _Atomic uint32_t kill_grace_ms; // fixed; 0: the system's
    uint8_t on_thread;              // fixed
    uint8_t awaited;                // consumer; AWAITED was set when it ended
    _Atomic uint8_t in_group; // owner: is down for a group's restart, with others; see stale.c
    uint8_t telling;          // consumer: enum trp_telling, valid in TELLING

    // Third line: rarer.
    _Alignas(TRP_CACHE_LINE) union {
        const troupe_behavior *behavior; // fixed
        void *target_user;               // fixed; of ops
    };
    struct trp_persist *persist; // consumer and spawner; NULL until needed
    struct trp_slot *owner;      // fixed; NULL: the system
    uint32_t owner_generation;   // fixed
    _Atomic uint32_t notice;     // enum trp_notice, and the depth of the stack; see children.c

    union {
        struct trp_slot *sibling_next; // owner's consumer; free list
        struct trp_child *entry;       // of a supervised one: its place in its supervisor's table
    };
    struct trp_slot *sibling_previous;
    struct trp_slot *notice_next; // whoever pushed it to the owner's notices
    struct trp_watched *watched;  // the stripe lock of the slot's index; NULL in a free slot
};

_Static_assert(sizeof(struct trp_slot) == 192, "three cache lines");

// What an actor keeps over restarts and most do not need.
struct trp_persist {
    char *name;                // of the spawn options, or NULL; persist's own memory
    struct trp_envelope *args; // for init, or NULL
    size_t memory_limit;       // SIZE_MAX: none
    uint32_t name_size;
    struct trp_slot *children; // oldest; consumer; not of a supervisor, which has a table
    struct trp_slot *children_last;
    uint32_t child_count;  // of any kind
    struct trp_tick *tick; // the slot's own timer, see children.c; made with the first child
    uint64_t stop_began;   // when children were told to stop
    struct trp_supervision *supervision; // supervisors only; the stripe lock for other threads
};

// ---- The table

#define TRP_SLOT_CHUNKS 24 // chunk k holds 256 << k slots: 4 G in all

struct trp_slot_table {
    // Where slot 0 would be if all slots lay in a row with those of the chunk; 0: no chunk yet.
    _Atomic uintptr_t bases[TRP_SLOT_CHUNKS];
    _Atomic uint32_t count;     // slots that exist; indices below are valid
    struct trp_slot *free_list; // system->slots_lock
};

struct trp_slot_cache {         // one per runner
    struct trp_slot *free_list; // by sibling_next
    uint32_t count;
};

static inline uint32_t trp_slot_chunk(uint32_t index)
{
    return 31u - (uint32_t)__builtin_clz((index >> 8) + 1);
}

// Returns where the slot with this index is; its chunk must be there.
static inline struct trp_slot *trp_slot_place(const struct trp_slot_table *table, uint32_t index)
{
    uintptr_t base =
        atomic_load_explicit(&table->bases[trp_slot_chunk(index)], memory_order_relaxed);
    return (struct trp_slot *)(base + index * sizeof(struct trp_slot));
}

// Returns the slot with this index, or NULL. Any thread.
static inline struct trp_slot *trp_slot_at(const struct trp_slot_table *table, uint32_t index)
{
    // acquire: the chunk pointers and slots of all indices below the count are visible.
    if (TRP_UNLIKELY(index >= atomic_load_explicit(&table->count, memory_order_acquire)))
        return NULL;
    return trp_slot_place(table, index);
}

// Takes a free slot, for the generation that its orders say; NULL without memory.
struct trp_slot *trp_slot_take(troupe_system *system, struct trp_runner *runner);

// Gives back one of the holds on an ended slot; the last one makes it free.
void trp_slot_release_hold(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot);

// Frees the table's memory.
void trp_slot_table_fini(troupe_system *system);

// Hands a runner's free slots to the system.
void trp_slot_cache_fini(troupe_system *system, struct trp_slot_cache *cache);

// ---- Orders

// Tells from a slot's orders whether the actor of that generation lives there.
static inline bool trp_slot_lives(uint64_t orders, uint32_t generation)
{
    return (uint32_t)(orders >> 32) == generation && (orders & TRP_ALIVE) != 0;
}

// Tells whether the actor that a ref names lives in the slot that trp_resolve has found for it, or
// NULL. A hint: it may end at any time, and what is sent to it then becomes a dead letter.
static inline bool trp_slot_is_live(const struct trp_slot *slot, troupe_ref ref)
{
    return slot &&
           atomic_load_explicit(&slot->generation, memory_order_relaxed) == ref.generation &&
           ref.generation != 0;
}

static inline uint32_t trp_slot_generation(const struct trp_slot *slot)
{
    return (uint32_t)(atomic_load_explicit(&slot->orders, memory_order_relaxed) >> 32);
}

// Gives an order to the actor of that generation and makes its consumer look at it. False: it is
// gone. Any thread; `runner` is the calling thread's, or NULL. Needs no memory.
bool trp_slot_order(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot,
                    uint32_t generation, uint32_t bits);

// Makes the slot's consumer run once more.
void trp_slot_nudge(troupe_system *system, struct trp_runner *runner, struct trp_slot *slot);

// Whoever took the nudge out of the mailbox: lets it be used again. True: somebody has found it in
// use; the caller nudges, or looks at the slot again.
bool trp_slot_nudge_done(struct trp_slot *slot);

// Consumer: detaches the front node while the slot stays its own: the nudge fills the place behind
// the last node.
void trp_slot_detach_front(struct trp_slot *slot);

// Consumer: stops being the consumer though the mailbox is not idle. False: there are orders among
// those of `mask`.
bool trp_slot_suspend(struct trp_slot *slot, uint32_t mask);

// Consumer: takes the orders of `mask` that are there.
uint32_t trp_slot_take_orders(struct trp_slot *slot, uint32_t mask);

#endif
