// Names under chosen interleavings: registrations, removals and look-ups against each other and
// against the end and the spawn of who has the name. What must hold: one of two gets a name; a name
// stands for nobody who is known to be dead; who is found by a name can be sent to; nothing is left
// behind.
#include "actors/names.h"
#include "tests/support/hands.h"
#include "tests/support/test.h"
#include "troupe/name.h"

struct game {
    struct hands hands;
    troupe_ref target, other, spawned;
    struct trp_slot *slot;       // of the target
    troupe_status first, second; // what the threads' calls came to
    int early, late;             // over all runs: which of them came first
    int handled;                 // messages of the target
};

static struct game only, *const game = &only;

TROUPE_EMPTY(Act);
TROUPE_EMPTY(Stop);

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    game->handled++;
    return TROUPE_STOP;
}

static const troupe_behavior mortal = {.name = "mortal", .receive = receive};

static bool is_dead(troupe_ref ref)
{
    return troupe_incarnation(game->hands.ctx, ref) == 0;
}

static uint64_t names(void)
{
    return trp_names_count(game->hands.system);
}

static void open_game(int outsiders)
{
    hands_open(&game->hands, 1, NULL, outsiders);
    game->first = game->second = TROUPE_OK;
    game->handled = 0;
    TRP_EXPECT(troupe_spawn(game->hands.ctx, &mortal, NULL, &game->target) == TROUPE_OK);
    TRP_EXPECT(troupe_spawn(game->hands.ctx, &mortal, NULL, &game->other) == TROUPE_OK);
    game->slot = trp_resolve(game->hands.system, game->target);
}

static void close_game(void)
{
    troupe_report report;
    hands_close(&game->hands, &report);
    TRP_EXPECT(report.stats.spawned == report.stats.ended);
}

static void play_with(const char *name, void (*setup)(void *user), void (*outsider)(void *user),
                      void (*third)(void *user), void (*check)(void *user))
{
    *game = (struct game){.early = 0};
    struct trp_interleave test = {.name = name,
                                  .setup = setup,
                                  .threads = {outsider, hands_thread_1, third},
                                  .count = third ? 3 : 2,
                                  .check = check,
                                  .user = game,
                                  .max_preemptions = third ? 2 : 3};
    print_message("%s: %llu runs\n", name, (unsigned long long)trp_interleave_exhaustive(&test));
    trp_interleave_random(&test, 1, 1000);
    assert_true(game->early > 0); // both ends of the race are reached
    assert_true(game->late > 0);
}

static void play(const char *name, void (*setup)(void *user), void (*outsider)(void *user),
                 void (*check)(void *user))
{
    play_with(name, setup, outsider, NULL, check);
}

// ---- Against the end

static void setup_ending(void *user)
{
    (void)user;
    open_game(1);
    TRP_EXPECT(troupe_send(game->hands.ctx, game->target, Stop) == TROUPE_OK);
}

static void setup_named_ending(void *user)
{
    setup_ending(user);
    TRP_EXPECT(troupe_register(game->hands.ctx, "x", game->target) == TROUPE_OK);
    TRP_EXPECT(troupe_register(game->hands.ctx, "y", game->target) == TROUPE_OK);
}

static void register_target(void *user)
{
    (void)user;
    bool dead = is_dead(game->target);
    game->first = troupe_register(game->hands.ctx, "x", game->target);
    TRP_EXPECT(game->first == TROUPE_EDEAD || (game->first == TROUPE_OK && !dead));
    troupe_ref ref = troupe_whereis(game->hands.ctx, "x");
    TRP_EXPECT(troupe_ref_is_none(ref) || game->first == TROUPE_OK);
    game->early += game->first == TROUPE_OK;
    game->late += game->first != TROUPE_OK;
    hands_leave(&game->hands);
}

static void check_nothing_left(void *user)
{
    (void)user;
    TRP_EXPECT(is_dead(game->target));
    TRP_EXPECT(troupe_ref_is_none(troupe_whereis(game->hands.ctx, "x")));
    TRP_EXPECT(troupe_ref_is_none(troupe_whereis(game->hands.ctx, "y")));
    TRP_EXPECT(names() == 0);
    close_game();
}

static void who_registers_an_actor_that_ends_leaves_no_name(void **state)
{
    (void)state;
    play("register against end", setup_ending, register_target, check_nothing_left);
}

static void unregister_target(void *user)
{
    (void)user;
    game->first = troupe_unregister(game->hands.ctx, "x");
    TRP_EXPECT(game->first == TROUPE_OK || game->first == TROUPE_ENOENT);
    TRP_EXPECT(troupe_ref_is_none(troupe_whereis(game->hands.ctx, "x")));
    game->early += game->first == TROUPE_OK;
    game->late += game->first != TROUPE_OK;
    hands_leave(&game->hands);
}

static void a_name_is_taken_away_by_one_of_unregister_and_end(void **state)
{
    (void)state;
    play("unregister against end", setup_named_ending, unregister_target, check_nothing_left);
}

static void look_up(void *user)
{
    (void)user;
    for (int i = 0; i < 2; i++) {
        bool dead = is_dead(game->target);
        troupe_ref ref = troupe_whereis(game->hands.ctx, i ? "y" : "x");
        TRP_EXPECT(troupe_ref_is_none(ref) || troupe_ref_equal(ref, game->target));
        TRP_EXPECT(troupe_ref_is_none(ref) || !dead);
        game->early += !troupe_ref_is_none(ref);
        game->late += troupe_ref_is_none(ref);
    }
    hands_leave(&game->hands);
}

static void a_name_stands_for_nobody_who_is_known_to_be_dead(void **state)
{
    (void)state;
    play("whereis against end", setup_named_ending, look_up, check_nothing_left);
}

static void inherit(void *user)
{
    (void)user;
    bool dead = is_dead(game->target);
    game->first = troupe_register(game->hands.ctx, "x", game->other);
    TRP_EXPECT(game->first == TROUPE_OK || (game->first == TROUPE_EEXIST && !dead));
    game->early += game->first != TROUPE_OK;
    game->late += game->first == TROUPE_OK;
    hands_leave(&game->hands);
}

static void check_heir(void *user)
{
    (void)user;
    troupe_ref ref = troupe_whereis(game->hands.ctx, "x");
    TRP_EXPECT(game->first == TROUPE_OK ? troupe_ref_equal(ref, game->other)
                                        : troupe_ref_is_none(ref));
    TRP_EXPECT(names() == (game->first == TROUPE_OK));
    close_game();
}

static void a_name_is_free_for_the_next_as_soon_as_the_end_is_known(void **state)
{
    (void)state;
    play("register of another against end", setup_named_ending, inherit, check_heir);
}

// ---- Against each other

static troupe_status do_register(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state, (void)msg;
    game->second = troupe_register(ctx, "x", troupe_self(ctx));
    return TROUPE_OK;
}

static troupe_status do_replace(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state, (void)msg;
    troupe_status status = troupe_unregister(ctx, "x");
    TRP_EXPECT(status == TROUPE_OK || status == TROUPE_ENOENT);
    game->second = troupe_register(ctx, "x", troupe_self(ctx));
    return TROUPE_OK;
}

static const troupe_behavior registering = {.name = "registering", .receive = do_register};
static const troupe_behavior replacing = {.name = "replacing", .receive = do_replace};

static void setup_acting(const troupe_behavior *behavior)
{
    open_game(1);
    TRP_EXPECT(troupe_spawn(game->hands.ctx, behavior, NULL, &game->other) == TROUPE_OK);
    TRP_EXPECT(troupe_send(game->hands.ctx, game->other, Act) == TROUPE_OK);
}

static void setup_rivals(void *user)
{
    (void)user;
    setup_acting(&registering);
}

static void register_first(void *user)
{
    (void)user;
    game->first = troupe_register(game->hands.ctx, "x", game->target);
    TRP_EXPECT(!troupe_ref_is_none(troupe_whereis(game->hands.ctx, "x")));
    hands_leave(&game->hands);
}

static void check_rivals(void *user)
{
    (void)user;
    troupe_ref ref = troupe_whereis(game->hands.ctx, "x");
    bool first = game->first == TROUPE_OK, second = game->second == TROUPE_OK;
    TRP_EXPECT(first != second);
    TRP_EXPECT(troupe_ref_equal(ref, first ? game->target : game->other));
    TRP_EXPECT((first ? game->second : game->first) == TROUPE_EEXIST);
    TRP_EXPECT(names() == 1);
    game->early += first;
    game->late += second;
    close_game();
}

static void one_of_two_gets_the_name(void **state)
{
    (void)state;
    play("register against register", setup_rivals, register_first, check_rivals);
}

static void setup_replacing(void *user)
{
    (void)user;
    setup_acting(&replacing);
    TRP_EXPECT(troupe_register(game->hands.ctx, "x", game->target) == TROUPE_OK);
}

static void register_target_again(void *user)
{
    (void)user;
    game->first = troupe_register(game->hands.ctx, "x", game->target);
    game->early += game->first == TROUPE_EEXIST;
    game->late += game->first == TROUPE_OK; // between the other's two steps
    hands_leave(&game->hands);
}

static void check_replaced(void *user)
{
    (void)user;
    troupe_ref ref = troupe_whereis(game->hands.ctx, "x");
    TRP_EXPECT((game->first == TROUPE_OK) != (game->second == TROUPE_OK));
    TRP_EXPECT(troupe_ref_equal(ref, game->first == TROUPE_OK ? game->target : game->other));
    TRP_EXPECT(names() == 1);
    close_game();
}

static void a_name_can_be_taken_by_anybody_between_unregister_and_register(void **state)
{
    (void)state;
    play("register against replacing", setup_replacing, register_target_again, check_replaced);
}

// The name moves on to another actor between the two steps of who takes it away.
static void setup_moving(void *user)
{
    (void)user;
    setup_acting(&replacing);
    TRP_EXPECT(troupe_register(game->hands.ctx, "y", game->target) == TROUPE_OK);
    TRP_EXPECT(troupe_register(game->hands.ctx, "x", game->target) == TROUPE_OK);
    TRP_EXPECT(troupe_register(game->hands.ctx, "z", game->other) == TROUPE_OK);
}

static void unregister_moving(void *user)
{
    (void)user;
    game->first = troupe_unregister(game->hands.ctx, "x");
    hands_leave(&game->hands);
}

static void check_moved(void *user)
{
    (void)user;
    troupe_ctx *ctx = game->hands.ctx;
    troupe_ref ref = troupe_whereis(ctx, "x");
    TRP_EXPECT(game->second == TROUPE_OK);
    TRP_EXPECT(troupe_ref_is_none(ref) || troupe_ref_equal(ref, game->other));
    TRP_EXPECT(game->first == TROUPE_OK || !troupe_ref_is_none(ref));
    game->early += !troupe_ref_is_none(ref);
    game->late += troupe_ref_is_none(ref);
    TRP_EXPECT(names() == 2u + !troupe_ref_is_none(ref));
    TRP_EXPECT(troupe_stop(ctx, game->target) == TROUPE_OK);
    hands_settle(&game->hands);
    TRP_EXPECT(troupe_ref_equal(troupe_whereis(ctx, "z"), game->other));
    TRP_EXPECT(names() == 1u + !troupe_ref_is_none(ref)); // the end took its own, and no others
    close_game();
}

static void names_of_two_actors_do_not_get_mixed_up(void **state)
{
    (void)state;
    play("unregister against replacing", setup_moving, unregister_moving, check_moved);
}

// ---- Spawned with a name

static troupe_status do_spawn(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state, (void)msg;
    troupe_spawn_opts opts = {.register_as = "x", .detached = true};
    game->second = troupe_spawn(ctx, &mortal, &opts, &game->spawned);
    troupe_ref found = troupe_whereis(ctx, "x"); // else a message has come, and ended it
    TRP_EXPECT(troupe_ref_equal(found, game->spawned) || game->handled > 0);
    return TROUPE_OK;
}

static const troupe_behavior spawning = {.name = "spawning", .receive = do_spawn};

static void setup_spawning(void *user)
{
    (void)user;
    setup_acting(&spawning);
}

static void send_to_name(void *user)
{
    (void)user;
    game->first = troupe_send_name(game->hands.ctx, "x", Act);
    TRP_EXPECT(game->first == TROUPE_OK || game->first == TROUPE_ENOENT);
    game->early += game->first == TROUPE_ENOENT;
    game->late += game->first == TROUPE_OK;
    hands_leave(&game->hands);
}

static void check_sent(void *user)
{
    (void)user;
    troupe_stats stats;
    troupe_system_stats(game->hands.system, &stats);
    TRP_EXPECT(game->second == TROUPE_OK);
    TRP_EXPECT(game->handled == (game->first == TROUPE_OK)); // who is found gets the message
    TRP_EXPECT(stats.dead == 0);
    close_game();
}

static void who_is_found_can_be_sent_to(void **state)
{
    (void)state;
    play_with("send by name against spawn", setup_spawning, send_to_name, hands_thread_0,
              check_sent);
}

static void spawn_rival(void *user)
{
    (void)user;
    troupe_ref ref;
    troupe_spawn_opts opts = {.register_as = "x"};
    game->first = troupe_spawn(game->hands.ctx, &mortal, &opts, &ref);
    TRP_EXPECT(game->first == TROUPE_OK || game->first == TROUPE_EEXIST);
    TRP_EXPECT(troupe_ref_equal(troupe_whereis(game->hands.ctx, "x"), ref));
    TRP_EXPECT(troupe_incarnation(game->hands.ctx, ref) == 1);
    game->early += game->first == TROUPE_OK;
    game->late += game->first == TROUPE_EEXIST;
    hands_leave(&game->hands);
}

static void check_spawned(void *user)
{
    (void)user;
    TRP_EXPECT((game->first == TROUPE_OK) != (game->second == TROUPE_OK));
    TRP_EXPECT((game->first == TROUPE_OK ? game->second : game->first) == TROUPE_EEXIST);
    TRP_EXPECT(names() == 1);
    close_game();
}

static void of_two_spawns_one_wins_and_the_other_is_told_of_it(void **state)
{
    (void)state;
    play("spawn against spawn", setup_spawning, spawn_rival, check_spawned);
}

static void register_against_spawn(void *user)
{
    (void)user;
    game->first = troupe_register(game->hands.ctx, "x", game->target);
    TRP_EXPECT(game->first == TROUPE_OK || game->first == TROUPE_EEXIST);
    game->early += game->first == TROUPE_OK;
    game->late += game->first == TROUPE_EEXIST;
    hands_leave(&game->hands);
}

static void of_a_spawn_and_a_register_one_wins(void **state)
{
    (void)state;
    play("register against spawn", setup_spawning, register_against_spawn, check_spawned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_registers_an_actor_that_ends_leaves_no_name),
        cmocka_unit_test(a_name_is_taken_away_by_one_of_unregister_and_end),
        cmocka_unit_test(a_name_stands_for_nobody_who_is_known_to_be_dead),
        cmocka_unit_test(a_name_is_free_for_the_next_as_soon_as_the_end_is_known),
        cmocka_unit_test(one_of_two_gets_the_name),
        cmocka_unit_test(a_name_can_be_taken_by_anybody_between_unregister_and_register),
        cmocka_unit_test(names_of_two_actors_do_not_get_mixed_up),
        cmocka_unit_test(who_is_found_can_be_sent_to),
        cmocka_unit_test(of_two_spawns_one_wins_and_the_other_is_told_of_it),
        cmocka_unit_test(of_a_spawn_and_a_register_one_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
