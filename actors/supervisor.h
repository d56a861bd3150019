// Supervision, as the rest of the actor layer sees it. See supervisor.c.
#ifndef TRP_ACTORS_SUPERVISOR_H
#define TRP_ACTORS_SUPERVISOR_H

#include "actors/actor.h"
#include "troupe/supervisor.h"

struct trp_supervision;

// ---- News of a child, on the supervisor's activation

void trp_supervised_started(struct trp_runner *runner, struct trp_slot *supervisor,
                            struct trp_slot *child);
void trp_supervised_down(struct trp_runner *runner, struct trp_slot *supervisor,
                         struct trp_slot *child);
void trp_supervised_purged(struct trp_runner *runner, struct trp_slot *supervisor,
                           struct trp_slot *child);
void trp_supervised_gone(struct trp_runner *runner, struct trp_slot *supervisor,
                         struct trp_slot *child);

// ---- The supervisor itself

// Its incarnation ends: tells the children to. Again, with `kill`, when it is killed meanwhile.
void trp_supervision_stop(struct trp_runner *runner, struct trp_slot *supervisor, bool kill);

// Its tick went off. True: see trp_tick.
bool trp_supervision_tick(struct trp_runner *runner, struct trp_slot *supervisor);

// Spawns a supervisor; `spawn` says where and for whom. Errors set the text.
troupe_status trp_supervisor_spawn(troupe_system *system, struct trp_runner *runner,
                                   const troupe_supervisor *spec, struct trp_spawn_spec *spawn,
                                   troupe_ref *ref);

// troupe_supervise with a monitor that is set before the supervisor can run; or NULL.
troupe_status trp_supervise_watched(troupe_ctx *ctx, const troupe_supervisor *spec, troupe_ref *ref,
                                    struct trp_monitor *watcher);

void trp_supervision_free(troupe_system *system, struct trp_runner *runner,
                          struct trp_supervision *supervision);

#endif
