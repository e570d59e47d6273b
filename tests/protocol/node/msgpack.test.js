'use strict';
// A client in a few lines on @msgpack/msgpack.

const assert = require('node:assert');
const { once } = require('node:events');
const net = require('node:net');
const { test } = require('node:test');
const { encode, decodeMultiStream } = require('@msgpack/msgpack');

const { CUSTOMERD_HOST, CUSTOMERD_PORT, CUSTOMERD_TOKEN } = process.env;

class Client {
  constructor(socket) {
    this.socket = socket;
    this.pending = new Map();
    this.order = [];
    this.msgid = 0;
    this.read();
  }

  async read() {
    try {
      for await (const [type, msgid, error, result] of decodeMultiStream(this.socket)) {
        if (type !== 1) continue;
        const { resolve, reject } = this.pending.get(msgid);
        this.pending.delete(msgid);
        this.order.push(msgid);
        if (error) reject(error);
        else resolve(result);
      }
    } catch (error) {
      if (!this.socket.destroyed) throw error;
    }
  }

  call(method, args, meta) {
    const msgid = this.msgid++;
    this.socket.write(encode([0, msgid, method, [args ?? {}, meta ?? {}]]));
    return new Promise((resolve, reject) => this.pending.set(msgid, { resolve, reject }));
  }
}

async function dial(t) {
  // Without noDelay, Nagle's algorithm keeps the second small request back.
  const socket = net.connect({ host: CUSTOMERD_HOST, port: CUSTOMERD_PORT, noDelay: true });
  await once(socket, 'connect');
  t.after(() => socket.destroy());
  return new Client(socket);
}

test('hello announces what a client must know', async (t) => {
  const hello = await (await dial(t)).call('hello', { proto: 1, token: CUSTOMERD_TOKEN });
  assert.strictEqual(hello.proto, 1);
  assert.ok(hello.features.includes('cancel'));
  assert.ok(hello.limits.frame_bytes_max >= 65536);
  assert.ok(Number.isSafeInteger(hello.identity.store));
});

test('every number that a record holds is exact', async (t) => {
  const client = await dial(t);
  const most = Number.MAX_SAFE_INTEGER;
  const record = await client.call('customer.create', {
    set: { email: `msgpack-${process.pid}@example.com`, total_orders_count: most,
           metadata: { most, least: -most, half: 0.5 } },
    want: 'record',
  }, { token: CUSTOMERD_TOKEN });
  assert.strictEqual(record.total_orders_count, most);
  assert.deepStrictEqual(record.metadata, { most, least: -most, half: 0.5 });
  assert.ok(Object.values(record).every((value) => typeof value !== 'bigint'));
});

test('a quick answer overtakes a slow one', async (t) => {
  const client = await dial(t);
  await client.call('hello', { token: CUSTOMERD_TOKEN });
  client.order.length = 0;
  const slow = client.call('customer.verify_password', { id: 1, password: 'x' });
  const quick = client.call('ping');
  await Promise.all([slow, quick]);
  assert.deepStrictEqual(client.order, [2, 1]);
});

test('a repeated write with its key is done once', async (t) => {
  const client = await dial(t);
  await client.call('hello', { token: CUSTOMERD_TOKEN });
  const create = () => client.call('customer.create', {
    set: { email: `twice-${process.pid}@example.com` },
  }, { idempotency_key: `node-${process.pid}` });
  const [first, second] = [await create(), await create()];
  assert.deepStrictEqual(first, second);
});

test('all field errors come with the refusal', async (t) => {
  const client = await dial(t);
  await assert.rejects(
    client.call('customer.create', { set: { email: 'x', colour: 1 } }, { token: CUSTOMERD_TOKEN }),
    (error) => {
      assert.strictEqual(error.code, 'INVALID');
      assert.deepStrictEqual(error.errors.map(({ path }) => path).sort(), ['set.colour', 'set.email']);
      return true;
    });
});
