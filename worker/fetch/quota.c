/* Each family of headers gathers into a quota of its own, since an answer may bear several that mean
 * different limits; at the end the tightest is chosen. To mix them (one's limit, the other's reset) was not
 * taken.
 *
 * Spreading what remains over the time to the reset begins only when little remains: an API of 60 requests an
 * hour would otherwise be asked once a minute from the first one on, though the whole harvest takes ten. */
#include "worker/fetch/quota.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "common/units.h"
#include "worker/fetch/retry.h"

enum { DIGITS_MAX = 15, MEMBERS_MAX = 16 }; /* members of a structured field that are looked at */
enum { X_RATELIMIT, X_RATE_LIMIT, RATELIMIT, DRAFT_07, FAMILIES };

static const struct quota untold = {-1, -1, -1, -1};

struct reading {
    const struct answer *answer;
    int64_t wall_ms;
    struct quota families[FAMILIES];
    struct quota best;
};

/* --- values --- */

/* "12", "1.5": in thousandths. */
static bool read_thousandths(struct bytes text, int64_t *out)
{
    int64_t whole = 0, part = 0, unit = 1000;
    size_t i = 0;
    text = bytes_trim(text);
    for (; i < text.len && isdigit((unsigned char)text.data[i]); i++) {
        if (i == DIGITS_MAX)
            return false;
        whole = whole * 10 + (text.data[i] - '0');
    }
    if (i == 0)
        return false;
    if (i < text.len && text.data[i] == '.')
        for (i++; i < text.len && isdigit((unsigned char)text.data[i]); i++) {
            unit /= 10;
            part += (text.data[i] - '0') * unit;
        }
    *out = whole * 1000 + part;
    return i == text.len;
}

static int64_t read_count(struct bytes text)
{
    int64_t thousandths;
    return read_thousandths(text, &thousandths) ? thousandths / 1000 : -1;
}

static int64_t ahead(const struct reading *r, int64_t at_ms)
{
    int64_t now_ms = r->wall_ms;
    answer_date(r->answer, &now_ms);
    return at_ms > now_ms ? at_ms - now_ms : 0;
}

static int64_t read_reset(const struct reading *r, struct bytes text)
{
    int64_t n, in_ms;
    text = bytes_trim(text);
    if (!read_thousandths(text, &n))
        in_ms = units_http_date(text, &n) || units_rfc3339(text, &n) ? ahead(r, n) : -1;
    else if (n < INT64_C(100000000) * 1000)
        in_ms = n;
    else if (n < INT64_C(100000000000) * 1000)
        in_ms = ahead(r, n);
    else
        in_ms = ahead(r, n / 1000);
    return in_ms <= QUOTA_RESET_MAX_MS ? in_ms : -1;
}

/* --- structured fields (RFC 9651), as far as they are needed --- */

/* Cut off what stands before the next `separator` outside of quotes. False at the end. */
static bool next_piece(struct bytes *rest, char separator, struct bytes *piece)
{
    bool quoted = false;
    size_t i = 0;
    if (!rest->len)
        return false;
    for (; i < rest->len && (quoted || rest->data[i] != separator); i++) {
        if (rest->data[i] == '"')
            quoted = !quoted;
        else if (quoted && rest->data[i] == '\\')
            i += i + 1 < rest->len;
    }
    *piece = bytes_trim((struct bytes){rest->data, i});
    *rest = bytes_from(*rest, i + 1);
    return true;
}

/* key=value; false if it isn't one. */
static bool split(struct bytes piece, struct bytes *key, struct bytes *value)
{
    const char *at = piece.len && piece.data[0] != '"' ? memchr(piece.data, '=', piece.len) : NULL;
    if (!at)
        return false;
    *key = bytes_trim((struct bytes){piece.data, (size_t)(at - piece.data)});
    *value = bytes_from(piece, (size_t)(at - piece.data) + 1);
    return true;
}

/* What `RateLimit-Policy` says of a quota: its limit, and its window. */
static bool find_policy(const struct reading *r, struct bytes name, int64_t *limit, int64_t *window_ms)
{
    struct bytes field, member, piece, key, value;
    if (!answer_header(r->answer, "RateLimit-Policy", &field))
        return false;
    for (int i = 0; i < MEMBERS_MAX && next_piece(&field, ',', &member); i++) {
        if (!next_piece(&member, ';', &piece) || !bytes_equal(piece, name))
            continue;
        while (next_piece(&member, ';', &piece)) {
            if (!split(piece, &key, &value))
                continue;
            if (bytes_is(key, "q"))
                *limit = read_count(value);
            else if (bytes_is(key, "w"))
                *window_ms = read_reset(r, value);
        }
        return true;
    }
    return false;
}

/* --- which is tighter --- */

double quota_rate(const struct quota *q)
{
    bool plenty = q->limit > 0 ? q->remaining > q->limit / 5 : q->remaining > QUOTA_FEW;
    if (q->remaining < 0 || q->reset_ms < 0 || plenty)
        return INFINITY;
    return (double)q->remaining * 1000 / (double)(q->reset_ms + 1);
}

static bool is_tighter(const struct quota *a, const struct quota *b)
{
    if (b->remaining < 0)
        return true;
    if (a->remaining == 0 || b->remaining == 0)
        return a->remaining == 0 && (b->remaining != 0 || a->reset_ms > b->reset_ms);
    double rate_a = quota_rate(a), rate_b = quota_rate(b);
    return rate_a != rate_b ? rate_a < rate_b : a->remaining < b->remaining;
}

/* A limit of 0 stands for none in some APIs. */
static void consider(struct reading *r, const struct quota *q)
{
    if (q->remaining < 0 || q->limit == 0 || !is_tighter(q, &r->best))
        return;
    int64_t after_ms = r->best.after_ms;
    r->best = *q;
    r->best.after_ms = after_ms;
}

/* --- headers --- */

/* Drafts from 08 on. */
static void read_named(struct reading *r, struct bytes name, struct bytes parameters)
{
    struct quota q = untold;
    struct bytes piece, key, value;
    int64_t window_ms = -1;
    while (next_piece(&parameters, ';', &piece)) {
        if (!split(piece, &key, &value))
            continue;
        if (bytes_is(key, "r"))
            q.remaining = read_count(value);
        else if (bytes_is(key, "t"))
            q.reset_ms = read_reset(r, value);
    }
    find_policy(r, name, &q.limit, &window_ms);
    if (q.reset_ms < 0)
        q.reset_ms = window_ms;
    consider(r, &q);
}

static void read_part(struct reading *r, struct quota *q, struct bytes part, struct bytes value)
{
    if (bytes_is_nocase(part, "limit"))
        q->limit = read_count(value);
    else if (bytes_is_nocase(part, "remaining"))
        q->remaining = read_count(value);
    else if (bytes_is_nocase(part, "reset"))
        q->reset_ms = read_reset(r, value);
}

static void read_ratelimit(struct reading *r, struct bytes field)
{
    struct bytes member, first, key, value;
    for (int i = 0; i < MEMBERS_MAX && next_piece(&field, ',', &member); i++) {
        if (!next_piece(&member, ';', &first))
            continue;
        if (split(first, &key, &value))
            read_part(r, &r->families[DRAFT_07], key, value);
        else
            read_named(r, first, member);
    }
}

/* "100", "100;w=60", "100, 10;w=1", "Microsoft.Compute/HighCostGet3Min;159": a date has a comma, too. */
static struct bytes first_of(struct bytes list)
{
    struct bytes item = {"", 0}, piece = {"", 0};
    if (list.len && isdigit((unsigned char)list.data[0]) && next_piece(&list, ',', &item))
        next_piece(&item, ';', &piece);
    return piece.len ? piece : list;
}

/* One number, or a list of NAME;NUMBER. */
static void read_azure(struct reading *r, struct bytes list)
{
    struct bytes item, piece;
    for (int i = 0; i < MEMBERS_MAX && next_piece(&list, ',', &item); i++) {
        struct quota q = untold;
        while (next_piece(&item, ';', &piece))
            q.remaining = read_count(piece);
        consider(r, &q);
    }
}

static bool take_prefix(struct bytes *name, const char *prefix)
{
    size_t len = strlen(prefix);
    if (name->len <= len || strncasecmp(name->data, prefix, len) != 0)
        return false;
    *name = bytes_from(*name, len);
    return true;
}

static void read_header(struct reading *r, struct bytes name, struct bytes value)
{
    static const char *const prefixes[] = {
        [X_RATELIMIT] = "X-RateLimit-", [X_RATE_LIMIT] = "X-Rate-Limit-", [RATELIMIT] = "RateLimit-"};
    value = bytes_trim(value);
    if (bytes_is_nocase(name, "Retry-After"))
        r->best.after_ms = retry_after_read(value, r->wall_ms);
    else if (bytes_is_nocase(name, "RateLimit"))
        read_ratelimit(r, value);
    else if (take_prefix(&name, "x-ms-ratelimit-remaining-"))
        read_azure(r, value);
    for (int i = 0; i <= RATELIMIT; i++)
        if (take_prefix(&name, prefixes[i]))
            read_part(r, &r->families[i], name, first_of(value));
}

/* Retry-After, RateLimit…, X-R…, X-Ms-R…: nearly all other headers are told apart by a byte or two. */
static bool may_matter(struct bytes name)
{
    if (name.len < sizeof "RateLimit" - 1)
        return false;
    char first = (char)tolower((unsigned char)name.data[0]),
         third = (char)tolower((unsigned char)name.data[2]);
    return first == 'r' || (first == 'x' && (third == 'r' || third == 'm'));
}

bool quota_read(const struct answer *answer, int64_t wall_ms, struct quota *quota)
{
    struct reading r = {.answer = NULL};
    for (uint32_t i = 0; i < answer->headers.count; i++) {
        const struct pair *header = &answer->headers.items[i];
        if (!may_matter(header->name))
            continue;
        if (!r.answer) {
            r = (struct reading){.answer = answer, .wall_ms = wall_ms, .best = untold};
            for (int family = 0; family < FAMILIES; family++)
                r.families[family] = untold;
        }
        read_header(&r, header->name, header->value);
    }
    if (!r.answer)
        return false;
    for (int family = 0; family < FAMILIES; family++)
        consider(&r, &r.families[family]);
    *quota = r.best;
    return quota->remaining >= 0 || quota->after_ms >= 0;
}
