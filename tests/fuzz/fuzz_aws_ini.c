/* Any text as one of AWS's shared files: sections and keys can be found again by their own names, and a
 * message never repeats what may be a secret. */
#include "tests/fuzz/fuzz.h"
#include "worker/aws/ini.h"

static void look(const struct ini *ini)
{
    for (const struct ini_section *section = ini->sections; section; section = section->next) {
        CHECK(section->raw && section->kind && section->name);
        CHECK(ini_section_is(section, section->kind, section->name));
        CHECK(ini_has(ini, section->kind, section->name));
        for (const struct ini_entry *entry = section->entries; entry; entry = entry->next) {
            CHECK(entry->key[0] && entry->value);
            for (const char *c = entry->key; *c; c++)
                CHECK(*c < 'A' || *c > 'Z');
            CHECK(ini_get(ini, section->kind, section->name, entry->key));
            CHECK(!entry->inner || !entry->value[0]);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct bytes text = {(const char *)data, size};
    struct ini ini;
    struct error e;
    int r = ini_parse(&arena, text, &ini, &e);
    CHECK(r == 0 || r == ERR_CREDENTIALS);
    if (r)
        CHECK(e.text[0] >= '1' && e.text[0] <= '9' && !ini.sections);
    else
        look(&ini);
    arena_close(&arena);
    return 0;
}
