/* XML -> documents, by libxml2's reader. Pure; internal to decode.
 *
 * What becomes of what:
 * - The root element falls away: pointers begin below it. What follows holds for it, too.
 * - Prefixes of namespaces fall away, declared or not; so do `xmlns` attributes, comments and processing
 *   instructions. Names that are alike without their prefixes are one name.
 * - An element without child elements is a leaf: its text as it is, white space too; `<a/>` and `<a></a>` are
 *   "". CDATA is text; the five predefined entities and character references are what they stand for.
 * - A leaf with attributes is an object: `@name` for each, and `#text` if there is any.
 * - An element all of whose child elements bear names of `list_elements` is an array of them, however few.
 * Its attributes and text fall away: who needs them leaves that name out of `list_elements`.
 * - Any other element is an object: `@name`s, children under their names in the order they first came, and
 * `#text` if there is text beside them that isn't white space only: joined, without white space at its ends.
 *   Children of one name, side by side or not, are an array under it; a single one is no array.
 * - Then `arrays`: what a pointer leads to, and is no array, becomes one: of nothing if it is a text of white
 * space only (`<set/>`, or `<set>` and `</set>` on two lines), else of itself. Where it leads to nothing, an
 * empty one is made if what should hold it is there: an element of a list (below a `*`), or an empty element,
 * so with `/Tags/Tag` `<Tags/>` becomes {"Tag": []}. But never at the root, nor on the way to a collection's
 * items: there any answer at all would look like an empty list. In these pointers `*` also walks a value
 * that stands alone.
 *
 * All leaves are strings: XML has no numbers. A document that holds a DOCTYPE is never read, so there are no
 * entities, and nothing is fetched. XML 1.1 is read as if it were 1.0. */
#ifndef GARNER_XML_H
#define GARNER_XML_H

#include "common/value/value.h"
#include "worker/provider/provider.h"

/* Decode a whole body. `charset` is what Content-Type says, empty if nothing. What is read: UTF-8 (with or
 * without a byte order mark), US-ASCII and ISO-8859-1, by Content-Type, declaration or both; they must agree.
 * `rules` may be null. The value lives in the arena and shares nothing with `body`.
 *
 * Returns 0; ERR_BODY with "line N, column N: cause", or what is wrong with its encoding; ERR_LIMIT: too
 * deep, too many attributes or names, or what libxml2 limits (50,000 bytes for a name, 10 million for an
 * attribute, a comment, a section of CDATA). Sentences hold names of elements, and never their text, which
 * may be a secret. */
void xml_begin(void); /* once, before several threads decode: libxml2 sets itself up */

int xml_decode(struct arena *arena, struct bytes body, struct bytes charset, const struct xml_rules *rules,
               struct value *out, struct error *e);

#endif
