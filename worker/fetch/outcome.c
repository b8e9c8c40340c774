/* What a transfer came to: libcurl's results as our errors, each with host, cause and what to do. Of the URL
 * only host and port are named: its query may hold secrets. */
#include <string.h>

#include "common/check.h"
#include "worker/fetch/internal.h"

static double seconds(int64_t ms)
{
    return (double)ms / 1000;
}

static curl_off_t info_of(const struct transfer *t, CURLINFO what)
{
    curl_off_t number = -1;
    return curl_easy_getinfo(t->lane->easy, what, &number) == CURLE_OK ? number : -1;
}

static const char *detail_of(const struct transfer *t, CURLcode result)
{
    return t->lane->detail[0] ? t->lane->detail : curl_easy_strerror(result);
}

static bool header_ends(const struct transfer *t, const char *name, const char *end)
{
    for (uint32_t i = 0; i < t->answer_headers.count; i++) {
        struct pair pair = t->answer_headers.items[i];
        size_t len = strlen(end);
        if (bytes_is_nocase(pair.name, name) && pair.value.len >= len &&
            bytes_is_nocase(bytes_from(pair.value, pair.value.len - len), end))
            return true;
    }
    return false;
}

/* Did the transfer say where the body ends? libcurl checked then that it came to there. */
static bool is_delimited(const struct transfer *t)
{
    long version = 0;
    curl_easy_getinfo(t->lane->easy, CURLINFO_HTTP_VERSION, &version);
    if (t->cut)
        return false;
    return version >= CURL_HTTP_VERSION_2_0 || t->status == 204 || t->status == 304 ||
           strcmp(t->request.method, "HEAD") == 0 || header_ends(t, "Transfer-Encoding", "chunked") ||
           info_of(t, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T) >= 0;
}

/* Two lengths that differ: whoever is right, the body can't be trusted. libcurl would take the last. */
static bool lengths_differ(const struct transfer *t)
{
    const struct bytes *first = NULL;
    for (uint32_t i = 0; i < t->answer_headers.count; i++) {
        const struct pair *pair = &t->answer_headers.items[i];
        if (!bytes_is_nocase(pair->name, "Content-Length"))
            continue;
        if (first && !bytes_equal(*first, pair->value))
            return true;
        first = &pair->value;
    }
    return false;
}

static int timed_out(struct transfer *t)
{
    long port = 0; /* our end's: there is one once TCP is connected, if this libcurl tells (8.14 doesn't) */
    curl_easy_getinfo(t->lane->easy, CURLINFO_LOCAL_PORT, &port);
    double limit_s = seconds(transfer_patience(t, t->fetch->options.connect_ms));
    if (port > 0)
        return error_set(&t->error, ERR_CONNECT,
                         "%s: connected, but the TLS handshake wasn't through in %g s: is it a TLS port?",
                         transfer_place(t), limit_s);
    return error_set(&t->error, ERR_CONNECT,
                     "%s: no connection in %g s: is the host up, and does a firewall let us through?%s",
                     transfer_place(t), limit_s,
                     strncasecmp(t->request.url, "https:", 6) == 0 ? " Is it a TLS port?" : "");
}

static int not_connected(struct transfer *t, CURLcode result)
{
    long number = 0;
    curl_easy_getinfo(t->lane->easy, CURLINFO_OS_ERRNO, &number);
    const char *cause = number ? strerrordesc_np((int)number) : NULL;
    return error_set(&t->error, ERR_CONNECT, "%s: %s: is the server running, and are host and port right?",
                     transfer_place(t), cause ? cause : detail_of(t, result));
}

static int tls_failed(struct transfer *t, CURLcode result)
{
    const char *detail = detail_of(t, result);
    if (result == CURLE_SSL_CONNECT_ERROR && (strstr(detail, "SYSCALL") || strstr(detail, "reset by peer")))
        return error_set(&t->error, ERR_CONNECT, "%s: broken off in the TLS handshake: %s", transfer_place(t),
                         detail);
    if (result == CURLE_SSL_CACERT_BADFILE)
        return error_set(&t->error, ERR_TLS,
                         "%s: %s: install ca-certificates, or set SSL_CERT_FILE to a file of authorities",
                         transfer_place(t), detail);
    if (result == CURLE_PEER_FAILED_VERIFICATION)
        return error_set(
            &t->error, ERR_TLS,
            "%s: %s: not trusted; if its authority is your own, set SSL_CERT_FILE to a file with it",
            transfer_place(t), detail);
    return error_set(&t->error, ERR_TLS,
                     "%s: TLS: %s: is it an https port, and does it speak TLS 1.2 or later?",
                     transfer_place(t), detail);
}

static int broken_off(struct transfer *t, CURLcode result)
{
    long long came = (long long)info_of(t, CURLINFO_SIZE_DOWNLOAD_T);
    long long length = (long long)info_of(t, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T);
    if (t->headers_done && length > came)
        return error_set(&t->error, ERR_TRANSFER, "%s: the body was cut: %lld of %lld bytes",
                         transfer_place(t), came, length);
    if (t->headers_done)
        return error_set(&t->error, ERR_TRANSFER, "%s: the body was cut after %lld bytes: %s",
                         transfer_place(t), came, detail_of(t, result));
    if (t->status)
        return error_set(&t->error, ERR_TRANSFER, "%s: broken off within the headers: %s", transfer_place(t),
                         detail_of(t, result));
    return error_set(&t->error, ERR_TRANSFER, "%s: broken off without an answer: %s", transfer_place(t),
                     detail_of(t, result));
}

static int classify(struct transfer *t, CURLcode result)
{
    switch (result) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return error_set(
            &t->error, ERR_RESOLVE,
            "%s: %s; check the host in the URL, the proxy if there is one, and this machine's DNS",
            transfer_place(t), detail_of(t, result));
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
    case CURLE_PROXY:
        return not_connected(t, result);
    case CURLE_OPERATION_TIMEDOUT:
        return timed_out(t);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_CLIENTCERT:
    case CURLE_USE_SSL_FAILED:
        return tls_failed(t, result);
    case CURLE_OUT_OF_MEMORY: /* what libcurl says of a header line beyond its own 100 KiB */
#if LIBCURL_VERSION_NUM >= 0x080600
    case CURLE_TOO_LARGE:
#endif
        return error_set(&t->error, ERR_LIMIT, "%s: a header line of the answer is too long",
                         transfer_place(t));
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
        return error_set(&t->error, ERR_TRANSFER,
                         "%s: what came back isn't HTTP: %s: are host and port right?", transfer_place(t),
                         detail_of(t, result));
    case CURLE_BAD_CONTENT_ENCODING:
        return error_set(&t->error, ERR_TRANSFER, "%s: the body can't be decompressed: %s", transfer_place(t),
                         detail_of(t, result));
    default:
        return broken_off(t, result);
    }
}

int outcome_of(struct transfer *t, CURLcode result)
{
    curl_off_t came = info_of(t, CURLINFO_SIZE_DOWNLOAD_T);
    t->bytes += t->header_bytes + (came > 0 ? (uint64_t)came : 0);
    if (t->code)
        return t->code; /* a limit, met in a callback */
    if (result != CURLE_OK && !t->cut)
        return classify(t, result);
    if (!t->headers_done) /* libcurl takes the end of the connection for the end of the headers */
        return error_set(&t->error, ERR_TRANSFER,
                         "%s: broken off within the headers: the server closed the connection",
                         transfer_place(t));
    t->delimited = is_delimited(t);
    if (lengths_differ(t))
        return error_set(&t->error, ERR_TRANSFER, "%s: the answer has two Content-Length headers that differ",
                         transfer_place(t));
    return 0;
}

uint64_t outcome_moved(const struct transfer *t)
{
    curl_off_t sent = info_of(t, CURLINFO_SIZE_UPLOAD_T), came = info_of(t, CURLINFO_SIZE_DOWNLOAD_T);
    return (uint64_t)(sent > 0 ? sent : 0) + (uint64_t)(came > 0 ? came : 0);
}

static unsigned long long heard_of(const struct transfer *t)
{
    curl_off_t came = info_of(t, CURLINFO_SIZE_DOWNLOAD_T);
    return t->header_bytes + (came > 0 ? (unsigned long long)came : 0);
}

int outcome_silent(struct transfer *t, int64_t silence_ms)
{
    t->bytes += heard_of(t);
    return error_set(&t->error, ERR_TRANSFER, "%s: nothing came for %g s, after %llu bytes of an answer",
                     transfer_place(t), seconds(silence_ms), heard_of(t));
}

int outcome_too_slow(struct transfer *t, int64_t transfer_ms)
{
    t->bytes += heard_of(t);
    return error_set(&t->error, ERR_TRANSFER, "%s: the answer wasn't complete after %g s and %llu bytes",
                     transfer_place(t), seconds(transfer_ms), heard_of(t));
}
