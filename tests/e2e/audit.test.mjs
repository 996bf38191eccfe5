// audit.test.mjs - who did what: a row for every write, with it or not at all, and none can be changed unseen.
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Pawl, ROOT, run, WAIT } from './lib/pawl.mjs';
import { Random, seedOfRun } from './lib/random.mjs';
import { newSecret, Target } from './lib/target.mjs';
import { until } from './lib/wait.mjs';

const SECRET = newSecret();
const script = (...replies) => ({ provider: 'scripted', replies });
const CONFIG = {
    models: {
        plain: script({ text: 'ok' }),
        slow: script({ calls: [{ tool: 'wait' }] }, { text: 'done' }),
        asking: script({ calls: [{ tool: 'ask' }] }, { text: 'done' }),
        curious: script({ calls: [{ tool: 'question', arguments: { question: 'x' } }] }, { text: 'done' }),
        stuck: script({ calls: [{ tool: 'stuck' }] }, { text: 'done' }),
    },
    tools: {
        wait: { description: 'x', exec: { command: ['./wait'] } },
        ask: { description: 'x', exec: { command: ['./ask'] }, approval: 'always' },
        question: { builtin: 'ask_user' },
        stuck: { description: 'x', exec: { command: ['./wait'] }, effects: 'once' },
    },
    agents: {
        plain: { model: 'plain', instructions: 'x' },
        slow: { model: 'slow', instructions: 'x', tools: ['wait'] },
        curious: { model: 'curious', instructions: 'x', tools: ['question'] },
        asking: { model: 'asking', instructions: 'x', tools: ['ask'] },
        stuck: { model: 'stuck', instructions: 'x', tools: ['stuck'] },
    },
    limits: { crashes: 1000 },
    triggers: { ticket: { secret: SECRET, agent: 'plain', input: '{{body.text}}' } },
};
const FILES = { wait: WAIT, ask: '#!/bin/sh\necho yes\n' };

const setUp = async (t, more = {}) => (await Pawl.make(t, { ...CONFIG, ...more }, FILES)).start();

// The rows as the API gives them, a page at a time.
async function listed(pawl, query = '', headers = {}) {
    const rows = [];

    for (let cursor = ''; cursor !== null;) {
        const { status, body } = await pawl.api(
            'GET', `/v1/audit?${query}${cursor && `&cursor=${cursor}`}`, undefined, headers);

        assert.equal(status, 200, JSON.stringify(body));
        rows.push(...body.data);
        cursor = body.next_cursor;
    }
    return rows;
}

// The rows as they are in the file, the oldest first.
async function rowsOf(pawl) {
    const columns = ['seq', 'at_ms', 'tenant', 'actor', 'actor_name', 'address', 'action', 'target', 'call',
                     'request_hash', 'outcome', 'prev_hash', 'hash'];
    const members = columns.map((c) => `'${c}', ${c}`).join(', ');
    const text = await pawl.sql(`SELECT json_object(${members}) FROM audit ORDER BY seq`);

    return text ? text.split('\n').map((line) => JSON.parse(line)) : [];
}

const sha256 = (text) => createHash('sha256').update(text).digest('hex');

// The approval that a session of `asking` waits for.
async function asked(pawl, agent = 'asking') {
    const { id } = await pawl.create({ agent, input: 'x' });

    return until('the question', async () =>
        (await pawl.get('/v1/approvals?status=pending')).data.find((approval) => approval.session === id));
}

const plain = async (pawl) => (await pawl.play('plain')).id;

async function slow(pawl) {
    const { id } = await pawl.create({ agent: 'slow', input: 'x' });

    await pawl.event(id, 'model_answered');
    return id;
}

async function failed(pawl) {
    const { id } = await pawl.create({ agent: 'slow', input: 'x', budget: { tokens: 1 } });

    await pawl.ended(id);
    return id;
}

async function inDoubt(pawl) {
    const { id } = await pawl.create({ agent: 'stuck', input: 'x' });

    await pawl.event(id, 'tool_sent');
    await pawl.kill();
    await pawl.start();
    await pawl.event(id, 'tool_in_doubt');
    const { call } = await pawl.event(id, 'tool_sent');

    return { id, call };
}

// A way to use each route that writes: { path, body, headers, action, actor, target, call, outcome }. `target` of
// a creation is what it answers.
const session = (action, make, rest = '', body = undefined) => async (pawl) => {
    const id = await make(pawl);

    return { path: `/v1/sessions/${id}${rest}`, body, action, target: id };
};
const decide = (decision, action, outcome) => async (pawl) => {
    const { id, session: target, call, arguments_hash } = await asked(pawl);

    return { path: `/v1/approvals/${id}`, body: { decision, arguments_hash }, action, target, call, outcome };
};
const answer = async (pawl) => {
    const { id, session: target, call } = await asked(pawl, 'curious');

    return { path: `/v1/approvals/${id}`, body: { answer: 'x' }, action: 'approval.answer', target, call,
             outcome: 'answered' };
};
const WRITES = {
    'POST /v1/triggers/{id}': [() => {
        const body = { text: 'x' };
        const at = Math.floor(Date.now() / 1000);
        const signature = createHmac('sha256', Buffer.from(SECRET.replace('whsec_', ''), 'base64'))
            .update(`msg_1.${at}.${JSON.stringify(body)}`).digest('base64');

        return { path: '/v1/triggers/ticket', body, action: 'session.create', actor: 'trigger:ticket',
                 headers: { 'webhook-id': 'msg_1', 'webhook-timestamp': `${at}`,
                            'webhook-signature': `v1,${signature}` } };
    }],
    'POST /v1/sessions': [() => ({ path: '/v1/sessions', body: { agent: 'plain', input: 'x' },
                                   action: 'session.create' })],
    'PATCH /v1/sessions/{id}': [session('session.change', plain, '', { metadata: { a: 'b' } })],
    'DELETE /v1/sessions/{id}': [session('session.erase', plain)],
    'POST /v1/sessions/{id}/messages': [session('session.message', plain, '/messages', { content: 'x' })],
    'POST /v1/sessions/{id}/cancel': [session('session.cancel', slow, '/cancel', { reason: 'x' })],
    'POST /v1/sessions/{id}/pause': [session('session.pause', slow, '/pause')],
    'POST /v1/sessions/{id}/resume': [async (pawl) => {
        const id = await slow(pawl);

        await pawl.post(`/v1/sessions/${id}/pause`);
        return { path: `/v1/sessions/${id}/resume`, action: 'session.resume', target: id };
    }],
    'POST /v1/sessions/{id}/retry': [session('session.retry', failed, '/retry', { budget: { tokens: 100000 } })],
    'POST /v1/sessions/{id}/fork': [async (pawl) => {
        const id = await plain(pawl);

        return { path: `/v1/sessions/${id}/fork`, action: 'session.fork', outcome: `from ${id}` };
    }],
    'POST /v1/sessions/{id}/signals/{name}': [session('session.signal', plain, '/signals/paid', { order: 7 })],
    'POST /v1/sessions/{id}/calls/{n}/settle': [async (pawl) => {
        const { id, call } = await inDoubt(pawl);

        return { path: `/v1/sessions/${id}/calls/${call}/settle`, body: { outcome: 'happened', output: 'x' },
                 action: 'call.settle', target: id, call, outcome: 'happened' };
    }],
    'POST /v1/approvals/{id}': [decide('approve', 'approval.approve', 'approved'),
                                decide('reject', 'approval.reject', 'rejected'), answer],
    'POST /v1/deliveries/{id}/redeliver': [async (pawl) => {
        const { id: target } = await until('an attempt that failed', async () =>
            (await pawl.get('/v1/deliveries?limit=1000')).data.find((delivery) => delivery.attempts > 0));

        return { path: `/v1/deliveries/${target}/redeliver`, action: 'delivery.redeliver', target };
    }],
};

// With the first key all others want one, too: a test of their own, below.
const KEYS = ['POST /v1/keys', 'DELETE /v1/keys/{id}'];

test('each route that writes leaves one row of what it did', async (t) => {
    const target = await Target.make(t);
    const pawl = await setUp(t, { webhooks: [
        { name: 'ops', url: target.url, secret: newSecret(), allow_private: true, events: ['session.completed'] },
    ] });

    target.answer = (message, nth) => (nth === 1 ? 500 : null); // it fails once, and then hangs
    const { paths } = JSON.parse(readFileSync(join(ROOT, 'src/api/openapi.json'), 'utf8'));

    for (const [path, methods] of Object.entries(paths)) {
        for (const method of ['post', 'put', 'patch', 'delete'].filter((m) => methods[m])) {
            const route = `${method.toUpperCase()} ${path.replace('{call}', '{n}')}`;

            assert.ok(WRITES[route] ?? KEYS.includes(route),
                      `${route} writes: add to WRITES what its row of the audit is`);
            for (const make of WRITES[route] ?? []) {
                const way = await make(pawl);
                const before = (await rowsOf(pawl)).length;
                const key = way.headers ?? { 'idempotency-key': `${before}` };
                const text = way.body ? JSON.stringify(way.body) : undefined;
                const first = await pawl.api(method.toUpperCase(), way.path, text, key);
                const again = await pawl.api(method.toUpperCase(), way.path, text, key);

                assert.ok(first.status < 300, `${route}: ${JSON.stringify(first.body)}`);
                assert.ok(again.status < 300, `${route}: ${JSON.stringify(again.body)}`);
                const rows = await rowsOf(pawl);
                const row = rows.at(-1);

                assert.equal(rows.length, before + 1, route);
                assert.equal(row.action, way.action, route);
                assert.equal(row.target, way.target ?? first.body.id ?? first.body.session, route);
                assert.equal(row.call, way.call ?? 0, route);
                assert.equal(row.outcome, way.outcome ?? 'done', route);
                assert.equal(row.request_hash, sha256(text ?? ''), route);
                assert.equal(row.address, '127.0.0.1', route);
                assert.equal(row.actor, way.actor ?? 'open', route);
            }
        }
    }
    assert.match(await pawl.verify(), /audit rows: all good/);
    // What is refused leaves none.
    const before = (await rowsOf(pawl)).length;
    const id = await slow(pawl);
    const refused = [
        await pawl.api('POST', '/v1/sessions', { agent: 'nobody', input: 'x' }),
        await pawl.api('DELETE', `/v1/sessions/${id}`),
        await pawl.api('POST', `/v1/sessions/${id}/resume`),
        await pawl.api('POST', `/v1/sessions/${id}/calls/1/settle`, { outcome: 'happened', output: 'x' }),
    ];

    assert.deepEqual(refused.map((answer) => answer.status), [422, 409, 409, 409]);
    assert.equal((await rowsOf(pawl)).length, before + 1, 'the creation alone');
});

test('a key is named in the rows of what was done with it', async (t) => {
    const pawl = await setUp(t);
    const lastOf = async (n) => {
        const rows = await rowsOf(pawl);

        assert.equal(rows.length, n);
        const { action, actor, actor_name, target, tenant, request_hash } = rows.at(-1);

        return [action, actor, actor_name, target, tenant, request_hash];
    };
    const body = (more) => JSON.stringify({ roles: ['admin'], ...more });
    const first = await pawl.post('/v1/keys', body({ name: 'boss' }));
    const boss = { authorization: `Bearer ${first.key}` };

    assert.deepEqual(await lastOf(1), ['key.create', 'open', 'api:127.0.0.1', first.id, '',
                                       sha256(body({ name: 'boss' }))]);
    const second = await pawl.post('/v1/keys', body({ name: 'Anna', tenant: 'acme' }), boss);
    const anna = { authorization: `Bearer ${second.key}` };

    assert.deepEqual((await lastOf(2)).slice(0, 5), ['key.create', first.id, 'boss', second.id, 'acme']);
    const { id } = await pawl.create({ agent: 'plain', input: 'x' }, anna);

    assert.deepEqual((await lastOf(3)).slice(0, 5), ['session.create', second.id, 'Anna', id, 'acme']);
    for (let i = 0; i < 2; i++) // the second changes nothing
        assert.equal((await pawl.api('DELETE', `/v1/keys/${second.id}`, undefined, boss)).status, 200);
    assert.deepEqual((await lastOf(4)).slice(0, 5), ['key.revoke', first.id, 'boss', second.id, 'acme']);
    for (const headers of [anna, {}, { authorization: 'Bearer pawl_nonsense' }])
        assert.equal((await pawl.api('POST', '/v1/sessions', { agent: 'plain', input: 'x' }, headers)).status, 401);
    await pawl.stop();
    const made = await pawl.cli(['key', 'create', 'late', '--offline', '-c', pawl.path('pawl.yaml'),
                                 '--role', 'admin']);

    assert.equal(made.status, 0, made.stderr);
    const [action, actor] = await lastOf(5);

    assert.deepEqual([action, actor], ['key.create', 'offline']);
    assert.doesNotMatch(await pawl.sql('SELECT * FROM audit'), /pawl_/);
    await pawl.verify();
});

test('what retention removes leaves a row, and so do those that it told of', async (t) => {
    const pawl = await setUp(t, { retention: { age: '1s' } });
    const id = await plain(pawl);

    await until('the end of the session', async () => (await rowsOf(pawl)).length === 2);
    const [made, gone] = await rowsOf(pawl);

    assert.equal(made.action, 'session.create');
    assert.deepEqual({ ...gone, at_ms: 0, prev_hash: '', hash: '' },
                     { seq: 2, at_ms: 0, tenant: '', actor: 'retention', actor_name: '', address: '',
                       action: 'session.erase', target: id, call: 0, request_hash: '', outcome: 'done',
                       prev_hash: '', hash: '' });
    assert.match(await pawl.verify(), /^0 sessions, 0 events, 2 audit rows: all good/);
});

const seed = seedOfRun();

test(`killed at random moments: no effect without its row, no row without its effect (E2E_SEED=${seed})`,
     async (t) => {
    const random = new Random(seed);
    const pawl = await setUp(t);
    const ids = new Set();

    for (let round = 0; round < 12; round++) {
        let isOver = false;
        const client = async () => {
            while (!isOver) {
                try {
                    const { id } = await pawl.create({ agent: 'plain', input: 'x' });

                    ids.add(id);
                    await pawl.api('POST', `/v1/sessions/${id}/messages`, { content: 'y' });
                    await pawl.api('POST', `/v1/sessions/${id}/pause`);
                    await pawl.api('POST', `/v1/sessions/${id}/resume`);
                } catch {
                    return; // the server is gone
                }
            }
        };
        const clients = [client(), client(), client(), client()];

        await pause(random.between(0, 150));
        pawl.server.kill('SIGKILL');
        isOver = true;
        await pawl.exited();
        await Promise.all(clients);
        await pawl.lockIsFree();
        await pawl.start();
    }
    // What each session's journal says that was asked of it, against its rows.
    const KINDS = { created: 'session.create', message: 'session.message', paused: 'session.pause',
                    resumed: 'session.resume' };
    const done = await pawl.sql("SELECT s.id || ' ' || e.kind FROM event e JOIN session s ON s.key = e.session "
        + `WHERE e.kind IN (${Object.keys(KINDS).map((k) => `'${k}'`).join(', ')}) ORDER BY 1`);
    const expected = done.split('\n').map((line) => line.split(' '))
        .map(([id, kind]) => `${id} ${KINDS[kind]}`).sort();
    const rows = await rowsOf(pawl);

    assert.deepEqual(rows.map((row) => `${row.target} ${row.action}`).sort(), expected);
    assert.deepEqual(rows.map((row) => row.seq), rows.map((_, i) => i + 1));
    for (const id of ids) assert.ok(rows.some((row) => row.target === id), `${id} was acknowledged`);
    t.diagnostic(`${rows.length} rows over 12 kills`);
    await pawl.verify();
});

test('pawl verify tells which row was changed, removed, swapped, put in or cut off', async (t) => {
    const pawl = await setUp(t);
    const says = async (damage, mend, expected) => {
        await pawl.sql(`CREATE TABLE kept AS SELECT * FROM audit; ${damage}`);
        const { status, stdout } = await pawl.cli(['verify', '-c', pawl.path('pawl.yaml')]);

        assert.equal(status, 1, stdout);
        assert.deepEqual(stdout.split('\n').filter((line) => line.startsWith('audit:')), expected);
        await pawl.sql(`DELETE FROM audit; INSERT INTO audit SELECT * FROM kept; DROP TABLE kept; ${mend}`);
        await pawl.verify();
    };
    const copy = (seq, from) => `INSERT INTO audit SELECT ${seq}, at_ms, tenant, 'k9', actor_name, address, action,`
        + ` target, call, request_hash, outcome, prev_hash, hash FROM audit WHERE seq = ${from};`;

    for (let i = 0; i < 6; i++) await plain(pawl);
    await says("UPDATE audit SET actor_name = 'someone' WHERE seq = 3;", '',
               ['audit: row 3 is not what its hash says']);
    await says('DELETE FROM audit WHERE seq IN (2, 4, 5);', '',
               ['audit: row 2 is not there', 'audit: rows 4 to 5 are not there']);
    await says('UPDATE audit SET seq = -2 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3;'
               + 'UPDATE audit SET seq = 3 WHERE seq = -2;', '',
               ['audit: row 2 is not what its hash says', 'audit: row 3 is not what its hash says',
                'audit: row 4 does not follow row 3: one of them is not what was written']);
    await says('DELETE FROM audit WHERE seq > 4;', '', ['audit: rows 5 to 6 are not there']);
    await says('DELETE FROM audit;', '', ['audit: rows 1 to 6 are not there']);
    await says(copy(7, 6), 'UPDATE sqlite_sequence SET seq = 6 WHERE name = \'audit\';',
               ['audit: row 7 is not what its hash says']);
    // The server knows its last row, and goes on with that.
    await says('DELETE FROM audit WHERE seq = 6;', '', ['audit: row 6 is not there']);
    await pawl.sql('DELETE FROM audit WHERE seq = 6; UPDATE sqlite_sequence SET seq = 5 WHERE name = \'audit\'');
    await pawl.verify(); // from the file alone nobody knows
    await plain(pawl);
    const { stdout } = await pawl.cli(['verify', '-c', pawl.path('pawl.yaml')]);

    assert.match(stdout, /^audit: row 6 is not there$/m);
});

test('the list has what was asked for, in pages and in both orders', async (t) => {
    const pawl = await setUp(t);
    const id = await plain(pawl);

    for (let i = 0; i < 4; i++) await pawl.post(`/v1/sessions/${id}/messages`, { content: `${i}` });
    await plain(pawl);
    const rows = await rowsOf(pawl);
    const seqs = async (query) => (await listed(pawl, query)).map((row) => row.seq);

    assert.deepEqual((await listed(pawl, 'order=oldest&limit=4')).map(({ at, ...row }) => {
        assert.equal(Date.parse(at), row.at_ms);
        return row;
    }), rows);
    assert.deepEqual(await seqs('limit=1'), [6, 5, 4, 3, 2, 1]);
    assert.deepEqual(await seqs(`session=${id}`), [5, 4, 3, 2, 1]);
    assert.deepEqual(await seqs('action=session.create'), [6, 1]);
    assert.deepEqual(await seqs('actor=open&limit=2'), [6, 5, 4, 3, 2, 1]);
    assert.deepEqual(await seqs('actor=k1'), []);
    const at = (seq) => new Date(rows[seq - 1].at_ms).toISOString();

    assert.deepEqual(await seqs(`since=${at(3)}&until=${at(6)}`),
                     rows.filter((r) => r.at_ms >= rows[2].at_ms && r.at_ms < rows[5].at_ms).map((r) => r.seq).reverse());
    const { next_cursor: cursor } = await pawl.get('/v1/audit?limit=1');

    for (const query of ['action=session.creat', 'order=up', 'since=monday', 'limit=0', 'cursor=x', 'who=me',
                         `order=oldest&cursor=${cursor}`])
        assert.equal((await pawl.api('GET', `/v1/audit?${query}`)).status, 400, query);
    // People see a table; an admin of a tenant its rows alone.
    const table = await pawl.cli(['audit', '--session', id, '-n', '2']);

    assert.equal(table.status, 0, table.stderr);
    assert.match(table.stdout, new RegExp(`^ +5 +\\S+ \\S+ +session\\.message +api:127\\.0\\.0\\.1 +127\\.0\\.0\\.1 +${id}$`, 'm'));
    assert.match(table.stderr, /there are more/);
    const boss = await pawl.post('/v1/keys', { name: 'boss', roles: ['admin'] });
    const as = (key) => ({ authorization: `Bearer ${key.key}` });
    const anna = await pawl.post('/v1/keys', { name: 'anna', roles: ['admin'], tenant: 'acme' }, as(boss));

    assert.deepEqual((await listed(pawl, '', as(anna))).map((row) => [row.seq, row.target]), [[8, anna.id]]);
    assert.equal((await listed(pawl, '', as(boss))).length, 8);
});

test('10,000 rows are exported, the oldest first, and anybody can check them', async (t) => {
    const pawl = await setUp(t);

    await plain(pawl);
    await pawl.stop();
    // As if by many: hashed here, by what docs/audit.md says.
    const net = (values) => Buffer.concat(values.map((v) => {
        const bytes = Buffer.from(String(v));

        return Buffer.concat([Buffer.from(`${bytes.length}:`), bytes, Buffer.from(',')]);
    }));
    const [first] = await rowsOf(pawl);
    const lines = [];
    let { hash } = first;

    for (let seq = 2; seq <= 10_000; seq++) {
        const values = [hash, seq, first.at_ms + seq, '', 'k1', '\u00c4nne \u65e5\u672c', '::1', 'session.message', first.target, 0,
                        sha256(`${seq}`), 'done'];

        hash = sha256(net(['pawl audit 1', ...values]));
        const [prev, ...rest] = values;

        lines.push(`(${[...rest, prev, hash].map((v) => (typeof v === 'number' ? v : `'${v}'`)).join(', ')})`);
    }
    pawl.write('more.sql', `INSERT INTO audit VALUES ${lines.join(',\n')};`);
    await pawl.sql(`.read ${pawl.path('more.sql')}`);
    await pawl.start();
    await plain(pawl);
    assert.match(await pawl.verify(), /10,001 audit rows: all good/);
    const { status, stdout, stderr } = await pawl.cli(['audit', '--jsonl'], { deadlineMs: 60_000 });

    assert.equal(status, 0, stderr);
    const rows = stdout.trimEnd().split('\n').map((line) => JSON.parse(line));

    assert.deepEqual(rows.map((row) => row.seq), Array.from({ length: 10_001 }, (_, i) => i + 1));
    // Those lines of docs/audit.md.
    const [, check] = /<<'END'\n(.*?)\nEND\n/s.exec(readFileSync(join(ROOT, 'docs/audit.md'), 'utf8'));
    const python = async (lines) => run('python3', ['-c', check], { input: lines.map((l) => `${JSON.stringify(l)}\n`).join('') });

    assert.match((await python(rows)).stdout, /^all good up to row 10001 [0-9a-f]{64}$/m);
    for (const spoil of [(r) => { r[5000].actor = 'k2'; }, (r) => r.splice(70, 1), (r) => { r[9].seq = 11; }]) {
        const spoilt = structuredClone(rows);

        spoil(spoilt);
        const { status: code, stderr: said } = await python(spoilt);

        assert.equal(code, 1);
        assert.match(said, /^row \d+ is wrong, or does not follow$/m);
    }
});

test('with retention.audit the oldest go, and the chain begins behind them', async (t) => {
    const pawl = await setUp(t, { retention: { audit: '1s' } });

    for (let i = 0; i < 3; i++) await plain(pawl);
    await until('the rows to go', async () => (await rowsOf(pawl)).length === 0);
    await pawl.stop();
    pawl.configure(CONFIG);
    await pawl.start();
    await plain(pawl);
    const [row, ...others] = await rowsOf(pawl);

    assert.equal(row.seq, 4);
    assert.deepEqual(others, []);
    assert.match(await pawl.verify(), /, 1 audit row from number 4 on: all good/);
    assert.equal(await pawl.sql('SELECT seq, hash FROM audit_anchor'), `3|${row.prev_hash}`);
    await pawl.sql("UPDATE audit_anchor SET hash = 'x'");
    const { status, stdout } = await pawl.cli(['verify', '-c', pawl.path('pawl.yaml')]);

    assert.equal(status, 1);
    assert.match(stdout, /^audit: row 4 does not follow row 3/m);
});
