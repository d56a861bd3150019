// The registry of names.
//
// A record per name hangs in a bucket of its shard and in the list of its holder, in slot->watched.
// The shard's lock guards the bucket. The stripe lock of the holder's slot guards the list while
// the holder lives; then the list is its consumer's. Order: the stripe lock, then the shard's.
//
// [held] What decides whether a record counts is the holder's slot:
// 1. It is nobody's as soon as the slot's generation is another one, which is the first step of an
//    end. So all names of an actor are free at once, however many they are, before anybody can
//    know of its end; that the records are taken out and freed may take its time. Until then
//    another record of the same name may be in the same bucket.
// 2. Records of a live actor are added under the stripe lock, after trp_watched_open: so its end,
//    which takes that lock, finds them all.
// 3. A name given by the spawn is in the table before the spawn takes its last step that can fail.
//    It counts when the slot has its body, which is that step after which the actor can be sent
//    to, and before which it does not run. Others who want to have the name wait for that or for
//    the undoing: so who is told that it is taken is told of somebody who is there.
#include "actors/names.h"

#include "actors/name_table.h"

#include <sched.h>
#include <string.h>

troupe_status trp_name_check(const char *name, const char *function)
{
    if (name == NULL)
        return trp_error(TROUPE_EINVAL, "%s: name is NULL", function);
    size_t length = strlen(name);
    if (length < 1)
        return trp_error(TROUPE_EINVAL, "%s: name is empty; give it 1 to %d bytes", function,
                         TROUPE_NAME_MAX);
    if (length > TROUPE_NAME_MAX)
        return trp_error(TROUPE_EINVAL, "%s: name \"%.20s...\" has %zu bytes; 1 to %d are allowed",
                         function, name, length, TROUPE_NAME_MAX);
    return TROUPE_OK;
}

// [held] 1. relaxed: who knows of the end sees this, which came before it.
static bool is_held(const troupe_system *system, const struct trp_name *name)
{
    struct trp_slot *slot = trp_slot_place(&system->slots, name->slot);
    return atomic_load_explicit(&slot->generation, memory_order_relaxed) == name->generation;
}

static struct trp_name *find(const troupe_system *system, const struct trp_name_key *key)
{
    struct trp_name *name = trp_name_first(key);
    while (name && !is_held(system, name))
        name = trp_name_next(key, name);
    return name;
}

// [held] 3
static bool can_be_sent_to(const troupe_system *system, struct trp_name *name)
{
    if (!name->spawning)
        return true;
    struct trp_slot *slot = trp_slot_place(&system->slots, name->slot);
    // acquire: what the spawn did before; an order given now finds the actor alive.
    if (atomic_load_explicit(&slot->body, memory_order_acquire) == NULL)
        return false;
    name->spawning = false;
    return true;
}

static troupe_ref holder_of(const troupe_system *system, const struct trp_name *name)
{
    return trp_ref(system, name->slot, name->generation);
}

// ---- The holder's list

static void give_to(struct trp_watched *watched, struct trp_name *name)
{
    name->holder_previous = NULL;
    name->holder_next = watched->names;
    if (watched->names)
        watched->names->holder_previous = name;
    watched->names = name;
    watched->name_count++;
}

static void take_from(struct trp_watched *watched, struct trp_name *name)
{
    if (name->holder_previous)
        name->holder_previous->holder_next = name->holder_next;
    else
        watched->names = name->holder_next;
    if (name->holder_next)
        name->holder_next->holder_previous = name->holder_previous;
    watched->name_count--;
}

// ---- Adding

enum { ADDED, TAKEN, WAIT };

struct adding {
    struct trp_name_key key;
    struct trp_name *name;
    troupe_ref holder; // TAKEN: who has it
    uint32_t missing;  // a segment that is to be made; 0: none
};

static int add_to_shard(troupe_system *system, struct adding *adding)
{
    struct trp_name_shard *shard = adding->key.shard;
    int outcome = ADDED;
    trp_lock_acquire(&shard->lock);
    struct trp_name *other = find(system, &adding->key);
    if (other) {
        outcome = can_be_sent_to(system, other) ? TAKEN : WAIT;
        adding->holder = holder_of(system, other);
    } else {
        adding->missing = trp_name_put(shard, adding->name);
    }
    trp_lock_release(&shard->lock);
    return outcome;
}

// Under the stripe lock.
static troupe_status add_to_live(troupe_system *system, struct trp_slot *slot,
                                 struct trp_watched **spare, struct adding *adding, bool *again)
{
    *again = false;
    if (trp_watched_open(slot, adding->name->generation, spare) == 0) // [held] 2
        return TROUPE_EDEAD;
    int outcome = add_to_shard(system, adding);
    if (outcome == ADDED) {
        give_to(slot->watched, adding->name);
        trp_watched_grown(slot);
    }
    *again = outcome == WAIT;
    return outcome == ADDED ? TROUPE_OK : TROUPE_EEXIST;
}

static troupe_status add(troupe_system *system, struct trp_slot *slot, struct trp_watched **spare,
                         struct adding *adding)
{
    struct trp_lock *lock = trp_stripe(system, slot->index);
    TRP_YIELD("names add: before the stripe");
    for (;;) {
        bool again;
        trp_lock_acquire(lock);
        troupe_status status = add_to_live(system, slot, spare, adding, &again);
        trp_lock_release(lock);
        if (TRP_LIKELY(!again))
            return status;
        TRP_YIELD("names add: waiting for the other's spawn");
        sched_yield();
    }
}

// What comes after adding, whatever came of it.
static void end_adding(troupe_system *system, struct trp_runner *runner,
                       const struct adding *adding, troupe_status status, troupe_ref *holder)
{
    if (status != TROUPE_OK)
        trp_name_free(system, runner, adding->name);
    else if (TRP_UNLIKELY(adding->missing != 0))
        trp_name_add_segment(system, runner, adding->key.shard, adding->missing);
    if (status == TROUPE_EEXIST)
        *holder = adding->holder;
}

troupe_status trp_names_add(troupe_system *system, struct trp_runner *runner, const char *text,
                            troupe_ref ref, troupe_ref *holder)
{
    struct adding adding = {.missing = 0};
    struct trp_slot *slot = trp_resolve(system, ref);
    if (slot == NULL || !trp_name_key(system, text, &adding.key))
        return TROUPE_EDEAD;
    adding.name = trp_name_new(system, runner, &adding.key, ref.slot, ref.generation);
    if (adding.name == NULL)
        return TROUPE_ENOMEM;
    struct trp_watched *spare = trp_watched_new(system, runner);
    troupe_status status = TROUPE_ENOMEM;
    if (spare)
        status = add(system, slot, &spare, &adding);
    trp_watched_free_spare(system, runner, spare);
    end_adding(system, runner, &adding, status, holder);
    return status;
}

troupe_status trp_names_reserve(troupe_system *system, struct trp_runner *runner, const char *text,
                                struct trp_slot *slot, troupe_ref *holder)
{
    struct adding adding = {.missing = 0};
    if (!trp_name_key(system, text, &adding.key))
        return TROUPE_EINVAL;
    adding.name = trp_name_new(system, runner, &adding.key, slot->index, trp_slot_generation(slot));
    if (adding.name == NULL)
        return TROUPE_ENOMEM;
    adding.name->spawning = true;
    give_to(slot->watched, adding.name); // nobody comes here before the actor is alive
    int outcome;
    TRP_YIELD("names reserve: before the shard");
    while ((outcome = add_to_shard(system, &adding)) == WAIT) {
        TRP_YIELD("names reserve: waiting for the other's spawn");
        sched_yield();
    }
    if (outcome == TAKEN)
        take_from(slot->watched, adding.name);
    troupe_status status = outcome == ADDED ? TROUPE_OK : TROUPE_EEXIST;
    end_adding(system, runner, &adding, status, holder);
    return status;
}

// ---- Looking up

troupe_ref trp_names_find(troupe_system *system, const char *text)
{
    struct trp_name_key key;
    if (!trp_name_key(system, text, &key))
        return (troupe_ref){0, 0, 0};
    TRP_YIELD("names find: before the shard");
    trp_lock_acquire(&key.shard->lock);
    struct trp_name *name = find(system, &key);
    troupe_ref ref =
        name && can_be_sent_to(system, name) ? holder_of(system, name) : (troupe_ref){0, 0, 0};
    trp_lock_release(&key.shard->lock);
    return ref;
}

// ---- Removing

// Takes a name out if it is still `holder` who has it.
static struct trp_name *remove_of(troupe_system *system, const struct trp_name_key *key,
                                  troupe_ref holder)
{
    struct trp_slot *slot = trp_resolve(system, holder);
    struct trp_lock *lock = trp_stripe(system, holder.slot);
    trp_lock_acquire(lock);
    trp_lock_acquire(&key->shard->lock);
    struct trp_name *name = find(system, key);
    if (name && !troupe_ref_equal(holder_of(system, name), holder))
        name = NULL;
    if (name)
        trp_name_take_out(key->shard, name);
    trp_lock_release(&key->shard->lock);
    if (name) // it lives, or its end has not yet taken the lock
        take_from(slot->watched, name);
    trp_lock_release(lock);
    return name;
}

bool trp_names_remove(troupe_system *system, struct trp_runner *runner, const char *text)
{
    for (;;) {
        struct trp_name_key key;
        troupe_ref holder = trp_names_find(system, text);
        if (troupe_ref_is_none(holder) || !trp_name_key(system, text, &key))
            return false;
        TRP_YIELD("names remove: before the stripe");
        struct trp_name *name = remove_of(system, &key, holder);
        if (name) {
            trp_name_free(system, runner, name);
            return true;
        }
    }
}

bool trp_names_release_some(troupe_system *system, struct trp_runner *runner,
                            struct trp_watched *watched, uint32_t limit)
{
    for (; limit > 0 && watched->names; limit--) {
        struct trp_name *name = watched->names;
        watched->names = name->holder_next;
        struct trp_name_shard *shard = trp_name_shard_of(system, name);
        TRP_YIELD("names release: before the shard");
        trp_lock_acquire(&shard->lock);
        trp_name_take_out(shard, name);
        trp_lock_release(&shard->lock);
        trp_name_free(system, runner, name);
    }
    return watched->names == NULL;
}
