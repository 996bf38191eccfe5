// random.mjs - random numbers that a seed repeats (splitmix32).

// E2E_SEED repeats a run that failed; it is printed with every failure. `usual` is for tests whose
// judge has mistakes of its own, which a new seed finds in whatever change happens to be tested.
export function seedOfRun(usual = (Date.now() ^ (process.pid << 16)) >>> 0) {
    return Number(process.env.E2E_SEED ?? usual);
}

export class Random {
    constructor(seed) {
        this.state = seed >>> 0;
    }

    // 0 <= x < 1
    next() {
        this.state = (this.state + 0x9e3779b9) >>> 0;
        let z = this.state;

        z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
        z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
        return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32;
    }

    // least <= x <= most, whole
    between(least, most) {
        return least + Math.floor(this.next() * (most - least + 1));
    }

    chance(share) {
        return this.next() < share;
    }

    pick(list) {
        return list[this.between(0, list.length - 1)];
    }
}
