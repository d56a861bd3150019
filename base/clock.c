// See clock.h.
#include "base/clock.h"

#include <time.h>

static uint64_t real_now(void *user)
{
    (void)user;
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

const struct trp_clock trp_real_clock = {.now = real_now, .user = 0};
