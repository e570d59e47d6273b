#include <assert.h>

#include "server/kv/table.h"

static const char *const names[KV_TABLE_COUNT] = {
#define X(name, disk, trait) disk,
	KV_TABLES(X)
#undef X
};

const char *
kv_table_name(enum kv_table table)
{
	assert(table < KV_TABLE_COUNT);
	return names[table];
}
