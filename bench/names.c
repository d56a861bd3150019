// The cost of names. Nanoseconds, medians; on one thread.
//   register_ns    a name is given to an actor and taken away again
//   whereis_ns     one of 1000 names is looked up
//   send_ns        a message by name, from an actor to one that handles it
//   send_ref_ns    the same by ref
//   many_add_ns    each of a million names, given to one actor
//   many_find_ns   one of them, at random, looked up
//   many_free_ns   each of them, freed at the actor's end
#include "bench/support/measure.h"
#include "sim/driver.h"
#include "troupe/name.h"

#include <stdio.h>

#define ROUNDS 200000
#define FEW    1000
#define MANY   1000000

TROUPE_EMPTY(Tap);
TROUPE_EMPTY(ByName);
TROUPE_EMPTY(ByRef);

struct stage {
    struct trp_driver driver;
    troupe_ctx *ctx;
    troupe_ref sender, target;
};

static struct stage stage;
static char names[MANY][24];

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    if (troupe_match(msg, ByName))
        for (int i = 0; i < ROUNDS; i++)
            troupe_send_name(ctx, "target", Tap);
    if (troupe_match(msg, ByRef))
        for (int i = 0; i < ROUNDS; i++)
            troupe_send(ctx, stage.target, Tap);
    return TROUPE_OK;
}

static const troupe_behavior behavior = {.name = "actor", .receive = receive};

static double give_and_take(void *user)
{
    (void)user;
    uint64_t start = trp_clock_now(&trp_real_clock);
    for (int i = 0; i < ROUNDS; i++) {
        troupe_register(stage.ctx, names[FEW + i % FEW], stage.target);
        troupe_unregister(stage.ctx, names[FEW + i % FEW]);
    }
    return trp_measure_per(start, ROUNDS);
}

static double look_up_few(void *user)
{
    uint32_t *found = user;
    uint64_t start = trp_clock_now(&trp_real_clock);
    for (int i = 0; i < ROUNDS; i++)
        *found += troupe_whereis(stage.ctx, names[i % FEW]).slot;
    return trp_measure_per(start, ROUNDS);
}

static double send_many(troupe_type *type)
{
    static const struct troupe_empty_ByName body;
    uint64_t start = trp_clock_now(&trp_real_clock);
    troupe_send_body(stage.ctx, stage.sender, type, &body);
    trp_driver_settle(&stage.driver);
    return trp_measure_per(start, ROUNDS);
}

static double send(void *user)
{
    return send_many(user);
}

// ---- A million

struct many {
    double add, find, free;
};

// Once for each figure: what comes before is not measured.
static struct many have_many(uint32_t *found)
{
    struct many many;
    troupe_ref holder;
    troupe_spawn(stage.ctx, &behavior, NULL, &holder);
    uint64_t start = trp_clock_now(&trp_real_clock);
    for (int i = FEW; i < MANY; i++)
        troupe_register(stage.ctx, names[i], holder);
    many.add = trp_measure_per(start, MANY - FEW);
    uint32_t dice = 1;
    start = trp_clock_now(&trp_real_clock);
    for (int i = 0; i < MANY; i++) {
        dice = dice * 1664525u + 1013904223u;
        *found += troupe_whereis(stage.ctx, names[(dice >> 8) % MANY]).slot;
    }
    many.find = trp_measure_per(start, MANY);
    start = trp_clock_now(&trp_real_clock);
    troupe_kill(stage.ctx, holder);
    trp_driver_settle(&stage.driver);
    many.free = trp_measure_per(start, MANY - FEW);
    return many;
}

static double many_add(void *user)
{
    return have_many(user).add;
}

static double many_find(void *user)
{
    return have_many(user).find;
}

static double many_free(void *user)
{
    return have_many(user).free;
}

int main(void)
{
    uint32_t found = 0;
    if (trp_driver_start(&stage.driver, 1, NULL) != TROUPE_OK)
        return 1;
    stage.ctx = troupe_outside(stage.driver.system);
    troupe_spawn(stage.ctx, &behavior, NULL, &stage.sender);
    troupe_spawn(stage.ctx, &behavior, &(troupe_spawn_opts){.register_as = "target"},
                 &stage.target);
    for (int i = 0; i < MANY; i++)
        snprintf(names[i], sizeof names[i], "session %d", i);
    for (int i = 0; i < FEW; i++)
        troupe_register(stage.ctx, names[i], stage.target);
    trp_measure("register_ns", give_and_take, NULL);
    trp_measure("whereis_ns", look_up_few, &found);
    trp_measure("send_ns", send, TROUPE_TYPE(ByName));
    trp_measure("send_ref_ns", send, TROUPE_TYPE(ByRef));
    trp_measure("many_add_ns", many_add, &found);
    trp_measure("many_find_ns", many_find, &found);
    trp_measure("many_free_ns", many_free, &found);
    return trp_driver_stop(&stage.driver, 0, NULL) == TROUPE_OK ? 0 : 1;
}
