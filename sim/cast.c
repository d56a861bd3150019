// Who the actors are. A ref's generation is a random number and its slot is used again, so neither
// is fit for a trace: here each actor gets the name that it was spawned with and a number, counted
// by name and system. The names are kept once each; who lives in a slot is kept until the next one
// does.
#include "actors/actor.h"
#include "base/hash.h"
#include "sim/core.h"

#include <stdlib.h>
#include <string.h>

#define MOST_NAMES 65536u // different ones in a run; what comes after these is just "actor"

struct trp_sim_name {
    uint64_t hash;
    uint32_t node;
    uint32_t number; // of the latest actor
    char text[];
};

static bool is_it(const struct trp_sim_name *name, uint64_t hash, uint32_t node, const char *text)
{
    return name->hash == hash && name->node == node && strcmp(name->text, text) == 0;
}

// Returns where the name is in the index, or is to be.
static uint32_t *find(const struct trp_sim_cast *cast, uint64_t hash, uint32_t node,
                      const char *text)
{
    uint32_t mask = 2 * cast->capacity - 1;
    uint32_t at = (uint32_t)hash & mask;
    while (cast->index[at] && !is_it(cast->names[cast->index[at] - 1], hash, node, text))
        at = (at + 1) & mask;
    return &cast->index[at];
}

static bool grow(struct trp_sim_cast *cast)
{
    uint32_t capacity = cast->capacity ? 2 * cast->capacity : 16;
    struct trp_sim_name **names = realloc(cast->names, capacity * sizeof *names);
    if (names == NULL)
        return false;
    cast->names = names;
    uint32_t *index = calloc(2 * (size_t)capacity, sizeof *index);
    if (index == NULL)
        return false;
    free(cast->index);
    cast->index = index;
    cast->capacity = capacity;
    for (uint32_t i = 0; i < cast->count; i++)
        *find(cast, names[i]->hash, names[i]->node, names[i]->text) = i + 1;
    return true;
}

// Returns the name's number from 1, or 0: no memory.
static uint32_t name_of(struct trp_sim_cast *cast, uint32_t node, const char *text)
{
    text = cast->count < MOST_NAMES ? text : "actor";
    uint64_t hash = trp_hash_text(text) ^ node * UINT64_C(0x9e3779b97f4a7c15);
    if (cast->count == cast->capacity && !grow(cast))
        return 0;
    uint32_t *at = find(cast, hash, node, text);
    if (*at)
        return *at;
    size_t size = strlen(text) + 1;
    struct trp_sim_name *name = malloc(sizeof *name + size);
    if (name == NULL)
        return 0;
    *name = (struct trp_sim_name){.hash = hash, .node = node};
    memcpy(name->text, text, size);
    cast->names[cast->count++] = name;
    return *at = cast->count;
}

static struct trp_sim_place *place_of(struct trp_sim_node *node, uint32_t slot)
{
    if (slot < node->place_count)
        return &node->places[slot];
    size_t count = node->place_count ? 2 * (size_t)node->place_count : 16;
    while (count <= slot)
        count *= 2;
    struct trp_sim_place *places = realloc(node->places, count * sizeof *places);
    if (places == NULL)
        return NULL;
    memset(&places[node->place_count], 0, (count - node->place_count) * sizeof *places);
    node->places = places;
    node->place_count = (uint32_t)count;
    return &places[slot];
}

void trp_sim_cast_add(struct trp_sim_node *node, troupe_ref ref)
{
    struct trp_sim_cast *cast = &node->sim->cast;
    const struct trp_slot *slot = trp_slot_at(&node->system->slots, ref.slot);
    struct trp_sim_place *place = place_of(node, ref.slot);
    if (place == NULL)
        return;
    const char *text = slot ? trp_actor_name(slot) : NULL;
    uint32_t name = name_of(cast, node->index, text ? text : "actor");
    place->generation = ref.generation;
    place->who = (struct trp_sim_who){name, name ? ++cast->names[name - 1]->number : 0};
}

void trp_sim_cast_fini(troupe_sim *sim)
{
    for (uint32_t i = 0; i < sim->node_count; i++)
        free(sim->nodes[i]->places);
    for (uint32_t i = 0; i < sim->cast.count; i++)
        free(sim->cast.names[i]);
    free(sim->cast.names);
    free(sim->cast.index);
}

const char *trp_sim_who_print(const troupe_sim *sim, struct trp_sim_who who, troupe_ref ref,
                              char text[TRP_SIM_WHO_TEXT])
{
    if (who.name)
        (void)snprintf(text, TRP_SIM_WHO_TEXT, "%.36s#%u", sim->cast.names[who.name - 1]->text,
                       who.number);
    else
        (void)snprintf(text, TRP_SIM_WHO_TEXT, "%s",
                       troupe_ref_is_none(ref) ? "outside" : "somebody");
    return text;
}
