// Monitors, links and names: who is told of an end, once, and when no more; and that a name is
// somebody's who lives.
#include "tests/fuzz/calls.h"

#include <stdio.h>
#include <string.h>

#define WATCHES    256
#define LINKS      256
#define NAMES      8
#define ALL_EVENTS (TROUPE_ON_STOP | TROUPE_ON_RESTART | TROUPE_ON_START)

static struct watch { // a monitor
    uint32_t who, incarnation;
    troupe_ref ref; // the zero ref: of a name that nobody had
    uint32_t events;
    troupe_monitor_ref monitor;
    bool over;                // it has told of the end for good, or was taken back
    uint32_t latest;          // what it has told, 2 * incarnation, and 1 for its restart
    bool stopped, taken_back; // why it is over
    bool put_aside;           // one of its messages: they may come in any order
} watches[WATCHES];

static struct link {
    uint32_t who, incarnation; // who called troupe_link
    troupe_ref ref;
    uint32_t other_incarnation; // 0: nobody knows
    bool unlinked[2];           // by who, by ref
    bool told[2];               // the same
} links[LINKS];

static uint32_t watch_count, link_count;
static troupe_ref holders[NAMES];

bool calls_can_watch(void)
{
    return watch_count < WATCHES && link_count < LINKS;
}

// ---- Monitors

void calls_watched(struct calls_actor *actor, troupe_ref ref, uint32_t events,
                   troupe_monitor_ref monitor)
{
    FUZZ_CHECK(watch_count < WATCHES, "too many monitors");
    watches[watch_count++] = (struct watch){.who = actor->who,
                                            .incarnation = actor->state->incarnation,
                                            .ref = ref,
                                            .events = events,
                                            .monitor = monitor};
}

static void watch(struct calls_actor *actor, struct fuzz_bytes *script, bool by_name)
{
    uint32_t dice = fuzz_byte(script);
    uint32_t events = dice % 16 == 15 ? dice : dice % 8;
    const char *name = calls_name(dice);
    troupe_ref ref = by_name ? troupe_whereis(actor->ctx, name) : calls_pick(actor, script);
    troupe_monitor_ref monitor = {{0, 0}};
    if (watch_count == WATCHES)
        return;
    troupe_status status = by_name ? troupe_monitor_name(actor->ctx, name, events, &monitor)
                                   : troupe_monitor(actor->ctx, ref, events, &monitor);
    fuzz_trace("%u watches %u for %u%s%s: %s", actor->who, calls_find(ref), events,
               by_name ? " by name " : "", by_name ? name : "", troupe_status_name(status));
    if (actor->who == OUTSIDE)
        CALLS_EXPECT(status, TROUPE_ENOTSUP, TROUPE_EINVAL);
    else if (events == 0 || events > ALL_EVENTS)
        CALLS_EXPECT(status, TROUPE_EINVAL);
    else
        CALLS_EXPECT(status, TROUPE_OK);
    if (status == TROUPE_OK)
        calls_watched(actor, ref, events, monitor);
}

static struct watch *find_watch(const struct calls_actor *actor, troupe_monitor_ref monitor)
{
    for (uint32_t i = 0; i < watch_count; i++) {
        struct watch *watch = &watches[i];
        if (watch->who == actor->who && watch->incarnation == actor->state->incarnation &&
            memcmp(&watch->monitor, &monitor, sizeof monitor) == 0)
            return watch;
    }
    return NULL;
}

// Mostly one of its own.
static struct watch *choose_watch(const struct calls_actor *actor, uint32_t dice)
{
    for (uint32_t i = watch_count, skip = dice % 4; i-- > 0 && dice < 192;)
        if (watches[i].who == actor->who && skip-- == 0)
            return &watches[i];
    return watch_count ? &watches[dice % watch_count] : NULL;
}

static void unwatch(struct calls_actor *actor, struct fuzz_bytes *script)
{
    struct watch *watch = choose_watch(actor, fuzz_byte(script));
    if (watch == NULL || actor->who == OUTSIDE)
        return;
    bool mine = find_watch(actor, watch->monitor) == watch;
    troupe_status status = troupe_demonitor(actor->ctx, watch->monitor);
    fuzz_trace("%u takes monitor %td back: %s", actor->who, watch - watches,
               troupe_status_name(status));
    CALLS_EXPECT(status, TROUPE_OK, TROUPE_EALREADY);
    FUZZ_CHECK(status == TROUPE_EALREADY || (mine && !watch->over),
               "%u takes back what is over, or not its own", actor->who);
    if (mine)
        watch->over = watch->taken_back = true;
}

void calls_put_aside(struct calls_actor *actor, const troupe_down *down)
{
    struct watch *watch = find_watch(actor, down->monitor);
    FUZZ_CHECK(watch && !watch->taken_back && (!watch->over || watch->put_aside),
               "%u hears from a monitor that is over", actor->who);
    watch->put_aside = true;
}

static void check_names_of(struct calls_actor *actor, troupe_ref ended)
{
    for (uint32_t i = 0; i < NAMES; i++)
        FUZZ_CHECK(!troupe_ref_equal(troupe_whereis(actor->ctx, calls_name(i)), ended) ||
                       troupe_ref_is_none(ended),
                   "%u has heard of an end, and the name %s is not free", actor->who,
                   calls_name(i));
}

void calls_on_down(struct calls_actor *actor, const troupe_down *down)
{
    struct watch *watch = find_watch(actor, down->monitor);
    uint32_t who = calls_find(down->ref);
    fuzz_trace("  %u.%u hears of %u.%u: event %u, %s", actor->who, actor->state->incarnation, who,
               down->incarnation, down->event, troupe_reason_name(down->reason.kind));
    if (watch && watch->stopped && watch->put_aside && !watch->taken_back)
        return; // it was put aside, and the end was not
    FUZZ_CHECK(watch && !watch->over, "%u hears from a monitor that is over", actor->who);
    FUZZ_CHECK(down->event & watch->events, "event %u of %u", down->event, watch->events);
    FUZZ_CHECK(troupe_ref_equal(down->ref, watch->ref), "of another");
    if (down->event == TROUPE_ON_START) {
        FUZZ_CHECK(!down->reason.kind && down->reason.text && !*down->reason.text, "a reason");
    } else {
        calls_check_reason(who, down->incarnation, &down->reason);
    }
    if (down->event != TROUPE_ON_STOP) {
        uint32_t now = 2 * down->incarnation + (down->event == TROUPE_ON_RESTART);
        FUZZ_CHECK(down->incarnation && (watch->put_aside || now > watch->latest), "%u after %u",
                   now, watch->latest);
        watch->latest = now;
        return;
    }
    watch->over = watch->stopped = true;
    FUZZ_CHECK(!calls_lives(down->ref), "%u hears of the end of %u, who lives", actor->who, who);
    check_names_of(actor, down->ref);
    calls.players[actor->who].over[who] |= who != OUTSIDE;
}

static void check_watches(void)
{
    for (uint32_t i = 0; i < watch_count; i++) {
        const struct watch *watch = &watches[i];
        FUZZ_CHECK(watch->over || !(watch->events & TROUPE_ON_STOP) || calls_lives(watch->ref) ||
                       !calls_is_here(watch->who, watch->incarnation),
                   "%u.%u has not heard of the end of %u", watch->who, watch->incarnation,
                   calls_find(watch->ref));
    }
}

// ---- Links

void calls_linked(struct calls_actor *actor, troupe_ref ref, uint32_t incarnation)
{
    FUZZ_CHECK(link_count < LINKS, "too many links");
    links[link_count++] = (struct link){.who = actor->who,
                                        .incarnation = actor->state->incarnation,
                                        .ref = ref,
                                        .other_incarnation = incarnation};
}

static void link(struct calls_actor *actor, struct fuzz_bytes *script)
{
    troupe_ref ref = calls_pick(actor, script);
    uint32_t who = calls_find(ref);
    if (link_count == LINKS)
        return;
    troupe_status status = troupe_link(actor->ctx, ref);
    fuzz_trace("%u links with %u: %s", actor->who, who, troupe_status_name(status));
    CALLS_EXPECT(status, actor->who == OUTSIDE ? TROUPE_ENOTSUP : TROUPE_OK);
    const struct calls_player *other = &calls.players[who];
    if (status == TROUPE_OK && who != actor->who)
        calls_linked(actor, ref, who && other->here ? other->incarnation : 0);
}

// Which side of a link is that incarnation; -1: none.
static int side_of(const struct link *link, uint32_t who, uint32_t incarnation, troupe_ref other)
{
    if (link->who == who && link->incarnation == incarnation)
        return troupe_ref_equal(link->ref, other) ? 0 : -1;
    bool is_other = troupe_ref_equal(link->ref, calls.players[who].ref) &&
                    (!link->other_incarnation || link->other_incarnation == incarnation);
    return is_other && troupe_ref_equal(calls.players[link->who].ref, other) ? 1 : -1;
}

static void unlink_from(struct calls_actor *actor, struct fuzz_bytes *script)
{
    troupe_ref ref = calls_pick(actor, script);
    troupe_status status = troupe_unlink(actor->ctx, ref);
    fuzz_trace("%u unlinks from %u: %s", actor->who, calls_find(ref), troupe_status_name(status));
    CALLS_EXPECT(status, actor->who == OUTSIDE ? TROUPE_ENOTSUP : TROUPE_OK);
    for (uint32_t i = 0; i < link_count && status == TROUPE_OK; i++) {
        int side = side_of(&links[i], actor->who, actor->state->incarnation, ref);
        if (side >= 0)
            links[i].unlinked[side] = true;
    }
}

void calls_on_exited(struct calls_actor *actor, const troupe_exited *exited)
{
    uint32_t who = calls_find(exited->ref);
    fuzz_trace("  %u.%u: exit signal of %u.%u, %s", actor->who, actor->state->incarnation, who,
               exited->incarnation, troupe_reason_name(exited->reason.kind));
    FUZZ_CHECK(actor->state->has_trapped, "%u has never trapped", actor->who);
    if (exited->incarnation == 0) {
        FUZZ_CHECK(exited->reason.text, "no text");
        return;
    }
    calls_check_reason(who, exited->incarnation, &exited->reason);
    for (uint32_t i = 0; i < link_count; i++) {
        struct link *link = &links[i];
        int side = side_of(link, actor->who, actor->state->incarnation, exited->ref);
        uint32_t ended = side == 0 ? link->other_incarnation : link->incarnation;
        if (side < 0 || link->unlinked[side] || (ended && ended != exited->incarnation))
            continue;
        // There is one link between two, however often it was made. Of one whose other side nobody
        // knows it may be the next incarnation that is told of.
        for (uint32_t k = 0; k < link_count; k++) {
            int also = side_of(&links[k], actor->who, actor->state->incarnation, exited->ref);
            uint32_t of = also == 0 ? links[k].other_incarnation : links[k].incarnation;
            if (also < 0 || (of && of != exited->incarnation))
                continue;
            FUZZ_CHECK(k != i || !of || !link->told[side], "%u is told twice", actor->who);
            links[k].told[also] = true;
        }
        return;
    }
    FUZZ_CHECK(false, "%u is told of the end of %u, with whom it is not linked", actor->who, who);
}

// `ended` is over, with what reason; the one on the other side must know, or be over as well.
static void check_told(const struct link *link, int side, uint32_t who, uint32_t incarnation,
                       uint32_t ended, uint32_t ended_incarnation)
{
    const struct calls_end *end = calls_end_of(ended, ended_incarnation);
    if (end == NULL || !end->over || !end->started || end->kind == TROUPE_NORMAL ||
        link->told[side] || !calls_is_here(who, incarnation))
        return;
    FUZZ_CHECK(false, "%u.%u was linked with %u.%u, which has ended with %s, and goes on", who,
               incarnation, ended, ended_incarnation,
               end->kind ? troupe_reason_name(end->kind) : "killed");
}

static void check_links(void)
{
    for (uint32_t i = 0; i < link_count; i++) {
        const struct link *link = &links[i];
        uint32_t other = calls_find(link->ref);
        if (link->unlinked[0] || link->unlinked[1] || !link->other_incarnation || !other)
            continue;
        check_told(link, 0, link->who, link->incarnation, other, link->other_incarnation);
        check_told(link, 1, other, link->other_incarnation, link->who, link->incarnation);
    }
}

static void trap(struct calls_actor *actor, struct fuzz_bytes *script)
{
    bool wanted = fuzz_byte(script) % 4 > 0;
    troupe_status status = troupe_trap_exits(actor->ctx, wanted);
    fuzz_trace("%u traps: %d: %s", actor->who, wanted, troupe_status_name(status));
    CALLS_EXPECT(status, actor->who == OUTSIDE ? TROUPE_ENOTSUP : TROUPE_OK);
    if (actor->state && status == TROUPE_OK)
        actor->state->has_trapped |= wanted;
}

// ---- Names

const char *calls_name(uint32_t name)
{
    static const char *const names[NAMES] = {
        "a",        "b",   "c",   "d",
        "\xc3\xa9", "f\n", "g g", "sixty-three bytes, which is as many as a name may have: .......",
    };
    return names[name % NAMES];
}

void calls_named(uint32_t name, troupe_ref ref)
{
    holders[name % NAMES] = ref;
}

static void register_name(struct calls_actor *actor, struct fuzz_bytes *script)
{
    uint32_t name = fuzz_byte(script);
    troupe_ref ref = calls_pick(actor, script),
               before = troupe_whereis(actor->ctx, calls_name(name));
    bool lived = calls_lives(ref);
    troupe_status status = troupe_register(actor->ctx, calls_name(name), ref);
    fuzz_trace("%u names %u %s: %s", actor->who, calls_find(ref), calls_name(name),
               troupe_status_name(status));
    CALLS_EXPECT(status, TROUPE_OK, TROUPE_EEXIST, TROUPE_EDEAD, TROUPE_ENOTSUP);
    FUZZ_CHECK(status != TROUPE_OK || (troupe_ref_is_none(before) && lived), "a name taken away");
    FUZZ_CHECK(status != TROUPE_EEXIST || !troupe_ref_is_none(before), "%s is free",
               calls_name(name));
    if (status == TROUPE_OK)
        calls_named(name, ref);
    troupe_ref now = troupe_whereis(actor->ctx, calls_name(name));
    FUZZ_CHECK(troupe_ref_equal(now, status == TROUPE_OK ? ref : before), "%s is of another",
               calls_name(name));
}

static void unregister_name(struct calls_actor *actor, struct fuzz_bytes *script)
{
    uint32_t name = fuzz_byte(script);
    bool taken = !troupe_ref_is_none(troupe_whereis(actor->ctx, calls_name(name)));
    troupe_status status = troupe_unregister(actor->ctx, calls_name(name));
    fuzz_trace("%u takes the name %s away: %s", actor->who, calls_name(name),
               troupe_status_name(status));
    CALLS_EXPECT(status, taken ? TROUPE_OK : TROUPE_ENOENT);
    calls_named(name, (troupe_ref){0, 0, 0});
}

static void check_names(void)
{
    troupe_ctx *ctx = troupe_outside(fuzz_system);
    for (uint32_t i = 0; i < NAMES; i++) {
        troupe_ref ref, expected = calls_lives(holders[i]) ? holders[i] : (troupe_ref){0, 0, 0};
        troupe_status status = troupe_lookup(ctx, calls_name(i), &ref);
        FUZZ_CHECK(status == (troupe_ref_is_none(ref) ? TROUPE_ENOENT : TROUPE_OK), "%s",
                   troupe_status_name(status));
        FUZZ_CHECK(troupe_ref_equal(ref, expected), "%s is the name of %u, not of %u",
                   calls_name(i), calls_find(ref), calls_find(holders[i]));
    }
}

// ---- Commands, and the end

void calls_do_watch(struct calls_actor *actor, uint32_t command, struct fuzz_bytes *script)
{
    static void (*const commands[])(struct calls_actor *, struct fuzz_bytes *) = {
        unwatch, link, unlink_from, trap, register_name, unregister_name, link, register_name};
    if (command < 3)
        watch(actor, script, command == 2);
    else if (command < 11)
        commands[command - 3](actor, script);
}

void calls_check_watchers(void)
{
    check_watches();
    check_links();
    check_names();
}

void calls_forget_watchers(void)
{
    watch_count = link_count = 0;
    memset(holders, 0, sizeof holders);
}
