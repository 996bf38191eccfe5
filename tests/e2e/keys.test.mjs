// keys.test.mjs - who may do what: every route with every role, other tenants, wrong keys by the
// thousand, revoked ones, and where a secret must not be.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { test } from 'node:test';
import { ofKind } from './lib/journal.mjs';
import { Pawl } from './lib/pawl.mjs';
import { rawRequest } from './lib/raw.mjs';
import { Reader } from './lib/sse.mjs';
import { newSecret } from './lib/target.mjs';
import { until } from './lib/wait.mjs';

const UNKNOWN = 'ses_0190e5c8-7b7e-7cc3-8a5d-0242ac120002';
const WRONG = 'pawl_0123456789ab_0123456789abcdefghjkmnpqrstvwxyz0123456789abcdefghjgvc728hv';
const ROLES = ['submit', 'approve', 'operate', 'admin', 'executor', 'finance'];

// Who may do what, and a request that would do it. A route that is not in here fails the test.
const READ = ['submit', 'approve', 'operate', 'admin'];
const SUBMIT = ['submit', 'admin'];
const INBOX = ['approve', 'operate', 'admin'];
const APPROVE = ['approve', 'admin'];
const OPERATE = ['operate', 'admin'];
const ADMIN = ['admin'];
const ROUTES = {
    'GET /livez': [null],
    'GET /readyz': [null],
    'GET /openapi.json': [null],
    'GET /v1/version': [null],
    'POST /v1/triggers/{id}': [null],
    'GET /v1/agents': [READ],
    'GET /v1/schedules': [READ],
    'GET /v1/sessions': [READ],
    'POST /v1/sessions': [SUBMIT, { agent: 'idle', input: 'x' }],
    'GET /v1/sessions/{id}': [READ],
    'PATCH /v1/sessions/{id}': [OPERATE, { metadata: { stolen: 'yes' } }],
    'DELETE /v1/sessions/{id}': [OPERATE],
    'GET /v1/sessions/{id}/events': [READ],
    'GET /v1/sessions/{id}/steps': [READ],
    'POST /v1/sessions/{id}/messages': [SUBMIT, { content: 'x' }],
    'POST /v1/sessions/{id}/cancel': [OPERATE, {}],
    'POST /v1/sessions/{id}/pause': [OPERATE, {}],
    'POST /v1/sessions/{id}/resume': [OPERATE, {}],
    'POST /v1/sessions/{id}/retry': [OPERATE, {}],
    'POST /v1/sessions/{id}/fork': [OPERATE, {}],
    'POST /v1/sessions/{id}/signals/{name}': [SUBMIT, {}],
    'POST /v1/sessions/{id}/calls/{n}/settle': [OPERATE, { outcome: 'happened' }],
    'GET /v1/sessions/{id}/calls/{n}/output': [READ],
    'GET /v1/approvals': [INBOX],
    'GET /v1/approvals/{id}': [INBOX],
    'POST /v1/approvals/{id}': [APPROVE, { decision: 'approve', arguments_hash: 'x' }],
    'GET /v1/deliveries': [OPERATE],
    'GET /v1/deliveries/{id}': [OPERATE],
    'POST /v1/deliveries/{id}/redeliver': [OPERATE],
    'GET /v1/audit': [ADMIN],
    'GET /v1/keys': [ADMIN],
    'POST /v1/keys': [ADMIN, { name: '', roles: ['submit'] }], // allowed, and not made
    'DELETE /v1/keys/{id}': [ADMIN],
};

const ASKS = { tool: 'refund', arguments: { amount: 500 } };
const CONFIG = {
    models: {
        asks: { provider: 'scripted', replies: [{ calls: [ASKS] }, { text: 'done' }] },
        idle: { provider: 'scripted', replies: [{ text: 'done' }] },
        slow: { provider: 'scripted', replies: [{ text: 'late', delay: '300s' }] },
    },
    tools: {
        refund: {
            description: 'Pays back.',
            parameters: { type: 'object', properties: { amount: { type: 'number' } } },
            exec: { command: ['/bin/true'] },
            approval: [{ when: 'always', role: 'finance' },
                       { when: [{ path: '/amount', gt: 1000 }], role: 'board', approvers: 2 }],
        },
    },
    agents: {
        asks: { model: 'asks', instructions: 'x', tools: ['refund'] },
        idle: { model: 'idle', instructions: 'x' },
        slow: { model: 'slow', instructions: 'x' },
    },
    webhooks: [{ name: 'ops', url: 'http://127.0.0.1:1/', secret: newSecret(), allow_private: true }], // nobody is there
};

const bearer = (key) => (key ? { authorization: `Bearer ${key}` } : {});
const idOf = (key) => key.split('_')[1];
const secretOf = (key) => key.split('_')[2];

// A request as whoever has the key: { status, headers, body }.
const as = (pawl, key, method, path, body) => pawl.api(method, path, body, bearer(key));

async function get(pawl, key, path) {
    const { status, body } = await as(pawl, key, 'GET', path);

    assert.equal(status, 200, `GET ${path}: ${JSON.stringify(body)}`);
    return body;
}

async function make(pawl, admin, name, roles, more = {}) {
    const { status, body } = await as(pawl, admin, 'POST', '/v1/keys', { name, roles, ...more });

    assert.equal(status, 201, JSON.stringify(body));
    assert.match(body.key, /^pawl_[0-9a-hjkmnp-tv-z]{12}_[0-9a-hjkmnp-tv-z]{59}$/);
    return body.key;
}

async function offline(pawl, name, ...args) {
    const { status, stdout, stderr } = await pawl.cli(['key', 'create', name, '--offline', ...args]);

    assert.equal(status, 0, stderr);
    return stdout.trim();
}

// A server with an admin's key: [pawl, key].
async function setUp(t, more = {}) {
    const pawl = await Pawl.make(t, { ...CONFIG, ...more });
    const boss = await offline(pawl, 'boss', '--role', 'admin');

    await pawl.start();
    return [pawl, boss];
}

async function begin(pawl, key, agent) {
    const { status, body } = await as(pawl, key, 'POST', '/v1/sessions', { agent, input: 'go' });

    assert.equal(status, 201, JSON.stringify(body));
    return body.id;
}

async function waitsFor(pawl, key, id, status) {
    return until(`${id} to be ${status}`, async () =>
        (await get(pawl, key, `/v1/sessions/${id}`)).status === status);
}

// [method, pattern] of every operation in the document.
async function operations(pawl) {
    const { body } = await pawl.api('GET', '/openapi.json');

    return Object.entries(body.paths).flatMap(([path, methods]) =>
        Object.keys(methods).map((method) => [method.toUpperCase(), path]));
}

const fill = (pattern, id, number = '3') => pattern.replace('{id}', id).replace('{n}', number)
    .replace('{name}', 'paid');

// What stands for {id} in a pattern.
function unknownId(pattern) {
    if (pattern.startsWith('/v1/approvals')) return `${UNKNOWN}:3`;
    if (pattern.startsWith('/v1/deliveries')) return 'dlv_none';
    return pattern.startsWith('/v1/keys') ? 'xxxxxxxxxxxx' : UNKNOWN;
}

test('every route, with every role, with none, with a wrong and with a revoked key', async (t) => {
    const [pawl, boss] = await setUp(t);
    const keys = Object.fromEntries(await Promise.all(
        ROLES.map(async (role) => [role, await make(pawl, boss, role, [role])])));
    const gone = await make(pawl, boss, 'gone', ['admin']);
    const routes = await operations(pawl);

    assert.equal((await as(pawl, boss, 'DELETE', `/v1/keys/${idOf(gone)}`)).status, 200);
    assert.deepEqual(routes.map((r) => r.join(' ')).sort(), Object.keys(ROUTES).sort());
    for (const [method, pattern] of routes) {
        const [allowed, body] = ROUTES[`${method} ${pattern}`];
        const path = fill(pattern, unknownId(pattern));
        const what = `${method} ${pattern}`;
        const ask = (key) => as(pawl, key, method, path, body);

        for (const role of ROLES) {
            const answer = await ask(keys[role]);

            if (allowed === null || allowed.includes(role)) {
                assert.ok(![401, 403, 429].includes(answer.status),
                          `${what} as ${role}: ${answer.status} ${JSON.stringify(answer.body)}`);
                continue;
            }
            assert.deepEqual([answer.status, answer.body.code], [403, 'role_required'],
                             `${what} as ${role}`);
            for (const one of allowed) assert.ok(answer.body.detail.includes(`'${one}'`), what);
        }
        for (const [key, code] of [[null, 'key_required'], [gone, 'key_revoked']]) {
            const answer = await ask(key);

            if (allowed === null) {
                assert.equal(answer.status, pattern.includes('triggers') ? 404 : 200, what);
                continue;
            }
            assert.deepEqual([answer.status, answer.body.code], [401, code], what);
            assert.match(answer.headers.get('www-authenticate'), /^Bearer\b/);
        }
        const wrong = await ask(WRONG);

        assert.ok(allowed === null ? ![401, 429].includes(wrong.status) : [401, 429].includes(wrong.status), what);
    }
    // Nothing was done by those who may not: what there is, the allowed ones have made.
    const { data } = await get(pawl, boss, '/v1/sessions');

    assert.equal(data.length, SUBMIT.length);
});

test('another tenant sees nothing, and what it asks for looks like what never was', async (t) => {
    const [pawl, boss] = await setUp(t);
    const theirs = await make(pawl, boss, 'eve', ['admin'], { tenant: 'acme' });
    const id = await begin(pawl, boss, 'asks');
    const ended = await begin(pawl, boss, 'idle');

    await waitsFor(pawl, boss, id, 'AWAITING_HUMAN_APPROVAL');
    await waitsFor(pawl, boss, ended, 'COMPLETED');
    const { data: [approval] } = await get(pawl, boss, '/v1/approvals');
    const { data: [delivery] } = await get(pawl, boss, '/v1/deliveries');
    const before = await get(pawl, boss, `/v1/sessions/${id}/events`);
    const bodies = { 'POST /v1/approvals/{id}': { decision: 'approve',
                                                  arguments_hash: approval.arguments_hash } };
    const known = (pattern) => {
        if (pattern.startsWith('/v1/approvals')) return [approval.id];
        if (pattern.startsWith('/v1/deliveries')) return [delivery.id];
        return pattern.startsWith('/v1/keys') ? [idOf(boss)] : [id, ended];
    };

    for (const [method, pattern] of (await operations(pawl)).filter(([, p]) => p.includes('{id}'))) {
        const body = bodies[`${method} ${pattern}`] ?? ROUTES[`${method} ${pattern}`][1];
        const ask = async (one) => {
            const answer = await as(pawl, theirs, method, fill(pattern, one, approval.call), body);

            return [answer.status, JSON.stringify(answer.body).replaceAll(one, 'ID')];
        };
        const none = await ask(unknownId(pattern));

        assert.equal(none[0], 404, `${method} ${pattern}`);
        for (const one of known(pattern)) assert.deepEqual(await ask(one), none, `${method} ${pattern}`);
    }
    const stream = await pawl.api('GET', `/v1/sessions/${id}/events`, undefined,
                                  { ...bearer(theirs), accept: 'text/event-stream' });

    assert.equal(stream.status, 404);
    for (const list of ['sessions', 'approvals', 'deliveries']) {
        assert.deepEqual((await get(pawl, theirs, `/v1/${list}`)).data, []);
        assert.ok((await get(pawl, boss, `/v1/${list}`)).data.length > 0);
    }
    assert.deepEqual((await get(pawl, theirs, '/v1/keys')).data.map((k) => k.name), ['eve']);
    assert.deepEqual(await get(pawl, boss, `/v1/sessions/${id}/events`), before);
    // An erased one is a secret, too.
    assert.equal((await as(pawl, boss, 'DELETE', `/v1/sessions/${ended}`)).status, 200);
    assert.equal((await as(pawl, boss, 'GET', `/v1/sessions/${ended}`)).status, 410);
    assert.equal((await as(pawl, theirs, 'GET', `/v1/sessions/${ended}`)).status, 404);
    assert.equal((await as(pawl, boss, 'GET', `/v1/approvals/${ended}:1`)).status, 410);
    assert.equal((await as(pawl, theirs, 'GET', `/v1/approvals/${ended}:1`)).status, 404);
    for (const [method, route, body] of [['DELETE', ''], ['POST', '/fork', {}], ['POST', '/cancel', {}]]) {
        const answer = await as(pawl, theirs, method, `/v1/sessions/${ended}${route}`, body);

        assert.deepEqual([answer.status, answer.body.code], [404, 'session_not_found'], route);
    }
    await pawl.verify();
});

test('a tenant has its own sessions, keys and idempotency', async (t) => {
    const [pawl, boss] = await setUp(t);
    const theirs = await make(pawl, boss, 'eve', ['admin'], { tenant: 'acme' });
    const create = (key) => pawl.api('POST', '/v1/sessions', { agent: 'asks', input: 'go' },
                                     { ...bearer(key), 'idempotency-key': 'k' });
    const [a, b, again] = [await create(boss), await create(theirs), await create(theirs)];

    assert.notEqual(a.body.id, b.body.id);
    assert.equal(again.body.id, b.body.id);
    assert.equal(again.headers.get('idempotency-replayed'), 'true');
    await waitsFor(pawl, theirs, b.body.id, 'AWAITING_HUMAN_APPROVAL');
    const { data: [approval] } = await get(pawl, theirs, '/v1/approvals');
    const decision = { decision: 'reject', arguments_hash: approval.arguments_hash };

    assert.equal(approval.session, b.body.id);
    assert.equal((await as(pawl, boss, 'POST', `/v1/approvals/${approval.id}`, decision)).status, 404);
    assert.equal((await as(pawl, theirs, 'POST', `/v1/approvals/${approval.id}`, decision)).status, 200);
    const { data: events } = await get(pawl, theirs, `/v1/sessions/${b.body.id}/events`);

    assert.deepEqual([events[0].tenant, events[0].by], ['acme', 'eve']);
    // A fork stays with its tenant.
    const fork = await as(pawl, theirs, 'POST', `/v1/sessions/${b.body.id}/fork`, {});

    assert.equal(fork.status, 201);
    assert.equal((await as(pawl, boss, 'GET', `/v1/sessions/${fork.body.id}`)).status, 404);
    assert.equal((await get(pawl, theirs, `/v1/sessions/${fork.body.id}`)).id, fork.body.id);
    // An admin of a tenant makes keys of that tenant only.
    const other = await as(pawl, theirs, 'POST', '/v1/keys', { name: 'x', roles: ['submit'], tenant: '' });

    assert.deepEqual([other.status, other.body.code], [403, 'tenant_refused']);
    const own = await make(pawl, theirs, 'mallory', ['submit']);

    assert.equal((await get(pawl, own, '/v1/sessions')).data.length, 2);
    assert.equal((await as(pawl, theirs, 'DELETE', `/v1/keys/${idOf(own)}`)).status, 200);
    const { data: keys } = await get(pawl, boss, '/v1/keys');

    assert.deepEqual(keys.map((k) => [k.name, k.tenant, k.created_by, k.revoked_at === null]),
                     [['boss', '', 'offline', true], ['eve', 'acme', 'boss', true],
                      ['mallory', 'acme', 'eve', false]]);
    await pawl.verify();
});

test('an open server asks for a key as soon as there is one, and keys outlive restarts', async (t) => {
    const pawl = await Pawl.make(t, CONFIG);

    await pawl.start();
    const { id } = await pawl.create({ agent: 'slow', input: 'x' });
    const reader = new Reader(t, pawl, id);
    const refused = async (body) => {
        const answer = await pawl.api('POST', '/v1/keys', body);

        assert.deepEqual([answer.status, answer.body.code], [422, 'out_of_range']);
    };

    await reader.until((r) => r.events.length > 0, 'the first event');
    await refused({ name: 'a', roles: ['submit'] });
    await refused({ name: 'a', roles: ['admin'], tenant: 'acme' });
    await pawl.get('/v1/sessions'); // still open
    const boss = await make(pawl, null, 'boss', ['admin', 'finance']);

    // What was open for nobody ends.
    await reader.until((r) => r.lastStatus === 401, 'the end of an open stream');
    assert.equal(reader.streams, 1);
    await reader.close();
    assert.equal((await pawl.api('GET', '/v1/sessions')).body.code, 'key_required');
    const lost = await make(pawl, boss, 'lost', ['admin']);

    assert.equal((await as(pawl, lost, 'DELETE', `/v1/keys/${idOf(lost)}`)).status, 200); // its own
    const { data } = await get(pawl, boss, '/v1/keys');

    assert.equal(data[0].created_by, 'api:127.0.0.1');
    for (const stop of ['stop', 'kill']) {
        await pawl[stop]();
        await pawl.start();
        assert.deepEqual((await get(pawl, boss, '/v1/keys')).data, data);
        assert.equal((await as(pawl, lost, 'GET', '/v1/sessions')).body.code, 'key_revoked');
        assert.equal((await pawl.api('GET', '/v1/sessions')).body.code, 'key_required');
    }
});

test('a revoked key is nobody\'s at once, and the last admin stays', async (t) => {
    const [pawl, boss] = await setUp(t);
    const anna = await make(pawl, boss, 'anna', ['submit']);
    const bert = await make(pawl, boss, 'bert', ['submit']);
    const id = await begin(pawl, anna, 'slow');
    const stream = (key) => new Promise((resolve, reject) => {
        const call = request(`${pawl.url}/v1/sessions/${id}/events`,
                             { headers: { ...bearer(key), accept: 'text/event-stream' } }, (answer) => {
                                 const open = { text: '', isOver: false };

                                 answer.on('data', (data) => (open.text += data));
                                 answer.on('close', () => (open.isOver = true));
                                 answer.on('error', () => {});
                                 open.close = () => call.destroy();
                                 resolve(open);
                             });

        call.on('error', reject);
        call.end();
    });
    const annas = await stream(anna);
    const berts = await stream(bert);
    const last = (await get(pawl, anna, `/v1/sessions/${id}/events`)).data.length;
    const wait = as(pawl, anna, 'GET', `/v1/sessions/${id}/events?after=${last}&wait=60`);

    await until('the streams', () => [annas, berts].every((s) => s.text.includes('model_started')));
    const { status, body } = await as(pawl, boss, 'DELETE', `/v1/keys/${idOf(anna)}`);

    assert.equal(status, 200);
    assert.ok(body.revoked_at);
    assert.equal((await as(pawl, anna, 'GET', '/v1/sessions')).body.code, 'key_revoked');
    const waited = await wait;

    assert.deepEqual([waited.status, waited.body.code], [401, 'key_revoked']);
    await until('the end of the stream', () => annas.isOver);
    assert.equal(berts.isOver, false);
    berts.close();
    // Once more is as good.
    const again = await as(pawl, boss, 'DELETE', `/v1/keys/${idOf(anna)}`);

    assert.deepEqual([again.status, again.body.revoked_at], [200, body.revoked_at]);
    // Of an admin of a tenant there is no last one; of those without one there is.
    const theirs = await make(pawl, boss, 'eve', ['admin'], { tenant: 'acme' });

    assert.equal((await as(pawl, theirs, 'DELETE', `/v1/keys/${idOf(theirs)}`)).status, 200);
    const kept = await as(pawl, boss, 'DELETE', `/v1/keys/${idOf(boss)}`);

    assert.deepEqual([kept.status, kept.body.code], [409, 'last_admin_key']);
    const next = await make(pawl, boss, 'boss', ['admin']);
    const both = await Promise.all([as(pawl, boss, 'DELETE', `/v1/keys/${idOf(next)}`),
                                    as(pawl, next, 'DELETE', `/v1/keys/${idOf(boss)}`)]);

    const [won, lost] = both.map((a) => a.status).sort();

    assert.equal(won, 200);
    assert.ok([401, 409].includes(lost), `${lost}`); // as it was revoked already, or was the last
    const left = both[0].status === 200 ? boss : next;

    assert.equal((await get(pawl, left, '/v1/keys')).data.filter(
        (k) => k.roles.includes('admin') && k.tenant === '' && !k.revoked_at).length, 1);
});

test('an approval is decided by who has its role, in his own name', async (t) => {
    const [pawl, boss] = await setUp(t);
    const anna = await make(pawl, boss, 'anna', ['approve', 'finance']);
    const bert = await make(pawl, boss, 'bert', ['approve']);
    const carl = await make(pawl, boss, 'carl', ['finance', 'submit']);
    const board = await make(pawl, boss, 'dora', ['approve', 'board']);
    const asked = async () => {
        const id = await begin(pawl, boss, 'asks');

        await waitsFor(pawl, boss, id, 'AWAITING_HUMAN_APPROVAL');
        return (await get(pawl, boss, '/v1/approvals?status=pending')).data.find((a) => a.session === id);
    };
    const decide = async (key, approval, more = {}) => {
        const { status, body } = await as(
            pawl, key, 'POST', `/v1/approvals/${approval.id}`,
            { decision: 'approve', arguments_hash: approval.arguments_hash, ...more });

        return [status, body.code ?? body.decisions.map((d) => d.by).join(), body.detail];
    };
    const approval = await asked();

    assert.equal(approval.role, 'finance');
    const [status, code, detail] = await decide(bert, approval);

    assert.deepEqual([status, code], [403, 'role_required']);
    assert.match(detail, /'finance'/);
    assert.deepEqual((await decide(bert, approval, { decision: 'reject' })).slice(0, 2),
                     [403, 'role_required']);
    assert.deepEqual((await decide(carl, approval)).slice(0, 2), [403, 'role_required']);
    assert.deepEqual((await decide(anna, approval, { by: 'bert' })).slice(0, 2), [422, 'by_mismatch']);
    // What she edits it to is the board's to decide, and is not hers.
    assert.deepEqual((await decide(anna, approval, { arguments: { amount: 5000 } })).slice(0, 2),
                     [403, 'role_required']);
    assert.deepEqual((await decide(anna, approval, { by: 'anna' })).slice(0, 2), [200, 'anna']);
    const { data: events } = await get(pawl, boss, `/v1/sessions/${approval.session}/events`);

    assert.equal(ofKind(events, 'created')[0].by, 'boss');
    assert.equal(ofKind(events, 'approval_decided')[0].by, 'anna');
    // An admin may; two of the same name are one person.
    const second = await asked();

    assert.deepEqual((await decide(boss, second, { arguments: { amount: 5000 } })).slice(0, 2),
                     [200, 'boss']);
    const edited = await get(pawl, boss, `/v1/approvals/${second.id}`);
    const twin = await make(pawl, boss, 'boss', ['approve', 'board']);

    assert.deepEqual([edited.role, edited.still_needed], ['board', 1]);
    assert.deepEqual((await decide(anna, edited)).slice(0, 2), [403, 'role_required']);
    assert.deepEqual((await decide(twin, edited)).slice(0, 2), [409, 'already_approved']);
    assert.deepEqual((await decide(board, edited)).slice(0, 2), [200, 'boss,dora']);
    await pawl.verify();
});

test('beyond the loopback it starts with an admin\'s key only', async (t) => {
    const pawl = await Pawl.make(t, null);

    for (const listen of [`0.0.0.0:${pawl.port}`, `[::]:${pawl.port}`]) {
        pawl.configure({ ...CONFIG, listen });
        pawl.spawn();
        const { status, log } = await pawl.exited();

        assert.equal(status, 5);
        assert.match(log, /pawl key create NAME --role admin --offline -c \S*pawl\.yaml/);
    }
    pawl.configure({ ...CONFIG, listen: `0.0.0.0:${pawl.port}` });
    const first = await pawl.cli(['key', 'create', 'x', '--role', 'submit', '--offline']);

    assert.deepEqual([first.status, first.stdout], [2, '']);
    const boss = await offline(pawl, 'boss', '--role', 'admin');

    await pawl.start();
    assert.equal((await pawl.api('GET', '/v1/sessions')).status, 401);
    await get(pawl, boss, '/v1/sessions');
});

// Ten thousand log-ins with keys that are none, from as many addresses of this machine.
async function flood(pawl, n, addressOf) {
    const agent = new Agent({ keepAlive: true, maxSockets: 20 });
    const statuses = {};
    let at = 0;
    const one = (i) => new Promise((resolve, reject) => {
        const key = WRONG.slice(0, -12) + String(i).padStart(12, '0');
        const localAddress = addressOf(i);
        const call = request(`${pawl.url}/v1/sessions`,
                             { headers: bearer(i % 2 ? key : WRONG), localAddress,
                               agent: localAddress ? false : agent }, (answer) => {
                                 statuses[answer.statusCode] = (statuses[answer.statusCode] ?? 0) + 1;
                                 answer.resume();
                                 answer.on('end', resolve);
                             });

        call.on('error', reject);
        call.end();
    });

    await Promise.all(Array.from({ length: 20 }, async () => {
        while (at < n) await one(at++);
    }));
    agent.destroy();
    return statuses;
}

const residentKiB = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);

test('ten thousand wrong keys open nothing, fill nothing, and shut out nobody', async (t) => {
    const [pawl, boss] = await setUp(t);
    const here = await flood(pawl, 10_000, () => undefined);

    assert.deepEqual(Object.keys(here), ['401', '429']);
    assert.ok(here[429] > 9000, `${here[429]} were told to wait`);
    const waits = await pawl.api('GET', '/v1/sessions', undefined, bearer(WRONG));

    assert.deepEqual([waits.status, waits.body.code], [429, 'too_many_attempts']);
    assert.match(waits.headers.get('retry-after'), /^[1-6]$/);
    await get(pawl, boss, '/v1/sessions'); // from the same address
    assert.equal((await pawl.api('GET', '/v1/sessions')).body.code, 'key_required'); // no attempt
    const before = residentKiB(pawl.server.pid);
    const there = await flood(pawl, 10_000, (i) => `127.${1 + (i >> 8)}.${i & 255}.1`);

    assert.deepEqual(there, { 401: 10_000 }); // each has its own limit
    assert.ok(residentKiB(pawl.server.pid) < before + 32 * 1024);
    await get(pawl, boss, '/v1/sessions');
    const lines = pawl.log.split('\n').filter((line) => line.includes('wrong API keys'));
    const minutes = (Date.now() - Date.parse(lines[0].split(' ')[0])) / 60_000;

    assert.ok(lines.length >= 1 && lines.length <= 2 + minutes, lines.join('\n'));
});

test('what stands in the header is a key or nothing', async (t) => {
    const [pawl, boss] = await setUp(t);
    const raw = (lines) => rawRequest(
        pawl.port, `GET /v1/sessions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${lines}\r\n`);
    const rows = [
        [`Authorization: Bearer ${boss}\r\n`, 200],
        [`authorization: bearer   ${boss}  \r\n`, 200],
        [`AUTHORIZATION: BEARER ${boss}\r\n`, 200],
        ['', 401, 'key_required'],
        ['Authorization:\r\n', 401, 'key_invalid'],
        ['Authorization: Bearer\r\n', 401, 'key_invalid'],
        [`Authorization: ${boss}\r\n`, 401, 'key_invalid'],
        [`Authorization: Basic ${boss}\r\n`, 401, 'key_invalid'],
        [`Authorization: Bearer ${boss.toUpperCase()}\r\n`, 401, 'key_invalid'],
        [`Authorization: Bearer ${boss}x\r\n`, 401, 'key_invalid'],
        [`Authorization: Bearer ${boss}\r\nAuthorization: Bearer ${boss}\r\n`, 400, 'header_repeated'],
        [`Authorization: Bearer ${boss}\0\r\n`, 400, 'bad_header'],
        [`Authorization: Bearer \u00ff\u00fe\r\n`, 401, 'key_invalid'],
        [`Authorization: Bearer ${'x'.repeat(12_000)}\r\n`, 401, 'key_invalid'],
        [`Authorization: Bearer ${'x'.repeat(20_000)}\r\n`, 431, 'headers_too_large'],
    ];

    for (const [lines, status, code] of rows) {
        const answer = await raw(lines);

        assert.deepEqual([answer.status, answer.json.code], [status, code], lines.slice(0, 120));
    }
    // Nowhere else is it looked for.
    const inQuery = await pawl.api('GET', `/v1/sessions?key=${boss}`);

    assert.deepEqual([inQuery.status, inQuery.body.code], [401, 'key_required']);
    assert.ok(!JSON.stringify(inQuery.body).includes(secretOf(boss)));
});

test('a secret is in no file, no log and no journal', async (t) => {
    const [pawl, boss] = await setUp(t);
    const anna = await make(pawl, boss, 'anna', ['submit', 'approve']);
    const id = await begin(pawl, anna, 'idle');

    await waitsFor(pawl, anna, id, 'COMPLETED');
    await as(pawl, anna, 'GET', '/v1/keys');
    await as(pawl, `${anna}x`, 'GET', '/v1/keys');
    await as(pawl, boss, 'DELETE', `/v1/keys/${idOf(anna)}`);
    const answers = JSON.stringify([await get(pawl, boss, '/v1/keys'),
                                    await get(pawl, boss, `/v1/sessions/${id}/events`),
                                    await get(pawl, boss, `/v1/sessions/${id}/steps`)]);
    const check = () => {
        const files = readdirSync(pawl.folder, { recursive: true }).map((f) => pawl.path(f))
            .filter((f) => statSync(f).isFile());

        assert.ok(files.some((f) => f.endsWith('pawl.db')));
        for (const secret of [boss, anna].map(secretOf)) {
            for (const file of files)
                assert.ok(!readFileSync(file).includes(secret.slice(0, 20)), file);
            assert.ok(!pawl.log.includes(secret.slice(0, 20)));
            assert.ok(!answers.includes(secret.slice(0, 20)));
        }
    };

    check();
    await pawl.stop();
    check();
});

test('the command line makes, lists and revokes keys, and takes its own from the environment',
     async (t) => {
    const [pawl, boss] = await setUp(t);
    const cli = (args, key = boss) => pawl.cli(args, { env: key ? { PAWL_API_KEY: key } : {} });
    const good = async (...args) => {
        const { status, stdout, stderr } = await cli(args);

        assert.equal(status, 0, stderr);
        return { stdout, stderr };
    };
    const refused = async (args, key, status, text) => {
        const answer = await cli(args, key);

        assert.equal(answer.status, status, answer.stderr);
        assert.match(answer.stderr, text);
        assert.equal(answer.stdout, '');
    };
    const made = await good('key', 'create', 'anna', '--role', 'approve', '--role', 'finance team');
    const anna = made.stdout.trim();

    assert.match(made.stdout, /^pawl_\w+\n$/);
    assert.match(made.stderr, new RegExp(`key ${idOf(anna)} was made`));
    const other = JSON.parse((await good('key', 'create', 'eve', '-r', 'submit', '-t', 'acme',
                                         '--json')).stdout);

    assert.deepEqual([other.tenant, other.created_by], ['acme', 'boss']);
    const list = (await good('key', 'list')).stdout;

    assert.match(list, /^ID +NAME +ROLES +TENANT +MADE\n/);
    assert.match(list, new RegExp(`\n${idOf(anna)} anna +approve,finance team +\\d{4}-`));
    assert.deepEqual(JSON.parse((await good('key', 'list', '--json')).stdout),
                     (await get(pawl, boss, '/v1/keys')).data);
    assert.match((await good('key', 'revoke', idOf(anna))).stdout, /\(anna\) is revoked/);
    assert.match((await good('key', 'list')).stdout, /anna .* revoked \d{4}-/);
    await refused(['key', 'list'], anna, 1, /was revoked/);
    await refused(['ps'], null, 1, /PAWL_API_KEY/);
    await refused(['ps'], 'x'.repeat(100_000), 1, /is no key/);
    await refused(['key', 'list'], other.key, 1, /role 'admin'; 'eve' has 'submit'/);
    await refused(['key', 'revoke', idOf(boss)], boss, 1, /the last key that makes/);
    await refused(['key', 'revoke', 'nobody'], boss, 1, /There is no key 'nobody'/);
    await refused(['key', 'create', 'x'], boss, 2, /--role is missing/);
    await refused(['key', 'create', 'x', '--role', 'a,b'], boss, 1, /without a comma/);
    await refused(['key', 'create', '', '--role', 'submit'], boss, 1, /'name' must have 1 to 64/);
    await refused(['key', 'create', 'x', '--role', 'submit', '--offline'], boss, 5,
                  /the store is in use.*\n.*leave --offline out/);
    await refused(['key', 'make', 'x'], boss, 2, /usage: pawl key create/);
    await refused(['key', 'list', 'x'], boss, 2, /usage: pawl key create/);
    // The other commands go on with a key, and its name is in the journal.
    await good('run', 'idle', 'x');
    const { data: [session] } = await get(pawl, boss, '/v1/sessions');
    const { data: [created] } = await get(pawl, boss, `/v1/sessions/${session.id}/events`);

    assert.equal(created.by, 'boss');
    await pawl.stop();
    const back = await offline(pawl, 'second', '--role', 'operate'); // no longer the first

    await pawl.start();
    await get(pawl, back, '/v1/sessions');
});
