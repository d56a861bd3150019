// Dialers and listeners.
//
//   RESTING --dial--> GOING --reaches its host--> COMING --answer is back--> completes
//                       |                           |
//                       +--> WAITING (no answer)    |         what cannot pass waits; at the limit
//                       +-----------+---------------+-------> it completes with TROUPE_ETIMEDOUT
//                                   +-- cancel, close --> SETTLED --> completes
//
// The connection is made when the dial reaches the listener: from then on the listener's end is
// in its backlog, and the dialer's is held here.
#include "actors/system.h"
#include "sim/net_core.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct trp_dialer_ops dialer_ops;
static const struct trp_listener_ops listener_ops;

// ---- Addresses

static troupe_status no_address(const char *address)
{
    return trp_error(TROUPE_EINVAL,
                     "address \"%.100s\": expected \"sim://HOST/NAME\" with the number of a host "
                     "and a name, at most %d bytes",
                     address, TRP_STREAM_ADDRESS - 1);
}

// Splits an address into host and name; the name ends up in `name`.
static troupe_status parse(const char *address, uint32_t *host, char name[TRP_STREAM_ADDRESS])
{
    const char *number = address + strlen("sim://");
    if (strncmp(address, "sim://", strlen("sim://")) != 0 || strlen(address) >= TRP_STREAM_ADDRESS)
        return no_address(address);
    char *rest;
    errno = 0;
    unsigned long value = strtoul(number, &rest, 10);
    if (*number < '0' || *number > '9' || errno || value >= TRP_NET_ALL || *rest != '/' ||
        rest[1] == 0)
        return no_address(address);
    *host = (uint32_t)value;
    (void)snprintf(name, TRP_STREAM_ADDRESS, "%s", rest + 1);
    return TROUPE_OK;
}

// ---- Listeners

static struct trp_net_listener *listener_of(struct trp_listener *listener)
{
    return TRP_CONTAINER(listener, struct trp_net_listener, listener);
}

static struct trp_net_listener *find_listener(struct trp_net *net, uint32_t host, const char *name)
{
    for (struct trp_net_link *i = net->listeners.next; i != &net->listeners; i = i->next) {
        struct trp_net_listener *listener = TRP_CONTAINER(i, struct trp_net_listener, link);
        if (listener->listening && listener->host == host && strcmp(listener->name, name) == 0)
            return listener;
    }
    return NULL;
}

static void listener_plan(struct trp_net_listener *listener)
{
    bool ready = listener->made && (listener->closed || listener->waiting > 0);
    trp_net_plan(listener->net, &listener->task, ready ? listener->net->now : TRP_NEVER);
}

static void accept_done(struct trp_net_listener *listener, troupe_status status,
                        struct trp_net_end *end)
{
    trp_stream_made *made = listener->made;
    listener->made = NULL;
    trp_net_tell(listener->net, TRP_NET_DONE_ACCEPT, end ? trp_net_other(end)->host : TRP_NET_ALL,
                 listener->host, status, 0);
    made(listener->user, status, end ? &end->stream : NULL);
}

static void run_accept(struct trp_net *net, struct trp_net_task *task)
{
    (void)net;
    struct trp_net_listener *listener = TRP_CONTAINER(task, struct trp_net_listener, task);
    if (listener->closed) {
        accept_done(listener, TROUPE_ECLOSED, NULL);
        return;
    }
    struct trp_net_end *end = listener->backlog[0];
    listener->waiting--;
    memmove(&listener->backlog[0], &listener->backlog[1],
            listener->waiting * sizeof listener->backlog[0]);
    accept_done(listener, TROUPE_OK, end);
}

static troupe_status listener_listen(struct trp_listener *base)
{
    struct trp_net_listener *listener = listener_of(base);
    if (listener->crashed || listener->closed)
        return trp_error(TROUPE_ECLOSED, "listen: the listener of \"sim://%u/%s\" is closed",
                         listener->host, listener->name);
    if (find_listener(listener->net, listener->host, listener->name))
        return trp_error(TROUPE_EEXIST, "listen: \"sim://%u/%s\" is in use", listener->host,
                         listener->name);
    listener->listening = true;
    return TROUPE_OK;
}

static void listener_accept(struct trp_listener *base, trp_stream_made *made, void *user)
{
    struct trp_net_listener *listener = listener_of(base);
    if (listener->crashed)
        return;
    TRP_ASSERT(listener->made == NULL && (listener->listening || listener->closed));
    listener->made = made;
    listener->user = user;
    listener_plan(listener);
}

static void listener_close(struct trp_listener *base)
{
    struct trp_net_listener *listener = listener_of(base);
    listener->closed = true;
    listener->listening = false;
    while (listener->waiting > 0)
        trp_net_hang_up(listener->backlog[--listener->waiting]);
    listener_plan(listener);
}

void trp_net_listener_crash(struct trp_net_listener *listener)
{
    listener->crashed = true;
    listener->listening = false;
    listener->made = NULL;
    listener_plan(listener);
    while (listener->waiting > 0) {
        struct trp_net_end *end = listener->backlog[--listener->waiting];
        trp_net_crash(end);
        trp_net_forget(end);
    }
}

bool trp_net_listener_finish(struct trp_net_listener *listener)
{
    listener_close(&listener->listener);
    if (listener->made == NULL)
        return false;
    accept_done(listener, TROUPE_ECLOSED, NULL);
    return true;
}

void trp_net_listener_free(struct trp_net_listener *listener)
{
    trp_net_plan(listener->net, &listener->task, TRP_NEVER);
    trp_net_link_remove(&listener->link);
    trp_net_give(listener->net, listener, sizeof *listener);
}

static void listener_free(struct trp_listener *base)
{
    struct trp_net_listener *listener = listener_of(base);
    TRP_ASSERT(listener->made == NULL);
    listener_close(base);
    trp_net_listener_free(listener);
}

static void listener_address(struct trp_listener *base, char address[TRP_STREAM_ADDRESS])
{
    const struct trp_net_listener *listener = listener_of(base);
    int size = snprintf(address, TRP_STREAM_ADDRESS, "sim://%u/%s", listener->host, listener->name);
    TRP_ASSERT(size > 0 && size < TRP_STREAM_ADDRESS);
}

static const struct trp_listener_ops listener_ops = {.listen = listener_listen,
                                                     .accept = listener_accept,
                                                     .close = listener_close,
                                                     .free = listener_free,
                                                     .address = listener_address};

// ---- Dialers

static struct trp_net_dialer *dialer_of(struct trp_dialer *dialer)
{
    return TRP_CONTAINER(dialer, struct trp_net_dialer, dialer);
}

static bool waits(const struct trp_net_dialer *dialer)
{
    return (dialer->state == TRP_NET_GOING &&
            trp_net_is_blocked(dialer->net, dialer->host, dialer->target)) ||
           (dialer->state == TRP_NET_COMING &&
            trp_net_is_blocked(dialer->net, dialer->target, dialer->host));
}

void trp_net_dialer_plan(struct trp_net_dialer *dialer)
{
    uint64_t when = dialer->due < dialer->limit ? dialer->due : dialer->limit;
    if (dialer->state == TRP_NET_RESTING)
        when = TRP_NEVER;
    else if (dialer->state == TRP_NET_SETTLED)
        when = dialer->net->now;
    else if (dialer->state == TRP_NET_WAITING || waits(dialer))
        when = dialer->limit;
    trp_net_plan(dialer->net, &dialer->task, when);
}

// This side decides what becomes of the dial.
static void settle(struct trp_net_dialer *dialer, troupe_status status)
{
    if (dialer->end)
        trp_net_hang_up(dialer->end);
    dialer->end = NULL;
    dialer->outcome = status;
    dialer->state = TRP_NET_SETTLED;
    trp_net_dialer_plan(dialer);
}

static void dial_done(struct trp_net_dialer *dialer)
{
    struct trp_net_end *end = dialer->end;
    dialer->end = NULL;
    dialer->state = TRP_NET_RESTING;
    trp_net_dialer_plan(dialer);
    trp_net_tell(dialer->net, TRP_NET_DONE_DIAL, dialer->host, dialer->target, dialer->outcome, 0);
    dialer->made(dialer->user, dialer->outcome, end ? &end->stream : NULL);
}

// The dial has an answer, which must come back.
static void answer(struct trp_net_dialer *dialer, troupe_status status)
{
    struct trp_net *net = dialer->net;
    dialer->outcome = status;
    dialer->state = TRP_NET_COMING;
    dialer->due = trp_deadline(net->now, trp_net_delay(net, dialer->target, dialer->host));
}

static void refuse(struct trp_net_dialer *dialer)
{
    trp_net_tell(dialer->net, TRP_NET_REFUSED, dialer->host, dialer->target, TROUPE_ENOENT, 0);
    answer(dialer, TROUPE_ENOENT);
}

static void admit(struct trp_net_dialer *dialer, struct trp_net_listener *listener)
{
    struct trp_net *net = dialer->net;
    struct trp_net_connection *connection = trp_net_connect(net, dialer->host, dialer->target);
    if (connection == NULL) {
        settle(dialer, TROUPE_ENOMEM);
        return;
    }
    trp_net_tell(net, TRP_NET_CONNECTED, dialer->host, dialer->target, TROUPE_OK, 0);
    dialer->end = &connection->ends[0];
    listener->backlog[listener->waiting++] = &connection->ends[1];
    listener_plan(listener);
    answer(dialer, TROUPE_OK);
}

// The dial has reached its host.
static void reach(struct trp_net_dialer *dialer)
{
    struct trp_net *net = dialer->net;
    enum trp_net_dials dials = trp_net_pair(net, dialer->host, dialer->target)->dials;
    if (dials == TRP_NET_SILENT ||
        trp_net_chance(net, TRP_NET_CHOOSE_SILENCE, net->opts.rates.silence)) {
        trp_net_tell(net, TRP_NET_UNANSWERED, dialer->host, dialer->target, TROUPE_OK, 0);
        dialer->state = TRP_NET_WAITING;
        return;
    }
    struct trp_net_listener *listener = find_listener(net, dialer->target, dialer->name);
    if (dials == TRP_NET_REFUSE || listener == NULL || listener->waiting == TRP_NET_BACKLOG ||
        trp_net_chance(net, TRP_NET_CHOOSE_REFUSE, net->opts.rates.refuse))
        refuse(dialer);
    else
        admit(dialer, listener);
}

static void run_dial(struct trp_net *net, struct trp_net_task *task)
{
    struct trp_net_dialer *dialer = TRP_CONTAINER(task, struct trp_net_dialer, task);
    if (dialer->state != TRP_NET_SETTLED && dialer->limit <= net->now)
        settle(dialer, TROUPE_ETIMEDOUT);
    if (dialer->state == TRP_NET_SETTLED || (dialer->state == TRP_NET_COMING && !waits(dialer))) {
        dial_done(dialer);
        return;
    }
    if (dialer->state == TRP_NET_GOING)
        trp_net_may_part(net);
    if (dialer->state == TRP_NET_GOING && !waits(dialer))
        reach(dialer);
    trp_net_dialer_plan(dialer);
}

static void dialer_dial(struct trp_dialer *base, trp_stream_made *made, void *user)
{
    struct trp_net_dialer *dialer = dialer_of(base);
    struct trp_net *net = dialer->net;
    if (dialer->crashed)
        return;
    TRP_ASSERT(dialer->state == TRP_NET_RESTING);
    dialer->made = made;
    dialer->user = user;
    trp_net_tell(net, TRP_NET_DIAL, dialer->host, dialer->target, TROUPE_OK, 0);
    if (dialer->closed || dialer->target >= net->host_count) {
        settle(dialer, dialer->closed ? TROUPE_ECLOSED : TROUPE_EDEAD);
        return;
    }
    dialer->state = TRP_NET_GOING;
    dialer->due = trp_deadline(net->now, trp_net_delay(net, dialer->host, dialer->target));
    dialer->limit = trp_deadline(net->now, net->opts.dial_us * TRP_NS_PER_US);
    trp_net_dialer_plan(dialer);
}

// Ends the dial that is under way, if it is not settled.
static void dialer_end(struct trp_net_dialer *dialer, troupe_status status)
{
    if (dialer->state != TRP_NET_RESTING && dialer->state != TRP_NET_SETTLED)
        settle(dialer, status);
}

static void dialer_cancel(struct trp_dialer *base)
{
    dialer_end(dialer_of(base), TROUPE_ECANCELED);
}

static void dialer_close(struct trp_dialer *base)
{
    dialer_of(base)->closed = true;
    dialer_end(dialer_of(base), TROUPE_ECLOSED);
}

void trp_net_dialer_crash(struct trp_net_dialer *dialer)
{
    dialer->crashed = true;
    dialer->state = TRP_NET_RESTING;
    trp_net_dialer_plan(dialer);
    if (dialer->end) {
        trp_net_crash(dialer->end);
        trp_net_forget(dialer->end);
        dialer->end = NULL;
    }
}

bool trp_net_dialer_finish(struct trp_net_dialer *dialer)
{
    dialer_close(&dialer->dialer);
    if (dialer->state == TRP_NET_RESTING)
        return false;
    dial_done(dialer);
    return true;
}

void trp_net_dialer_free(struct trp_net_dialer *dialer)
{
    trp_net_plan(dialer->net, &dialer->task, TRP_NEVER);
    trp_net_link_remove(&dialer->link);
    trp_net_give(dialer->net, dialer, sizeof *dialer);
}

static void dialer_free(struct trp_dialer *base)
{
    struct trp_net_dialer *dialer = dialer_of(base);
    TRP_ASSERT(dialer->state == TRP_NET_RESTING);
    trp_net_dialer_free(dialer);
}

static const struct trp_dialer_ops dialer_ops = {
    .dial = dialer_dial, .cancel = dialer_cancel, .close = dialer_close, .free = dialer_free};

// ---- Making them

static troupe_status check(const struct trp_net_host *host, const char *what)
{
    if (host->net->closing)
        return trp_error(TROUPE_ECLOSED, "%s: the simulated network is being freed", what);
    if (!host->up)
        return trp_error(TROUPE_ECLOSED, "%s: host %u is down", what, host->index);
    return TROUPE_OK;
}

static troupe_status dialer_new(void *user, const char *address, struct trp_dialer **result)
{
    struct trp_net_host *host = user;
    struct trp_net *net = host->net;
    uint32_t target;
    char name[TRP_STREAM_ADDRESS];
    *result = NULL;
    troupe_status status = check(host, "dialer");
    if (status == TROUPE_OK)
        status = parse(address, &target, name);
    if (status != TROUPE_OK)
        return status;
    struct trp_net_dialer *dialer = trp_net_take(net, sizeof *dialer);
    if (dialer == NULL)
        return trp_error(TROUPE_ENOMEM, "dialer of \"%s\": no memory", address);
    *dialer = (struct trp_net_dialer){
        .dialer.ops = &dialer_ops, .net = net, .host = host->index, .target = target};
    memcpy(dialer->name, name, sizeof name);
    trp_net_task_init(&dialer->task, run_dial);
    trp_net_link_add(&net->dialers, &dialer->link);
    *result = &dialer->dialer;
    return TROUPE_OK;
}

static troupe_status listener_new(void *user, const char *address, struct trp_listener **result)
{
    struct trp_net_host *host = user;
    struct trp_net *net = host->net;
    uint32_t own;
    char name[TRP_STREAM_ADDRESS];
    *result = NULL;
    troupe_status status = check(host, "listener");
    if (status == TROUPE_OK)
        status = parse(address, &own, name);
    if (status != TROUPE_OK)
        return status;
    if (own != host->index)
        return trp_error(TROUPE_EINVAL, "listener of \"%s\": this is host %u", address,
                         host->index);
    struct trp_net_listener *listener = trp_net_take(net, sizeof *listener);
    if (listener == NULL)
        return trp_error(TROUPE_ENOMEM, "listener of \"%s\": no memory", address);
    *listener =
        (struct trp_net_listener){.listener.ops = &listener_ops, .net = net, .host = host->index};
    memcpy(listener->name, name, sizeof name);
    trp_net_task_init(&listener->task, run_accept);
    trp_net_link_add(&net->listeners, &listener->link);
    *result = &listener->listener;
    return TROUPE_OK;
}

const struct trp_streams_ops trp_net_streams_ops = {.dialer_new = dialer_new,
                                                    .listener_new = listener_new};
