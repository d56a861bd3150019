// Uses that no program intends and some make: each has a plain outcome.
#include "sim/driver.h"
#include "tests/support/test.h"

#include <troupe.h>

TROUPE_EMPTY(Hello);

// ---- A status that init has no business with

static troupe_status odd_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)ctx;
    (void)state;
    (void)args;
    return (troupe_status)15; // none of ours, and below the first error
}

static troupe_status take_hello(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx;
    (void)state;
    return troupe_match(msg, Hello) ? TROUPE_OK : TROUPE_UNHANDLED;
}

static const troupe_behavior odd = {.name = "odd", .init = odd_init, .receive = take_hello};
static const troupe_behavior plain = {.name = "plain", .receive = take_hello};

static void an_init_that_returns_an_unknown_status_has_failed(void **state)
{
    (void)state;
    struct trp_driver driver;
    assert_int_equal(trp_driver_start(&driver, 1, NULL), TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(driver.system);
    assert_int_equal(troupe_spawn_wait(ctx, &odd, NULL, NULL, NULL, NULL), TROUPE_ESTART);
    assert_int_equal(trp_driver_stop(&driver, 0, NULL), TROUPE_OK);
}

// ---- A periodic timer that outlives its target

static void a_periodic_timer_ends_with_its_target(void **state)
{
    (void)state;
    struct trp_driver driver;
    troupe_ref ref;
    troupe_stats stats;
    assert_int_equal(trp_driver_start(&driver, 1, NULL), TROUPE_OK);
    troupe_ctx *ctx = troupe_outside(driver.system);
    assert_int_equal(troupe_spawn_wait(ctx, &plain, NULL, &ref, NULL, NULL), TROUPE_OK);
    assert_int_equal(troupe_every(ctx, 10, ref, NULL, Hello), TROUPE_OK);
    trp_driver_advance(&driver, 35);
    troupe_system_stats(driver.system, &stats);
    assert_int_equal(stats.handled, 3);
    assert_int_equal(troupe_stop(ctx, ref), TROUPE_OK);
    trp_driver_advance(&driver, 1000);
    troupe_system_stats(driver.system, &stats);
    assert_int_equal(stats.handled, 3);
    assert_int_equal(stats.dead, 1); // the tick that found it dead
    assert_true(trp_system_next_deadline(driver.system) == TRP_NEVER);
    assert_int_equal(trp_driver_stop(&driver, 0, NULL), TROUPE_OK);
}

// ---- One hook of two under troupe_main

static int letters;

static void count_letter(void *user, const troupe_dead_letter *letter)
{
    (void)letter;
    assert_ptr_equal(user, &letters);
    letters++;
}

static troupe_status start_odd(troupe_ctx *ctx, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    troupe_ref ref;
    troupe_status status = troupe_spawn(ctx, &odd, NULL, &ref);
    return status == TROUPE_OK ? troupe_send(ctx, ref, Hello) : status;
}

static void troupe_main_gives_a_hook_the_argument_it_was_set_with(void **state)
{
    (void)state;
    const troupe_system_opts options = {.on_dead_letter = count_letter, .hook_user = &letters};
    char name[] = "odd";
    char *argv[] = {name, NULL};
    const troupe_app app = {.name = "odd", .start = start_odd, .options = &options};
    assert_int_equal(troupe_main(1, argv, &app), 1); // its only actor failed to start
    assert_int_equal(letters, 1);                    // dead before or after it was sent: told once
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_init_that_returns_an_unknown_status_has_failed),
        cmocka_unit_test(a_periodic_timer_ends_with_its_target),
        cmocka_unit_test(troupe_main_gives_a_hook_the_argument_it_was_set_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
