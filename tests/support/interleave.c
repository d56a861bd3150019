// See interleave.h. Runs, turns and what the threads call; who gets the next turn is decided in
// interleave_choice.c.
//
// The threads are real ones, so that thread-local variables and the sanitizers work, and hand the
// turn to each other by semaphores. There is no controller in between: whoever reaches a yield
// point decides who is next, and keeps the turn without a system call when that is itself. All are
// put on one CPU for the time of a test, where a handoff is a plain context switch.
//
// Only the thread that has the turn touches the team; the semaphores order it all.
#include "tests/support/interleave.h"

#ifdef TRP_YIELD_POINTS

#    include "base/assert.h"
#    include "base/yield.h"
#    include "tests/support/interleave_team.h"
#    include "tests/support/test.h"

#    include <pthread.h>
#    include <sched.h>
#    include <signal.h>
#    include <stdio.h>
#    include <stdlib.h>
#    include <string.h>

#    define PRINTED_TURNS 300

static _Thread_local struct member *self;
static uint64_t latest_meets[TRP_INTERLEAVE_WINDOWS];
static struct team *current_team; // for expectations in check, and for the trace when it crashes

// ---- Reports

static void print_trace(const struct team *team)
{
    int first = team->turn_count > PRINTED_TURNS ? team->turn_count - PRINTED_TURNS : 0;
    (void)fprintf(stderr, "interleaving '%s', %s; turns%s:\n", team->test->name, team->how,
                  first > 0 ? " (the last ones)" : "");
    for (int i = first; i < team->turn_count; i++)
        (void)fprintf(stderr, "  %*sthread %d from: %s\n", 4 * team->turns[i].thread, "",
                      team->turns[i].thread, team->turns[i].point);
}

void trp_team_fail(struct team *team, const char *text)
{
    if (team->failure[0] == '\0')
        (void)snprintf(team->failure, sizeof team->failure, "%s", text);
}

// The code under test has asserted: the process ends, but not without telling how it came there.
static void on_abort(int signal_number)
{
    if (current_team != NULL)
        print_trace(current_team);
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
}

void trp_interleave_expect(bool holds, const char *what, const char *file, int line)
{
    if (holds)
        return;
    char text[300];
    (void)snprintf(text, sizeof text, "%s:%d: not so: %s", file, line, what);
    trp_team_fail(current_team, text);
}

// ---- Turns

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0)
        continue;
}

static bool all_ended(const struct team *team)
{
    for (int i = 0; i < team->test->count; i++)
        if (team->members[i].state != ENDED)
            return false;
    return true;
}

// Gives the turn to whoever is next. Returns when the caller has the turn again; at once when it
// has ended.
static void pass_turn(struct team *team, struct member *from)
{
    bool ended = from->state == ENDED;
    struct member *to = trp_team_choose(team, from->index);
    bool endless = team->turn_count == TRP_TEAM_MAX_TURNS;
    if (to == NULL || endless) {
        if (!all_ended(team)) {
            team->stuck = true;
            trp_team_fail(team, endless ? "the run does not end" : "deadlock: no thread can go on");
        }
        sem_post(&team->done);
    } else {
        team->turns[team->turn_count++] = (struct turn){.thread = to->index, .point = to->point};
        to->state = READY;
        if (to == from)
            return;
        sem_post(&to->turn);
    }
    if (!ended)
        wait_for(&from->turn);
}

static bool stands_at(const struct member *member, const char *point)
{
    return strcmp(member->point, point) == 0;
}

static int count_windows(const struct trp_interleave *test)
{
    int count = 0;
    while (count < TRP_INTERLEAVE_WINDOWS && test->windows[count].one != NULL)
        count++;
    return count;
}

static bool meet(const struct member *member, const struct member *other,
                 const struct trp_window *window)
{
    return (stands_at(member, window->one) && stands_at(other, window->other)) ||
           (stands_at(member, window->other) && stands_at(other, window->one));
}

static void look_at_windows(struct team *team, const struct member *member)
{
    for (int w = 0; w < count_windows(team->test); w++) {
        bool met = team->met[w];
        for (int i = 0; i < team->test->count && !met; i++)
            met = i != member->index && meet(member, &team->members[i], &team->test->windows[w]);
        team->meets[w] += met && !team->met[w];
        team->met[w] = met;
    }
}

// The caller stands at `point` in its new state.
static void arrive(struct member *member, const char *point, bool was_waiting)
{
    struct team *team = member->team;
    bool again = was_waiting && member->state == WAITING && stands_at(member, point);
    member->point = point;
    look_at_windows(team, member);
    if (again) {
        team->fruitless++;
    } else {
        team->fruitless = 0;
        for (int i = 0; i < team->test->count; i++)
            team->members[i].looked_in_vain = false;
    }
    member->looked_in_vain = member->state == WAITING;
    pass_turn(team, member);
}

static bool stood_waiting(const struct member *member)
{
    return strstr(member->point, "waiting") != NULL;
}

// ---- What threads call

void trp_interleave_yield(const char *point)
{
    if (self == NULL)
        return;
    bool was_waiting = stood_waiting(self);
    self->state = strstr(point, "waiting") != NULL ? WAITING : READY;
    arrive(self, point, was_waiting);
}

void trp_interleave_wait(const char *point)
{
    if (self == NULL)
        return;
    self->state = WAITING;
    arrive(self, point, stands_at(self, point));
}

void trp_interleave_block_until(const char *point, bool (*holds)(void *user), void *user)
{
    TRP_ASSERT(self != NULL);
    self->state = BLOCKED;
    self->holds = holds;
    self->user = user;
    arrive(self, point, false);
}

int trp_interleave_self(void)
{
    return self == NULL ? -1 : self->index;
}

uint32_t trp_interleave_timeouts(void)
{
    return current_team->timeouts;
}

static bool sleep_simulated(const _Atomic uint32_t *word, uint32_t expected, bool timed)
{
    if (self == NULL)
        return false;
    trp_interleave_yield("futex: before sleep");
    if (atomic_load(word) != expected)
        return true;
    self->state = SLEEPING;
    self->word = word;
    self->timed = timed;
    self->ticket = self->team->tickets++;
    arrive(self, "futex: asleep", false);
    return true;
}

static bool wake_simulated(const _Atomic uint32_t *word, int count)
{
    if (self == NULL)
        return false;
    trp_interleave_yield("futex: before wake");
    for (int woken = 0; woken < count; woken++) {
        struct member *oldest = NULL;
        for (int i = 0; i < self->team->test->count; i++) {
            struct member *member = &self->team->members[i];
            if (member->state == SLEEPING && member->word == word &&
                (oldest == NULL || member->ticket < oldest->ticket))
                oldest = member;
        }
        if (oldest == NULL)
            break;
        oldest->state = READY;
    }
    return true;
}

// ---- Runs

static void *member_main(void *argument)
{
    struct member *member = argument;
    struct team *team = member->team;
    for (;;) {
        wait_for(&member->turn);
        if (team->quit)
            return NULL;
        self = member;
        team->test->threads[member->index](team->test->user);
        self = NULL;
        bool was_waiting = stood_waiting(member);
        member->state = ENDED;
        arrive(member, "end", was_waiting);
    }
}

static struct team *team_new(const struct trp_interleave *test)
{
    TRP_ASSERT(test->count >= 2 && test->count <= TRP_INTERLEAVE_THREADS);
    struct team *team = calloc(1, sizeof *team);
    TRP_ASSERT(team != NULL);
    team->test = test;
    team->turns = calloc(TRP_TEAM_MAX_TURNS, sizeof *team->turns);
    team->path = calloc(TRP_TEAM_MAX_TURNS, sizeof *team->path);
    TRP_ASSERT(team->turns != NULL && team->path != NULL);
    sem_init(&team->done, 0, 0);
    for (int i = 0; i < test->count; i++) {
        struct member *member = &team->members[i];
        member->team = team;
        member->index = i;
        sem_init(&member->turn, 0, 0);
        int failed = pthread_create(&member->thread, NULL, member_main, member);
        TRP_ASSERT(failed == 0);
    }
    current_team = team;
    trp_yield_hook = trp_interleave_yield;
    trp_yield_sleep_hook = sleep_simulated;
    trp_yield_wake_hook = wake_simulated;
    return team;
}

// A team that is stuck stays where it is, with its memory, until the process ends.
static void team_free(struct team *team)
{
    trp_yield_hook = NULL;
    trp_yield_sleep_hook = NULL;
    trp_yield_wake_hook = NULL;
    current_team = NULL;
    team->quit = true;
    for (int i = 0; i < team->test->count; i++) {
        if (team->stuck) {
            pthread_detach(team->members[i].thread);
            continue;
        }
        sem_post(&team->members[i].turn);
        pthread_join(team->members[i].thread, NULL);
        sem_destroy(&team->members[i].turn);
    }
    if (team->stuck)
        return;
    sem_destroy(&team->done);
    free(team->turns);
    free(team->path);
    free(team);
}

static bool run_once(struct team *team)
{
    const struct trp_interleave *test = team->test;
    team->path_length = 0;
    team->preemptions = 0;
    team->turn_count = 0;
    team->fruitless = 0;
    team->tickets = 0;
    team->timeouts = 0;
    memset(team->met, 0, sizeof team->met);
    for (int i = 0; i < test->count; i++) {
        team->members[i].state = READY;
        team->members[i].point = "start";
        team->members[i].looked_in_vain = false;
    }
    if (test->setup != NULL)
        test->setup(test->user);
    struct member *first = trp_team_choose_first(team);
    team->turns[team->turn_count++] = (struct turn){.thread = first->index, .point = "start"};
    sem_post(&first->turn);
    wait_for(&team->done);
    if (team->failure[0] == '\0' && test->check != NULL)
        test->check(test->user);
    return team->failure[0] == '\0';
}

// What a test changes in its process, and puts back.
struct surroundings {
    cpu_set_t cpus;
    struct sigaction on_abort;
};

static void prepare(struct surroundings *before)
{
    pthread_getaffinity_np(pthread_self(), sizeof before->cpus, &before->cpus);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one); // refused: slower, no worse
    struct sigaction action = {.sa_handler = on_abort};
    sigaction(SIGABRT, &action, &before->on_abort);
}

// Returns whether all runs were good.
static bool finish(const struct surroundings *before, struct team *team, char *failure)
{
    memcpy(failure, team->failure, sizeof team->failure);
    memcpy(latest_meets, team->meets, sizeof latest_meets);
    team_free(team);
    sigaction(SIGABRT, &before->on_abort, NULL);
    pthread_setaffinity_np(pthread_self(), sizeof before->cpus, &before->cpus);
    return failure[0] == '\0';
}

// All runs are over.
static void judge_windows(struct team *team, uint64_t runs)
{
    int count = count_windows(team->test);
    if (count == 0 || team->failure[0] != '\0')
        return;
    print_message("%s: %llu %s; in the window:", team->test->name, (unsigned long long)runs,
                  team->random ? "seeds" : "runs");
    for (int w = 0; w < count; w++) {
        print_message(" %llu", (unsigned long long)team->meets[w]);
        if (team->meets[w] == 0)
            trp_team_fail(team, "no run has entered the window");
    }
    print_message("\n");
}

static void finish_or_fail(const struct surroundings *before, struct team *team, uint64_t runs)
{
    char failure[sizeof team->failure];
    judge_windows(team, runs);
    if (team->failure[0] != '\0') {
        (void)fprintf(stderr, "%s\n", team->failure);
        print_trace(team);
    }
    if (!finish(before, team, failure))
        fail_msg("%s", failure);
}

static uint64_t explore(struct team *team)
{
    uint64_t limit = team->test->max_runs == 0 ? 1000000 : team->test->max_runs;
    uint64_t runs = 0;
    do {
        runs++;
        (void)snprintf(team->how, sizeof team->how, "exhaustive run %llu",
                       (unsigned long long)runs);
        if (runs > limit)
            trp_team_fail(team, "more runs than max_runs: make the case smaller");
    } while (run_once(team) && trp_team_next_path(team));
    return runs;
}

uint64_t trp_interleave_exhaustive(const struct trp_interleave *test)
{
    struct surroundings before;
    prepare(&before);
    struct team *team = team_new(test);
    uint64_t runs = explore(team);
    finish_or_fail(&before, team, runs);
    return runs;
}

bool trp_interleave_finds(const struct trp_interleave *test, const char *text)
{
    struct surroundings before;
    prepare(&before);
    struct team *team = team_new(test);
    judge_windows(team, explore(team));
    char failure[sizeof team->failure];
    return !finish(&before, team, failure) && strstr(failure, text) != NULL;
}

void trp_interleave_random(const struct trp_interleave *test, uint64_t first_seed, uint64_t seeds)
{
    struct surroundings before;
    prepare(&before);
    struct team *team = team_new(test);
    team->random = true;
    for (uint64_t seed = first_seed; seed < first_seed + seeds; seed++) {
        trp_random_init(&team->numbers, seed);
        // Runs with long stretches and runs with many switches find different faults.
        team->switch_one_in = 2u << trp_random_below(&team->numbers, 3);
        (void)snprintf(team->how, sizeof team->how, "random, seed %llu", (unsigned long long)seed);
        if (!run_once(team))
            break;
    }
    finish_or_fail(&before, team, seeds);
}

uint64_t trp_interleave_met(int window)
{
    return latest_meets[window];
}

#endif
