// webhooks.test.mjs - what the server sends is what npm's standardwebhooks accepts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { Pawl } from '../e2e/lib/pawl.mjs';
import { newSecret, Target } from '../e2e/lib/target.mjs';

const CONFIG = {
    models: { m: { provider: 'scripted', replies: [{ text: 'x' }] } },
    agents: { a: { model: 'm', instructions: 'x' } },
};

test('standardwebhooks accepts what is sent, with each secret, and nothing else', async (t) => {
    const target = await Target.make(t);
    const secrets = [newSecret(), newSecret()];
    const webhooks = [{ name: 'ops', url: target.url, secret: secrets, allow_private: true }];
    const pawl = await (await Pawl.make(t, { ...CONFIG, webhooks })).start();
    const { id } = await pawl.play('a', 'x');
    const [{ text, headers }] = await target.got(1);

    for (const secret of secrets) {
        const body = new Webhook(secret).verify(text, headers);

        assert.equal(body.type, 'session.completed');
        assert.equal(body.data.session, id);
        assert.throws(() => new Webhook(secret).verify(text.replace('completed', 'failed'), headers));
        assert.throws(() => new Webhook(secret).verify(text, { ...headers, 'webhook-id': 'msg_other' }));
    }
    assert.throws(() => new Webhook(newSecret()).verify(text, headers));
});

test('a trigger takes what standardwebhooks signs, with each secret, and nothing else', async (t) => {
    const secrets = [newSecret(), newSecret()];
    const triggers = { new_ticket: { secret: secrets, agent: 'a', input: '{{body.text}}' } };
    const pawl = await (await Pawl.make(t, { ...CONFIG, triggers })).start();
    const text = JSON.stringify({ text: 'Grüße' });
    const send = async (secret, id, at = new Date()) => {
        const response = await fetch(`${pawl.url}/v1/triggers/new_ticket`, {
            method: 'POST', body: text,
            headers: {
                'webhook-id': id, 'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
                'webhook-signature': new Webhook(secret).sign(id, at, text),
            },
        });

        return [response.status, await response.json()];
    };

    for (const secret of secrets) {
        const [status, { session }] = await send(secret, `msg_${secret}`.slice(0, 20));

        assert.equal(status, 201);
        assert.equal((await pawl.ended(session)).events[0].input, 'Grüße');
    }
    assert.equal((await send(newSecret(), 'msg_other'))[0], 401);
    assert.equal((await send(secrets[0], 'msg_late', new Date(Date.now() - 330_000)))[0], 401);
});
