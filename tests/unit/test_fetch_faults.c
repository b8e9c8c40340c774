/* Fetch: what goes wrong on the way is an error of the right kind that names host, cause and what to do, and
 * never a secret (lab_hear checks each message for the query). */
#include "tests/unit/test_fetch_lab.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/limits.h"

/* A body that is cut says how much of it came. */
static void cut_body_is_an_error(void **state)
{
    struct lab *lab = *state;
    lab_hear(lab, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", WIRE_CLOSE);
    assert_error(lab, ERR_TRANSFER, "the body was cut: 5 of 10 bytes");
    lab_hear(lab, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n", WIRE_CLOSE);
    assert_error(lab, ERR_TRANSFER, "the body was cut after 5 bytes");
    lab_hear(lab, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n123", WIRE_CLOSE);
    assert_error(lab, ERR_TRANSFER, "the body was cut");
    lab_hear(lab, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", WIRE_RESET);
    assert_error(lab, ERR_TRANSFER, "the body was cut: 5 of 10 bytes");
    lab_hear(lab, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n", WIRE_CLOSE);
    assert_error(lab, ERR_TRANSFER, "the body was cut");
}

/* Of a body that is longer than its length says, that length counts. */
static void longer_body_is_what_its_length_says(void **state)
{
    struct lab *lab = *state;
    lab_hear(lab, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{\"a\":1}", WIRE_KEEP);
    assert_int_equal(lab->code, 0);
    assert_body(lab, "{\"a\"");
    assert_true(lab->delimited);
    lab_hear(lab, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", WIRE_KEEP);
    assert_body(lab, "{}"); /* what was left over is not taken for the next answer's beginning */
}

/* An answer cut anywhere within its headers, or none at all, is a broken transfer. */
static void cut_headers_are_an_error(void **state)
{
    struct lab *lab = *state;
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    for (size_t len = 0; len < sizeof answer; len += 3) {
        wire_answers_bytes(lab->wire, answer, len, WIRE_CLOSE);
        lab_get(lab, wire_url(lab->wire, "/?secret=s3cr3t"));
        assert_int_equal(lab->code, ERR_TRANSFER);
        assert_has(lab->error, "127.0.0.1:");
    }
    lab_hear(lab, "", WIRE_RESET);
    assert_error(lab, ERR_TRANSFER, "without an answer");
}

/* Two lengths that differ make a body that can't be trusted. */
static void two_lengths_are_an_error(void **state)
{
    struct lab *lab = *state;
    lab_hear(lab, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 2\r\n\r\n{}", WIRE_CLOSE);
    assert_error(lab, ERR_TRANSFER, "");
    lab_hear(lab, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\n{}   ", WIRE_CLOSE);
    assert_error(lab, ERR_TRANSFER, "two Content-Length headers that differ");
    lab_hear(lab, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}", WIRE_CLOSE);
    assert_int_equal(lab->code, 0);
    lab_hear(lab, "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}", WIRE_CLOSE);
    assert_int_equal(lab->code, ERR_TRANSFER);
}

/* What isn't HTTP is said to be so. */
static void other_protocols_are_named(void **state)
{
    struct lab *lab = *state;
    lab_hear(lab, "220 mail.example ESMTP\r\n", WIRE_CLOSE);
    assert_error(lab, ERR_TRANSFER, "isn't HTTP");
}

/* --- Compression --- */

/* {"a":1} */
static const unsigned char small_gzip[] = {0x1f, 0x8b, 8,    0,    0,    0,    0,    0,    2,
                                           3,    0xab, 0x56, 0x4a, 0x54, 0xb2, 0x32, 0xac, 0x05,
                                           0x00, 0xaf, 0xac, 0x1b, 0x56, 7,    0,    0,    0};

static void hear_gzip(struct lab *lab, const unsigned char *data, size_t len)
{
    struct buffer text = {0};
    buffer_printf(&text, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", len);
    buffer_add(&text, data, len);
    wire_answers_bytes(lab->wire, text.data, text.len, WIRE_CLOSE);
    buffer_close(&text);
    lab_get(lab, wire_url(lab->wire, "/"));
}

/* Compressed answers come out as they were; broken ones are broken transfers. */
static void compressed_body_is_unpacked(void **state)
{
    struct lab *lab = *state;
    unsigned char broken[sizeof small_gzip];
    hear_gzip(lab, small_gzip, sizeof small_gzip);
    assert_int_equal(lab->code, 0);
    assert_body(lab, "{\"a\":1}");
    memcpy(broken, small_gzip, sizeof broken);
    broken[10] = 0x07;
    hear_gzip(lab, broken, sizeof broken);
    assert_error(lab, ERR_TRANSFER, "can't be decompressed");
    lab_hear(lab, "HTTP/1.1 200 OK\r\nContent-Encoding: rot13\r\nContent-Length: 2\r\n\r\n{}", WIRE_CLOSE);
    assert_error(lab, ERR_TRANSFER, "can't be decompressed");
}

static void add_bits(struct buffer *out, unsigned *used, unsigned bits, unsigned count)
{
    for (unsigned i = 0; i < count; i++, *used = (*used + 1) % 8) {
        if (*used == 0)
            buffer_add_char(out, 0);
        out->data[out->len - 1] = (char)((unsigned char)out->data[out->len - 1] | (bits >> i & 1) << *used);
    }
}

/* A small body that unpacks into a huge one is a limit met, not memory taken. */
static void gzip_bomb_meets_the_limit(void **state)
{
    struct lab *lab = *state;
    struct fetch_options options = {.body_bytes_max = 1 << 20};
    struct buffer bomb = {0};
    unsigned used = 0;
    lab_reopen(lab, &options);
    buffer_add(&bomb, "\x1f\x8b\x08\0\0\0\0\0\0\x03", 10);
    add_bits(&bomb, &used, 3, 3);    /* the last block, fixed codes */
    add_bits(&bomb, &used, 0x0c, 8); /* a NUL */
    for (int i = 0; i < 100000; i++) {
        add_bits(&bomb, &used, 0xa3, 8); /* repeat 258 bytes … */
        add_bits(&bomb, &used, 0, 5);    /* … from one byte before */
    }
    hear_gzip(lab, (const unsigned char *)bomb.data, bomb.len);
    assert_error(lab, ERR_LIMIT, "larger than 1048576 bytes (decompressed)");
    assert_in_range(lab->bytes, 1, bomb.len);
    buffer_close(&bomb);
}

/* --- Limits --- */

static char *answer_of(const char *head, size_t len)
{
    char *text = malloc(strlen(head) + len + 1);
    strcpy(text, head);
    memset(text + strlen(head), 'x', len);
    text[strlen(head) + len] = 0;
    return text;
}

/* A body of just the limit is fine, one byte more isn't. */
static void body_has_a_limit(void **state)
{
    struct lab *lab = *state;
    struct fetch_options options = {.body_bytes_max = 100000};
    lab_reopen(lab, &options);
    for (size_t len = 100000; len <= 100001; len++) {
        char *text = answer_of("HTTP/1.1 200 OK\r\n\r\n", len);
        lab_hear(lab, text, WIRE_CLOSE);
        free(text);
        assert_int_equal(lab->code, len == 100000 ? 0 : ERR_LIMIT);
    }
}

/* The body of an answer that is an error is cut, and the answer still counts. */
static void error_body_is_cut(void **state)
{
    struct lab *lab = *state;
    char *text = answer_of("HTTP/1.1 500 Oops\r\nContent-Length: 1000000\r\nX-A: b\r\n\r\n", 1000000);
    lab_hear(lab, text, WIRE_CLOSE);
    free(text);
    assert_int_equal(lab->code, 0);
    assert_int_equal(lab->status, 500);
    assert_int_equal(lab->body.len, LIMIT_ERROR_BODY_BYTES);
    assert_false(lab->delimited);
    assert_has(buffer_text(&lab->headers), "X-A=b;");
}

/* Headers have a limit: together, and each line. */
static void headers_have_a_limit(void **state)
{
    struct lab *lab = *state;
    struct buffer text = {0};
    buffer_add_text(&text, "HTTP/1.1 200 OK\r\n");
    while (text.len < LIMIT_HEADER_BYTES)
        buffer_printf(&text, "X-%zu: %0900d\r\n", text.len, 0);
    buffer_add_text(&text, "Content-Length: 0\r\n\r\n");
    lab_hear(lab, text.data, WIRE_CLOSE);
    assert_error(lab, ERR_LIMIT, "headers take more than");
    buffer_close(&text);
    char *line = answer_of("HTTP/1.1 200 OK\r\nX-Long: ", 200000);
    lab_hear(lab, line, WIRE_CLOSE);
    assert_error(lab, ERR_LIMIT, "header line");
    free(line);
}

/* --- Connections --- */

/* A port where nobody listens. */
static void refused_is_a_connection_error(void **state)
{
    struct lab *lab = *state;
    struct wire *gone = wire_open(false);
    const char *url = wire_url(gone, "/?secret=s3cr3t");
    char copy[256];
    snprintf(copy, sizeof copy, "%s", url);
    wire_close(gone);
    lab_get(lab, copy);
    assert_error(lab, ERR_CONNECT, "refused");
    assert_lacks(lab->error, "s3cr3t");
    assert_int_equal(lab->requests, 0);
}

static void unknown_name_is_a_resolve_error(void **state)
{
    struct lab *lab = *state;
    lab_get(lab, "https://user:s3cr3t@name-that-is-not.invalid/?secret=s3cr3t");
    assert_error(lab, ERR_RESOLVE, "name-that-is-not.invalid:443: the name can't be resolved");
    assert_lacks(lab->error, "s3cr3t");
}

/* Localhost needs no DNS, and neither does an address. */
static void localhost_is_known(void **state)
{
    struct lab *lab = *state;
    char url[64];
    snprintf(url, sizeof url, "http://LOCALHOST:%u/", wire_port(lab->wire));
    wire_answers(lab->wire, "HTTP/1.1 204 No\r\n\r\n", WIRE_KEEP);
    lab_get(lab, url);
    assert_int_equal(lab->status, 204);
}

/* What can't be asked at all comes back as an error too, never from within the call. */
static void bad_url_comes_back_as_an_error(void **state)
{
    struct lab *lab = *state;
    struct request request = {.method = "GET", .url = "ftp://h/"};
    fetch_send(lab->fetch, &request, NULL, lab, lab_take);
    assert_int_equal(lab->results, 0);
    while (fetch_step(lab->fetch, -1))
        ;
    assert_int_equal(lab->results, 1);
    assert_error(lab, ERR_HTTP, "scheme");
}

/* --- Time --- */

/* A server that says nothing more ends the transfer, and holds up nobody else who asks it. */
static void silence_ends_a_transfer(void **state)
{
    struct lab *lab = *state, other = {0};
    struct fetch_options options = {.silence_ms = 200};
    struct request request = {.method = "GET", .url = wire_url(lab->wire, "/")};
    lab_reopen(lab, &options);
    wire_answers(lab->wire, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123", WIRE_STALL);
    wire_answers(lab->wire, "HTTP/1.1 204 No\r\n\r\n", WIRE_KEEP);
    fetch_send(lab->fetch, &request, NULL, lab, lab_take);
    while (wire_requests(lab->wire) == 0)
        fetch_step(lab->fetch, 10);
    fetch_send(lab->fetch, &request, NULL, &other, lab_take);
    while (!other.results)
        fetch_step(lab->fetch, 1000);
    assert_int_equal(other.status, 204);
    assert_int_equal(lab->results, 0);
    while (fetch_step(lab->fetch, -1))
        ;
    assert_error(lab, ERR_TRANSFER, "nothing came for 0.2 s");
    buffer_close(&other.body);
    buffer_close(&other.headers);
    buffer_close(&other.url);
}

/* One that keeps talking, but never comes to an end, isn't listened to for ever. */
static void slow_answer_comes_to_an_end(void **state)
{
    struct lab *lab = *state;
    struct fetch_options options = {.silence_ms = 350, .transfer_ms = 500};
    lab_reopen(lab, &options);
    wire_answers_slowly(lab->wire, "HTTP/1.1 200 OK\r\n\r\n0123456789012345678901234567890123456789", 1, 10,
                        WIRE_STALL);
    lab_get(lab, wire_url(lab->wire, "/"));
    assert_error(lab, ERR_TRANSFER, "wasn't complete after 0.5 s");
}

/* A request that says how long it waits is waited for no longer; others are. */
static void a_request_may_be_impatient(void **state)
{
    struct lab *lab = *state;
    struct request request = {.method = "GET", .url = wire_url(lab->wire, "/"), .wait_ms = 200};
    wire_answers(lab->wire, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123", WIRE_STALL);
    lab_send(lab, &request, NULL);
    assert_error(lab, ERR_TRANSFER, "0.2 s"); /* of silence, or of all */
}

/* What is direct goes past the proxy that the environment names. */
static void a_direct_request_asks_no_proxy(void **state)
{
    struct lab *lab = *state;
    struct wire *proxy = wire_open(false);
    struct request request = {.method = "GET", .url = wire_url(lab->wire, "/")};
    assert_non_null(proxy);
    setenv("http_proxy", wire_url(proxy, ""), 1);
    lab_reopen(lab, NULL);
    wire_answers(proxy, "HTTP/1.1 203 By proxy\r\nContent-Length: 0\r\n\r\n", WIRE_KEEP);
    lab_send(lab, &request, NULL);
    assert_int_equal(lab->status, 203);
    request.is_direct = true;
    wire_answers(lab->wire, "HTTP/1.1 204 No\r\n\r\n", WIRE_KEEP);
    lab_send(lab, &request, NULL);
    assert_int_equal(lab->status, 204);
    unsetenv("http_proxy");
    wire_close(proxy);
}

/* --- TLS --- */

/* A certificate that nobody vouches for is refused before anything is sent; one that is trusted isn't. */
static void certificate_must_be_trusted(void **state)
{
    struct lab *lab = *state;
    struct wire *tls = wire_open(true);
    assert_non_null(tls);
    lab_get(lab, wire_url(tls, "/?secret=s3cr3t"));
    assert_error(lab, ERR_TLS, "self-signed certificate");
    assert_has(lab->error, "SSL_CERT_FILE");
    assert_int_equal(wire_requests(tls), 0);

    struct fetch_options options = {.ca_file = wire_certificate(tls)};
    lab_reopen(lab, &options);
    wire_answers(tls, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", WIRE_KEEP);
    lab_get(lab, wire_url(tls, "/"));
    assert_int_equal(lab->code, 0);
    assert_body(lab, "{}");

    char url[64]; /* trusted, but in the name of another host */
    snprintf(url, sizeof url, "https://localhost:%u/", wire_port(tls));
    lab_get(lab, url);
    assert_error(lab, ERR_TLS, "localhost");
    wire_close(tls);
}

/* A file of authorities that isn't there, and a port that speaks no TLS, are told apart from distrust. */
static void tls_faults_are_told_apart(void **state)
{
    struct lab *lab = *state;
    char url[64];
    struct fetch_options options = {.ca_file = "/nowhere/ca.pem"};
    snprintf(url, sizeof url, "https://127.0.0.1:%u/", wire_port(lab->wire));
    lab_reopen(lab, &options);
    lab_get(lab, url);
    assert_error(lab, ERR_TLS, "/nowhere/ca.pem");
    lab_reopen(lab, NULL);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int mute = socket(AF_INET, SOCK_STREAM, 0); /* accepts, says nothing */
    assert_int_equal(bind(mute, (struct sockaddr *)&at, len) | listen(mute, 4), 0);
    assert_int_equal(getsockname(mute, (struct sockaddr *)&at, &len), 0);
    options = (struct fetch_options){.connect_ms = 300};
    lab_reopen(lab, &options);
    snprintf(url, sizeof url, "https://127.0.0.1:%u/", ntohs(at.sin_port));
    lab_get(lab, url);
    assert_error(lab, ERR_CONNECT, " in 0.3 s");
    assert_error(lab, ERR_CONNECT, "s it a TLS port?");
    close(mute);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(cut_body_is_an_error, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(longer_body_is_what_its_length_says, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(cut_headers_are_an_error, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(two_lengths_are_an_error, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(other_protocols_are_named, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(compressed_body_is_unpacked, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(gzip_bomb_meets_the_limit, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(body_has_a_limit, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(error_body_is_cut, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(headers_have_a_limit, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(refused_is_a_connection_error, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(unknown_name_is_a_resolve_error, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(localhost_is_known, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(bad_url_comes_back_as_an_error, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(silence_ends_a_transfer, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(a_request_may_be_impatient, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(a_direct_request_asks_no_proxy, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(slow_answer_comes_to_an_end, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(certificate_must_be_trusted, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(tls_faults_are_told_apart, lab_open, lab_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
