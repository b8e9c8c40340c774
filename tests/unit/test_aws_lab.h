/* A small world for the AWS credential chain: an environment, files, scripted answers, a clock. What the
 * chain wants is done at once and written down as a diary, on which tests assert. */
#ifndef GARNER_TEST_AWS_LAB_H
#define GARNER_TEST_AWS_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/units.h"
#include "worker/aws/chain.h"

enum { WORLD_MAX = 32, WORLD_STEPS_MAX = 100 };

#define WORLD_WALL_MS INT64_C(1795341600000) /* 2026-11-22T10:00:00Z */

struct world_file {
    const char *path, *text; /* text null: `code` instead */
    size_t len;
    int code;
};

struct world_answer {
    int status; /* 0: broke off with `code` */
    int code;
    const char *body, *date, *after;
    size_t len;
};

struct world {
    const char *environment[WORLD_MAX + 1];
    struct world_file files[WORLD_MAX];
    struct world_answer answers[WORLD_MAX]; /* also the outputs of commands */
    unsigned variables, file_count, answer_count, answered;
    struct aws_setting set;
    struct retry retry;
    struct aws_chain *chain;
    int64_t skew_ms, now_ms, wall_ms;
    struct buffer diary;
};

static inline void world_env(struct world *w, const char *variable)
{
    assert_true(w->variables < WORLD_MAX);
    w->environment[w->variables++] = variable;
}

static inline void world_file(struct world *w, const char *path, const char *text)
{
    for (unsigned i = 0; i < w->file_count; i++)
        if (strcmp(w->files[i].path, path) == 0) {
            w->files[i].text = text;
            w->files[i].len = strlen(text);
            return;
        }
    assert_true(w->file_count < WORLD_MAX);
    w->files[w->file_count++] = (struct world_file){.path = path, .text = text, .len = strlen(text)};
}

static inline void world_config(struct world *w, const char *text)
{
    world_file(w, "/home/u/.aws/config", text);
}

static inline void world_credentials(struct world *w, const char *text)
{
    world_file(w, "/home/u/.aws/credentials", text);
}

static inline struct world_answer *world_answer(struct world *w, int status, const char *body)
{
    assert_true(w->answer_count < WORLD_MAX);
    struct world_answer *answer = &w->answers[w->answer_count++];
    *answer = (struct world_answer){.status = status, .body = body, .len = strlen(body)};
    return answer;
}

static inline void world_breaks(struct world *w, int code)
{
    world_answer(w, 0, "")->code = code;
}

static inline void world_open(struct world *w)
{
    *w = (struct world){.now_ms = 1000, .wall_ms = WORLD_WALL_MS};
    random_seed(&w->retry.random, 1);
    world_env(w, "HOME=/home/u");
}

static inline void world_close(struct world *w)
{
    aws_chain_close(w->chain);
    buffer_close(&w->diary);
}

/* --- What is written down --- */

static inline void world_write_headers(struct world *w, const struct request *request)
{
    for (uint32_t i = 0; i < request->headers.count; i++) {
        struct bytes name = request->headers.items[i].name, value = request->headers.items[i].value;
        if (bytes_starts(value, "AWS4-HMAC-SHA256 Credential=")) {
            const char *comma = memchr(value.data, ',', value.len);
            assert_non_null(comma);
            value = bytes_from((struct bytes){value.data, (size_t)(comma - value.data)}, 28);
            buffer_printf(&w->diary, "  signed %.*s\n", BYTES_ARG(value));
        } else if (!bytes_is_nocase(name, "Accept") && !bytes_is_nocase(name, "Content-Type") &&
                   !bytes_is_nocase(name, "Host") && !bytes_is_nocase(name, "X-Amz-Date")) {
            buffer_printf(&w->diary, "  %.*s: %.*s\n", BYTES_ARG(name), BYTES_ARG(value));
        }
    }
}

static inline void world_write_request(struct world *w, const struct request *request)
{
    buffer_printf(&w->diary, "%s %s%s", request->method, request->url, request->is_direct ? " direct" : "");
    assert_true(request->is_signed); /* else a redirect would lead secrets elsewhere */
    assert_int_equal(request->wait_ms, request->is_direct ? 2000 : 0);
    if (request->has_body)
        buffer_printf(&w->diary, " %.*s", BYTES_ARG(request->body));
    buffer_add_char(&w->diary, '\n');
    world_write_headers(w, request);
}

static inline void world_write_end(struct world *w, enum aws_want want)
{
    const struct aws_result *r = aws_chain_result(w->chain);
    char time[UNITS_TIME_BYTES];
    if (want == AWS_FAILED) {
        buffer_printf(&w->diary, "%s: %s\n", error_name(r->error.code), r->error.text);
        assert_int_equal(r->keys.secret.len, 0);
        return;
    }
    buffer_printf(&w->diary, "keys %.*s %.*s", BYTES_ARG(r->keys.id), BYTES_ARG(r->keys.secret));
    if (r->keys.token.len)
        buffer_printf(&w->diary, " %.*s", BYTES_ARG(r->keys.token));
    if (r->expires_ms != INT64_MAX)
        buffer_printf(&w->diary, " until %s", units_time(r->expires_ms, time));
    buffer_add_char(&w->diary, '\n');
}

/* --- What is done --- */

static inline enum aws_want world_read(struct world *w, const char *path)
{
    struct error why;
    int code = ERR_NOT_FOUND;
    for (unsigned i = 0; i < w->file_count; i++) {
        const struct world_file *file = &w->files[i];
        if (strcmp(file->path, path) != 0)
            continue;
        if (file->text) {
            /* a copy of exactly its size, so that reading past its end is noticed */
            char *copy = malloc(file->len ? file->len : 1);
            memcpy(copy, file->text, file->len);
            enum aws_want want = aws_chain_file(w->chain, (struct bytes){copy, file->len}, NULL, w->now_ms,
                                                w->wall_ms);
            free(copy);
            return want;
        }
        code = file->code;
    }
    error_set(&why, code, "file %s can't be opened: %s", path,
              code == ERR_NOT_FOUND ? "No such file or directory" : "Permission denied");
    return aws_chain_file(w->chain, BYTES(""), &why, w->now_ms, w->wall_ms);
}

static inline struct world_answer world_next(struct world *w)
{
    if (w->answered == w->answer_count)
        fail_msg("nothing is scripted for this:\n%s", buffer_text(&w->diary));
    return w->answers[w->answered++];
}

static inline enum aws_want world_send(struct world *w)
{
    struct world_answer next = world_next(w);
    struct error why;
    w->now_ms += 10;
    w->wall_ms += 10;
    if (!next.status) {
        error_set(&why, next.code, "%s", next.code == ERR_CONNECT ? "timed out while connecting" : "cut off");
        return aws_chain_broke(w->chain, &why, w->now_ms, w->wall_ms);
    }
    struct pair headers[2];
    struct answer answer = {.status = next.status, .headers = {.items = headers}, .delimited = true};
    if (next.date)
        headers[answer.headers.count++] = (struct pair){BYTES("Date"), bytes_of(next.date)};
    if (next.after)
        headers[answer.headers.count++] = (struct pair){BYTES("Retry-After"), bytes_of(next.after)};
    char *copy = malloc(next.len ? next.len : 1);
    memcpy(copy, next.body, next.len);
    answer.body = (struct bytes){copy, next.len};
    enum aws_want want = aws_chain_answered(w->chain, &answer, w->now_ms, w->wall_ms);
    memset(copy, 'x', next.len); /* nothing may point into it any more */
    free(copy);
    return want;
}

static inline enum aws_want world_command(struct world *w, const char *const *command)
{
    struct world_answer next = world_next(w);
    struct error why;
    buffer_add_text(&w->diary, "run");
    for (; *command; command++)
        buffer_printf(&w->diary, " <%s>", *command);
    buffer_add_char(&w->diary, '\n');
    if (next.status)
        return aws_chain_output(w->chain, (struct bytes){next.body, next.len}, NULL, w->now_ms, w->wall_ms);
    error_set(&why, ERR_CREDENTIALS, "ended with exit code 1: %s", next.body);
    return aws_chain_output(w->chain, BYTES(""), &why, w->now_ms, w->wall_ms);
}

static inline enum aws_want world_step(struct world *w, enum aws_want want)
{
    const struct aws_result *r = aws_chain_result(w->chain);
    if (want == AWS_FILE) {
        if (!strstr(r->path, "/.aws/"))
            buffer_printf(&w->diary, "read %s\n", r->path);
        return world_read(w, r->path);
    }
    if (want == AWS_SEND) {
        world_write_request(w, &r->request);
        return world_send(w);
    }
    if (want == AWS_COMMAND)
        return world_command(w, r->command);
    assert_int_equal(want, AWS_WAIT);
    buffer_add_text(&w->diary, "wait\n");
    assert_true(r->at_ms >= w->now_ms);
    w->wall_ms += r->at_ms - w->now_ms;
    w->now_ms = r->at_ms;
    return aws_chain_due(w->chain, w->now_ms, w->wall_ms);
}

/* Let the chain run to its end; what it did is the diary's. The setting can be changed before the first. */
static inline const char *world_run(struct world *w)
{
    w->set.environment = w->environment;
    w->set.retry = &w->retry;
    if (!w->chain)
        w->chain = aws_chain_open(&w->set);
    buffer_reset(&w->diary);
    enum aws_want want = aws_chain_start(w->chain, &w->skew_ms, w->now_ms, w->wall_ms);
    unsigned steps = 0;
    while (want != AWS_DONE && want != AWS_FAILED) {
        assert_true(steps++ < WORLD_STEPS_MAX);
        want = world_step(w, want);
    }
    world_write_end(w, want);
    return buffer_text(&w->diary);
}

/* ... once, of a world that is made and closed around it. */
#define world_says(w, expected)                                                                              \
    do {                                                                                                     \
        assert_string_equal(world_run(w), expected);                                                         \
        world_close(w);                                                                                      \
    } while (0)

#endif
