/* What XML must keep to before libxml2 is given it: its encoding, no DOCTYPE, no element with thousands of
 * attributes. Pure; internal to decode. */
#ifndef GARNER_XML_CHECK_H
#define GARNER_XML_CHECK_H

#include "common/bytes.h"
#include "common/error.h"

/* `*encoding` is what libxml2 must be told, since the body itself doesn't say it; else null. After a success
 * the body holds no NUL and no DOCTYPE, and unless it is ISO-8859-1 all of it is UTF-8. Returns 0; ERR_BODY;
 * ERR_LIMIT. */
int xml_check(struct bytes body, struct bytes charset, const char **encoding, struct error *e);

/* Is this body in UTF-8 or US-ASCII, by what is said of it (or not said)? Its bytes aren't looked at. */
bool xml_has_ascii(struct bytes body, struct bytes charset);

#endif
