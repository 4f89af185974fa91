/* file_terms: files that must be the same on every rank: one name may mean different files on different hosts, or
 * none. */
#ifndef JACQUARD_JOB_FILE_TERMS_H
#define JACQUARD_JOB_FILE_TERMS_H

#include "base/file_mark.h"
#include "mpi/comm.h"

/* Local. For comm_meet: the file of the mark, as this rank sees it; its name and its time may differ. */
void file_terms_add(struct comm *comm, const char *what, const struct file_mark *mark);

/* Local. The same of a file that was not looked at yet, throughout; NULL: none. Nothing where there is one rank only.
 * As file_mark_take. */
enum status file_terms_take(struct comm *comm, const char *what, const char *path);

#endif
