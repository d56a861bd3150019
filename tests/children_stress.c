// Actors and threads that start, stop, restart, delete and ask for children of five supervisors, at
// random and all at once, while the children fail, end, refuse to start, and one of the supervisors
// is killed or gives up. Whatever happens: every request ends, with an answer that is possible; no
// child ever runs twice; at the end all of them can be stopped and forgotten, and none is left.
//
// Bounded by the number of requests. world_stop checks that messages, actors and memory add up.
#include "tests/support/world.h"
#include "troupe/children.h"

#include <stdlib.h>
#include <string.h>

#define ADMINS   4 // actors
#define THREADS  2
#define REQUESTS 100u // of each
#define AT_ONCE  3u   // of each actor
#define IDS      8u

enum { ONE, ALL, REST, SHAKY, SIMPLE, SUPERVISORS };

static const char *const names[SUPERVISORS] = {"one", "all", "rest", "shaky", "simple"};

// ---- Children

struct cell { // of one id; of all children of simple one for one together
    _Atomic int running;
    bool alone; // not more than one
};

struct place {
    struct cell *cell;
};

struct poke {
    uint32_t what;
};

TROUPE_STRUCT(Place, struct place);
TROUPE_STRUCT(Poke, struct poke);

static struct cell cells[SUPERVISORS][IDS];

static void leave(void *arg)
{
    struct cell *cell = arg;
    atomic_fetch_sub(&cell->running, 1);
}

static troupe_status member_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state;
    const struct place *place = troupe_match(args, Place);
    WORLD_CHECK(place != NULL);
    struct cell *cell = place->cell;
    uint64_t mood = troupe_random(ctx) % 24;
    if (mood == 0)
        return TROUPE_IGNORE;
    if (mood == 1)
        return troupe_fail(ctx, TROUPE_EUSER, "no mood");
    int others = atomic_fetch_add(&cell->running, 1);
    WORLD_CHECK(others == 0 || !cell->alone);
    return troupe_defer(ctx, leave, cell);
}

static troupe_status member_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const struct poke *poke = troupe_match(msg, Poke);
    if (poke == NULL)
        return TROUPE_UNHANDLED;
    return poke->what % 3 == 0   ? TROUPE_STOP
           : poke->what % 3 == 1 ? troupe_fail(ctx, TROUPE_EUSER, "poked")
                                 : TROUPE_OK;
}

static const troupe_behavior member = {
    .name = "member", .init = member_init, .receive = member_receive};

// ---- The tree

static const struct place nowhere = {&cells[SIMPLE][0]};

static const troupe_supervisor top = {
    .name = "top",
    .max_restarts = 1000,
    .within_ms = 1,
    TROUPE_CHILDREN(
        {.id = "one", .supervisor = TROUPE_SUPERVISOR(.max_restarts = 10000, .within_ms = 1)},
        {.id = "all",
         .supervisor = TROUPE_SUPERVISOR(.strategy = TROUPE_ONE_FOR_ALL, .max_restarts = 10000,
                                         .within_ms = 1)},
        {.id = "rest",
         .supervisor = TROUPE_SUPERVISOR(.strategy = TROUPE_REST_FOR_ONE, .max_restarts = 10000,
                                         .within_ms = 1)},
        {.id = "shaky", .supervisor = TROUPE_SUPERVISOR(.max_restarts = 2)},
        {.id = "simple",
         .supervisor = TROUPE_SUPERVISOR(.strategy = TROUPE_SIMPLE_ONE_FOR_ONE,
                                         .max_restarts = 10000, .within_ms = 1,
                                         TROUPE_CHILDREN({.id = "member",
                                                          .behavior = &member,
                                                          .args_type = TROUPE_TYPE(Place),
                                                          .args = &nowhere}))})};

static troupe_ref supervisors[SUPERVISORS];

// ---- What is asked for, and what can be the answer

struct deed {
    uint32_t supervisor;
    uint32_t what;
    char id[4];
    struct place place;
    troupe_child child;
    bool impatient;
    troupe_ref ref; // of a child of simple one for one
};

enum { START, STOP, RESTART, DELETE, WHICH, COUNT, SPEC, DEEDS };

static pthread_mutex_t known_lock = PTHREAD_MUTEX_INITIALIZER;
static troupe_ref known[16]; // children of simple one for one

static void remember(troupe_ref ref, uint64_t random)
{
    pthread_mutex_lock(&known_lock);
    known[random % 16] = ref;
    pthread_mutex_unlock(&known_lock);
}

static troupe_ref someone(uint64_t random)
{
    pthread_mutex_lock(&known_lock);
    troupe_ref ref = known[random % 16];
    pthread_mutex_unlock(&known_lock);
    return ref;
}

static void choose(troupe_ctx *ctx, struct deed *deed)
{
    uint64_t random = troupe_random(ctx);
    uint32_t number = (uint32_t)(random >> 8) % IDS;
    bool simple;
    *deed = (struct deed){.supervisor = (uint32_t)(random >> 16) % SUPERVISORS,
                          .what = (uint32_t)(random >> 24) % (DEEDS + 3), // most are starts
                          .impatient = (random >> 32) % 8 == 0,
                          .ref = someone(random >> 36)};
    simple = deed->supervisor == SIMPLE;
    deed->what = deed->what < DEEDS ? deed->what : START;
    deed->place.cell = &cells[deed->supervisor][simple ? 0 : number];
    deed->id[0] = 'c';
    deed->id[1] = (char)('0' + number);
    deed->child = (troupe_child){.args_type = TROUPE_TYPE(Place), .args = &deed->place};
    if (simple)
        return;
    deed->child.id = deed->id;
    deed->child.behavior = &member;
    deed->child.restart = (troupe_restart)((random >> 40) % 3);
    deed->child.shutdown_ms = (random >> 42) % 2 ? TROUPE_KILL_NOW : 0;
    deed->child.backoff.min_ms = (random >> 43) % 4 == 0;
}

// Fails, ends or leaves alone a child that may be there; kills the shaky supervisor now and then.
static void poke(troupe_ctx *ctx, const struct deed *deed)
{
    uint64_t random = troupe_random(ctx);
    troupe_ref ref = deed->ref;
    if (random % 64 == 0)
        (void)troupe_kill(ctx, supervisors[SHAKY]);
    if (deed->supervisor == SIMPLE ||
        troupe_child_ref(ctx, supervisors[deed->supervisor], deed->id, &ref) == TROUPE_OK)
        (void)troupe_send(ctx, ref, Poke, .what = (uint32_t)(random >> 8));
}

static void check_status(const struct deed *deed, troupe_status status, troupe_ref ref)
{
    static const uint64_t possible[] = {
        [START] = 1u << (TROUPE_EEXIST - 16) | 1u << (TROUPE_ESTART - 16),
        [STOP] = 1u << (TROUPE_ENOENT - 16),
        [RESTART] = 1u << (TROUPE_ENOENT - 16) | 1u << (TROUPE_EBUSY - 16) |
                    1u << (TROUPE_ERESTARTING - 16) | 1u << (TROUPE_ESTART - 16),
        [DELETE] = 1u << (TROUPE_ENOENT - 16) | 1u << (TROUPE_EBUSY - 16) |
                   1u << (TROUPE_ERESTARTING - 16),
        [WHICH] = 0,
        [COUNT] = 0,
        [SPEC] = 1u << (TROUPE_ENOENT - 16)};
    bool only_simple =
        deed->supervisor == SIMPLE && (deed->what == RESTART || deed->what == DELETE);
    if (only_simple)
        WORLD_CHECK(status == TROUPE_ENOTSUP);
    else if (status != TROUPE_OK)
        WORLD_CHECK(status >= 16 && status < 64 && (possible[deed->what] >> (status - 16) & 1));
    if (deed->what == RESTART && status == TROUPE_EBUSY)
        WORLD_CHECK(!troupe_ref_is_none(ref));
    if (deed->what == STOP || status == TROUPE_ENOENT || status == TROUPE_ESTART ||
        status == TROUPE_ERESTARTING || (deed->what == DELETE && status == TROUPE_OK))
        WORLD_CHECK(troupe_ref_is_none(ref));
}

static void check_children(const struct deed *deed, const troupe_children *children)
{
    WORLD_CHECK(children != NULL);
    for (size_t i = 0; i < children->count; i++) {
        const troupe_child_info *info = &children->children[i];
        WORLD_CHECK(!info->is_supervisor && strcmp(info->behavior, "member") == 0);
        WORLD_CHECK((info->id == NULL) == (deed->supervisor == SIMPLE));
        WORLD_CHECK((info->incarnation == 0) == troupe_ref_is_none(info->ref));
        if (info->state == TROUPE_CHILD_RUNNING)
            WORLD_CHECK(!troupe_ref_is_none(info->ref));
        if (info->state == TROUPE_CHILD_STOPPED)
            WORLD_CHECK(troupe_ref_is_none(info->ref));
        for (size_t j = 0; j < i && info->id; j++)
            WORLD_CHECK(strcmp(info->id, children->children[j].id) != 0);
    }
}

static void check_count(const struct deed *deed, const troupe_child_count *count)
{
    bool simple = deed->supervisor == SIMPLE;
    WORLD_CHECK(count != NULL);
    WORLD_CHECK(count->supervisors == 0 && count->active <= count->workers);
    WORLD_CHECK(count->specs == (simple ? 1 : count->workers));
}

static void check_spec(const struct deed *deed, const troupe_child_spec_reply *spec)
{
    WORLD_CHECK(spec != NULL);
    const troupe_child *child = &spec->child;
    const struct place *place = child->args;
    WORLD_CHECK(child->behavior == &member && child->args_type != NULL && place != NULL);
    WORLD_CHECK(deed->supervisor == SIMPLE || strcmp(child->id, deed->id) == 0);
    WORLD_CHECK(place->cell == &cells[deed->supervisor][deed->id[1] - '0'] ||
                deed->supervisor == SIMPLE);
}

// How a request ended: with a reply, or without.
static void check(troupe_ctx *ctx, const struct deed *deed, troupe_status status,
                  const troupe_msg *reply)
{
    if (status != TROUPE_OK) {
        WORLD_CHECK((status == TROUPE_EDOWN && deed->supervisor == SHAKY) ||
                    (status == TROUPE_ETIMEDOUT && deed->impatient));
        return;
    }
    const troupe_child_reply *told = troupe_match(reply, troupe_child_reply);
    if (told) {
        WORLD_CHECK((told->text[0] == 0) == (told->status == TROUPE_OK));
        check_status(deed, told->status, told->ref);
        if (deed->supervisor == SIMPLE && deed->what == START && !troupe_ref_is_none(told->ref))
            remember(told->ref, troupe_random(ctx));
        return;
    }
    if (deed->what == WHICH)
        check_children(deed, troupe_match(reply, troupe_children));
    else if (deed->what == COUNT)
        check_count(deed, troupe_match(reply, troupe_child_count));
    else
        check_spec(deed, troupe_match(reply, troupe_child_spec_reply));
}

// ---- Actors

struct admin {
    uint32_t left, under_way;
};

static troupe_status on_outcome(troupe_ctx *ctx, void *state, void *user,
                                const troupe_outcome *outcome);

static troupe_status request(troupe_ctx *ctx, struct deed *deed, troupe_on_outcome then)
{
    troupe_ref to = supervisors[deed->supervisor];
    uint32_t limit = deed->impatient ? 1 : TROUPE_NO_LIMIT;
    bool simple = deed->supervisor == SIMPLE;
    switch (deed->what) {
    case START:
        return troupe_start_child(ctx, to, limit, then, deed, &deed->child);
    case STOP:
        return simple ? troupe_stop_child_ref(ctx, to, limit, then, deed, deed->ref)
                      : troupe_stop_child(ctx, to, limit, then, deed, deed->id);
    case RESTART:
        return troupe_restart_child(ctx, to, limit, then, deed, deed->id);
    case DELETE:
        return troupe_delete_child(ctx, to, limit, then, deed, deed->id);
    case WHICH:
        return troupe_which_children(ctx, to, limit, then, deed);
    case COUNT:
        return troupe_count_children(ctx, to, limit, then, deed);
    default:
        return troupe_child_spec(ctx, to, limit, then, deed, simple ? NULL : deed->id);
    }
}

static void go_on(troupe_ctx *ctx, struct admin *admin, struct deed *deed)
{
    while (admin->left > 0) {
        admin->left--;
        choose(ctx, deed);
        poke(ctx, deed);
        bool curious = troupe_random(ctx) % 16 != 0;
        WORLD_CHECK(request(ctx, deed, curious ? on_outcome : NULL) == TROUPE_OK);
        if (curious)
            return;
    }
    free(deed);
    if (--admin->under_way == 0)
        puppet_say(ctx, "done");
}

static troupe_status on_outcome(troupe_ctx *ctx, void *state, void *user,
                                const troupe_outcome *outcome)
{
    check(ctx, user, outcome->status, outcome->reply);
    go_on(ctx, state, user);
    return TROUPE_OK;
}

static troupe_status admin_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)msg;
    struct admin *admin = state;
    *admin = (struct admin){.left = REQUESTS, .under_way = AT_ONCE};
    for (uint32_t i = 0; i < AT_ONCE; i++)
        go_on(ctx, admin, malloc(sizeof(struct deed)));
    return TROUPE_OK;
}

static const troupe_behavior admin_behavior = {
    .name = "admin", .state_size = sizeof(struct admin), .receive = admin_receive};

// ---- Threads

static troupe_status wait_for(troupe_ctx *ctx, const struct deed *deed, troupe_ref *ref,
                              troupe_msg **reply)
{
    troupe_ref to = supervisors[deed->supervisor];
    uint32_t limit = deed->impatient ? 1 : TROUPE_NO_LIMIT;
    bool simple = deed->supervisor == SIMPLE;
    switch (deed->what) {
    case START:
        return troupe_start_child_wait(ctx, to, limit, &deed->child, ref);
    case STOP:
        return simple ? troupe_stop_child_ref_wait(ctx, to, limit, deed->ref)
                      : troupe_stop_child_wait(ctx, to, limit, deed->id);
    case RESTART:
        return troupe_restart_child_wait(ctx, to, limit, deed->id, ref);
    case DELETE:
        return troupe_delete_child_wait(ctx, to, limit, deed->id);
    case WHICH:
        return troupe_which_children_wait(ctx, to, limit, reply);
    case SPEC:
        return troupe_child_spec_wait(ctx, to, limit, simple ? NULL : deed->id, reply);
    default:
        return TROUPE_OK; // see wait_for_count
    }
}

static troupe_status wait_for_count(troupe_ctx *ctx, const struct deed *deed)
{
    troupe_child_count count;
    troupe_status status = troupe_count_children_wait(
        ctx, supervisors[deed->supervisor], deed->impatient ? 1 : TROUPE_NO_LIMIT, &count);
    if (status == TROUPE_OK)
        check_count(deed, &count);
    return status;
}

static void *ask_from_outside(void *arg)
{
    troupe_ctx *ctx = arg;
    for (uint32_t i = 0; i < REQUESTS; i++) {
        struct deed deed;
        troupe_msg *reply = NULL;
        troupe_ref ref = {0, 0, 0};
        choose(ctx, &deed);
        poke(ctx, &deed);
        troupe_status status =
            deed.what == COUNT ? wait_for_count(ctx, &deed) : wait_for(ctx, &deed, &ref, &reply);
        if (reply || status == TROUPE_EDOWN || status == TROUPE_ETIMEDOUT)
            check(ctx, &deed, status, reply);
        else
            check_status(&deed, status, ref);
        troupe_msg_free(ctx, reply);
    }
    return NULL;
}

// ---- The end of it

// Stops and forgets a child. False: again. What it was told before it may still handle: then the
// supervisor gives up once more, or a group's restart starts those that were stopped.
static bool is_cleared(troupe_ctx *ctx, troupe_ref supervisor, const char *id)
{
    troupe_status stop = troupe_stop_child_wait(ctx, supervisor, TROUPE_NO_LIMIT, id);
    troupe_status forget = troupe_delete_child_wait(ctx, supervisor, TROUPE_NO_LIMIT, id);
    WORLD_CHECK(stop == TROUPE_OK || stop == TROUPE_ENOENT || stop == TROUPE_EDOWN);
    WORLD_CHECK(forget == TROUPE_OK || forget == TROUPE_ENOENT || forget == TROUPE_EDOWN ||
                forget == TROUPE_ERESTARTING || forget == TROUPE_EBUSY);
    return forget == TROUPE_OK || forget == TROUPE_ENOENT;
}

static void clear_by_id(troupe_ctx *ctx, troupe_ref supervisor)
{
    for (uint32_t i = 0; i < IDS; i++) {
        const char id[] = {'c', (char)('0' + i), 0};
        while (!is_cleared(ctx, supervisor, id))
            continue;
    }
}

static void clear_by_ref(troupe_ctx *ctx, troupe_ref supervisor)
{
    troupe_msg *reply;
    assert_int_equal(troupe_which_children_wait(ctx, supervisor, TROUPE_NO_LIMIT, &reply),
                     TROUPE_OK);
    const troupe_children *children = troupe_match(reply, troupe_children);
    for (size_t i = 0; children && i < children->count; i++)
        WORLD_CHECK(troupe_stop_child_ref_wait(ctx, supervisor, TROUPE_NO_LIMIT,
                                               children->children[i].ref) != TROUPE_EINVAL);
    troupe_msg_free(ctx, reply);
}

static void expect_none(troupe_ctx *ctx, troupe_ref supervisor)
{
    troupe_child_count count;
    assert_int_equal(troupe_count_children_wait(ctx, supervisor, TROUPE_NO_LIMIT, &count),
                     TROUPE_OK);
    assert_int_equal(count.workers + count.active, 0);
}

static void clear(struct world *world)
{
    for (uint32_t i = 0; i < SUPERVISORS; i++) {
        if (i == SIMPLE)
            clear_by_ref(world->ctx, supervisors[i]);
        else
            clear_by_id(world->ctx, supervisors[i]);
    }
    for (uint32_t i = 0; i < SUPERVISORS; i++) {
        expect_none(world->ctx, supervisors[i]);
        for (uint32_t j = 0; j < IDS; j++)
            assert_int_equal(cells[i][j].running, 0);
    }
}

// ---- The story

static void begin(struct world *world)
{
    troupe_ref root;
    memset(known, 0, sizeof known);
    assert_int_equal(troupe_supervise_wait(world->ctx, &top, &root), TROUPE_OK);
    for (uint32_t i = 0; i < SUPERVISORS; i++) {
        assert_int_equal(troupe_child_ref(world->ctx, root, names[i], &supervisors[i]), TROUPE_OK);
        for (uint32_t j = 0; j < IDS; j++) {
            cells[i][j].running = 0;
            cells[i][j].alone = i != SIMPLE;
        }
    }
}

WORLD_STORY(whatever_is_asked_of_supervisors_children_add_up)
{
    pthread_t threads[THREADS];
    begin(world);
    for (int i = 0; i < ADMINS; i++) {
        troupe_ref admin;
        assert_int_equal(troupe_spawn(world->ctx, &admin_behavior, NULL, &admin), TROUPE_OK);
        assert_int_equal(troupe_send(world->ctx, admin, Sync), TROUPE_OK);
    }
    if (world->driven)
        ask_from_outside(world->ctx); // which runs everybody else meanwhile
    for (int i = 0; i < THREADS && !world->driven; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_from_outside, world->ctx), 0);
    for (int i = 0; i < THREADS && !world->driven; i++)
        pthread_join(threads[i], NULL);
    world_await_times(world, ADMINS, "admin", "done");
    clear(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_is_asked_of_supervisors_children_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
