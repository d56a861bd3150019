// The revocable guard on the real machine: the owner goes in and out as fast as it can while
// another thread tries to revoke. What the owner changes inside is not atomic, on purpose: after a
// successful revocation it is the revoker's, who watches that it never changes again.
#include "base/assert.h"
#include "base/bias.h"
#include "base/random.h"
#include "tests/support/test.h"

#include <pthread.h>
#include <sched.h>

#define ENTRIES      1000000
#define SHORT_LIVES  2000
#define NOTES        1000
#define LONG_LIVES   40
#define LONG_ENTRIES 200
#define LONG_STAY    20000 // longer than membarrier takes, else the owner has left meanwhile

enum phase { BEFORE, RUNNING, OVER };

struct guarded {
    _Alignas(TRP_CACHE_LINE) struct trp_bias bias;
    uint64_t entries; // constant while the owner runs
    uint64_t stay;    // constant while the owner runs; how much it does inside
    // Only inside, or by the revoker after it has succeeded.
    _Alignas(TRP_CACHE_LINE) volatile uint64_t first;
    volatile uint64_t second; // outside always the same as first
    _Alignas(TRP_CACHE_LINE) _Atomic int phase;
};

static void *own(void *argument)
{
    struct guarded *guarded = argument;
    atomic_store(&guarded->phase, RUNNING);
    for (uint64_t i = 0; i < guarded->entries; i++) {
        if (!trp_bias_enter(&guarded->bias))
            break;
        for (uint64_t done = 0; done < guarded->stay; done++)
            guarded->first = guarded->first + 1;
        guarded->second = guarded->first;
        trp_bias_leave(&guarded->bias);
    }
    atomic_store(&guarded->phase, OVER);
    return NULL;
}

static void wait_a_little(struct trp_random *random)
{
    uint32_t rounds = trp_random_below(random, 2000);
    for (volatile uint32_t i = 0; i < rounds; i = i + 1)
        trp_cpu_relax();
}

// Returns what went wrong, or NULL.
static const char *watch_what_was_taken(const struct guarded *guarded, struct trp_random *random)
{
    uint64_t first = guarded->first;
    if (guarded->second != first)
        return "taken in the middle of the owner's work";
    for (int i = 0; i < 3; i++) {
        wait_a_little(random);
        if (guarded->first != first || guarded->second != first)
            return "changed by the owner after it was revoked";
    }
    return NULL;
}

static pthread_t start_owner(struct guarded *guarded, uint64_t entries, uint64_t stay)
{
    guarded->entries = entries;
    guarded->stay = stay;
    pthread_t thread;
    int failed = pthread_create(&thread, NULL, own, guarded);
    TRP_ASSERT(!failed);
    while (atomic_load(&guarded->phase) == BEFORE)
        sched_yield();
    return thread;
}

// Each life of a guard is a fresh race between the owner's entries and one success.
static void what_is_revoked_never_changes_again(void **state)
{
    (void)state;
    struct trp_random random;
    trp_random_init(&random, 1);
    uint64_t refusals = 0;
    for (int life = 0; life < SHORT_LIVES; life++) {
        struct guarded guarded = {0};
        pthread_t owner = start_owner(&guarded, UINT64_MAX, 1);
        wait_a_little(&random);
        while (!trp_bias_revoke(&guarded.bias)) {
            refusals++;
            wait_a_little(&random);
        }
        const char *fault = watch_what_was_taken(&guarded, &random);
        pthread_join(owner, NULL);
        if (fault != NULL)
            fail_msg("life %d: %s", life, fault);
    }
    print_message("%d revocations, %llu refused before\n", SHORT_LIVES,
                  (unsigned long long)refusals);
}

// Most attempts find this owner inside: none of them may harm it.
static void an_owner_under_attack_loses_no_work_until_it_is_revoked(void **state)
{
    (void)state;
    struct trp_random random;
    trp_random_init(&random, 2);
    uint64_t entered = 0, refused = 0;
    for (int life = 0; life < LONG_LIVES; life++) {
        struct guarded guarded = {0};
        pthread_t owner = start_owner(&guarded, LONG_ENTRIES, LONG_STAY);
        bool revoked = false;
        while (!revoked && atomic_load(&guarded.phase) == RUNNING) {
            wait_a_little(&random);
            revoked = trp_bias_revoke(&guarded.bias);
            refused += !revoked;
        }
        const char *fault = revoked ? watch_what_was_taken(&guarded, &random) : NULL;
        pthread_join(owner, NULL);
        if (fault != NULL)
            fail_msg("life %d: %s", life, fault);
        assert_int_equal(guarded.first, guarded.second);
        assert_int_equal(guarded.first % LONG_STAY, 0);
        if (!revoked)
            assert_int_equal(guarded.first, LONG_ENTRIES * LONG_STAY);
        entered += guarded.first / LONG_STAY;
    }
    print_message("%llu entries, %llu attempts refused\n", (unsigned long long)entered,
                  (unsigned long long)refused);
}

// The guard costs the owner little enough to be used for each call, so it must stand many.
static void a_million_entries_without_a_revoker_all_succeed(void **state)
{
    (void)state;
    struct guarded guarded = {0};
    pthread_t owner = start_owner(&guarded, ENTRIES, 1);
    pthread_join(owner, NULL);
    assert_int_equal(guarded.first, ENTRIES);
    assert_true(trp_bias_revoke(&guarded.bias));
}

// ---- What the revoker does before it decides

struct noted {
    struct trp_bias bias;
    uint64_t note; // the revoker's while it has frozen the guard, else the owner's to read
    uint64_t read; // the owner's
    _Atomic int phase;
};

static void *read_notes(void *argument)
{
    struct noted *noted = argument;
    atomic_store(&noted->phase, RUNNING);
    while (trp_bias_enter(&noted->bias)) {
        noted->read = noted->note;
        trp_bias_leave(&noted->bias);
    }
    noted->read = noted->note;
    return NULL;
}

static void the_owner_sees_what_the_revoker_did(void **state)
{
    (void)state;
    struct trp_random random;
    trp_random_init(&random, 3);
    for (uint64_t round = 0; round < 20; round++) {
        struct noted noted = {.note = 0};
        pthread_t owner;
        assert_int_equal(pthread_create(&owner, NULL, read_notes, &noted), 0);
        while (atomic_load(&noted.phase) == BEFORE)
            sched_yield();
        for (uint64_t note = 1; note <= NOTES;) {
            if (!trp_bias_freeze(&noted.bias))
                continue;
            wait_a_little(&random); // the owner waits for the decision
            noted.note = note;
            if (note++ == NOTES)
                trp_bias_commit(&noted.bias);
            else
                trp_bias_withdraw(&noted.bias);
        }
        pthread_join(owner, NULL);
        assert_int_equal(noted.read, NOTES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_owner_sees_what_the_revoker_did),
        cmocka_unit_test(what_is_revoked_never_changes_again),
        cmocka_unit_test(a_million_entries_without_a_revoker_all_succeed),
        cmocka_unit_test(an_owner_under_attack_loses_no_work_until_it_is_revoked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
