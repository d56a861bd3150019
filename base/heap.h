// A heap of nodes that are part of what they time: the least key is found at once, adding costs
// O(1), taking out O(log n) on average. A pairing heap; needs no memory. Used by one thread at a
// time.
#ifndef TRP_BASE_HEAP_H
#define TRP_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trp_heap_node {
    uint64_t key;
    struct trp_heap_node *child; // the eldest: its siblings follow by `next`
    struct trp_heap_node *next;
    // Sibling, or of the eldest the parent; of the root itself; NULL: in no heap.
    struct trp_heap_node *previous;
};

struct trp_heap {
    struct trp_heap_node *root; // the least key; NULL: empty
};

// Adds a node that is in no heap.
void trp_heap_add(struct trp_heap *heap, struct trp_heap_node *node, uint64_t key);

static inline bool trp_heap_has(const struct trp_heap_node *node)
{
    return node->previous != NULL;
}

// Takes a node out, if it is in.
void trp_heap_remove(struct trp_heap *heap, struct trp_heap_node *node);

#endif
