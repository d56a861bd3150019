// Whoever does not hear that a deposit has arrived asks for it again. Here is what keeps the money
// from arriving twice, in two versions, one of which is wrong.
#include "bank.h"

static bool is_later(uint64_t *last, uint64_t id)
{
    if (id <= *last)
        return false;
    *last = id;
    return true;
}

// A slot is used again only when its last deposit is known to have arrived: so there is one at a
// time in each, and what is not later than the last is that one again.
bool once_in_each_slot(struct page *page, const struct deposit *deposit)
{
    return is_later(&page->arrived[deposit->from][deposit->slot], deposit->id);
}

// "The ids of an account ascend, and its messages arrive in order. So the last one will do." They
// do arrive in order, unless one has to be sent again: then a later one may be there already. That
// is taken for the same one, and the money is gone.
bool once_of_each_account(struct page *page, const struct deposit *deposit)
{
    return is_later(&page->arrived[deposit->from][0], deposit->id);
}
