#include "film/av/mp4_box.h"

#include <libavutil/intreadwrite.h>

#include <errno.h>
#include <unistd.h>

bool mp4_box_read(int fd, int64_t at, int64_t end, struct mp4_box *box)
{
    uint8_t head[16];
    ssize_t got;

    do
        got = pread(fd, head, sizeof head, (off_t)at);
    while (got < 0 && errno == EINTR);
    if (got < 8 || end - at < 8)
        return false;
    int64_t bytes = AV_RB32(head); /* the header included; 0: up to the end */
    *box = (struct mp4_box){.type = AV_RB32(head + 4), .at = at, .body = at + 8, .end = end};
    if (bytes == 1) {
        const uint64_t wide = got == sizeof head ? AV_RB64(head + 8) : 0;
        box->body = at + 16;
        bytes = wide <= INT64_MAX && wide > 0 ? (int64_t)wide : 1; /* 1: none that holds its own header */
    }
    box->is_cut = bytes > end - at;
    if (bytes > 0 && !box->is_cut)
        box->end = at + bytes;
    return box->body <= end && (bytes == 0 || bytes >= box->body - at);
}
