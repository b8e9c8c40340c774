/* Where elements of XML begin and end, found by their tags alone. Pure; internal to decode.
 *
 * Of well-formed XML without a DOCTYPE, in an encoding that has ASCII as it is, the answers are right; of
 * anything else they are places within `body`, or "none". An end is behind its last byte, so it is never 0,
 * which says that there is none. */
#ifndef GARNER_XML_SCAN_H
#define GARNER_XML_SCAN_H

#include "common/bytes.h"

enum xml_sight {
    XML_START, /* a start tag, or that of an empty element */
    XML_END,   /* an end tag */
    XML_TEXT,  /* text that isn't white space only, CDATA, what is no XML, or nothing at all */
};

struct xml_tag {
    struct bytes name; /* local */
    size_t end;
    bool is_empty;       /* <a/> */
    bool has_attributes; /* `xmlns` is one here */
};

/* What comes at `*at` or behind the white space, comments and processing instructions there: `*at` becomes
 * where it begins. */
enum xml_sight xml_look(struct bytes body, size_t *at);

/* The local name of the start tag at `at`. Empty if there is none, or more than one colon. */
struct bytes xml_local_name(struct bytes body, size_t at);

/* Read the start tag at `at`; false if it isn't one, or doesn't end. */
bool xml_read_tag(struct bytes body, size_t at, struct xml_tag *out);

/* The end of the end tag at `at`. */
size_t xml_end_of_end_tag(struct bytes body, size_t at);

/* The end of the element whose start tag is at `at`. */
size_t xml_end_of_element(struct bytes body, size_t at);

#endif
