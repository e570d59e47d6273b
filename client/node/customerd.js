'use strict';
/**
 * A client for customerd in one file, over @msgpack/msgpack.
 *
 *     const { connect } = require('./customerd');   // or: import { connect } from …
 *
 *     const c = await connect('customerd://127.0.0.1:7410', { token: 'access_token' });
 *     await c.customer.update({ id: 12345, set: { first_name: 'Ada' } });
 *     console.log((await c.customer.get({ id: 12345 })).first_name);
 *     c.close();
 *
 * Every method of proto/PROTOCOL.md is called by its name, noun.verb, with its arguments
 * and, if need be, options:
 *
 *     await c.customer.create({ set: { email: 'a@b.example' } },
 *       { timeout: 200, idempotencyKey: true });
 *
 * Any number of calls may be under way.  The change feed comes on a connection of its own;
 * a place in it survives every crash:
 *
 *     for await (const change of c.changes({ after: seq })) {
 *       …   // keep change.seq in the same transaction as what you make of it
 *     }
 *
 * An address is customerd://HOST:PORT, customerds://HOST:PORT for TLS or unix:/PATH; several,
 * separated by commas, are tried in order.  A connection that breaks is made again, with growing pauses.  Calls that
 * were never sent, reads, dry runs and calls under an idempotency key are then repeated;
 * any other write is rejected with Unknown.  A timeout costs no connection: an answer that
 * comes late is ignored.  Integers are numbers, exact within 2^53 - 1 as the protocol has it.
 *
 * CommonJS, because in Node 18 and 20 both require() and import take it.
 */

const { randomUUID } = require('node:crypto');
const net = require('node:net');
const tls = require('node:tls');
const { Decoder, Encoder } = require('@msgpack/msgpack');

const ADDRESS_DEFAULT = 'customerd://127.0.0.1:7410';
const [PORT_DEFAULT, PORT_TLS_DEFAULT] = [7410, 7411];
const TIMEOUT_MS = 30000;
const CONNECT_TIMEOUT_MS = 5000;
const RETRIES = 2; // repeats of one call
const [PAUSE_MS_FIRST, PAUSE_MS_MAX] = [50, 5000];
const GRACE_MS = 50; // the server's own DEADLINE is the better answer: wait for it
const ANSWER_BYTES_MAX = 16 << 20;
const VALUES_MAX = 1 << 20; // in one answer
const INFLIGHT_MAX = 128; // until the server announces its own
const FRAME_BYTES_MAX = 64 << 10; // the same, and for who has no token in hello
const [TIMEOUT_MS_MAX, TIMER_MS_MAX] = [3600000, 0x7fffffff];
const CREDIT = 512; // changes that may be under way

// Verbs that change nothing, so that they may be repeated.  Any other counts as a write.
const READS = new Set(['hello', 'ping', 'status', 'get', 'find', 'list', 'read', 'history',
  'verify_password', 'subscribe']);

const CODES = new Set(`MALFORMED UNKNOWN_METHOD INVALID UNAUTHENTICATED FORBIDDEN NOT_FOUND
  REVISION_MISMATCH REVISION_REQUIRED LOCKED CHANGES_GONE IDEMPOTENCY_MISMATCH TOO_LARGE BUSY
  DEADLINE CANCELLED SHUTTING_DOWN STORAGE_FULL STORAGE_FAILED DAMAGED NO_MEMORY`.split(/\s+/));

/**
 * What became of a call.
 * @property {string} code
 * @property {boolean} retryable a repeat does no harm and may well succeed
 * @property {{path: string, code: string, message: string}[]} errors of single fields
 * @property {number} [revision] with REVISION_MISMATCH: the record's
 * @property {string} [idempotencyKey] under which the call may be repeated
 * @property {object} map all that was said
 */
class CustomerdError extends Error {
  constructor(map) {
    const errors = [...(map.errors ?? [])];
    super([`${map.code}: ${map.message}`,
      ...errors.map(({ path, message }) => `${path} ${message}`)].join('; '));
    Object.assign(this, { name: new.target.name, code: map.code, errors, map,
      retryable: map.retryable === true, revision: map.revision });
  }
}

/** The server said no; nothing was changed. */
class Refused extends CustomerdError {}

/** There is no connection: CONNECT_FAILED, CONNECTION_LOST.  Nothing was changed. */
class Disconnected extends CustomerdError {}

/** TIMEOUT: no answer came in time.  Nothing was changed. */
class Timeout extends CustomerdError {}

/** A write was sent and its answer did not come, or says UNKNOWN: it may have happened. */
class Unknown extends CustomerdError {}

/** [{host, port, isTls} or {path}] of an address string. */
function parse(addresses) {
  return addresses.split(',').map((text) => {
    const [, path] = /^unix:(.+)$/.exec(text) ?? [];
    if (path) return { path };
    const [, s, six, host, given] =
      /^customerd(s?):\/\/(?:\[([^\]/]+)\]|([^:/[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
    const isTls = s === 's';
    const port = Number(given ?? (isTls ? PORT_TLS_DEFAULT : PORT_DEFAULT));
    if ((!six && !host) || port < 1 || port > 65535) {
      throw new TypeError('an address is customerd://HOST:PORT, customerds://HOST:PORT or '
        + `unix:PATH, not ${text}`);
    }
    return { host: six ?? host, port, isTls, noDelay: true,
      keepAlive: true, keepAliveInitialDelay: 30000 };
  });
}

/** c.noun.verb(args, options), whatever the noun and the verb. */
function method(client, name) {
  return new Proxy(() => {}, {
    apply: (_, self, [args, options]) => client.call(name, args, options),
    get: (_, verb) => (typeof verb === 'string' && verb !== 'then'
      ? method(client, `${name}.${verb}`) : undefined),
  });
}

/** Only what the protocol has: no ext, no bin. */
const extensionCodec = {
  tryToEncode(value) {
    if (value instanceof Date) throw new TypeError('a time is an integer: date.getTime()');
    if (ArrayBuffer.isView(value)) throw new TypeError('bytes are no value of the protocol');
    return null;
  },
  decode() {
    throw new TypeError('an ext');
  },
};

const encoder = new Encoder({ extensionCodec, ignoreUndefined: true });
const encode = (value) => encoder.encode(value);

// The decoder gives up at a key "__proto__", which the metadata of any customer may have.
const decoder = new Decoder({ extensionCodec, keyDecoder: {
  canBeCached: (length) => length === 9,
  decode: (bytes, at) => Buffer.from(bytes.buffer, bytes.byteOffset + at, 9).toString()
    .replace(/^__proto__$/, '"__proto__"'),
} });

// How many bytes follow the first one of a number, nil or boolean.
const TAIL_BYTES = { 0xc0: 0, 0xc2: 0, 0xc3: 0, 0xca: 4, 0xcb: 8, 0xcc: 1, 0xcd: 2, 0xce: 4,
  0xcf: 8, 0xd0: 1, 0xd1: 2, 0xd2: 4, 0xd3: 8 };

/** [bytes, values within] of what begins at AT; bytes is NaN when its length is not there yet. */
function measure(data, at) {
  const first = data[at];
  const number = (size) => (at + size < data.length ? data.readUIntBE(at + 1, size) : NaN);
  if (first < 0x80 || first >= 0xe0) return [1, 0];
  if (first < 0x90) return [1, 2 * (first & 15)];
  if (first < 0xa0) return [1, first & 15];
  if (first < 0xc0) return [1 + (first & 31), 0];
  if (first in TAIL_BYTES) return [1 + TAIL_BYTES[first], 0];
  const size = [1, 2, 4, 2, 4, 2, 4][first - 0xd9];
  const count = number(size);
  if (first >= 0xd9 && first <= 0xdb) return [1 + size + count, 0];
  if (first >= 0xdc) return [1 + size + 0 * count, count * (first >= 0xde ? 2 : 1)];
  throw new TypeError(`the byte ${first.toString(16)}`);
}

/** Cuts a stream into messages, and refuses those that would cost too much to decode. */
class Cutter {
  constructor() {
    this.data = Buffer.alloc(0);
    this.begin();
  }

  begin() {
    [this.at, this.missing, this.values] = [0, 1, 0];
  }

  * messages(data) {
    this.data = Buffer.concat([this.data, data]);
    while (this.at < this.data.length) {
      const [bytes, within] = measure(this.data, this.at);
      if (Number.isNaN(bytes)) return;
      this.values += within;
      if (this.at + bytes > ANSWER_BYTES_MAX || this.values > VALUES_MAX) {
        throw new RangeError('an answer too large');
      }
      if (this.at + bytes > this.data.length) {
        this.values -= within;
        return;
      }
      this.at += bytes;
      this.missing += within - 1;
      if (this.missing === 0) {
        const message = decoder.decode(this.data.subarray(0, this.at));
        this.data = this.data.subarray(this.at);
        this.begin();
        yield message;
      }
    }
  }
}

const positive = (value, otherwise) => (Number.isInteger(value) && value > 0 ? value : otherwise);

/** One call, until it is settled. */
class Call {
  constructor(client, name, args, { timeout = client._timeout, idempotencyKey, dryRun, token,
    traceparent, ...others }) {
    const [unknown] = Object.keys(others);
    if (unknown) throw new TypeError(`no such option: ${unknown}`);
    this.key = idempotencyKey === true ? randomUUID() : idempotencyKey ?? undefined;
    [this.isHello, this.method] = [name === 'hello', encode(name)];
    this.args = encode(args ?? {});
    this.meta = Object.fromEntries(Object.entries({
      idempotency_key: this.key, dry_run: dryRun, token, traceparent,
    }).filter(([, value]) => value !== undefined));
    this.due = timeout === null ? Infinity : performance.now() + timeout;
    this.retries = client._retries;
    this.changes = !(READS.has(name.slice(name.lastIndexOf('.') + 1)) || dryRun);
    this.inDoubt = false; // it may have happened on a connection that was lost
    this.promise = new Promise((resolve, reject) => Object.assign(this, { resolve, reject }));
    this.promise.catch(() => {}); // calls of our own that nobody waits for
  }

  packed(msgid) {
    const left = Math.max(Math.floor(this.due - performance.now()), 1);
    if (left < Infinity) this.meta.timeout_ms = Math.min(left, TIMEOUT_MS_MAX);
    return Buffer.concat([Buffer.from([0x94, 0]), encode(msgid), this.method,
      Buffer.from([0x92]), this.args, encode(this.meta)]);
  }

  get repeatable() {
    return !this.inDoubt || this.key !== undefined;
  }

  /** The server's answer, or error map. */
  answer(result, map) {
    if (map === null) {
      this.settle(null, result);
      return;
    }
    if (typeof map.code !== 'string') throw new TypeError('an error without a code');
    // Of an earlier attempt these say nothing.
    const nowOnly = map.retryable || ['UNAUTHENTICATED', 'FORBIDDEN'].includes(map.code);
    const Kind = CODES.has(map.code) && !(this.inDoubt && nowOnly) ? Refused : Unknown;
    this.settle(new Kind(map));
  }

  /** No answer will come. */
  fail(Kind, code, message) {
    this.settle(new (this.inDoubt ? Unknown : Kind)(
      { code, message, retryable: this.repeatable && code !== 'CLOSED' }));
  }

  settle(error, result) {
    clearTimeout(this.timer);
    if (error === null) this.resolve(result);
    else this.reject(Object.assign(error, { idempotencyKey: this.key }));
  }
}

/** A connection, made again when it breaks; see connect(). */
class Client {
  constructor(address, options) {
    const { token, timeout = TIMEOUT_MS, connectTimeout = CONNECT_TIMEOUT_MS, retries = RETRIES,
      name = 'customerd.js', tls: ofTls = {} } = options;
    this._settings = [address, options];
    [this._addresses, this._tls] = [parse(address), ofTls];
    this._hello = { proto: 1, client: { name }, token };
    [this._timeout, this._connectTimeout, this._retries] = [timeout, connectTimeout, retries];
    /** What the server has answered to hello. */
    this.greeting = {};
    [this._inflightMax, this._frameBytesMax] = [INFLIGHT_MAX, FRAME_BYTES_MAX];
    this._queue = new Set(); // calls that wait to be sent
    this._sent = new Map(); // by msgid: calls that wait for their answers
    this._inbox = []; // notifications of a subscription
    [this._inboxCount, this._onNews] = [0, () => {}];
    [this._msgid, this._failures, this._generation] = [0, 0, 0];
    [this._socket, this._isReady, this._isConnecting, this._isClosed] = [null, false, false, false];
    this._lastWords = '';
    return new Proxy(this, {
      get: (target, name, self) => (name in target || typeof name !== 'string' || name === 'then'
        || name.startsWith('_') ? Reflect.get(target, name, self) : method(target, name)),
    });
  }

  /**
   * @param {string} name of the method: "customer.update"
   * @param {object} [args]
   * @param {object} [options]
   * @param {number|null} [options.timeout] milliseconds, repeats included; null: no limit
   * @param {string|true} [options.idempotencyKey] true: a new one
   * @param {boolean} [options.dryRun] check everything, change nothing
   * @param {string} [options.token] asks in place of the connection's
   * @param {string} [options.traceparent] a W3C trace context
   * @returns {Promise<any>} what the server answers; rejected with a CustomerdError
   */
  async call(name, args = {}, options = {}) {
    const call = new Call(this, name, args, options);
    if (this._isClosed) {
      call.fail(Disconnected, 'CLOSED', 'the client was closed');
    } else if (call.packed(0xffffffff).length > this._frameBytesMax) {
      call.answer(null, { code: 'TOO_LARGE', message: 'the server takes no request so large' });
    } else {
      this._watch(call);
      this._queue.add(call);
      this._flush();
    }
    return call.promise;
  }

  /**
   * The changes behind number AFTER, for ever: those that there are, then new ones as they
   * are made.  KIND and ID filter; operators name the STORE.  With IDLE it ends when none came
   * for so many milliseconds.
   */
  changes({ after, idle, kind, id, store } = {}) {
    return new Changes(new Client(...this._settings), after, idle, { kind, id, store });
  }

  /** Close the connection; what waits for an answer ends now. */
  close() {
    this._isClosed = true;
    this._lost('the client was closed');
    this._failQueue(() => true, (call) => call.fail(Disconnected, 'CLOSED', 'the client was closed'));
  }

  // ---- what becomes of a call ----

  _watch(call) {
    if (call.due === Infinity) return;
    const left = call.due + GRACE_MS - performance.now();
    call.timer = setTimeout(() => {
      if (call.due + GRACE_MS > performance.now()) this._watch(call);
      // After a pause of the whole process the answer may be there, and is read before that.
      else call.timer = setTimeout(() => this._expire(call), 1);
    }, Math.min(Math.max(left, 1), TIMER_MS_MAX));
  }

  _expire(call) {
    if (this._sent.get(call.msgid) === call) {
      this._sent.delete(call.msgid);
      call.inDoubt ||= call.changes;
      this._socket.write(encode([2, 'cancel', [call.msgid]]));
    } else {
      this._queue.delete(call);
    }
    call.fail(Timeout, 'TIMEOUT', 'no answer came in time');
    if (this._isReady) this._flush();
  }

  _flush() {
    if (!this._isReady) {
      if (!this._isConnecting) this._connect();
      return;
    }
    for (const call of this._queue) {
      if (this._sent.size >= this._inflightMax) break;
      this._queue.delete(call);
      this._post(call);
    }
  }

  _post(call) {
    do {
      call.msgid = this._msgid;
      this._msgid = (this._msgid + 1) >>> 0;
    } while (this._sent.has(call.msgid));
    this._sent.set(call.msgid, call);
    if (this._socket.writableCorked === 0) {
      const socket = this._socket;
      socket.cork();
      process.nextTick(() => socket.uncork());
    }
    this._socket.write(call.packed(call.msgid));
  }

  /** The connection is gone: each call is repeated, or fails. */
  _lost(why) {
    if (this._socket === null) return;
    this._socket.destroy();
    const [sent, reason] = [this._sent, why + this._lastWords];
    if (this._isReady) this._backOff();
    [this._socket, this._isReady, this._sent, this._lastWords] = [null, false, new Map(), ''];
    [this._inbox, this._inboxCount] = [[], 0];
    this._generation += 1;
    const again = [];
    for (const call of sent.values()) {
      call.inDoubt ||= call.changes;
      if (call.repeatable && call.retries > 0 && !this._isClosed) {
        call.retries -= 1;
        again.push(call);
      } else {
        call.fail(Disconnected, 'CONNECTION_LOST', reason);
      }
    }
    this._queue = new Set([...again, ...this._queue]);
    this._onNews();
    if (this._queue.size > 0) this._flush();
  }

  _failQueue(isOver, end) {
    for (const call of [...this._queue].filter(isOver)) {
      this._queue.delete(call);
      end(call);
    }
  }

  // ---- the connection ----

  /** A new attempt is made at once, later ones after growing, random pauses. */
  _backOff() {
    const pause = Math.min(PAUSE_MS_MAX, (PAUSE_MS_FIRST / 2) * 2 ** Math.min(this._failures, 20));
    this._pause = this._failures > 0 ? pause * (0.5 + Math.random() / 2) : 0;
    this._failures += 1;
  }

  /** Try until there is a connection or nothing to do with one. */
  async _connect() {
    this._isConnecting = true;
    while (!this._isReady && this._queue.size > 0) {
      if (this._failures > 0) await new Promise((resolve) => setTimeout(resolve, this._pause));
      const error = await this._connectOnce();
      if (error instanceof Refused && !error.retryable) {
        this._failQueue(() => true, (call) => call.answer(null, error.map));
      } else if (error) {
        this._failQueue((call) => (call.retries -= 1) < 0,
          (call) => call.fail(Disconnected, 'CONNECT_FAILED', error.message));
      }
    }
    this._isConnecting = false;
    if (this._isReady) this._flush();
  }

  async _connectOnce() {
    let error;
    for (const where of this._addresses) {
      if (this._isClosed) return error;
      try {
        await this._dial(where);
        await this._greet();
        return null;
      } catch (cause) {
        error = cause;
        this._lost(cause.message);
        if (error instanceof Refused && !error.retryable) break;
      }
    }
    this._backOff();
    return error;
  }

  _dial(where) {
    return new Promise((resolve, reject) => {
      const name = net.isIP(where.host ?? '') ? {} : { servername: where.host };
      const socket = where.isTls
        ? tls.connect({ ...where, ...name, minVersion: 'TLSv1.2', ...this._tls })
        : net.connect(where);
      this._socket = socket;
      const timer = setTimeout(() => socket.destroy(new Error('no connection in time')),
        this._connectTimeout);
      socket.on('error', (error) => reject(new Error(
        `cannot connect to ${where.path ?? `${where.host}:${where.port}`}: ${error.message}`)));
      socket.once('close', () => {
        clearTimeout(timer);
        reject(new Error('the connection was closed'));
        if (this._socket === socket) this._lost('the server closed the connection');
      });
      socket.once(where.isTls ? 'secureConnect' : 'connect', () => {
        clearTimeout(timer);
        const cutter = new Cutter();
        socket.on('data', (data) => this._socket === socket && this._receive(cutter, data));
        resolve();
      });
    });
  }

  async _greet() {
    const hello = new Call(this, 'hello', this._hello, { timeout: this._connectTimeout });
    hello.retries = 0;
    this._watch(hello);
    this._post(hello);
    const greeting = await hello.promise;
    if (!greeting?.limits) throw new Error('this is no customerd');
    this.greeting = greeting;
    this._inflightMax = positive(greeting.limits.inflight_max, INFLIGHT_MAX);
    this._frameBytesMax = greeting.identity
      ? positive(greeting.limits.frame_bytes_max, FRAME_BYTES_MAX) : FRAME_BYTES_MAX;
    this._isReady = this._socket !== null;
  }

  _receive(cutter, data) {
    const socket = this._socket;
    try {
      for (const message of cutter.messages(data)) {
        this._take(message);
        if (this._socket !== socket) return;
      }
    } catch (error) {
      this._lost(`the server sent what makes no sense: ${error.message}`);
    }
  }

  /** Sort in one message, or throw. */
  _take(message) {
    if (message[0] === 1 && message.length === 4) {
      const [, msgid, error, result] = message;
      const call = this._sent.get(msgid);
      if (call === undefined) return; // too late
      call.answer(result, error);
      this._sent.delete(msgid);
      if (!call.isHello) this._failures = 0;
      if (this._isReady) this._flush();
      return;
    }
    const [kind, name, [body]] = message;
    if (kind !== 2) throw new Error('neither response nor notification');
    if (name === 'error' && body.subscription === undefined) {
      this._lastWords = ` (${body.code}: ${body.message})`;
    } else if (name === 'error' || name === 'change') {
      if (name === 'change' && !body.items.every(({ seq }) => Number.isSafeInteger(seq))) {
        throw new Error('a change without a number');
      }
      this._inbox.push(name === 'error' ? new Refused(body) : body);
      this._inboxCount += 1 + (body.items?.length ?? 0);
      if (this._inboxCount > 3 * CREDIT) throw new Error('more changes than asked for');
      this._onNews();
    }
  }

  /** Something came, or the connection went: true.  Nothing for IDLE milliseconds: false. */
  async _news(idle) {
    let timer;
    const isNews = await new Promise((resolve) => {
      this._onNews = () => resolve(true);
      if (idle !== undefined) timer = setTimeout(resolve, idle, false);
    });
    clearTimeout(timer);
    return isNews;
  }
}

/**
 * An asynchronous iterator over the change feed; see Client.changes().  `position` is where to
 * go on from, when all changes that it gave were dealt with.  A lost connection is made again
 * for as long as it takes, except with IDLE.
 */
class Changes {
  constructor(client, after, idle, filters) {
    [this._client, this._idle] = [client, idle];
    this._args = { ...filters, credit: CREDIT };
    this._generation = -1; // of the connection that the subscription is on
    [this._items, this._next, this._taken] = [[], after, 0];
    this.position = after;
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  async next() {
    const client = this._client;
    while (this._items.length === 0) {
      if (client._isClosed) return { done: true, value: undefined };
      if (this._generation !== client._generation) {
        await this._subscribe();
      } else if (client._inbox.length > 0) {
        this._take(client._inbox.shift());
      } else if (!await client._news(this._idle)) {
        return this.return();
      }
    }
    const value = this._items.shift();
    this.position = this._items.length > 0 ? value.seq : this._next;
    this._taken += 1;
    if (this._taken === CREDIT / 2) {
      this._taken = 0;
      client.call('change.credit', { subscription: this._number, credit: CREDIT / 2 })
        .catch(() => {}); // then the connection is lost, or the subscription
    }
    return { done: false, value };
  }

  async return() {
    this.close();
    return { done: true, value: undefined };
  }

  close() {
    this._client.close();
  }

  _take(body) {
    if (body instanceof Refused) {
      this.close();
      throw body;
    }
    this._client._inboxCount = 0;
    this._items = body.items;
    this._next = body.next;
    if (this._items.length === 0) this.position = this._next;
  }

  async _subscribe() {
    const client = this._client;
    try {
      const answer = await client.call('change.subscribe', { ...this._args, after: this.position });
      [this._number, this.position] = [answer.subscription, answer.next];
      this._taken = 0;
      // It may have been lost right behind the answer.
      if (client._isReady) this._generation = client._generation;
    } catch (error) {
      if (client._isClosed) return;
      if (this._idle !== undefined || !error.retryable) {
        this.close();
        throw error;
      }
      client._lost('there is no subscription');
    }
  }
}

/**
 * Connect and say hello.
 * @param {string} [address]
 * @param {object} [options]
 * @param {string} [options.token] none: as an operator on the unix socket
 * @param {number|null} [options.timeout] milliseconds for each call, unless it says; 30000
 * @param {number} [options.connectTimeout] milliseconds for each address; 5000
 * @param {number} [options.retries] repeats of one call; 2
 * @param {string} [options.name] in the server's log
 * @param {object} [options.tls] of tls.connect(), for customerds://: ca, cert, key, …
 * @returns {Promise<Client>} rejected with Disconnected, or Refused for a bad token
 */
async function connect(address = ADDRESS_DEFAULT, options = {}) {
  const client = new Client(address, options);
  try {
    await client.call('ping');
  } catch (error) {
    client.close();
    throw error;
  }
  return client;
}

module.exports = { connect, Client, Changes, CustomerdError, Refused, Disconnected, Timeout, Unknown };
