// Several orders that are obeyed in one go, of which one ends the actor: the others find nobody.
#include "tests/support/hands.h"
#include "tests/support/test.h"

TROUPE_EMPTY(Spawn);

static troupe_status do_nothing(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    return TROUPE_OK;
}

static const troupe_behavior child = {.name = "child", .receive = do_nothing};

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    troupe_ref ref;
    return troupe_match(msg, Spawn) ? troupe_spawn(ctx, &child, NULL, &ref) : TROUPE_UNHANDLED;
}

static const troupe_behavior parent = {.name = "parent", .receive = receive};

static void what_is_ordered_with_the_end_of_the_last_child_is_for_nobody(void **state)
{
    (void)state;
    static const uint32_t others[] = {TRP_ORDER_TICK, TRP_ORDER_EXPIRE, TRP_ORDER_KILL,
                                      TRP_ORDER_STOP, TRP_ORDER_EXIT};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct hands hands;
        troupe_ref ref;
        troupe_report report;
        hands_open(&hands, 1, NULL, 0);
        assert_int_equal(troupe_spawn(hands.ctx, &parent, NULL, &ref), TROUPE_OK);
        troupe_send(hands.ctx, ref, Spawn);
        hands_settle(&hands);
        struct trp_slot *slot = trp_resolve(hands.system, ref);
        assert_int_equal(troupe_stop(hands.ctx, ref), TROUPE_OK);
        hands_step(&hands); // it has told its child to stop, and waits for its end
        while (!(atomic_load(&slot->orders) & TRP_ORDER_NOTICE))
            hands_step(&hands);
        assert_true(trp_slot_order(hands.system, NULL, slot, ref.generation, others[i]));
        hands_settle(&hands);
        assert_null(atomic_load(&slot->body));
        hands_close(&hands, &report);
        assert_int_equal(report.stats.ended, 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_ordered_with_the_end_of_the_last_child_is_for_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
