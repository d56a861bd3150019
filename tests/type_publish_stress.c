// Message types that some threads use for the first time while others wait for nothing but the
// form, which says that the id can be read as a plain number.
#include "mailbox/type.h"
#include "tests/support/test.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum {
    USERS = 3,
    READERS = 2,
    TYPES = 1000,
};

static char names[TYPES][24];
static troupe_type types[TYPES];
static _Atomic int arrived; // users, all in all

// All users come to each type together, so that its id is wanted by several at once.
static void *use(void *argument)
{
    (void)argument;
    for (int i = 0; i < TYPES; i++) {
        atomic_fetch_add(&arrived, 1);
        for (int spins = 0; atomic_load(&arrived) < (i + 1) * USERS; spins++)
            if (spins > 100000) // else at the same moment
                sched_yield();
        (void)trp_type_intern(&types[i]);
    }
    return NULL;
}

static void *read_ids(void *argument)
{
    (void)argument;
    size_t wrong = 0;
    for (int i = 0; i < TYPES; i++) {
        for (int spins = 0; trp_type_form(&types[i]) == 0; spins++)
            if (spins > 100000) // else while others publish it
                sched_yield();
        uint32_t id = types[i].id; // not atomic, on purpose
        wrong += id == 0 || strcmp(trp_type_by_id(id)->name, names[i]) != 0;
    }
    return (void *)wrong;
}

static void who_knows_the_form_knows_the_id(void **state)
{
    (void)state;
    pthread_t threads[USERS + READERS];
    for (int i = 0; i < TYPES; i++) {
        snprintf(names[i], sizeof names[i], "Published%d", i);
        types[i] = (troupe_type){names[i], 8, 8, NULL, 0, 0};
    }
    for (int i = 0; i < USERS + READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, i < USERS ? use : read_ids, NULL), 0);
    for (int i = 0; i < USERS + READERS; i++) {
        void *wrong;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_knows_the_form_knows_the_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
