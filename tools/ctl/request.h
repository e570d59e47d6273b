/*
 * request -- from the words and options of a command to the arguments of its method.
 */

#ifndef CTL_REQUEST_H
#define CTL_REQUEST_H

#include "tools/ctl/sentence.h"

/* The record that the command is about. */
enum record_kind    request_record(const struct command *command);
const struct shape *request_shape(const struct command *command);

/*
 * Begin ARGS with what the options say: arguments of the method, and, in "set",
 * fields of the record.
 */
enum ctl_exit request_begin(
    const struct ctl *ctl, const struct command *command, json_t **args);

/* Add which record it is, as the command's first argument names it.  An email address,
 * or the name of a tag, is looked up. */
enum ctl_exit request_target(
    struct ctl *ctl, const struct command *command, json_t *args);

/* Add to "set" what the assignments FIELD=VALUE of COMMAND say. */
enum ctl_exit request_fields(const struct command *command, json_t *args);

/* Make the call.  *RESULT is the caller's. */
enum ctl_exit request_call(
    struct ctl *ctl, const struct command *command, json_t *args, json_t **result);

/* All four, as far as the sentence has words for them; takes *ARGS of request_begin().
 */
enum ctl_exit request_make(
    struct ctl *ctl, const struct command *command, json_t **result);

#endif
