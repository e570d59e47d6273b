// map.js PORT -- what one would write in an afternoon: records in a Map, lost when it ends.
// POST /fill takes an array of [uid, record]; GET and PATCH /customers/UID.
const http = require('http');

const records = new Map();

function send(response, status, value) {
  const body = JSON.stringify(value);
  response.writeHead(status, { 'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}

function fill(pairs) {
  for (const [uid, record] of pairs) records.set(uid, record);
  return { count: records.size };
}

http.createServer({ keepAliveTimeout: 60000 }, (request, response) => {
  const record = records.get(request.url.slice('/customers/'.length));
  let body = '';
  if (request.url !== '/fill' && !record) return send(response, 404, { error: 'not found' });
  if (request.method === 'GET') return send(response, 200, record);
  request.on('data', (part) => { body += part; });
  request.on('end', () => {
    let value;
    try { value = JSON.parse(body); } catch (error) { return send(response, 400, {}); }
    send(response, 200, record ? Object.assign(record, value) : fill(value));
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
