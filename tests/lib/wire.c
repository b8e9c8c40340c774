/* Blocking sockets and a thread a connection: a test server may be slow, its bytes must be plain to see.
 * wire_close shuts all sockets down, which wakes whoever is blocked, and joins everyone. */
#include "tests/lib/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/check.h"
#include "tests/lib/wire_tls.h"

enum { ANSWERS_MAX = 1024, REQUESTS_MAX = 1024, CONNECTIONS_MAX = 1024, URLS_MAX = 64, URL_BYTES = 256 };

struct script {
    struct buffer bytes;
    size_t piece;
    unsigned pause_ms;
    enum wire_then then;
};

struct connection {
    struct wire *wire;
    pthread_t thread;
    int fd;
    SSL *tls;
};

struct wire {
    pthread_mutex_t mutex;
    pthread_t acceptor;
    int listener, stop; /* an eventfd: readable once it is time to go */
    unsigned port;
    SSL_CTX *tls;
    char certificate[64];
    struct script *answers[ANSWERS_MAX];
    size_t answer_count, answered;
    struct buffer requests[REQUESTS_MAX];
    size_t request_count;
    struct connection connections[CONNECTIONS_MAX];
    size_t connection_count;
    char urls[URLS_MAX][URL_BYTES];
    size_t url_count;
};

static ssize_t receive(struct connection *c, char *data, size_t len)
{
    return c->tls ? SSL_read(c->tls, data, (int)len) : recv(c->fd, data, len, 0);
}

static bool send_all(struct connection *c, const char *data, size_t len)
{
    while (len) {
        ssize_t sent = c->tls ? SSL_write(c->tls, data, (int)len) : send(c->fd, data, len, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        data += sent;
        len -= (size_t)sent;
    }
    return true;
}

/* Wait; false if it is time to go. */
static bool pause_for(const struct wire *wire, int ms)
{
    struct pollfd stop = {.fd = wire->stop, .events = POLLIN};
    return poll(&stop, 1, ms) == 0;
}

/* How long the request in `in` is with its body; 0 if its head isn't complete. */
static size_t request_length(const struct buffer *in)
{
    const char *end = in->len ? memmem(in->data, in->len, "\r\n\r\n", 4) : NULL;
    if (!end)
        return 0;
    const char *length = strcasestr(in->data, "\r\ncontent-length:");
    size_t head = (size_t)(end - in->data) + 4;
    return head + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
}

/* Read one request, keep it, and give out the answer it gets; null when there is none. */
static struct script *take_request(struct connection *c, struct buffer *in)
{
    struct wire *wire = c->wire;
    char data[4096];
    size_t len;
    while ((len = request_length(in)) == 0 || in->len < len) {
        ssize_t got = receive(c, data, sizeof data);
        if (got <= 0)
            return NULL;
        buffer_add(in, data, (size_t)got);
    }
    struct script *answer = NULL;
    pthread_mutex_lock(&wire->mutex);
    if (wire->request_count < REQUESTS_MAX)
        buffer_add(&wire->requests[wire->request_count++], in->data, len);
    if (wire->answered < wire->answer_count)
        answer = wire->answers[wire->answered++];
    pthread_mutex_unlock(&wire->mutex);
    memmove(in->data, in->data + len, in->len - len + 1);
    in->len -= len;
    return answer;
}

/* True if the connection goes on. */
static bool give_answer(struct connection *c, const struct script *answer)
{
    struct bytes rest = buffer_bytes(&answer->bytes);
    while (rest.len) {
        size_t len = answer->piece && answer->piece < rest.len ? answer->piece : rest.len;
        if (!send_all(c, rest.data, len))
            return false;
        rest = bytes_from(rest, len);
        if (rest.len && !pause_for(c->wire, (int)answer->pause_ms))
            return false;
    }
    if (answer->then == WIRE_STALL)
        pause_for(c->wire, -1);
    if (answer->then == WIRE_RESET) {
        struct linger at_once = {.l_onoff = 1};
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    return answer->then == WIRE_KEEP;
}

static void *serve(void *context)
{
    struct connection *c = context;
    struct buffer in = {0};
    struct script *answer;
    if (!c->tls || SSL_accept(c->tls) == 1)
        while ((answer = take_request(c, &in)) && give_answer(c, answer))
            ;
    buffer_close(&in);
    pthread_mutex_lock(&c->wire->mutex);
    SSL_free(c->tls);
    close(c->fd);
    c->fd = -1;
    pthread_mutex_unlock(&c->wire->mutex);
    return NULL;
}

static void *accept_all(void *context)
{
    struct wire *wire = context;
    struct pollfd both[] = {{.fd = wire->listener, .events = POLLIN}, {.fd = wire->stop, .events = POLLIN}};
    while (poll(both, 2, -1) > 0 && !both[1].revents && wire->connection_count < CONNECTIONS_MAX) {
        int fd = accept4(wire->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        pthread_mutex_lock(&wire->mutex);
        struct connection *c = &wire->connections[wire->connection_count++];
        *c = (struct connection){.wire = wire, .fd = fd, .tls = wire->tls ? SSL_new(wire->tls) : NULL};
        if (c->tls)
            SSL_set_fd(c->tls, fd);
        CHECK(pthread_create(&c->thread, NULL, serve, c) == 0);
        pthread_mutex_unlock(&wire->mutex);
    }
    return NULL;
}

static bool start_listening(struct wire *wire)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    wire->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    wire->stop = eventfd(0, EFD_CLOEXEC);
    if (wire->listener < 0 || wire->stop < 0 ||
        bind(wire->listener, (const struct sockaddr *)&at, sizeof at) || listen(wire->listener, 512) ||
        getsockname(wire->listener, (struct sockaddr *)&at, &len))
        return false;
    wire->port = ntohs(at.sin_port);
    return true;
}

struct wire *wire_open(bool tls)
{
    struct wire *wire = mem_zalloc(sizeof *wire);
    CHECK(pthread_mutex_init(&wire->mutex, NULL) == 0);
    bool good = start_listening(wire);
    if (good && tls) {
        snprintf(wire->certificate, sizeof wire->certificate, "/tmp/wire-%d-%u.pem", (int)getpid(),
                 wire->port);
        wire->tls = wire_tls_open(wire->certificate);
        good = wire->tls != NULL;
    }
    if (good && pthread_create(&wire->acceptor, NULL, accept_all, wire) == 0)
        return wire;
    free(wire);
    return NULL;
}

void wire_close(struct wire *wire)
{
    if (!wire)
        return;
    CHECK(eventfd_write(wire->stop, 1) == 0);
    pthread_join(wire->acceptor, NULL);
    pthread_mutex_lock(&wire->mutex);
    for (size_t i = 0; i < wire->connection_count; i++)
        if (wire->connections[i].fd >= 0)
            shutdown(wire->connections[i].fd, SHUT_RDWR);
    pthread_mutex_unlock(&wire->mutex);
    for (size_t i = 0; i < wire->connection_count; i++)
        pthread_join(wire->connections[i].thread, NULL);
    for (size_t i = 0; i < wire->answer_count; i++) {
        buffer_close(&wire->answers[i]->bytes);
        free(wire->answers[i]);
    }
    for (size_t i = 0; i < wire->request_count; i++)
        buffer_close(&wire->requests[i]);
    if (wire->tls)
        unlink(wire->certificate);
    SSL_CTX_free(wire->tls);
    close(wire->listener);
    close(wire->stop);
    pthread_mutex_destroy(&wire->mutex);
    free(wire);
}

unsigned wire_port(const struct wire *wire)
{
    return wire->port;
}

const char *wire_certificate(const struct wire *wire)
{
    return wire->tls ? wire->certificate : NULL;
}

const char *wire_url(struct wire *wire, const char *path)
{
    CHECK(wire->url_count < URLS_MAX);
    char *url = wire->urls[wire->url_count++];
    snprintf(url, URL_BYTES, "http%s://127.0.0.1:%u%s", wire->tls ? "s" : "", wire->port, path);
    return url;
}

static void add_answer(struct wire *wire, struct script script)
{
    struct script *answer = mem_zalloc(sizeof *answer);
    *answer = script;
    pthread_mutex_lock(&wire->mutex);
    CHECK(wire->answer_count < ANSWERS_MAX);
    wire->answers[wire->answer_count++] = answer;
    pthread_mutex_unlock(&wire->mutex);
}

void wire_answers_bytes(struct wire *wire, const void *data, size_t len, enum wire_then then)
{
    struct script script = {.then = then};
    buffer_add(&script.bytes, data, len);
    add_answer(wire, script);
}

void wire_answers(struct wire *wire, const char *text, enum wire_then then)
{
    wire_answers_bytes(wire, text, strlen(text), then);
}

void wire_answers_slowly(struct wire *wire, const char *text, size_t piece, unsigned pause_ms,
                         enum wire_then then)
{
    struct script script = {.piece = piece, .pause_ms = pause_ms, .then = then};
    buffer_add_text(&script.bytes, text);
    add_answer(wire, script);
}

const char *wire_request(struct wire *wire, size_t n)
{
    pthread_mutex_lock(&wire->mutex);
    const char *text = n < wire->request_count ? buffer_text(&wire->requests[n]) : "";
    pthread_mutex_unlock(&wire->mutex);
    return text;
}

size_t wire_requests(struct wire *wire)
{
    pthread_mutex_lock(&wire->mutex);
    size_t count = wire->request_count;
    pthread_mutex_unlock(&wire->mutex);
    return count;
}

size_t wire_connections(struct wire *wire)
{
    pthread_mutex_lock(&wire->mutex);
    size_t count = wire->connection_count;
    pthread_mutex_unlock(&wire->mutex);
    return count;
}
