#include "job/file_terms.h"

void file_terms_add(struct comm *comm, const char *what, const struct file_mark *mark)
{
    comm_must_match(comm, what, "%lld bytes with the fingerprint %.16s...", (long long)mark->bytes, mark->fingerprint);
}

enum status file_terms_take(struct comm *comm, const char *what, const char *path)
{
    struct file_mark mark;

    if (comm->size == 1)
        return ST_OK;
    if (!path) {
        comm_must_match(comm, what, "not given");
        return ST_OK;
    }
    TRY(file_mark_take(what, path, FILE_MARK_THROUGHOUT, &mark));
    file_terms_add(comm, what, &mark);
    return ST_OK;
}
