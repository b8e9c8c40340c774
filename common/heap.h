/* Heap: the smallest key first; equal keys in the order they came. Pure. Nodes are embedded in their
 * owner's structs (HEAP_OWNER leads back), so that any of them can be taken out again: O(log n). */
#ifndef GARNER_HEAP_H
#define GARNER_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct heap_node {
    int64_t key;
    uint64_t order; /* set by heap_push */
    size_t place;   /* from 1; 0: in no heap */
};

/* All zero is an empty heap. */
struct heap {
    struct heap_node **nodes;
    size_t count, cap;
    uint64_t pushed;
};

#define HEAP_OWNER(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

void heap_close(struct heap *heap); /* doesn't touch the nodes: safe twice */
void heap_push(struct heap *heap, struct heap_node *node, int64_t key); /* must be in no heap */
void heap_remove(struct heap *heap, struct heap_node *node);            /* must be in this one */
struct heap_node *heap_first(const struct heap *heap);                  /* null when empty */

#endif
