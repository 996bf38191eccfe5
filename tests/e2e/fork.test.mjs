// fork.test.mjs - POST /v1/sessions/{id}/fork: a new session that begins where another one was.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { ofKind } from './lib/journal.mjs';
import { Pawl } from './lib/pawl.mjs';
import { Provider, ask, say } from './lib/provider.mjs';
import { until } from './lib/wait.mjs';

// One call of the tool that the input names, and then what came of it.
const behave = ({ input, last, answers }) => {
    if (last.role === 'tool') return say(`it said: ${last.content}`);
    if (answers > 0) return say(`and now: ${last.content}`);
    return ask([[input, {}, 'call_a'], ['echo', { text: 'x' }, 'call_b']]);
};

// What it does can be counted: a line each time.
const PAY = `#!/bin/sh
echo "$PAWL_IDEMPOTENCY_KEY" >> "$PAWL_SCRATCH/ledger"
until [ -e go ]; do sleep 0.02; done
`;

const UNKNOWN = 'Error: It is not known whether this happened: the session is a copy, ';

async function setUp(t) {
    const provider = await Provider.start(t, behave);
    const pawl = await Pawl.make(t, {
        models: { m: { provider: 'openai', base_url: provider.url, model: 'm', api_key: 'k' } },
        tools: {
            echo: { builtin: 'echo' },
            wait: { description: 'x', exec: { command: ['./wait'] } },
            pay: {
                description: 'x',
                exec: { command: ['./pay'] },
                effects: 'once',
            },
        },
        agents: {
            a: {
                model: 'm',
                instructions: 'For {{context.who}}.',
                tools: ['echo', 'wait', 'pay'],
                limits: { tokens: 90000 },
            },
        },
    }, {
        wait: '#!/bin/sh\nuntil [ -e go ]; do sleep 0.02; done\necho waited\n',
        pay: PAY,
    });

    await pawl.start();
    return { pawl, provider };
}

const create = (pawl, input) =>
    pawl.create({ agent: 'a', input, context: { who: 'Ada' }, metadata: { n: '1' } });

// A session whose tool is at work; the other call of the same answer has its result.
async function atWork(pawl, tool) {
    const { id } = await create(pawl, tool);

    await pawl.event(id, 'tool_finished');
    await until('the tool to run', () => pawl.tools().length > 0);
    return id;
}

async function fork(pawl, id, body, headers) {
    const { status, body: session, headers: answered } =
        await pawl.api('POST', `/v1/sessions/${id}/fork`, body, headers);

    assert.equal(status, 201, JSON.stringify(session));
    assert.equal(answered.get('location'), `/v1/sessions/${session.id}`);
    assert.notEqual(session.id, id);
    assert.equal(session.paused, true);
    assert.deepEqual([session.usage.tokens, session.usage.usd], [0, 0]);
    assert.equal(session.agent, 'a');
    assert.equal(session.parent, null);
    return session;
}

// Its journal: the source's up to there, as it was, and then where it is from.
async function checkCopied(pawl, id, copy, at) {
    const source = await pawl.events(id);
    const events = await pawl.events(copy.id);
    const forked = events[at];

    assert.deepEqual(events.slice(0, at), source.slice(0, at));
    assert.deepEqual([forked.kind, forked.seq, forked.from, forked.from_seq],
                     ['forked', at + 1, id, at]);
    assert.match(forked.by, /^api:/);
    assert.equal(copy.created_at, forked.at);
    return events;
}

async function resumed(pawl, id) {
    await pawl.post(`/v1/sessions/${id}/resume`);
    return pawl.ended(id);
}

test('a session at work is copied; its tool is not run again, and the model is told', async (t) => {
    const { pawl, provider } = await setUp(t);
    const id = await atWork(pawl, 'wait');
    const before = await pawl.session(id);
    const copy = await fork(pawl, id);
    const at = (await pawl.events(id)).length;

    await checkCopied(pawl, id, copy, at);
    assert.equal(copy.status, 'RUNNING', 'the model is to be asked, once it is resumed');
    assert.deepEqual(copy.waiting.map((w) => w.on), ['resume']);
    assert.deepEqual([copy.context, copy.metadata, copy.budget, copy.revision, copy.current_task],
                     [{ who: 'Ada' }, { n: '1' }, before.budget, before.revision, 'wait']);
    const { data } = await pawl.get(`/v1/sessions/${copy.id}/steps`);

    assert.deepEqual(data.map((s) => [s.action, s.status]),
                     [['CALL_LLM', 'COMPLETED'], ['CALL_TOOL: wait', 'CANCELLED'],
                      ['CALL_TOOL: echo', 'COMPLETED']]);
    assert.deepEqual(await pawl.session(id), before, 'the source is as it was');
    const asked = provider.requests.length;
    const end = await resumed(pawl, copy.id);

    assert.equal(pawl.tools().length > 0, true, 'the source is still at work');
    assert.equal(end.status, 'COMPLETED', JSON.stringify(end.error));
    assert.match(end.output, /^it said: Error: No result: the session is a copy/);
    assert.equal(provider.requests.length, asked + 1);
    assert.equal(provider.requests.at(-1).messages[0].content, 'For Ada.');
    assert.equal(end.usage.tokens, 120, 'what it spent itself');
    writeFileSync(pawl.path('go'), '');
    const first = await pawl.ended(id);

    assert.equal(first.output, 'it said: waited\n');
    const shown = await pawl.cli(['show', copy.id]);

    assert.match(shown.stdout, new RegExp(`what is above happened to ${id} \\(its events 1 to ${at}`));
    await pawl.verify();
});

test('a copy of what has ended is a conversation that goes on elsewhere', async (t) => {
    const { pawl, provider } = await setUp(t);
    const { id } = await create(pawl, 'echo');
    const source = await pawl.ended(id);
    const copy = await fork(pawl, id);

    await checkCopied(pawl, id, copy, source.events.length);
    assert.deepEqual([copy.status, copy.output, copy.ended_at],
                     ['COMPLETED', source.output, copy.created_at], 'kept from now on, not from then');
    await pawl.post(`/v1/sessions/${copy.id}/messages`, { content: 'more' });
    assert.equal((await pawl.session(copy.id)).turn, 2);
    const end = await resumed(pawl, copy.id);

    assert.equal(end.output, 'and now: more');
    assert.equal(provider.requests.at(-1).messages.filter((m) => m.role === 'tool').length, 2);
    assert.deepEqual((await pawl.events(id)), source.events);
    // And a copy of the copy, which was changed meanwhile.
    await pawl.api('PATCH', `/v1/sessions/${copy.id}`, { metadata: { n: '2' }, budget: { tokens: 5 } });
    const again = await fork(pawl, copy.id, {});
    const early = await fork(pawl, copy.id, { at: source.events.length + 1 });

    assert.deepEqual([again.metadata, again.budget.tokens, again.turn], [{ n: '2' }, 5, 2]);
    assert.deepEqual([early.metadata, early.budget.tokens, early.turn], [{ n: '1' }, 90000, 1]);
    assert.deepEqual((await pawl.events(early.id)).slice(-2).map((e) => e.from), [id, copy.id]);
    await pawl.verify();
});

test('at each event of a session a copy can be made, and goes on', async (t) => {
    const { pawl } = await setUp(t);
    const { id } = await create(pawl, 'echo');
    const { events } = await pawl.ended(id);
    // What has to follow an event comes with it: the first answer asks for a call that is no good.
    const isDue = (e) => e?.kind === 'turn_ended' || e?.error?.code === 'call_refused';

    assert.ok(events.some((e) => e.error?.code === 'call_refused'));
    for (const { seq, kind } of events) {
        const copy = await fork(pawl, id, { at: seq });
        let at = seq;

        while (isDue(events[at])) at++;
        await checkCopied(pawl, id, copy, at);
        if (copy.status === 'COMPLETED') {
            assert.equal(at, events.length);
            continue;
        }
        const end = await resumed(pawl, copy.id);

        assert.equal(end.status, 'COMPLETED', `at ${seq}, ${kind}: ${JSON.stringify(end.error)}`);
        assert.equal(ofKind(end.events, 'forked').length, 1);
    }
    await pawl.verify();
});

test('what must not happen twice is not sent by a copy, also after kill -9', async (t) => {
    const { pawl, provider } = await setUp(t);
    const id = await atWork(pawl, 'pay');
    const ledger = (session) => pawl.scratch(session, 'ledger');

    await until('the payment', () => existsSync(ledger(id)));
    const copy = await fork(pawl, id);
    const events = await pawl.events(id);
    const asked = events.find((e) => e.kind === 'model_answered');
    const early = await fork(pawl, id, { at: asked.seq });

    await pawl.kill();
    await pawl.start();
    await until('a person to be asked', async () =>
        (await pawl.session(id)).waiting.some((w) => w.on === 'person'));
    const doubt = await fork(pawl, id);

    for (const { id: fork } of [copy, early, doubt]) {
        const { waiting, paused } = await pawl.session(fork);

        assert.deepEqual([paused, waiting.map((w) => w.on)], [true, ['resume']]);
        const end = await resumed(pawl, fork);

        assert.equal(end.status, 'COMPLETED', JSON.stringify(end.error));
        const told = provider.requests.at(-1).messages.filter((m) => m.tool_call_id === 'call_a');
        const forked = ofKind(end.events, 'forked').at(-1);

        assert.deepEqual(told.map((m) => m.content.slice(0, UNKNOWN.length)), [UNKNOWN]);
        assert.deepEqual(ofKind(end.events, 'tool_sent').filter((e) => e.seq > forked.seq), []);
        assert.ok(!existsSync(ledger(fork)), 'nothing was paid here');
        const { data } = await pawl.get(`/v1/sessions/${fork}/steps`);

        assert.equal(data.find((s) => s.action === 'CALL_TOOL: pay').status, 'CANCELLED');
        const settled = await pawl.api('POST', `/v1/sessions/${fork}/calls/${asked.calls[0].call}/settle`,
                                       { outcome: 'not_happened' });

        assert.deepEqual([settled.status, settled.body.code], [409, 'call_state']);
    }
    assert.equal(readFileSync(ledger(id), 'utf8'), `${id}:${asked.calls[0].call}\n`, 'paid once');
    await pawl.post(`/v1/sessions/${id}/calls/${asked.calls[0].call}/settle`, { outcome: 'happened' });
    assert.equal((await pawl.ended(id)).status, 'COMPLETED');
    await pawl.verify();
});

test('a cancelled session is final, its copy is not', async (t) => {
    const { pawl, provider } = await setUp(t);
    const id = await atWork(pawl, 'wait');

    await pawl.post(`/v1/sessions/${id}/cancel`);
    const refused = await pawl.api('POST', `/v1/sessions/${id}/messages`, { content: 'x' });

    assert.deepEqual([refused.status, refused.body.code], [409, 'session_state'], 'it is final');
    const copy = await fork(pawl, id);

    assert.deepEqual([copy.status, copy.ended_at, copy.turn], ['PENDING', null, 1]);
    await pawl.post(`/v1/sessions/${copy.id}/messages`, { content: 'go on' });
    const end = await resumed(pawl, copy.id);

    assert.equal(end.status, 'COMPLETED', JSON.stringify(end.error));
    assert.equal(end.output, 'and now: go on');
    assert.equal(provider.requests.at(-1).messages.filter((m) => m.role === 'tool').length, 2);
    const { data } = await pawl.get(`/v1/sessions/${copy.id}/steps`);

    assert.equal(data.at(-1).turn, 1);
    assert.equal((await pawl.session(id)).status, 'CANCELLED');
    await pawl.verify();
});

test('a key makes one copy, also of what was erased meanwhile', async (t) => {
    const { pawl } = await setUp(t);
    const { id } = await create(pawl, 'echo');
    const key = { 'idempotency-key': 'k' };

    await pawl.ended(id);
    const copies = await Promise.all([1, 2, 3].map(() => fork(pawl, id, { at: 3 }, key)));
    const [{ id: copy }] = copies;

    assert.deepEqual(copies.map((c) => c.id), [copy, copy, copy]);
    const other = await pawl.api('POST', `/v1/sessions/${id}/fork`, { at: 4 }, key);

    assert.deepEqual([other.status, other.body.code], [422, 'idempotency_key_reused']);
    assert.equal((await pawl.get('/v1/sessions')).data.length, 2);
    assert.equal((await pawl.api('DELETE', `/v1/sessions/${id}`)).status, 200);
    const gone = await pawl.api('POST', `/v1/sessions/${id}/fork`, { at: 3 });

    assert.deepEqual([gone.status, gone.body.code], [410, 'erased']);
    const again = await pawl.api('POST', `/v1/sessions/${id}/fork`, { at: 3 }, key);

    assert.deepEqual([again.status, again.body.id], [201, copy]);
    assert.equal(again.headers.get('idempotency-replayed'), 'true');
    const end = await resumed(pawl, copy);

    assert.equal(end.status, 'COMPLETED', 'it does not need its source');
    await pawl.verify();
});

test('what is wrong is refused by name, and makes nothing', async (t) => {
    const { pawl } = await setUp(t);
    const { id } = await create(pawl, 'echo');
    const { events } = await pawl.ended(id);
    const refusals = [
        [{ at: events.length + 1 }, 422, 'event_not_found', /its last is/],
        [{ at: 0 }, 422, 'out_of_range', /from 1 on/],
        [{ at: -1 }, 422, 'out_of_range', /from 1 on/],
        [{ at: 4294967297 }, 422, 'out_of_range', /from 1 on/],
        [{ at: '3' }, 422, 'wrong_type', /at/],
        [{ at: 1.5 }, 422, 'wrong_type', /at/],
        [{ event: 3 }, 422, 'unknown_field', /event/],
        ['{"at":', 400, 'invalid_json', /1/],
    ];

    for (const [body, status, code, detail] of refusals) {
        const answer = await pawl.api('POST', `/v1/sessions/${id}/fork`, body);
        const what = JSON.stringify([body, answer.body]);

        assert.deepEqual([answer.status, answer.body.code], [status, code], what);
        assert.match(answer.body.detail, detail, what);
    }
    const nobody = 'ses_01890000-0000-7000-8000-000000000000';

    assert.equal((await pawl.api('POST', `/v1/sessions/${nobody}/fork`)).status, 404);
    assert.equal((await pawl.api('GET', `/v1/sessions/${id}/fork`)).status, 405);
    assert.equal((await pawl.get('/v1/sessions')).data.length, 1);
});

test('pawl fork', async (t) => {
    const { pawl } = await setUp(t);
    const { id } = await create(pawl, 'echo');

    await pawl.ended(id);
    const first = await pawl.cli(['fork', id, '--at', '2']);
    const [, copy] = /^(ses_\S+) is a copy of ses_/.exec(first.stdout);

    assert.equal(first.status, 0, first.stderr);
    assert.match(first.stdout, /\(paused\).*waits for resume/s);
    assert.equal((await pawl.events(copy)).length, 3);
    const second = await pawl.cli(['fork', id, '--json']);

    assert.equal(JSON.parse(second.stdout).paused, true);
    for (const [at, status, text] of [['0', 1, /from 1 on/], ['99', 1, /no event 99/],
                                      ['x', 2, /--at takes a number/]]) {
        const refused = await pawl.cli(['fork', id, '--at', at]);

        assert.equal(refused.status, status, refused.stderr);
        assert.match(refused.stderr, text);
    }
});
