// See elsewhere.h.
#include "tests/support/elsewhere.h"

#include "all_kinds_proto3.pb-c.h"

TROUPE_STRUCT(Parcel, struct parcel);
TROUPE_PROTO(Kinds3__Point, kinds3__point);

int elsewhere_weight(const troupe_msg *msg)
{
    const struct parcel *parcel = troupe_match(msg, Parcel);
    return parcel ? parcel->weight : -1;
}

int elsewhere_x(const troupe_msg *msg)
{
    const Kinds3__Point *point = troupe_match(msg, Kinds3__Point);
    return point ? point->x : -1;
}

troupe_status elsewhere_send(troupe_ctx *ctx, troupe_ref to, int weight)
{
    return troupe_send(ctx, to, Parcel, .weight = weight);
}
