/* A disk that fails. Loaded before the C library, it lets one call that writes to the files of a
 * folder fail, and says so on the standard output, in its place among what the program says.
 *
 * WOM_DISK      the folder
 * WOM_DISK_AT   which call, counted from 1 in all threads
 * WOM_DISK_HOW  io: that one call fails, with an I/O error
 *               full: of a write half is done; from there on no write gets any space
 *               short: of a write half is done, as a write may; all others are as always
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_int calls;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* The file's name within the folder; NULL for others. */
static const char *inside(int fd, char path[PATH_MAX])
{
    const char *folder = getenv("WOM_DISK");
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = folder ? readlink(link, path, PATH_MAX - 1) : -1;
    if (length < 0)
        return NULL;
    path[length] = 0;
    size_t prefix = strlen(folder);
    return strncmp(path, folder, prefix) == 0 && path[prefix] == '/' ? path + prefix + 1 : NULL;
}

/* How many of the bytes to write; -1, with errno set, to fail. Calls that write none give 0. */
static ssize_t allowed(int fd, const char *call, size_t bytes)
{
    int before = errno;
    char path[PATH_MAX];
    const char *name = inside(fd, path);
    errno = before;
    if (!name)
        return bytes;
    const char *how = getenv("WOM_DISK_HOW");
    int at = atoi(getenv("WOM_DISK_AT")), now = atomic_fetch_add(&calls, 1) + 1;
    int full = strcmp(how, "full") == 0;
    if (now < at || (now > at && !full))
        return bytes;
    if (now == at) {
        char line[PATH_MAX + 64];
        int length = snprintf(line, sizeof line, "\n>struck %s %s\n", call, name);
        REAL(write)(STDOUT_FILENO, line, length);
    }
    if (strcmp(how, "io") == 0) {
        errno = EIO;
        return -1;
    }
    if (bytes == 0 || (now == at && bytes > 1))
        return bytes / 2;
    if (!full)
        return bytes;
    errno = ENOSPC;
    return -1;
}

#define WRITING(name, passed, bytes)                          \
    {                                                         \
        ssize_t may = allowed(fd, #name, bytes);              \
        if (may < 0)                                          \
            return -1;                                        \
        return REAL(name) passed;                             \
    }

ssize_t write(int fd, const void *from, size_t count)
    WRITING(write, (fd, from, may), count)
ssize_t pwrite(int fd, const void *from, size_t count, off_t at)
    WRITING(pwrite, (fd, from, may, at), count)
ssize_t pwrite64(int fd, const void *from, size_t count, off64_t at)
    WRITING(pwrite64, (fd, from, may, at), count)
int fsync(int fd)
    WRITING(fsync, (fd), 0)
int fdatasync(int fd)
    WRITING(fdatasync, (fd), 0)
int ftruncate(int fd, off_t length)
    WRITING(ftruncate, (fd, length), 0)
int ftruncate64(int fd, off64_t length)
    WRITING(ftruncate64, (fd, length), 0)
