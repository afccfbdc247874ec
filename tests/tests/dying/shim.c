/* A disk that fails, and a process that dies at it. Loaded before the C library, it strikes one call
 * that writes to the files of a folder, or to a server, and says so on the standard output, in its
 * place among what the program says.
 *
 * WOM_DISK        the folder
 * WOM_DISK_FILES  only its files whose names begin so
 * WOM_DISK_PORT   instead of all that, what is sent to this port
 * WOM_DISK_AT     which call, counted from 1 in all threads
 * WOM_DISK_HOW    io: that one call fails, with an I/O error
 *                 full: of a write half is done; from there on no write gets any space
 *                 short: of a write half is done, as a write may; all others are as always
 *                 die: the process is killed right before the call
 *                 tear: of a write half is done, of others all, and the process is killed
 * WOM_DISK_SYNCED a folder that holds each file as it was when it was last synced: what a machine has
 *                 left that loses its power
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_int calls;
static atomic_int dying;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int is(const char *how)
{
    const char *set = getenv("WOM_DISK_HOW");
    return set && strcmp(set, how) == 0;
}

/* The name within the folder, "." for the folder itself; NULL for what does not count. */
static const char *counted(const char *path)
{
    const char *folder = getenv("WOM_DISK"), *files = getenv("WOM_DISK_FILES");
    size_t prefix = folder ? strlen(folder) : 0;
    if (!folder || strncmp(path, folder, prefix) != 0)
        return NULL;
    if (path[prefix] == 0)
        return ".";
    const char *name = path + prefix + 1;
    int one = path[prefix] == '/' && (!files || strncmp(name, files, strlen(files)) == 0);
    return one ? name : NULL;
}

/* The file that is open there, if it counts. */
static const char *inside(int fd)
{
    static _Thread_local char path[PATH_MAX];
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = getenv("WOM_DISK") ? readlink(link, path, PATH_MAX - 1) : -1;
    if (length < 0)
        return NULL;
    path[length] = 0;
    return counted(path);
}

/* The server at the other end, if what is sent to it counts. */
static const char *server(int fd)
{
    const char *port = getenv("WOM_DISK_PORT");
    struct sockaddr_in6 peer; /* with its port where those of IPv4 have it */
    socklen_t length = sizeof peer;
    int known = port && getpeername(fd, (struct sockaddr *)&peer, &length) == 0 &&
                (peer.sin6_family == AF_INET || peer.sin6_family == AF_INET6);
    return known && ntohs(peer.sin6_port) == atoi(port) ? port : NULL;
}

/* How many of the bytes to write; -1, with errno set, to fail. Calls that write none give 0. */
static ssize_t allowed(const char *name, const char *call, size_t bytes)
{
    if (!name)
        return bytes;
    int at = atoi(getenv("WOM_DISK_AT")), now = atomic_fetch_add(&calls, 1) + 1;
    int full = is("full");
    if (now < at || (now > at && !full))
        return bytes;
    if (now == at) {
        char line[PATH_MAX + 64];
        int length = snprintf(line, sizeof line, "\n>struck %s %s\n", call, name);
        REAL(write)(STDOUT_FILENO, line, length);
    }
    if (is("die"))
        raise(SIGKILL);
    if (is("tear"))
        dying = 1;
    if (is("io")) {
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

/* Keeps a file as it is now, since that is on the disk. */
static void keep(int fd, const char *name)
{
    const char *folder = getenv("WOM_DISK_SYNCED");
    char from[32], to[PATH_MAX], part[1 << 16];
    if (!folder || strcmp(name, ".") == 0)
        return;
    snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
    snprintf(to, sizeof to, "%s/%s", folder, name);
    int source = open(from, O_RDONLY), copy = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t length;
    while ((length = read(source, part, sizeof part)) > 0)
        if (REAL(write)(copy, part, length) != length)
            abort();
    if (source < 0 || copy < 0 || length < 0)
        abort();
    close(source);
    close(copy);
}

#define STRIKING(which, name, passed, bytes)                  \
    {                                                         \
        int before = errno;                                   \
        const char *where = which;                            \
        errno = before;                                       \
        ssize_t may = allowed(where, #name, bytes);           \
        if (may < 0)                                          \
            return -1;                                        \
        __typeof__(name passed) done = REAL(name) passed;     \
        if (where && dying)                                   \
            raise(SIGKILL);                                   \
        return done;                                          \
    }
#define WRITING(name, passed, bytes) STRIKING(inside(fd), name, passed, bytes)
#define SENDING(name, passed, bytes) STRIKING(server(fd), name, passed, bytes)

ssize_t write(int fd, const void *from, size_t count)
    WRITING(write, (fd, from, may), count)
ssize_t pwrite(int fd, const void *from, size_t count, off_t at)
    WRITING(pwrite, (fd, from, may, at), count)
ssize_t pwrite64(int fd, const void *from, size_t count, off64_t at)
    WRITING(pwrite64, (fd, from, may, at), count)
static int synced(int fd)
    WRITING(fsync, (fd), 0)
static int data_synced(int fd)
    WRITING(fdatasync, (fd), 0)
int ftruncate(int fd, off_t length)
    WRITING(ftruncate, (fd, length), 0)
int ftruncate64(int fd, off64_t length)
    WRITING(ftruncate64, (fd, length), 0)
int rename(const char *from, const char *to)
    STRIKING(counted(to), rename, (from, to), 0)
ssize_t send(int fd, const void *from, size_t count, int flags)
    SENDING(send, (fd, from, may, flags), count)
ssize_t writev(int fd, const struct iovec *parts, int count)
    SENDING(writev, (fd, parts, count), 0)

#define SYNCING(sync)                       \
    {                                       \
        int done = sync(fd);                \
        const char *name = inside(fd);      \
        if (done == 0 && name)              \
            keep(fd, name);                 \
        return done;                        \
    }

int fsync(int fd)
    SYNCING(synced)
int fdatasync(int fd)
    SYNCING(data_synced)
