// A worker's ring: what the owner pays alone, and what a thief does to it. Prints name=value lines.
#include "scheduler/ring.h"

#include "base/clock.h"
#include "scheduler/scheduler.h"

#include <pthread.h>
#include <stdio.h>

#define OPERATIONS 20000000U

static struct trp_ring owner;
static struct trp_ring thief;
static struct trp_task tasks[TRP_RING_SIZE];
static _Atomic bool done;

static double since(uint64_t start)
{
    return (double)(trp_clock_now(&trp_real_clock) - start);
}

static double push_and_pop(uint32_t burst)
{
    uint64_t start = trp_clock_now(&trp_real_clock);
    for (uint32_t i = 0; i < OPERATIONS; i += burst) {
        for (uint32_t k = 0; k < burst; k++)
            trp_ring_push(&owner, &tasks[k]);
        while (trp_ring_pop(&owner))
            ;
    }
    return since(start) / OPERATIONS;
}

static void *steal(void *user)
{
    uint64_t *stolen = user;
    while (!atomic_load_explicit(&done, memory_order_relaxed)) {
        *stolen += trp_ring_steal(&thief, &owner);
        while (trp_ring_pop(&thief))
            ;
    }
    return NULL;
}

int main(void)
{
    trp_ring_init(&owner);
    trp_ring_init(&thief);
    printf("ring_push_pop_1_ns=%.2f\n", push_and_pop(1));
    printf("ring_push_pop_64_ns=%.2f\n", push_and_pop(64));
    uint64_t start = trp_clock_now(&trp_real_clock);
    for (uint32_t i = 0; i < OPERATIONS / 128; i++) {
        for (uint32_t k = 0; k < 128; k++)
            trp_ring_push(&owner, &tasks[k]);
        while (trp_ring_steal(&thief, &owner) > 0)
            while (trp_ring_pop(&thief))
                ;
    }
    printf("ring_push_steal_pop_ns=%.2f\n", since(start) / OPERATIONS);
    uint64_t stolen = 0;
    pthread_t thread;
    if (pthread_create(&thread, NULL, steal, &stolen) != 0)
        return 1;
    printf("ring_push_pop_64_robbed_ns=%.2f\n", push_and_pop(64));
    atomic_store(&done, true);
    pthread_join(thread, NULL);
    printf("ring_robbed_share=%.3f\n", (double)stolen / OPERATIONS);
    return 0;
}
