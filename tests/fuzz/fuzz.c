// See fuzz.h. One thread does all of it, so nothing here is guarded.
#include "tests/fuzz/fuzz.h"

#include "sim/driver.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct fuzz_memory fuzz_memory;
troupe_system *fuzz_system;

static struct trp_driver driver;

// ---- Bytes

uint8_t fuzz_byte(struct fuzz_bytes *bytes)
{
    return bytes->at < bytes->end ? *bytes->at++ : 0;
}

uint16_t fuzz_u16(struct fuzz_bytes *bytes)
{
    uint16_t low = fuzz_byte(bytes);
    return (uint16_t)(low | fuzz_byte(bytes) << 8);
}

uint32_t fuzz_u32(struct fuzz_bytes *bytes)
{
    uint32_t low = fuzz_u16(bytes);
    return low | (uint32_t)fuzz_u16(bytes) << 16;
}

struct fuzz_bytes fuzz_cut(struct fuzz_bytes *bytes, size_t size)
{
    size_t left = (size_t)(bytes->end - bytes->at);
    struct fuzz_bytes cut = {bytes->at, bytes->at + (size < left ? size : left)};
    bytes->at = cut.end;
    return cut;
}

// ---- What must hold

void fuzz_broken(const char *file, int line, const char *condition, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s:%d: not so: %s: ", file, line, condition);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    abort();
}

void fuzz_trace(const char *format, ...)
{
    static int wanted = -1;
    if (wanted < 0)
        wanted = getenv("FUZZ_TRACE") != NULL;
    if (!wanted)
        return;
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
}

// ---- Memory

#define MOST ((size_t)256 << 20) // a state of more bytes than that does not fit

static void *take(void *user, size_t size, size_t align)
{
    struct fuzz_memory *memory = user;
    uint64_t number = ++memory->calls;
    if (number >= memory->fail_from && number - memory->fail_from < memory->fail_count) {
        memory->failures++;
        return NULL;
    }
    void *block =
        size > MOST ? NULL : trp_default_allocator.alloc(trp_default_allocator.user, size, align);
    memory->blocks += block != NULL;
    return block;
}

static void give(void *user, void *block, size_t size)
{
    struct fuzz_memory *memory = user;
    memory->blocks--;
    trp_default_allocator.free(trp_default_allocator.user, block, size);
}

bool fuzz_memory_failed(void)
{
    return fuzz_memory.failures > 0;
}

// ---- The system

bool fuzz_start(uint64_t seed, const troupe_system_opts *opts)
{
    static const troupe_allocator allocator = {
        .alloc = take, .free = give, .user = &fuzz_memory, .uncached = true};
    troupe_system_opts options = opts ? *opts : (troupe_system_opts){0};
    options.allocator = &allocator;
    troupe_status status = trp_driver_start(&driver, seed, &options);
    FUZZ_CHECK(status == TROUPE_OK || (status == TROUPE_ENOMEM && fuzz_memory_failed()), "%s: %s",
               troupe_status_name(status), troupe_error_text(NULL));
    FUZZ_CHECK(status == TROUPE_OK || fuzz_memory.blocks == 0, "%lld blocks are left",
               (long long)fuzz_memory.blocks);
    fuzz_system = status == TROUPE_OK ? driver.system : NULL;
    return fuzz_system != NULL;
}

// Runs until `end`, or for so many steps.
static bool run_until(uint64_t end)
{
    for (int steps = 0; steps < FUZZ_MOST_STEPS;) {
        if (trp_driver_step(&driver)) {
            steps++;
            continue;
        }
        uint64_t next = trp_system_next_deadline(fuzz_system);
        if (next > end || next == TRP_NEVER) {
            if (end > driver.sim->now && end != TRP_NEVER)
                driver.sim->now = end;
            return true;
        }
        if (next > driver.sim->now)
            driver.sim->now = next;
    }
    fuzz_trace("there is no end to it");
    return false;
}

bool fuzz_settle(void)
{
    return run_until(driver.sim->now);
}

bool fuzz_advance(uint64_t ms)
{
    return run_until(driver.sim->now + ms * TRP_NS_PER_MS) && fuzz_settle();
}

bool fuzz_run(void)
{
    return run_until(TRP_NEVER);
}

bool fuzz_step(void)
{
    return trp_driver_step(&driver);
}

uint64_t fuzz_now(void)
{
    return driver.sim->now;
}

static void check_messages(const troupe_stats *stats)
{
    FUZZ_CHECK(stats->sent == stats->handled + stats->dead + stats->dropped,
               "%llu sent, %llu handled, %llu dead, %llu dropped", (unsigned long long)stats->sent,
               (unsigned long long)stats->handled, (unsigned long long)stats->dead,
               (unsigned long long)stats->dropped);
}

void fuzz_check_messages(void)
{
    troupe_stats stats;
    troupe_system_stats(fuzz_system, &stats);
    check_messages(&stats);
}

void fuzz_stop(troupe_report *report)
{
    troupe_report own;
    report = report ? report : &own;
    troupe_status status = troupe_system_stop(fuzz_system, TROUPE_NO_LIMIT, report);
    fuzz_system = NULL;
    FUZZ_CHECK(status == TROUPE_OK, "the stop says %s", troupe_status_name(status));
    FUZZ_CHECK(troupe_sim_free(driver.sim), "%s", troupe_error_text(NULL));
    FUZZ_CHECK(report->refused == 0, "%u refused to stop", report->refused);
    FUZZ_CHECK(report->stats.spawned == report->stats.ended, "%llu were spawned, %llu have ended",
               (unsigned long long)report->stats.spawned, (unsigned long long)report->stats.ended);
    check_messages(&report->stats);
    FUZZ_CHECK(fuzz_memory.blocks == 0, "%lld blocks are left", (long long)fuzz_memory.blocks);
}
