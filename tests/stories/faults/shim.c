/*
 * A disk that fails on order. Preloaded into the daemon, it stands before the C library's calls that
 * change a file, counts those on the database's files (firstbell.db, its log, its index) and lets the
 * ones fail that the story asks for. Everything else passes untouched.
 *
 * The order lies in a file that both sides map: eight 64-bit numbers, in the machine's byte order.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

enum { PASS, IO_ERROR, NO_SPACE, SHORT_WRITE };
enum { OF_ALL, OF_SYNCS, FROM_A_SYNC_ON };

struct order {
    int64_t how;    /* what failing looks like */
    int64_t which;  /* of which calls `first` and `last` count */
    int64_t first;  /* the first that fails, from 1 */
    int64_t last;   /* the last that fails */
    int64_t calls;  /* seen: all */
    int64_t syncs;  /* seen: syncs */
    int64_t failed; /* made to fail */
    int64_t spare;
};

static struct order idle;
static struct order *order = &idle;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAULTS_ORDER");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *map = fd < 0 ? MAP_FAILED
                       : mmap(NULL, sizeof *order, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        fputs("faults: the order cannot be mapped\n", stderr);
        abort();
    }
    close(fd);
    order = map;
}

static int64_t get(int64_t *number) { return __atomic_load_n(number, __ATOMIC_SEQ_CST); }
static int64_t count(int64_t *number) { return __atomic_add_fetch(number, 1, __ATOMIC_SEQ_CST); }

/* By path, at each call: descriptors are closed and used again for other files. */
static int is_of_database(int fd)
{
    char link[64], path[4096];
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = before;
    if (length < 0)
        return 0;
    path[length] = 0;
    return strstr(path, "/firstbell.db") != NULL;
}

/* What becomes of this call: PASS, or how it fails. */
static int64_t fate(int fd, int is_sync)
{
    if (!is_of_database(fd))
        return PASS;
    int64_t calls = count(&order->calls);
    int64_t syncs = is_sync ? count(&order->syncs) : get(&order->syncs);
    int64_t how = get(&order->how), which = get(&order->which);
    int64_t number = which == OF_ALL ? calls : syncs;
    if (how == PASS || (which == OF_SYNCS && !is_sync))
        return PASS;
    if (number < get(&order->first) || number > get(&order->last))
        return PASS;
    int64_t failed = count(&order->failed);
    /* A disk that fills up takes half of one write, and nothing of the next. */
    if (how == SHORT_WRITE && (failed > 1 || is_sync))
        how = NO_SPACE;
    if (how != SHORT_WRITE)
        errno = how == IO_ERROR ? EIO : ENOSPC;
    return how;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *bytes, size_t length)
{
    int64_t how = fate(fd, 0);
    if (how != PASS && how != SHORT_WRITE)
        return -1;
    return NEXT(write)(fd, bytes, how == PASS ? length : length / 2);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at)
{
    int64_t how = fate(fd, 0);
    if (how != PASS && how != SHORT_WRITE)
        return -1;
    return NEXT(pwrite)(fd, bytes, how == PASS ? length : length / 2, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at)
{
    int64_t how = fate(fd, 0);
    if (how != PASS && how != SHORT_WRITE)
        return -1;
    return NEXT(pwrite64)(fd, bytes, how == PASS ? length : length / 2, at);
}

int ftruncate(int fd, off_t length)
{
    int64_t how = fate(fd, 0);
    return how == PASS || how == SHORT_WRITE ? NEXT(ftruncate)(fd, length) : -1;
}

int ftruncate64(int fd, off64_t length)
{
    int64_t how = fate(fd, 0);
    return how == PASS || how == SHORT_WRITE ? NEXT(ftruncate64)(fd, length) : -1;
}

int fsync(int fd) { return fate(fd, 1) == PASS ? NEXT(fsync)(fd) : -1; }
int fdatasync(int fd) { return fate(fd, 1) == PASS ? NEXT(fdatasync)(fd) : -1; }
