#include "film/av/mp4_box.h"

#include <libavutil/intreadwrite.h>

#include <errno.h>
#include <unistd.h>

bool mp4_box_read(int fd, int64_t at, struct mp4_box *box)
{
    uint8_t head[16];
    ssize_t got;

    do
        got = pread(fd, head, sizeof head, (off_t)at);
    while (got < 0 && errno == EINTR);
    if (got < 8)
        return false;
    *box = (struct mp4_box){.type = AV_RB32(head + 4), .body = at + 8, .bytes = AV_RB32(head)};
    if (box->bytes == 1) {
        const uint64_t wide = got == sizeof head ? AV_RB64(head + 8) : 0;
        box->body = at + 16;
        box->bytes = wide <= INT64_MAX && wide > 0 ? (int64_t)wide : 1; /* 1: none that holds its own header */
    }
    return box->bytes == 0 || box->bytes >= box->body - at;
}
