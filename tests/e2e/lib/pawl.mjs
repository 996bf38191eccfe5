// pawl.mjs - one server under test, with a folder and a port of its own, driven from outside.
//
//     const pawl = await Pawl.make(t, { models: {...}, agents: {...} });
//     await pawl.start();
//     const session = await pawl.create({ agent: 'a', input: 'x' });
//     const { status, events } = await pawl.ended(session.id);
//
// What a test leaves behind is ended and removed when the test is over, by process id.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkJournal } from './journal.mjs';
import { freePort } from './port.mjs';
import { listed, processesOf } from './processes.mjs';
import { DEADLINE_MS, until, within } from './wait.mjs';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../../..');
export const PAWL = process.env.PAWL ?? join(ROOT, 'build/pawl');

// A tool that waits until the test lets it go, by the file `go`.
export const WAIT = `#!/bin/sh
until [ -e go ]; do sleep 0.02; done
echo "went, attempt $PAWL_ATTEMPT"
`;

const children = new Set();

// Nothing outlives the test, even if the test itself is ended.
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

// Runs a program to its end: { status, signal, stdout, stderr }.
export function run(file, args, { cwd, env, input = '', deadlineMs = DEADLINE_MS } = {}) {
    const child = spawn(file, args, { cwd, env: env ?? process.env });
    const out = { stdout: [], stderr: [] };

    children.add(child);
    child.stdout.on('data', (data) => out.stdout.push(data));
    child.stderr.on('data', (data) => out.stderr.push(data));
    child.stdin.on('error', () => {}); // it may end without reading
    child.stdin.end(input);
    const end = new Promise((resolve, reject) => {
        child.on('error', reject);
        child.on('close', (status, signal) => {
            children.delete(child);
            resolve({
                status,
                signal,
                stdout: Buffer.concat(out.stdout).toString(),
                stderr: Buffer.concat(out.stderr).toString(),
            });
        });
    });

    return within(`${basename(file)} ${args.join(' ')}`, end, deadlineMs).finally(() =>
        child.kill('SIGKILL'));
}

export class Pawl {
    server = null; // the process, from start() to its end
    log = '';      // what all servers of this folder wrote
    env = {};      // more of it for servers to come
    within = [];   // a command that runs servers to come: [file, ...args], then the server's own
    #serverLog = '';
    #gone;
    #closed;

    // config: pawl.yaml as an object (JSON is YAML), without `listen`; files: name -> text.
    static async make(t, config, files = {}) {
        const pawl = new Pawl();

        pawl.folder = mkdtempSync(join(tmpdir(), 'pawl-e2e-'));
        chmodSync(pawl.folder, 0o755); // as root, tools run under another user
        pawl.mark = basename(pawl.folder);
        pawl.port = await freePort();
        t.after(() => pawl.#cleanUp());
        for (const [name, text] of Object.entries(files)) pawl.write(name, text);
        if (config) pawl.configure(config);
        return pawl;
    }

    get url() {
        return `http://127.0.0.1:${this.port}`;
    }

    path(name) {
        return join(this.folder, name);
    }

    // Where the tools of a session keep what they write.
    scratch(id, name = '') {
        return this.path(join('pawl.db.scratch', id, name));
    }

    // A file of the project; a script (#!) can be run.
    write(name, text) {
        mkdirSync(dirname(this.path(name)), { recursive: true });
        writeFileSync(this.path(name), text);
        chmodSync(this.path(name), text.startsWith('#!') ? 0o755 : 0o644);
    }

    read(name) {
        return readFileSync(this.path(name), 'utf8');
    }

    configure(config) {
        const whole = { listen: `127.0.0.1:${this.port}`, store: 'sqlite:pawl.db', ...config };

        // YAML takes fewer characters as they are than JSON.
        const text = JSON.stringify(whole, null, 2).replace(/[\x7f-\uffff]/g, (c) =>
            `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

        this.write('pawl.yaml', text);
    }

    environment() {
        const base = { PATH: process.env.PATH, HOME: this.folder, LANG: 'C.UTF-8', E2E: this.mark };

        return { ...base, ...this.env };
    }

    // ---- the server's life ----

    // Starts a server and returns at once; exited() waits for its end.
    spawn(args = []) {
        const command = [...this.within, PAWL, 'serve', '-c', this.path('pawl.yaml'), ...args];
        const child = spawn(command[0], command.slice(1), {
            cwd: this.folder,
            env: this.environment(),
            stdio: ['ignore', 'pipe', 'pipe'],
        });

        children.add(child);
        this.server = child;
        this.#serverLog = '';
        for (const stream of [child.stdout, child.stderr])
            stream.on('data', (data) => {
                this.log += data;
                this.#serverLog += data;
            });
        this.#gone = once(child, 'exit');
        this.#closed = new Promise((resolve) =>
            child.on('close', (status, signal) => {
                children.delete(child);
                if (this.server === child) this.server = null;
                resolve({ status, signal, log: this.#serverLog });
            }));
        return child;
    }

    // The end of the server and of all that could still write to its log: { status, signal, log }.
    exited() {
        return within('the end of the server', this.#closed);
    }

    // The end of the server's own process.
    gone() {
        return within('the end of the server\'s process', this.#gone);
    }

    async start(args) {
        const child = this.spawn(args);

        await until(() => `the server to be ready; it said:\n${this.#serverLog}`, () => {
            if (child.exitCode !== null || child.signalCode !== null)
                throw new Error(`the server ended while it started:\n${this.#serverLog}`);
            return /\bready\b/.test(this.#serverLog);
        });
        return this;
    }

    // SIGKILL, and then the moment at which the last of its tools is dead: the lock is free.
    async kill() {
        this.server.kill('SIGKILL');
        await this.exited();
        await this.lockIsFree();
        const left = this.tools();

        assert.equal(left.length, 0, `the lock is free, but there still is:\n${listed(left)}`);
    }

    // SIGTERM, and its end.
    async stop() {
        this.server.kill('SIGTERM');
        return this.exited();
    }

    async isLockFree() {
        return (await run('flock', ['-n', this.path('pawl.db.lock'), 'true'])).status === 0;
    }

    lockIsFree() {
        return until('the store\'s lock', () => this.isLockFree());
    }

    // The process that starts the tools, and what it consists of.
    launchers() {
        return this.processes().filter(
            (p) => p.exe.endsWith('/pawl') && p.pid !== this.server?.pid);
    }

    // Processes that belong to this folder, whoever started them.
    processes() {
        return processesOf(this.mark);
    }

    // Those of its tools: what runs in a sandbox, and the sandbox. One without a command line is
    // dead already, but for its bookkeeping.
    tools() {
        return this.processes().filter((p) => p.command && !p.exe.endsWith('/pawl'));
    }

    // ---- HTTP ----

    // { status, headers, body }: the body is JSON where it says so, else text.
    async api(method, path, body, headers = {}) {
        const hasBody = body !== undefined;
        const isBytes = typeof body === 'string' || Buffer.isBuffer(body);
        const answer = await fetch(this.url + path, {
            method,
            headers: { ...(hasBody && { 'content-type': 'application/json' }), ...headers },
            body: !hasBody || isBytes ? body : JSON.stringify(body),
            signal: AbortSignal.timeout(DEADLINE_MS),
        });
        const text = await answer.text();
        const isJson = /json/.test(answer.headers.get('content-type') ?? '');

        return {
            status: answer.status,
            headers: answer.headers,
            body: isJson && text ? JSON.parse(text) : text, // HEAD has none
        };
    }

    // The answer's body, of a call that must succeed.
    async get(path) {
        const answer = await this.api('GET', path);

        assert.equal(answer.status, 200, `GET ${path}: ${JSON.stringify(answer.body)}`);
        return answer.body;
    }

    async post(path, body, headers) {
        const { status, body: answer } = await this.api('POST', path, body, headers);

        assert.ok(status < 300, `POST ${path}: ${status} ${JSON.stringify(answer)}`);
        return answer;
    }

    create(body, headers) {
        return this.post('/v1/sessions', body, headers);
    }

    session(id) {
        return this.get(`/v1/sessions/${id}`);
    }

    // The whole journal, or what comes after an event.
    async events(id, after = 0) {
        const events = [];

        for (;;) {
            const page = await this.get(`/v1/sessions/${id}/events?after=${after}&limit=100`);

            events.push(...page.data);
            if (page.next_cursor === null) return events;
            after = Number(page.next_cursor);
        }
    }

    // Follows the journal by long-poll until `isThere` says so of the events so far; gives these.
    async follow(id, isThere, what) {
        const events = [];
        const end = performance.now() + DEADLINE_MS;

        while (!isThere(events)) {
            const after = events.at(-1)?.seq ?? 0;

            if (performance.now() > end) {
                const kinds = events.map((e) => e.kind).join(' ');

                throw new Error(`waited for ${what} of ${id}; it has: ${kinds}`);
            }
            const page = await this.get(`/v1/sessions/${id}/events?after=${after}&wait=5`);

            events.push(...page.data);
        }
        return events;
    }

    // Waits for an event of this kind, the nth.
    async event(id, kind, nth = 1) {
        const nths = (events) => events.filter((e) => e.kind === kind);
        const events = await this.follow(id, (e) => nths(e).length >= nth, `'${kind}' no. ${nth}`);

        return nths(events)[nth - 1];
    }

    // Waits for the end of the session's turn; the session with its `events`.
    async ended(id) {
        const isEnd = (e) => e?.kind === 'turn_ended' || e?.kind === 'cancelled';
        const events = await this.follow(id, (all) => isEnd(all.at(-1)), 'the end');

        return { ...(await this.session(id)), events };
    }

    // Waits for the end of the turn, which must be a good one.
    async completes(id) {
        const session = await this.ended(id);

        assert.equal(session.status, 'COMPLETED', JSON.stringify(session.error));
        checkJournal(id, session.events);
        return session;
    }

    // Creates a session and waits for its end.
    async play(agent, input = 'go', more = {}) {
        const { id } = await this.create({ agent, input, ...more });

        return this.ended(id);
    }

    // ---- the command line ----

    cli(args, { env = {}, ...more } = {}) {
        return run(PAWL, args, {
            cwd: this.folder,
            env: { ...this.environment(), PAWL_SERVER: this.url, ...env },
            ...more,
        });
    }

    // Somebody else's hand in the store: what sqlite3 says.
    async sql(text) {
        const { status, stdout, stderr } = await run(
            'sqlite3', ['-cmd', '.timeout 30000', this.path('pawl.db'), text]);

        assert.equal(status, 0, stderr);
        return stdout.trim();
    }

    async verify() {
        const { status, stdout, stderr } = await this.cli(['verify', '-c', this.path('pawl.yaml')]);

        assert.equal(status, 0, `pawl verify: ${stdout}${stderr}`);
        return stdout;
    }

    async #cleanUp() {
        this.server?.kill('SIGKILL');
        // Its tools end by themselves: what does not is a bug, and is ended here.
        try {
            await until(() => `the end of:\n${listed(this.processes())}`,
                        () => this.processes().length === 0, 20_000);
        } finally {
            for (const { pid } of this.processes()) process.kill(pid, 'SIGKILL');
            rmSync(this.folder, { recursive: true, force: true });
        }
    }
}
