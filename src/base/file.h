/* file: outputs that appear whole or not at all: written under a temporary name beside the target, then renamed; inputs
 * that are regular files; what is asked of both before long work starts. Local. */
#ifndef JACQUARD_BASE_FILE_H
#define JACQUARD_BASE_FILE_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct file_out {
    FILE *stream;    /* write here */
    char *path;      /* the target */
    char *temp_path; /* path + ".XXXXXX.tmp" */
    bool force;      /* replaces an older file at path */
};

/* ST_IO where the folder does not exist or is not writable; ST_USAGE where path exists and force is false, or is
 * anything but a regular file. */
enum status file_out_open(struct file_out *out, const char *path, bool force);

/* Flushes, syncs and renames. On failure the temporary file is gone and an older file at path is untouched. */
enum status file_out_commit(struct file_out *out);

/* How a writer ends: commits where st is ST_OK, else discards and relays st. */
enum status file_out_end(struct file_out *out, enum status st);

/* Removes the temporary file; does nothing after a commit. Safe on a zeroed struct. */
void file_out_discard(struct file_out *out);

/* A regular file, read by pieces. */
struct file_in {
    const char *path;
    int fd; /* -1: not open */
    int64_t bytes;
};

/* ST_USAGE where it cannot be opened, is not a regular file, or has more than most_bytes. path is kept. */
enum status file_in_open(struct file_in *in, const char *path, int64_t most_bytes);
/* The next `wanted` bytes, or as many as are left: *n is less only at the end. at_fault where reading fails. */
enum status file_in_read(struct file_in *in, enum status at_fault, void *to, size_t wanted, size_t *n);
void file_in_close(struct file_in *in); /* also after a failure of file_in_open */

/* All of a regular file, followed by a 0 that *bytes does not count; *text is heap. `at_fault` where reading fails,
 * ST_USAGE where it cannot be opened or is not a regular file. What was cut short meanwhile is handed out as it is. */
enum status file_read_all(const char *path, enum status at_fault, char **text, size_t *bytes);

/* file_read_all, but ST_USAGE where the file has more than most_bytes. */
enum status file_read_most(const char *path, enum status at_fault, int64_t most_bytes, char **text, size_t *bytes);

/* A regular file's first bytes, `most` at most: how many there are; 0 where it cannot be read. */
size_t file_read_head(const char *path, void *head, size_t most);

/* The digest of the file's bytes, read by pieces, as 64 digits and a 0; *bytes: how many. Faults as file_read_all. */
enum status file_sha256(const char *path, enum status at_fault, char hex[65], int64_t *bytes);

/* ST_USAGE if path exists and force is false, or it is a folder, or its folder does not exist or is not writable: asked
 * before long work starts. */
enum status file_check_output(const char *path, bool force);

/* n bytes from byte `at` on, by any thread. Messages name path; reading: ST_FORMAT where it fails or the file ends
 * before; writing: ST_IO. */
enum status file_read_at(const char *path, int fd, void *to, size_t n, int64_t at);
enum status file_write_at(const char *path, int fd, const void *from, size_t n, int64_t at);

/* Whether both names lead to the same file, or would if it existed. */
bool file_is_same(const char *a, const char *b);

/* file_check_output for each of outputs[n]; ST_USAGE too where two outputs are the same file, or an output is one of
 * inputs[n_inputs]. NULL entries are passed over. */
enum status file_check_outputs(const char *const *outputs, int n, const char *const *inputs, int n_inputs, bool force);

/* ST_IO where it cannot be made; that it is there already is no fault. */
enum status file_make_folder(const char *path);

/* path with its last suffix (after the last '/') replaced or, with none, added: ("a/b.mp4", ".png") -> "a/b.png".
 * Heap; NULL with a message when memory ran out. */
char *file_with_suffix(const char *path, const char *suffix);

#endif
