// Links under chosen interleavings: real activations on two workers of the test's own. What must
// hold: of an end the other one hears exactly once, or not at all after an unlink, whatever the two
// do at the same time; two that link each other make one link; nothing is left behind.
#include "actors/link.h"
#include "tests/support/hands.h"
#include "tests/support/test.h"
#include "troupe/supervisor.h"

TROUPE_EMPTY(Go);

enum { ONE, OTHER };

struct player {
    troupe_ref ref;
    void (*go)(troupe_ctx *ctx, struct player *self);
    troupe_status result; // of its handler
    bool trap;            // from the beginning
    bool gone;            // its handler has run
    int exits, exits_after;
    troupe_reason_kind kind; // of the last one
};

struct game {
    struct hands hands;
    struct player players[2];
    bool linked;         // from the beginning
    bool other_first;    // the order in which they are told to play
    void (*check)(void); // in each run, before the system ends
    // Over all runs: how ONE came out of it, and whether it found nobody.
    uint64_t unharmed, told, ended, found_nobody;
};

static struct game only, *const game = &only;

// ---- The actors

static struct player *self_of(troupe_ctx *ctx)
{
    troupe_ref self = troupe_self(ctx);
    return &game->players[troupe_ref_equal(self, game->players[OTHER].ref)];
}

static troupe_ref peer_of(const struct player *player)
{
    return game->players[player == &game->players[ONE]].ref;
}

static troupe_status play(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    struct player *self = self_of(ctx);
    const troupe_exited *exited = troupe_match(msg, troupe_exited);
    if (exited) {
        TRP_EXPECT(troupe_ref_equal(exited->ref, peer_of(self)) || troupe_ref_is_none(exited->ref));
        self->exits++;
        self->exits_after += self->gone;
        self->kind = exited->reason.kind;
        return TROUPE_OK;
    }
    if (self->go)
        self->go(ctx, self);
    self->gone = true;
    return self->result;
}

static const troupe_behavior player_behavior = {.name = "player", .receive = play};

static troupe_status prepare(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    if (troupe_match(msg, Go) == NULL)
        return play(ctx, state, msg);
    const struct player *self = self_of(ctx);
    TRP_EXPECT(troupe_trap_exits(ctx, self->trap) == TROUPE_OK);
    if (game->linked && self == &game->players[ONE])
        TRP_EXPECT(troupe_link(ctx, peer_of(self)) == TROUPE_OK);
    return troupe_become(ctx, play);
}

static const troupe_behavior beginner = {.name = "beginner", .receive = prepare};

// ---- What they do

static void link_peer(troupe_ctx *ctx, struct player *self)
{
    TRP_EXPECT(troupe_link(ctx, peer_of(self)) == TROUPE_OK);
}

static void unlink_peer(troupe_ctx *ctx, struct player *self)
{
    TRP_EXPECT(troupe_unlink(ctx, peer_of(self)) == TROUPE_OK);
    self->exits = 0; // what came before does not matter
}

static void trap(troupe_ctx *ctx, struct player *self)
{
    (void)self;
    TRP_EXPECT(troupe_trap_exits(ctx, true) == TROUPE_OK);
}

// ---- A run

static void setup(void *user)
{
    (void)user;
    hands_open(&game->hands, 1, NULL, 0);
    troupe_ctx *ctx = game->hands.ctx;
    for (int i = 0; i < 2; i++) {
        struct player *player = &game->players[i];
        player->exits = player->exits_after = 0;
        player->gone = false;
        // One that traps or is linked needs a first message; the other takes the plain way out.
        bool prepared = player->trap || game->linked;
        TRP_EXPECT(troupe_spawn(ctx, prepared ? &beginner : &player_behavior, NULL, &player->ref) ==
                   TROUPE_OK);
    }
    for (int i = 0; i < 2; i++)
        if (game->players[i].trap || game->linked)
            TRP_EXPECT(troupe_send(ctx, game->players[i].ref, Go) == TROUPE_OK);
    hands_settle(&game->hands);
    for (int i = 0; i < 2; i++)
        TRP_EXPECT(troupe_send(ctx, game->players[i ^ game->other_first].ref, Go) == TROUPE_OK);
}

static struct trp_slot *slot_of(int player)
{
    return trp_resolve(game->hands.system, game->players[player].ref);
}

static bool lives(int player)
{
    return trp_slot_lives(atomic_load(&slot_of(player)->orders),
                          game->players[player].ref.generation);
}

static uint32_t ties_of(int player)
{
    const struct trp_watched *watched = slot_of(player)->watched;
    return watched ? watched->tie_count : 0;
}

static void check(void *user)
{
    (void)user;
    game->check();
    for (int i = 0; i < 2; i++) {
        TRP_EXPECT(trp_mpsc_is_idle(&slot_of(i)->inbox));
        TRP_EXPECT(slot_of(i)->watched == NULL || slot_of(i)->watched->signals == NULL);
    }
    const struct player *one = &game->players[ONE];
    game->ended += !lives(ONE);
    game->told += lives(ONE) && one->exits != 0;
    game->unharmed += lives(ONE) && one->exits == 0;
    game->found_nobody += one->exits != 0 && one->kind == TROUPE_NOACTOR;
    troupe_report report;
    hands_close(&game->hands, &report);
    TRP_EXPECT(report.stats.ended == 2);
}

static void explore(const char *name)
{
    struct trp_interleave test = {.name = name,
                                  .setup = setup,
                                  .threads = {hands_thread_0, hands_thread_1},
                                  .count = 2,
                                  .check = check,
                                  .max_preemptions = 3};
    print_message("%s: %llu runs\n", name, (unsigned long long)trp_interleave_exhaustive(&test));
    trp_interleave_random(&test, 1, 500);
    game->other_first = true;
    (void)trp_interleave_exhaustive(&test);
    trp_interleave_random(&test, 1, 500);
    game->other_first = false;
}

// ---- Link against end

static void told_once(void)
{
    TRP_EXPECT(game->players[ONE].exits == 1 && lives(ONE) && !lives(OTHER));
    TRP_EXPECT(ties_of(ONE) == 0);
}

static void a_link_that_races_with_the_end_is_told_once(void **state)
{
    (void)state;
    *game = (struct game){.players = {{.go = link_peer, .trap = true}, {.result = TROUPE_STOP}},
                          .check = told_once};
    explore("link against normal end");
    assert_true(game->found_nobody > 0 && game->found_nobody < game->told);
    *game = (struct game){.players = {{.go = link_peer, .trap = true}, {.result = TROUPE_EUSER}},
                          .check = told_once};
    explore("link against failure");
    assert_true(game->found_nobody > 0 && game->found_nobody < game->told);
}

static void both_gone(void)
{
    TRP_EXPECT(!lives(ONE) && !lives(OTHER));
    TRP_EXPECT(ties_of(ONE) == 0 && ties_of(OTHER) == 0);
}

static void it_ends_who_does_not_trap(void **state)
{
    (void)state;
    *game =
        (struct game){.players = {{.go = link_peer}, {.result = TROUPE_EUSER}}, .check = both_gone};
    explore("untrapped link against failure");
}

// ---- Both at once

static void both_ends_at_once(void **state)
{
    (void)state;
    *game = (struct game){.players = {{.result = TROUPE_EUSER}, {.result = TROUPE_EUSER}},
                          .check = both_gone,
                          .linked = true};
    explore("end against end");
}

static void linked_once(void)
{
    TRP_EXPECT(ties_of(ONE) == 1 && ties_of(OTHER) == 1);
}

static void two_that_link_each_other_make_one_link(void **state)
{
    (void)state;
    *game = (struct game){.players = {{.go = link_peer}, {.go = link_peer}}, .check = linked_once};
    explore("link against link");
}

static void not_linked_by_half(void)
{
    TRP_EXPECT(ties_of(ONE) == ties_of(OTHER));
}

static void a_link_is_in_both_or_in_none(void **state)
{
    (void)state;
    *game = (struct game){.players = {{.go = link_peer}, {.go = unlink_peer}},
                          .check = not_linked_by_half};
    explore("link against unlink, not linked before");
    game->linked = true;
    explore("link against unlink");
    *game = (struct game){.players = {{.go = unlink_peer}, {.go = unlink_peer}},
                          .check = not_linked_by_half,
                          .linked = true};
    explore("unlink against unlink");
}

// ---- Unlink against end

static void nothing_after_unlink(void)
{
    TRP_EXPECT(game->players[ONE].exits == 0 && game->players[ONE].exits_after == 0);
    TRP_EXPECT(!lives(OTHER) && ties_of(ONE) == 0);
    TRP_EXPECT(lives(ONE) || !game->players[ONE].gone); // or it was ended before
}

static void after_unlink_nothing_is_heard(void **state)
{
    (void)state;
    *game = (struct game){.players = {{.go = unlink_peer, .trap = true}, {.result = TROUPE_EUSER}},
                          .check = nothing_after_unlink,
                          .linked = true};
    explore("unlink against end, trapped");
    game->players[ONE].trap = false;
    explore("unlink against end, not trapped");
    assert_true(game->unharmed > 0); // both ends of the race are reached
    assert_true(game->ended > 0);
}

// ---- Trap against signal

static void message_or_end(void)
{
    TRP_EXPECT(lives(ONE) ? game->players[ONE].exits == 1 : game->players[ONE].exits == 0);
    TRP_EXPECT(ties_of(ONE) == 0);
}

static void a_signal_is_a_message_or_ends(void **state)
{
    (void)state;
    *game = (struct game){.players = {{.go = trap}, {.result = TROUPE_EUSER}},
                          .check = message_or_end,
                          .linked = true};
    explore("trap against signal");
    assert_true(game->told > 0);
    assert_true(game->ended > 0);
}

// ---- troupe_exit against an end

static void exit_peer(troupe_ctx *ctx, struct player *self)
{
    const troupe_reason reason = {.kind = TROUPE_FAILED, .status = TROUPE_EUSER, .text = "go"};
    TRP_EXPECT(troupe_exit(ctx, peer_of(self), &reason) == TROUPE_OK);
}

static void other_gone(void)
{
    TRP_EXPECT(lives(ONE) && !lives(OTHER));
}

static void an_exit_that_races_with_the_end_leaves_nothing_behind(void **state)
{
    (void)state;
    *game =
        (struct game){.players = {{.go = exit_peer}, {.result = TROUPE_STOP}}, .check = other_gone};
    explore("exit against end");
    game->players[OTHER].trap = true;
    explore("exit against end, trapped");
}

// ---- Between two incarnations, step by step

static struct {
    troupe_ref target, supervisor;
    void (*go)(troupe_ctx *ctx);
    troupe_status result;
    int exits;
    troupe_exited last;
} steps;

TROUPE_EMPTY(Fall);

static troupe_status fall(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    return TROUPE_EUSER;
}

static const troupe_behavior faller = {.name = "faller", .receive = fall};

static troupe_status act(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const troupe_exited *exited = troupe_match(msg, troupe_exited);
    if (exited) {
        steps.exits++;
        steps.last = *exited;
        return TROUPE_OK;
    }
    assert_int_equal(troupe_trap_exits(ctx, true), TROUPE_OK);
    steps.go(ctx);
    return steps.result;
}

static const troupe_behavior actor = {.name = "actor", .receive = act};

static void link_target(troupe_ctx *ctx)
{
    assert_int_equal(troupe_link(ctx, steps.target), TROUPE_OK);
}

static void exit_target(troupe_ctx *ctx)
{
    const troupe_reason reason = {.kind = TROUPE_FAILED, .text = "for nobody"};
    assert_int_equal(troupe_exit(ctx, steps.target, &reason), TROUPE_OK);
}

// The target falls, `go` runs in another actor before the supervisor has heard of that, and then
// all goes on.
static void go_between(void (*go)(troupe_ctx *ctx), troupe_status result, uint32_t max_restarts)
{
    hands_open(&game->hands, 1, NULL, 0);
    troupe_ctx *ctx = game->hands.ctx;
    memset(&steps, 0, sizeof steps);
    steps.go = go;
    steps.result = result;
    const troupe_child child = {.id = "target", .behavior = &faller};
    const troupe_supervisor spec = {
        .max_restarts = max_restarts, .children = &child, .child_count = 1};
    troupe_ref ref;
    assert_int_equal(troupe_supervise(ctx, &spec, &steps.supervisor), TROUPE_OK);
    hands_settle(&game->hands);
    assert_int_equal(troupe_child_ref(ctx, steps.supervisor, "target", &steps.target), TROUPE_OK);
    assert_int_equal(troupe_spawn(ctx, &actor, NULL, &ref), TROUPE_OK);
    assert_int_equal(troupe_send(ctx, steps.target, Fall), TROUPE_OK);
    assert_int_equal(troupe_send(ctx, ref, Go), TROUPE_OK);
    hands_step(&game->hands);
    const struct trp_slot *slot = trp_slot_place(&game->hands.system->slots, steps.target.slot);
    assert_int_equal(slot->phase, TRP_AWAITING);
    hands_step(&game->hands);
    assert_int_equal(slot->phase, TRP_AWAITING);
    assert_int_equal(steps.exits, 0);
    hands_settle(&game->hands);
}

static void stop_game(void)
{
    troupe_report report;
    hands_close(&game->hands, &report);
    assert_int_equal(report.stats.spawned, report.stats.ended);
}

static void between_two_incarnations_a_link_is_with_the_next_one(void **state)
{
    (void)state;
    go_between(link_target, TROUPE_OK, 5);
    assert_int_equal(steps.exits, 0);
    assert_int_equal(troupe_incarnation(game->hands.ctx, steps.target), 2);
    assert_int_equal(troupe_send(game->hands.ctx, steps.target, Fall), TROUPE_OK);
    hands_settle(&game->hands);
    assert_int_equal(steps.exits, 1);
    assert_int_equal(steps.last.incarnation, 2);
    assert_int_equal(steps.last.reason.kind, TROUPE_FAILED);
    stop_game();
}

static void if_none_comes_there_is_nobody(void **state)
{
    (void)state;
    go_between(link_target, TROUPE_OK, TROUPE_NO_RESTARTS);
    assert_int_equal(troupe_incarnation(game->hands.ctx, steps.target), 0);
    assert_int_equal(steps.exits, 1);
    assert_int_equal(steps.last.incarnation, 0);
    assert_int_equal(steps.last.reason.kind, TROUPE_NOACTOR);
    stop_game();
}

static void the_next_one_ends_with_who_was_linked_with_it(void **state)
{
    (void)state;
    go_between(link_target, TROUPE_EUSER, 5);
    assert_int_equal(troupe_incarnation(game->hands.ctx, steps.target), 3);
    stop_game();
}

static void an_exit_is_for_nobody_then(void **state)
{
    (void)state;
    go_between(exit_target, TROUPE_OK, 5);
    assert_int_equal(troupe_incarnation(game->hands.ctx, steps.target), 2);
    stop_game();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_that_races_with_the_end_is_told_once),
        cmocka_unit_test(it_ends_who_does_not_trap),
        cmocka_unit_test(both_ends_at_once),
        cmocka_unit_test(two_that_link_each_other_make_one_link),
        cmocka_unit_test(a_link_is_in_both_or_in_none),
        cmocka_unit_test(after_unlink_nothing_is_heard),
        cmocka_unit_test(a_signal_is_a_message_or_ends),
        cmocka_unit_test(an_exit_that_races_with_the_end_leaves_nothing_behind),
        cmocka_unit_test(between_two_incarnations_a_link_is_with_the_next_one),
        cmocka_unit_test(if_none_comes_there_is_nobody),
        cmocka_unit_test(the_next_one_ends_with_who_was_linked_with_it),
        cmocka_unit_test(an_exit_is_for_nobody_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
