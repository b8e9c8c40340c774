/* A binary heap in an array of pointers; nodes know their place in it. A pairing heap would need no
 * array, but walks pointers all over the memory. */
#include "common/heap.h"

#include <stdbool.h>
#include <stdlib.h>

#include "common/check.h"

void heap_close(struct heap *heap)
{
    free(heap->nodes);
    *heap = (struct heap){0};
}

static bool is_before(const struct heap_node *a, const struct heap_node *b)
{
    return a->key < b->key || (a->key == b->key && a->order < b->order);
}

static void put(struct heap *heap, size_t place, struct heap_node *node)
{
    heap->nodes[place - 1] = node;
    node->place = place;
}

static void sift_up(struct heap *heap, struct heap_node *node, size_t place)
{
    for (; place > 1 && is_before(node, heap->nodes[place / 2 - 1]); place /= 2)
        put(heap, place, heap->nodes[place / 2 - 1]);
    put(heap, place, node);
}

static void sift_down(struct heap *heap, struct heap_node *node, size_t place)
{
    for (size_t child; (child = place * 2) <= heap->count; place = child) {
        if (child < heap->count && is_before(heap->nodes[child], heap->nodes[child - 1]))
            child++;
        if (!is_before(heap->nodes[child - 1], node))
            break;
        put(heap, place, heap->nodes[child - 1]);
    }
    put(heap, place, node);
}

void heap_push(struct heap *heap, struct heap_node *node, int64_t key)
{
    CHECK(node->place == 0);
    if (heap->count == heap->cap) {
        heap->cap = heap->cap ? heap->cap * 2 : 16;
        heap->nodes = mem_resize(heap->nodes, heap->cap * sizeof *heap->nodes);
    }
    node->key = key;
    node->order = heap->pushed++;
    heap->count++;
    sift_up(heap, node, heap->count);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    size_t place = node->place;
    CHECK(place >= 1 && place <= heap->count && heap->nodes[place - 1] == node);
    struct heap_node *last = heap->nodes[--heap->count];
    node->place = 0;
    if (last == node)
        return;
    if (place > 1 && is_before(last, heap->nodes[place / 2 - 1]))
        sift_up(heap, last, place);
    else
        sift_down(heap, last, place);
}

struct heap_node *heap_first(const struct heap *heap)
{
    return heap->count ? heap->nodes[0] : NULL;
}
