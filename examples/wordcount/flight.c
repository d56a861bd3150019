#include "flight.h"

#include <assert.h>

struct flight *flights_find(const struct flights *flights, uint64_t id)
{
    for (uint32_t i = 0; i < flights->limit; i++)
        if (flights->list[i].used && flights->list[i].task.id == id)
            return &flights->list[i];
    return NULL;
}

struct flight *flights_add(struct flights *flights, troupe_msg *msg, const struct chunk_read *chunk)
{
    struct flight *flight = flights->list;
    while (flight->used)
        flight++;
    assert(flight < flights->list + flights->limit);
    *flight = (struct flight){
        .used = true,
        .msg = msg,
        .task = {.id = chunk->id, .text = chunk->text, .size = chunk->size},
    };
    flights->count++;
    flights->held_bytes += chunk->size;
    return flight;
}

void flights_drop_text(troupe_ctx *ctx, struct flights *flights, struct flight *flight)
{
    if (flight->msg == NULL)
        return;
    troupe_msg_free(ctx, flight->msg);
    flight->msg = NULL;
    flights->held_bytes -= flight->task.size;
}

void flights_fini(troupe_ctx *ctx, struct flights *flights)
{
    for (uint32_t i = 0; i < flights->limit; i++)
        flights_drop_text(ctx, flights, &flights->list[i]);
}

struct flight *flights_oldest_waiting(const struct flights *flights)
{
    struct flight *oldest = NULL;
    for (uint32_t i = 0; i < flights->limit; i++) {
        struct flight *flight = &flights->list[i];
        if (flight->used && !flight->parsed && !flight->asked &&
            (oldest == NULL || flight->task.id < oldest->task.id))
            oldest = flight;
    }
    return oldest;
}

bool flights_choose_seat(const struct flights *flights, uint32_t *seat)
{
    uint32_t least = SEAT_MAX_LOAD;
    for (uint32_t i = 0; i < flights->seat_count; i++) {
        const struct seat *candidate = &flights->seats[i];
        if (candidate->ready && candidate->load < least) {
            least = candidate->load;
            *seat = i;
        }
    }
    return least < SEAT_MAX_LOAD;
}
