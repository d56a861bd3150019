// The heap against a plain array: random adding and taking out, with equal keys.
#include "base/heap.h"
#include "base/random.h"
#include "tests/support/test.h"

#define NODES 300

struct model {
    struct trp_heap heap;
    struct trp_heap_node nodes[NODES];
    bool in[NODES];
};

static void check_least(const struct model *model)
{
    uint64_t least = UINT64_MAX;
    bool any = false;
    for (int i = 0; i < NODES; i++) {
        assert_int_equal(model->in[i], trp_heap_has(&model->nodes[i]));
        if (model->in[i] && model->nodes[i].key <= least)
            least = model->nodes[i].key;
        any = any || model->in[i];
    }
    assert_int_equal(any, model->heap.root != NULL);
    if (any)
        assert_int_equal(model->heap.root->key, least);
}

static void the_root_is_always_the_least(void **state)
{
    (void)state;
    static struct model model;
    struct trp_random random;
    trp_random_init(&random, 7);
    for (int step = 0; step < 30000; step++) {
        uint64_t draw = trp_random_next(&random);
        size_t i = (size_t)(draw >> 8) % NODES;
        if (draw % 8 == 0 && model.heap.root) // the least, as its users do
            i = (size_t)(model.heap.root - model.nodes);
        if (model.in[i])
            trp_heap_remove(&model.heap, &model.nodes[i]);
        else
            trp_heap_add(&model.heap, &model.nodes[i], (draw >> 32) % 50);
        model.in[i] = !model.in[i];
        check_least(&model);
    }
}

static void what_is_not_in_is_left_alone(void **state)
{
    (void)state;
    struct trp_heap heap = {NULL};
    struct trp_heap_node in = {0}, out = {0};
    trp_heap_add(&heap, &in, 1);
    trp_heap_remove(&heap, &out);
    assert_ptr_equal(heap.root, &in);
    trp_heap_remove(&heap, &in);
    trp_heap_remove(&heap, &in);
    assert_null(heap.root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_root_is_always_the_least),
                                       cmocka_unit_test(what_is_not_in_is_left_alone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
