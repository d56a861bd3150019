// Who always has something to do leaves others their turn: an actor whose mailbox never gets empty,
// and two actors that pass a message to and fro, for which a worker has a short cut.
//
// The cast: a hog that sends itself a message for each that it handles, a flooder that fills the
// hog's mailbox besides, and a pair that passes a ball. Each side counts what the other has handled
// between two messages of its own. Slices never end, so only the batch ends an activation, and
// nothing depends on how long anything takes.
#include "tests/support/world.h"

#define BATCH       16u
#define PASSES      400u    // of the ball
#define ENOUGH      100000u // then all give up: an unfair runtime fails and does not hang
#define PASSES_ONCE 16u     // that a worker lets a pair do before others have a turn
#define UNLUCKY     64u     // the driver's dice never leave out the same actor so often in a row

TROUPE_EMPTY(Eat);
TROUPE_EMPTY(Ball);
TROUPE_EMPTY(Flood);

static const troupe_system_opts only_the_batch = {.batch = BATCH, .slice_us = UINT32_MAX};

static troupe_ref hog, flooder, pair[2];
static _Atomic uint64_t eaten, passed;
static _Atomic uint64_t most_eaten, most_passed; // between two messages of the other side
static uint64_t eaten_before;                    // the pair's
static uint64_t passed_before;                   // the hog's
static uint64_t flooded;                         // the flooder's

// Notes how far `count` has got since it was `*before`, if that is the most.
static void note(_Atomic uint64_t *most, uint64_t count, uint64_t *before)
{
    if (count - *before > *most)
        *most = count - *before;
    *before = count;
}

static troupe_status hog_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    if (!troupe_match(msg, Eat))
        return TROUPE_UNHANDLED;
    note(&most_passed, passed, &passed_before);
    return ++eaten < ENOUGH ? troupe_send(ctx, hog, Eat) : TROUPE_OK;
}

static troupe_status flooder_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    if (!troupe_match(msg, Flood))
        return TROUPE_UNHANDLED;
    troupe_status status = troupe_send(ctx, hog, Eat);
    return status == TROUPE_OK && ++flooded < ENOUGH ? troupe_send(ctx, flooder, Flood) : status;
}

static troupe_status passer_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    if (!troupe_match(msg, Ball))
        return TROUPE_UNHANDLED;
    note(&most_eaten, eaten, &eaten_before);
    if (++passed == PASSES) {
        world_say("pair", "done");
        return TROUPE_OK;
    }
    return troupe_send(ctx, pair[passed % 2], Ball);
}

static const troupe_behavior hog_behavior = {.name = "hog", .receive = hog_receive};
static const troupe_behavior flooder_behavior = {.name = "flooder", .receive = flooder_receive};
static const troupe_behavior passer_behavior = {.name = "passer", .receive = passer_receive};

// Brings on the cast and has it begin. In a handler, so that all of them are in one worker's ring.
static troupe_status begin(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet, (void)arg;
    WORLD_CHECK(troupe_spawn(ctx, &hog_behavior, NULL, &hog) == TROUPE_OK);
    WORLD_CHECK(troupe_spawn(ctx, &flooder_behavior, NULL, &flooder) == TROUPE_OK);
    for (int i = 0; i < 2; i++)
        WORLD_CHECK(troupe_spawn(ctx, &passer_behavior, NULL, &pair[i]) == TROUPE_OK);
    WORLD_CHECK(troupe_send(ctx, hog, Eat) == TROUPE_OK);
    WORLD_CHECK(troupe_send(ctx, flooder, Flood) == TROUPE_OK);
    return troupe_send(ctx, pair[0], Ball);
}

static void start(struct world *world)
{
    eaten = passed = most_eaten = most_passed = 0;
    eaten_before = passed_before = flooded = 0;
    if (world->driven)
        world->system->seams.cut = NULL; // no other end of an activation than the batch
    world_tell(world, world_spawn(world, "stage", NULL, NULL), begin, NULL);
}

// ---- The stories

// Waits until the pair is done. Driven: and sees that no activation is longer than a batch.
static void await_pair(struct world *world)
{
    while (world->driven && passed < PASSES) {
        uint64_t before = eaten;
        assert_true(trp_driver_step(&world->driver));
        assert_in_range(eaten - before, 0, BATCH);
    }
    world_await(world, "pair", "done");
}

// With two workers the sides run at the same time: then all that is certain is that they get on.
static void an_endless_mailbox_story(struct world *world)
{
    start(world);
    await_pair(world);
    if (world->driven)
        assert_in_range(most_eaten, BATCH, UNLUCKY * BATCH);
    else if (world->workers == 1)
        assert_int_equal(most_eaten, BATCH);
}

static void an_endless_mailbox_leaves_others_their_turn(void **state)
{
    (void)state;
    world_each_with(&only_the_batch, an_endless_mailbox_story);
}

static void a_pair_that_passes_a_ball_story(struct world *world)
{
    start(world);
    await_pair(world);
    if (world->driven)
        assert_in_range(most_passed, 1, UNLUCKY);
    else if (world->workers == 1) // in between the flooder has its turn
        assert_in_range(most_passed, 1, 2 * PASSES_ONCE);
}

static void a_pair_that_passes_a_ball_leaves_others_their_turn(void **state)
{
    (void)state;
    world_each_with(&only_the_batch, a_pair_that_passes_a_ball_story);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_endless_mailbox_leaves_others_their_turn),
        cmocka_unit_test(a_pair_that_passes_a_ball_leaves_others_their_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
