/* A listing that is stopped on its second page. Include after cmocka. */
#ifndef GARNER_TEST_RESUME_LAB_H
#define GARNER_TEST_RESUME_LAB_H

#include <stdio.h>
#include <string.h>

#include "tests/scenario/lab.h"

#define FILE_WITH(more)                                                                                      \
    "provider: lab\n"                                                                                        \
    "auth: {kind: none}\n"                                                                                   \
    "collections:\n"                                                                                         \
    "  - type: item\n"                                                                                       \
    "    request: {url: 'http://lab/items'}\n"                                                               \
    "    items: /items/*\n"                                                                                  \
    "    id: /id\n"                                                                                          \
    "    page: {style: token, from: 'body:/next', to: 'query:from'}\n"                                       \
    "    delete: {guard: none}\n" more

/* a to f are there, on three pages. */
static inline struct lab *lab_with_six(const char *yaml)
{
    struct lab *lab = lab_open(yaml);
    lab_page(lab, "a b", "2");
    lab_page(lab, "c d", "3");
    lab_page(lab, "e f", NULL);
    lab_harvest(lab, "item");
    lab_pass(lab, 1000);
    lab_forget(lab);
    return lab;
}

/* The first page comes, the second one doesn't. */
static inline void stop_on_page_2(struct lab *lab, const char *words)
{
    lab_page(lab, words, "2");
    lab_answers(lab, 403, NULL, "no");
    lab_harvest(lab, "item");
    assert_false(lab_outcome(lab)->complete);
    assert_true(lab_has_checkpoint(lab, "item"));
    lab_reopen(lab);
    lab_pass(lab, 1000);
    lab_forget(lab);
}

#endif
