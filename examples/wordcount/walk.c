#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct teller {
    void (*fault)(void *user, const char *path, const char *reason);
    void *user;
};

static void tell(struct walk *walk, const struct teller *teller, const char *path,
                 const char *reason)
{
    walk->faults++;
    teller->fault(teller->user, path, reason);
}

static int by_name(const FTSENT **left, const FTSENT **right)
{
    return strcmp((*left)->fts_name, (*right)->fts_name);
}

static int append(struct walk *walk, const char *path)
{
    if (walk->count == walk->capacity) {
        size_t capacity = walk->capacity == 0 ? 64 : walk->capacity * 2;
        char **paths = realloc(walk->paths, capacity * sizeof *paths);
        if (paths == NULL)
            return ENOMEM;
        walk->paths = paths;
        walk->capacity = capacity;
    }
    walk->paths[walk->count] = strdup(path);
    if (walk->paths[walk->count] == NULL)
        return ENOMEM;
    walk->count++;
    return 0;
}

static void add_file(struct walk *walk, const struct teller *teller, const FTSENT *entry)
{
    int error = 0;
    if (faccessat(AT_FDCWD, entry->fts_path, R_OK, AT_EACCESS) != 0)
        error = errno;
    else
        error = append(walk, entry->fts_path);
    if (error != 0)
        tell(walk, teller, entry->fts_path, strerror(error));
    else
        walk->bytes += (uint64_t)entry->fts_statp->st_size;
}

static void add_entry(struct walk *walk, const struct teller *teller, const FTSENT *entry)
{
    switch (entry->fts_info) {
    case FTS_F:
        add_file(walk, teller, entry);
        break;
    case FTS_DNR: // a folder that cannot be read
    case FTS_ERR:
    case FTS_NS: // stat failed
        tell(walk, teller, entry->fts_path, strerror(entry->fts_errno));
        break;
    case FTS_SL:
    case FTS_SLNONE: // a link to nothing or to itself
        if (entry->fts_level == FTS_ROOTLEVEL)
            tell(walk, teller, entry->fts_path, "a symbolic link that leads to nothing");
        break;
    case FTS_DEFAULT:
        if (entry->fts_level == FTS_ROOTLEVEL)
            tell(walk, teller, entry->fts_path, "neither a file nor a folder");
        break;
    default: // a folder before and after what is in it; FTS_DC: a link back to it
        break;
    }
}

void walk_add(struct walk *walk, const char *argument,
              void (*fault)(void *user, const char *path, const char *reason), void *user)
{
    struct teller teller = {.fault = fault, .user = user};
    char *copy = strdup(argument);
    char *const roots[] = {copy, NULL};
    FTS *tree = copy == NULL ? NULL : fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, by_name);
    if (tree == NULL) {
        tell(walk, &teller, argument, strerror(errno));
        free(copy);
        return;
    }
    const FTSENT *entry;
    errno = 0;
    while ((entry = fts_read(tree)) != NULL)
        add_entry(walk, &teller, entry);
    if (errno != 0)
        tell(walk, &teller, argument, strerror(errno));
    fts_close(tree);
    free(copy);
}

void walk_fini(struct walk *walk)
{
    for (size_t i = 0; i < walk->count; i++)
        free(walk->paths[i]);
    free(walk->paths);
    *walk = (struct walk){0};
}
