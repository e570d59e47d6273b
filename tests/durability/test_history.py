"""The checker itself: it passes what is right and finds every kind of what is wrong."""

import copy
import os
import random
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from history import Read, State, Update, check  # noqa: E402


def right_history(seed, connections=4, keys=5, updates=300):
    """A history as a correct server makes it, killed in the middle."""
    rng = random.Random(seed)
    before = {key: State(rng.randrange(1, 9), "base %d" % key) for key in range(keys)}
    now = copy.deepcopy(before)
    done, reads, queue, clock = [], [], [], 0.0
    for n in range(updates):
        clock += 1
        queue.append(Update(rng.randrange(connections), rng.randrange(keys), "v%d" % n, clock))
        while queue and (len(queue) > 6 or rng.random() < 0.4):
            # Commit a batch, then answer it.
            batch = [queue.pop(0) for _ in range(rng.randint(1, len(queue)))]
            for update in batch:
                state = now[update.key]
                now[update.key] = State(state.revision + 1, update.value)
                update.revision = state.revision + 1
            for update in batch:
                clock += 1
                update.answered = clock
            done += batch
        if rng.random() < 0.3:
            key = rng.randrange(keys)
            reads.append(Read(key, clock + 0.1, clock + 0.2, now[key].revision, now[key].value))
            clock += 0.3
    # The crash: the first of the queue are committed, and nobody is told.
    landed = rng.randint(0, len(queue))
    for update in queue[:landed]:
        now[update.key] = State(now[update.key].revision + 1, update.value)
    return before, done + queue, reads, now


@pytest.mark.parametrize("seed", range(50))
def test_a_right_history_passes(seed):
    assert check(*right_history(seed)) == []


def lose_the_last_acknowledged(before, updates, reads, after, rng):
    told = [u for u in updates if u.answered is not None]
    newest = max(told, key=lambda u: u.answered)
    previous = [u for u in told if u.key == newest.key and u.revision == newest.revision - 1]
    value = previous[0].value if previous else before[newest.key].value
    after[newest.key] = State(newest.revision - 1, value)
    reads[:] = [r for r in reads if r.key != newest.key]
    return "lost"


def give_a_revision_twice(before, updates, reads, after, rng):
    one, other = same_key(updates, rng)
    other.revision = one.revision
    return "twice"


def swap_two_revisions(before, updates, reads, after, rng):
    one, other = same_key(updates, rng)
    one.revision, other.revision = other.revision, one.revision
    return "order"


def invent_a_revision(before, updates, reads, after, rng):
    key = rng.choice(sorted(after))
    untold = sum(u.answered is None and u.key == key for u in updates)
    after[key] = State(after[key].revision + untold + 1, after[key].value)
    return "invented"


def change_the_value(before, updates, reads, after, rng):
    key = rng.choice(sorted(after))
    after[key] = State(after[key].revision, "something else")
    return "not what was written"


def lose_a_customer(before, updates, reads, after, rng):
    del after[rng.choice(sorted(after))]
    return "gone"


def read_something_old(before, updates, reads, after, rng):
    told = [u for u in updates if u.answered is not None]
    newest = max(told, key=lambda u: u.answered)
    reads.append(Read(newest.key, newest.answered + 1, newest.answered + 2,
                      before[newest.key].revision, before[newest.key].value))
    return "stale"


def read_the_uncommitted(before, updates, reads, after, rng):
    untold = next(u for u in updates if u.answered is None)
    reads.append(Read(untold.key, 1e9, 1e9 + 1, after[untold.key].revision + 1, untold.value))
    return "lost"


def read_before_it_was_sent(before, updates, reads, after, rng):
    first = min((u for u in updates if u.answered is not None), key=lambda u: u.revision)
    reads.append(Read(first.key, -2.0, -1.0, first.revision, first.value))
    return "early"


def go_back_to_before(before, updates, reads, after, rng):
    after.update(copy.deepcopy(before))
    return "lost"


def commit_out_of_order(before, updates, reads, after, rng):
    """Of two updates that were sent one after the other only the second is there."""
    for key in (100, 101):
        before[key] = State(1, "base")
    updates += [Update(9, 100, "first", 1e9), Update(9, 101, "second", 1e9 + 1)]
    after[100] = State(1, "base")
    after[101] = State(2, "second")
    return "sent before"


def same_key(updates, rng):
    """Two answered updates of one customer, the first answered before the second was sent."""
    told = [u for u in updates if u.answered is not None]
    pairs = [(a, b) for a in told for b in told if a.key == b.key and a.answered < b.sent]
    return rng.choice(pairs)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("mutate", [
    lose_the_last_acknowledged, give_a_revision_twice, swap_two_revisions, invent_a_revision,
    change_the_value, lose_a_customer, read_something_old, read_the_uncommitted,
    read_before_it_was_sent, go_back_to_before, commit_out_of_order], ids=lambda f: f.__name__)
def test_a_mutated_history_is_found(mutate, seed):
    history = right_history(seed)
    if mutate is read_the_uncommitted and all(u.answered is not None for u in history[1]):
        history[1].append(Update(9, 0, "late", 1e8))
    word = mutate(*history, random.Random(seed))
    assert any(word in sentence for sentence in check(*history)), check(*history)
