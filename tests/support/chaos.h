// Chaos: a tree of supervisors of all kinds whose actors ("imps") fail, stop, kill, link, watch and
// ask their supervisors for this and that, at random, while others do the same to them from
// outside. Then it becomes calm, and the tree must be whole: chaos_check.c says what that means.
//
// A tree is built from a seed (chaos_tree.c): offices, which are supervisors, and imps
// (chaos_imp.c) below them. Each imp has a record of its own, its life, in which every incarnation
// signs in and out; so one that is lost or there twice is found. chaos_admin.c asks offices for
// things. An observer of the system's events counts the restarts of each office for itself; a
// journal (chaos_journal.c) tells of links and monitors.
//
// There is one tree at a time in the program. The fields of offices and lives are fixed while it
// stands, except where it is said.
#ifndef TESTS_SUPPORT_CHAOS_H
#define TESTS_SUPPORT_CHAOS_H

#include "base/random.h"
#include "troupe/children.h"
#include "troupe/system.h"

#include <pthread.h>
#include <stdatomic.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#    define CHAOS_SANITIZED 1
#else
#    define CHAOS_SANITIZED 0
#endif

#define CHAOS_PATIENCE_MS 60000 // who has not answered then never will

#define CHAOS_LEVELS   4  // root, wings, wards, rooms
#define CHAOS_CHILDREN 12 // of an office, at most
#define CHAOS_GUESTS   64 // imps that an office of simple one for one can have had, at most

struct chaos_shape {
    uint32_t fan;    // offices below each office that is not a room
    uint32_t leaves; // imps in each room; other offices have one
    bool driven;     // on one thread: nobody needs to be slow
};

// Where the incarnations of one imp sign in.
struct chaos_life {
    uint32_t office;
    uint32_t child;               // which of the office's children it is
    bool may_overlap;             // may be given up, and then two are there for a while
    _Atomic uint64_t ref;         // of who is there, slot << 32 | generation; or 0
    _Atomic uint32_t incarnation; // valid while ref is the same before and after
    _Atomic int32_t alive;        // how many are there
    uint32_t seen;                // by the check: in which round
    _Atomic uint32_t here;        // whoever is has answered in that round
};

// The message for an imp's init.
struct chaos_birth {
    struct chaos_life *life;
};

// Asks all who are there to say so.
struct chaos_roll {
    struct chaos_life *life;
    uint32_t round;
};

// What the observer knows of an office's restarts, of one of its incarnations. chaos.lock
struct chaos_tally {
    uint64_t ref;
    uint32_t incarnation;
    uint32_t restarts;                     // that count for the office; groups: see below
    uint32_t of_child[CHAOS_CHILDREN];     // groups: restarts of each; with a budget of its own: of
    uint64_t ref_of_child[CHAOS_CHILDREN]; // the ref
};

struct chaos_office {
    char id[16]; // which is its name as well
    uint32_t parent;
    uint32_t place; // among the parent's children
    uint32_t level;
    bool bounded; // its period is longer than the test, so that all its restarts count
    troupe_supervisor spec;
    troupe_child children[CHAOS_CHILDREN];
    char ids[CHAOS_CHILDREN][24];
    uint32_t offices[CHAOS_CHILDREN];          // the child is that office; 0: it is an imp
    struct chaos_life lives[CHAOS_CHILDREN];   // of imps
    struct chaos_birth births[CHAOS_CHILDREN]; // of imps
    struct chaos_life *guests;                 // of simple one for one; NULL: it is not
    _Atomic uint32_t guest_count;              // may be more than CHAOS_GUESTS
    uint32_t seen;                             // by the check
    struct chaos_tally tally;                  // chaos.lock
    // How often somebody has wished to delete that child, which is started anew with a new budget.
    _Atomic uint32_t deletes[CHAOS_CHILDREN];
};

// What the journal tells of.
enum chaos_mark {
    CHAOS_ENDED,     // who has; detail: its troupe_reason_kind, or CHAOS_UNCLEAR
    CHAOS_LINKED,    // who with other's incarnation
    CHAOS_UNLINKED,  // who from other
    CHAOS_TOLD,      // who, of the end of other's incarnation, by a link
    CHAOS_WATCHED,   // who set the monitor `other`, of detail's end
    CHAOS_UNWATCHED, // who ended the monitor `other`
    CHAOS_DOWN       // who, of an end, by the monitor `other`
};

#define CHAOS_UNCLEAR 1000u // its init has failed or has been declined

struct chaos_line {
    uint64_t who; // refs are packed
    uint32_t mark, incarnation;
    uint64_t other;
    uint32_t other_incarnation, unused;
    uint64_t detail;
};

struct chaos {
    uint64_t seed;
    struct chaos_shape shape;
    troupe_ctx *outside;
    uint64_t system_id;
    troupe_ref root;
    _Atomic bool calm; // nobody does anything any more
    struct chaos_office *offices;
    uint32_t office_count;
    uint32_t first_room; // from there on they are all rooms
    pthread_mutex_t lock;

    struct chaos_gave_up { // lock; who gave up
        uint64_t ref;
        uint32_t incarnation;
    } * gave_up;

    size_t gave_up_count, gave_up_capacity; // lock
    struct chaos_line *lines;               // lock; the journal
    size_t line_count, line_capacity;       // lock
    uint64_t restarts;                      // lock
    _Atomic uint64_t sent, handled, dead;   // messages ChaosAct
    uint64_t links, watches;                // ends that the journal says were told
    uint32_t at_work;                       // imps that the last look has found
    char trouble[256];                      // what was not whole, at the last look
};

extern struct chaos chaos;
extern const troupe_behavior chaos_imp;

TROUPE_STRUCT(ChaosBirth, struct chaos_birth);
TROUPE_STRUCT(ChaosPong, struct chaos_birth);
TROUPE_STRUCT(ChaosRoll, struct chaos_roll);
TROUPE_EMPTY(ChaosPing); // asks who it is
TROUPE_EMPTY(ChaosAct);  // has it do something; is counted
TROUPE_EMPTY(ChaosTick); // the same, by a timer

// ---- The course of it

// Builds the specifications. Ownership: until chaos_close.
void chaos_open(uint64_t seed, const struct chaos_shape *shape);

// The hooks of the system, which must have them; hook_user is not used.
void chaos_observe(void *user, const troupe_event *event);
void chaos_observe_dead(void *user, const troupe_dead_letter *letter);

// Starts the tree. The chaos begins. `pause` lets some time pass; it returns false when there has
// been enough of it.
void chaos_start(troupe_system *system, bool (*pause)(void));

// Does something at random to somebody. Threads: any outside.
void chaos_do_something(uint64_t dice);

// Ends the chaos and waits until the tree is whole.
void chaos_calm_down(bool (*pause)(void));

// After the stop of the system: nobody is left, and no message is lost or doubled. Frees all.
void chaos_close(const troupe_report *report);

// ---- For the parts of it

// Ends the program, telling what is broken and under which seed.
_Noreturn __attribute__((format(printf, 1, 2))) void chaos_broken(const char *format, ...);

static inline uint64_t chaos_pack(troupe_ref ref)
{
    return (uint64_t)ref.slot << 32 | ref.generation;
}

static inline troupe_ref chaos_unpack(uint64_t ref)
{
    return (troupe_ref){ref ? chaos.system_id : 0, (uint32_t)(ref >> 32), (uint32_t)ref};
}

// From now on whatever ends the program before chaos_close has it say how to repeat that.
void chaos_tell_if_broken(void);

// Sends a ChaosAct.
void chaos_send(troupe_ctx *ctx, troupe_ref to);

#define CHAOS_POPULAR_NAMES 32

void chaos_popular_name(uint64_t dice, char name[static 24]);

// Writes into the journal; compares it.
void chaos_enter(const struct chaos_line *line);
void chaos_check_journal(void);

// Somebody's life.
struct chaos_life *chaos_somebody(uint64_t dice);
struct chaos_office *chaos_some_office(uint64_t dice);
struct chaos_office *chaos_some_room(uint64_t dice);

// An imp that does not live yet, for an office of simple one for one; NULL: there were too many.
struct chaos_life *chaos_new_guest(struct chaos_office *office);

// Has an office asked for something, by an actor; from outside, waiting for the answer.
void chaos_ask_office(troupe_ctx *ctx, struct chaos_office *office, uint64_t dice);
void chaos_ask_office_wait(struct chaos_office *office, uint64_t dice);

#endif
