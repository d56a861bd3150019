// Troupe: actors with supervision, for C.
//
// One include for everything; each chapter can also be included alone.
#ifndef TROUPE_H
#define TROUPE_H

#include <troupe/actor.h>
#include <troupe/allocator.h>
#include <troupe/app.h>
#include <troupe/ask.h>
#include <troupe/blocking.h>
#include <troupe/children.h>
#include <troupe/link.h>
#include <troupe/message.h>
#include <troupe/name.h>
#include <troupe/ref.h>
#include <troupe/sim.h>
#include <troupe/status.h>
#include <troupe/supervisor.h>
#include <troupe/system.h>
#include <troupe/timer.h>
#include <troupe/tree.h>

#endif
