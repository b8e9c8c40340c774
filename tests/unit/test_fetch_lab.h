/* What the tests of fetch share: one client, one wire, and what came back last. */
#ifndef GARNER_TEST_FETCH_LAB_H
#define GARNER_TEST_FETCH_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/wire.h"
#include "worker/fetch/fetch.h"

struct lab {
    struct wire *wire;
    struct fetch *fetch;
    unsigned results;
    int code, status;
    char error[ERROR_TEXT_MAX];
    struct buffer body, headers, url; /* headers as "name=value;" */
    bool delimited;
    uint64_t bytes, requests;
};

static inline void lab_take(void *context, const struct fetch_result *result)
{
    struct lab *lab = context;
    lab->results++;
    lab->code = result->code;
    lab->status = result->answer.status;
    lab->delimited = result->answer.delimited;
    lab->bytes = result->bytes;
    lab->requests = result->requests;
    snprintf(lab->error, sizeof lab->error, "%s", result->code ? result->error.text : "");
    buffer_reset(&lab->body);
    buffer_reset(&lab->headers);
    buffer_reset(&lab->url);
    if (result->code)
        return;
    buffer_add_bytes(&lab->body, result->answer.body);
    buffer_add_text(&lab->url, result->answer.url);
    for (uint32_t i = 0; i < result->answer.headers.count; i++) {
        struct pair pair = result->answer.headers.items[i];
        buffer_printf(&lab->headers, "%.*s=%.*s;", BYTES_ARG(pair.name), BYTES_ARG(pair.value));
    }
}

static inline void lab_reopen(struct lab *lab, const struct fetch_options *options)
{
    struct error e;
    fetch_close(lab->fetch);
    assert_int_equal(fetch_open(options, &lab->fetch, &e), 0);
}

static inline int lab_open(void **state)
{
    struct lab *lab = calloc(1, sizeof *lab);
    struct error e;
    lab->wire = wire_open(false);
    *state = lab;
    return !lab->wire || fetch_open(NULL, &lab->fetch, &e);
}

static inline int lab_close(void **state)
{
    struct lab *lab = *state;
    fetch_close(lab->fetch);
    wire_close(lab->wire);
    buffer_close(&lab->body);
    buffer_close(&lab->headers);
    buffer_close(&lab->url);
    free(lab);
    return 0;
}

/* Send a request and wait until everything is done. */
static inline void lab_send(struct lab *lab, const struct request *request, const char *const *allow_origins)
{
    lab->results = 0;
    fetch_send(lab->fetch, request, allow_origins, lab, lab_take);
    while (fetch_step(lab->fetch, -1))
        ;
    assert_int_equal(lab->results, 1);
}

static inline void lab_get(struct lab *lab, const char *url)
{
    struct request request = {.method = "GET", .url = url};
    lab_send(lab, &request, NULL);
}

/* The server answers with this, and it is asked for. */
static inline void lab_hear(struct lab *lab, const char *text, enum wire_then then)
{
    wire_answers(lab->wire, text, then);
    lab_get(lab, wire_url(lab->wire, "/p?secret=s3cr3t"));
    assert_null(strstr(lab->error, "s3cr3t"));
}

#define assert_error(lab, wanted, text)                                                                      \
    do {                                                                                                     \
        if ((lab)->code != (wanted) || !strstr((lab)->error, text))                                          \
            print_message("got %s: %s\n", error_name((lab)->code), (lab)->error);                            \
        assert_int_equal((lab)->code, wanted);                                                               \
        assert_non_null(strstr((lab)->error, text));                                                         \
    } while (0)

#define assert_body(lab, text)         assert_string_equal(buffer_text(&(lab)->body), text)
#define assert_has(haystack, needle)   assert_non_null(strstr(haystack, needle))
#define assert_lacks(haystack, needle) assert_null(strstr(haystack, needle))

#endif
