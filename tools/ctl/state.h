/*
 * state -- how far an import or export has come, in a small file beside the other one.
 *
 * It is replaced as a whole, so there is always one that was right once.  The wish to
 * stop, by Ctrl-C, is caught here, too: it is what states are for.
 */

#ifndef CTL_STATE_H
#define CTL_STATE_H

#include <jansson.h>
#include <stdbool.h>

/* Keep STATE in the file PATH, on disk when this returns.  False when it was said why
 * that is not possible. */
bool state_save(const char *path, json_t *state);

/* What PATH keeps: the caller's; NULL when there is no such file, or no state in it. */
json_t *state_load(const char *path);

/* Give the file FROM, which is whole, the name PATH; on disk, too, when this returns.
 * False: errno says why. */
bool state_rename(const char *from, const char *path);

/*
 * From now on, Ctrl-C and SIGTERM do not end the program but make the other one true.
 * A pipe that nobody reads any more ends it as usual, silently, when it IS_FILTER,
 * which does nothing but write to standard output.
 */
void state_catch_stop(bool is_filter);
bool state_stop_wanted(void);

/* PATH with ENDING, to be freed. */
char *state_path(const char *path, const char *ending);

#endif
