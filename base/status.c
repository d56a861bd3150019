// See troupe/status.h. One table, in which a new status is one line.
#include "troupe/status.h"

#include <stddef.h>

struct text {
    troupe_status status;
    const char *name;
    const char *text;
};

#define TRP_STATUS(status, text) \
    {                            \
        status, #status, text    \
    }

static const struct text texts[] = {
    TRP_STATUS(TROUPE_OK, "success"),
    TRP_STATUS(TROUPE_STOP, "end this actor normally"),
    TRP_STATUS(TROUPE_UNHANDLED, "the message is not for this actor"),
    TRP_STATUS(TROUPE_IGNORE, "do not start this actor"),
    TRP_STATUS(TROUPE_EINVAL, "an argument is wrong"),
    TRP_STATUS(TROUPE_ENOMEM, "there is no memory left"),
    TRP_STATUS(TROUPE_EDEAD, "the target does not exist"),
    TRP_STATUS(TROUPE_EFULL, "the target's mailbox or a budget is full"),
    TRP_STATUS(TROUPE_ENOTWIRE, "a plain struct cannot leave this process"),
    TRP_STATUS(TROUPE_ENOTSUP, "this build or program cannot do that"),
    TRP_STATUS(TROUPE_ESTALE, "the calling incarnation was given up"),
    TRP_STATUS(TROUPE_ECLOSED, "the system is stopping"),
    TRP_STATUS(TROUPE_EALREADY, "too late: it was sent, answered or ended already"),
    TRP_STATUS(TROUPE_EDOWN, "the asked actor ended before it answered"),
    TRP_STATUS(TROUPE_ETIMEDOUT, "the deadline passed"),
    TRP_STATUS(TROUPE_ECANCELED, "the asker cancelled"),
    TRP_STATUS(TROUPE_ENOREPLY, "the asked actor handled the request and gave no answer"),
    TRP_STATUS(TROUPE_ESTART, "the actor's init failed"),
    TRP_STATUS(TROUPE_ENOENT, "nothing has that name or id"),
    TRP_STATUS(TROUPE_EEXIST, "something has that name or id already"),
    TRP_STATUS(TROUPE_EBUSY, "something else is under way"),
    TRP_STATUS(TROUPE_ESYSTEM, "the operating system refused"),
    TRP_STATUS(TROUPE_EMEMLIMIT, "the actor's memory limit is reached"),
    TRP_STATUS(TROUPE_ERESTARTING, "the child is being restarted or stopped"),
    TRP_STATUS(TROUPE_EUSER, "a failure of the program's own"),
};

static const struct text *find(troupe_status status)
{
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].status == status)
            return &texts[i];
    return NULL;
}

const char *troupe_status_name(troupe_status status)
{
    const struct text *found = find(status);
    return found ? found->name : "unknown status";
}

const char *troupe_status_text(troupe_status status)
{
    const struct text *found = find(status);
    return found ? found->text : "unknown status";
}
