// Troupe from C++17: the functions with types instead of type objects, and actors as classes.
#include "counter.pb-c.h"

// clang-format off
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
extern "C" {
#include <cmocka.h> // uses the four above
}
// clang-format on

#include <atomic>
#include <cstring>
#include <stdexcept>
#include <string>
#include <troupe/troupe.hpp>

struct Tick {
    int count;
};

struct Fall {
    int how;
};

struct Start {
    std::int64_t sum;
};

TROUPE_CPP_PROTO(Add, add);
TROUPE_CPP_PROTO(Total, total);
TROUPE_CPP_PROTO(Reset, reset);
TROUPE_CPP_STRUCT(Tick);
TROUPE_CPP_STRUCT(Fall);
TROUPE_CPP_STRUCT(Start);

namespace
{

std::atomic<int> alive{0};
std::atomic<int> ticks{0};

Add add_of(std::int64_t amount)
{
    Add add = ADD__INIT;
    add.amount = amount;
    return add;
}

// Holds something that must be destroyed.
class Counter
{
  public:
    Counter(troupe_ctx *, const troupe_msg *args)
    {
        if (auto *start = args ? troupe::match<Start>(args) : nullptr)
            sum_ = start->sum;
        if (sum_ < 0)
            throw std::invalid_argument("a counter starts at 0 or above");
        alive++;
    }

    Counter(const Counter &) = delete;
    Counter &operator=(const Counter &) = delete;

    ~Counter()
    {
        alive--;
    }

    troupe_status receive(troupe_ctx *ctx, const troupe_msg *msg)
    {
        history_ += 'x';
        if (auto *add = troupe::match<Add>(msg)) {
            Total total = TOTAL__INIT;
            total.sum = sum_ += add->amount;
            return troupe::reply(ctx, total);
        }
        if (auto *fall = troupe::match<Fall>(msg)) {
            if (fall->how == 1)
                throw std::runtime_error("fell on purpose");
            throw 42;
        }
        if (auto *tick = troupe::match<Tick>(msg)) {
            ticks += tick->count;
            return TROUPE_OK;
        }
        return TROUPE_UNHANDLED;
    }

  private:
    std::int64_t sum_ = 0;
    std::string history_ = "longer than what fits into a string object itself";
};

const troupe_behavior counter = troupe::behavior<Counter>("counter");

// Asks a counter and answers whoever asked itself, later.
class Asker
{
  public:
    troupe_status receive(troupe_ctx *ctx, const troupe_msg *msg)
    {
        if (auto *add = troupe::match<Add>(msg)) {
            troupe_status status = troupe_token_take(ctx, &token_);
            if (status == TROUPE_OK && troupe_ref_is_none(counter_))
                status = troupe_spawn(ctx, &counter, nullptr, &counter_);
            if (status != TROUPE_OK)
                return status;
            return troupe::ask(ctx, counter_, 1000, *add,
                               [this](troupe_ctx *then, const troupe_outcome &outcome) {
                                   return pass_on(then, outcome);
                               });
        }
        return TROUPE_UNHANDLED;
    }

  private:
    troupe_status pass_on(troupe_ctx *ctx, const troupe_outcome &outcome)
    {
        auto *total = outcome.reply ? troupe::match<Total>(outcome.reply) : nullptr;
        return total ? troupe::reply_to(ctx, token_, *total) : TROUPE_EUSER;
    }

    troupe_ref counter_{};
    troupe_token token_{};
};

const troupe_behavior asker = troupe::behavior<Asker>("asker");

// Watches a counter that falls, under a name, and stops when it has been told of that twice.
class Watcher
{
  public:
    troupe_status receive(troupe_ctx *ctx, const troupe_msg *msg)
    {
        if (troupe::match<Tick>(msg))
            return watch(ctx);
        if (auto *exited = troupe::match<troupe_exited>(msg))
            told_ += exited->reason.kind == TROUPE_FAILED;
        if (auto *down = troupe::match<troupe_down>(msg))
            told_ += down->event == TROUPE_ON_STOP;
        return told_ == 2 ? TROUPE_STOP : TROUPE_OK;
    }

  private:
    static troupe_status watch(troupe_ctx *ctx)
    {
        troupe_spawn_opts opts{};
        opts.register_as = "falling";
        opts.link = true;
        opts.monitor = TROUPE_ON_STOP;
        troupe_status status = troupe_trap_exits(ctx, true);
        if (status == TROUPE_OK)
            status = troupe_spawn(ctx, &counter, &opts, nullptr);
        return status == TROUPE_OK ? troupe::send_name(ctx, "falling", Fall{1}) : status;
    }

    int told_ = 0;
};

const troupe_behavior watcher = troupe::behavior<Watcher>("watcher");

class System
{
  public:
    System()
    {
        troupe_system_opts opts{};
        opts.workers = 1;
        assert_int_equal(troupe_system_start(&opts, &system_), TROUPE_OK);
        ctx = troupe_outside(system_);
    }

    System(const System &) = delete;
    System &operator=(const System &) = delete;

    ~System()
    {
        if (system_)
            troupe_system_stop(system_, 0, nullptr);
    }

    void stop()
    {
        assert_int_equal(troupe_system_stop(system_, 0, nullptr), TROUPE_OK);
        system_ = nullptr;
    }

    troupe_ctx *ctx;

  private:
    troupe_system *system_ = nullptr;
};

std::int64_t call(troupe_ctx *ctx, troupe_ref to, std::int64_t amount)
{
    troupe::message reply(nullptr, {ctx});
    assert_int_equal(troupe::call(ctx, to, 10000, add_of(amount), reply), TROUPE_OK);
    auto *total = troupe::match<Total>(reply.get());
    return total ? total->sum : -1;
}

void an_object_handles_messages_and_is_destroyed_at_the_end(void **)
{
    System system;
    troupe_ref ref;
    assert_int_equal(troupe_spawn(system.ctx, &counter, nullptr, &ref), TROUPE_OK);
    assert_int_equal(call(system.ctx, ref, 5), 5);
    assert_int_equal(call(system.ctx, ref, -7), -2);
    assert_int_equal(alive, 1);
    system.stop();
    assert_int_equal(alive, 0);
}

void a_constructor_gets_the_message_that_the_actor_was_spawned_with(void **)
{
    System system;
    troupe_ref ref;
    assert_int_equal(troupe::spawn(system.ctx, counter, nullptr, &ref, Start{100}), TROUPE_OK);
    assert_int_equal(call(system.ctx, ref, 1), 101);
    system.stop();
}

void an_exception_fails_the_actor_with_what_it_says(void **)
{
    for (int how = 1; how <= 2; how++) {
        System system;
        troupe_ref ref;
        troupe::message reply(nullptr, {system.ctx});
        assert_int_equal(troupe_spawn(system.ctx, &counter, nullptr, &ref), TROUPE_OK);
        assert_int_equal(troupe::call(system.ctx, ref, 10000, Fall{how}, reply), TROUPE_EDOWN);
        assert_non_null(std::strstr(troupe_error_text(system.ctx),
                                    how == 1 ? "fell on purpose" : "unknown type"));
        system.stop();
        assert_int_equal(alive, 0);
    }
}

void a_constructor_that_throws_is_a_failed_start(void **)
{
    System system;
    troupe_ref ref;
    Start start{-1};
    assert_int_equal(troupe_spawn_wait(system.ctx, &counter, nullptr, &ref,
                                       troupe::message_type<Start>::get(), &start),
                     TROUPE_ESTART);
    assert_non_null(std::strstr(troupe_error_text(system.ctx), "starts at 0 or above"));
    assert_int_equal(alive, 0);
    system.stop();
}

void an_ask_s_function_runs_in_the_asking_object(void **)
{
    System system;
    troupe_ref ref;
    assert_int_equal(troupe_spawn(system.ctx, &asker, nullptr, &ref), TROUPE_OK);
    assert_int_equal(call(system.ctx, ref, 20), 20);
    assert_int_equal(call(system.ctx, ref, 3), 23);
    system.stop();
}

void the_c_functions_take_what_the_wrapper_has_no_word_for(void **)
{
    System system;
    troupe_ref ref;
    troupe_timer timer;
    Tick tick{4};
    troupe_type *type = troupe::message_type<Tick>::get();
    ticks = 0;
    assert_int_equal(troupe_spawn(system.ctx, &counter, nullptr, &ref), TROUPE_OK);
    assert_int_equal(troupe_timer_body(system.ctx, 1000000, 0, ref, nullptr, type, &tick),
                     TROUPE_OK);
    assert_int_equal(troupe_every_body(system.ctx, 3600000, ref, &timer, type, &tick), TROUPE_OK);
    assert_int_equal(troupe_timer_cancel(system.ctx, timer), TROUPE_OK);
    const troupe_ref both[] = {ref, troupe_ref{}};
    std::size_t failed = 0;
    assert_int_equal(troupe_send_many_body(system.ctx, both, 2, &failed, type, &tick), TROUPE_OK);
    assert_int_equal(failed, 1);
    troupe_msg *msg;
    auto *placed = static_cast<Tick *>(troupe_msg_new_body(system.ctx, type, &msg));
    placed->count = 2;
    assert_int_equal(troupe_move(system.ctx, ref, msg), TROUPE_OK);
    assert_int_equal(troupe::send<Reset>(system.ctx, ref), TROUPE_OK); // unhandled
    while (ticks < 10)
        assert_int_equal(call(system.ctx, ref, 0), 0);
    system.stop();
}

void what_the_runtime_sends_has_types_too(void **)
{
    System system;
    troupe_ref ref;
    troupe_reason_kind kind;
    assert_int_equal(troupe_spawn(system.ctx, &watcher, nullptr, &ref), TROUPE_OK);
    assert_int_equal(troupe::send(system.ctx, ref, Tick{1}), TROUPE_OK);
    assert_int_equal(troupe_join(system.ctx, ref, TROUPE_NO_LIMIT, &kind), TROUPE_OK);
    assert_true(kind == TROUPE_NORMAL || kind == TROUPE_NOACTOR);
    system.stop();
}

void a_dynamic_child_is_started_with_a_message_for_its_constructor(void **)
{
    System system;
    troupe_ref supervisor;
    troupe_msg *msg;
    troupe_child one{};
    one.behavior = &counter;
    troupe_supervisor many{};
    many.strategy = TROUPE_SIMPLE_ONE_FOR_ONE;
    many.children = &one;
    many.child_count = 1;
    assert_int_equal(troupe_supervise_wait(system.ctx, &many, &supervisor), TROUPE_OK);
    assert_int_equal(troupe::start_child(system.ctx, supervisor, 0, nullptr, nullptr, Start{100}),
                     TROUPE_OK);
    assert_int_equal(troupe_which_children_wait(system.ctx, supervisor, 0, &msg), TROUPE_OK);
    troupe::message reply(msg, {system.ctx});
    auto *children = troupe::match<troupe_children>(reply.get());
    assert_true(children && children->count == 1);
    if (children)
        assert_int_equal(call(system.ctx, children->children[0].ref, 1), 101);
    reply.reset();
    system.stop();
}

} // namespace

int main()
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_handles_messages_and_is_destroyed_at_the_end),
        cmocka_unit_test(a_constructor_gets_the_message_that_the_actor_was_spawned_with),
        cmocka_unit_test(an_exception_fails_the_actor_with_what_it_says),
        cmocka_unit_test(a_constructor_that_throws_is_a_failed_start),
        cmocka_unit_test(an_ask_s_function_runs_in_the_asking_object),
        cmocka_unit_test(what_the_runtime_sends_has_types_too),
        cmocka_unit_test(a_dynamic_child_is_started_with_a_message_for_its_constructor),
        cmocka_unit_test(the_c_functions_take_what_the_wrapper_has_no_word_for),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
