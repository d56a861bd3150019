// The network between the systems of a simulation: sim/net.h, with a host for each system, driven
// by the simulation's loop, decided by its choices, told in its trace. A system that crashes takes
// its host down.
#ifndef TRP_SIM_NETWORK_H
#define TRP_SIM_NETWORK_H

#include "sim/core.h"
#include "sim/net.h"

// Makes the network, with the hosts of all systems that there are and will be; once. Of `opts`,
// which may be NULL, allocator, choose, observe and user are not used. TROUPE_ENOMEM.
troupe_status trp_sim_network_open(troupe_sim *sim, const struct trp_net_opts *opts);

// Returns the streams of a system's host. It must be there, and the network open.
struct trp_streams trp_sim_streams(troupe_sim *sim, uint32_t index);

#endif
