/* Change the email of customer 123; the token comes from the environment. */
#include <customerd.h>
#include <stdio.h>
#include <stdlib.h>

int
main(void)
{
	struct customerd_options options = { .token = getenv("CUSTOMERD_TOKEN") };
	struct customerd_update *update = customerd_update_new(123);
	struct customerd        *c;
	struct customerd_error   error;
	enum customerd_status    status = customerd_open(&c, &options, &error);

	customerd_update_set_text(update, "email", "ada@example.com");
	if (status == CUSTOMERD_OK)
		status = customerd_update(c, update, NULL, &error);
	if (status != CUSTOMERD_OK)
		fprintf(stderr, "%s: %s\n", error.code, error.message);
	customerd_update_free(update);
	customerd_close(c);
	return (int)status;
}
