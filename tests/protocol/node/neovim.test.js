'use strict';
// The RPC layer of npm "neovim", as it is: its transport calls customerd.

const assert = require('node:assert');
const { once } = require('node:events');
const net = require('node:net');
const { test } = require('node:test');

process.env.ALLOW_CONSOLE = '1'; // Otherwise neovim replaces the console.
const { Transport } = require('neovim/lib/utils/transport');

const { CUSTOMERD_HOST, CUSTOMERD_PORT, CUSTOMERD_TOKEN } = process.env;

// A transport on a connection of its own, which ends with the test.
async function dial(t) {
  const socket = net.connect({ host: CUSTOMERD_HOST, port: CUSTOMERD_PORT, noDelay: true });
  await once(socket, 'connect');
  const transport = new Transport();
  transport.attach(socket, socket, {});
  t.after(async () => {
    const detached = once(transport, 'detach');
    await transport.close();
    await detached;
  });
  transport.notifications = [];
  transport.on('notification', (method, params) => transport.notifications.push([method, params]));
  return transport;
}

function call(transport, method, ...params) {
  return new Promise((resolve, reject) => {
    transport.request(method, params, (error, result) => (error ? reject(error) : resolve(result)));
  });
}

test('a call is answered', async (t) => {
  const { time } = await call(await dial(t), 'ping');
  assert.ok(Math.abs(time - Date.now()) < 60000);
});

test('an error is a map with content', async (t) => {
  const transport = await dial(t);
  await assert.rejects(call(transport, 'customer.get', { id: 1 }), (error) => {
    assert.strictEqual(error.code, 'UNAUTHENTICATED');
    assert.strictEqual(error.retryable, false);
    return true;
  });
  assert.ok((await call(transport, 'ping')).time > 0);
});

test('a customer is created, updated and read', async (t) => {
  const transport = await dial(t);
  await call(transport, 'hello', { token: CUSTOMERD_TOKEN });
  const email = `neovim-${process.pid}@example.com`;
  const { id } = await call(transport, 'customer.create', { set: { email, metadata: { a: [1, null, 2.5] } } });
  const { revision } = await call(transport, 'customer.update', { id, set: { first_name: 'Ada' } });
  assert.strictEqual(revision, 2);
  const record = await call(transport, 'customer.get', { id });
  assert.strictEqual(record.email, email);
  assert.deepStrictEqual(record.metadata, { a: [1, null, 2.5] });
});

test('what it sends Neovim about itself is ignored', async (t) => {
  const transport = await dial(t);
  transport.notify('nvim_set_client_info', ['x', {}, 'remote', {}, {}]);
  assert.ok((await call(transport, 'ping')).time > 0);
  assert.deepStrictEqual(transport.notifications, []);
});

test('many calls at once are each answered with their own', async (t) => {
  const transport = await dial(t);
  await call(transport, 'hello', { token: CUSTOMERD_TOKEN });
  const emails = Array.from({ length: 100 }, (_, n) => `pipeline-${process.pid}-${n}@example.com`);
  const records = await Promise.all(emails.map((email) =>
    call(transport, 'customer.create', { set: { email }, want: 'record' })));
  assert.deepStrictEqual(records.map((record) => record.email), emails);
});

test('the server may say something of its own', async (t) => {
  const transport = await dial(t);
  transport.notify('customer.delete', [{ id: 1 }]);
  await call(transport, 'ping');
  assert.strictEqual(transport.notifications[0][0], 'error');
  assert.strictEqual(transport.notifications[0][1][0].code, 'MALFORMED');
});
