#include "tests/sim/program.h"

#include <string.h>

int program_find(const char *name, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

const char *program_tail(const struct buffer *diary, unsigned lines)
{
    const char *at = buffer_text(diary) + diary->len;
    while (at > buffer_text(diary) && (at[-1] != '\n' || lines--))
        at--;
    return at;
}
