// cli.test.mjs - the command line as people and scripts meet it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { PAWL, Pawl, run } from './lib/pawl.mjs';
import { until, within } from './lib/wait.mjs';

// What would move a cursor, ring a bell or begin a sequence on a terminal.
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]/;
const COLOUR = /\x1b\[[0-9;]*m/;

const EVIL = 'be\u001b[31mware\u001b]0;title\u0007 \u009b2J\r\b\u007f \u202etxt';

const script = (...replies) => ({ provider: 'scripted', replies });

const CONFIG = {
    models: {
        good: script({ calls: [{ tool: 'now' }] }, { text: 'all is well' }),
        bad: script({ fail: { status: 401, message: 'no such key' } }),
        evil: script({ text: EVIL, calls: [{ tool: 'evil' }] }, { text: EVIL }),
        slow: script({ calls: [{ tool: 'wait' }] }, { text: 'done' }),
    },
    tools: {
        now: { builtin: 'now' },
        evil: { description: EVIL, exec: { command: ['./evil'] } },
        wait: { description: 'x', exec: { command: ['./wait'] } },
    },
    agents: {
        good: { model: 'good', instructions: 'x', tools: ['now'] },
        bad: { model: 'bad', instructions: 'x' },
        evil: { model: 'evil', instructions: 'x', tools: ['evil'] },
        slow: { model: 'slow', instructions: 'x', tools: ['wait'] },
    },
};

async function setUp(t) {
    const pawl = await Pawl.make(t, CONFIG, {
        evil: `#!/bin/sh\nprintf '${EVIL}'; printf '${EVIL}' >&2; exit 3\n`,
        wait: '#!/bin/sh\nuntil [ -e go ]; do sleep 0.02; done\n',
    });

    return pawl.start();
}

// Runs `pawl` on a terminal of its own: all that it writes there.
function onTerminal(pawl, args, env = {}) {
    const words = [PAWL, ...args].map((word) => `'${word}'`).join(' ');

    return run('script', ['-qec', words, '/dev/null'], {
        cwd: pawl.folder,
        env: { ...pawl.environment(), PAWL_SERVER: pawl.url, TERM: 'xterm-256color', ...env },
    });
}

async function says(promise, status, pattern, what = '') {
    const end = await promise;
    const text = `${what} ${end.status}: ${end.stdout}${end.stderr}`;

    assert.equal(end.status, status, text);
    assert.match(end.stdout + end.stderr, pattern, text);
    return end;
}

test('what is probably not meant is a warning, and all runs', async (t) => {
    const pawl = await Pawl.make(t, {
        models: { m: { provider: 'scripted', replies: [{ text: 'ok' }] } },
        tools: {
            unused: {
                description: 'x', parameters: { type: 'object', additonalProperties: false },
                exec: { command: ['true'] },
            },
        },
        agents: { a: { model: 'm', instructions: 'x' } },
    });

    const warned = /^[^\n]*pawl.yaml:\d+:\d+: warning: [^\n]*additonalProperties/m;
    const { stderr } = await says(pawl.cli(['check']), 0, warned);

    assert.match(stderr, /warning: [^\n]*unused/);
    await pawl.start();
    assert.match(pawl.log, warned);
});

test('in an empty folder: init, check, serve, run', async (t) => {
    const pawl = await Pawl.make(t, null);

    await says(pawl.cli(['init']), 0, /pawl.yaml is written/);
    await says(pawl.cli(['init']), 1, /pawl.yaml is there already/);
    await says(pawl.cli(['check']), 0, /pawl.yaml is good/);
    const written = pawl.read('pawl.yaml');

    // The one change: the port, which another test may have.
    assert.match(written, /^listen: 127.0.0.1:7295/m);
    pawl.write('pawl.yaml', written.replace('127.0.0.1:7295', `127.0.0.1:${pawl.port}`));
    await pawl.start();
    const { stdout } = await says(pawl.cli(['run', 'hello', 'What machine is this?']), 0, /Linux/);

    assert.match(stdout, /^It is \d{4}-.*this machine is: Linux/);
    await says(pawl.cli(['ps', '--all']), 0, /COMPLETED +hello/);
    await pawl.verify();
});

test('a command line that is wrong, and a server that is not there', async (t) => {
    const pawl = await Pawl.make(t, null);
    const url = 'http://127.0.0.1:9';
    const nowhere = { env: { PAWL_SERVER: url } };

    await says(pawl.cli([]), 2, /Commands:/);
    await says(pawl.cli(['help']), 0, /Exit codes:/);
    await says(pawl.cli(['run', '--help']), 0, /usage: pawl run/);
    await says(pawl.cli(['chek']), 2, /no command 'chek'; did you mean 'check'/);
    await says(pawl.cli(['run', 'good']), 2, /INPUT is missing\nusage: pawl run/);
    await says(pawl.cli(['run']), 2, /AGENT is missing\nusage: pawl run/);
    await says(pawl.cli(['settle', 'x', '1']), 2, /happened\|not_happened is missing\n/);
    for (const args of [['show', ''], ['send', '', 'x'], ['approve', ''], ['output', '', '1']])
        await says(pawl.cli(args, nowhere), 2, /ID is empty; is a variable of the shell unset\?\n/, args[0]);
    await says(pawl.cli(['output', 'x', ''], nowhere), 2, /CALL is empty;/);
    await says(pawl.cli(['run', 'a', 'b', 'c']), 2, /usage: pawl run/);
    await says(pawl.cli(['ps', '--jsn']), 2, /no option '--jsn'; did you mean --json/);
    await says(pawl.cli(['ps', '--limit', 'many']), 2, /many/);
    await says(pawl.cli(['run', 'a', 'b', '--context', '{']), 2, /context/);
    await says(pawl.cli(['run', 'a', 'b', '-m', 'noequals']), 2, /noequals/);
    for (const args of [['ps'], ['run', 'a', 'b'], ['show', 'x'], ['events', 'x']])
        await says(pawl.cli(args, nowhere), 3, new RegExp(`no server answers at ${url}`), args[0]);
    await says(pawl.cli(['verify', '--store', 'sqlite:missing.db']), 5, /missing.db/);
    await says(pawl.cli(['version']), 0, /^pawl \d+\.\d+\.\d+\n$/);
});

// A server that does as it is told with each request; its address.
async function standIn(t, behave) {
    const server = createServer(behave);

    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => {
        server.closeAllConnections();
        server.close();
    });
    return `http://127.0.0.1:${server.address().port}`;
}

test('an answer that is cut off is not taken for a server that is not there', async (t) => {
    const pawl = await Pawl.make(t, null);
    const server = await standIn(t, (request, response) => {
        if (!request.url.endsWith('/output')) {
            request.socket.destroy();
            return;
        }
        response.writeHead(200, { 'content-length': '100' });
        response.write('beginning', () => request.socket.destroy());
    });
    const at = { env: { PAWL_SERVER: server } };

    await says(pawl.cli(['output', 'ses_a', '2'], at), 1,
               /^beginning.*the output was cut off: .*; ask again: pawl output ses_a 2\n$/s);
    await says(pawl.cli(['ps'], at), 3, new RegExp(`the server at ${server} .*gave no whole answer: `));
});

// The request is under way, and no answer comes: Ctrl-C ends the command.
test('a change that is interrupted says where to look', async (t) => {
    const pawl = await Pawl.make(t, null);

    for (const [args, look] of [
        [['approve', 'ses_a:2', '--hash', 'h'], /'pawl approvals --all' says whether it was done/],
        [['reject', 'ses_a:2', '--hash', 'h'], /'pawl approvals --all' says whether it was done/],
        [['fork', 'ses_a'], /'pawl ps --all' says whether it was done/],
        [['cancel', 'ses_a'], /'pawl show ses_a' says whether it was done/],
        [['run', 'a', 'b'], /'pawl ps --all' says whether the session began/],
    ]) {
        let arrived;
        const arrival = new Promise((resolve) => { arrived = resolve; });
        const server = await standIn(t, () => arrived());
        const child = spawn(PAWL, args, { env: { ...pawl.environment(), PAWL_SERVER: server } });
        let said = '';

        child.stderr.on('data', (data) => { said += data; });
        const end = once(child, 'close');

        await within('the request', arrival);
        child.kill('SIGINT');
        assert.deepEqual(await within('the end of the command', end), [130, null], said);
        assert.match(said, look);
    }
});

// ---- check ----

// A file, and what each line of the report begins with.
const mistakes = {
    'no YAML': ['agents: [1, 2\nb: }', ['2:2: .*YAML']],
    'a tab': ['agents:\n\ta: 1', ['2:1: .*YAML']],
    'a double key': ['listen: 127.0.0.1:1\nlisten: 127.0.0.1:2\n', ['2:1: .*listen']],
    'an alias': ['models: &x {}\ntools: *x\n', ['2:8: .*alias']],
    'two documents': ['models: {}\n---\nmodels: {}\n', ['2:1: .*document']],
    'unknown keys': [
        'modls: {}\nagents:\n  a: { model: m, instrctions: x }\n',
        ["1:1: unknown key 'modls'; did you mean 'models'",
         "3:18: unknown key 'instrctions' in agents.a; did you mean 'instructions'"],
    ],
    'a tool without a command': [
        'tools:\n  a: { description: x }\n  b: { description: x, exec: {} }\n' +
        '  c: { description: x, exec: { command: [] } }\n' +
        '  d: { description: x, exec: { command: [no-such-program] } }\n',
        ["2:3: .*tools.a needs 'exec'", '3:24: .*command', '4:41: .*command is empty',
         "5:42: .*no program 'no-such-program'"],
    ],
    'a schema that is none': [
        'tools:\n  a: { description: x, parameters: 7, exec: { command: [cat] } }\n' +
        '  b: { description: x, parameters: { type: objekt }, exec: { command: [cat] } }\n' +
        '  c:\n    description: x\n    exec: { command: [cat] }\n    parameters:\n' +
        '      type: object\n      properties: { a: { type: 7 } }\n      required: a\n',
        ['2:36: .*JSON Schema', '3:44: .*JSON Schema', '9:\\d+: .*type', '10:17: .*required'],
    ],
    'references to nothing': [
        'models: { main: { provider: scripted, replies: [ { text: x } ] } }\n' +
        'agents: { a: { model: man, instructions: x, tools: [nothing] } }\n',
        ["2:23: .*'man'.*did you mean 'main'", "2:53: .*'nothing'"],
    ],
    'values that are none': [
        'listen: 127.0.0.1:99999\nlimits: { request: 1 mile, crashes: -1 }\n',
        ['1:9: ', '2:20: .*1 mile', '2:37: '],
    ],
    'what comes later': ['queues: {}\n', ['1:1: .*queues.*(later|not yet|there yet)']],
    'a variable that is not set': [
        'models: { m: { provider: openai, model: x, api_key: "${NO_SUCH_KEY}" } }\n',
        ['1:53: .*NO_SUCH_KEY'],
    ],
};

test('check finds every mistake, with file, line and column', async (t) => {
    const pawl = await Pawl.make(t, null);

    for (const [name, [yaml, places]] of Object.entries(mistakes)) {
        pawl.write('pawl.yaml', yaml);
        const { stderr } = await says(pawl.cli(['check']), 4, /pawl.yaml has \d+ errors?/, name);

        for (const place of places)
            assert.match(stderr, new RegExp(`^pawl.yaml:${place}`, 'm'), name);
        await says(pawl.cli(['serve']), 4, new RegExp(`pawl.yaml:${places[0]}`), name);
    }
    await says(pawl.cli(['check', '-c', 'none.yaml']), 4, /none.yaml.*No such file.*pawl init/);
    mkdirSync(pawl.path('folder.yaml'));
    await says(pawl.cli(['check', '-c', 'folder.yaml']), 4, /folder.yaml/);
    writeFileSync(pawl.path('pawl.yaml'), Buffer.from('listen: "\xff\xfe"\n', 'latin1'));
    await says(pawl.cli(['check']), 4, /^pawl.yaml:/);
    const long = 'x'.repeat(2 * 1024 * 1024);

    pawl.write('pawl.yaml', `triggers:\n  t:\n    agent: a\n    context: { a: ${long} }\n`);
    await says(pawl.cli(['check']), 4, /^pawl.yaml:/);
    pawl.write('pawl.yaml', '[' .repeat(100_000));
    await says(pawl.cli(['check']), 4, /^pawl.yaml:/);
});

// ---- sessions ----

test('run, ps, show and events, for people and for programs', async (t) => {
    const pawl = await setUp(t);
    const good = await says(pawl.cli(['run', 'good', 'how are you?']), 0, /all is well/);
    const bad = await says(pawl.cli(['run', 'bad', 'x']), 1, /model_unauthorized.*no such key/s);
    const id = /ses_[0-9a-f-]{36}/.exec(good.stderr)[0];

    assert.equal(good.stdout, 'all is well\n', 'the output, and nothing else');
    assert.equal(bad.stdout, '');
    await says(pawl.cli(['run', 'god', 'x']), 1, /did you mean 'good'/);
    const session = JSON.parse((await pawl.cli(['run', 'good', 'x', '--json'])).stdout);

    assert.equal(session.status, 'COMPLETED');
    const listed = async (...more) =>
        JSON.parse((await pawl.cli(['ps', '--json', ...more])).stdout);

    assert.equal((await listed('--all')).length, 3);
    assert.equal((await listed()).length, 0);
    assert.equal((await listed('--status', 'FAILED')).length, 1);
    const shown = await says(pawl.cli(['show', id]), 0, /all is well/);

    for (const word of ['how are you?', 'model', 'now', 'COMPLETED', id])
        assert.ok(shown.stdout.includes(word), word);
    assert.equal(JSON.parse((await pawl.cli(['show', id, '--json'])).stdout).session.id, id);
    const { stdout: lines } = await pawl.cli(['events', id]);
    const events = lines.trim().split('\n').map((line) => JSON.parse(line));

    assert.deepEqual(events, await pawl.events(id));
    await says(pawl.cli(['show', 'ses_01890000-0000-7000-8000-000000000000']), 1, /no session/);
    await says(pawl.cli(['show', '../../livez']), 1, /nothing at/);
});

test('nothing but text goes into a pipe, and control characters go nowhere', async (t) => {
    const pawl = await setUp(t);
    const run = await says(pawl.cli(['run', 'evil', EVIL]), 0, /be/);
    const id = /ses_[0-9a-f-]{36}/.exec(run.stderr)[0];
    const ends = {
        run,
        ps: await pawl.cli(['ps', '--all']),
        show: await pawl.cli(['show', id]),
        events: await pawl.cli(['events', id]),
        json: await pawl.cli(['show', id, '--json']),
    };

    for (const [name, { stdout, stderr }] of Object.entries(ends)) {
        // The output itself is data: `run` may give it to a program as it is.
        if (name !== 'run') assert.doesNotMatch(stdout, CONTROL, name);
        assert.doesNotMatch(stderr, CONTROL, name);
    }
    assert.doesNotMatch(pawl.log, CONTROL, 'the log');
});

test('on a terminal there are colours, but for NO_COLOR, and never those of a model', async (t) => {
    const pawl = await setUp(t);
    const withColour = await onTerminal(pawl, ['run', 'good', 'x']);
    const without = await onTerminal(pawl, ['run', 'good', 'x'], { NO_COLOR: '1' });
    const option = await onTerminal(pawl, ['run', 'good', 'x', '--no-color']);
    const evil = await onTerminal(pawl, ['run', 'evil', 'x']);
    const evilShown = await onTerminal(pawl, ['show', /ses_[0-9a-f-]{36}/.exec(evil.stdout)[0]]);

    assert.match(withColour.stdout, COLOUR);
    assert.doesNotMatch(without.stdout, COLOUR);
    assert.doesNotMatch(option.stdout, COLOUR);
    for (const { status, stdout } of [withColour, without, option, evil]) {
        assert.equal(status, 0, stdout);
        assert.match(stdout, /all is well|ware/);
    }
    for (const { stdout } of [evil, evilShown]) {
        assert.match(stdout, /ware/);
        assert.ok(!stdout.includes('\u001b[31mware'), 'a colour of the model');
        assert.ok(!stdout.includes('\u001b]0;title'), 'a title of the model');
        assert.ok(!stdout.includes('\u009b'), 'a C1 control');
        assert.ok(!stdout.includes('\u202e'), 'an override of the direction');
        assert.ok(!stdout.includes('\u0007'), 'a bell');
    }
});

test('run goes on over a kill of the server, and Ctrl-C leaves the session alone', async (t) => {
    const pawl = await setUp(t);
    const follower = pawl.cli(['run', 'slow', 'x']);
    const openSession = () => until('a session whose tool runs', async () =>
        (await pawl.get('/v1/sessions?status=AWAITING_TOOL')).data[0]);

    await openSession();
    await pawl.kill();
    await pawl.start();
    const { id } = await openSession();
    const second = spawn(PAWL, ['run', 'slow', 'y'], {
        cwd: pawl.folder,
        env: { ...pawl.environment(), PAWL_SERVER: pawl.url },
    });
    let said = '';

    second.stderr.on('data', (data) => (said += data));
    const end = new Promise((resolve) => second.on('close', resolve));

    t.after(() => second.kill('SIGKILL'));
    await until('the second session', () => /ses_/.test(said));
    second.kill('SIGINT');
    assert.equal(await within('the end of run', end), 130);
    assert.match(said, /the session goes on/);
    pawl.write('go', '');
    const { status, stdout, stderr } = await follower;

    assert.equal(status, 0, stderr);
    assert.equal(stdout, 'done\n');
    assert.match(stderr, /server is gone/);
    assert.equal((await pawl.ended(id)).status, 'COMPLETED');
    assert.equal((await pawl.ended(/ses_[0-9a-f-]{36}/.exec(said)[0])).status, 'COMPLETED');
});

test('the same --key is the same session', async (t) => {
    const pawl = await setUp(t);

    await Promise.all([1, 2, 3].map(() =>
        says(pawl.cli(['run', 'good', 'x', '--key', 'k']), 0, /all is well/)));
    assert.equal((await pawl.get('/v1/sessions')).data.length, 1);
});

test('verify finds a journal that was changed', async (t) => {
    const pawl = await setUp(t);
    const { id } = await pawl.play('good');

    await pawl.verify(); // beside the server
    await pawl.stop();
    const file = pawl.path('pawl.db');
    const bytes = readFileSync(file);
    const at = bytes.indexOf('"attempt":1,"finish":"stop"');

    assert.ok(at > 0, 'the answer is in the file');
    writeFileSync(file, Buffer.concat(
        [bytes.subarray(0, at), Buffer.from('"attempt":7'), bytes.subarray(at + 11)]));
    await says(pawl.cli(['verify']), 1, new RegExp(id));
});
