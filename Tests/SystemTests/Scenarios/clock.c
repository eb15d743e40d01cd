/* A clock for scenarios, to be preloaded: the wall clock and the monotonic clock are shifted by the two offsets
 * (nanoseconds, int64) that the file SCENARIO_CLOCK holds. The player moves them while the daemon runs. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *offsets;
static int (*real_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void start(void) {
    real_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    const char *path = getenv("SCENARIO_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *map = mmap(NULL, 16, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (map != MAP_FAILED) offsets = map;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    if (!real_gettime) start();
    int result = real_gettime(clock, now);
    if (result != 0 || !offsets) return result;
    int64_t shift;
    switch (clock) {
        case CLOCK_REALTIME: case CLOCK_REALTIME_COARSE: shift = offsets[0]; break;
        case CLOCK_MONOTONIC: case CLOCK_MONOTONIC_COARSE: case CLOCK_MONOTONIC_RAW: case CLOCK_BOOTTIME:
            shift = offsets[1]; break;
        default: return result;
    }
    int64_t total = (int64_t)now->tv_sec * 1000000000 + now->tv_nsec + shift;
    now->tv_sec = total / 1000000000;
    now->tv_nsec = total % 1000000000;
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec precise;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &precise) != 0) return -1;
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *result) {
    struct timespec precise;
    if (clock_gettime(CLOCK_REALTIME, &precise) != 0) return (time_t)-1;
    if (result) *result = precise.tv_sec;
    return precise.tv_sec;
}
