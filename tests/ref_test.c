// Refs: what they are as values, and that a slot's next actor is never taken for the one before.
#include "tests/support/world.h"

#include <string.h>

_Static_assert(sizeof(troupe_ref) == 16, "a ref is two words");

// ---- Values

static void refs_are_equal_when_all_parts_are(void **state)
{
    (void)state;
    const troupe_ref a = {1, 2, 3};
    assert_true(troupe_ref_equal(a, (troupe_ref){1, 2, 3}));
    assert_false(troupe_ref_equal(a, (troupe_ref){9, 2, 3}));
    assert_false(troupe_ref_equal(a, (troupe_ref){1, 9, 3}));
    assert_false(troupe_ref_equal(a, (troupe_ref){1, 2, 9}));
    assert_false(troupe_ref_is_none(a));
    assert_true(troupe_ref_is_none((troupe_ref){0}));
}

static void a_hash_depends_on_all_parts_and_is_mixed_in_all_bits(void **state)
{
    (void)state;
    const troupe_ref a = {1, 2, 3};
    assert_true(troupe_ref_hash(a) == troupe_ref_hash((troupe_ref){1, 2, 3}));
    assert_true(troupe_ref_hash(a) != troupe_ref_hash((troupe_ref){9, 2, 3}));
    uint64_t low = 0, high = 0; // which of 64 buckets are used, by the lowest and highest bits
    for (uint32_t i = 0; i < 1000; i++) {
        uint64_t slots = troupe_ref_hash((troupe_ref){1, i, 3});
        uint64_t generations = troupe_ref_hash((troupe_ref){1, 2, i});
        low |= UINT64_C(1) << (slots % 64) | UINT64_C(1) << (generations % 64);
        high |= UINT64_C(1) << (slots >> 58);
        assert_true(i == 2 || i == 3 || (slots != troupe_ref_hash(a) && slots != generations));
    }
    assert_true(low == UINT64_MAX && high == UINT64_MAX);
}

static void a_printed_ref_tells_all_parts(void **state)
{
    (void)state;
    char text[TROUPE_REF_TEXT];
    const troupe_ref longest = {UINT64_MAX, UINT32_MAX, UINT32_MAX};
    assert_ptr_equal(troupe_ref_print((troupe_ref){0x1f3a5b7c9d2e4f60, 12, 7}, text), text);
    assert_string_equal(text, "1f3a5b7c9d2e4f60.12.7");
    assert_string_equal(troupe_ref_print(longest, text), "ffffffffffffffff.4294967295.ffffffff");
}

// ---- Systems

WORLD_STORY_ON_THREADS(each_system_has_another_id_even_with_the_same_seed)
{
    troupe_system *other;
    const troupe_system_opts opts = {.workers = 1, .seed = 7};
    uint64_t ids[10];
    for (int i = 0; i < 10; i++) {
        troupe_ref ref;
        assert_int_equal(troupe_system_start(&opts, &other), TROUPE_OK);
        assert_int_equal(troupe_spawn(troupe_outside(other), &puppet_behavior, NULL, &ref),
                         TROUPE_OK);
        ids[i] = ref.system;
        for (int before = 0; before < i; before++)
            assert_true(ids[before] != ids[i]);
        assert_int_equal(troupe_stop(world->ctx, ref), TROUPE_EDEAD);
        assert_int_equal(troupe_system_stop(other, 0, NULL), TROUPE_OK);
    }
}

WORLD_STORY(generations_begin_anywhere)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL), b = world_spawn(world, "b", NULL, NULL);
    assert_true(a.slot != b.slot && a.generation != 0 && b.generation != 0);
    assert_true(a.generation != b.generation); // in 2^31 ways
}

// ---- Slots

static troupe_status spawn_detached(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    const troupe_spawn_opts opts = {.name = "new", .detached = true};
    (void)puppet;
    return troupe_spawn(ctx, &puppet_behavior, &opts, arg);
}

#define TRIES 1000 // each worker keeps up to 128 slots that are free

// An actor in the slot of one that has ended, which is `*old`. Spawned by a handler: workers have
// their own stock of slots.
static troupe_ref spawn_into_used_slot(struct world *world, troupe_ref *old)
{
    troupe_ref spawner = world_spawn(world, "spawner", NULL, NULL), ref, ended[TRIES];
    for (int i = 0; i < TRIES; i++) {
        assert_int_equal(world_do(world, spawner, spawn_detached, &ref), TROUPE_OK);
        for (int before = i - 1; before >= 0; before--) {
            if (ended[before].slot == ref.slot) {
                *old = ended[before];
                return ref;
            }
        }
        (void)troupe_stop(world->ctx, ref);
        world_join(world, ref);
        ended[i] = ref;
    }
    fail_msg("no slot is used again");
    return ref;
}

WORLD_STORY(the_next_actor_of_a_slot_gets_nothing_that_was_meant_for_the_one_before)
{
    troupe_ref old, ref = spawn_into_used_slot(world, &old);
    assert_false(troupe_ref_equal(old, ref));
    assert_int_equal(troupe_send(world->ctx, old, Number, .value = 1), TROUPE_EDEAD);
    assert_int_equal(troupe_stop(world->ctx, old), TROUPE_EDEAD);
    assert_int_equal(troupe_kill(world->ctx, old), TROUPE_EDEAD);
    assert_int_equal(troupe_drain(world->ctx, old), TROUPE_EDEAD);
    assert_int_equal(troupe_call(world->ctx, old, TROUPE_NO_LIMIT, NULL, Sync), TROUPE_EDEAD);
    assert_int_equal(troupe_incarnation(world->ctx, old), 0);
    world_watch(world, "witness", old, TROUPE_ON_STOP);
    world_await_all(world, "witness", "down stop 0 noactor");
    world_sync(world, ref);
    assert_int_equal(world_heard(world, "new", "1"), 0);
    world_expect(world, "dead", "Number 1 no target; Sync no target");
}

static troupe_status send_five(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    const troupe_ref *to = arg;
    (void)puppet;
    for (int i = 0; i < 5; i++)
        (void)troupe_send(ctx, *to, Number, .value = 5);
    return TROUPE_OK;
}

static troupe_status spawn_five(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    troupe_ref ref;
    for (int i = 0; i < 5; i++)
        WORLD_CHECK(spawn_detached(ctx, puppet, &ref) == TROUPE_OK);
    return TROUPE_OK;
}

WORLD_STORY(what_is_on_its_way_when_an_actor_ends_never_reaches_the_next_one_of_its_slot)
{
    troupe_ref old = world_spawn(world, "old", NULL, NULL);
    troupe_ref sender = world_spawn(world, "sender", NULL, NULL);
    troupe_ref spawner = world_spawn(world, "spawner", NULL, NULL);
    for (int i = 0; i < 5; i++) {
        world_tell(world, sender, send_five, &old);
        world_tell(world, spawner, spawn_five, NULL);
        if (i == 2)
            (void)troupe_stop(world->ctx, old);
    }
    world_sync(world, sender);
    world_sync(world, spawner);
    world_stop(world);
    assert_int_equal(world_heard(world, "new", "5"), 0);
}

static troupe_ref spawn_and_end(struct world *world, troupe_ref spawner)
{
    troupe_ref ref;
    assert_int_equal(world_do(world, spawner, spawn_detached, &ref), TROUPE_OK);
    assert_false(troupe_ref_is_none(ref));
    (void)troupe_stop(world->ctx, ref);
    world_join(world, ref);
    return ref;
}

WORLD_STORY(a_slot_whose_generations_are_used_up_is_not_used_again)
{
    troupe_ref spawner = world_spawn(world, "spawner", NULL, NULL);
    world->system->seams.first_generation = UINT32_MAX;
    troupe_ref last = spawn_and_end(world, spawner);
    assert_int_equal(last.generation, UINT32_MAX);
    assert_int_equal(troupe_send(world->ctx, last, Number, .value = 1), TROUPE_EDEAD);
    world->system->seams.first_generation = 0;
    for (int i = 0; i < 5; i++)
        assert_int_not_equal(spawn_and_end(world, spawner).slot, last.slot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refs_are_equal_when_all_parts_are),
        cmocka_unit_test(a_hash_depends_on_all_parts_and_is_mixed_in_all_bits),
        cmocka_unit_test(a_printed_ref_tells_all_parts),
        cmocka_unit_test(each_system_has_another_id_even_with_the_same_seed),
        cmocka_unit_test(generations_begin_anywhere),
        cmocka_unit_test(the_next_actor_of_a_slot_gets_nothing_that_was_meant_for_the_one_before),
        cmocka_unit_test(
            what_is_on_its_way_when_an_actor_ends_never_reaches_the_next_one_of_its_slot),
        cmocka_unit_test(a_slot_whose_generations_are_used_up_is_not_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
