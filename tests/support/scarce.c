// See scarce.h.
#include "tests/support/scarce.h"

#include "base/slab.h"

#include <string.h>

static struct {
    _Atomic int64_t count;  // allocations since the start
    _Atomic int64_t fail;   // the one that fails; 0: none
    bool lasting;           // and all that come after it
    _Atomic bool failed;    // it has failed
    _Atomic int64_t blocks; // given out and not given back
} memory;

static void set_memory(int64_t fail, bool lasting)
{
    memory.count = memory.blocks = 0;
    memory.fail = fail;
    memory.lasting = lasting;
    memory.failed = false;
}

static void *take(void *user, size_t size, size_t align)
{
    (void)user;
    int64_t number = ++memory.count;
    if (memory.fail && (memory.lasting ? number >= memory.fail : number == memory.fail)) {
        memory.failed = true;
        return NULL;
    }
    void *block = trp_default_allocator.alloc(trp_default_allocator.user, size, align);
    memory.blocks += block != NULL;
    return block;
}

static void give(void *user, void *block, size_t size)
{
    (void)user;
    memory.blocks--;
    trp_default_allocator.free(trp_default_allocator.user, block, size);
}

static const troupe_allocator allocator = {.alloc = take, .free = give, .uncached = true};

bool scarce_has_failed(void)
{
    return memory.failed;
}

bool scarce_check_status(troupe_status status, bool for_memory, const char *file, int line)
{
    bool right = status == TROUPE_OK || (memory.failed && (!for_memory || status == TROUPE_ENOMEM));
    if (!right)
        world_check_failed(file, line, troupe_status_name(status));
    return status == TROUPE_OK;
}

bool scarce_check_failed(const char *file, int line)
{
    if (!memory.failed)
        world_check_failed(file, line, "NULL, and memory has not failed");
    return false;
}

// False: no allocation failed, the scenario has fewer.
static bool survive(const struct scarce_scenario *scenario, int64_t fail, bool lasting)
{
    struct trp_driver driver;
    const troupe_system_opts opts = {.allocator = &allocator};
    set_memory(fail, lasting);
    troupe_status started = trp_driver_start(&driver, 1, &opts);
    if (started == TROUPE_OK) {
        scenario->run(driver.system, &driver);
        trp_driver_run(&driver); // what could not be waited for
        bool failed = memory.failed;
        memory.fail = 0;
        memory.failed = false;
        if (scenario->forget) {
            scenario->forget();
            scenario->run(driver.system, &driver);
            scenario->expect_all();
        }
        memory.failed = failed;
        assert_int_equal(trp_driver_stop(&driver, 0, NULL), TROUPE_OK);
    } else {
        assert_int_equal(started, TROUPE_ENOMEM);
        assert_non_null(strstr(troupe_error_text(NULL), "no memory"));
        assert_null(driver.system);
    }
    assert_int_equal(memory.blocks, 0);
    return memory.failed;
}

void scarce_each(const struct scarce_scenario *scenario)
{
    int64_t n = 1;
    while (survive(scenario, n, false))
        n++;
    print_message("%lld allocations\n", (long long)n - 1);
    assert_true(n > scenario->least);
}

void scarce_from_each_on(const struct scarce_scenario *scenario)
{
    for (int64_t n = 1; survive(scenario, n, true); n++)
        continue;
}

static bool survive_on_threads(const struct scarce_scenario *scenario, int64_t fail, bool lasting)
{
    troupe_system *system;
    const troupe_system_opts opts = {.allocator = &allocator, .workers = 2};
    set_memory(fail, lasting);
    troupe_status started = troupe_system_start(&opts, &system);
    if (started == TROUPE_OK) {
        scenario->run(system, NULL);
        memory.fail = 0;
        if (scenario->forget)
            scenario->run(system, NULL);
        assert_int_equal(troupe_system_stop(system, 0, NULL), TROUPE_OK);
    } else {
        assert_int_equal(started, TROUPE_ENOMEM);
    }
    assert_int_equal(memory.blocks, 0);
    return memory.failed;
}

void scarce_each_on_threads(const struct scarce_scenario *scenario)
{
    for (int64_t n = 1; survive_on_threads(scenario, n, n % 3 == 0); n++)
        continue;
}
