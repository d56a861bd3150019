// Cuts a list of files into chunks of text that begin and end where words do.
//
//     files     |aaa bbb cc|dd| |eee fff ggggggggggggggggggggggg hh|
//     chunks    |aaa bbb cc\ndd\n eee fff |ggggggggggggggggggggggg |hh\n|
//
// A chunk holds as many files, or as much of one, as fits. Of each file a newline makes the end, so
// no word spans two files. A word that is longer than a chunk has one of its own that is as long as
// the word needs. A file is read up to the size that it has when it is opened, or up to where it
// ends now if that is less.
#ifndef WORDCOUNT_CHUNKER_H
#define WORDCOUNT_CHUNKER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// How files are read: as open, fstat, pread and close; a negative result is -errno.
struct chunker_files {
    int (*open)(void *user, const char *path);
    int64_t (*size)(void *user, int file);
    int64_t (*read)(void *user, int file, char *to, size_t size, int64_t offset);
    void (*close)(void *user, int file);
    // Tells of a file that cannot be read (any more): `error` is its errno, or 0 when the file has
    // become shorter than it was. What was read before counts.
    void (*trouble)(void *user, const char *path, int error);
    void *user;
};

// The operating system's files; `trouble` and `user` are left to be filled in.
extern const struct chunker_files chunker_system_files;

struct chunker {
    const struct chunker_files *files;
    const char *const *paths;
    size_t path_count;
    size_t path;    // which one is being read
    int file;       // -1: not opened yet
    int64_t size;   // of the open file, when it was opened
    int64_t offset; // up to where its text is in chunks
};

struct chunk {
    char *data;
    size_t capacity; // bytes at `data`; at least 2
    size_t size;     // bytes that are filled
    uint64_t bytes;  // of them from files: without the newlines that were put in
    uint32_t files;  // that end in this chunk
    size_t begin;    // where the open file's part begins; the chunker's own
};

enum chunker_result {
    CHUNKER_FULL, // the chunk is ready and there may be more
    CHUNKER_GROW, // nothing but one unfinished word fits: call again with more capacity
    CHUNKER_END   // there is no more text, and this chunk is empty
};

// Begins with the first path. Ownership: `files` and `paths` are the caller's and must outlive it.
void chunker_init(struct chunker *chunker, const struct chunker_files *files,
                  const char *const *paths, size_t path_count);

// Closes what is open.
void chunker_fini(struct chunker *chunker);

// Fills a chunk. All of `chunk` but data and capacity is 0 at the first call; after CHUNKER_GROW
// the next call gets the same chunk with the same `size` bytes in a larger place. May block.
enum chunker_result chunker_fill(struct chunker *chunker, struct chunk *chunk);

#endif
