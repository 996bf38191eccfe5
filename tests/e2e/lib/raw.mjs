// raw.mjs - HTTP as bytes, for what no HTTP library would send.
import { connect } from 'node:net';
import { within } from './wait.mjs';

// Sends bytes as they are; gives what came back until the server closed the connection.
export function rawRequest(port, bytes) {
    const answer = new Promise((resolve, reject) => {
        const socket = connect(port, '127.0.0.1');
        const parts = [];
        const done = () => resolve(Buffer.concat(parts));

        socket.on('connect', () => socket.write(bytes));
        socket.on('data', (data) => parts.push(data));
        socket.on('end', () => socket.end());
        socket.on('close', done);
        // A server that refuses may reset what it did not read: what it said before counts.
        socket.on('error', (error) => (parts.length ? done() : reject(error)));
    });

    return within('the end of a raw connection', answer).then(parse);
}

// The first answer in the bytes, and how many answers there were.
function parse(bytes) {
    const text = bytes.toString('latin1');
    const [head, ...rest] = text.split('\r\n\r\n');
    const body = rest.join('\r\n\r\n');
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1] ?? 0);

    return {
        status,
        head,
        text,
        answers: text.split(/HTTP\/1\.[01] \d{3} /).length - 1,
        json: head.includes('json') ? JSON.parse(body.slice(0, body.lastIndexOf('}') + 1)) : null,
    };
}
