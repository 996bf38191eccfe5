// store.test.mjs - what happens to the file under the server: a full disk, rows that somebody
// changed, a file that is gone; and what is too large for it.
import assert from 'node:assert/strict';
import { linkSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { ofKind } from './lib/journal.mjs';
import { PAWL, Pawl, run, WAIT } from './lib/pawl.mjs';
import { ask, Provider, say } from './lib/provider.mjs';
import { until } from './lib/wait.mjs';

async function setUp(t, { behave, tools = {}, limits, store = 'sqlite:pawl.db' } = {}) {
    const provider = await Provider.start(
        t, behave ?? ((request) => (request.answers === 0 ? ask([['wait', {}]]) : say('done'))));
    const pawl = await Pawl.make(t, null, { wait: WAIT });

    for (const [name, script] of Object.entries(tools)) pawl.write(name, script);
    pawl.configure({
        store,
        models: {
            m: {
                provider: 'openai', base_url: provider.url, model: 'm', max_output_tokens: 100,
                retry: { attempts: 1 },
            },
        },
        tools: Object.fromEntries(['wait', ...Object.keys(tools)].map((name) => [name, {
            description: 'x', exec: { command: [`./${name}`, pawl.mark] }, retry: { attempts: 1 },
        }])),
        agents: { a: { model: 'm', instructions: 'x', tools: ['wait', ...Object.keys(tools)] } },
        ...(limits && { limits }),
    });
    return { pawl, provider };
}

const create = (pawl) => pawl.create({ agent: 'a', input: 'go' });

const lines = (text, says) => text.split('\n').filter((line) => says.test(line));

async function isRefused(pawl, path, status, code) {
    const answer = await pawl.api(...path);

    assert.equal(answer.status, status, `${path}: ${JSON.stringify(answer.body)}`);
    assert.equal(answer.body.code, code);
    return answer.body;
}

// ---- rows that cannot be ----

const DAMAGE = {
    'a status that there is not': `UPDATE session SET status = 'WHATEVER'`,
    'a number that cannot be': `UPDATE session SET turn = -1`,
    'an end that is none': `UPDATE session SET ended_at_ms = 5 - ended_at_ms`,
    'a state that is none': `UPDATE session SET state = x'00'`,
    'a row ahead of its state': `UPDATE session SET seq = seq + 1`,
    'a revision that is gone': `UPDATE session SET revision = 'sha256:0'`,
    'metadata that are no JSON': `UPDATE session SET metadata = '{'`,
    'an input that is no JSON': `UPDATE event SET body = '{' WHERE seq = 1 AND session = `,
};

test('one bad row is one session: the server runs, starts, lists and recovers', async (t) => {
    const { pawl } = await setUp(t);
    const bad = [];

    await pawl.start();
    for (const what of Object.keys(DAMAGE)) bad.push({ what, ...(await create(pawl)) });
    const good = await create(pawl);

    for (const { id } of bad) await pawl.event(id, 'model_answered');
    await pawl.kill(); // in flight: the next server has to take all of them up
    for (const { what, id } of bad) {
        const key = `(SELECT key FROM session WHERE id = '${id}')`;

        await pawl.sql(DAMAGE[what].endsWith('= ') ? DAMAGE[what] + key
                                                    : `${DAMAGE[what]} WHERE key = ${key}`);
    }
    pawl.write('go', '');
    await pawl.start();
    await pawl.completes(good.id);
    for (const { what, id } of bad) {
        const path = `/v1/sessions/${id}`;
        const problem = await isRefused(
            pawl, /metadata/.test(what) ? ['GET', path] : ['POST', `${path}/cancel`, {}], 500,
            'store_corrupt');

        assert.match(problem.detail, /pawl verify/, what);
    }
    const all = await pawl.get('/v1/sessions?limit=3');

    assert.equal(all.data[0].id, good.id);
    assert.deepEqual((await pawl.get('/v1/sessions?metadata.a=b')).data, []);
    let cursor = all.next_cursor;

    for (let pages = 0; cursor; pages++) { // pages without a row lead on, too
        assert.ok(pages < 20);
        ({ next_cursor: cursor } = await pawl.get(`/v1/sessions?limit=3&cursor=${cursor}`));
    }
    await pawl.completes((await create(pawl)).id);
    const verify = await pawl.cli(['verify']);

    assert.equal(verify.status, 1, verify.stdout);
    for (const { what, id } of bad)
        assert.match(verify.stdout, new RegExp(id), what);
    assert.doesNotMatch(verify.stdout, new RegExp(good.id));
    await pawl.sql(`UPDATE agent_revision SET text = text || ' '`);
    assert.match((await pawl.cli(['verify'])).stdout, new RegExp(`${good.id}: .*revision`));
    assert.equal((await pawl.stop()).status, 0);
});

test('metadata that no event gave are found, in a session and in its fork', async (t) => {
    const { pawl } = await setUp(t);

    await pawl.start();
    pawl.write('go', '');
    const { id } = await pawl.create({ agent: 'a', input: 'go', metadata: { a: 'b', c: 'd' } });

    await pawl.completes(id);
    const fork = await pawl.api('POST', `/v1/sessions/${id}/fork`, { at: 1 });

    assert.equal(fork.status, 201, JSON.stringify(fork.body));
    const patched = await pawl.api('PATCH', `/v1/sessions/${id}`, { metadata: { a: 'e' } });

    assert.equal(patched.status, 200, JSON.stringify(patched.body));
    await pawl.verify();
    await pawl.sql(`UPDATE session SET metadata = json_set(metadata, '$.a', 'x')`);
    const verify = await pawl.cli(['verify']);

    assert.equal(verify.status, 1, verify.stdout);
    assert.deepEqual(verify.stdout.trim().split('\n').slice(0, -1), [id, fork.body.id].map(
        (bad) => `${bad}: its metadata are not the ones that its journal gives`));
    assert.equal((await pawl.stop()).status, 0);
});

test('a row that is changed under the server is that session\'s trouble alone', async (t) => {
    const { pawl } = await setUp(t);

    await pawl.start();
    const sessions = [];

    for (let i = 0; i < 4; i++) {
        sessions.push(await create(pawl));
        await until('the tool', () => pawl.tools().length > 0);
        await pawl.follow(sessions[i].id, (e) => e.some((x) => x.kind === 'model_answered'), 'it');
    }
    const [gone, ahead, taken, good] = sessions.map(({ id }) => id);

    await pawl.sql(`DELETE FROM session WHERE id = '${gone}';
        UPDATE session SET seq = seq + 1 WHERE id = '${ahead}';
        INSERT INTO event (session, seq, at_ms, kind, body) SELECT key, seq + 1, 0, 'message', '{}'
            FROM session WHERE id = '${taken}'`);
    pawl.write('go', '');
    await pawl.completes(good);
    await until('all to be told', () => lines(pawl.log, /is left alone/).length >= 3);
    await isRefused(pawl, ['GET', `/v1/sessions/${gone}`], 404, 'session_not_found');
    await isRefused(pawl, ['POST', `/v1/sessions/${ahead}/cancel`], 500, 'store_corrupt');
    await isRefused(pawl, ['POST', `/v1/sessions/${taken}/cancel`], 500, 'store_corrupt');
    await pawl.completes((await create(pawl)).id);
    assert.equal((await pawl.stop()).status, 0);
});

// ---- files that are gone ----

async function takesNoWrites(pawl) {
    const problem = await isRefused(
        pawl, ['POST', '/v1/sessions', { agent: 'a', input: 'x' }], 503, 'store_unavailable');

    await isRefused(pawl, ['GET', '/readyz'], 503, 'store_unavailable');
    return problem.detail;
}

test('a store that was moved away takes no writes, and goes on when it is back', async (t) => {
    const { pawl } = await setUp(t);

    await pawl.start();
    const { id } = await create(pawl);

    await pawl.event(id, 'model_answered');
    for (const name of ['pawl.db', 'pawl.db-wal']) {
        renameSync(pawl.path(name), pawl.path('away'));
        assert.match(await takesNoWrites(pawl), new RegExp(`${name} was removed or replaced`));
        writeFileSync(pawl.path(name), 'another');
        assert.match(await takesNoWrites(pawl), new RegExp(`${name} was removed or replaced`));
        rmSync(pawl.path(name));
        renameSync(pawl.path('away'), pawl.path(name));
        pawl.write('go', '');
        await pawl.completes(id);
        await pawl.completes((await create(pawl)).id);
        await until('readiness', async () => (await pawl.api('GET', '/readyz')).status === 200);
    }
    await pawl.verify();
});

test('a store that is removed is not written to; what it had can still be read', async (t) => {
    const { pawl } = await setUp(t);

    pawl.write('go', '');
    await pawl.start();
    const { id } = await create(pawl);

    await pawl.completes(id);
    linkSync(pawl.path('pawl.db'), pawl.path('kept'));
    rmSync(pawl.path('pawl.db'));
    await takesNoWrites(pawl);
    assert.equal((await pawl.session(id)).status, 'COMPLETED');
    assert.equal(lines(pawl.log, /takes no writes/).length, 1);
    await pawl.stop();
});

// ---- a full disk ----

// Runs the server with a small disk of its own, which nobody else sees.
function withSmallDisk(pawl, kib) {
    const isRoot = process.getuid() === 0;

    mkdirSync(pawl.path('disk'));
    pawl.within = [
        'unshare', ...(isRoot ? ['-m'] : ['-r', '-m']), '--propagation', 'private', 'sh', '-c',
        `mount -t tmpfs -o size=${kib}k tmpfs "$0" && exec "$@"`, pawl.path('disk'),
    ];
}

test('a full disk refuses new work with the reason, and work goes on when there is room',
     async (t) => {
    const { pawl } = await setUp(t, { store: 'sqlite:disk/pawl.db' });

    withSmallDisk(pawl, 16 * 1024);
    await pawl.start();
    const disk = `/proc/${pawl.server.pid}/root${pawl.path('disk')}`;
    const before = [];

    for (let i = 0; i < 5; i++) before.push((await create(pawl)).id);
    for (const id of before) await pawl.event(id, 'model_answered');
    const big = 'x'.repeat(4096);
    const fill = await run('sh', ['-c', `dd if=/dev/zero of=${disk}/fill bs=4k 2>/dev/null; true`]);

    assert.equal(fill.status, 0);
    const accepted = [];
    let refused;

    while (!refused) { // what SQLite still has of its own is used up first
        const answer = await pawl.api('POST', '/v1/sessions', { agent: 'a', input: big });

        if (answer.status === 201) accepted.push(answer.body.id);
        else refused = answer;
    }
    assert.equal(refused.status, 503);
    assert.equal(refused.body.code, 'store_unavailable');
    assert.match(refused.body.detail, /full|space/i);
    await isRefused(pawl, ['GET', '/readyz'], 503, 'store_unavailable');
    assert.equal((await pawl.api('GET', '/livez')).status, 200);
    pawl.write('go', ''); // results come that cannot be recorded
    assert.equal((await pawl.api('POST', '/v1/sessions', { agent: 'a', input: big })).status, 503);
    await until('room', async () => (await run('rm', [`${disk}/fill`])).status === 0);
    for (const id of [...before, ...accepted]) await pawl.completes(id);
    assert.equal((await pawl.api('GET', '/readyz')).status, 200);
    assert.equal(lines(pawl.log, /takes no writes/).length, 1, pawl.log);
    assert.equal(lines(pawl.log, /takes writes again/).length, 1, pawl.log);
    const all = (await pawl.get('/v1/sessions?limit=1000')).data;

    assert.equal(all.length, before.length + accepted.length, 'what was refused is not there');
    const config = pawl.path('pawl.yaml');
    const verify = await run('nsenter', ['-t', String(pawl.server.pid), '-m',
        ...(process.getuid() === 0 ? [] : ['-U']), PAWL, 'verify',
        '-c', config]);

    assert.equal(verify.status, 0, verify.stdout + verify.stderr);
});

// ---- what is too large ----

test('an answer that no event can hold ends the turn with a code', async (t) => {
    // As JSON a control character takes six bytes, in the call's arguments seven.
    const text = '\u0001'.repeat(3 * 1024 * 1024);
    const { pawl, provider } = await setUp(t, { behave: () => say(text) });

    await pawl.start();
    const session = await pawl.play('a');

    assert.equal(session.status, 'FAILED');
    assert.equal(session.error.code, 'model_bad_answer');
    assert.match(session.error.message, /too large.*16 MiB/);
    assert.equal(provider.requests.length, 1);
    provider.behaviour = () => say('done');
    await pawl.post(`/v1/sessions/${session.id}/retry`);
    await pawl.completes(session.id);
});

test('outputs that no event, or no tick, can hold are kept beside them, and the model is told', async (t) => {
    const big = `#!/bin/sh\nhead -c 4194304 /dev/zero | tr '\\0' '\\001'\n`;
    const { pawl, provider } = await setUp(t, {
        tools: { big },
        limits: { tool_output: '4MiB' },
        behave: ({ answers }) =>
            (answers === 0 ? ask([['big', {}], ['big', {}], ['big', {}], ['big', {}]]) : say('done')),
    });

    await pawl.start();
    const { events } = await pawl.completes((await create(pawl)).id);
    const told = provider.requests[1].messages.filter((m) => m.role === 'tool');

    assert.equal(ofKind(events, 'tool_finished').length, 4);
    for (const { content } of told)
        assert.match(content, /\n\[\.\.\. 2097152 of 4194304 bytes are left out here \.\.\.\]\n/);
    for (const { blob } of ofKind(events, 'tool_finished')) assert.equal(blob.bytes, 4194304);
});

test('a conversation that no request can hold ends the turn with a code', async (t) => {
    const { pawl, provider } = await setUp(t, { limits: { request: '64MiB' } });
    const content = 'x'.repeat(15 * 1024 * 1024);

    await pawl.start();
    const { id } = await create(pawl);

    await pawl.event(id, 'model_answered');
    for (let i = 0; i < 18; i++) await pawl.post(`/v1/sessions/${id}/messages`, { content });
    pawl.write('go', '');
    await until('the end', async () => (await pawl.session(id)).status === 'FAILED');
    const { error } = await pawl.session(id);

    assert.equal(error.code, 'model_refused');
    assert.match(error.message, /larger than the 256 MiB .* window/);
    assert.equal(provider.requests.length, 1, 'nothing was sent');
    await pawl.completes((await create(pawl)).id);
    assert.equal((await pawl.stop()).status, 0);
});

test('a message that no event can hold is refused, and nothing else is', async (t) => {
    const { pawl } = await setUp(t, { limits: { request: '64MiB' } });
    const content = 'x'.repeat(17 * 1024 * 1024);

    await pawl.start();
    const { id } = await create(pawl);

    await isRefused(pawl, ['POST', '/v1/sessions', { agent: 'a', input: content }], 413,
                    'too_large_to_store');
    await isRefused(pawl, ['POST', `/v1/sessions/${id}/messages`, { content }], 413,
                    'too_large_to_store');
    pawl.write('go', '');
    await pawl.completes(id);
});
