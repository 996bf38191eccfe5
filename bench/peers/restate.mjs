// restate.mjs - starts Restate's server and the service that runs the agent.
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { freePort } from '../../tests/e2e/lib/port.mjs';
import { Process, sleep } from './lib/process.mjs';

const here = import.meta.dirname;
const SERVER = join(here, `node_modules/@restatedev/restate-server-linux-${process.arch}`);
const PARTITIONS = 4;
const connections = new Agent({ keepAlive: true, maxSockets: 1024 });

function versionOf(name) {
    return JSON.parse(readFileSync(join(here, 'node_modules', name, 'package.json'))).version;
}

function listens(port) {
    return new Promise((resolve) => {
        const socket = createConnection(port, '127.0.0.1', () => {
            socket.destroy();
            resolve(true);
        });

        socket.on('error', () => resolve(false));
    });
}

export class Restate {
    name = 'Restate';
    #ended = 0;

    static async start(options) {
        const system = new Restate();

        system.options = options;
        await system.#startServer();
        system.servicePort = await freePort();
        await system.startWorker();
        await system.#register();
        return system;
    }

    async #startServer() {
        const [ingress, admin, node] = [await freePort(), await freePort(), await freePort()];

        this.ingress = ingress;
        this.admin = admin;
        this.server = new Process('restate-server', join(SERVER, 'bin/restate-server'), [
            '--base-dir', join(this.options.folder, 'restate'),
        ], {
            env: {
                RESTATE_DEFAULT_NUM_PARTITIONS: `${PARTITIONS}`,
                RESTATE_DISABLE_TELEMETRY: 'true',
                RESTATE_LOG_FILTER: 'warn',
                RESTATE_LISTEN_MODE: 'tcp',
                RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
                RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${node}`,
                RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
                RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
            },
        });
        await this.server.ready(async () =>
            (await fetch(`http://127.0.0.1:${admin}/health`)).ok &&
            (await fetch(`http://127.0.0.1:${ingress}/restate/health`)).ok);
    }

    async startWorker() {
        const { provider, model, trace, toolMs } = this.options;

        this.worker = new Process('the Restate service', process.execPath,
            [join(here, 'restate_service.mjs')], {
                env: {
                    SERVICE_PORT: `${this.servicePort}`,
                    PROVIDER_URL: provider.url,
                    MODEL: model,
                    TRACE: trace ?? '',
                    TOOL_MS: `${toolMs ?? 0}`,
                    RESTATE_LOGGING: 'ERROR',
                    NODE_ENV: 'production',
                },
            });
        await this.worker.ready(() => listens(this.servicePort));
    }

    async #register() {
        const answer = await fetch(`http://127.0.0.1:${this.admin}/deployments`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ uri: `http://127.0.0.1:${this.servicePort}` }),
        });

        if (!answer.ok) {
            throw new Error(`Restate does not take the service: ${await answer.text()}`);
        }
    }

    // Ends when the session has. The idempotency key makes it one session, however often it is sent.
    async session(id) {
        for (;;) {
            const status = await this.#ask(id);

            if (status === 200) {
                this.#ended++;
                return;
            }
            await sleep(100);
        }
    }

    #ask(id) {
        return new Promise((resolve) => {
            const ask = request({
                agent: connections,
                port: this.ingress,
                method: 'POST',
                path: '/agent/run',
                headers: { 'content-type': 'application/json', 'idempotency-key': id },
            }, (answer) => {
                answer.resume();
                answer.on('end', () => resolve(answer.statusCode));
                answer.on('error', () => resolve(0));
            });

            ask.on('error', () => resolve(0));
            ask.end(JSON.stringify(id));
        });
    }

    async countEnded() {
        return this.#ended;
    }

    killWorker() {
        return this.worker.stop('SIGKILL');
    }

    get processes() {
        return [this.server, this.worker];
    }

    get versions() {
        return `restate-server ${versionOf('@restatedev/restate-server')}, restate-sdk ` +
            `${versionOf('@restatedev/restate-sdk')}, Node ${process.version}`;
    }

    settings = `${PARTITIONS} partitions, one node, defaults`;

    async stop() {
        await this.worker.stop('SIGKILL');
        await this.server.stop('SIGKILL');
    }
}
