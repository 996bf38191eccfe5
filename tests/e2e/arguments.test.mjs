// arguments.test.mjs - a model that sends arguments which do not fit: nothing runs, it is told where
// and why, and does better.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callsOf, checkJournal, ofKind } from './lib/journal.mjs';
import { Pawl } from './lib/pawl.mjs';

const calls = (...list) => ({ calls: list });
const refund = (args) => ({ tool: 'refund', arguments: args });

// It says how often it ran in its session.
const COUNTS = `#!/bin/sh
echo run >>"$PAWL_SCRATCH/runs"
echo "run $(wc -l <"$PAWL_SCRATCH/runs") with $(cat)"
`;

test('wrong arguments come back with path and reason, and the model corrects them', async (t) => {
    const pawl = await Pawl.make(t, {
        models: {
            m: {
                provider: 'scripted',
                replies: [
                    calls(refund({ amount: 250, order: 'A-1' }), refund({ amount: 'all', odd: 1 })),
                    calls(refund({ amount: 25, order: 'A-1' })),
                    { text: 'It says: {{result.refund}}' },
                ],
            },
        },
        tools: {
            refund: {
                description: 'Gives money back.',
                parameters: {
                    type: 'object',
                    properties: {
                        amount: { type: 'integer', minimum: 1, maximum: 100 },
                        order: { type: 'string', pattern: '^[A-Z]-[0-9]+$' },
                    },
                    required: ['amount', 'order'],
                    additionalProperties: false,
                },
                exec: { command: ['./tools/refund'] },
            },
        },
        agents: { a: { model: 'm', instructions: 'x', tools: ['refund'] } },
    }, { 'tools/refund': COUNTS });

    await pawl.start();
    const session = await pawl.play('a');
    const { events } = session;
    const said = ofKind(events, 'tool_failed').map((e) => e.error);

    assert.equal(session.status, 'COMPLETED', JSON.stringify(session.error));
    assert.equal(session.output, 'It says: run 1 with {"amount":25,"order":"A-1"}');
    checkJournal(session.id, events);
    assert.deepEqual(callsOf(events).map((c) => [c.refused ?? false, c.fits]),
                     [[true, false], [true, false], [false, true]]);
    assert.deepEqual(said.map((e) => e.code), ['call_refused', 'call_refused']);
    assert.equal(said[0].message, 'The arguments do not fit: /amount: must be at most 100, is 250. ' +
        'Send them again.');
    for (const words of ['/amount: must be integer, is string', '/order: is missing', '/odd: '])
        assert.ok(said[1].message.includes(words), `${words} in: ${said[1].message}`);
    await pawl.verify();
});

test('a schema that could not be checked in full does not start', async (t) => {
    const pawl = await Pawl.make(t, null);

    pawl.write('pawl.yaml', 'models: { m: { provider: scripted, replies: [ { text: x } ] } }\n' +
        'agents: { a: { model: m, instructions: x, tools: [t] } }\ntools:\n  t:\n' +
        '    description: x\n    exec: { command: [cat] }\n    parameters:\n      type: object\n' +
        "      properties: { a: { pattern: '(' }, b: { $ref: '#/$defs/c' } }\n");
    for (const verb of ['check', 'serve']) {
        const { status, stdout, stderr } = await pawl.cli([verb]);
        const out = stdout + stderr;

        assert.notEqual(status, 0, verb);
        assert.match(out, /pawl\.yaml:9:35: .*tools\.t\.parameters\.properties\.a\.pattern is no pattern/);
        assert.match(out, /pawl\.yaml:9:53: .*properties\.b\.\$ref leads nowhere in this schema/);
    }
});
