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
