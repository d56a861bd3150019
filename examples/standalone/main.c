// A program built from an installed Troupe and nothing of its source tree: see the Makefile.
#include <stdio.h>
#include <troupe.h>

struct greeting {
    char name[32];
};

TROUPE_STRUCT(Greeting, struct greeting);

// Greets once, then ends; with the last actor the program ends.
static troupe_status greeter_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx;
    (void)state;
    const struct greeting *greeting = troupe_match(msg, Greeting);
    if (!greeting)
        return TROUPE_UNHANDLED;
    printf("Hello, %s.\n", greeting->name);
    return TROUPE_STOP;
}

static const troupe_behavior greeter_behavior = {.name = "greeter", .receive = greeter_receive};

static troupe_status start(troupe_ctx *ctx, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    troupe_ref greeter;
    troupe_status status = troupe_spawn(ctx, &greeter_behavior, NULL, &greeter);
    if (status != TROUPE_OK)
        return status;
    return troupe_send(ctx, greeter, Greeting, .name = "world");
}

int main(int argc, char **argv)
{
    return troupe_main(argc, argv, &(troupe_app){.name = "greet", .start = start});
}
