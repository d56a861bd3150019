// The trace as text: what a reader sees of a run, the same in every build.
#include "sim/core.h"
#include "tests/support/test.h"
#include "troupe.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct number {
    int64_t value;
};

TROUPE_STRUCT(Coin, struct number);
TROUPE_EMPTY(Tick);

// ---- Actors: a player asks a bank now and then, and the bank does not like a 3

static troupe_status bank_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const struct number *coin = troupe_match(msg, Coin);
    if (coin == NULL)
        return TROUPE_UNHANDLED;
    return coin->value == 3 ? troupe_fail(ctx, TROUPE_EUSER + 3, "no threes") : TROUPE_OK;
}

static const troupe_behavior bank = {.name = "bank", .receive = bank_receive};

static troupe_status player_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    int64_t *told = state;
    if (troupe_match(msg, Tick) == NULL)
        return TROUPE_UNHANDLED;
    ++*told;
    troupe_send(ctx, troupe_whereis(ctx, "bank"), Coin, .value = *told);
    if (*told == 2)
        return troupe_spawn(ctx, &bank, &(troupe_spawn_opts){.name = "purse"}, NULL);
    return *told == 4 ? TROUPE_STOP : TROUPE_OK;
}

static const troupe_behavior player = {
    .name = "player", .state_size = sizeof(int64_t), .receive = player_receive};

static troupe_sim *new_sim(const troupe_sim_opts *opts)
{
    troupe_sim *sim;
    assert_int_equal(troupe_sim_new(1, opts, &sim), TROUPE_OK);
    return sim;
}

static troupe_ctx *add(troupe_sim *sim, const char *name)
{
    uint32_t index;
    assert_int_equal(troupe_sim_add(sim, &(troupe_system_opts){.name = name}, NULL, NULL, &index),
                     TROUPE_OK);
    return troupe_outside(troupe_sim_system(sim, index));
}

static void must(troupe_status status)
{
    assert_int_equal(status, TROUPE_OK);
}

// Compares what is printed with what should be, and shows it if it is not.
static void expect(troupe_sim *sim, const char *expected)
{
    char text[16384] = "";
    FILE *file = tmpfile();
    assert_non_null(file);
    troupe_sim_print(sim, file);
    assert_int_equal(fflush(file), 0);
    assert_true(pread(fileno(file), text, sizeof text - 1, 0) >= 0);
    (void)fclose(file);
    if (strcmp(text, expected) != 0)
        (void)fputs(text, stderr);
    assert_string_equal(text, expected);
}

// ---- Stories

static void a_run_reads_as_a_story(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(&(troupe_sim_opts){.strategy = TROUPE_SIM_ROUND_ROBIN});
    troupe_ctx *ctx = add(sim, "town");
    static const troupe_child children[] = {
        {.id = "bank", .behavior = &bank, .register_as = "bank"}};
    troupe_ref ref;
    must(troupe_supervise_wait(ctx, &(troupe_supervisor){.children = children, .child_count = 1},
                               NULL));
    must(troupe_spawn(ctx, &player, NULL, &ref));
    for (uint32_t ms = 1; ms <= 4; ms++)
        must(troupe_after(ctx, ms, ref, NULL, Tick));
    must(troupe_sim_run(sim));
    expect(sim, "       0        0.000 ms  town: starts\n"
                "       0        0.000 ms  outside spawns supervisor#1\n"
                "       1        0.000 ms  supervisor#1 starts\n"
                "       1        0.000 ms  supervisor#1 spawns bank#1\n"
                "       2        0.001 ms  bank#1 starts\n"
                "       3        0.003 ms  outside spawns player#1\n"
                "       3        0.003 ms  player#1 starts\n"
                "       4        1.128 ms  a timer for player#1 goes off\n"
                "       4        1.128 ms  outside sends Tick to player#1\n"
                "       5        1.129 ms  player#1 handles Tick\n"
                "       5        1.129 ms  player#1 sends Coin to bank#1\n"
                "       6        1.130 ms  bank#1 handles Coin\n"
                "       7        2.177 ms  a timer for player#1 goes off\n"
                "       7        2.177 ms  outside sends Tick to player#1\n"
                "       8        2.178 ms  player#1 handles Tick\n"
                "       8        2.178 ms  player#1 sends Coin to bank#1\n"
                "       8        2.178 ms  player#1 spawns purse#1\n"
                "       8        2.178 ms  purse#1 starts\n"
                "       9        2.179 ms  bank#1 handles Coin\n"
                "      10        3.225 ms  a timer for player#1 goes off\n"
                "      10        3.225 ms  outside sends Tick to player#1\n"
                "      11        3.226 ms  player#1 handles Tick\n"
                "      11        3.226 ms  player#1 sends Coin to bank#1\n"
                "      12        3.227 ms  bank#1 handles Coin\n"
                "      12        3.227 ms  bank#1 returns TROUPE_EUSER+3\n"
                "      14        3.229 ms  bank#1 starts, incarnation 2\n"
                "      16        4.012 ms  a timer for player#1 goes off\n"
                "      16        4.012 ms  outside sends Tick to player#1\n"
                "      17        4.013 ms  player#1 handles Tick\n"
                "      17        4.013 ms  player#1 sends Coin to bank#1\n"
                "      17        4.013 ms  player#1 returns TROUPE_STOP\n"
                "      18        4.014 ms  bank#1 handles Coin\n"
                "      19        4.015 ms  purse#1 ends: shutdown\n"
                "      20        4.016 ms  player#1 ends: normal\n");
    assert_true(troupe_sim_free(sim));
}

static void several_systems_are_named(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(NULL);
    troupe_ref ref;
    must(troupe_spawn(add(sim, "north"), &bank, NULL, NULL));
    must(troupe_spawn(add(sim, "south"), &bank, NULL, &ref));
    must(troupe_send(troupe_outside(troupe_sim_system(sim, 1)), ref, Coin, .value = 1));
    must(troupe_sim_run(sim));
    expect(sim, "       0        0.000 ms  north: starts\n"
                "       0        0.000 ms  north: outside spawns bank#1\n"
                "       0        0.000 ms  north: bank#1 starts\n"
                "       0        0.000 ms  south: starts\n"
                "       0        0.000 ms  south: outside spawns bank#1\n"
                "       0        0.000 ms  south: bank#1 starts\n"
                "       0        0.000 ms  south: outside sends Coin to bank#1\n"
                "       1        0.000 ms  south: bank#1 handles Coin\n");
    assert_true(troupe_sim_free(sim));
}

static troupe_status drawer_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    (void)msg;
    troupe_random(ctx);
    return TROUPE_STOP;
}

static const troupe_behavior drawer = {.name = "drawer", .receive = drawer_receive};

static void those_that_have_ended_keep_their_names(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(NULL);
    troupe_ctx *ctx = add(sim, "one");
    for (int i = 0; i < 3; i++) {
        troupe_ref ref;
        must(troupe_spawn(ctx, &drawer, NULL, &ref));
        must(troupe_send(ctx, ref, Tick));
        must(troupe_sim_run(sim));
    }
    expect(sim, "       0        0.000 ms  one: starts\n"
                "       0        0.000 ms  outside spawns drawer#1\n"
                "       0        0.000 ms  drawer#1 starts\n"
                "       0        0.000 ms  outside sends Tick to drawer#1\n"
                "       1        0.000 ms  drawer#1 handles Tick\n"
                "       1        0.000 ms  drawer#1 draws 16297162893041801905\n"
                "       1        0.000 ms  drawer#1 returns TROUPE_STOP\n"
                "       1        0.000 ms  drawer#1 ends: normal\n"
                "       1        0.001 ms  outside spawns drawer#2\n"
                "       1        0.001 ms  drawer#2 starts\n"
                "       1        0.001 ms  outside sends Tick to drawer#2\n"
                "       2        0.001 ms  drawer#2 handles Tick\n"
                "       2        0.001 ms  drawer#2 draws 9915220003290527412\n"
                "       2        0.001 ms  drawer#2 returns TROUPE_STOP\n"
                "       2        0.001 ms  drawer#2 ends: normal\n"
                "       2        0.002 ms  outside spawns drawer#3\n"
                "       2        0.002 ms  drawer#3 starts\n"
                "       2        0.002 ms  outside sends Tick to drawer#3\n"
                "       3        0.002 ms  drawer#3 handles Tick\n"
                "       3        0.002 ms  drawer#3 draws 5577848606053243291\n"
                "       3        0.002 ms  drawer#3 returns TROUPE_STOP\n"
                "       3        0.002 ms  drawer#3 ends: normal\n");
    assert_true(troupe_sim_free(sim));
}

static void expect_who(const troupe_sim *sim, troupe_ref ref, const char *expected)
{
    char text[TRP_SIM_WHO_TEXT];
    assert_string_equal(trp_sim_who_print(sim, trp_sim_who(sim->nodes[0], ref), ref, text),
                        expected);
}

static void those_whose_slot_is_another_s_have_no_name(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(NULL);
    troupe_ref ref;
    must(troupe_spawn(add(sim, "one"), &bank, NULL, &ref));
    expect_who(sim, ref, "bank#1");
    ref.generation++;
    expect_who(sim, ref, "somebody");
    ref.slot = 1000000;
    expect_who(sim, ref, "somebody");
    expect_who(sim, (troupe_ref){0, 0, 0}, "outside");
    assert_true(troupe_sim_free(sim));
}

static void what_is_said_again_and_again_is_said_once(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(&(troupe_sim_opts){.strategy = TROUPE_SIM_ROUND_ROBIN});
    troupe_ctx *ctx = add(sim, "one");
    troupe_ref ref;
    must(troupe_spawn(ctx, &bank, NULL, &ref));
    for (int i = 4; i <= 6; i++)
        must(troupe_send(ctx, ref, Coin, .value = i));
    must(troupe_sim_run(sim));
    must(troupe_send(ctx, ref, Coin, .value = 7));
    expect(sim, "       0        0.000 ms  one: starts\n"
                "       0        0.000 ms  outside spawns bank#1\n"
                "       0        0.000 ms  bank#1 starts\n"
                "       0        0.000 ms  outside sends Coin to bank#1 (3 times)\n"
                "       1        0.000 ms  bank#1 handles Coin (3 times)\n"
                "       1        0.001 ms  outside sends Coin to bank#1\n");
    assert_true(troupe_sim_free(sim));
}

static void only_the_latest_events_are_kept(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(&(troupe_sim_opts){.trace = 2});
    troupe_ctx *ctx = add(sim, "one");
    for (int i = 0; i < 5; i++)
        must(troupe_spawn(ctx, &bank, NULL, NULL));
    expect(sim, "       0        0.000 ms  outside spawns bank#5\n"
                "       0        0.000 ms  bank#5 starts\n");
    assert_true(troupe_sim_free(sim));
}

static void many_names_are_told_apart(void **state)
{
    (void)state;
    troupe_sim *sim = new_sim(&(troupe_sim_opts){.trace = 2});
    troupe_ctx *ctx = add(sim, "one");
    char name[32], other[TRP_SIM_LINE];
    for (int round = 1; round <= 2; round++) {
        for (int i = 0; i < 300; i++) {
            (void)snprintf(name, sizeof name, "name-%d", i);
            must(troupe_spawn(ctx, &bank, &(troupe_spawn_opts){.name = name}, NULL));
            (void)snprintf(other, sizeof other,
                           "       0        0.000 ms  outside spawns %s#%d\n"
                           "       0        0.000 ms  %s#%d starts\n",
                           name, round, name, round);
            expect(sim, other);
        }
    }
    assert_true(troupe_sim_free(sim));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_reads_as_a_story),
        cmocka_unit_test(several_systems_are_named),
        cmocka_unit_test(those_that_have_ended_keep_their_names),
        cmocka_unit_test(those_whose_slot_is_another_s_have_no_name),
        cmocka_unit_test(what_is_said_again_and_again_is_said_once),
        cmocka_unit_test(only_the_latest_events_are_kept),
        cmocka_unit_test(many_names_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
