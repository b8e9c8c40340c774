#include "common/error.h"

#include <stdio.h>
#include <string.h>

enum { SECRET_BYTES_MIN = 4 };

static const char *const names[ERR_COUNT] = {
#define X(name, text) [ERR_##name] = text,
    ERRORS(X)
#undef X
};

const char *error_name(int code)
{
    return code >= 0 && code < ERR_COUNT ? names[code] : "unknown";
}

int error_of_name(const char *name)
{
    int code = 0;
    while (code < ERR_COUNT && strcmp(names[code], name) != 0)
        code++;
    return code;
}

static void clean(char *text, int wanted)
{
    static const char cut[] = "…";
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    if (wanted < ERROR_TEXT_MAX)
        return;
    size_t end = ERROR_TEXT_MAX - sizeof cut;
    while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80)
        end--; /* never in the middle of a UTF-8 sequence */
    memcpy(text + end, cut, sizeof cut);
}

int error_set(struct error *e, int code, const char *format, ...)
{
    if (!e)
        return code;
    char text[ERROR_TEXT_MAX]; /* the arguments may be parts of e->text */
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    clean(text, wanted);
    e->code = (enum err)code;
    memcpy(e->text, text, sizeof text);
    return code;
}

int error_at(struct error *e, const char *format, ...)
{
    if (!e)
        return 0;
    char place[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(place, sizeof place, format, args);
    va_end(args);
    return error_set(e, e->code, "%s: %s", place, e->text);
}

void error_redact(struct error *e, struct bytes secret)
{
    char *at = e->text;
    if (secret.len < SECRET_BYTES_MIN)
        return;
    while ((at = memmem(at, strlen(at), secret.data, secret.len)) != NULL) {
        memset(at, '*', secret.len);
        at += secret.len;
    }
}
