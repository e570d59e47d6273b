/*
 * codec -- how values go between JSON and records.
 *
 * Decoding fills `set` of a change, encoding writes the JSON of an answer; both walk a
 * table of mappings.  What the JSON alone shows to be wrong is noted as a fault of the
 * work; the rules of the business are the server's.
 */

#ifndef REST_CODEC_H
#define REST_CODEC_H

#include "tools/rest/work.h"

/* A change in the making. */
struct decoding {
	struct work  *work;
	const json_t *object; /* the one being read */
	struct buf    set;    /* pairs */
	uint32_t      set_count;
	struct buf    args; /* pairs beside `set` */
	uint32_t      args_count;
	bool          is_create;
	bool          is_nested;
	bool          waits; /* for a record that is asked for by then */
	/* The record as it is, when a row with MAP_READS_FIRST is sent; else NULL. */
	const struct parts *current;
	struct parts        current_parts;
	char                path[FAULT_PATH_BYTES];
};

/* Begin to decode for WORK; PATH is what all paths begin with, "" or "0.". */
void decode_begin(
    struct decoding *in, struct work *work, bool is_create, const char *path);
void decode_end(struct decoding *in);

/* Read what ROWS know in OBJECT into IN->set. */
void decode_fields(
    struct decoding *in, const struct mapping *rows, const json_t *object);

/* The same for an object within ROW whose fields are the record's own. */
void decode_below(struct decoding *in, const struct mapping *row,
    const struct mapping *rows, const json_t *object);

/* Append the pair `set` and those beside it to BUF; return how many. */
uint32_t decode_pack(const struct decoding *in, struct buf *buf);

/* Read VALUE with CODEC as the pair KEY; of one that is refused nothing is left. */
void decode_pair(struct decoding *in, struct slice key, const struct codec *codec,
    const struct mapping *row, const json_t *value);

/* Note a fault of ROW. */
bool decode_refuse(struct decoding *in, enum fault fault, const struct mapping *row,
    const json_t *value);

/* An answer in the making. */
struct encoding {
	struct work        *work;
	const struct parts *parts;
	const struct parts *record; /* that PARTS lie in; NULL: they are it */
	/* Only these names, when there are any, and those of MAP_ON_REQUEST that WITH
	 * names. */
	const struct slice *only, *with;
	unsigned            only_count, with_count;
};

/* Write the keys and values of ROWS into the open object. */
void encode_fields(
    struct out *out, const struct encoding *in, const struct mapping *rows);

/* Whether IN wants what is called NAME. */
bool encode_wants(const struct encoding *in, const char *name);

/* The place in ROWS of the field that the server calls KEY, or NULL. */
const struct mapping *mapping_find(
    const struct mapping *rows, const struct shape *shape, struct slice key);

/* ---- the codecs that formats share ---- */

extern const struct codec as_text;     /* a string */
extern const struct codec as_coerced;  /* trimmed; a number is taken for its text */
extern const struct codec as_integer;  /* also 5.0 */
extern const struct codec as_positive; /* integer; 0 clears */
extern const struct codec as_number;
extern const struct codec as_bool;
extern const struct codec as_raw; /* whatever the server takes */
extern const struct codec as_map; /* an object */
extern const struct codec as_object;
extern const struct codec as_objects;   /* the same, a list */
extern const struct codec as_time_ms;   /* 2018-01-01T12:00:00.000Z */
extern const struct codec as_time_s;    /* 2023-02-01T05:42:34Z */
extern const struct codec as_time_zone; /* 2024-06-04 21:15:10 +0000 */
extern const struct codec as_time_utc;  /* 2025-03-15 11:39:21 UTC */

#endif
