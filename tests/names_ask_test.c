// Names and asks: whoever is told by an ask that an actor has ended finds its names free.
#include "tests/support/world.h"
#include "troupe/name.h"

static char broken[] = "broken", x[] = "x";

#define TIMES 20

static troupe_status register_self(troupe_ctx *ctx, struct puppet *puppet, void *name)
{
    (void)puppet;
    return troupe_register(ctx, name, troupe_self(ctx));
}

static troupe_status fall(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state, (void)msg;
    return troupe_fail(ctx, TROUPE_EUSER, "%s", broken);
}

static const troupe_behavior bare = {.name = "bare", .receive = fall};

// A thread asks for what the actor fails at; one that ends in one step, and one with a `stop`.
WORLD_STORY(the_asker_of_what_an_actor_fails_at_finds_its_name_free)
{
    const troupe_spawn_opts opts = {.register_as = x};
    troupe_ref a;
    for (int i = 0; i < TIMES; i++) {
        assert_int_equal(troupe_spawn(world->ctx, &bare, &opts, &a), TROUPE_OK);
        assert_int_equal(troupe_call(world->ctx, a, TROUPE_NO_LIMIT, NULL, Sync), TROUPE_EDOWN);
        a = world_spawn(world, "a", NULL, NULL);
        assert_int_equal(troupe_register(world->ctx, x, a), TROUPE_OK);
        assert_int_equal(world_do(world, a, puppet_fail, broken), TROUPE_EDOWN);
    }
    assert_true(troupe_ref_is_none(troupe_whereis(world->ctx, x)));
}

static troupe_status keep(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    return troupe_token_take(ctx, &puppet->token);
}

static troupe_status say_whether_free(troupe_ctx *ctx, void *state, void *user,
                                      const troupe_outcome *outcome)
{
    (void)state, (void)user;
    puppet_say(ctx, "%s %s", troupe_status_name(outcome->status),
               troupe_ref_is_none(troupe_whereis(ctx, x)) ? "free" : "taken");
    return TROUPE_OK;
}

static troupe_status ask_three(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    (void)puppet;
    static const puppet_fn fns[] = {keep, puppet_fail, keep}; // the last one comes too late
    for (int i = 0; i < 3; i++)
        WORLD_CHECK(troupe_ask(ctx, *(troupe_ref *)ref, TROUPE_NO_LIMIT, say_whether_free, NULL, Do,
                               .fn = fns[i], .arg = broken) == TROUPE_OK);
    return TROUPE_OK;
}

WORLD_STORY(so_do_those_whom_it_has_kept_waiting)
{
    troupe_ref a = world_spawn(world, "a", register_self, x);
    troupe_ref b = world_spawn(world, "b", NULL, NULL);
    world_sync(world, a);
    world_do(world, b, ask_three, &a);
    world_await_all(world, "b", "init 1; TROUPE_EDOWN free; TROUPE_EDOWN free; TROUPE_EDOWN free");
}

// A supervised one keeps its names: who has asked hears at once that there is no answer.
WORLD_STORY(a_supervised_actor_has_its_name_when_its_asker_hears_of_a_failure)
{
    troupe_ref a = world_supervise(world, "a", NULL);
    assert_int_equal(troupe_register(world->ctx, x, a), TROUPE_OK);
    for (int i = 0; i < TIMES; i++) {
        assert_int_equal(world_do(world, a, puppet_fail, broken), TROUPE_EDOWN);
        assert_true(troupe_ref_equal(troupe_whereis(world->ctx, x), a));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_asker_of_what_an_actor_fails_at_finds_its_name_free),
        cmocka_unit_test(so_do_those_whom_it_has_kept_waiting),
        cmocka_unit_test(a_supervised_actor_has_its_name_when_its_asker_hears_of_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
