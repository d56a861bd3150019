// What an idle actor costs: resident bytes of a million of them, by the size of their state. Prints
// name=value lines.
#include <stdio.h>
#include <stdlib.h>
#include <troupe.h>
#include <unistd.h>

#define ACTORS 1000000

TROUPE_EMPTY(Begin);

static troupe_status idle_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx;
    (void)state;
    (void)msg;
    return TROUPE_UNHANDLED;
}

static double resident(void)
{
    unsigned long all = 0, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%lu %lu", &all, &pages) != 2)
        abort();
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

// Spawns the actors, which stay idle until the system stops, and says when it has.
static troupe_status owner_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    const troupe_behavior *behavior = *(const troupe_behavior **)state;
    (void)msg;
    for (int i = 0; i < ACTORS; i++)
        if (troupe_spawn(ctx, behavior, NULL, NULL) != TROUPE_OK)
            abort();
    return troupe_reply(ctx, Begin);
}

TROUPE_STRUCT(Kind, const troupe_behavior *);

static troupe_status owner_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    const troupe_behavior *const *kind = troupe_match(args, Kind);
    if (!kind)
        return troupe_fail(ctx, TROUPE_EINVAL, "which actors?");
    *(const troupe_behavior **)state = *kind;
    return TROUPE_OK;
}

static const troupe_behavior owner = {.name = "owner",
                                      .state_size = sizeof(troupe_behavior *),
                                      .init = owner_init,
                                      .receive = owner_receive};

static void measure(size_t state_size)
{
    const troupe_behavior idle = {
        .name = "idle", .state_size = state_size, .receive = idle_receive};
    const troupe_behavior *kind = &idle;
    troupe_system *system;
    troupe_ref ref;
    if (troupe_system_start(NULL, &system))
        abort();
    troupe_ctx *ctx = troupe_outside(system);
    if (troupe_spawn_wait(ctx, &owner, NULL, &ref, TROUPE_TYPE(Kind), &kind))
        abort();
    double before = resident();
    if (troupe_call(ctx, ref, TROUPE_NO_LIMIT, NULL, Begin))
        abort();
    printf("idle_bytes_with_state_of_%zu=%.1f\n", state_size, (resident() - before) / ACTORS);
    if (troupe_system_stop(system, 60000, NULL))
        abort();
}

int main(void)
{
    measure(0);
    measure(8);
    return 0;
}
