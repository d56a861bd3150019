#include "wordcount.h"

#include <stdio.h>

#define SHOWN_LETTERS 60 // of a word in a table

static double seconds(const struct job *job)
{
    return (double)job->nanoseconds / 1e9;
}

static double messages_per_second(const struct job *job)
{
    return job->nanoseconds == 0 ? 0 : (double)job->messages / seconds(job);
}

static size_t shown(const struct job *job)
{
    size_t count = job->words.count;
    return job->options.top == 0 || count < job->options.top ? count : job->options.top;
}

static void print_counts(const struct job *job)
{
    size_t count = shown(job);
    for (size_t i = 0; i < count; i++) {
        const struct word *word = &job->words.list[i];
        printf("%llu ", (unsigned long long)word->count);
        fwrite(job->words.text + word->offset, 1, word->length, stdout);
        putchar('\n');
    }
}

static void print_table(const struct job *job)
{
    size_t count = shown(job);
    for (size_t i = 0; i < count; i++) {
        const struct word *word = &job->words.list[i];
        bool whole = word->length <= SHOWN_LETTERS;
        printf("%12llu  %.*s", (unsigned long long)word->count,
               whole ? (int)word->length : SHOWN_LETTERS, job->words.text + word->offset);
        if (whole)
            putchar('\n');
        else
            printf("... (%zu letters)\n", word->length);
    }
    if (count > 0)
        putchar('\n');
    printf("files       %12u\n"
           "bytes       %12llu\n"
           "words       %12llu\n"
           "distinct    %12zu\n"
           "chunks      %12llu\n"
           "messages/s  %12.0f\n"
           "restarts    %12llu\n"
           "seconds     %12.3f\n",
           job->files, (unsigned long long)job->bytes, (unsigned long long)job->words.total,
           job->words.count, (unsigned long long)job->chunks, messages_per_second(job),
           (unsigned long long)job->restarts, seconds(job));
}

// Words are letters only, so nothing needs to be escaped.
static void print_json(const struct job *job)
{
    printf("{\n  \"files\": %u,\n  \"bytes\": %llu,\n  \"words\": %llu,\n  \"distinct\": %zu,\n"
           "  \"chunks\": %llu,\n  \"workers\": %u,\n  \"messages\": %llu,\n"
           "  \"messages_per_second\": %.0f,\n  \"restarts\": %llu,\n  \"seconds\": %.6f,\n"
           "  \"unread_files\": %u,\n  \"top\": [",
           job->files, (unsigned long long)job->bytes, (unsigned long long)job->words.total,
           job->words.count, (unsigned long long)job->chunks, job->options.workers,
           (unsigned long long)job->messages, messages_per_second(job),
           (unsigned long long)job->restarts, seconds(job), job->unread_files);
    size_t count = shown(job);
    for (size_t i = 0; i < count; i++) {
        const struct word *word = &job->words.list[i];
        printf("%s\n    {\"word\": \"", i == 0 ? "" : ",");
        fwrite(job->words.text + word->offset, 1, word->length, stdout);
        printf("\", \"count\": %llu}", (unsigned long long)word->count);
    }
    printf("%s]\n}\n", count == 0 ? "" : "\n  ");
}

bool report_print(const struct job *job)
{
    switch (job->options.output) {
    case OUTPUT_COUNTS:
        print_counts(job);
        break;
    case OUTPUT_JSON:
        print_json(job);
        break;
    case OUTPUT_TABLE:
        print_table(job);
        break;
    }
    return fflush(stdout) == 0 && !ferror(stdout);
}
