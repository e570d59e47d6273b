#include "server/base/trusted_time.h"

void
trusted_time_init(struct trusted_time *time, int64_t wall_ms, int64_t mono_ms)
{
	*time = (struct trusted_time){ .wall_ms = wall_ms, .mono_ms = mono_ms };
}

static bool
is_jump(int64_t from_ms, int64_t to_ms)
{
	return to_ms - from_ms > TRUSTED_STEP_MS_MAX ||
	       from_ms - to_ms > TRUSTED_STEP_MS_MAX;
}

/* Doubt the lead that the clock shows, for as long as is needed. */
static void
doubt(struct trusted_time *time, int64_t lead_ms, int64_t mono_ms)
{
	if (!time->is_doubted || is_jump(time->doubted_ms, lead_ms))
		time->since_ms = mono_ms;
	time->doubted_ms = lead_ms;
	time->is_doubted = mono_ms - time->since_ms < TRUSTED_AFTER_MS;
	if (!time->is_doubted)
		time->lead_ms = lead_ms;
}

int64_t
trusted_time_ms(
    struct trusted_time *time, int64_t wall_ms, int64_t mono_ms, int64_t *jump_ms)
{
	int64_t steady_ms = time->wall_ms + (mono_ms - time->mono_ms);
	int64_t lead_ms = wall_ms - steady_ms;
	int64_t before_ms = time->is_doubted ? time->doubted_ms : time->lead_ms;

	*jump_ms = is_jump(before_ms, lead_ms) ? lead_ms - before_ms : 0;
	if (is_jump(time->lead_ms, lead_ms)) {
		doubt(time, lead_ms, mono_ms);
	} else {
		time->lead_ms = lead_ms;
		time->is_doubted = false;
	}
	return lead_ms < time->lead_ms ? wall_ms : steady_ms + time->lead_ms;
}
