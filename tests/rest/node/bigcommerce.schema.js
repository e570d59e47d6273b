'use strict';
// What BigCommerce publishes of its answers, in JSON Schema: the facts of
// reference/customers.v3.yml in github.com/bigcommerce/docs, commit 24f580c (April 2026):
// customer_Full, formFieldValue_Customer, Pagination, CursorPagination, ErrorResponse.
//
// Beyond it: no other keys (a misspelt one would go unseen), and what recorded answers
// always hold is required.  Short of it: texts without a value are "", shorter than the
// published minimum, and channel_ids may be null; both are what the platform answers.

const text = (maxLength) => ({ type: 'string', maxLength });
const integer = { type: 'integer', minimum: -(2 ** 31), maximum: 2 ** 31 - 1 };
const time = { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ$' };
const closed = (properties, required = Object.keys(properties)) => ({
  type: 'object', properties, required, additionalProperties: false,
});

const always = {
  id: integer,
  authentication: closed({ force_password_reset: { type: 'boolean' } }),
  company: text(255),
  customer_group_id: integer,
  email: { type: 'string', minLength: 3, maxLength: 255 },
  first_name: text(100),
  last_name: text(100),
  notes: { type: 'string' },
  phone: text(50),
  registration_ip_address: text(45),
  tax_exempt_category: text(255),
  date_created: time,
  date_modified: time,
  accepts_product_review_abandoned_cart_emails: { type: 'boolean' },
  origin_channel_id: { type: 'integer' },
  channel_ids: { type: ['array', 'null'], items: { type: 'integer' } },
};

const customer = closed({
  ...always,
  store_credit_amounts: { type: 'array', items: closed({ amount: { type: 'number' } }) },
  form_fields: {
    type: 'array',
    items: closed({
      customer_id: { type: 'integer' },
      name: { type: 'string' },
      value: {
        oneOf: [{ type: 'string' }, { type: 'number' },
          { type: 'array', items: { type: 'string' } }],
      },
    }),
  },
}, Object.keys(always));

const link = { type: 'string', pattern: '^\\?' };
const links = closed({ previous: link, current: link, next: link }, []);
const page = { count: { type: 'integer' }, per_page: { type: 'integer' } };

const pagination = closed({
  ...page,
  total: { type: 'integer' },
  current_page: { type: 'integer' },
  total_pages: { type: 'integer' },
  links,
});
const cursor = closed({
  ...page, start_cursor: { type: 'string' }, end_cursor: { type: 'string' }, links,
});

const data = { type: 'array', items: customer };

exports.written = closed({ data, meta: closed({}) });
exports.listed = closed(
  { data, meta: closed({ pagination, cursor_pagination: cursor }, []) });
exports.error = closed({
  status: integer,
  title: { type: 'string', minLength: 1 },
  type: { type: 'string', pattern: '^https://' },
  instance: { type: 'string' },
  errors: { type: 'object', additionalProperties: { type: 'string' } },
}, ['status', 'title', 'type', 'errors']);
