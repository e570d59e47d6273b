#include <assert.h>
#include <limits.h>
#include <stdlib.h>

#include "server/kv/fetch.h"
#include "server/kv/tree.h"

/*
 * A key is taken for a row of digits of four bits, its table's first.  What lies behind
 * its end is a digit, too, the lowest.
 */
#define DIGITS 17u
#define END 0u
#define NONE UINT_MAX /* no digit; of no place */

#define RETIRED_MIN 2048u /* a power of two; more than are on the way to any key */
#define REUSED_AHEAD 8u   /* nodes that are fetched before they are used again */

union child {
	struct tree_node   *node;
	const struct entry *entry;
};

/* All keys under it are alike before AT.  There are two children, but of the root. */
struct tree_node {
	uint32_t          present; /* a bit for each digit that there is a child of */
	uint32_t          entries; /* … which is an entry */
	uint32_t          at;      /* the place in the key of the digit that decides */
	uint64_t          part;    /* that made it */
	union child       children[DIGITS];
	struct tree_node *next; /* of the fresh, or of the spare ones */
};

/* A node that was replaced. */
struct tree_retired {
	struct tree_node *node;
	uint64_t          batch; /* the first without it */
};

/* A key that is looked for. */
struct sought {
	unsigned     table;
	struct slice key;
};

/* ---- digits ---- */

static struct sought
sought(const struct entry *entry)
{
	return (struct sought){ entry->table, entry_key(entry) };
}

static unsigned
digit_of(const struct sought *sought, uint32_t at)
{
	unsigned byte;

	if (at < 2)
		byte = sought->table;
	else if (at / 2 - 1 < sought->key.len)
		byte = (unsigned char)sought->key.data[at / 2 - 1];
	else
		return END;
	return 1 + (at % 2 == 0 ? byte >> 4 : byte & 15);
}

/* How many bytes A and B have in common. */
static size_t
common_bytes(struct slice a, struct slice b)
{
	size_t   len = a.len < b.len ? a.len : b.len, i = 0;
	uint64_t x, y;

	for (; i + sizeof(x) <= len; i += sizeof(x)) {
		memcpy(&x, a.data + i, sizeof(x));
		memcpy(&y, b.data + i, sizeof(y));
		if (x != y)
			break;
	}
	while (i < len && a.data[i] == b.data[i])
		i++;
	return i;
}

/* The first place where SOUGHT and the key of ENTRY differ, or NONE. */
static uint32_t
difference(const struct sought *sought, const struct entry *entry)
{
	struct slice a = sought->key, b = entry_key(entry);
	size_t       i;

	if (sought->table != entry->table)
		return ((sought->table ^ entry->table) & 0xf0) != 0 ? 0 : 1;
	i = common_bytes(a, b);
	if (i == a.len && i == b.len)
		return NONE;
	if (i == a.len || i == b.len || ((a.data[i] ^ b.data[i]) & 0xf0) != 0)
		return (uint32_t)(2 + 2 * i);
	return (uint32_t)(2 + 2 * i + 1);
}

static bool
has_child(const struct tree_node *node, unsigned digit)
{
	return (node->present >> digit & 1) != 0;
}

static bool
child_is_entry(const struct tree_node *node, unsigned digit)
{
	return (node->entries >> digit & 1) != 0;
}

static unsigned
first_digit(const struct tree_node *node)
{
	return (unsigned)__builtin_ctz(node->present);
}

static unsigned
last_digit(const struct tree_node *node)
{
	return 31 - (unsigned)__builtin_clz(node->present);
}

/* The next digit of a child of NODE after DIGIT, or, if BACK, before it; or NONE. */
static unsigned
digit_beyond(const struct tree_node *node, unsigned digit, bool back)
{
	uint32_t below = (1u << digit) - 1, bits;

	bits = node->present & (back ? below : ~below << 1);
	if (bits == 0)
		return NONE;
	return (unsigned)(back ? 31 - __builtin_clz(bits) : __builtin_ctz(bits));
}

/*
 * An entry under NODE with which SOUGHT has as many digits in common as with any; there
 * are *DEPTH nodes on the way to it.  Where it parts from SOUGHT it is the last one:
 * where keys ascend, that is the newest, and the nearest in memory.
 */
static const struct entry *
nearest(const struct tree_node *node, const struct sought *sought, unsigned *depth)
{
	for (*depth = 1;; ++*depth) {
		unsigned digit = digit_of(sought, node->at);

		if (!has_child(node, digit))
			digit = last_digit(node);
		if (child_is_entry(node, digit))
			return node->children[digit].entry;
		node = node->children[digit].node;
	}
}

/* ---- nodes ---- */

static void
node_free(struct tree *tree, struct tree_node *node)
{
	node->next = tree->spare;
	tree->spare = node;
	tree->spare_count++;
}

static struct tree_retired *
retired_at(const struct tree *tree, uint64_t i)
{
	return &tree->retired[i & (tree->retired_size - 1)];
}

/* Have room for COUNT more retired nodes. */
static bool
make_room(struct tree *tree, unsigned count)
{
	size_t size = tree->retired_size == 0 ? RETIRED_MIN / 2 : tree->retired_size;
	struct tree_retired *larger;

	if (tree->retired_end - tree->retired_begin + count <= tree->retired_size)
		return true;
	size *= 2;
	if ((larger = malloc(size * sizeof(*larger))) == NULL)
		return false;
	for (uint64_t i = tree->retired_begin; i < tree->retired_end; i++)
		larger[i & (size - 1)] = *retired_at(tree, i);
	free(tree->retired);
	tree->retired = larger;
	tree->retired_size = size;
	return true;
}

/* Have COUNT nodes to be used, and room to retire as many. */
static bool
make_spare(struct tree *tree, unsigned count)
{
	assert(count <= RETIRED_MIN);
	if (!make_room(tree, count))
		return false;
	while (
	    tree->spare_count + (tree->retired_ready - tree->retired_begin) < count) {
		struct tree_node *node = chunks_alloc(&tree->nodes, sizeof(*node));

		if (node == NULL)
			return false;
		node_free(tree, node);
	}
	return true;
}

/* The oldest of the retired nodes, which nobody reads any more. */
static struct tree_node *
reuse(struct tree *tree)
{
	uint64_t i = tree->retired_begin++;

	assert(i < tree->retired_ready);
	if (i + REUSED_AHEAD < tree->retired_ready)
		fetch_bytes(
		    retired_at(tree, i + REUSED_AHEAD)->node, sizeof(struct tree_node));
	return retired_at(tree, i)->node;
}

/* A node of the present part; make_spare() has seen to it that there is one. */
static struct tree_node *
node_new(struct tree *tree)
{
	struct tree_node *node = tree->spare;

	if (node == NULL) {
		node = reuse(tree);
	} else {
		tree->spare = node->next;
		tree->spare_count--;
	}
	node->part = tree->part;
	node->next = tree->fresh;
	tree->fresh = node;
	return node;
}

/* The same, with nothing in it. */
static struct tree_node *
node_empty(struct tree *tree, uint32_t at)
{
	struct tree_node *node = node_new(tree);

	node->present = node->entries = 0;
	node->at = at;
	return node;
}

/* Leave NODE to those who still read under an older root. */
static void
node_retire(struct tree *tree, struct tree_node *node)
{
	*retired_at(tree, tree->retired_end++) =
	    (struct tree_retired){ node, tree->batch };
}

/* *NODE, or in its place a copy that may be changed. */
static struct tree_node *
own(struct tree *tree, struct tree_node **node)
{
	struct tree_node *old = *node, *new;

	if (old->part == tree->part)
		return old;
	new = node_empty(tree, old->at);
	new->present = old->present;
	new->entries = old->entries;
	memcpy(new->children, old->children, sizeof(new->children));
	node_retire(tree, old);
	*node = new;
	return new;
}

/* ---- putting ---- */

static void
set_entry(struct tree_node *node, unsigned digit, const struct entry *entry)
{
	node->present |= 1u << digit;
	node->entries |= 1u << digit;
	node->children[digit].entry = entry;
}

/*
 * The node to change for SOUGHT, which differs from what is there at the place AT, with
 * all on the way to it open to change.
 */
static struct tree_node *
open_node(struct tree *tree, const struct sought *sought, uint32_t at)
{
	struct tree_node *node;
	unsigned          digit;

	if (tree->root == NULL)
		tree->root = node_empty(tree, 0);
	node = own(tree, &tree->root);
	for (;;) {
		digit = digit_of(sought, node->at);
		if (node->at == at || child_is_entry(node, digit) ||
		    node->children[digit].node->at > at)
			return node;
		node = own(tree, &node->children[digit].node);
	}
}

/* Put a node for the place AT over the child DIGIT of NODE, which holds LIKE. */
static struct tree_node *
fork(struct tree *tree, struct tree_node *node, unsigned digit, uint32_t at,
    const struct entry *like)
{
	struct tree_node *new = node_empty(tree, at);
	const struct sought other = sought(like);
	unsigned            to = digit_of(&other, at);

	new->present = 1u << to;
	if (child_is_entry(node, digit))
		new->entries = 1u << to;
	new->children[to] = node->children[digit];
	node->entries &= ~(1u << digit);
	node->children[digit].node = new;
	return new;
}

bool
tree_put(struct tree *tree, const struct entry *entry)
{
	struct sought       key = sought(entry);
	const struct entry *like = NULL;
	struct tree_node   *node;
	uint32_t            at = 0;
	unsigned            depth = 0;

	if (tree->root != NULL) {
		like = nearest(tree->root, &key, &depth);
		at = difference(&key, like);
	}
	/* A copy of each on the way, and a new one. */
	if (!make_spare(tree, depth + 1))
		return false;
	node = open_node(tree, &key, at);
	if (at != NONE && node->at != at)
		node = fork(tree, node, digit_of(&key, node->at), at, like);
	set_entry(node, digit_of(&key, node->at), entry);
	if (at != NONE)
		tree->count++;
	return true;
}

/* ---- edits ---- */

void
tree_init(struct tree *tree)
{
	*tree = (struct tree){ 0 };
	chunks_init(&tree->nodes);
}

void
tree_fini(struct tree *tree)
{
	chunks_fini(&tree->nodes);
	free(tree->retired);
	tree_init(tree);
}

void
tree_reset(struct tree *tree)
{
	const struct tree old = *tree;

	tree_init(tree);
	tree->nodes = old.nodes;
	tree->retired = old.retired;
	tree->retired_size = old.retired_size;
	chunks_reset(&tree->nodes);
}

void
tree_begin(struct tree *tree, uint64_t batch)
{
	assert(tree->fresh == NULL && batch >= tree->batch);
	tree->batch = batch;
	tree->part++;
}

struct tree_mark
tree_mark(struct tree *tree)
{
	tree->part++; /* what stands now must stay as it is */
	return (struct tree_mark){ tree->root, tree->fresh, tree->retired_end,
		tree->count };
}

void
tree_drop(struct tree *tree, struct tree_mark mark)
{
	while (tree->fresh != mark.fresh) {
		struct tree_node *node = tree->fresh;

		tree->fresh = node->next;
		node_free(tree, node);
	}
	tree->retired_end = mark.retired_end;
	tree->root = mark.root;
	tree->count = mark.count;
	tree->part++;
}

void
tree_keep(struct tree *tree)
{
	tree->fresh = NULL;
	tree->part++;
}

void
tree_reclaim(struct tree *tree, uint64_t oldest)
{
	assert(tree->fresh == NULL);
	while (tree->retired_ready < tree->retired_end &&
	       retired_at(tree, tree->retired_ready)->batch <= oldest)
		tree->retired_ready++;
}

/* ---- reading ---- */

const struct entry *
tree_get(const struct tree_node *node, enum kv_table table, struct slice key)
{
	const struct sought sought = { table, key };

	while (node != NULL) {
		unsigned digit = digit_of(&sought, node->at);

		if (!has_child(node, digit))
			return NULL;
		if (child_is_entry(node, digit)) {
			const struct entry *entry = node->children[digit].entry;

			return difference(&sought, entry) == NONE ? entry : NULL;
		}
		node = node->children[digit].node;
	}
	return NULL;
}

bool
tree_way_begin(struct tree_way *way, const struct tree_node *root)
{
	way->node = root;
	return root != NULL;
}

bool
tree_way_step(struct tree_way *way, const struct entry **entry)
{
	const struct sought     sought = { way->table, way->key };
	const struct tree_node *node = way->node;
	unsigned                digit;

	if (node == NULL) {
		*entry = difference(&sought, way->entry) == NONE ? way->entry : NULL;
		return false;
	}
	/* As nearest() does, for who puts the key. */
	digit = digit_of(&sought, node->at);
	if (!has_child(node, digit))
		digit = last_digit(node);
	if (child_is_entry(node, digit)) {
		way->node = NULL;
		way->entry = node->children[digit].entry;
		fetch_bytes(way->entry, offsetof(struct entry, data) + way->key.len);
	} else {
		way->node = node->children[digit].node;
		fetch_bytes(way->node, sizeof(*node));
	}
	return true;
}

/* Go to the first entry, or the last if BACK, of the child DIGIT of NODE. */
static const struct entry *
arrive(
    struct tree_cursor *cursor, const struct tree_node *node, unsigned digit, bool back)
{
	if (node == NULL)
		return NULL;
	while (!child_is_entry(node, digit)) {
		node = node->children[digit].node;
		digit = back ? last_digit(node) : first_digit(node);
	}
	cursor->node = node;
	cursor->digit = digit;
	return node->children[digit].entry;
}

/* Go to the first entry above SOUGHT, or the last below if BACK; or to it, if OR_IT. */
static const struct entry *
seek(struct tree_cursor *cursor, const struct sought *sought_, bool back, bool or_it)
{
	const struct tree_node *node = cursor->root, *turn = NULL;
	unsigned                digit, beyond, turn_digit = 0, depth;
	const struct entry     *like;
	struct sought           other;
	uint32_t                at;
	bool                    is_beyond; /* what is alike up to AT */

	if (node == NULL)
		return NULL;
	like = nearest(node, sought_, &depth);
	other = sought(like);
	at = difference(sought_, like);
	is_beyond =
	    at == NONE ? or_it : (digit_of(&other, at) > digit_of(sought_, at)) != back;
	for (;;) {
		digit = digit_of(sought_, node->at);
		beyond = digit_beyond(node, digit, back);
		if (beyond != NONE) {
			turn = node;
			turn_digit = beyond;
		}
		if (node->at == at)
			break;
		if (child_is_entry(node, digit) ||
		    node->children[digit].node->at > at) {
			if (!is_beyond)
				break;
			return arrive(cursor, node, digit, back);
		}
		node = node->children[digit].node;
	}
	return arrive(cursor, turn, turn_digit, back);
}

const struct entry *
tree_from(struct tree_cursor *cursor, const struct tree_node *root, enum kv_table table,
    struct slice key)
{
	cursor->root = root;
	return seek(cursor, &(struct sought){ table, key }, false, true);
}

const struct entry *
tree_below(struct tree_cursor *cursor, const struct tree_node *root, unsigned table,
    struct slice key)
{
	cursor->root = root;
	return seek(cursor, &(struct sought){ table, key }, true, false);
}

static const struct entry *
step(struct tree_cursor *cursor, bool back)
{
	unsigned      beyond = digit_beyond(cursor->node, cursor->digit, back);
	struct sought at;

	if (beyond != NONE)
		return arrive(cursor, cursor->node, beyond, back);
	at = sought(cursor->node->children[cursor->digit].entry);
	return seek(cursor, &at, back, false);
}

const struct entry *
tree_next(struct tree_cursor *cursor)
{
	return step(cursor, false);
}

const struct entry *
tree_back(struct tree_cursor *cursor)
{
	return step(cursor, true);
}
