// A world for behaviour tests: one system in which a story happens.
//
// world_each tells the same story many times: driven with a number of seeds, and on one and two
// real workers. Actors say what they see; the story waits for what is said and compares. Nothing
// sleeps, nothing asserts how long something took: a wait ends when the thing happens, or fails the
// test after a minute.
//
//     WORLD_STORY(a_message_arrives)
//     {
//         troupe_ref a = world_spawn(world, "a", NULL, NULL);
//         troupe_send(world->ctx, a, Number, .value = 5);
//         world_await(world, "a", "5");
//     }
//     ... cmocka_unit_test(a_message_arrives)
//
// When the story is over world_each stops the system and checks that it stopped in time, that every
// message is accounted for, that all that was spawned has ended, and that all memory came back.
#ifndef TESTS_SUPPORT_WORLD_H
#define TESTS_SUPPORT_WORLD_H

#include "sim/driver.h"
#include "tests/support/test.h"
#include "troupe/ask.h"
#include "troupe/link.h"
#include "troupe/supervisor.h"
#include "troupe/timer.h"

#define WORLD_PATIENCE_S 60 // a wait that takes this long is a hang

struct world_line {
    char *who, *text;
};

struct tree_script;

struct world {
    troupe_system *system; // NULL: stopped
    troupe_ctx *ctx;       // its troupe_outside
    bool driven;           // else on real threads
    uint64_t seed;         // driven only
    uint32_t workers;
    struct trp_driver driver;

    pthread_mutex_t lock;
    pthread_cond_t news;
    struct world_line *lines; // lock; all that was said, in the order of saying
    size_t line_count, line_capacity;
    _Atomic int64_t blocks; // that the allocator gave out and did not get back
    troupe_allocator allocator;
    troupe_report report;        // once it is stopped
    struct tree_script *scripts; // see tree.h
};

// ---- Telling stories

// Tells the story driven, under the seeds from 1 to WORLD_SEEDS (see BUILD), and ten times each on
// 1 and 2 workers. In the environment, TROUPE_SEEDS=20000 tells it under more seeds, TROUPE_SEED=17
// under that one only and not on threads. A story that fails prints its seed, and how to tell it
// again.
void world_each(void (*story)(struct world *world));

// world_each with options; allocator, hooks, seed and workers are the world's own.
void world_each_with(const troupe_system_opts *opts, void (*story)(struct world *world));

// The two halves of it, for stories that happen on one kind only.
void world_each_driven(void (*story)(struct world *world));
void world_each_threads(void (*story)(struct world *world));

// Stops the system and makes the checks; what was said stays until world_each goes on. For stories
// about the stop itself.
void world_stop(struct world *world);

// Defines a test out of a story: WORLD_STORY(a_message_arrives) { ... uses `world` ... }
#define WORLD_STORY(name)            WORLD_STORY_(name, world_each)
#define WORLD_STORY_DRIVEN(name)     WORLD_STORY_(name, world_each_driven)
#define WORLD_STORY_ON_THREADS(name) WORLD_STORY_(name, world_each_threads)
#define WORLD_STORY_(name, each)                   \
    static void name##_story(struct world *world); \
    static void name(void **state)                 \
    {                                              \
        (void)state;                               \
        each(name##_story);                        \
    }                                              \
    static void name##_story(struct world *world)

// ---- What is said

// Has the world know that `who` has seen something. From any thread.
__attribute__((format(printf, 2, 3))) void world_say(const char *who, const char *format, ...);

// world_say in the name of the running actor.
__attribute__((format(printf, 2, 3))) void puppet_say(troupe_ctx *ctx, const char *format, ...);

// The hooks of the system say, too:
//   "dead": what became a dead letter and why, for example "Number 5 ended";
//   "event": for example "failed a 1 failed: no disk", "restarted a 2 failed: no disk".

// Counts how often `who` has said `text` until now.
unsigned world_heard(struct world *world, const char *who, const char *text);

// Waits until `who` has said `text`; until it has said it `times` times.
void world_await(struct world *world, const char *who, const char *text);
void world_await_times(struct world *world, unsigned times, const char *who, const char *text);

// Fails unless what `who` has said until now is exactly `texts`, separated by "; ".
void world_expect(struct world *world, const char *who, const char *texts);

// Waits until `who` has said as many things as are in `texts`, and compares as world_expect.
void world_await_all(struct world *world, const char *who, const char *texts);

// Fails unless the first was said before the second.
void world_expect_order(struct world *world, const char *first_who, const char *first,
                        const char *second_who, const char *second);

// ---- Time passes

// Waits until `predicate`, called on this thread, is true. Driven: runs what is runnable, then lets
// the clock jump to the next timer, and so on.
void world_until(struct world *world, bool (*predicate)(struct world *world, void *arg), void *arg);

// Driven: runs until nothing is runnable, without moving the clock. Threads: does nothing.
void world_settle(struct world *world);

// Driven only: runs until `ms` of virtual time have passed.
void world_advance(struct world *world, uint64_t ms);

// ---- Puppets: actors that do what they are told and say what they see
//
// A puppet says "init 1" (its incarnation), the value of each Number, "stop shutdown" (the reason,
// with ": text" if there is one), and of a monitor "down stop 1 normal", "down restart 1 failed:
// text", "down start 1", of an exit signal that it traps "exited 1 failed: text". It runs what a Do
// carries, and answers Sync.

struct puppet {
    troupe_ref other; // for the functions that it is told to run
    troupe_monitor_ref monitor;
    troupe_timer timer;
    troupe_token token;
    troupe_ask_id ask;
    troupe_msg *message;
    int64_t number;
};

typedef troupe_status (*puppet_fn)(troupe_ctx *ctx, struct puppet *puppet, void *arg);

struct number {
    int64_t value;
};

struct order {
    puppet_fn fn;
    void *arg;
};

TROUPE_STRUCT(Number, struct number);
TROUPE_STRUCT(Do, struct order);
TROUPE_EMPTY(Sync);

extern const troupe_behavior puppet_behavior; // init arguments: a Do or none

// Starts a puppet that belongs to the system; `init` (may be NULL) is run with `arg` in its init.
troupe_ref world_spawn(struct world *world, const char *name, puppet_fn init, void *arg);

// The same for handlers: a child of the running actor.
troupe_ref puppet_spawn(troupe_ctx *ctx, const char *name, puppet_fn init, void *arg);

// Starts a supervisor with one permanent puppet that may be restarted as often as it likes, and
// returns the puppet's ref; it has started.
troupe_ref world_supervise(struct world *world, const char *name, puppet_fn init);

// Has a puppet run `fn(ctx, puppet, arg)` as a message; what fn returns is what its handler
// returns.
void world_tell(struct world *world, troupe_ref puppet, puppet_fn fn, void *arg);

// world_tell, and waits until it has run or the puppet has ended without. TROUPE_OK or
// TROUPE_EDOWN.
troupe_status world_do(struct world *world, troupe_ref puppet, puppet_fn fn, void *arg);

// Waits until the puppet has handled all that this thread has sent to it until now.
void world_sync(struct world *world, troupe_ref puppet);

// Waits until an actor has ended for good.
void world_join(struct world *world, troupe_ref ref);

// Starts a witness, which says what a monitor of `ref` tells as a puppet does and nothing else. The
// monitor is set when this returns.
void world_watch(struct world *world, const char *witness, troupe_ref ref, uint32_t events);

// Fails the program unless `condition`: for handlers, where cmocka's checks cannot be used.
#define WORLD_CHECK(condition) \
    ((condition) ? (void)0 : world_check_failed(__FILE__, __LINE__, #condition))
_Noreturn void world_check_failed(const char *file, int line, const char *condition);

// What many puppets do.
troupe_status puppet_stop(troupe_ctx *ctx, struct puppet *puppet, void *arg);  // TROUPE_STOP
troupe_status puppet_fail(troupe_ctx *ctx, struct puppet *puppet, void *text); // TROUPE_EUSER, text
troupe_status puppet_watch(troupe_ctx *ctx, struct puppet *puppet, void *ref); // all three events

#endif
