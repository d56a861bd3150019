// The reader: one chunk for each ReadMore, so that the coordinator decides how much text there is
// at any time. It runs on a thread of its own and may block.
#include "chunker.h"
#include "wordcount.h"

#include <string.h>

struct reader {
    struct job *job;
    troupe_ref coordinator, console;
    troupe_ctx *ctx; // while a handler runs
    struct chunker chunker;
    struct chunker_files files;
    uint64_t chunks;
    uint32_t unread_files;
};

// Called by the chunker amid a handler.
static void on_trouble(void *user, const char *path, int error)
{
    struct reader *reader = user;
    if (error != 0)
        reader->unread_files++;
    (void)troupe_send(reader->ctx, reader->console, Trouble, .path = path, .error = error);
}

static void close_file(void *user)
{
    chunker_fini(user);
}

static troupe_status reader_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    struct reader *reader = state;
    const struct job_args *given = troupe_match(args, JobArgs);
    if (given == NULL)
        return TROUPE_EINVAL;
    reader->job = given->job;
    reader->coordinator = given->coordinator;
    reader->console = given->console;
    reader->files = chunker_system_files;
    reader->files.trouble = on_trouble;
    reader->files.user = reader;
    const struct walk *input = &reader->job->input;
    chunker_init(&reader->chunker, &reader->files, (const char *const *)input->paths, input->count);
    return troupe_defer(ctx, close_file, &reader->chunker);
}

// Makes a message with room for `capacity` bytes that begins with what `chunk` holds.
static struct chunk_read *new_chunk(troupe_ctx *ctx, struct chunk *chunk, size_t capacity,
                                    troupe_msg **msg)
{
    struct chunk_read *read = troupe_msg_new(ctx, Chunk, msg);
    char *data = read == NULL ? NULL : troupe_msg_alloc(ctx, *msg, capacity);
    if (data == NULL) {
        troupe_msg_free(ctx, *msg);
        *msg = NULL;
        return NULL;
    }
    if (chunk->size > 0)
        memcpy(data, chunk->data, chunk->size);
    chunk->data = data;
    chunk->capacity = capacity;
    return read;
}

// Fills one chunk and moves it to the coordinator, or tells that there is no more.
static troupe_status read_chunk(troupe_ctx *ctx, struct reader *reader)
{
    struct chunk chunk = {0};
    troupe_msg *msg = NULL;
    struct chunk_read *read = new_chunk(ctx, &chunk, reader->job->chunk_size, &msg);
    enum chunker_result result = CHUNKER_GROW;
    while (read != NULL && (result = chunker_fill(&reader->chunker, &chunk)) == CHUNKER_GROW) {
        troupe_msg *smaller = msg;
        read = new_chunk(ctx, &chunk, chunk.capacity * 2, &msg);
        troupe_msg_free(ctx, smaller);
    }
    if (read == NULL)
        return troupe_fail(ctx, TROUPE_ENOMEM, "no memory for a chunk of %zu bytes",
                           chunk.capacity);
    if (result == CHUNKER_END) {
        troupe_msg_free(ctx, msg);
        return troupe_send(ctx, reader->coordinator, AllRead, .chunks = reader->chunks,
                           .unread_files = reader->unread_files);
    }
    *read = (struct chunk_read){.id = reader->chunks++,
                                .text = chunk.data,
                                .size = chunk.size,
                                .bytes = chunk.bytes,
                                .files = chunk.files};
    troupe_status status = troupe_move(ctx, reader->coordinator, msg);
    if (status != TROUPE_OK)
        troupe_msg_free(ctx, msg);
    return status;
}

static troupe_status reader_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct reader *reader = state;
    reader->ctx = ctx;
    if (troupe_match(msg, ReadMore))
        return read_chunk(ctx, reader);
    return TROUPE_UNHANDLED;
}

const troupe_behavior reader_behavior = {
    .name = "reader",
    .state_size = sizeof(struct reader),
    .init = reader_init,
    .receive = reader_receive,
};
