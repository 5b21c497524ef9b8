# SPDX-License-Identifier: Apache-2.0
#
# A copy in small of the eight sites of the founding list, with as many links as they had then, and
# some hosts that behave badly. All of them are one server on one port of 127.0.0.1, or of ADDRESS.
#
#     founding_sites.py CHAIN.pem KEY.pem [ADDRESS PORT]
#
# Writes its port into the first line of its output, then a line for each request that it does not
# answer; with an ADDRESS also one for each request, with the address that it came to. Ends when its
# input ends.
import gzip
import http.server
import socket
import ssl
import struct
import sys
import threading
import time

SLOW = 0.3  # seconds that the slow host takes for an answer
LATIN = "text/html; charset=iso-8859-1"


def page(title, links, head=""):
    items = "\n".join(f'<li><a class="x" href="{link}">{title} &amp; more</a>' for link in links)
    return f"<!doctype html><html><head>{head}<title>{title}</title></head><body><ul>{items}</ul>"


def numbered(pattern, count):
    return [pattern.format(number) for number in range(count)]


def founding_pages():
    """(host, path) to (content type, bytes)"""
    pages = {}

    def add(host, path, text, kind="text/html; charset=utf-8", encoding="utf-8"):
        pages[host, path] = (kind, text.encode(encoding))

    # 23, of which several stand twice
    links = numbered("/library/{}", 20) + ["https://example.org/", "//cdn.example.org/x", "#top"]
    add("regex101.com", "/", page("regex", links + links[:7]))
    # 120, relative to where the redirect leads
    add("www.nytimes.com", "/guides/index.html", page("guides", numbered("guide-{}.html", 120)))
    # 115, with letters beyond ASCII in an encoding that the header names
    add("www.mediamatters.org", "/", page("médias", numbered("/été/{}", 115)), LATIN, "latin-1")
    # 36, in an encoding that the page names
    add("1.1.1.1", "/",
        page("имя", numbered("страница-{}", 36), '<meta charset="windows-1251">'),
        "text/html", "cp1251")
    add("www.politico.com", "/tipsheets/morning-money",
        page("money", numbered("../news/{}", 143)))
    add("www.bloomberg.com", "/markets/economics", page("economics", ["a", "b", "c"]))
    add("www.ietf.org", "/rfc/rfc2616.txt", "RFC 2616\n\nHypertext Transfer Protocol\n" * 500,
        "text/plain")
    # What the two ways to find links see differently.
    add("odd.test", "/", '<base href="/deep/"><!-- <a href="hidden"> --><link href="style.css">'
        '<a href=\'single\'>1</a><a href="a?x=1&amp;y=2">2</a><a href="mailto:a@b">3</a>')
    add("image.test", "/", "not really one", "image/png")
    add("escape.test", "/", page("evil", ["/\x1b[2Jx", "/tab%09", "\x1b]0;title\x07"]))
    return pages


PAGES = founding_pages()
telling = threading.Lock()


def tell(line):
    with telling:
        print(line, flush=True)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        host = self.headers["Host"].rpartition(":")[0] or self.headers["Host"]
        if self.server.tells_requests:
            tell(f"{self.connection.getsockname()[0]} https://{host}{self.path}")
        if host == "hanging.test":
            tell(f"hanging {self.path}")
            self.connection.settimeout(None)
            self.connection.recv(1)
        elif host == "reset.test":
            # Without this the other side would see an orderly end.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                       struct.pack("ii", 1, 0))
            self.close_connection = True
        elif host == "short.test":
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'<a href="never">')
            self.close_connection = True
        elif host == "www.nytimes.com" and self.path == "/guides/":
            self.answer(301, "text/html", b"", Location="index.html")
        elif host == "loop.test":
            self.answer(302, "text/html", b"", Location=self.path)
        elif host == "broken.test":
            self.answer(500, "text/html", page("error", ["/a"]).encode())
        elif (host, self.path) in PAGES:
            if host == "www.bloomberg.com":
                time.sleep(SLOW)
            self.answer(200, *PAGES[host, self.path])
        else:
            self.answer(404, "text/html", page("missing", ["/home"]).encode())

    def answer(self, status, kind, body, **fields):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in fields.items():
            self.send_header(name, value)
        if "gzip" in self.headers.get("Accept-Encoding", "") and len(body) > 1000:
            body = gzip.compress(body)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def finish_request(self, request, client_address):
        request = self.context.wrap_socket(request, server_side=True)
        self.RequestHandlerClass(request, client_address, self)
        request.close()

    def handle_error(self, request, client_address):
        pass


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    server = Server((sys.argv[3], int(sys.argv[4])) if len(sys.argv) > 4 else ("127.0.0.1", 0),
                    Handler)
    server.context = context
    server.tells_requests = len(sys.argv) > 4
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


main()
