// The mailbox queue on one thread: order, and who is told what.
#include "mailbox/mpsc.h"
#include "tests/support/test.h"

struct item {
    struct trp_link link; // first
    int number;
};

struct queue {
    struct trp_mpsc_head head;
    struct trp_mpsc_front front;
};

static bool push(struct queue *queue, struct item *item)
{
    return trp_mpsc_push(&queue->head, &queue->front, &item->link);
}

static int front_number(const struct queue *queue)
{
    return ((struct item *)queue->front.first)->number;
}

static void a_new_queue_is_idle(void **state)
{
    (void)state;
    struct queue queue = {.front = {NULL}};
    assert_true(trp_mpsc_is_idle(&queue.head));
}

static void only_the_push_that_finds_the_queue_idle_is_told_so(void **state)
{
    (void)state;
    struct queue queue = {.front = {NULL}};
    struct item items[3];
    assert_true(push(&queue, &items[0]));
    assert_false(trp_mpsc_is_idle(&queue.head));
    assert_false(push(&queue, &items[1]));
    assert_false(push(&queue, &items[2]));
}

static void items_come_out_in_the_order_in_which_they_were_pushed(void **state)
{
    (void)state;
    struct queue queue = {.front = {NULL}};
    struct item items[100];
    for (int i = 0; i < 100; i++) {
        items[i].number = i;
        push(&queue, &items[i]);
    }
    for (int i = 0; i < 100; i++) {
        assert_int_equal(front_number(&queue), i);
        assert_int_equal(trp_mpsc_pop(&queue.head, &queue.front), i < 99);
    }
    assert_true(trp_mpsc_is_idle(&queue.head));
}

static void a_queue_that_went_idle_is_woken_by_the_next_push(void **state)
{
    (void)state;
    struct queue queue = {.front = {NULL}};
    struct item item = {.number = 1};
    for (int i = 0; i < 3; i++) {
        assert_true(push(&queue, &item));
        assert_int_equal(front_number(&queue), 1);
        assert_false(trp_mpsc_pop(&queue.head, &queue.front));
    }
}

static void the_front_stays_until_it_is_popped_so_pushes_meanwhile_do_not_wake(void **state)
{
    (void)state;
    struct queue queue = {.front = {NULL}};
    struct item first = {.number = 1}, second = {.number = 2};
    push(&queue, &first);
    assert_int_equal(front_number(&queue), 1); // being handled
    assert_false(push(&queue, &second));
    assert_true(trp_mpsc_pop(&queue.head, &queue.front));
    assert_int_equal(front_number(&queue), 2);
}

static void taking_the_last_item_leaves_the_filler_and_no_idle_queue(void **state)
{
    (void)state;
    struct queue queue = {.front = {NULL}};
    struct item item = {.number = 1}, filler = {.number = -1}, later = {.number = 2};
    push(&queue, &item);
    assert_true(trp_mpsc_take(&queue.head, &queue.front, &filler.link));
    assert_int_equal(front_number(&queue), -1);
    assert_false(push(&queue, &later));
    assert_true(trp_mpsc_pop(&queue.head, &queue.front));
    assert_int_equal(front_number(&queue), 2);
    assert_false(trp_mpsc_pop(&queue.head, &queue.front));
}

static void taking_an_item_with_others_behind_it_needs_no_filler(void **state)
{
    (void)state;
    struct queue queue = {.front = {NULL}};
    struct item first = {.number = 1}, second = {.number = 2}, filler = {.number = -1};
    push(&queue, &first);
    push(&queue, &second);
    assert_false(trp_mpsc_take(&queue.head, &queue.front, &filler.link));
    assert_int_equal(front_number(&queue), 2);
    assert_false(trp_mpsc_pop(&queue.head, &queue.front));
}

static void a_taken_item_can_be_pushed_again(void **state)
{
    (void)state;
    struct queue queue = {.front = {NULL}};
    struct item item = {.number = 1}, filler = {.number = -1};
    push(&queue, &item);
    assert_true(trp_mpsc_take(&queue.head, &queue.front, &filler.link));
    assert_false(push(&queue, &item));
    assert_true(trp_mpsc_pop(&queue.head, &queue.front));
    assert_int_equal(front_number(&queue), 1);
    assert_false(trp_mpsc_pop(&queue.head, &queue.front));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_queue_is_idle),
        cmocka_unit_test(only_the_push_that_finds_the_queue_idle_is_told_so),
        cmocka_unit_test(items_come_out_in_the_order_in_which_they_were_pushed),
        cmocka_unit_test(a_queue_that_went_idle_is_woken_by_the_next_push),
        cmocka_unit_test(the_front_stays_until_it_is_popped_so_pushes_meanwhile_do_not_wake),
        cmocka_unit_test(taking_the_last_item_leaves_the_filler_and_no_idle_queue),
        cmocka_unit_test(taking_an_item_with_others_behind_it_needs_no_filler),
        cmocka_unit_test(a_taken_item_can_be_pushed_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
