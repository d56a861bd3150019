// See network.h.
#include "sim/network.h"

#include "base/slab.h"

#include <inttypes.h>

static uint32_t choose(void *user, uint32_t kind, uint32_t count)
{
    (void)kind;
    return trp_sim_choose(user, TRP_SIM_BYTES, count);
}

// What moves bytes, and does no harm, is too much for a trace.
static bool is_of_note(enum trp_net_event_kind kind)
{
    return kind != TRP_NET_ARRIVED && kind != TRP_NET_CUT && kind != TRP_NET_SHORT &&
           kind != TRP_NET_DONE_SEND && kind != TRP_NET_DONE_RECEIVE;
}

static void observe(void *user, const struct trp_net_event *event)
{
    troupe_sim *sim = user;
    trp_sim_mix(sim, event->time);
    trp_sim_mix(sim, (uint64_t)event->kind << 32 | (uint64_t)event->status);
    trp_sim_mix(sim, (uint64_t)event->from << 32 | event->to);
    trp_sim_mix(sim, event->value);
    if (is_of_note(event->kind))
        trp_sim_note(sim, event->from, "network: %s %" PRIu32 " %" PRIu32 " %" PRIu64,
                     trp_net_event_name(event->kind), event->from, event->to, event->value);
}

troupe_status trp_sim_network_open(troupe_sim *sim, const struct trp_net_opts *opts)
{
    struct trp_net_opts own = opts ? *opts : (struct trp_net_opts){0};
    own.allocator = trp_default_allocator;
    own.choose = choose;
    own.observe = observe;
    own.user = sim;
    TRP_ASSERT(sim->net == NULL);
    sim->net = trp_net_new(&own, sim->now);
    if (sim->net == NULL)
        return trp_error(TROUPE_ENOMEM, "no memory for a simulated network");
    troupe_status status = trp_sim_network_grow(sim);
    if (status != TROUPE_OK) {
        (void)trp_net_free(sim->net);
        sim->net = NULL;
    }
    return status;
}

troupe_status trp_sim_network_grow(troupe_sim *sim)
{
    uint32_t host;
    while (sim->net && sim->hosts < sim->node_count) {
        troupe_status status = trp_net_host_add(sim->net, &host);
        if (status != TROUPE_OK)
            return status;
        TRP_ASSERT(host == sim->hosts);
        sim->hosts++;
    }
    return TROUPE_OK;
}

void trp_sim_network_set(const struct trp_sim_node *node, bool up)
{
    struct trp_net *net = node->sim->net;
    if (net == NULL || trp_net_host_is_up(net, node->index) == up)
        return;
    if (up)
        trp_net_host_up(net, node->index);
    else
        trp_net_host_down(net, node->index);
}

struct trp_streams trp_sim_streams(troupe_sim *sim, uint32_t index)
{
    return trp_net_streams(sim->net, index);
}
