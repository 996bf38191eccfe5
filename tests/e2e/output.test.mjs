// output.test.mjs - outputs that are too large for their event: kept whole, read in stretches.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { checkJournal, ofKind } from './lib/journal.mjs';
import { Pawl } from './lib/pawl.mjs';
import { ask, Provider, say } from './lib/provider.mjs';
import { until } from './lib/wait.mjs';

const KIB = 1024;
const MIB = 1024 * KIB;

// Lines of 16 characters, of which each says where it stands.
const LINES = `#!/bin/sh
exec awk 'BEGIN { for (i = 0; i < 196608; i++) printf "%015d\\n", i * 16 }'
`;
const linesText = () =>
    Array.from({ length: 196608 }, (_, i) => `${String(i * 16).padStart(15, '0')}\n`).join('');

const GAP = /\n\[\.\.\. (\d+) of (\d+) bytes are left out here(?:; to read them: (\w+) (\{.*\}))? \.\.\.\]\n/;
const STRETCH = /^\[bytes (\d+) to (\d+) of (\d+); (?:more from offset (\d+)|this is the end)\]\n/;

async function setUp(t, { behave, scripts, limits, reader = true, within = [] }) {
    const provider = await Provider.start(t, behave);
    const pawl = await Pawl.make(t, null, scripts);
    const names = Object.keys(scripts);

    pawl.configure({
        store: 'sqlite:pawl.db',
        models: {
            m: { provider: 'openai', base_url: provider.url, model: 'm', max_output_tokens: 100 },
        },
        tools: {
            ...Object.fromEntries(names.map((name) => [name, {
                description: 'x', exec: { command: [`./${name}`, pawl.mark] },
            }])),
            ...(reader && { more: { builtin: 'read_output' } }),
        },
        agents: {
            a: { model: 'm', instructions: 'x', tools: [...names, ...(reader ? ['more'] : [])] },
        },
        ...(limits && { limits }),
    });
    pawl.within = within;
    await pawl.start();
    return { pawl, provider };
}

// The last result that the model was told.
const told = (messages) => messages.filter((m) => m.role === 'tool').at(-1).content;

async function plays(pawl) {
    const { id } = await pawl.create({ agent: 'a', input: 'go' });

    return pawl.completes(id);
}

test('a model pages through 3 MB, over kills of the server', async (t) => {
    const whole = linesText();
    let collected = '';
    let last = -1;
    const { pawl } = await setUp(t, {
        scripts: { lines: LINES },
        behave: ({ answers, messages }) => {
            if (answers === 0) return ask([['lines', {}]]);
            const text = told(messages);
            const stretch = STRETCH.exec(text);

            if (stretch && last !== answers) collected += text.slice(stretch[0].length);
            last = answers;
            if (!stretch) return ask([['more', JSON.parse(GAP.exec(text)[4])]]);
            return stretch[4] ? ask([['more', { call: 2, offset: Number(stretch[4]) }]]) : say('done');
        },
    });
    const { id } = await pawl.create({ agent: 'a', input: 'go' });

    for (let i = 0; i < 3; i++) {
        await pawl.event(id, 'tool_finished', 3 * i + 1);
        await pawl.kill();
        await pawl.start();
    }
    const session = await pawl.ended(id);

    assert.equal(session.status, 'COMPLETED', JSON.stringify(session.error));
    const [first] = ofKind(session.events, 'tool_finished');
    const gap = GAP.exec(first.output);

    assert.equal(whole.length, 3 * MIB);
    assert.deepEqual(first.blob, {
        hash: createHash('sha256').update(whole).digest('hex'), bytes: 3 * MIB,
    });
    assert.equal(first.output.slice(0, gap.index), whole.slice(0, 128 * KIB));
    assert.equal(first.output.slice(gap.index + gap[0].length), whole.slice(-128 * KIB));
    assert.equal(Number(gap[1]), 3 * MIB - 256 * KIB);
    assert.equal(gap[3], 'more');
    assert.equal(collected, whole.slice(128 * KIB));
    checkJournal(id, session.events);
    await pawl.verify();
});

test('what is no UTF-8 is kept as it is', async (t) => {
    const { pawl, provider } = await setUp(t, {
        scripts: { bytes: `#!/bin/sh\nprintf 'one\\377\\000two\\n'\n` },
        behave: ({ answers }) =>
            [ask([['bytes', {}]]), ask([['more', { call: 2 }]]), say('done')][answers],
    });
    const { events } = await plays(pawl);
    const [finished] = ofKind(events, 'tool_finished');
    const bytes = Buffer.from('one\xff\0two\n', 'latin1');

    assert.match(finished.output, /^one\ufffd/);
    assert.deepEqual(finished.blob, {
        hash: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length,
    });
    assert.equal(await pawl.sql('SELECT hex(data) FROM blob_piece'),
                 bytes.toString('hex').toUpperCase());
    assert.match(told(provider.requests[2].messages), /^\[bytes 0 to 8 of 9; this is the end\]\none\ufffd/);
});

test('100 MB in each of eight calls are cut at the bound, which is said, and not held in memory', async (t) => {
    const calls = Array(8).fill(['much', {}]);
    const { pawl, provider } = await setUp(t, {
        // All the memory that the server may have is less than what the calls print.
        within: ['prlimit', `--data=${400 * MIB}`],
        scripts: { much: `#!/bin/sh\nhead -c 104857600 /dev/zero | tr '\\0' x\necho end\n` },
        behave: ({ answers }) => (answers === 0 ? ask(calls) : say('done')),
    });
    const { events } = await plays(pawl);
    const finished = ofKind(events, 'tool_finished');

    assert.equal(finished.length, calls.length);
    for (const { output, blob } of finished) {
        assert.equal(blob.bytes, 64 * MIB);
        assert.equal(blob.printed, 100 * MIB + 4);
        assert.match(output, /\n\[cut: the first 67108864 of 104857604 bytes are kept\]$/);
        assert.equal(GAP.exec(output)[1], String(64 * MIB - 256 * KIB));
    }
    assert.ok(provider.requests[1].messages.filter((m) => m.role === 'tool')
        .every(({ content }) => content.length < 257 * KIB));
    assert.equal(await pawl.sql('SELECT count(*), sum(bytes) FROM blob'), `1|${64 * MIB}`);
    await pawl.verify();
});

test('an agent without the tool is told what is left out, and no more', async (t) => {
    const { pawl } = await setUp(t, {
        scripts: { lines: LINES },
        reader: false,
        behave: ({ answers }) => (answers === 0 ? ask([['lines', {}]]) : say('done')),
    });
    const { events } = await plays(pawl);
    const gap = GAP.exec(ofKind(events, 'tool_finished')[0].output);

    assert.equal(gap[2], String(3 * MIB));
    assert.equal(gap[3], undefined);
});

test('what cannot be read is told to the model, and only what is its own session\'s is read', async (t) => {
    const asks = [
        [{ call: 2, offset: 3 * MIB }, /^Error: The tool ended with exit status 1.\nthere is nothing at offset 3145728: call 2 printed 3145728 bytes/],
        [{ call: 1 }, /nothing was left out of call 1, or there is no such call/],
        [{ call: 40 }, /nothing was left out of call 40/],
        [{ call: -1 }, /do not fit/],
        [{ call: 2, offset: -1 }, /do not fit/],
        [{ offset: 1 }, /do not fit/],
        [{ call: 2, offset: 99999999999 }, /`offset` must be a whole number from 0 to/],
        [{ call: 2, offset: 3145700 }, /^\[bytes 3145700 to 3145727 of 3145728; this is the end\]\n/],
        [{ call: 2, offset: 5, length: 1 }, /^\[bytes 5 to 8 of 3145728; more from offset 9\]\n0{4}$/],
        [{ call: 2, length: 100000000 }, /^\[bytes 0 to 262015 of 3145728; more from offset 262016\]\n/],
    ];
    const { pawl, provider } = await setUp(t, {
        scripts: { lines: LINES },
        behave: ({ answers, input }) => {
            if (input === 'other') return answers === 0 ? ask([['more', { call: 2 }]]) : say('done');
            if (answers === 0) return ask([['lines', {}]]);
            return answers <= asks.length ? ask([['more', asks[answers - 1][0]]]) : say('done');
        },
    });

    await plays(pawl);
    asks.forEach(([args, says], i) =>
        assert.match(told(provider.requests[i + 2].messages), says, JSON.stringify(args)));
    const { id } = await pawl.create({ agent: 'a', input: 'other' });
    const other = await pawl.ended(id);

    assert.match(ofKind(other.events, 'tool_finished')[0].output, /nothing was left out of call 2/);
});

test('an output is erased with the last session that has it', async (t) => {
    const { pawl } = await setUp(t, {
        scripts: { lines: LINES },
        behave: ({ answers }) => (answers === 0 ? ask([['lines', {}]]) : say('done')),
    });
    const one = await plays(pawl);
    const two = await plays(pawl);

    assert.equal(await pawl.sql('SELECT count(*) FROM blob'), '1');
    assert.equal((await pawl.api('DELETE', `/v1/sessions/${one.id}`)).status, 200);
    assert.equal(await pawl.sql('SELECT count(*) FROM blob'), '1');
    await pawl.verify();
    assert.equal((await pawl.api('DELETE', `/v1/sessions/${two.id}`)).status, 200);
    await until('the last piece to go', async () => await pawl.sql('SELECT (SELECT count(*) FROM blob) + (SELECT count(*) FROM blob_piece)'
        + ' + (SELECT count(*) FROM blob_name)') === '0');
    await pawl.verify();
    assert.equal((await pawl.stop()).status, 0);
    for (const name of readdirSync(pawl.folder).filter((n) => n.startsWith('pawl.db') && !n.endsWith('scratch')))
        assert.ok(!readFileSync(pawl.path(name)).includes('000000001500000'), name);
});

// The bytes of an answer, and what it says of them.
async function fetchOutput(pawl, id, call, query = '') {
    const answer = await fetch(`${pawl.url}/v1/sessions/${id}/calls/${call}/output${query}`);

    return { status: answer.status, headers: answer.headers, bytes: Buffer.from(await answer.arrayBuffer()) };
}

test('a person gets the whole of an output, by HTTP and on the command line', async (t) => {
    const whole = Buffer.from(linesText());
    const { pawl } = await setUp(t, {
        scripts: { lines: LINES, small: '#!/bin/sh\nprintf "just this"\n', wait: '#!/bin/sh\nexec sleep 1000\n' },
        behave: ({ answers, input }) =>
            (answers > 0 ? say('done')
                : ask(input === 'wait' ? [['wait', {}]] : [['lines', {}], ['small', {}]])),
    });
    const { id } = await plays(pawl);
    const all = await fetchOutput(pawl, id, 2);

    assert.equal(all.status, 200);
    assert.equal(all.headers.get('content-type'), 'application/octet-stream');
    assert.equal(all.headers.get('x-content-type-options'), 'nosniff');
    assert.equal(all.headers.get('content-disposition'), 'attachment; filename="call-2.out"');
    assert.equal(all.headers.get('content-length'), String(whole.length));
    assert.ok(all.bytes.equals(whole));
    for (const [query, from, to] of [['?offset=3000000', 3000000, 3 * MIB], ['?length=5', 0, 5],
                                     ['?offset=262140&length=300000', 262140, 562140]])
        assert.ok((await fetchOutput(pawl, id, 2, query)).bytes.equals(whole.subarray(from, to)), query);
    assert.equal((await fetchOutput(pawl, id, 3)).bytes.toString(), 'just this');
    assert.equal((await fetchOutput(pawl, id, 3, '?offset=5&length=2')).bytes.toString(), 'th');
    for (const [call, query, status, code] of [
        ['4', '', 404, 'output_not_found'], ['1', '', 404, 'output_not_found'],
        ['0', '', 404, 'call_not_found'], ['x', '', 404, 'call_not_found'],
        ['2', `?offset=${3 * MIB}`, 400, 'invalid_parameter'], ['3', '?offset=10', 400, 'invalid_parameter'],
        ['2', '?offset=-1', 400, 'invalid_parameter'], ['2', '?length=0', 400, 'invalid_parameter'],
        ['2', '?from=1', 400, 'unknown_parameter'],
    ]) {
        const answer = await pawl.api('GET', `/v1/sessions/${id}/calls/${call}/output${query}`);

        assert.equal(answer.status, status, call + query);
        assert.equal(answer.body.code, code, call + query);
    }
    assert.equal((await pawl.api('GET', '/v1/sessions/ses_no/calls/2/output')).status, 404);
    assert.equal((await pawl.api('HEAD', `/v1/sessions/${id}/calls/2/output`)).headers.get('content-length'),
                 String(whole.length));

    const cli = await pawl.cli(['output', id, '2']);

    assert.equal(cli.status, 0, cli.stderr);
    assert.equal(cli.stdout, whole.toString());
    assert.equal((await pawl.cli(['output', id, '3'])).stdout, 'just this');
    const missing = await pawl.cli(['output', id, '9']);

    assert.equal(missing.status, 1);
    assert.match(missing.stderr, /Call 9 of this session has no output/);
    assert.match((await pawl.cli(['show', id])).stdout, /all 3,145,728 bytes of it: pawl output ID 2\n/);

    const waiting = await pawl.create({ agent: 'a', input: 'wait' });

    await pawl.event(waiting.id, 'model_answered');
    assert.equal((await fetchOutput(pawl, waiting.id, 2)).status, 404);
    assert.equal((await pawl.api('DELETE', `/v1/sessions/${id}`)).status, 200);
    assert.equal((await fetchOutput(pawl, id, 2)).status, 410);
});

test('verify looks at every output that an event names', async (t) => {
    const { pawl } = await setUp(t, {
        scripts: { lines: LINES },
        behave: ({ answers }) => (answers === 0 ? ask([['lines', {}]]) : say('done')),
    });
    const { id, events } = await plays(pawl);
    const { seq } = ofKind(events, 'tool_finished')[0];

    await pawl.stop();
    await pawl.verify();
    for (const [damage, repair, says] of [
        [`UPDATE blob_piece SET data = CAST('x' || substr(data, 2) AS BLOB) WHERE at > 300000 AND at < 600000`,
         `UPDATE blob_piece SET data = CAST('0' || substr(data, 2) AS BLOB) WHERE at > 300000 AND at < 600000`,
         /is not the one that its hash names/],
        [`UPDATE blob_piece SET blob = 77 WHERE at = 0`, `UPDATE blob_piece SET blob = 1 WHERE at = 0`,
         /pieces of the output of call 2 are missing/],
        [`UPDATE blob SET bytes = bytes + 1`, `UPDATE blob SET bytes = bytes - 1`, /is not the one that it names/],
        [`UPDATE blob_name SET call = 9`, `UPDATE blob_name SET call = 2`, /is not the one that it names/],
        [`UPDATE blob_name SET seq = 90`, `UPDATE blob_name SET seq = ${seq}`, /the output that it names is not there/],
        [`UPDATE blob_name SET seq = 1`, `UPDATE blob_name SET seq = ${seq}`, /an output is kept for it, and it names none/],
    ]) {
        await pawl.sql(damage);
        const { status, stdout } = await pawl.cli(['verify', '-c', pawl.path('pawl.yaml')]);

        assert.equal(status, 1, damage);
        assert.match(stdout, says);
        assert.match(stdout, new RegExp(`^${id}: event \\d+: `));
        await pawl.sql(repair);
        await pawl.verify();
    }
});
