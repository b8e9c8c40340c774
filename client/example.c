/* A whole subscriber: prints what changed, and goes on where it was when it is started again.
 *
 *     cc example.c $(pkg-config --cflags --libs garner) && ./a.out cursor.txt
 *
 * The cursor is stored after what was made of the changes, here: printed. A real subscriber stores both in
 * one transaction. */
#include <garner.h>
#include <stdio.h>

static char cursor[1 << 20], next[4096];

int main(int count, char **arguments)
{
    const char *path = count > 1 ? arguments[1] : "cursor.txt";
    struct garner_options options = GARNER_OPTIONS;
    struct garner_error error = {0};
    const struct garner_batch *batch;
    FILE *file = fopen(path, "r");
    if (file && fgets(cursor, sizeof cursor, file))
        options.from = cursor;
    if (file)
        fclose(file);
    snprintf(next, sizeof next, "%s.new", path);
    struct garner *feed = garner_open(&options, &error);
    while (feed && garner_next(feed, 1000, &batch, &error) == GARNER_OK) {
        for (size_t i = 0; i < batch->row_count; i++)
            printf("is       %.*s %.*s\n", (int)batch->collection->type.len, batch->collection->type.data,
                   (int)batch->rows[i].id.len, batch->rows[i].id.data);
        for (size_t i = 0; i < batch->change_count; i++) {
            const struct garner_change *change = &batch->changes[i];
            printf("%-8s %.*s %.*s\n", garner_op_name(change->op), (int)change->collection.type.len,
                   change->collection.type.data, (int)change->id.len, change->id.data);
        }
        if (fflush(stdout) || !(file = fopen(next, "w")) || fprintf(file, "%s\n", garner_cursor(feed)) < 0 ||
            fclose(file) || rename(next, path)) /* whatever happens, one of the two is whole */
            return perror(next), 1;
    }
    fprintf(stderr, "%s\n", error.text);
    garner_close(feed);
    return 1;
}
