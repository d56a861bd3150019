// A parser: counts the words of one chunk at a time. Nothing that it holds is of use for the next
// chunk but memory, so it may fail at any point and be restarted.
#include "wordcount.h"

#include <string.h>

struct parser {
    struct parser_args args;
    struct words words; // emptied before each chunk
};

static void free_words(void *words)
{
    words_fini(words);
}

static troupe_status parser_init(troupe_ctx *ctx, void *state, const troupe_msg *args)
{
    struct parser *parser = state;
    const struct parser_args *given = troupe_match(args, ParserArgs);
    if (given == NULL)
        return TROUPE_EINVAL;
    parser->args = *given;
    (void)troupe_send(ctx, parser->args.coordinator, ParserReady, .parser = troupe_self(ctx),
                      .index = parser->args.index);
    return troupe_defer(ctx, free_words, &parser->words);
}

// Moves the counted words to the aggregator.
static troupe_status hand_over(troupe_ctx *ctx, const struct parser *parser, uint64_t id)
{
    const struct words *words = &parser->words;
    size_t list_size = words->count * sizeof *words->list;
    troupe_msg *msg = NULL;
    struct chunk_words *out = troupe_msg_new(ctx, ChunkWords, &msg);
    if (out == NULL)
        return TROUPE_ENOMEM;
    troupe_status status = TROUPE_OK;
    if (words->count > 0) {
        void *list = troupe_msg_alloc(ctx, msg, list_size);
        char *text = troupe_msg_alloc(ctx, msg, words->text_size);
        if (list == NULL || text == NULL) {
            status = TROUPE_ENOMEM;
        } else {
            out->list = memcpy(list, words->list, list_size);
            out->text = memcpy(text, words->text, words->text_size);
        }
    }
    out->id = id;
    out->count = words->count;
    if (status == TROUPE_OK)
        status = troupe_move(ctx, parser->args.aggregator, msg);
    if (status != TROUPE_OK)
        troupe_msg_free(ctx, msg);
    return status;
}

static troupe_status parse(troupe_ctx *ctx, struct parser *parser, const struct parse_chunk *chunk)
{
    if (chunk->crash == CRASH_BEFORE)
        return troupe_fail(ctx, TROUPE_EUSER, "told to fail before chunk %llu",
                           (unsigned long long)chunk->id);
    words_clear(&parser->words);
    if (!words_count_text(&parser->words, chunk->text, chunk->size))
        return troupe_fail(ctx, TROUPE_ENOMEM, "no memory for the words of chunk %llu",
                           (unsigned long long)chunk->id);
    troupe_status status = hand_over(ctx, parser, chunk->id);
    if (status == TROUPE_EDEAD)
        return TROUPE_OK; // no aggregator, and so no answer: all of this is being stopped
    if (status != TROUPE_OK)
        return troupe_fail(ctx, status, "the words of chunk %llu cannot be handed over",
                           (unsigned long long)chunk->id);
    if (chunk->crash == CRASH_AFTER)
        return troupe_fail(ctx, TROUPE_EUSER, "told to fail after chunk %llu",
                           (unsigned long long)chunk->id);
    return troupe_reply(ctx, Parsed);
}

static troupe_status parser_receive(troupe_ctx *ctx, void *state, const troupe_msg *msg)
{
    const struct parse_chunk *chunk = troupe_match(msg, ParseChunk);
    if (chunk)
        return parse(ctx, state, chunk);
    return TROUPE_UNHANDLED;
}

const troupe_behavior parser_behavior = {
    .name = "parser",
    .state_size = sizeof(struct parser),
    .init = parser_init,
    .receive = parser_receive,
};
