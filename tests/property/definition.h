/* Definitions: what a provider file says of a kind of listing. Made when first asked for, and kept: reading
 * YAML for each history would take longer than the history. */
#ifndef GARNER_PROPERTY_DEFINITION_H
#define GARNER_PROPERTY_DEFINITION_H

#include "tests/property/world.h"
#include "worker/provider/provider.h"

const struct collection_def *definition_of(const struct kind *kind, unsigned ignores);
void definitions_close(void);

#endif
