/* Change a customer's email: update ADDRESS TOKEN ID EMAIL */
#include <customerd.h>
#include <stdio.h>
#include <stdlib.h>

int
main(int argc, char *argv[])
{
	struct customerd_options options = { .address = argv[1], .token = argv[2] };
	struct customerd        *c = NULL;
	struct customerd_update *update =
	    customerd_update_new(argc == 5 ? atoll(argv[3]) : 0);
	struct customerd_error error = { .message =
					     "usage: update ADDRESS TOKEN ID EMAIL" };
	int64_t                revision = 0;

	customerd_update_set_text(update, "email", argc == 5 ? argv[4] : "");
	if (argc == 5 && customerd_open(&c, &options, &error) == CUSTOMERD_OK &&
	    customerd_update(c, update, &revision, &error) == CUSTOMERD_OK)
		printf("revision %lld\n", (long long)revision);
	else
		fprintf(stderr, "%s %s\n", error.code, error.message);
	customerd_update_free(update);
	customerd_close(c);
	return revision == 0;
}
