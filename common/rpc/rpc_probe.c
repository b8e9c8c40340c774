/* Each side of an SP connection first sends eight bytes: which protocol it speaks. A peer that hangs up
 * before that is done makes a listener of NNG 1.5.2 pause, and in some cases end: so the probe goes all the
 * way. */
#include "common/rpc/rpc_probe.h"

#include <string.h>

#include "common/check.h"

static const unsigned char request_hello[8] = {0, 'S', 'P', 0, 0, 48, 0, 0},
                           reply_hello[8] = {0, 'S', 'P', 0, 0, 49, 0, 0};

typedef void hello_move(nng_stream *stream, nng_aio *aio);

/* All eight bytes, which TCP may give one by one. */
static int move_hello(nng_stream *stream, nng_aio *aio, hello_move *move, unsigned char hello[8])
{
    int r = 0;
    for (size_t done = 0; done < 8 && !r; done += nng_aio_count(aio)) {
        nng_iov iov = {.iov_buf = hello + done, .iov_len = 8 - done};
        CHECK(nng_aio_set_iov(aio, 1, &iov) == 0);
        move(stream, aio);
        nng_aio_wait(aio);
        r = nng_aio_result(aio);
    }
    return r;
}

static int greet(nng_stream *stream, nng_aio *aio)
{
    unsigned char out[8], in[8] = {0};
    memcpy(out, request_hello, sizeof out);
    int r = move_hello(stream, aio, nng_stream_send, out);
    if (!r)
        r = move_hello(stream, aio, nng_stream_recv, in);
    return r || memcmp(in, reply_hello, sizeof in) == 0 ? r : NNG_EPROTO;
}

int rpc_probe(const char *address, nng_duration ms)
{
    nng_stream_dialer *dialer;
    nng_aio *aio;
    int r = nng_stream_dialer_alloc(&dialer, address);
    if (r)
        return r;
    CHECK(nng_aio_alloc(&aio, NULL, NULL) == 0);
    nng_aio_set_timeout(aio, ms);
    nng_stream_dialer_dial(dialer, aio);
    nng_aio_wait(aio);
    r = nng_aio_result(aio);
    if (!r) {
        nng_stream *stream = nng_aio_get_output(aio, 0);
        r = greet(stream, aio);
        nng_stream_free(stream);
    }
    nng_aio_free(aio);
    nng_stream_dialer_free(dialer);
    return r;
}
