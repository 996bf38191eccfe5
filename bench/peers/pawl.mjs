// pawl.mjs - pawl as the other peers are run: one server, the embedded store.
import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { INPUT } from './lib/agent.mjs';
import { freePort } from '../../tests/e2e/lib/port.mjs';
import { Process, sleep } from './lib/process.mjs';

const PAWL = join(import.meta.dirname, '../../build/pawl');
const connections = new Agent({ keepAlive: true, maxSockets: 64 });

// The tool of a run that is killed: it leaves a line each time, in its session's scratch folder.
const traced = (ms) => `#!/bin/sh
set -e
cat > /dev/null
echo "$PAWL_CALL" >> "$HOME/runs"
sleep ${ms / 1000}
echo done
`;

export class Pawl {
    name = 'pawl';
    settings = 'SQLite, synchronous=FULL, one process';
    #waiting = new Map();

    static async start(options) {
        const system = new Pawl();

        system.options = options;
        system.port = await freePort();
        system.#configure();
        await system.startWorker();
        return system;
    }

    #configure() {
        const { folder, provider, model, toolMs } = this.options;
        const echo = { description: 'Gives its text back.',
            parameters: { type: 'object', properties: { text: { type: 'string' } } },
            exec: { command: ['./traced.sh'] } };

        writeFileSync(join(folder, 'pawl.yaml'), JSON.stringify({
            listen: `127.0.0.1:${this.port}`,
            store: `sqlite:${join(folder, 'pawl.db')}`,
            accounts: { fake: { provider: 'openai', base_url: provider.url, api_key: 'none' } },
            models: { main: { account: 'fake', model } },
            tools: { echo: toolMs === undefined ? { builtin: 'echo' } : echo },
            agents: { orders: {
                model: 'main', tools: ['echo'], instructions: 'You look after orders.' } },
        }));
        writeFileSync(join(folder, 'traced.sh'), traced(toolMs ?? 0));
        chmodSync(join(folder, 'traced.sh'), 0o755);
    }

    async startWorker() {
        let isReady = false;

        this.worker = new Process('pawl', PAWL, ['serve', '-c', join(this.options.folder, 'pawl.yaml')], {
            onLine: (line) => {
                isReady ||= line.includes(' ready on ');
                const ended = / turn ended .*?session=(\S+)/.exec(line);

                if (ended) {
                    this.#end(ended[1]);
                }
            },
        });
        await this.worker.ready(() => isReady);
        // What ended just before a kill may not have come to say so.
        for (const id of this.#waiting.keys()) {
            const { body } = await this.#ask('GET', `/v1/sessions/${id}`);

            if (JSON.parse(body).status === 'COMPLETED') {
                this.#end(id);
            }
        }
    }

    #early = new Set(); // ended before the answer to their creation was read

    #end(id) {
        if (this.#waiting.has(id)) {
            this.#waiting.get(id)();
            this.#waiting.delete(id);
        } else {
            this.#early.add(id);
        }
    }

    async session(key) {
        const body = JSON.stringify({ agent: 'orders', input: INPUT });

        for (;;) {
            const answer = await this.#ask('POST', '/v1/sessions', body, key);

            if (answer.status === 201) {
                const { id } = JSON.parse(answer.body);

                if (!this.#early.delete(id)) {
                    await new Promise((resolve) => this.#waiting.set(id, resolve));
                }
                return;
            }
            await sleep(100);
        }
    }

    #ask(method, path, body = '', key = undefined) {
        return new Promise((resolve) => {
            const headers = { 'content-type': 'application/json', ...(key && { 'idempotency-key': key }) };
            const ask = request({ agent: connections, port: this.port, method, path, headers },
                (answer) => {
                    let text = '';

                    answer.setEncoding('utf8');
                    answer.on('data', (part) => (text += part));
                    answer.on('end', () => resolve({ status: answer.statusCode, body: text }));
                    answer.on('error', () => resolve({ status: 0 }));
                });

            ask.on('error', () => resolve({ status: 0 }));
            ask.end(body);
        });
    }

    // What its tools did: a line each, as the other peers write them.
    traces() {
        const scratch = join(this.options.folder, 'pawl.db.scratch');

        return readdirSync(scratch).flatMap((session) =>
            readFileSync(join(scratch, session, 'runs'), 'utf8').trim().split('\n')
                .map((call) => `${session} ${call}`));
    }

    async countEnded() {
        const config = join(this.options.folder, 'pawl.yaml');
        const out = execFileSync(PAWL, ['verify', '-c', config], { encoding: 'utf8' });
        let n = 0;

        if (!out.includes('all good')) {
            throw new Error(out);
        }
        for (let cursor = ''; cursor !== null;) {
            const { body } = await this.#ask('GET',
                `/v1/sessions?status=COMPLETED&limit=1000${cursor && `&cursor=${cursor}`}`);
            const page = JSON.parse(body);

            n += page.data.length;
            cursor = page.next_cursor;
        }
        return n;
    }

    killWorker() {
        return this.worker.stop('SIGKILL');
    }

    get processes() {
        return [this.worker];
    }

    get versions() {
        return execFileSync(PAWL, ['version'], { encoding: 'utf8' }).trim();
    }

    async stop() {
        await this.worker.stop();
    }
}
