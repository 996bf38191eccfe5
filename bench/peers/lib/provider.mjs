// provider.mjs - the fake provider of the bench (bench/fake_provider.c), the same for all.
import { Process } from './process.mjs';

export class Provider {
    static async start(file) {
        const provider = new Provider();

        provider.process = new Process('the fake provider', file, [], {
            onLine: (line) => (provider.port ??= Number(line)),
        });
        await provider.process.ready(() => provider.port > 0);
        provider.url = `http://127.0.0.1:${provider.port}/v1`;
        return provider;
    }

    async #ask(method, path) {
        const answer = await fetch(`http://127.0.0.1:${this.port}${path}`, { method });

        return answer.json();
    }

    // Requests since reset().
    async requests() {
        return (await this.#ask('GET', '/stats')).requests;
    }

    reset() {
        return this.#ask('POST', '/reset');
    }

    stop() {
        return this.process.stop();
    }
}
