#include "server/net/deadline.h"

#include "server/base/clock.h"
#include "server/base/late.h"

static struct deadline *
first(const struct deadlines *deadlines)
{
	struct link *link = link_first(&deadlines->list);

	return link ? CONTAINER_OF(link, struct deadline, link) : NULL;
}

static void
set_timer(struct deadlines *deadlines, int64_t wait_ms)
{
	ev_timer_set(&deadlines->timer, (double)wait_ms / 1000.0, 0.0);
	ev_timer_start(deadlines->ev, &deadlines->timer);
}

static void
on_timer(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	struct deadlines *deadlines = timer->data;
	struct deadline  *deadline;
	int64_t           now_ms = clock_mono_ms();

	(void)events;
	if (late_again(ev, timer))
		return;
	while ((deadline = first(deadlines)) && deadline->at_ms <= now_ms) {
		deadline_stop(deadline);
		deadlines->expire(deadline);
	}
	if (deadline && !ev_is_active(&deadlines->timer))
		set_timer(deadlines, deadline->at_ms - now_ms);
}

void
deadlines_init(struct deadlines *deadlines, struct ev_loop *ev, int64_t timeout_ms,
    void (*expire)(struct deadline *deadline))
{
	deadlines->ev = ev;
	deadlines->timeout_ms = timeout_ms;
	deadlines->expire = expire;
	link_init(&deadlines->list);
	ev_timer_init(&deadlines->timer, on_timer, 0.0, 0.0);
	deadlines->timer.data = deadlines;
}

void
deadlines_fini(struct deadlines *deadlines)
{
	ev_timer_stop(deadlines->ev, &deadlines->timer);
}

void
deadline_init(struct deadline *deadline)
{
	link_init(&deadline->link);
	deadline->at_ms = 0;
}

void
deadline_start(struct deadlines *deadlines, struct deadline *deadline)
{
	deadline_stop(deadline);
	deadline->at_ms = clock_mono_ms() + deadlines->timeout_ms;
	link_append(&deadlines->list, &deadline->link);
	if (!ev_is_active(&deadlines->timer))
		set_timer(deadlines, deadlines->timeout_ms);
}

void
deadline_stop(struct deadline *deadline)
{
	link_remove(&deadline->link);
}
