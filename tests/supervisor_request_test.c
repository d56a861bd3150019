// Requests to supervisors as asks: those of actors, those whose outcome nobody wants to know, those
// that time out, and those that cannot be made. What they do: supervisor_children_test.c.
#include "tests/support/tree.h"

#include <stdio.h>
#include <string.h>

static const troupe_child two[] = {PUPPET("a"), PUPPET("b")};
static const troupe_child dead = PUPPET("c", .restart = (troupe_restart)9);
static const troupe_child c = PUPPET("c"), d = PUPPET("d");
static const troupe_supervisor pair = {.max_restarts = MANY, TREE(two)};

// ---- Actors ask

static char start[] = "start", stop[] = "stop", stop_ref[] = "stop ref", restart[] = "restart",
            delete[] = "delete", which[] = "which", count[] = "count", spec[] = "spec";

static troupe_status ask_everything(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    troupe_ref top = *(troupe_ref *)arg, b;
    (void)puppet;
    WORLD_CHECK(troupe_child_ref(ctx, top, "b", &b) == TROUPE_OK);
    WORLD_CHECK(troupe_start_child(ctx, top, 0, tree_say_outcome, start, &c) == TROUPE_OK);
    WORLD_CHECK(troupe_stop_child(ctx, top, 0, tree_say_outcome, stop, "a") == TROUPE_OK);
    WORLD_CHECK(troupe_stop_child_ref(ctx, top, 0, tree_say_outcome, stop_ref, b) == TROUPE_OK);
    return TROUPE_OK;
}

static troupe_status ask_more(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    troupe_ref top = *(troupe_ref *)arg;
    (void)puppet;
    WORLD_CHECK(troupe_restart_child(ctx, top, 0, tree_say_outcome, restart, "a") == TROUPE_OK);
    WORLD_CHECK(troupe_delete_child(ctx, top, 0, tree_say_outcome, delete, "b") == TROUPE_OK);
    return TROUPE_OK;
}

static troupe_status ask_how_it_is(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    troupe_ref top = *(troupe_ref *)arg;
    (void)puppet;
    WORLD_CHECK(troupe_which_children(ctx, top, 0, tree_say_outcome, which) == TROUPE_OK);
    WORLD_CHECK(troupe_count_children(ctx, top, 0, tree_say_outcome, count) == TROUPE_OK);
    return troupe_child_spec(ctx, top, 0, tree_say_outcome, spec, "c");
}

WORLD_STORY(actors_ask_and_their_function_is_called_with_the_outcome)
{
    troupe_ref top = tree_start(world, &pair);
    troupe_ref asker = world_spawn(world, "asker", NULL, NULL);
    world_do(world, asker, ask_everything, &top);
    world_await(world, "asker", "start: TROUPE_OK");
    world_await(world, "asker", "stop: TROUPE_OK");
    world_await(world, "asker", "stop ref: TROUPE_OK");
    world_do(world, asker, ask_more, &top);
    world_await(world, "asker", "restart: TROUPE_OK");
    world_await(world, "asker", "delete: TROUPE_OK");
    world_do(world, asker, ask_how_it_is, &top);
    world_await(world, "asker", "which: a running 1, c running 1");
    world_await(world, "asker", "count: 2 2 0 2");
    world_await(world, "asker", "spec: c");
}

static troupe_status ask_in_vain(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    troupe_ref top = *(troupe_ref *)arg;
    (void)puppet;
    WORLD_CHECK(troupe_start_child(ctx, top, 0, tree_say_outcome, start, two) == TROUPE_OK);
    WORLD_CHECK(troupe_stop_child(ctx, top, 0, tree_say_outcome, stop, "x") == TROUPE_OK);
    WORLD_CHECK(troupe_restart_child(ctx, top, 0, tree_say_outcome, restart, "a") == TROUPE_OK);
    WORLD_CHECK(troupe_delete_child(ctx, top, 0, tree_say_outcome, delete, "a") == TROUPE_OK);
    return troupe_child_spec(ctx, top, 0, tree_say_outcome, spec, "x");
}

WORLD_STORY(errors_of_the_supervisor_are_replies)
{
    troupe_ref top = tree_start(world, &pair);
    world_do(world, world_spawn(world, "asker", NULL, NULL), ask_in_vain, &top);
    world_await_all(world, "asker",
                    "init 1; start: TROUPE_EEXIST; stop: TROUPE_ENOENT; restart: TROUPE_EBUSY; "
                    "delete: TROUPE_EBUSY; spec: TROUPE_ENOENT");
}

static troupe_status check_reply(troupe_ctx *ctx, void *state, void *user,
                                 const troupe_outcome *outcome)
{
    (void)state;
    const troupe_child_reply *reply = troupe_match(outcome->reply, troupe_child_reply);
    WORLD_CHECK(reply != NULL);
    puppet_say(ctx, "%s %d %d", troupe_status_name(reply->status),
               troupe_ref_equal(reply->ref, *(troupe_ref *)user),
               strstr(reply->text, "\"a\"") != NULL);
    return TROUPE_OK;
}

static troupe_status ask_for_ref(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    return troupe_restart_child(ctx, puppet->other, 0, check_reply, arg, "a");
}

static troupe_status set_other(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    (void)ctx;
    puppet->other = *(troupe_ref *)ref;
    return TROUPE_OK;
}

WORLD_STORY(a_reply_holds_the_ref_and_the_text)
{
    troupe_ref top = tree_start(world, &pair), a = tree_child(world, top, "a");
    troupe_ref asker = world_spawn(world, "asker", NULL, NULL);
    world_do(world, asker, set_other, &top);
    world_do(world, asker, ask_for_ref, &a);
    world_await_all(world, "asker", "init 1; TROUPE_EBUSY 1 1");
}

static troupe_status ask_own_supervisor(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    return troupe_start_child(ctx, troupe_owner(ctx), 0, tree_say_outcome, start, &c);
}

WORLD_STORY(a_child_may_ask_its_own_supervisor)
{
    troupe_ref top = tree_start(world, &pair);
    world_do(world, tree_child(world, top, "a"), ask_own_supervisor, NULL);
    world_await_all(world, "a", "init 1; start: TROUPE_OK");
    tree_expect(world, top, "a running 1, b running 1, c running 1");
}

static troupe_status stop_oneself(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    return troupe_stop_child(ctx, troupe_owner(ctx), 0, tree_say_outcome, stop, "a");
}

WORLD_STORY(a_child_may_have_itself_stopped)
{
    troupe_ref top = tree_start(world, &pair);
    world_do(world, tree_child(world, top, "a"), stop_oneself, NULL);
    tree_await(world, top, "a stopped, b running 1");
    world_expect(world, "a", "init 1; stop shutdown");
}

// ---- Nobody wants to know

WORLD_STORY(threads_may_ask_without_waiting_when_nobody_wants_to_know)
{
    troupe_ref top = tree_start(world, &pair);
    assert_int_equal(troupe_start_child(world->ctx, top, 0, NULL, NULL, &c), TROUPE_OK);
    assert_int_equal(troupe_start_child(world->ctx, top, 0, NULL, NULL, &c), TROUPE_OK); // in vain
    assert_int_equal(troupe_stop_child(world->ctx, top, 0, NULL, NULL, "a"), TROUPE_OK);
    assert_int_equal(troupe_stop_child(world->ctx, top, 0, NULL, NULL, "b"), TROUPE_OK);
    tree_await(world, top, "a stopped, b stopped, c running 1");
    assert_int_equal(troupe_restart_child(world->ctx, top, 0, NULL, NULL, "a"), TROUPE_OK);
    assert_int_equal(troupe_delete_child(world->ctx, top, 0, NULL, NULL, "b"), TROUPE_OK);
    tree_await(world, top, "a running 1, c running 1");
    troupe_ref a = tree_child(world, top, "a");
    assert_int_equal(troupe_stop_child_ref(world->ctx, top, 0, NULL, NULL, a), TROUPE_OK);
    tree_await(world, top, "a stopped, c running 1");
    world_expect(world, "dead", "");
}

WORLD_STORY(threads_cannot_be_called_with_an_outcome)
{
    troupe_ref top = tree_start(world, &pair);
    assert_int_equal(troupe_start_child(world->ctx, top, 0, tree_say_outcome, NULL, &c),
                     TROUPE_ENOTSUP);
    tree_expect(world, top, "a running 1, b running 1");
}

static troupe_status start_unasked(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    return troupe_start_child(ctx, *(troupe_ref *)arg, 0, NULL, NULL, &c);
}

WORLD_STORY(actors_need_not_want_to_know)
{
    troupe_ref top = tree_start(world, &pair);
    world_do(world, world_spawn(world, "asker", NULL, NULL), start_unasked, &top);
    tree_await(world, top, "a running 1, b running 1, c running 1");
    world_expect(world, "asker", "init 1");
}

// ---- The supervisor ends first, or takes its time

static troupe_status stop_and_ask(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    troupe_ref top = *(troupe_ref *)arg;
    (void)puppet;
    WORLD_CHECK(troupe_kill(ctx, top) == TROUPE_OK);
    troupe_status status = troupe_start_child(ctx, top, 0, tree_say_outcome, start, &c);
    if (status != TROUPE_OK)
        puppet_say(ctx, "%s", troupe_status_name(status));
    return TROUPE_OK;
}

static bool has_been_told(struct world *world, void *arg)
{
    (void)arg; // on threads the kill may be carried out before the request is made
    return world_heard(world, "asker", "start: down killed") == 1 ||
           world_heard(world, "asker", "start: down noactor") == 1 ||
           world_heard(world, "asker", "TROUPE_EDEAD") == 1;
}

WORLD_STORY(a_request_ends_when_the_supervisor_ends_first)
{
    troupe_ref top = tree_start(world, &pair);
    world_do(world, world_spawn(world, "asker", NULL, NULL), stop_and_ask, &top);
    world_join(world, top);
    world_until(world, has_been_told, NULL);
    assert_int_equal(world_heard(world, "c", "init 1"), 0);
}

static const troupe_child waiting[] = {PUPPET("a", .backoff = {.min_ms = 60000}), PUPPET("b")};

// All wait for the backoff of "a" first: the group restart is under way.
static troupe_ref start_waiting(struct world *world)
{
    troupe_supervisor group = {.strategy = TROUPE_ONE_FOR_ALL, TREE(waiting)};
    troupe_ref top = tree_start(world, &group);
    tree_fail(world, top, "a");
    tree_await(world, top, "a restarting, b restarting");
    world_settle(world);
    return top;
}

// The text of the last error, with a ref for the %s of `format`.
static void expect_text_about(struct world *world, const char *format, troupe_ref ref)
{
    char name[TROUPE_REF_TEXT], text[256];
    const char *at = strstr(format, "%s");
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - format), format, troupe_ref_print(ref, name),
             at + 2);
    assert_string_equal(troupe_error_text(world->ctx), text);
}

WORLD_STORY_DRIVEN(a_request_times_out_after_five_seconds_by_default)
{
    troupe_ref top = start_waiting(world), ref;
    uint64_t before = troupe_now_ns(world->ctx);
    assert_int_equal(troupe_start_child_wait(world->ctx, top, 0, &c, &ref), TROUPE_ETIMEDOUT);
    assert_true(troupe_ref_is_none(ref));
    uint64_t took = troupe_now_ns(world->ctx) - before;
    assert_in_range(took, 5000000000, 5010000000);
}

WORLD_STORY_DRIVEN(a_request_times_out_as_it_says)
{
    troupe_ref top = start_waiting(world), ref;
    uint64_t before = troupe_now_ns(world->ctx);
    assert_int_equal(troupe_start_child_wait(world->ctx, top, 100, &c, &ref), TROUPE_ETIMEDOUT);
    assert_in_range(troupe_now_ns(world->ctx) - before, 100000000, 110000000);
    expect_text_about(world,
                      "troupe_start_child_wait: the deadline passed: %s has not answered the "
                      "request in 100 ms",
                      top);
}

WORLD_STORY_DRIVEN(a_request_without_limit_waits)
{
    troupe_ref top = start_waiting(world), ref;
    assert_int_equal(troupe_start_child_wait(world->ctx, top, TROUPE_NO_LIMIT, &c, &ref),
                     TROUPE_OK);
    assert_true(troupe_now_ns(world->ctx) >= 60000000000);
    tree_expect(world, top, "a running 2, b running 2, c running 1");
}

static troupe_status ask_with_little_time(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    return troupe_start_child(ctx, *(troupe_ref *)arg, 10, tree_say_outcome, start, &c);
}

WORLD_STORY_DRIVEN(an_actors_request_times_out)
{
    troupe_ref top = start_waiting(world);
    world_do(world, world_spawn(world, "asker", NULL, NULL), ask_with_little_time, &top);
    world_await_all(world, "asker", "init 1; start: no reply: TROUPE_ETIMEDOUT");
}

WORLD_STORY_DRIVEN(a_start_that_waits_ends_with_the_supervisor)
{
    troupe_ref top = start_waiting(world);
    world_do(world, world_spawn(world, "asker", NULL, NULL), ask_with_little_time, &top);
    troupe_kill(world->ctx, top);
    world_await_all(world, "asker", "init 1; start: down killed");
    world_join(world, top);
    world_expect(world, "c", "");
}

// ---- What cannot be asked

#define EXPECT_ALL(status, ctx, top)                                                        \
    do {                                                                                    \
        troupe_ref ref_ = {1, 2, 3};                                                        \
        troupe_msg *reply_ = NULL;                                                          \
        troupe_child_count count_;                                                          \
        assert_int_equal(troupe_start_child_wait((ctx), (top), 0, &c, &ref_), (status));    \
        assert_true(troupe_ref_is_none(ref_));                                              \
        assert_int_equal(troupe_stop_child_wait((ctx), (top), 0, "a"), (status));           \
        assert_int_equal(troupe_stop_child_ref_wait((ctx), (top), 0, (top)), (status));     \
        assert_int_equal(troupe_restart_child_wait((ctx), (top), 0, "a", &ref_), (status)); \
        assert_int_equal(troupe_delete_child_wait((ctx), (top), 0, "a"), (status));         \
        assert_int_equal(troupe_which_children_wait((ctx), (top), 0, &reply_), (status));   \
        assert_int_equal(troupe_count_children_wait((ctx), (top), 0, &count_), (status));   \
        assert_int_equal(troupe_child_spec_wait((ctx), (top), 0, "a", &reply_), (status));  \
        assert_null(reply_);                                                                \
    } while (0)

WORLD_STORY(an_actor_that_is_no_supervisor_gives_no_reply)
{
    troupe_ref puppet = world_spawn(world, "puppet", NULL, NULL);
    EXPECT_ALL(TROUPE_ENOREPLY, world->ctx, puppet);
    expect_text_about(world, "troupe_child_spec_wait: %s is not a supervisor", puppet);
    world_sync(world, puppet);
}

WORLD_STORY(a_dead_supervisor_is_dead)
{
    troupe_ref top = tree_start(world, &pair);
    troupe_stop(world->ctx, top);
    world_join(world, top);
    EXPECT_ALL(TROUPE_EDEAD, world->ctx, top);
    expect_text_about(world, "troupe_child_spec_wait: the target %s does not exist (any more)",
                      top);
    assert_int_equal(troupe_stop_child(world->ctx, top, 0, NULL, NULL, "a"), TROUPE_EDEAD);
    top = (troupe_ref){0, 0, 0};
    assert_int_equal(troupe_stop_child(world->ctx, top, 0, NULL, NULL, "a"), TROUPE_EDEAD);
    assert_string_equal(troupe_error_text(world->ctx),
                        "troupe_stop_child: the target is the zero ref");
}

static troupe_status ask_blocking(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    troupe_ref top = *(troupe_ref *)arg, ref;
    (void)puppet;
    WORLD_CHECK(troupe_start_child_wait(ctx, top, 0, &c, &ref) == TROUPE_ENOTSUP);
    WORLD_CHECK(troupe_stop_child_wait(ctx, top, 0, "a") == TROUPE_ENOTSUP);
    return TROUPE_OK;
}

WORLD_STORY(actors_cannot_wait)
{
    troupe_ref top = tree_start(world, &pair);
    world_do(world, world_spawn(world, "asker", NULL, NULL), ask_blocking, &top);
    tree_expect(world, top, "a running 1, b running 1");
}

static void expect_invalid(struct world *world, troupe_status status, const char *part)
{
    assert_int_equal(status, TROUPE_EINVAL);
    if (strstr(troupe_error_text(world->ctx), part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", troupe_error_text(world->ctx), part);
}

WORLD_STORY(wrong_arguments_are_refused_at_once)
{
    troupe_ref top = tree_start(world, &pair);
    troupe_ctx *ctx = world->ctx;
    expect_invalid(world, troupe_stop_child(ctx, top, 0, NULL, NULL, NULL), "id is NULL");
    expect_invalid(world, troupe_restart_child(ctx, top, 0, NULL, NULL, NULL), "id is NULL");
    expect_invalid(world, troupe_delete_child(ctx, top, 0, NULL, NULL, NULL), "id is NULL");
    expect_invalid(world, troupe_stop_child_wait(ctx, top, 0, NULL), "id is NULL");
    expect_invalid(world, troupe_start_child(ctx, top, 0, NULL, NULL, &dead), "restart is 9");
    expect_invalid(world, troupe_which_children_wait(ctx, top, 0, NULL), "reply is NULL");
    expect_invalid(world, troupe_count_children_wait(ctx, top, 0, NULL), "count is NULL");
    expect_invalid(world, troupe_child_spec_wait(ctx, top, 0, "a", NULL), "reply is NULL");
    tree_expect(world, top, "a running 1, b running 1");
}

WORLD_STORY(a_child_that_does_not_fit_is_refused_with_a_text_that_names_it)
{
    troupe_ref top = tree_start(world, &pair), ref;
    troupe_ctx *ctx = world->ctx;
    troupe_child child = PUPPET(NULL);
    expect_invalid(world, troupe_start_child_wait(ctx, top, 0, &child, &ref), "id");
    expect_invalid(world, troupe_start_child_wait(ctx, top, 0, NULL, &ref), "template");
    child = (troupe_child){.id = "c"};
    expect_invalid(world, troupe_start_child_wait(ctx, top, 0, &child, &ref),
                   "child \"c\": give either a behavior or a supervisor");
    expect_invalid(world, troupe_start_child_wait(ctx, top, 0, &dead, &ref),
                   "troupe_start_child_wait: top: child \"c\": restart is 9");
    const troupe_child twins[] = {PUPPET("x"), PUPPET("x")};
    troupe_supervisor nested = {TREE(twins)};
    child = (troupe_child){.id = "n", .supervisor = &nested};
    expect_invalid(world, troupe_start_child_wait(ctx, top, 0, &child, &ref),
                   "two children have the id \"x\"");
    nested = (troupe_supervisor){.children = &dead, .child_count = 1};
    expect_invalid(world, troupe_start_child_wait(ctx, top, 0, &child, &ref),
                   "troupe_start_child_wait: top / n: child \"c\": restart is 9");
    child = (troupe_child)PUPPET("c", .place = TROUPE_IN_PROCESS);
    assert_int_equal(troupe_start_child_wait(ctx, top, 0, &child, &ref), TROUPE_ENOTSUP);
    tree_expect(world, top, "a running 1, b running 1");
}

WORLD_STORY(a_refusal_does_not_concern_later_requests)
{
    troupe_ref top = tree_start(world, &pair), ref;
    assert_int_equal(troupe_start_child_wait(world->ctx, top, 0, &dead, &ref), TROUPE_EINVAL);
    assert_int_equal(troupe_start_child_wait(world->ctx, top, 0, &c, &ref), TROUPE_OK);
    assert_int_equal(troupe_start_child_wait(world->ctx, top, 0, &d, NULL), TROUPE_OK);
    tree_expect(world, top, "a running 1, b running 1, c running 1, d running 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(actors_ask_and_their_function_is_called_with_the_outcome),
        cmocka_unit_test(errors_of_the_supervisor_are_replies),
        cmocka_unit_test(a_reply_holds_the_ref_and_the_text),
        cmocka_unit_test(a_child_may_ask_its_own_supervisor),
        cmocka_unit_test(a_child_may_have_itself_stopped),
        cmocka_unit_test(threads_may_ask_without_waiting_when_nobody_wants_to_know),
        cmocka_unit_test(threads_cannot_be_called_with_an_outcome),
        cmocka_unit_test(actors_need_not_want_to_know),
        cmocka_unit_test(a_request_ends_when_the_supervisor_ends_first),
        cmocka_unit_test(a_request_times_out_after_five_seconds_by_default),
        cmocka_unit_test(a_request_times_out_as_it_says),
        cmocka_unit_test(a_request_without_limit_waits),
        cmocka_unit_test(an_actors_request_times_out),
        cmocka_unit_test(a_start_that_waits_ends_with_the_supervisor),
        cmocka_unit_test(an_actor_that_is_no_supervisor_gives_no_reply),
        cmocka_unit_test(a_dead_supervisor_is_dead),
        cmocka_unit_test(actors_cannot_wait),
        cmocka_unit_test(wrong_arguments_are_refused_at_once),
        cmocka_unit_test(a_child_that_does_not_fit_is_refused_with_a_text_that_names_it),
        cmocka_unit_test(a_refusal_does_not_concern_later_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
