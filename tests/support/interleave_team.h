// The threads of an interleaving test and what one run of them has come to: what interleave.c and
// interleave_choice.c share, and nobody else.
//
// Only the thread that has the turn touches the team; semaphores order it all.
#ifndef TESTS_SUPPORT_INTERLEAVE_TEAM_H
#define TESTS_SUPPORT_INTERLEAVE_TEAM_H

#include "base/random.h"
#include "tests/support/interleave.h"

#include <pthread.h>
#include <semaphore.h>

#define TRP_TEAM_MAX_TURNS 100000 // then a run is endless

enum state {
    READY,
    WAITING,  // in a loop for another thread
    BLOCKED,  // until holds(user)
    SLEEPING, // in trp_futex_wait
    ENDED,
};

struct member {
    struct team *team;
    int index;
    pthread_t thread;
    sem_t turn;
    enum state state;
    const char *point;            // where it stands
    bool looked_in_vain;          // WAITING: no other thread has made a step since
    bool (*holds)(void *user);    // BLOCKED
    void *user;                   // BLOCKED
    const _Atomic uint32_t *word; // SLEEPING
    uint64_t ticket;              // SLEEPING: who came first is woken first
    bool timed;                   // SLEEPING
};

struct decision {
    int count;       // of candidates
    int chosen;      // which of them; 0 is the running thread if it can go on
    int preemptions; // of the run before this decision
    bool preempts;   // candidates other than 0 cost a preemption
};

struct turn {
    int thread;
    const char *point; // from where it goes on
};

struct team {
    const struct trp_interleave *test;
    struct member members[TRP_INTERLEAVE_THREADS];
    sem_t done; // the run is over: all have ended, or it is stuck
    bool stuck; // threads are in the middle of the run for ever
    bool quit;  // threads end

    bool random;
    struct trp_random numbers;
    uint32_t switch_one_in; // random: how often the turn goes elsewhere

    struct decision *path; // exhaustive
    int path_length;
    int replay_length; // decisions before this one are repeated
    int preemptions;

    struct turn *turns;
    int turn_count;
    int fruitless; // turns in a row in which somebody waiting looked in vain
    uint64_t tickets;
    uint32_t timeouts;
    bool met[TRP_INTERLEAVE_WINDOWS];       // in this run
    uint64_t meets[TRP_INTERLEAVE_WINDOWS]; // runs in which each window was entered
    char failure[400];
    char how[100]; // to repeat the run
};

// Makes the run a failure; the first text counts.
void trp_team_fail(struct team *team, const char *text);

// ---- interleave_choice.c

// Returns who has the next turn after `running`; NULL: the run is over.
struct member *trp_team_choose(struct team *team, int running);

// Returns who begins the run, which is a decision as any other, and no preemption.
struct member *trp_team_choose_first(struct team *team);

// Turns the path to the next way that was not tried. False: all were.
bool trp_team_next_path(struct team *team);

#endif
