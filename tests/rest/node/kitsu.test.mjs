// kitsu, a client of JSON:API in general: it knows nothing of the platform.

import assert from 'node:assert';
import { test } from 'node:test';
import Kitsu from 'kitsu';

const { REST_ORIGIN, REST_TOKEN } = process.env;

const api = new Kitsu({
  baseURL: `${REST_ORIGIN}/api`, resourceCase: 'none', camelCaseTypes: false, pluralize: false,
  headers: { Authorization: `Bearer ${REST_TOKEN}` },
});

test('a customer from its creation to its end', async () => {
  const { data: made } = await api.create('customers', { email: 'ada@example.com' });
  assert.strictEqual(made.email, 'ada@example.com');
  const { data: changed } = await api.update('customers', { id: made.id, reference: 'R1' });
  assert.strictEqual(changed.reference, 'R1');
  const { data: read } = await api.get(`customers/${made.id}`);
  assert.strictEqual(read.reference, 'R1');
  const { data: list, meta } = await api.get('customers', { params: { page: { size: 5 } } });
  assert.deepStrictEqual(list.map((customer) => customer.id), [made.id]);
  assert.strictEqual(meta.record_count, 1);
  await api.delete('customers', made.id);  // with a body
  await assert.rejects(api.get(`customers/${made.id}`), (error) => {
    assert.strictEqual(error.errors[0].code, 'RECORD_NOT_FOUND');
    return true;
  });
});
