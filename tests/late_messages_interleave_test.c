// Messages that come late, for an actor whose slot is another's by then, under chosen
// interleavings: each is handled by the actor that it was sent to, or is a dead letter, and none
// that was sent to the one who lives there now is lost. And who is spawned while its system is
// being closed.
#include "tests/support/hands.h"
#include "tests/support/test.h"

struct game {
    struct hands hands;
    troupe_ref ref, next;
    struct trp_slot *slot;
    const troupe_behavior *moves_in; // of the next one
    int by_old, by_new;              // handled
    int to_next;                     // sent to it, and taken
    bool gone;                       // the closer has found that no root is left
    bool unobserved;                 // as usual outside of simulations: activations go faster ways
    uint64_t spawned;                // by then
};

static struct game only, *const game = &only;

TROUPE_EMPTY(ToOld);
TROUPE_EMPTY(ToNew);

static troupe_status receive_old(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state;
    TRP_EXPECT(troupe_match(msg, ToOld) != NULL);
    game->by_old++;
    return TROUPE_OK;
}

static troupe_status receive_new(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state;
    TRP_EXPECT(troupe_match(msg, ToNew) != NULL);
    game->by_new++;
    return TROUPE_OK;
}

static const troupe_behavior old = {.name = "old", .receive = receive_old};
static const troupe_behavior new = {.name = "new", .receive = receive_new};

static troupe_status end_at_once(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)ctx, (void)state, (void)args;
    return TROUPE_STOP;
}

static const troupe_behavior brief = {.name = "brief", .init = end_at_once, .receive = receive_new};

static void setup_old(void *user)
{
    (void)user;
    hands_open(&game->hands, 1, NULL, 2);
    game->by_old = game->by_new = game->to_next = 0;
    TRP_EXPECT(troupe_spawn(game->hands.ctx, &old, NULL, &game->ref) == TROUPE_OK);
    game->slot = trp_resolve(game->hands.system, game->ref);
    if (game->unobserved)
        game->hands.system->seams.probe = NULL;
    game->next = game->ref;
    game->next.generation++;
    hands_settle(&game->hands);
}

static bool slot_is_free(void *user)
{
    (void)user;
    return game->hands.hands[0].runner->slots.free_list == game->slot ||
           game->hands.hands[1].runner->slots.free_list == game->slot;
}

static void move_in(void *user)
{
    (void)user;
    troupe_system *system = game->hands.system;
    trp_slot_order(system, NULL, game->slot, game->ref.generation, TRP_ORDER_STOP);
    trp_interleave_block_until("recycle: blocked until free", slot_is_free, NULL);
    for (struct trp_runner *runner = atomic_load(&system->runners); runner; runner = runner->next)
        trp_slot_cache_fini(system, &runner->slots);
    troupe_ref ref;
    TRP_EXPECT(troupe_spawn(game->hands.ctx, game->moves_in, NULL, &ref) == TROUPE_OK);
    TRP_EXPECT(troupe_ref_equal(ref, game->next));
    hands_leave(&game->hands);
}

static void be_late(void *user)
{
    (void)user;
    for (int i = 0; i < 2; i++) {
        (void)troupe_send(game->hands.ctx, game->ref, ToOld);
        trp_interleave_yield("late: between");
        game->to_next += troupe_send(game->hands.ctx, game->next, ToNew) == TROUPE_OK;
    }
    hands_leave(&game->hands);
}

static void check_late(void *user)
{
    (void)user;
    troupe_report report;
    TRP_EXPECT(game->by_new <= game->to_next);
    // A guess that was taken before the spawn may be for nobody.
    TRP_EXPECT(trp_mpsc_is_idle(&game->slot->inbox));
    hands_close(&game->hands, &report);
    TRP_EXPECT(report.stats.handled == (uint64_t)(game->by_old + game->by_new));
}

static void explore(const struct trp_interleave *test)
{
    for (int i = 0; i < 2; i++) {
        game->unobserved = i == 0;
        print_message("%s: %llu runs\n", test->name,
                      (unsigned long long)trp_interleave_exhaustive(test));
        trp_interleave_random(test, 1, 3000);
    }
}

static void what_comes_late_is_for_the_one_that_it_was_sent_to(void **state)
{
    (void)state;
    struct trp_interleave test = {.name = "late messages against recycle",
                                  .setup = setup_old,
                                  .threads = {move_in, be_late, hands_thread_0, hands_thread_1},
                                  .count = 4,
                                  .check = check_late,
                                  .user = game,
                                  .max_preemptions = 1};
    explore(&test);
}

static void check_brief(void *user)
{
    (void)user;
    troupe_report report;
    TRP_EXPECT((atomic_load(&game->slot->orders) & TRP_ALIVE) == 0);
    TRP_EXPECT(atomic_load(&game->slot->body) == NULL);
    hands_close(&game->hands, &report);
    TRP_EXPECT(report.stats.ended == 2);
}

static void one_that_ends_at_once_has_ended_whoever_starts_it(void **state)
{
    (void)state;
    game->moves_in = &brief;
    struct trp_interleave test = {.name = "late messages start one that ends at once",
                                  .setup = setup_old,
                                  .threads = {move_in, be_late, hands_thread_0, hands_thread_1},
                                  .count = 4,
                                  .check = check_brief,
                                  .user = game,
                                  .max_preemptions = 1};
    explore(&test);
    game->moves_in = &new;
}

// ---- Late messages and the next actor's own: whoever drains the slot leaves those

static void move_in_and_send(void *user)
{
    move_in(user);
    game->hands.outsiders++; // it goes on
    for (int i = 0; i < 2; i++)
        game->to_next += troupe_send(game->hands.ctx, game->next, ToNew) == TROUPE_OK;
    hands_leave(&game->hands);
}

static void be_late_for_the_old(void *user)
{
    (void)user;
    struct trp_slot *slot = game->slot;
    trp_slot_order(game->hands.system, NULL, slot, game->ref.generation, TRP_ORDER_TICK);
    trp_interleave_yield("late: between");
    trp_slot_order(game->hands.system, NULL, slot, game->ref.generation, TRP_ORDER_TICK);
    hands_leave(&game->hands);
}

static void check_none_lost(void *user)
{
    (void)user;
    troupe_report report;
    TRP_EXPECT(game->to_next == 2 && game->by_new == 2);
    hands_close(&game->hands, &report);
}

static void what_is_sent_to_the_next_actor_is_handled(void **state)
{
    (void)state;
    struct trp_interleave test = {
        .name = "late orders against the next one's messages",
        .setup = setup_old,
        .threads = {move_in_and_send, be_late_for_the_old, hands_thread_0, hands_thread_1},
        .count = 4,
        .check = check_none_lost,
        .user = game,
        .max_preemptions = 1};
    explore(&test);
}

// ---- Spawned while the system is closed

static void setup_empty(void *user)
{
    (void)user;
    hands_open(&game->hands, 1, NULL, 2);
    game->gone = false;
}

static void spawn_one(void *user)
{
    (void)user;
    troupe_status status = troupe_spawn(game->hands.ctx, &new, NULL, &game->ref);
    TRP_EXPECT(status == TROUPE_OK || status == TROUPE_ECLOSED);
    hands_leave(&game->hands);
}

static uint64_t spawned(void)
{
    troupe_stats stats;
    troupe_system_stats(game->hands.system, &stats);
    return stats.spawned;
}

static void close_system(void *user)
{
    (void)user;
    troupe_system *system = game->hands.system;
    atomic_store(&system->closed, true);
    trp_interleave_yield("close: closed");
    trp_roots_order(system, TRP_ORDER_STOP);
    trp_lock_acquire(&system->roots_lock);
    game->gone = trp_roots_gone(system);
    trp_lock_release(&system->roots_lock);
    game->spawned = spawned();
    hands_leave(&game->hands);
}

static void check_closed(void *user)
{
    (void)user;
    troupe_report report;
    const struct trp_slot_table *slots = &game->hands.system->slots;
    for (uint32_t i = 0; i < atomic_load(&slots->count); i++)
        TRP_EXPECT((atomic_load(&trp_slot_at(slots, i)->orders) & TRP_ALIVE) == 0);
    TRP_EXPECT(!game->gone || spawned() == game->spawned); // none comes after the last has gone
    hands_close(&game->hands, &report);
}

static void who_is_spawned_while_the_system_is_closed_is_refused_or_stopped(void **state)
{
    (void)state;
    struct trp_interleave test = {
        .name = "spawn against close",
        .setup = setup_empty,
        .threads = {spawn_one, close_system, hands_thread_0, hands_thread_1},
        .count = 4,
        .check = check_closed,
        .user = game};
    explore(&test);
}

int main(void)
{
    game->moves_in = &new;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_late_is_for_the_one_that_it_was_sent_to),
        cmocka_unit_test(one_that_ends_at_once_has_ended_whoever_starts_it),
        cmocka_unit_test(what_is_sent_to_the_next_actor_is_handled),
        cmocka_unit_test(who_is_spawned_while_the_system_is_closed_is_refused_or_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
