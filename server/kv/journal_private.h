/*
 * journal_private -- the format of the file, between journal.c, which writes it, and
 * journal_read.c.  Numbers are as the machine has them, as in LMDB's file.
 */

#ifndef KV_JOURNAL_PRIVATE_H
#define KV_JOURNAL_PRIVATE_H

#include "server/kv/journal.h"

#define FILE_MAGIC "customerd log\n"
#define FRAME_MAGIC 0x656d7266u
#define FRAME_BYTES_MAX ((uint64_t)1 << 31)

/* A file has that many bytes from the beginning, and grows. */
#define JOURNAL_BYTES_MIN ((uint64_t)1 << 20)

struct file_head {
	char     magic[16];
	uint32_t format, pad;
	uint64_t id, previous;
	uint64_t first;
	uint64_t checksum; /* of what stands before it */
};
_Static_assert(sizeof(struct file_head) == 56, "the format of the journal");

struct frame_head {
	uint64_t checksum; /* of what follows in the frame, seeded with the file's id */
	uint32_t magic;
	uint32_t len; /* of the frame, with this head and what fills its last page */
	uint64_t number;
	uint32_t entries, pad;
};
_Static_assert(sizeof(struct frame_head) == 32, "the format of the journal");

/* Read all LEN bytes at OFFSET. */
int journal_read_at(
    const struct journal *journal, void *out, size_t len, uint64_t offset);

#endif
