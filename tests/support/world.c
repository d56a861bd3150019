// See world.h. Actors on any thread say, under the world's lock; the test's thread listens.
#include "tests/support/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PATIENCE_S 60 // a wait that takes this long is a hang

static struct world *_Atomic here; // the world whose story is being told

// ---- Lines

static void print_lines(const struct world *world)
{
    if (world->driven)
        fprintf(stderr, "driven, seed %llu:\n", (unsigned long long)world->seed);
    else
        fprintf(stderr, "on %u real workers:\n", world->workers);
    for (size_t i = 0; i < world->line_count; i++)
        fprintf(stderr, "    %s: %s\n", world->lines[i].who, world->lines[i].text);
}

static void print_broken_story(void)
{
    struct world *world = atomic_exchange(&here, NULL);
    if (world == NULL)
        return;
    fprintf(stderr, "the story broke off ");
    print_lines(world);
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

// Driven: one step, or a jump to the next timer. False: nothing can ever happen any more.
static bool step(struct world *world)
{
    if (trp_system_step(world->system))
        return true;
    uint64_t next = trp_system_next_deadline(world->system);
    if (next == TRP_NEVER)
        return false;
    if (next > world->driver.now)
        world->driver.now = next;
    return true;
}

static bool wait_until(struct world *world, bool (*predicate)(struct world *world, void *arg),
                       void *arg)
{
    time_t end = time(NULL) + PATIENCE_S;
    uint64_t steps = 0;
    for (;;) {
        pthread_mutex_lock(&world->lock);
        size_t seen = world->line_count;
        pthread_mutex_unlock(&world->lock);
        if (predicate(world, arg))
            return true;
        if (world->driven ? !step(world) || ++steps > 10000000 : time(NULL) > end)
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
    static bool prepared;
    if (!prepared)
        prepared = atexit(print_broken_story) == 0;
    print_broken_story();
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
    troupe_report report;
    assert_int_equal(troupe_system_stop(world->system, PATIENCE_S * 1000, &report), TROUPE_OK);
    world->system = NULL;
    const troupe_stats *stats = &report.stats;
    assert_int_equal(report.refused, 0);
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
    atomic_store(&here, NULL);
    forget_lines(world);
    pthread_mutex_destroy(&world->lock);
    pthread_cond_destroy(&world->news);
    free(world);
}

static void tell_driven(const troupe_system_opts *opts, void (*story)(struct world *world))
{
    const char *one = getenv("TROUPE_TEST_SEED"), *count = getenv("TROUPE_TEST_SEEDS");
    uint64_t first = one ? strtoull(one, NULL, 10) : 1;
    uint64_t last = one ? first : count ? strtoull(count, NULL, 10) : 50;
    for (uint64_t seed = first; seed <= last; seed++)
        tell(opts, story, seed, 0);
}

static void tell_on_threads(const troupe_system_opts *opts, void (*story)(struct world *world))
{
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

// ---- Puppets

static troupe_status puppet_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    puppet_say(ctx, "init %u", troupe_incarnation(ctx, troupe_self(ctx)));
    const struct order *order = args ? troupe_match(args, Do) : NULL;
    return order && order->fn ? order->fn(ctx, state, order->arg) : TROUPE_OK;
}

static void say_down(troupe_ctx *ctx, const troupe_down *down)
{
    if (down->event == TROUPE_ON_START)
        puppet_say(ctx, "down start %u", down->incarnation);
    else
        puppet_say(ctx, "down %s %u %s%s%s", down->event == TROUPE_ON_STOP ? "stop" : "restart",
                   down->incarnation, troupe_reason_name(down->reason.kind),
                   down->reason.text[0] ? ": " : "", down->reason.text);
}

static troupe_status puppet_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    const struct number *number = troupe_match(msg, Number);
    if (number) {
        puppet_say(ctx, "%lld", (long long)number->value);
        return TROUPE_OK;
    }
    const struct order *order = troupe_match(msg, Do);
    if (order)
        return order->fn(ctx, state, order->arg);
    if (troupe_match(msg, Sync))
        return troupe_reply(ctx, Sync);
    const troupe_down *down = troupe_match(msg, troupe_down);
    if (down) {
        say_down(ctx, down);
        return TROUPE_OK;
    }
    return TROUPE_UNHANDLED;
}

static void puppet_ends(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)state;
    puppet_say(ctx, "stop %s%s%s", troupe_reason_name(why->kind), why->text[0] ? ": " : "",
               why->text);
}

const troupe_behavior puppet_behavior = {.name = "puppet",
                                         .state_size = sizeof(struct puppet),
                                         .init = puppet_init,
                                         .receive = puppet_receive,
                                         .stop = puppet_ends};

troupe_ref puppet_spawn(troupe_ctx *ctx, const char *name, puppet_fn init, void *arg)
{
    troupe_ref ref;
    troupe_spawn_opts opts = {.name = name};
    WORLD_CHECK(troupe_spawn_with(ctx, &puppet_behavior, &opts, &ref, Do, .fn = init, .arg = arg) ==
                TROUPE_OK);
    return ref;
}

troupe_ref world_spawn(struct world *world, const char *name, puppet_fn init, void *arg)
{
    return puppet_spawn(world->ctx, name, init, arg);
}

troupe_ref world_supervise(struct world *world, const char *name, puppet_fn init)
{
    struct order order = {init, NULL};
    troupe_child child = {
        .id = name, .behavior = &puppet_behavior, .args_type = TROUPE_TYPE(Do), .args = &order};
    troupe_supervisor spec = {.max_restarts = 1000, .children = &child, .child_count = 1};
    troupe_ref supervisor, ref;
    assert_int_equal(troupe_supervise_wait(world->ctx, &spec, &supervisor), TROUPE_OK);
    assert_int_equal(troupe_child_ref(world->ctx, supervisor, name, &ref), TROUPE_OK);
    return ref;
}

void world_tell(struct world *world, troupe_ref puppet, puppet_fn fn, void *arg)
{
    assert_int_equal(troupe_send(world->ctx, puppet, Do, .fn = fn, .arg = arg), TROUPE_OK);
}

troupe_status world_do(struct world *world, troupe_ref puppet, puppet_fn fn, void *arg)
{
    // A Do that does not reply ends with no reply once it has run.
    troupe_status status =
        troupe_call(world->ctx, puppet, TROUPE_NO_LIMIT, NULL, Do, .fn = fn, .arg = arg);
    return status == TROUPE_ENOREPLY ? TROUPE_OK : status;
}

void world_sync(struct world *world, troupe_ref puppet)
{
    assert_int_equal(troupe_call(world->ctx, puppet, TROUPE_NO_LIMIT, NULL, Sync), TROUPE_OK);
}

void world_join(struct world *world, troupe_ref ref)
{
    assert_int_equal(troupe_join(world->ctx, ref, PATIENCE_S * 1000, NULL), TROUPE_OK);
}

// ---- Witnesses

struct watch {
    troupe_ref ref;
    uint32_t events;
};

TROUPE_STRUCT(Watch, struct watch);

static troupe_status witness_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state;
    const struct watch *watch = troupe_match(args, Watch);
    return watch ? troupe_monitor(ctx, watch->ref, watch->events, NULL) : TROUPE_EINVAL;
}

static troupe_status witness_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const troupe_down *down = troupe_match(msg, troupe_down);
    if (down == NULL)
        return TROUPE_UNHANDLED;
    say_down(ctx, down);
    return TROUPE_OK;
}

static const troupe_behavior witness_behavior = {
    .name = "witness", .init = witness_init, .receive = witness_receive};

void world_watch(struct world *world, const char *witness, troupe_ref ref, uint32_t events)
{
    struct watch watch = {ref, events};
    troupe_spawn_opts opts = {.name = witness};
    assert_int_equal(
        troupe_spawn_wait(world->ctx, &witness_behavior, &opts, NULL, TROUPE_TYPE(Watch), &watch),
        TROUPE_OK);
}

troupe_status puppet_stop(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)ctx;
    (void)puppet;
    (void)arg;
    return TROUPE_STOP;
}

troupe_status puppet_fail(troupe_ctx *ctx, struct puppet *puppet, void *text)
{
    (void)puppet;
    return troupe_fail(ctx, TROUPE_EUSER, "%s", (const char *)text);
}

troupe_status puppet_watch(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    return troupe_monitor(ctx, *(troupe_ref *)ref,
                          TROUPE_ON_STOP | TROUPE_ON_RESTART | TROUPE_ON_START, &puppet->monitor);
}
