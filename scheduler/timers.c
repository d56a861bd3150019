// Timers of a scheduler: several wheels, so that owners on different workers seldom meet at a lock.
// Any worker may expire any wheel's timers; each is handled by whoever unlinks it.
#include "scheduler/core.h"

enum { EXPIRE_BATCH = 256 }; // then tasks get their turn

struct trp_wheel *trp_scheduler_wheel(struct trp_scheduler *scheduler, uint32_t key)
{
    // Keys may be multiples of something: mix (Knuth's multiplicative hash) before masking.
    uint32_t mixed = (key * UINT32_C(2654435769)) >> 16;
    return scheduler->wheels[mixed & (scheduler->wheel_count - 1)];
}

void trp_scheduler_timer_armed(struct trp_scheduler *scheduler, uint64_t deadline)
{
    trp_parking_timer_armed(&scheduler->parking, deadline);
}

uint64_t trp_earliest_timer(const struct trp_scheduler *scheduler)
{
    uint64_t earliest = TRP_NEVER;
    for (uint32_t i = 0; i < scheduler->wheel_count; i++) {
        uint64_t next = trp_wheel_next(scheduler->wheels[i]);
        earliest = next < earliest ? next : earliest;
    }
    return earliest;
}

static uint32_t expire_wheel(struct trp_worker *worker, struct trp_wheel *wheel, uint64_t now,
                             uint32_t limit)
{
    uint32_t count = 0;
    while (count < limit) {
        trp_wheel_lock(wheel);
        struct trp_timer *timer = trp_wheel_expire(wheel, now);
        trp_wheel_unlock(wheel);
        if (!timer)
            break;
        worker->scheduler->config.ops->expire(worker, timer);
        count++;
    }
    return count;
}

bool trp_expire_due(struct trp_worker *worker, uint64_t now)
{
    struct trp_scheduler *scheduler = worker->scheduler;
    uint32_t count = 0;
    for (uint32_t i = 0; i < scheduler->wheel_count && count < EXPIRE_BATCH; i++) {
        // Workers begin at different wheels.
        struct trp_wheel *wheel =
            scheduler->wheels[(worker->index + i) & (scheduler->wheel_count - 1)];
        if (trp_wheel_next(wheel) <= now)
            count += expire_wheel(worker, wheel, now, EXPIRE_BATCH - count);
    }
    return count > 0;
}

// In driven mode there is one wheel, as there is one worker.
bool trp_driven_is_due(const struct trp_scheduler *scheduler, uint64_t now)
{
    return trp_wheel_next(scheduler->wheels[0]) <= now;
}

bool trp_expire_chosen(struct trp_worker *worker, uint64_t now)
{
    struct trp_scheduler *scheduler = worker->scheduler;
    const struct trp_choice *choice = &scheduler->config.choice;
    if (!trp_driven_is_due(scheduler, now))
        return false;
    struct trp_wheel *wheel = scheduler->wheels[0];
    trp_wheel_lock(wheel);
    uint32_t count = trp_wheel_due(wheel, now);
    uint32_t chosen = choice->timer && count > 1 ? choice->timer(choice->user, count) : 0;
    struct trp_timer *timer = count > 0 ? trp_wheel_expire_at(wheel, chosen) : NULL;
    trp_wheel_unlock(wheel);
    if (timer)
        scheduler->config.ops->expire(worker, timer);
    return timer != NULL;
}

uint64_t trp_scheduler_next_deadline(struct trp_scheduler *scheduler)
{
    uint64_t first = TRP_NEVER;
    for (uint32_t i = 0; i < scheduler->wheel_count; i++) {
        trp_wheel_lock(scheduler->wheels[i]);
        uint64_t time = trp_wheel_first(scheduler->wheels[i]);
        trp_wheel_unlock(scheduler->wheels[i]);
        first = time < first ? time : first;
    }
    return first;
}
