// cli_talk.test.mjs - send, cancel, pause, resume and retry on the command line.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pawl } from './lib/pawl.mjs';
import { until } from './lib/wait.mjs';

const script = (...replies) => ({ provider: 'scripted', replies });

const CONFIG = {
    models: {
        plain: script({ text: 'one' }, { text: 'two' }),
        slow: script({ calls: [{ tool: 'wait' }] }, { text: 'done' }),
    },
    tools: { wait: { description: 'x', exec: { command: ['./wait'] } } },
    agents: {
        plain: { model: 'plain', instructions: 'x' },
        slow: { model: 'slow', instructions: 'x', tools: ['wait'] },
        poor: { model: 'plain', instructions: 'x', limits: { tokens: 10 } },
    },
};

const NOBODY = 'ses_01890000-0000-7000-8000-000000000000';

async function setUp(t) {
    const pawl = await Pawl.make(t, CONFIG, {
        wait: '#!/bin/sh\nuntil [ -e go ]; do sleep 0.02; done\n',
    });

    return pawl.start();
}

async function says(promise, status, pattern) {
    const end = await promise;
    const text = `${end.status}: ${end.stdout}${end.stderr}`;

    assert.equal(end.status, status, text);
    assert.match(end.stdout + end.stderr, pattern, text);
    return end;
}

test('send starts the next turn', async (t) => {
    const pawl = await setUp(t);
    const { id } = await pawl.play('plain', 'first');
    const { stdout, stderr } = await says(pawl.cli(['send', id, 'second', '--json']), 0, /^{/);

    assert.equal(JSON.parse(stdout).id, id);
    assert.equal(JSON.parse(stdout).turn, 2);
    assert.equal(stderr, '');
    const { events, output } = await pawl.ended(id);
    const [message] = events.filter((e) => e.kind === 'message');

    assert.equal(message.content, 'second');
    assert.match(message.by, /^api:/);
    assert.equal(output, 'two');
    await pawl.verify();
});

test('pause, resume and cancel, with their reasons', async (t) => {
    const pawl = await setUp(t);
    const { id } = await pawl.create({ agent: 'slow', input: 'go' });

    await says(pawl.cli(['pause', id, '--reason', 'lunch']), 0, /\(paused\)/);
    await says(pawl.cli(['pause', id]), 1, /cannot take 'paused'.*it is paused/);
    assert.equal((await pawl.session(id)).paused, true);
    await says(pawl.cli(['resume', id, '-r', 'fed']), 0, /waits for/);
    assert.equal((await pawl.session(id)).paused, false);
    await says(pawl.cli(['cancel', id, '--reason', 'enough']), 0, /^CANCELLED/);
    await says(pawl.cli(['resume', id]), 1, /final/);
    const { events } = await pawl.ended(id);
    const reasons = events.filter((e) => e.reason).map((e) => [e.kind, e.reason]);

    assert.deepEqual(reasons, [['paused', 'lunch'], ['resumed', 'fed'], ['cancelled', 'enough']]);
    await until('the end of its tools', () => pawl.tools().length === 0);
    await pawl.verify();
});

test('retry raises a budget that was reached', async (t) => {
    const pawl = await setUp(t);
    const { id, error } = await pawl.play('poor');

    assert.equal(error.code, 'budget_reached');
    await says(pawl.cli(['retry', id, '--tokens', 'many']), 2, /--tokens takes a number, not 'many'/);
    await says(pawl.cli(['retry', id, '--usd', '"1"']), 2, /--usd takes a number/);
    await says(pawl.cli(['retry', id, '--tokens', '0']), 1, /budget.tokens/);
    await says(pawl.cli(['retry', id, '--tokens', '100000']), 0, /./);
    const end = await pawl.ended(id);

    assert.equal(end.status, 'COMPLETED');
    assert.equal(end.budget.tokens, 100000);
    await says(pawl.cli(['retry', id]), 1, /cannot take 'retried'/);
});

test('the same --key is done once', async (t) => {
    const pawl = await setUp(t);
    const { id } = await pawl.play('plain');
    const ends = await Promise.all([1, 2, 3].map(() =>
        pawl.cli(['send', id, 'again', '--key', 'k', '--json'])));

    assert.deepEqual(ends.map((end) => end.status), [0, 0, 0]);
    const { events } = await pawl.ended(id);

    assert.equal(events.filter((e) => e.kind === 'message').length, 1);
    await says(pawl.cli(['send', id, 'else', '--key', 'k']), 1, /used with another body/);
});

test('what is wrong has its exit code', async (t) => {
    const pawl = await setUp(t);
    const nowhere = { env: { PAWL_SERVER: 'http://127.0.0.1:9' } };

    for (const name of ['cancel', 'pause', 'resume', 'retry']) {
        await says(pawl.cli([name]), 2, new RegExp(`usage: pawl ${name} ID`));
        await says(pawl.cli([name, NOBODY]), 1, /no session/);
        await says(pawl.cli([name, NOBODY], nowhere), 3, /no server answers/);
        await says(pawl.cli([name, '--help']), 0, /--reason/);
    }
    await says(pawl.cli(['send', NOBODY]), 2, /usage: pawl send ID TEXT/);
    await says(pawl.cli(['send', NOBODY, 'x']), 1, /no session/);
    await says(pawl.cli(['send', NOBODY, '']), 1, /'content' is empty/);
    await says(pawl.cli(['send', '../../livez', 'x']), 1, /nothing at/);
    await says(pawl.cli(['send', NOBODY, 'x', '--reason', 'y']), 2, /no option '--reason'/);
    await says(pawl.cli(['help']), 0, /send .*\n.*cancel .*\n.*pause .*\n.*resume .*\n.*retry /);
});
