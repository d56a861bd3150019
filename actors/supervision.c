// The table of a supervisor's children: made from the specification at each start of the
// supervisor, in order of start, with an index by id. A child's slot knows its entry (slot->entry).
// See supervision.h for who may read what.
#include "actors/supervision.h"

#include "actors/supervisor.h"
#include "base/hash.h"

#include <string.h>

// ---- Budgets

static bool init_budget(troupe_system *system, struct trp_runner *runner, struct trp_budget *budget,
                        uint32_t max_restarts, uint32_t within_ms)
{
    *budget = (struct trp_budget){.max = max_restarts == TROUPE_NO_RESTARTS ? 0
                                         : max_restarts                     ? max_restarts
                                                        : TRP_DEFAULT_MAX_RESTARTS,
                                  .within_ns = (within_ms ? within_ms : TRP_DEFAULT_WITHIN_MS) *
                                               TRP_NS_PER_MS};
    budget->times = trp_take(system, runner, (budget->max + (size_t)1) * sizeof *budget->times);
    return budget->times != NULL;
}

static void fini_budget(troupe_system *system, struct trp_runner *runner, struct trp_budget *budget)
{
    if (budget->times)
        trp_give(system, runner, budget->times, (budget->max + (size_t)1) * sizeof *budget->times);
}

// Pushes now onto the times of restarts, forgets those older than the period (one that is exactly
// as old still counts), and tells whether there are more than allowed. OTP's add_restart.
bool trp_budget_is_exceeded(struct trp_budget *budget, uint64_t now)
{
    uint32_t size = budget->max + 1;
    while (budget->count > 0 && now - budget->times[budget->first] > budget->within_ns) {
        budget->first = (budget->first + 1) % size;
        budget->count--;
    }
    budget->times[(budget->first + budget->count) % size] = now;
    return ++budget->count > budget->max;
}

// ---- The whole

static size_t text_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static struct trp_supervision *allocate(troupe_system *system, struct trp_runner *runner,
                                        const troupe_supervisor *spec)
{
    size_t specs = spec->child_count * sizeof(struct trp_child_spec *);
    size_t size = sizeof(struct trp_supervision) + specs + text_size(spec->register_as);
    struct trp_supervision *supervision = trp_take(system, runner, size);
    if (supervision == NULL)
        return NULL;
    memset(supervision, 0, size);
    supervision->size = size;
    supervision->strategy = spec->strategy;
    supervision->auto_shutdown = spec->auto_shutdown;
    if (spec->register_as)
        supervision->register_as =
            strcpy((char *)supervision + sizeof *supervision + specs, spec->register_as);
    return supervision;
}

troupe_status trp_supervision_new(troupe_system *system, struct trp_runner *runner,
                                  const troupe_supervisor *spec, struct trp_supervision **made)
{
    struct trp_supervision *supervision = allocate(system, runner, spec);
    if (supervision == NULL)
        return trp_error(TROUPE_ENOMEM, "no memory for a supervisor");
    troupe_status status = TROUPE_OK;
    if (!init_budget(system, runner, &supervision->budget, spec->max_restarts, spec->within_ms))
        status = trp_error(TROUPE_ENOMEM, "no memory for a supervisor");
    for (size_t i = 0; i < spec->child_count && status == TROUPE_OK; i++) {
        status = trp_child_spec_new(system, runner, &spec->children[i], &supervision->specs[i]);
        if (status == TROUPE_OK)
            supervision->spec_count++;
    }
    if (status == TROUPE_OK)
        *made = supervision;
    else
        trp_supervision_free(system, runner, supervision);
    return status;
}

static void free_child(troupe_system *system, struct trp_runner *runner, struct trp_child *child)
{
    while (child->requests) {
        struct trp_request *request = child->requests;
        child->requests = request->next;
        trp_request_forget(system, runner, request);
    }
    if (child->args)
        trp_args_release(system, runner, child->args);
    if (child->budget) {
        fini_budget(system, runner, child->budget);
        trp_give(system, runner, child->budget, sizeof *child->budget);
    }
    trp_child_spec_release(system, runner, child->spec);
    trp_give(system, runner, child, sizeof *child);
}

// Takes the table from its supervision; under the lock.
static struct trp_supervision take_table(struct trp_supervision *supervision)
{
    struct trp_supervision table = {.first = supervision->first,
                                    .buckets = supervision->buckets,
                                    .bucket_count = supervision->bucket_count,
                                    .old_buckets = supervision->old_buckets};
    supervision->first = supervision->last = NULL;
    supervision->count = 0;
    supervision->buckets = NULL;
    supervision->bucket_count = 0;
    supervision->old_buckets = NULL;
    supervision->due.root = NULL;
    supervision->wait.previous = NULL; // it is in no heap
    supervision->sweep = NULL;
    supervision->step = TRP_STEP_NONE;
    supervision->significant = 0;
    supervision->at = supervision->from = supervision->culprit = NULL;
    supervision->failed_first = supervision->failed_last = NULL;
    supervision->looking = false;
    return table;
}

static void free_buckets(troupe_system *system, struct trp_runner *runner,
                         struct trp_child **buckets, uint32_t count)
{
    if (buckets)
        trp_give(system, runner, buckets, count * sizeof *buckets);
}

static void free_table(troupe_system *system, struct trp_runner *runner,
                       struct trp_supervision *table)
{
    while (table->first) {
        struct trp_child *child = table->first;
        table->first = child->next;
        free_child(system, runner, child);
    }
    free_buckets(system, runner, table->buckets, table->bucket_count);
    free_buckets(system, runner, table->old_buckets, table->bucket_count / 2);
}

void trp_supervision_clear(troupe_system *system, struct trp_runner *runner,
                           struct trp_slot *supervisor)
{
    struct trp_lock *lock = trp_stripe(system, supervisor->index);
    trp_lock_acquire(lock);
    struct trp_supervision table = take_table(supervisor->persist->supervision);
    trp_lock_release(lock);
    free_table(system, runner, &table);
}

// Nobody else can see it any more, or yet.
void trp_supervision_free(troupe_system *system, struct trp_runner *runner,
                          struct trp_supervision *supervision)
{
    free_table(system, runner, supervision);
    for (uint32_t i = 0; i < supervision->spec_count; i++)
        trp_child_spec_release(system, runner, supervision->specs[i]);
    fini_budget(system, runner, &supervision->budget);
    trp_give(system, runner, supervision, supervision->size);
}

const struct trp_supervision *trp_supervision_locked(const struct trp_slot *slot, troupe_ref ref)
{
    if (slot == NULL)
        return NULL;
    // acquire: of the spawn. Nothing else of the slot but by what this says: any other actor's end
    // does not wait for the lock.
    uint64_t orders = atomic_load_explicit(&slot->orders, memory_order_acquire);
    bool is = trp_slot_lives(orders, ref.generation) && (orders & TRP_ALIVE_SUPERVISES);
    return is ? slot->persist->supervision : NULL;
}

// ---- The index: by id; of simple one for one by slot, as its children have no id
//
// It doubles when there are as many children as buckets. Then each child that is added moves one of
// the old buckets, so that all have been moved before the next time, and nobody waits for long. The
// new ones are written to when the old one is moved whose children they get.

static struct trp_child **bucket(const struct trp_supervision *supervision, uint64_t hash)
{
    uint64_t old = hash & (supervision->bucket_count / 2 - 1);
    if (supervision->old_buckets && old >= supervision->moved)
        return &supervision->old_buckets[old];
    return &supervision->buckets[hash & (supervision->bucket_count - 1)];
}

static struct trp_child **bucket_of(const struct trp_supervision *supervision,
                                    const struct trp_child *child)
{
    return bucket(supervision, trp_is_simple(supervision) ? child->slot->index
                                                          : trp_hash_text(child->spec->child.id));
}

struct trp_child *trp_child_by_id(const struct trp_supervision *supervision, const char *id)
{
    if (supervision->buckets == NULL || trp_is_simple(supervision))
        return NULL;
    struct trp_child *child = *bucket(supervision, trp_hash_text(id));
    while (child && strcmp(child->spec->child.id, id) != 0)
        child = child->bucket_next;
    return child;
}

struct trp_child *trp_child_by_ref(const struct trp_supervision *supervision, troupe_ref ref)
{
    bool simple = trp_is_simple(supervision);
    if (supervision->buckets == NULL)
        return NULL;
    struct trp_child *child = simple ? *bucket(supervision, ref.slot) : supervision->first;
    while (child && (child->slot == NULL || child->slot->index != ref.slot ||
                     child->generation != ref.generation))
        child = simple ? child->bucket_next : child->next;
    return child;
}

static void enter(struct trp_supervision *supervision, struct trp_child *child)
{
    struct trp_child **at = bucket_of(supervision, child);
    child->bucket_next = *at;
    *at = child;
}

static void leave(struct trp_supervision *supervision, struct trp_child *child)
{
    struct trp_child **at = bucket_of(supervision, child);
    while (*at != child)
        at = &(*at)->bucket_next;
    *at = child->bucket_next;
}

static void move_bucket(troupe_system *system, struct trp_runner *runner,
                        struct trp_supervision *supervision)
{
    if (supervision->old_buckets == NULL)
        return;
    uint32_t half = supervision->bucket_count / 2, old = supervision->moved++;
    struct trp_child *child = supervision->old_buckets[old];
    supervision->buckets[old] = supervision->buckets[old + half] = NULL;
    while (child) {
        struct trp_child *next = child->bucket_next;
        enter(supervision, child);
        child = next;
    }
    if (supervision->moved < half)
        return;
    free_buckets(system, runner, supervision->old_buckets, half);
    supervision->old_buckets = NULL;
}

// Makes room for one more; false without memory. Under the lock.
static bool grow(troupe_system *system, struct trp_runner *runner,
                 struct trp_supervision *supervision)
{
    move_bucket(system, runner, supervision);
    if (supervision->count < supervision->bucket_count || supervision->old_buckets)
        return true;
    uint32_t wanted = supervision->bucket_count ? 2 * supervision->bucket_count : 8;
    struct trp_child **buckets = trp_take(system, runner, wanted * sizeof *buckets);
    if (buckets == NULL)
        return supervision->buckets != NULL; // longer chains will do
    if (supervision->buckets == NULL)
        memset(buckets, 0, wanted * sizeof *buckets);
    supervision->old_buckets = supervision->buckets;
    supervision->moved = 0;
    supervision->buckets = buckets;
    supervision->bucket_count = wanted;
    return true;
}

// ---- Children

static bool give_budget(troupe_system *system, struct trp_runner *runner, struct trp_child *child)
{
    const troupe_child *spec = &child->spec->child;
    if (spec->max_restarts == 0)
        return true;
    child->budget = trp_take(system, runner, sizeof *child->budget);
    if (child->budget == NULL)
        return false;
    if (init_budget(system, runner, child->budget, spec->max_restarts, spec->within_ms))
        return true;
    trp_give(system, runner, child->budget, sizeof *child->budget);
    child->budget = NULL;
    return false;
}

static bool link_last(troupe_system *system, struct trp_runner *runner,
                      struct trp_supervision *supervision, struct trp_child *child)
{
    if (!grow(system, runner, supervision))
        return false;
    child->previous = supervision->last;
    if (supervision->last)
        supervision->last->next = child;
    else
        supervision->first = child;
    supervision->last = child;
    supervision->count++;
    if (!trp_is_simple(supervision))
        enter(supervision, child);
    return true;
}

struct trp_child *trp_child_append(struct troupe_ctx *ctx, struct trp_child_spec *spec,
                                   struct trp_envelope *args)
{
    struct trp_child *child = trp_take(ctx->system, ctx->runner, sizeof *child);
    if (child == NULL)
        return NULL;
    *child = (struct trp_child){.spec = spec, .phase = TRP_CHILD_ABSENT};
    struct trp_lock *lock = trp_stripe(ctx->system, ctx->slot->index);
    bool linked = give_budget(ctx->system, ctx->runner, child);
    if (linked) {
        trp_lock_acquire(lock);
        linked = link_last(ctx->system, ctx->runner, trp_supervision_of(ctx->slot), child);
        trp_lock_release(lock);
    }
    if (linked) {
        child->args = args;
        return child;
    }
    spec->refs++; // stays the caller's
    free_child(ctx->system, ctx->runner, child);
    return NULL;
}

static void unlink(struct trp_supervision *supervision, struct trp_child *child)
{
    if (child->previous)
        child->previous->next = child->next;
    else
        supervision->first = child->next;
    if (child->next)
        child->next->previous = child->previous;
    else
        supervision->last = child->previous;
    supervision->count--;
    if (!trp_is_simple(supervision)) // else it has left with its slot
        leave(supervision, child);
}

static void unqueue(struct trp_supervision *supervision, struct trp_child *child)
{
    if (!child->queued)
        return;
    struct trp_child **at = &supervision->failed_first, *previous = NULL;
    for (; *at != child; at = &(*at)->failed_next)
        previous = *at;
    *at = child->failed_next;
    if (supervision->failed_last == child)
        supervision->failed_last = previous;
}

void trp_child_remove(troupe_system *system, struct trp_runner *runner, struct trp_slot *supervisor,
                      struct trp_child *child)
{
    struct trp_supervision *supervision = supervisor->persist->supervision;
    TRP_ASSERT(child->slot == NULL && child != supervision->at);
    trp_heap_remove(&supervision->due, &child->due);
    unqueue(supervision, child);
    if (supervision->culprit == child)
        supervision->culprit = NULL;
    if (supervision->from == child)
        supervision->from = child->next;
    if (supervision->sweep == child)
        supervision->sweep = child->previous;
    struct trp_lock *lock = trp_stripe(system, supervisor->index);
    trp_lock_acquire(lock);
    unlink(supervision, child);
    trp_lock_release(lock);
    free_child(system, runner, child);
}

// ---- Their actors

static bool is_alive(enum trp_child_phase phase)
{
    return phase != TRP_CHILD_ABSENT && phase != TRP_CHILD_ENDING;
}

// Under the lock.
static void set_phase(struct trp_supervision *supervision, struct trp_child *child,
                      enum trp_child_phase phase)
{
    if (child->spec->child.significant)
        supervision->significant += (uint32_t)is_alive(phase) - (uint32_t)is_alive(child->phase);
    child->phase = (uint8_t)phase;
}

void trp_child_set_phase(struct trp_runner *runner, struct trp_slot *supervisor,
                         struct trp_child *child, enum trp_child_phase phase)
{
    struct trp_lock *lock = trp_stripe(runner->system, supervisor->index);
    trp_lock_acquire(lock);
    set_phase(trp_supervision_of(supervisor), child, phase);
    trp_lock_release(lock);
}

static troupe_status spawn(struct troupe_ctx *ctx, const struct trp_child *child, troupe_ref *ref)
{
    const troupe_child *spec = &child->spec->child;
    struct trp_spawn_spec spawn = {
        .behavior = spec->behavior,
        .name = spec->id,
        .place = spec->place,
        .memory_limit = spec->memory_limit == TROUPE_NO_LIMIT ? 0 : spec->memory_limit,
        .shutdown_ms = spec->shutdown_ms,
        .kill_grace_ms = spec->kill_grace_ms,
        .register_as = spec->register_as,
        .supervised = true,
        .owner = ctx};
    if (spec->supervisor)
        return trp_supervisor_spawn(ctx->system, ctx->runner, spec->supervisor, &spawn, ref);
    spawn.args = child->args ? child->args : child->spec->args;
    if (spawn.args)
        trp_args_acquire(spawn.args);
    troupe_status status = trp_spawn(ctx->system, ctx->runner, &spawn, ref);
    if (status != TROUPE_OK && spawn.args)
        trp_args_release(ctx->system, ctx->runner, spawn.args);
    return status;
}

troupe_status trp_child_spawn(struct troupe_ctx *ctx, struct trp_child *child)
{
    troupe_ref ref = {0, 0, 0};
    troupe_status status = spawn(ctx, child, &ref);
    if (status != TROUPE_OK) {
        trp_supervision_of(ctx->slot)->holder = ref;
        return status;
    }
    struct trp_supervision *supervision = trp_supervision_of(ctx->slot);
    struct trp_slot *slot = trp_slot_place(&ctx->system->slots, ref.slot);
    slot->entry = child; // our own: see slot.h
    struct trp_lock *lock = trp_stripe(ctx->system, ctx->slot->index);
    trp_lock_acquire(lock);
    child->slot = slot;
    child->generation = ref.generation;
    set_phase(supervision, child, TRP_CHILD_STARTING);
    if (trp_is_simple(supervision))
        enter(supervision, child);
    trp_lock_release(lock);
    return TROUPE_OK;
}

void trp_child_detach(troupe_system *system, struct trp_slot *supervisor, struct trp_child *child)
{
    struct trp_lock *lock = trp_stripe(system, supervisor->index);
    trp_lock_acquire(lock);
    if (trp_is_simple(trp_supervision_of(supervisor)))
        leave(trp_supervision_of(supervisor), child);
    // relaxed: nobody else looks at it any more.
    atomic_store_explicit(&child->slot->in_group, 0, memory_order_relaxed);
    child->slot->entry = NULL;
    child->slot = NULL;
    set_phase(trp_supervision_of(supervisor), child, TRP_CHILD_ABSENT);
    trp_lock_release(lock);
}
