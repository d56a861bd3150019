// What offices are asked for amid chaos. Whatever the answer, it must be one that can be meant.
#include "tests/support/chaos.h"
#include "troupe/link.h"
#include "troupe/name.h"
#include "troupe/tree.h"

#include <stdlib.h>
#include <string.h>

// What is asked, and of whom.
enum wish { WISH_START, WISH_STOP, WISH_RESTART, WISH_DELETE, WISH_WHICH, WISH_COUNT, WISH_SPEC };

struct request {
    enum wish wish;
    struct chaos_office *office;
    troupe_ref ref;            // the office's, or the zero ref
    const troupe_child *child; // one of its children
    struct chaos_life *guest;  // simple one for one: to be started; or NULL
    troupe_ref stranger;       // simple one for one: to be stopped
    uint32_t timeout_ms;
};

// Large trees are seldom taken down by request: they are so by their children's failures already.
static enum wish wish_for(const struct chaos_office *office, uint64_t dice)
{
    static const enum wish wishes[] = {WISH_START, WISH_START,   WISH_START,   WISH_START,
                                       WISH_STOP,  WISH_STOP,    WISH_RESTART, WISH_RESTART,
                                       WISH_WHICH, WISH_COUNT,   WISH_SPEC,    WISH_DELETE,
                                       WISH_WHICH, WISH_RESTART, WISH_RESTART, WISH_DELETE};
    enum wish wish = wishes[dice % 16];
    bool rare = (dice >> 4) % 32 == 0;
    return office->level < CHAOS_LEVELS - 1 && wish == WISH_STOP && !rare ? WISH_COUNT : wish;
}

static struct request think_up(troupe_ctx *ctx, struct chaos_office *office, uint64_t dice)
{
    struct request request = {.wish = wish_for(office, dice),
                              .office = office,
                              .ref = troupe_whereis(ctx, office->id),
                              .timeout_ms = dice >> 9 & 15 ? CHAOS_PATIENCE_MS : 1};
    dice >>= 13;
    request.child = &office->children[dice % office->spec.child_count];
    if (request.wish == WISH_DELETE)
        atomic_fetch_add(&office->deletes[request.child - office->children], 1);
    if (office->guests) {
        request.guest = request.wish == WISH_START ? chaos_new_guest(office) : NULL;
        request.stranger =
            chaos_unpack(atomic_load(&office->guests[(dice >> 4) % CHAOS_GUESTS].ref));
    }
    return request;
}

static void expect_answer(const struct request *request, troupe_status status)
{
    switch ((int)status) {
    case TROUPE_OK:
    case TROUPE_EDEAD:
    case TROUPE_EDOWN:
        return;
    case TROUPE_ETIMEDOUT:
        if (request->timeout_ms < CHAOS_PATIENCE_MS)
            return;
        break;
    case TROUPE_ESTART:
    case TROUPE_EEXIST:
        if (request->wish == WISH_START || request->wish == WISH_RESTART)
            return;
        break;
    case TROUPE_EBUSY:
    case TROUPE_ERESTARTING:
        if (request->wish == WISH_RESTART || request->wish == WISH_DELETE)
            return;
        break;
    case TROUPE_ENOTSUP:
        if (request->office->guests)
            return;
        break;
    case TROUPE_ENOENT:
        if (request->wish != WISH_START && request->wish < WISH_WHICH)
            return;
        if (request->wish == WISH_SPEC)
            return;
        break;
    default:
        break;
    }
    chaos_broken("%s answers wish %d with %s: %s", request->office->id, (int)request->wish,
                 troupe_status_name(status), troupe_error_text(NULL));
}

// ---- By actors

static troupe_status on_answer(troupe_ctx *ctx, void *state, void *user,
                               const troupe_outcome *outcome)
{
    (void)ctx, (void)state;
    bool patient = user != NULL;
    if (outcome->status != TROUPE_OK && outcome->status != TROUPE_EDOWN &&
        (outcome->status != TROUPE_ETIMEDOUT || patient))
        chaos_broken("an office's answer is %s", troupe_status_name(outcome->status));
    const troupe_child_reply *reply =
        outcome->reply ? troupe_match(outcome->reply, troupe_child_reply) : NULL;
    if (reply && reply->status == TROUPE_EINVAL)
        chaos_broken("what an imp asks for is wrong: %s", reply->text);
    return TROUPE_OK;
}

static troupe_status start(troupe_ctx *ctx, const struct request *request,
                           troupe_on_outcome on_outcome, void *user)
{
    if (!request->office->guests)
        return troupe_start_child(ctx, request->ref, request->timeout_ms, on_outcome, user,
                                  request->child);
    if (request->guest == NULL)
        return TROUPE_OK;
    return troupe_start_child_with(ctx, request->ref, request->timeout_ms, on_outcome, user,
                                   ChaosBirth, .life = request->guest);
}

static troupe_status ask(troupe_ctx *ctx, const struct request *request,
                         troupe_on_outcome on_outcome)
{
    const char *id = request->child->id;
    uint32_t ms = request->timeout_ms;
    void *user = ms < CHAOS_PATIENCE_MS ? NULL : &chaos;
    switch (request->wish) {
    case WISH_START:
        return start(ctx, request, on_outcome, user);
    case WISH_STOP:
        return request->office->guests
                   ? troupe_stop_child_ref(ctx, request->ref, ms, on_outcome, user,
                                           request->stranger)
                   : troupe_stop_child(ctx, request->ref, ms, on_outcome, user, id);
    case WISH_RESTART:
        return troupe_restart_child(ctx, request->ref, ms, on_outcome, user, id);
    case WISH_DELETE:
        return troupe_delete_child(ctx, request->ref, ms, on_outcome, user, id);
    case WISH_WHICH:
        return troupe_which_children(ctx, request->ref, ms, on_outcome, user);
    case WISH_COUNT:
        return troupe_count_children(ctx, request->ref, ms, on_outcome, user);
    case WISH_SPEC:
    default:
        return troupe_child_spec(ctx, request->ref, ms, on_outcome, user,
                                 request->office->guests ? NULL : id);
    }
}

void chaos_ask_office(troupe_ctx *ctx, struct chaos_office *office, uint64_t dice)
{
    struct request request = think_up(ctx, office, dice);
    if (troupe_ref_is_none(request.ref))
        return;
    bool wants_answer = ctx != chaos.outside && (dice >> 40 & 1);
    troupe_status status = ask(ctx, &request, wants_answer ? on_answer : NULL);
    if (status != TROUPE_OK && status != TROUPE_EDEAD && status != TROUPE_ESTALE)
        chaos_broken("wish %d of %s is refused: %s", (int)request.wish, office->id,
                     troupe_error_text(NULL));
}

// ---- From outside

static troupe_status start_wait(const struct request *request)
{
    troupe_ref ref;
    if (!request->office->guests)
        return troupe_start_child_wait(chaos.outside, request->ref, request->timeout_ms,
                                       request->child, &ref);
    if (request->guest == NULL)
        return TROUPE_OK;
    struct chaos_birth birth = {request->guest};
    return troupe_start_child_wait(
        chaos.outside, request->ref, request->timeout_ms,
        &(troupe_child){.args_type = TROUPE_TYPE(ChaosBirth), .args = &birth}, &ref);
}

static troupe_status look_wait(const struct request *request)
{
    troupe_ctx *outside = chaos.outside;
    troupe_msg *reply = NULL;
    troupe_child_count count;
    uint32_t ms = request->timeout_ms;
    if (request->wish == WISH_COUNT)
        return troupe_count_children_wait(outside, request->ref, ms, &count);
    const char *id = request->office->guests ? NULL : request->child->id;
    troupe_status status = request->wish == WISH_WHICH
                               ? troupe_which_children_wait(outside, request->ref, ms, &reply)
                               : troupe_child_spec_wait(outside, request->ref, ms, id, &reply);
    if (status != TROUPE_OK)
        return status;
    const troupe_child_spec_reply *spec = troupe_match(reply, troupe_child_spec_reply);
    if (spec && (spec->child.restart != request->child->restart ||
                 spec->child.behavior != request->child->behavior ||
                 spec->child.supervisor != request->child->supervisor))
        chaos_broken("%s tells another specification", request->office->id);
    troupe_msg_free(outside, reply);
    return TROUPE_OK;
}

static troupe_status ask_wait(const struct request *request)
{
    troupe_ctx *outside = chaos.outside;
    troupe_ref ref;
    const char *id = request->child->id;
    uint32_t ms = request->timeout_ms;
    switch (request->wish) {
    case WISH_START:
        return start_wait(request);
    case WISH_STOP:
        return request->office->guests
                   ? troupe_stop_child_ref_wait(outside, request->ref, ms, request->stranger)
                   : troupe_stop_child_wait(outside, request->ref, ms, id);
    case WISH_RESTART:
        return troupe_restart_child_wait(outside, request->ref, ms, id, &ref);
    case WISH_DELETE:
        return troupe_delete_child_wait(outside, request->ref, ms, id);
    case WISH_WHICH:
    case WISH_COUNT:
    case WISH_SPEC:
    default:
        return look_wait(request);
    }
}

void chaos_ask_office_wait(struct chaos_office *office, uint64_t dice)
{
    struct request request = think_up(chaos.outside, office, dice);
    if (!troupe_ref_is_none(request.ref))
        expect_answer(&request, ask_wait(&request));
}

// ---- Whatever else can be done from outside

static void end_office(const struct chaos_office *office, uint64_t dice)
{
    troupe_ref ref = troupe_whereis(chaos.outside, office->id);
    troupe_reason reason = {.kind = dice % 2 ? TROUPE_KILLED : TROUPE_SHUTDOWN};
    if (office->level == 0 || (office->level < CHAOS_LEVELS - 1 && (dice >> 1) % 32))
        return;
    switch (dice >> 6 & 3) {
    case 0:
        troupe_kill(chaos.outside, ref);
        break;
    case 1:
        troupe_exit(chaos.outside, ref, &reason);
        break;
    default:
        troupe_stop(chaos.outside, ref);
        break;
    }
}

// Has a look at a part of the tree.
static void look(const struct chaos_office *office)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    if (to == NULL)
        return;
    troupe_status status = troupe_tree_print(
        chaos.outside, troupe_whereis(chaos.outside, office->id), TROUPE_TREE_TEXT, to);
    fclose(to);
    if (status == TROUPE_OK && strncmp(text, office->id, strlen(office->id)) != 0)
        chaos_broken("the tree of %s is %s", office->id, text);
    if (status != TROUPE_OK && status != TROUPE_EDEAD)
        chaos_broken("%s cannot be shown: %s", office->id, troupe_error_text(NULL));
    free(text);
}

static void join(troupe_ref ref)
{
    troupe_status status = troupe_join(chaos.outside, ref, 1, NULL);
    if (status == TROUPE_OK ? troupe_incarnation(chaos.outside, ref) != 0
                            : status != TROUPE_ETIMEDOUT)
        chaos_broken("a join ends with %s", troupe_status_name(status));
}

void chaos_do_something(uint64_t dice)
{
    troupe_ctx *outside = chaos.outside;
    uint64_t more = dice >> 6;
    troupe_ref ref = chaos_unpack(atomic_load(&chaos_somebody(more >> 10)->ref));
    switch (dice % 64) {
    case 0:
        troupe_kill(outside, ref);
        break;
    case 1:
        troupe_stop(outside, ref);
        break;
    case 2:
        troupe_exit(outside, ref, &(troupe_reason){.kind = TROUPE_FAILED, .text = "from outside"});
        break;
    case 3:
        end_office(chaos_some_office(more >> 10), more);
        break;
    case 4:
        chaos_ask_office_wait(chaos_some_office(more >> 20), more);
        break;
    case 5:
        chaos_ask_office(outside, chaos_some_office(more >> 20), more);
        break;
    case 6:
        (void)troupe_child_ref(outside, troupe_whereis(outside, chaos_some_room(more)->id),
                               chaos_some_room(more)->children[0].id, &ref);
        break;
    case 7:
        look(more % 32 ? chaos_some_room(more >> 5) : chaos_some_office(more >> 5));
        break;
    case 8:
        if (more % 8 == 0)
            join(ref);
        break;
    default:
        chaos_send(outside, ref);
        break;
    }
}
