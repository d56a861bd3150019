// See heap.h.
#include "base/heap.h"

// The one with the lesser key becomes the parent of the other. Both are roots.
static struct trp_heap_node *meld(struct trp_heap_node *a, struct trp_heap_node *b)
{
    if (a == NULL || b == NULL)
        return a ? a : b;
    if (b->key < a->key) {
        struct trp_heap_node *lesser = b;
        b = a;
        a = lesser;
    }
    b->next = a->child;
    if (a->child)
        a->child->previous = b;
    b->previous = a;
    a->child = b;
    return a;
}

// Makes it a root. Returns the sibling that came after it.
static struct trp_heap_node *detach(struct trp_heap_node *node)
{
    struct trp_heap_node *next = node->next;
    node->next = NULL;
    node->previous = node;
    return next;
}

// Makes one heap of siblings: melds pairs from the left, then all pairs from the right.
static struct trp_heap_node *meld_siblings(struct trp_heap_node *node)
{
    struct trp_heap_node *pairs = NULL; // the last one first, by `next`
    while (node) {
        struct trp_heap_node *first = node, *second = detach(first);
        node = second ? detach(second) : NULL;
        struct trp_heap_node *pair = meld(first, second);
        pair->next = pairs;
        pairs = pair;
    }
    struct trp_heap_node *root = NULL;
    while (pairs) {
        struct trp_heap_node *pair = pairs;
        pairs = detach(pair);
        root = meld(root, pair);
    }
    return root;
}

void trp_heap_add(struct trp_heap *heap, struct trp_heap_node *node, uint64_t key)
{
    *node = (struct trp_heap_node){.key = key, .previous = node};
    heap->root = meld(heap->root, node);
}

void trp_heap_remove(struct trp_heap *heap, struct trp_heap_node *node)
{
    if (!trp_heap_has(node))
        return;
    struct trp_heap_node *rest = meld_siblings(node->child);
    if (node == heap->root) {
        heap->root = rest;
    } else {
        if (node->previous->child == node) // the eldest: previous is the parent
            node->previous->child = node->next;
        else
            node->previous->next = node->next;
        if (node->next)
            node->next->previous = node->previous;
        heap->root = meld(heap->root, rest);
    }
    *node = (struct trp_heap_node){.previous = NULL};
}
