// The probe: one observer that is told what a system does, step by step. Tracing, simulation
// hashes and later events and metrics hang on it. Tested once per activation or call, and costs
// nothing else when there is none.
#ifndef TRP_ACTORS_PROBE_H
#define TRP_ACTORS_PROBE_H

#include "troupe/ref.h"

enum trp_probe_kind {
    TRP_PROBE_SPAWN = 1, // ref: the new actor; other: its owner
    TRP_PROBE_START,     // ref; value: incarnation
    TRP_PROBE_SEND,      // ref: target; other: sender; value: hash of the type's name
    TRP_PROBE_DEQUEUE,   // ref; value: hash of the type's name
    TRP_PROBE_HANDLED,   // ref; value: status
    TRP_PROBE_EXIT,      // ref; value: reason kind
    TRP_PROBE_TIMER,     // ref: target; value: deadline
    TRP_PROBE_RANDOM     // ref: who draws; value: what it got
};

struct trp_probe_event {
    enum trp_probe_kind kind;
    troupe_ref ref;
    troupe_ref other;
    uint64_t value;
};

struct trp_probe {
    void (*event)(void *user,
                  const struct trp_probe_event *event); // on the thread where it happens
    void *user;
};

#endif
