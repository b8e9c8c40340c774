/* Templates for tests: compiled from their texts. */
#ifndef GARNER_TEST_TEMPLATE_MAKER_H
#define GARNER_TEST_TEMPLATE_MAKER_H

#include "test_value_maker.h"
#include "worker/provider/template.h"

/* The template of a text, which must be one. */
static inline const struct template *template_of(struct arena *arena, const char *text)
{
    const struct template *template;
    struct error e;
    if (template_compile(arena, text, &template, &e))
        fail_msg("%s: %s", text, e.text);
    return template;
}

#endif
