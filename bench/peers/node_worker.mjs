// node_worker.mjs - the usual Node design: BullMQ for work, PostgreSQL for state.
//
// Two queues. A job of `agent-tasks` takes a session one step on: read its row, ask the model, and
// in one transaction (SELECT ... FOR UPDATE) append what it said and write the step of the tool
// call before that is put into `tool-tasks`. A job there runs the tool, stores its result in the
// same way and puts the session back. A job that comes a second time finds by the session's version
// that its step is done, and only makes sure that the next job is there.
import { Queue, Worker } from 'bullmq';
import pg from 'pg';
import { askModel, runTool } from './lib/agent.mjs';

const connection = { host: '127.0.0.1', port: Number(process.env.REDIS_PORT) };
const jobs = { connection, defaultJobOptions: { removeOnComplete: true, attempts: 5 } };
const agentTasks = new Queue('agent-tasks', jobs);
const toolTasks = new Queue('tool-tasks', jobs);
const pool = new pg.Pool({
    host: '127.0.0.1',
    port: Number(process.env.PG_PORT),
    user: 'bench',
    database: 'postgres',
    max: 40,
});

const nextAgentTask = (session, version) =>
    agentTasks.add('step', { session, version }, { jobId: `${session}-${version}` });
const nextToolTask = (session, version, call) =>
    toolTasks.add('run', { session, version, call }, { jobId: `${session}-${version}` });

// Moves the session from this version to the next one, if it is still there.
async function move(session, version, { message, status, step }) {
    const client = await pool.connect();

    try {
        await client.query('BEGIN');
        const { rows } = await client.query(
            'SELECT version FROM session WHERE id = $1 FOR UPDATE', [session]);
        const isMine = rows[0].version === version;

        if (isMine) {
            await client.query(
                `UPDATE session SET version = version + 1, status = $2,
                        messages = messages || $3::jsonb WHERE id = $1`,
                [session, status, JSON.stringify([message])]);
            await client.query(
                'INSERT INTO step (session, version, action, body) VALUES ($1, $2, $3, $4)',
                [session, version, step, JSON.stringify(message)]);
        }
        await client.query('COMMIT');
        return isMine;
    } catch (error) {
        await client.query('ROLLBACK').catch(() => {});
        throw error;
    } finally {
        client.release();
    }
}

async function goOn(session) {
    const { rows } = await pool.query(
        'SELECT version, status, messages FROM session WHERE id = $1', [session]);
    const { version, status, messages } = rows[0];
    const call = messages.at(-1).tool_calls?.[0];

    if (status === 'completed') {
        process.send({ ended: session });
    } else if (call) {
        await nextToolTask(session, version, call);
    } else {
        await nextAgentTask(session, version);
    }
}

async function agentTask({ data: { session, version } }) {
    const { rows } = await pool.query(
        'SELECT version, messages FROM session WHERE id = $1', [session]);

    if (rows[0].version === version) {
        const message = await askModel(rows[0].messages);
        const call = message.tool_calls?.[0];

        await move(session, version, {
            message,
            status: call ? 'awaiting_tool' : 'completed',
            step: call ? `tool ${call.id}` : 'answer',
        });
    }
    await goOn(session);
}

async function toolTask({ data: { session, version, call } }) {
    const { rows } = await pool.query('SELECT version FROM session WHERE id = $1', [session]);

    if (rows[0].version === version) {
        const content = await runTool(session, call);

        await move(session, version, {
            message: { role: 'tool', tool_call_id: call.id, content },
            status: 'running',
            step: `result ${call.id}`,
        });
    }
    await goOn(session);
}

const workers = [
    new Worker('agent-tasks', agentTask, { connection, concurrency: 256 }),
    new Worker('tool-tasks', toolTask, { connection, concurrency: 256 }),
];

await Promise.all(workers.map((worker) => worker.waitUntilReady()));
process.send({ ready: true });
