#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A web application on aiohttp, for aiohttp_test.cpp.

    aiohttp_server.py [CERTIFICATE KEY]

Prints the ports of two plain listeners and, given a certificate, that of one which speaks TLS; ends
when its standard input does.
"""

import asyncio
import ctypes
import gzip
import logging
import os
import ssl
import sys
import threading
import weakref
import zlib

from aiohttp import web

LINES = "".join(f"line {number}\n" for number in range(5000)).encode()


def brotli(data):
    library = ctypes.CDLL("libbrotlienc.so.1")
    room = ctypes.c_size_t(len(data) + 1024)
    output = ctypes.create_string_buffer(room.value)
    if not library.BrotliEncoderCompress(5, 22, 0, ctypes.c_size_t(len(data)), data,
                                         ctypes.byref(room), output):
        raise OSError("brotli")
    return output.raw[:room.value]


def zstd(data):
    library = ctypes.CDLL("libzstd.so.1")
    library.ZSTD_compress.restype = ctypes.c_size_t
    output = ctypes.create_string_buffer(len(data) + 1024)
    size = library.ZSTD_compress(output, ctypes.c_size_t(len(output)), data,
                                 ctypes.c_size_t(len(data)), 3)
    if size > len(output):
        raise OSError("zstd")
    return output.raw[:size]


def bare_deflate(data):
    machine = zlib.compressobj(6, zlib.DEFLATED, -15)
    return machine.compress(data) + machine.flush()


PACKERS = {
    "gzip": ("gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "bare-deflate": ("deflate", bare_deflate),
    "br": ("br", brotli),
    "zstd": ("zstd", zstd),
    "gzip-br": ("gzip, br", lambda data: brotli(gzip.compress(data))),
}

routes = web.RouteTableDef()


@routes.get("/nonce")
async def nonce(request):
    return web.Response(text="nonce " + request.headers.get("X-Nonce", ""))


@routes.route("*", "/echo")
async def echo(request):
    """What has come, as JSON."""
    body = await request.read()
    fields = [[name, value] for name, value in request.headers.items()]
    return web.json_response({"method": request.method, "path": request.path_qs, "fields": fields,
                              "body": body.decode("latin-1"), "version": list(request.version)})


@routes.route("*", "/mirror")
async def mirror(request):
    return web.Response(body=await request.read(), content_type="application/octet-stream")


@routes.post("/mirror-as-it-comes")
async def mirror_as_it_comes(request):
    response = web.StreamResponse()
    await response.prepare(request)
    async for data, _ in request.content.iter_chunks():
        await response.write(data)
    return response


@routes.post("/refuse")
async def refuse(request):
    return web.Response(status=413, text="too much")  # nothing of the body has been read


@routes.get("/pieces/{count}/{size}")
async def pieces(request):
    response = web.StreamResponse()
    await response.prepare(request)
    size = int(request.match_info["size"])
    for index in range(int(request.match_info["count"])):
        await response.write(b"%c" % (ord("a") + index % 26) * size)
        await asyncio.sleep(0)
    return response


@routes.get("/packed/{coding}")
async def packed(request):
    name, pack = PACKERS[request.match_info["coding"]]
    try:
        body = pack(LINES)
    except OSError:
        return web.Response(status=501, text="no library for " + name)
    return web.Response(body=body, headers={"Content-Encoding": name})


@routes.get("/packed-by-aiohttp/{coding}")
async def packed_by_aiohttp(request):
    response = web.StreamResponse()
    response.enable_compression(web.ContentCoding(request.match_info["coding"]))
    await response.prepare(request)
    for begin in range(0, len(LINES), 1000):
        await response.write(LINES[begin:begin + 1000])
    return response


@routes.get("/cookies")
async def cookies(request):
    response = web.Response(text=request.headers.get("Cookie", ""))
    response.set_cookie("first", "1", path="/")
    response.set_cookie("second", "2", httponly=True)
    return response


@routes.route("*", "/redirect/{status}")
async def redirect(request):
    await request.read()
    return web.Response(status=int(request.match_info["status"]), text="moved",
                        headers={"Location": request.query["to"]})


@routes.get("/status/{status}")
async def status(request):
    return web.Response(status=int(request.match_info["status"]), text="as you like")


@routes.get("/raises")
async def raises(request):
    raise ValueError("an error of the application")


@routes.get("/closes")
async def closes(request):
    response = web.Response(text="last words")
    response.force_close()
    return response


seen_transports = weakref.WeakSet()


@routes.route("*", "/answers-once/{how}")
async def answers_once(request):
    """Answers the first request of a connection and ends the connection at the second one."""
    body = await request.read()
    if request.transport in seen_transports:
        getattr(request.transport, request.match_info["how"])()
    else:
        seen_transports.add(request.transport)
    return web.Response(body=body)


@routes.get("/end-idle/{how}")
async def end_idle(request):
    """Ends all other connections."""
    for connection in request.protocol._manager.connections:
        if connection.transport not in (None, request.transport):
            getattr(connection.transport, request.match_info["how"])()
    return web.Response(text="done")


@routes.get("/old")
async def old(request):
    """As a server of HTTP/1.0 would: the body has no length and ends with the connection."""
    request.transport.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold and short")
    request.transport.close()
    return web.Response()


@routes.get("/slow")
async def slow(request):
    await asyncio.sleep(60)
    return web.Response(text="nonce poison")


@routes.get("/slow-body")
async def slow_body(request):
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"a part")
    await asyncio.sleep(60)
    return response


@routes.get("/breaks/{how}")
async def breaks(request):
    """Ends in the middle of a body in chunks, or of one whose length is known."""
    response = web.StreamResponse()
    if request.match_info["how"] == "length":
        response.content_length = 1000000
    await response.prepare(request)
    await response.write(b"a" * 10000)
    if request.match_info["how"] == "reset":
        request.transport.abort()
    else:
        request.transport.close()
    return response


@routes.get("/hints")
async def hints(request):
    for _ in range(3):
        request.transport.write(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n")
    return web.Response(text="after the hints")


@routes.get("/trailers")
async def trailers(request):
    request.transport.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                            b"5;a=b\r\nhello\r\n0\r\nX-Sum: 5\r\n\r\n")
    request.transport.close()
    return web.Response()


def end_with_input():
    sys.stdin.read()
    os._exit(0)


async def main(arguments):
    logging.disable()  # what goes wrong here is meant to
    application = web.Application(client_max_size=64 << 20)
    application.add_routes(routes)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    contexts = [None, None]
    if len(arguments) == 2:
        contexts.append(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        contexts[-1].load_cert_chain(*arguments)
    ports = []
    for context in contexts:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context, backlog=256)
        await site.start()
    for address in runner.addresses:
        ports.append(str(address[1]))
    print(*ports, flush=True)
    threading.Thread(target=end_with_input, daemon=True).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
