// Messages: what a send copies, what it refuses, and who owns a message that is moved or taken.
#include "all_kinds_proto2.pb-c.h"
#include "all_kinds_proto3.pb-c.h"
#include "tests/support/world.h"

#include <stdio.h>
#include <string.h>

TROUPE_PROTO(Kinds2__Part, kinds2__part);
TROUPE_PROTO(Kinds3__Order, kinds3__order);
TROUPE_PROTO(Kinds3__AllKinds3, kinds3__all_kinds3);
TROUPE_EMPTY(Question);

static const troupe_ref nobody; // the zero ref

// ---- Sending copies

WORLD_STORY(a_struct_arrives_as_it_was_when_it_was_sent)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    struct number number = {5};
    assert_int_equal(troupe_send_body(world->ctx, a, TROUPE_TYPE(Number), &number), TROUPE_OK);
    number.value = 6;
    world_await_all(world, "a", "init 1; 5");
}

static troupe_status read_protobuf(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const Kinds3__Order *order = troupe_match(msg, Kinds3__Order);
    if (order) {
        puppet_say(ctx, "order of <%s>", order->customer);
        for (size_t i = 0; i < order->n_items; i++)
            puppet_say(ctx, "item <%s>", order->items[i]->name);
    }
    const Kinds2__Part *part = troupe_match(msg, Kinds2__Part);
    if (part)
        puppet_say(ctx, "part <%s> %d has %d", part->name, (int)part->count, part->has_count);
    return TROUPE_OK;
}

static troupe_status be_reader(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    return troupe_become(ctx, read_protobuf);
}

WORLD_STORY(a_protobuf_message_is_copied_to_its_last_string)
{
    troupe_ref a = world_spawn(world, "a", be_reader, NULL);
    char customer[] = "Ann", item[] = "tea";
    Kinds3__Item tea;
    Kinds3__Item *items[] = {&tea};
    kinds3__item__init(&tea);
    tea.name = item;
    assert_int_equal(troupe_send(world->ctx, a, Kinds3__Order, .customer = customer, .n_items = 1,
                                 .items = items),
                     TROUPE_OK);
    strcpy(customer, "Bob");
    strcpy(item, "rum");
    items[0] = NULL;
    world_await_all(world, "a", "init 1; order of <Ann>; item <tea>");
}

WORLD_STORY(unset_fields_of_a_protobuf_message_have_their_defaults)
{
    troupe_ref a = world_spawn(world, "a", be_reader, NULL);
    char name[] = "hub";
    assert_int_equal(troupe_send(world->ctx, a, Kinds3__Order), TROUPE_OK);
    assert_int_equal(troupe_send(world->ctx, a, Kinds2__Part, .name = name), TROUPE_OK);
    world_await_all(world, "a", "init 1; order of <>; part <hub> 7 has 0");
}

static troupe_status read_large(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const Kinds3__AllKinds3 *large = troupe_match(msg, Kinds3__AllKinds3);
    bool whole = large && large->data.data[0] == 7 && large->data.data[large->data.len - 1] == 9;
    puppet_say(ctx, "%s %zu", whole ? "whole" : "torn", large ? large->data.len : 0);
    return troupe_reply(ctx, Sync);
}

static troupe_status be_large(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet;
    (void)arg;
    return troupe_become(ctx, read_large);
}

WORLD_STORY_DRIVEN(a_message_may_be_larger_than_what_a_block_s_header_can_say)
{
    enum { SIZE = 5000000 };

    static uint8_t bytes[SIZE] = {[0] = 7, [SIZE - 1] = 9};
    troupe_ref a = world_spawn(world, "a", be_large, NULL);
    const ProtobufCBinaryData data = {.len = SIZE, .data = bytes};
    assert_int_equal(troupe_send(world->ctx, a, Kinds3__AllKinds3, .data = data), TROUPE_OK);
    assert_int_equal(troupe_call(world->ctx, a, 0, NULL, Kinds3__AllKinds3, .data = data),
                     TROUPE_OK);
    assert_int_equal(troupe_send_many(world->ctx, &a, 1, NULL, Kinds3__AllKinds3, .data = data),
                     TROUPE_OK);
    world_await_all(world, "a", "init 1; whole 5000000; whole 5000000; whole 5000000");
}

static uint64_t sent(struct world *world)
{
    troupe_stats stats;
    troupe_system_stats(world->system, &stats);
    return stats.sent;
}

WORLD_STORY(what_cannot_be_packed_is_refused_and_nothing_is_sent)
{
    troupe_ref a = world_spawn(world, "a", be_reader, NULL);
    uint64_t before = sent(world);
    assert_int_equal(troupe_send(world->ctx, a, Kinds2__Part), TROUPE_EINVAL);
    assert_non_null(strstr(troupe_error_text(world->ctx), "name"));
    assert_int_equal(troupe_send(world->ctx, a, Kinds3__Order, .n_items = 3), TROUPE_EINVAL);
    assert_non_null(strstr(troupe_error_text(world->ctx), "items"));
    size_t failed;
    assert_int_equal(troupe_send_many(world->ctx, &a, 1, &failed, Kinds2__Part), TROUPE_EINVAL);
    assert_int_equal(sent(world), before);
}

WORLD_STORY(a_send_to_nobody_is_an_error_and_a_dead_letter)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    troupe_stop(world->ctx, a);
    world_join(world, a);
    troupe_ref far = {.system = a.system, .slot = 1000000, .generation = 1};
    const troupe_ref dead[] = {a, nobody, far};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(troupe_send(world->ctx, dead[i], Number, .value = i), TROUPE_EDEAD);
        assert_non_null(strstr(troupe_error_text(world->ctx), "Number"));
    }
    world_expect(world, "dead", "Number 0 no target; Number 1 no target; Number 2 no target");
}

static troupe_status ask_unknown(troupe_ctx *ctx, struct puppet *puppet, void *to)
{
    (void)puppet;
    return troupe_send(ctx, *(troupe_ref *)to, Question);
}

WORLD_STORY(a_message_that_the_handler_does_not_know_is_a_dead_letter)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    world_do(world, a, ask_unknown, &a);
    world_sync(world, a);
    world_expect(world, "dead", "Question unhandled");
    world_expect(world, "a", "init 1");
}

// ---- Messages built in place

WORLD_STORY(a_message_built_in_place_is_handed_over)
{
    troupe_ref a = world_spawn(world, "a", be_reader, NULL);
    troupe_msg *msg;
    Kinds3__Order *order = troupe_msg_new(world->ctx, Kinds3__Order, &msg);
    assert_non_null(order);
    assert_string_equal(order->customer, ""); // protobuf's default
    order->customer = troupe_msg_alloc(world->ctx, msg, 100);
    strcpy(order->customer, "Ann");
    order->n_items = 1;
    order->items = troupe_msg_alloc(world->ctx, msg, sizeof *order->items);
    order->items[0] = troupe_msg_alloc(world->ctx, msg, sizeof *order->items[0]);
    kinds3__item__init(order->items[0]);
    assert_int_equal(troupe_move(world->ctx, a, msg), TROUPE_OK);
    world_await_all(world, "a", "init 1; order of <Ann>; item <>");
}

WORLD_STORY(after_a_failed_move_the_message_is_still_the_caller_s)
{
    troupe_ref a = world_spawn(world, "a", NULL, NULL);
    troupe_msg *msg;
    struct number *number = troupe_msg_new(world->ctx, Number, &msg);
    assert_int_equal(number->value, 0);
    number->value = 1;
    assert_int_equal(troupe_move(world->ctx, nobody, msg), TROUPE_EDEAD);
    number->value = 2;
    assert_int_equal(troupe_move(world->ctx, a, msg), TROUPE_OK);
    world_await_all(world, "a", "init 1; 2");
    world_expect(world, "dead", "Number 1 no target");

    Kinds2__Part *part = troupe_msg_new(world->ctx, Kinds2__Part, &msg);
    part->name = NULL;
    assert_int_equal(troupe_move(world->ctx, a, msg), TROUPE_EINVAL);
    assert_non_null(strstr(troupe_error_text(world->ctx), "name"));
    troupe_msg_free(world->ctx, msg);
    assert_int_equal(troupe_move(world->ctx, a, NULL), TROUPE_EINVAL);
    troupe_msg_free(world->ctx, NULL);
}

// ---- Taking a message

static troupe_status take(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct puppet *puppet = state;
    if (troupe_match(msg, Sync)) {
        troupe_msg *again, *own = puppet->message;
        if (own)
            WORLD_CHECK(troupe_move(ctx, puppet->other, own) == TROUPE_OK);
        puppet->message = NULL;
        WORLD_CHECK(troupe_msg_take(ctx, own, &again) == TROUPE_EINVAL && again == NULL);
        return troupe_reply(ctx, Sync);
    }
    const struct number *number = troupe_match(msg, Number);
    int64_t value = number ? number->value : -1;
    troupe_msg *own, *again;
    WORLD_CHECK(troupe_msg_take(ctx, msg, &own) == TROUPE_OK);
    WORLD_CHECK(troupe_msg_take(ctx, msg, &again) == TROUPE_EINVAL);
    WORLD_CHECK(troupe_forward(ctx, puppet->other, msg) == TROUPE_EINVAL);
    WORLD_CHECK(troupe_stash(ctx, msg) == TROUPE_EINVAL);
    WORLD_CHECK(troupe_reply(ctx, Number, .value = 0) == TROUPE_EALREADY);
    if (value == 1) // at once, or when the next Sync comes, or never
        WORLD_CHECK(troupe_move(ctx, puppet->other, own) == TROUPE_OK);
    else if (value == 2)
        puppet->message = own;
    else
        troupe_msg_free(ctx, own);
    return TROUPE_OK;
}

static troupe_status be_taker(troupe_ctx *ctx, struct puppet *puppet, void *to)
{
    puppet->other = *(troupe_ref *)to;
    return troupe_become(ctx, take);
}

WORLD_STORY(a_taken_message_is_the_handler_s_own)
{
    troupe_ref b = world_spawn(world, "b", NULL, NULL);
    troupe_ref a = world_spawn(world, "a", be_taker, &b);
    for (int i = 1; i <= 3; i++)
        troupe_send(world->ctx, a, Number, .value = i);
    world_sync(world, a);
    world_await_all(world, "b", "init 1; 1; 2");
    assert_int_equal(troupe_call(world->ctx, a, 0, NULL, Number, .value = 1), TROUPE_ENOREPLY);
    world_await_all(world, "b", "init 1; 1; 2; 1");
}

static troupe_status take_what_has_no_owner(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    troupe_msg *own;
    if (troupe_match(msg, Sync))
        return troupe_reply(ctx, Sync);
    WORLD_CHECK(troupe_msg_take(ctx, msg, &own) == TROUPE_ENOTSUP && own == NULL);
    WORLD_CHECK(troupe_move(ctx, troupe_self(ctx), (troupe_msg *)(uintptr_t)msg) == TROUPE_EINVAL);
    puppet_say(ctx, "refused");
    return TROUPE_OK;
}

static troupe_status be_refused(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)arg;
    WORLD_CHECK(troupe_after(ctx, 0, troupe_self(ctx), &puppet->timer, Number, .value = 1) ==
                TROUPE_OK);
    return troupe_become(ctx, take_what_has_no_owner);
}

WORLD_STORY(what_is_shared_or_the_runtime_s_cannot_be_taken)
{
    troupe_ref a = world_spawn(world, "a", be_refused, NULL);
    world_await_all(world, "a", "init 1; refused");
    assert_int_equal(troupe_send_many(world->ctx, &a, 1, NULL, Number, .value = 2), TROUPE_OK);
    world_await_all(world, "a", "init 1; refused; refused");
}

// ---- Sending to many

WORLD_STORY(one_message_reaches_many_and_those_it_does_not_reach_are_counted)
{
    troupe_ref refs[5] = {[2] = nobody, [4] = nobody};
    refs[0] = world_spawn(world, "a", be_reader, NULL);
    refs[1] = world_spawn(world, "b", be_reader, NULL);
    refs[3] = refs[0];
    char customer[] = "Ann";
    size_t failed = 9;
    assert_int_equal(
        troupe_send_many(world->ctx, refs, 5, &failed, Kinds3__Order, .customer = customer),
        TROUPE_OK);
    assert_int_equal(failed, 2);
    strcpy(customer, "Bob");
    world_await_all(world, "a", "init 1; order of <Ann>; order of <Ann>");
    world_await_all(world, "b", "init 1; order of <Ann>");
    world_expect(world, "dead", "kinds3.Order no target; kinds3.Order no target");
    assert_int_equal(troupe_send_many(world->ctx, NULL, 0, &failed, Sync), TROUPE_OK);
    assert_int_equal(failed, 0);
    assert_int_equal(troupe_send_many(world->ctx, NULL, 2, NULL, Sync), TROUPE_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_struct_arrives_as_it_was_when_it_was_sent),
        cmocka_unit_test(a_protobuf_message_is_copied_to_its_last_string),
        cmocka_unit_test(unset_fields_of_a_protobuf_message_have_their_defaults),
        cmocka_unit_test(a_message_may_be_larger_than_what_a_block_s_header_can_say),
        cmocka_unit_test(what_cannot_be_packed_is_refused_and_nothing_is_sent),
        cmocka_unit_test(a_send_to_nobody_is_an_error_and_a_dead_letter),
        cmocka_unit_test(a_message_that_the_handler_does_not_know_is_a_dead_letter),
        cmocka_unit_test(a_message_built_in_place_is_handed_over),
        cmocka_unit_test(after_a_failed_move_the_message_is_still_the_caller_s),
        cmocka_unit_test(a_taken_message_is_the_handler_s_own),
        cmocka_unit_test(what_is_shared_or_the_runtime_s_cannot_be_taken),
        cmocka_unit_test(one_message_reaches_many_and_those_it_does_not_reach_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
