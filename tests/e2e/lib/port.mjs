// port.mjs - a free port of this machine.
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Below the ports that the system hands out for outgoing connections: those come and go.
export async function freePort() {
    for (;;) {
        const port = randomInt(20000, 30000);
        const isFree = await new Promise((resolve) => {
            const probe = createServer();

            probe.once('error', () => resolve(false));
            probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
        });

        if (isFree) return port;
    }
}
