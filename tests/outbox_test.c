// What a handler sends in a flood: it arrives in order whatever is mixed in, and it arrives while
// the handler still runs.
#include "actors/system.h"
#include "scheduler/core.h"
#include "tests/support/gate.h"
#include "tests/support/test.h"
#include "troupe.h"

#include <sched.h>

#define FLOOD   5000u // messages to each receiver, more than any chain or group
#define TARGETS 3u
#define FEW     20u // more than are delivered at once, fewer than fill a chain

struct numbered {
    uint64_t place; // 0 to FLOOD - 1
};

TROUPE_STRUCT(Sent, struct numbered);
TROUPE_STRUCT(Asked, struct numbered);
TROUPE_EMPTY(Begin);

static troupe_ref targets[TARGETS];
static sem_t got_all;
static struct gate gate;

// ---- A receiver counts, and lets nothing come out of order

struct receiver {
    uint64_t next, until;
};

static troupe_status receiver_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)ctx;
    const struct numbered *until = troupe_match(args, Sent);
    ((struct receiver *)state)->until = until ? until->place : 0;
    return TROUPE_OK;
}

static troupe_status receive_in_order(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct receiver *receiver = state;
    const struct numbered *asked = troupe_match(msg, Asked);
    const struct numbered *numbered = asked ? asked : troupe_match(msg, Sent);
    if (numbered == NULL || numbered->place != receiver->next)
        return troupe_fail(ctx, TROUPE_EINVAL, "out of order");
    if (++receiver->next == receiver->until)
        sem_post(&got_all);
    return asked ? troupe_reply(ctx, Sent, .place = asked->place) : TROUPE_OK;
}

static const troupe_behavior receiver_behavior = {.name = "receiver",
                                                  .state_size = sizeof(struct receiver),
                                                  .init = receiver_init,
                                                  .receive = receive_in_order};

// ---- Senders

static troupe_status ignore(troupe_ctx *ctx, void *state, void *user, const troupe_outcome *outcome)
{
    (void)ctx, (void)state, (void)user, (void)outcome;
    return TROUPE_OK;
}

// One message, by one of the ways that there are.
static troupe_status send_somehow(troupe_ctx *ctx, troupe_ref to, uint64_t place)
{
    troupe_msg *msg;
    switch (troupe_random(ctx) % 16) {
    case 0:
        return troupe_ask(ctx, to, TROUPE_NO_LIMIT, ignore, NULL, Asked, .place = place);
    case 1:
        troupe_msg_new(ctx, Sent, &msg)->place = place;
        return troupe_move(ctx, to, msg);
    case 2:
        return troupe_send_many(ctx, &to, 1, NULL, Sent, .place = place);
    default:
        return troupe_send(ctx, to, Sent, .place = place);
    }
}

static troupe_status flood(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state, (void)msg;
    troupe_status status = TROUPE_OK;
    for (uint64_t place = 0; place < FLOOD && status == TROUPE_OK; place++)
        for (uint32_t i = 0; i < TARGETS && status == TROUPE_OK; i++)
            status = send_somehow(ctx, targets[i], place);
    return status;
}

static const troupe_behavior flooder = {.name = "flooder", .receive = flood};

// Sends a few and does not return before they have arrived.
static troupe_status send_and_wait(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state, (void)msg;
    for (uint64_t place = 0; place < FEW; place++)
        if (troupe_send(ctx, targets[0], Sent, .place = place) != TROUPE_OK)
            return TROUPE_EINVAL;
    gate_pass(&gate);
    return TROUPE_OK;
}

static const troupe_behavior waiter = {.name = "waiter", .receive = send_and_wait};

// The same, after so many to itself that all the others are kept: nobody is woken before that.
static troupe_status send_itself_and_wait(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    if (!troupe_match(msg, Begin))
        return TROUPE_OK;
    for (uint64_t place = 0; place < FEW; place++)
        if (troupe_send(ctx, troupe_self(ctx), Sent, .place = place) != TROUPE_OK)
            return TROUPE_EINVAL;
    return send_and_wait(ctx, state, msg);
}

static const troupe_behavior quiet_waiter = {.name = "quiet", .receive = send_itself_and_wait};

// ---- Stories

// Until all workers are parked, and the one that is to look after the others sleeps as well.
static void await_deep_sleep(troupe_system *system)
{
    struct trp_parking *parking = &system->scheduler->parking;
    while (trp_parking_parked(parking) < parking->workers || !atomic_load(&parking->deep))
        sched_yield();
}

static void tell(troupe_system *system, const troupe_behavior *sender,
                 const troupe_spawn_opts *opts)
{
    troupe_ctx *ctx = troupe_outside(system);
    troupe_ref ref;
    assert_int_equal(troupe_spawn(ctx, sender, opts, &ref), TROUPE_OK);
    await_deep_sleep(system);
    assert_int_equal(troupe_send(ctx, ref, Begin), TROUPE_OK);
}

static troupe_system *begin(uint32_t workers, uint32_t receivers, uint64_t each,
                            const troupe_spawn_opts *opts)
{
    troupe_system *system;
    troupe_system_opts system_opts = {.workers = workers};
    sem_init(&got_all, 0, 0);
    gate_init(&gate);
    assert_int_equal(troupe_system_start(&system_opts, &system), TROUPE_OK);
    for (uint32_t i = 0; i < receivers; i++)
        assert_int_equal(troupe_spawn_with(troupe_outside(system), &receiver_behavior, opts,
                                           &targets[i], Sent, .place = each),
                         TROUPE_OK);
    return system;
}

static void end(troupe_system *system)
{
    troupe_report report;
    assert_int_equal(troupe_system_stop(system, TROUPE_NO_LIMIT, &report), TROUPE_OK);
    assert_int_equal(report.stats.failures, 0);
}

static void a_flood_arrives_in_order_whatever_is_mixed_in(void **state)
{
    (void)state;
    for (uint32_t workers = 1; workers <= 4; workers++) {
        troupe_system *system = begin(workers, TARGETS, FLOOD, NULL);
        tell(system, &flooder, NULL);
        for (uint32_t i = 0; i < TARGETS; i++)
            gate_wait(&got_all);
        end(system);
    }
}

static void what_is_sent_arrives_while_it_runs(const troupe_behavior *behavior,
                                               const troupe_spawn_opts *sender,
                                               const troupe_spawn_opts *receiver)
{
    troupe_system *system = begin(2, 1, FEW, receiver);
    tell(system, behavior, sender);
    gate_await(&gate);
    gate_wait(&got_all); // for ever, if what was kept is not delivered
    gate_open(&gate);
    end(system);
}

static void a_parked_worker_delivers_for_a_handler_that_does_not_return(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++)
        what_is_sent_arrives_while_it_runs(&waiter, NULL, NULL);
}

static void a_sleeping_worker_is_told_of_what_is_kept(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++)
        what_is_sent_arrives_while_it_runs(&quiet_waiter, NULL, NULL);
}

static void nothing_is_kept_by_or_for_actors_with_threads_of_their_own(void **state)
{
    (void)state;
    static const troupe_spawn_opts on_thread = {.place = TROUPE_ON_THREAD};
    for (int i = 0; i < 20; i++) {
        what_is_sent_arrives_while_it_runs(&waiter, &on_thread, NULL);
        what_is_sent_arrives_while_it_runs(&waiter, NULL, &on_thread);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flood_arrives_in_order_whatever_is_mixed_in),
        cmocka_unit_test(a_parked_worker_delivers_for_a_handler_that_does_not_return),
        cmocka_unit_test(a_sleeping_worker_is_told_of_what_is_kept),
        cmocka_unit_test(nothing_is_kept_by_or_for_actors_with_threads_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
