// webhooks.test.mjs - who is told, and told until it was taken: signed, once a target is there, and
// whatever dies meanwhile.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { sqlite } from './lib/example.mjs';
import { Pawl } from './lib/pawl.mjs';
import { newSecret, signedBy, Target } from './lib/target.mjs';
import { until } from './lib/wait.mjs';

const INPUT = 'a text that stays here';
const CONFIG = {
    models: {
        plain: { provider: 'scripted', replies: [{ text: 'an answer that stays here, too' }] },
        asks: { provider: 'scripted', replies: [
            { calls: [{ tool: 'pay', arguments: { amount: 500, order: 'a secret order' } }] }, { text: 'done' },
        ] },
        asks_two: { provider: 'scripted', replies: [
            { calls: [{ tool: 'pay_two', arguments: { amount: 500 } }] }, { text: 'done' },
        ] },
        unsure: { provider: 'scripted', replies: [{ calls: [{ tool: 'doubtful', arguments: {} }] }, { text: 'done' }] },
        poor: { provider: 'scripted', replies: [{ text: 'x' }] },
        curious: { provider: 'scripted', replies: [
            { calls: [{ tool: 'ask_user', arguments: { question: 'a secret order?' } }] }, { text: 'done' },
        ] },
    },
    tools: {
        pay: {
            description: 'Pays.',
            parameters: { type: 'object', properties: { amount: { type: 'number' }, order: { type: 'string' } } },
            exec: { command: ['./pay'] },
            approval: { risk: 'high', reason: 'it is money', role: 'finance', expires: '1h' },
        },
        pay_two: {
            description: 'Pays.',
            parameters: { type: 'object', properties: { amount: { type: 'number' } } },
            exec: { command: ['./pay'] },
            approval: { approvers: 2, expires: '8s', on_expiry: 'escalate', escalate_to: 'boss', role: 'clerk' },
        },
        ask_user: { builtin: 'ask_user' },
        doubtful: { description: 'May be lost.', exec: { command: ['./lost'], timeout: '100ms' }, effects: 'once' },
    },
    agents: {
        plain: { model: 'plain', instructions: 'x' },
        asks: { model: 'asks', instructions: 'x', tools: ['pay'] },
        asks_two: { model: 'asks_two', instructions: 'x', tools: ['pay_two'] },
        unsure: { model: 'unsure', instructions: 'x', tools: ['doubtful'] },
        poor: { model: 'poor', instructions: 'x', limits: { tokens: 1 } },
        curious: { model: 'curious', instructions: 'x', tools: ['ask_user'] },
    },
    limits: { crashes: 1000 },
};
const FILES = { pay: '#!/bin/sh\necho paid\n', lost: '#!/bin/sh\nsleep 60\n' };

const hook = (name, target, more = {}) => ({
    name, url: target.url, secret: newSecret(), allow_private: true, ...more,
});

async function setUp(t, webhooks) {
    const pawl = await Pawl.make(t, { ...CONFIG, webhooks }, FILES);

    return pawl.start();
}

const rows = (pawl, where = '1') =>
    sqlite(pawl.path('pawl.db'), `SELECT * FROM delivery WHERE ${where} ORDER BY key`);

const rowWith = (pawl, where) =>
    until(`a delivery with ${where}`, async () => (await rows(pawl, where))[0]);

test('an end is told: signed, thin, and recorded', async (t) => {
    const target = await Target.make(t);
    const webhook = hook('ops', target);
    const pawl = await setUp(t, [webhook]);
    const { id } = await pawl.play('plain', INPUT);
    const [message] = await target.got(1);

    assert.equal(message.method, 'POST');
    assert.equal(message.path, '/hook');
    assert.equal(message.headers['content-type'], 'application/json');
    assert.match(message.headers['webhook-id'], /^msg_[0-9a-f-]{36}$/);
    assert.ok(Math.abs(Number(message.headers['webhook-timestamp']) - Date.now() / 1000) < 300);
    assert.deepEqual(signedBy(message, [webhook.secret]), [webhook.secret]);
    assert.deepEqual(signedBy(message, [newSecret()]), []);
    assert.equal(new Date(message.body.timestamp).toISOString(), message.body.timestamp);
    assert.deepEqual({ ...message.body, timestamp: null }, {
        type: 'session.completed', timestamp: null,
        data: { session: id, agent: 'plain', status: 'COMPLETED', path: `/v1/sessions/${id}` },
    });
    const row = await rowWith(pawl, "status = 'delivered'");

    assert.equal(row.attempts, 1);
    assert.equal(row.last_status, 204);
    assert.equal(row.message_id, message.headers['webhook-id']);
    assert.match(row.id, /^dlv_/);
    assert.ok(row.delivered_at_ms >= row.created_at_ms);
});

test('what people are asked and say is told, without arguments', async (t) => {
    const target = await Target.make(t);
    const pawl = await setUp(t, [hook('ops', target)]);
    const { id } = await pawl.create({ agent: 'asks', input: INPUT });
    const [asked] = await target.got(1);
    const [approval] = (await pawl.get('/v1/approvals?status=pending')).data;

    assert.equal(asked.body.type, 'approval.requested');
    assert.deepEqual(asked.body.data, {
        session: id, agent: 'asks', status: 'AWAITING_HUMAN_APPROVAL', approval: approval.id, call: approval.call,
        tool: 'pay', risk: 'high', reason: 'it is money', role: 'finance', expires_at: approval.expires_at,
        path: `/v1/approvals/${approval.id}`,
    });
    await pawl.post(`/v1/approvals/${approval.id}`,
                    { decision: 'approve', arguments_hash: approval.arguments_hash, by: 'ann', note: INPUT });
    await pawl.ended(id);
    const told = await target.got(3);
    const decided = told.find((m) => m.body.type === 'approval.decided').body.data;

    assert.equal(decided.decision, 'approve');
    assert.equal(decided.approval, approval.id);
    assert.equal(decided.tool, 'pay');
    assert.equal(told.filter((m) => m.body.type === 'session.completed').length, 1);
    for (const { text } of told) assert.doesNotMatch(text, /stays here|secret order|500/);
});

test('a question is told once, without its text', async (t) => {
    const target = await Target.make(t);
    const pawl = await setUp(t, [hook('ops', target)]);
    const { id } = await pawl.create({ agent: 'curious', input: INPUT });
    const [asked] = await target.got(1);
    const [question] = (await pawl.get('/v1/approvals?status=pending')).data;

    assert.equal(asked.body.type, 'question.requested');
    assert.deepEqual(asked.body.data, {
        session: id, agent: 'curious', status: 'AWAITING_INPUT', approval: question.id, call: question.call,
        tool: 'ask_user', path: `/v1/approvals/${question.id}`,
    });
    await pawl.post(`/v1/approvals/${question.id}`, { answer: 'yes' });
    await pawl.ended(id);
    const told = await target.got(2);

    assert.deepEqual(told.map((m) => m.body.type), ['question.requested', 'session.completed']);
    for (const { text } of told) assert.doesNotMatch(text, /secret order/);
});

test('a doubt, a budget and a cancel are told', async (t) => {
    const target = await Target.make(t);
    const pawl = await setUp(t, [hook('ops', target)]);
    const { id } = await pawl.create({ agent: 'unsure', input: 'x' });
    const [doubt] = await target.got(1, (m) => m.body.type === 'tool.in_doubt');

    assert.equal(doubt.body.data.session, id);
    assert.equal(doubt.body.data.tool, 'doubtful');
    assert.equal(doubt.body.data.path, `/v1/approvals/${doubt.body.data.approval}`);
    const poor = await pawl.play('poor', 'x');

    assert.equal(poor.error.code, 'budget_reached');
    const ends = await target.got(2, (m) => m.body.data.session === poor.id);

    assert.deepEqual(ends.map((m) => m.body.type).sort(), ['session.budget_reached', 'session.failed']);
    for (const { body } of ends) assert.equal(body.data.code, 'budget_reached');
    await pawl.post(`/v1/sessions/${id}/cancel`, {});
    await target.got(1, (m) => m.body.type === 'session.cancelled');
});

test('people are asked anew about other arguments, and when it escalates', async (t) => {
    const target = await Target.make(t);
    const pawl = await setUp(t, [hook('ops', target, { events: ['approval.requested', 'approval.expired'] })]);
    const { id } = await pawl.create({ agent: 'asks_two', input: 'x' });

    await target.atLeast(1);
    const [{ id: approval, arguments_hash }] = (await pawl.get('/v1/approvals?status=pending')).data;

    await pawl.post(`/v1/approvals/${approval}`,
                    { decision: 'approve', arguments_hash, arguments: { amount: 400 }, by: 'ann' });
    // Of two people one has approved; the time may be over by now, and once more.
    const of = (event) => (m) => m.body.type === event && m.body.data.session === id;
    const asked = await target.atLeast(3, of('approval.requested'));
    const [expired] = await target.atLeast(1, of('approval.expired'));

    assert.deepEqual(asked.map((m) => m.body.data.role), ['clerk', 'clerk', 'boss']);
    assert.equal(expired.body.data.outcome, 'escalate');
});

test('only what a webhook wants is told, and each that wants it', async (t) => {
    const [a, b] = [await Target.make(t), await Target.make(t)];
    const pawl = await setUp(t, [
        hook('a', a, { events: ['session.completed'] }), hook('b', b, { events: ['approval.requested', 'session.completed'] }),
    ]);
    const { id } = await pawl.create({ agent: 'asks', input: 'x' });

    await b.got(1);
    assert.equal((await rows(pawl)).length, 1);
    const [approval] = (await pawl.get('/v1/approvals?status=pending')).data;

    await pawl.post(`/v1/approvals/${approval.id}`,
                    { decision: 'reject', arguments_hash: approval.arguments_hash, by: 'ann' });
    await pawl.ended(id);
    await a.got(1);
    await b.got(2);
    assert.equal(a.messages[0].headers['webhook-id'], b.messages[1].headers['webhook-id']);
});

test('a target that fails is tried again, and one that hangs holds up no other', async (t) => {
    const [hangs, fails, works] = [await Target.make(t), await Target.make(t), await Target.make(t)];

    hangs.answer = () => null;
    fails.answer = (message, nth) => (nth === 1 ? 500 : 200);
    const pawl = await setUp(t, [hook('hangs', hangs), hook('fails', fails), hook('works', works)]);
    const n = 12;

    await pawl.play('plain', 'x');
    const row = await rowWith(pawl, "webhook = 'fails' AND last_status = 500"); // for 5 seconds

    assert.deepEqual([row.attempts, row.status], [1, 'pending']);
    assert.match(row.last_error, /status 500/);
    for (let i = 1; i < n; i++) await pawl.play('plain', 'x');
    await works.got(n);
    await until('places of the one that hangs', () => hangs.messages.length >= 4);
    // Counted first: what is recorded meanwhile only lowers what is open.
    const told = hangs.messages.length;
    const open = told - (await rows(pawl, "webhook = 'hangs' AND attempts > 0")).length;

    assert.ok(open <= 4, `${open} at once`);
    await fails.atLeast(n + 1);
    const again = fails.messages.filter((m) => m.headers['webhook-id'] === row.message_id);

    assert.equal(again.length, 2);
    assert.equal(again[0].text, again[1].text);
    await rowWith(pawl, `id = '${row.id}' AND status = 'delivered' AND attempts = 2`);
});

test('redirects are not followed', async (t) => {
    const [from, to] = [await Target.make(t), await Target.make(t)];

    from.answer = () => [302, { location: to.url }];
    const pawl = await setUp(t, [hook('ops', from)]);

    await pawl.play('plain', 'x');
    const row = await rowWith(pawl, 'attempts = 1');

    assert.equal(row.status, 'pending');
    assert.match(row.last_error, /status 302, and redirects are not followed/);
    assert.equal(to.messages.length, 0);
});

test('410 ends it until the next start', async (t) => {
    const target = await Target.make(t);

    target.answer = () => 410;
    const pawl = await setUp(t, [hook('ops', target)]);

    await pawl.play('plain', 'x');
    await rowWith(pawl, "status = 'disabled' AND last_status = 410");
    assert.match(pawl.log, /WARN a webhook wants no more .* webhook=ops/);
    const { id } = await pawl.play('plain', 'x');

    await rowWith(pawl, "status = 'pending'");
    target.answer = () => 200;
    await pawl.stop();
    await pawl.start();
    const [, message] = await target.got(2);

    assert.equal(message.body.data.session, id);
});

test('while a secret is changed for another, both sign', async (t) => {
    const target = await Target.make(t);
    const secrets = [newSecret(), newSecret()];
    const pawl = await setUp(t, [hook('ops', target, { secret: secrets })]);

    await pawl.play('plain', 'x');
    const [message] = await target.got(1);

    assert.deepEqual(signedBy(message, secrets), secrets);
    assert.equal(message.headers['webhook-signature'].split(' ').length, 2);
});

test('nothing is lost, and nothing is another message, when the server is killed', async (t) => {
    const target = await Target.make(t);
    const pawl = await setUp(t, [hook('ops', target)]);
    const sessions = new Set();

    target.answer = () => null; // it may have been received, and is not recorded
    for (let round = 0; round < 3; round++) {
        for (let i = 0; i < 5; i++) sessions.add((await pawl.create({ agent: 'plain', input: 'x' })).id);
        await until('a message on its way', () => target.messages.length >= 4 * (round + 1));
        await pawl.kill();
        await pawl.start();
    }
    target.answer = () => 200;
    await pawl.kill();
    await pawl.start();
    for (const id of sessions) await pawl.ended(id);
    await until('all of them to be delivered', async () =>
        (await rows(pawl, "status = 'delivered'")).length === sessions.size);
    const told = new Map(target.messages.map((m) => [m.body.data.session, new Set()]));

    for (const m of target.messages) told.get(m.body.data.session).add(m.headers['webhook-id']);
    assert.deepEqual(new Set(told.keys()), sessions);
    for (const ids of told.values()) assert.equal(ids.size, 1);
});

test('private addresses are refused unless they are allowed', async (t) => {
    const target = await Target.make(t);
    const { port } = target;
    const urls = [`http://127.0.0.1:${port}/`, `http://localhost:${port}/`, `http://[::ffff:127.0.0.1]:${port}/`];
    const pawl = await setUp(t, urls.map((url, i) => hook(`h${i}`, target, { url, allow_private: false })));

    await pawl.play('plain', 'x');
    for (let i = 0; i < urls.length; i++) {
        const row = await rowWith(pawl, `webhook = 'h${i}' AND attempts > 0`);

        assert.equal(row.status, 'pending');
        assert.equal(row.last_status, 0);
        assert.match(row.last_error, /its address is private, and only public ones are allowed here/);
    }
    assert.equal(target.messages.length, 0);
});

test('deliveries are listed, looked at, and sent once more', async (t) => {
    const [ops, chat] = [await Target.make(t), await Target.make(t)];

    chat.answer = () => 500;
    const pawl = await setUp(t, [hook('ops', ops), hook('chat', chat)]);
    const { id } = await pawl.play('plain', 'x');
    const [message] = await ops.got(1);
    // It is tried again after 5 seconds, and then after 5 minutes.
    const failing = await rowWith(pawl, "webhook = 'chat' AND attempts = 2");
    const done = await rowWith(pawl, "webhook = 'ops' AND status = 'delivered'");

    assert.deepEqual(await pawl.get(`/v1/deliveries/${failing.id}`), {
        id: failing.id, message_id: message.headers['webhook-id'], webhook: 'chat', event: 'session.completed',
        session: id, status: 'pending', attempts: 2, next_at: new Date(failing.next_at_ms).toISOString(),
        created_at: new Date(failing.created_at_ms).toISOString(), delivered_at: null, last_status: 500,
        last_error: 'the answer has status 500',
    });
    const list = (query) => pawl.get(`/v1/deliveries${query}`).then((page) => page.data.map((d) => d.id));

    assert.deepEqual(new Set(await list('')), new Set([done.id, failing.id]));
    assert.deepEqual(await list('?webhook=ops'), [done.id]);
    assert.deepEqual(await list('?status=pending'), [failing.id]);
    assert.deepEqual(await list('?status=failed'), []);
    const first = await pawl.get('/v1/deliveries?limit=1');
    const second = await pawl.get(`/v1/deliveries?limit=1&cursor=${first.next_cursor}`);

    assert.notEqual(first.data[0].id, second.data[0].id);
    assert.equal(second.next_cursor, null);
    for (const [path, code] of [['?status=sent', 'invalid_parameter'], ['?cursor=x', 'invalid_cursor'],
                                ['?limit=0', 'invalid_parameter']])
        assert.equal((await pawl.api('GET', `/v1/deliveries${path}`)).body.code, code);
    assert.equal((await pawl.api('GET', '/v1/deliveries/dlv_none')).body.code, 'delivery_not_found');
    assert.equal((await pawl.api('POST', '/v1/deliveries/dlv_none/redeliver')).body.code, 'delivery_not_found');

    const again = await pawl.api('POST', `/v1/deliveries/${done.id}/redeliver`);

    assert.equal(again.status, 202);
    assert.equal(again.body.status, 'pending');
    assert.equal(again.body.attempts, 0);
    const [, copy] = await ops.got(2);

    assert.equal(copy.headers['webhook-id'], message.headers['webhook-id']);
    assert.equal(copy.text, message.text);
    await rowWith(pawl, `id = '${done.id}' AND status = 'delivered' AND attempts = 1`);
});

test('the command line lists deliveries and sends one more time', async (t) => {
    const target = await Target.make(t);

    target.answer = (message, nth) => (nth <= 2 ? [302, { location: '/' }] : 200);
    const pawl = await setUp(t, [hook('ops', target)]);
    const { id } = await pawl.play('plain', 'x');
    const row = await rowWith(pawl, 'attempts = 2'); // the next one is in 5 minutes
    const listed = await pawl.cli(['deliveries', '--webhook', 'ops', '--status', 'pending']);

    assert.equal(listed.status, 0, listed.stderr);
    assert.match(listed.stdout, new RegExp(
        `^${row.id}  pending    ops  session\\.completed  ${id}  2 attempts, next at .*Z\n` +
        '    the answer has status 302, and redirects are not followed\n$'));
    const again = await pawl.cli(['redeliver', row.id]);

    assert.equal(again.status, 0, again.stderr);
    assert.match(again.stdout, new RegExp(`^${row.id}  pending    ops .*  0 attempts, due at `));
    await target.got(3);
    await rowWith(pawl, "status = 'delivered'");
    assert.match((await pawl.cli(['deliveries', '--json'])).stdout, /"status":"delivered"/);
    assert.equal((await pawl.cli(['deliveries', '--status', 'failed'])).stderr, 'no delivery\n');
    assert.equal((await pawl.cli(['deliveries', '--status', 'x'])).status, 1);
    assert.equal((await pawl.cli(['redeliver', 'dlv_none'])).status, 1);
});

test('an erased session takes what is to be told of it along', async (t) => {
    const target = await Target.make(t);

    target.answer = () => 500;
    const pawl = await setUp(t, [hook('ops', target)]);
    const { id } = await pawl.play('plain', 'x');

    await rowWith(pawl, 'attempts = 1');
    assert.ok((await pawl.api('DELETE', `/v1/sessions/${id}`)).status < 300);
    await until('the row to go', async () => (await rows(pawl)).length === 0);
});

test('a secret is in no file, no log and no answer of the server', async (t) => {
    const target = await Target.make(t);
    const secret = newSecret();
    const key = secret.replace('whsec_', '');
    const token = 'tok-0123456789';
    const pawl = await Pawl.make(t, { ...CONFIG, webhooks: [
        hook('ops', target, { secret: '${HOOK_SECRET}', url: `${target.url}?t=${token}` }),
        hook('gone', target, { secret: '${HOOK_SECRET}', url: `http://127.0.0.1:1/${token}` }),
    ] }, FILES);

    pawl.env = { HOOK_SECRET: secret };
    await pawl.start();
    const { id } = await pawl.play('plain', 'x');

    await target.got(1);
    await rowWith(pawl, "webhook = 'gone' AND last_error <> ''");
    const answers = JSON.stringify([await pawl.session(id), await pawl.events(id), await pawl.get('/v1/agents'),
                                    await pawl.get('/v1/deliveries')]);

    await pawl.stop();
    const files = readdirSync(pawl.folder).filter((name) => name.startsWith('pawl.db') && !/scratch$/.test(name));
    const texts = [pawl.log, answers, ...files.map((name) => readFileSync(pawl.path(name), 'latin1'))];

    assert.ok(files.length > 0);
    for (const text of texts) {
        assert.ok(!text.includes(key), 'a secret');
        assert.ok(!text.includes(Buffer.from(key, 'base64').toString('latin1')), 'the bytes of a secret');
        assert.ok(!text.includes(token), 'a token of an address');
    }
});
