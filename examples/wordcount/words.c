// The list grows at its end only, so that handing over or clearing a table is cheap; the slots hold
// nothing but indices. Text is written to the end of `text` while it is scanned and stays there if
// the word turns out to be new: lower-casing, hashing and copying are one pass over the input.
#include "words.h"

#include <stdlib.h>
#include <string.h>

// The letter in lower case for the 52 letters, 0 for every other byte.
static const unsigned char lower[256] = {
    ['A'] = 'a', ['B'] = 'b', ['C'] = 'c', ['D'] = 'd', ['E'] = 'e', ['F'] = 'f', ['G'] = 'g',
    ['H'] = 'h', ['I'] = 'i', ['J'] = 'j', ['K'] = 'k', ['L'] = 'l', ['M'] = 'm', ['N'] = 'n',
    ['O'] = 'o', ['P'] = 'p', ['Q'] = 'q', ['R'] = 'r', ['S'] = 's', ['T'] = 't', ['U'] = 'u',
    ['V'] = 'v', ['W'] = 'w', ['X'] = 'x', ['Y'] = 'y', ['Z'] = 'z', ['a'] = 'a', ['b'] = 'b',
    ['c'] = 'c', ['d'] = 'd', ['e'] = 'e', ['f'] = 'f', ['g'] = 'g', ['h'] = 'h', ['i'] = 'i',
    ['j'] = 'j', ['k'] = 'k', ['l'] = 'l', ['m'] = 'm', ['n'] = 'n', ['o'] = 'o', ['p'] = 'p',
    ['q'] = 'q', ['r'] = 'r', ['s'] = 's', ['t'] = 't', ['u'] = 'u', ['v'] = 'v', ['w'] = 'w',
    ['x'] = 'x', ['y'] = 'y', ['z'] = 'z',
};

bool words_is_letter(char byte)
{
    return lower[(unsigned char)byte] != 0;
}

void words_fini(struct words *words)
{
    free(words->list);
    free(words->text);
    free(words->slots);
    *words = (struct words){0};
}

void words_clear(struct words *words)
{
    if (words->slots != NULL)
        memset(words->slots, 0, words->slot_count * sizeof *words->slots);
    words->count = 0;
    words->text_size = 0;
    words->total = 0;
}

// Makes room for `more` bytes of text.
static bool reserve_text(struct words *words, size_t more)
{
    if (words->text_capacity - words->text_size >= more)
        return true;
    size_t capacity = words->text_capacity < 4096 ? 4096 : words->text_capacity;
    while (capacity - words->text_size < more) {
        if (capacity > SIZE_MAX / 2)
            return false;
        capacity *= 2;
    }
    char *text = realloc(words->text, capacity);
    if (text == NULL)
        return false;
    words->text = text;
    words->text_capacity = capacity;
    return true;
}

static bool grow_slots(struct words *words)
{
    size_t slot_count = words->slot_count == 0 ? 1024 : words->slot_count * 2;
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    if (slots == NULL)
        return false;
    for (size_t i = 0; i < words->count; i++) {
        size_t at = words->list[i].hash & (slot_count - 1);
        while (slots[at] != 0)
            at = (at + 1) & (slot_count - 1);
        slots[at] = (uint32_t)i + 1;
    }
    free(words->slots);
    words->slots = slots;
    words->slot_count = slot_count;
    return true;
}

// Makes room for one more word.
static bool reserve_word(struct words *words)
{
    if (words->count == UINT32_MAX - 1)
        return false;
    if (words->count == words->list_capacity) {
        size_t capacity = words->list_capacity == 0 ? 512 : words->list_capacity * 2;
        struct word *list = realloc(words->list, capacity * sizeof *list);
        if (list == NULL)
            return false;
        words->list = list;
        words->list_capacity = capacity;
    }
    return words->count * 2 < words->slot_count || grow_slots(words);
}

// Returns the slot of a word, or the free one where it belongs. There is always a free one.
static uint32_t *find(const struct words *words, const char *text, size_t length, uint32_t hash)
{
    size_t at = hash & (words->slot_count - 1);
    for (;;) {
        uint32_t *slot = &words->slots[at];
        if (*slot == 0)
            return slot;
        const struct word *word = &words->list[*slot - 1];
        if (word->hash == hash && word->length == length &&
            memcmp(words->text + word->offset, text, length) == 0)
            return slot;
        at = (at + 1) & (words->slot_count - 1);
    }
}

// Counts the word whose letters lie at the end of the text already, and keeps them if it is new.
static bool count_last(struct words *words, size_t length, uint32_t hash, uint64_t count)
{
    if (!reserve_word(words))
        return false;
    const char *letters = words->text + words->text_size;
    uint32_t *slot = find(words, letters, length, hash);
    words->total += count;
    if (*slot != 0) {
        words->list[*slot - 1].count += count;
        return true;
    }
    words->list[words->count++] =
        (struct word){.count = count, .offset = words->text_size, .length = length, .hash = hash};
    words->text_size += length;
    *slot = (uint32_t)words->count;
    return true;
}

bool words_count_text(struct words *words, const char *text, size_t size)
{
    // All words of the text together are no longer than the text, so nothing below grows it.
    if (!reserve_text(words, size))
        return false;
    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *end = at + size;
    while (at < end) {
        unsigned char letter = lower[*at++];
        if (letter == 0)
            continue;
        unsigned char *begin = (unsigned char *)words->text + words->text_size;
        unsigned char *to = begin;
        uint64_t hash = 0;
        do {
            *to++ = letter;
            hash = (hash ^ letter) * UINT64_C(0x9e3779b97f4a7c15);
        } while (at < end && (letter = lower[*at++]) != 0);
        if (!count_last(words, (size_t)(to - begin), (uint32_t)(hash >> 32), 1))
            return false;
    }
    return true;
}

bool words_add(struct words *words, const struct word *word, const char *text)
{
    if (!reserve_text(words, word->length))
        return false;
    memcpy(words->text + words->text_size, text, word->length);
    return count_last(words, word->length, word->hash, word->count);
}

// ---- Sorting

static int by_count_then_alphabet(const void *left, const void *right, void *text)
{
    const struct word *a = left;
    const struct word *b = right;
    const char *letters = text;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    size_t shorter = a->length < b->length ? a->length : b->length;
    int order = memcmp(letters + a->offset, letters + b->offset, shorter);
    if (order != 0)
        return order;
    return (a->length > b->length) - (a->length < b->length);
}

void words_sort(struct words *words)
{
    free(words->slots);
    words->slots = NULL;
    words->slot_count = 0;
    if (words->count > 1)
        qsort_r(words->list, words->count, sizeof *words->list, by_count_then_alphabet,
                words->text);
}
