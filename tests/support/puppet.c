// The actors of world.h: puppets, which do what they are told, and witnesses, which only watch.
#include "tests/support/world.h"

// ---- Puppets

static troupe_status puppet_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    puppet_say(ctx, "init %u", troupe_incarnation(ctx, troupe_self(ctx)));
    const struct order *order = args ? troupe_match(args, Do) : NULL;
    return order && order->fn ? order->fn(ctx, state, order->arg) : TROUPE_OK;
}

static void say_down(troupe_ctx *ctx, const troupe_down *down)
{
    if (down->event == TROUPE_ON_START)
        puppet_say(ctx, "down start %u", down->incarnation);
    else
        puppet_say(ctx, "down %s %u %s%s%s", down->event == TROUPE_ON_STOP ? "stop" : "restart",
                   down->incarnation, troupe_reason_name(down->reason.kind),
                   down->reason.text[0] ? ": " : "", down->reason.text);
}

static void say_exited(troupe_ctx *ctx, const troupe_exited *exited)
{
    puppet_say(ctx, "exited %u %s%s%s", exited->incarnation,
               troupe_reason_name(exited->reason.kind), exited->reason.text[0] ? ": " : "",
               exited->reason.text);
}

static troupe_status puppet_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    const struct number *number = troupe_match(msg, Number);
    if (number) {
        puppet_say(ctx, "%lld", (long long)number->value);
        return TROUPE_OK;
    }
    const struct order *order = troupe_match(msg, Do);
    if (order)
        return order->fn(ctx, state, order->arg);
    if (troupe_match(msg, Sync))
        return troupe_reply(ctx, Sync);
    const troupe_down *down = troupe_match(msg, troupe_down);
    if (down) {
        say_down(ctx, down);
        return TROUPE_OK;
    }
    const troupe_exited *exited = troupe_match(msg, troupe_exited);
    if (exited) {
        say_exited(ctx, exited);
        return TROUPE_OK;
    }
    return TROUPE_UNHANDLED;
}

static void puppet_ends(troupe_ctx *ctx, void *state, const troupe_reason *why)
{
    (void)state;
    puppet_say(ctx, "stop %s%s%s", troupe_reason_name(why->kind), why->text[0] ? ": " : "",
               why->text);
}

const troupe_behavior puppet_behavior = {.name = "puppet",
                                         .state_size = sizeof(struct puppet),
                                         .init = puppet_init,
                                         .receive = puppet_receive,
                                         .stop = puppet_ends};

troupe_ref puppet_spawn(troupe_ctx *ctx, const char *name, puppet_fn init, void *arg)
{
    troupe_ref ref;
    troupe_spawn_opts opts = {.name = name};
    WORLD_CHECK(troupe_spawn_with(ctx, &puppet_behavior, &opts, &ref, Do, .fn = init, .arg = arg) ==
                TROUPE_OK);
    return ref;
}

troupe_ref world_spawn(struct world *world, const char *name, puppet_fn init, void *arg)
{
    return puppet_spawn(world->ctx, name, init, arg);
}

troupe_ref world_supervise(struct world *world, const char *name, puppet_fn init)
{
    struct order order = {init, NULL};
    troupe_child child = {
        .id = name, .behavior = &puppet_behavior, .args_type = TROUPE_TYPE(Do), .args = &order};
    troupe_supervisor spec = {.max_restarts = 1000, .children = &child, .child_count = 1};
    troupe_ref supervisor, ref;
    assert_int_equal(troupe_supervise_wait(world->ctx, &spec, &supervisor), TROUPE_OK);
    assert_int_equal(troupe_child_ref(world->ctx, supervisor, name, &ref), TROUPE_OK);
    return ref;
}

void world_tell(struct world *world, troupe_ref puppet, puppet_fn fn, void *arg)
{
    assert_int_equal(troupe_send(world->ctx, puppet, Do, .fn = fn, .arg = arg), TROUPE_OK);
}

troupe_status world_do(struct world *world, troupe_ref puppet, puppet_fn fn, void *arg)
{
    // A Do that does not reply ends with no reply once it has run.
    troupe_status status =
        troupe_call(world->ctx, puppet, TROUPE_NO_LIMIT, NULL, Do, .fn = fn, .arg = arg);
    return status == TROUPE_ENOREPLY ? TROUPE_OK : status;
}

void world_sync(struct world *world, troupe_ref puppet)
{
    assert_int_equal(troupe_call(world->ctx, puppet, TROUPE_NO_LIMIT, NULL, Sync), TROUPE_OK);
}

void world_join(struct world *world, troupe_ref ref)
{
    assert_int_equal(troupe_join(world->ctx, ref, WORLD_PATIENCE_S * 1000, NULL), TROUPE_OK);
}

// ---- Witnesses

struct watch {
    troupe_ref ref;
    uint32_t events;
};

TROUPE_STRUCT(Watch, struct watch);

static troupe_status witness_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state;
    const struct watch *watch = troupe_match(args, Watch);
    return watch ? troupe_monitor(ctx, watch->ref, watch->events, NULL) : TROUPE_EINVAL;
}

static troupe_status witness_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)state;
    const troupe_down *down = troupe_match(msg, troupe_down);
    if (down == NULL)
        return TROUPE_UNHANDLED;
    say_down(ctx, down);
    return TROUPE_OK;
}

static const troupe_behavior witness_behavior = {
    .name = "witness", .init = witness_init, .receive = witness_receive};

void world_watch(struct world *world, const char *witness, troupe_ref ref, uint32_t events)
{
    struct watch watch = {ref, events};
    troupe_spawn_opts opts = {.name = witness};
    assert_int_equal(
        troupe_spawn_wait(world->ctx, &witness_behavior, &opts, NULL, TROUPE_TYPE(Watch), &watch),
        TROUPE_OK);
}

troupe_status puppet_stop(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)ctx;
    (void)puppet;
    (void)arg;
    return TROUPE_STOP;
}

troupe_status puppet_fail(troupe_ctx *ctx, struct puppet *puppet, void *text)
{
    (void)puppet;
    return troupe_fail(ctx, TROUPE_EUSER, "%s", (const char *)text);
}

troupe_status puppet_watch(troupe_ctx *ctx, struct puppet *puppet, void *ref)
{
    return troupe_monitor(ctx, *(troupe_ref *)ref,
                          TROUPE_ON_STOP | TROUPE_ON_RESTART | TROUPE_ON_START, &puppet->monitor);
}
