// http.test.mjs - the API as a stranger meets it: every bad request gets a clear answer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pawl, WAIT } from './lib/pawl.mjs';
import { rawRequest } from './lib/raw.mjs';

const CONFIG = {
    models: {
        script: { provider: 'scripted', replies: [{ text: 'you said {{input}}' }] },
        slow: {
            provider: 'scripted',
            replies: [{ calls: [{ tool: 'wait' }] }, { text: 'done' }],
        },
        bad: { provider: 'scripted', replies: [{ fail: { status: 400, message: 'no' } }] },
    },
    tools: {
        wait: { description: 'x', exec: { command: ['./wait', 'MARK'] }, retry: { attempts: 1 } },
    },
    agents: {
        hello: { model: 'script', instructions: 'x' },
        helper: { model: 'script', instructions: 'For {{context.customer}}.' },
        slow: { model: 'slow', instructions: 'x', tools: ['wait'] },
        failing: { model: 'bad', instructions: 'x' },
    },
    limits: { request: '64KiB' },
};

async function setUp(t) {
    const pawl = await Pawl.make(t, null, { wait: WAIT });

    pawl.configure(JSON.parse(JSON.stringify(CONFIG).replace('MARK', pawl.mark)));
    return pawl.start();
}

// A problem document with this status and code, whose detail says what is wrong.
function isProblem(answer, status, code, says, what) {
    const text = `${what}: ${JSON.stringify(answer.body)}`;

    assert.equal(answer.status, status, text);
    assert.match(answer.headers.get('content-type'), /^application\/problem\+json/, text);
    assert.equal(answer.body.status, status, text);
    assert.equal(answer.body.code, code, text);
    assert.match(answer.body.detail, says, text);
}

const GOOD = { agent: 'hello', input: 'hi' };

test('bodies that are no good', async (t) => {
    const pawl = await setUp(t);
    const bad = [
        ['', 400, 'invalid_json', /empty/],
        ['{', 400, 'invalid_json', /line 1/],
        ['{"agent":"hello","input":"hi"} x', 400, 'invalid_json', /line 1, column 3\d/],
        ["{'agent':'hello'}", 400, 'invalid_json', /line 1/],
        ['{"agent":"hello","agent":"hello","input":"x"}', 400, 'invalid_json', /twice/],
        [Buffer.from('{"agent":"hello","input":"\xff"}', 'latin1'), 400, 'invalid_json', /UTF-8/],
        ['{"agent":"hello","input":"\\ud800"}', 400, 'invalid_json', /\S/],
        ['{"agent":"hello","input":"a\\u0000b"}', 400, 'invalid_json', /\S/],
        ['{"agent":"hello","input":"a\0b"}', 400, 'invalid_json', /\S/],
        [`${'['.repeat(20000)}${']'.repeat(20000)}`, 400, 'invalid_json', /deep|nest/],
        ['{"a":'.repeat(5000) + '1' + '}'.repeat(5000), 400, 'invalid_json', /deep|nest/],
        ['{"agent":"hello","input":1e999}', 400, 'invalid_json', /\S/],
        ['[]', 422, 'wrong_type', /object.*array/],
        ['null', 422, 'wrong_type', /object/],
        ['{}', 422, 'missing_field', /agent/],
        [{ agent: 'hello' }, 422, 'missing_field', /input/],
        [{ agent: 7, input: 'x' }, 422, 'wrong_type', /'agent' must be a string/],
        [{ agent: null, input: 'x' }, 422, 'wrong_type', /'agent' must be a string/],
        [{ agent: 'hello', input: ['x'] }, 422, 'wrong_type', /'input' must be a string/],
        [{ agent: 'hello', input: '' }, 422, 'out_of_range', /input/],
        [{ ...GOOD, inptu: 'x' }, 422, 'unknown_field', /inptu.*did you mean 'input'/],
        [{ ...GOOD, budget: { usd: -1 } }, 422, 'out_of_range', /budget.usd/],
        [{ ...GOOD, budget: { eur: 1 } }, 422, 'unknown_field', /budget.eur/],
        [{ ...GOOD, budget: { tokens: 1.5 } }, 422, 'wrong_type', /budget.tokens/],
        [{ ...GOOD, metadata: { a: 1 } }, 422, 'wrong_type', /metadata.a/],
        [{ ...GOOD, context: 'x' }, 422, 'wrong_type', /context/],
        [{ agent: 'helo', input: 'x' }, 422, 'unknown_agent', /helo.*did you mean 'hello'/],
        [{ agent: 'helper', input: 'x' }, 422, 'context_incomplete', /customer/],
        [{ agent: '\u001b[31m', input: 'x' }, 422, 'unknown_agent', /^[\x20-\x7e]*$/],
    ];

    for (const [body, status, code, says] of bad) {
        const what = typeof body === 'object' ? JSON.stringify(body) : body.slice(0, 60);

        isProblem(await pawl.api('POST', '/v1/sessions', body), status, code, says, what);
    }
    assert.deepEqual((await pawl.get('/v1/sessions')).data, [], 'none of them made a session');
    isProblem(await pawl.api('POST', '/v1/sessions', JSON.stringify(GOOD),
                             { 'content-type': 'text/plain' }),
              415, 'unsupported_media_type', /application\/json/, 'a text');
    const large = await pawl.api('POST', '/v1/sessions', { ...GOOD, input: 'x'.repeat(70_000) });

    isProblem(large, 413, 'body_too_large', /65536/, 'a large body');
});

test('routes, methods, queries and ids that there are not', async (t) => {
    const pawl = await setUp(t);
    const { id } = await pawl.play('hello');
    const nobody = 'ses_01890000-0000-7000-8000-000000000000';
    const bad = [
        ['GET', '/v1/nothing', 404, 'not_found', /\/v1\/nothing/],
        ['GET', '/v1/sessions/', 404, 'not_found', /\S/],
        ['GET', '/v1/sessions//events', 404, 'not_found', /\S/],
        ['DELETE', '/v1/sessions', 405, 'method_not_allowed', /takes POST, GET/],
        ['PUT', `/v1/sessions/${id}/messages`, 405, 'method_not_allowed', /POST/],
        ['GET', `/v1/sessions/${nobody}`, 404, 'session_not_found', new RegExp(nobody)],
        ['GET', `/v1/sessions/${nobody}/events`, 404, 'session_not_found', /\S/],
        ['GET', `/v1/sessions/${nobody}/events?wait=30`, 404, 'session_not_found', /\S/],
        ['GET', `/v1/sessions/${nobody}/steps`, 404, 'session_not_found', /\S/],
        ['POST', `/v1/sessions/${nobody}/cancel`, 404, 'session_not_found', /\S/],
        ['GET', '/v1/sessions/x', 404, 'session_not_found', /'x'/],
        ['GET', '/v1/sessions/ses_%00', 400, 'bad_target', /\S/],
        ['GET', '/v1/sessions/%zz', 400, 'bad_target', /\S/],
        ['GET', '/v1/sessions?limit=0', 400, 'invalid_parameter', /limit.*1 to \d+/],
        ['GET', '/v1/sessions?limit=1e3', 400, 'invalid_parameter', /limit/],
        ['GET', '/v1/sessions?limit=99999999999999999999', 400, 'invalid_parameter', /limit/],
        ['GET', '/v1/sessions?status=DONE', 400, 'invalid_parameter', /DONE/],
        ['GET', '/v1/sessions?status=COMPLETD', 400, 'invalid_parameter', /mean 'COMPLETED'/],
        ['GET', '/v1/sessions?cursor=x', 400, 'invalid_cursor', /next_cursor/],
        ['GET', '/v1/sessions?colour=red', 400, 'unknown_parameter', /colour/],
        ['GET', `/v1/sessions/${id}/events?after=-1`, 400, 'invalid_parameter', /after/],
        ['GET', `/v1/sessions/${id}/events?wait=3600`, 400, 'invalid_parameter', /wait/],
    ];

    for (const [method, path, status, code, says] of bad)
        isProblem(await pawl.api(method, path), status, code, says, `${method} ${path}`);
    const wrong = await pawl.api('DELETE', '/v1/sessions');

    assert.match(wrong.headers.get('allow'), /GET/);
    assert.match(wrong.headers.get('allow'), /POST/);
});

test('framing that cannot be trusted closes the connection', async (t) => {
    const pawl = await setUp(t);
    const body = JSON.stringify(GOOD);
    const head = (lines) => ['POST /v1/sessions HTTP/1.1', `Host: localhost:${pawl.port}`,
        'Content-Type: application/json', ...lines, '', ''].join('\r\n');
    const length = `Content-Length: ${body.length}`;
    const bad = {
        'two lengths': [[length, 'Content-Length: 5'], 400],
        'the same length twice': [[length, length], 400],
        'a length and chunks': [[length, 'Transfer-Encoding: chunked'], 400],
        'chunks and a length': [['Transfer-Encoding: chunked', length], 400],
        'a list of lengths': [[`Content-Length: ${body.length}, ${body.length}`], 400],
        'a negative length': [['Content-Length: -1'], 400],
        'a length with a sign': [[`Content-Length: +${body.length}`], 400],
        'a length that overflows': [[`Content-Length: ${'9'.repeat(40)}`], 413],
        'another encoding': [['Transfer-Encoding: gzip, chunked'], 400],
        'two hosts': [[length, 'Host: localhost'], 400],
        'headers without end': [[length, `X-Long: ${'x'.repeat(20_000)}`], 431],
    };
    const smuggled = `GET /livez HTTP/1.1\r\nHost: localhost:${pawl.port}\r\n\r\n`;

    for (const [name, [lines, status]] of Object.entries(bad)) {
        const answer = await rawRequest(pawl.port, head(lines) + body + smuggled);

        assert.equal(answer.status, status, `${name}: ${answer.text}`);
        assert.equal(answer.answers, 1, `${name}: what follows is not answered`);
        assert.match(answer.json?.detail ?? '', /\S/, name);
    }
    assert.equal((await rawRequest(pawl.port, 'no HTTP at all\r\n\r\n')).status, 400);
    assert.deepEqual((await pawl.get('/v1/sessions')).data, [], 'none of them made a session');
    assert.equal((await pawl.api('GET', '/livez')).status, 200);
});

test('a web page of another site cannot call', async (t) => {
    const pawl = await setUp(t);
    const get = (lines) => rawRequest(pawl.port,
        ['GET /v1/sessions HTTP/1.1', ...lines, 'Connection: close', '', ''].join('\r\n'));
    const own = `127.0.0.1:${pawl.port}`;

    assert.equal((await get([`Host: ${own}`])).status, 200);
    assert.equal((await get([`Host: localhost:${pawl.port}`])).status, 200);
    assert.equal((await get([`Host: ${own}`, `Origin: http://${own}`])).status, 200);
    for (const host of ['evil.example', `evil.example:${pawl.port}`, `${own}.evil.example`,
                        'localhost:1', '']) {
        const answer = await get([`Host: ${host}`]);

        assert.equal(answer.status, 421, `Host: ${host}`);
        assert.equal(answer.json.code, 'host_refused');
    }
    for (const origin of ['http://evil.example', 'null', `https://${own}`, 'http://localhost:1']) {
        const answer = await get([`Host: ${own}`, `Origin: ${origin}`]);

        assert.equal(answer.status, 403, `Origin: ${origin}`);
        assert.equal(answer.json.code, 'origin_refused');
    }
});

test('Idempotency-Key: the same request is done once, another one is refused', async (t) => {
    const pawl = await setUp(t);
    const headers = { 'idempotency-key': 'order-4711' };
    const first = await pawl.api('POST', '/v1/sessions', GOOD, headers);
    const again = await Promise.all(
        Array.from({ length: 10 }, () => pawl.api('POST', '/v1/sessions', GOOD, headers)));

    assert.equal(first.status, 201);
    assert.equal(first.headers.get('location'), `/v1/sessions/${first.body.id}`);
    assert.equal(first.headers.get('idempotency-replayed'), null);
    for (const answer of again) {
        assert.equal(answer.status, 201);
        assert.equal(answer.body.id, first.body.id);
        assert.equal(answer.headers.get('idempotency-replayed'), 'true');
    }
    assert.equal((await pawl.get('/v1/sessions')).data.length, 1);
    isProblem(await pawl.api('POST', '/v1/sessions', { ...GOOD, input: 'other' }, headers),
              422, 'idempotency_key_reused', /another body/, 'another body');
    isProblem(await pawl.api('POST', '/v1/sessions', GOOD, { 'idempotency-key': 'x'.repeat(300) }),
              400, 'invalid_idempotency_key', /255/, 'a long key');
    await pawl.ended(first.body.id);
    const path = `/v1/sessions/${first.body.id}/messages`;
    const say = () => pawl.api('POST', path, { content: 'more' }, headers);

    for (const answer of await Promise.all([say(), say(), say()]))
        assert.equal(answer.status, 200);
    const { events } = await pawl.ended(first.body.id);

    assert.equal(events.filter((e) => e.kind === 'message').length, 1, 'the key is the route\'s');
    await pawl.kill();
    await pawl.start();
    const later = await pawl.api('POST', '/v1/sessions', GOOD, headers);

    assert.equal(later.body.id, first.body.id, 'the key outlives the server');
});

test('a list is filtered and paged, each session once', async (t) => {
    const pawl = await setUp(t);
    const made = [];

    for (let i = 0; i < 250; i += 25)
        made.push(...await Promise.all(Array.from({ length: 25 }, (_, k) => pawl.create({
            agent: (i + k) % 10 === 0 ? 'failing' : 'hello',
            input: `number ${i + k}`,
            metadata: { parity: (i + k) % 2 ? 'odd' : 'even', 'a b&c=': 'x/y' },
        }))));
    await Promise.all(made.map(({ id }) => pawl.ended(id)));
    const all = async (query) => {
        const found = [];
        let cursor = '';

        do {
            const page = await pawl.get(`/v1/sessions?${query}${cursor}`);

            found.push(...page.data);
            cursor = page.next_cursor && `&cursor=${encodeURIComponent(page.next_cursor)}`;
        } while (cursor);
        assert.equal(new Set(found.map((s) => s.id)).size, found.length, `${query}: no doubles`);
        return found;
    };

    assert.equal((await all('limit=7')).length, 250);
    const newest = await all('limit=100');

    assert.deepEqual(newest.map((s) => s.id).sort(), made.map((s) => s.id).sort());
    newest.forEach((s, i) =>
        assert.ok(!i || s.created_at <= newest[i - 1].created_at, 'the newest comes first'));
    assert.equal((await all('status=FAILED')).length, 25);
    assert.equal((await all('status=FAILED,COMPLETED&limit=33')).length, 250);
    assert.equal((await all('status=RUNNING')).length, 0);
    assert.equal((await all('agent=failing')).length, 25);
    assert.equal((await all('metadata.parity=odd')).length, 125);
    assert.equal((await all('metadata.parity=odd&agent=failing')).length, 0);
    assert.equal((await all(`${encodeURIComponent('metadata.a b&c=')}=x%2Fy`)).length, 250);
    assert.ok((await all('q=number%20249')).some((s) => s.current_task === 'number 249'));
});

test('a session, its events and its steps', async (t) => {
    const pawl = await setUp(t);
    const { id } = await pawl.create({ agent: 'slow', input: 'x', metadata: { k: 'v' } });

    await pawl.event(id, 'model_answered');
    const open = await pawl.session(id);

    assert.equal(open.status, 'AWAITING_TOOL');
    assert.equal(open.waiting.length, 1);
    assert.equal(open.waiting[0].on, 'tool');
    assert.match(open.waiting[0].detail, /wait/);
    pawl.write('go', '');
    const session = await pawl.ended(id);

    assert.equal(session.status, 'COMPLETED');
    assert.equal(session.output, 'done');
    assert.equal(session.current_task, 'x');
    assert.deepEqual(session.metadata, { k: 'v' });
    assert.deepEqual(session.waiting, []);
    assert.ok(session.ended_at >= session.created_at);
    const { data: steps } = await pawl.get(`/v1/sessions/${id}/steps`);

    assert.deepEqual(steps.map((s) => s.action), ['CALL_LLM', 'CALL_TOOL: wait', 'CALL_LLM']);
    assert.match(steps[1].output, /went/);
    const page = await pawl.get(`/v1/sessions/${id}/events?after=1&limit=2`);

    assert.deepEqual(page.data.map((e) => e.seq), [2, 3]);
    assert.equal(page.next_cursor, '3');
    assert.deepEqual((await pawl.get(`/v1/sessions/${id}/events?after=99999`)).data, []);
});

test('a long-poll is answered by the next event, and by a stop', async (t) => {
    const pawl = await setUp(t);
    const { id } = await pawl.create({ agent: 'slow', input: 'x' });
    const started = await pawl.event(id, 'model_answered');
    const polls = Array.from({ length: 20 }, () =>
        pawl.get(`/v1/sessions/${id}/events?after=${started.seq}&wait=60`));

    pawl.write('go', '');
    for (const { data } of await Promise.all(polls))
        assert.equal(data[0].seq, started.seq + 1);
    const { events } = await pawl.ended(id);
    const path = `/v1/sessions/${id}/events`;
    const parked = pawl.get(`${path}?after=${events.at(-1).seq}&wait=60`);

    assert.equal((await pawl.get(`${path}?after=0&limit=1&wait=60`)).data.length, 1);
    assert.equal((await pawl.stop()).status, 0);
    assert.deepEqual((await parked).data, []);
});

test('probes, the version and the agents', async (t) => {
    const pawl = await setUp(t);

    assert.equal((await pawl.api('GET', '/livez')).status, 200);
    assert.equal((await pawl.api('GET', '/readyz')).status, 200);
    assert.equal((await pawl.api('HEAD', '/livez')).status, 200);
    assert.equal((await pawl.get('/v1/version')).name, 'pawl');
    assert.deepEqual((await pawl.get('/v1/agents')).data.map((a) => a.name).sort(),
                     ['failing', 'hello', 'helper', 'slow']);
});
