// A model of a supervisor: OTP's as a sequential program, which restarts by calling itself. Written
// to be compared with the real one, see supervisor_model_test.c; there is one of it at a time.
//
// What happens is told as a journal: "+a" a has started, "!a" its start has failed, "?a" it did not
// want to; "-a shutdown" it has ended and had the chance to clean up, which a kill does not give.
#ifndef TESTS_SUPPORT_SUPERVISOR_MODEL_H
#define TESTS_SUPPORT_SUPERVISOR_MODEL_H

#include "troupe/supervisor.h"

#define MODEL_MOST 8  // children
#define MODEL_IDS  12 // that they may have

enum model_fate { FATE_OK, FATE_FAIL, FATE_IGNORE };

// A journal, and the fates of the starts to come.
struct model_book {
    char text[4096];
    enum model_fate fates[MODEL_IDS][2]; // of the next starts; then all is well
};

struct model_budget {
    uint32_t max;
    uint64_t within, times[64];
    uint32_t count;
};

struct model_member {
    int id;
    troupe_restart restart;
    bool significant, own, running;
    bool known; // has a ref, which the next start keeps
    uint32_t incarnation;
    struct model_budget budget; // if own
    troupe_ref ref;             // as the supervisor has told it; the zero ref: not yet
};

struct model {
    troupe_strategy strategy;
    troupe_auto_shutdown auto_shutdown;
    struct model_budget budget;
    struct model_member first[MODEL_MOST]; // whom each of its incarnations starts with
    int first_count;
    struct model_member members[MODEL_MOST];
    int count;
    bool is_permanent; // it is restarted itself, as often as it takes
    uint32_t incarnation;
    uint64_t now;
    bool is_over;
};

extern struct model model;
extern struct model_book model_real, model_ideal; // of what happens, of the model

__attribute__((format(printf, 2, 3))) void model_note(struct model_book *book, const char *format,
                                                      ...);

// Takes the fate of a start, and tells of it.
enum model_fate model_next_fate(struct model_book *book, int id);

bool model_is_simple(void);

// Returns where the child of that id is, or -1.
int model_find(int id);

void model_forget(int at);
void model_stop_member(int at);
enum model_fate model_start_member(int at);

// A member ends by itself, and the supervisor sees to it. `reason` is a reason's name.
void model_end_member(int at, const char *reason);

// The supervisor starts with `first`.
void model_begin(void);

// It stops, or is killed, and is restarted if it is permanent.
void model_end_supervisor(void);
void model_kill_supervisor(void);

#endif
