// See net.h: the network as a whole, what is planned for a time, hosts.
//
// Tasks wait in a heap by time. When their time has come they move to the list of what is due,
// sorted by time and, as the heap keeps no order among equals, by the number of their plan. So what
// is first in it does not depend on anything but the run.
#include "sim/net_core.h"

#include <string.h>

#define TRP_NET_FIRST_HOSTS 4
#define TRP_NET_ROUNDS      UINT32_C(1000000)

// ---- Memory, choices, news

void *trp_net_take(struct trp_net *net, size_t size)
{
    return net->opts.allocator.alloc(net->opts.allocator.user, size, TRP_CACHE_LINE);
}

void trp_net_give(struct trp_net *net, void *block, size_t size)
{
    if (block)
        net->opts.allocator.free(net->opts.allocator.user, block, size);
}

uint32_t trp_net_pick(struct trp_net *net, enum trp_net_choice kind, uint32_t count)
{
    if (count <= 1 || net->closing)
        return 0;
    uint32_t chosen = net->opts.choose(net->opts.user, (uint32_t)kind, count);
    TRP_ASSERT(chosen < count);
    return chosen;
}

bool trp_net_chance(struct trp_net *net, enum trp_net_choice kind, uint32_t rate)
{
    if (rate == 0)
        return false;
    uint32_t chosen = trp_net_pick(net, kind, TRP_NET_MILLION);
    return chosen > 0 && chosen <= rate;
}

void trp_net_tell(struct trp_net *net, enum trp_net_event_kind kind, uint32_t from, uint32_t to,
                  troupe_status status, uint64_t value)
{
    if (net->opts.observe == NULL)
        return;
    const struct trp_net_event event = {
        .time = net->now, .kind = kind, .from = from, .to = to, .status = status, .value = value};
    net->opts.observe(net->opts.user, &event);
}

const char *trp_net_event_name(enum trp_net_event_kind kind)
{
    static const char *const names[TRP_NET_EVENTS] = {
        [TRP_NET_DIAL] = "dial",
        [TRP_NET_CONNECTED] = "connected",
        [TRP_NET_REFUSED] = "refused",
        [TRP_NET_UNANSWERED] = "unanswered",
        [TRP_NET_ARRIVED] = "arrived",
        [TRP_NET_CUT] = "cut",
        [TRP_NET_SHORT] = "short send",
        [TRP_NET_DONE_SEND] = "sent",
        [TRP_NET_DONE_RECEIVE] = "received",
        [TRP_NET_DONE_DIAL] = "dialed",
        [TRP_NET_DONE_ACCEPT] = "accepted",
        [TRP_NET_CLOSED] = "closed",
        [TRP_NET_LOST_CLOSE] = "lost close",
        [TRP_NET_DROP] = "drop",
        [TRP_NET_END] = "end",
        [TRP_NET_LOST] = "lost",
        [TRP_NET_RESET] = "reset",
        [TRP_NET_GAVE_UP] = "gave up",
        [TRP_NET_PARTITION] = "partition",
        [TRP_NET_CHANCE_PARTITION] = "chance partition",
        [TRP_NET_HEALED] = "healed",
        [TRP_NET_CHANCE_HEALED] = "chance healed",
        [TRP_NET_STALL] = "stall",
        [TRP_NET_UNSTALLED] = "unstalled",
        [TRP_NET_SLOW] = "slow",
        [TRP_NET_FAST] = "fast",
        [TRP_NET_DOWN] = "host down",
        [TRP_NET_MUTE] = "mute crash",
        [TRP_NET_UP] = "host up",
    };
    return (uint32_t)kind < TRP_NET_EVENTS ? names[kind] : "unknown event";
}

// ---- Tasks

static struct trp_net_task *first_due(const struct trp_net *net)
{
    return TRP_CONTAINER(net->due.next, struct trp_net_task, link);
}

void trp_net_task_init(struct trp_net_task *task,
                       void (*run)(struct trp_net *net, struct trp_net_task *task))
{
    *task = (struct trp_net_task){.run = run, .when = TRP_NEVER};
    trp_net_link_init(&task->link);
}

static bool is_due(const struct trp_net_task *task)
{
    return task->link.next != &task->link;
}

static void unplan(struct trp_net *net, struct trp_net_task *task)
{
    if (is_due(task)) {
        trp_net_link_remove(&task->link);
        net->due_count--;
    }
    trp_heap_remove(&net->later, &task->node);
    task->when = TRP_NEVER;
}

void trp_net_plan(struct trp_net *net, struct trp_net_task *task, uint64_t when)
{
    if (when < net->now)
        when = net->now;
    if (when == task->when)
        return;
    unplan(net, task);
    if (when == TRP_NEVER)
        return;
    task->when = when;
    task->number = net->plans++;
    trp_heap_add(&net->later, &task->node, when);
}

static bool is_before(const struct trp_net_task *a, const struct trp_net_task *b)
{
    return a->when != b->when ? a->when < b->when : a->number < b->number;
}

uint32_t trp_net_due(struct trp_net *net, uint64_t now)
{
    TRP_ASSERT(now >= net->now);
    net->now = now;
    while (net->later.root && net->later.root->key <= now) {
        struct trp_net_task *task = TRP_CONTAINER(net->later.root, struct trp_net_task, node);
        trp_heap_remove(&net->later, &task->node);
        struct trp_net_link *place = &net->due;
        while (place->previous != &net->due &&
               is_before(task, TRP_CONTAINER(place->previous, struct trp_net_task, link)))
            place = place->previous;
        trp_net_link_add(place, &task->link);
        net->due_count++;
    }
    return net->due_count;
}

uint64_t trp_net_next(const struct trp_net *net)
{
    if (net->due_count > 0)
        return first_due(net)->when;
    return net->later.root ? net->later.root->key : TRP_NEVER;
}

void trp_net_run(struct trp_net *net, uint32_t index)
{
    TRP_ASSERT(index < net->due_count);
    struct trp_net_link *link = net->due.next;
    for (; index > 0; index--)
        link = link->next;
    struct trp_net_task *task = TRP_CONTAINER(link, struct trp_net_task, link);
    unplan(net, task);
    task->run(net, task);
}

// ---- Hosts

// Makes room for one more; what there was stays as it was if there is no memory.
static bool grow(struct trp_net *net)
{
    uint32_t capacity = net->capacity ? net->capacity * 2 : TRP_NET_FIRST_HOSTS;
    struct trp_net_host **hosts = trp_net_take(net, capacity * sizeof(struct trp_net_host *));
    struct trp_net_pair *pairs =
        trp_net_take(net, (size_t)capacity * capacity * sizeof(struct trp_net_pair));
    bool *side = trp_net_take(net, capacity * sizeof *side);
    if (hosts == NULL || pairs == NULL || side == NULL) {
        trp_net_give(net, hosts, capacity * sizeof(struct trp_net_host *));
        trp_net_give(net, pairs, (size_t)capacity * capacity * sizeof(struct trp_net_pair));
        trp_net_give(net, side, capacity * sizeof *side);
        return false;
    }
    for (uint32_t from = 0; from < net->host_count; from++) {
        hosts[from] = net->hosts[from];
        for (uint32_t to = 0; to < net->host_count; to++)
            pairs[(size_t)from * capacity + to] = *trp_net_pair(net, from, to);
    }
    trp_net_give(net, net->hosts, net->capacity * sizeof(struct trp_net_host *));
    trp_net_give(net, net->pairs,
                 (size_t)net->capacity * net->capacity * sizeof(struct trp_net_pair));
    trp_net_give(net, net->side, net->capacity * sizeof *side);
    net->hosts = hosts;
    net->pairs = pairs;
    net->side = side;
    net->capacity = capacity;
    return true;
}

troupe_status trp_net_host_add(struct trp_net *net, uint32_t *host)
{
    if (net->host_count == net->capacity && !grow(net))
        return TROUPE_ENOMEM;
    struct trp_net_host *added = trp_net_take(net, sizeof *added);
    if (added == NULL)
        return TROUPE_ENOMEM;
    *added = (struct trp_net_host){.net = net, .index = net->host_count++, .up = true};
    net->hosts[added->index] = added;
    for (uint32_t other = 0; other < net->host_count; other++) {
        const struct trp_net_pair pair = {.path = net->opts.path};
        *trp_net_pair(net, added->index, other) = pair;
        *trp_net_pair(net, other, added->index) = pair;
    }
    *host = added->index;
    return TROUPE_OK;
}

struct trp_streams trp_net_streams(struct trp_net *net, uint32_t host)
{
    TRP_ASSERT(host < net->host_count);
    return (struct trp_streams){.ops = &trp_net_streams_ops, .user = net->hosts[host]};
}

bool trp_net_host_is_up(const struct trp_net *net, uint32_t host)
{
    TRP_ASSERT(host < net->host_count);
    return net->hosts[host]->up;
}

void trp_net_host_down(struct trp_net *net, uint32_t host)
{
    TRP_ASSERT(trp_net_host_is_up(net, host));
    net->hosts[host]->up = false;
    trp_net_tell(net, TRP_NET_DOWN, host, host, TROUPE_OK, 0);
    struct trp_net_link *i, *next;
    // First what holds ends of connections, then the ends that programs hold.
    for (i = net->dialers.next; i != &net->dialers; i = i->next) {
        struct trp_net_dialer *dialer = TRP_CONTAINER(i, struct trp_net_dialer, link);
        if (dialer->host == host && !dialer->crashed)
            trp_net_dialer_crash(dialer);
    }
    for (i = net->listeners.next; i != &net->listeners; i = i->next) {
        struct trp_net_listener *listener = TRP_CONTAINER(i, struct trp_net_listener, link);
        if (listener->host == host && !listener->crashed)
            trp_net_listener_crash(listener);
    }
    for (i = net->connections.next; i != &net->connections; i = next) {
        next = i->next;
        struct trp_net_connection *connection = TRP_CONTAINER(i, struct trp_net_connection, link);
        for (int e = 0; e < 2; e++) {
            struct trp_net_end *end = &connection->ends[e];
            if (end->host == host && end->owned && !end->crashed)
                trp_net_crash(end);
        }
    }
}

// Frees what programs of crashed hosts, or of all, still have. Returns how many that were of hosts
// that did not crash.
static uint32_t free_left(struct trp_net *net, uint32_t host)
{
    uint32_t count = 0;
    struct trp_net_link *i, *next;
    for (i = net->dialers.next; i != &net->dialers; i = next) {
        next = i->next;
        struct trp_net_dialer *dialer = TRP_CONTAINER(i, struct trp_net_dialer, link);
        if (host != TRP_NET_ALL && (dialer->host != host || !dialer->crashed))
            continue;
        count += !dialer->crashed;
        trp_net_dialer_free(dialer);
    }
    for (i = net->listeners.next; i != &net->listeners; i = next) {
        next = i->next;
        struct trp_net_listener *listener = TRP_CONTAINER(i, struct trp_net_listener, link);
        if (host != TRP_NET_ALL && (listener->host != host || !listener->crashed))
            continue;
        count += !listener->crashed;
        trp_net_listener_free(listener);
    }
    for (i = net->connections.next; i != &net->connections; i = next) {
        next = i->next;
        struct trp_net_connection *connection = TRP_CONTAINER(i, struct trp_net_connection, link);
        struct trp_net_end *last = &connection->ends[1];
        bool mine[2];
        for (int e = 0; e < 2; e++) {
            struct trp_net_end *end = &connection->ends[e];
            mine[e] = end->owned && (host == TRP_NET_ALL || (end->host == host && end->crashed));
            count += mine[e] && !end->crashed;
        }
        if (mine[0])
            trp_net_forget(&connection->ends[0]);
        if (mine[1])
            trp_net_forget(last);
    }
    return count;
}

void trp_net_host_up(struct trp_net *net, uint32_t host)
{
    TRP_ASSERT(!trp_net_host_is_up(net, host));
    net->hosts[host]->up = true;
    (void)free_left(net, host);
    trp_net_tell(net, TRP_NET_UP, host, host, TROUPE_OK, 0);
}

// ---- Life

struct trp_net *trp_net_new(const struct trp_net_opts *opts, uint64_t now)
{
    struct trp_net *net = opts->allocator.alloc(opts->allocator.user, sizeof *net, TRP_CACHE_LINE);
    if (net == NULL)
        return NULL;
    *net = (struct trp_net){.opts = *opts, .now = now};
    if (net->opts.buffer == 0)
        net->opts.buffer = TRP_NET_BUFFER;
    if (net->opts.dial_us == 0)
        net->opts.dial_us = TRP_NET_DIAL_US;
    if (net->opts.fault_us == 0)
        net->opts.fault_us = TRP_NET_FAULT_US;
    trp_net_link_init(&net->connections);
    trp_net_link_init(&net->dialers);
    trp_net_link_init(&net->listeners);
    trp_net_link_init(&net->due);
    trp_net_task_init(&net->partition_end, trp_net_partition_ends);
    return net;
}

// Completes one operation. Its completion may change all lists: so one at a time, from the start.
static bool finish_one(struct trp_net *net)
{
    struct trp_net_link *i;
    for (i = net->dialers.next; i != &net->dialers; i = i->next)
        if (trp_net_dialer_finish(TRP_CONTAINER(i, struct trp_net_dialer, link)))
            return true;
    for (i = net->listeners.next; i != &net->listeners; i = i->next)
        if (trp_net_listener_finish(TRP_CONTAINER(i, struct trp_net_listener, link)))
            return true;
    for (i = net->connections.next; i != &net->connections; i = i->next) {
        struct trp_net_connection *connection = TRP_CONTAINER(i, struct trp_net_connection, link);
        for (int e = 0; e < 2; e++)
            if (connection->ends[e].owned && trp_net_finish(&connection->ends[e]))
                return true;
    }
    return false;
}

uint32_t trp_net_free(struct trp_net *net)
{
    net->closing = true;
    uint32_t rounds = 0;
    while (finish_one(net))
        TRP_ASSERT(++rounds < TRP_NET_ROUNDS); // somebody begins anew whenever it is told to stop
    uint32_t left = free_left(net, TRP_NET_ALL);
    for (uint32_t host = 0; host < net->host_count; host++)
        trp_net_give(net, net->hosts[host], sizeof *net->hosts[host]);
    trp_net_give(net, net->hosts, net->capacity * sizeof(struct trp_net_host *));
    trp_net_give(net, net->pairs,
                 (size_t)net->capacity * net->capacity * sizeof(struct trp_net_pair));
    trp_net_give(net, net->side, net->capacity * sizeof *net->side);
    trp_net_plan(net, &net->partition_end, TRP_NEVER);
    TRP_ASSERT(net->due_count == 0 && net->later.root == NULL);
    troupe_allocator allocator = net->opts.allocator;
    allocator.free(allocator.user, net, sizeof *net);
    return left;
}
