// Whatever actors and threads outside call, in whatever order, what the headers promise holds.
//
// The bytes are a seed, perhaps when memory fails, and commands: what the thread outside does, and
// what the actors do that it tells to, down to those that they tell (calls_do.c). Then all are told
// to be calm, and it must become quiet; and what was begun must have had its end.
//
// That must hold:
//
//     order      what one sends to another is not overtaken, nor does it come after its end is told
//     handlers   run for the incarnation that is there, with its state, between init and stop
//     monitors   tell of the end for good once, of what happened in its order, after demonitor no
//     more asks       have one outcome, a true one; so have requests to supervisors, and blocking
//     jobs links      who is linked with one that does not end normally ends as well, or is told
//     once names      are somebody's who lives, as it was registered; free when the end is told
//     timers     never early, once, after a cancel no more
//     restarts   each incarnation is one more than that before, none of a temporary child
//     books      sent = handled + dead + dropped; spawned = ended; what was told is what is counted
//     memory     all is given back; defers run once, the last first; jobs are released once
//     the end    the system stops in time
#include "tests/fuzz/calls.h"

#include <string.h>

// ---- Hooks

static void on_event(void *user, const troupe_event *event)
{
    struct calls_player *player = &calls.players[calls_find(event->ref)];
    (void)user;
    if (event->kind == TROUPE_EVENT_FAILED)
        calls.failures++;
    if (event->kind == TROUPE_EVENT_GAVE_UP)
        calls.is_closed |= calls_may_close(event->ref);
    if (event->kind != TROUPE_EVENT_RESTARTED)
        return;
    calls.restarts++;
    fuzz_trace("  %td is restarted: %u, as it ended with %s", player - calls.players,
               event->incarnation, troupe_reason_name(event->reason.kind));
    if (player == &calls.players[OUTSIDE]) // a supervisor, or one that never began
        return;
    FUZZ_CHECK(player->supervised && player->type != TROUPE_TEMPORARY && !player->here,
               "%td is restarted", player - calls.players);
    FUZZ_CHECK(event->incarnation == player->announced + 1, "%u after %u", event->incarnation,
               player->announced);
    calls_check_reason(calls_find(event->ref), event->incarnation - 1, &event->reason);
    player->announced = event->incarnation;
}

static void on_dead_letter(void *user, const troupe_dead_letter *letter)
{
    (void)user;
    calls.dead++;
    FUZZ_CHECK(letter->reason >= TROUPE_DEAD_NO_TARGET && letter->reason <= TROUPE_DEAD_STALE &&
                   *troupe_msg_type_name(letter->msg),
               "%d", (int)letter->reason);
}

// ---- An input

// One in four runs without all the memory that it wants.
static void make_scarce(struct fuzz_bytes *bytes)
{
    uint32_t how = fuzz_byte(bytes);
    if (how % 4 != 3)
        return;
    fuzz_memory.fail_from = 1 + fuzz_u16(bytes) % 2048;
    fuzz_memory.fail_count = how & 4 ? 1 : how & 8 ? 1 + how / 16 : UINT64_MAX / 2;
}

static bool begin(struct fuzz_bytes *bytes)
{
    static const uint32_t batches[] = {0, 1, 2, 3};
    uint32_t seed = fuzz_byte(bytes);
    troupe_system_opts opts = {
        .batch = batches[seed % 4], .on_event = on_event, .on_dead_letter = on_dead_letter};
    memset(&calls, 0, sizeof calls);
    calls.count = 1;
    fuzz_memory = (struct fuzz_memory){0};
    calls_forget_asks();
    calls_forget_watchers();
    calls_forget_timers();
    calls_forget_trees();
    make_scarce(bytes);
    return fuzz_start(seed, &opts);
}

// True: all is quiet.
static bool calm_down(struct calls_actor *outside)
{
    fuzz_trace("-- calm");
    fuzz_memory.fail_count = 0;
    calls.calm = true;
    calls_end_timers(outside);
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 1; i < calls.count; i++)
            CALLS_EXPECT(troupe_send(outside->ctx, calls.players[i].ref, CallsCalm), TROUPE_OK,
                         TROUPE_EDEAD);
        if (!fuzz_run())
            return false;
    }
    return true;
}

static void check_books(void)
{
    troupe_stats stats;
    troupe_system_stats(fuzz_system, &stats);
    FUZZ_CHECK(stats.restarts == calls.restarts && stats.failures == calls.failures &&
                   stats.dead == calls.dead && stats.abandoned == 0,
               "%llu restarts, %llu failures, %llu dead letters; told: %llu, %llu, %llu",
               (unsigned long long)stats.restarts, (unsigned long long)stats.failures,
               (unsigned long long)stats.dead, (unsigned long long)calls.restarts,
               (unsigned long long)calls.failures, (unsigned long long)calls.dead);
    fuzz_check_messages();
}

static void check_players(void)
{
    for (uint32_t i = 1; i < calls.count; i++) {
        const struct calls_player *player = &calls.players[i];
        uint32_t incarnation = troupe_incarnation(troupe_outside(fuzz_system), player->ref);
        FUZZ_CHECK(player->here == (incarnation > 0), "%u is %s", i,
                   player->here ? "gone, and did not say so" : "not there");
        FUZZ_CHECK(!player->here || player->incarnation == incarnation, "%u, %u.%u", i,
                   player->incarnation, incarnation);
    }
}

static void finish(void)
{
    fuzz_stop(NULL);
    calls_check_jobs();
    FUZZ_CHECK(calls.deferred == calls.defers, "%llu of %llu defers have run",
               (unsigned long long)calls.deferred, (unsigned long long)calls.defers);
    for (uint32_t i = 1; i < calls.count; i++)
        FUZZ_CHECK(!calls.players[i].here, "%u is left", i);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct fuzz_bytes bytes = {input, input + size};
    if (!begin(&bytes))
        return 0;
    struct calls_actor outside = {.ctx = troupe_outside(fuzz_system)};
    while (fuzz_more(&bytes)) {
        calls_do(&outside, &bytes);
        outside.leaves = false;
        outside.status = TROUPE_OK;
    }
    if (calm_down(&outside)) {
        check_players();
        calls_check_asks();
        calls_check_watchers();
        calls_check_timers();
        calls_check_trees();
        check_books();
    }
    finish();
    return 0;
}
