// clock.test.mjs - a wall clock that is set while sessions wait: a day forward, and a day back. The
// server sees a clock that this test sets (libfaketime); time itself passes as ever.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { faketime } from './lib/faketime.mjs';
import { ofKind } from './lib/journal.mjs';
import { Pawl } from './lib/pawl.mjs';

const DAY_S = 86_400;
const DAY_MS = DAY_S * 1000;

async function setUp(t, wait = '1500ms') {
    const pawl = await Pawl.make(t, {
        models: {
            m: { provider: 'scripted', replies: [{ calls: [{ tool: 'busy' }] }, { text: 'done' }] },
        },
        tools: {
            busy: {
                description: 'x', exec: { command: ['./busy'] },
                retry: { attempts: 20, first: wait, max: wait },
            },
        },
        agents: {
            a: { model: 'm', instructions: 'x', tools: ['busy'], limits: { wall: '168h' } },
        },
    }, { busy: '#!/bin/sh\n[ -e go ] || exit 75\necho went\n' });

    pawl.setClock = (seconds) => writeFileSync(pawl.path('clock'), `${seconds < 0 ? '' : '+'}${seconds}`);
    pawl.env = {
        LD_PRELOAD: faketime(),
        FAKETIME_TIMESTAMP_FILE: pawl.path('clock'),
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
    pawl.setClock(0);
    return pawl;
}

// A session that waits for the time at which its tool is tried again.
async function waiting(pawl) {
    const { id } = await pawl.create({ agent: 'a', input: 'x' });

    await pawl.event(id, 'tool_failed');
    return id;
}

async function completes(pawl, id) {
    const session = await pawl.completes(id);

    for (const failed of ofKind(session.events, 'tool_failed')) {
        const fired = session.events.find((e) => e.seq > failed.seq && e.kind === 'timer_fired');

        assert.ok(Date.parse(fired.at) >= failed.retry_at, `${id}: tried again before its time`);
    }
    return session;
}

for (const [name, to] of [['forward', DAY_S], ['back', -DAY_S]]) {
    test(`a clock that is set ${name} by a day while sessions wait`, async (t) => {
        const pawl = await setUp(t);

        await pawl.start();
        const before = await waiting(pawl);

        pawl.setClock(to);
        const after = await waiting(pawl);
        const shift = Date.parse((await pawl.session(after)).created_at) -
            Date.parse((await pawl.session(before)).created_at);

        assert.ok(Math.abs(shift - to * 1000) < DAY_MS / 2, `the server sees it: ${shift}`);
        pawl.write('go', '');
        await completes(pawl, before);
        await completes(pawl, after);
        assert.equal((await pawl.stop()).status, 0);
        await pawl.verify();
    });

    test(`a clock that is set ${name} by a day before a start`, async (t) => {
        // Forward the day counts: without it the wait would last longer than this test.
        const pawl = await setUp(t, to > 0 ? '1h' : undefined);

        await pawl.start();
        const slept = await waiting(pawl);

        await pawl.kill();
        pawl.setClock(to);
        pawl.write('go', '');
        await pawl.start();
        await completes(pawl, slept);
        await completes(pawl, (await pawl.create({ agent: 'a', input: 'x' })).id);
        await pawl.verify();
    });
}
