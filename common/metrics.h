/* Metrics: families of samples in the text format of Prometheus, version 0.0.4. Pure.
 *
 *     # HELP garner_requests_total Requests that were sent.
 *     # TYPE garner_requests_total counter
 *     garner_requests_total{result="answered"} 1027
 *
 * The numbers live where they are counted; who is asked gathers them, and writes them with this. Units are
 * seconds and bytes. Names, labels and helps are ours: a name that Prometheus wouldn't take is a bug, and
 * aborts. Labels are pairs of a name and a value, ended by null; values are UTF-8. */
#ifndef GARNER_COMMON_METRICS_H
#define GARNER_COMMON_METRICS_H

#include "common/bytes.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum metrics_kind { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM };

/* All zero but `out` is one in which nothing was written. */
struct metrics {
    struct buffer *out;
    const char *name; /* of the family that samples belong to */
    enum metrics_kind kind;
};

/* How many values were up to each bound, and not up to the one before; the last count is of those above all.
 */
struct metrics_histogram {
    const double *bounds; /* rising */
    const uint64_t *counts;
    unsigned bound_count; /* there is one count more */
    double sum;           /* of all values */
};

/* Begin a family; once each. A counter's name ends in _total, and no other's does. */
void metrics_family(struct metrics *m, const char *name, enum metrics_kind kind, const char *help);

/* A sample of it. */
void metrics_add(struct metrics *m, double value, ...) __attribute__((sentinel));
void metrics_add_count(struct metrics *m, uint64_t value, ...) __attribute__((sentinel));
void metrics_add_histogram(struct metrics *m, const struct metrics_histogram *histogram, ...)
    __attribute__((sentinel));

#endif
