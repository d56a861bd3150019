// See lone.h.
#ifdef TRP_YIELD_POINTS // part of interleaving tests only

#    include "tests/support/lone.h"

#    include "tests/support/test.h"

struct lone lone;

// ---- The actor

void lone_enter(void)
{
    TRP_EXPECT(!lone.inside); // two consumers
    lone.inside = true;
    trp_interleave_yield("handler");
}

static troupe_status init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)ctx, (void)state, (void)args;
    lone.inits++;
    return TROUPE_OK;
}

troupe_status lone_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    lone_enter();
    lone.handled++;
    if (troupe_match(msg, Aside)) { // the front leaves the mailbox, which must not go idle by that
        troupe_stash(ctx, msg);
        trp_interleave_yield("handler: put aside");
        lone.handled--;
        troupe_unstash(ctx);
        troupe_unbecome(ctx);
    }
    lone.inside = false;
    return troupe_match(msg, Fail)   ? TROUPE_EUSER
           : troupe_match(msg, Stop) ? TROUPE_STOP
                                     : TROUPE_OK;
}

static void stop(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)ctx, (void)state, (void)why;
    lone.stops++;
}

const troupe_behavior lone_plain = {
    .name = "plain", .init = init, .receive = lone_receive, .stop = stop};
const troupe_behavior lone_bare = {.name = "bare", .receive = lone_receive};

// ---- Setup and check

void lone_open(const troupe_behavior *behavior, int outsiders)
{
    hands_open(&lone.hands, 1, NULL, outsiders);
    lone.inside = false;
    lone.inits = lone.handled = lone.stops = 0;
    troupe_status status = troupe_spawn(lone.hands.ctx, behavior, NULL, &lone.ref);
    TRP_EXPECT(status == TROUPE_OK);
    lone.slot = trp_resolve(lone.hands.system, lone.ref);
}

void lone_expect_at_rest(void)
{
    TRP_EXPECT((atomic_load(&lone.slot->orders) & TRP_ORDER_ANY) == 0); // or an order was lost
    TRP_EXPECT(trp_mpsc_is_idle(&lone.slot->inbox));
    TRP_EXPECT(atomic_load(&lone.slot->nudged) == 0);
}

void lone_give_slots_back(void)
{
    troupe_system *system = lone.hands.system;
    for (struct trp_runner *runner = atomic_load(&system->runners); runner; runner = runner->next)
        trp_slot_cache_fini(system, &runner->slots);
}

// ---- Threads outside

void lone_give_order(uint32_t bits)
{
    trp_slot_order(lone.hands.system, NULL, lone.slot, lone.ref.generation, bits);
}

void lone_order_tick(void *user)
{
    (void)user;
    for (int i = 0; i < lone.times; i++)
        lone_give_order(TRP_ORDER_TICK);
    hands_leave(&lone.hands);
}

void lone_order_notice(void *user)
{
    (void)user;
    for (int i = 0; i < lone.times; i++)
        lone_give_order(TRP_ORDER_NOTICE);
    hands_leave(&lone.hands);
}

void lone_order_stop(void *user)
{
    (void)user;
    lone_give_order(TRP_ORDER_STOP);
    hands_leave(&lone.hands);
}

void lone_send_numbers(void *user)
{
    (void)user;
    for (int i = 0; i < lone.times; i++)
        troupe_send(lone.hands.ctx, lone.ref, Number);
    hands_leave(&lone.hands);
}

// ---- The test

struct trp_interleave lone_play(const char *name, void (*setup)(void *user),
                                void (*first)(void *user), void (*second)(void *user),
                                void (*check)(void *user))
{
    return (struct trp_interleave){.name = name,
                                   .setup = setup,
                                   .threads = {first, second, hands_thread_0, hands_thread_1},
                                   .count = 4,
                                   .check = check};
}

void lone_explore(const struct trp_interleave *test)
{
    uint64_t runs = trp_interleave_exhaustive(test);
    if (test->windows[0].one == NULL) // else the harness says it
        print_message("%s: %llu runs\n", test->name, (unsigned long long)runs);
}

#endif
