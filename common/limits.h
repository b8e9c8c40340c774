/* Every limit of Garner, by name. Meeting one is a clear error, never a surprise. docs/limits.md
 * explains them for users; a test keeps the two together. */
#ifndef GARNER_COMMON_LIMITS_H
#define GARNER_COMMON_LIMITS_H

#include <stdint.h>

enum {
    /* Bodies and documents. */
    LIMIT_BODY_BYTES = 64 << 20,       /* of one answer, decompressed */
    LIMIT_ERROR_BODY_BYTES = 64 << 10, /* of an answer that is an error: read for its code, then cut */
    LIMIT_HEADER_BYTES = 256 << 10,    /* of one answer's headers together */
    LIMIT_DEPTH = 256,                 /* arrays and objects within each other */
    LIMIT_NUMBER_BYTES = 4096,         /* a number's literal */
    LIMIT_XML_ATTRIBUTES = 256,        /* of an element; namespaces in force */
    LIMIT_XML_NAMES = 65536,           /* different ones in an answer, of elements and attributes */
    LIMIT_DOCUMENT_BYTES = 16 << 20,   /* one resource as MessagePack */
    LIMIT_ITEMS_PER_PAGE = 1 << 20,
    LIMIT_ID_BYTES = 4096,         /* a resource's id */
    LIMIT_VALIDATOR_BYTES = 1024,  /* an ETag or Last-Modified: longer ones aren't kept */
    LIMIT_MODIFIED_AGE_MS = 60000, /* a Last-Modified is so much older than the answer, or isn't kept */

    /* Listings. */
    LIMIT_PAGES = 1000000, /* pages_max: of one listing */
    LIMIT_TOKEN_BYTES = 64 << 10,
    LIMIT_REDIRECTS = 5,          /* of one request, all within its origin */
    LIMIT_TRIES = 5,              /* of one request */
    LIMIT_PAGE_SIZE_TRIES = 3,    /* of one page with one size, where a smaller one can be asked for */
    LIMIT_PAGE_SIZE_LISTINGS = 3, /* complete ones, after which a reduced page size doubles … */
    LIMIT_PAGE_SIZE_FAILED_MS = 86400000, /* … unless it failed within that time */
    LIMIT_ROWS = 0x7fffffff,              /* of one collection, ever */
    LIMIT_GUARD_LISTINGS = 16,            /* what `guard.listings` may ask for: a delete names them all */
    LIMIT_DEGRADED_PERCENT = 20, /* a page is degraded when more of its items lack what earlier ones had */
    LIMIT_PARENTS = 4,           /* collections within each other */
    LIMIT_STRETCH_ITEMS = 40,    /* that stand side by side, and are recognised with one digest */
    LIMIT_CHECKPOINT_PAGES = 50, /* a listing notes where it stands after so many pages … */
    LIMIT_CHECKPOINT_MS = 10000, /* … or after so long */
    LIMIT_CHECKPOINT_TRIES = 3,  /* harvests that fail on the page where they go on; then one starts anew */

    /* Requests. */
    LIMIT_URL_BYTES = 64 << 10,
    LIMIT_REQUEST_BYTES = 1 << 20,   /* body or form */
    LIMIT_THREADS = 64,              /* of one run */
    LIMIT_TRANSFERS = 256,           /* at once, of one thread */
    LIMIT_TRANSFERS_PER_KEY = 8,     /* at once of one limit key, when `concurrency` isn't set */
    LIMIT_TASKS = 4096,              /* harvests under way at once, of one thread */
    LIMIT_TASKS_PER_ACCOUNT = 256,   /* of one account on one thread */
    LIMIT_TASKS_LIMITED = 64,        /* of these, that wait for their limits: more aren't made */
    LIMIT_CONNECTIONS_PER_HOST = 64, /* of one thread */
    LIMIT_ORIGINS = 1024,            /* that one thread knows, beside those that something is under way to */
    LIMIT_RECEIVE_BYTES = 1 << 20,   /* of an answer, in its socket: room for so much, until we come to it */
    LIMIT_CONNECT_MS = 10000,
    LIMIT_SILENCE_MS = 30000,        /* no byte for so long ends a transfer */
    LIMIT_TRANSFER_MS = 300000,      /* a whole answer */
    LIMIT_RETRY_FIRST_MS = 500,      /* the first retry waits up to this, then twice as long each time */
    LIMIT_RETRY_THROTTLED_TIMES = 4, /* as long, where the provider throttled and didn't say for how long */
    LIMIT_RETRY_MAX_MS = 20000,
    LIMIT_RETRY_AFTER_MS = 120000,  /* a longer Retry-After ends the request */
    LIMIT_PAUSE_MS = 3600000,       /* a bucket pauses no longer, whatever a provider says */
    LIMIT_BUDGET_MIN = 30,          /* retries of an account's a minute, at the least … */
    LIMIT_BUDGET_PERCENT = 10,      /* … and so many for a hundred requests … */
    LIMIT_BUDGET_MAX = 200,         /* … of which so many can be saved up */
    LIMIT_BREAKER_FAILURES = 8,     /* harvests in succession that open an account's breaker */
    LIMIT_BREAKER_FIRST_MS = 30000, /* it is open so long, then twice as long each time … */
    LIMIT_BREAKER_MAX_MS = 900000,  /* … up to this */
    LIMIT_RESOLVER_THREADS = 4,     /* of one thread */
    LIMIT_RESOLVER_NAMES = 1024,    /* whose addresses are kept, by one thread */
    LIMIT_LIMITER_PASSES = 16,      /* a request waiting for two limits lets so many pass, then nobody */
    LIMIT_RENEW_AHEAD_MS = 30000,   /* a session is renewed so long before it expires */
    LIMIT_RENEW_AGAIN_MS = 30000,   /* a failed renewal counts so long */
    LIMIT_COMMANDS = 8,             /* at once, of one thread; others wait */
    LIMIT_COMMAND_MS = 30000,       /* an exec credential or login */
    LIMIT_COMMAND_BYTES = 1 << 20,  /* its standard output */

    /* AWS. */
    LIMIT_AWS_FILE_BYTES = 1 << 20, /* a shared file, or a file with a token */
    LIMIT_AWS_CHAINS = 8,           /* accounts whose keys are looked for at once, shared out to threads */
    LIMIT_AWS_ROLES = 8,            /* assumed one from the other */
    LIMIT_AWS_LOCAL_MS = 2000,      /* for an answer of container or instance metadata */
    LIMIT_AWS_LOCAL_TRIES = 2,      /* of each request there */
    LIMIT_AWS_STALE_MS = 900000,    /* an instance's keys that end sooner, or have ended, serve so long */
    LIMIT_REGION_BYTES = 64,        /* the name of one that is signed for */
    LIMIT_CLOCK_SKEW_MS = 240000,   /* a clock this far off is what is wrong with a signature */

    /* Files that people write. */
    LIMIT_YAML_BYTES = 64 << 20,
    LIMIT_YAML_ANCHORS = 1024,
    LIMIT_YAML_ALIASED = 1 << 20, /* values that all aliases of a file together stand for */
    LIMIT_YAML_MESSAGES = 100,    /* shown; the rest are counted */
    LIMIT_NAMES = 1024,           /* vars, and placeholders of one kind, in a provider file */
    LIMIT_REQUIRE = 64,           /* pointers of `require` */
    LIMIT_RULES_BYTES =
        64 << 10, /* `parse`, `ignore` and `unordered` of a collection together: its record keeps them */
    LIMIT_NAME_BYTES = 128, /* an account's id; a provider's, region's or type's name */
    LIMIT_FOLLOWERS = 16,
    LIMIT_ACCOUNTS = 100000,
    LIMIT_COLLECTIONS = 4096, /* in one provider file */
    LIMIT_SPLITS = 256,

    /* The store. */
    LIMIT_SHARDS = 16384,
    LIMIT_SHARDS_DEFAULT = 256,
    LIMIT_COMMIT_ITEMS = 10000,        /* a commit gathers up to so many items … */
    LIMIT_COMMIT_BYTES = 16 << 20,     /* … or about so much memory … */
    LIMIT_COMMIT_MS = 500,             /* … or for so long … */
    LIMIT_RECEIPTS_MS = 2000,          /* … or, with nothing in it but receipts, so long */
    LIMIT_RECEIPTS = 16,               /* kept of a collection, beside those that deletes rest on */
    LIMIT_COMPACT_ITEMS = 10000,       /* changes that are compacted at a time … */
    LIMIT_COMPACT_MS = 50,             /* … or for so long … */
    LIMIT_COMPACT_RECEIPTS = 1000,     /* … and receipts looked at, whether they are still to be kept */
    LIMIT_RETENTION_MS = 10000,        /* a change log isn't looked at more often, unless it is urgent … */
    LIMIT_RETENTION_LOOK_MS = 600000,  /* … nor less often */
    LIMIT_RETENTION_SLACK_PERCENT = 5, /* beyond its bytes: then it is urgent */
    LIMIT_RETENTION_CAP_TIMES = 2,     /* its bytes: so much is kept for those who hold it … */
    LIMIT_RETENTION_HELD_MS = 3600000, /* … and for so long beyond its age */
    LIMIT_KEY_BYTES = 511,             /* LMDB's own */
    LIMIT_COLLECTION_BYTES = 8 << 20,  /* a collection's record, with its rules, and older ones */
    LIMIT_RECEIPT_BYTES = 1 << 20,
    LIMIT_CHECKPOINT_SEEN_BYTES = 4 << 20, /* the set of rows that a listing saw so far */
    LIMIT_CHECKPOINT_BYTES = 8 << 20,
    LIMIT_RECORD_BYTES = 64 << 20,
    LIMIT_QUARANTINE_ITEMS = 256,           /* of a collection: more are only counted */
    LIMIT_QUARANTINE_ITEM_BYTES = 64 << 10, /* of one: longer ones are cut */
    LIMIT_QUARANTINE_LISTED = 1000,         /* by one answer; and what more the last collection has */

    /* The operator's connection. */
    LIMIT_RPC_REQUESTS = 320,           /* at once; others wait in their sockets */
    LIMIT_RPC_REQUEST_BYTES = 64 << 20, /* likewise, of all together */
    LIMIT_RPC_KEPT = 256,               /* of these, that wait for something to happen */
    LIMIT_RPC_PEER_REQUESTS = 16,       /* likewise, of one peer, with answers that it hasn't taken */
    LIMIT_RPC_PEERS = 1024,             /* connected at once */
    LIMIT_RPC_ANSWER_BYTES = 64 << 20,  /* of answers that their peers haven't taken */
    LIMIT_RPC_LEFT_BYTES = 32 << 20,    /* of answers that are made, and can't be given yet */
    LIMIT_RPC_SPARE_BYTES = 4 << 20,    /* of memory that is kept for the next answers */
    LIMIT_RPC_SEND_MS = 10000,          /* that a message may stay half sent, or half taken */
    LIMIT_RPC_CLOSE_MS = 2000,          /* that a server which ends gives its last answers to go */
    LIMIT_RPC_TELL_MS = 1000,           /* that listeners hear everything again after */
    LIMIT_RPC_CONNECT_MS = 5000,        /* until a connection is there */
    LIMIT_RPC_ANSWER_MS = 30000,        /* for an answer, beside what the request itself wants to wait */
    LIMIT_MESSAGE_BYTES = 1 << 20,
    LIMIT_WAIT_MS = 30000, /* a request for what is still to come */

    /* The feed. */
    LIMIT_FETCH_QUIET_MS = 50,    /* that an answer waits in which there is nothing but how far was looked */
    LIMIT_FETCH_CHANGES = 10000,  /* that one demand looks at; or rows, for a part of a snapshot */
    LIMIT_FILTER_VALUES = 1024,   /* in each list of a filter */
    LIMIT_FILTER_MEMBERS = 65536, /* that a partition has */
    LIMIT_FEED_HOLDS = 64,        /* snapshots under way for which changes are held */
    LIMIT_FEED_HOLD_MS = 60000,   /* a hold ends when it isn't asked for again */
    LIMIT_BEHIND_MS = 5000,       /* that a follower doesn't get on, and its owner says so */
    LIMIT_CATCH_UP_CHANGES = 10000, /* a follower that lacks no more of what was served is waited for … */
    LIMIT_CATCH_UP_MS = 1000,       /* … so long, with all that is new … */
    LIMIT_CATCH_UP_REST_MS = 10000, /* … and not again before */
    LIMIT_SERVED_MS = 5000,         /* that a part of a snapshot waits until it may be given */

    /* The HTTP server. */
    LIMIT_HTTP_CONNECTIONS = 512,             /* at once */
    LIMIT_HTTP_CONNECTIONS_PER_ADDRESS = 448, /* of these, from one address: others find room */
    LIMIT_HTTP_REQUEST_BYTES = 64 << 10,      /* of a request's head, and of its connection's buffers */
    LIMIT_HTTP_SILENCE_MS = 10000,            /* of a client, ends its connection */
    LIMIT_HTTP_STREAM_SILENCE_MS = 60000,     /* of one that takes nothing of its stream */
    LIMIT_HTTP_STREAMS = 256,                 /* at once; the connections beyond them are for pages */
    LIMIT_HTTP_STREAMS_PER_TENANT = 64,       /* of these, with one token */
    LIMIT_HTTP_STREAM_BYTES = 256 << 10,      /* of changes that are made ready at once, for one stream */
    LIMIT_HTTP_STREAM_THREADS = 4,            /* that serve all streams */
    LIMIT_REACH_ANSWER_MS = 3000,             /* the gateway waits so long for one that hangs */
    LIMIT_REACH_UNUSED_MS = 60000,            /* a connection to a worker that nobody uses is kept so long */
    LIMIT_BUS_LISTENERS = 256,                /* connected at once */
    LIMIT_BUS_BYTES = 4 << 20,                /* that one of them hasn't taken: further ones are dropped */
    LIMIT_TOKENS = 10000,                     /* in a file of them */
    LIMIT_HTTP_WAITING = 4,                   /* requests for pages that take long to make */
    LIMIT_FOLLOW_WAIT_MS = 5000,              /* that a follower waits for changes, in one demand */
    LIMIT_FOLLOW_JOIN_MS = 500,               /* one that comes to it meanwhile waits so long */
    LIMIT_FOLLOW_AGAIN_MS = 100, /* what can't be followed is tried again after that, then twice as long … */
    LIMIT_FOLLOW_AGAIN_MAX_MS = 5000, /* … up to this */
    LIMIT_FOLLOW_UNUSED_MS = 30000, /* a connection for snapshots is closed when it isn't used for so long */
    LIMIT_FAILURE_TOLD_MS = 600000, /* a shard whose commits fail is told of so often at most */
    LIMIT_HEALTH_MS = 30000,        /* a thread that is busy with one thing for longer isn't well */
    LIMIT_STATUS_TROUBLES = 500,    /* that a status names */

    /* The cluster. */
    LIMIT_WORKERS = 1024,            /* that a cluster knows, those included that aren't there */
    LIMIT_CAPACITY = 4096,           /* of a worker, in proportion to others' */
    LIMIT_LEASE_MS = 3600000,        /* what `lease` may be */
    LIMIT_HEARTBEAT_BYTES = 4 << 20, /* a worker's message with all that it has, or the answer to it */
    LIMIT_STATE_WRITES = 128,        /* records of the cluster's state that are written together … */
    LIMIT_STATE_BYTES = 1 << 20,     /* … with so many bytes: etcd takes no more of either */
    LIMIT_WORKER_NAME_BYTES = 63,    /* also of a cluster's name */
    LIMIT_ADDRESS_BYTES = 255,
    LIMIT_PROGRAM_BYTES = 63,
    LIMIT_COPYING_MS = 60000,    /* a move that doesn't get on is given up after so long … */
    LIMIT_SEALING_MS = 10000,    /* … and so long after its shard was sealed */
    LIMIT_MOVE_AGAIN_MS = 60000, /* one that was given up isn't tried again by itself before */
    LIMIT_GRACE_MS = 120000,     /* a dead worker's shards without a follower wait so long for it */
    LIMIT_SPREAD_MS = 1000,      /* shards are spread so often at most */
};

/* The memory map of one shard unless `map_size` says otherwise, and of all of them together (a
 * process has 128 TiB of addresses). */
#define LIMIT_MAP_BYTES_DEFAULT ((uint64_t)64 << 30)
#define LIMIT_MAP_BYTES_MIN     ((uint64_t)1 << 20)
#define LIMIT_MAPS_BYTES        ((uint64_t)64 << 40)

/* The memory map of the cluster's state: room for all shards, and for all accounts with 80 kB each. */
#define LIMIT_STATE_MAP_BYTES ((uint64_t)8 << 30)

/* A second, of copies that a worker makes or brings up to date: so much is left for what it harvests. */
#define LIMIT_FOLLOW_BYTES ((uint64_t)64 << 20)

_Static_assert(LIMIT_ERROR_BODY_BYTES <= LIMIT_BODY_BYTES, "an error's body is a body");
_Static_assert(LIMIT_DOCUMENT_BYTES * 3 < LIMIT_RECORD_BYTES, "a change holds before, after and patch");
_Static_assert(LIMIT_RULES_BYTES * 64 < LIMIT_COLLECTION_BYTES, "a record holds the rules of many edits");
_Static_assert(LIMIT_CHECKPOINT_SEEN_BYTES + 8 * LIMIT_TOKEN_BYTES + LIMIT_URL_BYTES < LIMIT_CHECKPOINT_BYTES,
               "a checkpoint holds the rows that were seen and a position");
_Static_assert(LIMIT_RETRY_MAX_MS <= LIMIT_RETRY_AFTER_MS, "our own patience is the shorter one");
_Static_assert(LIMIT_RETRY_AFTER_MS <= LIMIT_PAUSE_MS, "a request waits no longer than its bucket");
_Static_assert(LIMIT_BREAKER_FIRST_MS <= LIMIT_BREAKER_MAX_MS, "it doubles up to the latter");
_Static_assert(LIMIT_RPC_KEPT < LIMIT_RPC_REQUESTS, "others are served while these wait");
_Static_assert(LIMIT_RETENTION_MS <= LIMIT_RETENTION_LOOK_MS, "the one isn't less than the other");
_Static_assert(LIMIT_RETENTION_CAP_TIMES >= 2, "a hold may keep more than there is room for without");
_Static_assert(LIMIT_HTTP_WAITING + LIMIT_HTTP_STREAMS < LIMIT_HTTP_CONNECTIONS_PER_ADDRESS,
               "health is answered all the same");
_Static_assert(LIMIT_SILENCE_MS < LIMIT_TRANSFER_MS, "silence is noticed first");

#endif
