/* How it works: first what the body should be (the format, or its Content-Type), then whether it can be
 * that at all by how it begins, so that a login page gets a better message than "unexpected character at
 * byte 1"; then it is parsed. The beginning of what is JSON, or XML where XML was awaited, is never put into
 * a message: it may be a login's answer, with a token in it. */
#include "worker/decode/decode.h"

#include <string.h>

#include "worker/decode/jsonl.h"
#include "worker/decode/xml.h"
#include "worker/decode/xml_check.h"

enum { BEGINS_CHARS = 60, BEGINS_BYTES = BEGINS_CHARS * 4 + 8 };

static struct bytes without_mark(struct bytes body)
{
    return bytes_starts(body, "\xef\xbb\xbf") ? bytes_from(body, 3) : body;
}

/* What is in front of the next ";", which `rest` is left behind. */
static struct bytes next_part(struct bytes *rest)
{
    const char *end = rest->len ? memchr(rest->data, ';', rest->len) : NULL;
    struct bytes part = {rest->data, end ? (size_t)(end - rest->data) : rest->len};
    *rest = bytes_from(*rest, part.len + 1);
    return bytes_trim(part);
}

/* The media type alone: without parameters. */
static struct bytes media_type(const struct answer *answer)
{
    struct bytes value = {"", 0};
    answer_header(answer, "Content-Type", &value);
    return next_part(&value);
}

/* The parameter `charset`, without quotes; empty if there is none. */
static struct bytes charset(const struct answer *answer)
{
    static const size_t len = sizeof "charset=" - 1;
    struct bytes value = {"", 0};
    answer_header(answer, "Content-Type", &value);
    next_part(&value);
    while (value.len) {
        struct bytes part = next_part(&value);
        if (part.len < len || !bytes_is_nocase((struct bytes){part.data, len}, "charset="))
            continue;
        part = bytes_from(part, len);
        if (part.len > 1 && part.data[0] == '"' && part.data[part.len - 1] == '"')
            part = (struct bytes){part.data + 1, part.len - 2};
        return part;
    }
    return (struct bytes){"", 0};
}

static bool ends_nocase(struct bytes text, const char *end)
{
    size_t len = strlen(end);
    return text.len >= len && bytes_is_nocase(bytes_from(text, text.len - len), end);
}

static bool is_any_of(struct bytes text, const char *const *names)
{
    for (; *names; names++)
        if (bytes_is_nocase(text, *names))
            return true;
    return false;
}

static bool looks_like_json(struct bytes body)
{
    return body.len && (body.data[0] == '{' || body.data[0] == '[' || body.data[0] == '"');
}

/* Not by `<body>` or `<head>`: those may be XML's. */
static bool looks_like_html(struct bytes body)
{
    static const char *const starts[] = {"<!doctype html", "<html", NULL};
    for (const char *const *start = starts; *start; start++) {
        size_t len = strlen(*start);
        if (body.len >= len && bytes_is_nocase((struct bytes){body.data, len}, *start) &&
            (body.len == len || strchr(" \t\r\n>", body.data[len])))
            return true;
    }
    return false;
}

static bool looks_like_utf16(struct bytes body)
{
    if (body.len < 2)
        return false;
    return memcmp(body.data, "\xff\xfe", 2) == 0 || memcmp(body.data, "\xfe\xff", 2) == 0 ||
           (body.data[0] != 0) != (body.data[1] != 0);
}

/* How a body begins, fit for a message: printable, white space as single spaces. */
static const char *begins(struct bytes body, char out[BEGINS_BYTES])
{
    size_t len = 0;
    unsigned chars = 0;
    for (size_t i = 0; i < body.len && chars < BEGINS_CHARS; chars++) {
        size_t size = 1;
        while (size < 4 && i + size < body.len && ((unsigned char)body.data[i + size] & 0xc0) == 0x80)
            size++;
        unsigned char c = (unsigned char)body.data[i];
        if (c >= 0x80 && bytes_is_utf8((struct bytes){body.data + i, size}, NULL)) {
            memcpy(out + len, body.data + i, size);
            len += size;
        } else if (c <= ' ') {
            size = 1;
            if (len && out[len - 1] != ' ')
                out[len++] = ' ';
        } else {
            size = 1;
            out[len++] = c < 0x7f ? (char)c : '?';
        }
        i += size;
    }
    strcpy(out + len, chars < BEGINS_CHARS ? "" : "…");
    return out;
}

static const char *const jsonl_types[] = {
    "application/x-ndjson", "application/ndjson",      "application/jsonl",
    "application/x-jsonl",  "application/json-lines",  "application/x-jsonlines",
    "text/jsonl",           "application/stream+json", NULL};
static const char *const json_types[] = {"application/json",           "text/json",
                                         "application/x-json",         "application/x-amz-json-1.0",
                                         "application/x-amz-json-1.1", NULL};
static const char *const xml_types[] = {"application/xml", "text/xml", NULL};
static const char *const html_types[] = {"text/html", "application/xhtml+xml", NULL};
static const char *const generic_types[] = {"", "text/plain", "application/octet-stream",
                                            "binary/octet-stream", NULL};

static bool is_xml_type(struct bytes type)
{
    return is_any_of(type, xml_types) || (ends_nocase(type, "+xml") && !is_any_of(type, html_types));
}

/* The format that a file must name for this body to be read, whatever its Content-Type; null if it looks like
 * none. */
static const char *format_that_fits(struct bytes body)
{
    if (looks_like_json(body))
        return "json";
    return bytes_starts(body, "<?xml") ? "xml" : NULL;
}

/* What a body is by its Content-Type; FORMAT_AUTO with the error set if it is nothing that we read. */
static enum format_kind detect(struct bytes type, struct bytes body, struct error *e)
{
    if (is_any_of(type, json_types)) /* most are */
        return FORMAT_JSON;
    if (is_any_of(type, jsonl_types))
        return FORMAT_JSONL;
    if (ends_nocase(type, "+json"))
        return FORMAT_JSON;
    if (is_xml_type(type))
        return FORMAT_XML;
    if (is_any_of(type, generic_types)) /* what is neither gets the message of what it is instead */
        return bytes_starts(body, "<") && !looks_like_html(body) ? FORMAT_XML : FORMAT_JSON;
    char start[BEGINS_BYTES];
    bool html = is_any_of(type, html_types);
    const char *fits = format_that_fits(body);
    if (fits)
        error_set(e, ERR_BODY,
                  "%.*s instead of JSON or XML by its Content-Type, though it begins like %s: if it is, "
                  "say format: %s",
                  BYTES_ARG(html ? BYTES("HTML") : type), strcmp(fits, "xml") ? "JSON" : "XML", fits);
    else
        error_set(e, ERR_BODY, "%.*s instead of JSON or XML: %s", BYTES_ARG(html ? BYTES("HTML") : type),
                  begins(body, start));
    return FORMAT_AUTO;
}

/* What a body that should be JSON or XML, and doesn't begin like JSON that is wanted, is instead. */
static int check_start(const struct answer *answer, enum format_kind format, struct bytes body,
                       struct error *e)
{
    char start[BEGINS_BYTES];
    const char *wanted = format == FORMAT_XML ? "XML" : "JSON";
    bool is_markup = bytes_starts(body, "<");
    if (looks_like_json(body))
        return error_set(e, ERR_BODY, "JSON instead of XML");
    if (looks_like_utf16(body))
        return error_set(e, ERR_BODY, "UTF-16 or binary data instead of %s in UTF-8", wanted);
    if (looks_like_html(body) ||
        (is_markup && format != FORMAT_XML && is_any_of(media_type(answer), html_types)))
        return error_set(e, ERR_BODY, "HTML instead of %s: %s", wanted, begins(body, start));
    if (is_markup && format == FORMAT_XML)
        return 0;
    if (is_markup)
        return error_set(e, ERR_BODY, "XML instead of JSON: %s", begins(body, start));
    if (format == FORMAT_XML || !memchr("-0123456789tfn", body.data[0], 14))
        return error_set(e, ERR_BODY, "something else instead of %s: %s", wanted, begins(body, start));
    return 0;
}

/* What to add to the error of a body that breaks off. */
static int may_be_cut(const struct answer *answer, int code, struct error *e)
{
    if (code == ERR_BODY && e && !answer->delimited)
        error_set(e, ERR_BODY, "%s (the answer doesn't say where it ends, so it may be cut)", e->text);
    return code;
}

static int decode_json(struct arena *arena, const struct answer *answer, struct bytes trimmed,
                       struct value *out, struct json_notes *notes, struct error *e)
{
    char start[BEGINS_BYTES];
    int code = value_from_json(arena, answer->body, out, notes, e);
    if (code == ERR_BODY && e) {
        error_at(e, "JSON");
        if (!looks_like_json(trimmed))
            error_set(e, ERR_BODY, "%s: %s", e->text, begins(trimmed, start));
    }
    if (code)
        return may_be_cut(answer, code, e);
    if (out->type == VALUE_NUMBER && !answer->delimited)
        return error_set(e, ERR_BODY,
                         "a bare number, in an answer that doesn't say where it ends: it may be cut");
    return 0;
}

static int decode_xml(struct arena *arena, const struct answer *answer, const struct xml_rules *rules,
                      struct value *out, struct error *e)
{
    int code = xml_decode(arena, bytes_trim(answer->body), charset(answer), rules, out, e);
    if (code && e)
        error_at(e, "XML");
    return may_be_cut(answer, code, e);
}

bool decode_is_lines(const struct answer *answer, enum format_kind format)
{
    return format == FORMAT_JSONL || (format == FORMAT_AUTO && is_any_of(media_type(answer), jsonl_types));
}

/* What a body is to be decoded as, and it without white space around it. */
static int recognise(const struct answer *answer, enum format_kind *format, struct bytes *trimmed,
                     struct error *e)
{
    *trimmed = bytes_trim(without_mark(answer->body));
    if (trimmed->len == 0 && !decode_is_lines(answer, *format)) {
        bool is_xml = *format == FORMAT_XML || (*format == FORMAT_AUTO && is_xml_type(media_type(answer)));
        return error_set(e, ERR_BODY, "empty body instead of %s", is_xml ? "XML" : "JSON");
    }
    if (*format == FORMAT_AUTO)
        *format = detect(media_type(answer), *trimmed, e);
    if (*format == FORMAT_AUTO)
        return ERR_BODY;
    if (!trimmed->len || (*format != FORMAT_XML && looks_like_json(*trimmed)))
        return 0;
    return check_start(answer, *format, *trimmed, e);
}

int decode_body(struct arena *arena, const struct answer *answer, enum format_kind format,
                const struct xml_rules *rules, struct decoded *out, struct error *e)
{
    struct bytes trimmed;
    int code = recognise(answer, &format, &trimmed, e);
    *out = (struct decoded){.value = value_null(), .format = format};
    if (code)
        return code;
    if (format == FORMAT_XML)
        return decode_xml(arena, answer, rules, &out->value, e);
    if (format == FORMAT_JSONL)
        return jsonl_decode(arena, without_mark(answer->body), answer->delimited, &out->value, &out->notes,
                            e);
    return decode_json(arena, answer, trimmed, &out->value, &out->notes, e);
}

enum format_kind decode_format(const struct answer *answer, enum format_kind format)
{
    struct bytes trimmed;
    if (recognise(answer, &format, &trimmed, NULL) || format == FORMAT_JSONL)
        return FORMAT_AUTO;
    return format == FORMAT_XML && !xml_has_ascii(trimmed, charset(answer)) ? FORMAT_AUTO : format;
}

bool decode_error_body(struct arena *arena, const struct answer *answer, const struct xml_rules *rules,
                       struct value *out)
{
    struct decoded decoded;
    struct bytes body = bytes_trim(without_mark(answer->body));
    *out = value_null();
    if (!looks_like_json(body) && !bytes_starts(body, "<"))
        return false;
    if (decode_body(arena, answer, looks_like_json(body) ? FORMAT_JSON : FORMAT_XML, rules, &decoded, NULL))
        return false;
    *out = decoded.value;
    return true;
}
