// erase.test.mjs - DELETE /v1/sessions/{id}: nothing of it is left but the word that it was there.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Pawl, run, WAIT } from './lib/pawl.mjs';
import { Reader } from './lib/sse.mjs';
import { until } from './lib/wait.mjs';

const SECRET = 'the-secret-of-the-session';
const script = (...replies) => ({ provider: 'scripted', replies });

const CONFIG = {
    models: {
        plain: script({ text: 'ok {{input}}' }),
        noting: script({ calls: [{ tool: 'note' }] }, { text: 'ok' }),
        slow: script({ calls: [{ tool: 'wait' }] }, { text: 'done' }),
    },
    tools: {
        note: { description: 'x', exec: { command: ['./note'] } },
        wait: { description: 'x', exec: { command: ['./wait'] } },
    },
    agents: {
        plain: { model: 'plain', instructions: 'x' },
        noting: { model: 'noting', instructions: 'x', tools: ['note'] },
        slow: { model: 'slow', instructions: 'x', tools: ['wait'] },
    },
};

const make = (t) => Pawl.make(t, CONFIG, {
    note: '#!/bin/sh\necho kept > /tmp/note 2>/dev/null; echo kept > note; echo done\n',
    wait: WAIT,
});
const setUp = async (t) => (await make(t)).start();

const erase = (pawl, id, headers) => pawl.api('DELETE', `/v1/sessions/${id}`, undefined, headers);

// In no file of the store, whatever SQLite would say.
function assertNowhere(pawl, text) {
    const files = readdirSync(pawl.folder).filter((name) => /^pawl\.db(?!\.scratch)/.test(name));

    assert.ok(files.includes('pawl.db'));
    for (const name of files) assert.ok(!readFileSync(pawl.path(name)).includes(text), name);
}

async function isGone(pawl, id) {
    for (const rest of ['', '/events', '/steps', '/events?wait=1']) {
        const { status, body } = await pawl.api('GET', `/v1/sessions/${id}${rest}`);

        assert.equal(status, 410, rest);
        assert.equal(body.code, 'erased', rest);
    }
    for (const what of ['cancel', 'pause', 'resume', 'retry']) {
        const { status } = await pawl.api('POST', `/v1/sessions/${id}/${what}`);

        assert.equal(status, 410, what);
    }
    const decision = { decision: 'approve', arguments_hash: 'x' };

    for (const [method, body] of [['GET', undefined], ['POST', decision]]) {
        const answer = await pawl.api(method, `/v1/approvals/${id}:2`, body);

        assert.deepEqual([answer.status, answer.body.code], [410, 'erased'], method);
    }
    const { data } = await pawl.get('/v1/sessions?limit=1000');

    assert.ok(!data.some((session) => session.id === id), 'it is in no list');
    await pawl.verify();
}

test('an erased session is gone, over a restart, and its text with it', async (t) => {
    const pawl = await setUp(t);
    const other = await pawl.play('plain', 'other');
    const { id } = await pawl.play('plain', SECRET, { metadata: { who: SECRET } });
    const answer = await erase(pawl, id);

    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    assert.deepEqual(answer.body, { id, erased: true });
    await isGone(pawl, id);
    assert.equal((await erase(pawl, id)).status, 200, 'once more is as good');
    await pawl.kill();
    await pawl.start();
    await isGone(pawl, id);
    assert.deepEqual(await pawl.events(other.id), other.events);
    await pawl.stop();
    assertNowhere(pawl, SECRET);
});

test('the folder of its tools goes, too', async (t) => {
    const pawl = await setUp(t);
    const { id } = await pawl.play('noting');
    const folder = pawl.scratch(id);

    assert.ok(existsSync(folder));
    assert.equal((await erase(pawl, id)).status, 200);
    await until('the end of the folder', () => !existsSync(folder));
});

// Its row may have been read when its journal goes: that is no fault.
test('verify beside erasures finds nothing', async (t) => {
    const pawl = await setUp(t);
    const ids = await Promise.all(Array.from({ length: 400 }, () =>
        pawl.play('plain').then(({ id }) => id)));
    let runs = 0;
    let isOver = false;
    const erasing = (async () => {
        for (const id of ids) await erase(pawl, id);
    })().finally(() => (isOver = true));

    for (; !isOver; runs++) await pawl.verify();
    await erasing;
    assert.ok(runs > 1, `it ran beside them: ${runs}`);
});

test('one that is at work is not erased; cancelled, it is', async (t) => {
    const pawl = await setUp(t);
    const { id } = await pawl.create({ agent: 'slow', input: SECRET });
    const refused = await erase(pawl, id);

    assert.equal(refused.status, 409);
    assert.equal(refused.body.code, 'session_state');
    assert.match(refused.body.detail, /cancel it first/);
    assert.equal((await pawl.session(id)).current_task, SECRET);
    // Somebody follows it while it is erased.
    await pawl.post(`/v1/sessions/${id}/cancel`);
    const { seq } = (await pawl.events(id)).at(-1);
    const follower = pawl.api('GET', `/v1/sessions/${id}/events?after=${seq}&wait=30`);

    assert.equal((await erase(pawl, id)).status, 200);
    assert.equal((await follower).status, 410);
    await until('the end of its tools', () => pawl.tools().length === 0);
    await isGone(pawl, id);
});

test('a stream of it ends, and is not there again', async (t) => {
    const pawl = await setUp(t);
    const { id, events } = await pawl.play('plain');
    const reader = new Reader(t, pawl, id);

    await reader.ended(); // of the turn: the stream goes on
    assert.equal((await erase(pawl, id)).status, 200);
    await reader.until((r) => r.lastStatus === 410, 'the end of the stream');
    await reader.close();
    assert.deepEqual([reader.streams, reader.ends > 0], [1, true], 'it ended as an answer ends');
    assert.deepEqual(reader.events, events);
    const { status, stdout, stderr } = await pawl.cli(['events', id, '-f']);

    assert.deepEqual([status, stdout], [1, '']);
    assert.match(stderr, /erased/);
});

test('what does not exist, and keys that name what was erased', async (t) => {
    const pawl = await setUp(t);
    const key = { 'idempotency-key': 'k' };
    const body = { agent: 'plain', input: 'x' };
    const { id } = await pawl.create(body, key);

    await pawl.ended(id);
    assert.equal((await erase(pawl, 'ses_01890000-0000-7000-8000-000000000000')).status, 404);
    assert.equal((await erase(pawl, 'x')).status, 404);
    assert.equal((await erase(pawl, id, { 'idempotency-key': 'e' })).status, 200);
    assert.equal((await erase(pawl, id, { 'idempotency-key': 'e' })).status, 200);
    const again = await pawl.api('POST', '/v1/sessions', body, key);

    assert.equal(again.status, 201, 'it was created, once');
    assert.equal(again.body.id, id);
    assert.equal(again.headers.get('idempotency-replayed'), 'true');
    assert.equal((await pawl.get('/v1/sessions')).data.length, 0);
    await pawl.verify();
});

// Written by hand: it is long, and no state has to be folded from it any more.
async function lengthen(pawl, id, events) {
    await pawl.sql(`WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n
        WHERE i < ${events} + 99) INSERT INTO event (session, seq, at_ms, kind, body)
        SELECT key, i, 0, 'message', '{"text":"${SECRET}${'x'.repeat(600)}"}' FROM session, n
        WHERE id = '${id}'`);
}

const left = async (pawl) => Number(await pawl.sql(
    `SELECT count(*) FROM event WHERE body LIKE '%${SECRET}%'`));

// Kills the server amid an erasure; on a fast disk it takes a longer journal to be in time.
async function dieErasing(pawl) {
    for (let events = 20000;; events *= 2) {
        const { id } = await pawl.play('plain', SECRET);

        await lengthen(pawl, id, events);
        assert.equal((await erase(pawl, id)).status, 200);
        await pawl.kill();
        if (await left(pawl) > 0) return id;
        await pawl.start();
    }
}

test('a long journal goes in pieces, beside others, and over a crash', async (t) => {
    const pawl = await setUp(t);
    const id = await dieErasing(pawl);

    await pawl.start();
    await isGone(pawl, id);
    const { events } = await pawl.play('plain', 'other');

    assert.equal(events.at(-1).kind, 'turn_ended');
    await until('the end of the journal', async () => await left(pawl) === 0);
    assert.equal(await pawl.sql('SELECT count(*) FROM erased'), '0');
    await pawl.stop();
    assertNowhere(pawl, SECRET);
});

test('a store of schema 2, written by an earlier pawl, goes on', async (t) => {
    const pawl = await make(t);
    const dump = readFileSync(new URL('./lib/schema_2.sql', import.meta.url), 'utf8');
    const { status, stderr } = await run('sqlite3', [pawl.path('pawl.db')], { input: dump });

    assert.equal(status, 0, stderr);
    await pawl.start();
    const { data } = await pawl.get('/v1/sessions');

    assert.equal(data.length, 2);
    assert.equal(data[0].output, 'ok number 2');
    await isGone(pawl, 'ses_01a21322-db5b-77a6-bda7-c92a33e291fd');
    assert.equal((await erase(pawl, data[0].id)).status, 200);
    await isGone(pawl, data[0].id);
    await pawl.play('plain', 'and a new one');
    await pawl.verify();
});
