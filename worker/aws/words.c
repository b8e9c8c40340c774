/* One pass over the text with what is open: nothing, '…' or "…". No word is longer than the text, so all of
 * them share one block of its size. */
#include "worker/aws/words.h"

#include <string.h>

struct splitter {
    const char *at;
    char *to;   /* where the current word goes on */
    char quote; /* that is open, or 0 */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Take the next character of a word; false if the text ends where it must not. */
static bool take(struct splitter *s)
{
    char c = *s->at++;
    if (s->quote && c == s->quote) {
        s->quote = 0;
    } else if (!s->quote && (c == '\'' || c == '"')) {
        s->quote = c;
    } else if (c == '\\' && s->quote != '\'') {
        if (!*s->at)
            return false;
        if (s->quote && *s->at != '"' && *s->at != '\\')
            *s->to++ = '\\'; /* in "…" it is one of its own before anything else */
        *s->to++ = *s->at++;
    } else {
        *s->to++ = c;
    }
    return true;
}

int words_split(struct arena *arena, const char *text, const char *const **words, size_t *count,
                struct error *e)
{
    size_t len = strlen(text), found = 0;
    const char **list = arena_alloc(arena, (len / 2 + 2) * sizeof *list);
    struct splitter s = {.at = text, .to = arena_alloc(arena, len + 1)};
    while (true) {
        while (is_blank(*s.at))
            s.at++;
        if (!*s.at)
            break;
        list[found++] = s.to;
        while (*s.at && (s.quote || !is_blank(*s.at)))
            if (!take(&s))
                return error_set(e, ERR_CREDENTIALS, "it ends with a backslash: write \\\\ for one");
        if (s.quote)
            return error_set(e, ERR_CREDENTIALS, "a quote (%c) isn't closed", s.quote);
        *s.to++ = 0;
    }
    list[found] = NULL;
    *words = list;
    *count = found;
    return 0;
}
