// Specifications out of bytes. Most fields of most of them are right, or nothing would ever start.
// Each piece is a block of exactly its size, so that a sanitizer sees each access past its end.
#include "all_kinds_proto2.pb-c.h"
#include "tests/fuzz/spec.h"

#include <stdlib.h>
#include <string.h>

TROUPE_PROTO(Kinds2__Part, kinds2__part);

#define MOST_CHILDREN 60 // of one specification, at all depths
#define MOST_NESTED   80

// ---- Blocks

struct blocks {
    void *all[4096];
    size_t count;
};

static struct blocks passed, kept;                   // what is only there for a call; all else
static const troupe_supervisor *nested[MOST_NESTED]; // made until now, at any depth but the first
static size_t nested_count, child_count;

static void *keep(struct blocks *blocks, size_t size)
{
    void *block = calloc(1, size ? size : 1);
    FUZZ_CHECK(block && blocks->count < 4096, "no room for a specification");
    blocks->all[blocks->count++] = block;
    return block;
}

static void forget(struct blocks *blocks)
{
    while (blocks->count > 0)
        free(blocks->all[--blocks->count]);
}

void spec_forget_passed(void)
{
    forget(&passed);
}

void spec_forget(void)
{
    forget(&passed);
    forget(&kept);
    nested_count = child_count = 0;
}

// ---- Behaviours

static troupe_status init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    const struct spec_fate *fate = troupe_match(args, SpecFate);
    (void)state;
    switch (fate ? fate->fate : SPEC_STARTS) {
    case SPEC_IGNORES:
        return TROUPE_IGNORE;
    case SPEC_FAILS:
        return troupe_fail(ctx, TROUPE_EUSER, "as it was told");
    case SPEC_STOPS:
        return TROUPE_STOP;
    default:
        return TROUPE_OK;
    }
}

static troupe_status receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    (void)ctx, (void)state;
    return troupe_match(msg, SpecFall)    ? TROUPE_EUSER
           : troupe_match(msg, SpecLeave) ? TROUPE_STOP
                                          : TROUPE_UNHANDLED;
}

static const troupe_behavior behaviors[] = {
    {.name = "plain", .receive = receive},
    {.name = "fated", .init = init, .receive = receive},
    {.name = "stateful", .state_size = 40, .init = init, .receive = receive},
    {.name = "large", .state_size = 40000, .init = init, .receive = receive},
    {.name = "\xc3\xa9t\xc3\xa9\n", .init = init, .receive = receive},
    {.name = "", .receive = receive},
    {.name = "huge", .state_size = SIZE_MAX, .receive = receive},
    {.name = "nearly huge", .state_size = SIZE_MAX - 4096, .init = init, .receive = receive},
    {.name = NULL, .receive = receive},
    {.name = "deaf", .init = init},
};

static const troupe_behavior *make_behavior(struct fuzz_bytes *bytes)
{
    uint32_t dice = fuzz_byte(bytes);
    return &behaviors[dice < 240 ? dice % 6 : dice % 10];
}

bool spec_is_huge(const troupe_child *child)
{
    return child->behavior && child->behavior->state_size > SIZE_MAX / 2;
}

enum spec_fate_kind spec_fate_of(const troupe_child *child)
{
    if (!child->behavior || !child->behavior->init || child->args_type != TROUPE_TYPE(SpecFate))
        return SPEC_STARTS;
    return (enum spec_fate_kind)((const struct spec_fate *)child->args)->fate;
}

// ---- Texts

static char *make_text(struct fuzz_bytes *bytes)
{
    uint32_t dice = fuzz_byte(bytes);
    uint32_t sizes[] = {0, 1, 62, 63, 64, 65, 300};
    if (dice < 160) { // few, so that some are there twice
        char *text = keep(&kept, 3);
        text[0] = (char)('a' + dice % 16);
        text[1] = dice / 16 % 2 ? 'x' : 0;
        return text;
    }
    if (dice < 170)
        return strcpy(keep(&kept, sizeof SPEC_TAKEN_NAME), SPEC_TAKEN_NAME);
    if (dice < 220) { // whatever the bytes are, but for 0
        struct fuzz_bytes raw = fuzz_cut(bytes, 1 + dice % 12);
        char *text = keep(&kept, (size_t)(raw.end - raw.at) + 1);
        for (size_t i = 0; fuzz_more(&raw); i++) {
            uint8_t byte = fuzz_byte(&raw);
            text[i] = (char)(byte ? byte : 1);
        }
        return text;
    }
    size_t size = sizes[dice % 7];
    return memset(keep(&kept, size + 1), 'a' + (int)(dice % 5), size);
}

// ---- Fields

static uint32_t make_number(struct fuzz_bytes *bytes)
{
    static const uint32_t limits[] = {10000000,        10000001,        UINT32_MAX,
                                      UINT32_MAX - 1,  INT32_MAX,       (uint32_t)INT32_MAX + 1,
                                      TROUPE_KILL_NOW, TROUPE_NO_LIMIT, 0};
    uint32_t dice = fuzz_byte(bytes);
    return dice < 8 ? dice : dice < 200 ? dice * 3 : limits[dice % 9];
}

static int make_enum(struct fuzz_bytes *bytes, int count)
{
    static const int odd[] = {-1, INT32_MAX, INT32_MIN, 256};
    int dice = fuzz_byte(bytes);
    return dice < 240 ? dice % count : dice < 248 ? count : odd[dice % 4];
}

static void make_args(struct fuzz_bytes *bytes, troupe_child *child)
{
    uint32_t dice = fuzz_byte(bytes);
    if (dice % 16 == 15) { // one without the other
        child->args_type = dice & 16 ? TROUPE_TYPE(SpecFate) : NULL;
        child->args = dice & 16 ? NULL : keep(&kept, sizeof(struct spec_fate));
        return;
    }
    if (dice % 16 == 14) { // may lack its required name
        Kinds2__Part *part = keep(&kept, sizeof *part);
        kinds2__part__init(part);
        part->name = dice & 16 ? make_text(bytes) : NULL;
        child->args_type = TROUPE_TYPE(Kinds2__Part);
        child->args = part;
        return;
    }
    struct spec_fate *fate = keep(&kept, sizeof *fate);
    fate->fate = dice % 16 < 8 ? SPEC_STARTS : (dice >> 4) % 4;
    child->args_type = TROUPE_TYPE(SpecFate);
    child->args = fate;
}

bool spec_has_bad_args(const troupe_child *child)
{
    return child->args_type == TROUPE_TYPE(Kinds2__Part) && child->args &&
           ((const Kinds2__Part *)child->args)->name == NULL;
}

static void make_backoff(struct fuzz_bytes *bytes, troupe_backoff *backoff)
{
    uint32_t which = fuzz_byte(bytes);
    backoff->min_ms = which & 3 ? 1 + fuzz_choice(bytes, 50) : 0;
    backoff->max_ms = which & 4 ? make_number(bytes) : 0;
    backoff->random_percent = which & 8 ? fuzz_choice(bytes, 103) : 0;
    backoff->quiet_ms = which & 16 ? make_number(bytes) : 0;
}

// ---- Supervisors and children, which are made of each other

static const troupe_supervisor *make_supervisor(struct fuzz_bytes *bytes, int level);

static const troupe_supervisor *remember(const troupe_supervisor *spec)
{
    if (nested_count < MOST_NESTED)
        nested[nested_count++] = spec;
    return spec;
}

// Some supervisors with one child each, one in the other. The outermost may be its own child.
static const troupe_supervisor *make_chain(struct fuzz_bytes *bytes)
{
    uint32_t length = 1 + fuzz_choice(bytes, 40);
    const troupe_supervisor *inner = make_supervisor(bytes, 2);
    while (length-- > 0 && child_count < MOST_CHILDREN) {
        troupe_supervisor *outer = keep(&kept, sizeof *outer);
        troupe_child *child = keep(&kept, sizeof *child);
        *child = (troupe_child){.id = "link", .supervisor = inner};
        *outer = (troupe_supervisor){.children = child, .child_count = 1};
        inner = outer;
        child_count++;
        if (length == 0 && fuzz_byte(bytes) == 255)
            child->supervisor = outer;
    }
    return remember(inner);
}

static bool has_few(const troupe_supervisor *spec)
{
    if (spec->child_count > 3 || !spec->children)
        return false;
    for (size_t i = 0; i < spec->child_count; i++)
        if (spec->children[i].supervisor)
            return false;
    return true;
}

static const troupe_supervisor *make_nested(struct fuzz_bytes *bytes)
{
    uint32_t dice = fuzz_byte(bytes);
    const troupe_supervisor *other = nested_count ? nested[dice % nested_count] : NULL;
    if (dice >= 250)
        return make_chain(bytes);
    if (dice >= 240 && other && has_few(other))
        return other; // there twice
    return remember(make_supervisor(bytes, 2));
}

static void make_rest(struct fuzz_bytes *bytes, uint32_t which, troupe_child *child)
{
    if (which & 0x001)
        child->restart = (troupe_restart)make_enum(bytes, 3);
    if (which & 0x002)
        child->place = (troupe_place)(make_enum(bytes, 2));
    if (which & 0x004)
        child->shutdown_ms = make_number(bytes);
    if (which & 0x008)
        child->significant = true;
    if (which & 0x010)
        child->max_restarts = make_number(bytes);
    if ((which & 0x020) && (child->max_restarts || fuzz_byte(bytes) > 250))
        child->within_ms = make_number(bytes);
    if (which & 0x040)
        make_backoff(bytes, &child->backoff);
    if (which & 0x080)
        child->register_as = make_text(bytes);
    if ((which & 0x100) && (!child->supervisor || fuzz_byte(bytes) > 250))
        child->memory_limit = make_number(bytes);
    if (which & 0x200)
        child->kill_grace_ms = make_number(bytes);
    if ((which & 0x400) && (!child->supervisor || fuzz_byte(bytes) > 250))
        make_args(bytes, child);
}

static void make_one(struct fuzz_bytes *bytes, troupe_child *child)
{
    uint32_t which = fuzz_u16(bytes);
    uint32_t kind = which >> 11;
    child_count++;
    child->id = kind == 31 ? NULL : make_text(bytes);
    if (kind % 4 != 0 || kind == 0 || child_count >= MOST_CHILDREN)
        child->behavior = make_behavior(bytes);
    else
        child->supervisor = make_nested(bytes);
    if (kind == 30)
        child->behavior = NULL;
    if (kind == 29)
        child->supervisor = make_nested(bytes);
    make_rest(bytes, which, child);
}

// The numbers that nobody could mean are without children: none of them is looked at.
static void make_children(struct fuzz_bytes *bytes, troupe_supervisor *spec)
{
    uint32_t dice = fuzz_byte(bytes);
    size_t room = child_count < MOST_CHILDREN ? MOST_CHILDREN - child_count : 0;
    size_t count = spec->strategy == TROUPE_SIMPLE_ONE_FOR_ONE && dice % 8 ? 1 : dice % 6;
    count = count < room ? count : room;
    troupe_child *children = keep(&kept, count * sizeof *children);
    for (size_t i = 0; i < count; i++)
        make_one(bytes, &children[i]);
    spec->children = dice == 252 ? NULL : children;
    spec->child_count = dice == 253 ? 10000001 : dice == 254 ? SIZE_MAX : count;
}

static const troupe_supervisor *make_supervisor(struct fuzz_bytes *bytes, int level)
{
    troupe_supervisor *spec = keep(&kept, sizeof *spec);
    uint32_t which = fuzz_byte(bytes);
    if (which & 0x01)
        spec->name = make_text(bytes);
    if (which & 0x02)
        spec->strategy = (troupe_strategy)make_enum(bytes, 4);
    if (which & 0x04)
        spec->max_restarts = make_number(bytes);
    if (which & 0x08)
        spec->within_ms = make_number(bytes);
    if (which & 0x10)
        spec->auto_shutdown = (troupe_auto_shutdown)make_enum(bytes, 3);
    if ((which & 0x20) && (level == 1 || fuzz_byte(bytes) > 250))
        spec->register_as = make_text(bytes);
    make_children(bytes, spec);
    return spec;
}

const troupe_supervisor *spec_make(struct fuzz_bytes *bytes)
{
    if (fuzz_byte(bytes) == 255)
        return NULL;
    return make_supervisor(bytes, 1);
}

const troupe_child *spec_make_child(struct fuzz_bytes *bytes)
{
    uint32_t dice = fuzz_byte(bytes);
    if (dice == 255)
        return NULL;
    troupe_child *child = keep(&kept, sizeof *child);
    if (dice < 128)
        make_one(bytes, child);
    else if (dice < 200) // as for simple one for one
        make_args(bytes, child);
    else
        make_rest(bytes, fuzz_u16(bytes), child);
    return child;
}

// ---- For a call only

static const char *pass_text(const char *text)
{
    return text ? strcpy(keep(&passed, strlen(text) + 1), text) : NULL;
}

static const void *pass_args(const troupe_child *child)
{
    size_t size =
        child->args_type == TROUPE_TYPE(SpecFate) ? sizeof(struct spec_fate) : sizeof(Kinds2__Part);
    if (!child->args || !child->args_type)
        return child->args;
    void *args = memcpy(keep(&passed, size), child->args, size);
    if (child->args_type == TROUPE_TYPE(Kinds2__Part)) {
        Kinds2__Part *part = args;
        if (part->name)
            part->name = strcpy(keep(&passed, strlen(part->name) + 1), part->name);
    }
    return args;
}

static void pass(troupe_child *child)
{
    child->id = pass_text(child->id);
    child->register_as = pass_text(child->register_as);
    child->args = pass_args(child);
}

const troupe_child *spec_pass_child(const troupe_child *child)
{
    if (child == NULL)
        return NULL;
    troupe_child *copy = memcpy(keep(&passed, sizeof *copy), child, sizeof *copy);
    pass(copy);
    return copy;
}

const troupe_supervisor *spec_pass(const troupe_supervisor *spec)
{
    if (spec == NULL)
        return NULL;
    troupe_supervisor *copy = memcpy(keep(&passed, sizeof *copy), spec, sizeof *copy);
    copy->name = pass_text(spec->name);
    copy->register_as = pass_text(spec->register_as);
    if (!spec->children || spec->child_count > MOST_CHILDREN)
        return copy; // nobody looks at them
    size_t size = spec->child_count * sizeof *spec->children;
    troupe_child *children = memcpy(keep(&passed, size), spec->children, size);
    for (size_t i = 0; i < spec->child_count; i++)
        pass(&children[i]);
    copy->children = children;
    return copy;
}
