#include "tests/property/definition.h"

#include <stdio.h>
#include <string.h>

#include "common/check.h"

static const char *const items[SHAPES] = {
    [JSON_ITEMS] = "/items/*",
    [JSON_NESTED] = "/data/*/list/*",
    [JSON_ROOT] = "/*",
    [XML_SET] = "/set/*",
    [XML_REPEATED] = "/Buckets/Bucket/*",
    [XML_CONTENTS] = "/Contents/*",
    [XML_NESTED] = "/reservationSet/*/instancesSet/*",
};
static const char *const pages[TURNS] = {
    [TURN_NONE] = "{style: none}",
    [TURN_TOKEN] = "{style: token, from: 'body:/next', to: 'query:t'}",
    [TURN_TOKEN_HEADER] = "{style: token, from: 'header:X-Next', to: 'query:t'}",
    [TURN_LINK_HEADER] = "{style: link}",
    [TURN_LINK_BODY] = "{style: link, from: 'body:/link/next'}",
    [TURN_MARKER] = "{style: marker, from: 'item:/id', to: 'query:t'}",
    [TURN_MARKER_ID] = "{style: marker, to: 'query:t'}",
};
static const char *const ids[NAMINGS] = {
    [NAMED_BY_POINTER] = "/id",
    [NAMED_BY_PARTS] = "[/zone, /id]",
    [NAMED_BY_TEMPLATE] = "'{item:/zone}:{item:/id}'",
};
static const char *const ignored[IGNORE_SETS] = {"[]", "[/noise]", "[/meta/seen]", "[/meta/seen, /noise]"};

static struct provider *kept[SHAPES][TURNS][NAMINGS][2];

/* A collection for each set of what is ignored, all of one kind. The format is said, or told by Content-Type.
 */
static void write_file(const struct kind *kind, struct buffer *out)
{
    buffer_add_text(out, "provider: lab\nxml: {list_elements: [item, member]}\ncollections:\n");
    for (unsigned i = 0; i < IGNORE_SETS; i++) {
        buffer_printf(out,
                      "  - type: i%u\n"
                      "    request: {url: 'http://lab/items'}\n"
                      "    items: %s\n"
                      "    id: %s\n"
                      "    page: %s\n"
                      "    ignore: %s\n"
                      "    delete: {confirm: none, guard: none}\n",
                      i, items[kind->shape], ids[kind->naming], pages[kind->turn], ignored[i]);
        if (kind->shape == XML_CONTENTS)
            buffer_add_text(out, "    items_optional: true\n");
        if (kind->refined)
            buffer_add_text(out, "    unordered: [/tags]\n    parse: [/policy]\n    require: [/name]\n");
        else
            buffer_add_text(out, kind_is_xml(kind) ? "    format: xml\n" : "    format: json\n");
    }
}

const struct collection_def *definition_of(const struct kind *kind, unsigned ignores)
{
    struct provider **provider = &kept[kind->shape][kind->turn][kind->naming][kind->refined];
    char type[8];
    if (!*provider) {
        struct buffer text = {0};
        struct yaml_report report = {0};
        write_file(kind, &text);
        *provider = provider_open_text("lab.yaml", buffer_bytes(&text), &report);
        if (!*provider || report.errors)
            fprintf(stderr, "%s", buffer_text(&report.text));
        CHECK(*provider && !report.errors);
        yaml_report_close(&report);
        buffer_close(&text);
    }
    snprintf(type, sizeof type, "i%u", ignores);
    return provider_find(*provider, type);
}

void definitions_close(void)
{
    struct provider **all = &kept[0][0][0][0];
    for (size_t i = 0; i < sizeof kept / sizeof *all; i++)
        provider_close(all[i]);
    memset(kept, 0, sizeof kept);
}
