// schedules.test.mjs - sessions that the clock begins: at their time, once, whatever happens. The server sees
// a clock that this test sets (libfaketime); time itself passes as ever.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { sqlite } from './lib/example.mjs';
import { faketime } from './lib/faketime.mjs';
import { Pawl } from './lib/pawl.mjs';
import { Random, seedOfRun } from './lib/random.mjs';
import { until } from './lib/wait.mjs';

const ROUNDS = Number(process.env.SCHEDULE_KILLS ?? 25);
const MINUTE_MS = 60_000;

const nightly = { cron: '30 2 * * *', zone: 'Europe/Berlin', agent: 'a', input: 'good night' };

async function setUp(t, schedules) {
    const pawl = await Pawl.make(t, null);

    pawl.schedule = (some) => pawl.configure({
        models: { m: { provider: 'scripted', replies: [{ text: 'done' }] } },
        agents: { a: { model: 'm', instructions: 'x' } },
        schedules: some,
    });
    pawl.schedule(schedules);
    // From now on the server's clock goes on from this time.
    pawl.setClock = (time) => writeFileSync(pawl.path('clock'),
        `${time > Date.now() ? '+' : ''}${(time - Date.now()) / 1000}`);
    pawl.env = {
        LD_PRELOAD: faketime(),
        FAKETIME_TIMESTAMP_FILE: pawl.path('clock'),
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
    pawl.startAt = async (time) => {
        pawl.setClock(Date.parse(time) || time);
        await pawl.start();
    };
    return pawl;
}

// The times for which a schedule has begun sessions, in order.
async function begun(pawl, name) {
    const { data } = await pawl.get(`/v1/sessions?limit=1000&metadata.schedule=${name}`);

    return data.map((s) => s.metadata.scheduled_for).sort();
}

async function scheduled(pawl, name) {
    return (await pawl.get('/v1/schedules')).data.find((s) => s.name === name);
}

// Its row says what it says in the end.
const nextIs = (pawl, name, time) => until(`${name} is due ${time}`, async () =>
    (await scheduled(pawl, name)).next_at === time);

const beginsFor = (pawl, name, time) => until(`${name} begins one for ${time}`, async () =>
    (await begun(pawl, name)).includes(time));

test('a schedule begins a session at its time, by the clock of its zone', async (t) => {
    const pawl = await setUp(t, { nightly: { ...nightly, metadata: { customer: 'acme' } } });

    // 2:30 is left out on this day: the gap ends at 01:00 UTC.
    await pawl.startAt('2026-03-29T00:59:58.500Z');
    await beginsFor(pawl, 'nightly', '2026-03-29T01:00:00.000Z');
    const { data: [session] } = await pawl.get('/v1/sessions?metadata.schedule=nightly');

    assert.deepEqual(session.metadata,
        { schedule: 'nightly', scheduled_for: '2026-03-29T01:00:00.000Z', customer: 'acme' });
    const { status, events } = await pawl.ended(session.id);

    assert.equal(status, 'COMPLETED');
    assert.equal(events[0].input, 'good night');
    assert.equal(events[0].by, 'schedule:nightly');
    assert.deepEqual(await scheduled(pawl, 'nightly'), {
        name: 'nightly', cron: '30 2 * * *', zone: 'Europe/Berlin', at: null, agent: 'a',
        enabled: true, missed: 'once', next_at: '2026-03-30T00:30:00.000Z',
        last_at: '2026-03-29T01:00:00.000Z', last_session: session.id,
    });
    const listed = await pawl.cli(['schedules']);

    assert.equal(listed.status, 0, listed.stderr);
    assert.match(listed.stdout,
        new RegExp(`nightly +30 2 .* Europe/Berlin +2026-03-30T00:30:00Z 2026-03-29T01:00:00Z ${session.id}`));
    assert.equal((await pawl.stop()).status, 0);
    await pawl.verify();
});

test('what was missed: one session for the last time, or none', async (t) => {
    const pawl = await setUp(t, {
        once: nightly,
        skip: { ...nightly, missed: 'skip' },
        rare: { ...nightly, cron: '0 0 1 1 *', missed: 'skip' },
    });

    await pawl.startAt('2026-06-01T12:00:00Z');
    await nextIs(pawl, 'once', '2026-06-02T00:30:00.000Z');
    await nextIs(pawl, 'skip', '2026-06-02T00:30:00.000Z');
    await pawl.kill();
    await pawl.startAt('2026-06-04T12:00:00Z');
    await nextIs(pawl, 'once', '2026-06-05T00:30:00.000Z');
    await nextIs(pawl, 'skip', '2026-06-05T00:30:00.000Z');
    assert.deepEqual(await begun(pawl, 'once'), ['2026-06-04T00:30:00.000Z']);
    assert.deepEqual(await begun(pawl, 'skip'), []);
    assert.deepEqual(await begun(pawl, 'rare'), []);

    // A start that is late by a minute misses nothing.
    await pawl.kill();
    await pawl.startAt('2026-06-05T00:31:00Z');
    await beginsFor(pawl, 'skip', '2026-06-05T00:30:00.000Z');
    await beginsFor(pawl, 'once', '2026-06-05T00:30:00.000Z');
});

test('a time that comes once', async (t) => {
    const pawl = await setUp(t, {
        launch: { at: '2026-06-01T14:00:00+02:00', agent: 'a', input: 'go' },
        missed: { at: '2026-06-02T10:00:00Z', agent: 'a', input: 'go' },
        past: { at: '2020-01-01T00:00:00Z', agent: 'a', input: 'go' },
    });

    await pawl.startAt('2026-06-01T11:59:58.500Z');
    await beginsFor(pawl, 'launch', '2026-06-01T12:00:00.000Z');
    await nextIs(pawl, 'launch', null);
    await nextIs(pawl, 'past', null);
    assert.match(pawl.log, /over before it was read.*past/);
    await pawl.kill();
    await pawl.startAt('2026-06-03T00:00:00Z');
    await beginsFor(pawl, 'missed', '2026-06-02T10:00:00.000Z');
    assert.equal((await begun(pawl, 'launch')).length, 1);
    assert.deepEqual(await begun(pawl, 'past'), []);
});

test('a clock that is set back begins nothing again', async (t) => {
    const hourly = { cron: '0 * * * *', agent: 'a', input: 'x' };
    const pawl = await setUp(t, { old: hourly });

    await pawl.startAt('2026-06-01T11:59:58.500Z');
    await beginsFor(pawl, 'old', '2026-06-01T12:00:00.000Z');
    await pawl.stop();
    // The new one shows that the time has come once more.
    pawl.schedule({ old: hourly, marker: hourly });
    await pawl.startAt('2026-06-01T11:59:58.500Z');
    await beginsFor(pawl, 'marker', '2026-06-01T12:00:00.000Z');
    assert.deepEqual(await begun(pawl, 'old'), ['2026-06-01T12:00:00.000Z']);
    assert.equal((await scheduled(pawl, 'old')).next_at, '2026-06-01T13:00:00.000Z');
    await pawl.stop();

    // Another cron does not bring it back either.
    pawl.schedule({ old: { ...hourly, cron: '*/30 * * * *' }, marker: hourly });
    await pawl.startAt('2026-06-01T11:10:00Z');
    await nextIs(pawl, 'old', '2026-06-01T12:30:00.000Z');
});

test('what is changed begins anew, what is removed is forgotten', async (t) => {
    const pawl = await setUp(t, { a: nightly, b: nightly, c: nightly });

    await pawl.startAt('2026-06-01T12:00:00Z');
    await nextIs(pawl, 'c', '2026-06-02T00:30:00.000Z');
    await pawl.stop();
    pawl.schedule({ a: { ...nightly, cron: '30 3 * * *' }, b: { ...nightly, enabled: false } });
    await pawl.startAt('2026-06-03T12:00:00Z'); // what they were is missed, and does not count
    await nextIs(pawl, 'a', '2026-06-04T01:30:00.000Z');
    await nextIs(pawl, 'b', null);
    assert.equal((await scheduled(pawl, 'b')).enabled, false);
    await until('the row of c is gone', async () =>
        (await sqlite(pawl.path('pawl.db'), "SELECT 1 FROM schedule WHERE name = 'c'")).length === 0);
    assert.deepEqual(await begun(pawl, 'a'), []);
    await pawl.stop();
    pawl.schedule({ a: nightly, b: nightly });
    await pawl.startAt('2026-06-05T12:00:00Z');
    await nextIs(pawl, 'b', '2026-06-06T00:30:00.000Z');
    assert.deepEqual(await begun(pawl, 'b'), []);
});

test('killed when it is due, again and again: one session for each time', async (t) => {
    const random = new Random(seedOfRun(20261125));
    const first = Date.parse('2026-06-01T12:00:00Z');
    const pawl = await setUp(t, { often: { cron: '* * * * *', agent: 'a', input: 'x' } });

    await pawl.startAt(first - 30_000);
    await nextIs(pawl, 'often', new Date(first).toISOString());
    for (let i = 0; i < ROUNDS; i++) {
        const due = first + i * MINUTE_MS;

        await pawl.kill();
        await pawl.startAt(due - 150);
        await pause(random.between(0, 250)); // when the blow falls is what is drawn
        await pawl.kill();
        await pawl.start();
        await beginsFor(pawl, 'often', new Date(due).toISOString());
    }
    const times = await begun(pawl, 'often');

    assert.deepEqual(times, Array.from({ length: ROUNDS }, (_, i) =>
        new Date(first + i * MINUTE_MS).toISOString()));
    await pawl.verify();
});

test('what no schedule can be is told with its place', async (t) => {
    const pawl = await setUp(t, {
        a: { ...nightly, zone: 'Europe/Berln' },
        b: { cron: '0 0 30 2 *', agent: 'a', input: 'x' },
        c: { agent: 'a', input: 'x' },
        d: { cron: '61 * * * *', agent: 'a', input: 'x' },
        e: { at: 'tomorrow', zone: 'UTC', agent: 'a', input: 'x' },
        f: { cron: '@daily', at: '2026-06-01T12:00:00Z', agent: 'b', input: 'x', metadata: { schedule: 'x' } },
    });
    const { status, stdout, stderr } = await pawl.cli(['check', '-c', pawl.path('pawl.yaml')]);

    assert.equal(status, 4);
    for (const said of [
        /pawl\.yaml:\d+:\d+: schedules\.a\.zone: there is no time zone 'Europe\/Berln'; did you mean 'Europe\/Berlin'/,
        /schedules\.b\.cron: that day never comes/, /schedules\.c has no time; add 'cron' or 'at'/,
        /schedules\.d\.cron: '61' is no minute: write 0 to 59/, /schedules\.e\.at: 'tomorrow' is no time/,
        /schedules\.e\.zone is for 'cron'/, /schedules\.f\.at: there is 'cron' already/,
        /schedules\.f\.agent: there is no 'b' in 'agents'/, /schedules\.f\.metadata\.schedule is what pawl adds/,
    ]) assert.match(stdout + stderr, said);
});
