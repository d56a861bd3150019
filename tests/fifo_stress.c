// What one actor sends to another arrives in the order of sending, whoever runs them and however
// often they are stolen: plain messages, forwarded ones, put aside and taken up again; replies and
// the message of a monitor after what was sent before them.
#include "tests/support/gate.h"
#include "troupe/ask.h"
#include "troupe/system.h"

#include <stdatomic.h>

#define SENDERS   12
#define RECEIVERS 8
#define MESSAGES  1500u // of each sender to each receiver
#define BURST     16u

struct item {
    uint32_t sender, number;
};

struct question {
    uint32_t sender;
};

TROUPE_STRUCT(Item, struct item);
TROUPE_STRUCT(Question, struct question);
TROUPE_EMPTY(Go);
TROUPE_EMPTY(Result);

static troupe_ref receivers[RECEIVERS], sinks[RECEIVERS], parents[SENDERS];
static _Atomic uint32_t out_of_order;
static sem_t done;

static void expect(bool holds)
{
    if (!holds)
        atomic_fetch_add(&out_of_order, 1);
}

static void start(troupe_system **system, uint32_t workers)
{
    troupe_system_opts opts = {.workers = workers, .seed = workers, .batch = 7, .slice_us = 20};
    assert_int_equal(troupe_system_start(&opts, system), TROUPE_OK);
    atomic_store(&out_of_order, 0);
    sem_init(&done, 0, 0);
}

static void finish(troupe_system *system)
{
    assert_int_equal(troupe_system_stop(system, TROUPE_NO_LIMIT, NULL), TROUPE_OK);
    assert_int_equal(atomic_load(&out_of_order), 0);
}

// ---- Items from every sender to every receiver

struct receiver {
    uint32_t next[SENDERS];
    uint32_t handled, aside, index;
    bool puts_aside;
};

static void take_item(struct receiver *receiver, const struct item *item)
{
    expect(item->number == receiver->next[item->sender]);
    receiver->next[item->sender] = item->number + 1;
    if (++receiver->handled == SENDERS * MESSAGES)
        sem_post(&done);
}

// Puts some messages aside, then takes all of them up again.
static troupe_status receive_aside(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct receiver *receiver = state;
    troupe_stash(ctx, msg);
    if (++receiver->aside % 8 == 0 || receiver->aside + receiver->handled >= SENDERS * MESSAGES) {
        troupe_unbecome(ctx);
        troupe_unstash(ctx);
        receiver->aside = 0;
    }
    return TROUPE_OK;
}

static troupe_status receive_plainly(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct receiver *receiver = state;
    const struct item *item = troupe_match(msg, Item);
    const struct question *question = troupe_match(msg, Question);
    if (question)
        return troupe_reply(ctx, Item, .sender = receiver->index,
                            .number = receiver->next[question->sender]);
    if (item == NULL)
        return TROUPE_UNHANDLED;
    take_item(receiver, item);
    if (receiver->puts_aside && receiver->handled % 50 == 0 &&
        receiver->handled + 64 < SENDERS * MESSAGES)
        return troupe_become(ctx, receive_aside);
    return TROUPE_OK;
}

static troupe_status receiver_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)ctx;
    struct receiver *receiver = state;
    const struct item *item = troupe_match(args, Item);
    if (item) {
        receiver->index = item->sender;
        receiver->puts_aside = item->number == 1;
    }
    return TROUPE_OK;
}

static const troupe_behavior receiver_behavior = {.name = "receiver",
                                                  .state_size = sizeof(struct receiver),
                                                  .init = receiver_init,
                                                  .receive = receive_plainly};

static troupe_status pass_on(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    return troupe_forward(ctx, *(troupe_ref *)state, msg);
}

static troupe_status passer_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)ctx;
    const struct item *item = troupe_match(args, Item);
    *(troupe_ref *)state = item ? sinks[item->sender] : (troupe_ref){0, 0, 0};
    return TROUPE_OK;
}

static const troupe_behavior passer = {
    .name = "passer", .state_size = sizeof(troupe_ref), .init = passer_init, .receive = pass_on};

struct sender {
    uint32_t index, sent;
};

// A reply tells of all that was sent before the question.
static troupe_status on_answer(troupe_ctx *ctx, void *state, void *user,
                               const troupe_outcome *outcome)
{
    (void)ctx, (void)state;
    const struct item *item = outcome->reply ? troupe_match(outcome->reply, Item) : NULL;
    expect(item && item->number >= (uint32_t)(uintptr_t)user);
    return TROUPE_OK;
}

static troupe_status send_burst(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)msg;
    struct sender *sender = state;
    for (uint32_t i = 0; i < BURST && sender->sent < MESSAGES; i++, sender->sent++)
        for (uint32_t to = 0; to < RECEIVERS; to++)
            troupe_send(ctx, receivers[to], Item, .sender = sender->index, .number = sender->sent);
    if (sender->sent == MESSAGES)
        return TROUPE_OK;
    if (sender->sent % 64 == 0)
        troupe_ask(ctx, receivers[0], TROUPE_NO_LIMIT, on_answer, (void *)(uintptr_t)sender->sent,
                   Question, .sender = sender->index);
    return troupe_send(ctx, troupe_self(ctx), Go);
}

static troupe_status sender_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)ctx;
    const struct item *item = troupe_match(args, Item);
    ((struct sender *)state)->index = item ? item->sender : 0;
    return TROUPE_OK;
}

static const troupe_behavior sender_behavior = {.name = "sender",
                                                .state_size = sizeof(struct sender),
                                                .init = sender_init,
                                                .receive = send_burst};

// Receiver 0 is plain and answers, every third passes on, the others put aside now and then.
static void spawn_receiver(troupe_ctx *ctx, uint32_t i)
{
    troupe_spawn_opts opts = {.place = i == RECEIVERS - 1 ? TROUPE_ON_THREAD : TROUPE_ON_POOL};
    assert_int_equal(troupe_spawn_with(ctx, &receiver_behavior, &opts, &receivers[i], Item,
                                       .sender = i, .number = i % 2),
                     TROUPE_OK);
    if (i % 3 != 2)
        return;
    sinks[i] = receivers[i];
    assert_int_equal(troupe_spawn_with(ctx, &passer, NULL, &receivers[i], Item, .sender = i),
                     TROUPE_OK);
}

static void send_items(uint32_t workers)
{
    troupe_system *system;
    troupe_ref senders[SENDERS];
    start(&system, workers);
    troupe_ctx *ctx = troupe_outside(system);
    for (uint32_t i = 0; i < RECEIVERS; i++)
        spawn_receiver(ctx, i);
    for (uint32_t i = 0; i < SENDERS; i++)
        assert_int_equal(
            troupe_spawn_with(ctx, &sender_behavior, NULL, &senders[i], Item, .sender = i),
            TROUPE_OK);
    for (uint32_t i = 0; i < SENDERS; i++)
        troupe_send(ctx, senders[i], Go);
    for (uint32_t i = 0; i < RECEIVERS; i++)
        gate_wait(&done);
    finish(system);
}

static void messages_of_a_pair_stay_in_order(void **state)
{
    (void)state;
    send_items(1);
    send_items(2);
    send_items(8);
    send_items(16);
}

// ---- Results of a worker, then its end

#define WORKERS 400u // of each parent, one after the other
#define RESULTS 20u

struct parent {
    uint32_t results, ended, index;
};

static troupe_status work(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    uint32_t *sent = state;
    (void)msg;
    for (uint32_t i = 0; i < RESULTS / 2; i++, ++*sent)
        troupe_send(ctx, troupe_owner(ctx), Result);
    if (*sent < RESULTS)
        return troupe_send(ctx, troupe_self(ctx), Go);
    return troupe_random(ctx) % 2 ? TROUPE_STOP : TROUPE_EUSER;
}

static const troupe_behavior worker = {
    .name = "worker", .state_size = sizeof(uint32_t), .receive = work};

static void hire(troupe_ctx *ctx)
{
    troupe_ref ref;
    troupe_spawn(ctx, &worker, NULL, &ref);
    troupe_monitor(ctx, ref, TROUPE_ON_STOP, NULL);
    troupe_send(ctx, ref, Go);
}

static troupe_status count_results(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct parent *parent = state;
    if (troupe_match(msg, Result)) {
        parent->results++;
        return TROUPE_OK;
    }
    if (troupe_match(msg, troupe_down)) {
        expect(parent->results == RESULTS);
        parent->results = 0;
        if (++parent->ended == WORKERS)
            sem_post(&done);
    }
    if (parent->ended < WORKERS)
        hire(ctx);
    return TROUPE_OK;
}

static const troupe_behavior parent_behavior = {
    .name = "parent", .state_size = sizeof(struct parent), .receive = count_results};

static void hire_workers(uint32_t workers)
{
    troupe_system *system;
    start(&system, workers);
    troupe_ctx *ctx = troupe_outside(system);
    for (uint32_t i = 0; i < SENDERS; i++)
        assert_int_equal(troupe_spawn(ctx, &parent_behavior, NULL, &parents[i]), TROUPE_OK);
    for (uint32_t i = 0; i < SENDERS; i++)
        troupe_send(ctx, parents[i], Go);
    for (uint32_t i = 0; i < SENDERS; i++)
        gate_wait(&done);
    finish(system);
}

static void results_come_before_the_end_of_who_sent_them(void **state)
{
    (void)state;
    hire_workers(1);
    hire_workers(2);
    hire_workers(8);
    hire_workers(16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_a_pair_stay_in_order),
        cmocka_unit_test(results_come_before_the_end_of_who_sent_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
