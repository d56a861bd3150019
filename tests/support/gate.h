// What tests of handlers that do not return need: a gate that holds a thread until the test opens
// it, and an allocator that tells when all memory has come back.
#ifndef TESTS_SUPPORT_GATE_H
#define TESTS_SUPPORT_GATE_H

#include "tests/support/test.h"
#include "troupe/allocator.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

// ---- A gate: one passes it, one opens it

struct gate {
    sem_t arrived, opened;
};

static inline void gate_init(struct gate *gate)
{
    sem_init(&gate->arrived, 0, 0);
    sem_init(&gate->opened, 0, 0);
}

static inline void gate_wait(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0) // a signal
        continue;
}

// Says that it is there and waits until the gate is opened.
static inline void gate_pass(struct gate *gate)
{
    sem_post(&gate->arrived);
    gate_wait(&gate->opened);
}

// Waits until somebody is at the gate.
static inline void gate_await(struct gate *gate)
{
    gate_wait(&gate->arrived);
}

static inline void gate_open(struct gate *gate)
{
    sem_post(&gate->opened);
}

// ---- Books of an allocator

struct books {
    pthread_mutex_t lock;
    pthread_cond_t balanced;
    long out; // blocks; lock
};

static inline void *books_alloc(void *user, size_t size, size_t align)
{
    struct books *books = user;
    void *block = NULL;
    if (posix_memalign(&block, align < sizeof(void *) ? sizeof(void *) : align, size) != 0)
        return NULL;
    pthread_mutex_lock(&books->lock);
    books->out++;
    pthread_mutex_unlock(&books->lock);
    return block;
}

static inline void books_free(void *user, void *block, size_t size)
{
    (void)size;
    struct books *books = user;
    free(block);
    pthread_mutex_lock(&books->lock);
    if (--books->out == 0)
        pthread_cond_broadcast(&books->balanced);
    pthread_mutex_unlock(&books->lock);
}

static inline troupe_allocator books_open(struct books *books)
{
    pthread_mutex_init(&books->lock, NULL);
    pthread_cond_init(&books->balanced, NULL);
    books->out = 0;
    return (troupe_allocator){.alloc = books_alloc, .free = books_free, .user = books};
}

// Waits until all memory has come back, which a system's own is the last of.
static inline void books_await_balance(struct books *books)
{
    pthread_mutex_lock(&books->lock);
    while (books->out != 0)
        pthread_cond_wait(&books->balanced, &books->lock);
    pthread_mutex_unlock(&books->lock);
}

// Fails unless all memory has come back.
static inline void books_close(struct books *books)
{
    pthread_mutex_lock(&books->lock);
    assert_int_equal(books->out, 0);
    pthread_mutex_unlock(&books->lock);
}

#endif
