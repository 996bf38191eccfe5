// provider.test.mjs - a provider that misbehaves in every way: the session gets over it, or says
// what happened and what to do.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callsOf, checkJournal, ofKind, resultsOf } from './lib/journal.mjs';
import { Pawl } from './lib/pawl.mjs';
import {
    ask, cutAfter, cutOff, hangUp, inOne, neverAnswer, Provider, refuse, say, send, silentAfter,
    stream,
} from './lib/provider.mjs';

const KEY = 'sk-e2e-0123456789abcdef';
const RETRY = { attempts: 3, first: '1ms', max: '5ms' };

// One server and one provider; a session's input names the behaviour that it meets.
async function setUp(t, behaviours) {
    const provider = await Provider.start(t, (request) => {
        const nth = provider.requests.filter((r) => r.input === request.input).length;

        return behaviours[request.input](request, nth);
    });
    const model = { provider: 'openai', base_url: provider.url, model: 'm', api_key: '${KEY}' };
    const agent = { instructions: 'Be tested.', tools: ['echo', 'now'] };
    const pawl = await Pawl.make(t, {
        models: {
            main: { ...model, retry: RETRY },
            hasty: { ...model, retry: RETRY, timeout: '300ms' },
            whole: { ...model, retry: RETRY, stream: false },
            listening: { ...model, retry: RETRY, idle_timeout: '200ms' },
            nowhere: { ...model, retry: RETRY, base_url: 'http://127.0.0.1:9/v1' },
        },
        tools: { echo: { builtin: 'echo' }, now: { builtin: 'now' } },
        agents: {
            main: { ...agent, model: 'main' },
            hasty: { ...agent, model: 'hasty' },
            whole: { ...agent, model: 'whole' },
            listening: { ...agent, model: 'listening' },
            nowhere: { ...agent, model: 'nowhere' },
        },
    });

    pawl.env.KEY = KEY;
    await pawl.start();
    return { pawl, provider };
}

const HTML = '<html>Hi</html>';
const ODD = '{"choices":[{"message":7}]}';
const HUGE = `"${'x'.repeat(100 << 20)}"`;
const LONG = 'x'.repeat(1 << 20);
const chunk = (delta) => ({ choices: [{ index: 0, delta }] });
const half = chunk({ content: 'half' });
const noQuota = () => refuse(429, { code: 'insufficient_quota' });

// What a provider does for ever; how the session ends; how often it was asked, and tried.
const failures = [
    { does: () => refuse(400, { message: 'no!' }), code: 'refused', says: /no!/, asked: 1 },
    { does: () => refuse(401), code: 'unauthorized', says: /api_key/, asked: 1 },
    { does: () => refuse(403), code: 'unauthorized', says: /api_key/, asked: 1 },
    { does: () => refuse(404), code: 'not_found', says: /base_url/, asked: 1 },
    { does: () => send(302, ''), code: 'not_found', says: /302.*base_url/, asked: 1 },
    { does: () => refuse(429), code: 'rate_limited', says: /429/, asked: 3 },
    { does: noQuota, code: 'no_quota', says: /billing/, asked: 1 },
    { does: () => refuse(500), code: 'server_error', says: /500/, asked: 3 },
    { does: () => send(502, HTML, 'text/html'), code: 'server_error', says: /<html>/, asked: 3 },
    { does: () => refuse(503), code: 'overloaded', says: /busy/, asked: 3 },
    { does: () => send(200, 'no json'), code: 'bad_answer', says: /no json/, asked: 3 },
    { does: () => send(200, HTML, 'text/html'), code: 'bad_answer', says: /<html>Hi/, asked: 3 },
    { does: () => send(200, ''), code: 'bad_answer', says: /empty/, asked: 3 },
    { does: () => send(200, '{}'), code: 'bad_answer', says: /\S/, asked: 3 },
    { does: () => send(200, '{"choices":[]}'), code: 'bad_answer', says: /\S/, asked: 3 },
    { does: () => send(200, ODD), code: 'bad_answer', says: /\S/, asked: 3 },
    { does: () => send(200, HUGE), code: 'bad_answer', says: /larg|limit|more/, asked: 3 },
    { does: hangUp, code: 'timed_out', says: /connection|closed|reset|empty/i, asked: 3 },
    { does: cutOff, code: 'timed_out', says: /\S/, asked: 3 },
    { does: neverAnswer, agent: 'hasty', code: 'timed_out', says: /timeout/, tried: 3 },
    // Streams.
    { does: () => cutAfter(3, say('cut in the middle')), code: 'timed_out', says: /\S/, asked: 3 },
    { does: () => stream(half), code: 'timed_out', says: /ended before/, asked: 3 },
    { does: () => stream(half, { error: { message: 'it died' } }), code: 'bad_answer',
        says: /it died/, asked: 3 },
    { does: () => stream({ error: { message: 'no!', code: 400 } }), code: 'refused', says: /no!/,
        asked: 1 },
    { does: () => stream(half, 'no json'), code: 'bad_answer', says: /no json/, asked: 3 },
    { does: () => stream('[DONE]'), code: 'bad_answer', says: /\S/, asked: 3 },
    { does: () => say(''), code: 'bad_answer', says: /neither text nor tool calls/, asked: 3 },
    { does: () => stream(...Array(100).fill(chunk({ content: LONG }))), code: 'bad_answer',
        says: /larg|limit|more/, asked: 3 },
    { does: () => silentAfter(3, say('and then silence')), agent: 'listening', code: 'timed_out',
        says: /silent.*idle_timeout/, asked: 3 },
    { agent: 'nowhere', code: 'unreachable', says: /base_url/, asked: 0, tried: 3 },
];

test('failures that stay end the session with a code and what to do', async (t) => {
    const names = failures.map((f, i) => `case ${i}`);
    const { pawl, provider } = await setUp(
        t, Object.fromEntries(failures.map((f, i) => [names[i], f.does])));

    await Promise.all(failures.map(async (failure, i) => {
        const { agent = 'main', code, says, asked, tried = asked, does } = failure;
        const session = await pawl.play(agent, names[i]);
        const what = `${names[i]}: ${does ?? agent}`;
        const requests = provider.requests.filter((r) => r.input === names[i]).length;

        assert.equal(session.status, 'FAILED', what);
        assert.equal(session.error.code, `model_${code}`, `${what}: ${session.error.message}`);
        assert.match(session.error.message, says, what);
        assert.equal(requests, asked ?? requests, what); // a busy machine may hang up unheard
        const failed = ofKind(session.events, 'model_failed');

        assert.equal(failed.length, tried, what);
        assert.equal(failed.at(-1).retry_at, undefined, what);
        checkJournal(session.id, session.events);
    }));
    await pawl.verify();
});

test('failures that pass are tried again', async (t) => {
    const first = [
        () => refuse(429), () => refuse(500), () => refuse(503), () => send(200, 'no json'),
        hangUp, cutOff, () => cutAfter(4, say('a cut answer')),
        () => cutAfter(7, ask([['echo', { text: 'a call that is cut' }]])),
    ];
    const { pawl } = await setUp(t, Object.fromEntries(first.map((fail, i) =>
        [`case ${i}`, (_, nth) => (nth < 3 ? fail() : say('got over it'))])));

    await Promise.all(first.map(async (fail, i) => {
        const session = await pawl.play('main', `case ${i}`);

        assert.equal(session.status, 'COMPLETED', `${fail}: ${JSON.stringify(session.error)}`);
        assert.equal(session.output, 'got over it');
        assert.equal(ofKind(session.events, 'model_failed').length, 2, `${fail}`);
        checkJournal(session.id, session.events);
    }));
});

test('Retry-After is honoured, in each of its forms', async (t) => {
    const inTwoSeconds = () => new Date(Math.ceil(Date.now() / 1000) * 1000 + 2000).toUTCString();
    const forms = {
        seconds: [() => ({ 'retry-after': '1' }), 1000],
        milliseconds: [() => ({ 'retry-after-ms': '700' }), 700],
        date: [() => ({ 'retry-after': inTwoSeconds() }), 1000], // a date has whole seconds
        unavailable: [() => ({ 'retry-after': '1' }), 1000, 503],
    };
    const { pawl } = await setUp(t, Object.fromEntries(Object.entries(forms).map(
        ([name, [headers, , status = 429]]) =>
            [name, (_, nth) => (nth === 1 ? refuse(status, {}, headers()) : say('done'))])));

    await Promise.all(Object.entries(forms).map(async ([name, [, least]]) => {
        const session = await pawl.play('main', name);
        const [failed] = ofKind(session.events, 'model_failed');
        const again = ofKind(session.events, 'model_started')[1];

        assert.equal(session.status, 'COMPLETED', name);
        assert.ok(failed.retry_at - Date.parse(failed.at) >= least, `${name}: ${failed.retry_at}`);
        assert.ok(Date.parse(again.at) >= failed.retry_at, `${name}: asked before it was time`);
    }));
});

test('answers that are cut off or withheld end the session, and keep what was said', async (t) => {
    const { pawl } = await setUp(t, {
        cut: () => say('half of it', { finish: 'length' }),
        filtered: () => say('', { finish: 'content_filter' }),
    });
    const cut = await pawl.play('main', 'cut');
    const filtered = await pawl.play('main', 'filtered');

    assert.equal(cut.error?.code, 'output_truncated');
    assert.match(cut.error.message, /max_output_tokens/);
    assert.equal(filtered.error?.code, 'output_filtered');
});

// A turn in which the model asks for `calls` and then stops; what it was told of them.
async function toldOf(pawl, provider, name) {
    const session = await pawl.play('main', name);
    const request = provider.requests.filter((r) => r.input === name).at(-1);

    assert.equal(session.status, 'COMPLETED', JSON.stringify(session.error));
    checkJournal(session.id, session.events);
    return { session, told: request.messages.filter((m) => m.role === 'tool') };
}

test('a stream that is cut counts for nothing, and is asked for again', async (t) => {
    const { pawl, provider } = await setUp(t, {
        cut: ({ answers }, nth) => {
            if (answers === 1) return say('done');
            return nth === 1 ? cutAfter(8, ask([['echo', { text: 'from the first attempt' }]]))
                : ask([['echo', { text: 'from the second attempt' }]]);
        },
    });
    const { session, told } = await toldOf(pawl, provider, 'cut');
    const started = ofKind(session.events, 'model_started');

    assert.deepEqual(started.map((e) => e.attempt), [1, 2, 1]);
    assert.equal(ofKind(session.events, 'model_failed')[0].attempt, 1);
    assert.equal(ofKind(session.events, 'model_answered')[0].attempt, 2);
    assert.deepEqual(told.map((m) => m.content), ['from the second attempt']);
    await pawl.verify();
});

test('an answer is asked for as a stream, unless the model says stream: false', async (t) => {
    const story = ({ answers }) =>
        (answers === 0 ? ask([['echo', { text: 'é🦊' }]], { text: 'Wait.' }) : say('It said é🦊.'));
    const { pawl, provider } = await setUp(t, {
        streamed: story, whole: story, deaf: (request) => inOne(story(request)),
    });
    const outcomes = [];

    for (const [agent, name] of [['main', 'streamed'], ['whole', 'whole'], ['main', 'deaf']]) {
        const session = await pawl.play(agent, name);
        const asked = provider.requests.filter((r) => r.input === name);
        const last = asked.at(-1).json;

        checkJournal(session.id, session.events);
        assert.equal(last.stream, name === 'whole' ? undefined : true, name);
        outcomes.push({
            output: session.output,
            spent: session.spent,
            history: asked.at(-1).messages.filter((m) => m.role !== 'user'),
        });
    }
    assert.equal(outcomes[0].output, 'It said é🦊.');
    assert.deepEqual(outcomes[0], outcomes[1]);
    assert.deepEqual(outcomes[0], outcomes[2]);
});

// As a provider of a later day might say it: parts and members that nobody here knows.
const ODD_MESSAGE = {
    role: 'assistant',
    content: [
        { type: 'text', text: 'Look: ' }, { type: 'hologram', url: 'holo://7', frames: [1, 2] },
        { type: 'text', text: 'there.' },
    ],
    mood: { of_today: 'fine' },
};

test('content of types that nobody knows is kept, and its text is what was said', async (t) => {
    const { pawl, provider } = await setUp(t, {
        odd: ({ answers }) => (answers === 0 ? inOne({ message: ODD_MESSAGE }) : say('done')),
        streamed: ({ answers }) => (answers === 0
            ? stream(...ODD_MESSAGE.content.map((part) => chunk({ content: [part] })),
                     chunk({ mood: ODD_MESSAGE.mood }),
                     { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }, '[DONE]')
            : say('done')),
    });

    for (const name of ['odd', 'streamed']) {
        const session = await pawl.play('main', name);
        const [answered] = ofKind(session.events, 'model_answered');

        assert.equal(session.status, 'COMPLETED', JSON.stringify(session.error));
        assert.equal(session.output, 'Look: there.', name);
        for (const odd of ['holo://7', 'of_today'])
            assert.ok(JSON.stringify(answered).includes(odd), `${name}: ${odd} is in the journal`);
        await pawl.post(`/v1/sessions/${session.id}/messages`, { content: 'and now?' });
        await pawl.ended(session.id);
        const sent = provider.requests.at(-1).messages.find((m) => m.role === 'assistant');

        // An API may refuse what it would say itself: only what it demands back is sent.
        assert.deepEqual(sent, { role: 'assistant', content: 'Look: there.' }, name);
    }
    await pawl.verify();
});

const callOnce = (calls) => (request) => (request.answers === 0 ? ask(calls) : say('done'));

test('calls that are no good are answered with what is wrong', async (t) => {
    const bad = {
        'no json': [['echo', '{"text": "x'], /not a JSON object/],
        'an array': [['echo', '["x"]'], /not a JSON object.*array/],
        'a double key': [['echo', '{"text":"a","text":"b"}'], /not a JSON object.*twice/],
        'too deep': [['echo', '{"a":'.repeat(5000) + '1' + '}'.repeat(5000)], /not a JSON object/],
        'an unknown tool': [['nope', {}], /no tool named 'nope'.*echo/],
        'a tool without its argument': [['echo', {}], /text/],
        'a strange name': [['rm -rf /', {}], /no tool named/],
    };
    const { pawl, provider } = await setUp(t, Object.fromEntries(
        Object.entries(bad).map(([name, [call]]) => [name, callOnce([call])])));

    for (const [name, [, says]] of Object.entries(bad)) {
        const { told } = await toldOf(pawl, provider, name);

        assert.equal(told.length, 1, name);
        assert.match(told[0].content, /^Error: /, name);
        assert.match(told[0].content, says, name);
    }
    await pawl.verify();
});

test('a good call beside a bad one is run', async (t) => {
    const { pawl, provider } = await setUp(t, {
        both: callOnce([['nope', {}], ['echo', { text: 'hello' }]]),
    });
    const { told } = await toldOf(pawl, provider, 'both');

    assert.match(told.find((m) => m.tool_call_id === 'call_0').content, /no tool named/);
    assert.equal(told.find((m) => m.tool_call_id === 'call_1').content, 'hello');
});

test('of 40 calls at once 32 are run, the others are told so', async (t) => {
    const { pawl, provider } = await setUp(t, {
        many: callOnce(Array.from({ length: 40 }, (_, i) => ['echo', { text: `text ${i}` }])),
    });
    const { session, told } = await toldOf(pawl, provider, 'many');
    const calls = callsOf(session.events);

    assert.equal(calls.length, 32);
    for (const { call, arguments: args } of calls)
        assert.equal(resultsOf(session.events, call)[0].output, args.text);
    assert.equal(told.length, 40);
    assert.equal(told.filter((m) => /at most 32/.test(m.content)).length, 8);
});

test('calls with the same id, or none, are told apart', async (t) => {
    const { pawl, provider } = await setUp(t, {
        same: callOnce([
            ['echo', { text: 'a' }, 'x'], ['echo', { text: 'b' }, 'x'], ['now', {}, ''],
        ]),
    });
    const { told } = await toldOf(pawl, provider, 'same');

    assert.equal(new Set(told.map((m) => m.tool_call_id)).size, 3);
    assert.ok(['a', 'b'].every((text) => told.some((m) => m.content === text)));
});

test('the key goes to the provider and nowhere else', async (t) => {
    const { pawl, provider } = await setUp(t, {
        leak: () => refuse(400, { message: `your key ${KEY} is no good` }),
    });
    const session = await pawl.play('main', 'leak');

    assert.equal(provider.requests[0].key, `Bearer ${KEY}`);
    assert.match(session.error.message, /your key .* is no good/);
    assert.ok(!JSON.stringify(session).includes(KEY), 'the session');
    assert.ok(!pawl.log.includes(KEY), 'the log');
    const shown = await pawl.cli(['show', session.id]);

    assert.ok(!shown.stdout.includes(KEY), 'pawl show');
    await pawl.kill();
    for (const file of ['pawl.db', 'pawl.db-wal'])
        assert.ok(!pawl.read(file).includes(KEY), file);
});

test('what is sent: instructions, input, tools, and the history in its order', async (t) => {
    const { pawl, provider } = await setUp(t, {
        story: ({ answers }) =>
            [ask([['echo', { text: 'one' }]]), say('first'), say('second')][answers],
    });
    const first = await pawl.play('main', 'story');

    await pawl.post(`/v1/sessions/${first.id}/messages`, { content: 'go on' });
    const second = await pawl.ended(first.id);
    const { json, messages } = provider.requests.at(-1);

    assert.equal(second.output, 'second');
    assert.equal(second.turn, 2);
    assert.equal(json.model, 'm');
    assert.deepEqual(json.tools.map((x) => x.function.name), ['echo', 'now']);
    assert.deepEqual(messages.map((m) => [m.role, m.content ?? m.tool_calls[0].function.name]), [
        ['system', 'Be tested.'], ['user', 'story'], ['assistant', 'echo'], ['tool', 'one'],
        ['assistant', 'first'], ['user', 'go on'],
    ]);
});
