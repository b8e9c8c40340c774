/* XML: what becomes of what, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/limits.h"
#include "worker/decode/xml.h"

enum { POINTERS_MAX = 64 };

struct lab {
    struct arena arena;
    struct buffer json, body;
    const char *list_elements[3];
    struct pointer arrays[POINTERS_MAX];
    struct xml_rules rules;
    struct error error;
};

static int lab_open(void **state)
{
    struct lab *lab = calloc(1, sizeof *lab);
    lab->list_elements[0] = "item";
    lab->list_elements[1] = "member";
    lab->rules = (struct xml_rules){.list_elements = lab->list_elements, .arrays = lab->arrays};
    *state = lab;
    return 0;
}

static int lab_close(void **state)
{
    struct lab *lab = *state;
    arena_close(&lab->arena);
    buffer_close(&lab->json);
    buffer_close(&lab->body);
    free(lab);
    return 0;
}

/* The rule `arrays` is these pointers, separated by spaces. */
static void lab_arrays(struct lab *lab, const char *pointers)
{
    lab->rules.array_count = 0;
    while (*pointers) {
        size_t len = strcspn(pointers, " ");
        assert_true(lab->rules.array_count < POINTERS_MAX);
        struct pointer *pointer = &lab->arrays[lab->rules.array_count++];
        assert_int_equal(pointer_parse(&lab->arena, (struct bytes){pointers, len}, pointer, &lab->error), 0);
        pointer->fills = true;
        pointers += len + (pointers[len] == ' ');
    }
}

static int decode_span(struct lab *lab, struct bytes body, const char *charset)
{
    /* A copy, so that a sanitizer sees reads past its end. */
    char *copy = malloc(body.len ? body.len : 1);
    memcpy(copy, body.data, body.len);
    struct value value;
    lab->error.text[0] = 0;
    buffer_reset(&lab->json);
    int code = xml_decode(&lab->arena, (struct bytes){copy, body.len}, bytes_of(charset), &lab->rules, &value,
                          &lab->error);
    memset(copy, '!', body.len);
    free(copy);
    if (!code)
        value_to_json(&value, &lab->json);
    assert_int_equal(code, code ? (int)lab->error.code : 0);
    assert_true(!code || lab->error.text[0]);
    assert_null(strchr(lab->error.text, '\n'));
    return code;
}

static void becomes(struct lab *lab, const char *body, const char *json)
{
    if (decode_span(lab, bytes_of(body), ""))
        fail_msg("%s: %s", body, lab->error.text);
    if (strcmp(buffer_text(&lab->json), json) != 0)
        fail_msg("%s\n became %s\n and not %s", body, buffer_text(&lab->json), json);
}

static void refused(struct lab *lab, struct bytes body, const char *charset, int code, const char *why)
{
    int got = decode_span(lab, body, charset);
    if (got != code || !strstr(lab->error.text, why))
        fail_msg("%.*s: %d, '%s'\n and not %d, '%s'", BYTES_ARG(body), got, got ? lab->error.text : "", code,
                 why);
}

#define BECOMES(list)                                                                                        \
    for (size_t i = 0; i < sizeof(list) / sizeof *(list); i++)                                               \
    becomes(*state, (list)[i][0], (list)[i][1])

/* Leaves are strings, as they are; an empty one is "". */
static void leaves_are_strings(void **state)
{
    static const char *const cases[][2] = {
        {"<r><a>x</a><n>012.50</n><b>true</b></r>", "{\"a\":\"x\",\"n\":\"012.50\",\"b\":\"true\"}"},
        {"<r><a/><b></b><c><!-- --></c></r>", "{\"a\":\"\",\"b\":\"\",\"c\":\"\"}"},
        {"<r><a> </a><b>\n \t</b><c>  x\n</c></r>", "{\"a\":\" \",\"b\":\"\\n \\t\",\"c\":\"  x\\n\"}"},
        {"<r><a>1\r\n2\r3</a></r>", "{\"a\":\"1\\n2\\n3\"}"},
        {"<r><a>&lt;&gt;&amp;&apos;&quot;&#65;&#x1F600;&#13;</a></r>",
         "{\"a\":\"<>&'\\\"A\xf0\x9f\x98\x80\\r\"}"},
        {"<r><a>x<![CDATA[<b>&amp;]]>y<!-- c -->z<?p i?>!</a></r>", "{\"a\":\"x<b>&amp;yz!\"}"},
        {"<r><a><![CDATA[ ]]></a><b><![CDATA[]]></b></r>", "{\"a\":\" \",\"b\":\"\"}"},
        {"<r><a>\xc3\xa9\xe2\x82\xac</a></r>", "{\"a\":\"\xc3\xa9\xe2\x82\xac\"}"},
    };
    BECOMES(cases);
}

/* The root falls away, whatever it is. */
static void the_root_falls_away(void **state)
{
    static const char *const cases[][2] = {
        {"<LocationConstraint>eu-west-1</LocationConstraint>", "\"eu-west-1\""},
        {"<LocationConstraint/>", "\"\""},
        {"<r xmlns='urn:x'>\n</r>", "\"\\n\""},
        {"<r a='1'><b>2</b></r>", "{\"@a\":\"1\",\"b\":\"2\"}"},
        {"<r><item>1</item></r>", "[\"1\"]"},
        {"<?xml version='1.0'?><!-- a --><?p?><r><a>1</a></r><!-- b --><?q?>\n", "{\"a\":\"1\"}"},
        {"<?xml version='1.1'?><r>1</r>", "\"1\""},
    };
    BECOMES(cases);
}

/* Prefixes fall away, declared or not, and xmlns isn't data; names that are then alike are one name. */
static void prefixes_fall_away(void **state)
{
    static const char *const cases[][2] = {
        {"<r xmlns='http://x/' xmlns:y='urn:y'><y:a>1</y:a><b xmlns='http://z/'>2</b></r>",
         "{\"a\":\"1\",\"b\":\"2\"}"},
        {"<r xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'><Grantee "
         "xsi:type='User'><ID>7</ID></Grantee></r>",
         "{\"Grantee\":{\"@type\":\"User\",\"ID\":\"7\"}}"},
        {"<q:r><u:a v:b='1' xml:lang='de'>x</u:a></q:r>",
         "{\"a\":{\"@b\":\"1\",\"@lang\":\"de\",\"#text\":\"x\"}}"},
        {"<r xmlns:x='u' xmlns:y='v'><x:a>1</x:a><y:a>2</y:a><a>3</a></r>", "{\"a\":[\"1\",\"2\",\"3\"]}"},
        {"<r xmlns:x='u' xmlns:y='v' x:a='1' y:a='2'/>", "{\"@a\":[\"1\",\"2\"]}"},
        {"<r xmlns:x='u'><x:item>1</x:item><item>2</item></r>", "[\"1\",\"2\"]"},
        {"<r xmlns=''><a xmlns:x='' xmlns='relative'>1</a></r>", "{\"a\":\"1\"}"},
    };
    BECOMES(cases);
}

/* Attributes are @name; the text of a leaf that has some is #text. */
static void attributes_are_members(void **state)
{
    static const char *const cases[][2] = {
        {"<r><a x='1' y=''>t</a></r>", "{\"a\":{\"@x\":\"1\",\"@y\":\"\",\"#text\":\"t\"}}"},
        {"<r><a x='1'/><b x='2'></b></r>", "{\"a\":{\"@x\":\"1\"},\"b\":{\"@x\":\"2\"}}"},
        {"<r><a x='1'> </a></r>", "{\"a\":{\"@x\":\"1\",\"#text\":\" \"}}"},
        {"<r><a x='&lt;&#10;\n&quot;'/></r>", "{\"a\":{\"@x\":\"<\\n \\\"\"}}"},
        {"<r><a x='1'><x>2</x></a></r>", "{\"a\":{\"@x\":\"1\",\"x\":\"2\"}}"},
    };
    BECOMES(cases);
}

/* Text beside children is #text, joined and trimmed; white space alone is nothing. */
static void text_beside_children(void **state)
{
    static const char *const cases[][2] = {
        {"<r>\n  <a>1</a>\n  <b>2</b>\n</r>", "{\"a\":\"1\",\"b\":\"2\"}"},
        {"<r>\n  x <a>1</a> y\n</r>", "{\"a\":\"1\",\"#text\":\"x  y\"}"},
        {"<r><p>see <b>this</b> and <b>that</b>.</p></r>",
         "{\"p\":{\"b\":[\"this\",\"that\"],\"#text\":\"see  and .\"}}"},
        {"<r><![CDATA[ x ]]><a/></r>", "{\"a\":\"\",\"#text\":\"x\"}"},
        {"<r>a<s>b<s>c</s>d</s>e</r>", "{\"s\":{\"s\":\"c\",\"#text\":\"bd\"},\"#text\":\"ae\"}"},
    };
    BECOMES(cases);
}

/* Children of one name are an array, side by side or not, in the place of the first; a single one is none. */
static void repeated_children_are_arrays(void **state)
{
    static const char *const cases[][2] = {
        {"<r><a>1</a><a>2</a></r>", "{\"a\":[\"1\",\"2\"]}"},
        {"<r><a>1</a><b>2</b><a/><c>3</c><a><b>4</b></a></r>",
         "{\"a\":[\"1\",\"\",{\"b\":\"4\"}],\"b\":\"2\",\"c\":\"3\"}"},
        {"<r><a>1</a></r>", "{\"a\":\"1\"}"},
        {"<r><s><a>1</a><a>2</a></s><s><a>3</a></s></r>", "{\"s\":[{\"a\":[\"1\",\"2\"]},{\"a\":\"3\"}]}"},
    };
    BECOMES(cases);
}

/* An element all of whose children bear names of list_elements is an array of them, however few. */
static void list_elements_make_arrays(void **state)
{
    static const char *const cases[][2] = {
        {"<r><set><item>1</item></set></r>", "{\"set\":[\"1\"]}"},
        {"<r><set>\n<item>1</item>\n<item><a>2</a></item></set></r>", "{\"set\":[\"1\",{\"a\":\"2\"}]}"},
        {"<r><set><item>1</item><member>2</member></set></r>", "{\"set\":[\"1\",\"2\"]}"},
        {"<r><set/><set2></set2></r>", "{\"set\":\"\",\"set2\":\"\"}"},
        {"<r><set><item>1</item><token>t</token></set></r>", "{\"set\":{\"item\":\"1\",\"token\":\"t\"}}"},
        {"<r><set><item>1</item><item>2</item><token>t</token></set></r>",
         "{\"set\":{\"item\":[\"1\",\"2\"],\"token\":\"t\"}}"},
        {"<r><set total='2'>x<item>1</item></set></r>", "{\"set\":[\"1\"]}"},
        {"<r><set><item><item>1</item></item><item/></set></r>", "{\"set\":[[\"1\"],\"\"]}"},
        {"<r><set><Item>1</Item></set><items>2</items></r>", "{\"set\":{\"Item\":\"1\"},\"items\":\"2\"}"},
        {"<r item='1'/>", "{\"@item\":\"1\"}"},
    };
    BECOMES(cases);
}

/* Without rules nothing is a list but what repeats. */
static void rules_may_be_missing(void **state)
{
    struct lab *lab = *state;
    struct value value;
    lab->rules = (struct xml_rules){0};
    becomes(lab, "<r><item>1</item></r>", "{\"item\":\"1\"}");
    assert_int_equal(xml_decode(&lab->arena, BYTES("<r><a/></r>"), BYTES(""), NULL, &value, NULL), 0);
    assert_int_equal(xml_decode(&lab->arena, BYTES("<r><a/>"), BYTES(""), NULL, &value, NULL), ERR_BODY);
}

/* What `arrays` names is an array with one child or none, be it the list's name or its children's. */
static void arrays_are_always_arrays(void **state)
{
    static const char *const cases[][3] = {
        {"/set", "<r><set/></r>", "{\"set\":[]}"},
        {"/set", "<r><set>\n  </set></r>", "{\"set\":[]}"},
        {"/set", "<r><set><item>1</item></set></r>", "{\"set\":[\"1\"]}"},
        {"/set", "<r><set>1</set></r>", "{\"set\":[\"1\"]}"},
        {"/set", "<r><set><a>1</a></set></r>", "{\"set\":[{\"a\":\"1\"}]}"},
        {"/set", "<r><set a='1'/></r>", "{\"set\":[{\"@a\":\"1\"}]}"},
        {"/B/b", "<r><B><b><n>1</n></b></B></r>", "{\"B\":{\"b\":[{\"n\":\"1\"}]}}"},
        {"/B/b", "<r><B><b>1</b><b>2</b></B></r>", "{\"B\":{\"b\":[\"1\",\"2\"]}}"},
        /* One is made where what should hold it is empty, or an item of a list; never at the root. */
        {"/B/b", "<r><B/></r>", "{\"B\":{\"b\":[]}}"},
        {"/B/b /B/d", "<r><B> </B></r>", "{\"B\":{\"b\":[],\"d\":[]}}"},
        {"/v/*/tags", "<r><v>\n</v></r>", "{\"v\":\"\\n\"}"},
        {"/v/*/tags", "<r><v><item/></v></r>", "{\"v\":[\"\"]}"},
        {"/B/b", "<r><B>text</B></r>", "{\"B\":\"text\"}"},
        {"/B/b", "<r><B><c/></B></r>", "{\"B\":{\"c\":\"\"}}"},
        {"/v/*/a/b", "<r><v><item><a/></item><item><a><c/></a></item><item/></v></r>",
         "{\"v\":[{\"a\":{\"b\":[]}},{\"a\":{\"c\":\"\",\"b\":[]}},\"\"]}"},
        {"/set", "<r><other/></r>", "{\"other\":\"\"}"},
        {"/set", "<r/>", "\"\""},
        /* `*` walks lists, and what stands alone. */
        {"/v/*/tags", "<r><v><item><tags/></item><item><n/></item></v></r>",
         "{\"v\":[{\"tags\":[]},{\"n\":\"\",\"tags\":[]}]}"},
        {"/v/*/tags", "<r><v><tags>1</tags></v></r>", "{\"v\":{\"tags\":[\"1\"]}}"},
        {"/v /v/*/tags", "<r><v><tags>1</tags></v></r>", "{\"v\":[{\"tags\":[\"1\"]}]}"},
        {"/v/*/tags /v", "<r><v><tags/></v><v><tags><item/></tags></v></r>",
         "{\"v\":[{\"tags\":[]},{\"tags\":[\"\"]}]}"},
        {"/v/*/t/*/u", "<r><v><t><u>1</u></t><t><u/></t></v></r>",
         "{\"v\":{\"t\":[{\"u\":[\"1\"]},{\"u\":[]}]}}"},
        {"/x /y /a/b /a/c", "<r><a><b>1</b><c/></a><y/></r>", "{\"a\":{\"b\":[\"1\"],\"c\":[]},\"y\":[]}"},
    };
    struct lab *lab = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lab_arrays(lab, cases[i][0]);
        becomes(lab, cases[i][1], cases[i][2]);
    }
}

/* A DOCTYPE is refused before anything in it is looked at, wherever it stands; its text is none. */
static void doctypes_are_refused(void **state)
{
    static const char *const cases[] = {
        "<?xml version='1.0'?>\n<!DOCTYPE r [<!ENTITY a 'b'>]>\n<r>&a;</r>",
        "\n<!DOCTYPE r SYSTEM 'file:///etc/passwd'>\n<r/>",
        "<!--\n--><!DOCTYPE r PUBLIC '-//X//Y' 'http://127.0.0.1:9/x.dtd'><r/>",
        "<?p\n<!-- ?><!DOCTYPE r [<!ENTITY % a SYSTEM 'file:///etc/passwd'>%a;]><r/>",
        "<!-- --\n><!-- -- --><!DOCTYPE r><r/>",
    };
    struct lab *lab = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(lab, bytes_of(cases[i]), "", ERR_BODY,
                "entity declarations are not read (line 2): a DOCTYPE");
    becomes(lab, "<!-- <!DOCTYPE r> --><?p <!DOCTYPE r>?><r><![CDATA[<!DOCTYPE r>]]></r>",
            "\"<!DOCTYPE r>\"");
    refused(lab, BYTES("<r>&foo;</r>"), "", ERR_BODY, "line 1, column 9: Entity 'foo' not defined");
    refused(lab, BYTES("<r><!ENTITY a 'b'>&a;</r>"), "", ERR_BODY, "line 1, column ");
}

/* UTF-8, US-ASCII and ISO-8859-1 are read, by whoever names them; all else, and every contradiction, is
 * named. */
static void encodings_are_read_or_named(void **state)
{
    static const struct {
        const char *charset, *body, *json, *error;
    } cases[] = {
        {"", "<?xml version='1.0' encoding='UTF-8'?><r>\xc3\xa9</r>", "\"\xc3\xa9\"", NULL},
        {"utf-8", "<?xml version=\"1.0\" encoding = \"utf-8\" standalone='yes' ?><r>\xc3\xa9</r>",
         "\"\xc3\xa9\"", NULL},
        {"UTF-8", "\xef\xbb\xbf<r>\xc3\xa9</r>", "\"\xc3\xa9\"", NULL},
        {"", "<?xml version='1.0' encoding='ISO-8859-1'?><r a='\xfc'><\xe9/></r>",
         "{\"@a\":\"\xc3\xbc\",\"\xc3\xa9\":\"\"}", NULL},
        {"iso-8859-1", "<r>\xe9\x80</r>", "\"\xc3\xa9\xc2\x80\"", NULL},
        {"iso-8859-1", "<?xml version='1.0'?><r>\xc3\xa9</r>", "\"\xc3\x83\xc2\xa9\"", NULL},
        {"latin1", "<?xml version='1.0' encoding='iso-8859-1'?><r>\xe9</r>", "\"\xc3\xa9\"", NULL},
        {"us-ascii", "<?xml version='1.0' encoding='UTF-8'?><r>e</r>", "\"e\"", NULL},
        {"", "<?xml version='1.0' encoding='US-ASCII'?><r>&#233;</r>", "\"\xc3\xa9\"", NULL},
        {"", "<?xml version='1.0' encoding='US-ASCII'?>\n<r>\xc3\xa9</r>", NULL,
         "line 2: byte 46 is no US-ASCII"},
        {"us-ascii", "<r>\xc3\xa9</r>", NULL, "line 1: byte 4 is no US-ASCII"},
        {"", "<r>\n\xe9</r>", NULL, "line 2: byte 5 is no UTF-8, and no other encoding is declared"},
        {"", "<?xml version='1.0' encoding='UTF-8'?><r>\xe9</r>", NULL,
         "byte 42 is no UTF-8, which its encoding is said to be"},
        {"", "<r>\xc0\xaf</r>", NULL, "byte 4 is no UTF-8"},
        {"", "<r>\xed\xa0\x80</r>", NULL, "byte 4 is no UTF-8"},
        {"", "<?xml version='1.0' encoding='windows-1252'?><r/>", NULL,
         "its encoding is windows-1252 by its declaration: only UTF-8, US-ASCII and ISO-8859-1 are read"},
        {"", "<?xml version='1.0' encoding='UTF-16'?><r/>", NULL, "its encoding is UTF-16"},
        {"", "<?xml version='encoding=' encoding='UTF-7'?><r/>", NULL, "its encoding is UTF-7"},
        {"", "<?xml version='1.0' encoding='\x01\xff'?><r/>", NULL, "its encoding is a strange"},
        {"shift_jis", "<r/>", NULL, "its encoding is shift_jis by its Content-Type"},
        {"iso-8859-1", "<?xml version='1.0' encoding='UTF-8'?><r/>", NULL,
         "its encoding is ISO-8859-1 by its Content-Type, and UTF-8 by what it says itself"},
        {"utf-8", "<?xml version='1.0' encoding='ISO-8859-1'?><r/>", NULL,
         "its encoding is UTF-8 by its Content-Type, and ISO-8859-1 by"},
        {"iso-8859-1", "\xef\xbb\xbf<r/>", NULL, "and UTF-8 by what it says itself"},
        {"", "\xef\xbb\xbf<?xml version='1.0' encoding='ISO-8859-1'?><r/>", NULL, "byte order mark"},
        {"", "<?xml version='1.0' encoding='UTF-8?><r/>", NULL, "line 1, column "},
        {"", "<?xml version='1.0' encoding=?><r/>", NULL, "line 1, column "},
    };
    struct lab *lab = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (cases[i].error) {
            refused(lab, bytes_of(cases[i].body), cases[i].charset, ERR_BODY, cases[i].error);
            continue;
        }
        if (decode_span(lab, bytes_of(cases[i].body), cases[i].charset))
            fail_msg("%s: %s", cases[i].body, lab->error.text);
        assert_string_equal(buffer_text(&lab->json), cases[i].json);
    }
    refused(lab, BYTES("<r>\0</r>"), "", ERR_BODY, "byte 4 is NUL");
    refused(lab, BYTES("<\0r\0/\0>\0"), "", ERR_BODY, "byte 2 is NUL");
}

/* What isn't well-formed says where and why, and doesn't repeat the text. */
static void malformed_xml_says_where(void **state)
{
    static const char *const cases[][2] = {
        {"<r><a>s3cr3t</b></r>", "line 1, column "},
        {"<r>\n<a>s3cr3t</r>", "line 2, column "},
        {"<r/><r/>", "it breaks off, or goes on behind its end"},
        {"<r/>s3cr3t", "it breaks off, or goes on behind its end"},
        {"<r a='1' a='2'/>", "redefined"},
        {"<r a=s3cr3t/>", "column "},
        {"<r a='<'/>", "column "},
        {"<r>]]></r>", "column "},
        {"<r>&s3;</r>", "Entity"},
        {"<r>& s3cr3t</r>", "column "},
        {"<r>&#0;</r>", "column "},
        {"<r>&#xD800;</r>", "column "},
        {"<r>\x01</r>", "column "},
        {"<r>\xef\xbf\xbf</r>", "column "},
        {"<?xml version='2.0'?><r/>", "Unsupported version"},
        {"<?xml?><r/>", "column "},
        {"<1/>", "column "},
        {"s3cr3t", "column "},
        {"", "line 1"},
        {" \n", "line "},
    };
    struct lab *lab = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        refused(lab, bytes_of(cases[i][0]), "", ERR_BODY, cases[i][1]);
        assert_null(strstr(lab->error.text, "s3cr3t"));
    }
}

/* A body that is cut at whatever byte is an error. */
static void cut_bodies_are_errors(void **state)
{
    static const char whole[] =
        "\xef\xbb\xbf<?xml version='1.0' encoding='UTF-8'?>\n<!-- c --><r xmlns='u' a='1'>\n"
        "<set><item><![CDATA[x]]>&amp;\xc3\xa9</item><item/></set><?p q?></r>";
    struct lab *lab = *state;
    for (size_t len = 0; len < sizeof whole - 1; len++)
        refused(lab, (struct bytes){whole, len}, "", ERR_BODY, "");
    becomes(lab, whole, "{\"@a\":\"1\",\"set\":[\"x&\xc3\xa9\",\"\"]}");
}

static void repeat(struct buffer *out, unsigned times, const char *format)
{
    for (unsigned i = 0; i < times; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        buffer_printf(out, format, i, i);
#pragma GCC diagnostic pop
    }
}

/* Make lab->body: `before`, `times` times `format` (with its number), `after`. */
static struct bytes body_of(struct lab *lab, const char *before, unsigned times, const char *format,
                            const char *after)
{
    buffer_reset(&lab->body);
    buffer_add_text(&lab->body, before);
    repeat(&lab->body, times, format);
    buffer_add_text(&lab->body, after);
    return buffer_bytes(&lab->body);
}

/* Elements, and the arrays and objects that they become, have their depth; names and attributes their number.
 */
static void limits_are_met(void **state)
{
    struct lab *lab = *state;
    static const char deep[] = "elements within each other: more than 256";
    for (unsigned depth = LIMIT_DEPTH; depth < LIMIT_DEPTH + 4; depth++) {
        body_of(lab, "", depth, "<a>", "");
        repeat(&lab->body, depth, "</a>");
        if (depth == LIMIT_DEPTH)
            assert_int_equal(decode_span(lab, buffer_bytes(&lab->body), ""), 0);
        else
            refused(lab, buffer_bytes(&lab->body), "", ERR_LIMIT, deep);
    }
    refused(lab, body_of(lab, "", 100000, "<a>", ""), "", ERR_LIMIT, deep);

    body_of(lab, "<r>", 200, "<a><b/>", ""); /* each is an array of one and an object */
    repeat(&lab->body, 200, "</a>");
    buffer_add_text(&lab->body, "</r>");
    lab_arrays(lab, "/*/*");
    assert_int_equal(decode_span(lab, buffer_bytes(&lab->body), ""), 0);
    body_of(lab, "<r>", 200, "<a><a/>", "");
    repeat(&lab->body, 200, "</a>");
    buffer_add_text(&lab->body, "</r>");
    refused(lab, buffer_bytes(&lab->body), "", ERR_LIMIT, "arrays and objects more than 256 deep");

    assert_int_equal(decode_span(lab, body_of(lab, "<r", LIMIT_XML_ATTRIBUTES, " a%u=''", "/>"), ""), 0);
    refused(lab, body_of(lab, "<r>\n<a", LIMIT_XML_ATTRIBUTES + 1, " a%u='>'", "/></r>"), "", ERR_LIMIT,
            "line 2: an element with more than 256 attributes");
    refused(lab, body_of(lab, "<r", 200000, " a%u='>'", "/>"), "", ERR_LIMIT, "attributes");
    assert_int_equal(decode_span(lab, body_of(lab, "<r><![CDATA[<a", 2000, " a%u=''", "/>]]></r>"), ""), 0);
    assert_int_equal(decode_span(lab, body_of(lab, "<r>", 2000, " a%u=\"\"", "</r>"), ""), 0);
    body_of(lab, "<r>", 200, "<a xmlns:b%u='u' xmlns:c%u='v'>", "");
    repeat(&lab->body, 200, "</a>");
    buffer_add_text(&lab->body, "</r>");
    refused(lab, buffer_bytes(&lab->body), "", ERR_LIMIT, "namespaces in force: more than 256");
    assert_int_equal(decode_span(lab, body_of(lab, "<r>", 1000, "<a xmlns='u' xmlns:b='v'/>", "</r>"), ""),
                     0);

    assert_int_equal(decode_span(lab, body_of(lab, "<r>", LIMIT_XML_NAMES - 1, "<a%u/>", "</r>"), ""), 0);
    refused(lab, body_of(lab, "<r>\n", LIMIT_XML_NAMES, "<a%u/>", "</r>"), "", ERR_LIMIT,
            "different names of elements and attributes: more than 65536");
    refused(lab, body_of(lab, "<r>", LIMIT_XML_NAMES, "<?a%u?>", "</r>"), "", ERR_LIMIT, "names");
    refused(lab, body_of(lab, "<r>", LIMIT_XML_NAMES, "<a xmlns='u:%u'/>", "</r>"), "", ERR_LIMIT, "names");
    refused(lab, body_of(lab, "<n", 600, "%0100u", "/>"), "", ERR_LIMIT, "longer than libxml2 reads");
    refused(lab, body_of(lab, "<r a='", 110000, "%0100u", "'/>"), "", ERR_LIMIT, "longer than libxml2 reads");
    assert_int_equal(xml_decode(&lab->arena, (struct bytes){"<", LIMIT_BODY_BYTES + 1}, BYTES(""), NULL, NULL,
                                &lab->error),
                     ERR_LIMIT);
}

/* Nothing takes more than its size: many siblings, many names, many pointers, long texts. */
static void sizes_cost_what_they_are(void **state)
{
    struct lab *lab = *state;
    buffer_reset(&lab->body);
    for (unsigned i = 0; i < POINTERS_MAX; i++)
        buffer_printf(&lab->body, "%s/set/*/n%u", i ? " " : "", i);
    lab_arrays(lab, buffer_text(&lab->body));
    assert_int_equal(
        decode_span(lab, body_of(lab, "<r><set>", 50000, "<item><n1>%u</n1><n2/></item>", "</set></r>"), ""),
        0);
    assert_memory_equal(buffer_text(&lab->json), "{\"set\":[{\"n1\":[\"0\"],\"n2\":[],\"n0\":[],\"n3\":[]",
                        43);
    assert_int_equal(decode_span(lab, body_of(lab, "<r>", 100000, "<a>%u</a><b/>", "</r>"), ""), 0);
    assert_memory_equal(buffer_text(&lab->json), "{\"a\":[\"0\",\"1\",", 13);
    assert_int_equal(decode_span(lab, body_of(lab, "<r>", 60000, "<a%u/><a%u>x</a%u>", "</r>"), ""),
                     ERR_BODY);
    assert_int_equal(decode_span(lab, body_of(lab, "<r>", 100000, "&lt;%u", "</r>"), ""), 0);
    assert_int_equal(decode_span(lab, body_of(lab, "<r>", 100000, "<!---->%u", "</r>"), ""), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, lab_open, lab_close)
    const struct CMUnitTest tests[] = {
        TEST(leaves_are_strings),          TEST(the_root_falls_away),
        TEST(prefixes_fall_away),          TEST(attributes_are_members),
        TEST(text_beside_children),        TEST(repeated_children_are_arrays),
        TEST(list_elements_make_arrays),   TEST(rules_may_be_missing),
        TEST(arrays_are_always_arrays),    TEST(doctypes_are_refused),
        TEST(encodings_are_read_or_named), TEST(malformed_xml_says_where),
        TEST(cut_bodies_are_errors),       TEST(limits_are_met),
        TEST(sizes_cost_what_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
