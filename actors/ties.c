// See ties.h. A hash that is used up goes on with zeros: then the path is a list.
#include "actors/ties.h"

#include <string.h>

static struct trp_tie **child_of(struct trp_tie *tie, uint64_t *hash)
{
    struct trp_tie **child = &tie->children[*hash >> 62];
    *hash <<= 2;
    return child;
}

void trp_ties_add(struct trp_tie **ties, struct trp_tie *tie)
{
    uint64_t hash = troupe_ref_hash(tie->peer);
    while (*ties)
        ties = child_of(*ties, &hash);
    memset(tie->children, 0, sizeof tie->children);
    *ties = tie;
}

struct trp_tie *trp_ties_find(struct trp_tie *ties, troupe_ref peer, uint32_t states)
{
    uint64_t hash = troupe_ref_hash(peer);
    while (ties && !((ties->state & states) && troupe_ref_equal(ties->peer, peer)))
        ties = *child_of(ties, &hash);
    return ties;
}

static struct trp_tie **any_child(struct trp_tie *tie)
{
    for (int i = 0; i < 4; i++)
        if (tie->children[i])
            return &tie->children[i];
    return NULL;
}

// Takes out what is at a place: something without children comes up there from below, as whatever
// is below a place has a hash that leads to it.
static struct trp_tie *take_at(struct trp_tie **place)
{
    struct trp_tie *taken = *place;
    struct trp_tie **below = place, **next;
    while ((next = any_child(*below)) != NULL)
        below = next;
    struct trp_tie *leaf = *below;
    *below = NULL;
    if (leaf != taken) { // after the leaf has left: it may have been a child of `taken`
        memcpy(leaf->children, taken->children, sizeof leaf->children);
        *place = leaf;
    }
    return taken;
}

void trp_ties_remove(struct trp_tie **ties, struct trp_tie *tie)
{
    uint64_t hash = troupe_ref_hash(tie->peer);
    while (*ties != tie)
        ties = child_of(*ties, &hash);
    take_at(ties);
}

struct trp_tie *trp_ties_take(struct trp_tie **ties)
{
    return take_at(ties);
}
