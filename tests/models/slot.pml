/* How a slot serves one actor after another: actors/slot.c, activation.c, end.c, spawn.c, and
 * mailbox/mpsc.h. See README.md for what is assumed and what is not covered.
 *
 * Each inline is the function of that name, one statement for each step that another thread can see.
 *
 * Bounds, set by the test: one slot; generation 1 lives in it at first, then 2; two runners; senders
 * to each generation, of which one is a guess; orders; an owner that gives its hold back (OWNED) or
 * the system (not OWNED). SUPERVISED: at its end it awaits the owner's verdict, which is END. The
 * first actor ends by an order, or by its handler of the message STOPPING (BY_HANDLER).
 */
/* The place that the search is to show to be reachable, or none. */
#ifndef REACHES
#define REACHES 0
#endif
#define HERE(place) assert(REACHES != place)
#define SUSPENSION 1
#define DETACHED_LAST 2
#define NUDGE_AGAIN 3
#define DRAINING 4 /* an ended actor with more than one message left */

#ifndef SENDERS
#define SENDERS 1 /* to generation 1 */
#endif
#ifndef TICKS
#define TICKS 1 /* orders that mean nothing */
#endif
#ifndef GUESSES
#define GUESSES 0 /* messages to generation 2 by who guesses it */
#endif
#ifndef GUESSED_TICKS
#define GUESSED_TICKS 0 /* such orders */
#endif

#define RUNNERS 2
#ifndef OWNED
#define OWNED 0
#endif
#ifndef SUPERVISED
#define SUPERVISED 0
#endif
#ifndef BY_HANDLER
#define BY_HANDLER 0
#endif
#ifndef AT_ONCE
#define AT_ONCE 0
#endif
#ifndef LATE_STOP
#define LATE_STOP 0
#endif
#ifndef STOP_AGAIN
#define STOP_AGAIN 0
#endif

/* ---- Nodes. Message m is node m; nobody: 0. */

#define LAST_WORD (SENDERS + GUESSES + 1) /* its handler ends generation 1 */
#define GREETING (SENDERS + GUESSES + 2)  /* the spawner's to generation 2 */
#define MESSAGES GREETING
#define NUDGE (MESSAGES + 1)
#define NODES (MESSAGES + 2)

byte link[NODES];       /* struct trp_link: next */
byte addressed[NODES];  /* envelope->generation */
bool freed[NODES];      /* not to be touched any more */
mtype = {UNSENT, SENT, HANDLED, DEAD};
mtype fate[NODES] = UNSENT;

/* ---- struct trp_slot */

byte last, front;      /* inbox, front */
byte generation = 1;
bool body = true;
byte phase = 1;        /* enum trp_phase */
#define STARTING 0
#define RUNNING 1
#define STOPPING 2
#define AWAITING 3
bool init_called = true;
bool retiring;
byte holds = 2;
byte nudged;
/* orders, one word */
byte orders_generation = 1;
bool alive = true, suspended;
byte orders;
#define STOP 1
#define TICK 2
#define END 4
#define ANY 7
#define MASK (phase == AWAITING -> STOP | END : ANY)

/* ---- The others' */

byte runnable;   /* slot->task in the scheduler's queues */
bool is_free;    /* in a free list */
byte noticed;    /* what the owner was told and has not read */
#define DOWN 1
#define GONE 2

/* ---- For the properties */

byte consumers;     /* who believe to be the consumer */
byte lives = 1;     /* the actor that lives in the body */
byte enders;        /* runners that end an actor and are not done with the slot's fields */
byte starts, ends;

#define SCHEDULE d_step { assert(runnable == 0); runnable++ }

/* ---- mailbox/mpsc.h */

inline trp_mpsc_push(node)
{
    link[node] = 0;
    atomic { previous = last; last = node }; /* [swap] */
    if
    :: previous == 0 -> front = node; idle = true
    :: else -> atomic { assert(!freed[previous]); link[previous] = node; idle = false } /* [link] */
    fi;
    previous = 0
}

/* Only the consumer reads or writes the front; a push that finds idle writes it before. */
inline trp_mpsc_pop()
{
    popped = front;
    if
    :: link[popped] == 0 ->
       if
#ifdef NO_IDLE_COMPARE
       :: atomic { last = 0; consumers--; more = false }
#else
       :: atomic { last == popped -> last = 0; consumers--; more = false } /* [idle] */
#endif
       :: atomic { last != popped };
          link[popped] != 0; /* await_next */
          front = link[popped];
          more = true
       fi
    :: link[popped] != 0 -> front = link[popped]; more = true
    fi
}

/* ---- actors/slot.c */

inline trp_slot_nudge()
{
    atomic { before = nudged; nudged++ };
    if
    :: before == 0 ->
       before = 0;
       trp_mpsc_push(NUDGE);
       if
       :: idle -> SCHEDULE; idle = false
       :: else
       fi
    :: else -> before = 0
    fi
}

/* -> wanted */
inline trp_slot_nudge_done()
{
    atomic {
        wanted = nudged > 1;
        nudged = 0
#ifdef NO_NUDGE_AGAIN
        ; wanted = false
#endif
    }
}


inline trp_slot_order(to, bits)
{
    if
    :: atomic {
#ifdef NO_ORDER_GENERATION
           alive ->
#else
           alive && orders_generation == to ->
#endif
           orders = orders | bits;
           was_suspended = suspended;
           suspended = false
       };
       if
       :: was_suspended -> was_suspended = false; SCHEDULE
       :: else ->
#ifndef NO_AWAIT_BODY
          body || !(alive && orders_generation == to); /* await_body */
#endif
#ifndef NO_NUDGE
          trp_slot_nudge()
#endif
       fi
    :: else
    fi
}

inline trp_slot_detach_front()
{
    do
    :: link[front] != 0 -> break
    :: atomic { link[front] == 0 && nudged == 0 -> nudged = 1; HERE(DETACHED_LAST) };
       trp_mpsc_push(NUDGE);
       assert(!idle);
       break
    od;
    link[front] != 0;
    front = link[front]
}

inline give_slot()
{
    atomic { assert(!is_free); is_free = true }
}

inline trp_slot_release_hold()
{
    if
#ifdef NO_HOLDS
    :: true -> give_slot()
#else
    :: holds == 1 -> give_slot()
#endif
    :: holds != 1 ->
       atomic { assert(holds > 0); holds--; last_one = holds == 0 };
       if
       :: last_one -> last_one = false; give_slot()
       :: else
       fi
    fi
}

/* ---- actors/children.c */

inline trp_notify_owner(what)
{
#if OWNED || SUPERVISED
    atomic { noticed = noticed | what }
#else
    trp_slot_release_hold() /* root_gone */
#endif
}

/* ---- actors/end.c */

inline end_generation()
{
    enders++;
    ends++;
    generation++;
#ifdef GENERATION_KEEPS_ORDERS
    atomic { orders_generation++; alive = false; suspended = false }
#else
    atomic { orders_generation++; alive = false; suspended = false; orders = 0 }
#endif
}

inline trp_end_for_good()
{
    end_generation();
    body = false;
    retiring = true;
    trp_notify_owner(GONE)
}

inline trp_end_incarnation()
{
    phase = STOPPING;
#if SUPERVISED
    phase = AWAITING;
    trp_notify_owner(DOWN)
#else
    trp_end_for_good()
#endif
}

/* ---- actors/activation.c */

inline pop_nudge()
{
    trp_mpsc_pop();
    trp_slot_nudge_done();
    if
    :: atomic { !more && wanted -> wanted = false; HERE(NUDGE_AGAIN) }; trp_slot_nudge()
    :: else -> wanted = false
    fi
}

/* Each envelope ends once. */
inline end_message(node, how)
{
    d_step { assert(fate[node] == SENT); fate[node] = how }
}

inline trp_finish(node)
{
    d_step { freed[node] = true; node = 0 }
}

inline obey()
{
    atomic { taken = orders & MASK; orders = orders & ~(MASK) };
    if
    :: phase == AWAITING -> taken = taken & ~STOP
    :: else
    fi;
    if
    :: taken & STOP ->
       if
       :: phase == STARTING || phase == RUNNING -> trp_end_incarnation()
       :: else
       fi
    :: else
    fi;
    if
    :: (taken & END) && body && phase == AWAITING -> trp_end_for_good()
    :: else
    fi;
    taken = 0
}

/* What the next consumer finds, who may be there as soon as the mailbox is idle. */
inline leave_retiring()
{
#ifdef NO_RETIRING_RESET
    skip
#else
    retiring = false
#endif
}

inline drain_front()
{
    was_retiring = retiring;
    if
    :: front == NUDGE -> leave_retiring(); pop_nudge(); drained = true
    :: front != NUDGE ->
       if
       :: body /* an actor has moved in: the message may be for it */
       :: !body ->
          leave_retiring();
          trp_mpsc_pop();
          end_message(popped, DEAD);
          trp_finish(popped);
          drained = true
       fi
    fi;
    if
    :: atomic { drained && more -> retiring = was_retiring; assert(!was_retiring || REACHES != DRAINING) }
    :: drained && !more ->
       if
       :: was_retiring -> enders--; trp_slot_release_hold()
       :: else
       fi
    :: else
    fi
}

inline end_plainly()
{
    end_message(front, HANDLED);
    phase = STOPPING;
    end_generation();
    body = false;
    trp_mpsc_pop();
    trp_finish(popped);
    if
    :: more -> retiring = true; trp_notify_owner(GONE)
    :: else ->
#ifndef NO_HOLD_GIVEN_BACK
       holds = 1;
#endif
       enders--; /* what follows touches the notice only */
       trp_notify_owner(GONE)
    fi
}

inline ended_by_handler()
{
#if SUPERVISED
    popped = front;
    trp_slot_detach_front();
    end_message(popped, HANDLED);
    trp_finish(popped);
    trp_end_incarnation();
    more = true
#else
    end_plainly()
#endif
}

/* One message of run_messages. */
inline run_message()
{
    if
#ifndef NO_GENERATION_CHECK
    :: addressed[front] != lives ->
       trp_mpsc_pop();
       end_message(popped, DEAD);
       trp_finish(popped)
    :: addressed[front] == lives ->
#else
    :: true ->
#endif
       assert(addressed[front] == lives);
       assert(alive && orders_generation == lives); /* handlers run while the actor lives */
       if
       :: front == LAST_WORD -> ended_by_handler()
       :: else ->
          end_message(front, HANDLED);
          trp_mpsc_pop();
          trp_finish(popped)
       fi
    fi
}

#ifdef NO_SUSPEND_CHECK
#define SUSPEND_MAY true
#else
#define SUSPEND_MAY !(orders & MASK)
#endif

proctype Runner()
{
    byte popped, previous, before, taken;
    bool more, idle, wanted, was_suspended, was_retiring, last_one, drained;
end_asleep:
    do
    :: atomic { runnable > 0 -> runnable--; assert(consumers == 0); consumers++ };
       more = true;
       do
       :: !more -> break
       :: more && !body -> drain_front(); drained = false; was_retiring = false
       :: more && body ->
          if
          :: orders & MASK -> obey()
          :: !(orders & MASK) ->
             if
             :: phase == STARTING && !init_called ->
                init_called = true;
                starts++;
                phase = RUNNING
             :: else ->
                if
                :: front == NUDGE -> pop_nudge()
                :: front != NUDGE && phase != RUNNING ->
                   if /* trp_slot_suspend */
                   :: atomic { SUSPEND_MAY -> suspended = true; consumers--; more = false; HERE(SUSPENSION) }
                   :: orders & MASK
                   fi
                :: front != NUDGE && phase == RUNNING ->
                   run_message()
                :: front != NUDGE && phase == RUNNING -> /* used_up: TRP_RUN_AGAIN */
                   atomic { consumers--; SCHEDULE; more = false }
                fi
             fi
          fi
       od;
    od
}

/* ---- Those outside */

/* troupe_send to `to`. */
inline send(node, to)
{
    if
    :: generation == to ->
       d_step { addressed[node] = to; fate[node] = SENT };
       trp_mpsc_push(node);
       if
       :: idle -> idle = false; SCHEDULE
       :: else
       fi
    :: generation != to -> d_step { fate[node] = DEAD }
    fi
}

proctype Sender(byte node; byte to)
{
    byte previous;
    bool idle;
    send(node, to)
}

proctype Orderer(byte to; byte bits)
{
    byte previous, before;
    bool idle, was_suspended;
    trp_slot_order(to, bits)
}

/* trp_spawn, when the slot has come back; then it uses its new actor. */
proctype Spawner()
{
    byte previous, before;
    bool idle, was_suspended;
    atomic { is_free -> is_free = false; assert(enders == 0) };
    assert(generation == 2 && !body && !retiring);
    /* fill, make_body */
    phase = (AT_ONCE -> RUNNING : STARTING);
    init_called = AT_ONCE;
    holds = 2;
    lives = generation;
    /* bring_to_life */
    atomic {
        assert(orders == 0);
        alive = true; suspended = false; orders_generation = lives; orders = 0
    };
    body = true;
    if
    :: AT_ONCE
    :: !AT_ONCE -> trp_slot_nudge()
    fi;
    if
    :: send(GREETING, 2)
    :: true
    fi;
#if STOP_AGAIN
    trp_slot_order(2, STOP)
#endif
}

#if OWNED || SUPERVISED
proctype Owner()
{
    byte previous, before;
    bool idle, was_suspended, last_one;
end_asleep:
    do
    :: atomic { noticed & DOWN -> noticed = noticed & ~DOWN };
       trp_slot_order(orders_generation, END)
    :: atomic { noticed & GONE -> noticed = noticed & ~GONE };
       trp_slot_release_hold()
    od
}
#endif

/* When nobody can go on any more. */
proctype Checker()
{
    byte m;
    timeout ->
    assert(last == 0 && nudged == 0 && runnable == 0 && consumers == 0 && enders == 0);
    assert(!suspended && orders == 0 && noticed == 0 && !retiring);
    for (m : 1 .. MESSAGES) {
        assert(fate[m] == HANDLED || fate[m] == DEAD || fate[m] == UNSENT)
    }
#if STOP_AGAIN
    assert(ends == 2 && !body && is_free && generation == 3)
#else
    assert(ends == 1 && body && !is_free && generation == 2 && phase == RUNNING);
    assert(AT_ONCE || starts == 1);
    assert(fate[GREETING] == HANDLED || fate[GREETING] == UNSENT)
#endif
}

init
{
    byte k;
    atomic {
#if SENDERS
        for (k : 1 .. SENDERS) {
            run Sender(k, 1)
        }
#endif
#if GUESSES
        for (k : 1 .. GUESSES) {
            run Sender(SENDERS + k, 2)
        }
#endif
#if GUESSED_TICKS
        for (k : 1 .. GUESSED_TICKS) {
            run Orderer(2, TICK)
        }
#endif
#if TICKS
        for (k : 1 .. TICKS) {
            run Orderer(1, TICK)
        }
#endif
        for (k : 1 .. RUNNERS) {
            run Runner()
        }
        k = 0;
#if BY_HANDLER
        run Sender(LAST_WORD, 1);
#if LATE_STOP
        run Orderer(1, STOP);
#endif
#else
        run Orderer(1, STOP);
#endif
#if OWNED || SUPERVISED
        run Owner();
#endif
        run Spawner();
        run Checker()
    }
}
