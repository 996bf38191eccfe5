// provider.mjs - a provider of chat completions in this process, which behaves as a test says.
//
// A test hands in a function from a request to what is done with it:
//
//     const provider = await Provider.start(t, (asked) => say(`you said ${asked.last.content}`));
//
// Everything that was asked is kept in provider.requests, in the order in which it came. A history
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
        await new Promise((done) => provider.#server.listen(0, '127.0.0.1', done));
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
        res.writeHead(what.status ?? 200, { 'content-type': 'application/json', ...what.headers });
        res.end(what.body ?? completion(request, what));
    }
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
