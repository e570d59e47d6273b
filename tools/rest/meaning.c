#include "tools/rest/meaning.h"

/* In the order of field_table.h; what no format shows has no row. */
// clang-format off
static const char *const customer[CUSTOMER_FIELD_COUNT] = {
	[CUSTOMER_ID]                 = "The number of the customer",
	[CUSTOMER_UID]                = "The id of the customer: ten letters and digits",
	[CUSTOMER_CREATED_AT]         = "When the customer was created",
	[CUSTOMER_UPDATED_AT]         = "When the customer was last changed",
	[CUSTOMER_EMAIL]              = "The email address; no two customers of a store share one",
	[CUSTOMER_FIRST_NAME]         = "The first name",
	[CUSTOMER_LAST_NAME]          = "The last name",
	[CUSTOMER_SLUG]               = "The name as it would stand in an address of the web",
	[CUSTOMER_DATE_OF_BIRTH]      = "The day of birth: YYYY-MM-DD",
	[CUSTOMER_PHONE]              = "The phone number",
	[CUSTOMER_COMPANY]            = "The company",
	[CUSTOMER_NOTES]              = "Notes of the staff; the customer never sees them",
	[CUSTOMER_BILLING_ADDRESS]    = "The billing address",
	[CUSTOMER_SHIPPING_ADDRESSES] = "Saved addresses; sent, the whole list is replaced",
	[CUSTOMER_CONTACTS]           = "Ways to reach the customer; sent, the whole list is replaced",
	[CUSTOMER_GROUP]              = "The group the customer belongs to",
	[CUSTOMER_TAGS]               = "Tags, which have to exist",
	[CUSTOMER_TAX_EXEMPTION_CODE] = "Why no tax is due",
	[CUSTOMER_TAX_ID]             = "The tax number",
	[CUSTOMER_TAX_ID_VALID]       = "Whether somebody has checked the tax number",
	[CUSTOMER_TAX_EXEMPT]         = "Whether no tax is due; takes a tax number that is valid",
	[CUSTOMER_ACCEPTS_MARKETING]  = "Whether the customer wants to get advertisements",
	[CUSTOMER_LANGUAGE]           = "The language, one of the store's",
	[CUSTOMER_PASSWORD]           = "The password; kept as a hash, never answered",
	[CUSTOMER_HAS_PASSWORD]       = "Whether a password is set",
	[CUSTOMER_FORCE_PASSWORD_RESET] = "Whether the customer has to choose a new password",
	[CUSTOMER_SHOPPER_REFERENCE]  = "What payment gateways know the customer by",
	[CUSTOMER_PROFILE_ID]         = "The id of the profile at a payment gateway",
	[CUSTOMER_REFERENCE]          = "The id of the customer in another system",
	[CUSTOMER_REFERENCE_ORIGIN]   = "Which other system that is",
	[CUSTOMER_METADATA]           = "Whatever else is to be kept, by key",
	[CUSTOMER_JWT_CUSTOM_CLAIM]   = "What sales channels put into tokens of the customer",
	[CUSTOMER_STATUS]             = "prospect, acquired or repeat, by the number of orders",
	[CUSTOMER_TOTAL_ORDERS_COUNT] = "How many orders the customer has placed",
	[CUSTOMER_REGISTRATION_IP_ADDRESS] = "Where the customer registered from",
	[CUSTOMER_ORIGIN_CHANNEL_ID]  = "The channel in which the customer registered",
	[CUSTOMER_CHANNEL_IDS]        = "The channels in which the customer may log in",
	[CUSTOMER_STORE_CREDIT_AMOUNTS] = "The store's credit; answered when it is asked for",
	[CUSTOMER_FORM_FIELDS]        = "Answers in forms of the shop; answered when they are asked for",
	[CUSTOMER_ACCEPTS_PRODUCT_REVIEW_ABANDONED_CART_EMAILS] = "Whether the customer wants mail about reviews and carts left behind",
	[CUSTOMER_ANONYMIZATION]      = "How far the anonymisation is, and who asked for it",
};

static const char *const group[GROUP_FIELD_COUNT] = {
	[GROUP_ID]               = "The number of the group",
	[GROUP_CREATED_AT]       = "When the group was created",
	[GROUP_UPDATED_AT]       = "When the group was last changed",
	[GROUP_NAME]             = "The name of the group",
	[GROUP_REFERENCE]        = "The id of the group in another system",
	[GROUP_REFERENCE_ORIGIN] = "Which other system that is",
	[GROUP_METADATA]         = "Whatever else is to be kept, by key",
};

static const char *const tag[TAG_FIELD_COUNT] = {
	[TAG_CREATED_AT] = "When the tag was created",
	[TAG_UPDATED_AT] = "When the tag was last changed",
	[TAG_NAME]       = "The tag: letters, digits, _ - and :, stored in small letters",
};

#define ADDRESS(S)                                                                         \
	[S##_NAME]         = "Who lives there",                                            \
	[S##_COMPANY]      = "The company",                                                \
	[S##_STREET]       = "Street and number",                                          \
	[S##_CITY]         = "The city",                                                   \
	[S##_STATE]        = "State or province",                                          \
	[S##_STATE_CODE]   = "Its code",                                                   \
	[S##_COUNTRY]      = "The country, in full",                                       \
	[S##_COUNTRY_CODE] = "Its code of ISO 3166: two capitals",                         \
	[S##_POSTAL_CODE]  = "The postal code",                                            \
	[S##_PHONE]        = "The phone number there"

static const char *const address[ADDRESS_FIELD_COUNT] = { ADDRESS(ADDRESS) };

static const char *const saved_address[SAVED_ADDRESS_FIELD_COUNT] = {
	[SAVED_ADDRESS_ID] = "The number of the address; made when it is absent",
	ADDRESS(SAVED_ADDRESS),
};

static const char *const contact[CONTACT_FIELD_COUNT] = {
	[CONTACT_ID]        = "The number of the contact; made when it is absent",
	[CONTACT_TYPE]      = "What kind it is",
	[CONTACT_CONTACT]   = "The address, the number or the link",
	[CONTACT_HANDLE]    = "The name there",
	[CONTACT_NOTE]      = "A remark",
	[CONTACT_DEFAULT]   = "Whether it is the first choice; one of each type",
	[CONTACT_ORDER_BY]  = "Where it stands in lists",
	[CONTACT_TIMESTAMP] = "When it was added",
};

static const char *const person[PERSON_FIELD_COUNT] = {
	[PERSON_ID]         = "The id of the user",
	[PERSON_FIRST_NAME] = "The first name",
	[PERSON_LAST_NAME]  = "The last name",
	[PERSON_EMAIL]      = "The email address",
};

static const char *const anonymization[ANONYMIZATION_FIELD_COUNT] = {
	[ANONYMIZATION_STATUS]       = "How far it is",
	[ANONYMIZATION_REQUESTED_AT] = "When it was requested",
	[ANONYMIZATION_STARTED_AT]   = "When it began",
	[ANONYMIZATION_COMPLETED_AT] = "When it was done",
	[ANONYMIZATION_FAILED_AT]    = "When it failed",
	[ANONYMIZATION_CANCELLED_AT] = "When the request was withdrawn",
	[ANONYMIZATION_REQUESTER]    = "Who requested it",
	[ANONYMIZATION_CANCELLATION_REQUESTER] = "Who withdrew the request",
};

static const char *const form_field[FORM_FIELD_FIELD_COUNT] = {
	[FORM_FIELD_NAME]  = "Which field of the form",
	[FORM_FIELD_VALUE] = "What was entered: a text, a number or a list of texts",
};

static const char *const credit[CREDIT_FIELD_COUNT] = {
	[CREDIT_AMOUNT] = "In the currency of the store",
};

static const struct {
	const struct shape *shape;
	const char *const  *words;
} shapes[] = {
	{ &record_shapes[RECORD_CUSTOMER], customer },
	{ &record_shapes[RECORD_GROUP],    group },
	{ &record_shapes[RECORD_TAG],      tag },
	{ &address_shape,                  address },
	{ &saved_address_shape,            saved_address },
	{ &contact_shape,                  contact },
	{ &person_shape,                   person },
	{ &anonymization_shape,            anonymization },
	{ &form_field_shape,               form_field },
	{ &credit_shape,                   credit },
};
// clang-format on

const char *
meaning_of(const struct mapping *row, const struct shape *shape)
{
	const char *words = row->meaning;

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (words == NULL && row->field != FIELD_NONE &&
		    shapes[i].shape == shape)
			words = shapes[i].words[row->field];
	return words != NULL ? words : "";
}
