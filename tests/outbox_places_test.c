// A handler that floods more targets than its outbox has places: two that have the same place do
// not get each other's messages. And one that goes on and on: what it keeps is delivered now and
// then.
#include "actors/actor.h"
#include "tests/support/world.h"

#define TARGETS 130
#define EACH    4

static troupe_ref targets[TARGETS];

static troupe_status flood(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet, (void)arg;
    for (int round = 0; round < EACH; round++)
        for (int i = 0; i < TARGETS; i++)
            WORLD_CHECK(troupe_send(ctx, targets[i], Number, .value = i * EACH + round) ==
                        TROUPE_OK);
    return TROUPE_OK;
}

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    int64_t *next = state;
    const struct number *number = troupe_match(msg, Number);
    if (number == NULL)
        return TROUPE_UNHANDLED;
    int64_t own = -1;
    for (int i = 0; i < TARGETS; i++)
        if (troupe_ref_equal(targets[i], troupe_self(ctx)))
            own = i;
    WORLD_CHECK(number->value == own * EACH + *next);
    if (++*next == EACH)
        world_say("targets", "all");
    return TROUPE_OK;
}

static const troupe_behavior target = {
    .name = "target", .state_size = sizeof(int64_t), .receive = receive};

WORLD_STORY_ON_THREADS(each_of_many_targets_gets_its_own_messages_in_order)
{
    for (int i = 0; i < TARGETS; i++)
        assert_int_equal(troupe_spawn(world->ctx, &target, NULL, &targets[i]), TROUPE_OK);
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, flood, NULL);
    world_await_times(world, TARGETS, "targets", "all");
}

static troupe_status send_few_then_many(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet, (void)arg;
    const uint64_t place = UINT64_C(1) << (targets[0].slot % TRP_OUTBOX_TARGETS);
    const _Atomic uint64_t *used = &ctx->runner->outbox.used;
    for (uint32_t i = 0; i <= TRP_OUTBOX_AFTER; i++)
        WORLD_CHECK(troupe_send(ctx, targets[0], Sync) == TROUPE_OK);
    bool kept = atomic_load(used) & place;
    for (uint32_t i = 0; i < TRP_OUTBOX_ALL; i++)
        WORLD_CHECK(troupe_send(ctx, targets[1], Sync) == TROUPE_OK);
    bool kept_on = atomic_load(used) & place;
    puppet_say(ctx, "%s, %s", kept ? "kept" : "sent", kept_on ? "kept" : "delivered");
    return TROUPE_OK;
}

static troupe_status ignore(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state, (void)msg;
    return TROUPE_OK;
}

static const troupe_behavior ignorant = {.name = "ignorant", .receive = ignore};

WORLD_STORY_DRIVEN(what_is_kept_is_delivered_though_the_handler_goes_on)
{
    for (int i = 0; i < 2; i++)
        assert_int_equal(troupe_spawn(world->ctx, &ignorant, NULL, &targets[i]), TROUPE_OK);
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    if (world->seed > 20)
        return; // the seed makes no difference
    world_do(world, a, send_few_then_many, NULL);
    world_expect(world, "a", "init 1; kept, delivered");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_of_many_targets_gets_its_own_messages_in_order),
        cmocka_unit_test(what_is_kept_is_delivered_though_the_handler_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
