#include "worker/follow/dialer.h"

#include <stdlib.h>

#include "common/check.h"

struct dial {
    struct dial *next;
    char *address;
    struct dialed dialed;
};

struct dialer {
    struct rpc_lock *lock; /* also of what is below */
    atomic_bool *poked;
    struct dial *asked, *done;
    bool ending;
    pthread_cond_t more; /* to dial */
    pthread_t thread;
};

static void append(struct dial **list, struct dial *dial)
{
    while (*list)
        list = &(*list)->next;
    dial->next = NULL;
    *list = dial;
}

static struct dial *take(struct dial **list)
{
    struct dial *first = *list;
    if (first)
        *list = first->next;
    return first;
}

static void free_all(struct dial *dial)
{
    while (dial) {
        struct dial *next = dial->next;
        client_close(dial->dialed.client);
        free(dial->address);
        free(dial);
        dial = next;
    }
}

static void *dial_all(void *context)
{
    struct dialer *dialer = context;
    pthread_mutex_lock(&dialer->lock->mutex);
    while (!dialer->ending) {
        struct dial *dial = take(&dialer->asked);
        if (!dial) {
            pthread_cond_wait(&dialer->more, &dialer->lock->mutex);
            continue;
        }
        pthread_mutex_unlock(&dialer->lock->mutex);
        client_open(dial->address, dialer->lock, &dial->dialed.client, &dial->dialed.e);
        pthread_mutex_lock(&dialer->lock->mutex);
        append(&dialer->done, dial);
        atomic_store(dialer->poked, true);
        pthread_cond_broadcast(&dialer->lock->changed);
    }
    pthread_mutex_unlock(&dialer->lock->mutex);
    return NULL;
}

struct dialer *dialer_open(struct rpc_lock *lock, atomic_bool *poked)
{
    struct dialer *dialer = mem_zalloc(sizeof *dialer);
    dialer->lock = lock;
    dialer->poked = poked;
    CHECK(pthread_cond_init(&dialer->more, NULL) == 0);
    if (pthread_create(&dialer->thread, NULL, dial_all, dialer) == 0)
        return dialer;
    pthread_cond_destroy(&dialer->more);
    free(dialer);
    return NULL;
}

void dialer_close(struct dialer *dialer)
{
    if (!dialer)
        return;
    pthread_mutex_lock(&dialer->lock->mutex);
    dialer->ending = true;
    pthread_cond_signal(&dialer->more);
    pthread_mutex_unlock(&dialer->lock->mutex);
    pthread_join(dialer->thread, NULL);
    free_all(dialer->asked);
    free_all(dialer->done);
    pthread_cond_destroy(&dialer->more);
    free(dialer);
}

void dialer_ask(struct dialer *dialer, uint64_t ticket, const char *address)
{
    struct dial *dial = mem_zalloc(sizeof *dial);
    dial->address = mem_strdup(address);
    dial->dialed.ticket = ticket;
    pthread_mutex_lock(&dialer->lock->mutex);
    append(&dialer->asked, dial);
    pthread_cond_signal(&dialer->more);
    pthread_mutex_unlock(&dialer->lock->mutex);
}

bool dialer_take(struct dialer *dialer, struct dialed *out)
{
    pthread_mutex_lock(&dialer->lock->mutex);
    struct dial *dial = take(&dialer->done);
    pthread_mutex_unlock(&dialer->lock->mutex);
    if (!dial)
        return false;
    *out = dial->dialed;
    free(dial->address);
    free(dial);
    return true;
}
