"""Is what the clients were told true of what the server has after a crash?

Clients note each request before it leaves and each answer when it comes.  After the
crash everything is read back, and check() says what does not fit.  Deciding this is
linear because every acknowledged update returns the record's revision, which goes up by
one with each change.  For each customer, between one full reading and the next:

1.  No two updates got the same revision, and each got one above the last reading.
2.  Nothing acknowledged is lost: the revision now is at least the highest one told.
3.  Nothing is invented: every revision that nobody was told belongs to an update whose
    answer never came, and the value now is the one written at the revision now.
4.  An update that was answered before another was sent has the lower revision.
5.  A read sees a revision between those of the updates answered before it was sent and
    those that were sent before it was answered, with the value written there; and what
    it saw was on disk.
6.  Updates of one connection are committed in the order sent: if one whose answer never
    came is there, so are all that this connection had sent before.
"""

import collections
import dataclasses


@dataclasses.dataclass
class Update:
    connection: int
    key: int                 # the customer's id
    value: str               # unique
    sent: float              # monotonic clock
    answered: float = None   # None: the answer never came
    revision: int = None
    retry: str = None        # the idempotency key, if it has one
    refused: bool = False    # the answer was a refusal


@dataclasses.dataclass
class Read:
    key: int
    sent: float
    answered: float
    revision: int
    value: str


@dataclasses.dataclass
class State:
    revision: int
    value: str


def check(before, updates, reads, after):
    """Sentences for all that does not fit; BEFORE and AFTER map keys to States."""
    wrong = []
    if set(before) != set(after):
        wrong.append("customers %s are gone or new" % sorted(set(before) ^ set(after)))
    by_key = collections.defaultdict(lambda: ([], [], []))
    for update in updates:
        if not update.refused:
            by_key[update.key][0 if update.answered is not None else 1].append(update)
    for read in reads:
        by_key[read.key][2].append(read)
    landed = landed_unanswered(updates, after)
    for key in set(before) & set(after):
        told, untold, seen = by_key[key]
        wrong += ["customer %d: %s" % (key, sentence) for sentence in check_key(
            before[key], told, untold, seen, after[key], landed[key])]
    return wrong


def landed_unanswered(updates, after):
    """For each key, how many updates without an answer must have been committed (6)."""
    connections = collections.defaultdict(list)
    for update in updates:
        if not update.refused:
            connections[update.connection].append(update)
    landed = collections.Counter()
    for sent in connections.values():
        is_there = [u.answered is not None or
                    (u.key in after and after[u.key].value == u.value) for u in sent]
        last = max((n for n, there in enumerate(is_there) if there), default=-1)
        for update in sent[:last + 1]:
            if update.answered is None:
                landed[update.key] += 1
    return landed


def check_key(before, told, untold, seen, after, landed):
    revisions = {}
    for update in told:
        if update.revision in revisions:
            yield "revision %d was given twice" % update.revision
        if update.revision <= before.revision:
            yield "revision %d was given again" % update.revision
        if update.revision > after.revision:
            yield "lost: revision %d was acknowledged, there is only %d" % (
                update.revision, after.revision)
        revisions[update.revision] = update.value

    gaps = after.revision - before.revision - sum(
        before.revision < revision <= after.revision for revision in revisions)
    if after.revision < before.revision:
        yield "lost: went back from revision %d to %d" % (before.revision, after.revision)
    elif gaps > len(untold):
        yield "invented: %d revisions that nobody wrote" % (gaps - len(untold))
    elif gaps < landed:
        yield "lost: %d updates sent before one that is there" % (landed - gaps)

    values = {update.value for update in untold}
    revisions[before.revision] = before.value
    for revision, value, what in [(after.revision, after.value, "the value now")] + [
            (read.revision, read.value, "a value that was read") for read in seen]:
        expected = {revisions[revision]} if revision in revisions else values
        if value not in expected:
            yield "%s at revision %d is %r, not what was written" % (what, revision, value)
    yield from check_order(before, told, untold, seen, after)


def check_order(before, told, untold, seen, after):
    """Sort by time and sweep: what was answered bounds what is sent from then on."""
    events = []
    for update in told:
        events += [(update.answered, 0, update.revision), (update.sent, 1, update)]
    for read in seen:
        events += [(read.answered, 0, read.revision), (read.sent, 1, read)]
        if read.revision > after.revision:
            yield "lost: revision %d was read, there is only %d" % (
                read.revision, after.revision)
    floor = before.revision
    for _, is_sent, what in sorted(events, key=lambda event: event[:2]):
        if not is_sent:
            floor = max(floor, what)
        elif isinstance(what, Read) and what.revision < floor:
            yield "stale: revision %d was read after %d was known" % (what.revision, floor)
        elif isinstance(what, Update) and what.revision <= floor:
            yield "order: revision %d was given after %d was known" % (what.revision, floor)
    sent = sorted([update.sent for update in told + untold])
    for read in seen:
        possible = before.revision + sum(moment < read.answered for moment in sent)
        if read.revision > possible:
            yield "early: revision %d was read before it was asked for" % read.revision
