/*
 * tree -- the newest entry of each key, in order, without disturbing who still reads.
 *
 * A radix tree, as Finch's qp-trie: a node is a place where keys part, and there are as
 * many levels as such places.  On the way to a key each node costs one look at one
 * digit and no comparison; the key itself is looked at once, in the end.  Nodes are
 * small, and copied before they change.  A root is a whole tree for ever, or until its
 * nodes are given to be used again, so a reader needs a root and nothing else.  A key
 * is never taken out: a deletion is an entry, too.  So no node ever goes.
 *
 * An edit is everything between tree_begin() and tree_keep(): nodes that it has made
 * already it changes in place.  tree_mark() divides it, so that the part after the mark
 * can be dropped.
 *
 * Threads.  One changes the tree.  Others may read under a root that was handed to
 * them with a lock, while tree_reclaim() has not been told of a newer batch than that
 * root's.
 *
 * Memory.  Entries belong to the caller and must outlive the tree.  Nodes are freed by
 * tree_reset() and tree_fini(), all at once.
 */

#ifndef KV_TREE_H
#define KV_TREE_H

#include "server/kv/chunks.h"
#include "server/kv/entry.h"

struct tree_node;
struct tree_retired;

struct tree {
	struct tree_node *root; /* of the edit; NULL: empty */
	struct chunks     nodes;
	size_t            count; /* of entries, older ones of a key not counted */
	uint64_t          batch; /* the number of the edit */
	uint64_t          part;  /* nodes of this number may be changed in place */
	struct tree_node *spare;
	unsigned          spare_count;
	struct tree_node *fresh; /* made by the edit, newest first */

	/* A ring of those that were replaced, oldest first: still read perhaps. */
	struct tree_retired *retired;
	size_t               retired_size;
	uint64_t             retired_begin, retired_end;
	uint64_t             retired_ready; /* those before it are not read any more */
};

struct tree_mark {
	struct tree_node *root, *fresh;
	uint64_t          retired_end;
	size_t            count;
};

void tree_init(struct tree *tree);
void tree_fini(struct tree *tree);

/* Make TREE empty; its memory stays.  Nobody may read it any more. */
void tree_reset(struct tree *tree);

/* Begin the edit for BATCH, which is above all that were kept. */
void tree_begin(struct tree *tree, uint64_t batch);

/* Put ENTRY in, in place of one of the same key.  False: no memory, nothing changed. */
bool tree_put(struct tree *tree, const struct entry *entry);

/* A mark in the edit; and back to it, which drops what was put since. */
struct tree_mark tree_mark(struct tree *tree);
void             tree_drop(struct tree *tree, struct tree_mark mark);

/* End the edit: from now on nothing of it changes. */
void tree_keep(struct tree *tree);

/* Nobody reads under a root of a batch below OLDEST any more, or will. */
void tree_reclaim(struct tree *tree, uint64_t oldest);

/* ---- reading under a root, which may be NULL ---- */

/* The entry of KEY, or NULL. */
const struct entry *tree_get(
    const struct tree_node *root, enum kv_table table, struct slice key);

/*
 * The way to KEY of TABLE, both set by the caller, a step at a time: each node, and
 * then the entry, is only looked at when it has had the time of a step to come from
 * memory.
 */
struct tree_way {
	enum kv_table           table;
	struct slice            key;
	const struct tree_node *node;  /* fetched, or NULL: past the last one */
	const struct entry     *entry; /* fetched then */
};

/* Begin under ROOT.  False: it is NULL, there is nothing to step to. */
bool tree_way_begin(struct tree_way *way, const struct tree_node *root);

/*
 * Go one step.  False: this was the last one, and *ENTRY is that of the key, or NULL;
 * what stands before its value has come.
 */
bool tree_way_step(struct tree_way *way, const struct entry **entry);

/* A place in a tree, while it does not change. */
struct tree_cursor {
	const struct tree_node *root, *node;
	unsigned                digit; /* of the node's child */
};

/*
 * The first entry that is not below KEY of TABLE, and the last that is; then the next
 * of CURSOR and the one before.  NULL: there is none.  They do not stop where a table
 * ends.
 */
const struct entry *tree_from(struct tree_cursor *cursor, const struct tree_node *root,
    enum kv_table table, struct slice key);
const struct entry *tree_below(struct tree_cursor *cursor, const struct tree_node *root,
    unsigned table, struct slice key);
const struct entry *tree_next(struct tree_cursor *cursor);
const struct entry *tree_back(struct tree_cursor *cursor);

#endif
