// provider.mjs - a provider of chat completions in this process, which behaves as a test says.
//
// A test hands in a function from a request to what is done with it:
//
//     const provider = await Provider.start(t, (asked) => say(`you said ${asked.last.content}`));
//
// Who asks for a stream gets one: the same answer in small chunks, its bytes in pieces that end
// anywhere. Everything that was asked is kept in provider.requests, in the order in which it came. A history
// in which a tool call lacks its result is refused, as everywhere.
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { checkMessages } from './journal.mjs';

// ---- what a provider may do ----

export const say = (text, more = {}) => ({ message: { content: text }, ...more });

// calls: [tool, arguments] each; arguments that are a string are sent as they are.
export const ask = (calls, more = {}) => ({
    message: {
        content: more.text ?? null,
        tool_calls: calls.map(([name, args, id], i) => ({
            id: id ?? `call_${i}`,
            type: 'function',
            function: { name, arguments: typeof args === 'string' ? args : JSON.stringify(args) },
        })),
    },
    finish: 'tool_calls',
    ...more,
});

export const refuse = (status, error = {}, headers = {}) => ({
    status,
    headers,
    body: JSON.stringify({ error: { message: `status ${status}`, type: 'test', ...error } }),
});

// A body that is not what it should be.
export const send = (status, body, type = 'application/json') => ({
    status,
    body,
    headers: { 'content-type': type },
});

export const hangUp = () => ({ hangUp: true });          // closes without an answer
export const cutOff = () => ({ cutOff: true });          // closes in the middle of one
export const neverAnswer = () => ({ never: true });

// ---- of a stream only: { pace } is the time between two pieces of its bytes, in ms ----

// Closes after `n` chunks of the answer `what`.
export const cutAfter = (n, what) => ({ ...what, cutAfter: n });
// Says `n` chunks of it, and then nothing more.
export const silentAfter = (n, what) => ({ ...what, silentAfter: n });
// Chunks of any kind: objects, and texts for what is no JSON.
export const stream = (...chunks) => ({ chunks });
// Answers whole, though a stream was asked for.
export const inOne = (what) => ({ ...what, inOne: true });

// ---- the server ----

export class Provider {
    requests = [];
    #server;
    #behave;

    static async start(t, behave) {
        const provider = new Provider();

        provider.#behave = behave;
        provider.#server = createServer((req, res) => provider.#handle(req, res));
        provider.#server.keepAliveTimeout = 60_000;
        // All sessions of a restarted server come at once: with a shorter queue the kernel would hold
        // back requests of a dead server until after those of the next one.
        const at = { port: 0, host: '127.0.0.1', backlog: 4096 };

        await new Promise((done) => provider.#server.listen(at, done));
        t.after(() => provider.stop());
        return provider;
    }

    get url() {
        return `http://127.0.0.1:${this.#server.address().port}/v1`;
    }

    // Behaves differently from now on.
    set behaviour(behave) {
        this.#behave = behave;
    }

    async stop() {
        this.#server.closeAllConnections();
        await new Promise((done) => this.#server.close(done));
    }

    async #handle(req, res) {
        const body = await bodyOf(req);

        if (body === null) return; // the server was killed while it asked
        try {
            const request = this.#record(req, body);

            await this.#answer(request, res, await this.#behave(request));
        } catch (error) {
            // As real ones do with a history that breaks their rules; the session fails with it.
            await this.#answer(null, res, refuse(400, { message: error.message }));
        }
    }

    #record(req, body) {
        const json = JSON.parse(body);
        const request = {
            number: this.requests.length + 1,
            path: req.url,
            key: req.headers.authorization,
            headers: req.headers,
            json,
            messages: json.messages,
            last: json.messages.at(-1),
            // How many answers the session had: the same for each attempt of one call.
            answers: json.messages.filter((m) => m.role === 'assistant').length,
            input: json.messages.find((m) => m.role === 'user')?.content,
        };

        this.requests.push(request);
        checkMessages(request.messages);
        return request;
    }

    async #answer(request, res, what) {
        if (what.delay) await pause(what.delay);
        if (what.never) return;
        if (what.hangUp) {
            res.socket?.destroy();
            return;
        }
        if (what.cutOff) {
            res.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 });
            res.write('{"choices":[');
            res.socket?.end();
            return;
        }
        if (request?.json.stream && (what.message || what.chunks) && !what.inOne) {
            await sendStream(res, what, what.chunks ?? chunksOf(request, what));
            return;
        }
        res.writeHead(what.status ?? 200, { 'content-type': 'application/json', ...what.headers });
        res.end(what.body ?? completion(request, what));
    }
}

// ---- streams ----

const PIECE_BYTES_MIN = 37; // ends in the middle of nearly everything
const PIECES_MAX = 20;
const TEXT_CHARS_MIN = 5;
const TEXTS_MAX = 200; // chunks that one text is cut into

// As OpenAI's: the role first, then content, then each call (its id and name first, then its
// arguments), the reason why it ended, and the usage in a chunk of its own, if that was asked for.
function chunksOf(request, what) {
    const { choices: [{ message, finish_reason: finish }], usage, ...head } =
        JSON.parse(completion(request, what));
    const deltas = [{ role: message.role, content: message.tool_calls ? null : '' }];

    deltas.push(...cut(message.content).map((content) => ({ content })));
    (message.tool_calls ?? []).forEach(({ function: { name, arguments: text }, ...call }, index) => {
        const started = { index, ...call, function: { name, arguments: '' } };

        deltas.push({ tool_calls: [started] }, ...cut(text).map(
            (piece) => ({ tool_calls: [{ index, function: { arguments: piece } }] })));
    });
    const chunk = (choices, more) => ({ ...head, object: 'chat.completion.chunk', choices, ...more });
    const chunks = deltas.map((delta) => chunk([{ index: 0, delta, finish_reason: null }]));

    chunks.push(chunk([{ index: 0, delta: {}, finish_reason: finish }]));
    if (request.json.stream_options?.include_usage) chunks.push(chunk([], { usage }));
    return [...chunks, '[DONE]'];
}

function cut(text) {
    const chars = Math.max(TEXT_CHARS_MIN, Math.ceil((text ?? '').length / TEXTS_MAX));

    return (text ?? '').match(new RegExp(`.{1,${chars}}`, 'gsu')) ?? [];
}

async function sendStream(res, { cutAfter, silentAfter, headers, pace }, chunks) {
    const kept = chunks.slice(0, cutAfter ?? silentAfter ?? chunks.length);
    const text = kept.map((chunk) =>
        `data: ${typeof chunk === 'string' ? chunk : JSON.stringify(chunk)}\n\n`).join('');
    const bytes = Buffer.from(text);

    res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', ...headers });
    const step = Math.max(PIECE_BYTES_MIN, Math.ceil(bytes.length / PIECES_MAX));

    for (let at = 0; at < bytes.length && !res.destroyed; at += step) {
        res.write(bytes.subarray(at, at + step));
        // A piece of its own, as far as that is ours.
        await (pace ? pause(pace) : new Promise(setImmediate));
    }
    if (cutAfter !== undefined) res.socket?.end();
    else if (silentAfter === undefined) res.end();
}

function bodyOf(req) {
    return new Promise((resolve) => {
        const parts = [];

        req.on('data', (part) => parts.push(part));
        req.on('end', () => resolve(Buffer.concat(parts).toString()));
        req.on('close', () => resolve(null));
        req.on('error', () => resolve(null));
    });
}

function completion(request, { message, finish = 'stop', usage }) {
    const { input = 100, cached = 0, output = 20 } = usage ?? {};

    return JSON.stringify({
        id: `chatcmpl-${request.number}`,
        object: 'chat.completion',
        model: request.json.model,
        choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: finish }],
        usage: {
            prompt_tokens: input,
            completion_tokens: output,
            total_tokens: input + output,
            prompt_tokens_details: { cached_tokens: cached },
        },
    });
}
