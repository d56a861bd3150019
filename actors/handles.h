// A table of things that an incarnation has set up and a program may name later: asks, monitors,
// timers, tokens. Gives out an index and a serial number; a name that was used up or belongs to
// another table finds nothing. Used by one thread at a time.
#ifndef TRP_ACTORS_HANDLES_H
#define TRP_ACTORS_HANDLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct troupe_system troupe_system;
struct trp_runner;

enum trp_handle_kind {
    TRP_HANDLE_FREE,
    TRP_HANDLE_ASK,
    TRP_HANDLE_MONITOR,
    TRP_HANDLE_TIMER,
    TRP_HANDLE_TOKEN
};

struct trp_handle {
    void *thing;     // FREE: the index of the next free one + 1
    uint32_t serial; // of its last use
    uint32_t kind;   // enum trp_handle_kind
};

struct trp_handles {
    struct trp_handle *items;
    uint32_t capacity;
    uint32_t count;  // in use
    uint32_t free;   // first free index + 1
    uint32_t serial; // of the last one given out; goes on over restarts
    uint32_t sweep;  // where the last sweep ended
};

struct trp_handle_name { // what the public handles hold
    uint64_t place;      // kind << 32 | index
    uint64_t serial;     // of the table << 32 | of the handle
};

// Makes room for one more; false without memory. After it, put succeeds.
bool trp_handles_reserve(troupe_system *system, struct trp_runner *runner,
                         struct trp_handles *handles);

// Adds a thing and returns its index.
uint32_t trp_handles_put(struct trp_handles *handles, enum trp_handle_kind kind, void *thing);

// The name of the thing at an index. `salt` tells tables apart.
struct trp_handle_name trp_handles_name(const struct trp_handles *handles, uint32_t index,
                                        uint32_t salt);

// Returns what a name stands for, or NULL; `*index` gets its place.
void *trp_handles_find(const struct trp_handles *handles, enum trp_handle_kind kind,
                       struct trp_handle_name name, uint32_t salt, uint32_t *index);

void trp_handles_remove(struct trp_handles *handles, uint32_t index);

// Frees the table's memory.
void trp_handles_fini(troupe_system *system, struct trp_runner *runner,
                      struct trp_handles *handles);

#endif
