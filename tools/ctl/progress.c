#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/ctl/progress.h"
#include "tools/ctl/when.h"

#define SHOW_EVERY_MS 200
#define BAR_WIDTH 30

void
progress_init(struct progress *progress, int64_t begin, int64_t total, bool is_quiet)
{
	*progress = (struct progress){ .is_shown = !is_quiet && isatty(STDERR_FILENO),
		.begin_ms = when_mono_ms(),
		.begin = begin,
		.total = total };
}

double
progress_seconds(const struct progress *progress)
{
	double seconds = (double)(when_mono_ms() - progress->begin_ms) / 1000;

	return seconds > 0.001 ? seconds : 0.001;
}

static void
draw_bar(double part)
{
	int full = (int)(part * BAR_WIDTH + 0.5);

	fputc('[', stderr);
	for (int i = 0; i < BAR_WIDTH; i++)
		fputc(i < full ? '#' : '.', stderr);
	fprintf(stderr, "] %3.0f%%  ", part * 100);
}

static void
draw_time(double seconds)
{
	long whole = (long)(seconds + 0.5);

	fprintf(stderr, "  %ld:%02ld left", whole / 60, whole % 60);
}

void
progress_show(struct progress *progress, int64_t done, int64_t records)
{
	int64_t now_ms = when_mono_ms();
	double  seconds = progress_seconds(progress);
	double  gone = (double)(done - progress->begin);

	if (!progress->is_shown || now_ms - progress->shown_ms < SHOW_EVERY_MS)
		return;
	progress->shown_ms = now_ms;
	fputs("\r\033[K", stderr);
	if (progress->total > 0)
		draw_bar((double)done / (double)progress->total);
	fprintf(stderr, "%lld  %.0f/s", (long long)records, (double)records / seconds);
	if (progress->total > 0 && gone > 0)
		draw_time((double)(progress->total - done) * seconds / gone);
	fflush(stderr);
}

void
progress_end(struct progress *progress)
{
	if (progress->is_shown && progress->shown_ms > 0)
		fputs("\r\033[K", stderr);
	progress->is_shown = false;
}
