'use strict';
// client/node/customerd.js against the real server, and against servers that misbehave.

const assert = require('node:assert');
const { once } = require('node:events');
const net = require('node:net');
const { test } = require('node:test');
const { decodeMulti, encode } = require('@msgpack/msgpack');
const { connect, Refused, Disconnected, Timeout, Unknown } = require('../../../client/node/customerd');

const { CUSTOMERD_ADDRESS, CUSTOMERD_TOKEN, CUSTOMERD_UNIX } = process.env;
const GREETING = { proto: 1, identity: { store: 1 },
  limits: { inflight_max: 128, frame_bytes_max: 1 << 20 } };

let number = 0;
const email = () => `client-${process.pid}-${number++}@example.com`;

async function dial(t, address = CUSTOMERD_ADDRESS, options = {}) {
  const c = await connect(address, { token: CUSTOMERD_TOKEN, ...options });
  t.after(() => c.close());
  return c;
}

// A server that greets, answers ping, and hands all else to ANSWER(socket, message, fake).
async function pretend(t, answer, greeting = GREETING) {
  const fake = { connections: 0, messages: [] };
  const sockets = [];
  const server = net.createServer((socket) => {
    fake.connections += 1;
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', (data) => {
      for (const message of decodeMulti(data)) {
        if (message[2] === 'hello') reply(socket, message, greeting);
        else if (message[2] === 'ping') reply(socket, message, { time: 0 });
        else if (fake.messages.push(message)) answer(socket, message, fake);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    sockets.forEach((socket) => socket.destroy());
  });
  fake.address = `customerd://127.0.0.1:${server.address().port}`;
  return fake;
}

const reply = (socket, [, msgid], result, error = null) => socket.write(encode([1, msgid, error, result]));

test('methods are called by their names', async (t) => {
  const c = await dial(t);
  const { id } = await c.customer.create({ set: { email: email() } });
  assert.strictEqual((await c.customer.update({ id, set: { first_name: 'Ada' } })).revision, 2);
  assert.strictEqual((await c.customer.get({ id })).first_name, 'Ada');
  assert.strictEqual((await c.call('customer.get', { id })).slug.slice(0, 3), 'ada');
  assert.ok((await c.ping()).time > 0);
});

test('an error tells all that the server said', async (t) => {
  const c = await dial(t);
  const { id } = await c.customer.create({ set: { email: email() } });
  await assert.rejects(c.customer.create({ set: { email: 'x.example', colour: 1 } }), (error) => {
    assert.ok(error instanceof Refused);
    assert.deepStrictEqual([error.code, error.retryable, error.name], ['INVALID', false, 'Refused']);
    assert.deepStrictEqual(error.errors.map(({ path }) => path).sort(), ['set.colour', 'set.email']);
    return true;
  });
  await assert.rejects(c.customer.update({ id, if_revision: 9, set: { phone: '1' } }),
    { code: 'REVISION_MISMATCH', revision: 1 });
  await assert.rejects(c.customer.frobnicate(), { code: 'UNKNOWN_METHOD' });
});

test('numbers are exact, and no key of a map is special', async (t) => {
  const c = await dial(t);
  const most = Number.MAX_SAFE_INTEGER;
  const metadata = { ...JSON.parse('{"__proto__": {"a": 1}}'), most, least: -most, half: 0.5 };
  const keyed = await c.customer.create({ set: { email: email(), total_orders_count: most,
    metadata: { most, least: -most } }, want: 'record' });
  assert.deepStrictEqual(keyed.metadata, { most, least: -most });
  const record = await c.customer.create({ set: { email: email(), metadata }, want: 'record' });
  assert.deepStrictEqual(record.metadata, {
    '"__proto__"': { a: 1 }, most, least: -most, half: 0.5 });
});

test('what the protocol has no place for is not sent', async (t) => {
  const c = await dial(t);
  const { conn } = c.greeting;
  await assert.rejects(c.customer.create({ set: { created_at: new Date() } }), TypeError);
  await assert.rejects(c.customer.create({ set: { notes: Buffer.from('x') } }), TypeError);
  await assert.rejects(c.customer.create({ set: { notes: 'x'.repeat(1 << 20) } }), { code: 'TOO_LARGE' });
  await assert.rejects(c.ping({}, { colour: 1 }), TypeError);
  await c.ping();
  assert.strictEqual(c.greeting.conn, conn);
});

test('addresses are tried in order', async (t) => {
  const c = await dial(t, `customerd://127.0.0.1:1,${CUSTOMERD_UNIX}`);
  assert.ok(c.greeting.identity.store);
  for (const address of ['', 'localhost', 'unix:', 'customerd://', 'customerd://a:0', 'customerd://a,']) {
    await assert.rejects(connect(address), TypeError);
  }
  await assert.rejects(connect('customerd://127.0.0.1:1'), { code: 'CONNECT_FAILED', name: 'Disconnected' });
  await assert.rejects(connect(CUSTOMERD_ADDRESS, { token: 'no such token' }), { code: 'UNAUTHENTICATED' });
});

test('options hold for their call', async (t) => {
  const c = await dial(t);
  const args = { set: { email: email() } };
  await c.customer.create(args, { dryRun: true });
  await assert.rejects(c.customer.find({ email: args.set.email }), { code: 'NOT_FOUND' });
  const [one, two] = await Promise.all([1, 2].map(() =>
    c.customer.create(args, { idempotencyKey: args.set.email })));
  assert.deepStrictEqual(one, two);
  await assert.rejects(c.customer.get({ id: 1 }, { token: 'no such token' }), { code: 'UNAUTHENTICATED' });
});

test('any number of calls may be under way', async (t) => {
  const c = await dial(t);
  const emails = Array.from({ length: 1000 }, email);
  const records = await Promise.all(emails.map((one) =>
    c.customer.create({ set: { email: one }, want: 'record' })));
  assert.deepStrictEqual(records.map((record) => record.email), emails);
});

test('answers may come in any order, and unasked-for ones are ignored', async (t) => {
  const held = [];
  const fake = await pretend(t, (socket, message) => {
    if (held.push(message) < 3) return;
    socket.write(encode([1, 4000000, null, '?']));
    socket.write(encode([2, 'novelty', [1]]));
    held.reverse().forEach((one) => reply(socket, one, one[3][0].n));
  });
  const c = await dial(t, fake.address);
  assert.deepStrictEqual(await Promise.all([0, 1, 2].map((n) => c.customer.get({ n }))), [0, 1, 2]);
  assert.strictEqual(fake.connections, 1);
});

test('an answer may come in pieces', async (t) => {
  const fake = await pretend(t, async (socket, [, msgid]) => {
    for (const byte of encode([1, msgid, null, { text: 'x'.repeat(300), list: [1, 2.5, -70000] }])) {
      socket.write(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
  });
  const c = await dial(t, fake.address);
  assert.deepStrictEqual(await c.customer.get(), { text: 'x'.repeat(300), list: [1, 2.5, -70000] });
});

test('a timeout costs no connection and the late answer is ignored', async (t) => {
  const late = [];
  const fake = await pretend(t, (socket, message) => {
    if (message[0] === 2) {
      assert.deepStrictEqual(message, [2, 'cancel', [late[0][1]]]);
      reply(socket, late[0], 'late');
    } else if (late.length === 0) late.push(message);
    else reply(socket, message, 'in time');
  });
  const c = await dial(t, fake.address);
  await assert.rejects(c.customer.get({}, { timeout: 50 }), (error) => error instanceof Timeout
    && error.code === 'TIMEOUT' && error.retryable);
  assert.strictEqual(await c.customer.get(), 'in time');
  assert.strictEqual(fake.connections, 1);
});

test('a write that times out may have happened', async (t) => {
  const c = await dial(t, (await pretend(t, () => {})).address);
  await assert.rejects(c.customer.delete({}, { timeout: 5 }), (error) => error instanceof Unknown
    && error.code === 'TIMEOUT' && !error.retryable);
  await assert.rejects(c.customer.delete({}, { timeout: 5, idempotencyKey: 'k' }),
    { name: 'Unknown', retryable: true, idempotencyKey: 'k' });
});

test('an answer that came in time is taken however late the client looks', async (t) => {
  let [sent, wasInTime, answer] = [0, false];
  const fake = await pretend(t, (socket, message) => {
    if (message[0] !== 0) return;
    wasInTime = performance.now() - sent < 300;
    reply(socket, message, 'in time');
    // This process does nothing until long after that.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  });
  const c = await dial(t, fake.address);
  while (!wasInTime) {
    sent = performance.now();
    answer = await c.customer.get({}, { timeout: 300 }).catch((error) => error);
  }
  assert.strictEqual(answer, 'in time');
});

test('a timeout does not go by the wall clock', async (t) => {
  const c = await dial(t, (await pretend(t, () => {})).address);
  const call = c.customer.get({}, { timeout: 20 });
  const wall = Date.now;
  t.after(() => { Date.now = wall; });
  Date.now = () => wall() - 3600e3;
  await assert.rejects(call, { code: 'TIMEOUT' });
});

test('only what does no harm is repeated', async (t) => {
  for (const call of [(c) => c.customer.get(), (c) => c.customer.delete({}, { dryRun: true }),
    (c) => c.customer.delete({}, { idempotencyKey: true })]) {
    const fake = await pretend(t, (socket, message, { connections }) => (
      connections === 1 ? socket.destroy() : reply(socket, message, connections)));
    assert.strictEqual(await call(await dial(t, fake.address)), 2);
    assert.strictEqual(fake.messages[0][3][1].idempotency_key, fake.messages[1][3][1].idempotency_key);
  }
  for (const call of [(c) => c.customer.delete(), (c) => c.some.novelty()]) {
    const fake = await pretend(t, (socket) => socket.destroy());
    await assert.rejects(call(await dial(t, fake.address)),
      { name: 'Unknown', code: 'CONNECTION_LOST', retryable: false });
    assert.strictEqual(fake.messages.length, 1);
  }
});

test('repeats are counted and end', async (t) => {
  const fake = await pretend(t, (socket) => socket.destroy());
  const c = await dial(t, fake.address, { retries: 3 });
  await assert.rejects(c.customer.get(), (error) => error instanceof Disconnected);
  assert.strictEqual(fake.messages.length, 4);
});

test('what is said of a repeat does not settle the first attempt', async (t) => {
  for (const [code, retryable, name] of [['BUSY', true, 'Unknown'], ['FORBIDDEN', false, 'Unknown'],
    ['INVALID', false, 'Refused'], ['ODD', false, 'Unknown']]) {
    const fake = await pretend(t, (socket, message, { connections }) => (connections === 1
      ? socket.destroy() : reply(socket, message, null, { code, message: '?', retryable })));
    const c = await dial(t, fake.address);
    await assert.rejects(c.customer.delete({}, { idempotencyKey: true }), { code, name });
  }
});

test('nonsense ends the connection and nothing else', async (t) => {
  for (const bytes of ['HTTP/1.1 400 Bad Request\r\n\r\n', [0xc1], [0x94, 1, 0, 0xc0, 0xdd, 255, 255, 255, 255],
    [0x94, 1, 0, 0xc0, 0xdb, 0x7f, 255, 255, 255], Buffer.alloc(5000).fill(Buffer.from([0xdc, 255, 255])),
    [0x94, 1, 0, 0xc0, 0xd6, 255, 0, 0, 0, 0], encode([0, 1, 'ping', []]), encode([1, 2, {}, null]), encode([1, 2, 'no', null]),
    encode([1, 2, { code: 'INVALID', errors: [null] }, null]),
    encode([1, 2, null, null, null]), encode([2, 'change', []]), encode([]), encode(null),
    encode([2, 'change', [{ items: [{}], next: 1 }]]), encode({ 1: 2 })]) {
    const fake = await pretend(t, (socket, message, { connections }) => {
      if (connections === 1) socket.write(Buffer.from(bytes));
      else reply(socket, message, 'fine');
    });
    const c = await dial(t, fake.address);
    assert.strictEqual(await c.customer.get(), 'fine');
    assert.strictEqual(fake.connections, 2);
  }
});

test('who greets like nobody is no server', async (t) => {
  for (const greeting of [null, [], {}, { limits: null }]) {
    const fake = await pretend(t, () => {}, greeting);
    await assert.rejects(connect(fake.address), (error) => error instanceof Disconnected);
  }
});

test('after close nothing is called', async (t) => {
  const c = await dial(t);
  const call = c.customer.list();
  c.close();
  await assert.rejects(call, (error) => error instanceof Disconnected);
  await assert.rejects(c.ping(), { code: 'CLOSED' });
});

test('the feed brings each change once, from any place', async (t) => {
  const c = await dial(t);
  const { id } = await c.customer.create({ set: { email: email() } });
  const { last } = await c.change.read({ limit: 1 });
  await Promise.all(Array.from({ length: 1500 }, (_, n) => c.customer.update({ id, set: { phone: `${n}` } })));
  const seen = [];
  const feed = c.changes({ after: last });
  for await (const { seq } of feed) {
    assert.strictEqual(feed.position, seq);
    if (seen.push(seq) === 1500) break;
  }
  assert.deepStrictEqual(seen, Array.from({ length: 1500 }, (_, n) => last + n + 1));
  for await (const change of c.changes({ after: last + 1500, idle: 100 })) assert.fail(change);
  await assert.rejects(c.changes({ after: 1e9 }).next(), { code: 'CHANGES_GONE' });
});

test('an operator names the store of a feed', async (t) => {
  const c = await dial(t);
  const { store } = c.greeting.identity;
  const { id } = await c.customer.create({ set: { email: email() } });
  const { last } = await c.change.read({ limit: 1 });
  const operator = await connect(CUSTOMERD_UNIX);
  t.after(() => operator.close());
  for await (const change of operator.changes({ after: last - 1, store })) {
    assert.strictEqual(change.id, id);
    break;
  }
});

test('more changes than asked for end the connection', async (t) => {
  const fake = await pretend(t, (socket, message, { connections }) => {
    reply(socket, message, { subscription: 1, next: 0, last: 9 });
    const items = Array.from({ length: connections > 2 ? 1 : 5000 }, (_, n) => ({ seq: n + 1 }));
    socket.write(encode([2, 'change', [{ subscription: 1, items, next: 1, last: 9 }]]));
  });
  const feed = (await dial(t, fake.address)).changes({ after: 0 });
  assert.strictEqual((await feed.next()).value.seq, 1);
  assert.strictEqual(fake.connections, 3);
  await feed.return();
});
