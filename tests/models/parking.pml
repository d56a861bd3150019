/* How workers sleep and are woken: scheduler/parking.c, and the worker's side of it in find.c and
 * worker.c. See README.md for what is assumed and what is not covered.
 *
 * Each inline is the function of that name, one statement for each step that another thread can see.
 * A section under the parking lock is one atomic step, though it may write two words that are read
 * without the lock (deep, asleep_until, counts): such a reader acts on one of them alone, and before it
 * changes anything but by a search it takes the lock and looks again. Two steps has notify, amid which
 * others may begin to search, and more has close, which wakes under the lock.
 *
 * Bounds, set by parking.cases: WORKERS; OUTSIDERS that inject INJECTED tasks each; SPAWNED tasks that
 * handlers schedule on their own worker; TIMERS (0, 1) that somebody outside arms; RETREATS; STOP: the
 * scheduler is stopped at any time. WORKERS - 1 handlers are held until all tasks have been started:
 * one worker is free, and promised is that it starts them all.
 *
 * Towards more behaviours: an estimate (is it worth waking or stealing, is one too slow, how much is a
 * fair share) goes either way. Towards fewer: a steal, of a ring or of a next slot, is one step, as are
 * two looks at one's own empty queues (ring_ and bias_interleave_test see to the steps within).
 */
/* The place that the search is to show to be reachable, or none. */
#ifndef REACHES
#define REACHES 0
#endif
#define HERE(place) assert(REACHES != place)
#define PROMOTION 1
#define ALERT 2
#define HELP 3
#define LATE_NOTIFY 4
#define WOKEN_LEAVER 5

#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef OUTSIDERS
#define OUTSIDERS 2
#endif
#ifndef INJECTED
#define INJECTED 1
#endif
#ifndef SPAWNED
#define SPAWNED 1
#endif
#ifndef TIMERS
#define TIMERS 0
#endif
#ifndef RETREATS
#define RETREATS 0
#endif

#define NOBODY WORKERS

#ifdef STOP
#define STOPPING stopping
#else
#define STOPPING false
#endif

/* ---- What is shared */

/* struct trp_parking */
byte parked, searching_count; /* counts: one word */
bool deep;
byte asleep_until; /* 0, DUE or NEVER */
bit lock;
byte stack = NOBODY, sentinel = NOBODY;
bool closed;

/* struct trp_parker */
mtype = {EMPTY, SLEEPING, TOKEN};
mtype = {ACTIVE, STACKED, SENTINEL};
mtype word[WORKERS] = EMPTY;
bool in_futex[WORKERS]; /* sleeps in the kernel */
mtype place[WORKERS] = ACTIVE;
byte below[WORKERS] = NOBODY;

/* struct trp_pool_worker: how many tasks are there */
bool next[WORKERS];
byte ring[WORKERS];
bool moved[WORKERS]; /* activations != seen */

/* struct trp_scheduler */
byte inject;
bool stopping;

/* The timers: one, due at DUE. The clock goes from 0 to DUE at some time. */
#define DUE 1
#define NEVER 2
byte now, timer_next = NEVER;

/* ---- What is counted for the properties */

byte adding = OUTSIDERS + TIMERS; /* who are about to make a task runnable */
byte total, started;      /* tasks that were made, and that began to run */
byte spawned, retreats;
byte held;
bool on_behalf[WORKERS]; /* woken by notify, and has not ended its search */
byte ended;

#define ALL_STARTED (adding == 0 && started == total && timer_next == NEVER)

/* What holds whenever the lock is free, and is asserted by whoever frees it. */
inline invariant()
{
    d_step {
        p = 0;
        for (i : 0 .. WORKERS - 1) {
            if
            :: place[i] != ACTIVE -> p++
            :: else
            fi
        }
        assert(p == parked);                                /* the count is that of the places */
        assert((sentinel != NOBODY) == (parked > 0));       /* 4. somebody watches */
        assert(sentinel == NOBODY || place[sentinel] == SENTINEL);
        p = 0;
        i = 0
    }
}

inline release()
{
    invariant();
    lock = 0
}

/* ---- The futex parker */

inline wake_up(who)
{
    atomic {
        old = word[who];
#ifdef NO_TOKEN
        if
        :: old == SLEEPING -> word[who] = TOKEN
        :: else
        fi
#else
        word[who] = TOKEN
#endif
    };
    if
    :: old == SLEEPING -> atomic { in_futex[who] = false; who = NOBODY; old = 0 }
    :: else -> who = NOBODY; old = 0
    fi
}

/* `limit`: may return when this holds. */
inline futex_park(limit)
{
    if
    :: atomic { word[me] == EMPTY -> word[me] = SLEEPING };
       if
       :: atomic { word[me] == SLEEPING -> in_futex[me] = true };
end_asleep:
          if
          :: !in_futex[me]
          :: atomic { limit && in_futex[me] -> in_futex[me] = false; timed_out = true }
          fi
       :: word[me] != SLEEPING
       fi
    :: word[me] == TOKEN
    fi;
    word[me] = EMPTY
}

/* ---- State; the lock is held */

inline leave_deep()
{
    deep = false;
    asleep_until = 0
}

inline pop(who)
{
    who = stack;
    if
    :: who != NOBODY -> stack = below[who]; below[who] = NOBODY
    :: else
    fi
}

inline activate(who)
{
    place[who] = ACTIVE;
    parked--;
    searching_count++
}

/* ---- Searching */

inline trp_parking_search()
{
    if
    :: 2 * searching_count < WORKERS - parked -> atomic { searching_count++; searching = true }
    :: 2 * searching_count >= WORKERS - parked
    fi
}

/* ---- Waking */

inline one_at_a_time()
{
    for (i : 0 .. WORKERS - 1) {
        assert(!on_behalf[i])
    }
    i = 0
}

inline trp_parking_notify()
{
    if
    :: parked == 0 || searching_count > 0
    :: !(parked == 0 || searching_count > 0) ->
       atomic { /* two steps: others may begin to search in between */
           !lock ->
           if
#ifdef NO_LOOK_UNDER_LOCK
           :: true ->
#else
           :: parked > 0 && searching_count == 0 ->
#endif
              lock = 1;
              pop(wake);
              if
              :: wake == NOBODY ->
                 wake = sentinel;
                 assert(wake != NOBODY);
                 sentinel = NOBODY;
                 leave_deep()
              :: else
              fi
           :: else -> HERE(LATE_NOTIFY) /* somebody else was quicker */
           fi
       };
       if
       :: wake != NOBODY ->
          atomic {
              one_at_a_time();
              on_behalf[wake] = true;
              activate(wake);
              release()
          };
          wake_up(wake)
       :: else
       fi
    fi
}

inline trp_parking_alert_slow()
{
    atomic {
        !lock ->
        if
        :: deep -> leave_deep(); wake = sentinel; HERE(ALERT)
        :: else
        fi
    };
    if
    :: wake != NOBODY -> wake_up(wake)
    :: else
    fi
}

inline trp_parking_alert()
{
#ifdef NO_ALERT
    skip
#else
    if
    :: deep -> trp_parking_alert_slow()
    :: !deep
    fi
#endif
}

inline trp_parking_timer_armed()
{
#ifdef NO_TIMER_WAKE
    skip
#else
    if
    :: DUE < asleep_until -> trp_parking_alert_slow()
    :: !(DUE < asleep_until)
    fi
#endif
}

inline trp_parking_close()
{
    atomic { !lock -> lock = 1; closed = true };
    do
    :: stack != NOBODY -> atomic { pop(wake); activate(wake) }; wake_up(wake)
    :: stack == NOBODY ->
       atomic {
           wake = sentinel;
           sentinel = NOBODY;
           leave_deep();
           if
           :: wake != NOBODY -> activate(wake)
           :: else
           fi
       };
       if
       :: wake != NOBODY -> wake_up(wake)
       :: else -> break
       fi
    od;
    atomic { release() }
}

/* ---- Sleeping */

inline trp_parking_enter()
{
    atomic {
        !lock ->
        if
        :: closed -> entered = false
        :: else ->
           entered = true;
           if
           :: sentinel == NOBODY -> sentinel = me; place[me] = SENTINEL
           :: else -> place[me] = STACKED; below[me] = stack; stack = me
           fi;
           parked++;
           if
           :: searching -> searching_count--
           :: else
           fi;
           on_behalf[me] = false;
           invariant()
        fi
    }
}

inline unstack()
{
    if
    :: stack == me -> stack = below[me]
    :: else ->
       i = stack;
       do
       :: below[i] != me -> i = below[i]
       :: else -> break
       od;
       below[i] = below[me];
       i = 0
    fi;
    below[me] = NOBODY
}

inline trp_parking_leave()
{
    atomic {
        !lock ->
        if
        :: place[me] == SENTINEL ->
           leave_deep();
#ifdef NO_PROMOTION
           sentinel = NOBODY;
#else
           pop(wake);
           sentinel = wake;
           if
           :: wake != NOBODY -> place[wake] = SENTINEL; HERE(PROMOTION)
           :: else
           fi;
#endif
           activate(me)
        :: place[me] == STACKED -> unstack(); activate(me)
        :: place[me] == ACTIVE -> HERE(WOKEN_LEAVER)
        fi;
        release()
    };
    if
    :: wake != NOBODY -> wake_up(wake)
    :: else
    fi
}

/* What it returns is the branch that sleep_parked takes; there. */

inline sleep_deep()
{
    until = timer_next;
    asleep_until = until;
    if
#ifdef NO_TIMER_RECHECK
    :: false
#else
    :: timer_next < until /* (d) */
#endif
    :: else ->
       if
       :: until <= now
       :: else ->
#ifdef NO_DEEP_TIMEOUT
          futex_park(false)
#else
          futex_park(until <= now)
#endif
       fi
    fi;
    until = 0
}

/* look: due, injected, or with others who do not get on; of the latter only after a tick. */
inline look(after_tick)
{
    if
    :: inject > 0 -> worth = true
    :: inject == 0 ->
       if
       :: timer_next <= now -> worth = true
       :: !(timer_next <= now)
       fi
    fi;
#ifndef NO_HELP
    if
    :: after_tick && !worth ->
       other = 0;
       do
       :: other < WORKERS && other == me -> other++
       :: other < WORKERS && other != me -> /* needs_help */
          count = ring[other] + next[other];
          atomic {
              if
              :: count > 0 -> help = other; worth = true
              :: count == 0
              :: moved[other] /* it gets on, and fast enough */
              fi;
              moved[other] = false;
              count = 0;
              other++
          }
       :: else -> atomic { other = 0; break }
       od
    :: !after_tick || worth
    :: !timed_out /* woken, and too early to tell */
    fi;
#endif
    timed_out = false
}

inline sleep_parked()
{
    do
    :: atomic { !lock && place[me] == ACTIVE -> looked = false; break } /* WOKEN */
    :: atomic { !lock && place[me] == STACKED }; futex_park(false)      /* SLEEP */
    :: atomic {                                                        /* TICK */
           !lock && place[me] == SENTINEL && parked < WORKERS -> leave_deep(); invariant()
       };
       if
       :: !looked ->
          atomic {
              for (i : 0 .. WORKERS - 1) {
                  moved[i] = false /* note_progress */
              }
              i = 0;
              looked = true
          }
       :: else
       fi;
       futex_park(true);
       look(true);
       if
       :: worth -> atomic { worth = false; looked = false }; trp_parking_leave(); break
       :: else
       fi
    :: atomic {                                                        /* DEEP */
           !lock && place[me] == SENTINEL && parked == WORKERS -> deep = true; looked = false
       };
       sleep_deep();
       look(false);
       if
       :: worth -> worth = false; trp_parking_leave(); break
       :: else
       fi
    od
}

/* ---- Making tasks runnable */

inline share()
{
    if
    :: true /* not worth it */
    :: trp_parking_notify()
    fi
}

inline schedule_here()
{
    atomic {
        total++;
        displaced = next[me];
        next[me] = true
    };
    if
    :: displaced -> ring[me]++
    :: else
    fi;
    trp_parking_alert();
    if
    :: displaced -> displaced = false; share()
    :: else
    fi
}

/* run, TRP_RUN_AGAIN */
inline run_again()
{
    atomic { total++; ring[me]++ };
    trp_parking_alert();
    share()
}

/* ---- Taking */

inline take_next()
{
    if
    :: atomic { next[me] -> next[me] = false; task = true }
    :: !next[me]
    fi
}

inline ring_pop()
{
    if
    :: atomic { ring[me] > 0 -> ring[me]--; task = true }
    :: ring[me] == 0
    fi
}

inline trp_take_injected()
{
    if
    :: inject == 0
    :: atomic { inject > 0 -> inject--; task = true }
    :: atomic { inject > 1 -> inject = inject - 2; ring[me]++; task = true }; /* a fair share */
       trp_parking_alert()
    fi
}

inline expire_due()
{
    if
    :: atomic { timer_next <= now -> timer_next = NEVER; fired = true; adding++ };
       schedule_here();
       adding--
    :: !(timer_next <= now)
    fi
}

inline steal_ring(victim)
{
    atomic {
        count = (ring[victim] + 1) / 2;
        ring[victim] = ring[victim] - count
    };
    if
    :: count > 0 -> atomic { ring[me] = ring[me] + count; count = 0 }; ring_pop()
    :: else
    fi
}

inline steal()
{
    other = 0;
    do
    :: other < WORKERS && !task ->
       if
       :: other != me -> steal_ring(other)
       :: true /* not worth it */
       fi;
       other++
    :: else -> atomic { other = 0; break }
    od
}

inline look_around()
{
    if
    :: help != NOBODY ->
       steal_ring(help);
       if
       :: !task ->
          if
          :: atomic { next[help] -> next[help] = false; task = true; HERE(HELP) } /* steal_next */
          :: !next[help]
          fi
       :: else
       fi;
       help = NOBODY
    :: else
    fi;
    if
    :: !task ->
       expire_due();
       if
       :: fired ->
          fired = false;
          take_next();
          if
          :: !task -> ring_pop()
          :: else
          fi
       :: else
       fi
    :: else
    fi;
    if
    :: !task -> trp_take_injected()
    :: else
    fi
}

inline park()
{
    trp_parking_enter();
    if
    :: entered ->
       entered = false;
       searching = true;
#ifndef NO_RECHECK
       if
       :: inject > 0 -> trp_parking_leave() /* (d) */
       :: inject == 0 -> sleep_parked()
       fi
#else
       sleep_parked()
#endif
    :: else
    fi
}

inline end_search()
{
    atomic {
        searching_count--;
        searching = false;
        on_behalf[me] = false;
        last = searching_count == 0
    };
    if
    :: last ->
       last = false;
#ifndef NO_LAST_LOOK
       if
       :: inject > 0 -> trp_parking_notify()
       :: ring[me] > 0 -> trp_parking_notify() /* worth it by estimate */
       :: inject == 0
       fi
#endif
    :: else
    fi
}

inline find()
{
    do
    :: STOPPING -> break
    :: !STOPPING ->
       look_around();
       if
       :: task -> break
       :: else
       fi;
       if
       :: !searching -> trp_parking_search()
       :: else
       fi;
       if
       :: searching -> steal();
          if
          :: !task -> trp_take_injected()
          :: else
          fi
       :: else
       fi;
       if
       :: task -> break
       :: else
       fi;
       park()
    od;
    if
    :: searching -> end_search()
    :: else
    fi
}

/* trp_retreat, up to find. */
inline retreat()
{
    atomic { count = ring[me] + next[me]; ring[me] = 0; next[me] = false }; /* hand_over */
    atomic { inject = inject + count; count = 0 };
    trp_parking_enter();
    if
    :: entered ->
       entered = false;
       searching = true;
       if
       :: parked == WORKERS -> trp_parking_leave()
       :: parked != WORKERS -> sleep_parked()
       fi
    :: else
    fi
}

/* A handler: schedules another task or not; returns, or is held. */
inline run_task()
{
    atomic {
        task = false;
        started++;
        if
        :: spawned < SPAWNED -> spawned++; adding++; spawns = true
        :: true
        fi
    };
    if
    :: spawns -> spawns = false;
       if
       :: schedule_here()
       :: run_again()
       fi;
       adding--
    :: else
    fi;
    if
    :: atomic { held < WORKERS - 1 -> held++ };
       atomic { ALL_STARTED || STOPPING -> held-- }
    :: held == WORKERS - 1
    fi
}

/* ---- The processes */

proctype Worker(byte me)
{
    byte wake = NOBODY, help = NOBODY, other, count, until, i, p;
    mtype old;
    bool task, searching, entered, looked, worth, displaced, fired,
        last, spawns, timed_out;
    do
    :: STOPPING -> break
    :: !STOPPING ->
       moved[me] = true; /* an activation */
       if
#if RETREATS > 0
       :: atomic { retreats < RETREATS && parked + 1 < WORKERS -> retreats++ };
          retreat();
          find()
#endif
       :: next[me] || ring[me] > 0 ->
          if
          :: take_next()
          :: ring_pop() /* the next slot has had its turns */
          :: inject > 0 -> trp_take_injected()
          :: timer_next <= now -> expire_due(); fired = false
          fi
       :: !next[me] && ring[me] == 0 -> find()
       fi;
       if
       :: task -> run_task()
       :: else
       fi
    od;
    ended++
}

/* A thread outside: trp_schedule without a worker. */
proctype Outsider()
{
    byte wake = NOBODY, i, p, k;
    mtype old;
    do
    :: k < INJECTED -> k++; atomic { inject++; total++ }; trp_parking_notify()
    :: else -> break
    od;
    adding--
}

/* Another one arms the timer: trp_wheel_arm, trp_scheduler_timer_armed. */
proctype Armer()
{
    byte wake = NOBODY, i, p;
    mtype old;
    timer_next = DUE;
    trp_parking_timer_armed();
    adding--
}

#ifdef STOP
proctype Stopper()
{
    byte wake = NOBODY, i, p;
    mtype old;
    stopping = true;
    trp_parking_close();
    ended == WORKERS;
    assert(parked == 0 && searching_count == 0)
}
#else
/* When nobody can go on any more. */
proctype Checker()
{
    timeout ->
    assert(ALL_STARTED);
    assert(parked == WORKERS && searching_count == 0 && deep && inject == 0)
}
#endif

proctype Clock()
{
    now = DUE
}

init
{
    byte k;
    atomic {
        for (k : 0 .. WORKERS - 1) {
            run Worker(k)
        }
        for (k : 1 .. OUTSIDERS) {
            run Outsider()
        }
        k = 0;
#ifdef STOP
        run Stopper();
#else
        run Checker();
#endif
#if TIMERS > 0
        run Armer();
        run Clock()
#endif
    }
}

#ifdef LIVENESS
ltl all_is_run { <> ALL_STARTED }
#endif
