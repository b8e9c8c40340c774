/* JetStream's side: a stream in a file store, with a message for each change.
 *
 *     feed_nats append PORT FOLDER     a new stream of a data folder's changes, published asynchronously, all
 * acknowledged feed_nats read PORT COUNT        pull COUNT of them, 1,000 at a time, each decoded
 *
 * Reading takes no acknowledgements, which is the cheapest for JetStream: so do Redis's XREAD and Garner's
 * FETCH, whose readers keep their positions themselves. Prints a line of JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nats/nats.h>

#include "tests/bench/feed/meter.h"
#include "tests/bench/feed/stored.h"

enum { BATCH = 1000, WAIT_MS = 60000, PENDING = 65536 };

#define STREAM  "CHANGES"
#define SUBJECT "changes"

struct nats {
    natsConnection *connection;
    jsCtx *js;
};

static void must(natsStatus s, const char *doing)
{
    if (s != NATS_OK)
        die("nats: %s: %s: %s", doing, natsStatus_GetText(s), nats_GetLastError(NULL));
}

static struct nats connect_to(const char *port)
{
    struct nats nats;
    char url[64];
    jsOptions options;
    snprintf(url, sizeof url, "nats://127.0.0.1:%s", port);
    must(natsConnection_ConnectTo(&nats.connection, url), "connecting");
    must(jsOptions_Init(&options), "its options");
    options.Wait = WAIT_MS;
    options.PublishAsync.MaxPending = PENDING;
    options.PublishAsync.StallWait = WAIT_MS;
    must(natsConnection_JetStream(&nats.js, nats.connection, &options), "JetStream");
    return nats;
}

/* --- append --- */

static void make_stream(struct nats *nats)
{
    const char *subjects[] = {SUBJECT};
    jsStreamConfig config;
    jsErrCode code;
    natsStatus s = js_DeleteStream(nats->js, STREAM, NULL, &code);
    if (s != NATS_OK && s != NATS_NOT_FOUND)
        must(s, "deleting the stream");
    must(jsStreamConfig_Init(&config), "a stream's configuration");
    config.Name = STREAM;
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Storage = js_FileStorage;
    must(js_AddStream(NULL, nats->js, &config, NULL, &code), "making the stream");
}

static void check_stream(struct nats *nats, uint64_t count)
{
    jsStreamInfo *info = NULL;
    jsErrCode code;
    must(js_GetStreamInfo(&info, nats->js, STREAM, NULL, &code), "asking for the stream");
    if (info->State.Msgs != count)
        die("nats: the stream has %lu messages, not %lu", (unsigned long)info->State.Msgs,
            (unsigned long)count);
    jsStreamInfo_Destroy(info);
}

static void append(struct nats *nats, const char *folder)
{
    struct stored stored;
    struct meter meter;
    stored_read(folder, &stored);
    make_stream(nats);
    meter_begin(&meter);
    for (uint64_t i = 0; i < stored.count; i++) {
        natsMsg *message = NULL;
        struct bytes packed = stored.changes[i];
        must(natsMsg_Create(&message, SUBJECT, NULL, packed.data, (int)packed.len), "a message");
        must(js_PublishMsgAsync(nats->js, &message, NULL), "publishing");
    }
    must(js_PublishAsyncComplete(nats->js, NULL), "waiting for the acknowledgements");
    meter.changes = stored.count;
    meter_end(&meter);
    check_stream(nats, stored.count);
    stored_close(&stored);
}

/* --- read --- */

static natsSubscription *subscribe(struct nats *nats)
{
    natsSubscription *subscription = NULL;
    jsSubOptions options;
    jsErrCode code = 0;
    must(jsSubOptions_Init(&options), "a subscription's options");
    options.Stream = STREAM;
    options.Config.AckPolicy = js_AckNone;
    options.Config.DeliverPolicy = js_DeliverAll;
    must(js_PullSubscribe(&subscription, nats->js, SUBJECT, NULL, NULL, &options, &code), "subscribing");
    return subscription;
}

static void read_all(struct nats *nats, uint64_t count)
{
    natsSubscription *subscription = subscribe(nats);
    struct meter meter;
    meter_begin(&meter);
    while (meter.changes < count) {
        natsMsgList list = {0};
        jsErrCode code = 0;
        int wanted = count - meter.changes < BATCH ? (int)(count - meter.changes) : BATCH;
        must(natsSubscription_Fetch(&list, subscription, wanted, WAIT_MS, &code), "pulling");
        for (int i = 0; i < list.Count; i++)
            meter_take(&meter, (struct bytes){natsMsg_GetData(list.Msgs[i]),
                                              (size_t)natsMsg_GetDataLength(list.Msgs[i])});
        natsMsgList_Destroy(&list);
        meter_batch_done(&meter);
    }
    meter_end(&meter);
    natsSubscription_Unsubscribe(subscription);
    natsSubscription_Destroy(subscription);
}

int main(int argc, char **argv)
{
    bool appends = argc == 4 && strcmp(argv[1], "append") == 0;
    if (!appends && (argc != 4 || strcmp(argv[1], "read") != 0))
        die("usage: feed_nats append PORT FOLDER | read PORT COUNT");
    struct nats nats = connect_to(argv[2]);
    if (appends)
        append(&nats, argv[3]);
    else
        read_all(&nats, number_of(argv[3]));
    jsCtx_Destroy(nats.js);
    natsConnection_Destroy(nats.connection);
    nats_Close();
    return 0;
}
