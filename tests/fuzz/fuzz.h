// What the targets that run a system share: the bytes of an input, one driven system, the memory
// that it takes, and how a broken promise is told. fuzz.c is the one file here that knows how a
// system is driven.
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "troupe/system.h"

// What libFuzzer calls, and replay_main.c.
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

// ---- Bytes

// What is left of an input; beyond its end there are zeros.
struct fuzz_bytes {
    const uint8_t *at, *end;
};

uint8_t fuzz_byte(struct fuzz_bytes *bytes);
uint16_t fuzz_u16(struct fuzz_bytes *bytes); // little-endian
uint32_t fuzz_u32(struct fuzz_bytes *bytes);

static inline bool fuzz_more(const struct fuzz_bytes *bytes)
{
    return bytes->at < bytes->end;
}

// One of `count`, at most 256.
static inline uint32_t fuzz_choice(struct fuzz_bytes *bytes, uint32_t count)
{
    return fuzz_byte(bytes) % count;
}

// Cuts off the next bytes: at most `size`, fewer if there are fewer.
struct fuzz_bytes fuzz_cut(struct fuzz_bytes *bytes, size_t size);

// ---- What must hold

// Ends the program, saying what is broken, unless `condition`.
#define FUZZ_CHECK(condition, ...) \
    ((condition) ? (void)0 : fuzz_broken(__FILE__, __LINE__, #condition, __VA_ARGS__))
_Noreturn __attribute__((format(printf, 4, 5))) void
fuzz_broken(const char *file, int line, const char *condition, const char *format, ...);

// With FUZZ_TRACE=1 in the environment: tells on stderr what is done, to read a find by.
__attribute__((format(printf, 1, 2))) void fuzz_trace(const char *format, ...);

// ---- The system: one at a time

struct fuzz_memory {
    uint64_t calls;      // allocations since the start
    uint64_t fail_from;  // the first of them that fails
    uint64_t fail_count; // and how many do; 0: none
    uint64_t failures;   // so far
    int64_t blocks;      // given out and not given back
};

extern struct fuzz_memory fuzz_memory;
extern troupe_system *fuzz_system; // NULL: there is none

// Starts a driven system whose memory is counted, and asked for block by block: `opts` says the
// rest. False: memory has failed.
bool fuzz_start(uint64_t seed, const troupe_system_opts *opts);

#define FUZZ_MOST_STEPS 20000 // some inputs make what never comes to rest

// These return false when it did not come to rest.
bool fuzz_settle(void);         // runs what can run; the clock stands still
bool fuzz_advance(uint64_t ms); // lets time pass
bool fuzz_run(void);            // until no timer is left

bool fuzz_step(void);          // one activation; false: there is nothing to run
uint64_t fuzz_now(void);       // ns
bool fuzz_memory_failed(void); // since the start

// At rest: what was sent is accounted for.
void fuzz_check_messages(void);

// Stops the system, which must come to its end in time, and checks all books: messages, actors,
// memory. `report` may be NULL.
void fuzz_stop(troupe_report *report);

#endif
