// What calls_fuzz is made of: actors that do what bytes tell them (calls_actor.c, calls_do.c), and
// plain tables of what they have begun and what has come of it, by which it is known what must not
// happen and what must have happened when all is quiet.
//
//     calls_ask.c    asks, tokens, blocking jobs     each has one end
//     calls_watch.c  monitors, links, names          who is told what, and when no more
//     calls_time.c   timers                          never early, never twice, never after a cancel
//     calls_tree.c   supervisors and their children  what they tell is so
//
// All is one thread's, and there is one game at a time.
#ifndef TESTS_FUZZ_CALLS_H
#define TESTS_FUZZ_CALLS_H

#include "tests/fuzz/fuzz.h"
#include "troupe/blocking.h"
#include "troupe/children.h"
#include "troupe/link.h"
#include "troupe/name.h"
#include "troupe/timer.h"

// ---- Who plays

#define CALLS_PLAYERS 96
#define CALLS_CROWD   64 // from then on nobody is spawned by command
#define CALLS_ENDS    16 // of a player's incarnations that are remembered
#define CALLS_SCRIPT  32 // bytes of commands in a message
#define OUTSIDE       0u // the player that is no actor

struct calls_end { // of an incarnation
    uint32_t incarnation;
    bool started, over;      // init was all right; it has ended
    troupe_reason_kind kind; // that its `stop` was told; 0: it was not called
};

#define CALLS_ASIDES 32

// A message that may come once more: it was put aside, or handed on.
struct calls_aside {
    uint32_t from, number;
};

struct calls_player {
    troupe_ref ref;
    bool here;            // an incarnation has begun, and not ended
    bool supervised;      // by a supervisor; else it belongs to an actor or the system
    troupe_restart type;  // if supervised
    uint32_t incarnation; // the one that has begun last
    uint32_t announced;   // by the system's events
    struct calls_end ends[CALLS_ENDS];
    uint32_t sent[CALLS_PLAYERS]; // to each other: the latest number
    uint32_t got[CALLS_PLAYERS];  // from each other
    bool over[CALLS_PLAYERS];     // has been told that the other one has ended
    struct calls_aside asides[CALLS_ASIDES];
    uint32_t aside_count;
};

// The state of an incarnation.
struct calls_state {
    uint32_t magic, who, incarnation;
    uint32_t put_aside; // so many of the next messages
    uint32_t becomes;
    bool has_trapped, stopped;
    uint32_t defers; // the latest number
    bool over;       // its first defer, the last to run, has run
};

// Who does something: an actor in a handler, or the thread outside.
struct calls_actor {
    troupe_ctx *ctx;
    uint32_t who;
    struct calls_state *state; // NULL: outside
    const troupe_msg *msg;     // that is being handled; NULL: none, or it was handed on
    uint32_t ask;              // that the message is, see calls_ask.c; 0: none
    bool leaves;               // the handler returns
    troupe_status status;      // with that
};

struct calls {
    struct calls_player players[CALLS_PLAYERS];
    uint32_t count;
    bool calm;      // nobody begins anything any more
    bool is_closed; // the system ends: a supervisor of its own has given up
    uint64_t restarts, failures, dead;
    uint64_t defers, deferred; // that were set up, that have run
    uint32_t handed_on;        // messages
};

extern struct calls calls;
extern const troupe_behavior calls_behavior;

struct calls_say { // commands; numbered for each pair
    uint32_t from, to, number;
    uint32_t ask; // 0: it is none
    uint32_t size;
    uint8_t script[CALLS_SCRIPT];
};

struct calls_born {
    bool supervised;
    troupe_restart type;
    uint8_t fate;
    uint32_t size;
    uint8_t script[8];
};

struct calls_answer {
    uint32_t from, to, number, ask;
};

struct calls_tick {
    uint32_t timer;
};

TROUPE_STRUCT(CallsSay, struct calls_say);
TROUPE_STRUCT(CallsBorn, struct calls_born);
TROUPE_STRUCT(CallsAnswer, struct calls_answer);
TROUPE_STRUCT(CallsTick, struct calls_tick);
TROUPE_EMPTY(CallsCalm); // be quiet: nothing is put aside, owed or to come any more

// ---- Players

uint32_t calls_find(troupe_ref ref); // OUTSIDE: nobody that is known
uint32_t calls_enter(troupe_ref ref);

// Any ref: mostly a player's, sometimes nobody's.
troupe_ref calls_pick(struct calls_actor *actor, struct fuzz_bytes *script);

static inline bool calls_lives(troupe_ref ref)
{
    return troupe_incarnation(troupe_outside(fuzz_system), ref) != 0;
}

const struct calls_end *calls_end_of(uint32_t who, uint32_t incarnation); // NULL: long ago

// Whether that incarnation has begun and not ended.
bool calls_is_here(uint32_t who, uint32_t incarnation);

// Fails unless a player is the one who is running now.
void calls_check_actor(const struct calls_actor *actor);

// Fails unless the reason may be why that incarnation has ended.
void calls_check_reason(uint32_t who, uint32_t incarnation, const troupe_reason *reason);

// ---- Commands

// Does what the bytes say, until they end or the handler is to return.
void calls_do(struct calls_actor *actor, struct fuzz_bytes *script);

// Fails unless the status is one of those listed, which end with -1; or memory has failed.
#define CALLS_EXPECT(status, ...) \
    calls_expect((status), (const int[]){__VA_ARGS__, -1}, __FILE__, __LINE__)
bool calls_expect(troupe_status status, const int *allowed, const char *file, int line);

// The next number of what one sends to another; 0: they are not numbered.
uint32_t calls_number(uint32_t from, troupe_ref to);

// A message that has come may come once more, if there is room to remember it.
bool calls_may_return(const struct calls_actor *actor);
void calls_will_return(const struct calls_actor *actor, struct calls_aside aside);

// Has come: checks that it was not overtaken.
void calls_got(struct calls_actor *actor, uint32_t from, uint32_t number);

void calls_do_ask(struct calls_actor *actor, uint32_t command, struct fuzz_bytes *script);
void calls_do_watch(struct calls_actor *actor, uint32_t command, struct fuzz_bytes *script);
void calls_do_time(struct calls_actor *actor, uint32_t command, struct fuzz_bytes *script);
void calls_do_tree(struct calls_actor *actor, uint32_t command, struct fuzz_bytes *script);

// ---- What an actor is told

void calls_on_down(struct calls_actor *actor, const troupe_down *down);
void calls_put_aside(struct calls_actor *actor, const troupe_down *down); // it comes once more
void calls_put_tick_aside(const struct calls_tick *tick);
void calls_on_exited(struct calls_actor *actor, const troupe_exited *exited);
void calls_on_tick(struct calls_actor *actor, const struct calls_tick *tick);

// ---- What the tables are told

bool calls_can_watch(void); // there is room for one more monitor and link
void calls_watched(struct calls_actor *actor, troupe_ref ref, uint32_t events,
                   troupe_monitor_ref monitor);
void calls_linked(struct calls_actor *actor, troupe_ref ref, uint32_t incarnation);
void calls_named(uint32_t name, troupe_ref ref);
const char *calls_name(uint32_t name); // one of 8

// A supervisor's ref, or the zero ref.
troupe_ref calls_office(uint32_t at);

// Whether the system ends if that supervisor gives up.
bool calls_may_close(troupe_ref supervisor);

// Answers what the actor owes, and cancels its timers.
void calls_pay(struct calls_actor *actor);
void calls_end_timers(struct calls_actor *actor);

// ---- When all is quiet, and when all is over

void calls_check_asks(void);
void calls_check_watchers(void);
void calls_check_timers(void);
void calls_check_trees(void);
void calls_check_jobs(void);
void calls_forget_asks(void);
void calls_forget_watchers(void);
void calls_forget_timers(void);
void calls_forget_trees(void);

#endif
