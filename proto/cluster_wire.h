/* What the .c files of cluster.h share. For them only. */
#ifndef GARNER_PROTO_CLUSTER_WIRE_H
#define GARNER_PROTO_CLUSTER_WIRE_H

#include "proto/cluster.h"
#include "proto/cluster.pb-c.h"
#include "proto/wire.h"

bool cluster_is_feed(struct bytes feed); /* a feed's id */

#endif
