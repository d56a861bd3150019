// The mailbox queue under every interleaving of small cases, and under random ones of larger. Its
// two windows have tests of their own, and consumers that are careless there must be found out.
//
// The consumer's right is passed on as a scheduler would: the thread that is told "was idle" takes
// a token, and a thread that holds a token consumes until the queue is idle. Two tokens at once
// would be two consumers.
#include "mailbox/mpsc.h"
#include "tests/support/interleave.h"
#include "tests/support/test.h"

#include <string.h>

#define MAX_ITEMS 8

struct item {
    struct trp_link link; // first
    int producer;
    int number;
};

enum pop { POP, POP_WITHOUT_WAITING, POP_WITHOUT_COMPARING };

struct game {
    struct trp_mpsc_head head;
    struct trp_mpsc_front front;
    struct item items[3][MAX_ITEMS];
    struct item filler;
    int per_producer;
    int producers;
    bool takes; // the consumer takes with a filler in between
    enum pop pop;

    // Only the thread that has the turn touches these.
    bool runnable; // somebody was told "was idle" and nobody consumes yet
    bool consuming;
    int pushed;
    int consumed;
    int next_number[3];
};

static void reset(void *user)
{
    struct game *game = user;
    struct game fresh = {.per_producer = game->per_producer,
                         .producers = game->producers,
                         .takes = game->takes,
                         .pop = game->pop};
    *game = fresh;
    for (int p = 0; p < 3; p++)
        for (int i = 0; i < MAX_ITEMS; i++)
            game->items[p][i] = (struct item){.producer = p, .number = i};
    game->filler.producer = -1;
}

static void push_item(struct game *game, struct item *item)
{
    if (trp_mpsc_push(&game->head, &game->front, &item->link)) {
        TRP_EXPECT(!game->runnable); // told twice
        TRP_EXPECT(!game->consuming);
        game->runnable = true;
    }
    game->pushed++;
}

static void produce(struct game *game, int producer)
{
    for (int i = 0; i < game->per_producer; i++)
        push_item(game, &game->items[producer][i]);
}

static void produce_0(void *user)
{
    produce(user, 0);
}

static void produce_1(void *user)
{
    produce(user, 1);
}

static void produce_2(void *user)
{
    produce(user, 2);
}

static void handle(struct game *game, const struct item *item)
{
    if (item->producer < 0)
        return;
    TRP_EXPECT(item->number == game->next_number[item->producer]);
    game->next_number[item->producer]++;
    game->consumed++;
}

static bool has_work(void *user)
{
    const struct game *game = user;
    return game->runnable || game->consumed == game->producers * game->per_producer;
}

// As trp_mpsc_pop but for one thing: where another node is on its way but not linked, it gives up;
// or it goes idle without seeing whether one is.
static bool pop_carelessly(struct game *game)
{
    struct trp_link *link = game->front.first, *expected = link;
    struct trp_link *next = atomic_load(&link->next);
    if (next != NULL) {
        game->front.first = next;
        return true;
    }
    trp_interleave_yield("mpsc pop: before idle");
    if (game->pop == POP_WITHOUT_COMPARING)
        atomic_store(&game->head.last, NULL);
    else
        atomic_compare_exchange_strong(&game->head.last, &expected, NULL);
    return false;
}

static bool pop(struct game *game)
{
    return game->pop == POP ? trp_mpsc_pop(&game->head, &game->front) : pop_carelessly(game);
}

static void activate(struct game *game)
{
    TRP_EXPECT(!game->consuming);
    game->runnable = false;
    game->consuming = true;
    bool filler_is_in = false;
    bool more = true;
    while (more) {
        struct item *item = (struct item *)game->front.first;
        handle(game, item);
        if (item == &game->filler)
            filler_is_in = false;
        if (game->takes && !filler_is_in && item->number % 2 == 0 && item->producer >= 0) {
            filler_is_in = trp_mpsc_take(&game->head, &game->front, &game->filler.link);
            continue;
        }
        game->consuming = false; // pop may make a producer the one who wakes
        more = pop(game);
        if (more)
            game->consuming = true;
    }
}

static void consume(void *user)
{
    struct game *game = user;
    while (game->consumed < game->producers * game->per_producer) {
        trp_interleave_block_until("consumer: blocked until runnable", has_work, game);
        if (game->runnable)
            activate(game);
    }
}

static void check_all_arrived(void *user)
{
    const struct game *game = user;
    TRP_EXPECT(!game->runnable);
    TRP_EXPECT(game->consumed == game->producers * game->per_producer);
    TRP_EXPECT(trp_mpsc_is_idle(&game->head));
    for (int p = 0; p < game->producers; p++)
        TRP_EXPECT(game->next_number[p] == game->per_producer);
}

static struct trp_interleave prepare(struct game *game, const char *name)
{
    return (struct trp_interleave){.name = name,
                                   .setup = reset,
                                   .threads = {produce_0, produce_1, consume},
                                   .count = 3,
                                   .check = check_all_arrived,
                                   .user = game};
}

static void explore(struct trp_interleave *test)
{
    print_message("%s: %llu runs\n", test->name,
                  (unsigned long long)trp_interleave_exhaustive(test));
}

static void one_push_each_arrives_in_every_interleaving(void **state)
{
    (void)state;
    struct game game = {.producers = 2, .per_producer = 1};
    struct trp_interleave test = prepare(&game, "two pushes, any number of preemptions");
    test.max_preemptions = TRP_INTERLEAVE_ALL;
    explore(&test);
}

static void two_pushes_each_arrive_with_up_to_three_preemptions(void **state)
{
    (void)state;
    struct game game = {.producers = 2, .per_producer = 2};
    struct trp_interleave test = prepare(&game, "four pushes, three preemptions");
    test.max_preemptions = 3;
    explore(&test);
}

static void pushes_and_takes_with_a_filler_lose_nothing(void **state)
{
    (void)state;
    struct game game = {.producers = 2, .per_producer = 2, .takes = true};
    struct trp_interleave test = prepare(&game, "takes, three preemptions");
    test.max_preemptions = 3;
    explore(&test);
}

static void many_pushes_arrive_under_random_interleavings(void **state)
{
    (void)state;
    struct game game = {.producers = 3, .per_producer = MAX_ITEMS};
    struct trp_interleave test = prepare(&game, "random pushes");
    test.threads[2] = produce_2;
    test.threads[3] = consume;
    test.count = 4;
    trp_interleave_random(&test, 1, 5000);
    game.takes = true;
    trp_interleave_random(&test, 5001, 5000);
}

// ---- The windows

// A producer has exchanged the head and not linked its node; the consumer waits for that.
static void a_push_between_exchange_and_link_is_not_lost(void **state)
{
    (void)state;
    struct game game = {.producers = 2, .per_producer = 1};
    struct trp_interleave test = prepare(&game, "push between exchange and link");
    test.windows[0] =
        (struct trp_window){"mpsc push: between swap and link", "mpsc pop: waiting for link"};
    test.max_preemptions = TRP_INTERLEAVE_ALL;
    trp_interleave_exhaustive(&test);
    game.per_producer = MAX_ITEMS;
    trp_interleave_random(&test, 1, 5000);
}

static void who_does_not_wait_for_the_link_is_found_to_lose_a_push(void **state)
{
    (void)state;
    struct game game = {.producers = 2, .per_producer = 1, .pop = POP_WITHOUT_WAITING};
    struct trp_interleave test = prepare(&game, "no wait for the link");
    assert_true(trp_interleave_finds(&test, "deadlock"));
}

// The consumer has found nothing behind its node; a producer has exchanged the head by then.
static void a_push_against_going_idle_is_seen_or_told(void **state)
{
    (void)state;
    struct game game = {.producers = 2, .per_producer = 1};
    struct trp_interleave test = prepare(&game, "push against going idle");
    test.windows[0] =
        (struct trp_window){"mpsc push: between swap and link", "mpsc pop: before idle"};
    test.max_preemptions = TRP_INTERLEAVE_ALL;
    trp_interleave_exhaustive(&test);
    game.per_producer = MAX_ITEMS;
    trp_interleave_random(&test, 1, 5000);
}

static void who_goes_idle_without_looking_is_found_to_lose_a_push(void **state)
{
    (void)state;
    struct game game = {.producers = 2, .per_producer = 1, .pop = POP_WITHOUT_COMPARING};
    struct trp_interleave test = prepare(&game, "no look before going idle");
    assert_true(trp_interleave_finds(&test, "deadlock"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_push_between_exchange_and_link_is_not_lost),
        cmocka_unit_test(who_does_not_wait_for_the_link_is_found_to_lose_a_push),
        cmocka_unit_test(a_push_against_going_idle_is_seen_or_told),
        cmocka_unit_test(who_goes_idle_without_looking_is_found_to_lose_a_push),
        cmocka_unit_test(one_push_each_arrives_in_every_interleaving),
        cmocka_unit_test(two_pushes_each_arrive_with_up_to_three_preemptions),
        cmocka_unit_test(pushes_and_takes_with_a_filler_lose_nothing),
        cmocka_unit_test(many_pushes_arrive_under_random_interleavings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
