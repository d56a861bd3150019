// The mailbox queue's cost: nanoseconds per message, medians.
//   alone_ns     one thread pushes and pops, the queue goes idle each time
//   queued_ns    one thread pushes 100 and pops 100
//   two_ns       a producer thread and a consumer thread, the queue mostly not empty
#include "mailbox/mpsc.h"

#include "bench/support/measure.h"

#include <pthread.h>
#include <sched.h>

#define NODES  1024
#define ROUNDS 2000

struct queue {
    _Alignas(TRP_CACHE_LINE) struct trp_mpsc_head head;
    _Alignas(TRP_CACHE_LINE) struct trp_mpsc_front front;
    _Alignas(TRP_CACHE_LINE) _Atomic uint64_t popped;
    _Alignas(TRP_CACHE_LINE) _Atomic uint32_t runnable;
};

struct node { // a message's size
    _Alignas(TRP_CACHE_LINE) struct trp_link link;
};

static struct node nodes[NODES];

static double alone(void *user)
{
    struct queue *queue = user;
    uint64_t start = trp_clock_now(&trp_real_clock);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < NODES; i++) {
            trp_mpsc_push(&queue->head, &queue->front, &nodes[i].link);
            trp_mpsc_pop(&queue->head, &queue->front);
        }
    }
    return trp_measure_per(start, (uint64_t)ROUNDS * NODES);
}

static double queued(void *user)
{
    struct queue *queue = user;
    uint64_t start = trp_clock_now(&trp_real_clock);
    for (int round = 0; round < ROUNDS * 10; round++) {
        for (int i = 0; i < 100; i++)
            trp_mpsc_push(&queue->head, &queue->front, &nodes[i].link);
        while (trp_mpsc_pop(&queue->head, &queue->front))
            continue;
    }
    return trp_measure_per(start, (uint64_t)ROUNDS * 10 * 100);
}

static void *produce(void *argument)
{
    struct queue *queue = argument;
    uint64_t pushed = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < NODES; i++, pushed++) {
            // A node may be pushed again once it was popped.
            while (pushed - atomic_load_explicit(&queue->popped, memory_order_acquire) >= NODES - 1)
                sched_yield();
            if (trp_mpsc_push(&queue->head, &queue->front, &nodes[i].link))
                atomic_store_explicit(&queue->runnable, 1, memory_order_release);
        }
    }
    return NULL;
}

static double two_threads(void *user)
{
    struct queue *queue = user;
    pthread_t producer;
    uint64_t total = (uint64_t)ROUNDS * NODES, popped = 0;
    atomic_store(&queue->popped, 0);
    uint64_t start = trp_clock_now(&trp_real_clock);
    if (pthread_create(&producer, NULL, produce, queue) != 0)
        return 0;
    while (popped < total) {
        if (atomic_exchange_explicit(&queue->runnable, 0, memory_order_acquire) == 0) {
            sched_yield();
            continue;
        }
        bool more = true;
        while (more) {
            more = trp_mpsc_pop(&queue->head, &queue->front);
            if (++popped % 64 == 0 || !more)
                atomic_store_explicit(&queue->popped, popped, memory_order_release);
        }
    }
    double result = trp_measure_per(start, total);
    pthread_join(producer, NULL);
    return result;
}

int main(void)
{
    static struct queue queue;
    trp_measure("alone_ns", alone, &queue);
    trp_measure("queued_ns", queued, &queue);
    trp_measure("two_ns", two_threads, &queue);
    return 0;
}
