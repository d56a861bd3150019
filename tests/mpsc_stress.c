// The mailbox queue with real threads: whoever is told "was idle" is the consumer until the queue
// goes idle again, as under a scheduler. What the consumer keeps is not atomic, on purpose: a wrong
// handover is a data race that ThreadSanitizer sees.
#include "base/random.h"
#include "mailbox/mpsc.h"
#include "tests/support/test.h"

#include <pthread.h>
#include <stdlib.h>

#define PRODUCERS    16 // far more than there are CPUs
#define PER_PRODUCER 50000

struct item {
    struct trp_link link; // first
    int producer;         // -1: a filler
    int number;
};

struct mailbox {
    _Alignas(TRP_CACHE_LINE) struct trp_mpsc_head head;
    _Alignas(TRP_CACHE_LINE) struct trp_mpsc_front front;
    // The consumer's, whoever it is.
    bool consuming;
    int next_number[PRODUCERS];
    int out_of_order;
    int two_consumers;
    uint64_t activations;
    struct trp_random random;
};

struct producer {
    struct mailbox *mailbox;
    int index;
    pthread_t thread;
};

static struct item *new_item(int producer, int number)
{
    struct item *item = malloc(sizeof *item);
    TRP_ASSERT(item != NULL);
    item->producer = producer;
    item->number = number;
    return item;
}

static void handle(struct mailbox *mailbox, const struct item *item)
{
    if (item->producer < 0)
        return;
    mailbox->out_of_order += item->number != mailbox->next_number[item->producer];
    mailbox->next_number[item->producer]++;
}

// Detaches the front, now and then without letting the queue go idle. False: not the consumer any
// more.
static bool advance(struct mailbox *mailbox, const struct item *item)
{
    if (item->producer >= 0 && trp_random_below(&mailbox->random, 8) == 0) {
        struct item *filler = new_item(-1, 0);
        if (!trp_mpsc_take(&mailbox->head, &mailbox->front, &filler->link))
            free(filler);
        return true;
    }
    // In the other order this would touch what another consumer may own by then.
    mailbox->consuming = false;
    if (!trp_mpsc_pop(&mailbox->head, &mailbox->front))
        return false;
    mailbox->consuming = true;
    return true;
}

static void activate(struct mailbox *mailbox)
{
    mailbox->two_consumers += mailbox->consuming;
    mailbox->consuming = true;
    mailbox->activations++;
    bool more = true;
    while (more) {
        struct item *item = (struct item *)mailbox->front.first;
        handle(mailbox, item);
        more = advance(mailbox, item);
        free(item);
    }
}

static void *produce(void *argument)
{
    const struct producer *producer = argument;
    struct mailbox *mailbox = producer->mailbox;
    for (int i = 0; i < PER_PRODUCER; i++) {
        struct item *item = new_item(producer->index, i);
        if (trp_mpsc_push(&mailbox->head, &mailbox->front, &item->link))
            activate(mailbox);
    }
    return NULL;
}

static void every_item_arrives_once_and_in_its_producers_order(void **state)
{
    (void)state;
    struct mailbox mailbox = {.front = {NULL}};
    struct producer producers[PRODUCERS];
    trp_random_init(&mailbox.random, 1);
    for (int i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){.mailbox = &mailbox, .index = i};
        assert_int_equal(pthread_create(&producers[i].thread, NULL, produce, &producers[i]), 0);
    }
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(producers[i].thread, NULL);
    assert_true(trp_mpsc_is_idle(&mailbox.head));
    assert_int_equal(mailbox.out_of_order, 0);
    assert_int_equal(mailbox.two_consumers, 0);
    for (int i = 0; i < PRODUCERS; i++)
        assert_int_equal(mailbox.next_number[i], PER_PRODUCER);
    print_message("%d items in %llu activations\n", PRODUCERS * PER_PRODUCER,
                  (unsigned long long)mailbox.activations);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_arrives_once_and_in_its_producers_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
