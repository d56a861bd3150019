// Names given, taken, looked up and lost at random by actors and threads, while those who have them
// are killed. A name never stands for one that is known to be dead, and when all is quiet the
// registry holds the names of the living and nothing else. Then a million names.
#include "actors/names.h"
#include "tests/support/gate.h"
#include "troupe/name.h"
#include "troupe/system.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#define PLACES    24 // actors that live at a time
#define NAMES     40
#define OUTSIDERS 16
#define ACTORS    3
#define STEPS     1000 // of each of both
#define MANY      1000000

TROUPE_EMPTY(Go);
TROUPE_EMPTY(Tap);

static troupe_system *stage;
static troupe_ctx *outside;
static uint64_t system_id;
static _Atomic uint64_t places[PLACES]; // slot << 32 | generation
static sem_t done;

static troupe_ref ref_of(uint64_t entry)
{
    return (troupe_ref){system_id, (uint32_t)(entry >> 32), (uint32_t)entry};
}

static troupe_ref pick(uint64_t dice)
{
    return ref_of(atomic_load(&places[dice % PLACES]));
}

static const char *name_of(uint64_t dice, char text[16])
{
    snprintf(text, 16, "name %d", (int)(dice % NAMES));
    return text;
}

static troupe_status mortal_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state;
    return troupe_match(msg, Tap) ? TROUPE_OK : TROUPE_STOP;
}

static const troupe_behavior mortal = {.name = "mortal", .receive = mortal_receive};

// Puts a new actor into the place of one that is killed.
static void replace(troupe_ctx *ctx, uint64_t dice)
{
    char text[16];
    troupe_ref ref;
    troupe_spawn_opts opts = {.detached = true,
                              .register_as = dice % 2 ? name_of(dice >> 8, text) : NULL};
    troupe_status status = troupe_spawn(ctx, &mortal, &opts, &ref);
    if (status == TROUPE_EEXIST && !troupe_ref_is_none(ref))
        return;
    if (status != TROUPE_OK)
        abort();
    uint64_t entry = (uint64_t)ref.slot << 32 | ref.generation;
    troupe_kill(ctx, ref_of(atomic_exchange(&places[(dice >> 16) % PLACES], entry)));
}

static void look_up(troupe_ctx *ctx, uint64_t dice)
{
    char text[16];
    troupe_ref ref = pick(dice >> 20);
    bool dead = troupe_incarnation(ctx, ref) == 0;
    troupe_ref found = troupe_whereis(ctx, name_of(dice, text));
    if (dead && troupe_ref_equal(ref, found))
        abort(); // it was dead before we asked
}

static void expect_one_of(troupe_status status, troupe_status a, troupe_status b)
{
    if (status != TROUPE_OK && status != a && status != b)
        abort();
}

static void do_something(troupe_ctx *ctx)
{
    char text[16];
    uint64_t dice = troupe_random(ctx);
    const char *name = name_of(dice >> 8, text);
    switch (dice % 8) {
    case 0:
        replace(ctx, dice >> 3);
        break;
    case 1:
        expect_one_of(troupe_unregister(ctx, name), TROUPE_ENOENT, TROUPE_OK);
        break;
    case 2:
    case 3:
        expect_one_of(troupe_register(ctx, name, pick(dice >> 32)), TROUPE_EEXIST, TROUPE_EDEAD);
        break;
    case 4:
        expect_one_of(troupe_send_name(ctx, name, Tap), TROUPE_ENOENT, TROUPE_EDEAD);
        break;
    case 5:
        if (dice >> 60 == 0)
            troupe_send_name(ctx, name, Go);
        break;
    default:
        look_up(ctx, dice >> 8);
        break;
    }
}

static void *outsider(void *unused)
{
    (void)unused;
    for (int i = 0; i < STEPS; i++)
        do_something(outside);
    return NULL;
}

static troupe_status actor_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    int *steps = state;
    const troupe_down *down = troupe_match(msg, troupe_down);
    if (down && down->name && down->event == TROUPE_ON_STOP && down->name[0] != 'n')
        abort();
    if (!troupe_match(msg, Go))
        return TROUPE_OK;
    char text[16];
    for (int i = 0; i < 10; i++)
        do_something(ctx);
    troupe_monitor_name(ctx, name_of((uint64_t)*steps, text), TROUPE_ON_STOP, NULL);
    if ((*steps += 10) < STEPS)
        return troupe_send(ctx, troupe_self(ctx), Go);
    sem_post(&done);
    return TROUPE_STOP;
}

static const troupe_behavior actor = {
    .name = "actor", .state_size = sizeof(int), .receive = actor_receive};

static void start(uint32_t workers, struct books *books, troupe_allocator *allocator)
{
    *allocator = books_open(books);
    troupe_system_opts opts = {.workers = workers, .seed = workers, .allocator = allocator};
    assert_int_equal(troupe_system_start(&opts, &stage), TROUPE_OK);
    outside = troupe_outside(stage);
}

static void stop(struct books *books)
{
    troupe_report report;
    assert_int_equal(troupe_system_stop(stage, TROUPE_NO_LIMIT, &report), TROUPE_OK);
    assert_int_equal(report.stats.spawned, report.stats.ended);
    books_close(books);
}

// Tells whether the registry holds the names of one actor, or of nobody, and nothing else.
static bool is_left(troupe_ref ref)
{
    char text[16];
    uint64_t held = 0;
    for (uint64_t i = 0; i < NAMES; i++) {
        troupe_ref found = troupe_whereis(outside, name_of(i, text));
        held += !troupe_ref_is_none(found);
        if (!troupe_ref_is_none(found) && !troupe_ref_equal(found, ref))
            return false;
    }
    return trp_names_count(stage) == held;
}

static void run(uint32_t workers)
{
    struct books books;
    troupe_allocator allocator;
    pthread_t threads[OUTSIDERS];
    troupe_ref ref;
    start(workers, &books, &allocator);
    for (int i = 0; i < PLACES; i++) {
        assert_int_equal(troupe_spawn(outside, &mortal, NULL, &ref), TROUPE_OK);
        system_id = ref.system;
        atomic_store(&places[i], (uint64_t)ref.slot << 32 | ref.generation);
    }
    for (int i = 0; i < ACTORS; i++) {
        assert_int_equal(troupe_spawn(outside, &actor, NULL, &ref), TROUPE_OK);
        troupe_send(outside, ref, Go);
    }
    for (int i = 0; i < OUTSIDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, outsider, NULL), 0);
    for (int i = 0; i < OUTSIDERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < ACTORS; i++)
        gate_wait(&done);
    char text[16];
    troupe_ref last;
    assert_int_equal(troupe_spawn(outside, &mortal, NULL, &last), TROUPE_OK);
    for (uint64_t i = 0; i < PLACES; i++)
        troupe_kill(outside, pick(i));
    for (uint64_t i = 0; i < NAMES; i += 2) // all may be taken by those that are about to end
        expect_one_of(troupe_register(outside, name_of(i, text), last), TROUPE_EEXIST, TROUPE_OK);
    while (!is_left(last)) // or for ever, if a name were left behind
        sched_yield();
    assert_int_equal(troupe_incarnation(outside, last), 1);
    for (uint64_t i = 0; i < NAMES; i++)
        expect_one_of(troupe_register(outside, name_of(i, text), last), TROUPE_EEXIST, TROUPE_OK);
    assert_int_equal(trp_names_count(stage), NAMES);
    troupe_stop(outside, last);
    troupe_join(outside, last, TROUPE_NO_LIMIT, NULL);
    while (trp_names_count(stage) != 0) // freed after the end is told, at the latest
        sched_yield();
    stop(&books);
}

static void a_name_never_stands_for_the_dead(void **state)
{
    (void)state;
    static const uint32_t workers[] = {1, 2, 16};
    for (size_t i = 0; i < sizeof workers / sizeof workers[0]; i++)
        run(workers[i]);
}

// ---- A million

static void expect_many(bool there)
{
    char text[32];
    for (int i = 0; i < MANY; i += 997) {
        snprintf(text, sizeof text, "session %d", i);
        assert_int_equal(!troupe_ref_is_none(troupe_whereis(outside, text)), there);
    }
}

static void a_million_names_are_given_and_free_again(void **state)
{
    (void)state;
    struct books books;
    troupe_allocator allocator;
    char text[32];
    troupe_ref few[2], ref;
    start(2, &books, &allocator);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 2; i++)
            assert_int_equal(troupe_spawn(outside, &mortal, NULL, &few[i]), TROUPE_OK);
        for (int i = 0; i < MANY; i++) {
            snprintf(text, sizeof text, "session %d", i);
            assert_int_equal(troupe_register(outside, text, few[i % 2]), TROUPE_OK);
        }
        assert_int_equal(trp_names_count(stage), MANY);
        expect_many(true);
        for (int i = 0; i < MANY; i += 4) { // of the first
            snprintf(text, sizeof text, "session %d", i);
            assert_int_equal(troupe_unregister(outside, text), TROUPE_OK);
        }
        assert_int_equal(trp_names_count(stage), MANY - MANY / 4);
        for (int i = 0; i < 2; i++) {
            troupe_kill(outside, few[i]);
            troupe_join(outside, few[i], TROUPE_NO_LIMIT, NULL);
        }
        expect_many(false); // at once
        assert_int_equal(
            troupe_spawn(outside, &mortal, &(troupe_spawn_opts){.register_as = "session 1"}, &ref),
            TROUPE_OK);
        assert_true(troupe_ref_equal(troupe_whereis(outside, "session 1"), ref));
        troupe_kill(outside, ref);
        while (trp_names_count(stage) != 0) // one after the other
            sched_yield();
    }
    stop(&books);
}

int main(void)
{
    sem_init(&done, 0, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_never_stands_for_the_dead),
        cmocka_unit_test(a_million_names_are_given_and_free_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
