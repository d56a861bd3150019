// Handlers that return at about the moment at which they are given up. Both ends of the race must
// be reached; whoever wins, monitors and asks are told once, defers run once and all memory comes
// back.
#include "tests/support/gate.h"
#include "troupe/ask.h"
#include "troupe/supervisor.h"
#include "troupe/system.h"

#include <sched.h>
#include <stdatomic.h>

#define ROUNDS    120
#define AT_A_TIME 4

struct patience {
    uint64_t until_ns; // of the system's clock
};

TROUPE_STRUCT(Linger, struct patience);
TROUPE_STRUCT(Number, struct patience);
TROUPE_EMPTY(Query);

static troupe_system *stage;
static troupe_ctx *outside;
static _Atomic uint32_t deferred, entered;
static sem_t arrived;

static void count(void *counter)
{
    atomic_fetch_add((_Atomic uint32_t *)counter, 1);
}

// Calls into the runtime on and on, so that it is given up between two calls or never.
static troupe_status linger(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const struct patience *patience = troupe_match(msg, Linger);
    if (patience == NULL)
        return troupe_reply(ctx, Number, .until_ns = 1);
    if (troupe_defer(ctx, count, &deferred) == TROUPE_OK)
        atomic_fetch_add(&entered, 1);
    sem_post(&arrived);
    uint64_t until = patience->until_ns;
    while (troupe_now_ns(ctx) < until) {
        troupe_alloc(ctx, 8);
        troupe_send(ctx, troupe_self(ctx), Query);
        sched_yield();
    }
    return until % 3 == 0 ? TROUPE_STOP : until % 3 == 1 ? TROUPE_OK : TROUPE_EUSER;
}

static void linger_in_stop(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)state;
    uint64_t until = troupe_now_ns(ctx) + troupe_random(ctx) % 1000000;
    while (why->kind != TROUPE_KILLED && troupe_now_ns(ctx) < until)
        sched_yield();
}

static const troupe_behavior lingering = {
    .name = "lingering", .receive = linger, .stop = linger_in_stop};

static void send_linger(troupe_ref ref)
{
    uint64_t ns = 500000 + troupe_random(outside) % 2500000; // a look comes after 1 and 2 ms
    assert_int_equal(troupe_send(outside, ref, Linger, .until_ns = troupe_now_ns(outside) + ns),
                     TROUPE_OK);
}

static void *ask_it(void *arg)
{
    troupe_msg *reply = NULL;
    if (troupe_call(outside, *(troupe_ref *)arg, TROUPE_NO_LIMIT, &reply, Query) == TROUPE_OK)
        troupe_msg_free(outside, reply);
    return NULL;
}

static void kill_some(void)
{
    troupe_ref refs[AT_A_TIME];
    pthread_t askers[AT_A_TIME];
    troupe_reason_kind kind;
    for (int i = 0; i < AT_A_TIME; i++) {
        troupe_spawn_opts opts = {.place = i ? TROUPE_ON_THREAD : TROUPE_ON_POOL,
                                  .kill_grace_ms = 1};
        assert_int_equal(troupe_spawn(outside, &lingering, &opts, &refs[i]), TROUPE_OK);
        send_linger(refs[i]);
        gate_wait(&arrived);
        assert_int_equal(pthread_create(&askers[i], NULL, ask_it, &refs[i]), 0);
    }
    for (int i = 0; i < AT_A_TIME; i++)
        troupe_kill(outside, refs[i]); // or it has ended
    for (int i = 0; i < AT_A_TIME; i++) {
        assert_int_equal(troupe_join(outside, refs[i], TROUPE_NO_LIMIT, &kind), TROUPE_OK);
        pthread_join(askers[i], NULL);
    }
}

static void open_stage(struct books *books, troupe_allocator *allocator)
{
    *allocator = books_open(books);
    troupe_system_opts opts = {.workers = 2, .allocator = allocator, .kill_grace_ms = 1};
    assert_int_equal(troupe_system_start(&opts, &stage), TROUPE_OK);
    outside = troupe_outside(stage);
    atomic_store(&deferred, 0);
    atomic_store(&entered, 0);
    sem_init(&arrived, 0, 0);
}

static troupe_stats close_stage(struct books *books)
{
    troupe_report report;
    assert_int_equal(troupe_system_stop(stage, TROUPE_NO_LIMIT, &report), TROUPE_OK);
    books_close(books);
    assert_int_equal(atomic_load(&deferred), atomic_load(&entered));
    assert_int_equal(report.stats.spawned, report.stats.ended);
    return report.stats;
}

// Tells whether the race has had both ends.
static bool both_were_reached(void)
{
    troupe_stats stats;
    troupe_system_stats(stage, &stats);
    return stats.abandoned > 0 && stats.abandoned < stats.ended + stats.restarts;
}

static void a_handler_may_return_when_it_is_given_up(void **state)
{
    (void)state;
    struct books books;
    troupe_allocator allocator;
    open_stage(&books, &allocator);
    for (int i = 0; i < ROUNDS || !both_were_reached(); i++)
        kill_some();
    troupe_stats stats = close_stage(&books);
    print_message("given up: %llu of %llu\n", (unsigned long long)stats.abandoned,
                  (unsigned long long)stats.ended);
}

static void what_is_restarted_meanwhile_goes_on(void **state)
{
    (void)state;
    static const troupe_child children[] = {
        {.id = "pool", .behavior = &lingering, .kill_grace_ms = 1},
        {.id = "thread", .behavior = &lingering, .kill_grace_ms = 1, .place = TROUPE_ON_THREAD},
    };
    static const troupe_supervisor spec = {
        .children = children, .child_count = 2, .max_restarts = 100000, .within_ms = 1};
    struct books books;
    troupe_allocator allocator;
    troupe_ref supervisor, refs[2];
    open_stage(&books, &allocator);
    assert_int_equal(troupe_supervise_wait(outside, &spec, &supervisor), TROUPE_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(troupe_child_ref(outside, supervisor, children[i].id, &refs[i]),
                         TROUPE_OK);
    for (int i = 0; i < ROUNDS || !both_were_reached(); i++) {
        for (int k = 0; k < 2; k++) {
            send_linger(refs[k]);
            gate_wait(&arrived);
            troupe_kill(outside, refs[k]);
        }
        for (int k = 0; k < 2; k++) { // down from one incarnation, or the answer of the next
            troupe_msg *reply = NULL;
            while (troupe_call(outside, refs[k], TROUPE_NO_LIMIT, &reply, Query) != TROUPE_OK)
                continue;
            troupe_msg_free(outside, reply);
        }
    }
    troupe_stats stats = close_stage(&books);
    print_message("given up: %llu, restarts: %llu\n", (unsigned long long)stats.abandoned,
                  (unsigned long long)stats.restarts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handler_may_return_when_it_is_given_up),
        cmocka_unit_test(what_is_restarted_meanwhile_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
