// faketime.mjs - where libfaketime is: Debian keeps it in a folder of the machine's architecture.
import { readdirSync } from 'node:fs';

export function faketime() {
    for (const folder of readdirSync('/usr/lib')) {
        const path = `/usr/lib/${folder}/faketime`;

        try {
            if (readdirSync(path).includes('libfaketimeMT.so.1')) return `${path}/libfaketimeMT.so.1`;
        } catch {
            // no folder of that kind
        }
    }
    throw new Error('there is no libfaketime: apt install faketime');
}
