// See futex.h.
#include "base/futex.h"

#include "base/clock.h"
#include "base/yield.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void trp_futex_wait(const _Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns)
{
    if (TRP_YIELD_SLEEP(word, expected, timeout_ns != TRP_NEVER))
        return;
    struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / UINT64_C(1000000000)),
                               .tv_nsec = (long)(timeout_ns % UINT64_C(1000000000))};
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, timeout_ns == TRP_NEVER ? 0 : &timeout,
            0, 0);
}

void trp_futex_wake(_Atomic uint32_t *word, int count)
{
    if (TRP_YIELD_WAKE(word, count))
        return;
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, 0, 0, 0);
}
