/* Reads the text format 0.0.4, more strictly than Prometheus does: HELP, TYPE, then the family's samples,
 * each once; a family once; counters end in _total; histograms rise, and end in +Inf, _sum and _count. For
 * tests. */
#ifndef GARNER_TEST_METRICS_READER_H
#define GARNER_TEST_METRICS_READER_H

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READER_SAMPLES = 512, READER_LABELS = 4, READER_TEXT = 128, READER_FAMILIES = 128 };

struct reader_label {
    char name[READER_TEXT], value[READER_TEXT];
};

struct reader_sample {
    char name[READER_TEXT];
    struct reader_label labels[READER_LABELS];
    int label_count;
    double value;
};

struct reader {
    const char *at;
    char families[READER_FAMILIES][READER_TEXT];
    char kind[READER_TEXT]; /* of the last one */
    int family_count, family_samples;
    struct reader_sample samples[READER_SAMPLES];
    int count;
    double bucket; /* the last one; -1: none is open */
};

static inline bool reader_word(struct reader *r, char out[READER_TEXT], bool colons)
{
    size_t len = 0;
    if (isdigit((unsigned char)*r->at))
        return false;
    while (isalnum((unsigned char)*r->at) || *r->at == '_' || (colons && *r->at == ':')) {
        if (len + 1 == READER_TEXT)
            return false;
        out[len++] = *r->at++;
    }
    out[len] = 0;
    return len > 0;
}

static inline bool reader_skip(struct reader *r, const char *text)
{
    if (strncmp(r->at, text, strlen(text)) != 0)
        return false;
    r->at += strlen(text);
    return true;
}

static inline bool reader_value(struct reader *r, char out[READER_TEXT])
{
    size_t len = 0;
    for (; *r->at != '"'; r->at++) {
        if (!*r->at || *r->at == '\n' || len + 1 == READER_TEXT)
            return false;
        out[len] = *r->at;
        if (*r->at == '\\') {
            char escaped = *++r->at;
            if (escaped != '\\' && escaped != '"' && escaped != 'n')
                return false;
            out[len] = escaped;
            if (escaped == 'n')
                out[len] = '\n';
        }
        len++;
    }
    out[len] = 0;
    r->at++;
    return true;
}

static inline bool reader_labels(struct reader *r, struct reader_sample *sample)
{
    if (!reader_skip(r, "{"))
        return true;
    do {
        struct reader_label *label = &sample->labels[sample->label_count];
        if (sample->label_count == READER_LABELS || !reader_word(r, label->name, false) ||
            !reader_skip(r, "=\"") || !reader_value(r, label->value))
            return false;
        sample->label_count++;
    } while (reader_skip(r, ","));
    return reader_skip(r, "}");
}

static inline bool reader_number(struct reader *r, double *out)
{
    char *end;
    if (!isdigit((unsigned char)*r->at) && !strchr("+-N", *r->at))
        return false;
    *out = strtod(r->at, &end);
    bool some = end != r->at;
    r->at = end;
    return some && reader_skip(r, "\n");
}

static inline bool reader_same(const struct reader_sample *a, const struct reader_sample *b)
{
    if (strcmp(a->name, b->name) != 0 || a->label_count != b->label_count)
        return false;
    for (int i = 0; i < a->label_count; i++)
        if (strcmp(a->labels[i].name, b->labels[i].name) != 0 ||
            strcmp(a->labels[i].value, b->labels[i].value) != 0)
            return false;
    return true;
}

/* A histogram's sample has one of three endings, and adds up. */
static inline bool reader_histogram(struct reader *r, const struct reader_sample *sample, const char *suffix)
{
    if (strcmp(suffix, "_bucket") == 0) {
        const struct reader_label *le = &sample->labels[sample->label_count - 1];
        bool rises = sample->value >= r->bucket;
        r->bucket = sample->value;
        return rises && sample->label_count && strcmp(le->name, "le") == 0;
    }
    if (strcmp(suffix, "_sum") == 0)
        return r->bucket >= 0;
    bool equal = strcmp(suffix, "_count") == 0 && sample->value == r->bucket;
    r->bucket = -1;
    return equal;
}

static inline bool reader_sample(struct reader *r)
{
    if (r->count == READER_SAMPLES || !r->family_count)
        return false;
    struct reader_sample *sample = &r->samples[r->count];
    const char *family = r->families[r->family_count - 1];
    *sample = (struct reader_sample){.label_count = 0};
    if (!reader_word(r, sample->name, true) || !reader_labels(r, sample) || !reader_skip(r, " ") ||
        !reader_number(r, &sample->value) || strncmp(sample->name, family, strlen(family)) != 0)
        return false;
    for (int i = 0; i < r->count; i++)
        if (reader_same(&r->samples[i], sample))
            return false;
    const char *suffix = sample->name + strlen(family);
    r->count++;
    r->family_samples++;
    return strcmp(r->kind, "histogram") == 0 ? reader_histogram(r, sample, suffix) : !*suffix;
}

static inline bool reader_family(struct reader *r)
{
    char name[READER_TEXT], again[READER_TEXT];
    if ((r->family_count && !r->family_samples) || r->family_count == READER_FAMILIES ||
        !reader_skip(r, "# HELP ") || !reader_word(r, name, true) || !reader_skip(r, " "))
        return false;
    r->at += strcspn(r->at, "\n");
    if (!reader_skip(r, "\n# TYPE ") || !reader_word(r, again, true) || strcmp(name, again) != 0 ||
        !reader_skip(r, " ") || !reader_word(r, r->kind, false) || !reader_skip(r, "\n"))
        return false;
    for (int i = 0; i < r->family_count; i++)
        if (strcmp(r->families[i], name) == 0)
            return false;
    size_t len = strlen(name);
    bool is_total = len > 6 && strcmp(name + len - 6, "_total") == 0;
    strcpy(r->families[r->family_count++], name);
    r->family_samples = 0;
    r->bucket = -1;
    return is_total == (strcmp(r->kind, "counter") == 0);
}

/* True: all of it is as it should be. */
static inline bool reader_read(struct reader *r, const char *text)
{
    *r = (struct reader){.at = text, .bucket = -1};
    while (*r->at)
        if (!(*r->at == '#' ? reader_family(r) : reader_sample(r)))
            return false;
    return r->family_samples > 0;
}

/* The value of a sample, by name and first label's value (null: no matter); -1: there is none. */
static inline double reader_find(const struct reader *r, const char *name, const char *label)
{
    for (int i = 0; i < r->count; i++)
        if (strcmp(r->samples[i].name, name) == 0 &&
            (!label || (r->samples[i].label_count && strcmp(r->samples[i].labels[0].value, label) == 0)))
            return r->samples[i].value;
    return -1;
}

#endif
