/* garner-coordinator: the control plane of a cluster, as a program of its own. */
#include <argp.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/check.h"
#include "common/config/config.h"
#include "common/file.h"
#include "common/http/http_server.h"
#include "common/log.h"
#include "common/metrics.h"
#include "coordinator/serve.h"

enum { EXIT_USAGE = 2, KEY_DATA = 1, KEY_LISTEN, KEY_HTTP, KEY_GRACE, KEY_LOG, UNAVAILABLE = 503 };
