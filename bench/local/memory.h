// How much memory this process holds.
#ifndef BENCH_LOCAL_MEMORY_H
#define BENCH_LOCAL_MEMORY_H

#include <stdint.h>

// Returns a field of /proc/self/status that is in KiB, such as "VmRSS" (resident now) and "VmHWM"
// (the most that ever was resident). Ends the program when there is none.
uint64_t local_memory_kib(const char *field);

#endif
