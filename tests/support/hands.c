// See hands.h. Exactly one thread of the harness runs at a time, so nothing here is guarded.
#ifdef TRP_YIELD_POINTS // part of interleaving tests only

#    include "tests/support/hands.h"

#    include "scheduler/core.h"

#    include <string.h>

static struct hands *opened; // last

static void open_hand(struct hands *hands, struct hand *hand, uint32_t index)
{
    troupe_system *system = hands->system;
    struct trp_runner *runner =
        system->allocator.alloc(system->allocator.user, sizeof *runner, TRP_CACHE_LINE);
    TRP_ASSERT(runner != NULL);
    memset(runner, 0, sizeof *runner);
    memset(&hand->worker, 0, sizeof hand->worker);
    hand->worker.scheduler = system->scheduler;
    hand->worker.user = runner;
    hand->worker.index = index + 1;
    hand->worker.pool = true;
    trp_random_init(&hand->worker.random, index + 1);
    trp_slab_cache_init(&hand->worker.cache, system->slab);
    runner->system = system;
    runner->worker = &hand->worker;
    runner->in_use = true;
    TRP_ASSERT(trp_bias_enter(&runner->bias));
    runner->next = atomic_load(&system->runners);
    atomic_store(&system->runners, runner); // which the system frees
    hand->runner = runner;
}

void hands_open(struct hands *hands, uint64_t seed, const troupe_system_opts *opts, int outsiders)
{
    opened = hands;
    memset(hands, 0, sizeof *hands);
    troupe_status status = trp_driver_start(&hands->driver, seed, opts);
    TRP_ASSERT(status == TROUPE_OK);
    hands->system = hands->driver.system;
    hands->system->seams.probe = NULL; // as on real threads: messages take the short way
    hands->ctx = troupe_outside(hands->system);
    hands->outsiders = outsiders;
    for (uint32_t i = 0; i < HANDS; i++)
        open_hand(hands, &hands->hands[i], i);
    trp_give(hands->system, NULL, trp_take(hands->system, NULL, 64), 64); // fetches the batch
}

void hands_settle(struct hands *hands)
{
    trp_driver_settle(&hands->driver);
}

static bool can_go_on(void *user)
{
    const struct hands *hands = user;
    return hands->system->scheduler->runnable.count > 0 ||
           (hands->outsiders == 0 && hands->active == 0);
}

static void run_one(struct hands *hands, struct hand *hand)
{
    struct trp_scheduler *scheduler = hands->system->scheduler;
    struct trp_task *task = trp_runnable_take(&scheduler->runnable, 0);
    hands->active++;
    if (trp_activate(&hand->worker, task) == TRP_RUN_AGAIN)
        trp_schedule(scheduler, &hand->worker, task);
    hands->active--;
}

void hands_step(struct hands *hands)
{
    TRP_ASSERT(hands->system->scheduler->runnable.count > 0);
    run_one(hands, &hands->hands[0]);
}

void hands_work(struct hands *hands, int index)
{
    for (;;) {
        trp_interleave_block_until("hand: blocked until runnable", can_go_on, hands);
        if (hands->system->scheduler->runnable.count == 0)
            return;
        run_one(hands, &hands->hands[index]);
    }
}

void hands_thread_0(void *user)
{
    (void)user;
    hands_work(opened, 0);
}

void hands_thread_1(void *user)
{
    (void)user;
    hands_work(opened, 1);
}

void hands_leave(struct hands *hands)
{
    hands->outsiders--;
}

void hands_close(struct hands *hands, troupe_report *report)
{
    for (int i = 0; i < HANDS; i++) {
        trp_slot_cache_fini(hands->system, &hands->hands[i].runner->slots);
        trp_slab_cache_fini(&hands->hands[i].worker.cache);
    }
    troupe_status status = troupe_system_stop(hands->system, 0, report);
    TRP_ASSERT(status == TROUPE_OK);
    TRP_ASSERT(troupe_sim_free(hands->driver.sim));
}

#endif
