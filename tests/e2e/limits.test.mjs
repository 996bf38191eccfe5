// limits.test.mjs - what is bounded by default, where no other test of a part reaches the bound: tool
// calls at once, instructions with their context, model calls in flight, streams without
// descriptors, and answers that nobody takes.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { ofKind } from './lib/journal.mjs';
import { Pawl } from './lib/pawl.mjs';
import { ask, Provider, say } from './lib/provider.mjs';
import { Reader } from './lib/sse.mjs';
import { until } from './lib/wait.mjs';

const KIB = 1024;
const MIB = 1024 * KIB;

async function setUp(t, { behave = () => say('done'), limits = {}, instructions = 'x', within = [] }) {
    const provider = await Provider.start(t, behave);
    const pawl = await Pawl.make(t, {
        models: { m: { provider: 'openai', base_url: provider.url, model: 'm' } },
        tools: { echo: { builtin: 'echo' } },
        agents: { a: { model: 'm', instructions, tools: ['echo'] } },
        limits,
    });

    pawl.within = within;
    await pawl.start();
    return { pawl, provider };
}

// A model that asks for n calls at once, then ends; what it is told of them.
async function asksFor(t, n, limits) {
    const calls = Array.from({ length: n }, (_, i) => ['echo', { text: `${i}` }, `id_${i}`]);
    const { pawl, provider } = await setUp(t, {
        limits, behave: ({ answers }) => (answers === 0 ? ask(calls) : say('done')),
    });
    const { id } = await pawl.create({ agent: 'a', input: 'go' });
    const session = await pawl.completes(id);

    await pawl.verify();
    const told = provider.requests.at(-1).messages.filter((m) => m.role === 'tool');

    return {
        answer: ofKind(session.events, 'model_answered')[0],
        told: Object.fromEntries(told.map((m) => [m.tool_call_id, m.content])),
    };
}

test('more tool calls at once than limits.tool_calls are not run, and the model is told', async (t) => {
    const { answer, told } = await asksFor(t, 5, { tool_calls: 3 });
    const refusal = 'Not run: at most 3 tool calls at a time. Ask for it again.';

    assert.deepEqual(answer.calls.map((c) => c.id), ['id_0', 'id_1', 'id_2']);
    assert.equal(answer.unplaced, 2);
    assert.equal(Object.keys(told).length, 5);
    for (const i of [0, 1, 2]) assert.doesNotMatch(told[`id_${i}`], /Not run/);
    for (const i of [3, 4]) assert.ok(told[`id_${i}`].endsWith(refusal), told[`id_${i}`]);
});

test('of more tool calls than an answer may have the model is told, too', async (t) => {
    const { answer, told } = await asksFor(t, 130);

    assert.deepEqual([answer.calls.length, answer.unplaced], [32, 98]);
    assert.equal(Object.keys(told).length, 128);
    assert.match(told.id_32, /Not run: at most 32 tool calls at a time\. Ask for it again\.$/);
    assert.match(told.id_127, /Not run: .* The 2 calls behind this one were not even read\.$/);
});

test('instructions that their context makes too large are refused, before anything is kept', async (t) => {
    const { pawl, provider } = await setUp(t, {
        limits: { instructions: '1KiB' }, instructions: 'For {{context.who}}.',
    });
    const refused = async (method, path, body) => {
        const answer = await pawl.api(method, path, body);

        assert.deepEqual([answer.status, answer.body.code], [422, 'instructions_too_large']);
        assert.match(answer.body.detail, /larger than the 1024 bytes that limits\.instructions allows/);
    };
    const body = (n) => ({ agent: 'a', input: 'x', context: { who: 'x'.repeat(n) } });
    const most = KIB - 'For .'.length;

    await refused('POST', '/v1/sessions', body(most + 1));
    assert.deepEqual((await pawl.get('/v1/sessions')).data, []);
    const session = await pawl.create(body(most));
    const { events } = await pawl.ended(session.id);

    assert.equal(provider.requests[0].messages[0].content.length, KIB);
    await refused('PATCH', `/v1/sessions/${session.id}`, { context: body(most + 1).context });
    assert.deepEqual(await pawl.events(session.id), events);
});

test('a context that no event can hold is too large to store', async (t) => {
    const { pawl } = await setUp(t, { limits: { request: '64MiB' } });
    const answer = await pawl.api('POST', '/v1/sessions', {
        agent: 'a', input: 'x', context: { who: 'x'.repeat(17 * MIB) },
    });

    assert.deepEqual([answer.status, answer.body.code], [413, 'too_large_to_store']);
    assert.deepEqual((await pawl.get('/v1/sessions')).data, []);
});

test('no more model calls are in flight than limits.model_calls; others wait, and say so', async (t) => {
    let inFlight = 0;
    let most = 0;
    let release;
    const released = new Promise((resolve) => (release = resolve));
    const { pawl, provider } = await setUp(t, {
        limits: { model_calls: 2 },
        behave: async () => {
            most = Math.max(most, ++inFlight);
            await released;
            inFlight--;
            return say('done');
        },
    });
    const sessions = await Promise.all(
        Array.from({ length: 6 }, () => pawl.create({ agent: 'a', input: 'x' })));
    const waiting = async () => (await Promise.all(sessions.map(({ id }) => pawl.session(id))))
        .filter((s) => s.waiting.some((w) => w.on === 'permit'));

    await until('two calls', () => provider.requests.length === 2);
    await until('four that wait', async () => (await waiting()).length === 4);
    release();
    for (const { id } of sessions) assert.equal((await pawl.ended(id)).status, 'COMPLETED');
    assert.equal(most, 2);
});

test('with few descriptors there are fewer streams and calls, which is said and kept', async (t) => {
    const { pawl } = await setUp(t, { within: ['prlimit', '--nofile=600:600'] });
    const said = /limits are lowered .*descriptors=600 model_calls=(\d+) streams=(\d+)/.exec(pawl.log);

    assert.ok(said, pawl.log);
    const [calls, streams] = said.slice(1).map(Number);

    assert.ok(calls >= 16 && streams >= 16 && calls + streams < 600, pawl.log);
    const { id } = await pawl.play('a');
    const readers = Array.from({ length: streams }, () => new Reader(t, pawl, id));

    for (const reader of readers) await reader.ended();
    const one = await pawl.api('GET', `/v1/sessions/${id}/events`, undefined,
                               { accept: 'text/event-stream' });

    assert.deepEqual([one.status, one.body.code], [503, 'too_many_streams']);
    assert.equal((await pawl.play('a')).status, 'COMPLETED', 'others are served');
});

test('with too few descriptors it does not start, and says what it needs', async (t) => {
    const pawl = await Pawl.make(t, {
        models: { m: { provider: 'scripted', replies: [{ text: 'ok' }] } },
        agents: { a: { model: 'm', instructions: 'x' } },
    });

    pawl.within = ['prlimit', '--nofile=100:100'];
    pawl.spawn();
    const { status, log } = await pawl.exited();

    assert.equal(status, 5, log);
    assert.match(log, /100 file descriptors \(ulimit -n\) are too few: at least \d+ are needed/);
});

test('answers that nobody takes fill limits.response_buffers, and no more', async (t) => {
    const { pawl } = await setUp(t, { limits: { request: '64MiB', response_buffers: '32MiB' } });
    const { id } = await pawl.play('a', 'x'.repeat(15 * MIB));
    const path = `/v1/sessions/${id}/events`;
    // Each reads the head of its answer, and no more.
    const stuck = Array.from({ length: 8 }, () => {
        const socket = connect(pawl.port, '127.0.0.1');

        socket.heard = '';
        socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost:${pawl.port}\r\n\r\n`);
        socket.once('data', (data) => {
            socket.heard = data.toString('latin1');
            socket.pause();
        });
        socket.on('error', () => {}); // who is slow is cut off
        t.after(() => socket.destroy());
        return socket;
    });
    const heard = (status) => stuck.filter((s) => s.heard.startsWith(`HTTP/1.1 ${status} `));
    const [refused] = await until('a refusal', () => heard(503).length > 0 && heard(503));

    assert.match(refused.heard, /\r\nRetry-After: \d+\r\n[^]*"code":"response_buffers_full"/i);
    assert.ok(heard(200).length >= 2, 'two of them fit');
    assert.equal((await pawl.play('a')).status, 'COMPLETED', 'there is room for small answers');
    stuck.forEach((socket) => socket.destroy());
    await until('room', async () => (await pawl.api('GET', path)).status === 200);
});
