// See tree_example.h.
#include "tests/support/tree_example.h"

static troupe_status ignore(troupe_ctx *ctx, struct puppet *puppet, void *arg)
{
    (void)ctx;
    (void)puppet;
    (void)arg;
    return TROUPE_IGNORE;
}

static const struct order ignoring = {ignore, NULL};

// clang-format off

const troupe_supervisor tree_app = {
    .name = "app",
    .strategy = TROUPE_REST_FOR_ONE,
    TROUPE_CHILDREN(
        {.id = "store", .behavior = &puppet_behavior},
        {.id = "web", .supervisor = TROUPE_SUPERVISOR(
            .max_restarts = 10,
            TROUPE_CHILDREN(
                {.id = "listener", .behavior = &puppet_behavior},
                {.id = "sessions", .behavior = &puppet_behavior}))})};

const troupe_supervisor tree_shop = {
    .name = "shop",
    .strategy = TROUPE_ONE_FOR_ALL,
    .max_restarts = 3,
    .within_ms = 1500,
    .register_as = "the shop",
    TROUPE_CHILDREN(
        {.id = "till", .behavior = &puppet_behavior, .register_as = "till"},
        {.id = "waiters", .restart = TROUPE_TRANSIENT, .supervisor = TROUPE_SUPERVISOR(
            .strategy = TROUPE_SIMPLE_ONE_FOR_ONE,
            .max_restarts = TROUPE_NO_RESTARTS,
            .within_ms = 60000,
            TROUPE_CHILDREN({.behavior = &puppet_behavior, .restart = TROUPE_TEMPORARY}))},
        {.id = "empty", .supervisor = TROUPE_SUPERVISOR(.name = "not shown")},
        {.id = "cook", .restart = TROUPE_TRANSIENT, .behavior = &puppet_behavior,
         .args_type = TROUPE_TYPE(Do), .args = &ignoring})};

// clang-format on
