// The state is a path and an offset: what a chunk has no room for is read again for the next one,
// from the page cache, and no text is kept between chunks.
#include "chunker.h"

#include "words.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- The operating system's files

static int system_open(void *user, const char *path)
{
    (void)user;
    // A file that was replaced by a fifo since it was found must not hold the reader.
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return file < 0 ? -errno : file;
}

static int64_t system_size(void *user, int file)
{
    (void)user;
    struct stat about;
    if (fstat(file, &about) != 0)
        return -errno;
    return S_ISREG(about.st_mode) ? about.st_size : -EINVAL;
}

static int64_t system_read(void *user, int file, char *to, size_t size, int64_t offset)
{
    (void)user;
    ssize_t got;
    do
        got = pread(file, to, size, offset);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

static void system_close(void *user, int file)
{
    (void)user;
    close(file);
}

const struct chunker_files chunker_system_files = {
    .open = system_open,
    .size = system_size,
    .read = system_read,
    .close = system_close,
};

// ---- Chunks

void chunker_init(struct chunker *chunker, const struct chunker_files *files,
                  const char *const *paths, size_t path_count)
{
    *chunker =
        (struct chunker){.files = files, .paths = paths, .path_count = path_count, .file = -1};
}

void chunker_fini(struct chunker *chunker)
{
    if (chunker->file >= 0)
        chunker->files->close(chunker->files->user, chunker->file);
    chunker->file = -1;
}

static void trouble(const struct chunker *chunker, int error)
{
    chunker->files->trouble(chunker->files->user, chunker->paths[chunker->path], error);
}

static void next_path(struct chunker *chunker)
{
    chunker_fini(chunker);
    chunker->path++;
    chunker->offset = 0;
}

// Opens the file of the current path. False: it cannot be read.
static bool open_path(struct chunker *chunker)
{
    const struct chunker_files *files = chunker->files;
    int file = files->open(files->user, chunker->paths[chunker->path]);
    if (file < 0) {
        trouble(chunker, -file);
        return false;
    }
    chunker->file = file;
    chunker->offset = 0;
    chunker->size = files->size(files->user, file);
    if (chunker->size < 0) {
        trouble(chunker, (int)-chunker->size);
        return false;
    }
    return true;
}

// Reads of the open file what there is room for, but for a byte that its end will need. Tells
// whether that was the rest of it.
static bool read_on(struct chunker *chunker, struct chunk *chunk)
{
    const struct chunker_files *files = chunker->files;
    int64_t at = chunker->offset + (int64_t)(chunk->size - chunk->begin);
    while (at < chunker->size && chunk->size < chunk->capacity - 1) {
        size_t room = chunk->capacity - 1 - chunk->size;
        if ((int64_t)room > chunker->size - at)
            room = (size_t)(chunker->size - at);
        int64_t got = files->read(files->user, chunker->file, chunk->data + chunk->size, room, at);
        if (got <= 0) {
            trouble(chunker, (int)-got);
            chunker->size = at; // as if it had always ended here
            break;
        }
        chunk->size += (size_t)got;
        at += got;
    }
    return at == chunker->size;
}

// Ends the open file's part of the chunk with the file.
static void end_file(struct chunker *chunker, struct chunk *chunk)
{
    chunk->bytes += chunk->size - chunk->begin;
    chunk->files++;
    chunk->data[chunk->size++] = '\n';
    chunk->begin = chunk->size;
    next_path(chunker);
}

// Ends the open file's part of the chunk at `end`; the rest is for the next chunk.
static enum chunker_result cut(struct chunker *chunker, struct chunk *chunk, size_t end)
{
    chunker->offset += (int64_t)(end - chunk->begin);
    chunk->bytes += end - chunk->begin;
    chunk->size = end;
    return CHUNKER_FULL;
}

// Goes on with a chunk that holds the begin of a long word: it becomes that word and nothing else.
static enum chunker_result fill_with_word(struct chunker *chunker, struct chunk *chunk)
{
    size_t end = chunk->size;
    bool is_rest = read_on(chunker, chunk);
    while (end < chunk->size && words_is_letter(chunk->data[end]))
        end++;
    if (end < chunk->size)
        return cut(chunker, chunk, end);
    if (!is_rest)
        return CHUNKER_GROW;
    end_file(chunker, chunk);
    return CHUNKER_FULL;
}

enum chunker_result chunker_fill(struct chunker *chunker, struct chunk *chunk)
{
    if (chunk->size > 0)
        return fill_with_word(chunker, chunk);
    while (chunker->path < chunker->path_count && chunk->size + 1 < chunk->capacity) {
        if (chunker->file < 0 && !open_path(chunker)) {
            next_path(chunker);
        } else if (read_on(chunker, chunk)) {
            end_file(chunker, chunk);
        } else {
            size_t end = chunk->size;
            while (end > chunk->begin && words_is_letter(chunk->data[end - 1]))
                end--;
            return end > 0 ? cut(chunker, chunk, end) : CHUNKER_GROW;
        }
    }
    return chunk->size > 0 ? CHUNKER_FULL : CHUNKER_END;
}
