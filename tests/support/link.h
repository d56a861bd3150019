// Links in stories: what puppets do about them.
#ifndef TESTS_SUPPORT_LINK_H
#define TESTS_SUPPORT_LINK_H

#include "tests/support/tree.h" // broken

// ---- What puppets do

troupe_status puppet_link(troupe_ctx *ctx, struct puppet *puppet, void *ref); // it is `other` then
troupe_status puppet_unlink(troupe_ctx *ctx, struct puppet *puppet, void *ref);
troupe_status puppet_trap(troupe_ctx *ctx, struct puppet *puppet, void *arg);
troupe_status puppet_trap_and_link(troupe_ctx *ctx, struct puppet *puppet, void *ref);

// puppet_trap_and_link; from then on it says "put aside" of an exit signal and stashes it, until
// there comes a Number: then it handles what was stashed, after having unlinked if that is 1. A
// negative one has it fail with "broken".
troupe_status puppet_stash_exits(troupe_ctx *ctx, struct puppet *puppet, void *ref);

// ---- What stories do

struct pair {
    troupe_ref one, other;
};

// Starts two puppets, called "one" and "other", of which the one has linked itself with the other.
struct pair link_pair(struct world *world);

// Sends an exit signal, with the text "by hand".
void link_send_exit(struct world *world, troupe_ref ref, troupe_reason_kind kind);

#endif
