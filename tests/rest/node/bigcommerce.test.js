'use strict';
// node-bigcommerce.  Each answer that it gets is held against the published schema.

const Ajv = require('ajv');
const assert = require('node:assert');
const http = require('node:http');
const net = require('node:net');
const { afterEach, test } = require('node:test');
const BigCommerce = require('node-bigcommerce');
const schema = require('./bigcommerce.schema.js');

const { REST_ORIGIN, REST_HASH, REST_TOKEN, REST_READER } = process.env;
const { hostname, port } = new URL(REST_ORIGIN);

// The client insists on https and its own host: the agent leads it here, in clear.
class Here extends http.Agent {
  constructor() {
    super();
    this.protocol = 'https:';
  }

  createConnection() {
    return net.connect(port, hostname);
  }
}

function connect(accessToken, apiVersion = 'v3') {
  return new BigCommerce({
    clientId: 'client', accessToken, storeHash: REST_HASH, responseType: 'json', apiVersion,
    agent: new Here(), failOnLimitReached: true,
  });
}

const bc = connect(REST_TOKEN);
const v2 = connect(REST_TOKEN, 'v2');

function holds(shape, value) {
  const ajv = new Ajv();
  assert.ok(ajv.validate(schema[shape], value),
    `${ajv.errorsText()}: ${JSON.stringify(value)}`);
  return value.data;
}

async function refused(promise, status, title, errors = {}) {
  await assert.rejects(promise, (error) => {
    assert.strictEqual(error.code, status, error.message);
    const body = JSON.parse(error.responseBody);
    holds('error', body);
    assert.strictEqual(body.status, status);
    assert.match(body.title, title);
    for (const [key, value] of Object.entries(errors)) assert.match(body.errors[key], value);
    return true;
  });
}

afterEach(async () => {
  const left = (await bc.get('/customers')).data.map(({ id }) => id);
  if (left.length > 0) await bc.delete(`/customers?id:in=${left.join(',')}`);
});

const person = (i, more) => ({
  email: `c${i}@example.com`, first_name: `F${i}`, last_name: 'L', ...more,
});

test('customers from their creation to their end', async () => {
  const made = holds('written', await bc.post('/customers', [
    person(1, { company: 'Acme', store_credit_amounts: [{ amount: 43.15 }] }),
    person(2, { authentication: { force_password_reset: true, new_password: 'abcdefg1' } }),
  ]));
  assert.deepStrictEqual(made.map((customer) => customer.first_name), ['F1', 'F2']);
  assert.deepStrictEqual(made[0].store_credit_amounts, [{ amount: 43.15 }]);
  assert.deepStrictEqual(made[1].authentication, { force_password_reset: true });

  const changed = holds('written', await bc.put('/customers', [
    // What was read is sent back, read-only fields and all.
    { ...made[1], phone: '+1 555 0100' },
    { id: made[0].id, form_fields: [{ name: 'Age', value: 9 },
      { name: 'Colours', value: ['red', 'blue'] }] },
  ]));
  assert.strictEqual(changed[0].id, made[1].id);
  assert.strictEqual(changed[0].phone, '+1 555 0100');

  const ids = made.map((customer) => customer.id);
  const read = holds('listed', await bc.get(
    `/customers?id:in=${ids.join(',')}&include=formfields,storecredit`));
  assert.strictEqual(read.length, 2);
  assert.deepStrictEqual(read[0].form_fields, [
    { customer_id: ids[0], name: 'Age', value: 9 },
    { customer_id: ids[0], name: 'Colours', value: ['red', 'blue'] },
  ]);
  const plain = holds('listed', await bc.get('/customers?email:in=c1@example.com'));
  assert.deepStrictEqual(plain.map((customer) => customer.id), [ids[0]]);
  assert.ok(!('store_credit_amounts' in plain[0] || 'form_fields' in plain[0]));

  assert.strictEqual(await bc.delete('/customers'), '');
  assert.strictEqual(holds('listed', await bc.get('/customers')).length, 2);
  assert.strictEqual(await bc.delete(`/customers?id:in=${ids.join(',')}`), '');
  assert.deepStrictEqual(holds('listed', await bc.get('/customers')), []);
});

test('pages, and the links between them', async () => {
  const people = Array.from({ length: 10 }, (_, i) => person(i));
  const ids = holds('written', await bc.post('/customers', people)).map(({ id }) => id);
  const notes = ids.map((id) => ({ id, notes: `n${id}` }));
  const noted = holds('written', await bc.put('/customers', notes));
  assert.deepStrictEqual(noted.map((customer) => customer.notes), notes.map((one) => one.notes));
  const one = await bc.get('/customers?limit=4&page=1');
  holds('listed', one);
  assert.strictEqual(one.meta.pagination.total, 10);
  assert.strictEqual(one.meta.pagination.total_pages, 3);
  const three = await bc.get('/customers?limit=4&page=3');
  assert.strictEqual(holds('listed', three).length, 2);
  assert.deepStrictEqual(holds('listed', await bc.get('/customers?limit=4&page=9')), []);

  const seen = [];
  for (let next = '?limit=4'; next;) {
    const page = await bc.get(`/customers${next}`);
    seen.push(...holds('listed', page).map(({ id }) => id));
    next = page.meta.pagination.links.next;
  }
  assert.deepStrictEqual(seen, ids);
});

test('groups', async () => {
  const group = await v2.post('/customer_groups', { name: 'Friends' });
  assert.strictEqual(group.name, 'Friends');
  const [ada] = holds('written', await bc.post('/customers',
    [person(1, { customer_group_id: group.id })]));
  assert.strictEqual(ada.customer_group_id, group.id);
  assert.strictEqual((await v2.put(`/customer_groups/${group.id}`, { name: 'Old' })).name, 'Old');
  assert.strictEqual((await v2.get(`/customer_groups/${group.id}`)).name, 'Old');
  assert.ok((await v2.get('/customer_groups')).some(({ id }) => id === group.id));
  assert.strictEqual(await v2.delete(`/customer_groups/${group.id}`), '');
  const [after] = holds('listed', await bc.get(`/customers?id:in=${ada.id}`));
  assert.strictEqual(after.customer_group_id, 0);
});

test('a password is verified', async () => {
  const [ada] = holds('written', await bc.post('/customers',
    [person(1, { authentication: { new_password: 'correct horse 1' } })]));
  const ask = (password) => bc.post('/customers/validate-credentials',
    { email: 'c1@example.com', password });
  assert.deepStrictEqual(await ask('correct horse 1'), { is_valid: true, customer_id: ada.id });
  assert.strictEqual((await ask('wrong')).is_valid, false);
});

test('errors', async () => {
  const [ada, ben] = holds('written', await bc.post('/customers', [person(1), person(2)]));
  await refused(connect('no such token').get('/customers'), 401, /./);
  await refused(connect(REST_READER).put('/customers', [{ id: ada.id, notes: 'x' }]), 403,
    /^You don't have a required scope to access the endpoint$/);
  await refused(bc.put('/customers', [{ id: 2147483647, notes: 'x' }]), 422,
    /^Update customers failed\.$/, { '0.id': /^invalid customer ID$/ });
  await refused(bc.put('/customers', [{ notes: 'x' }]), 422, /^JSON data is missing or invalid$/);
  await refused(bc.put('/customers', { id: ada.id }), 422, /^JSON data is missing or invalid$/);
  await refused(bc.put('/customers', [{ id: ada.id, email: 'no address' }]), 422, /./);
  await refused(bc.put('/customers', [{ id: ben.id, email: ada.email }]), 422,
    /^Update customers failed\.$/,
    { '.customer_update': /email c1@example\.com already in use$/ });
  await refused(bc.post('/customers', [person(1)]), 422, /^Create customers failed\.$/,
    { '.customer_create': /^Error creating customers: email c1@example\.com already in use$/ });
  await refused(bc.put('/customers', Array.from({ length: 11 }, (_, i) => ({ id: i + 1 }))),
    413, /./);
  await refused(bc.get('/customers?foo=1'), 422, /not valid filter parameter/);
  await refused(bc.get('/customers?id:in=hello'), 422, /may contain only integer values/);
  // One bad item, and nothing is changed.
  await refused(bc.put('/customers', [{ id: ada.id, notes: 'x' }, { id: 2147483647 }]), 422, /./);
  const [same] = holds('listed', await bc.get(`/customers?id:in=${ada.id}`));
  assert.strictEqual(same.notes, '');
});
