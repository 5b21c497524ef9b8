#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP plaintext on aiohttp.

    http_aiohttp.py asyncio|uvloop PORT"""

import sys

from aiohttp import web


async def answer(_request):
    return web.Response(body=b"Hello, World!", content_type="text/plain")


if __name__ == "__main__":
    if sys.argv[1] == "uvloop":
        import uvloop
        uvloop.install()
    application = web.Application()
    application.router.add_get("/plaintext", answer)
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[2]), access_log=None, print=None,
                backlog=4096)
