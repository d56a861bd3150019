// Runs tasks on workers. Knows nothing of actors or messages: a task is something that can be run
// once more, and tells after each activation whether it wants to be run again.
//
// A task is in at most one place at a time (a worker's next slot, a ring, the injection queue, a
// home thread, or running): whoever makes it runnable must know that it is in none of them. The
// mailbox gives that knowledge ("was idle").
//
//   trp_schedule --(worker)--> next slot -> ring --steal half--> other worker's ring
//                \-(other thread)--> injection queue -> any worker
//                \-(task with a home)--> its own thread
#ifndef TRP_SCHEDULER_SCHEDULER_H
#define TRP_SCHEDULER_SCHEDULER_H

#include "base/clock.h"
#include "base/random.h"
#include "base/slab.h"
#include "scheduler/wheel.h"
#include "troupe/status.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trp_scheduler;
struct trp_thread; // a thread of a task's own

struct trp_task {
    struct trp_task *next; // injection queue's lock
    // The thread that alone runs it; NULL: the pool. Set while nobody runs it.
    _Atomic(struct trp_thread *) home;
};

enum trp_run { TRP_RUN_DONE, TRP_RUN_AGAIN };

// A context in which tasks run: a pool worker, a home thread, or the one of a simulation. What is
// here belongs to the thread that runs the worker, but for reading `user`; the scheduler's own part
// is private to it.
struct trp_worker {
    struct trp_scheduler *scheduler;
    _Atomic(void *) user;        // the layer above: its per-worker data, set in ops->worker_start
    struct trp_slab_cache cache; // small blocks
    struct trp_random random;    // seeded from the scheduler's seed and the index
    uint32_t index;              // 0..workers-1; home threads: from `workers` on, not reused soon
    bool pool;                   // false: a home thread
    bool queues;                 // it has a next slot and a ring: a thread of the pool
    bool quick;                  // its latest activations took little time
};

// What the layer above does. Calls come from the worker's own thread.
struct trp_scheduler_ops {
    // Called in each new worker before it runs anything; false: no memory, the start fails.
    bool (*worker_start)(struct trp_worker *worker);
    // Called in each worker after its last task.
    void (*worker_stop)(struct trp_worker *worker);
    // Runs one activation. TRP_RUN_DONE: the scheduler does not touch the task any more (another
    // thread may have scheduled it already). TRP_RUN_AGAIN: it goes to the back of the queue.
    enum trp_run (*run)(struct trp_worker *worker, struct trp_task *task);
    // Handles a timer that has expired. Called without any lock of the scheduler.
    void (*expire)(struct trp_worker *worker, struct trp_timer *timer);
    // A parked worker finds that `worker`, which is not the calling thread's, is held by its task.
    // `by` NULL: tells whether something should be done about that. Else does so, on the thread of
    // `by`. May be NULL.
    bool (*held)(struct trp_worker *worker, struct trp_worker *by);
    // Fetches a task that will run soon into the CPU's cache; `deep`: also what it leads to, after
    // the task itself was fetched. It may be run or be anything else meanwhile. May be NULL.
    void (*fetch)(struct trp_task *task, bool deep);
};

// Choices that a simulation takes over. NULL functions: the built-in choice.
struct trp_choice {
    uint32_t (*next)(void *user, uint32_t count); // which of `count` runnable tasks (oldest = 0)
    uint32_t (*victim)(void *user,
                       uint32_t count); // which of `count` other workers to steal from first
    uint32_t (*timer)(void *user, uint32_t count); // driven: which of `count` timers due at once
    void *user;
};

struct trp_scheduler_config {
    uint32_t workers;  // 1..1024
    bool driven;       // no threads at all: trp_scheduler_step runs everything
    uint64_t slice_ns; // an activation should end after that long
    uint64_t seed;
    const char *name; // prefix of thread names, at most 9 bytes are used
    struct trp_clock clock;
    struct trp_choice choice;
    const troupe_allocator *allocator;   // copied
    struct trp_slab *slab;               // borrowed; outlives the scheduler
    const struct trp_scheduler_ops *ops; // borrowed
    void *user;                          // for trp_scheduler_user
};

// ---- Lifetime

// Starts the workers. On failure nothing is left behind.
troupe_status trp_scheduler_start(const struct trp_scheduler_config *config,
                                  struct trp_scheduler **scheduler);

// Asks all workers to end after their current activation and waits for them until `deadline`.
// Returns true when all have ended: then trp_scheduler_free may be called. False: some worker is
// held by its task; call again later. Tasks that are still queued are forgotten.
bool trp_scheduler_stop(struct trp_scheduler *scheduler, uint64_t deadline);
void trp_scheduler_free(struct trp_scheduler *scheduler);

void *trp_scheduler_user(struct trp_scheduler *scheduler);
uint32_t trp_scheduler_workers(const struct trp_scheduler *scheduler);
uint64_t trp_scheduler_now(struct trp_scheduler *scheduler); // the clock's

// CPUs this process may use: affinity, and cgroup v2/v1 quota rounded up; at least 1.
uint32_t trp_cpu_count(void);

// ---- Tasks

// Makes a task runnable. `worker`: the calling thread's worker, or NULL on any other thread.
// With a worker, the task takes its next slot and what was there goes to the ring.
void trp_schedule(struct trp_scheduler *scheduler, struct trp_worker *worker,
                  struct trp_task *task);

// Makes a sleeping worker look at whether this one gets on. Call it when something is left with a
// running task that ops->held is to deal with.
void trp_scheduler_alert(struct trp_scheduler *scheduler);

// The worker of the calling thread for this scheduler, or NULL.
struct trp_worker *trp_worker_current(const struct trp_scheduler *scheduler);

// Reads the clock and tells whether the running activation has used up its slice.
bool trp_worker_slice_ended(struct trp_worker *worker);

// The same, now and then: call it between two messages, with the number of messages handled in this
// activation (from 1). Looks after every 16th message, which costs little (a reading of the clock
// takes 25 to 35 ns, measured); where handlers may be slow, after 1, 2, 4 and 8, too.
static inline bool trp_worker_over_slice(struct trp_worker *worker, uint32_t handled)
{
    bool look = handled % 16 == 0 || (!worker->quick && (handled & (handled - 1)) == 0);
    return look && trp_worker_slice_ended(worker);
}

// Starts a thread of a task's own; the task runs there alone once scheduled. Waits until
// ops->worker_start has returned there. `name` is cut at 15 bytes; NULL: the scheduler's. Driven:
// makes no thread, the task runs in the loop. ENOMEM; ESYSTEM: no thread; ECLOSED: stopping.
troupe_status trp_thread_start(struct trp_scheduler *scheduler, struct trp_task *task,
                               const char *name);
// Ends the thread of `task` after its current activation, from any thread, also from itself; the
// task must not be scheduled any more. Does not wait. task->home is NULL afterwards. Without a home
// it does nothing; it may still be called after trp_scheduler_stop, before trp_scheduler_free.
void trp_thread_stop(struct trp_scheduler *scheduler, struct trp_task *task);

// ---- Timers (hierarchical wheels, see wheel.h)

// A wheel and the lock that guards it. `key` spreads owners over wheels; the same key always gives
// the same wheel, so one lock guards all timers of one owner.
struct trp_wheel *trp_scheduler_wheel(struct trp_scheduler *scheduler, uint32_t key);

// Tells sleeping workers of a new deadline; call after arming, without the wheel's lock.
void trp_scheduler_timer_armed(struct trp_scheduler *scheduler, uint64_t deadline);

// ---- Blocking calls (an elastic pool of threads)

struct trp_job {
    void (*run)(struct trp_job *job);     // on a blocking thread; owns the job from then on
    void (*discard)(struct trp_job *job); // instead of run, when the scheduler stops first
    struct trp_job *next;                 // the pool's lock
};

// Queues a job. Any thread. ESYSTEM: no thread could be made and none exists; ECLOSED: the
// scheduler stops. Then the caller keeps the job.
troupe_status trp_blocking_submit(struct trp_scheduler *scheduler, struct trp_job *job);

// ---- Driven mode: for simulations; one thread calls all of this

// Expires a timer that is due, if there is one; else runs one activation of a runnable task or one
// submitted blocking job: choice.next picks among the tasks, about oldest first, followed by the
// jobs, oldest first. False: nothing is runnable or due.
bool trp_scheduler_step(struct trp_scheduler *scheduler);

// The same for a caller who chooses himself. How many tasks are runnable, and jobs submitted; which
// task it is; runs one of them.
uint32_t trp_driven_tasks(const struct trp_scheduler *scheduler);
uint32_t trp_driven_jobs(const struct trp_scheduler *scheduler);
struct trp_task *trp_driven_task(const struct trp_scheduler *scheduler, uint32_t index);
void trp_driven_run_task(struct trp_scheduler *scheduler, uint32_t index);

// Makes that task the oldest; the others keep their order.
void trp_driven_prefer_task(struct trp_scheduler *scheduler, uint32_t index);

// Takes a runnable task out instead; trp_schedule puts it back.
struct trp_task *trp_driven_take_task(struct trp_scheduler *scheduler, uint32_t index);
void trp_driven_run_job(struct trp_scheduler *scheduler, uint32_t index);

// Expires one of the timers that are due at once, chosen by choice.timer. False: none is due.
bool trp_driven_expire(struct trp_scheduler *scheduler);

// Tells whether a timer may be due at `now`.
bool trp_driven_is_due(const struct trp_scheduler *scheduler, uint64_t now);

// The earliest time at which an armed timer expires (its deadline rounded up to a tick; 0: at
// once), or TRP_NEVER. A step at that time expires it.
uint64_t trp_scheduler_next_deadline(struct trp_scheduler *scheduler);

#endif
