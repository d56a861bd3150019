// Two hosts that are connected, and nothing else: what tests of single faults begin with. A test
// uses one such pair at a time.
#ifndef TESTS_SUPPORT_NET_TWO_H
#define TESTS_SUPPORT_NET_TWO_H

#include "tests/support/net_stage.h"

#define NEAR 0 // dials
#define FAR  1 // listens

extern struct net_stage two_stage;
extern struct net_pair two_pair;
extern char two_got[100]; // what far has received

// Bytes take 10 ms from one host to another.
extern const struct trp_net_path two_ten_ms;

// Opens a network where every choice is 0 and bytes take 10 ms, unless the options have a path.
void two_open_with(struct trp_net_opts opts);

// Opens it and connects the two.
void two_meet_with(struct trp_net_opts opts);
void two_meet(void);

// Frees all of it; nothing is under way.
void two_part(void);

// Virtual time since the start.
uint64_t two_ms(void);

// Near sends it all at once.
void two_near_sends(const char *text);

// Far begins to receive into two_got.
void two_far_receives(void);

// Fails the test unless the operation has received that.
void two_expect_text(const struct net_op *op, const char *text);

#endif
