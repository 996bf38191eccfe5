// streams.test.mjs - a session's events and its model's words as a stream, on the real server.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { checkJournal, ofKind } from './lib/journal.mjs';
import { Pawl, PAWL, run, WAIT } from './lib/pawl.mjs';
import { Random, seedOfRun } from './lib/random.mjs';
import { Reader } from './lib/sse.mjs';
import { until, within } from './lib/wait.mjs';

const script = (...replies) => ({ provider: 'scripted', replies });
const STEPS = 6;
const LOUD_TURNS = 8; // more than the system's buffers hold
const LOUD = 'louder than loud '.repeat(40_000);
const WORDS = 'The quick brown fox\njumps over the lazy dog, Ü and ß.';

const CONFIG = {
    models: {
        busy: script(...Array.from({ length: STEPS }, (_, i) => (
            { text: `Step ${i}.`, calls: [{ tool: 'nap' }], delay: '30ms' })), { text: 'done' }),
        // The first reply is for who connects before the second one begins.
        talker: script({ text: 'hello' }, { text: WORDS, delay: '300ms' },
                       { text: 'again and again', delay: '10s' }),
        teller: script({ text: WORDS, delay: '3s' }),
        loud: script(...Array.from({ length: LOUD_TURNS }, () => (
            { text: '{{input}}', delay: '100ms' }))),
        slow: script({ calls: [{ tool: 'wait' }] }, { text: 'done' }),
    },
    tools: {
        nap: { description: 'x', exec: { command: ['sleep', '0.05'] } },
        wait: { description: 'x', exec: { command: ['./wait'] } },
    },
    agents: {
        busy: { model: 'busy', instructions: 'x', tools: ['nap'] },
        talker: { model: 'talker', instructions: 'x' },
        teller: { model: 'teller', instructions: 'x' },
        loud: { model: 'loud', instructions: 'x' },
        slow: { model: 'slow', instructions: 'x', tools: ['wait'] },
    },
};

async function setUp(t, more = {}) {
    const pawl = await Pawl.make(t, { ...CONFIG, ...more }, {
        wait: WAIT,
    });

    return pawl.start();
}

test('readers see every event once, over kills of the server', async (t) => {
    const seed = seedOfRun();
    const random = new Random(seed);
    const pawl = await setUp(t);

    t.diagnostic(`seed ${seed}`);
    const sessions = await Promise.all(
        Array.from({ length: 20 }, () => pawl.create({ agent: 'busy', input: 'go' })));
    const readers = sessions.map(({ id }) => new Reader(t, pawl, id));

    for (let kills = 0; kills < 4; kills++) {
        await pause(random.between(50, 300)); // wherever they are
        await pawl.kill();
        await pawl.start();
    }
    for (const [i, reader] of readers.entries()) {
        await reader.ended();
        checkJournal(sessions[i].id, reader.events);
        assert.deepEqual(reader.events, await pawl.events(sessions[i].id));
        assert.equal(ofKind(reader.events, 'tool_finished').length, STEPS);
        assert.ok(reader.streams > 1, 'it was cut off');
    }
    await pawl.verify();
});

test('a model is heard while it writes, and the whole is what it said', async (t) => {
    const pawl = await setUp(t);
    const { id } = await pawl.play('talker');
    const readers = [new Reader(t, pawl, id), new Reader(t, pawl, id)];
    const lost = new Reader(t, pawl, 'ses_01890000-0000-7000-8000-000000000000');

    for (const reader of readers) await reader.ended(); // they have what was, and listen
    await pawl.post(`/v1/sessions/${id}/messages`, { content: 'tell me' });
    for (const reader of readers) {
        await reader.until((r) => ofKind(r.events, 'turn_ended').length === 2, 'the second turn');
        const answer = ofKind(reader.events, 'model_answered')[1];

        assert.ok(reader.deltas.length > 1, 'it came in pieces');
        assert.equal(reader.deltas.map((d) => d.text).join(''), WORDS);
        for (const delta of reader.deltas) {
            assert.deepEqual([delta.call, delta.attempt], [answer.call, answer.attempt]);
            assert.ok(delta.after < answer.seq, 'deltas come before the answer');
        }
    }
    await until('the refusal', () => lost.lastStatus === 404);
});

test('an attempt that a kill cut off is followed by the next one\'s deltas', async (t) => {
    const pawl = await setUp(t);
    const { id } = await pawl.play('talker');
    const reader = new Reader(t, pawl, id);

    await reader.ended();
    await pawl.post(`/v1/sessions/${id}/messages`, { content: 'tell me' });
    await reader.until((r) => ofKind(r.events, 'turn_ended').length === 2, 'the second turn');
    await pawl.post(`/v1/sessions/${id}/messages`, { content: 'more' });
    const before = reader.deltas.length;
    const since = () => reader.deltas.slice(before);

    await reader.until(() => since().some((d) => d.attempt === 1), 'the first attempt');
    await pawl.kill();
    await pawl.start();
    await reader.until(() => since().some((d) => d.attempt === 2), 'the second attempt');
    const [first, second] = [1, 2].map((n) => since().filter((d) => d.attempt === n));

    assert.equal(first[0].call, second[0].call);
    assert.equal(second.at(-1).text, reader.deltas.at(-1).text, 'the first is not heard again');
});

test('200 streams at once, and the server stops at once', async (t) => {
    const pawl = await setUp(t);
    const { id } = await pawl.create({ agent: 'slow', input: 'go' });
    const readers = Array.from({ length: 200 }, () => new Reader(t, pawl, id));

    for (const reader of readers)
        await reader.until((r) => ofKind(r.events, 'model_answered').length === 1, 'the call');
    await pawl.post(`/v1/sessions/${id}/messages`, { content: 'hello' });
    pawl.write('go', '');
    for (const reader of readers) {
        await reader.ended();
        assert.deepEqual(reader.events, readers[0].events);
        assert.equal(reader.streams, 1, 'nobody was cut off');
    }
    const { status, signal } = await pawl.stop();

    assert.deepEqual([status, signal], [0, null]);
    for (const reader of readers) {
        await reader.until((r) => r.ends === 1, 'the end of its stream');
        await reader.close();
    }
});

test('one stream more than limits.streams is refused', async (t) => {
    const pawl = await setUp(t, { limits: { streams: 2 } });
    const { id } = await pawl.create({ agent: 'slow', input: 'go' });
    const accept = { accept: 'text/event-stream' };

    for (const reader of [new Reader(t, pawl, id), new Reader(t, pawl, id)])
        await reader.until((r) => r.events.length > 0, 'an event');
    const { status, body, headers } = await pawl.api('GET', `/v1/sessions/${id}/events`,
                                                     undefined, accept);

    assert.deepEqual([status, body.code], [503, 'too_many_streams']);
    assert.equal(headers.get('retry-after'), '1');
    assert.equal((await pawl.api('GET', `/v1/sessions/${id}/events`)).status, 200);
    const future = await pawl.api('GET', `/v1/sessions/${id}/events`, undefined,
                                  { ...accept, 'last-event-id': '4000' });

    assert.deepEqual([future.status, future.body.code], [400, 'unknown_event']);
});

test('a reader that stops reading misses words and no event, and others go on', async (t) => {
    const pawl = await setUp(t);
    const { id } = await pawl.create({ agent: 'loud', input: LOUD });
    const reader = new Reader(t, pawl, id);
    const stuck = connect(pawl.port, '127.0.0.1');
    let heard = '';

    t.after(() => stuck.destroy());
    stuck.write(`GET /v1/sessions/${id}/events HTTP/1.0\r\nHost: localhost\r\n` +
                'Accept: text/event-stream\r\n\r\n');
    stuck.once('data', (data) => {
        heard += data;
        stuck.pause();
    });
    for (let turn = 1; turn <= LOUD_TURNS; turn++) {
        await reader.until((r) => ofKind(r.events, 'turn_ended').length === turn, 'a turn');
        if (turn < LOUD_TURNS)
            await pawl.post(`/v1/sessions/${id}/messages`, { content: LOUD });
    }
    const events = await pawl.events(id);

    stuck.on('data', (data) => (heard += data));
    stuck.resume();
    await until('its last event', () => heard.includes(`\nid: ${events.length}\n`));
    assert.match(heard, /\nevent: skipped\ndata: \{"call":\d+,"attempt":1\}\n/);
    assert.deepEqual([...heard.matchAll(/\nid: (\d+)\n/g)].map((m) => Number(m[1])),
                     events.map((e) => e.seq));
    assert.deepEqual(reader.events, events);
});

test('a cancelled session ends its streams', async (t) => {
    const pawl = await setUp(t);
    const { id } = await pawl.create({ agent: 'slow', input: 'go' });
    const reader = new Reader(t, pawl, id);

    await reader.until((r) => ofKind(r.events, 'model_answered').length === 1, 'the call');
    await pawl.post(`/v1/sessions/${id}/cancel`);
    await reader.until((r) => r.lastStatus === 204, 'the end for good');
    assert.equal(reader.events.at(-1).kind, 'cancelled');
    assert.equal(reader.streams, 1);
});

// ---- the command line ----

test('events --follow prints each event once, over a kill, to the end of a cancelled session',
     async (t) => {
    const pawl = await setUp(t);
    const { id } = await pawl.create({ agent: 'slow', input: 'go' });
    const child = spawn(PAWL, ['events', id, '-f'], {
        cwd: pawl.folder,
        env: { ...pawl.environment(), PAWL_SERVER: pawl.url },
    });
    let said = '';
    const end = new Promise((resolve) => child.on('close', resolve));

    t.after(() => child.kill('SIGKILL'));
    child.stdout.on('data', (data) => (said += data));
    await until('the call', () => /"kind":"model_answered"/.test(said));
    await pawl.kill();
    await pawl.start();
    await until('the interruption', () => /"kind":"interrupted"/.test(said));
    await pawl.post(`/v1/sessions/${id}/cancel`);
    assert.equal(await within('the end of the follower', end), 0);
    const lines = said.trim().split('\n').map((line) => JSON.parse(line));

    assert.deepEqual(lines, await pawl.events(id));
});

test('run shows on a terminal what the model writes, and in a pipe its lines only', async (t) => {
    const pawl = await setUp(t);
    const env = { ...pawl.environment(), PAWL_SERVER: pawl.url, TERM: 'xterm' };
    const terminal = await run('script', ['-qec', `${PAWL} run teller x`, '/dev/null'],
                               { cwd: pawl.folder, env });
    const piped = await pawl.cli(['run', 'teller', 'x']);

    assert.equal(terminal.status, 0, terminal.stdout);
    // It shows what is said from the moment on when it listens.
    const [, live] = /model {2}\x1b\[2m ?([^\x1b]+)\x1b/.exec(terminal.stdout) ?? [];

    assert.ok(live && WORDS.replace('\n', ' ').includes(live), terminal.stdout);
    assert.match(terminal.stdout, /Ü and ß\./);
    assert.equal(piped.status, 0);
    assert.equal(piped.stdout, `${WORDS}\n`);
    assert.doesNotMatch(piped.stderr, /\x1b/);
    assert.equal((await run('script', ['-qec', `${PAWL} run teller x --no-color`, '/dev/null'],
                            { cwd: pawl.folder, env })).stdout.includes('\x1b[2m'), false);
});
