#include <assert.h>

#include "server/kv/tree.h"

#define FANOUT 32u
#define HEIGHT_MAX 16u /* a tree of that height would not fit in any memory */

/* The table and the beginning of a key, as numbers that compare as the bytes do. */
struct head {
	uint64_t high, low;
};

struct slot {
	struct head         head;
	const struct entry *entry; /* in a branch: the least that the child may hold */
};

struct tree_node {
	uint64_t          part;    /* that made it */
	uint64_t          retired; /* the first batch without it */
	struct tree_node *next_fresh, *next_retired;
	unsigned          count;
	bool              is_leaf;
	struct slot       slots[FANOUT];
	struct tree_node *children[]; /* of a branch, FANOUT of them */
};

/* A key that is looked for. */
struct sought {
	struct head  head;
	unsigned     table;
	struct slice key;
};

/* ---- keys ---- */

static uint64_t
number_of(const unsigned char *bytes)
{
	uint64_t number = 0;
	unsigned i;

	for (i = 0; i < 8; i++)
		number = number << 8 | bytes[i];
	return number;
}

static struct sought
sought(unsigned table, struct slice key)
{
	unsigned char bytes[16] = { (unsigned char)table };
	size_t        len = key.len < 15 ? key.len : 15;

	if (len > 0)
		memcpy(bytes + 1, key.data, len);
	return (
	    struct sought){ { number_of(bytes), number_of(bytes + 8) }, table, key };
}

static int
compare(const struct sought *sought, const struct slot *slot)
{
	if (sought->head.high != slot->head.high)
		return sought->head.high < slot->head.high ? -1 : 1;
	if (sought->head.low != slot->head.low)
		return sought->head.low < slot->head.low ? -1 : 1;
	return key_compare(sought->key, entry_key(slot->entry));
}

/* How many slots of NODE are below SOUGHT, or, if OR_LIKE, not above it. */
static unsigned
count_below(const struct tree_node *node, const struct sought *sought, bool or_like)
{
	unsigned low = 0, high = node->count;

	while (low < high) {
		unsigned middle = (low + high) / 2;
		int      order = compare(sought, &node->slots[middle]);

		if (order > 0 || (order == 0 && or_like))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The child of NODE that would hold SOUGHT. */
static unsigned
child_of(const struct tree_node *node, const struct sought *sought)
{
	unsigned below = count_below(node, sought, true);

	return below == 0 ? 0 : below - 1;
}

/* ---- nodes ---- */

static bool
make_spare(struct tree *tree, bool is_leaf, unsigned count)
{
	size_t size = sizeof(struct tree_node) +
		      (is_leaf ? 0 : FANOUT * sizeof(struct tree_node *));

	while (tree->spare_count[is_leaf] < count) {
		struct tree_node *node = chunks_alloc(&tree->nodes, size);

		if (node == NULL)
			return false;
		node->is_leaf = is_leaf;
		node->next_fresh = tree->spare[is_leaf];
		tree->spare[is_leaf] = node;
		tree->spare_count[is_leaf]++;
	}
	return true;
}

/* A node of the present part; make_spare() has seen to it that there is one. */
static struct tree_node *
node_new(struct tree *tree, bool is_leaf)
{
	struct tree_node *node = tree->spare[is_leaf];

	assert(node != NULL);
	tree->spare[is_leaf] = node->next_fresh;
	tree->spare_count[is_leaf]--;
	node->part = tree->part;
	node->count = 0;
	node->next_fresh = tree->fresh;
	tree->fresh = node;
	return node;
}

static void
node_free(struct tree *tree, struct tree_node *node)
{
	node->next_fresh = tree->spare[node->is_leaf];
	tree->spare[node->is_leaf] = node;
	tree->spare_count[node->is_leaf]++;
}

/* Leave NODE to those who still read under an older root. */
static void
node_retire(struct tree *tree, struct tree_node *node)
{
	node->retired = tree->batch;
	node->next_retired = NULL;
	if (tree->retired_last == NULL)
		tree->retired = node;
	else
		tree->retired_last->next_retired = node;
	tree->retired_last = node;
}

/* Copy COUNT slots, and children, of FROM to TO. */
static void
move_slots(struct tree_node *to, unsigned at, const struct tree_node *from,
    unsigned from_at, unsigned count)
{
	memmove(&to->slots[at], &from->slots[from_at], count * sizeof(to->slots[0]));
	if (!to->is_leaf)
		memmove(&to->children[at], &from->children[from_at],
		    count * sizeof(to->children[0]));
}

/* *NODE, or in its place a copy that may be changed. */
static struct tree_node *
own(struct tree *tree, struct tree_node **node)
{
	struct tree_node *old = *node;

	if (old->part == tree->part)
		return old;
	*node = node_new(tree, old->is_leaf);
	move_slots(*node, 0, old, 0, old->count);
	(*node)->count = old->count;
	node_retire(tree, old);
	return *node;
}

/* ---- putting ---- */

/* Divide the full child AT of PARENT, which has room. */
static void
split(struct tree *tree, struct tree_node *parent, unsigned at)
{
	struct tree_node *left = parent->children[at];
	struct tree_node *right = node_new(tree, left->is_leaf);

	right->count = left->count / 2;
	left->count -= right->count;
	move_slots(right, 0, left, left->count, right->count);
	move_slots(parent, at + 2, parent, at + 1, parent->count - at - 1);
	parent->slots[at + 1] = right->slots[0];
	parent->children[at + 1] = right;
	parent->count++;
}

/* Make sure that the root can be changed and has room. */
static void
open_root(struct tree *tree)
{
	struct tree_node *root;

	if (tree->root == NULL) {
		tree->root = node_new(tree, true);
		tree->height = 1;
		return;
	}
	own(tree, &tree->root);
	if (tree->root->count < FANOUT)
		return;
	root = node_new(tree, false);
	root->count = 1;
	root->slots[0] = tree->root->slots[0];
	root->children[0] = tree->root;
	tree->root = root;
	tree->height++;
	split(tree, root, 0);
}

/* The leaf for SOUGHT, with room, and with all on the way to it open to change. */
static struct tree_node *
open_leaf(struct tree *tree, const struct sought *sought)
{
	struct tree_node *node, *child;
	unsigned          at;

	open_root(tree);
	for (node = tree->root; !node->is_leaf; node = child) {
		at = child_of(node, sought);
		child = own(tree, &node->children[at]);
		if (child->count == FANOUT) {
			split(tree, node, at);
			child = node->children[child_of(node, sought)];
		}
	}
	return node;
}

bool
tree_put(struct tree *tree, const struct entry *entry)
{
	struct sought     sought_ = sought(entry->table, entry_key(entry));
	struct tree_node *leaf;
	unsigned          at;

	assert(tree->height < HEIGHT_MAX);
	/* Each level at most a copy and a half; a new root. */
	if (!make_spare(tree, true, 2) ||
	    !make_spare(tree, false, 2 * tree->height + 1))
		return false;
	leaf = open_leaf(tree, &sought_);
	at = count_below(leaf, &sought_, false);
	if (at == leaf->count || compare(&sought_, &leaf->slots[at]) != 0) {
		move_slots(leaf, at + 1, leaf, at, leaf->count - at);
		leaf->count++;
		tree->count++;
	}
	leaf->slots[at] = (struct slot){ sought_.head, entry };
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
	tree_init(tree);
}

void
tree_reset(struct tree *tree)
{
	struct chunks nodes = tree->nodes;

	tree_init(tree);
	tree->nodes = nodes;
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
	return (struct tree_mark){ tree->root, tree->fresh, tree->retired_last,
		tree->height, tree->count };
}

void
tree_drop(struct tree *tree, struct tree_mark mark)
{
	while (tree->fresh != mark.fresh) {
		struct tree_node *node = tree->fresh;

		tree->fresh = node->next_fresh;
		node_free(tree, node);
	}
	if (mark.retired_last == NULL)
		tree->retired = NULL;
	else
		mark.retired_last->next_retired = NULL;
	tree->retired_last = mark.retired_last;
	tree->root = mark.root;
	tree->height = mark.height;
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
	struct tree_node *node;

	assert(tree->fresh == NULL);
	while ((node = tree->retired) != NULL && node->retired <= oldest) {
		tree->retired = node->next_retired;
		if (tree->retired == NULL)
			tree->retired_last = NULL;
		node_free(tree, node);
	}
}

/* ---- reading ---- */

const struct entry *
tree_get(const struct tree_node *node, enum kv_table table, struct slice key)
{
	struct sought sought_;
	unsigned      at;

	if (node == NULL)
		return NULL;
	sought_ = sought(table, key);
	while (!node->is_leaf)
		node = node->children[child_of(node, &sought_)];
	at = count_below(node, &sought_, false);
	if (at == node->count || compare(&sought_, &node->slots[at]) != 0)
		return NULL;
	return node->slots[at].entry;
}

/* The first or the last leaf under NODE. */
static const struct tree_node *
outermost(const struct tree_node *node, bool is_last)
{
	while (!node->is_leaf)
		node = node->children[is_last ? node->count - 1 : 0];
	return node;
}

/* The first entry that is not below SOUGHT, or, if ABOVE, that is above it. */
static const struct entry *
seek_up(struct tree_cursor *cursor, const struct sought *sought, bool above)
{
	const struct tree_node *node = cursor->root, *right = NULL;

	if (node == NULL)
		return NULL;
	while (!node->is_leaf) {
		unsigned at = child_of(node, sought);

		if (at + 1 < node->count)
			right = node->children[at + 1];
		node = node->children[at];
	}
	cursor->leaf = node;
	cursor->at = count_below(node, sought, above);
	if (cursor->at == node->count) {
		if (right == NULL)
			return NULL;
		cursor->leaf = outermost(right, false);
		cursor->at = 0;
	}
	return cursor->leaf->slots[cursor->at].entry;
}

/* The last entry below SOUGHT. */
static const struct entry *
seek_down(struct tree_cursor *cursor, const struct sought *sought)
{
	const struct tree_node *node = cursor->root, *left = NULL;

	if (node == NULL)
		return NULL;
	while (!node->is_leaf) {
		unsigned at = child_of(node, sought);

		if (at > 0)
			left = node->children[at - 1];
		node = node->children[at];
	}
	cursor->leaf = node;
	cursor->at = count_below(node, sought, false);
	if (cursor->at == 0) {
		if (left == NULL)
			return NULL;
		cursor->leaf = outermost(left, true);
		cursor->at = cursor->leaf->count;
	}
	cursor->at--;
	return cursor->leaf->slots[cursor->at].entry;
}

const struct entry *
tree_from(struct tree_cursor *cursor, const struct tree_node *root, enum kv_table table,
    struct slice key)
{
	struct sought sought_ = sought(table, key);

	cursor->root = root;
	return seek_up(cursor, &sought_, false);
}

const struct entry *
tree_below(struct tree_cursor *cursor, const struct tree_node *root, unsigned table,
    struct slice key)
{
	struct sought sought_ = sought(table, key);

	cursor->root = root;
	return seek_down(cursor, &sought_);
}

const struct entry *
tree_next(struct tree_cursor *cursor)
{
	const struct entry *entry = cursor->leaf->slots[cursor->at].entry;
	struct sought       sought_;

	if (cursor->at + 1 < cursor->leaf->count)
		return cursor->leaf->slots[++cursor->at].entry;
	sought_ = sought(entry->table, entry_key(entry));
	return seek_up(cursor, &sought_, true);
}

const struct entry *
tree_back(struct tree_cursor *cursor)
{
	const struct entry *entry = cursor->leaf->slots[cursor->at].entry;
	struct sought       sought_;

	if (cursor->at > 0)
		return cursor->leaf->slots[--cursor->at].entry;
	sought_ = sought(entry->table, entry_key(entry));
	return seek_down(cursor, &sought_);
}
