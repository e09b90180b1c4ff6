/* A disk that fails when it is told to, between a process and the real one: given by LD_PRELOAD.
 *
 * FAULTY_DISK_UNDER says below which directory files are concerned, FAULTY_DISK_CONTROL names a file of five 32-bit
 * numbers that the test and the process share:
 *
 *   full             while it is not 0, no file grows: ENOSPC; above 1, so many writes less one still find room
 *   syncs_to_fail    so many of the next fsync and fdatasync of an SQLite log fail: EIO
 *   attached         how many processes have it
 *   writes_refused   how many writes were answered with ENOSPC
 *   syncs_refused    how many times durability was refused
 *
 * As on a real disk, what is there already may be overwritten while it is full, and a file may be made empty or be
 * given a length that takes no room. As on Linux, what a failed fsync should have made durable is thrown away, and the
 * next fsync succeeds: the bytes that were written to the log since the last good one are read as zeros from then on. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

_Static_assert(sizeof(off_t) == 8, "file offsets of 64 bits");

struct control {
    int32_t full, syncs_to_fail, attached, writes_refused, syncs_refused;
};

static struct control nothing;
static struct control *control = &nothing;
static char under[4096];

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_fallocate)(int, int, off_t, off_t);
static int (*real_close)(int);

#define REAL(name) (*(void **)&real_##name = dlsym(RTLD_NEXT, #name))

/* What was written to a log since it was last made durable. */
#define MOST 4096
enum kind { UNKNOWN, OTHER, LOG };
static struct { enum kind kind; off_t from, to; } written[MOST];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void attach(void) {
    REAL(write), REAL(pwrite), REAL(writev), REAL(pwritev), REAL(fsync), REAL(fdatasync), REAL(fallocate), REAL(close);
    const char *directory = getenv("FAULTY_DISK_UNDER"), *path = getenv("FAULTY_DISK_CONTROL");
    if (!directory || !path) return;
    snprintf(under, sizeof under, "%s/", directory);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    void *shared = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    real_close(fd);
    if (shared == MAP_FAILED) return;
    control = shared;
    __atomic_add_fetch(&control->attached, 1, __ATOMIC_SEQ_CST);
}

/* Whether it is a file below the directory; its path. */
static int is_concerned(int fd, char *path, size_t size) {
    char link[64];
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, size - 1);
    errno = before;
    if (length <= 0) return 0;
    path[length] = 0;
    return *under && strncmp(path, under, strlen(under)) == 0;
}

static int is_log(int fd) {
    if (fd < 0 || fd >= MOST) return 0;
    if (written[fd].kind == UNKNOWN) {
        char path[4096];
        size_t length = is_concerned(fd, path, sizeof path) ? strlen(path) : 0;
        int found = length > 4 && strcmp(path + length - 4, "-wal") == 0;
        written[fd].kind = found ? LOG : OTHER;
        written[fd].from = written[fd].to = 0;
    }
    return written[fd].kind == LOG;
}

/* Whether these bytes, put there, find room. */
static int finds_room(int fd, off_t at, size_t bytes) {
    if (!__atomic_load_n(&control->full, __ATOMIC_SEQ_CST)) return 1;
    char path[4096];
    struct stat about;
    if (!is_concerned(fd, path, sizeof path) || fstat(fd, &about) || !S_ISREG(about.st_mode)) return 1;
    if (at < 0) at = fcntl(fd, F_GETFL) & O_APPEND ? about.st_size : lseek(fd, 0, SEEK_CUR);
    if (at + (off_t)bytes <= about.st_size) return 1;
    int32_t room = __atomic_load_n(&control->full, __ATOMIC_SEQ_CST);
    while (room > 1)
        if (__atomic_compare_exchange_n(&control->full, &room, room - 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            return 1;
    __atomic_add_fetch(&control->writes_refused, 1, __ATOMIC_SEQ_CST);
    errno = ENOSPC;
    return 0;
}

static void note(int fd, off_t at, ssize_t bytes) {
    if (bytes <= 0 || !is_log(fd)) return;
    if (at < 0) at = lseek(fd, 0, SEEK_CUR) - bytes;
    pthread_mutex_lock(&lock);
    int is_first = written[fd].from == written[fd].to;
    if (is_first || at < written[fd].from) written[fd].from = at;
    if (is_first || at + bytes > written[fd].to) written[fd].to = at + bytes;
    pthread_mutex_unlock(&lock);
}

static size_t length_of(const struct iovec *pieces, int count) {
    size_t all = 0;
    for (int i = 0; i < count; i++) all += pieces[i].iov_len;
    return all;
}

ssize_t write(int fd, const void *bytes, size_t count) {
    if (!finds_room(fd, -1, count)) return -1;
    ssize_t done = real_write(fd, bytes, count);
    note(fd, -1, done);
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    if (!finds_room(fd, at, count)) return -1;
    ssize_t done = real_pwrite(fd, bytes, count, at);
    note(fd, at, done);
    return done;
}

ssize_t writev(int fd, const struct iovec *pieces, int count) {
    if (!finds_room(fd, -1, length_of(pieces, count))) return -1;
    ssize_t done = real_writev(fd, pieces, count);
    note(fd, -1, done);
    return done;
}

ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t at) {
    if (!finds_room(fd, at, length_of(pieces, count))) return -1;
    ssize_t done = real_pwritev(fd, pieces, count, at);
    note(fd, at, done);
    return done;
}

int fallocate(int fd, int mode, off_t at, off_t bytes) {
    if (!finds_room(fd, at, bytes)) return -1;
    return real_fallocate(fd, mode, at, bytes);
}

int posix_fallocate(int fd, off_t at, off_t bytes) {
    return fallocate(fd, 0, at, bytes) ? errno : 0;
}

/* A file offset has 64 bits wherever this is compiled. */
ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t at) { return pwrite(fd, bytes, count, at); }
ssize_t pwritev64(int fd, const struct iovec *pieces, int count, off_t at) { return pwritev(fd, pieces, count, at); }
int fallocate64(int fd, int mode, off_t at, off_t bytes) { return fallocate(fd, mode, at, bytes); }
int posix_fallocate64(int fd, off_t at, off_t bytes) { return posix_fallocate(fd, at, bytes); }

static int fails_now(void) {
    int32_t left = __atomic_load_n(&control->syncs_to_fail, __ATOMIC_SEQ_CST);
    while (left > 0)
        if (__atomic_compare_exchange_n(&control->syncs_to_fail, &left, left - 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            return 1;
    return 0;
}

/* Reads as zeros what was not made durable. */
static void throw_away(int fd) {
    static const char zeros[65536];
    off_t at = written[fd].from, end = written[fd].to;
    while (at < end) {
        size_t piece = end - at < (off_t)sizeof zeros ? (size_t)(end - at) : sizeof zeros;
        ssize_t done = real_pwrite(fd, zeros, piece, at);
        if (done <= 0) break;
        at += done;
    }
}

static int make_durable(int fd, int (*real)(int)) {
    if (!is_log(fd)) return real(fd);
    pthread_mutex_lock(&lock);
    int fails = written[fd].from < written[fd].to && fails_now();
    if (fails) throw_away(fd);
    written[fd].from = written[fd].to = 0;
    pthread_mutex_unlock(&lock);
    if (!fails) return real(fd);
    __atomic_add_fetch(&control->syncs_refused, 1, __ATOMIC_SEQ_CST);
    errno = EIO;
    return -1;
}

int fsync(int fd) { return make_durable(fd, real_fsync); }
int fdatasync(int fd) { return make_durable(fd, real_fdatasync); }

int close(int fd) {
    if (fd >= 0 && fd < MOST) written[fd].kind = UNKNOWN;
    return real_close(fd);
}
