#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A web server that misbehaves as the path of the request asks for.

    hostile_server.py [CERTIFICATE KEY]...

Prints the ports of its listeners: a plain one, one that never answers, one that answers too early;
given a certificate one that speaks TLS and one that speaks TLS 1.2 only; and one that speaks TLS
for each further certificate. Ends when its standard input does. `/ok` answers well, with the
request's X-Nonce in the body, on a connection that is kept; every other path is a case of
hostile_server_test.cpp or hostile_tls_test.cpp.
"""

import gzip
import os
import socket
import ssl
import struct
import sys
import threading
import time
import zlib

DRIP = 0.02  # seconds between two dripped bytes
SHORT_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Case: short\r\n\r\nhello"


class Gone(Exception):
    pass


class Connection:
    def __init__(self, channel):
        self.channel = channel
        self.buffer = b""

    def read_request(self):
        while b"\r\n\r\n" not in self.buffer:
            data = self.channel.recv(65536)
            if not data:
                raise Gone
            self.buffer += data
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ")
        fields = {name.lower(): value.strip() for name, value in
                  (line.split(":", 1) for line in lines[1:])}
        length = int(fields.get("content-length", 0))
        while len(self.buffer) < length:
            data = self.channel.recv(65536)
            if not data:
                raise Gone
            self.buffer += data
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return method, path, fields, body

    def send(self, data):
        self.channel.sendall(data)

    def answer(self, *fields, body=b"", status="200 OK", length=True):
        head = [f"HTTP/1.1 {status}".encode(), *(field.encode("latin-1") for field in fields)]
        if length:
            head.append(f"Content-Length: {len(body)}".encode())
        self.send(b"\r\n".join(head) + b"\r\n\r\n" + body)

    def drip(self, data, pause=DRIP):
        for byte in data:
            self.send(bytes([byte]))
            time.sleep(pause)

    def wait_for_end(self):
        while self.channel.recv(65536):
            pass

    def reset(self):
        # The peer gets RST instead of FIN.
        self.channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Gone

    def send_below_tls(self, data):
        """Puts bytes between the records, where TLS knows nothing of them."""
        with socket.socket(fileno=os.dup(self.channel.fileno())) as below:
            below.sendall(data)

    def endless(self, piece):
        while True:
            self.send(piece)


def bomb(megabytes):
    """A gzip stream of zeros, about a thousand times smaller than what it says."""
    machine = zlib.compressobj(9, zlib.DEFLATED, 31)
    pieces = [machine.compress(bytes(1 << 20)) for _ in range(megabytes)]
    return b"".join(pieces) + machine.flush()


BOMB = bomb(16)


RAW = {  # the whole answer, after which the connection is closed
    "length-too-long": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello",
    "two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "length-and-chunked": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked"
                          b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "negative-length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
    "plus-length": b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
    "hexadecimal-length": b"HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello",
    "empty-length": b"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\nhello",
    "huge-length": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
    "unknown-transfer-coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: cow\r\n\r\nhello",
    "bad-chunk-size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
    "chunk-size-overflow": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                           b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "chunk-without-end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloworld",
    "chunked-cut": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "no-version": b"<html>this is HTTP/0.9</html>",
    "garbage": bytes(range(1, 128)) * 4,
    "tls-on-plain-port": b"\x15\x03\x01\x00\x02\x02\x28",
    "version-2": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "bad-status": b"HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n",
    "bare-carriage-return": b"HTTP/1.1 200 OK\r\nX-A: 1\rX-B: 2\r\nContent-Length: 0\r\n\r\n",
    "folded-field": b"HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n",
    "space-before-colon": b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello",
    "field-without-colon": b"HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 0\r\n\r\n",
    "empty-field-name": b"HTTP/1.1 200 OK\r\n: x\r\nContent-Length: 0\r\n\r\n",
    "null-in-field": b"HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 0\r\n\r\n",
    "upgrade-not-asked": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: cow\r\n\r\n",
    "until-close": b"HTTP/1.1 200 OK\r\n\r\nhello until the end",
    "bare-line-feeds": b"HTTP/1.1 200 OK\nContent-Length: 5\nConnection: close\n\nhello",
    "nothing": b"",
}

REDIRECTS = {
    "redirect-to-file": "file:///etc/passwd",
    "redirect-to-ftp": "ftp://127.0.0.1/",
    "redirect-to-script": "javascript:alert(1)",
    "redirect-to-data": "data:text/html,hello",
    "redirect-to-nonsense": "http://[::1/",
    "redirect-to-other-host": "http://127.0.0.2:1/",
    "redirect-loop-1": "/redirect-loop-1",
    "redirect-loop-2": "/redirect-loop-2-back",
    "redirect-loop-2-back": "/redirect-loop-2",
}

KEPT = {  # answers after which the connection stays open
    "surplus": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n"
               b"Content-Length: 6\r\n\r\npoison",
    "length-too-short": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello world",
    "body-with-204": b"HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\npoison",
    "body-with-304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\npoison",
}


BELOW_TLS = {
    "text-between-records": b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
    "noise-between-records": bytes(range(255, 0, -1)),
    "zeros-between-records": bytes(64),
    "record-of-nobody": b"\x17\x03\x03\x00\x20" + bytes(range(32)),
    "record-too-long": b"\x17\x03\x03\xff\xff" + bytes(1000),
    "alert-of-nobody": b"\x15\x03\x03\x00\x02\x01\x00",  # a farewell that is not encrypted
}


def serve_case(connection, method, path, fields, body):
    name, _, argument = path[1:].partition("/")
    if name == "ok":
        nonce = fields.get("x-nonce", "").encode()
        connection.answer("Content-Type: text/plain", body=b"nonce " + nonce)
    elif name == "echo":
        connection.answer("Content-Type: text/plain", body=body)
    elif name == "fields":
        text = "".join(f"{key}: {value}\n" for key, value in fields.items())
        connection.answer(body=text.encode("latin-1"))
    elif name in RAW:
        connection.send(RAW[name])
        raise Gone
    elif name in KEPT:
        connection.send(KEPT[name])
    elif name == "body-with-head":
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
    elif name in REDIRECTS:
        connection.answer(f"Location: {REDIRECTS[name]}", status="302 Found")
    elif name == "redirects":  # so many hops until /ok
        left = int(argument)
        connection.answer(f"Location: {'/redirects/%d' % (left - 1) if left > 1 else '/ok'}",
                          status="302 Found", body=b"moved")
    elif name == "redirect-without-location":
        connection.answer(status="302 Found", body=b"where?")
    elif name == "redirect-long":
        connection.answer("Location: /" + "a" * 30000, status="302 Found")
    elif name == "redirect-to-port":
        connection.answer(f"Location: http://127.0.0.1:{argument}/fields", status="307 Moved")
    elif name == "bomb-on-redirect":
        connection.answer("Location: /ok", "Content-Encoding: gzip", status="302 Found",
                          body=BOMB)
    elif name == "silence":
        connection.wait_for_end()
    elif name == "silence-in-head":
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Le")
        connection.wait_for_end()
    elif name == "silence-in-body":
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
        connection.wait_for_end()
    elif name == "drip-head":
        connection.drip(b"HTTP/1.1 200 OK\r\nX-Padding: " + b"a" * 100000)
    elif name == "drip-body":
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        connection.drip(b"a" * 100000)
    elif name == "slow":
        connection.drip(SHORT_ANSWER, 0.001)
    elif name == "late":  # answers when nobody waits any more
        time.sleep(float(argument))
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
    elif name == "reset-at":
        connection.send(SHORT_ANSWER[:int(argument)])
        connection.reset()
    elif name == "close-at":
        connection.send(SHORT_ANSWER[:int(argument)])
        raise Gone
    elif name == "endless-status-line":
        connection.send(b"HTTP/1.1 200 ")
        connection.endless(b"a" * 65536)
    elif name == "endless-field":
        connection.send(b"HTTP/1.1 200 OK\r\nX-A: ")
        connection.endless(b"a" * 65536)
    elif name == "endless-fields":
        connection.send(b"HTTP/1.1 200 OK\r\n")
        connection.endless(b"X-A: b\r\n" * 1000)
    elif name == "endless-chunk-extension":
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=")
        connection.endless(b"a" * 65536)
    elif name == "endless-chunk-extensions":
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.endless(b"1;a=" + b"b" * 200 + b"\r\nx\r\n")
    elif name == "endless-trailers":
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
        connection.endless(b"X-A: b\r\n" * 1000)
    elif name == "endless-body":
        connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
        connection.endless(b"a" * 65536)
    elif name == "endless-chunks":
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.endless(b"10000\r\n" + b"a" * 65536 + b"\r\n")
    elif name == "endless-length":
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000000000\r\n\r\n")
        connection.endless(b"a" * 65536)
    elif name == "endless-interim":
        connection.endless(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
    elif name == "interim":
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * int(argument))
        connection.answer(body=b"after all")
    elif name == "fields-in-number":
        connection.answer(*("X-A: b" for _ in range(int(argument) - 1)), body=b"")
    elif name == "bomb":
        connection.answer("Content-Encoding: gzip", body=BOMB)
    elif name == "nested-bomb":
        connection.answer("Content-Encoding: gzip, gzip", body=gzip.compress(BOMB))
    elif name == "many-codings":
        body = b"hello"
        for _ in range(10):
            body = gzip.compress(body)
        connection.answer("Content-Encoding: " + ", ".join(["gzip"] * 10), body=body)
    elif name == "gzip":
        connection.answer("Content-Encoding: gzip", body=gzip.compress(b"hello gzip"))
    elif name == "gzip-cut":
        connection.answer("Content-Encoding: gzip", body=gzip.compress(b"hello gzip")[:-9])
    elif name == "gzip-garbage":
        connection.answer("Content-Encoding: gzip", body=b"this is not gzip at all")
    elif name == "unknown-coding":
        connection.answer("Content-Encoding: cow", body=b"moo")
    elif name == "close-after":  # keeps its promise of keep-alive for one exchange only
        connection.answer(body=b"last words")
        raise Gone
    elif name == "until-farewell":  # over TLS: ends as it should
        connection.send(b"HTTP/1.1 200 OK\r\n\r\nhello until the farewell")
        connection.channel.unwrap()
        raise Gone
    elif name == "body-and-farewell":  # over TLS: ends as it should, and too early
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
        connection.channel.unwrap()
        raise Gone
    elif name in BELOW_TLS:
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        connection.send_below_tls(BELOW_TLS[name])
        connection.send(b"world")
    elif name == "refuse-body":
        connection.answer("Connection: close", status="413 Too Large", body=b"too much")
        raise Gone
    else:
        connection.answer(status="404 Not Found", body=b"no such case")


def serve(channel, context):
    try:
        if context is not None:
            channel = context.wrap_socket(channel, server_side=True)
        connection = Connection(channel)
        while True:
            method, path, fields, body = connection.read_request()
            if method == "GET" and path == "/early-body":
                # An answer to a request that has not come yet. In one piece: were it to come later
                # than the next request, no client could tell that it belongs to none.
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst"
                                b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
                continue
            serve_case(connection, method, path, fields, body)
    except (Gone, OSError, ValueError):
        pass
    finally:
        # No farewell of TLS: what ends here is cut.
        channel.close()


def listen(context, first_answer=None):
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)

    def accept_all():
        while True:
            channel, _ = listener.accept()
            channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if first_answer is not None:
                channel.sendall(first_answer)
            threading.Thread(target=serve, args=(channel, context), daemon=True).start()

    threading.Thread(target=accept_all, daemon=True).start()
    return listener.getsockname()[1]


def stall():
    """A listener that accepts and says nothing: TLS waits for ever."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    held = []

    def accept_all():
        while True:
            held.append(listener.accept())

    threading.Thread(target=accept_all, daemon=True).start()
    return listener.getsockname()[1]


def main(arguments):
    print(listen(None), stall(),
          listen(None, b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"), end="")
    for index in range(0, len(arguments), 2):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*arguments[index:index + 2])
        print("", listen(context), end="")
        if index == 0:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*arguments[:2])
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            print("", listen(context), end="")
    print(flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1:])
