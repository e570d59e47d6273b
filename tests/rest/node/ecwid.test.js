'use strict';
// ecwid-api-client: the token and limit=100 travel in every query.

const assert = require('node:assert');
const { afterEach, test } = require('node:test');
const { Ecwid } = require('ecwid-api-client');

const { REST_ORIGIN, REST_ECWID_ID, REST_TOKEN, REST_READER } = process.env;

console.error = () => {};  // the client prints whatever is refused

function connect(apiToken, apiStoreId = REST_ECWID_ID) {
  return new Ecwid({
    apiToken, apiStoreId, apiCustomBaseUrl: `${REST_ORIGIN}/api/v3/${apiStoreId}/`,
  }).customers;
}

const customers = connect(REST_TOKEN);

async function refused(promise, status, code, message = /./) {
  await assert.rejects(promise, (error) => {
    assert.strictEqual(error.response?.status, status, error);
    const { errorCode, errorMessage } = error.response.data;
    assert.match(errorMessage, message);
    if (code) assert.strictEqual(errorCode, code);
    return true;
  });
}

afterEach(async () => {
  for (const { id } of (await customers.getAll()).items) await customers.delete(id);
});

test('a customer from its creation to its end', async () => {
  const { id } = await customers.add({
    email: 'ada@example.com', name: 'Ada Byron', taxId: 'GB1', taxIdValid: true, taxExempt: true,
    billingPerson: { name: 'Ada Byron', street: '1 High St\nFlat 2', countryCode: 'GB' },
    shippingAddresses: [{ name: 'Ada', city: 'London' }, { name: 'Work', city: 'Leeds' }],
  });
  const read = await customers.getById(id);
  assert.strictEqual(read.name, 'Ada Byron');
  assert.strictEqual(read.customerGroupId, 0);
  assert.match(read.registered, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000$/);
  assert.strictEqual(read.billingPerson.street, '1 High St\nFlat 2');
  assert.strictEqual(read.taxExempt, true);
  assert.strictEqual(read.shippingAddresses.length, 2);

  const [home, work] = read.shippingAddresses;
  assert.deepStrictEqual(await customers.update(id, {
    email: 'ada.byron@example.com', shippingAddresses: [home, { ...work, city: 'York' }],
  }), { updateCount: 1 });
  const after = await customers.getById(id);
  assert.strictEqual(after.email, 'ada.byron@example.com');
  assert.strictEqual(after.name, 'Ada Byron');
  assert.deepStrictEqual(after.shippingAddresses.map((address) => [address.id, address.city]),
    [[home.id, 'London'], [work.id, 'York']]);

  assert.deepStrictEqual(await customers.delete(id), { deleteCount: 1 });
  await refused(customers.getById(id), 404, null, new RegExp(`^Customer #${id} not found$`));
});

test('what was read can be sent back whole', async () => {
  const { id } = await customers.add({ email: 'whole@example.com', name: 'Ada Byron' });
  const read = await customers.getById(id);
  await customers.update(id, read);
  const again = await customers.getById(id);
  delete read.updated;
  delete again.updated;
  assert.deepStrictEqual(again, read);
});

test('lists and searches', async () => {
  const ids = [];
  for (let i = 0; i < 5; i++) {
    ids.push((await customers.add({ email: `list${i}@example.com`, name: `Lister ${i}` })).id);
  }
  const all = await customers.getAll();
  assert.strictEqual(all.total, 5);
  assert.strictEqual(all.count, 5);
  assert.strictEqual(all.limit, 100);
  assert.strictEqual(all.offset, 0);
  assert.deepStrictEqual(all.items.map((customer) => customer.id).sort((a, b) => a - b), ids);
  const page = await customers.getByParams({ offset: 3, limit: 2 });
  assert.strictEqual(page.count, 2);
  assert.strictEqual(page.total, 5);
  const idsBy = async (params) => {
    const { items } = await customers.getByParams(params);
    return items.map((customer) => customer.id);
  };
  assert.deepStrictEqual(await idsBy({ email: 'list3@example.com' }), [ids[3]]);
  assert.deepStrictEqual(await idsBy({ email: 'LIST3', name: 'lister' }), [ids[3]]);
  assert.deepStrictEqual(await idsBy({ name: 'lister', createdFrom: '2000-01-01' }), ids);
  assert.deepStrictEqual(await idsBy({ name: 'lister', minOrderCount: 1 }), []);
  assert.deepStrictEqual(await idsBy({ sortBy: 'NAME_DESC', limit: 2 }), [ids[4], ids[3]]);
  const found = await customers.getByKeyword('ster 2');
  assert.deepStrictEqual(found.items.map((customer) => customer.id), [ids[2]]);
  assert.strictEqual((await customers.getByParams({ offset: 50 })).count, 0);
});

test('errors', async () => {
  const { id } = await customers.add({ email: 'taken@example.com' });
  await refused(connect('secret_nobody').getAll(), 403, 'INVALID_API_TOKEN');
  await refused(connect(REST_READER).update(id, { name: 'x' }), 403, 'INSUFFICIENT_APP_SCOPE');
  await refused(connect(REST_TOKEN, 1).getAll(), 404, 'STORE_NOT_FOUND');
  await refused(customers.getById(999), 404, null, /^Customer #999 not found$/);
  await refused(customers.update(999, { name: 'x' }), 404, null, /^Customer #999 not found$/);
  await refused(customers.delete(999), 404, null, /^Customer #999 not found$/);
  await refused(customers.add({ email: 'no address' }), 400, 'WRONG_PARAMETER');
  await refused(customers.add({ email: 'Taken@example.com' }), 409);
  const other = await customers.add({ email: 'other@example.com' });
  await refused(customers.update(other.id, { email: 'taken@example.com' }), 409);
});
