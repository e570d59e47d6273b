#include "server/base/gate.h"

bool
gate_pass(struct gate *gate, int64_t now_ms, uint64_t *suppressed)
{
	if (now_ms - gate->begun_ms >= 1000) {
		gate->begun_ms = now_ms;
		gate->passed = 0;
	}
	if (gate->passed >= gate->per_second_max) {
		gate->suppressed++;
		return false;
	}
	gate->passed++;
	*suppressed = gate->suppressed;
	gate->suppressed = 0;
	return true;
}
