'use strict';
// Who runs this kills the server and starts it again whenever it is asked to.

const assert = require('node:assert');
const { writeSync } = require('node:fs');
const { test } = require('node:test');
const { connect } = require('../../../client/node/customerd');

const { CUSTOMERD_ADDRESS, CUSTOMERD_TOKEN } = process.env;
const [ROUNDS, CALLS] = [4, 300];

test('each write is done once, and the feed brings each once', async () => {
  const c = await connect(CUSTOMERD_ADDRESS, { token: CUSTOMERD_TOKEN, retries: 1000, timeout: null });
  const seen = [];
  const follower = (async () => {
    for await (const change of c.changes({ after: 0 })) {
      seen.push(change.seq);
      if (seen.length === ROUNDS * CALLS) break;
    }
  })();
  for (let round = 0; round < ROUNDS; round++) {
    const calls = Array.from({ length: CALLS }, (_, n) => c.customer.create(
      { set: { email: `killed-${round}-${n}@example.com` } }, { idempotencyKey: true }));
    await calls[10];
    writeSync(1, 'please kill the server\n');
    for (const { revision } of await Promise.all(calls)) assert.strictEqual(revision, 1);
  }
  assert.strictEqual((await c.customer.list({ limit: 1 })).total, ROUNDS * CALLS);
  await follower;
  assert.deepStrictEqual(seen, Array.from({ length: ROUNDS * CALLS }, (_, n) => n + 1));
  c.close();
});
