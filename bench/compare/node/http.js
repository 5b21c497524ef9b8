// SPDX-License-Identifier: Apache-2.0
//
// HTTP plaintext on Node. `http.js PORT`
'use strict';
const http = require('http');

const server = http.createServer((request, answer) => {
  answer.setHeader('Content-Type', 'text/plain');
  answer.setHeader('Content-Length', 13);
  answer.end('Hello, World!');
});
server.listen({port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096});
