// Words and how often they occur: a hash table with open addressing that owns the words' text.
//
// A word is what `LC_ALL=C tr -cs A-Za-z '\n' | tr A-Z a-z` leaves on a line: a longest run of
// ASCII letters, in lower case.
#ifndef WORDCOUNT_WORDS_H
#define WORDCOUNT_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct word {
    uint64_t count;
    size_t offset; // of its text within the table's text
    size_t length; // bytes; there is no final 0
    uint32_t hash;
};

// All zero: an empty table. Used by one thread at a time.
struct words {
    struct word *list; // the words, in the order in which they came
    char *text;        // the words' letters, one after the other
    uint32_t *slots;   // hash -> index in `list` plus 1; 0 is free
    size_t count, list_capacity;
    size_t text_size, text_capacity;
    size_t slot_count; // a power of two, at least twice `count`
    uint64_t total;    // sum of the counts
};

// Frees what a table holds and makes it empty.
void words_fini(struct words *words);

// Makes a table empty and keeps its memory for the next words.
void words_clear(struct words *words);

// Counts the words of a text, whose begin and end are taken as the begin and end of words.
// False: no memory, and some of them were counted.
bool words_count_text(struct words *words, const char *text, size_t size);

// Adds `word`, whose letters are at `text`, with its count. False: no memory, nothing was added.
bool words_add(struct words *words, const struct word *word, const char *text);

// Sorts the list: most frequent first, those of one frequency by the alphabet. Nothing can be
// counted or added afterwards.
void words_sort(struct words *words);

// Tells whether a byte is part of a word.
bool words_is_letter(char byte);

#endif
