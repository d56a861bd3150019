// Who gets the next turn: at random, or so that all ways are tried.
//
// The search is stateless, as in CHESS (Musuvathi, Qadeer 2007): a run is replayed up to a recorded
// decision, takes another way there, and then the first way at each further decision. The first way
// is to let the running thread go on, which costs no preemption.
//
// A thread that waits for another (see yield points with "waiting") gets no turn until another
// thread has made a step that was more than looking at its own condition again. When all wait, they
// get PATIENCE more turns each, in case a point's name stands for more than one condition.
#include "tests/support/interleave_team.h"

#ifdef TRP_YIELD_POINTS

#    include "base/assert.h"

#    define PATIENCE 20

static bool can_go_on(const struct member *member)
{
    switch (member->state) {
    case READY:
        return true;
    case WAITING:
        return !member->looked_in_vain;
    case BLOCKED:
        return member->holds(member->user);
    case SLEEPING:
    case ENDED:
        return false;
    }
    return false;
}

// The running thread first, the others in order.
static int list_candidates(struct team *team, int running, struct member **candidates)
{
    int count = 0;
    for (int i = 0; i < team->test->count; i++) {
        struct member *member = &team->members[(running + i) % team->test->count];
        if (can_go_on(member))
            candidates[count++] = member;
    }
    return count;
}

static int choose_at_random(struct team *team, int count, bool running_can)
{
    if (!running_can)
        return (int)trp_random_below(&team->numbers, (uint32_t)count);
    if (trp_random_below(&team->numbers, team->switch_one_in) != 0)
        return 0;
    return 1 + (int)trp_random_below(&team->numbers, (uint32_t)count - 1);
}

static int choose_on_path(struct team *team, int count, bool running_can)
{
    if (team->path_length < team->replay_length) {
        struct decision *decision = &team->path[team->path_length++];
        if (decision->count != count)
            trp_team_fail(team, "the same turns led elsewhere: the test does not repeat itself");
        int chosen = decision->chosen < count ? decision->chosen : 0;
        team->preemptions += running_can && chosen > 0;
        return chosen;
    }
    team->path[team->path_length++] = (struct decision){
        .count = count, .preemptions = team->preemptions, .preempts = running_can};
    return 0;
}

// Nobody can go on. Returns who may look again all the same, or NULL.
static struct member *last_resort(struct team *team, int running)
{
    int count = team->test->count;
    if (team->fruitless < PATIENCE * count) {
        for (int i = 1; i <= count; i++) {
            struct member *member = &team->members[(running + i) % count];
            if (member->state == WAITING)
                return member;
        }
    }
    for (int i = 0; i < count; i++) {
        struct member *member = &team->members[i];
        if (member->state == SLEEPING && member->timed) {
            team->timeouts++;
            return member;
        }
    }
    return NULL;
}

struct member *trp_team_choose(struct team *team, int running)
{
    struct member *candidates[TRP_INTERLEAVE_THREADS] = {NULL};
    int count = list_candidates(team, running, candidates);
    if (count == 0)
        return last_resort(team, running);
    bool running_can = candidates[0]->index == running;
    if (count == 1)
        return candidates[0];
    return candidates[team->random ? choose_at_random(team, count, running_can)
                                   : choose_on_path(team, count, running_can)];
}

struct member *trp_team_choose_first(struct team *team)
{
    struct member *candidates[TRP_INTERLEAVE_THREADS] = {NULL};
    int count = list_candidates(team, 0, candidates);
    int chosen =
        team->random ? choose_at_random(team, count, false) : choose_on_path(team, count, false);
    TRP_ASSERT(candidates[chosen] != NULL);
    return candidates[chosen];
}

bool trp_team_next_path(struct team *team)
{
    int allowed = team->test->max_preemptions == 0 ? 2 : team->test->max_preemptions;
    while (team->path_length > 0) {
        struct decision *last = &team->path[team->path_length - 1];
        bool affordable =
            !last->preempts || allowed == TRP_INTERLEAVE_ALL || last->preemptions < allowed;
        if (affordable && last->chosen + 1 < last->count) {
            last->chosen++;
            team->replay_length = team->path_length;
            return true;
        }
        team->path_length--;
    }
    return false;
}

#endif
