/* content: the first bytes only, by comparing them: no file is decoded here. */
#include "catalog/listing/content.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { HEAD_BYTES = 16384, TS_LEAST_PACKETS = 5, OGG_HEADER = 27 };

struct magic {
    size_t at, n;
    const char *bytes;
};

static const struct magic containers[] = {
    {0, 4, "\x00\x00\x01\xba"}, /* MPEG program stream: DVD recorders, camcorders */
    {0, 4, "\x00\x00\x01\xb3"}, /* MPEG-1 or 2 without a container */
    {8, 4, "CDXA"},             /* Video CD: RIFF, see below */
    {8, 4, "AVI "},
    {8, 4, "4XMV"},
    {0, 18, "jacquard pattern 1"}, /* film/pattern.h */
    {4, 4, "ftyp"},                /* MP4 and its kin */
    {4, 4, "moov"},
    {4, 4, "mdat"},
    {4, 4, "wide"},
    {0, 4, "\x1a\x45\xdf\xa3"},                 /* Matroska */
    {0, 8, "\x30\x26\xb2\x75\x8e\x66\xcf\x11"}, /* ASF */
    {0, 4, "FLV\x01"},
    {0, 4, "\x06\x0e\x2b\x34"}, /* MXF */
    {0, 4, ".RMF"},
    {0, 3, "\x1f\x07\x00"}, /* DV */
    {0, 4, "FILM"},         /* Sega */
    {0, 4, "DFIA"},
    {0, 4, "pmpm"},
};

static bool has(const uint8_t *head, size_t n, size_t at, const char *bytes, size_t length)
{
    return n >= at + length && memcmp(head + at, bytes, length) == 0;
}

/* Transport packets of 188 bytes, with 4 more before (Blu-ray) or 16 behind each; a recording may begin within one. */
static bool is_transport(const uint8_t *head, size_t n)
{
    static const size_t sizes[] = {188, 192, 204};

    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t at = 0; at < sizes[s]; at++) {
            size_t i = 0, next = at;
            for (; next < n && head[next] == 0x47; next += sizes[s])
                i++;
            if (i >= TS_LEAST_PACKETS && next >= n) /* all that are there: text has many of that byte, too */
                return true;
        }
    return false;
}

/* Every stream of an Ogg file has a page of its own before all others, which says what it is. */
static bool ogg_has_pictures(const uint8_t *head, size_t n)
{
    static const struct magic codecs[] = {
        {0, 7, "\x80theora"},
        {0, 5, "OVP80"},     /* VP8 */
        {0, 5, "BBCD\0"},    /* Dirac */
        {0, 6, "\x01video"}, /* OGM */
        {0, 12,
         "\x01"
         "Direct Show"}, /* the first OGM files */
    };
    size_t at = 0;

    while (has(head, n, at, "OggS", 4) && n > at + OGG_HEADER && (head[at + 5] & 2)) {
        const size_t n_segments = head[at + 26], body = at + OGG_HEADER + n_segments;
        size_t bytes = 0;
        if (body > n)
            return false;
        for (size_t i = 0; i < n_segments; i++)
            bytes += head[at + OGG_HEADER + i];
        for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++)
            if (has(head, n, body, codecs[i].bytes, codecs[i].n))
                return true;
        at = body + bytes;
    }
    return false;
}

bool content_is_film(const uint8_t *head, size_t n)
{
    const bool is_riff = has(head, n, 0, "RIFF", 4);

    for (size_t i = 0; i < sizeof containers / sizeof *containers; i++) {
        const struct magic *m = &containers[i];
        if (has(head, n, m->at, m->bytes, m->n) && (m->at != 8 || is_riff))
            return true;
    }
    return is_transport(head, n) || ogg_has_pictures(head, n);
}

bool content_file_is_film(const char *path)
{
    uint8_t head[HEAD_BYTES];
    size_t n = 0;
    ssize_t got = 1;
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return false;
    while (n < sizeof head && got > 0) {
        got = read(fd, head + n, sizeof head - n);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            n += (size_t)got;
    }
    close(fd);
    return content_is_film(head, n);
}
