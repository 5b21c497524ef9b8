// SPDX-License-Identifier: Apache-2.0
//
// The crawler that one writes with Node: a hundred connections, links by regular expression.
// `crawl.js START PREFIX`
'use strict';
const http = require('http');

const [start, prefix] = process.argv.slice(2);
const agent = new http.Agent({keepAlive: true, maxSockets: 100});
const seen = new Set();
const found = {pages: 0, failures: 0, bytes: 0};
let running = 0;

function ended() {
  if (--running === 0) {
    console.log(JSON.stringify(found));
    agent.destroy();
  }
}

function failed() {
  ++found.failures;
  ended();
}

function follow(base, text) {
  for (const match of text.matchAll(/href="(.*?)"/g)) {
    let link;
    try {
      link = new URL(match[1], base);
    } catch {
      continue;
    }
    link.hash = '';
    if (link.href.startsWith(prefix) && link.href.endsWith('.html')) visit(link.href);
  }
}

function visit(address) {
  if (seen.has(address)) return;
  seen.add(address);
  ++running;
  const request = http.get(address, {agent}, (answer) => {
    if (answer.statusCode !== 200 || !/html/.test(answer.headers['content-type'])) {
      answer.resume();
      answer.on('end', failed);
      return;
    }
    const parts = [];
    answer.on('data', (data) => parts.push(data));
    answer.on('end', () => {
      const body = Buffer.concat(parts);
      ++found.pages;
      found.bytes += body.length;
      follow(address, body.toString('utf8'));
      ended();
    });
  });
  request.on('error', failed);
}

visit(start);
