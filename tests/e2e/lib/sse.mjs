// sse.mjs - a reader of a session's event stream that comes back with Last-Event-ID.
//
//     const reader = new Reader(t, pawl, id);
//     await reader.until((r) => r.events.at(-1)?.kind === 'turn_ended', 'the end of the turn');
//     await reader.close(); // before the test's end, where something depends on it
//
// Written on its own, from the format's description: what the server means must be what it says.
import assert from 'node:assert/strict';
import { get } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { DEADLINE_MS } from './wait.mjs';

// The messages in the text, and what is left of it: { id, event, data }.
function parse(text) {
    const blocks = text.split('\n\n');
    const rest = blocks.pop();
    const messages = blocks.map((block) => {
        const message = { event: 'message', data: [] };

        for (const line of block.split('\n')) {
            const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line);

            if (name === 'data') message.data.push(value);
            else if (name) message[name] = value;
        }
        return { ...message, data: message.data.join('\n') };
    });

    return { messages: messages.filter((m) => m.data), rest };
}

export class Reader {
    events = [];
    deltas = [];  // of all attempts, each with `after`: the last seq before it
    streams = 0;  // that gave a 200
    ends = 0;     // of them that ended as an answer ends
    lastStatus = 0;
    #isOpen = true;
    #request;
    #done;
    #tell = () => {};

    constructor(t, pawl, id) {
        this.url = `${pawl.url}/v1/sessions/${id}/events`;
        this.#done = this.#run();
        t.after(() => this.close());
    }

    get after() {
        return this.events.at(-1)?.seq ?? 0;
    }

    async #run() {
        while (this.#isOpen && this.lastStatus !== 204) {
            await this.#stream();
            if (this.#isOpen) await pause(5);
        }
    }

    // One stream to its end, whichever that is.
    #stream() {
        const headers = { accept: 'text/event-stream' };

        if (this.after) headers['last-event-id'] = String(this.after);
        return new Promise((resolve) => {
            const request = get(this.url, { headers, agent: false }, (answer) => {
                let text = '';

                this.lastStatus = answer.statusCode;
                this.streams += answer.statusCode === 200 ? 1 : 0;
                answer.setEncoding('utf8');
                answer.on('data', (data) => {
                    const isWhole = `${text.slice(-1)}${data}`.includes('\n\n');

                    text += data;
                    if (!isWhole) return;
                    const { messages, rest } = parse(text);

                    text = rest;
                    if (answer.statusCode === 200) messages.forEach((m) => this.#take(m));
                    this.#tell();
                });
                answer.on('end', () => (this.ends += answer.complete ? 1 : 0));
                answer.on('error', () => {});
                answer.on('close', () => {
                    resolve();
                    this.#tell();
                });
            });

            this.#request = request;
            request.on('error', resolve); // the server is away
        });
    }

    #take({ event, id, data }) {
        const json = JSON.parse(data);

        if (event === 'delta') {
            assert.equal(id, undefined, 'a delta has no id');
            this.deltas.push({ ...json, after: this.after });
            return;
        }
        if (event === 'skipped') return; // it had no room for the rest of an attempt's words
        assert.equal(event, 'message');
        assert.equal(Number(id), json.seq);
        assert.equal(json.seq, this.after + 1, 'an event is missing, or came twice');
        this.events.push(json);
    }

    async until(condition, what) {
        const end = performance.now() + DEADLINE_MS;

        while (!condition(this)) {
            if (performance.now() > end)
                throw new Error(`waited for ${what}; there is ${this.events.map((e) => e.kind)}`);
            await Promise.race([new Promise((resolve) => (this.#tell = resolve)), pause(1000)]);
        }
        return this;
    }

    ended() {
        return this.until(() => ['turn_ended', 'cancelled'].includes(this.events.at(-1)?.kind),
                          'the end of a turn');
    }

    close() {
        this.#isOpen = false;
        this.#request?.destroy();
        return this.#done;
    }
}
