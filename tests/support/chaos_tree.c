// Trees for chaos: the specifications, built at random from a seed.
//
//     root -- wings -- wards -- rooms: `fan` offices below each, some imps in each
//
// Offices have all strategies; only rooms can be simple one for one. Ids are unique in the whole
// tree: "s17" is office 17, "17.3" its child 3, so that an event tells whose it is.
#include "tests/support/chaos.h"

#include <stdio.h>
#include <stdlib.h>

#define AN_HOUR 3600000u // longer than the test

struct chaos chaos;

// How many restarts an office may have, by level: what is above must bear more.
static const uint32_t base_budget[CHAOS_LEVELS] = {0, 40, 8, 1};

static uint32_t number_of(const struct chaos_office *office)
{
    return (uint32_t)(office - chaos.offices);
}

static bool one_in(struct trp_random *random, uint32_t sides)
{
    return trp_random_below(random, sides) == 0;
}

// ---- Children

static void describe_child(struct trp_random *random, const struct chaos_office *office,
                           troupe_child *child, uint32_t mortals)
{
    uint32_t dice = trp_random_below(random, 10);
    child->restart = dice >= mortals             ? TROUPE_PERMANENT
                     : dice >= (mortals + 1) / 2 ? TROUPE_TRANSIENT
                                                 : TROUPE_TEMPORARY;
    child->significant = office->spec.auto_shutdown != TROUPE_NO_AUTO_SHUTDOWN &&
                         child->restart != TROUPE_PERMANENT && one_in(random, 2);
    if (one_in(random, 8) && office->level > 0) { // the root never gives up
        child->max_restarts = 1 + trp_random_below(random, 3);
        child->within_ms = AN_HOUR;
    }
    if (one_in(random, 8))
        child->backoff = (troupe_backoff){.min_ms = 1, .max_ms = 8, .random_percent = 50};
}

static void describe_imp(struct trp_random *random, struct chaos_office *office, uint32_t at)
{
    troupe_child *child = &office->children[at];
    struct chaos_life *life = &office->lives[at];
    bool simple = office->spec.strategy == TROUPE_SIMPLE_ONE_FOR_ONE;
    *life = (struct chaos_life){
        .office = number_of(office), .child = at, .may_overlap = !simple && one_in(random, 20)};
    office->births[at].life = life;
    snprintf(office->ids[at], sizeof office->ids[at], "%u.%u", (unsigned)life->office, at);
    child->id = office->ids[at];
    child->behavior = &chaos_imp;
    child->args_type = TROUPE_TYPE(ChaosBirth);
    child->args = &office->births[at];
    describe_child(random, office, child, 4);
    if (one_in(random, 200))
        child->place = TROUPE_ON_THREAD;
    uint32_t dice = trp_random_below(random, 8);
    child->shutdown_ms = dice == 0 ? TROUPE_KILL_NOW : dice == 1 ? TROUPE_NO_LIMIT : 0;
    child->kill_grace_ms = life->may_overlap ? 1 : TROUPE_NO_LIMIT;
    if (!simple && one_in(random, 4))
        child->register_as = child->id;
}

static void add_guests(struct chaos_office *office)
{
    office->guests = calloc(CHAOS_GUESTS, sizeof *office->guests);
    for (uint32_t i = 0; i < CHAOS_GUESTS; i++)
        office->guests[i] = (struct chaos_life){.office = number_of(office),
                                                .may_overlap = office->lives[0].may_overlap};
}

struct chaos_life *chaos_new_guest(struct chaos_office *office)
{
    uint32_t i = atomic_fetch_add(&office->guest_count, 1);
    return i < CHAOS_GUESTS ? &office->guests[i] : NULL;
}

// ---- Offices

static void describe_office(struct trp_random *random, struct chaos_office *office, uint32_t level)
{
    troupe_supervisor *spec = &office->spec;
    office->level = level;
    spec->strategy = (troupe_strategy)trp_random_below(random, level == CHAOS_LEVELS - 1 ? 4 : 3);
    spec->max_restarts = base_budget[level] + trp_random_below(random, 4 * base_budget[level]);
    office->bounded = level > 0 && !one_in(random, 4);
    spec->within_ms = office->bounded ? AN_HOUR : 20;
    if (level == CHAOS_LEVELS - 1 && one_in(random, 8))
        spec->auto_shutdown = one_in(random, 2) ? TROUPE_ANY_SIGNIFICANT : TROUPE_ALL_SIGNIFICANT;
    spec->children = office->children;
}

static void describe_root(struct chaos_office *root)
{
    root->spec.name = root->spec.register_as = root->id;
    root->spec.strategy = TROUPE_ONE_FOR_ONE;
    root->spec.max_restarts = 100000;
    root->spec.within_ms = 1;
}

static void add_office(struct trp_random *random, struct chaos_office *parent, uint32_t at,
                       struct chaos_office *office)
{
    troupe_child *child = &parent->children[at];
    office->parent = number_of(parent);
    office->place = at;
    parent->offices[at] = number_of(office);
    child->id = child->register_as = office->id;
    child->supervisor = &office->spec;
    describe_child(random, parent, child, parent->level == 0 ? 0 : 2);
}

static void furnish(struct trp_random *random, struct chaos_office *office)
{
    bool simple = office->spec.strategy == TROUPE_SIMPLE_ONE_FOR_ONE;
    uint32_t count = office->level < CHAOS_LEVELS - 1 || simple ? 1 : chaos.shape.leaves;
    for (uint32_t i = 0; i < count; i++)
        describe_imp(random, office, i);
    office->spec.child_count = count;
    if (simple)
        add_guests(office);
}

void chaos_open(uint64_t seed, const struct chaos_shape *shape)
{
    struct trp_random random;
    trp_random_init(&random, seed);
    uint32_t fan = shape->fan, rooms = fan * fan * fan;
    chaos = (struct chaos){.seed = seed, .shape = *shape};
    chaos_tell_if_broken();
    chaos.office_count = 1 + fan + fan * fan + rooms;
    chaos.first_room = chaos.office_count - rooms;
    chaos.offices = calloc(chaos.office_count, sizeof *chaos.offices);
    pthread_mutex_init(&chaos.lock, NULL);
    atomic_store(&chaos.calm, true);
    for (uint32_t i = 0, level = 0; i < chaos.office_count; i++) {
        struct chaos_office *office = &chaos.offices[i];
        snprintf(office->id, sizeof office->id, "s%u", (unsigned)i);
        if (i > 0)
            level = chaos.offices[(i - 1) / fan].level + 1;
        describe_office(&random, office, level);
        if (i == 0)
            describe_root(office);
        furnish(&random, office);
        if (i == 0)
            continue;
        struct chaos_office *parent = &chaos.offices[(i - 1) / fan];
        add_office(&random, parent, (uint32_t)parent->spec.child_count++, office);
    }
}

// ---- At random

struct chaos_office *chaos_some_office(uint64_t dice)
{
    return &chaos.offices[dice % chaos.office_count];
}

struct chaos_office *chaos_some_room(uint64_t dice)
{
    return &chaos.offices[chaos.first_room + dice % (chaos.office_count - chaos.first_room)];
}

struct chaos_life *chaos_somebody(uint64_t dice)
{
    struct chaos_office *office = chaos_some_office(dice);
    dice /= chaos.office_count;
    if (office->guests)
        return &office->guests[dice % CHAOS_GUESTS];
    uint32_t at = (uint32_t)(dice % office->spec.child_count);
    return &office->lives[office->offices[at] ? 0 : at];
}

void chaos_popular_name(uint64_t dice, char name[static 24])
{
    snprintf(name, 24, "popular %u", (unsigned)(dice % CHAOS_POPULAR_NAMES));
}
