// See link.h.
#include "tests/support/link.h"

// ---- What puppets do

troupe_status puppet_link(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    puppet->other = *(troupe_ref *)ref;
    return troupe_link(ctx, puppet->other);
}

troupe_status puppet_unlink(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    (void)puppet;
    return troupe_unlink(ctx, *(troupe_ref *)ref);
}

troupe_status puppet_trap(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)puppet, (void)arg;
    return troupe_trap_exits(ctx, true);
}

troupe_status puppet_trap_and_link(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    troupe_status status = troupe_trap_exits(ctx, true);
    return status == TROUPE_OK ? puppet_link(ctx, puppet, ref) : status;
}

static troupe_status stash_exits(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    if (troupe_match(msg, troupe_exited)) {
        puppet_say(ctx, "put aside");
        return troupe_stash(ctx, msg);
    }
    const struct number *number = troupe_match(msg, Number);
    WORLD_CHECK(number != NULL);
    if (number->value < 0)
        return troupe_fail(ctx, TROUPE_EUSER, "%s", broken);
    if (number->value == 1)
        WORLD_CHECK(troupe_unlink(ctx, ((struct puppet *)state)->other) == TROUPE_OK);
    (void)troupe_unstash(ctx);
    return troupe_unbecome(ctx);
}

troupe_status puppet_stash_exits(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    WORLD_CHECK(puppet_trap_and_link(ctx, puppet, ref) == TROUPE_OK);
    return troupe_become(ctx, stash_exits);
}

// ---- What stories do

struct pair link_pair(struct world *world)
{
    struct pair pair = {world_spawn(world, "one", NULL, NULL),
                        world_spawn(world, "other", NULL, NULL)};
    world_sync(world, pair.other);
    assert_int_equal(world_do(world, pair.one, puppet_link, &pair.other), TROUPE_OK);
    return pair;
}

void link_send_exit(struct world *world, troupe_ref ref, troupe_reason_kind kind)
{
    const troupe_reason reason = {.kind = kind, .status = TROUPE_EUSER, .text = "by hand"};
    assert_int_equal(troupe_exit(world->ctx, ref, &reason), TROUPE_OK);
}
