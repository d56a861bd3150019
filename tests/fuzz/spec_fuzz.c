// Specifications of supervisors, right and wrong: one that breaks a rule of the headers is refused,
// with a text that names what is wrong, and nothing is left of it; any other starts, or fails to
// start as its children's inits say, is what it was specified to be, takes children of more such
// specifications, and stops with all books balanced.
#include "tests/fuzz/spec.h"

#include <string.h>

#define WAIT_MS 60000 // of virtual time

enum caller { OUTSIDE, OUTSIDE_WAITING, HANDLER, CALLERS };

// What is tried, and what came of it.
static struct {
    enum caller caller;
    const troupe_supervisor *spec;
    troupe_ref supervisor, holder, host;
    uint64_t fail_after; // so many allocations of the call; 0: there is memory
    troupe_status status;
    char text[512]; // of the error
} try;

// ---- The call

static void supervise(troupe_ctx *ctx)
{
    const troupe_supervisor *spec = spec_pass(try.spec);
    fuzz_memory.fail_from = fuzz_memory.calls + try.fail_after;
    fuzz_memory.fail_count = try.fail_after > 0;
    try.status = try.caller == OUTSIDE_WAITING ? troupe_supervise_wait(ctx, spec, &try.supervisor)
                                               : troupe_supervise(ctx, spec, &try.supervisor);
    fuzz_memory.fail_count = 0;
    spec_forget_passed();
    strncpy(try.text, troupe_error_text(ctx), sizeof try.text - 1);
}

// Holds a name; as a host, starts the supervisor, which then belongs to it.
static troupe_status somebody_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state, (void)msg;
    supervise(ctx);
    return TROUPE_OK;
}

static const troupe_behavior somebody = {.name = "somebody", .receive = somebody_receive};

static void call_it(void)
{
    troupe_ctx *ctx = troupe_outside(fuzz_system);
    if (try.caller != HANDLER) {
        supervise(ctx);
        return;
    }
    FUZZ_CHECK(troupe_send(ctx, try.host, SpecFall) == TROUPE_OK, "%s", troupe_error_text(ctx));
    while (try.status == SPEC_UNSURE)
        FUZZ_CHECK(fuzz_step(), "the host does nothing");
}

// ---- What must come of it

struct before {
    troupe_stats stats;
    int64_t blocks;
    uint64_t now;
};

static struct before look(void)
{
    (void)fuzz_settle();
    struct before before = {.blocks = fuzz_memory.blocks, .now = fuzz_now()};
    troupe_system_stats(fuzz_system, &before.stats);
    return before;
}

static void check_nothing_changed(const struct before *before)
{
    struct before now = look();
    FUZZ_CHECK(now.stats.spawned == before->stats.spawned, "something was spawned");
    FUZZ_CHECK(now.blocks == before->blocks, "%lld blocks more",
               (long long)(now.blocks - before->blocks));
}

static bool name_is_taken(const char *name)
{
    return name && !troupe_ref_is_none(troupe_whereis(troupe_outside(fuzz_system), name));
}

// What was made until then is gone; tables that grew may stay so.
static bool had_no_memory(const struct before *before)
{
    if (!fuzz_memory_failed() || try.status != TROUPE_ENOMEM)
        return false;
    FUZZ_CHECK(troupe_ref_is_none(try.supervisor) && *try.text, "a ref, or no text");
    FUZZ_CHECK(look().stats.spawned == before->stats.spawned, "something was spawned");
    return true;
}

static bool was_refused(const struct spec_verdict *verdict, const struct before *before)
{
    const char *function =
        try.caller == OUTSIDE_WAITING ? "troupe_supervise" : "troupe_supervise: ";
    if (verdict->count == 0 && name_is_taken(try.spec->register_as) &&
        try.status == TROUPE_EEXIST) {
        FUZZ_CHECK(troupe_ref_equal(try.supervisor, try.holder), "not the holder");
        FUZZ_CHECK(strstr(try.text, try.spec->register_as), "\"%s\"", try.text);
    } else if (spec_check_refusal(verdict, function, try.status)) {
        FUZZ_CHECK(troupe_ref_is_none(try.supervisor), "refused, and there is a ref");
    } else {
        return false;
    }
    check_nothing_changed(before);
    return true;
}

static void check_failed_start(const char *culprit)
{
    troupe_reason_kind kind;
    troupe_ctx *ctx = troupe_outside(fuzz_system);
    if (try.caller == OUTSIDE_WAITING) {
        FUZZ_CHECK(try.status == TROUPE_ESTART, "%s", troupe_status_name(try.status));
        FUZZ_CHECK(strstr(try.text, culprit), "\"%s\" does not name \"%s\"", try.text, culprit);
    }
    FUZZ_CHECK(troupe_join(ctx, try.supervisor, 0, &kind) == TROUPE_OK, "it goes on");
    FUZZ_CHECK(kind == TROUPE_NOACTOR, "%s", troupe_reason_name(kind));
}

// True: it runs.
static bool check_start(troupe_status expected, const char *culprit, troupe_tree_format format)
{
    if (!fuzz_settle())
        return false;
    if (expected == SPEC_UNSURE)
        return troupe_incarnation(troupe_outside(fuzz_system), try.supervisor) > 0;
    FUZZ_CHECK(try.status == TROUPE_OK || try.caller == OUTSIDE_WAITING, "%s: %s",
               troupe_status_name(try.status), try.text);
    if (expected != TROUPE_OK) {
        check_failed_start(culprit);
        return false;
    }
    FUZZ_CHECK(try.status == TROUPE_OK, "%s: %s", troupe_status_name(try.status), try.text);
    spec_look_at_running(try.supervisor, try.spec);
    spec_look_at_tree(try.supervisor, format, 0);
    return true;
}

// ---- More children, and what may happen to them

// The first child that is a supervisor and runs, or the root.
static troupe_ref choose_supervisor(struct fuzz_bytes *bytes, const troupe_supervisor **spec,
                                    const char **name)
{
    troupe_ref ref;
    *spec = try.spec;
    *name = try.spec->name ? try.spec->name : "supervisor";
    if (fuzz_byte(bytes) % 2)
        return try.supervisor;
    for (size_t i = 0; i < try.spec->child_count; i++) {
        const troupe_child *child = &try.spec->children[i];
        if (child->supervisor && child->id &&
            troupe_child_ref(troupe_outside(fuzz_system), try.supervisor, child->id, &ref) ==
                TROUPE_OK) {
            *spec = child->supervisor;
            *name = child->id;
            return ref;
        }
    }
    return try.supervisor;
}

static bool knows(troupe_ref supervisor, const char *id)
{
    troupe_ctx *ctx = troupe_outside(fuzz_system);
    troupe_msg *reply = NULL;
    bool there = troupe_child_spec_wait(ctx, supervisor, WAIT_MS, id, &reply) == TROUPE_OK;
    troupe_msg_free(ctx, reply);
    return there;
}

static troupe_status predict(troupe_ref supervisor, const troupe_supervisor *spec,
                             const troupe_child *child)
{
    if (spec->strategy != TROUPE_SIMPLE_ONE_FOR_ONE)
        return knows(supervisor, child->id) ? TROUPE_EEXIST : spec_predict_child(child);
    troupe_child one = spec->children[0];
    if (child && child->args_type) {
        one.args_type = child->args_type;
        one.args = child->args;
    }
    return spec_predict_child(&one);
}

static void check_started(troupe_status expected, troupe_status status, troupe_ref ref)
{
    if (expected == SPEC_UNSURE)
        return;
    FUZZ_CHECK(status == expected, "%s, not %s: %s", troupe_status_name(status),
               troupe_status_name(expected), troupe_error_text(NULL));
    FUZZ_CHECK(status == TROUPE_OK || status == TROUPE_EEXIST || troupe_ref_is_none(ref),
               "a ref with %s", troupe_status_name(status));
}

// It is told if there is a child of that id already, also with an error.
static void check_ref_of_refused(troupe_ref supervisor, const troupe_child *child, troupe_ref ref)
{
    troupe_ref there = {0, 0, 0};
    if (child && child->id)
        (void)troupe_child_ref(troupe_outside(fuzz_system), supervisor, child->id, &there);
    FUZZ_CHECK(troupe_ref_is_none(ref) || troupe_ref_equal(ref, there), "the ref of nobody");
}

// False: there is no end to what it does.
static bool start_child(struct fuzz_bytes *bytes)
{
    const troupe_supervisor *spec;
    const char *name;
    troupe_ctx *ctx = troupe_outside(fuzz_system);
    troupe_ref ref, supervisor = choose_supervisor(bytes, &spec, &name);
    struct spec_verdict verdict;
    const troupe_child *child = spec_make_child(bytes);
    spec_judge_child(spec, name, child, &verdict);
    troupe_status expected = verdict.count ? TROUPE_OK : predict(supervisor, spec, child);
    // The first answer to a request takes memory that stays.
    (void)troupe_delete_child_wait(ctx, supervisor, WAIT_MS, "nobody");
    struct before before = look();
    if (troupe_incarnation(ctx, supervisor) == 0)
        return true;
    troupe_status status =
        troupe_start_child_wait(ctx, supervisor, WAIT_MS, spec_pass_child(child), &ref);
    spec_forget_passed();
    fuzz_trace("start child: %s %s", troupe_status_name(status), troupe_error_text(ctx));
    if (spec_check_refusal(&verdict, "troupe_start_child_wait: ", status)) {
        check_ref_of_refused(supervisor, child, ref);
        if (fuzz_now() == before.now) // else others may have restarted
            check_nothing_changed(&before);
    } else {
        check_started(expected, status, ref);
    }
    return fuzz_settle();
}

// Has some child end, by itself or otherwise. False: there is no end to it.
static bool end_child(struct fuzz_bytes *bytes)
{
    troupe_ctx *ctx = troupe_outside(fuzz_system);
    uint32_t dice = fuzz_byte(bytes);
    size_t count = try.spec->child_count;
    const char *id = count ? try.spec->children[dice / 4 % count].id : NULL;
    troupe_ref ref;
    if (id == NULL || troupe_child_ref(ctx, try.supervisor, id, &ref) != TROUPE_OK)
        return true;
    if (dice % 4 == 0)
        (void)troupe_send(ctx, ref, SpecFall);
    else if (dice % 4 == 1)
        (void)troupe_send(ctx, ref, SpecLeave);
    else if (dice % 4 == 2)
        (void)troupe_kill(ctx, ref);
    else
        (void)troupe_stop_child_wait(ctx, try.supervisor, WAIT_MS, id);
    return fuzz_advance(fuzz_byte(bytes));
}

static void live(struct fuzz_bytes *bytes, troupe_tree_format format)
{
    bool rests = true;
    for (int i = 0; i < 4 && rests && fuzz_more(bytes); i++)
        rests = start_child(bytes);
    for (int i = 0; i < 8 && rests && fuzz_more(bytes); i++)
        rests = end_child(bytes);
    spec_look_at_tree(try.supervisor, format, 0);
    if (rests && fuzz_byte(bytes) % 2) {
        (void)troupe_stop(troupe_outside(fuzz_system), try.supervisor);
        (void)fuzz_advance(10000);
    }
}

// ---- An input

static void begin(struct fuzz_bytes *bytes)
{
    uint32_t seed = fuzz_byte(bytes);
    fuzz_memory = (struct fuzz_memory){0};
    (void)fuzz_start(seed, NULL);
    troupe_ctx *ctx = troupe_outside(fuzz_system);
    const troupe_spawn_opts holds = {.register_as = SPEC_TAKEN_NAME};
    FUZZ_CHECK(troupe_spawn(ctx, &somebody, &holds, &try.holder) == TROUPE_OK &&
                   troupe_spawn(ctx, &somebody, NULL, &try.host) == TROUPE_OK,
               "%s", troupe_error_text(ctx));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct fuzz_bytes bytes = {input, input + size};
    uint32_t dice = fuzz_byte(&bytes);
    uint32_t fail_after = dice >= 192 ? 1 + fuzz_byte(&bytes) : 0;
    troupe_tree_format format = (troupe_tree_format)(dice / 4 % 3);
    struct spec_verdict verdict;
    const char *culprit = NULL;
    memset(&try, 0, sizeof try);
    try.caller = (enum caller)(dice % CALLERS);
    try.status = SPEC_UNSURE;
    try.fail_after = fail_after;
    begin(&bytes);
    try.spec = spec_make(&bytes);
    spec_judge(try.spec, &verdict);
    spec_look_at_print(try.spec, &verdict, format);
    troupe_status expected = verdict.count ? SPEC_UNSURE : spec_predict(try.spec, &culprit);
    struct before before = look();
    call_it();
    fuzz_trace("supervise: %s %s", troupe_status_name(try.status), try.text);
    if (fuzz_memory_failed())
        expected = SPEC_UNSURE;
    if (!had_no_memory(&before) && !was_refused(&verdict, &before) &&
        check_start(expected, culprit, format))
        live(&bytes, format);
    fuzz_stop(NULL);
    spec_forget();
    return 0;
}
