// Supervisors in stories: starting them, failing their children, and seeing how all of them are.
//
//     static const troupe_child children[] = {PUPPET("a"), PUPPET("b")};
//     troupe_ref top = tree_start_owned(world, &(troupe_supervisor){TREE(children)});
//     tree_fail(world, top, "a");
//     tree_await(world, top, "a running 2, b running 1");
#ifndef TESTS_SUPPORT_TREE_H
#define TESTS_SUPPORT_TREE_H

#include "tests/support/world.h"
#include "troupe/children.h"

extern char broken[]; // "broken", for puppet_fail

// A child that is a puppet, with further fields.
#define PUPPET(name, ...)                                         \
    {                                                             \
        .id = (name), .behavior = &puppet_behavior, ##__VA_ARGS__ \
    }
#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define TREE(array)  .name = "top", .children = (array), .child_count = COUNT(array)
#define RUN(order)   .args_type = TROUPE_TYPE(Do), .args = (order) // what init is to do
#define MANY         1000                                          // restarts
#define AN_HOUR      3600000u
#define NEVER_WITHIN_A_STORY                 \
    {                                        \
        .min_ms = AN_HOUR, .max_ms = AN_HOUR \
    } // a backoff

// ---- Starting and looking

// Starts a supervisor that belongs to the system, which ends when it gives up. It has started.
troupe_ref tree_start(struct world *world, const troupe_supervisor *spec);

// Starts one that belongs to a puppet, so that nothing else ends when it gives up. It has started.
// The puppet is called "owner" and says what its monitor tells: "down start 1; down stop 1
// shutdown".
troupe_ref tree_start_owned(struct world *world, const troupe_supervisor *spec);

// Starts one of children that are all there is to say of it likewise.
troupe_ref tree_start_as(struct world *world, troupe_strategy strategy, uint32_t max_restarts,
                         const troupe_child *children, size_t count);

// Starts a simple one for one supervisor likewise, with that template.
troupe_ref tree_start_dynamic(struct world *world, const troupe_child *template);

// Starts a child of it, with the template's arguments.
troupe_ref tree_add(struct world *world, troupe_ref supervisor);

// Returns the ref of a child, which must have one.
troupe_ref tree_child(struct world *world, troupe_ref supervisor, const char *id);

// Returns how the children are, by troupe_which_children: "a running 1, b restarting, c stopped",
// with the incarnations of those that run; "-" stands for a child without an id. What else the
// request came to is told by its name. Valid until the next call.
const char *tree_look(struct world *world, troupe_ref supervisor);

void tree_expect(struct world *world, troupe_ref supervisor, const char *children);
void tree_await(struct world *world, troupe_ref supervisor, const char *children);

// Waits until all children run.
void tree_await_running(struct world *world, troupe_ref supervisor);

// Returns the body of a reply that must be of that type, for example troupe_children.
#define TREE_REPLY(reply, Type) \
    ((const troupe_body_##Type *)tree_reply_body((reply), TROUPE_TYPE(Type)))
__attribute__((returns_nonnull)) const void *tree_reply_body(const troupe_msg *reply,
                                                             troupe_type *type);

// Fails unless troupe_count_children tells just this.
void tree_expect_count(struct world *world, troupe_ref supervisor, size_t specs, size_t active,
                       size_t supervisors, size_t workers);
void tree_await_count(struct world *world, troupe_ref supervisor, size_t specs, size_t active,
                      size_t supervisors, size_t workers);

// Has a child fail with "broken"; it has, but its supervisor may not have seen it yet.
void tree_fail(struct world *world, troupe_ref supervisor, const char *id);

// Has one end normally, likewise.
void tree_end(struct world *world, troupe_ref supervisor, const char *id);

// For requests of actors: says, as the actor, what has come, after what `user` points to, for
// example "start: TROUPE_EEXIST", "which: a running 1", "count: 1 1 0 1", "spec: a".
troupe_status tree_say_outcome(troupe_ctx *ctx, void *state, void *user,
                               const troupe_outcome *outcome);

// ---- What a child's init does at each start

// One letter for each init that runs, whoever's; the last is for all that come after.
//   '+' starts     '-' fails with "broken"         'i' ignores
//   's' stops      '!' starts, and then fails with "broken" before it handles any message
struct tree_script {
    struct order order; // to be given as arguments of init: RUN(&script->order)
    const char *_Atomic steps;
    _Atomic unsigned starts; // inits that have run
    struct tree_script *next;
};

// Makes a script that lives as long as the world.
struct tree_script *tree_script(struct world *world, const char *steps);

void tree_forget_scripts(struct world *world);

#endif
