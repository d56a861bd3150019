// What spec_fuzz is made of: specifications out of bytes (spec_make.c), what the headers say of one
// (spec_rules.c), and what must be seen of one that runs (spec_look.c).
#ifndef TESTS_FUZZ_SPEC_H
#define TESTS_FUZZ_SPEC_H

#include "tests/fuzz/fuzz.h"
#include "troupe/children.h"
#include "troupe/name.h"
#include "troupe/tree.h"

// ---- Making

struct spec_fate {
    uint32_t fate; // enum spec_fate_kind
};

enum spec_fate_kind { SPEC_STARTS, SPEC_IGNORES, SPEC_FAILS, SPEC_STOPS };

TROUPE_STRUCT(SpecFate, struct spec_fate); // for init
TROUPE_EMPTY(SpecFall);                    // the child fails
TROUPE_EMPTY(SpecLeave);                   // the child ends normally

#define SPEC_TAKEN_NAME "taken" // somebody has it, unless the tree is all there is

// Makes a specification, which lives until spec_forget.
const troupe_supervisor *spec_make(struct fuzz_bytes *bytes);

// Makes a child for troupe_start_child. NULL is one, too.
const troupe_child *spec_make_child(struct fuzz_bytes *bytes);

void spec_forget(void);

// The same for a call: what that copies is freed by spec_forget_passed.
const troupe_supervisor *spec_pass(const troupe_supervisor *spec);
const troupe_child *spec_pass_child(const troupe_child *child);
void spec_forget_passed(void);

// What the init of a child does, in the words of its specification.
enum spec_fate_kind spec_fate_of(const troupe_child *child);

// Whether its state is more than any memory holds.
bool spec_is_huge(const troupe_child *child);

// Whether its arguments could not be packed.
bool spec_has_bad_args(const troupe_child *child);

// ---- Rules

struct spec_flaw {
    const char *field;      // a word that must be in the text
    const char *supervisor; // whose it is; NULL: it has no name that could be told
    const char *child;      // NULL: the supervisor's own
    troupe_status status;
};

#define SPEC_FLAWS 64

struct spec_verdict {
    struct spec_flaw flaws[SPEC_FLAWS];
    size_t count; // may be more than SPEC_FLAWS
};

// Finds what is wrong with a specification, and with a child for a running supervisor.
void spec_judge(const troupe_supervisor *spec, struct spec_verdict *verdict);
void spec_judge_child(const troupe_supervisor *running, const char *name, const troupe_child *child,
                      struct spec_verdict *verdict);

// Fails unless `status` and troupe_error_text fit the verdict: one of its flaws, named, if there is
// any. Returns whether there is.
bool spec_check_refusal(const struct spec_verdict *verdict, const char *function,
                        troupe_status status);

// What comes of a start: a status, TROUPE_ESTART if some init fails or some name is taken, or
// SPEC_UNSURE. `culprit` gets the id of the child of `spec` that does not start.
#define SPEC_UNSURE ((troupe_status)-1)
troupe_status spec_predict(const troupe_supervisor *spec, const char **culprit);
troupe_status spec_predict_child(const troupe_child *child);

// ---- Looking

// How many lines the tree of a specification has.
size_t spec_count_lines(const troupe_supervisor *spec);

// Fails unless what is printed of a specification, or refused, fits the verdict.
void spec_look_at_print(const troupe_supervisor *spec, const struct spec_verdict *verdict,
                        troupe_tree_format format);

// Fails unless the supervisor tells what it was given; it runs, and all its children do that did
// not ignore their start.
void spec_look_at_running(troupe_ref supervisor, const troupe_supervisor *spec);

// Prints the tree of what runs.
void spec_look_at_tree(troupe_ref supervisor, troupe_tree_format format, size_t lines);

#endif
