// Supervision, as the rest of the actor layer sees it. See supervisor.c.
#ifndef TRP_ACTORS_SUPERVISOR_H
#define TRP_ACTORS_SUPERVISOR_H

#include "actors/actor.h"
#include "troupe/supervisor.h"

struct trp_supervision;

// News of a child, on the supervisor's activation.
void trp_supervised_started(struct trp_runner *runner, struct trp_slot *slot,
                            struct trp_slot *child);
void trp_supervised_down(struct trp_runner *runner, struct trp_slot *slot, struct trp_slot *child);
void trp_supervised_gone(struct trp_runner *runner, struct trp_slot *slot, struct trp_slot *child);

// troupe_supervise with a monitor that is set before the supervisor can run; or NULL.
troupe_status trp_supervise_watched(troupe_ctx *ctx, const troupe_supervisor *spec, troupe_ref *ref,
                                    struct trp_monitor *watcher);

void trp_supervision_free(troupe_system *system, struct trp_runner *runner,
                          struct trp_supervision *supervision);

#endif
