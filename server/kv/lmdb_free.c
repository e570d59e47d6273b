#include <unistd.h>

#include "server/kv/kv_private.h"

/* The tree of free pages, as LMDB 0.9 writes it: lists of page numbers in leaves. */

enum page_flag { PAGE_BRANCH = 0x01, PAGE_LEAF = 0x02 };
enum node_flag { NODE_ELSEWHERE = 0x01 }; /* its data is in pages of its own */

#define PAGE_HEAD_BYTES 16u
#define DEPTH_MAX 8u
#define CHUNK 512u /* numbers read at a time */

struct page {
	union {
		struct {
			uint64_t number;
			uint16_t pad;
			uint16_t flags;
			uint16_t lower; /* where the offsets of the nodes end */
			uint16_t upper;
		} head;
		unsigned char bytes[LMDB_PAGE_BYTES];
	} at;
};

struct node {
	uint16_t low, high; /* of the data's length, or of the child's page number */
	uint16_t flags;     /* or the child's highest bits */
	uint16_t key_len;
};

struct walk {
	int      fd;
	uint64_t pages; /* in the file */
	uint64_t found; /* free pages beyond them */
	uint64_t visits_left;
};

static bool walk_page(struct walk *walk, uint64_t number, unsigned depth);

/* Read all LEN bytes at OFFSET. */
static bool
read_at(const struct walk *walk, void *out, size_t len, uint64_t offset)
{
	return pread(walk->fd, out, len, (off_t)offset) == (ssize_t)len;
}

/* Walk the list at OFFSET: how many, then their numbers. */
static bool
walk_list(struct walk *walk, uint64_t offset)
{
	uint64_t numbers[CHUNK];
	uint64_t left, i, n;

	if (!read_at(walk, &left, sizeof(left), offset))
		return false;
	for (offset += sizeof(left); left > 0; left -= n) {
		n = left < CHUNK ? left : CHUNK;
		if (!read_at(walk, numbers, n * sizeof(numbers[0]), offset))
			return false;
		offset += n * sizeof(numbers[0]);
		for (i = 0; i < n; i++)
			walk->found += numbers[i] >= walk->pages;
	}
	return true;
}

/* Walk the list of a node whose data is at OFFSET. */
static bool
walk_leaf(struct walk *walk, const struct node *node, uint64_t offset)
{
	uint64_t number;

	if ((node->flags & NODE_ELSEWHERE) == 0)
		return walk_list(walk, offset);
	return read_at(walk, &number, sizeof(number), offset) &&
	       walk_list(walk, number * LMDB_PAGE_BYTES + PAGE_HEAD_BYTES);
}

static bool
walk_branch(struct walk *walk, const struct node *node, unsigned depth)
{
	uint64_t child =
	    node->low | (uint64_t)node->high << 16 | (uint64_t)node->flags << 32;

	return walk_page(walk, child, depth - 1);
}

static bool
walk_page(struct walk *walk, uint64_t number, unsigned depth)
{
	struct page page;
	struct node node;
	uint64_t    base = number * LMDB_PAGE_BYTES;
	uint16_t    offset;
	size_t      i;
	bool        good = true;

	if (depth == 0 || number >= walk->pages || walk->visits_left-- == 0 ||
	    !read_at(walk, &page, sizeof(page), base) ||
	    page.at.head.lower > sizeof(page))
		return false;
	for (i = PAGE_HEAD_BYTES; good && i < page.at.head.lower; i += sizeof(offset)) {
		memcpy(&offset, page.at.bytes + i, sizeof(offset));
		if (offset > sizeof(page) - sizeof(node))
			return false;
		memcpy(&node, page.at.bytes + offset, sizeof(node));
		if ((page.at.head.flags & PAGE_BRANCH) != 0)
			good = walk_branch(walk, &node, depth);
		else if ((page.at.head.flags & PAGE_LEAF) != 0)
			good = walk_leaf(
			    walk, &node, base + offset + sizeof(node) + node.key_len);
		else
			good = false;
	}
	return good;
}

uint64_t
lmdb_free_beyond(int fd, uint64_t pages, uint64_t root)
{
	struct walk walk = { .fd = fd, .pages = pages, .visits_left = pages };

	return walk_page(&walk, root, DEPTH_MAX) ? walk.found : 0;
}
