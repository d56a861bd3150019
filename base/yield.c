// See yield.h. In the product this file is empty.
#include "base/yield.h"

#ifdef TRP_YIELD_POINTS
void (*trp_yield_hook)(const char *point);
bool (*trp_yield_sleep_hook)(const _Atomic uint32_t *word, uint32_t expected, bool timed);
bool (*trp_yield_wake_hook)(const _Atomic uint32_t *word, int count);
#endif
