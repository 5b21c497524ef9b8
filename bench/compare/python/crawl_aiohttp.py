#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The crawler that one writes with aiohttp: a task for each address, a hundred requests at a time,
links by regular expression, a set of what has been seen.

    crawl_aiohttp.py asyncio|uvloop START PREFIX

Follows addresses that begin with PREFIX and end in .html. The pages are read as UTF-8: guessing
their encoding, as aiohttp does where the server names none, costs ten times all the rest."""

import asyncio
import json
import re
import sys
import urllib.parse

import aiohttp

LINK = re.compile(r'href="(.*?)"')


class Crawler:
    def __init__(self, session, prefix):
        self.session = session
        self.prefix = prefix
        self.seen = set()
        self.at_once = asyncio.Semaphore(100)
        self.tasks = set()
        self.idle = asyncio.Event()
        self.pages = self.failures = self.bytes = 0

    def add(self, url):
        if url in self.seen:
            return
        self.seen.add(url)
        task = asyncio.create_task(self.visit(url))
        self.tasks.add(task)
        task.add_done_callback(self.done)

    def done(self, task):
        self.tasks.discard(task)
        if not self.tasks:
            self.idle.set()

    async def fetch(self, url):
        async with self.at_once, self.session.get(url) as answer:
            is_page = answer.status == 200 and "html" in answer.headers.get("Content-Type", "")
            return await answer.text(encoding="utf-8") if is_page else None

    async def visit(self, url):
        try:
            text = await self.fetch(url)
        except aiohttp.ClientError:
            text = None
        if text is None:
            self.failures += 1
            return
        self.pages += 1
        self.bytes += len(text)
        for reference in LINK.findall(text):
            try:
                link = urllib.parse.urldefrag(urllib.parse.urljoin(url, reference)).url
            except ValueError:
                continue
            if link.startswith(self.prefix) and link.endswith(".html"):
                self.add(link)


async def main(start, prefix):
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100)) as session:
        crawler = Crawler(session, prefix)
        crawler.add(start)
        await crawler.idle.wait()
    print(json.dumps({"pages": crawler.pages, "failures": crawler.failures,
                      "bytes": crawler.bytes}))


if __name__ == "__main__":
    if sys.argv[1] == "uvloop":
        import uvloop
        uvloop.install()
    asyncio.run(main(sys.argv[2], sys.argv[3]))
