// See driver.h. One thread does all of it, so nothing here is guarded.
#include "sim/driver.h"

#include <string.h>

#define START_NS UINT64_C(1000000000) // so that a time of 0 is a mistake

static uint64_t virtual_now(void *user)
{
    return ((struct trp_driver *)user)->now;
}

static uint32_t choose(void *user, uint32_t count)
{
    return trp_random_below(&((struct trp_driver *)user)->choices, count);
}

// One activation in four is cut after any of its messages.
static bool cut(void *user)
{
    return trp_random_below(&((struct trp_driver *)user)->choices, 4) == 0;
}

static void idle(void *user, uint64_t deadline)
{
    struct trp_driver *driver = user;
    if (deadline > driver->now)
        driver->now = deadline;
}

// FNV-1a over the bytes of a value, least significant first.
static void mix(struct trp_driver *driver, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        driver->hash ^= (value >> (8 * i)) & 0xff;
        driver->hash *= UINT64_C(0x100000001b3);
    }
}

static void observe(void *user, const struct trp_probe_event *event)
{
    struct trp_driver *driver = user;
    mix(driver, (uint64_t)event->kind);
    mix(driver, driver->now);
    mix(driver, (uint64_t)event->ref.slot << 32 | event->ref.generation);
    mix(driver, (uint64_t)event->other.slot << 32 | event->other.generation);
    mix(driver, event->value);
}

troupe_status trp_driver_start(struct trp_driver *driver, uint64_t seed,
                               const troupe_system_opts *opts)
{
    memset(driver, 0, sizeof *driver);
    driver->now = START_NS;
    driver->hash = UINT64_C(0xcbf29ce484222325);
    driver->probe = (struct trp_probe){.event = observe, .user = driver};
    trp_random_init(&driver->choices, seed);
    troupe_system_opts options = opts ? *opts : (troupe_system_opts){0};
    options.seed = seed ? seed : 1;
    struct trp_seams seams = {.driven = true,
                              .clock = {.now = virtual_now, .user = driver},
                              .choice = {.next = choose, .user = driver},
                              .cut = cut,
                              .idle = idle,
                              .user = driver,
                              .probe = &driver->probe};
    return trp_system_start(&options, &seams, &driver->system);
}

void trp_driver_settle(struct trp_driver *driver)
{
    while (trp_system_step(driver->system))
        driver->steps++;
}

static void run_until(struct trp_driver *driver, uint64_t end)
{
    for (;;) {
        trp_driver_settle(driver);
        uint64_t next = trp_system_next_deadline(driver->system);
        if (next > end || next == TRP_NEVER)
            break;
        idle(driver, next);
    }
    if (end != TRP_NEVER)
        idle(driver, end);
}

void trp_driver_advance(struct trp_driver *driver, uint64_t ms)
{
    run_until(driver, trp_deadline(driver->now, ms * TRP_NS_PER_MS));
    trp_driver_settle(driver);
}

void trp_driver_run(struct trp_driver *driver)
{
    run_until(driver, TRP_NEVER);
}
