// The smallest program: one actor that gets one message.
#include <stdio.h>
#include <troupe.h>

struct greet {
    const char *whom; // a message's pointers lead to what outlives it, such as a literal
};

TROUPE_STRUCT(Greet, struct greet);

static troupe_status greeter_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx;
    (void)state;
    const struct greet *greet = troupe_match(msg, Greet);
    if (!greet)
        return TROUPE_UNHANDLED;
    printf("hello, %s\n", greet->whom);
    return TROUPE_STOP; // no actor is left, and so troupe_main returns
}

static const troupe_behavior greeter = {.name = "greeter", .receive = greeter_receive};

static troupe_status start(troupe_ctx *ctx, int argc, char **argv)
{
    troupe_ref ref;
    troupe_status status = troupe_spawn(ctx, &greeter, NULL, &ref);
    if (status != TROUPE_OK)
        return status;
    return troupe_send(ctx, ref, Greet, .whom = argc > 1 ? argv[1] : "world");
}

int main(int argc, char **argv)
{
    return troupe_main(argc, argv, &(troupe_app){.name = "hello", .start = start});
}
