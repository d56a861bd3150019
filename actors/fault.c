// Faults of a simulation, where they reach an actor: it fails instead of what the user wrote, or
// after that.
#include "actors/actor.h"

bool trp_fail_simulated(struct troupe_ctx *ctx, enum trp_moment moment, troupe_status *status)
{
    const struct trp_seams *seams = &ctx->system->seams;
    if (!seams->fails(seams->user, ctx->slot, moment))
        return false;
    bool inside =
        TRP_CALL_USER(ctx, *status = troupe_fail(ctx, TROUPE_ESYSTEM, "simulated failure"));
    TRP_ASSERT(inside); // in a simulation nothing is given up
    return true;
}
