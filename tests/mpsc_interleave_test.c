// The mailbox queue under every interleaving of small cases, and under random ones of larger.
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

struct game {
    struct trp_mpsc_head head;
    struct trp_mpsc_front front;
    struct item items[3][MAX_ITEMS];
    struct item filler;
    int per_producer;
    int producers;
    bool takes; // the consumer takes with a filler in between

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
    struct game fresh = {
        .per_producer = game->per_producer, .producers = game->producers, .takes = game->takes};
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
        more = trp_mpsc_pop(&game->head, &game->front);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_push_each_arrives_in_every_interleaving),
        cmocka_unit_test(two_pushes_each_arrive_with_up_to_three_preemptions),
        cmocka_unit_test(pushes_and_takes_with_a_filler_lose_nothing),
        cmocka_unit_test(many_pushes_arrive_under_random_interleavings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
