// target.mjs - who is told by a webhook: an HTTP server that keeps what it gets, and answers as it
// is told.
import assert from 'node:assert/strict';
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import { until } from './wait.mjs';

export const newSecret = () => `whsec_${randomBytes(32).toString('base64')}`;

// Which of these secrets have signed it, by Standard Webhooks.
export function signedBy(message, secrets) {
    const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': list } = message.headers;
    const given = list.split(' ').map((s) => Buffer.from(s.replace(/^v1,/, ''), 'base64'));

    return secrets.filter((secret) => {
        const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
        const mac = createHmac('sha256', key).update(`${id}.${at}.${message.text}`).digest();

        return given.some((g) => g.length === mac.length && timingSafeEqual(g, mac));
    });
}

export class Target {
    messages = []; // { path, headers, text, body }, in the order in which they came
    answer = () => 204; // (message, nth) -> status, [status, headers], or null: it hangs

    static async make(t) {
        const target = new Target();

        target.server = createServer((request, response) => target.#take(request, response));
        await new Promise((resolve) => target.server.listen(0, '127.0.0.1', resolve));
        target.port = target.server.address().port;
        t.after(() => {
            target.server.closeAllConnections();
            target.server.close();
        });
        return target;
    }

    get url() {
        return `http://127.0.0.1:${this.port}/hook`;
    }

    async #take(request, response) {
        const parts = [];

        for await (const part of request) parts.push(part);
        const text = Buffer.concat(parts).toString();
        const message = { method: request.method, path: request.url, headers: request.headers, text,
                          body: text ? JSON.parse(text) : undefined };
        const answer = this.answer(message, this.messages.push(message));

        if (answer === null) return;
        const [status, headers] = [answer].flat();

        response.writeHead(status, headers).end();
    }

    of(session) {
        return this.messages.filter((m) => m.body.data.session === session);
    }

    // Waits until so many have come that fit, and gives the first so many: more may follow.
    async atLeast(n, fits = () => true) {
        await until(() => `${n} messages; there came: ${JSON.stringify(this.messages.map((m) => m.body))}`,
                    () => this.messages.filter(fits).length >= n);
        return this.messages.filter(fits).slice(0, n);
    }

    // Waits until so many have come that fit, and no more, and gives them.
    async got(n, fits = () => true) {
        await this.atLeast(n, fits);
        const all = this.messages.filter(fits);

        assert.equal(all.length, n, JSON.stringify(all.map((m) => m.body)));
        return all;
    }
}
