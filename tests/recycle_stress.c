// Everything at once towards refs that are dead, dying, restarting, given up or never were, while
// slots are used again as fast as possible. Every ask must end exactly once, every monitor must
// fire its stop exactly once, every call and join must return, and no message may be lost.
#include "tests/support/gate.h"
#include "troupe/ask.h"
#include "troupe/supervisor.h"
#include "troupe/system.h"
#include "troupe/timer.h"

#include <sched.h>
#include <stdatomic.h>

#define PLACES    48 // of the table of refs
#define OUTSIDERS 3
#define ASKERS    4
#define CHURNERS  3
#define ROUNDS    1500 // of each outsider
#define QUESTIONS 3000 // of each asker

struct number {
    uint64_t value;
};

TROUPE_STRUCT(Number, struct number);
TROUPE_EMPTY(Go);
TROUPE_EMPTY(Query);
TROUPE_EMPTY(Die);

static troupe_system *stage;
static troupe_ctx *outside;
static uint64_t system_id;
static _Atomic uint64_t table[PLACES]; // slot << 32 | generation
static _Atomic bool over;              // no new actors any more
static sem_t asker_done;

// ---- Refs, good and bad

static troupe_ref ref_of(uint64_t entry)
{
    return (troupe_ref){system_id, (uint32_t)(entry >> 32), (uint32_t)entry};
}

// Puts a ref into the table and ends the one that it displaces, so that nobody lives on unseen.
static void put(troupe_ctx *ctx, troupe_ref ref, uint64_t place)
{
    uint64_t entry = (uint64_t)ref.slot << 32 | ref.generation;
    troupe_ref displaced = ref_of(atomic_exchange(&table[place % PLACES], entry));
    if (!troupe_ref_equal(displaced, ref))
        troupe_kill(ctx, displaced);
}

// One of the table, or one that is wrong in some way.
static troupe_ref pick(uint64_t dice)
{
    troupe_ref ref = ref_of(atomic_load(&table[(dice >> 8) % PLACES]));
    switch (dice % 24) {
    case 0:
        ref.generation++; // the next in the same slot, perhaps
        break;
    case 1:
        ref.generation--;
        break;
    case 2:
        ref.slot = (uint32_t)(dice >> 16) % 512;
        break;
    case 3:
        ref.slot = (uint32_t)(dice >> 16);
        break;
    case 4:
        ref.generation = (uint32_t)(dice >> 16);
        break;
    case 5:
        ref.system++;
        break;
    case 6:
        ref = (troupe_ref){0, 0, 0};
        break;
    default:
        break;
    }
    return ref;
}

// ---- Short lives

static troupe_status mortal_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state, (void)args;
    uint64_t dice = troupe_random(ctx);
    if (dice % 16 == 0)
        return dice & 256 ? TROUPE_EUSER : TROUPE_STOP;
    return troupe_send(ctx, troupe_self(ctx), Go);
}

static void linger(troupe_ctx *ctx, uint64_t turns)
{
    for (uint64_t i = 0; i < turns; i++) {
        sched_yield();
        troupe_name(ctx);
    }
}

static troupe_status mortal_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    uint64_t *handled = state;
    uint64_t dice = troupe_random(ctx);
    if (troupe_match(msg, Die) || ++*handled > dice % 64)
        return dice & 256 ? TROUPE_STOP : troupe_fail(ctx, TROUPE_EUSER, "after %d", (int)*handled);
    if (dice % 512 == 0)
        linger(ctx, 500); // may be given up
    if (!troupe_is_ask(ctx))
        return dice & 1024 ? TROUPE_OK : TROUPE_UNHANDLED;
    if (dice % 4 == 0)
        return troupe_stash(ctx, msg);
    if (dice % 4 == 1)
        return troupe_forward(ctx, pick(dice >> 12), msg) == TROUPE_ESTALE ? TROUPE_ESTALE
                                                                           : TROUPE_OK;
    return troupe_reply(ctx, Number, .value = *handled);
}

static void mortal_stop(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)state, (void)why;
    troupe_send(ctx, pick(troupe_random(ctx)), Go);
}

static const troupe_behavior mortal = {.name = "mortal",
                                       .state_size = sizeof(uint64_t),
                                       .init = mortal_init,
                                       .receive = mortal_receive,
                                       .stop = mortal_stop};

static troupe_status churn(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state, (void)msg;
    for (int i = 0; i < 8 && !atomic_load(&over); i++) {
        uint64_t dice = troupe_random(ctx);
        troupe_ref ref;
        troupe_spawn_opts opts = {.place = dice % 32 == 0 ? TROUPE_ON_THREAD : TROUPE_ON_POOL,
                                  .kill_grace_ms = 1,
                                  .detached = dice & 256};
        if (troupe_spawn(ctx, &mortal, &opts, &ref) != TROUPE_OK)
            continue;
        troupe_send(ctx, pick(dice >> 24), Die);
        put(ctx, ref, dice >> 16);
    }
    return atomic_load(&over) ? TROUPE_OK : troupe_send(ctx, troupe_self(ctx), Go);
}

static const troupe_behavior churner = {.name = "churner", .receive = churn};

// Children that come back behind the same ref, for ever.
static troupe_ref supervise(void)
{
    static const troupe_child children[] = {
        {.id = "a", .behavior = &mortal, .kill_grace_ms = 1},
        {.id = "b", .behavior = &mortal, .kill_grace_ms = 1, .place = TROUPE_ON_THREAD},
        {.id = "c", .behavior = &mortal, .restart = TROUPE_TRANSIENT},
    };
    static const troupe_supervisor inner = {.name = "inner",
                                            .children = children,
                                            .child_count = 3,
                                            .max_restarts = 1000,
                                            .within_ms = 1};
    static const troupe_child inners[] = {{.id = "inner", .supervisor = &inner}};
    static const troupe_supervisor outer = {
        .children = inners, .child_count = 1, .max_restarts = 1000, .within_ms = 1};
    troupe_ref ref;
    assert_int_equal(troupe_supervise(outside, &outer, &ref), TROUPE_OK);
    return ref;
}

// ---- Actors that ask and watch, and live to the end

struct asker {
    uint64_t asked, outcomes, watched, downs;
    bool told;
};

static void tell_if_done(struct asker *asker)
{
    bool done = asker->asked == QUESTIONS && asker->outcomes == asker->asked &&
                asker->downs == asker->watched;
    if (done && !asker->told) {
        asker->told = true;
        sem_post(&asker_done);
    }
}

static troupe_status on_outcome(troupe_ctx *ctx, void *state, void *user,
                                const troupe_outcome *outcome)
{
    (void)ctx, (void)user, (void)outcome;
    struct asker *asker = state;
    asker->outcomes++;
    if (asker->outcomes > asker->asked)
        abort(); // one has ended twice
    tell_if_done(asker);
    return TROUPE_OK;
}

static void question(troupe_ctx *ctx, struct asker *asker)
{
    uint64_t dice = troupe_random(ctx);
    troupe_ask_id id;
    uint32_t timeout = dice % 3 == 0 ? 1 : dice % 3 == 1 ? 2000 : 0;
    troupe_status status =
        troupe_ask_with_id(ctx, pick(dice >> 3), timeout, on_outcome, NULL, &id, Query);
    asker->asked++;
    if (status != TROUPE_OK)
        asker->outcomes++; // it never was
    else if (dice >> 61 == 0)
        troupe_ask_cancel(ctx, id);
    troupe_monitor_ref monitor;
    uint32_t events = TROUPE_ON_STOP | ((uint32_t)(dice >> 40) & 6u);
    if (troupe_monitor(ctx, pick(dice >> 20), events, &monitor) != TROUPE_OK)
        return;
    if (dice >> 60 == 1)
        troupe_demonitor(ctx, monitor);
    else
        asker->watched++;
}

static troupe_status asker_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct asker *asker = state;
    const troupe_down *down = troupe_match(msg, troupe_down);
    if (down && down->event == TROUPE_ON_STOP)
        asker->downs++;
    if (asker->downs > asker->watched)
        abort(); // one has fired twice
    if (troupe_match(msg, Go) && asker->asked < QUESTIONS) {
        question(ctx, asker);
        troupe_send(ctx, troupe_self(ctx), Go);
    }
    tell_if_done(asker);
    return TROUPE_OK;
}

static const troupe_behavior asker_behavior = {
    .name = "asker", .state_size = sizeof(struct asker), .receive = asker_receive};

// ---- Threads outside

static void call(troupe_ref ref, uint64_t dice)
{
    troupe_msg *reply = NULL;
    if (troupe_call(outside, ref, dice % 2 ? 1 : 3000, &reply, Query) == TROUPE_OK)
        troupe_msg_free(outside, reply);
}

static void do_something(uint64_t dice)
{
    troupe_ref ref = pick(dice >> 5), many[3] = {ref, pick(dice >> 9), pick(dice >> 13)};
    switch (dice % 14) {
    case 0:
        troupe_stop(outside, ref);
        break;
    case 1:
        troupe_kill(outside, ref);
        break;
    case 2:
        troupe_drain(outside, ref);
        break;
    case 3:
    case 4:
        call(ref, dice >> 7);
        break;
    case 5:
        troupe_join(outside, ref, 1, NULL);
        break;
    case 6:
        troupe_incarnation(outside, ref);
        troupe_child_ref(outside, ref, "a", &many[0]);
        break;
    case 7:
        troupe_after(outside, dice >> 63, ref, NULL, Go);
        break;
    case 8:
        troupe_send_many(outside, many, 3, NULL, Number, .value = dice);
        break;
    case 9:
        if (troupe_spawn(outside, &mortal, NULL, &ref) == TROUPE_OK)
            put(outside, ref, dice >> 20);
        break;
    case 10:
        if (troupe_spawn_wait(outside, &mortal, NULL, &ref, NULL, NULL) == TROUPE_OK)
            put(outside, ref, dice >> 20);
        break;
    default:
        troupe_send(outside, ref, Go);
        break;
    }
}

static void *outsider(void *unused)
{
    (void)unused;
    for (int i = 0; i < ROUNDS; i++)
        do_something(troupe_random(outside));
    return NULL;
}

static void find_children(troupe_ref supervisor)
{
    static const char *ids[] = {"a", "b", "c"};
    troupe_ref inner, child;
    if (troupe_child_ref(outside, supervisor, "inner", &inner) != TROUPE_OK)
        return;
    put(outside, inner, 0);
    for (uint64_t i = 0; i < 3; i++)
        if (troupe_child_ref(outside, inner, ids[i], &child) == TROUPE_OK)
            put(outside, child, i + 1);
}

static void run(uint32_t workers)
{
    struct books books;
    troupe_allocator allocator = books_open(&books);
    troupe_system_opts opts = {
        .workers = workers, .seed = workers, .allocator = &allocator, .kill_grace_ms = 1};
    assert_int_equal(troupe_system_start(&opts, &stage), TROUPE_OK);
    outside = troupe_outside(stage);
    atomic_store(&over, false);
    troupe_ref ref, supervisor = {0, 0, 0};
    troupe_ref churners[CHURNERS];
    for (int i = 0; i < CHURNERS; i++) {
        assert_int_equal(troupe_spawn(outside, &churner, NULL, &churners[i]), TROUPE_OK);
        system_id = churners[i].system;
    }
    for (int i = 0; i < CHURNERS; i++)
        troupe_send(outside, churners[i], Go);
    for (int i = 0; i < ASKERS; i++) {
        assert_int_equal(troupe_spawn(outside, &asker_behavior, NULL, &ref), TROUPE_OK);
        troupe_send(outside, ref, Go);
    }
    pthread_t threads[OUTSIDERS];
    for (int i = 0; i < OUTSIDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, outsider, NULL), 0);
    for (int i = 0; i < 40; i++) { // supervisors come and give up
        if (troupe_incarnation(outside, supervisor) == 0)
            supervisor = supervise();
        find_children(supervisor);
        call(pick(7 + ((uint64_t)(i % 4) << 8)), 1);
    }
    for (int i = 0; i < OUTSIDERS; i++)
        pthread_join(threads[i], NULL);
    // All that can be watched ends, so that all that was asked and watched has an end.
    atomic_store(&over, true);
    troupe_stop(outside, supervisor);
    troupe_join(outside, supervisor, TROUPE_NO_LIMIT, NULL);
    for (int i = 0; i < CHURNERS; i++) {
        troupe_stop(outside, churners[i]);
        troupe_join(outside, churners[i], TROUPE_NO_LIMIT, NULL);
    }
    for (uint64_t i = 0; i < PLACES; i++)
        troupe_kill(outside, ref_of(atomic_load(&table[i])));
    for (int i = 0; i < ASKERS; i++)
        gate_wait(&asker_done);
    troupe_report report;
    assert_int_equal(troupe_system_stop(stage, TROUPE_NO_LIMIT, &report), TROUPE_OK);
    assert_int_equal(report.stats.spawned, report.stats.ended);
    books_close(&books);
}

static void nothing_breaks_however_late_it_comes(void **state)
{
    (void)state;
    static const uint32_t workers[] = {1, 2, 6};
    for (size_t i = 0; i < sizeof workers / sizeof workers[0]; i++)
        run(workers[i]);
}

int main(void)
{
    sem_init(&asker_done, 0, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_breaks_however_late_it_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
