#include "tests/bench/feed/meter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

_Noreturn void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

uint64_t number_of(const char *text)
{
    uint64_t number;
    if (!bytes_to_u64(bytes_of(text), &number) || number == 0)
        die("%s: no number of at least 1", text);
    return number;
}

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void meter_begin(struct meter *meter)
{
    *meter = (struct meter){.wall_s = seconds_of(CLOCK_MONOTONIC),
                            .cpu_s = seconds_of(CLOCK_PROCESS_CPUTIME_ID)};
}

void meter_take(struct meter *meter, struct bytes packed)
{
    struct change *change = &meter->change;
    struct error e;
    if (change_unpack(&meter->arena, packed, change, &e))
        die("%s", e.text);
    meter_count(meter, change->op == CHANGE_CREATED, change->after.len);
}

void meter_count(struct meter *meter, bool created, size_t bytes)
{
    meter->changes += created;
    meter->bytes += created ? bytes : 0;
}

void meter_batch_done(struct meter *meter)
{
    meter->asked++;
    arena_reset(&meter->arena);
}

void meter_end(struct meter *meter)
{
    double wall_s = seconds_of(CLOCK_MONOTONIC) - meter->wall_s;
    double cpu_s = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - meter->cpu_s;
    printf("{\"seconds\": %.6f, \"cpu_seconds\": %.6f, \"changes\": %" PRIu64 ", \"bytes\": %" PRIu64
           ", \"asked\": %" PRIu64 "}\n",
           wall_s, cpu_s, meter->changes, meter->bytes, meter->asked);
    arena_close(&meter->arena);
}
