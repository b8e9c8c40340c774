/* Accounts outlive the configuration that they were read from, when another takes its place. */
#include "common/config/config.h"

static const char *copy_text(struct arena *arena, const char *text)
{
    return text ? arena_strdup(arena, bytes_of(text)) : NULL;
}

static const char *const *copy_texts(struct arena *arena, const char *const *texts)
{
    uint32_t count = 0;
    if (!texts)
        return NULL;
    while (texts[count])
        count++;
    const char **copy = arena_zalloc(arena, (count + 1) * sizeof *copy);
    for (uint32_t i = 0; i < count; i++)
        copy[i] = copy_text(arena, texts[i]);
    return copy;
}

static struct credential *copy_credentials(struct arena *arena, const struct config_account *from)
{
    struct credential *copy = arena_alloc(arena, (from->credential_count + 1) * sizeof *copy);
    for (uint32_t i = 0; i < from->credential_count; i++) {
        const struct credential *credential = &from->credentials[i];
        copy[i] = (struct credential){
            .name = copy_text(arena, credential->name),
            .kind = credential->kind,
            .text = copy_text(arena, credential->text),
            .command = copy_texts(arena, credential->command),
        };
    }
    return copy;
}

struct config_account *config_account_copy(struct arena *arena, const struct config_account *from)
{
    struct config_account *copy = arena_alloc(arena, sizeof *copy);
    *copy = (struct config_account){
        .id = copy_text(arena, from->id),
        .provider = copy_text(arena, from->provider),
        .regions = copy_texts(arena, from->regions),
        .splits = from->splits,
        .keys = value_copy(arena, &from->keys),
        .vars = value_copy(arena, &from->vars),
        .credentials = copy_credentials(arena, from),
        .credential_count = from->credential_count,
        .aws =
            {
                .profile = copy_text(arena, from->aws.profile),
                .role_arn = copy_text(arena, from->aws.role_arn),
                .external_id = copy_text(arena, from->aws.external_id),
            },
        .written = from->written,
    };
    return copy;
}
