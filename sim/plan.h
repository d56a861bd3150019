// Plans: what was chosen in a run, kept for another run that is to choose the same, and as text.
//
// Only what is not 0 is in a plan, so the shorter it is the simpler is its run, and the empty plan
// is the simplest run of all.
#ifndef TRP_SIM_PLAN_H
#define TRP_SIM_PLAN_H

#include "sim/core.h"

// The marks of a plan in one list, kind by kind. malloc's.
struct trp_sim_marks {
    struct trp_sim_mark *at;
    size_t count;
};

// A plan of these marks, which come kind by kind and ascending. TROUPE_ENOMEM.
troupe_status trp_sim_plan_init(struct trp_sim_plan *plan, const struct trp_sim_mark *marks,
                                size_t count);
void trp_sim_plan_fini(struct trp_sim_plan *plan);

size_t trp_sim_plan_count(const struct trp_sim_plan *plan);

// Copies the marks of a plan. TROUPE_ENOMEM.
troupe_status trp_sim_plan_marks(const struct trp_sim_plan *plan, struct trp_sim_marks *marks);

// Plans as text: "none", or marks like "n3:1" with commas between: the kind's letter, the ordinal,
// the value. Letters: n next, c cut, t timer, f fault, b bytes, p pick.
// Writes at most `size` bytes with the final 0, returns the length that the whole text has.
size_t trp_sim_plan_print(const struct trp_sim_plan *plan, char *text, size_t size);

// Errors: TROUPE_EINVAL, with a text that names the mark; TROUPE_ENOMEM.
troupe_status trp_sim_plan_parse(struct trp_sim_plan *plan, const char *text);

#endif
