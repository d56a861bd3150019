// See handles.h.
#include "actors/handles.h"

#include "actors/system.h"

#include <string.h>

bool trp_handles_reserve(troupe_system *system, struct trp_runner *runner,
                         struct trp_handles *handles)
{
    if (handles->free != 0)
        return true;
    if (handles->capacity > UINT32_MAX / 4)
        return false;
    uint32_t capacity = handles->capacity ? handles->capacity * 2 : 4;
    struct trp_handle *items = trp_take(system, runner, capacity * sizeof *items);
    if (items == NULL)
        return false;
    if (handles->capacity)
        memcpy(items, handles->items, handles->capacity * sizeof *items);
    for (uint32_t i = handles->capacity; i < capacity; i++) {
        uint32_t next = i + 1 < capacity ? i + 2 : 0;
        items[i] = (struct trp_handle){(void *)(uintptr_t)next, 0, TRP_HANDLE_FREE};
    }
    handles->free = handles->capacity + 1;
    if (handles->capacity)
        trp_give(system, runner, handles->items, handles->capacity * sizeof *items);
    handles->items = items;
    handles->capacity = capacity;
    return true;
}

uint32_t trp_handles_put(struct trp_handles *handles, enum trp_handle_kind kind, void *thing)
{
    TRP_ASSERT(handles->free != 0);
    uint32_t index = handles->free - 1;
    struct trp_handle *item = &handles->items[index];
    handles->free = (uint32_t)(uintptr_t)item->thing;
    *item = (struct trp_handle){thing, ++handles->serial, kind};
    handles->count++;
    return index;
}

struct trp_handle_name trp_handles_name(const struct trp_handles *handles, uint32_t index,
                                        uint32_t salt)
{
    const struct trp_handle *item = &handles->items[index];
    return (struct trp_handle_name){(uint64_t)item->kind << 32 | index,
                                    (uint64_t)salt << 32 | item->serial};
}

void *trp_handles_find(const struct trp_handles *handles, enum trp_handle_kind kind,
                       struct trp_handle_name name, uint32_t salt, uint32_t *index)
{
    *index = (uint32_t)name.place;
    if (name.place >> 32 != kind || *index >= handles->capacity || name.serial >> 32 != salt)
        return NULL;
    const struct trp_handle *item = &handles->items[*index];
    return item->kind == kind && item->serial == (uint32_t)name.serial ? item->thing : NULL;
}

void trp_handles_remove(struct trp_handles *handles, uint32_t index)
{
    struct trp_handle *item = &handles->items[index];
    TRP_ASSERT(item->kind != TRP_HANDLE_FREE);
    item->kind = TRP_HANDLE_FREE;
    item->thing = (void *)(uintptr_t)handles->free;
    handles->free = index + 1;
    handles->count--;
}

void trp_handles_fini(troupe_system *system, struct trp_runner *runner, struct trp_handles *handles)
{
    if (handles->capacity)
        trp_give(system, runner, handles->items, handles->capacity * sizeof *handles->items);
    handles->items = NULL;
    handles->capacity = handles->free = handles->count = 0;
}
