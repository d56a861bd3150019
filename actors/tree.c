// Trees to look at: a specification is printed as it is walked, a running supervisor is copied
// first.
//
// A supervisor's table of children is its consumer's, which takes the stripe lock of its slot to
// change it. So we copy under that lock, some children at a time, because whoever starts or stops
// one waits meanwhile; and nothing is written to a file under it. What comes out is no snapshot:
// each part is as it was when we looked.
//
// The copies are made on behalf of nobody's runner: a handler that was given up while it wrote
// still frees them.
#include "actors/supervision.h"
#include "actors/tree_format.h"
#include "troupe/name.h"

#include <string.h>

#define PIECE 20 // children that are copied at a time, and of simple one for one shown

static troupe_status check_output(const char *function, troupe_tree_format format, const FILE *to)
{
    if ((unsigned)format > TROUPE_TREE_MERMAID)
        return trp_error(TROUPE_EINVAL, "%s: format is %d; use one of enum troupe_tree_format",
                         function, (int)format);
    return to ? TROUPE_OK : trp_error(TROUPE_EINVAL, "%s: to is NULL", function);
}

// What a line tells of a supervisor, by its specification.
static void describe(struct trp_tree_line *line, const troupe_supervisor *spec)
{
    line->strategy = spec->strategy;
    line->max_restarts = spec->max_restarts == TROUPE_NO_RESTARTS ? 0
                         : spec->max_restarts                     ? spec->max_restarts
                                                                  : TRP_DEFAULT_MAX_RESTARTS;
    line->within_ms = spec->within_ms ? spec->within_ms : TRP_DEFAULT_WITHIN_MS;
}

// ---- Specifications

static void put_spec_children(struct trp_tree_output *output, const struct trp_tree_line *parent,
                              const troupe_supervisor *spec)
{
    for (size_t i = 0; i < spec->child_count; i++) {
        const troupe_child *child = &spec->children[i];
        struct trp_tree_line line = {.parent = parent,
                                     .last = i + 1 == spec->child_count,
                                     .id = spec->strategy == TROUPE_SIMPLE_ONE_FOR_ONE ? "template"
                                                                                       : child->id,
                                     .behavior = child->behavior ? child->behavior->name : NULL,
                                     .restart = child->restart,
                                     .register_as = child->register_as};
        if (child->supervisor)
            describe(&line, child->supervisor);
        trp_tree_put(output, &line);
        if (child->supervisor)
            put_spec_children(output, &line, child->supervisor);
    }
}

troupe_status troupe_tree_print_spec(const troupe_supervisor *spec, troupe_tree_format format,
                                     FILE *to)
{
    troupe_status status = check_output("troupe_tree_print_spec", format, to);
    if (status == TROUPE_OK)
        status = trp_supervisor_check("troupe_tree_print_spec", spec);
    if (status != TROUPE_OK)
        return status;
    struct trp_tree_output output = {.to = to, .format = format};
    struct trp_tree_line line = {.id = spec->name ? spec->name : "supervisor",
                                 .register_as = spec->register_as};
    describe(&line, spec);
    trp_tree_begin(&output);
    trp_tree_put(&output, &line);
    put_spec_children(&output, &line, spec);
    return trp_tree_end(&output, "troupe_tree_print_spec");
}

// ---- Copying what runs

// A line with what it points to.
struct entry {
    struct trp_tree_line line;
    struct entry *next; // in the order of printing
    troupe_ref ref;     // of a supervisor that runs; else the zero ref
    char id[TROUPE_NAME_MAX + 1], behavior[TROUPE_NAME_MAX + 1], register_as[TROUPE_NAME_MAX + 1];
};

// Some of one supervisor's children.
struct piece {
    struct piece *next;
    size_t size; // of this block
    struct entry entries[];
};

struct copies {
    troupe_system *system;
    struct entry root;
    struct piece *pieces;
};

// What is copied under the lock in one go.
struct look {
    struct entry entries[PIECE + 1]; // the last one: how many more there are
    uint32_t count;                  // of the entries
    uint32_t left;                   // children of the first look that have not been seen
    bool over;
};

// Copies a text, a long one (only a behaviour's name can be) in part.
static const char *copy_text(char to[TROUPE_NAME_MAX + 1], const char *from)
{
    size_t size = strnlen(from, TROUPE_NAME_MAX);
    memcpy(to, from, size);
    to[size] = 0;
    return to;
}

static void copy_entry(struct entry *to, const struct entry *from)
{
    *to = *from;
    if (to->line.id)
        to->line.id = to->id;
    if (to->line.behavior)
        to->line.behavior = to->behavior;
    if (to->line.register_as)
        to->line.register_as = to->register_as;
}

static const char *state_of(const struct trp_child *child)
{
    switch ((enum trp_child_phase)child->phase) {
    case TRP_CHILD_ABSENT:
        return "stopped";
    case TRP_CHILD_STARTING:
        return "starting";
    case TRP_CHILD_RUNNING:
        return "running";
    case TRP_CHILD_FAILED:
    case TRP_CHILD_WAITING:
    case TRP_CHILD_DOWN:
    case TRP_CHILD_STOPPING:
        return "restarting";
    case TRP_CHILD_ENDING:
    default:
        return "stopping";
    }
}

// Takes the lock of a supervisor's slot. NULL, without a lock: no supervisor lives there.
static const struct trp_supervision *lock(troupe_system *system, troupe_ref ref)
{
    const struct trp_slot *slot = trp_resolve(system, ref);
    if (slot == NULL)
        return NULL;
    trp_lock_acquire(trp_stripe(system, ref.slot));
    const struct trp_supervision *supervision = trp_supervision_locked(slot, ref);
    if (supervision == NULL)
        trp_lock_release(trp_stripe(system, ref.slot));
    return supervision;
}

static void unlock(troupe_system *system, troupe_ref ref)
{
    trp_lock_release(trp_stripe(system, ref.slot));
}

// Under the lock.
static void copy_child(const troupe_system *system, struct entry *entry,
                       const struct trp_child *child, bool simple)
{
    const troupe_child *spec = &child->spec->child;
    *entry = (struct entry){.line = {.restart = spec->restart, .state = state_of(child)}};
    struct trp_tree_line *line = &entry->line;
    if (child->slot) // relaxed: of one that is being restarted either is right
        line->incarnation = atomic_load_explicit(&child->slot->incarnation, memory_order_relaxed);
    if (!simple)
        line->id = copy_text(entry->id, spec->id);
    if (spec->register_as)
        line->register_as = copy_text(entry->register_as, spec->register_as);
    if (spec->behavior)
        line->behavior = copy_text(entry->behavior, spec->behavior->name);
    else
        describe(line, spec->supervisor);
    if (spec->supervisor && child->slot)
        entry->ref = trp_child_ref(system, child);
}

// Under the lock: the child that comes after those of the last look. Some of them may be gone; if
// all are, it is the first.
static const struct trp_child *next_child(const struct trp_supervision *supervision,
                                          const struct look *look)
{
    for (uint32_t i = look->count; i-- > 0;) {
        const struct trp_child *child = trp_child_by_id(supervision, look->entries[i].id);
        if (child)
            return child->next;
    }
    return supervision->first;
}

// Under the lock: looks at the next children; at no more of them than there were at first, so that
// it comes to an end however fast others are started.
static void look_at(const troupe_system *system, const struct trp_supervision *supervision,
                    struct look *look)
{
    bool simple = trp_is_simple(supervision);
    const struct trp_child *child = next_child(supervision, look);
    if (look->count == 0)
        look->left = supervision->count;
    look->count = 0;
    for (; child && look->left > 0 && look->count < PIECE; child = child->next) {
        copy_child(system, &look->entries[look->count++], child, simple);
        look->left--;
    }
    look->over = child == NULL || look->left == 0 || simple;
    if (simple && look->left > 0)
        look->entries[look->count++] = (struct entry){.line = {.more = look->left}};
}

static void look_again(troupe_system *system, troupe_ref supervisor, struct look *look)
{
    const struct trp_supervision *supervision = lock(system, supervisor);
    if (supervision) {
        look_at(system, supervision, look);
        unlock(system, supervisor);
    } else { // it has ended meanwhile
        look->count = 0;
        look->over = true;
    }
}

static struct entry *new_entries(struct copies *copies, uint32_t count)
{
    size_t size = sizeof(struct piece) + count * sizeof(struct entry);
    struct piece *piece = trp_take(copies->system, NULL, size);
    if (piece == NULL)
        return NULL;
    piece->size = size;
    piece->next = copies->pieces;
    copies->pieces = piece;
    return piece->entries;
}

// Puts a supervisor's children behind it. False: no memory.
static bool copy_children(struct copies *copies, struct entry *supervisor)
{
    struct look look = {.count = 0};
    struct entry *last = supervisor;
    do {
        look_again(copies->system, supervisor->ref, &look);
        struct entry *entries = look.count > 0 ? new_entries(copies, look.count) : NULL;
        if (look.count > 0 && entries == NULL)
            return false;
        for (uint32_t i = 0; i < look.count; i++) {
            copy_entry(&entries[i], &look.entries[i]);
            entries[i].line.parent = &supervisor->line;
            entries[i].next = last->next;
            last->next = &entries[i];
            last = &entries[i];
        }
    } while (!look.over);
    if (last != supervisor)
        last->line.last = true;
    return true;
}

static troupe_status copy_root(struct copies *copies, troupe_ref ref)
{
    struct entry *root = &copies->root;
    const struct trp_supervision *supervision = lock(copies->system, ref);
    if (supervision == NULL)
        return trp_no_supervisor(copies->system, ref, "troupe_tree_print");
    const struct trp_slot *slot = trp_resolve(copies->system, ref);
    root->ref = ref;
    root->line = (struct trp_tree_line){
        .strategy = supervision->strategy,
        .max_restarts = supervision->budget.max,
        .within_ms = supervision->budget.within_ns / TRP_NS_PER_MS,
        .id = copy_text(root->id, trp_actor_name(slot)),
        // relaxed: as for children
        .state = atomic_load_explicit(&slot->orders, memory_order_relaxed) & TRP_ALIVE_STARTED
                     ? "running"
                     : "starting",
        .incarnation = atomic_load_explicit(&slot->incarnation, memory_order_relaxed)};
    if (supervision->register_as)
        root->line.register_as = copy_text(root->register_as, supervision->register_as);
    unlock(copies->system, ref);
    return TROUPE_OK;
}

static troupe_status copy_tree(struct copies *copies, troupe_ref supervisor)
{
    troupe_status status = copy_root(copies, supervisor);
    if (status != TROUPE_OK)
        return status;
    for (struct entry *entry = &copies->root; entry; entry = entry->next)
        if (!troupe_ref_is_none(entry->ref) && !copy_children(copies, entry))
            return trp_error(TROUPE_ENOMEM, "troupe_tree_print: no memory");
    return TROUPE_OK;
}

static void free_copies(struct copies *copies)
{
    while (copies->pieces) {
        struct piece *piece = copies->pieces;
        copies->pieces = piece->next;
        trp_give(copies->system, NULL, piece, piece->size);
    }
}

static troupe_status put_copies(struct copies *copies, troupe_tree_format format, FILE *to)
{
    struct trp_tree_output output = {.to = to, .format = format};
    trp_tree_begin(&output);
    for (struct entry *entry = &copies->root; entry; entry = entry->next)
        trp_tree_put(&output, &entry->line);
    return trp_tree_end(&output, "troupe_tree_print");
}

troupe_status troupe_tree_print(troupe_ctx *ctx, troupe_ref supervisor, troupe_tree_format format,
                                FILE *to)
{
    troupe_status status = check_output("troupe_tree_print", format, to);
    if (status != TROUPE_OK)
        return status;
    if (!trp_enter(ctx))
        return TROUPE_ESTALE;
    struct copies copies = {.system = ctx->system};
    status = copy_tree(&copies, supervisor);
    trp_leave(ctx);
    if (status == TROUPE_OK)
        status = put_copies(&copies, format, to); // may block: as any code of the handler's own
    free_copies(&copies);
    return status;
}
