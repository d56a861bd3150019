// What the revocable guard costs: nanoseconds per enter and leave, and per revocation.
//   light_ns    with membarrier
//   heavy_ns    where membarrier is missing: sequentially consistent
//   revoke_ns   refused and granted ones in turns, with one thread
#include "base/bias.h"

#include "bench/support/measure.h"

#include <stddef.h>

#define ENTRIES     20000000
#define REVOCATIONS 10000

static double enter_and_leave(void *user)
{
    struct trp_bias *bias = user;
    uint64_t start = trp_clock_now(&trp_real_clock);
    for (int i = 0; i < ENTRIES; i++)
        if (trp_bias_enter(bias))
            trp_bias_leave(bias);
    return trp_measure_per(start, ENTRIES);
}

static double revoke(void *user)
{
    (void)user;
    uint64_t start = trp_clock_now(&trp_real_clock);
    for (int i = 0; i < REVOCATIONS; i++) {
        struct trp_bias bias = {0};
        trp_bias_enter(&bias);
        trp_bias_revoke(&bias);
        trp_bias_leave(&bias);
        trp_bias_revoke(&bias);
    }
    return trp_measure_per(start, (uint64_t)2 * REVOCATIONS);
}

int main(void)
{
    struct trp_bias bias = {0};
    trp_measure("heavy_ns", enter_and_leave, &bias); // nobody has prepared yet
    trp_bias_prepare();
    trp_measure("light_ns", enter_and_leave, &bias);
    trp_measure("revoke_ns", revoke, NULL);
    return 0;
}
