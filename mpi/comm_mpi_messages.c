/* comm_mpi_messages: messages between two ranks (comm_post, comm_take) over MPI: each is memory of its own, which MPI
 * sends from or receives into while both ranks do other things. */
#include "mpi/comm_mpi.h"

#include "base/mem.h"
#include "mpi/comm_ops.h"

#include <stdlib.h>
#include <string.h>

/* request is MPI's, which reads or writes data until it is done. */
struct message {
    struct message *next;
    MPI_Request request;
    int from; /* of what comes in */
    size_t bytes;
    char data[];
};

static void messages_add(struct messages *messages, struct message *message)
{
    message->next = NULL;
    if (messages->first)
        messages->last->next = message;
    else
        messages->first = message;
    messages->last = message;
}

/* The message after `before`, or the first. */
static struct message *messages_remove(struct messages *messages, struct message *before)
{
    struct message **link = before ? &before->next : &messages->first;
    struct message *message = *link;

    *link = message->next;
    if (messages->last == message)
        messages->last = before;
    return message;
}

static struct message *message_open(size_t bytes)
{
    struct message *message = mem_array(sizeof *message + bytes, 1);

    if (message)
        message->bytes = bytes;
    return message;
}

/* Looks at a few of what was sent, at others each time: with one look for each message sent, a slow receiver does not
 * hold back the memory of messages that others have long taken. After a fault the message leaks: MPI may still read
 * it. */
static enum status reap_sent(struct messages *sent)
{
    for (int i = 0; i < 4 && sent->first; i++) {
        struct message *message = messages_remove(sent, NULL);
        int is_done = 0;

        TRY_MPI(MPI_Test(&message->request, &is_done, MPI_STATUS_IGNORE), "sending a message");
        if (is_done)
            free(message);
        else
            messages_add(sent, message);
    }
    return ST_OK;
}

enum status comm_mpi_post(struct comm *comm, int to, const void *data, size_t bytes)
{
    struct comm_group *group = comm->group;
    struct message *message = NULL;

    TRY(reap_sent(&group->sent));
    message = message_open(bytes);
    TRY_MEM(message);
    if (bytes > 0)
        memcpy(message->data, data, bytes);
    const int error = MPI_ALONE(MPI_Isend(message->data, (int)bytes, MPI_BYTE, to, 0, group->mpi, &message->request));
    if (error != MPI_SUCCESS) {
        free(message);
        return comm_mpi_fault(error, "sending a message");
    }
    messages_add(&group->sent, message);
    return ST_OK;
}

/* MPI_Recv would wait for a sender that is busy with other things, so a message is received into memory of its own
 * while others come in. Only this thread receives: what was probed is what is received. */
static enum status start_receiving(struct comm_group *group)
{
    static const char what[] = "looking for messages";
    MPI_Status status;
    int is_there = 0, bytes = 0;

    TRY_MPI(MPI_Iprobe(MPI_ANY_SOURCE, 0, group->mpi, &is_there, &status), what);
    if (!is_there)
        return ST_OK;
    TRY_MPI(MPI_Get_count(&status, MPI_BYTE, &bytes), what);
    struct message *message = message_open((size_t)bytes);
    TRY_MEM(message);
    message->from = status.MPI_SOURCE;
    const int error =
        MPI_ALONE(MPI_Irecv(message->data, bytes, MPI_BYTE, message->from, 0, group->mpi, &message->request));
    if (error != MPI_SUCCESS) {
        free(message);
        return comm_mpi_fault(error, "receiving a message");
    }
    messages_add(&group->coming, message);
    return ST_OK;
}

static bool is_first_of_rank(const struct messages *coming, const struct message *message)
{
    for (const struct message *earlier = coming->first; earlier != message; earlier = earlier->next)
        if (earlier->from == message->from)
            return false;
    return true;
}

enum status messages_next(struct comm_group *group, struct message **arrived)
{
    struct message *before = NULL;

    *arrived = NULL;
    TRY(reap_sent(&group->sent));
    TRY(start_receiving(group));
    for (struct message *message = group->coming.first; message; before = message, message = message->next) {
        int is_done = 0;

        if (!is_first_of_rank(&group->coming, message))
            continue;
        TRY_MPI(MPI_Test(&message->request, &is_done, MPI_STATUS_IGNORE), "receiving a message");
        if (is_done) {
            *arrived = messages_remove(&group->coming, before);
            break;
        }
    }
    return ST_OK;
}

enum status comm_mpi_take(struct comm *comm, void *data, size_t room, size_t *bytes, int *from)
{
    struct message *message = NULL;
    enum status st = messages_next(comm->group, &message);

    if (st != ST_OK || !message)
        return st;
    st = comm_hand_over(message->data, message->bytes, message->from, data, room);
    *bytes = message->bytes;
    *from = message->from;
    free(message);
    return st;
}

/* The messages of a part that were under way when it was closed: MPI may read or write them until the end. */
static struct messages given_up;

void messages_give_up(struct messages *messages)
{
    while (messages->first) {
        struct message *message = messages_remove(messages, NULL);
        int is_done = 0;

        if (MPI_ALONE(MPI_Test(&message->request, &is_done, MPI_STATUS_IGNORE)) == MPI_SUCCESS && is_done)
            free(message);
        else
            messages_add(&given_up, message);
    }
}
