// Supervisors of players: what they are asked to do, that each request has one outcome, and that
// what they tell of their children is so when all is quiet.
#include "tests/fuzz/calls.h"
#include "troupe/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OFFICES  24
#define REQUESTS 128
#define IDS      8
#define WAIT_MS  60000 // of virtual time

static struct office {
    troupe_ref ref;
    bool is_root, is_simple;
} offices[OFFICES];

static struct request {
    uint32_t who, incarnation;
    bool over;
} requests[REQUESTS];

static uint32_t office_count, request_count;
static const char *const ids[IDS] = {"k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7"};

// ---- Specifications

static const struct calls_born plain_born = {.supervised = true, .type = TROUPE_TRANSIENT};
static const troupe_child inner_children[] = {{.id = "k0",
                                               .behavior = &calls_behavior,
                                               .restart = TROUPE_TRANSIENT,
                                               .args_type = TROUPE_TYPE(CallsBorn),
                                               .args = &plain_born},
                                              {.id = "k1",
                                               .behavior = &calls_behavior,
                                               .restart = TROUPE_TRANSIENT,
                                               .args_type = TROUPE_TYPE(CallsBorn),
                                               .args = &plain_born}};
static const troupe_supervisor inner = {
    .strategy = TROUPE_ONE_FOR_ALL, .children = inner_children, .child_count = 2};

// Waits are far shorter than the period in which restarts count, so that there is an end to them.
static void make_child(struct fuzz_bytes *script, uint32_t at, bool is_simple,
                       struct calls_born *born, troupe_child *child)
{
    static const uint32_t patience[] = {0, TROUPE_KILL_NOW, TROUPE_NO_LIMIT, 1};
    uint32_t dice = fuzz_byte(script), more = fuzz_byte(script);
    *born = (struct calls_born){.supervised = true, .type = (troupe_restart)(dice % 3)};
    *child = (troupe_child){.id = ids[at % IDS],
                            .restart = born->type,
                            .shutdown_ms = patience[more / 64],
                            .max_restarts = dice & 128 ? 1 + more % 3 : 0};
    if (more & 8)
        child->backoff = (troupe_backoff){.min_ms = 1 + more % 8, .random_percent = 30};
    if (dice / 4 % 16 == 15) {
        child->supervisor = &inner;
        return;
    }
    born->fate = more & 16 ? fuzz_byte(script) : 0;
    struct fuzz_bytes part = fuzz_cut(script, more % 8);
    while (fuzz_more(&part))
        born->script[born->size++] = fuzz_byte(&part);
    child->behavior = &calls_behavior;
    child->args_type = TROUPE_TYPE(CallsBorn);
    child->args = born;
    child->place = dice / 4 % 16 == 14 ? TROUPE_ON_THREAD : TROUPE_ON_POOL;
    if (dice / 4 % 16 == 13 && !is_simple)
        child->register_as = more & 1 ? "child's" : "another child's";
}

static void found(struct calls_actor *actor, struct fuzz_bytes *script)
{
    struct calls_born born[4];
    troupe_child children[4];
    uint32_t dice = fuzz_byte(script), more = fuzz_byte(script);
    troupe_supervisor spec = {.strategy = (troupe_strategy)(dice % 4),
                              .max_restarts = more % 4,
                              .within_ms = more & 4 ? 60000 : 0,
                              .auto_shutdown = (troupe_auto_shutdown)(more / 8 % 4 % 3),
                              .children = children};
    bool is_simple = spec.strategy == TROUPE_SIMPLE_ONE_FOR_ONE;
    spec.child_count = is_simple ? 1 : 1 + dice / 4 % 4;
    for (uint32_t i = 0; i < spec.child_count; i++) {
        make_child(script, i, is_simple, &born[i], &children[i]);
        children[i].significant = spec.auto_shutdown != TROUPE_NO_AUTO_SHUTDOWN &&
                                  children[i].restart != TROUPE_PERMANENT && dice & 16;
    }
    if (office_count == OFFICES || calls.count >= CALLS_CROWD)
        return;
    bool waits = actor->who == OUTSIDE && dice & 32;
    struct office office = {.is_root = actor->who == OUTSIDE, .is_simple = is_simple};
    troupe_status status = waits ? troupe_supervise_wait(actor->ctx, &spec, &office.ref)
                                 : troupe_supervise(actor->ctx, &spec, &office.ref);
    fuzz_trace("%u founds office %u, strategy %d, %zu children: %s", actor->who, office_count,
               (int)spec.strategy, spec.child_count, troupe_status_name(status));
    CALLS_EXPECT(status, TROUPE_OK, waits ? TROUPE_ESTART : TROUPE_OK, TROUPE_EINVAL,
                 calls.is_closed || actor->status != TROUPE_OK ? TROUPE_ECLOSED : TROUPE_OK);
    FUZZ_CHECK(status != TROUPE_EINVAL || strstr(troupe_error_text(NULL), "register as"), "%s",
               troupe_error_text(NULL));
    if (status == TROUPE_OK && office_count < OFFICES) // others may have while we waited
        offices[office_count++] = office;
}

troupe_ref calls_office(uint32_t at)
{
    return office_count ? offices[at % office_count].ref : (troupe_ref){0, 0, 0};
}

bool calls_may_close(troupe_ref ref)
{
    for (uint32_t i = 0; i < office_count; i++)
        if (troupe_ref_equal(offices[i].ref, ref))
            return offices[i].is_root;
    return true; // nobody knows yet
}

// ---- Requests

static void check_reply(const troupe_msg *reply)
{
    const troupe_child_reply *told = troupe_match(reply, troupe_child_reply);
    const troupe_children *children = troupe_match(reply, troupe_children);
    const struct calls_answer *answer = troupe_match(reply, CallsAnswer);
    if (told && told->status == TROUPE_OK)
        FUZZ_CHECK(told->text && !*told->text, "\"%s\"", told->text);
    else if (told)
        FUZZ_CHECK(told->text && *told->text, "no text for %s", troupe_status_name(told->status));
    for (size_t i = 0; children && i < children->count; i++)
        FUZZ_CHECK(children->children[i].state >= TROUPE_CHILD_STOPPED &&
                       children->children[i].state <= TROUPE_CHILD_STOPPING,
                   "state %d", (int)children->children[i].state);
    FUZZ_CHECK(told || children || answer || troupe_match(reply, troupe_child_count) ||
                   troupe_match(reply, troupe_child_spec_reply),
               "a reply of %s", troupe_msg_type_name(reply));
}

static troupe_status on_outcome(troupe_ctx *ctx, void *data, void *user,
                                const troupe_outcome *outcome)
{
    struct request *request = user;
    struct calls_state *state = data;
    struct calls_actor actor = {.ctx = ctx, .who = state->who, .state = state};
    calls_check_actor(&actor);
    fuzz_trace("  %u.%u: outcome of a request: %s", state->who, state->incarnation,
               troupe_status_name(outcome->status));
    FUZZ_CHECK(
        request->who == state->who && request->incarnation == state->incarnation && !request->over,
        "a request of %u.%u is over again, or not its own", request->who, request->incarnation);
    request->over = true;
    if (outcome->status == TROUPE_OK)
        check_reply(outcome->reply);
    else
        CALLS_EXPECT(outcome->status, TROUPE_EDOWN, TROUPE_ETIMEDOUT, TROUPE_ENOREPLY);
    return TROUPE_OK;
}

enum wish { START, STOP, STOP_REF, RESTART, DELETE, WHICH, COUNT, SPEC };

struct wanted {
    enum wish wish;
    troupe_ref supervisor, child;
    const char *id;
    const troupe_child *spec;
    uint32_t ms;
};

static troupe_status request(struct calls_actor *actor, const struct wanted *wanted,
                             troupe_on_outcome on, void *user)
{
    troupe_ref to = wanted->supervisor;
    switch (wanted->wish) {
    case START:
        return troupe_start_child(actor->ctx, to, wanted->ms, on, user, wanted->spec);
    case STOP:
        return troupe_stop_child(actor->ctx, to, wanted->ms, on, user, wanted->id);
    case STOP_REF:
        return troupe_stop_child_ref(actor->ctx, to, wanted->ms, on, user, wanted->child);
    case RESTART:
        return troupe_restart_child(actor->ctx, to, wanted->ms, on, user, wanted->id);
    case DELETE:
        return troupe_delete_child(actor->ctx, to, wanted->ms, on, user, wanted->id);
    case WHICH:
        return troupe_which_children(actor->ctx, to, wanted->ms, on, user);
    case COUNT:
        return troupe_count_children(actor->ctx, to, wanted->ms, on, user);
    case SPEC:
    default:
        return troupe_child_spec(actor->ctx, to, wanted->ms, on, user, wanted->id);
    }
}

static troupe_status request_wait(struct calls_actor *actor, const struct wanted *wanted)
{
    troupe_ref to = wanted->supervisor, ref;
    troupe_msg *reply = NULL;
    troupe_child_count count;
    troupe_status status;
    switch (wanted->wish) {
    case START:
        return troupe_start_child_wait(actor->ctx, to, wanted->ms, wanted->spec, &ref);
    case STOP:
        return troupe_stop_child_wait(actor->ctx, to, wanted->ms, wanted->id);
    case STOP_REF:
        return troupe_stop_child_ref_wait(actor->ctx, to, wanted->ms, wanted->child);
    case RESTART:
        return troupe_restart_child_wait(actor->ctx, to, wanted->ms, wanted->id, &ref);
    case DELETE:
        return troupe_delete_child_wait(actor->ctx, to, wanted->ms, wanted->id);
    case COUNT:
        return troupe_count_children_wait(actor->ctx, to, wanted->ms, &count);
    case WHICH:
    case SPEC:
    default:
        status = wanted->wish == WHICH
                     ? troupe_which_children_wait(actor->ctx, to, wanted->ms, &reply)
                     : troupe_child_spec_wait(actor->ctx, to, wanted->ms, wanted->id, &reply);
        FUZZ_CHECK(!reply == (status != TROUPE_OK), "%s", troupe_status_name(status));
        troupe_msg_free(actor->ctx, reply);
        return status;
    }
}

static void ask_outside(struct calls_actor *actor, const struct wanted *wanted)
{
    uint64_t before = fuzz_now();
    troupe_status status = request_wait(actor, wanted);
    fuzz_trace("%u waits for wish %d: %s", actor->who, (int)wanted->wish,
               troupe_status_name(status));
    if (actor->who != OUTSIDE) {
        CALLS_EXPECT(status, TROUPE_ENOTSUP);
        return;
    }
    CALLS_EXPECT(status, TROUPE_OK, TROUPE_EDEAD, TROUPE_EDOWN, TROUPE_ETIMEDOUT, TROUPE_ENOREPLY,
                 TROUPE_EEXIST, TROUPE_ESTART, TROUPE_ENOENT, TROUPE_EBUSY, TROUPE_ERESTARTING,
                 TROUPE_ENOTSUP, TROUPE_EINVAL, TROUPE_ENOTWIRE,
                 calls.is_closed ? TROUPE_ECLOSED : TROUPE_OK);
    FUZZ_CHECK(status == TROUPE_OK || *troupe_error_text(NULL), "no text for %s",
               troupe_status_name(status));
    FUZZ_CHECK(status != TROUPE_ETIMEDOUT || fuzz_now() >= before + wanted->ms * 1000000ull ||
                   !wanted->ms || wanted->ms == TROUPE_NO_LIMIT, // when all is quiet, it never ends
               "too early");
}

static void ask_for(struct calls_actor *actor, const struct wanted *wanted, bool silent)
{
    if (request_count == REQUESTS)
        return;
    bool wants = actor->who != OUTSIDE && !silent;
    struct request *mine = &requests[request_count];
    *mine = (struct request){.who = actor->who};
    mine->incarnation = actor->state ? actor->state->incarnation : 0;
    troupe_status status = request(actor, wanted, wants ? on_outcome : NULL, mine);
    fuzz_trace("%u asks for wish %d: %s", actor->who, (int)wanted->wish,
               troupe_status_name(status));
    CALLS_EXPECT(status, TROUPE_OK, TROUPE_EDEAD, TROUPE_ENOTWIRE);
    request_count += status == TROUPE_OK && wants;
}

static void wish(struct calls_actor *actor, struct fuzz_bytes *script)
{
    static const uint32_t limits[] = {0, 1, 50, TROUPE_NO_LIMIT};
    uint32_t dice = fuzz_byte(script), more = fuzz_byte(script);
    struct calls_born born;
    troupe_child child;
    make_child(script, dice >> 3, false, &born, &child);
    if (more & 1) { // for simple one for one, of a type that its template says
        born.type = TROUPE_PERMANENT;
        child = (troupe_child){.args_type = TROUPE_TYPE(CallsBorn), .args = &born};
    }
    struct wanted wanted = {.wish = (enum wish)(dice % 8),
                            .supervisor =
                                more & 32 ? calls_pick(actor, script) : calls_office(more >> 6),
                            .child = calls_pick(actor, script),
                            .id = ids[dice >> 3 & 7],
                            .spec = &child,
                            .ms = limits[more / 2 % 4]};
    if (wanted.wish == SPEC && more & 8)
        wanted.id = NULL;
    if (wanted.wish == START && calls.count >= CALLS_CROWD)
        return;
    if (actor->who == OUTSIDE ? more & 16 : (more & 24) == 24)
        ask_outside(actor, &wanted);
    else
        ask_for(actor, &wanted, more & 8);
}

static void look(struct calls_actor *actor, struct fuzz_bytes *script)
{
    char *text = NULL;
    size_t size;
    uint32_t dice = fuzz_byte(script);
    troupe_ref office = calls_office(dice), ref;
    troupe_status status = troupe_child_ref(actor->ctx, office, ids[dice >> 5], &ref);
    CALLS_EXPECT(status, TROUPE_OK, TROUPE_ENOENT, TROUPE_EDEAD);
    FUZZ_CHECK((status == TROUPE_OK) == !troupe_ref_is_none(ref), "%s", troupe_status_name(status));
    if (dice % 8)
        return;
    FILE *to = open_memstream(&text, &size);
    FUZZ_CHECK(to != NULL, "no stream");
    status = troupe_tree_print(actor->ctx, office, (troupe_tree_format)(dice % 3), to);
    fclose(to);
    free(text);
    CALLS_EXPECT(status, TROUPE_OK, TROUPE_EDEAD);
}

void calls_do_tree(struct calls_actor *actor, uint32_t command, struct fuzz_bytes *script)
{
    if (command < 3)
        found(actor, script);
    else if (command < 7)
        wish(actor, script);
    else
        look(actor, script);
}

// ---- When all is quiet

static size_t check_children(const struct office *office, const troupe_children *told)
{
    troupe_ctx *ctx = troupe_outside(fuzz_system);
    size_t running = 0;
    for (size_t i = 0; i < told->count; i++) {
        const troupe_child_info *child = &told->children[i];
        uint32_t who = calls_find(child->ref);
        bool runs = child->state == TROUPE_CHILD_RUNNING;
        running += runs;
        FUZZ_CHECK(runs || child->state == TROUPE_CHILD_STOPPED, "\"%s\" is in state %d", child->id,
                   (int)child->state);
        FUZZ_CHECK(runs || child->restart != TROUPE_TEMPORARY, "\"%s\" is not forgotten",
                   child->id);
        FUZZ_CHECK(troupe_incarnation(ctx, child->ref) == child->incarnation &&
                       runs == (child->incarnation > 0),
                   "\"%s\", incarnation %u, state %d", child->id, child->incarnation,
                   (int)child->state);
        FUZZ_CHECK(!who || calls_is_here(who, child->incarnation), "%u is not there", who);
        FUZZ_CHECK(!child->id == office->is_simple, "\"%s\"", child->id ? child->id : "");
        for (size_t k = 0; k < i && child->id; k++)
            FUZZ_CHECK(strcmp(child->id, told->children[k].id) != 0, "\"%s\" twice", child->id);
    }
    return running;
}

static void check_office(const struct office *office)
{
    troupe_ctx *ctx = troupe_outside(fuzz_system);
    troupe_msg *reply;
    troupe_child_count count;
    troupe_status status = troupe_which_children_wait(ctx, office->ref, WAIT_MS, &reply);
    FUZZ_CHECK(status == TROUPE_OK, "%s", troupe_error_text(NULL));
    const troupe_children *told = troupe_match(reply, troupe_children);
    FUZZ_CHECK(told != NULL, "%s", troupe_msg_type_name(reply));
    size_t running = check_children(office, told);
    status = troupe_count_children_wait(ctx, office->ref, WAIT_MS, &count);
    FUZZ_CHECK(status == TROUPE_OK, "%s", troupe_error_text(NULL));
    FUZZ_CHECK(count.active == running && count.specs == (office->is_simple ? 1 : told->count) &&
                   count.supervisors + count.workers == told->count,
               "%zu %zu %zu %zu of %zu", count.specs, count.active, count.supervisors,
               count.workers, told->count);
    troupe_msg_free(ctx, reply);
}

void calls_check_trees(void)
{
    for (uint32_t i = 0; i < office_count; i++)
        if (calls_lives(offices[i].ref))
            check_office(&offices[i]);
    for (uint32_t i = 0; i < request_count; i++)
        FUZZ_CHECK(requests[i].over || !calls_is_here(requests[i].who, requests[i].incarnation),
                   "a request of %u.%u has no outcome", requests[i].who, requests[i].incarnation);
}

void calls_forget_trees(void)
{
    office_count = request_count = 0;
}
