/* What receiving alone costs: asks for the same pages as Garner does, on as many connections, by one thread,
 * and throws the bodies away.
 *
 *   bare_curl CONNECTIONS [RECEIVE [HEADER]] < lists
 *
 * A line "PAGES URL" is a list: its first page is at URL, page n at URL?page=n. A connection takes a list,
 * asks for its pages one after the other, and takes the next list. It prints {"requests": …, "bytes": …}, and
 * exits with 1 when an answer isn't a 200 (with HEADER, a
 * condition like "If-None-Match: x" that goes with each request, a 304), or none comes. SSL_CERT_FILE names
 * the authorities for https. Sockets are as libcurl makes them; with RECEIVE, unless it is 0, they have room
 * for so many bytes from the start, as Garner's have.
 *
 * The transfers are driven by curl_multi_socket_action on epoll; curl_multi_poll was tried and was no faster.
 * Bodies come in pieces of 64 KiB, as Garner takes them; with 16 to 512 KiB the differences were within the
 * noise. */
#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { URL_BYTES = 4096, EVENTS = 64, PIECE_BYTES = 64 << 10, HTTP_OK = 200, HTTP_NOT_MODIFIED = 304 };

struct loop {
    CURLM *multi;
    int epoll;
    long wait_ms;               /* as libcurl wants it; -1: until something happens */
    unsigned under_way;         /* transfers */
    int receive;                /* bytes that a socket is to have room for; 0: as it comes */
    struct curl_slist *headers; /* null: libcurl's own */
    uint64_t requests, bytes;
};

struct lane {
    CURL *easy;
    uint64_t page, pages;
    char url[URL_BYTES];
};

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "bare_curl: %s: %s\n", what, why);
    exit(1);
}

static void must(CURLMcode code)
{
    if (code != CURLM_OK)
        die("libcurl", curl_multi_strerror(code));
}

static size_t throw_away(char *data, size_t size, size_t count, void *context)
{
    struct loop *loop = context;
    (void)data;
    loop->bytes += size * count;
    return size * count;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *known)
{
    const struct loop *loop = context;
    struct epoll_event event = {.data.fd = fd};
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL); /* may be closed already */
        return 0;
    }
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
    if (epoll_ctl(loop->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event))
        die("epoll", "can't watch a socket");
    must(curl_multi_assign(loop->multi, fd, context));
    return 0;
}

static int on_timer(CURLM *multi, long wait_ms, void *context)
{
    struct loop *loop = context;
    (void)multi;
    loop->wait_ms = wait_ms;
    return 0;
}

static void ask(struct loop *loop, struct lane *lane)
{
    char url[URL_BYTES + 32];
    if (lane->page == 1)
        snprintf(url, sizeof url, "%s", lane->url);
    else
        snprintf(url, sizeof url, "%s?page=%" PRIu64, lane->url, lane->page);
    curl_easy_setopt(lane->easy, CURLOPT_URL, url);
    must(curl_multi_add_handle(loop->multi, lane->easy));
    loop->under_way++;
}

/* The next page of the lane's list, or the first one of the next list; nothing when there is none. */
static void go_on(struct loop *loop, struct lane *lane)
{
    char line[URL_BYTES];
    if (lane->page++ == lane->pages) {
        if (!fgets(line, sizeof line, stdin))
            return;
        if (sscanf(line, "%" SCNu64 " %4095s", &lane->pages, lane->url) != 2 || lane->pages == 0)
            die("a list is \"PAGES URL\"", line);
        lane->page = 1;
    }
    ask(loop, lane);
}

static void take_ended(struct loop *loop)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(loop->multi, &left)) != NULL) {
        CURL *easy = message->easy_handle;
        struct lane *lane;
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&lane);
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        if (message->data.result != CURLE_OK)
            die(lane->url, curl_easy_strerror(message->data.result));
        if (status != (loop->headers ? HTTP_NOT_MODIFIED : HTTP_OK))
            die(lane->url, loop->headers ? "the answer isn't a 304" : "the answer isn't a 200");
        must(curl_multi_remove_handle(loop->multi, easy));
        loop->under_way--;
        loop->requests++;
        go_on(loop, lane);
    }
}

static void step(struct loop *loop)
{
    struct epoll_event events[EVENTS];
    int running;
    int count = epoll_wait(loop->epoll, events, EVENTS, (int)loop->wait_ms);
    if (count <= 0 || loop->wait_ms == 0) {
        loop->wait_ms = -1; /* it is called back for another */
        must(curl_multi_socket_action(loop->multi, CURL_SOCKET_TIMEOUT, 0, &running));
    }
    for (int i = 0; i < count; i++) {
        int what = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                   (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                   (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
        must(curl_multi_socket_action(loop->multi, events[i].data.fd, what, &running));
    }
    take_ended(loop);
}

/* See worker/fetch/easy.c. */
static int make_room(void *context, curl_socket_t fd, curlsocktype purpose)
{
    const struct loop *loop = context;
    int any = 1;
    (void)purpose;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &loop->receive, sizeof loop->receive) ||
        setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &any, sizeof any))
        die("SO_RCVLOWAT", "can't be set");
    return CURL_SOCKOPT_OK;
}

static void open_lane(struct loop *loop, struct lane *lane)
{
    lane->easy = curl_easy_init();
    if (!lane->easy)
        die("libcurl", "no memory");
    curl_easy_setopt(lane->easy, CURLOPT_PRIVATE, lane);
    curl_easy_setopt(lane->easy, CURLOPT_WRITEFUNCTION, throw_away);
    curl_easy_setopt(lane->easy, CURLOPT_WRITEDATA, loop);
    curl_easy_setopt(lane->easy, CURLOPT_BUFFERSIZE, (long)PIECE_BYTES);
    curl_easy_setopt(lane->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(lane->easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(lane->easy, CURLOPT_CAPATH, NULL); /* or each handshake reads the authorities anew */
    if (loop->receive) {
        curl_easy_setopt(lane->easy, CURLOPT_SOCKOPTFUNCTION, make_room);
        curl_easy_setopt(lane->easy, CURLOPT_SOCKOPTDATA, loop);
    }
    if (loop->headers)
        curl_easy_setopt(lane->easy, CURLOPT_HTTPHEADER, loop->headers);
    if (getenv("SSL_CERT_FILE"))
        curl_easy_setopt(lane->easy, CURLOPT_CAINFO, getenv("SSL_CERT_FILE"));
}

int main(int argc, char **argv)
{
    unsigned connections = argc >= 2 && argc <= 4 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
    if (!connections)
        die("usage", "bare_curl CONNECTIONS [RECEIVE [HEADER]] < lists");
    struct loop loop = {.wait_ms = -1, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    loop.receive = argc >= 3 ? atoi(argv[2]) : 0;
    loop.headers = argc == 4 ? curl_slist_append(NULL, argv[3]) : NULL;
    struct lane *lanes = calloc(connections, sizeof *lanes);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    loop.multi = curl_multi_init();
    if (loop.epoll < 0 || !lanes || !loop.multi)
        die("start", "no memory");
    must(curl_multi_setopt(loop.multi, CURLMOPT_SOCKETFUNCTION, on_socket));
    must(curl_multi_setopt(loop.multi, CURLMOPT_SOCKETDATA, &loop));
    must(curl_multi_setopt(loop.multi, CURLMOPT_TIMERFUNCTION, on_timer));
    must(curl_multi_setopt(loop.multi, CURLMOPT_TIMERDATA, &loop));
    must(curl_multi_setopt(loop.multi, CURLMOPT_MAXCONNECTS, (long)connections));
    for (unsigned i = 0; i < connections; i++) {
        open_lane(&loop, &lanes[i]);
        go_on(&loop, &lanes[i]);
    }
    while (loop.under_way)
        step(&loop);
    printf("{\"requests\": %" PRIu64 ", \"bytes\": %" PRIu64 "}\n", loop.requests, loop.bytes);
    for (unsigned i = 0; i < connections; i++)
        curl_easy_cleanup(lanes[i].easy);
    curl_multi_cleanup(loop.multi);
    curl_slist_free_all(loop.headers);
    curl_global_cleanup();
    free(lanes);
    return 0;
}
