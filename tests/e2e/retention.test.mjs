// retention.test.mjs - sessions that ended long ago, or whose place is needed, leave the store.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { Pawl, WAIT } from './lib/pawl.mjs';
import { Reader } from './lib/sse.mjs';
import { until } from './lib/wait.mjs';

const script = (...replies) => ({ provider: 'scripted', replies });

async function setUp(t, retention) {
    const pawl = await Pawl.make(t, {
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
        retention,
    }, {
        note: '#!/bin/sh\necho kept > note; echo done\n',
        wait: WAIT,
    });

    return pawl.start();
}

const statusOf = async (pawl, id) => (await pawl.api('GET', `/v1/sessions/${id}`)).status;

const used = async (pawl) => Number(await pawl.sql(
    'SELECT (page_count - freelist_count) * page_size FROM pragma_page_count,'
    + ' pragma_freelist_count, pragma_page_size'));

test('a session that ended an age ago is gone, and says so', async (t) => {
    const pawl = await setUp(t, { age: '4s' });
    const key = { 'idempotency-key': 'k' };
    const body = { agent: 'noting', input: 'x' };
    const { id } = await pawl.create(body, key);
    const slow = await pawl.create({ agent: 'slow', input: 'x' });
    const { seq } = await pawl.event(id, 'turn_ended');
    const stream = new Reader(t, pawl, id);
    const poll = pawl.api('GET', `/v1/sessions/${id}/events?after=${seq}&wait=30`);
    const told = await poll;

    assert.equal(told.status, 410);
    assert.equal(told.body.code, 'removed');
    await stream.until((r) => r.lastStatus === 410, 'the end of the stream');
    await stream.close();
    for (const rest of ['', '/events', '/steps', `/events?after=${seq}`]) {
        const gone = await pawl.api('GET', `/v1/sessions/${id}${rest}`);

        assert.equal(gone.status, 410, rest);
        assert.equal(gone.body.code, 'removed', rest);
    }
    const message = await pawl.api('POST', `/v1/sessions/${id}/messages`, { content: 'x' });

    assert.equal(message.status, 410);
    assert.equal(message.body.code, 'removed');
    await until('the end of its folder', () => !existsSync(pawl.scratch(id)));
    const again = await pawl.api('POST', '/v1/sessions', body, key);

    assert.equal(again.status, 201, 'it was created, once');
    assert.equal(again.body.id, id);
    assert.equal((await pawl.api('DELETE', `/v1/sessions/${id}`)).status, 200);
    // What has not ended stays.
    assert.equal(await statusOf(pawl, slow.id), 200);
    const { data } = await pawl.get('/v1/sessions');

    assert.deepEqual(data.map((session) => session.id), [slow.id]);
    await pawl.verify();
});

test('where there is too little place the longest-ended go first', async (t) => {
    const pawl = await setUp(t, { bytes: '2MiB' });
    const input = 'x'.repeat(100 * 1024);
    const ids = [];
    const slow = await pawl.create({ agent: 'slow', input });

    for (let i = 0; i < 30; i++) ids.push((await pawl.play('plain', input)).id);
    await until('it to fit', async () => await used(pawl) <= 2 * 1024 * 1024);
    const statuses = [];

    // From the last one back: whatever goes meanwhile ended earlier than what was asked for before.
    for (const id of [...ids].reverse()) statuses.unshift(await statusOf(pawl, id));
    assert.match(statuses.join(), /^(410,)+200(,200)*$/, 'the longest-ended, and some are left');
    assert.equal(await statusOf(pawl, slow.id), 200);
    assert.match(pawl.log, /retention removed sessions by_age=0 by_bytes=\d+/);
    await pawl.verify();
});
