// Troupe for C++17: the C functions with types instead of type objects, and actors as classes.
//
//     TROUPE_CPP_STRUCT(Add);              // in the global namespace, before it is used
//     TROUPE_CPP_PROTO(Deposit, deposit);  // a protobuf-c message
//     const troupe_behavior counter = troupe::behavior<Counter>("counter");  // a class
//
//     if (auto *add = troupe::match<Add>(msg))
//         return troupe::reply(ctx, Total{sum_ += add->amount});
//
// There is nothing to link: all of it is templates over troupe.h, which is used beside it. No
// exception leaves an actor: one that escapes its functions fails it with TROUPE_EUSER and what().
#ifndef TROUPE_HPP
#define TROUPE_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <troupe.h>
#include <type_traits>

namespace troupe
{

// The type object of a message type; the macros below make it.
template <class T> struct message_type;

// What the runtime itself sends: troupe::match<troupe_down>(msg).
#define TROUPE_CPP_OWN_(Type)               \
    template <> struct message_type<Type> { \
        static troupe_type *get()           \
        {                                   \
            return &troupe_type_##Type;     \
        }                                   \
    }
TROUPE_CPP_OWN_(troupe_down);
TROUPE_CPP_OWN_(troupe_exited);
TROUPE_CPP_OWN_(troupe_child_reply);
TROUPE_CPP_OWN_(troupe_children);
TROUPE_CPP_OWN_(troupe_child_count);
TROUPE_CPP_OWN_(troupe_child_spec_reply);
#undef TROUPE_CPP_OWN_

// As troupe_send.
template <class T> troupe_status send(troupe_ctx *ctx, troupe_ref to, const T &body = {})
{
    return troupe_send_body(ctx, to, message_type<T>::get(), &body);
}

// As troupe_send_name.
template <class T> troupe_status send_name(troupe_ctx *ctx, const char *name, const T &body = {})
{
    return troupe_send_name_body(ctx, name, message_type<T>::get(), &body);
}

// As troupe_spawn_with: `args` is the message for the constructor.
template <class T>
troupe_status spawn(troupe_ctx *ctx, const troupe_behavior &behavior, const troupe_spawn_opts *opts,
                    troupe_ref *ref, const T &args)
{
    return troupe_spawn_body(ctx, &behavior, opts, ref, message_type<T>::get(), &args);
}

// As troupe_start_child_with: `args` is the message for the constructor.
template <class T>
troupe_status start_child(troupe_ctx *ctx, troupe_ref supervisor, std::uint32_t timeout_ms,
                          troupe_on_outcome on_outcome, void *user, const T &args)
{
    return troupe_start_child_body(ctx, supervisor, timeout_ms, on_outcome, user,
                                   message_type<T>::get(), &args);
}

// As troupe_reply.
template <class T> troupe_status reply(troupe_ctx *ctx, const T &body = {})
{
    return troupe_reply_body(ctx, message_type<T>::get(), &body);
}

// As troupe_reply_to.
template <class T> troupe_status reply_to(troupe_ctx *ctx, troupe_token token, const T &body = {})
{
    return troupe_reply_to_body(ctx, token, message_type<T>::get(), &body);
}

// As troupe_match: the body when the message is a T, else nullptr.
template <class T> const T *match(const troupe_msg *msg)
{
    return static_cast<const T *>(troupe_msg_match(msg, message_type<T>::get()));
}

// Runs a function of an actor and turns an exception into the actor's failure.
template <class F> troupe_status guard(troupe_ctx *ctx, F &&run) noexcept
{
    try {
        return run();
    } catch (const std::exception &error) {
        return troupe_fail(ctx, TROUPE_EUSER, "%s", error.what());
    } catch (...) {
        return troupe_fail(ctx, TROUPE_EUSER, "an exception of an unknown type");
    }
}

// As troupe_ask: the end is given to `on_outcome(ctx, outcome)`, which returns a troupe_status. It
// may capture one pointer, such as `this`, so that nothing leaks when the actor ends first.
template <class T, class F>
troupe_status ask(troupe_ctx *ctx, troupe_ref to, std::uint32_t timeout_ms, const T &body,
                  F on_outcome)
{
    static_assert(sizeof(F) <= sizeof(void *) && std::is_trivially_copyable_v<F>,
                  "an outcome's function may capture no more than one pointer");
    void *user = nullptr;
    std::memcpy(&user, &on_outcome, sizeof on_outcome);
    auto run = [](troupe_ctx *then, void *, void *stored, const troupe_outcome *outcome) {
        F *function = std::launder(reinterpret_cast<F *>(&stored));
        return guard(then, [&] { return (*function)(then, *outcome); });
    };
    return troupe_ask_body(ctx, to, timeout_ms, run, user, nullptr, message_type<T>::get(), &body);
}

struct message_deleter {
    troupe_ctx *ctx;

    void operator()(troupe_msg *msg) const
    {
        troupe_msg_free(ctx, msg);
    }
};

// A message that a thread outside owns.
using message = std::unique_ptr<troupe_msg, message_deleter>;

// As troupe_call, from outside; `answer` is set to the reply or nullptr.
template <class T>
troupe_status call(troupe_ctx *ctx, troupe_ref to, std::uint32_t timeout_ms, const T &body,
                   message &answer)
{
    troupe_msg *msg = nullptr;
    troupe_status status =
        troupe_call_body(ctx, to, timeout_ms, &msg, message_type<T>::get(), &body);
    answer = message(msg, message_deleter{ctx});
    return status;
}

// Makes a behaviour of a class with `troupe_status receive(troupe_ctx *, const troupe_msg *)`. Each
// incarnation is an object of its own: constructed from (ctx, args) if the class can be, else from
// nothing, and destroyed however the incarnation ends.
template <class A> constexpr troupe_behavior behavior(const char *name)
{
    static_assert(alignof(A) <= alignof(std::max_align_t), "an actor's state is not aligned more");
    troupe_behavior made{};
    made.name = name;
    made.state_size = sizeof(A);
    made.init = [](troupe_ctx *ctx, void *state, [[maybe_unused]] const troupe_msg *args) {
        return guard(ctx, [&] {
            A *actor;
            if constexpr (std::is_constructible_v<A, troupe_ctx *, const troupe_msg *>)
                actor = ::new (state) A(ctx, args);
            else
                actor = ::new (state) A();
            auto destroy = [](void *of) { static_cast<A *>(of)->~A(); };
            troupe_status status = troupe_defer(ctx, destroy, actor);
            if (status != TROUPE_OK)
                destroy(actor);
            return status;
        });
    };
    made.receive = [](troupe_ctx *ctx, void *state, const troupe_msg *msg) {
        return guard(ctx, [&] { return static_cast<A *>(state)->receive(ctx, msg); });
    };
    return made;
}

} // namespace troupe

// TROUPE_STRUCT and TROUPE_PROTO for the functions above, which find the type object by the type.
#define TROUPE_CPP_STRUCT(Type)                                                             \
    static_assert(std::is_trivially_copyable_v<Type>, "the bytes of a message are copied"); \
    TROUPE_CPP_TYPE_(Type, #Type, nullptr)
#define TROUPE_CPP_PROTO(Type, prefix) TROUPE_CPP_TYPE_(Type, nullptr, &prefix##__descriptor)
#define TROUPE_CPP_TYPE_(Type, word, descriptor)                                          \
    template <> struct troupe::message_type<Type> {                                       \
        static troupe_type *get()                                                         \
        {                                                                                 \
            static troupe_type type{word, sizeof(Type), alignof(Type), descriptor, 0, 0}; \
            return &type;                                                                 \
        }                                                                                 \
    }

#endif
