// What goes wrong, by hand and by chance, and what paths are like.
//
// What holds between two hosts is in the pair of them, one for each direction; a fault by hand
// sets it there, and everything that it may concern is planned anew. Stalls and slowness by chance
// concern one pipe and are in it, with the time at which they end.
#include "sim/net_core.h"

// ---- Paths

uint64_t trp_net_delay(struct trp_net *net, uint32_t from, uint32_t to)
{
    const struct trp_net_path *path = &trp_net_pair(net, from, to)->path;
    uint64_t us = path->min_us;
    if (path->spread_us > 0)
        us += trp_net_pick(net, TRP_NET_CHOOSE_DELAY, path->spread_us);
    if (path->tail_us > 0 && trp_net_chance(net, TRP_NET_CHOOSE_TAIL, path->tail_rate))
        us += 1 + trp_net_pick(net, TRP_NET_CHOOSE_TAIL_US, path->tail_us);
    return us * TRP_NS_PER_US;
}

bool trp_net_is_blocked(struct trp_net *net, uint32_t from, uint32_t to)
{
    return trp_net_pair(net, from, to)->blocked != 0;
}

// Plans all that may wait, or wait no longer.
static void plan_all(struct trp_net *net)
{
    for (struct trp_net_link *i = net->connections.next; i != &net->connections; i = i->next) {
        struct trp_net_connection *connection = TRP_CONTAINER(i, struct trp_net_connection, link);
        for (int e = 0; e < 2; e++) {
            trp_net_pipe_plan(&connection->ends[e]);
            trp_net_receive_plan(&connection->ends[e]);
        }
    }
    for (struct trp_net_link *i = net->dialers.next; i != &net->dialers; i = i->next)
        trp_net_dialer_plan(TRP_CONTAINER(i, struct trp_net_dialer, link));
}

// ---- One connection

static void tell(struct trp_net_connection *connection, enum trp_net_event_kind kind,
                 uint64_t value)
{
    trp_net_tell(connection->net, kind, connection->ends[0].host, connection->ends[1].host,
                 TROUPE_OK, value);
}

void trp_net_drop_one(struct trp_net_connection *connection)
{
    struct trp_net *net = connection->net;
    struct trp_net_end *ends = connection->ends;
    uint64_t lost = 0;
    for (int e = 0; e < 2; e++) {
        struct trp_net_pipe *pipe = &ends[e].to;
        bool unread = pipe->read < pipe->arrived;
        if (unread && trp_net_pick(net, TRP_NET_CHOOSE_LOSE, 2) == 1) {
            lost += pipe->arrived - pipe->read;
            pipe->read = pipe->arrived;
        }
    }
    lost += trp_net_break(&ends[0], TROUPE_EDOWN) + trp_net_break(&ends[1], TROUPE_EDOWN);
    tell(connection, TRP_NET_DROP, lost);
}

void trp_net_end_one(struct trp_net_connection *connection)
{
    for (int e = 0; e < 2; e++) {
        struct trp_net_end *end = &connection->ends[e];
        end->ended = true;
        trp_net_pipe_mark(end, TRP_NET_MARK_END);
        trp_net_send_plan(end);
    }
    tell(connection, TRP_NET_END, 0);
}

// ---- By chance

static uint64_t fault_us(struct trp_net *net)
{
    return 1 + trp_net_pick(net, TRP_NET_CHOOSE_FAULT_US, net->opts.fault_us);
}

// Separates the hosts for which `side` says so from the others. What is planned and cannot pass any
// more finds that when its time has come.
static void separate(struct trp_net *net, const bool *side, enum trp_net_block how)
{
    uint64_t bits = 0;
    for (uint32_t from = 0; from < net->host_count; from++) {
        if (side[from] && from < 64)
            bits |= UINT64_C(1) << from;
        for (uint32_t to = 0; to < net->host_count; to++)
            if (side[from] != side[to])
                trp_net_pair(net, from, to)->blocked |= (uint32_t)how;
    }
    trp_net_tell(net, how == TRP_NET_PARTED ? TRP_NET_PARTITION : TRP_NET_CHANCE_PARTITION,
                 TRP_NET_ALL, TRP_NET_ALL, TROUPE_OK, bits);
}

static void unblock(struct trp_net *net, uint32_t how, enum trp_net_event_kind kind)
{
    for (uint32_t from = 0; from < net->host_count; from++)
        for (uint32_t to = 0; to < net->host_count; to++)
            trp_net_pair(net, from, to)->blocked &= ~how;
    trp_net_tell(net, kind, TRP_NET_ALL, TRP_NET_ALL, TROUPE_OK, 0);
    plan_all(net);
}

void trp_net_partition_ends(struct trp_net *net, struct trp_net_task *task)
{
    (void)task;
    unblock(net, TRP_NET_PARTED_BY_CHANCE, TRP_NET_CHANCE_HEALED);
}

void trp_net_may_part(struct trp_net *net)
{
    if (net->partition_end.when != TRP_NEVER ||
        !trp_net_chance(net, TRP_NET_CHOOSE_PARTITION, net->opts.rates.partition))
        return;
    uint32_t chosen = 0;
    for (uint32_t host = 0; host < net->host_count; host++) {
        net->side[host] = trp_net_pick(net, TRP_NET_CHOOSE_SIDE, 2) == 1;
        chosen += net->side[host];
    }
    if (chosen == 0 || chosen == net->host_count)
        return;
    trp_net_plan(net, &net->partition_end, net->now + fault_us(net) * TRP_NS_PER_US);
    separate(net, net->side, TRP_NET_PARTED_BY_CHANCE);
}

static void may_stall(struct trp_net_end *from)
{
    struct trp_net *net = from->connection->net;
    if (!trp_net_chance(net, TRP_NET_CHOOSE_STALL, net->opts.rates.stall))
        return;
    uint64_t us = fault_us(net);
    from->to.stalled_until = net->now + us * TRP_NS_PER_US;
    trp_net_tell(net, TRP_NET_STALL, from->host, trp_net_other(from)->host, TROUPE_OK, us);
}

static void may_slow(struct trp_net_end *from)
{
    struct trp_net *net = from->connection->net;
    if (!trp_net_chance(net, TRP_NET_CHOOSE_SLOW, net->opts.rates.slow))
        return;
    from->to.slow_until = net->now + fault_us(net) * TRP_NS_PER_US;
    from->to.slow_bytes = 256 - trp_net_pick(net, TRP_NET_CHOOSE_SLOW_BYTES, 256);
    trp_net_tell(net, TRP_NET_SLOW, from->host, trp_net_other(from)->host, TROUPE_OK,
                 from->to.slow_bytes);
}

void trp_net_may_fail(struct trp_net_end *from)
{
    struct trp_net *net = from->connection->net;
    const struct trp_net_rates *rates = &net->opts.rates;
    if (trp_net_chance(net, TRP_NET_CHOOSE_DROP, rates->drop)) {
        trp_net_drop_one(from->connection);
        return;
    }
    if (!from->ended && trp_net_chance(net, TRP_NET_CHOOSE_END, rates->end))
        trp_net_end_one(from->connection);
    may_slow(from);
    may_stall(from);
    trp_net_may_part(net);
}

// ---- By hand

static void check_host(const struct trp_net *net, uint32_t host)
{
    TRP_ASSERT(host == TRP_NET_ALL || host < net->host_count);
}

static bool is_meant(uint32_t wanted, uint32_t host)
{
    return wanted == TRP_NET_ALL || wanted == host;
}

// The next pair that is meant after the one that *from and *to say; NULL: none. *from starts at 0,
// *to at TRP_NET_ALL, one before the first.
static struct trp_net_pair *next_pair(struct trp_net *net, uint32_t wanted_from, uint32_t wanted_to,
                                      uint32_t *from, uint32_t *to)
{
    for (; *from < net->host_count; (*from)++, *to = TRP_NET_ALL)
        while (++*to < net->host_count)
            if (is_meant(wanted_from, *from) && is_meant(wanted_to, *to))
                return trp_net_pair(net, *from, *to);
    return NULL;
}

void trp_net_set_path(struct trp_net *net, uint32_t from, uint32_t to,
                      const struct trp_net_path *path)
{
    check_host(net, from);
    check_host(net, to);
    uint32_t f = 0, t = TRP_NET_ALL;
    for (struct trp_net_pair *pair; (pair = next_pair(net, from, to, &f, &t)) != NULL;)
        pair->path = *path;
    if (from == TRP_NET_ALL && to == TRP_NET_ALL)
        net->opts.path = *path;
}

void trp_net_set_rates(struct trp_net *net, const struct trp_net_rates *rates)
{
    net->opts.rates = *rates;
}

void trp_net_partition(struct trp_net *net, const uint32_t *hosts, uint32_t count)
{
    for (uint32_t i = 0; i < net->host_count; i++)
        net->side[i] = false;
    for (uint32_t i = 0; i < count; i++) {
        TRP_ASSERT(hosts[i] < net->host_count);
        net->side[hosts[i]] = true;
    }
    separate(net, net->side, TRP_NET_PARTED);
}

void trp_net_heal(struct trp_net *net)
{
    trp_net_plan(net, &net->partition_end, TRP_NEVER);
    for (struct trp_net_link *i = net->connections.next; i != &net->connections; i = i->next) {
        struct trp_net_connection *connection = TRP_CONTAINER(i, struct trp_net_connection, link);
        connection->ends[0].to.stalled_until = 0;
        connection->ends[1].to.stalled_until = 0;
    }
    unblock(net, TRP_NET_PARTED | TRP_NET_PARTED_BY_CHANCE | TRP_NET_STALLED, TRP_NET_HEALED);
}

void trp_net_stall(struct trp_net *net, uint32_t from, uint32_t to, bool stalled)
{
    check_host(net, from);
    check_host(net, to);
    uint32_t f = 0, t = TRP_NET_ALL;
    for (struct trp_net_pair *pair; (pair = next_pair(net, from, to, &f, &t)) != NULL;) {
        if (stalled)
            pair->blocked |= TRP_NET_STALLED;
        else
            pair->blocked &= ~(uint32_t)TRP_NET_STALLED;
    }
    trp_net_tell(net, stalled ? TRP_NET_STALL : TRP_NET_UNSTALLED, from, to, TROUPE_OK, 0);
    plan_all(net);
}

void trp_net_slow(struct trp_net *net, uint32_t from, uint32_t to, uint32_t bytes_per_ms)
{
    check_host(net, from);
    check_host(net, to);
    uint32_t f = 0, t = TRP_NET_ALL;
    for (struct trp_net_pair *pair; (pair = next_pair(net, from, to, &f, &t)) != NULL;)
        pair->slow = bytes_per_ms;
    trp_net_tell(net, bytes_per_ms ? TRP_NET_SLOW : TRP_NET_FAST, from, to, TROUPE_OK,
                 bytes_per_ms);
    plan_all(net);
}

void trp_net_dials(struct trp_net *net, uint32_t from, uint32_t to, enum trp_net_dials dials)
{
    check_host(net, from);
    check_host(net, to);
    uint32_t f = 0, t = TRP_NET_ALL;
    for (struct trp_net_pair *pair; (pair = next_pair(net, from, to, &f, &t)) != NULL;)
        pair->dials = dials;
}

// Does something to each connection between two hosts that is not lost.
static uint32_t each_between(struct trp_net *net, uint32_t a, uint32_t b,
                             void (*act)(struct trp_net_connection *connection))
{
    check_host(net, a);
    check_host(net, b);
    uint32_t count = 0;
    for (struct trp_net_link *i = net->connections.next; i != &net->connections; i = i->next) {
        struct trp_net_connection *connection = TRP_CONTAINER(i, struct trp_net_connection, link);
        uint32_t from = connection->ends[0].host, to = connection->ends[1].host;
        bool meant =
            (is_meant(a, from) && is_meant(b, to)) || (is_meant(a, to) && is_meant(b, from));
        if (meant && !(connection->ends[0].broken && connection->ends[1].broken)) {
            act(connection);
            count++;
        }
    }
    return count;
}

uint32_t trp_net_drop(struct trp_net *net, uint32_t a, uint32_t b)
{
    return each_between(net, a, b, trp_net_drop_one);
}

uint32_t trp_net_end(struct trp_net *net, uint32_t a, uint32_t b)
{
    return each_between(net, a, b, trp_net_end_one);
}
