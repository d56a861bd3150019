// Finds the files to be counted.
#ifndef WORDCOUNT_WALK_H
#define WORDCOUNT_WALK_H

#include <stddef.h>
#include <stdint.h>

struct walk {
    char **paths; // regular files, folder by folder in the order of their names
    size_t count, capacity;
    uint64_t bytes; // their sizes together
    size_t faults;  // paths that are missing, unreadable or no files, and were told of
};

// Adds the files at `argument`: itself, or all below it when it is a folder. Symbolic links are
// followed; one that leads back to a folder above it is left out, as are devices, fifos, sockets
// and links to nothing that are found in a folder. What cannot be read or is none of these is told
// to `fault(user, path, reason)`.
void walk_add(struct walk *walk, const char *argument,
              void (*fault)(void *user, const char *path, const char *reason), void *user);

// Frees the list.
void walk_fini(struct walk *walk);

#endif
