// The chunks that are under way, and which parser works on which: plain data without messages.
#ifndef WORDCOUNT_FLIGHT_H
#define WORDCOUNT_FLIGHT_H

#include "wordcount.h"

// One chunk between the reader and the end of its way: both parsed (its text is not needed any
// more) and counted (its words are in the aggregator's table).
struct flight {
    bool used;
    bool counted, parsed;
    bool asked;       // a parser has it
    uint32_t parser;  // which, when asked
    uint32_t crashes; // how often its parser is still to fail
    troupe_msg *msg;  // owned; holds the text; NULL once parsed
    struct parse_chunk task;
};

struct seat {
    troupe_ref parser;
    uint32_t load; // chunks that it was asked to parse
    bool ready;    // has told its ref
};

// A parser has one chunk in hand and the next one waiting, so that it need not wait for the
// coordinator.
#define SEAT_MAX_LOAD 2

struct flights {
    struct flight *list;
    uint32_t limit;    // entries of the list
    uint32_t count;    // of them used
    size_t held_bytes; // of text
    struct seat *seats;
    uint32_t seat_count;
};

// Returns the flight of a chunk, or NULL.
struct flight *flights_find(const struct flights *flights, uint64_t id);

// Takes `msg` over as a new flight. There must be a free entry.
struct flight *flights_add(struct flights *flights, troupe_msg *msg,
                           const struct chunk_read *chunk);

// Frees the text of a flight.
void flights_drop_text(troupe_ctx *ctx, struct flights *flights, struct flight *flight);

// Frees all texts.
void flights_fini(troupe_ctx *ctx, struct flights *flights);

// Returns the oldest flight that waits for a parser, or NULL.
struct flight *flights_oldest_waiting(const struct flights *flights);

// Sets `*seat` to the ready parser with the least load. False: all have enough.
bool flights_choose_seat(const struct flights *flights, uint32_t *seat);

#endif
