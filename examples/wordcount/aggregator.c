// The aggregator: the one table of all words. A chunk that comes a second time, because its parser
// failed after it had handed it over, is not counted again.
#include "wordcount.h"

#include <stdlib.h>
#include <string.h>

struct aggregator {
    struct job *job;
    troupe_ref coordinator;
    struct words words;
    unsigned char *seen; // a bit per chunk id
    size_t seen_size;    // bytes
};

static void free_aggregator(void *arg)
{
    struct aggregator *aggregator = arg;
    words_fini(&aggregator->words);
    free(aggregator->seen);
}

static troupe_status aggregator_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    struct aggregator *aggregator = state;
    const struct job_args *given = troupe_match(args, JobArgs);
    if (given == NULL)
        return TROUPE_EINVAL;
    aggregator->job = given->job;
    aggregator->coordinator = given->coordinator;
    return troupe_defer(ctx, free_aggregator, aggregator);
}

// Makes sure that there is a bit for `id`. False: no memory.
static bool reserve_seen(struct aggregator *aggregator, uint64_t id)
{
    if (id / 8 < aggregator->seen_size)
        return true;
    size_t size = ((size_t)(id / 8) + 64) * 2;
    unsigned char *seen = realloc(aggregator->seen, size);
    if (seen == NULL)
        return false;
    memset(seen + aggregator->seen_size, 0, size - aggregator->seen_size);
    aggregator->seen = seen;
    aggregator->seen_size = size;
    return true;
}

static troupe_status count(troupe_ctx *ctx, struct aggregator *aggregator,
                           const struct chunk_words *chunk)
{
    if (!reserve_seen(aggregator, chunk->id))
        return troupe_fail(ctx, TROUPE_ENOMEM, "no memory for the chunks' ids");
    unsigned char *byte = &aggregator->seen[chunk->id / 8];
    unsigned char bit = (unsigned char)(1u << chunk->id % 8);
    if (*byte & bit)
        return TROUPE_OK;
    for (size_t i = 0; i < chunk->count; i++) {
        const struct word *word = &chunk->list[i];
        if (!words_add(&aggregator->words, word, chunk->text + word->offset))
            return troupe_fail(ctx, TROUPE_ENOMEM, "no memory for a table of %zu words",
                               aggregator->words.count + 1);
    }
    *byte |= bit;
    return troupe_send(ctx, aggregator->coordinator, Counted, .id = chunk->id);
}

static troupe_status aggregator_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    struct aggregator *aggregator = state;
    const struct chunk_words *chunk = troupe_match(msg, ChunkWords);
    if (chunk)
        return count(ctx, aggregator, chunk);
    if (troupe_match(msg, Finish)) {
        aggregator->job->words = aggregator->words; // now main's
        aggregator->words = (struct words){0};
        return troupe_reply(ctx, Finished);
    }
    return TROUPE_UNHANDLED;
}

const troupe_behavior aggregator_behavior = {
    .name = "aggregator",
    .state_size = sizeof(struct aggregator),
    .init = aggregator_init,
    .receive = aggregator_receive,
};
