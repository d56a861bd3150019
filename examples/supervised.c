// A crash and a restart: a customer buys coffee until the machine breaks. Its supervisor starts it
// again: the state is new, but the ref is the same, and what was ordered meanwhile is still served.
#include <inttypes.h>
#include <stdio.h>
#include <troupe.h>

#define CUPS_UNTIL_IT_BREAKS 3
#define ORDERS               5

TROUPE_EMPTY(Order);
TROUPE_STRUCT(Coffee, uint32_t); // which cup of this incarnation

// ---- The machine

struct machine {
    uint32_t cups;
};

static troupe_status machine_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)state;
    (void)args;
    printf("machine: incarnation %" PRIu32 " is on\n", troupe_incarnation(ctx, troupe_self(ctx)));
    return TROUPE_OK;
}

static troupe_status machine_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct machine *machine = state;
    if (!troupe_match(msg, Order))
        return TROUPE_UNHANDLED;
    if (++machine->cups == CUPS_UNTIL_IT_BREAKS)
        return troupe_fail(ctx, TROUPE_EUSER, "cup %" PRIu32 " was too much", machine->cups);
    const uint32_t cup = machine->cups;
    return troupe_reply_body(ctx, TROUPE_TYPE(Coffee), &cup);
}

static const troupe_behavior machine_behavior = {
    .name = "machine",
    .state_size = sizeof(struct machine),
    .init = machine_init,
    .receive = machine_receive,
};

// ---- The customer, who owns the supervisor

struct customer {
    troupe_ref supervisor;
    troupe_ref machine;
    uint32_t served;
};

static troupe_status on_coffee(troupe_ctx *ctx, void *state, void *user,
                               const troupe_outcome *outcome)
{
    (void)user;
    struct customer *customer = state;
    const uint32_t *cup =
        outcome->status == TROUPE_OK ? troupe_match(outcome->reply, Coffee) : NULL;
    if (cup)
        printf("customer: got cup %" PRIu32 "\n", *cup);
    else if (outcome->status == TROUPE_EDOWN)
        printf("customer: the machine broke (%s: %s)\n", troupe_reason_name(outcome->reason->kind),
               outcome->reason->text);
    else
        return troupe_fail(ctx, outcome->status, "no coffee");
    return ++customer->served == ORDERS ? TROUPE_STOP : TROUPE_OK;
}

static troupe_status customer_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)args;
    struct customer *customer = state;
    static const troupe_child children[] = {{.id = "machine", .behavior = &machine_behavior}};
    troupe_status status = troupe_supervise(
        ctx,
        &(troupe_supervisor){
            .name = "kitchen", .max_restarts = 3, .children = children, .child_count = 1},
        &customer->supervisor);
    if (status != TROUPE_OK)
        return status;
    // Tells when the machine can be ordered from.
    return troupe_monitor(ctx, customer->supervisor, TROUPE_ON_START, NULL);
}

static troupe_status customer_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct customer *customer = state;
    const troupe_down *event = troupe_match(msg, troupe_down);
    if (!event || event->event != TROUPE_ON_START)
        return TROUPE_UNHANDLED;
    troupe_status status =
        troupe_child_ref(ctx, customer->supervisor, "machine", &customer->machine);
    for (int i = 0; status == TROUPE_OK && i < ORDERS; i++)
        status = troupe_ask(ctx, customer->machine, 1000, on_coffee, NULL, Order);
    return status;
}

static const troupe_behavior customer_behavior = {
    .name = "customer",
    .state_size = sizeof(struct customer),
    .init = customer_init,
    .receive = customer_receive,
};

static troupe_status start(troupe_ctx *ctx, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return troupe_spawn(ctx, &customer_behavior, NULL, NULL);
}

int main(int argc, char **argv)
{
    return troupe_main(argc, argv, &(troupe_app){.name = "supervised", .start = start});
}
