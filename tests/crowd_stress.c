// A crowd: systems with many more workers than there are CPUs, as many threads outside, and actors
// with threads of their own. All of them spawn, send, ask, watch, link, name, arm timers, fail,
// stop and kill each other at random, while supervisors restart what has failed. So every thread is
// stopped by the kernel anywhere, for long, while others go on with what it was about.
//
// At the stop each message was handled or is a dead letter, as the runtime and the actors
// themselves have counted, all actors have ended, and all memory has come back.
#include "tests/support/gate.h"
#include "troupe.h"

#include <stdatomic.h>
#include <stdio.h>

#define OUTSIDERS 16
#define HERMITS   8  // actors with threads of their own that live to the end
#define PLACES    96 // refs that all know
#define FAMILIES  4
#define CHILDREN  3
#define NAMES     16

#if defined(__SANITIZE_THREAD__)
#    define STEPS 5000 // of each thread outside
#elif defined(__SANITIZE_ADDRESS__)
#    define STEPS 6000
#else
#    define STEPS 25000
#endif

TROUPE_EMPTY(Act);  // has an actor do something; is counted
TROUPE_EMPTY(Tick); // by a timer
TROUPE_EMPTY(Query);
TROUPE_EMPTY(Answer);

static troupe_system *stage;
static troupe_ctx *outside;
static _Atomic uint64_t system_id;
static _Atomic uint64_t places[PLACES]; // slot << 32 | generation; 0: nobody
static _Atomic uint64_t sent, handled, dead;
static _Atomic uint64_t asked, outcomes;

// ---- Who is there

static troupe_ref pick(uint64_t dice)
{
    uint64_t place = atomic_load(&places[dice % PLACES]);
    return (troupe_ref){place ? atomic_load(&system_id) : 0, (uint32_t)(place >> 32),
                        (uint32_t)place};
}

// Somebody else is no longer known, and is ended in one of the ways that there are.
static void put(troupe_ctx *ctx, troupe_ref ref, uint64_t dice)
{
    uint64_t place = dice % PLACES, packed = (uint64_t)ref.slot << 32 | ref.generation;
    troupe_ref before = pick(place);
    atomic_store(&places[place], packed);
    if (troupe_ref_is_none(before))
        return;
    if (dice >> 32 & 1)
        troupe_kill(ctx, before);
    else
        troupe_stop(ctx, before);
}

static const char *name_of(uint64_t dice, char text[static 16])
{
    (void)snprintf(text, 16, "name %u", (unsigned)(dice % NAMES));
    return text;
}

static void count_sent(troupe_status status)
{
    if (status == TROUPE_OK || status == TROUPE_EDEAD) // which is a dead letter
        atomic_fetch_add(&sent, 1);
}

static void send_act(troupe_ctx *ctx, troupe_ref to)
{
    if (!troupe_ref_is_none(to))
        count_sent(troupe_send(ctx, to, Act));
}

static void on_dead_letter(void *user, const troupe_dead_letter *letter)
{
    (void)user;
    if (troupe_match(letter->msg, Act))
        atomic_fetch_add(&dead, 1);
}

// ---- What actors do

static const troupe_behavior citizen;

static troupe_status on_outcome(troupe_ctx *ctx, void *state, void *user,
                                const troupe_outcome *outcome)
{
    (void)ctx, (void)state, (void)user, (void)outcome;
    atomic_fetch_add(&outcomes, 1);
    return TROUPE_OK;
}

static void spawn(troupe_ctx *ctx, uint64_t dice)
{
    troupe_ref ref;
    char name[16];
    const troupe_spawn_opts opts = {.place = dice % 16 == 0 ? TROUPE_ON_THREAD : TROUPE_ON_POOL,
                                    .detached = true,
                                    .register_as = dice % 8 == 1 ? name_of(dice >> 8, name) : NULL};
    if (troupe_spawn(ctx, &citizen, &opts, &ref) == TROUPE_OK)
        put(ctx, ref, dice >> 16);
}

static void register_somebody(troupe_ctx *ctx, troupe_ref ref, uint64_t dice)
{
    char name[16];
    if (dice % 2)
        troupe_unregister(ctx, name_of(dice >> 1, name));
    else
        troupe_register(ctx, name_of(dice >> 1, name), ref);
}

static void send_by_name(troupe_ctx *ctx, uint64_t dice)
{
    char name[16];
    count_sent(troupe_send_name(ctx, name_of(dice, name), Act));
}

// Sends on average less than one message, so that all comes to rest.
static troupe_status act(troupe_ctx *ctx, uint64_t dice)
{
    troupe_ref ref = pick(dice >> 8);
    uint64_t more = dice >> 24;
    switch (dice % 24) {
    case 0:
        return TROUPE_STOP;
    case 1:
        return troupe_fail(ctx, TROUPE_EUSER, "a whim");
    case 2:
        spawn(ctx, more);
        break;
    case 3:
    case 4:
        troupe_monitor(ctx, ref, more % 2 ? TROUPE_ON_STOP : TROUPE_ON_STOP | TROUPE_ON_RESTART,
                       NULL);
        break;
    case 5:
        troupe_link(ctx, ref);
        break;
    case 6:
        troupe_unlink(ctx, ref);
        break;
    case 7:
        troupe_trap_exits(ctx, more % 4 != 0);
        break;
    case 8:
    case 9:
    case 10:
        if (troupe_ask(ctx, ref, more % 4 ? 1 : 0, on_outcome, NULL, Query) == TROUPE_OK)
            atomic_fetch_add(&asked, 1);
        break;
    case 11:
    case 12:
        troupe_after(ctx, more % 3, more % 2 ? ref : troupe_self(ctx), NULL, Tick);
        break;
    case 13:
        register_somebody(ctx, troupe_self(ctx), more);
        break;
    case 14:
        send_by_name(ctx, more);
        break;
    case 15:
        (more % 2 ? troupe_stop : troupe_kill)(ctx, ref);
        break;
    case 16:
        troupe_exit(ctx, ref, &(troupe_reason){.kind = TROUPE_FAILED});
        break;
    default:
        send_act(ctx, ref);
        break;
    }
    return TROUPE_OK;
}

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    if (troupe_match(msg, Query))
        return troupe_random(ctx) % 8 ? troupe_reply(ctx, Answer) : TROUPE_OK;
    bool counts = troupe_match(msg, Act) != NULL;
    if (!counts && !troupe_match(msg, Tick))
        return TROUPE_OK; // told of somebody's end
    troupe_status status = act(ctx, troupe_random(ctx));
    if (counts && (status == TROUPE_OK || status == TROUPE_STOP)) // else it is a dead letter
        atomic_fetch_add(&handled, 1);
    return status;
}

static const troupe_behavior citizen = {.name = "citizen", .receive = receive};

// ---- Who lives to the end, in a thread of its own

static troupe_status live_alone(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    troupe_status status = receive(ctx, state, msg);
    if (troupe_match(msg, Tick) == NULL)
        return status == TROUPE_STOP ? TROUPE_OK : status;
    for (int i = 0; i < 4; i++)
        send_act(ctx, pick(troupe_random(ctx)));
    return TROUPE_OK;
}

static troupe_status init_alone(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state, (void)args;
    return troupe_every(ctx, 2, troupe_self(ctx), NULL, Tick);
}

static const troupe_behavior hermit = {.name = "hermit", .init = init_alone, .receive = live_alone};

// ---- Families: they come back, whatever happens

static troupe_ref found_family(troupe_strategy strategy)
{
    static const troupe_child children[CHILDREN] = {
        {.id = "a", .behavior = &citizen},
        {.id = "b", .behavior = &citizen, .place = TROUPE_ON_THREAD},
        {.id = "c", .behavior = &citizen, .restart = TROUPE_TRANSIENT},
    };
    const troupe_supervisor spec = {.name = "family",
                                    .strategy = strategy,
                                    .children = children,
                                    .child_count = CHILDREN,
                                    .max_restarts = 1000000,
                                    .within_ms = 1};
    troupe_ref ref;
    assert_int_equal(troupe_supervise_wait(outside, &spec, &ref), TROUPE_OK);
    return ref;
}

// Makes its children known.
static void introduce(troupe_ref family, uint64_t dice)
{
    static const char *const ids[CHILDREN] = {"a", "b", "c"};
    troupe_ref ref;
    if (troupe_child_ref(outside, family, ids[dice % CHILDREN], &ref) == TROUPE_OK)
        put(outside, ref, dice >> 2);
    else
        (void)troupe_restart_child(outside, family, 0, NULL, NULL, ids[dice % CHILDREN]);
}

// ---- Threads outside

static troupe_ref families[FAMILIES];

static void call(troupe_ref ref, uint64_t dice)
{
    troupe_msg *reply = NULL;
    if (troupe_call(outside, ref, dice % 2 ? 1 : 2000, &reply, Query) == TROUPE_OK)
        troupe_msg_free(outside, reply);
}

static void do_something(uint64_t dice)
{
    troupe_ref ref = pick(dice >> 8);
    uint64_t more = dice >> 24;
    switch (dice % 16) {
    case 0:
    case 1:
    case 2:
        spawn(outside, more);
        break;
    case 3:
        introduce(families[more % FAMILIES], more >> 8);
        break;
    case 4:
        (more % 2 ? troupe_stop : troupe_kill)(outside, ref);
        break;
    case 5:
        call(ref, more);
        break;
    case 6:
        troupe_join(outside, ref, (uint32_t)(more % 2) + 1, NULL);
        break;
    case 7:
        register_somebody(outside, ref, more);
        break;
    case 8:
        send_by_name(outside, more);
        break;
    case 9:
        troupe_after(outside, more % 3, ref, NULL, Tick);
        break;
    default:
        send_act(outside, ref);
        break;
    }
}

static void *outsider(void *unused)
{
    (void)unused;
    for (int i = 0; i < STEPS; i++)
        do_something(troupe_random(outside));
    return NULL;
}

// ---- The course of it

static void populate(void)
{
    troupe_ref ref;
    for (uint64_t i = 0; i < PLACES; i++)
        atomic_store(&places[i], 0);
    for (int i = 0; i < HERMITS; i++) {
        const troupe_spawn_opts opts = {.place = TROUPE_ON_THREAD};
        assert_int_equal(troupe_spawn(outside, &hermit, &opts, &ref), TROUPE_OK);
        atomic_store(&system_id, ref.system);
    }
    for (uint64_t i = 0; i < PLACES; i++) {
        assert_int_equal(troupe_spawn(outside, &citizen, NULL, &ref), TROUPE_OK);
        put(outside, ref, i);
    }
    for (int i = 0; i < FAMILIES; i++)
        families[i] = found_family((troupe_strategy)(i % 3));
}

static void run(uint32_t workers)
{
    struct books books;
    troupe_allocator allocator = books_open(&books);
    troupe_report report;
    pthread_t threads[OUTSIDERS];
    const troupe_system_opts opts = {.workers = workers,
                                     .seed = workers,
                                     .batch = 8,
                                     .kill_grace_ms = 600000, // nobody hangs, but all are slow
                                     .allocator = &allocator,
                                     .on_dead_letter = on_dead_letter};
    assert_int_equal(troupe_system_start(&opts, &stage), TROUPE_OK);
    outside = troupe_outside(stage);
    atomic_store(&sent, 0);
    atomic_store(&handled, 0);
    atomic_store(&dead, 0);
    populate();
    for (int i = 0; i < OUTSIDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, outsider, NULL), 0);
    for (int i = 0; i < OUTSIDERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(troupe_system_stop(stage, TROUPE_NO_LIMIT, &report), TROUPE_OK);
    const troupe_stats *stats = &report.stats;
    print_message(
        "%u workers: %llu messages, %llu of them dead, %llu actors, %llu restarts, %llu asks\n",
        workers, (unsigned long long)stats->sent, (unsigned long long)stats->dead,
        (unsigned long long)stats->spawned, (unsigned long long)stats->restarts,
        (unsigned long long)atomic_load(&asked));
    assert_int_equal(stats->sent, stats->handled + stats->dead + stats->dropped);
    assert_int_equal(atomic_load(&sent), atomic_load(&handled) + atomic_load(&dead));
    assert_true(atomic_load(&outcomes) <= atomic_load(&asked)); // those of the dead are for nobody
    assert_int_equal(stats->spawned, stats->ended);
    assert_int_equal(stats->abandoned, 0);
    books_close(&books);
}

static void a_crowd_loses_nothing(void **state)
{
    (void)state;
    static const uint32_t workers[] = {16, 32, 64};
    for (size_t i = 0; i < sizeof workers / sizeof workers[0]; i++)
        run(workers[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crowd_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
