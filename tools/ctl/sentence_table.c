#include "tools/ctl/sentence.h"

#define O(NAME) OPTION_BIT(NAME)
#define WRITE (O(DRY_RUN) | O(IDEMPOTENCY_KEY))
#define CHANGE (WRITE | O(IF_REVISION))
#define LIST (O(LIMIT) | O(AFTER) | O(COLUMNS))
#define NO_METHOD METHOD_COUNT

// clang-format off
const struct sentence sentences[] = {
	{ "customer show CUSTOMER", ctl_run_show, METHOD_CUSTOMER_GET, O(COLUMNS),
	  "show a customer",
	  "customer show 123\n"
	  "customer show ada@example.com --columns id,email,billing_address.city\n"
	  "customer show 123 --json" },
	{ "customer list", ctl_run_list, METHOD_CUSTOMER_LIST, LIST | O(GROUP) | O(TAG) | O(REFERENCE),
	  "list customers, by id",
	  "customer list --limit 20\n"
	  "customer list --tag vip --after 123\n"
	  "customer list --group 7 --columns id,email,tags" },
	{ "customer create FIELD=VALUE...", ctl_run_create, METHOD_CUSTOMER_CREATE, WRITE,
	  "create a customer",
	  "customer create email=ada@example.com first_name=Ada tags=vip,gold\n"
	  "customer create email=ada@example.com billing_address.city=London\n"
	  "customer create email=ada@example.com metadata:='{\"level\": 3}' --quiet" },
	{ "customer update CUSTOMER FIELD=VALUE...", ctl_run_update, METHOD_CUSTOMER_UPDATE, CHANGE,
	  "change only what is mentioned",
	  "customer update 123 email=a@b.example phone= --if-revision 7\n"
	  "customer update ada@example.com password@-\n"
	  "customer update 123 tags=vip,gold --dry-run" },
	{ "customer delete CUSTOMER", ctl_run_delete, METHOD_CUSTOMER_DELETE, CHANGE,
	  "delete a customer",
	  "customer delete 123 --if-revision 7" },
	{ "customer tag CUSTOMER TAG...", ctl_run_tag, METHOD_CUSTOMER_UPDATE, CHANGE,
	  "give a customer tags",
	  "customer tag 123 vip gold" },
	{ "customer untag CUSTOMER TAG...", ctl_run_untag, METHOD_CUSTOMER_UPDATE, CHANGE,
	  "take tags away from a customer",
	  "customer untag 123 gold" },
	{ "customer history CUSTOMER", ctl_run_history, METHOD_CUSTOMER_HISTORY, O(LIMIT) | O(BEFORE) | O(COLUMNS),
	  "who changed what, the newest first",
	  "customer history 123\n"
	  "customer history ada@example.com --limit 5 --json" },
	{ "customer verify CUSTOMER", ctl_run_verify, METHOD_CUSTOMER_VERIFY_PASSWORD, 0,
	  "check a password, which is asked for",
	  "customer verify ada@example.com" },
	{ "customer anonymize CUSTOMER", ctl_run_anonymize, METHOD_CUSTOMER_ANONYMIZE, CHANGE,
	  "ask for personal fields to be erased",
	  "customer anonymize 123" },
	{ "customer anonymize CUSTOMER cancel", ctl_run_cancel, METHOD_CUSTOMER_ANONYMIZE, CHANGE,
	  "withdraw that, while there is time",
	  "customer anonymize 123 cancel" },

	{ "group show RECORD", ctl_run_show, METHOD_GROUP_GET, O(COLUMNS),
	  "show a group", "group show 7" },
	{ "group list", ctl_run_list, METHOD_GROUP_LIST, LIST | O(REFERENCE),
	  "list groups, by id", "group list" },
	{ "group create FIELD=VALUE...", ctl_run_create, METHOD_GROUP_CREATE, WRITE,
	  "create a group", "group create name=Wholesale reference=erp-7" },
	{ "group update RECORD FIELD=VALUE...", ctl_run_update, METHOD_GROUP_UPDATE, CHANGE,
	  "change fields of a group", "group update 7 name=Retail" },
	{ "group delete RECORD", ctl_run_delete, METHOD_GROUP_DELETE, CHANGE,
	  "delete a group; its customers stay", "group delete 7" },

	{ "tag show TAG", ctl_run_show, METHOD_TAG_GET, O(COLUMNS),
	  "show a tag", "tag show vip" },
	{ "tag list", ctl_run_list, METHOD_TAG_LIST, LIST,
	  "list tags, by id", "tag list" },
	{ "tag create FIELD=VALUE...", ctl_run_create, METHOD_TAG_CREATE, WRITE,
	  "create a tag", "tag create name=vip" },
	{ "tag update TAG FIELD=VALUE...", ctl_run_update, METHOD_TAG_UPDATE, CHANGE,
	  "rename a tag, at its customers, too", "tag update vip name=very-important" },
	{ "tag delete TAG", ctl_run_delete, METHOD_TAG_DELETE, CHANGE,
	  "delete a tag, at its customers, too", "tag delete vip" },

	{ "store show [RECORD]", ctl_run_show, METHOD_STORE_GET, O(COLUMNS),
	  "show a store; without RECORD, your own", "store show 1" },
	{ "store list", ctl_run_list, METHOD_STORE_LIST, LIST,
	  "list stores, by id", "store list" },
	{ "store create FIELD=VALUE...", ctl_run_create, METHOD_STORE_CREATE, WRITE,
	  "create a store",
	  "store create name='My shop' mode=live languages=en,fr" },
	{ "store update RECORD FIELD=VALUE...", ctl_run_update, METHOD_STORE_UPDATE, CHANGE,
	  "change fields of a store", "store update 1 revision_required=true" },

	{ "token create FIELD=VALUE...", ctl_run_create, METHOD_TOKEN_CREATE, O(STORE) | O(SCOPES) | O(CUSTOMER) | O(EXPIRES) | O(DRY_RUN),
	  "create a token; shown only this once",
	  "token create name=shop --store 1 --scopes customers.read,customers.write\n"
	  "token create name=import --store 1 --scopes all --expires 30d --quiet" },
	{ "token show RECORD", ctl_run_show, METHOD_TOKEN_GET, O(COLUMNS),
	  "show what a token permits", "token show 1" },
	{ "token list", ctl_run_list, METHOD_TOKEN_LIST, LIST | O(STORE),
	  "list tokens, by id", "token list --store 1" },
	{ "token update RECORD FIELD=VALUE...", ctl_run_update, METHOD_TOKEN_UPDATE, CHANGE | O(SCOPES) | O(EXPIRES),
	  "change what a token permits, at once", "token update 1 expires_at=2030-12-31" },
	{ "token delete RECORD", ctl_run_delete, METHOD_TOKEN_DELETE, CHANGE,
	  "delete a token, which ends at once", "token delete 1" },

	{ "change read", ctl_run_changes, METHOD_CHANGE_READ, O(AFTER) | O(LIMIT) | O(STORE) | O(KIND) | O(ID) | O(COLUMNS),
	  "show the changes of the store in order",
	  "change read --after 1000 --limit 20\n"
	  "change read --kind customer --id 123 --json\n"
	  "change read --store 1" },

	{ "change follow", ctl_run_follow, METHOD_CHANGE_SUBSCRIBE, O(AFTER) | O(STORE) | O(KIND) | O(ID) | O(EXEC) | O(WEBHOOK) | O(SECRET_FILE) | O(STATE),
	  "hand changes over as they are made",
	  "change follow --json\n"
	  "change follow --state place --exec 'jq .seq' --after 0\n"
	  "change follow --state place --webhook https://shop.example/hook --secret-file key" },

	{ "import FILE", ctl_run_import, METHOD_CUSTOMER_CREATE, O(FORMAT) | O(UPDATE) | O(KEEP_IDS) | O(DRY_RUN) | O(FAILED) | O(RESUME),
	  "create customers from NDJSON or CSV",
	  "import customers.csv --dry-run\n"
	  "import customers.ndjson --failed rejects.ndjson\n"
	  "import customers.ndjson --resume\n"
	  "import corrections.csv --update" },
	{ "export FILE", ctl_run_export, METHOD_CUSTOMER_LIST, O(FORMAT) | O(GROUP) | O(TAG) | O(REFERENCE) | O(COLUMNS) | O(RESUME),
	  "write all customers as NDJSON or CSV",
	  "export customers.ndjson\n"
	  "export - --format csv --tag vip --columns id,email" },

	{ "backup DIRECTORY", ctl_run_backup, METHOD_SERVER_BACKUP, 0,
	  "have the server copy its database",
	  "backup /var/backups/customerd/monday" },
	{ "scrub", ctl_run_scrub, METHOD_SERVER_SCRUB, 0,
	  "leave no byte of what was erased", "scrub" },

	{ "status", ctl_run_status, METHOD_SERVER_STATUS, 0,
	  "how the server is doing", "status" },
	{ "top", ctl_run_top, METHOD_SERVER_STATUS, O(ONCE) | O(INTERVAL_MS),
	  "watch the server; q ends", "top" },
	{ "ping", ctl_run_ping, METHOD_PING, 0,
	  "ask whether the server is there", "ping" },
	{ "call METHOD [JSON]", ctl_run_call, NO_METHOD, O(META),
	  "call any method of the protocol",
	  "call customer.get '{\"id\": 123}'\n"
	  "call customer.update '{\"id\": 123, \"set\": {\"phone\": null}}' --meta '{\"dry_run\": true}'" },
	{ "load FILE", ctl_run_load, NO_METHOD, 0,
	  "make the calls in FILE, one a line",
	  "load tools/sample.ndjson" },
	{ "completion bash", ctl_run_completion, NO_METHOD, 0,
	  "print what makes bash complete these",
	  "completion bash > ~/.local/share/bash-completion/completions/customerctl" },
	{ "help [COMMAND...]", ctl_run_help, NO_METHOD, 0,
	  "explain a command",
	  "help customer update" },
};
// clang-format on

const unsigned sentence_count = sizeof(sentences) / sizeof(sentences[0]);

_Static_assert(
    sizeof(sentences) / sizeof(sentences[0]) <= SENTENCES_MAX, "room for all of them");
