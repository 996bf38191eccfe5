// openapi.test.mjs - GET /openapi.json: no fault to @redocly/cli, and what a server answers is what
// it says.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Webhook } from 'standardwebhooks';

import { callsOf, ofKind } from '../e2e/lib/journal.mjs';
import { Pawl, ROOT, run, WAIT } from '../e2e/lib/pawl.mjs';
import { ask, neverAnswer, Provider, refuse, say } from '../e2e/lib/provider.mjs';
import { Reader } from '../e2e/lib/sse.mjs';
import { newSecret, Target } from '../e2e/lib/target.mjs';
import { until } from '../e2e/lib/wait.mjs';
import { Document } from './lib/document.mjs';

const HERE = join(ROOT, 'tests/npm');
const DOCUMENT = join(ROOT, 'src/api/openapi.json');
const ID = 'ses_0190e5c8-7b7e-7cc3-8a5d-0242ac120002';

const TRIGGER_SECRET = newSecret();

// What no configuration of this version can bring about, or only a rare moment.
const UNSEEN_KINDS = ['model_usage', 'child_ended'];

// By a session's input: what the provider does, at the nth request of that input.
const behaviours = {
    plain: () => say('ok'),
    busy: (request, nth) => (nth === 1 ? refuse(503) : say('ok')),
    refused: () => refuse(400),
    never: () => neverAnswer(),
    tools: ({ answers }) => (answers > 0 ? say('done') : ask([
        ['echo', { text: 'x' }], ['fails', {}], ['later', {}], ['nothing', {}],
        ['echo', 'no JSON'], ['prints', {}],
    ])),
    'ask people': ({ answers }) => (answers > 0 ? say('done') : ask([['asks', { n: 1 }]])),
    'ask in vain': ({ answers }) => (answers > 0 ? say('done') : ask([['hurries', {}]])),
    'ask and wait': ({ answers }) => (answers > 0 ? say('done') : ask([
        ['question', { question: 'Which?', choices: ['red', 'blue'] }], ['event', { name: 'paid' }],
    ])),
    pay: ({ answers }) => (answers > 0 ? say('done') : ask([['pay', {}]])),
    'pay and look': ({ answers }) => (answers > 0 ? say('done') : ask([['pay_and_look', {}]])),
};

const FILES = { wait: WAIT, paid: '#!/bin/sh\necho yes\n' };
const pay = { description: 'Pays.', exec: { command: ['./wait'] }, effects: 'once' };
const once = { attempts: 2, first: '1ms', max: '2ms' };

async function setUp(t) {
    const provider = await Provider.start(t, (request) => {
        const nth = provider.requests.filter((r) => r.input === request.input).length;

        return behaviours[request.input](request, nth);
    });
    const tools = {
        echo: { builtin: 'echo' },
        fails: { description: 'x', exec: { command: ['sh', '-c', 'echo no >&2; exit 1'] } },
        later: { description: 'x', exec: { command: ['sh', '-c', 'exit 75'] }, retry: once },
        asks: {
            description: 'x', exec: { command: ['true'] }, approval: 'always',
            parameters: { type: 'object', properties: { n: { type: 'integer' } } },
        },
        hurries: { description: 'x', exec: { command: ['true'] }, approval: { expires: '1s' } },
        question: { builtin: 'ask_user' },
        event: { builtin: 'wait_for_event' },
        prints: { description: 'x', exec: { command: ['seq', '99999'] } },
        pay,
        pay_and_look: { ...pay, reconcile: { command: ['./paid'] } },
    };
    const target = await Target.make(t);

    target.answer = () => 500;
    const pawl = await Pawl.make(t, {
        webhooks: [{ name: 'ops', url: target.url, secret: newSecret(), allow_private: true }],
        schedules: {
            nightly: { cron: '0 3 * * *', zone: 'Europe/Berlin', agent: 'main', input: 'plain' },
            launch: { at: '2099-01-31T09:00:00+01:00', agent: 'main', input: 'plain', enabled: false },
        },
        triggers: {
            begin: { secret: TRIGGER_SECRET, agent: 'main', input: '{{body.text}}', context: CONTEXT.context },
            say: { secret: TRIGGER_SECRET, message: { session: '{{body.session}}', content: '{{body.text}}' } },
        },
        models: {
            main: {
                provider: 'openai', base_url: provider.url, model: 'm', retry: once,
                price: { input: 0.25, output: 2.00 },
            },
        },
        tools,
        agents: {
            main: { model: 'main', instructions: 'Hello {{context.who}}.', tools: Object.keys(tools) },
        },
    }, FILES);

    await pawl.start();
    const document = new Document(await pawl.get('/openapi.json'));
    const { api } = pawl;

    // From here on every answer is checked.
    pawl.api = async (method, path, body, headers) => {
        const answer = await api.call(pawl, method, path, body, headers);

        document.check(method, path, answer);
        return answer;
    };
    return { pawl, document };
}

const CONTEXT = { context: { who: 'Ada' }, metadata: { customer: '7' } };

async function isRefused(pawl, [method, path, body, headers], status, code) {
    const answer = await pawl.api(method, path, body, headers);

    assert.equal(answer.status, status, JSON.stringify(answer.body));
    assert.equal(answer.body.code, code);
    return answer.body;
}

const play = (pawl, input, more) => pawl.play('main', input, { ...CONTEXT, ...more });
const steps = (pawl, id) => pawl.get(`/v1/sessions/${id}/steps`);
const change = (pawl, id, what, body = {}) => pawl.post(`/v1/sessions/${id}/${what}`, body);

// ---- the document ----

test('redocly finds nothing in the document', async (t) => {
    const pawl = await Pawl.make(t, null, {});
    const packages = join(HERE, 'node_modules');
    // With npm's Node: Debian's is too old for it. Debian's npm makes no link to what is optional.
    const own = readdirSync(packages).find((name) => name.startsWith('node-linux-'));

    assert.ok(own, `no Node in ${packages}`);
    const { status, stdout, stderr } = await run(
        join(packages, own, 'bin/node'),
        [join(packages, '@redocly/cli/bin/cli.js'),
         'lint', '--config', `${HERE}/redocly.yaml`, '--format=stylish', DOCUMENT],
        {
            cwd: pawl.folder,
            env: { PATH: process.env.PATH, HOME: pawl.folder, CI: '1',
                   REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
        });

    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout + stderr, /Your API description is valid/);
    assert.doesNotMatch(stdout + stderr, /warning|ignored/i);
});

test('the server has the document in itself', async (t) => {
    const { pawl, document } = await setUp(t);
    const { version } = await pawl.get('/v1/version');

    assert.deepEqual(document.json, JSON.parse(readFileSync(DOCUMENT, 'utf8')));
    assert.equal(document.json.info.version, version);
    assert.deepEqual(await pawl.get('/openapi.json'), document.json);
});

// ---- what is sent ----

test('bodies have the fields of the document and no others', async (t) => {
    const { pawl, document } = await setUp(t);
    const withBody = document.operations().filter((o) => o.operation.requestBody);

    assert.ok(withBody.length > 5);
    for (const { method, path, operation } of withBody) {
        const { schema } = operation.requestBody.content['application/json'];
        const { properties, required = [], minProperties = 0, oneOf } = document.resolve(schema);

        if (!properties) continue; // any JSON
        const target = document.example(path, operation);
        const { detail } = await isRefused(pawl, [method, target, { zz: 1 }], 422, 'unknown_field');
        const known = /Known here: (.*)\./.exec(detail)[1].match(/\w+/g);
        const empty = await pawl.api(method, target, {});

        assert.deepEqual(known.sort(), Object.keys(properties).sort(), `${method} ${path}`);
        assert.equal(empty.body.code === 'missing_field',
                     required.length > 0 || minProperties > 0 || oneOf !== undefined,
                     `${method} ${path}: ${JSON.stringify(empty.body)}`);
    }
});

// ---- what is answered ----

async function lists(pawl) {
    for (let i = 0; i < 3; i++) await play(pawl, 'plain');
    const page = await pawl.get('/v1/sessions?limit=2&metadata.customer=7&status=COMPLETED,FAILED');

    assert.equal(page.data.length, 2);
    await pawl.get(`/v1/sessions?cursor=${page.next_cursor}`);
    await pawl.get('/v1/agents');
    await pawl.get('/v1/schedules');
    await pawl.get('/v1/version');
    await pawl.get('/openapi.json');
    await pawl.get('/livez');
    await pawl.get('/readyz');
}

async function triggers(pawl) {
    const send = (name, body) => {
        const text = JSON.stringify(body);
        const at = new Date();

        return pawl.api('POST', `/v1/triggers/${name}`, text, {
            'webhook-id': name, 'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
            'webhook-signature': new Webhook(TRIGGER_SECRET).sign(name, at, text),
        });
    };
    const begun = await send('begin', { text: 'plain' });
    const { session } = begun.body;

    assert.equal(begun.status, 201);
    await pawl.ended(session);
    assert.equal((await send('say', { session, text: 'plain' })).status, 200);
    await isRefused(pawl, ['POST', '/v1/triggers/begin', '{}'], 401, 'invalid_signature');
    await isRefused(pawl, ['POST', '/v1/triggers/none', '{}'], 404, 'trigger_not_found');
}

async function changes(pawl) {
    const { id } = await pawl.create({ agent: 'main', input: 'never', ...CONTEXT });

    await pawl.event(id, 'model_started');
    await change(pawl, id, 'messages', { content: 'more' });
    await change(pawl, id, 'pause', { reason: 'lunch' });
    await change(pawl, id, 'resume');
    await pawl.api('PATCH', `/v1/sessions/${id}`, { ...CONTEXT, budget: { usd: 1, tokens: 1e6 } });
    await isRefused(pawl, ['DELETE', `/v1/sessions/${id}`], 409, 'session_state');
    const copy = await change(pawl, id, 'fork', { at: 2 });

    await pawl.session(copy.id);
    await pawl.events(copy.id);
    await isRefused(pawl, ['POST', `/v1/sessions/${id}/fork`, { at: 99 }], 422, 'event_not_found');
    await steps(pawl, id);
    await change(pawl, id, 'cancel', { reason: 'enough' });
    const { status } = await pawl.ended(id);

    assert.equal(status, 'CANCELLED');
    assert.equal((await pawl.api('GET', `/v1/sessions/${id}/events`, undefined,
                                 { accept: 'text/event-stream', 'last-event-id': '7' })).status, 200);
    const last = (await pawl.events(id)).at(-1).seq;

    assert.equal((await pawl.api('GET', `/v1/sessions/${id}/events?after=${last}`, undefined,
                                 { accept: 'text/event-stream' })).status, 204);
    await isRefused(pawl, ['POST', `/v1/sessions/${id}/messages`, { content: 'x' }], 409,
                    'session_state');
    assert.equal((await pawl.api('DELETE', `/v1/sessions/${id}`)).status, 200);
    await isRefused(pawl, ['GET', `/v1/sessions/${id}`], 410, 'erased');
}

async function failures(pawl) {
    const { id, status } = await play(pawl, 'refused', { budget: { usd: 0.5 } });

    assert.equal(status, 'FAILED');
    await change(pawl, id, 'retry', { reason: 'again', budget: { tokens: 1e6 } });
    await pawl.event(id, 'turn_ended', 2);
    await pawl.get(`/v1/sessions/${id}`);
    await steps(pawl, id);
}

async function tools(pawl) {
    const { id, events: all } = await play(pawl, 'tools');
    const { call } = callsOf(all).find((c) => c.tool === 'prints');
    const { status, body } = await pawl.api('GET', `/v1/sessions/${id}/calls/${call}/output`);

    assert.equal(status, 200);
    assert.equal(body.length, 588_888); // of seq 99999
    await isRefused(pawl, ['GET', `/v1/sessions/${id}/calls/99/output`], 404, 'output_not_found');
    const { events } = await play(pawl, 'busy');

    assert.equal(ofKind(events, 'timer_fired').length, 1);
    assert.equal((await steps(pawl, id)).data.length, 8);
}

async function approvals(pawl) {
    const { id } = await pawl.create({ agent: 'main', input: 'ask people', ...CONTEXT });

    await until('people to be asked', async () =>
        (await pawl.session(id)).waiting.some((w) => w.on === 'approval'));
    const { data: [approval] } = await pawl.get('/v1/approvals?status=pending&limit=1');
    const path = `/v1/approvals/${approval.id}`;
    const decision = { decision: 'approve', arguments_hash: approval.arguments_hash, by: 'anna' };

    assert.equal(approval.session, id);
    await pawl.get(path);
    await isRefused(pawl, ['POST', path, { ...decision, arguments_hash: 'x' }], 409,
                    'arguments_changed');
    await pawl.post(path, { ...decision, arguments: { n: 2 } });
    await pawl.ended(id);
    await pawl.get(path);
    await isRefused(pawl, ['POST', path, decision], 409, 'approval_decided');
    await isRefused(pawl, ['GET', `/v1/approvals/${ID}:1`], 404, 'approval_not_found');
    await steps(pawl, id);
    const late = await play(pawl, 'ask in vain');
    const { data: [expired] } = await pawl.get('/v1/approvals?status=expired');

    assert.equal(expired.session, late.id);
    await isRefused(pawl, ['POST', `/v1/approvals/${expired.id}`,
                           { ...decision, arguments_hash: expired.arguments_hash }],
                    409, 'approval_expired');
    await steps(pawl, late.id);
}

async function deliveries(pawl) {
    const { data } = await pawl.get('/v1/deliveries?webhook=ops&limit=5');
    const path = `/v1/deliveries/${data.at(-1).id}`;

    await until('an attempt that failed', async () => (await pawl.get(path)).attempts > 0);
    await pawl.post(`${path}/redeliver`);
    await pawl.get('/v1/deliveries?status=delivered');
    await isRefused(pawl, ['GET', '/v1/deliveries?status=sent'], 400, 'invalid_parameter');
    await isRefused(pawl, ['GET', '/v1/deliveries/dlv_x'], 404, 'delivery_not_found');
    await isRefused(pawl, ['POST', '/v1/deliveries/dlv_x/redeliver'], 404, 'delivery_not_found');
    await isRefused(pawl, ['POST', `${path}/redeliver`, { now: true }], 422, 'unknown_field');
}

async function waits(pawl) {
    const { id } = await pawl.create({ agent: 'main', input: 'ask and wait', ...CONTEXT });

    await until('a question', async () =>
        (await pawl.session(id)).waiting.some((w) => w.on === 'input'));
    const { data } = await pawl.get('/v1/approvals?status=pending');
    const path = `/v1/approvals/${data.find((a) => a.session === id).id}`;

    await isRefused(pawl, ['POST', path, { answer: 'green' }], 422, 'not_a_choice');
    await isRefused(pawl, ['POST', path, { answer: 'red', decision: 'approve' }], 422,
                    'answer_and_decision');
    await isRefused(pawl, ['POST', path, { answer: 'x'.repeat(70000) }], 413, 'answer_too_large');
    await isRefused(pawl, ['POST', path, { decision: 'approve', arguments_hash: 'x' }], 409,
                    'approval_is_question');
    await pawl.post(path, { answer: 'red', by: 'anna' });
    await isRefused(pawl, ['POST', path, { answer: 'red' }], 409, 'approval_decided');
    await isRefused(pawl, ['POST', `/v1/sessions/${id}/signals/a%20b`], 400, 'invalid_signal_name');
    await change(pawl, id, 'signals/paid', { order: 7 });
    await pawl.ended(id);
    await steps(pawl, id);
}

// Killed while its tool runs. It goes on by its command, or by a person.
async function doubts(pawl) {
    for (const input of ['pay', 'pay and look']) {
        const { id } = await pawl.create({ agent: 'main', input, ...CONTEXT });

        await pawl.event(id, 'tool_sent');
        await pawl.session(id);
        await pawl.kill();
        await pawl.start();
        if (input === 'pay') {
            await until('a person to be asked', async () =>
                (await pawl.session(id)).waiting.some((w) => w.on === 'person'));
            const [{ call }] = callsOf(await pawl.events(id));

            await isRefused(pawl, ['POST', `/v1/sessions/${id}/calls/99/settle`,
                                   { outcome: 'happened' }], 404, 'call_not_found');
            await pawl.get('/v1/approvals?status=pending');
            await change(pawl, id, `calls/${call}/settle`,
                         { outcome: 'happened', output: 'paid', note: 'seen' });
        }
        const { status } = await pawl.ended(id);

        assert.equal(status, 'COMPLETED');
        await steps(pawl, id);
    }
}

async function interruptions(pawl) {
    const { id } = await pawl.create({ agent: 'main', input: 'never', ...CONTEXT });

    await pawl.event(id, 'model_started');
    await pawl.kill();
    await pawl.start();
    await pawl.event(id, 'interrupted');
    await steps(pawl, id);
    await change(pawl, id, 'cancel');
}

async function streams(t, pawl, document) {
    const { id } = await pawl.create({ agent: 'main', input: 'plain', ...CONTEXT });
    const reader = new Reader(t, pawl, id);

    await reader.ended();
    await change(pawl, id, 'messages', { content: 'more' });
    await reader.until((r) => r.events.filter((e) => e.kind === 'turn_ended').length === 2, 'both');
    reader.events.forEach((event) => document.fits(event, document.schema('Event'), 'a stream'));
    for (const { after, ...delta } of reader.deltas) // `after` is the reader's
        document.fits(delta, document.schema('Delta'), 'a stream');
    assert.ok(reader.deltas.length > 0);
}

async function refusals(pawl) {
    const post = (path, body, headers) => ['POST', path, body, headers];
    const good = { agent: 'main', input: 'plain', ...CONTEXT };

    await isRefused(pawl, ['GET', '/v1/sessions?limt=1'], 400, 'unknown_parameter');
    await isRefused(pawl, ['GET', '/v1/sessions?limit=x'], 400, 'invalid_parameter');
    await isRefused(pawl, ['GET', '/v1/sessions?cursor=x'], 400, 'invalid_cursor');
    await isRefused(pawl, ['GET', '/livez?x=1'], 400, 'unknown_parameter');
    await isRefused(pawl, ['GET', `/v1/sessions/${ID}`], 404, 'session_not_found');
    await isRefused(pawl, ['GET', `/v1/sessions/${ID}/steps`], 404, 'session_not_found');
    await isRefused(pawl, ['GET', '/v1/agents', undefined, { origin: 'http://example.org' }], 403,
                    'origin_refused');
    await isRefused(pawl, post('/v1/sessions', '{'), 400, 'invalid_json');
    await isRefused(pawl, post('/v1/sessions', good, { 'content-type': 'text/plain' }), 415,
                    'unsupported_media_type');
    await isRefused(pawl, post('/v1/sessions', { ...good, agent: 'man' }), 422, 'unknown_agent');
    await isRefused(pawl, post('/v1/sessions', { ...good, context: {} }), 422, 'context_incomplete');
    await isRefused(pawl, post('/v1/sessions', 'x'.repeat(8 << 20)), 413, 'body_too_large');
    await pawl.post('/v1/sessions', good, { 'idempotency-key': 'k' });
    await pawl.post('/v1/sessions', good, { 'idempotency-key': 'k' });
    await isRefused(pawl, post('/v1/sessions', { ...good, input: 'never' },
                               { 'idempotency-key': 'k' }), 422, 'idempotency_key_reused');
}

// The last of all: from the first key on everything else asks for one.
async function keys(pawl) {
    const boss = await pawl.post('/v1/keys', { name: 'boss', roles: ['admin'] });
    const as = (key) => ({ authorization: `Bearer ${key}` });
    const anna = await pawl.post('/v1/keys', { name: 'anna', roles: ['approve', 'finance'], tenant: 'acme' },
                                 as(boss.key));
    const one = `/v1/keys/${anna.id}`;

    assert.equal((await pawl.api('GET', '/v1/keys?limit=1', undefined, as(boss.key))).status, 200);
    assert.equal((await pawl.api('GET', '/v1/audit?limit=1000', undefined, as(boss.key))).status, 200);
    await isRefused(pawl, ['GET', '/v1/audit?action=x', undefined, as(boss.key)], 400, 'invalid_parameter');
    await isRefused(pawl, ['GET', '/v1/keys'], 401, 'key_required');
    await isRefused(pawl, ['GET', '/v1/keys', undefined, as('x')], 401, 'key_invalid');
    await isRefused(pawl, ['GET', '/v1/keys', undefined, as(anna.key)], 403, 'role_required');
    assert.equal((await pawl.api('DELETE', one, undefined, as(boss.key))).status, 200);
    await isRefused(pawl, ['GET', '/v1/agents', undefined, as(anna.key)], 401, 'key_revoked');
    await isRefused(pawl, ['DELETE', '/v1/keys/x', undefined, as(boss.key)], 404, 'key_not_found');
    await isRefused(pawl, ['DELETE', `/v1/keys/${boss.id}`, undefined, as(boss.key)], 409, 'last_admin_key');
}

test('every route answers as the document says', async (t) => {
    const { pawl, document } = await setUp(t);

    await Promise.all([lists(pawl), changes(pawl), failures(pawl), tools(pawl), refusals(pawl),
                       streams(t, pawl, document)]);
    await triggers(pawl);
    await approvals(pawl);
    await deliveries(pawl);
    await waits(pawl);
    await doubts(pawl);
    await pawl.get('/v1/approvals');
    await interruptions(pawl);
    await keys(pawl);
    for (const { method, path, operation } of document.operations())
        for (const status of Object.keys(operation.responses).filter((s) => s < 300))
            assert.ok(document.seen.has(`${method} ${path} ${status}`),
                      `no answer to ${method} ${path} with ${status} was checked`);
    const kinds = Object.keys(document.schema('Event').discriminator.mapping);

    assert.deepEqual(kinds.filter((k) => !document.kinds.has(k)).sort(), [...UNSEEN_KINDS].sort());
});
