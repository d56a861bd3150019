// What must hold amid chaos, and after it.
//
// Amid: no incarnation of an office restarts its children more often than it may. The observer
// counts for itself, out of the system's events. Its counts are exact for offices whose period is
// longer than the test:
//
//     one for one       restarts of all children without a budget of their own: at most the budget
//     a group           restarts of each child: at most the budget, and the children's own budgets
//     a budget of its own   restarts of that child, under one ref: at most that
//
// After: everybody who is known to an office runs and answers, has the name that is meant for it,
// and is there once; nobody else is there; who gave up has ended.
#include "tests/support/chaos.h"
#include "troupe/ask.h"
#include "troupe/name.h"

#include <errno.h> // program_invocation_name
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- The seed of what does not come to its end

static void tell_how_to_repeat(void)
{
    const char *target = getenv("TEST_TARGET"); // Bazel's
    unsigned long long seed = chaos.seed;
    if (chaos.offices == NULL)
        return; // it has come to its end
    if (target)
        fprintf(stderr, "again: ./bazelw test %s --test_env=TROUPE_SEED=%llu\n", target, seed);
    else
        fprintf(stderr, "again: TROUPE_SEED=%llu %s\n", seed, program_invocation_name);
    chaos.offices = NULL; // once
}

static void on_deadly_signal(int number)
{
    tell_how_to_repeat();
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

void chaos_tell_if_broken(void)
{
    static bool prepared;
    if (!prepared && atexit(tell_how_to_repeat) == 0) {
        (void)signal(SIGABRT, on_deadly_signal);
        (void)signal(SIGTERM, on_deadly_signal);
    }
    prepared = true;
}

void chaos_broken(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "chaos, seed %llu: ", (unsigned long long)chaos.seed);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    abort();
}

// ---- Restarts

static bool is_group(const struct chaos_office *office)
{
    return office->spec.strategy == TROUPE_ONE_FOR_ALL ||
           office->spec.strategy == TROUPE_REST_FOR_ONE;
}

static uint32_t budgets_of_group(const struct chaos_office *office)
{
    uint32_t sum = office->spec.max_restarts;
    for (size_t i = 0; i < office->spec.child_count; i++)
        sum += office->children[i].max_restarts * (1 + atomic_load(&office->deletes[i]));
    return sum;
}

static void count_restart(const struct chaos_office *office, struct chaos_tally *tally,
                          uint32_t child, uint64_t ref)
{
    uint32_t own = office->children[child].max_restarts;
    if (is_group(office)) {
        if (++tally->of_child[child] > budgets_of_group(office))
            chaos_broken("%s has restarted its child %u too often", office->id, child);
        return;
    }
    if (own == 0) {
        if (++tally->restarts > office->spec.max_restarts)
            chaos_broken("%s has restarted its children too often", office->id);
        return;
    }
    if (office->guests) // they have one each, and no id to be told apart by
        return;
    if (tally->ref_of_child[child] != ref)
        tally->of_child[child] = 0;
    tally->ref_of_child[child] = ref;
    if (++tally->of_child[child] > own)
        chaos_broken("%s has restarted its child %u beyond its own budget", office->id, child);
}

// While a child is there its office does not come to its next incarnation.
static void see_restart(struct chaos_office *office, uint32_t child, uint64_t ref)
{
    troupe_ref self = troupe_whereis(chaos.outside, office->id);
    uint32_t incarnation = troupe_incarnation(chaos.outside, self);
    if (incarnation == 0)
        chaos_broken("%s restarts a child and has not its name", office->id);
    pthread_mutex_lock(&chaos.lock);
    struct chaos_tally *tally = &office->tally;
    if (tally->ref != chaos_pack(self) || tally->incarnation != incarnation)
        *tally = (struct chaos_tally){.ref = chaos_pack(self), .incarnation = incarnation};
    chaos.restarts++;
    if (office->bounded)
        count_restart(office, tally, child, ref);
    pthread_mutex_unlock(&chaos.lock);
}

static void see_giving_up(const troupe_event *event)
{
    pthread_mutex_lock(&chaos.lock);
    if (chaos.gave_up_count == chaos.gave_up_capacity) {
        chaos.gave_up_capacity = chaos.gave_up_capacity * 2 + 64;
        chaos.gave_up = realloc(chaos.gave_up, chaos.gave_up_capacity * sizeof *chaos.gave_up);
    }
    chaos.gave_up[chaos.gave_up_count++] =
        (struct chaos_gave_up){chaos_pack(event->ref), event->incarnation};
    pthread_mutex_unlock(&chaos.lock);
}

void chaos_observe(void *user, const troupe_event *event)
{
    unsigned office, child;
    (void)user;
    if (event->kind == TROUPE_EVENT_GAVE_UP)
        see_giving_up(event);
    if (event->kind != TROUPE_EVENT_RESTARTED)
        return;
    if (sscanf(event->name, "%u.%u", &office, &child) == 2)
        see_restart(&chaos.offices[office], child, chaos_pack(event->ref));
    else if (sscanf(event->name, "s%u", &office) == 1)
        see_restart(&chaos.offices[chaos.offices[office].parent], chaos.offices[office].place,
                    chaos_pack(event->ref));
    else
        chaos_broken("%s was restarted, who is nobody's", event->name);
}

void chaos_observe_dead(void *user, const troupe_dead_letter *letter)
{
    (void)user;
    atomic_fetch_add(&chaos.dead, troupe_match(letter->msg, ChaosAct) != NULL);
}

void chaos_send(troupe_ctx *ctx, troupe_ref to)
{
    if (troupe_ref_is_none(to))
        return;
    troupe_status status = troupe_send(ctx, to, ChaosAct);
    atomic_fetch_add(&chaos.sent, status == TROUPE_OK || status == TROUPE_EDEAD);
}

static void check_those_that_gave_up(void)
{
    pthread_mutex_lock(&chaos.lock);
    for (size_t i = 0; i < chaos.gave_up_count; i++) {
        const struct chaos_gave_up *one = &chaos.gave_up[i];
        uint32_t now = troupe_incarnation(chaos.outside, chaos_unpack(one->ref));
        if (now != 0 && now <= one->incarnation)
            chaos_broken("somebody who gave up goes on");
    }
    pthread_mutex_unlock(&chaos.lock);
}

static void check_names(void)
{
    for (uint32_t i = 0; i < CHAOS_POPULAR_NAMES; i++) {
        char name[24];
        chaos_popular_name(i, name);
        troupe_ref ref = troupe_whereis(chaos.outside, name);
        if (!troupe_ref_is_none(ref) && troupe_incarnation(chaos.outside, ref) == 0)
            chaos_broken("\"%s\" is the name of somebody who has ended", name);
    }
}

// ---- Everybody

// Says what is not whole (yet).
__attribute__((format(printf, 1, 2))) static bool trouble(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(chaos.trouble, sizeof chaos.trouble, format, args);
    va_end(args);
    return false;
}

// Asks for an answer, which comes when it comes.
static bool call(struct chaos_life *life, troupe_ref ref, uint32_t round)
{
    life->seen = round;
    return troupe_send(chaos.outside, ref, ChaosRoll, .life = life, .round = round) == TROUPE_OK ||
           trouble("%u.%u is gone", life->office, life->child);
}

static bool is_at_work(struct chaos_life *life, troupe_ref ref, uint32_t round)
{
    if (life->seen == round)
        chaos_broken("%u.%u is there twice", life->office, life->child);
    if (atomic_load(&life->alive) != 1)
        return trouble("%d are there of %u.%u", atomic_load(&life->alive), life->office,
                       life->child);
    chaos.at_work++;
    return call(life, ref, round);
}

static struct chaos_life *guest_by_ref(const struct chaos_office *office, troupe_ref ref)
{
    for (uint32_t i = 0; i < CHAOS_GUESTS; i++)
        if (atomic_load(&office->guests[i].ref) == chaos_pack(ref))
            return &office->guests[i];
    return NULL;
}

static bool office_is_whole(struct chaos_office *office, troupe_ref self, uint32_t round);

static bool child_is_whole(struct chaos_office *office, troupe_ref self,
                           const troupe_child_info *info, uint32_t round)
{
    unsigned ignored, child = 0;
    if (info->state == TROUPE_CHILD_STOPPED)
        (void)troupe_restart_child(chaos.outside, self, 0, NULL, NULL, info->id);
    if (info->state != TROUPE_CHILD_RUNNING)
        return trouble("%s's child %s is in state %d", office->id, info->id ? info->id : "",
                       (int)info->state);
    if (office->guests) {
        struct chaos_life *guest = guest_by_ref(office, info->ref);
        return guest ? is_at_work(guest, info->ref, round)
                     : trouble("a guest of %s has not signed in", office->id);
    }
    if (sscanf(info->id, "%u.%u", &ignored, &child) != 2) {
        (void)sscanf(info->id, "s%u", &child);
        return office_is_whole(&chaos.offices[child], info->ref, round);
    }
    const char *name = office->children[child].register_as;
    if (name && !troupe_ref_equal(troupe_whereis(chaos.outside, name), info->ref))
        return trouble("%s is not known by its name", name);
    return is_at_work(&office->lives[child], info->ref, round);
}

static bool count_is_right(const struct chaos_office *office, troupe_ref self, size_t there)
{
    troupe_child_count count;
    if (troupe_count_children_wait(chaos.outside, self, CHAOS_PATIENCE_MS, &count) != TROUPE_OK)
        return trouble("%s: %s", office->id, troupe_error_text(NULL));
    if (count.active == there && count.specs == (office->guests ? 1 : there) &&
        count.supervisors + count.workers == there)
        return true;
    return trouble("%s counts %zu of %zu", office->id, count.active, there);
}

static bool office_is_whole(struct chaos_office *office, troupe_ref self, uint32_t round)
{
    troupe_msg *reply = NULL;
    if (office->seen == round)
        chaos_broken("%s is there twice", office->id);
    office->seen = round;
    if (!troupe_ref_equal(troupe_whereis(chaos.outside, office->id), self))
        return trouble("%s is not known by its name", office->id);
    if (troupe_which_children_wait(chaos.outside, self, CHAOS_PATIENCE_MS, &reply) != TROUPE_OK)
        return trouble("%s: %s", office->id, troupe_error_text(NULL));
    const troupe_children *children = troupe_match(reply, troupe_children);
    if (children == NULL)
        chaos_broken("%s tells something else", office->id);
    bool whole = true;
    for (size_t i = 0; i < children->count; i++)
        whole &= child_is_whole(office, self, &children->children[i], round);
    if (whole && (chaos.shape.driven || office->level < CHAOS_LEVELS - 1))
        whole = count_is_right(office, self, children->count);
    troupe_msg_free(chaos.outside, reply);
    return whole;
}

// Who was seen is there and has answered, and nobody else is there.
static bool are_right(const struct chaos_life *lives, size_t count, uint32_t round)
{
    for (size_t i = 0; i < count; i++) {
        const struct chaos_life *life = &lives[i];
        if (life->seen != round && atomic_load(&life->alive) != 0)
            return trouble("%u.%u is there, and nobody knows", life->office, life->child);
        if (life->seen == round && atomic_load(&life->here) != round)
            return trouble("%u.%u does not answer", life->office, life->child);
    }
    return true;
}

static bool all_are_right(uint32_t round)
{
    bool right = true;
    for (uint32_t i = 0; i < chaos.office_count && right; i++) {
        const struct chaos_office *office = &chaos.offices[i];
        if (office->seen != round && !troupe_ref_is_none(troupe_whereis(chaos.outside, office->id)))
            return trouble("%s is there, and nobody knows", office->id);
        right = are_right(office->lives, CHAOS_CHILDREN, round) &&
                (!office->guests || are_right(office->guests, CHAOS_GUESTS, round));
    }
    return right;
}

static bool all_have_answered(uint32_t round, bool (*pause)(void))
{
    bool right = all_are_right(round);
    for (int i = 0; i < 1000 && !right && pause(); i++)
        right = all_are_right(round);
    return right;
}

// Looks at the whole tree, and has started again what was stopped.
static bool is_whole(uint32_t round, bool (*pause)(void))
{
    chaos.at_work = 0;
    return office_is_whole(&chaos.offices[0], chaos.root, round) && all_have_answered(round, pause);
}

static bool call_again(struct chaos_life *lives, size_t count, uint32_t round)
{
    bool all = true;
    for (size_t i = 0; i < count && all; i++)
        if (lives[i].seen == round - 1)
            all = call(&lives[i], chaos_unpack(atomic_load(&lives[i].ref)), round);
    return all;
}

// What somebody was told before the tree was whole it has handled when it answers again.
static bool has_settled(uint32_t round, bool (*pause)(void))
{
    bool all = true;
    for (uint32_t i = 0; i < chaos.office_count && all; i++) {
        struct chaos_office *office = &chaos.offices[i];
        office->seen += office->seen == round - 1;
        all = call_again(office->lives, CHAOS_CHILDREN, round) &&
              (!office->guests || call_again(office->guests, CHAOS_GUESTS, round));
    }
    return all && all_have_answered(round, pause);
}

static void start_guests(struct chaos_office *office)
{
    troupe_ref ref;
    for (uint32_t i = 0; i < chaos.shape.leaves; i++) {
        struct chaos_birth birth = {chaos_new_guest(office)};
        troupe_child child = {.args_type = TROUPE_TYPE(ChaosBirth), .args = &birth};
        if (troupe_start_child_wait(chaos.outside, troupe_whereis(chaos.outside, office->id), 0,
                                    &child, &ref) != TROUPE_OK)
            chaos_broken("a guest does not start: %s", troupe_error_text(NULL));
    }
}

// ---- The course of it

void chaos_start(troupe_system *system, bool (*pause)(void))
{
    chaos.outside = troupe_outside(system);
    troupe_status status =
        troupe_supervise_wait(chaos.outside, &chaos.offices[0].spec, &chaos.root);
    if (status != TROUPE_OK)
        chaos_broken("the tree does not start: %s", troupe_error_text(NULL));
    chaos.system_id = chaos.root.system;
    for (uint32_t i = 0; i < chaos.office_count; i++)
        if (chaos.offices[i].guests)
            start_guests(&chaos.offices[i]);
    if (!is_whole(1, pause))
        chaos_broken("the tree was never whole: %s", chaos.trouble);
    atomic_store(&chaos.calm, false);
}

void chaos_calm_down(bool (*pause)(void))
{
    atomic_store(&chaos.calm, true);
    for (uint32_t round = 2; !is_whole(round, pause) || !has_settled(round + 1, pause); round += 2)
        if (!pause())
            chaos_broken("the tree does not become whole again: %s", chaos.trouble);
    check_those_that_gave_up();
    check_names();
    chaos_check_journal();
}

// Who is given up in a handler has handled a message that became a dead letter, too.
static void check_messages(const troupe_report *report)
{
    uint64_t sent = chaos.sent, told = chaos.handled + chaos.dead;
    if (told < sent || told > sent + report->stats.abandoned)
        chaos_broken("of %llu messages %llu are accounted for", (unsigned long long)sent,
                     (unsigned long long)told);
    if (report->stats.spawned != report->stats.ended)
        chaos_broken("%llu were spawned and %llu have ended",
                     (unsigned long long)report->stats.spawned,
                     (unsigned long long)report->stats.ended);
    if (report->gave_up)
        chaos_broken("the root has given up");
}

void chaos_close(const troupe_report *report)
{
    check_messages(report);
    for (uint32_t i = 0; i < chaos.office_count; i++) {
        struct chaos_office *office = &chaos.offices[i];
        for (uint32_t k = 0; k < CHAOS_CHILDREN; k++)
            if (atomic_load(&office->lives[k].alive) != 0)
                chaos_broken("%u.%u is left", i, k);
        for (uint32_t k = 0; office->guests && k < CHAOS_GUESTS; k++)
            if (atomic_load(&office->guests[k].alive) != 0)
                chaos_broken("guest %u of %u is left", k, i);
        free(office->guests);
    }
    free(chaos.offices);
    chaos.offices = NULL;
    free(chaos.gave_up);
    free(chaos.lines);
    pthread_mutex_destroy(&chaos.lock);
}
