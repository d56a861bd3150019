// Threads that use the same types for the first time at once agree on their ids.
#include "mailbox/type.h"
#include "tests/support/test.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum {
    THREADS = 16, // far more than there are CPUs
    TYPES = 2000,
};

static char names[TYPES][16];
static pthread_barrier_t start;

// Each thread is a source file: it has type objects of its own.
static troupe_type types[THREADS][TYPES];

// Objects that all threads use.
static troupe_type shared[TYPES];

// As the sender of a small struct does: who finds the form reads the id as a plain number.
static bool has_id_once_known(troupe_type *type)
{
    (void)trp_type_intern(type);
    return trp_type_form(type) == TRP_TYPE_SMALL && type->id != 0;
}

static void *use_types(void *argument)
{
    troupe_type *own = argument;
    size_t wrong = 0;
    pthread_barrier_wait(&start);
    for (int i = 0; i < TYPES; i++) {
        const struct trp_type *entry = trp_type_intern(&own[i]);
        const struct trp_type *found = entry ? trp_type_by_id(entry->id) : NULL;
        wrong += found != entry || !entry || strcmp(entry->name, names[i]) != 0;
        // The id of the first thread's object may be stored by another thread just now.
        const troupe_msg msg = {entry ? entry->id : 0, 8, names[i]};
        wrong += troupe_msg_match(&msg, &types[0][i]) != names[i];
        wrong += !has_id_once_known(&shared[i]);
    }
    return (void *)wrong;
}

static void threads_that_meet_a_type_at_once_get_one_id(void **state)
{
    (void)state;
    for (int i = 0; i < TYPES; i++) {
        snprintf(names[i], sizeof names[i], "Type%d", i);
        shared[i] = (troupe_type){names[i], 8, 8, NULL, 0, 0};
        for (int k = 0; k < THREADS; k++)
            types[k][i] = shared[i];
    }
    pthread_t threads[THREADS];
    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (int k = 0; k < THREADS; k++)
        assert_int_equal(pthread_create(&threads[k], NULL, use_types, types[k]), 0);
    for (int k = 0; k < THREADS; k++) {
        void *wrong;
        assert_int_equal(pthread_join(threads[k], &wrong), 0);
        assert_null(wrong);
    }
    pthread_barrier_destroy(&start);
    for (int i = 0; i < TYPES; i++) {
        for (int k = 1; k < THREADS; k++)
            assert_int_equal(types[k][i].id, types[0][i].id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_that_meet_a_type_at_once_get_one_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
