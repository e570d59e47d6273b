// Clients in wide use, each through create, read, update, list, delete and errors.  They
// were written for the platforms; nothing in them knows of customerd.  test_node.py starts
// this with a shim in SHIM, "host:port", and tokens that may do everything.
import assert from 'node:assert/strict';
import https from 'node:https';
import net from 'node:net';
import test from 'node:test';
import { CommerceLayerStatic } from '@commercelayer/sdk';
import { CommerceLayer } from '@commercelayer/sdk/bundle';
import BigCommerce from 'node-bigcommerce';
import ecwid from 'ecwid-api-client';

const [host, port] = process.env.SHIM.split(':');

test('@commercelayer/sdk', async (t) => {
	const cl = CommerceLayer({
		organization: 'sample',
		accessToken: process.env.CL_TOKEN,
		// The origin is built in; only the way out can be changed.
		fetch: (url, init) => fetch(String(url).replace(/^https:\/\/[^/]+/,
			`http://${host}:${port}`), init),
	});
	let id;
	await t.test('creates, with a group and tags', async () => {
		const group = await cl.customer_groups.create({ name: 'SDK' });
		const tag = await cl.tags.create({ name: 'sdk' });
		const made = await cl.customers.create({
			email: 'sdk@example.com', password: 'correct horse', metadata: { a: [1, null] },
			customer_group: cl.customer_groups.relationship(group.id),
			tags: [cl.tags.relationship(tag.id)],
		});
		id = made.id;
		assert.equal(made.type, 'customers');
		assert.equal(made.has_password, true);
		assert.deepEqual(made.metadata, { a: [1, null] });
	});
	await t.test('reads, with what belongs to it', async () => {
		const read = await cl.customers.retrieve(id, { include: ['customer_group', 'tags'] });
		assert.equal(read.email, 'sdk@example.com');
		assert.equal(read.customer_group.name, 'SDK');
		assert.deepEqual(read.tags.map((tag) => tag.name), ['sdk']);
		assert.equal((await cl.customers.customer_group(id)).name, 'SDK');
		assert.equal((await cl.customers.tags(id)).length, 1);
		assert.equal((await cl.customers.orders(id)).length, 0);
	});
	await t.test('updates', async () => {
		const updated = await cl.customers.update({ id, reference: 'r-1',
			customer_group: cl.customer_groups.relationship(null) });
		assert.equal(updated.reference, 'r-1');
		assert.equal(await cl.customers.customer_group(id), null);
		await cl.customers._add_tags(id, 'vip,nonsense');
		await cl.customers._remove_tags(id, 'sdk');
		const tags = await cl.customers.tags(id);
		assert.deepEqual(Array.from(tags, (tag) => tag.name), ['vip']);
	});
	await t.test('updates a group', async () => {
		const group = await cl.customer_groups.update({ id: 'xYZkjABcde', reference: 'g' });
		assert.equal(group.reference, 'g');
		const members = await cl.customer_groups.customers('xYZkjABcde');
		assert.ok(members.meta.recordCount >= 1);
	});
	await t.test('lists', async () => {
		const found = await cl.customers.list({ filters: { email_eq: 'sdk@example.com' } });
		assert.deepEqual(Array.from(found, (customer) => customer.id), [id]);
		const page = await cl.customers.list({
			pageSize: 5, pageNumber: 2, sort: { created_at: 'desc' }, fields: ['email'] });
		assert.equal(page.length, 5);
		assert.equal(page.meta.pageCount, Math.ceil(page.meta.recordCount / 5));
		assert.ok(page.every((customer) => customer.email.includes('@')));
		assert.equal(await cl.customers.count(), page.meta.recordCount);
	});
	await t.test('asks for anonymisation and calls it off', async () => {
		const asked = await cl.customers._request_anonymization(id);
		assert.equal(asked.anonymization_status, 'requested');
		const called = await cl.customers._cancel_anonymization(id);
		assert.equal(called.anonymization_status, 'cancelled');
	});
	await t.test('understands errors', async () => {
		const refused = async (call, status, code) => {
			const error = await call.then(() => null, (thrown) => thrown);
			assert.ok(CommerceLayerStatic.isApiError(error), String(error));
			assert.equal(error.status, status);
			assert.equal(error.errors[0].code, code);
			return error.errors[0];
		};
		const taken = await refused(cl.customers.update({ id, email: 'john@example.com' }),
			422, 'VALIDATION_ERROR');
		assert.equal(taken.meta.error, 'taken');
		assert.equal(taken.source.pointer, '/data/attributes/email');
		await refused(cl.customers.retrieve('AAAAAAAAAA'), 404, 'RECORD_NOT_FOUND');
	});
	await t.test('deletes', async () => {
		await cl.customers.delete(id);
		assert.equal((await cl.customers.list({ filters: { email_eq: 'sdk@example.com' } })).length, 0);
	});
});

test('node-bigcommerce', async (t) => {
	// https and its port are built in; an agent makes it a plain connection.
	const agent = new https.Agent();
	agent.createConnection = () => net.connect(Number(port), host);
	const bc = new BigCommerce({ clientId: 'x', accessToken: process.env.BC_TOKEN,
		storeHash: 'store_hash', responseType: 'json', apiVersion: 'v3', agent });
	let id;
	await t.test('creates', async () => {
		const { data } = await bc.post('/customers', [{ email: 'bc@example.com',
			first_name: 'B', last_name: 'C', authentication: { new_password: 'hello1234' } }]);
		id = data[0].id;
		assert.equal(data[0].email, 'bc@example.com');
	});
	await t.test('reads and lists', async () => {
		const { data } = await bc.get(`/customers?id:in=${id},999`);
		assert.deepEqual(data.map((customer) => customer.id), [id]);
		const page = await bc.get('/customers?limit=5&page=2');
		assert.equal(page.data.length, 5);
		assert.equal(page.meta.pagination.current_page, 2);
		assert.deepEqual((await bc.get('/customers?page=99')).data, []);
	});
	await t.test('updates one and ten', async () => {
		const { data } = await bc.put('/customers', [{ id, company: 'Acme' }]);
		assert.equal(data[0].company, 'Acme');
		const ten = Array.from({ length: 10 }, (_, i) => ({ id: i + 1, notes: `n${i}` }));
		const answer = await bc.put('/customers', ten);
		assert.deepEqual(answer.data.map((customer) => customer.notes), ten.map((c) => c.notes));
	});
	await t.test('understands errors', async () => {
		await assert.rejects(bc.put('/customers', [{ id: 999 }]), (error) => {
			assert.equal(error.code, 422);
			return /invalid customer ID/.test(JSON.stringify(error.responseBody ?? error.message));
		});
		await assert.rejects(bc.put('/customers', Array.from({ length: 11 }, () => ({ id: 1 }))),
			(error) => error.code === 413);
	});
	await t.test('deletes', async () => {
		await bc.delete(`/customers?id:in=${id}`);
		assert.deepEqual((await bc.get(`/customers?id:in=${id}`)).data, []);
	});
});

test('ecwid-api-client', async (t) => {
	const shop = new ecwid.Ecwid({ apiToken: process.env.ECWID_TOKEN, apiStoreId: '1003',
		apiCustomBaseUrl: `http://${host}:${port}/api/v3/1003/` });
	let id;
	await t.test('creates', async () => {
		const made = await shop.customers.add({ email: 'ecwid@example.com', name: 'E C W' });
		id = made.id;
		assert.ok(id > 0);
	});
	await t.test('reads and lists', async () => {
		const read = await shop.customers.getById(id);
		assert.equal(read.name, 'E C W');
		assert.equal(read.customerGroupName, 'General');
		const all = await shop.customers.getAll();
		assert.ok(all.total >= 10 && all.items.length === all.count);
		const found = await shop.customers.getByParams({ email: 'ecwid@example.com' });
		assert.deepEqual(found.items.map((customer) => customer.id), [id]);
	});
	await t.test('updates', async () => {
		const answer = await shop.customers.update(id, {
			name: 'Support team (VIP)', customerGroupId: 9367001 });
		assert.equal(answer.updateCount, 1);
		assert.equal((await shop.customers.getById(id)).customerGroupName, 'VIP');
	});
	await t.test('deletes, and hears that it is gone', async () => {
		assert.equal((await shop.customers.delete(id)).deleteCount, 1);
		await assert.rejects(shop.customers.getById(id));
	});
});
