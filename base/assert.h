// Assertions that stay on: a broken invariant of the runtime ends the program at once, with the
// place and the broken condition on stderr, before it can corrupt a user's data.
// What the world does (memory runs out, a peer goes away) is never asserted; that is a status.
#ifndef TRP_BASE_ASSERT_H
#define TRP_BASE_ASSERT_H

// Ends the program; `format` as printf's, says what is wrong and with which values.
__attribute__((noreturn, cold, format(printf, 3, 4))) void trp_panic(const char *file, int line,
                                                                     const char *format, ...);

#define TRP_ASSERT(condition) \
    ((condition) ? (void)0 : trp_panic(__FILE__, __LINE__, "broken invariant: %s", #condition))

#define TRP_LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define TRP_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

#define TRP_CONTAINER(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#define TRP_CACHE_LINE 64

#endif
