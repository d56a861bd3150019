// Programs on the hosts of a simulated network that dial, accept, send, receive, close and free at
// random, some of it out of completions. Each checks what it is told: that it was under way, that
// it may end so, and that the bytes are a prefix of what the other side has sent.
#ifndef TESTS_SUPPORT_NET_PROGRAM_H
#define TESTS_SUPPORT_NET_PROGRAM_H

#include "tests/support/net_stage.h"

#define PROGRAM_HOSTS   4
#define PROGRAM_DIALERS 6
#define PROGRAM_SIDES   160
#define PROGRAM_MOST    48 // bytes of one operation

// A stream as a program has it. What it sends is its number, in four bytes, and then a pattern.
struct program_side {
    struct trp_stream *stream; // NULL: freed
    uint32_t number, host;
    bool crashed, closed, failed;
    bool sending, receiving;
    bool over; // a receive has failed
    uint64_t sent, received;
    uint32_t peer; // the number that has come; right when `received` is 4 or more
    size_t offered, wanted;
    uint8_t out[PROGRAM_MOST], in[PROGRAM_MOST];
};

struct program_dialer {
    struct trp_dialer *dialer;
    uint32_t host, target;
    bool dialing, crashed;
};

struct program_listener {
    struct trp_listener *listener;
    uint32_t host;
    bool accepting, crashed;
};

// There is one run at a time.
extern struct program_run {
    struct net_stage stage;
    struct trp_random random;
    void (*interfere)(void); // now and then as the last of a completion; NULL: never
    bool calm;               // nothing new is begun
    bool ending;             // trp_net_free
    struct program_side sides[PROGRAM_SIDES];
    uint32_t side_count;
    struct program_dialer dialers[PROGRAM_DIALERS];
    struct program_listener listeners[PROGRAM_HOSTS];
} program_run;

uint32_t program_below(uint32_t bound);
bool program_one_in(uint32_t count);

// Whether something can be begun with it that need not end with TROUPE_ECLOSED.
bool program_can_use(const struct program_side *side);

void program_receive(struct program_side *side);
void program_close(struct program_side *side);
void program_free(struct program_side *side);
void program_use_a_side(void);

void program_make_dialer(struct program_dialer *dialer, uint32_t host);
void program_make_listener(struct program_listener *listener, uint32_t host);
void program_dial_or_cancel(struct program_dialer *dialer);
void program_accept(struct program_listener *listener);

#endif
