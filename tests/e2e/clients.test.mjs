// clients.test.mjs - clients that mean no good, or cannot do better: others do not notice.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { ofKind } from './lib/journal.mjs';
import { Pawl, run, WAIT } from './lib/pawl.mjs';
import { rawRequest } from './lib/raw.mjs';
import { Reader } from './lib/sse.mjs';
import { until } from './lib/wait.mjs';

const CONFIG = {
    models: {
        script: { provider: 'scripted', replies: [{ text: 'done' }] },
        slow: { provider: 'scripted', replies: [{ calls: [{ tool: 'wait' }] }, { text: 'done' }] },
    },
    tools: { wait: { description: 'x', exec: { command: ['./wait'] } } },
    agents: {
        hello: { model: 'script', instructions: 'x' },
        slow: { model: 'slow', instructions: 'x', tools: ['wait'] },
    },
    limits: { request: '64KiB' },
};
const BODY = JSON.stringify({ agent: 'hello', input: 'hi' });

async function setUp(t, within = []) {
    const pawl = await Pawl.make(t, CONFIG, {
        wait: WAIT,
    });

    pawl.within = within;
    return pawl.start();
}

// A connection that is there until the test ends, or the server closes it.
function open(t, pawl, text = '') {
    const socket = connect(pawl.port, '127.0.0.1');

    socket.heard = '';
    socket.isClosed = false;
    socket.on('error', () => {});
    socket.on('data', (data) => (socket.heard += data));
    socket.on('close', () => (socket.isClosed = true));
    socket.write(text);
    t.after(() => socket.destroy());
    return socket;
}

test('a head that two readers could read differently is refused, and nothing after it read',
     async (t) => {
    const pawl = await setUp(t);
    const host = `Host: localhost:${pawl.port}`;
    const post = (...lines) => ['POST /v1/sessions HTTP/1.1', host,
        'Content-Type: application/json', ...lines, '', BODY].join('\r\n');
    const length = `Content-Length: ${BODY.length}`;
    const smuggled = `GET /livez HTTP/1.1\r\n${host}\r\n\r\n`;
    const bad = {
        'two lengths': post(length, 'Content-Length: 1'),
        'a length and chunks': post(length, 'Transfer-Encoding: chunked'),
        'a folded line': post(length, 'X-A: one', ' two'),
        'a length in a folded line': post('X-A: one', ` ${length}`, 'Content-Length: 2'),
        'chunks in a folded line': post('Transfer-Encoding:', ' chunked'),
        'a folded first line': post(length).replace('Host', ' Host'),
        'LF alone': post(length).replace('json\r\n', 'json\n'),
        'LF alone everywhere': post(length).replaceAll('\r\n', '\n'),
        'CR alone': post(length).replace('json\r\n', 'json\r'),
        'a NUL in a value': post(length, 'X-A: a\0b'),
        'a NUL at the end of a value': post(length, 'X-A: a\0'),
        'a NUL in a length': post(`${length}\0, 40`),
        'a NUL in a name': post(length, 'X\0A: a'),
        'a NUL in the target': post(length).replace('/v1/', '/v1\0/'),
        'a NUL in the method': post(length).replace('POST', 'PO\0ST'),
        'a NUL in the version': post(length).replace('1.1', '1.1\0'),
        'a blank before the colon': post(length.replace(':', ' :')),
        'no colon': post(length, 'nonsense'),
        'two blanks in the first line': post(length).replace(' HTTP', '  HTTP'),
    };

    for (const [name, bytes] of Object.entries(bad)) {
        const answer = await rawRequest(pawl.port, bytes + smuggled);

        assert.equal(answer.status, 400, `${name}: ${answer.text}`);
        assert.equal(answer.answers, 1, `${name}: what follows is not answered`);
    }
    assert.deepEqual((await pawl.get('/v1/sessions')).data, [], 'none of them made a session');
    assert.equal((await rawRequest(pawl.port, post(length, 'Connection: close'))).status, 201);
});

test('what is large has its limit: heads that browsers and proxies send pass', async (t) => {
    const pawl = await setUp(t);
    const get = (...lines) => rawRequest(pawl.port, ['GET /livez HTTP/1.1',
        `Host: localhost:${pawl.port}`, 'Connection: close', ...lines, '', ''].join('\r\n'));
    const cookies = (n) => `Cookie: ${Array.from({ length: n }, (_, i) => `k${i}=v`).join('; ')}`;

    assert.equal((await get(`Cookie: session=${'x'.repeat(6000)}`)).status, 200);
    assert.equal((await get(`Authorization: Bearer ${'x'.repeat(12_000)}`)).status, 200);
    assert.equal((await get(cookies(100))).status, 200);
    const large = {
        'a long cookie': [`Cookie: session=${'x'.repeat(18_000)}`],
        'many cookies': [cookies(1500)],
        'many headers': Array.from({ length: 3000 }, () => 'a: b'),
        'a header of 1 MB': [`X-A: ${'x'.repeat(1_000_000)}`],
    };

    for (const [name, lines] of Object.entries(large)) {
        const answer = await get(...lines);

        assert.deepEqual([answer.status, answer.answers], [431, 1], `${name}: ${answer.text}`);
    }
    const chunk = 'x'.repeat(16 * 1024);
    const chunked = await rawRequest(pawl.port, ['POST /v1/sessions HTTP/1.1',
        `Host: localhost:${pawl.port}`, 'Content-Type: application/json',
        'Transfer-Encoding: chunked', '', ...Array(6).fill(`4000\r\n${chunk}`), '0', '', ''
    ].join('\r\n'));

    assert.deepEqual([chunked.status, chunked.json.code], [413, 'body_too_large']);
});

test('clients that send a byte now and then are not waited for', async (t) => {
    const pawl = await setUp(t);
    const drippers = Array.from({ length: 100 }, (_, i) => open(t, pawl, i % 2
        ? 'GET /livez HTTP/1.1\r\nX-A: '
        : `POST /v1/sessions HTTP/1.1\r\nHost: localhost:${pawl.port}\r\n` +
          'Content-Length: 60000\r\n\r\n'));
    const drip = setInterval(() => drippers.forEach((d) => d.writable && d.write('x')), 50);

    t.after(() => clearInterval(drip));
    for (let i = 0; i < 10; i++) {
        const { id } = await pawl.create({ agent: 'hello', input: 'hi' });

        assert.equal((await pawl.ended(id)).status, 'COMPLETED');
    }
    assert.equal(drippers.filter((d) => d.isClosed).length, 0, 'they have their time, too');
});

test('more idle connections than there is room for give way to who has something to say',
     async (t) => {
    const pawl = await setUp(t, ['prlimit', '--nofile=1024:1024']);

    assert.match(pawl.log, /limits are lowered to the descriptors that there are/);
    const most = Number(/connections=(\d+)/.exec(pawl.log)?.[1]);
    const idle = Array.from({ length: 2 * most }, () => open(t, pawl));

    assert.ok(most > 100 && most < 1024, pawl.log);
    await until('the first to be closed', () => idle.some((s) => s.isClosed));
    assert.equal((await pawl.api('GET', '/livez')).status, 200);
    const { id } = await pawl.create({ agent: 'hello', input: 'hi' });

    assert.equal((await pawl.ended(id)).status, 'COMPLETED');
    assert.doesNotMatch(pawl.log, /new connections wait/, 'it never came to the system\'s limit');
});

test('without descriptors it waits, says so once, and its work goes on', async (t) => {
    const pawl = await setUp(t);
    const { pid } = pawl.server;
    const soft = /Max open files\s+(\d+)/.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))[1];
    const limitTo = (n) => run('prlimit', ['--pid', String(pid), `--nofile=${n}:`]);
    const cpuTicks = () => readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /, '')
        .split(' ').slice(11, 13).reduce((sum, ticks) => sum + Number(ticks), 0);
    const { id } = await pawl.create({ agent: 'slow', input: 'go' });
    const reader = new Reader(t, pawl, id);

    await reader.until((r) => ofKind(r.events, 'model_answered').length === 1, 'the call');
    const stream = `GET /v1/sessions/${id}/events HTTP/1.1\r\nHost: localhost\r\n` +
        'Accept: text/event-stream\r\n\r\n';
    const descriptors = () => readdirSync(`/proc/${pid}/fd`).map(Number);
    const few = descriptors().length;
    const early = Array.from({ length: 40 }, () => open(t, pawl));

    await until('connections', () => descriptors().length >= few + early.length);
    const used = descriptors();
    let free = 0;

    while (used.includes(free)) free++;
    await limitTo(free); // there is none that it may still take
    early.forEach((s) => s.write(stream));
    await until('answers', () => early.every(
        (s) => s.isClosed || /"code":"\w+"|id: 1\n/.test(s.heard)));
    const refused = early.filter((s) => s.heard.includes(' 503 '));

    assert.ok(refused.length > 0, 'no stream met the limit');
    refused.forEach((s) => assert.match(s.heard, /"code":"no_descriptors"/));
    const late = Array.from({ length: 20 }, () => open(t, pawl, stream));

    await until('the shortage', () => /new connections wait/.test(pawl.log));
    const before = cpuTicks();

    await pause(1000); // for whoever would spin now
    assert.ok(cpuTicks() - before < 50, 'half a second of CPU: it spins');
    refused.forEach((s) => s.destroy());
    await until('streams', () => late.some((s) => s.heard.includes('id: 1\n')));
    pawl.write('go', '');
    await reader.ended();
    await limitTo(soft);
    assert.equal((await pawl.api('GET', '/livez')).status, 200);
    assert.equal((await pawl.ended(id)).status, 'COMPLETED');
    assert.equal(pawl.log.split('new connections wait').length - 1, 1, pawl.log);
});

test('a Last-Event-ID that is none, or not yet', async (t) => {
    const pawl = await setUp(t);
    const { id } = await pawl.play('hello');
    const events = await pawl.events(id);
    const ask = (last) => pawl.api('GET', `/v1/sessions/${id}/events`, undefined,
                                   { accept: 'text/event-stream', 'last-event-id': last });

    for (const last of ['-1', '+1', '1.5', '1e1', '0x1', '1 2', '1,2', 'abc', '\u00fc',
                        '99999999999', '9'.repeat(5000)]) {
        const { status, body } = await ask(last);

        assert.deepEqual([status, body.code], [400, 'invalid_last_event_id'], last);
        assert.ok(body.detail.length < 500, 'what is long is cut');
    }
    for (const last of [events.length + 1, 4_000_000_000]) {
        const { status, body } = await ask(String(last));

        assert.deepEqual([status, body.code], [400, 'unknown_event']);
        assert.match(body.detail, new RegExp(`its last is ${events.length}`));
    }
    const reader = new Reader(t, pawl, id);

    await reader.ended();
    assert.deepEqual(reader.events, events);
});
