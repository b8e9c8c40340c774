/* harvest: have a running Garner harvest collections now. */
#include <inttypes.h>

#include "cli/print.h"
#include "cli/remote.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "common/units.h"

static int tell(uint64_t collections, bool json)
{
    struct printer printer;
    char count[UNITS_TEXT_BYTES];
    printer_open(&printer);
    if (json)
        buffer_printf(&printer.out, "{\"collections\":%" PRIu64 "}\n", collections);
    else
        buffer_printf(&printer.out, "%s collection%s harvested now\n", units_count(collections, count),
                      collections == 1 ? " is" : "s are");
    return printer_close(&printer);
}

static void add(void *context, const struct operator_reply *reply)
{
    uint64_t *collections = context;
    *collections += reply->collections;
}

static int run(const struct options *options)
{
    uint64_t collections = 0;
    struct operator_request request = {
        .kind = OPERATOR_HARVEST,
        .which = {.account = remote_text(options->operands[0]),
                  .type = remote_text(options->operands[1]),
                  .region = remote_text(options->region)},
    };
    int exit_code;
    const char *address = remote_address(options, &exit_code);
    if (exit_code)
        return exit_code;
    exit_code = remote_each(address, &request, &collections, add);
    int printed = collections || !exit_code ? tell(collections, options->json) : 0;
    return exit_code ? exit_code : printed;
}

const struct verb verb_harvest = {
    .name = "harvest",
    .summary = "harvest an account now, on a running Garner",
    .operands = "ACCOUNT [TYPE]",
    .options = OPTION_AT | OPTION_JSON | OPTION_REGION,
    .about = "Have the collections of an account harvested now, whatever their periods say: all, or those of "
             "a type. "
             "What is under way is harvested once more afterwards. It is for a running Garner (`garner run "
             "-c FILE`, or a cluster: its coordinator knows whom to ask), and doesn't wait for the harvests "
             "to end.",
    .examples =
        "Examples:\n"
        "  garner harvest aws/1234567890\n"
        "  garner harvest aws/1234567890 aws.ec2.instance --region eu-west-1 --at tcp://10.0.0.7:7801\n\n"
        "Exits with 0 if it is under way, 1 if not all workers could be asked, 2 if there is no such account "
        "or type, 3 without a connection.",
    .run = run,
};
