// A shop that is vandalized while it serves: supervised [SEED]
//
// The shop is a tree of supervisors. A customer asks what things cost and wants every answer to be
// right; meanwhile a monkey kills actors of the tree at random, whole branches among them. What was
// asked of somebody who died is asked again, and in the end the shop is complete.
//
//     shop                rest for one: clerks work with the books, so new books, new clerks
//     |- books            one for all: prices and discounts must be of the same edition
//     |  |- prices
//     |  `- discounts
//     `- clerks           simple one for one: hired at run time, nobody is hired in their place
//        `- clerk ...
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <troupe.h>

#define QUESTIONS 300
#define KILLS     30 // one with every tenth question
#define STAFF     2
#define THINGS    20
#define ATTEMPTS  10000 // at one question, a millisecond apart: that is where patience ends

TROUPE_STRUCT(Question, uint32_t); // which thing?
TROUPE_STRUCT(Cents, uint32_t);

// ---- The books: two actors that know numbers

struct book {
    uint32_t cents[THINGS];
};

static troupe_status prices_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)ctx;
    (void)args;
    struct book *prices = state;
    for (uint32_t thing = 0; thing < THINGS; thing++)
        prices->cents[thing] = 1000 + 10 * thing;
    return TROUPE_OK;
}

static troupe_status discounts_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    (void)ctx;
    (void)args;
    struct book *discounts = state;
    for (uint32_t thing = 0; thing < THINGS; thing++)
        discounts->cents[thing] = thing;
    return TROUPE_OK;
}

static troupe_status book_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    const struct book *book = state;
    const uint32_t *thing = troupe_match(msg, Question);
    if (!thing || *thing >= THINGS)
        return TROUPE_UNHANDLED;
    return troupe_reply(ctx, Cents, book->cents[*thing]);
}

static const troupe_behavior prices_behavior = {
    .name = "prices",
    .state_size = sizeof(struct book),
    .init = prices_init,
    .receive = book_receive,
};

static const troupe_behavior discounts_behavior = {
    .name = "discounts",
    .state_size = sizeof(struct book),
    .init = discounts_init,
    .receive = book_receive,
};

// ---- A clerk: looks both up and answers. Whatever goes wrong is a failure: the customer will ask
// another clerk.

struct clerk { // one customer, so one question at a time
    troupe_token token;
    uint32_t thing, price;
};

// Asks whoever has that name now. The ref may be another one tomorrow, the name is not.
static troupe_status ask_book(troupe_ctx *ctx, const char *name, troupe_on_outcome on_cents,
                              uint32_t thing)
{
    troupe_ref book;
    troupe_status status = troupe_lookup(ctx, name, &book);
    if (status != TROUPE_OK)
        return troupe_fail(ctx, status, "nobody keeps the %s", name);
    return troupe_ask(ctx, book, 1000, on_cents, NULL, Question, thing);
}

static troupe_status cents_of(troupe_ctx *ctx, const troupe_outcome *outcome, uint32_t *cents)
{
    if (outcome->status != TROUPE_OK)
        return troupe_fail(ctx, outcome->status, "a book did not answer");
    const uint32_t *answer = troupe_match(outcome->reply, Cents);
    if (!answer)
        return troupe_fail(ctx, TROUPE_EUSER, "a book answered with something else");
    *cents = *answer;
    return TROUPE_OK;
}

static troupe_status on_discount(troupe_ctx *ctx, void *state, void *user,
                                 const troupe_outcome *outcome)
{
    (void)user;
    struct clerk *clerk = state;
    uint32_t discount = 0;
    troupe_status status = cents_of(ctx, outcome, &discount);
    if (status != TROUPE_OK)
        return status;
    return troupe_reply_to(ctx, clerk->token, Cents, clerk->price - discount);
}

static troupe_status on_price(troupe_ctx *ctx, void *state, void *user,
                              const troupe_outcome *outcome)
{
    (void)user;
    struct clerk *clerk = state;
    troupe_status status = cents_of(ctx, outcome, &clerk->price);
    if (status != TROUPE_OK)
        return status;
    return ask_book(ctx, "discounts", on_discount, clerk->thing);
}

static troupe_status clerk_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct clerk *clerk = state;
    const uint32_t *thing = troupe_match(msg, Question);
    if (!thing)
        return TROUPE_UNHANDLED;
    clerk->thing = *thing;
    // To answer later. Should the clerk end before, the customer is told at once.
    troupe_status status = troupe_token_take(ctx, &clerk->token);
    if (status != TROUPE_OK)
        return status;
    return ask_book(ctx, "prices", on_price, clerk->thing);
}

static const troupe_behavior clerk_behavior = {
    .name = "clerk",
    .state_size = sizeof(struct clerk),
    .receive = clerk_receive,
};

// ---- The shop: the whole tree as one table
//
// Each kill counts for one supervisor, so that none of them ever gives up. In a program that is not
// there to be vandalized it would be far less: see docs/failure.md.

static const troupe_supervisor shop = {
    .name = "shop",
    .strategy = TROUPE_REST_FOR_ONE,
    .max_restarts = KILLS,
    .register_as = "shop",
    // clang-format off
    TROUPE_CHILDREN(
        {.id = "books", .register_as = "books", .supervisor = TROUPE_SUPERVISOR(
            .strategy = TROUPE_ONE_FOR_ALL,
            .max_restarts = KILLS,
            TROUPE_CHILDREN(
                {.id = "prices", .register_as = "prices", .behavior = &prices_behavior},
                {.id = "discounts", .register_as = "discounts", .behavior = &discounts_behavior}))},
        {.id = "clerks", .register_as = "clerks", .supervisor = TROUPE_SUPERVISOR(
            .strategy = TROUPE_SIMPLE_ONE_FOR_ONE,
            TROUPE_CHILDREN({.behavior = &clerk_behavior, .restart = TROUPE_TEMPORARY}))}),
    // clang-format on
};

static const char *const supervisors[] = {"shop", "books", "clerks"};
#define SUPERVISORS (sizeof supervisors / sizeof supervisors[0])

// ---- The monkey: at each Strike it picks a supervisor, then one of its children, and kills that.
// One at a time: the next one when the last has taken effect.

TROUPE_EMPTY(Strike);
TROUPE_EMPTY(Again);
TROUPE_STRUCT(Seed, unsigned);

struct monkey {
    unsigned seed;
    unsigned wanted, done; // strikes
    bool busy;
    troupe_monitor_ref monitor; // of the victim
};

static unsigned pick(struct monkey *monkey, size_t count)
{
    return (unsigned)rand_r(&monkey->seed) % (unsigned)count;
}

static troupe_status on_children(troupe_ctx *ctx, void *state, void *user,
                                 const troupe_outcome *outcome)
{
    (void)user;
    struct monkey *monkey = state;
    const troupe_children *all =
        outcome->status == TROUPE_OK ? troupe_match(outcome->reply, troupe_children) : NULL;
    const troupe_child_info *victim =
        all && all->count > 0 ? &all->children[pick(monkey, all->count)] : NULL;
    if (!victim || victim->state != TROUPE_CHILD_RUNNING) // the shop is not tidied up yet
        return troupe_after(ctx, 1, troupe_self(ctx), NULL, Again);
    troupe_status status =
        troupe_monitor(ctx, victim->ref, TROUPE_ON_RESTART | TROUPE_ON_STOP, &monkey->monitor);
    if (status == TROUPE_OK)
        (void)troupe_kill(ctx, victim->ref); // had it just ended, the monitor tells
    return status;
}

static troupe_status strike(troupe_ctx *ctx, struct monkey *monkey)
{
    monkey->busy = true;
    troupe_ref supervisor = troupe_whereis(ctx, supervisors[pick(monkey, SUPERVISORS)]);
    if (troupe_which_children(ctx, supervisor, 1000, on_children, NULL) == TROUPE_OK)
        return TROUPE_OK;
    return troupe_after(ctx, 1, troupe_self(ctx), NULL, Again); // nobody has that name just now
}

static troupe_status has_struck(troupe_ctx *ctx, struct monkey *monkey)
{
    (void)troupe_demonitor(ctx, monkey->monitor); // later restarts are none of its business
    monkey->busy = false;
    if (++monkey->done == KILLS)
        return TROUPE_STOP;
    return monkey->done < monkey->wanted ? strike(ctx, monkey) : TROUPE_OK;
}

static troupe_status monkey_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    struct monkey *monkey = state;
    const unsigned *seed = troupe_match(args, Seed);
    if (!seed)
        return troupe_fail(ctx, TROUPE_EINVAL, "a monkey needs a Seed");
    monkey->seed = *seed;
    return TROUPE_OK;
}

static troupe_status monkey_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct monkey *monkey = state;
    if (troupe_match(msg, troupe_down))
        return has_struck(ctx, monkey);
    if (troupe_match(msg, Again))
        return strike(ctx, monkey);
    if (!troupe_match(msg, Strike))
        return TROUPE_UNHANDLED;
    monkey->wanted++;
    return monkey->busy ? TROUPE_OK : strike(ctx, monkey);
}

static const troupe_behavior monkey_behavior = {
    .name = "monkey",
    .state_size = sizeof(struct monkey),
    .init = monkey_init,
    .receive = monkey_receive,
};

// ---- The customer: the main thread, which may wait

struct customer {
    troupe_ref clerks[STAFF]; // the zero ref: to be hired
    unsigned again;           // questions that were asked once more
};

static troupe_status hire(troupe_ctx *ctx, troupe_ref *clerk)
{
    troupe_ref clerks;
    troupe_status status = troupe_lookup(ctx, "clerks", &clerks);
    if (status != TROUPE_OK)
        return status;
    return troupe_start_child_wait(ctx, clerks, TROUPE_NO_LIMIT, NULL, clerk);
}

// Has a clerk who did not answer stopped. Most have ended by themselves; then this waits until they
// are off the list.
static void dismiss(troupe_ctx *ctx, troupe_ref *clerk)
{
    troupe_ref clerks = troupe_whereis(ctx, "clerks");
    (void)troupe_stop_child_ref_wait(ctx, clerks, TROUPE_NO_LIMIT, *clerk);
    *clerk = (troupe_ref){0, 0, 0};
}

// Asks once.
static troupe_status ask_clerk(troupe_ctx *ctx, troupe_ref *clerk, uint32_t thing, uint32_t *cents)
{
    troupe_status status = troupe_ref_is_none(*clerk) ? hire(ctx, clerk) : TROUPE_OK;
    if (status != TROUPE_OK)
        return status;
    troupe_msg *reply = NULL;
    status = troupe_call(ctx, *clerk, 5000, &reply, Question, thing);
    if (status != TROUPE_OK) {
        dismiss(ctx, clerk);
        return status;
    }
    const uint32_t *answer = troupe_match(reply, Cents);
    *cents = answer ? *answer : 0;
    troupe_msg_free(ctx, reply);
    return TROUPE_OK;
}

// Asks until there is an answer. A question changes nothing, so it can be asked again without harm.
// False: it was wrong, or there was none.
static bool gets_answer(troupe_ctx *ctx, struct customer *customer, unsigned number)
{
    uint32_t thing = number % THINGS, cents = 0;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (ask_clerk(ctx, &customer->clerks[number % STAFF], thing, &cents) == TROUPE_OK)
            return cents == 1000 + 9 * thing;
        customer->again++;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return false;
}

static unsigned visit(troupe_ctx *ctx, troupe_ref monkey)
{
    struct customer customer = {.again = 0};
    unsigned answers = 0;
    for (unsigned i = 0; i < QUESTIONS; i++) {
        if (i % (QUESTIONS / KILLS) == 0)
            (void)troupe_send(ctx, monkey, Strike);
        answers += gets_answer(ctx, &customer, i);
    }
    (void)troupe_join(ctx, monkey, TROUPE_NO_LIMIT, NULL);
    for (unsigned i = 0; i < STAFF; i++) // once more, now that it is quiet: so all are there
        (void)gets_answer(ctx, &customer, i);
    printf("%u of %d questions answered, %u times asked again\n", answers, QUESTIONS,
           customer.again);
    return answers;
}

// ---- The program

// Counts who runs. An answer of a supervisor comes after what it has done about earlier news.
static void take_stock(troupe_ctx *ctx)
{
    for (size_t i = 0; i < SUPERVISORS; i++) {
        troupe_child_count count = {0};
        troupe_ref supervisor = troupe_whereis(ctx, supervisors[i]);
        if (troupe_count_children_wait(ctx, supervisor, TROUPE_NO_LIMIT, &count) == TROUPE_OK)
            printf("%s: %zu run\n", supervisors[i], count.active);
        else
            printf("%s: %s\n", supervisors[i], troupe_error_text(ctx));
    }
}

static bool run(troupe_ctx *ctx, unsigned seed)
{
    troupe_ref root, monkey;
    if (troupe_supervise_wait(ctx, &shop, &root) != TROUPE_OK ||
        troupe_spawn_with(ctx, &monkey_behavior, NULL, &monkey, Seed, seed) != TROUPE_OK) {
        fprintf(stderr, "supervised: %s\n", troupe_error_text(ctx));
        return false;
    }
    (void)troupe_tree_print(ctx, root, TROUPE_TREE_TEXT, stdout);
    unsigned answers = visit(ctx, monkey);
    take_stock(ctx);
    return troupe_tree_print(ctx, root, TROUPE_TREE_TEXT, stdout) == TROUPE_OK &&
           answers == QUESTIONS;
}

int main(int argc, char **argv)
{
    char *end = "";
    unsigned long seed = argc > 1 ? strtoul(argv[1], &end, 10) : 1;
    if (argc > 2 || (argc > 1 && argv[1][0] == '-') || *end != 0) {
        fprintf(stderr, "usage: supervised [SEED]\n");
        return 2;
    }
    troupe_system *system;
    if (troupe_system_start(NULL, &system) != TROUPE_OK) {
        fprintf(stderr, "supervised: %s\n", troupe_error_text(NULL));
        return 1;
    }
    bool good = run(troupe_outside(system), (unsigned)seed);
    return troupe_system_stop(system, 0, NULL) == TROUPE_OK && good ? 0 : 1;
}
