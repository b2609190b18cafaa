/* Chance and time of the system's, standing still. Only the simulation's own program is linked with this.

   The standard library seeds its hash maps by getrandom, and tokio the branches of `select!` by such a map. h2 forgets the
   streams that it reset by the standard library's clock, whatever tokio's does. With these, both are the same in every run:
   2026-01-01T00:00:00Z, for good. */

#include <stddef.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

ssize_t getrandom(void *buffer, size_t length, unsigned int flags) {
    (void)flags;
    memset(buffer, 0x5a, length);
    return (ssize_t)length;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    (void)clock;
    time->tv_sec = 1767225600;
    time->tv_nsec = 0;
    return 0;
}
