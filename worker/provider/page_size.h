/* Page size: how many items to ask for where the provider file has a `size`. Pages that keep failing are
 * asked for in smaller pieces, and what was found out is kept with the collection, so that it needn't be
 * found out again. Pure. */
#ifndef GARNER_PAGE_SIZE_H
#define GARNER_PAGE_SIZE_H

#include "proto/record.h"
#include "worker/provider/provider.h"

/* What a listing begins with; 0: the definition has no `size`. `known` null: nothing was found out. */
uint64_t page_size_first(const struct page_def *def, const struct page_size *known);

/* Half of it, at least `min`; 0: there is no smaller one. */
uint64_t page_size_smaller(const struct page_def *def, uint64_t size);

/* Can a listing go on with another size from where it is? Page numbers and links mean other items then. */
bool page_size_is_free(const struct page_def *def);

/* May it be the size that such a failure comes from? `is_answer`: the error is what an answer says; else
 * there was none, or one beyond its limit. */
bool page_size_is_suspect(int code, bool is_answer);

/* Pages of `failed` kept failing, so `size` was asked for, or will be by the next listing. */
void page_size_failed(struct page_size *known, uint64_t failed, uint64_t size, int64_t wall_ms);

/* A listing is complete, all of it with the size that page_size_first said: it may soon grow. All zero once
 * it is what the definition says. */
void page_size_listed(struct page_size *known, const struct page_def *def, int64_t wall_ms);

#endif
