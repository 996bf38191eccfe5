// node_design.mjs - starts Redis, PostgreSQL and the worker of the usual Node design.
import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { Queue } from 'bullmq';
import pg from 'pg';
import { INPUT } from './lib/agent.mjs';
import { freePort } from '../../tests/e2e/lib/port.mjs';
import { Process } from './lib/process.mjs';

const here = import.meta.dirname;
const POSTGRES = '/usr/lib/postgresql/15/bin';
const SCHEMA = `
    CREATE TABLE session (id text PRIMARY KEY, version integer NOT NULL, status text NOT NULL,
                          messages jsonb NOT NULL);
    CREATE TABLE step (session text NOT NULL, version integer NOT NULL, action text NOT NULL,
                       body jsonb NOT NULL, PRIMARY KEY (session, version));`;

// PostgreSQL does not run as root.
const isRoot = process.getuid() === 0;
const asPostgres = (file, args) =>
    isRoot ? ['setpriv', ['--reuid=postgres', '--regid=postgres', '--clear-groups', file, ...args]]
           : [file, args];

function versionOf(name) {
    return JSON.parse(readFileSync(join(here, 'node_modules', name, 'package.json'))).version;
}

function answersPing(port) {
    return new Promise((resolve) => {
        const socket = createConnection(port, '127.0.0.1', () => socket.write('PING\r\n'));

        socket.on('error', () => resolve(false));
        socket.on('data', (data) => {
            socket.destroy();
            resolve(data.toString().startsWith('+PONG'));
        });
    });
}

export class NodeDesign {
    name = 'Node: BullMQ, Redis, PostgreSQL';
    #waiting = new Map();

    static async start(options) {
        const system = new NodeDesign();

        system.options = options;
        await system.#startRedis();
        await system.#startPostgres();
        system.queue = new Queue('agent-tasks', {
            connection: { host: '127.0.0.1', port: system.redisPort },
            defaultJobOptions: { removeOnComplete: true, attempts: 5 },
        });
        await system.startWorker();
        return system;
    }

    async #startRedis() {
        const folder = join(this.options.folder, 'redis');

        mkdirSync(folder, { recursive: true });
        this.redisPort = await freePort();
        this.redis = new Process('redis-server', '/usr/bin/redis-server', [
            '--port', `${this.redisPort}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '',
            '--appendonly', 'yes', '--appendfsync', 'always', '--maxmemory-policy', 'noeviction',
        ]);
        await this.redis.ready(() => answersPing(this.redisPort));
    }

    async #startPostgres() {
        const folder = join(this.options.folder, 'postgres');
        const [init, initArgs] = asPostgres(`${POSTGRES}/initdb`, [
            '-D', folder, '-U', 'bench', '-A', 'trust', '--no-instructions']);

        mkdirSync(folder, { recursive: true });
        if (isRoot) {
            chownSync(folder, ...['-u', '-g'].map((which) =>
                Number(execFileSync('id', [which, 'postgres']))));
        }
        execFileSync(init, initArgs, { stdio: 'ignore', cwd: '/' });
        this.pgPort = await freePort();
        this.postgres = new Process('postgres', ...asPostgres(`${POSTGRES}/postgres`, [
            '-D', folder, '-p', `${this.pgPort}`, '-c', 'listen_addresses=127.0.0.1',
            '-c', 'unix_socket_directories=', '-c', 'shared_buffers=256MB',
        ]), { cwd: '/' });
        this.pool = new pg.Pool({
            host: '127.0.0.1', port: this.pgPort, user: 'bench', database: 'postgres', max: 16,
        });
        this.pool.on('error', () => {}); // it goes away when PostgreSQL is stopped
        await this.postgres.ready(() => this.pool.query('SELECT 1'));
        await this.pool.query(SCHEMA);
    }

    async startWorker() {
        const { provider, model, trace, toolMs } = this.options;
        let isReady = false;

        this.worker = new Process('the Node worker', process.execPath,
            [join(here, 'node_worker.mjs')], {
                ipc: true,
                env: {
                    REDIS_PORT: `${this.redisPort}`,
                    PG_PORT: `${this.pgPort}`,
                    PROVIDER_URL: provider.url,
                    MODEL: model,
                    TRACE: trace ?? '',
                    TOOL_MS: `${toolMs ?? 0}`,
                },
            });
        this.worker.child.on('message', (message) => {
            isReady ||= message.ready === true;
            this.#waiting.get(message.ended)?.();
            this.#waiting.delete(message.ended);
        });
        await this.worker.ready(() => isReady);
    }

    // Ends when the session has.
    async session(id) {
        const ended = new Promise((resolve) => this.#waiting.set(id, resolve));

        await this.pool.query("INSERT INTO session VALUES ($1, 0, 'running', $2)",
            [id, JSON.stringify([{ role: 'user', content: INPUT }])]);
        await this.queue.add('step', { session: id, version: 0 }, { jobId: `${id}-0` });
        await ended;
    }

    async countEnded() {
        const { rows } = await this.pool.query(
            "SELECT count(*)::int AS n FROM session WHERE status = 'completed'");

        return rows[0].n;
    }

    killWorker() {
        return this.worker.stop('SIGKILL');
    }

    get processes() {
        return [this.redis, this.postgres, this.worker];
    }

    get versions() {
        const redis = execFileSync('redis-server', ['--version'], { encoding: 'utf8' });
        const postgres = execFileSync(`${POSTGRES}/postgres`, ['--version'], { encoding: 'utf8' });

        return `Node ${process.version}, bullmq ${versionOf('bullmq')}, pg ${versionOf('pg')}, ` +
            `Redis ${/v=(\S+)/.exec(redis)[1]}, PostgreSQL ${/\d+\.\d+/.exec(postgres)[0]}`;
    }

    settings = 'appendfsync always, synchronous_commit on, one worker, 256 jobs of each queue at ' +
        'once, 40 connections';

    async stop() {
        await this.worker.stop('SIGKILL');
        await this.queue.disconnect();
        await this.pool.end();
        await this.postgres.stop('SIGINT');
        await this.redis.stop();
    }
}
