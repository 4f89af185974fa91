#include "barcode/piece_store.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/sha256.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct head {
    char magic[16];
    char key[PIECE_KEY_BYTES];
    uint64_t bytes;
};

static struct head make_head(const char *key, size_t bytes)
{
    struct head head = {.magic = "jacquard-piece", .bytes = bytes};

    memcpy(head.key, key, sizeof head.key);
    return head;
}

enum status piece_store_save(const char *path, const char *key, const struct piece_block *block, int n_blocks)
{
    struct file_out out;
    struct sha256 sha;
    uint8_t digest[SHA256_BYTES];
    size_t bytes = 0;

    for (int i = 0; i < n_blocks; i++)
        bytes += block[i].bytes;
    const struct head head = make_head(key, bytes);

    TRY(file_out_open(&out, path, true));
    sha256_init(&sha);
    sha256_add(&sha, &head, sizeof head);
    fwrite(&head, 1, sizeof head, out.stream);
    for (int i = 0; i < n_blocks; i++) {
        sha256_add(&sha, block[i].data, block[i].bytes);
        fwrite(block[i].data, 1, block[i].bytes, out.stream);
    }
    sha256_end(&sha, digest);
    fwrite(digest, 1, sizeof digest, out.stream);
    const enum status st = file_out_commit(&out); /* knows of failed writes */
    file_out_discard(&out);
    return st;
}

static bool is_sound(const char *text, size_t bytes, const char *key)
{
    struct sha256 sha;
    uint8_t digest[SHA256_BYTES];

    if (bytes < sizeof(struct head) + SHA256_BYTES)
        return false;
    const struct head wanted = make_head(key, bytes - sizeof wanted - SHA256_BYTES);
    sha256_init(&sha);
    sha256_add(&sha, text, bytes - SHA256_BYTES);
    sha256_end(&sha, digest);
    return memcmp(text, &wanted, sizeof wanted) == 0 && memcmp(text + bytes - SHA256_BYTES, digest, SHA256_BYTES) == 0;
}

enum status piece_store_load(const char *path, const char *key, char **data, size_t *bytes, bool *found)
{
    char *text = NULL;
    size_t n = 0;
    struct stat info;

    *found = false;
    *data = NULL;
    *bytes = 0;
    if (stat(path, &info) != 0)
        return ST_OK;
    TRY(file_read_all(path, ST_IO, &text, &n));
    if (is_sound(text, n, key)) {
        *bytes = n - sizeof(struct head) - SHA256_BYTES;
        *data = mem_array(*bytes, 1);
        if (*data) {
            memcpy(*data, text + sizeof(struct head), *bytes);
            *found = true;
        }
    }
    free(text);
    return *found || *bytes == 0 ? ST_OK : ST_NOMEM;
}
