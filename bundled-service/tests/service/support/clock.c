/* Moves the date of the process that it is preloaded into by the seconds in the file that VVBILL_TEST_CLOCK names
   (a 64-bit number, mapped, so that a change is seen at once). As when a machine's own date is set: waits until a
   date end by the moved date, and the clock that nobody sets is left alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset;

static void __attribute__((constructor)) start(void) {
    const char *path = getenv("VVBILL_TEST_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *mapped = file < 0 ? MAP_FAILED : mmap(0, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED) abort();
    offset = mapped;
}

static struct timespec real_date(void) {
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
    return now;
}

static struct timespec date(void) {
    struct timespec now = real_date();
    if (offset) now.tv_sec += *offset;
    return now;
}

int clock_gettime(clockid_t clock, struct timespec *out) {
    if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) return syscall(SYS_clock_gettime, clock, out);
    *out = date();
    return 0;
}

int timespec_get(struct timespec *out, int base) {
    *out = date();
    return base;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
    struct timespec now = date();
    (void)zone;
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    time_t now = date().tv_sec;
    if (out) *out = now;
    return now;
}

static int64_t nanoseconds(struct timespec at) { return at.tv_sec * 1000000000LL + at.tv_nsec; }

/* In slices, after each of which the date is looked at again. */
int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex, const struct timespec *restrict until) {
    static int (*wait)(cnd_t *, mtx_t *, const struct timespec *);
    if (!wait) wait = (int (*)(cnd_t *, mtx_t *, const struct timespec *))dlsym(RTLD_NEXT, "cnd_timedwait");
    for (;;) {
        int64_t left = nanoseconds(*until) - nanoseconds(date());
        if (left <= 0) return thrd_timedout;
        int64_t end = nanoseconds(real_date()) + (left < 20000000 ? left : 20000000);
        struct timespec slice = {end / 1000000000, end % 1000000000};
        int ended = wait(condition, mutex, &slice);
        if (ended != thrd_timedout) return ended;
    }
}
