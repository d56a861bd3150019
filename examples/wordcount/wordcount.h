// The actors of wordcount, and what they say to each other.
//
//     reader --Chunk--> coordinator --ParseChunk--> parser 0 .. N-1 --ChunkWords--> aggregator
//        |                   |  ^                     (supervised)                      |
//        +-----> console <---+  +----------------------------Counted--------------------+
//
//     from         to           message      says
//     coordinator  reader       ReadMore     there is room for one more chunk
//     reader       coordinator  Chunk        here it is; moved
//     reader       coordinator  AllRead      there is no more
//     reader       console      Trouble      a file cannot be read to its end
//     parser       coordinator  ParserReady  has started
//     coordinator  parser       ParseChunk   an ask, answered with Parsed
//     parser       aggregator   ChunkWords   the words of one chunk; moved
//     aggregator   coordinator  Counted      they are in the table
//     coordinator  aggregator   Finish       an ask, answered with Finished: the table is the job's
//     coordinator  console      Progress
//
// The reader has a thread of its own, because reading blocks, and so has the console. The parsers
// are as many as there are workers. A chunk's text is written once, by the reader, and never
// copied: the coordinator keeps the message that holds it until the parser has answered, so it can
// be parsed again when the parser failed. A parser's result is one message too, moved to the
// aggregator. The aggregator counts each chunk id once, whatever happened on the way.
#ifndef WORDCOUNT_WORDCOUNT_H
#define WORDCOUNT_WORDCOUNT_H

#include "options.h"
#include "walk.h"
#include "words.h"

#include <stdbool.h>
#include <stdint.h>
#include <troupe.h>

// One run. main makes it before the system starts and reads the results when it has stopped.
struct job {
    struct options options;
    struct walk input;
    size_t chunk_size;
    bool progress; // show a bar
    // Results. Each is written by one actor, which is named.
    struct words words; // aggregator
    uint64_t bytes;     // coordinator, as all that follows
    uint64_t chunks;
    uint64_t messages; // that the actors sent to each other
    uint64_t restarts;
    uint64_t nanoseconds;
    uint32_t files;
    uint32_t unread_files; // could not be opened or read to their end
    bool done;
};

// The init message of all actors but parsers.
struct job_args {
    struct job *job;
    troupe_ref coordinator; // none for the coordinator itself
    troupe_ref console;     // likewise
};

struct parser_args {
    troupe_ref coordinator, aggregator;
    uint32_t index;
};

// A parser runs and can be asked; also sent after a restart.
struct parser_ready {
    troupe_ref parser;
    uint32_t index;
};

// A piece of the input. `text` lies in the message itself.
struct chunk_read {
    uint64_t id; // from 0 on
    const char *text;
    size_t size;
    uint64_t bytes; // of files
    uint32_t files; // that end in it
};

struct all_read {
    uint64_t chunks;
    uint32_t unread_files;
};

// Where a parser that was told to fail does it.
enum crash {
    CRASH_NOT,
    CRASH_BEFORE, // nothing of the chunk has been counted
    CRASH_AFTER   // the aggregator has got its words already
};

// The asker keeps the text as long as it waits for the answer.
struct parse_chunk {
    uint64_t id;
    const char *text;
    size_t size;
    enum crash crash;
};

// The words of a chunk. What the pointers lead to lies in the message itself.
struct chunk_words {
    uint64_t id;
    const struct word *list;
    size_t count;
    const char *text;
};

struct chunk_counted {
    uint64_t id;
};

struct progress {
    uint64_t bytes;
};

struct trouble {
    const char *path; // of the job's
    int error;        // errno; 0: the file has become shorter
};

TROUPE_STRUCT(JobArgs, struct job_args);
TROUPE_STRUCT(ParserArgs, struct parser_args);
TROUPE_STRUCT(ParserReady, struct parser_ready);
TROUPE_EMPTY(ReadMore);
TROUPE_STRUCT(Chunk, struct chunk_read);
TROUPE_STRUCT(AllRead, struct all_read);
TROUPE_STRUCT(ParseChunk, struct parse_chunk);
TROUPE_EMPTY(Parsed);
TROUPE_STRUCT(ChunkWords, struct chunk_words);
TROUPE_STRUCT(Counted, struct chunk_counted);
TROUPE_EMPTY(Finish);
TROUPE_EMPTY(Finished);
TROUPE_EMPTY(Tick);
TROUPE_STRUCT(Progress, struct progress);
TROUPE_STRUCT(Trouble, struct trouble);

extern const troupe_behavior coordinator_behavior;
extern const troupe_behavior reader_behavior;
extern const troupe_behavior parser_behavior;
extern const troupe_behavior aggregator_behavior;
extern const troupe_behavior console_behavior;

// Prints the result as the options say. False: it could not be written.
bool report_print(const struct job *job);

#endif
