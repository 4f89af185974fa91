#include "catalog/protocol/wire.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

bool wire_send(int fd, enum wire_kind kind, const void *data, size_t bytes)
{
    uint32_t head = (uint32_t)kind;
    struct iovec parts[2] = {{&head, sizeof head}, {(void *)(uintptr_t)data, bytes}};
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t n;

    do
        n = sendmsg(fd, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)(sizeof head + bytes);
}

bool wire_receive(int fd, enum wire_kind *kind, void *data, size_t *bytes)
{
    uint32_t head = 0;
    struct iovec parts[2] = {{&head, sizeof head}, {data, WIRE_ROOM}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t n;

    do
        n = recvmsg(fd, &message, 0);
    while (n < 0 && errno == EINTR);
    if (n < (ssize_t)sizeof head)
        return false;
    *kind = (enum wire_kind)head;
    *bytes = (size_t)n - sizeof head;
    return true;
}
