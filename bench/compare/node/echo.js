// SPDX-License-Identifier: Apache-2.0
//
// A TCP echo server on Node. `echo.js PORT`
'use strict';
const net = require('net');

const server = net.createServer({noDelay: true}, (socket) => {
  socket.on('data', (data) => socket.write(data));
  socket.on('error', () => {});
});
server.listen({port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096});
