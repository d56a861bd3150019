// The coordinator: starts the others, hands chunks to parsers, and knows when all is done.
//
// A chunk is asked of one parser after the other until one answers: an ask that ends with "down"
// goes out again. It is done when a parser has answered *and* the aggregator has told that it is
// counted. A parser may fail between the two: then the aggregator gets the chunk twice and counts
// it once. So each chunk is counted at least once because of the first condition, and at most once
// because the aggregator looks at its id.
//
// Memory is bounded: no more is read while all flights are taken or hold as many bytes as they
// should. A single word may be longer than that; the reading stops until it is done.
#include "flight.h"
#include "wordcount.h"

#include <stdio.h>
#include <string.h>

#define READS_AHEAD 2 // the reader has one to do and the next one waiting

struct coordinator {
    struct job *job;
    troupe_ref console, aggregator, reader, supervisor;
    struct flights flights;
    uint32_t reads;      // ReadMore without its Chunk or AllRead
    uint64_t bytes_read; // of files, by the reader
    uint64_t begun_ns;
    uint32_t crashes;            // told to parsers so far
    uint32_t failures, restarts; // of parsers, as far as we were told
    bool all_read, finishing;
};

// ---- Reading

static troupe_status read_more(troupe_ctx *ctx, struct coordinator *self)
{
    const struct flights *flights = &self->flights;
    while (!self->all_read && self->reads < READS_AHEAD &&
           flights->count + self->reads < flights->limit &&
           flights->held_bytes < flights->limit * self->job->chunk_size) {
        troupe_status status = troupe_send(ctx, self->reader, ReadMore);
        if (status != TROUPE_OK)
            return status;
        self->reads++;
    }
    return TROUPE_OK;
}

// Returns how many of the wanted crashes lie before a place in the input.
static uint32_t crashes_before(const struct job *job, uint64_t bytes)
{
    if (job->input.bytes == 0 || bytes >= job->input.bytes)
        return job->input.bytes == 0 ? 0 : job->options.crash;
    return (uint32_t)((double)bytes / (double)job->input.bytes * job->options.crash);
}

// ---- Parsing

static troupe_status dispatch(troupe_ctx *ctx, struct coordinator *self);

static troupe_status finish_if_done(troupe_ctx *ctx, struct coordinator *self);

static troupe_status release_if_done(troupe_ctx *ctx, struct coordinator *self,
                                     struct flight *flight)
{
    if (flight->parsed && flight->counted) {
        flight->used = false;
        self->flights.count--;
    }
    troupe_status status = read_more(ctx, self);
    return status == TROUPE_OK ? finish_if_done(ctx, self) : status;
}

static troupe_status on_parsed(troupe_ctx *ctx, void *state, void *user,
                               const troupe_outcome *outcome)
{
    struct coordinator *self = state;
    struct flight *flight = user;
    self->flights.seats[flight->parser].load--;
    flight->asked = false;
    if (outcome->status == TROUPE_EDOWN) {
        self->failures++;
        if (flight->task.crash != CRASH_NOT)
            flight->crashes--;
    } else if (outcome->status == TROUPE_OK) {
        flight->parsed = true;
        flights_drop_text(ctx, &self->flights, flight);
    } else {
        return troupe_fail(ctx, outcome->status, "chunk %llu was not parsed",
                           (unsigned long long)flight->task.id);
    }
    troupe_status status = dispatch(ctx, self);
    return status == TROUPE_OK ? release_if_done(ctx, self, flight) : status;
}

// Every other failure comes after the words were handed over.
static enum crash next_crash(struct coordinator *self, const struct flight *flight)
{
    if (flight->crashes == 0)
        return CRASH_NOT;
    return self->crashes++ % 2 == 0 ? CRASH_BEFORE : CRASH_AFTER;
}

// Hands waiting chunks to parsers that have room.
static troupe_status dispatch(troupe_ctx *ctx, struct coordinator *self)
{
    struct flight *flight;
    uint32_t seat;
    while ((flight = flights_oldest_waiting(&self->flights)) != NULL &&
           flights_choose_seat(&self->flights, &seat)) {
        flight->task.crash = next_crash(self, flight);
        troupe_ref parser = self->flights.seats[seat].parser;
        troupe_status status = troupe_ask_body(ctx, parser, TROUPE_NO_LIMIT, on_parsed, flight,
                                               NULL, TROUPE_TYPE(ParseChunk), &flight->task);
        if (status != TROUPE_OK)
            return troupe_fail(ctx, status, "parser %u cannot be asked", seat);
        flight->asked = true;
        flight->parser = seat;
        self->flights.seats[seat].load++;
    }
    return TROUPE_OK;
}

static troupe_status on_chunk(troupe_ctx *ctx, struct coordinator *self, const troupe_msg *msg,
                              const struct chunk_read *chunk)
{
    troupe_msg *own = NULL;
    troupe_status status = troupe_msg_take(ctx, msg, &own);
    if (status != TROUPE_OK)
        return status;
    struct flight *flight = flights_add(&self->flights, own, chunk);
    flight->crashes = crashes_before(self->job, self->bytes_read + chunk->bytes) -
                      crashes_before(self->job, self->bytes_read);
    self->reads--;
    self->bytes_read += chunk->bytes;
    self->job->bytes += chunk->bytes;
    self->job->files += chunk->files;
    self->job->chunks++;
    status = dispatch(ctx, self);
    return status == TROUPE_OK ? read_more(ctx, self) : status;
}

static troupe_status on_counted(troupe_ctx *ctx, struct coordinator *self, uint64_t id)
{
    struct flight *flight = flights_find(&self->flights, id);
    if (flight == NULL)
        return troupe_fail(ctx, TROUPE_EINVAL, "chunk %llu was counted and is not under way",
                           (unsigned long long)id);
    flight->counted = true;
    return release_if_done(ctx, self, flight);
}

// ---- The end

static troupe_status on_finished(troupe_ctx *ctx, void *state, void *user,
                                 const troupe_outcome *outcome)
{
    (void)user;
    struct coordinator *self = state;
    if (outcome->status != TROUPE_OK)
        return troupe_fail(ctx, outcome->status, "the aggregator gave no result");
    struct job *job = self->job;
    troupe_stats stats;
    troupe_system_stats(troupe_system_of(ctx), &stats);
    job->messages = stats.sent;
    job->restarts = stats.restarts;
    job->nanoseconds = troupe_now_ns(ctx) - self->begun_ns;
    job->done = true;
    if (job->progress)
        (void)troupe_send(ctx, self->console, Progress, .bytes = job->bytes);
    // Its warnings are to be seen; its end, in on_down, is ours.
    return troupe_drain(ctx, self->console);
}

// Also waits for the last restart, so that the summary tells of it.
static troupe_status finish_if_done(troupe_ctx *ctx, struct coordinator *self)
{
    if (!self->all_read || self->flights.count > 0 || self->finishing ||
        self->restarts < self->failures)
        return TROUPE_OK;
    self->finishing = true;
    return troupe_ask(ctx, self->aggregator, TROUPE_NO_LIMIT, on_finished, NULL, Finish);
}

// A parser has started, or started again.
static troupe_status on_ready(troupe_ctx *ctx, struct coordinator *self,
                              const struct parser_ready *ready)
{
    struct seat *seat = &self->flights.seats[ready->index];
    if (seat->ready)
        self->restarts++;
    seat->parser = ready->parser;
    seat->ready = true;
    troupe_status status = dispatch(ctx, self);
    return status == TROUPE_OK ? finish_if_done(ctx, self) : status;
}

static troupe_status on_all_read(troupe_ctx *ctx, struct coordinator *self,
                                 const struct all_read *end)
{
    self->reads--;
    self->all_read = true;
    self->job->unread_files = end->unread_files;
    return finish_if_done(ctx, self);
}

// One of the actors that all depends on has ended.
static troupe_status on_down(troupe_ctx *ctx, const struct coordinator *self,
                             const troupe_down *down)
{
    if (self->job->done && troupe_ref_equal(down->ref, self->console))
        return TROUPE_STOP;
    const char *who = troupe_ref_equal(down->ref, self->supervisor)   ? "the parsers' supervisor"
                      : troupe_ref_equal(down->ref, self->aggregator) ? "the aggregator"
                      : troupe_ref_equal(down->ref, self->reader)     ? "the reader"
                                                                      : "the console";
    return troupe_fail(ctx, TROUPE_EDOWN, "%s has ended (%s) %s", who,
                       troupe_reason_name(down->reason.kind), down->reason.text);
}

// ---- The begin

static troupe_status start_parsers(troupe_ctx *ctx, struct coordinator *self)
{
    uint32_t count = self->flights.seat_count;
    troupe_child *children = troupe_alloc(ctx, count * sizeof *children);
    struct parser_args *args = troupe_alloc(ctx, count * sizeof *args);
    char(*ids)[32] = troupe_alloc(ctx, count * sizeof *ids);
    if (children == NULL || args == NULL || ids == NULL)
        return TROUPE_ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        snprintf(ids[i], sizeof ids[i], "parser-%u", i);
        args[i] = (struct parser_args){
            .coordinator = troupe_self(ctx), .aggregator = self->aggregator, .index = i};
        children[i] = (troupe_child){.id = ids[i],
                                     .behavior = &parser_behavior,
                                     .args_type = TROUPE_TYPE(ParserArgs),
                                     .args = &args[i]};
    }
    // A few more than were ordered, for failures of other kinds.
    const troupe_supervisor spec = {.name = "parsers",
                                    .max_restarts = self->job->options.crash + 3,
                                    .children = children,
                                    .child_count = count};
    return troupe_supervise(ctx, &spec, &self->supervisor);
}

static troupe_status start_others(troupe_ctx *ctx, struct coordinator *self)
{
    troupe_ref me = troupe_self(ctx);
    const troupe_spawn_opts on_thread = {.place = TROUPE_ON_THREAD};
    troupe_status status = troupe_spawn_with(ctx, &console_behavior, &on_thread, &self->console,
                                             JobArgs, .job = self->job);
    if (status == TROUPE_OK)
        status = troupe_spawn_with(ctx, &aggregator_behavior, NULL, &self->aggregator, JobArgs,
                                   .job = self->job, .coordinator = me);
    if (status == TROUPE_OK)
        status = troupe_spawn_with(ctx, &reader_behavior, &on_thread, &self->reader, JobArgs,
                                   .job = self->job, .coordinator = me, .console = self->console);
    if (status == TROUPE_OK)
        status = start_parsers(ctx, self);
    const troupe_ref watched[] = {self->console, self->aggregator, self->reader, self->supervisor};
    for (size_t i = 0; status == TROUPE_OK && i < sizeof watched / sizeof watched[0]; i++)
        status = troupe_monitor(ctx, watched[i], TROUPE_ON_STOP, NULL);
    return status;
}

static troupe_status coordinator_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    struct coordinator *self = state;
    const struct job_args *given = troupe_match(args, JobArgs);
    if (given == NULL)
        return TROUPE_EINVAL;
    self->job = given->job;
    self->begun_ns = troupe_now_ns(ctx);
    struct flights *flights = &self->flights;
    flights->seat_count = self->job->options.workers;
    flights->limit = SEAT_MAX_LOAD * flights->seat_count + READS_AHEAD;
    flights->seats = troupe_alloc(ctx, flights->seat_count * sizeof *flights->seats);
    flights->list = troupe_alloc(ctx, flights->limit * sizeof *flights->list);
    if (flights->seats == NULL || flights->list == NULL)
        return TROUPE_ENOMEM;
    memset(flights->seats, 0, flights->seat_count * sizeof *flights->seats);
    memset(flights->list, 0, flights->limit * sizeof *flights->list);
    troupe_status status = start_others(ctx, self);
    if (status == TROUPE_OK && self->job->progress)
        status = troupe_every(ctx, 100, troupe_self(ctx), NULL, Tick);
    return status == TROUPE_OK ? read_more(ctx, self) : status;
}

static troupe_status coordinator_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct coordinator *self = state;
    const struct chunk_read *chunk = troupe_match(msg, Chunk);
    if (chunk)
        return on_chunk(ctx, self, msg, chunk);
    const struct chunk_counted *counted = troupe_match(msg, Counted);
    if (counted)
        return on_counted(ctx, self, counted->id);
    const struct parser_ready *ready = troupe_match(msg, ParserReady);
    if (ready)
        return on_ready(ctx, self, ready);
    const struct all_read *end = troupe_match(msg, AllRead);
    if (end)
        return on_all_read(ctx, self, end);
    const troupe_down *down = troupe_match(msg, troupe_down);
    if (down)
        return on_down(ctx, self, down);
    if (troupe_match(msg, Tick))
        return self->job->done
                   ? TROUPE_OK
                   : troupe_send(ctx, self->console, Progress, .bytes = self->job->bytes);
    return TROUPE_UNHANDLED;
}

// The parsers have ended, so nobody reads the texts any more.
static void coordinator_stop(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)why;
    struct coordinator *self = state;
    flights_fini(ctx, &self->flights);
}

const troupe_behavior coordinator_behavior = {
    .name = "coordinator",
    .state_size = sizeof(struct coordinator),
    .init = coordinator_init,
    .receive = coordinator_receive,
    .stop = coordinator_stop,
};
