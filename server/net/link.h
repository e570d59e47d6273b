/*
 * link -- rings of objects that hold their own link.
 *
 * A ring is a struct link by itself; objects are linked into it by a member.  A
 * link that is in no ring points to itself, so removing twice is harmless.
 *
 * Memory.  A ring owns nothing.
 */

#ifndef NET_LINK_H
#define NET_LINK_H

#include <stdbool.h>
#include <stddef.h>

struct link {
	struct link *prev, *next;
};

/* The object of TYPE whose MEMBER is at POINTER. */
#define CONTAINER_OF(pointer, type, member) \
	((type *)((char *)(pointer)-offsetof(type, member)))

static inline void
link_init(struct link *link)
{
	link->prev = link->next = link;
}

/* Whether LINK is in no ring, or the ring LINK is empty. */
static inline bool
link_is_alone(const struct link *link)
{
	return link->next == link;
}

static inline void
link_remove(struct link *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	link_init(link);
}

/* Put LINK, which is in no ring, at the end of RING. */
static inline void
link_append(struct link *ring, struct link *link)
{
	link->prev = ring->prev;
	link->next = ring;
	ring->prev->next = link;
	ring->prev = link;
}

/* Put LINK, which is in no ring, at the front of RING. */
static inline void
link_prepend(struct link *ring, struct link *link)
{
	link_append(ring->next, link);
}

/* The first of RING, or NULL. */
static inline struct link *
link_first(const struct link *ring)
{
	return link_is_alone(ring) ? NULL : ring->next;
}

#endif
