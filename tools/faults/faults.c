/* Put before libc by LD_PRELOAD: writes below a folder fail from the n-th on, and the clock of the day jumps.
 *
 * LIGHTFUSE_FAULT_STATE names a file of three 64-bit integers, shared by all processes of a run: how many writes there were,
 * the number of the first that fails (0: none), and the error. LIGHTFUSE_FAULT_FOLDER is the folder. A write that fails has
 * written half of its bytes first, as on a full disk. Creating files, folders and links counts as writing. An error below 0 is
 * a signal: the whole process group gets it instead.
 * LIGHTFUSE_FAULT_CLOCK=1: each look at the clock is up to a year before or after the last.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    int64_t writes, first_to_fail, error;
} state;

static state *shared(void) {
    static state *found;
    const char *path = getenv("LIGHTFUSE_FAULT_STATE");
    if (!found && path) {
        int (*real_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
        const int file = real_open(path, O_RDWR);
        void *memory = file < 0 ? MAP_FAILED : mmap(NULL, sizeof(state), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (file >= 0) close(file);
        if (memory != MAP_FAILED) found = memory;
    }
    return found;
}

static int is_below(const char *path) {
    const char *folder = getenv("LIGHTFUSE_FAULT_FOLDER");
    return folder && !strncmp(path, folder, strlen(folder));
}

/* Whether this write is to fail; errno is then set. */
static int fails(void) {
    state *s = shared();
    if (!s) return 0;
    const int64_t number = __atomic_add_fetch(&s->writes, 1, __ATOMIC_SEQ_CST);
    if (!s->first_to_fail || number < s->first_to_fail) return 0;
    if (s->error < 0) kill(0, (int)-s->error);
    errno = (int)s->error;
    return 1;
}

static int file_is_below(int file) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    const ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_below(path);
}

static int path_is_below(int folder, const char *path) {
    char link[64], base[PATH_MAX], whole[2 * PATH_MAX];
    if (path[0] == '/') return is_below(path);
    if (folder == AT_FDCWD) {
        if (!getcwd(base, sizeof base)) return 0;
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        const ssize_t length = readlink(link, base, sizeof base - 1);
        if (length < 0) return 0;
        base[length] = 0;
    }
    snprintf(whole, sizeof whole, "%s/%s", base, path);
    return is_below(whole);
}

#define REAL(result, name, ...) static result (*real)(__VA_ARGS__); if (!real) real = dlsym(RTLD_NEXT, #name)

ssize_t write(int file, const void *bytes, size_t count) {
    REAL(ssize_t, write, int, const void *, size_t);
    if (file > 2 && file_is_below(file) && fails()) {
        const int error = errno;
        if (count > 1) real(file, bytes, count / 2);
        errno = error;
        return -1;
    }
    return real(file, bytes, count);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    REAL(ssize_t, writev, int, const struct iovec *, int);
    return file > 2 && file_is_below(file) && fails() ? -1 : real(file, parts, count);
}

#define OPEN(name)                                                                                                    \
    int name(const char *path, int flags, ...) {                                                                      \
        REAL(int, name, const char *, int, ...);                                                                      \
        va_list more;                                                                                                 \
        va_start(more, flags);                                                                                        \
        const mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;                                               \
        va_end(more);                                                                                                 \
        return (flags & O_CREAT) && path_is_below(AT_FDCWD, path) && fails() ? -1 : real(path, flags, mode);          \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                                                  \
    int name(int folder, const char *path, int flags, ...) {                                                          \
        REAL(int, name, int, const char *, int, ...);                                                                 \
        va_list more;                                                                                                 \
        va_start(more, flags);                                                                                        \
        const mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;                                               \
        va_end(more);                                                                                                 \
        return (flags & O_CREAT) && path_is_below(folder, path) && fails() ? -1 : real(folder, path, flags, mode);    \
    }
OPENAT(openat)
OPENAT(openat64)

int mkdir(const char *path, mode_t mode) {
    REAL(int, mkdir, const char *, mode_t);
    return path_is_below(AT_FDCWD, path) && fails() ? -1 : real(path, mode);
}

int link(const char *from, const char *to) {
    REAL(int, link, const char *, const char *);
    return path_is_below(AT_FDCWD, to) && fails() ? -1 : real(from, to);
}

int rename(const char *from, const char *to) {
    REAL(int, rename, const char *, const char *);
    return path_is_below(AT_FDCWD, to) && fails() ? -1 : real(from, to);
}

static time_t jumped(time_t now) {
    static uint64_t random = 88172645463325252u;
    if (!getenv("LIGHTFUSE_FAULT_CLOCK")) return now;
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    return now + (time_t)(random % 63072000) - 31536000;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    REAL(int, clock_gettime, clockid_t, struct timespec *);
    const int result = real(clock, now);
    if (clock == CLOCK_REALTIME && !result) now->tv_sec = jumped(now->tv_sec);
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    REAL(int, gettimeofday, struct timeval *restrict, void *restrict);
    const int result = real(now, zone);
    if (!result) now->tv_sec = jumped(now->tv_sec);
    return result;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
