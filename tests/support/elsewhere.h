// A second source file that declares message types which tests declare too, as the files of a
// program do.
#ifndef TESTS_SUPPORT_ELSEWHERE_H
#define TESTS_SUPPORT_ELSEWHERE_H

#include "troupe/message.h"

// The struct behind the word Parcel.
struct parcel {
    int weight;
    char to[8];
};

// The weight of a Parcel as this file matches it; -1: it is none.
int elsewhere_weight(const troupe_msg *msg);

// The first field of a kinds3.Point as this file matches it; -1: it is none.
int elsewhere_x(const troupe_msg *msg);

// Sends a Parcel with the type object of this file.
troupe_status elsewhere_send(troupe_ctx *ctx, troupe_ref to, int weight);

#endif
