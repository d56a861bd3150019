// count N, fanin N K, fjthr N K: loops of sends to actors that count what they get. How many
// messages such a loop sends per handler is --pieces.
#include "bench/local/messages.h"
#include "bench/local/workloads/all.h"

// ---- A counter tells its owner when it has got what it was told to expect

struct counter {
    uint64_t left;
};

static troupe_status counter_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct counter *counter = state;
    const Add *add = troupe_match(msg, Add);
    if (add) {
        counter->left -= add->number;
        return counter->left > 0 ? TROUPE_OK : troupe_send(ctx, troupe_owner(ctx), Done);
    }
    const Expect *expect = troupe_match(msg, Expect);
    if (!expect)
        return TROUPE_UNHANDLED;
    counter->left = expect->number;
    return TROUPE_OK;
}

static const troupe_behavior counter_behavior = {
    .name = "counter", .state_size = sizeof(struct counter), .receive = counter_receive};

static troupe_status spawn_counter(troupe_ctx *ctx, uint64_t expected, troupe_ref *counter)
{
    troupe_status status = troupe_spawn(ctx, &counter_behavior, NULL, counter);
    if (status != TROUPE_OK)
        return status;
    return troupe_send(ctx, *counter, Expect, .number = expected);
}

// ---- A sender sends to one counter

struct sender {
    troupe_ref to;
};

static troupe_status sender_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct sender *sender = state;
    const More *more = troupe_match(msg, More);
    if (more) {
        uint64_t piece = local_piece(more->number);
        troupe_status status = TROUPE_OK;
        for (uint64_t i = 0; i < piece && status == TROUPE_OK; i++)
            status = troupe_send(ctx, sender->to, Add, .number = 1);
        if (status != TROUPE_OK || piece == more->number)
            return status;
        return troupe_send(ctx, troupe_self(ctx), More, .number = more->number - piece);
    }
    const Link *link = troupe_match(msg, Link);
    if (!link)
        return TROUPE_UNHANDLED;
    sender->to = local_ref(link->actor);
    return troupe_send(ctx, troupe_owner(ctx), Ready);
}

static const troupe_behavior sender_behavior = {
    .name = "sender", .state_size = sizeof(struct sender), .receive = sender_receive};

// ---- count and fanin: all senders to one counter

struct fan_in {
    troupe_ref *senders;
    uint64_t ready;
};

static troupe_status make_senders(troupe_ctx *ctx, struct fan_in *fan_in, uint64_t count)
{
    troupe_ref counter;
    fan_in->senders = troupe_alloc(ctx, count * sizeof *fan_in->senders);
    if (!fan_in->senders)
        return TROUPE_ENOMEM;
    troupe_status status = spawn_counter(ctx, local_run.n * count, &counter);
    for (uint64_t i = 0; i < count && status == TROUPE_OK; i++) {
        status = troupe_spawn(ctx, &sender_behavior, NULL, &fan_in->senders[i]);
        if (status == TROUPE_OK)
            status = troupe_send(ctx, fan_in->senders[i], Link, .actor = local_actor(counter));
    }
    return status;
}

static troupe_status begin_fan_in(troupe_ctx *ctx, const struct fan_in *fan_in, uint64_t count)
{
    troupe_status status = TROUPE_OK;
    local_clock_start(ctx);
    for (uint64_t i = 0; i < count && status == TROUPE_OK; i++)
        status = troupe_send(ctx, fan_in->senders[i], More, .number = local_run.n);
    return status;
}

static troupe_status fan_in_receive(troupe_ctx *ctx, struct fan_in *fan_in, const troupe_msg *msg,
                                    uint64_t senders)
{
    if (troupe_match(msg, Done))
        return local_finish(ctx, local_run.n * senders);
    if (troupe_match(msg, Ready))
        return ++fan_in->ready < senders ? TROUPE_OK : begin_fan_in(ctx, fan_in, senders);
    return troupe_match(msg, Begin) ? make_senders(ctx, fan_in, senders) : TROUPE_UNHANDLED;
}

static troupe_status count_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    return fan_in_receive(ctx, state, msg, 1);
}

static troupe_status fanin_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    return fan_in_receive(ctx, state, msg, local_run.k);
}

static const troupe_behavior count_lead = {
    .name = "count", .state_size = sizeof(struct fan_in), .receive = count_receive};
static const troupe_behavior fanin_lead = {
    .name = "fanin", .state_size = sizeof(struct fan_in), .receive = fanin_receive};

// ---- fjthr: the lead sends to all counters in turn

struct fork_join {
    troupe_ref *counters;
    uint64_t done;
};

static troupe_status begin_fork_join(troupe_ctx *ctx, struct fork_join *fork_join)
{
    fork_join->counters = troupe_alloc(ctx, local_run.k * sizeof *fork_join->counters);
    if (!fork_join->counters)
        return TROUPE_ENOMEM;
    troupe_status status = TROUPE_OK;
    for (uint64_t i = 0; i < local_run.k && status == TROUPE_OK; i++)
        status = spawn_counter(ctx, local_run.n, &fork_join->counters[i]);
    if (status != TROUPE_OK)
        return status;
    local_clock_start(ctx);
    return troupe_send(ctx, troupe_self(ctx), More, .number = local_run.n * local_run.k);
}

// Counts down, so that what is left tells whose turn it is.
static troupe_status send_in_turn(troupe_ctx *ctx, const struct fork_join *fork_join, uint64_t left)
{
    uint64_t piece = local_piece(left), turn = left % local_run.k;
    troupe_status status = TROUPE_OK;
    for (uint64_t i = 0; i < piece && status == TROUPE_OK; i++) {
        turn = turn > 0 ? turn - 1 : local_run.k - 1;
        status = troupe_send(ctx, fork_join->counters[turn], Add, .number = 1);
    }
    if (status != TROUPE_OK || piece == left)
        return status;
    return troupe_send(ctx, troupe_self(ctx), More, .number = left - piece);
}

static troupe_status fjthr_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct fork_join *fork_join = state;
    const More *more = troupe_match(msg, More);
    if (more)
        return send_in_turn(ctx, fork_join, more->number);
    if (troupe_match(msg, Done))
        return ++fork_join->done < local_run.k ? TROUPE_OK
                                               : local_finish(ctx, local_run.n * local_run.k);
    return troupe_match(msg, Begin) ? begin_fork_join(ctx, fork_join) : TROUPE_UNHANDLED;
}

static const troupe_behavior fjthr_lead = {
    .name = "fjthr", .state_size = sizeof(struct fork_join), .receive = fjthr_receive};

// ---- The workloads

const struct local_workload LOCAL_FORM(local_count) = {
    .name = "count",
    .what = "one actor floods another; ops: messages",
    .n = {"N", 1, 1000000000, 20000000},
    .lead = &count_lead,
};

const struct local_workload LOCAL_FORM(local_fanin) = {
    .name = "fanin",
    .what = "K actors flood one, N messages each; ops: messages",
    .n = {"N", 1, 1000000000, 2000000},
    .k = {"K", 1, 1000000, 8},
    .lead = &fanin_lead,
};

const struct local_workload LOCAL_FORM(local_fjthr) = {
    .name = "fjthr",
    .what = "one actor floods K in turn, N messages to each; ops: messages",
    .n = {"N", 1, 1000000000, 300000},
    .k = {"K", 1, 1000, 60},
    .lead = &fjthr_lead,
};
