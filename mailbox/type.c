// The table of message types: see type.h.
//
// The table owns its entries and their names; nothing is ever removed, so what was handed out stays
// good until the process ends. Two ways lead to an entry:
//   by name  through buckets of linked entries, under the mutex. Only the first use of each type
//            object comes this way.
//   by id    through chunks of pointers that never move, without a lock. An id reaches a thread by
//            a type object or inside a message, so the entry was complete before.
#include "mailbox/type.h"

#include "base/assert.h"
#include "base/hash.h"
#include "mailbox/type_shape.h"

#include <protobuf-c/protobuf-c.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNK = 256, // entries; ids are 1 + 256 * chunk + place
    CHUNKS = 256,
    BUCKETS = 256,
};

typedef _Atomic(const struct trp_type *) entry_slot;

static pthread_mutex_t table_mutex = PTHREAD_MUTEX_INITIALIZER;
static const struct trp_type *buckets[BUCKETS]; // under table_mutex
static uint32_t count;                          // under table_mutex
static void *(*table_alloc)(size_t size);       // under table_mutex; NULL: malloc
static _Atomic(entry_slot *) chunks[CHUNKS];    // written under table_mutex

void trp_type_set_alloc(void *(*alloc)(size_t size))
{
    pthread_mutex_lock(&table_mutex);
    table_alloc = alloc;
    pthread_mutex_unlock(&table_mutex);
}

static void *take_memory(size_t size)
{
    return table_alloc ? table_alloc(size) : malloc(size);
}

// On the wire a protobuf type is its full name, whatever the type object calls it.
static const char *name_of(const troupe_type *type)
{
    if (type->descriptor && type->descriptor->name)
        return type->descriptor->name;
    if (type->name)
        return type->name;
    trp_panic(__FILE__, __LINE__, "a message type of %u bytes has no name%s", type->size,
              type->descriptor ? ": its .proto file says optimize_for = CODE_SIZE, which leaves "
                                 "names out; give troupe_type.name"
                               : "");
}

static const char *kind_of(const struct ProtobufCMessageDescriptor *descriptor)
{
    return descriptor ? "a protobuf message" : "a plain struct";
}

static void assert_sound(const troupe_type *type, const char *name)
{
    if (type->align == 0 || (type->align & (type->align - 1)) != 0 || type->align > 64)
        trp_panic(__FILE__, __LINE__,
                  "message type %s: its alignment is %u; allowed are powers of two up to 64", name,
                  type->align);
    if (!type->descriptor)
        return;
    if (type->descriptor->magic != PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC)
        trp_panic(__FILE__, __LINE__, "message type %s: its descriptor is none", name);
    if (type->descriptor->sizeof_message != type->size)
        trp_panic(__FILE__, __LINE__,
                  "message type %s: the struct has %u bytes, its descriptor says %zu; do the two "
                  "words of TROUPE_PROTO belong together?",
                  name, type->size, type->descriptor->sizeof_message);
}

static void assert_same(const struct trp_type *entry, const troupe_type *type)
{
    char difference[TRP_SHAPE_TEXT];
    if (trp_shape_same(entry, type, difference))
        return;
    trp_panic(__FILE__, __LINE__,
              "two different message types have the name %s: the first is %s, size %u, aligned to "
              "%u, descriptor %p; the second is %s, size %u, aligned to %u, descriptor %p. They "
              "differ in: %s",
              entry->name, kind_of(entry->descriptor), entry->size, entry->align,
              (const void *)entry->descriptor, kind_of(type->descriptor), type->size, type->align,
              (const void *)type->descriptor, difference);
}

static const struct trp_type *find(const char *name, uint64_t hash)
{
    const struct trp_type *entry = buckets[hash % BUCKETS];
    while (entry && (entry->name_hash != hash || strcmp(entry->name, name) != 0))
        entry = entry->next;
    return entry;
}

// Returns where the entry numbered `index` goes; NULL without memory.
static entry_slot *slot_for(uint32_t index)
{
    if (index >= CHUNK * CHUNKS)
        trp_panic(__FILE__, __LINE__, "more than %d message types", CHUNK * CHUNKS);
    _Atomic(entry_slot *) *chunk = &chunks[index / CHUNK];
    // relaxed: written under the mutex, which is held.
    entry_slot *slots = atomic_load_explicit(chunk, memory_order_relaxed);
    if (!slots) {
        slots = take_memory(CHUNK * sizeof *slots);
        if (!slots)
            return NULL;
        for (uint32_t i = 0; i < CHUNK; i++)
            atomic_init(&slots[i], NULL);
        // [chunk] release: who finds the chunk finds its slots initialised.
        atomic_store_explicit(chunk, slots, memory_order_release);
    }
    return &slots[index % CHUNK];
}

// Returns NULL without memory.
static const struct trp_type *add(const troupe_type *type, const char *name, uint64_t hash)
{
    assert_sound(type, name);
    entry_slot *slot = slot_for(count);
    if (!slot)
        return NULL;
    size_t name_size = strlen(name) + 1;
    struct trp_type *entry = take_memory(sizeof *entry + name_size);
    if (!entry)
        return NULL;
    char *own_name = (char *)(entry + 1);
    memcpy(own_name, name, name_size);
    *entry = (struct trp_type){
        .id = ++count,
        .size = type->size,
        .align = type->align,
        .name = own_name,
        .name_hash = hash,
        .descriptor = type->descriptor,
        .next = buckets[hash % BUCKETS],
    };
    trp_shape_classify(entry);
    buckets[hash % BUCKETS] = entry;
    // [entry] release: who finds the entry finds it complete.
    atomic_store_explicit(slot, entry, memory_order_release);
    return entry;
}

static uint32_t form_of(const struct trp_type *type)
{
    if (type->align > TRP_SMALL_ALIGN)
        return 0;
    if (!type->descriptor)
        return type->size <= TRP_SMALL_BODY ? TRP_TYPE_SMALL : 0;
    return type->exact && type->size <= TRP_FLAT_BODY ? TRP_TYPE_FLAT : 0;
}

// Under the mutex, and once: an id is read as a plain number by who has found the form, so nobody
// may write it again then, not even the same one.
static void publish(troupe_type *type, const struct trp_type *entry)
{
    if (type->id != 0)
        return;
    // [id] release: who reads the id finds the entry in the chunks.
    __atomic_store_n(&type->id, entry->id, __ATOMIC_RELEASE);
    // [form] release: who reads it finds the id, too.
    __atomic_store_n(&type->runtime, form_of(entry), __ATOMIC_RELEASE);
}

const struct trp_type *trp_type_intern_slow(troupe_type *type)
{
    const char *name = name_of(type);
    uint64_t hash = trp_hash_text(name);

    pthread_mutex_lock(&table_mutex);
    const struct trp_type *entry = find(name, hash);
    if (entry)
        assert_same(entry, type);
    else
        entry = add(type, name, hash);
    if (entry)
        publish(type, entry);
    pthread_mutex_unlock(&table_mutex);
    return entry;
}

const struct trp_type *trp_type_by_id(uint32_t id)
{
    uint32_t index = id - 1;
    TRP_ASSERT(id != 0 && index < CHUNK * CHUNKS);
    entry_slot *slots =
        atomic_load_explicit(&chunks[index / CHUNK], memory_order_acquire); // [chunk]
    TRP_ASSERT(slots != NULL);
    const struct trp_type *entry =
        atomic_load_explicit(&slots[index % CHUNK], memory_order_acquire); // [entry]
    TRP_ASSERT(entry != NULL);
    return entry;
}

const char *trp_type_name_of_hash(uint64_t name_hash)
{
    pthread_mutex_lock(&table_mutex);
    const struct trp_type *entry = buckets[name_hash % BUCKETS];
    while (entry && entry->name_hash != name_hash)
        entry = entry->next;
    pthread_mutex_unlock(&table_mutex);
    return entry ? entry->name : NULL;
}

// Needs no memory to answer rightly: the message's own type is in the table, so a type of the same
// name is found there, and one that cannot be added is another type.
const void *troupe_msg_match_new(const troupe_msg *msg, troupe_type *type)
{
    const struct trp_type *entry = trp_type_intern(type);
    return entry && entry->id == msg->type ? msg->body : NULL;
}

const char *troupe_msg_type_name(const troupe_msg *msg)
{
    return trp_type_by_id(msg->type)->name;
}
