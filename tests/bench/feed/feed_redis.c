/* Redis's side of catching up: a stream with an entry for each change, which has one field.
 *
 *     feed_redis load PORT FOLDER      add a data folder's changes, by XADD, a thousand at a time
 *     feed_redis read PORT COUNT       read COUNT of them, by XREAD COUNT 1000, each decoded
 *
 * Prints a line of JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "tests/bench/feed/meter.h"
#include "tests/bench/feed/stored.h"

enum { BATCH = 1000, ID_BYTES = 48 };

static redisContext *connect_to(const char *port)
{
    redisContext *redis = redisConnect("127.0.0.1", (int)number_of(port));
    if (!redis || redis->err)
        die("redis at port %s: %s", port, redis ? redis->errstr : "out of memory");
    return redis;
}

static redisReply *answer_of(redisContext *redis)
{
    void *reply = NULL;
    if (redisGetReply(redis, &reply) != REDIS_OK)
        die("redis: %s", redis->errstr);
    if (((redisReply *)reply)->type == REDIS_REPLY_ERROR)
        die("redis: %s", ((redisReply *)reply)->str);
    return reply;
}

/* --- load --- */

static void add(redisContext *redis, struct bytes packed)
{
    const char *words[] = {"XADD", "changes", "*", "c", packed.data};
    size_t lens[] = {4, 7, 1, 1, packed.len};
    if (redisAppendCommandArgv(redis, 5, words, lens) != REDIS_OK)
        die("redis: %s", redis->errstr);
}

static void load(redisContext *redis, const char *folder)
{
    struct stored stored;
    struct meter meter;
    stored_read(folder, &stored);
    meter_begin(&meter);
    for (uint64_t i = 0; i < stored.count;) {
        uint64_t end = i + BATCH < stored.count ? i + BATCH : stored.count;
        for (uint64_t at = i; at < end; at++)
            add(redis, stored.changes[at]);
        for (; i < end; i++)
            freeReplyObject(answer_of(redis));
    }
    meter.changes = stored.count;
    meter_end(&meter);
    stored_close(&stored);
}

/* --- read --- */

/* [["changes", [[id, ["c", change]], …]]] */
static void take(struct meter *meter, const redisReply *reply, char last[ID_BYTES])
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1 || reply->element[0]->elements != 2)
        die("redis: nothing more comes, after %lu changes", (unsigned long)meter->changes);
    const redisReply *entries = reply->element[0]->element[1];
    for (size_t i = 0; i < entries->elements; i++) {
        const redisReply *entry = entries->element[i], *change = entry->element[1]->element[1];
        meter_take(meter, (struct bytes){change->str, change->len});
        if (i + 1 == entries->elements)
            snprintf(last, ID_BYTES, "%s", entry->element[0]->str);
    }
}

static void read_all(redisContext *redis, uint64_t count)
{
    char last[ID_BYTES] = "0";
    struct meter meter;
    meter_begin(&meter);
    while (meter.changes < count) {
        if (redisAppendCommand(redis, "XREAD COUNT %d STREAMS changes %s", BATCH, last) != REDIS_OK)
            die("redis: %s", redis->errstr);
        redisReply *reply = answer_of(redis);
        take(&meter, reply, last);
        freeReplyObject(reply);
        meter_batch_done(&meter);
    }
    meter_end(&meter);
}

int main(int argc, char **argv)
{
    bool loads = argc == 4 && strcmp(argv[1], "load") == 0;
    if (!loads && (argc != 4 || strcmp(argv[1], "read") != 0))
        die("usage: feed_redis load PORT FOLDER | read PORT COUNT");
    redisContext *redis = connect_to(argv[2]);
    if (loads)
        load(redis, argv[3]);
    else
        read_all(redis, number_of(argv[3]));
    redisFree(redis);
    return 0;
}
