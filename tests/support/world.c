// See world.h. Actors on any thread say, under the world's lock; the test's thread listens. Who the
// actors are: puppet.c.
//
// A story that does not come to its end is printed, with its seed, by whatever ends it: the next
// story, the program's end, an assertion, a sanitizer, or the signal that the test took too long.
#include "tests/support/world.h"

#include "tests/support/tree.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct world *_Atomic here; // the world whose story is being told

// ---- Lines

static void print_how_to_repeat(unsigned long long seed)
{
    const char *target = getenv("TEST_TARGET"); // Bazel's
    if (target)
        fprintf(stderr, "again: ./bazelw test %s --test_env=TROUPE_SEED=%llu\n", target, seed);
    else
        fprintf(stderr, "again: TROUPE_SEED=%llu %s\n", seed, program_invocation_name);
}

static void print_lines(const struct world *world)
{
    if (world->driven)
        fprintf(stderr, "driven, seed %llu:\n", (unsigned long long)world->seed);
    else
        fprintf(stderr, "on %u real workers:\n", world->workers);
    for (size_t i = 0; i < world->line_count; i++)
        fprintf(stderr, "    %s: %s\n", world->lines[i].who, world->lines[i].text);
    if (world->driven)
        print_how_to_repeat(world->seed);
}

static void print_broken_story(void)
{
    struct world *world = atomic_exchange(&here, NULL);
    if (world == NULL)
        return;
    fprintf(stderr, "the story broke off ");
    print_lines(world);
}

static void on_deadly_signal(int number)
{
    print_broken_story();
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

// Once in the program.
static void see_that_broken_stories_are_printed(void)
{
    static bool prepared;
    if (prepared)
        return;
    prepared = true;
    assert_int_equal(atexit(print_broken_story), 0);
    (void)signal(SIGABRT, on_deadly_signal);
    (void)signal(SIGTERM, on_deadly_signal);
}

void world_check_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
    print_broken_story();
    abort();
}

static void say(const char *who, const char *text)
{
    struct world *world = atomic_load(&here);
    if (world == NULL)
        return; // left over from a story that has broken off
    pthread_mutex_lock(&world->lock);
    if (world->line_count == world->line_capacity) {
        world->line_capacity = world->line_capacity ? world->line_capacity * 2 : 64;
        world->lines = realloc(world->lines, world->line_capacity * sizeof *world->lines);
    }
    world->lines[world->line_count++] = (struct world_line){strdup(who), strdup(text)};
    pthread_cond_broadcast(&world->news);
    pthread_mutex_unlock(&world->lock);
}

void world_say(const char *who, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    say(who, text);
}

void puppet_say(troupe_ctx *ctx, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    say(troupe_name(ctx), text);
}

static void forget_lines(struct world *world)
{
    for (size_t i = 0; i < world->line_count; i++) {
        free(world->lines[i].who);
        free(world->lines[i].text);
    }
    free(world->lines);
}

unsigned world_heard(struct world *world, const char *who, const char *text)
{
    unsigned count = 0;
    pthread_mutex_lock(&world->lock);
    for (size_t i = 0; i < world->line_count; i++)
        count += strcmp(world->lines[i].who, who) == 0 && strcmp(world->lines[i].text, text) == 0;
    pthread_mutex_unlock(&world->lock);
    return count;
}

// Returns all that `who` has said, separated by "; ", to be freed; and how much that is.
static char *all_of(struct world *world, const char *who, unsigned *count)
{
    size_t size = 1;
    *count = 0;
    pthread_mutex_lock(&world->lock);
    for (size_t i = 0; i < world->line_count; i++)
        size += strlen(world->lines[i].text) + 2;
    char *all = malloc(size), *end = all;
    *end = 0;
    for (size_t i = 0; i < world->line_count; i++) {
        if (strcmp(world->lines[i].who, who) != 0)
            continue;
        end += sprintf(end, "%s%s", end == all ? "" : "; ", world->lines[i].text);
        ++*count;
    }
    pthread_mutex_unlock(&world->lock);
    return all;
}

void world_expect(struct world *world, const char *who, const char *texts)
{
    unsigned count;
    char *all = all_of(world, who, &count);
    if (strcmp(all, texts) != 0) {
        fprintf(stderr, "%s said \"%s\", not \"%s\"\n", who, all, texts);
        free(all);
        fail();
    }
    free(all);
}

static size_t first_line(struct world *world, const char *who, const char *text)
{
    for (size_t i = 0; i < world->line_count; i++)
        if (strcmp(world->lines[i].who, who) == 0 && strcmp(world->lines[i].text, text) == 0)
            return i;
    return SIZE_MAX;
}

void world_expect_order(struct world *world, const char *first_who, const char *first,
                        const char *second_who, const char *second)
{
    pthread_mutex_lock(&world->lock);
    size_t one = first_line(world, first_who, first);
    size_t two = first_line(world, second_who, second);
    pthread_mutex_unlock(&world->lock);
    if (one == SIZE_MAX || two == SIZE_MAX || one > two)
        fail_msg("\"%s: %s\" was not said before \"%s: %s\"", first_who, first, second_who, second);
}

// ---- Waiting

// Threads: waits for the next thing to be said, or a little, for what is not said but can be seen.
static void wait_for_news(struct world *world, size_t seen)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 2000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_mutex_lock(&world->lock);
    if (world->line_count == seen)
        pthread_cond_timedwait(&world->news, &world->lock, &until);
    pthread_mutex_unlock(&world->lock);
}

static bool wait_until(struct world *world, bool (*predicate)(struct world *world, void *arg),
                       void *arg)
{
    time_t end = time(NULL) + WORLD_PATIENCE_S;
    uint64_t steps = 0;
    for (;;) {
        pthread_mutex_lock(&world->lock);
        size_t seen = world->line_count;
        pthread_mutex_unlock(&world->lock);
        if (predicate(world, arg))
            return true;
        if (world->driven ? !troupe_sim_step(world->driver.sim) || ++steps > 10000000
                          : time(NULL) > end)
            return false;
        if (!world->driven)
            wait_for_news(world, seen);
    }
}

void world_until(struct world *world, bool (*predicate)(struct world *world, void *arg), void *arg)
{
    if (!wait_until(world, predicate, arg))
        fail_msg("what the story waits for does not happen");
}

struct wanted {
    const char *who, *text;
    unsigned times;
};

static bool is_heard(struct world *world, void *arg)
{
    const struct wanted *wanted = arg;
    return world_heard(world, wanted->who, wanted->text) >= wanted->times;
}

void world_await_times(struct world *world, unsigned times, const char *who, const char *text)
{
    struct wanted wanted = {who, text, times};
    if (!wait_until(world, is_heard, &wanted))
        fail_msg("\"%s: %s\" is not said %u times", who, text, times);
}

void world_await(struct world *world, const char *who, const char *text)
{
    world_await_times(world, 1, who, text);
}

static bool has_said_enough(struct world *world, void *arg)
{
    const struct wanted *wanted = arg;
    unsigned count;
    free(all_of(world, wanted->who, &count));
    return count >= wanted->times;
}

void world_await_all(struct world *world, const char *who, const char *texts)
{
    struct wanted wanted = {who, NULL, texts[0] ? 1 : 0};
    for (const char *at = texts; (at = strstr(at, "; ")) != NULL; at += 2)
        wanted.times++;
    wait_until(world, has_said_enough, &wanted);
    world_expect(world, who, texts);
}

void world_settle(struct world *world)
{
    if (world->driven)
        trp_driver_settle(&world->driver);
}

void world_advance(struct world *world, uint64_t ms)
{
    assert_true(world->driven);
    trp_driver_advance(&world->driver, ms);
}

// ---- The system

static void *take(void *user, size_t size, size_t align)
{
    struct world *world = user;
    void *block = trp_default_allocator.alloc(trp_default_allocator.user, size, align);
    if (block)
        atomic_fetch_add(&world->blocks, 1);
    return block;
}

static void give(void *user, void *block, size_t size)
{
    struct world *world = user;
    trp_default_allocator.free(trp_default_allocator.user, block, size);
    atomic_fetch_sub(&world->blocks, 1);
}

static void hear_dead_letter(void *user, const troupe_dead_letter *letter)
{
    static const char *const words[] = {"", "no target", "ended", "unhandled", "failed", "stale"};
    const struct number *number = troupe_match(letter->msg, Number);
    (void)user;
    if (number)
        world_say("dead", "Number %lld %s", (long long)number->value, words[letter->reason]);
    else
        world_say("dead", "%s %s", troupe_msg_type_name(letter->msg), words[letter->reason]);
}

static void hear_event(void *user, const troupe_event *event)
{
    static const char *const words[] = {"", "failed", "restarted", "gave up", "abandoned"};
    (void)user;
    world_say("event", "%s %s %u %s%s%s", words[event->kind], event->name, event->incarnation,
              troupe_reason_name(event->reason.kind), event->reason.text[0] ? ": " : "",
              event->reason.text);
}

static void world_start(struct world *world, const troupe_system_opts *opts)
{
    see_that_broken_stories_are_printed();
    print_broken_story(); // of the test before, which cmocka has left in its midst
    troupe_system_opts options = opts ? *opts : (troupe_system_opts){0};
    pthread_mutex_init(&world->lock, NULL);
    pthread_cond_init(&world->news, NULL);
    world->allocator = (troupe_allocator){.alloc = take, .free = give, .user = world};
    world->allocator.uncached = world->driven && world->seed % 2 == 0;
    options.allocator = &world->allocator;
    options.on_dead_letter = hear_dead_letter;
    options.on_event = hear_event;
    options.hook_user = world;
    options.workers = world->workers;
    atomic_store(&here, world);
    if (world->driven) {
        assert_int_equal(trp_driver_start(&world->driver, world->seed, &options), TROUPE_OK);
        world->system = world->driver.system;
    } else {
        assert_int_equal(troupe_system_start(&options, &world->system), TROUPE_OK);
    }
    world->ctx = troupe_outside(world->system);
}

void world_stop(struct world *world)
{
    if (world->system == NULL)
        return;
    const troupe_report *report = &world->report;
    const troupe_stats *stats = &report->stats;
    assert_int_equal(troupe_system_stop(world->system, WORLD_PATIENCE_S * 1000, &world->report),
                     TROUPE_OK);
    world->system = NULL;
    assert_int_equal(report->refused, 0);
    assert_int_equal(stats->sent, stats->handled + stats->dead + stats->dropped);
    assert_int_equal(stats->spawned, stats->ended);
    assert_int_equal(world->blocks, 0);
}

static void tell(const troupe_system_opts *opts, void (*story)(struct world *world), uint64_t seed,
                 uint32_t workers)
{
    // Not on the stack: a story that breaks off leaves threads behind that may still look at it.
    struct world *world = calloc(1, sizeof *world);
    world->driven = workers == 0;
    world->seed = seed;
    world->workers = workers;
    world_start(world, opts);
    story(world);
    world_stop(world);
    if (world->driven && !troupe_sim_free(world->driver.sim))
        fail_msg("%s", troupe_error_text(NULL));
    atomic_store(&here, NULL);
    forget_lines(world);
    tree_forget_scripts(world);
    pthread_mutex_destroy(&world->lock);
    pthread_cond_destroy(&world->news);
    free(world);
}

// Returns whether the variable is set; *number is left alone if not.
static bool read_number(const char *variable, uint64_t *number)
{
    const char *text = getenv(variable);
    if (text == NULL || *text == 0)
        return false;
    char *end;
    *number = strtoull(text, &end, 10);
    if (*end != 0)
        fail_msg("%s is \"%s\"; give a number", variable, text);
    return true;
}

static void tell_driven(const troupe_system_opts *opts, void (*story)(struct world *world))
{
    uint64_t seed, seeds = WORLD_SEEDS;
    if (read_number("TROUPE_SEED", &seed)) {
        tell(opts, story, seed, 0);
        return;
    }
    (void)read_number("TROUPE_SEEDS", &seeds);
    for (seed = 1; seed <= seeds; seed++)
        tell(opts, story, seed, 0);
}

static void tell_on_threads(const troupe_system_opts *opts, void (*story)(struct world *world))
{
    uint64_t seed;
    if (read_number("TROUPE_SEED", &seed))
        return; // which is of no meaning here
    for (uint32_t workers = 1; workers <= 2; workers++)
        for (int i = 0; i < 10; i++)
            tell(opts, story, 0, workers);
}

void world_each_with(const troupe_system_opts *opts, void (*story)(struct world *world))
{
    tell_driven(opts, story);
    tell_on_threads(opts, story);
}

void world_each(void (*story)(struct world *world))
{
    world_each_with(NULL, story);
}

void world_each_driven(void (*story)(struct world *world))
{
    tell_driven(NULL, story);
}

void world_each_threads(void (*story)(struct world *world))
{
    tell_on_threads(NULL, story);
}
