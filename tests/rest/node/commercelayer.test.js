'use strict';
// @commercelayer/sdk.  Each answer that it gets is first held against the JSON:API schema.

const assert = require('node:assert');
const { afterEach, test } = require('node:test');
const { Validator } = require('jsonapi-validator');
const { CommerceLayer } = require('@commercelayer/sdk/bundle');

const { REST_ORIGIN, REST_TOKEN, REST_READER } = process.env;
const validator = new Validator();

// The host is made of the organization's name; only the transport can point elsewhere.
async function transport(url, options) {
  const { pathname, search } = new URL(url);
  const response = await fetch(REST_ORIGIN + pathname + search, options);
  const body = await response.clone().text();
  if (response.status === 204) {
    assert.strictEqual(body, '');
    return response;
  }
  assert.strictEqual(response.headers.get('content-type'), 'application/vnd.api+json');
  validator.validate(JSON.parse(body));
  return response;
}

function connect(accessToken) {
  return CommerceLayer({ organization: 'shop', accessToken, fetch: transport });
}

const cl = connect(REST_TOKEN);

// Of each record in a list, which is more than an array, the member called NAME.
const each = (list, name) => Array.from(list, (record) => record[name]);

// What the platform refuses, as the exception of the SDK.
async function refused(promise, status, code) {
  await assert.rejects(promise, (error) => {
    assert.strictEqual(error.name, 'ApiError', error);
    assert.strictEqual(error.status, status);
    assert.strictEqual(error.first().code, code);
    assert.strictEqual(error.first().status, String(status));
    return true;
  });
}

afterEach(async () => {
  for (const { id } of await cl.customers.list({ pageSize: 25 })) await cl.customers.delete(id);
});

test('a customer from its creation to its end', async () => {
  const made = await cl.customers.create({
    email: 'ada@example.com', password: 'correct horse', reference: 'R1',
    metadata: { a: { b: [1, null, 'x'] } },
  });
  assert.match(made.id, /^[A-Za-z0-9]{10}$/);
  assert.strictEqual(made.type, 'customers');
  assert.strictEqual(made.status, 'prospect');
  assert.strictEqual(made.has_password, true);
  assert.ok(!('password' in made));
  assert.deepStrictEqual(made.metadata, { a: { b: [1, null, 'x'] } });

  const changed = await cl.customers.update({
    id: made.id, email: 'ada.byron@example.com', reference: null, metadata: { b: 2 },
  });
  assert.strictEqual(changed.email, 'ada.byron@example.com');
  assert.strictEqual(changed.reference, null);
  assert.ok(changed.updated_at >= made.updated_at);

  const read = await cl.customers.retrieve(made.id);
  assert.deepStrictEqual(read, changed);
  const some = await cl.customers.retrieve(made.id, { fields: { customers: ['email'] } });
  assert.strictEqual(some.email, 'ada.byron@example.com');
  assert.ok(!('metadata' in some));

  await cl.customers.delete(made.id);
  await refused(cl.customers.retrieve(made.id), 404, 'RECORD_NOT_FOUND');
});

test('groups, and who is in them', async () => {
  const group = await cl.customer_groups.create({ name: 'Friends', reference: 'G1' });
  const ada = await cl.customers.create({
    email: 'grouped@example.com', customer_group: cl.customer_groups.relationship(group.id),
  });
  const found = await cl.customers.customer_group(ada.id);
  assert.strictEqual(found.id, group.id);
  const members = await cl.customer_groups.customers(group.id);
  assert.deepStrictEqual(each(members, 'id'), [ada.id]);
  const whole = await cl.customers.retrieve(ada.id, { include: ['customer_group'] });
  assert.strictEqual(whole.customer_group.name, 'Friends');
  assert.strictEqual((await cl.customers.orders(ada.id)).length, 0);

  const full = await cl.customer_groups.retrieve(group.id, { include: ['customers'] });
  assert.deepStrictEqual(each(full.customers, 'email'), ['grouped@example.com']);
  const renamed = await cl.customer_groups.update({ id: group.id, name: 'Old friends' });
  assert.strictEqual(renamed.name, 'Old friends');
  await cl.customers.update({ id: ada.id, customer_group: cl.customer_groups.relationship(null) });
  assert.strictEqual((await cl.customer_groups.customers(group.id)).length, 0);
  assert.strictEqual(await cl.customers.customer_group(ada.id), null);
  await cl.customer_groups.delete(group.id);
  await refused(cl.customer_groups.retrieve(group.id), 404, 'RECORD_NOT_FOUND');
});

test('tags by name and by id', async () => {
  const vip = await cl.tags.create({ name: 'VIP' });
  const gold = await cl.tags.create({ name: 'gold' });
  assert.strictEqual(vip.name, 'vip');
  const ada = await cl.customers.create({ email: 'tagged@example.com' });
  const names = async () => each(await cl.customers.tags(ada.id), 'name').sort();

  await cl.customers._add_tags(ada.id, 'vip,gold,unheard-of');
  assert.deepStrictEqual(await names(), ['gold', 'vip']);
  await cl.customers._remove_tags(ada.id, 'gold');
  assert.deepStrictEqual(await names(), ['vip']);
  await cl.customers.update({ id: ada.id, tags: [cl.tags.relationship(gold.id)] });
  assert.deepStrictEqual(await names(), ['gold']);
  const whole = await cl.customers.retrieve(ada.id, { include: ['tags'] });
  assert.deepStrictEqual(each(whole.tags, 'id'), [gold.id]);
  await cl.customers.update({ id: ada.id, tags: [cl.tags.relationship(null)] });
  assert.deepStrictEqual(await names(), []);

  await cl.tags.delete(vip.id);
  assert.deepStrictEqual(each(await cl.tags.list(), 'name'), ['gold']);
});

test('pages of a list', async () => {
  const made = [];
  for (let i = 0; i < 12; i++) {
    made.push(await cl.customers.create({ email: `page${i}@example.com`, reference: `P${i}` }));
  }
  const first = await cl.customers.list({ pageSize: 5, sort: { created_at: 'asc' } });
  assert.strictEqual(first.meta.recordCount, 12);
  assert.strictEqual(first.meta.pageCount, 3);
  assert.strictEqual(first.getRecordCount(), 12);
  assert.strictEqual(first.length, 5);
  const ids = [];
  for (let page = first.first(), number = 1; number <= 3; number++) {
    page = await cl.customers.list({ pageSize: 5, pageNumber: number, sort: { created_at: 'asc' } });
    assert.strictEqual(page.hasNextPage(), number < 3);
    ids.push(...each(page, 'id'));
  }
  assert.deepStrictEqual(ids, each(made, 'id'));
  assert.strictEqual((await cl.customers.list({ pageSize: 5, pageNumber: 9 })).length, 0);

  const newest = await cl.customers.list({ pageSize: 1, sort: { created_at: 'desc' } });
  assert.strictEqual(newest.first().id, made[11].id);
  const one = await cl.customers.list({ filters: { email_eq: 'page7@example.com' } });
  assert.deepStrictEqual(each(one, 'id'), [made[7].id]);
  const other = await cl.customers.list({ filters: { reference_eq: 'P3' } });
  assert.deepStrictEqual(each(other, 'id'), [made[3].id]);
  assert.strictEqual(await cl.customers.count(), 12);
});

test('an anonymisation is asked for and called off', async () => {
  const ada = await cl.customers.create({ email: 'anon@example.com' });
  const asked = await cl.customers._request_anonymization(ada.id);
  assert.strictEqual(asked.anonymization_status, 'requested');
  assert.strictEqual(asked.anonymization_info.requester.first_name, 'Ada');
  const over = await cl.customers._cancel_anonymization(ada.id);
  assert.strictEqual(over.anonymization_status, 'cancelled');
});

test('errors', async () => {
  await refused(connect('no such token').customers.list(), 401, 'INVALID_TOKEN');
  await refused(connect(REST_READER).customers.create({ email: 'r@example.com' }),
    401, 'UNAUTHORIZED');
  await refused(cl.customers.retrieve('zzzzzzzzzz'), 404, 'RECORD_NOT_FOUND');
  await refused(cl.customers.update({ id: 'zzzzzzzzzz', reference: 'x' }),
    404, 'RECORD_NOT_FOUND');
  await refused(cl.customers.delete('zzzzzzzzzz'), 404, 'RECORD_NOT_FOUND');
  await refused(cl.customers.create({ email: 'no address' }), 422, 'VALIDATION_ERROR');
  await refused(cl.customers.create({}), 422, 'VALIDATION_ERROR');
  await refused(cl.customers.create({ email: 'a@example.com', nonsense: 1 }),
    400, 'PARAM_NOT_ALLOWED');

  const ada = await cl.customers.create({ email: 'taken@example.com' });
  await assert.rejects(cl.customers.create({ email: 'Taken@example.com' }), (error) => {
    assert.strictEqual(error.status, 422);
    const { title, detail, source, meta } = error.first();
    assert.strictEqual(title, 'has already been taken');
    assert.strictEqual(detail, 'email - has already been taken');
    assert.strictEqual(source.pointer, '/data/attributes/email');
    assert.deepStrictEqual(meta, { error: 'taken', value: 'Taken@example.com' });
    return true;
  });
});

test('what the SDK never asks for is answered by the same rules', async () => {
  const group = await cl.customer_groups.create({ name: 'Friends' });
  const { id } = await cl.customers.create({
    email: 'raw@example.com', customer_group: cl.customer_groups.relationship(group.id),
  });
  const headers = {
    Authorization: `Bearer ${REST_TOKEN}`, 'Content-Type': 'application/vnd.api+json',
  };
  const customer = `${REST_ORIGIN}/api/customers/${id}`;
  const odd = [
    [200, `${customer}?include=customer_group,tags`],
    [200, `${customer}/relationships/customer_group`],
    [200, `${customer}/relationships/tags`],
    [200, `${customer}/customer_addresses`],
    [200, `${REST_ORIGIN}/api/customers?page[number]=99`],
    [400, `${customer}?include=nonsense`],
    [400, `${customer}?fields[customers]=nonsense`],
    [400, `${REST_ORIGIN}/api/customers?filter[q][nonsense_eq]=1`],
    [400, `${REST_ORIGIN}/api/customers?sort=nonsense`],
    [400, `${REST_ORIGIN}/api/customers?page[size]=x`],
    [404, `${customer}/nonsense`],
    [404, `${REST_ORIGIN}/api/nonsense`],
    [406, customer, { headers: { ...headers, Accept: 'text/html' } }],
    [415, customer, { method: 'PATCH', body: '{}', headers: { ...headers, 'Content-Type': 'text/plain' } }],
    [405, customer, { method: 'PUT', body: '{}' }],
    [400, customer, { method: 'PATCH', body: '{"data"' }],
    [400, customer, { method: 'PATCH', body: '[]' }],
    [400, customer, { method: 'PATCH', body: '{"data":{"type":"customers"}}' }],
    [401, customer, { headers: {} }],
  ];
  for (const [status, url, options] of odd) {
    const response = await fetch(url, { headers, ...options });
    const body = await response.json();
    assert.strictEqual(response.status, status, `${url}: ${JSON.stringify(body)}`);
    assert.strictEqual(response.headers.get('content-type'), 'application/vnd.api+json', url);
    assert.ok(validator.isValid(body), `${url}: ${JSON.stringify(body)}`);
    for (const error of body.errors ?? []) assert.strictEqual(error.status, String(status));
  }
});
