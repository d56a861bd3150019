// Systems come and go, with actors in them and with traffic from threads outside that ends just
// before; and several live side by side without knowing of each other.
#include "tests/support/gate.h"
#include "troupe/ask.h"
#include "troupe/supervisor.h"
#include "troupe/system.h"
#include "troupe/timer.h"

#include <stdatomic.h>

#define ROUNDS   340 // with each number of workers
#define ACTORS   20
#define OUTSIDE  2
#define TOGETHER 4

struct number {
    uint64_t value;
};

TROUPE_STRUCT(Number, struct number);
TROUPE_EMPTY(Query);

struct stage {
    troupe_system *system;
    troupe_ctx *ctx;
    struct books books;
    troupe_allocator allocator;
    troupe_ref refs[ACTORS];
    int rounds;
    uint32_t workers;
};

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    uint64_t *sum = state;
    const struct number *number = troupe_match(msg, Number);
    if (number == NULL)
        return troupe_reply(ctx, Number, .value = *sum);
    *sum += number->value;
    if (number->value % 8 == 0)
        return troupe_after(ctx, 1, troupe_self(ctx), NULL, Number, .value = 1);
    return number->value % 64 == 1 && *sum % 512 == 3 ? TROUPE_EUSER : TROUPE_OK;
}

static const troupe_behavior summing = {
    .name = "summing", .state_size = sizeof(uint64_t), .receive = receive};

static void open_stage(struct stage *stage, uint32_t workers)
{
    static const troupe_child children[] = {
        {.id = "a", .behavior = &summing},
        {.id = "b", .behavior = &summing, .place = TROUPE_ON_THREAD},
    };
    static const troupe_supervisor spec = {
        .children = children, .child_count = 2, .max_restarts = 100};
    stage->allocator = books_open(&stage->books);
    troupe_system_opts opts = {.workers = workers, .allocator = &stage->allocator};
    assert_int_equal(troupe_system_start(&opts, &stage->system), TROUPE_OK);
    stage->ctx = troupe_outside(stage->system);
    assert_int_equal(troupe_supervise(stage->ctx, &spec, &stage->refs[0]), TROUPE_OK);
    for (int i = 1; i < ACTORS; i++)
        assert_int_equal(troupe_spawn(stage->ctx, &summing, NULL, &stage->refs[i]), TROUPE_OK);
}

static void close_stage(struct stage *stage)
{
    troupe_report report;
    assert_int_equal(troupe_system_stop(stage->system, TROUPE_NO_LIMIT, &report), TROUPE_OK);
    assert_int_equal(report.stats.spawned, report.stats.ended);
    assert_int_equal(report.stats.sent,
                     report.stats.handled + report.stats.dead + report.stats.dropped);
    books_close(&stage->books);
}

static void *send_traffic(void *arg)
{
    struct stage *stage = arg;
    for (uint64_t i = 0; i < 200; i++) {
        troupe_ref to = stage->refs[troupe_random(stage->ctx) % ACTORS];
        troupe_send(stage->ctx, to, Number, .value = i);
        if (i % 100 == 50)
            troupe_call(stage->ctx, to, TROUPE_NO_LIMIT, NULL, Query);
        if (i % 64 == 32)
            troupe_after(stage->ctx, i % 3, to, NULL, Number, .value = i);
    }
    return NULL;
}

static void come_and_go(struct stage *stage, uint32_t workers)
{
    pthread_t threads[OUTSIDE];
    open_stage(stage, workers);
    for (int i = 0; i < OUTSIDE; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_traffic, stage), 0);
    for (int i = 0; i < OUTSIDE; i++)
        pthread_join(threads[i], NULL);
    close_stage(stage);
}

static void a_thousand_systems_come_and_go(void **state)
{
    (void)state;
    static const uint32_t workers[] = {1, 2, 4};
    struct stage stage;
    for (size_t k = 0; k < sizeof workers / sizeof workers[0]; k++)
        for (int i = 0; i < ROUNDS; i++) {
            if (i % 10 == 0) { // one that has hardly begun
                open_stage(&stage, workers[k]);
                close_stage(&stage);
            }
            come_and_go(&stage, workers[k]);
        }
}

// A stage of each thread's own: no two of them meet. cmocka's checks are for the main thread only.
static void *live_alone(void *arg)
{
    struct stage *stage = arg;
    troupe_system_opts opts = {.workers = stage->workers, .allocator = &stage->allocator};
    for (int round = 0; round < stage->rounds; round++) {
        troupe_report report;
        if (troupe_system_start(&opts, &stage->system) != TROUPE_OK)
            abort();
        stage->ctx = troupe_outside(stage->system);
        for (int i = 0; i < ACTORS; i++)
            if (troupe_spawn(stage->ctx, &summing, NULL, &stage->refs[i]) != TROUPE_OK)
                abort();
        send_traffic(stage);
        if (troupe_system_stop(stage->system, TROUPE_NO_LIMIT, &report) != TROUPE_OK ||
            report.stats.spawned != report.stats.ended)
            abort();
    }
    return NULL;
}

static void systems_live_side_by_side(void **state)
{
    (void)state;
    struct stage stages[TOGETHER];
    pthread_t threads[TOGETHER];
    for (uint32_t i = 0; i < TOGETHER; i++) {
        stages[i] = (struct stage){.rounds = 60, .workers = 1 + i % 2};
        stages[i].allocator = books_open(&stages[i].books);
    }
    for (int i = 0; i < TOGETHER; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, live_alone, &stages[i]), 0);
    for (int i = 0; i < TOGETHER; i++) {
        pthread_join(threads[i], NULL);
        books_close(&stages[i].books);
    }
}

static void a_ref_of_another_system_is_dead_here(void **state)
{
    (void)state;
    struct stage here, there;
    open_stage(&here, 2);
    open_stage(&there, 2);
    for (int i = 0; i < ACTORS; i++) {
        assert_int_not_equal(troupe_send(here.ctx, there.refs[i], Number, .value = 1), TROUPE_OK);
        assert_int_equal(troupe_kill(here.ctx, there.refs[i]), TROUPE_EDEAD);
        assert_int_equal(troupe_incarnation(here.ctx, there.refs[i]), 0);
    }
    close_stage(&here);
    close_stage(&there);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_systems_come_and_go),
        cmocka_unit_test(systems_live_side_by_side),
        cmocka_unit_test(a_ref_of_another_system_is_dead_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
