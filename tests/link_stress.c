// A crowd in which everybody links, unlinks, traps, kills and ends at random, on several workers.
// What must hold is checked at the system's stop: all ends are there, all messages are accounted
// for, all memory has come back; and on the way: nobody hears of a link that it has cut.
#include "tests/support/test.h"
#include "troupe.h"

#include <stdatomic.h>

#define CROWD 64
#define STEPS 1000000 // of all together

TROUPE_EMPTY(Step);

static struct {
    _Atomic uint64_t refs[CROWD]; // slot << 32 | generation: who has this place now
    _Atomic uint64_t system;
    _Atomic int64_t steps;
    _Atomic uint64_t exits, nobody, begun;
    _Atomic bool wrong;
    bool one_way; // links are made by the one with the smaller slot: what it cuts stays cut
} crowd;

struct member {
    uint32_t place;
    uint32_t cut_count;
    troupe_ref cut[8]; // unlinked and not linked again
};

static troupe_ref who_is_at(uint32_t place)
{
    uint64_t packed = atomic_load(&crowd.refs[place]);
    return (troupe_ref){crowd.system, (uint32_t)(packed >> 32), (uint32_t)packed};
}

static void forget_cut(struct member *member, troupe_ref ref)
{
    for (uint32_t i = 0; i < member->cut_count; i++)
        if (troupe_ref_equal(member->cut[i], ref))
            member->cut[i--] = member->cut[--member->cut_count];
}

static void remember_cut(struct member *member, troupe_ref ref)
{
    forget_cut(member, ref);
    if (member->cut_count < 8)
        member->cut[member->cut_count++] = ref;
}

static void hear(struct member *member, const troupe_exited *exited)
{
    crowd.exits++;
    crowd.nobody += exited->reason.kind == TROUPE_NOACTOR;
    for (uint32_t i = 0; i < member->cut_count; i++)
        if (crowd.one_way && exited->incarnation != 0 &&
            troupe_ref_equal(member->cut[i], exited->ref))
            crowd.wrong = true;
}

static troupe_status act(troupe_ctx *ctx, struct member *member)
{
    uint64_t dice = troupe_random(ctx);
    troupe_ref ref = who_is_at((uint32_t)(dice >> 32) % CROWD);
    switch (dice % 64) {
    case 0:
        return TROUPE_STOP;
    case 1:
        return troupe_fail(ctx, TROUPE_EUSER, "by chance");
    case 2:
        (void)troupe_kill(ctx, ref);
        return TROUPE_OK;
    case 3:
    case 4:
        return troupe_exit(ctx, ref, &(troupe_reason){.kind = TROUPE_FAILED, .text = "told to"});
    case 5:
        return troupe_exit(ctx, ref, &(troupe_reason){.kind = TROUPE_NORMAL});
    case 6:
    case 7:
        return troupe_trap_exits(ctx, dice & 1024);
    default:
        if (dice % 3 == 0) {
            if (ref.slot > troupe_self(ctx).slot)
                remember_cut(member, ref);
            return troupe_unlink(ctx, ref);
        }
        if (crowd.one_way && ref.slot <= troupe_self(ctx).slot)
            return TROUPE_OK;
        forget_cut(member, ref);
        return troupe_link(ctx, ref);
    }
}

static troupe_status step(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct member *member = state;
    const troupe_exited *exited = troupe_match(msg, troupe_exited);
    if (exited) {
        hear(member, exited);
        return TROUPE_OK;
    }
    if (atomic_fetch_sub(&crowd.steps, 1) <= 0)
        return TROUPE_STOP;
    troupe_status status = troupe_send(ctx, troupe_self(ctx), Step);
    return status == TROUPE_OK ? act(ctx, member) : status;
}

static troupe_status begin(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    struct member *member = state;
    (void)args;
    troupe_ref self = troupe_self(ctx);
    member->place = (uint32_t)troupe_random(ctx) % CROWD;
    atomic_store(&crowd.refs[member->place], (uint64_t)self.slot << 32 | self.generation);
    crowd.begun++;
    (void)troupe_send(ctx, self, Step);
    return troupe_trap_exits(ctx, member->place % 2);
}

static const troupe_behavior member_behavior = {
    .name = "member", .state_size = sizeof(struct member), .init = begin, .receive = step};

// Watches over the crowd: for each that has ended another one begins, some of them supervised.
static troupe_status refill(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state, (void)msg;
    if (atomic_load(&crowd.steps) <= 0)
        return TROUPE_STOP;
    return troupe_spawn(ctx, &member_behavior,
                        &(troupe_spawn_opts){.detached = true, .monitor = TROUPE_ON_STOP}, NULL);
}

static troupe_status fill(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    troupe_status status = TROUPE_OK;
    for (int i = 0; i < CROWD && status == TROUPE_OK; i++)
        status = refill(ctx, state, args);
    return status;
}

static const troupe_behavior warden = {.name = "warden", .init = fill, .receive = refill};

static void a_crowd(uint32_t workers, bool supervised)
{
    troupe_system *system;
    troupe_report report;
    const troupe_system_opts opts = {.workers = workers, .batch = 16};
    crowd = (typeof(crowd)){.steps = STEPS, .one_way = !supervised};
    assert_int_equal(troupe_system_start(&opts, &system), TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(system);
    troupe_ref ref, supervisor;
    assert_int_equal(troupe_spawn(ctx, &member_behavior, NULL, &ref), TROUPE_OK);
    crowd.system = ref.system;
    const troupe_child children[] = {{.id = "one", .behavior = &member_behavior},
                                     {.id = "two", .behavior = &member_behavior}};
    const troupe_supervisor spec = {
        .max_restarts = STEPS, .within_ms = 1000, .children = children, .child_count = 2};
    if (supervised)
        assert_int_equal(troupe_supervise_wait(ctx, &spec, &supervisor), TROUPE_OK);
    assert_int_equal(troupe_spawn(ctx, &warden, NULL, NULL), TROUPE_OK);
    while (atomic_load(&crowd.steps) > 0)
        (void)troupe_system_wait(system, 1);
    assert_int_equal(troupe_system_stop(system, 60000, &report), TROUPE_OK);
    assert_int_equal(report.stats.spawned, report.stats.ended);
    assert_false(crowd.wrong);
    assert_true(crowd.exits > 100 && crowd.nobody > 0);
    print_message("%u workers: %llu begun, %llu exits, %llu restarts\n", workers,
                  (unsigned long long)crowd.begun, (unsigned long long)crowd.exits,
                  (unsigned long long)report.stats.restarts);
}

static void a_crowd_links_and_ends_at_random(void **state)
{
    (void)state;
    a_crowd(1, false);
    a_crowd(2, false);
    a_crowd(4, false);
}

static void so_it_does_with_restarts_and_in_both_directions(void **state)
{
    (void)state;
    a_crowd(1, true);
    a_crowd(4, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crowd_links_and_ends_at_random),
        cmocka_unit_test(so_it_does_with_restarts_and_in_both_directions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
