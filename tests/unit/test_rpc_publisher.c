/* The publisher, with listeners that come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/rpc/rpc_publisher.h"
#include "tests/unit/test_rpc_lab.h"

static uint32_t open_files(void)
{
    uint32_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static void come_and_go(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    char byte;
    snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    while (recv(fd, &byte, 1, 0) > 0) /* until it has noticed */
        ;
    close(fd);
}

/* While nobody tells anything they take no more files than those who may be there. */
static void who_has_gone_counts_until_it_is_freed(void **state)
{
    char root[] = "/tmp/garner-rpc-XXXXXX", address[64];
    struct rpc_publisher *publisher;
    struct rpc_publisher_counts counts;
    struct error e;
    (void)state;
    assert_non_null(mkdtemp(root));
    snprintf(address, sizeof address, "ipc://%s/s", root);
    assert_int_equal(rpc_publisher_open(address, &publisher, &e), 0);
    uint32_t before = open_files();
    for (int i = 0; i < 2 * LIMIT_BUS_LISTENERS; i++)
        come_and_go(address + 6);
    assert_true(open_files() <= before + LIMIT_BUS_LISTENERS + 8);
    int64_t end_ms = clock_steady_ms() + LONG_MS;
    while (rpc_publisher_tidy(publisher) && clock_steady_ms() < end_ms)
        usleep(1000);
    rpc_publisher_count(publisher, &counts);
    assert_int_equal(counts.listeners, 0);
    rpc_publisher_close(publisher);
    unlink(address + 6);
    assert_int_equal(rmdir(root), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_has_gone_counts_until_it_is_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
