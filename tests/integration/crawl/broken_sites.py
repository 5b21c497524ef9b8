# SPDX-License-Identifier: Apache-2.0
#
# A good site whose first page leads to many others that fail, each in its own way.
#
#     broken_sites.py DIRECTORY        with DIRECTORY/NAME.pem and NAME.key for hosts with TLS
#     broken_sites.py --name-server    at port 80, and name servers that fail at port 53
#
# Writes a line of its two ports, http and https, then a line of NAME=ADDRESS for every host. Each has
# a loopback address of its own. Ends when its input ends.
import os
import pathlib
import socket
import ssl
import struct
import sys
import threading
import time
import warnings

MANY = 400  # pages below /many/, each with as many links as MANY_LINKS
MANY_LINKS = 30
INVALID_LINKS = ["http://[", "http://a b.test/", "http://good.test:99999/", "https://%/"]


class Gone(Exception):
    pass


class Connection:
    def __init__(self, sites, host, channel):
        self.sites, self.host, self.channel = sites, host, channel

    def read_request(self):
        head = b""
        while b"\r\n\r\n" not in head:
            data = self.channel.recv(65536)
            if not data:
                raise Gone
            head += data
        return head.split(b" ")[1].decode()

    def send(self, data):
        self.channel.sendall(data)

    def answer(self, body=b"", status="200 OK", fields=(), length=None):
        head = [f"HTTP/1.1 {status}", "Content-Type: text/html", "Connection: close", *fields,
                f"Content-Length: {len(body) if length is None else length}"]
        self.send("\r\n".join(head).encode() + b"\r\n\r\n" + body)

    def wait_for_end(self):
        while self.channel.recv(65536):
            pass

    def reset(self):
        # The other side gets RST instead of FIN.
        self.channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Gone


def page(links):
    return "".join(f'<a href="{link}">x</a>' for link in links).encode()


# --- the good site ------------------------------------------------------------------------------


def good(to):
    path = to.read_request()
    port = to.sites.http
    if path == "/":
        to.answer(page(to.sites.links()))
    elif path in ("/a", "/b"):
        to.answer(page(["/a", "/b"]))
    elif path == "/invalid-links":
        to.answer(page([*INVALID_LINKS, "/a", "ftp://good.test/", "mailto:a@b.test"]))
    elif path == "/broken":
        to.answer(page(["/never"]), "500 Internal Server Error")
    elif path == "/loop-a":
        to.answer(status="302 Found", fields=["Location: /loop-b"])
    elif path == "/loop-b":
        to.answer(status="302 Found", fields=[f"Location: http://good.test:{port}/loop-a"])
    elif path == "/itself":
        to.answer(status="301 Moved Permanently", fields=["Location: /itself"])
    elif path == "/nowhere":
        to.answer(status="302 Found")
    elif path == "/invalid-location":
        to.answer(status="302 Found", fields=["Location: http://["])
    elif path.startswith("/hop-"):
        to.answer(status="302 Found", fields=[f"Location: /hop-{int(path[5:]) + 1}"])
    elif path.startswith("/many/"):
        number = int(path[6:])
        to.answer(page(f"/many/{(number * 7 + step) % MANY}" for step in range(MANY_LINKS)))
    else:
        to.answer(page(["/never"]), "404 Not Found")


GOOD_PATHS = ["/a", "/b", "/invalid-links", "/missing", "/broken", "/loop-a", "/itself", "/nowhere",
              "/invalid-location", "/hop-1"]


# --- hosts that fail ----------------------------------------------------------------------------


def silent(to):
    to.read_request()
    to.wait_for_end()


def closing(to):
    to.read_request()


def resetting(to):
    to.read_request()
    to.reset()


def stalling_in_the_head(to):
    to.read_request()
    to.send(b"HTTP/1.1 200 OK\r\nContent-Type: text")
    to.wait_for_end()


def closing_in_the_head(to):
    to.read_request()
    to.send(b"HTTP/1.1 200 OK\r\nContent-Type: text")


def endless_head(to):
    to.read_request()
    to.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        to.send(b"X-Field: value\r\n" * 100)


def endless_field(to):
    to.read_request()
    to.send(b"HTTP/1.1 200 OK\r\nX-Field: ")
    while True:
        to.send(b"x" * 10000)


def not_http(to):
    to.read_request()
    to.send(b"SSH-2.0-OpenSSH_9.2p1\r\n")
    to.wait_for_end()


def bad_length(to):
    to.read_request()
    to.answer(length="ten")


def stalling_in_the_body(to):
    to.read_request()
    to.answer(b"<p>", length=1000)
    to.wait_for_end()


def truncating(to):
    to.read_request()
    to.answer(b'<a href="/never">x</a>', length=1000)


def resetting_in_the_body(to):
    to.read_request()
    to.answer(b"<p>", length=1000)
    to.reset()


def dripping(to):
    to.read_request()
    to.answer(length=1_000_000)
    while True:
        to.send(b"x")
        time.sleep(0.1)


def false_gzip(to):
    to.read_request()
    to.answer(b"not compressed at all", fields=["Content-Encoding: gzip"])


PLAIN = {"silent": silent, "closing": closing, "resetting": resetting,
         "head-stalls": stalling_in_the_head, "head-cut": closing_in_the_head,
         "head-endless": endless_head, "field-endless": endless_field, "not-http": not_http,
         "bad-length": bad_length, "body-stalls": stalling_in_the_body, "body-cut": truncating,
         "body-reset": resetting_in_the_body, "body-drips": dripping, "false-gzip": false_gzip}


# --- hosts that fail below or in TLS ------------------------------------------------------------


def tls_silent(to):
    to.wait_for_end()


def tls_closing(to):
    to.channel.recv(65536)


def tls_resetting(to):
    to.channel.recv(65536)
    to.reset()


def tls_none(to):
    to.channel.recv(65536)
    to.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nTLS is spoken elsewhere")


def tls_alert(number):
    def refuse(to):
        to.channel.recv(65536)
        to.send(bytes([21, 3, 3, 0, 2, 2, number]))
        to.wait_for_end()
    return refuse


def body_without_farewell(to):
    to.read_request()
    to.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<p>")


def altered_record(to):
    to.read_request()
    os.write(to.channel.fileno(), b"\x17\x03\x03\x00\x20" + bytes(32))
    to.wait_for_end()


BELOW_TLS = {"tls-silent": tls_silent, "tls-closing": tls_closing, "tls-resetting": tls_resetting,
             "tls-none": tls_none, "tls-refused": tls_alert(40), "tls-no-version": tls_alert(70),
             "tls-no-cipher": tls_alert(71)}
WITHIN_TLS = {"tls-cut": body_without_farewell, "tls-altered": altered_record}


def context_for(folder, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")  # for keys and digests that nobody should use
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    if name == "tls-old":
        with warnings.catch_warnings(action="ignore"):  # of how old it is
            context.maximum_version = ssl.TLSVersion.TLSv1_1
    if name == "tls-client-certificate":
        context.load_verify_locations(folder / "authority.pem")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


# --- the servers --------------------------------------------------------------------------------


class Sites:
    """All hosts, each at an address of its own and the same two ports."""

    def __init__(self, folder):
        self.listeners = []
        self.addresses = {}
        self.crowd = []
        names = ["good", *PLAIN, "refused", "full"]
        secure = sorted(path.stem for path in folder.glob("*.key"))
        self.contexts = {name: context_for(folder, name) for name in secure}
        self.plain_hosts = names[1:]
        self.secure_hosts = [*BELOW_TLS, *(name for name in secure if name != "good")]
        for number, name in enumerate([*names, *self.secure_hosts], 11):
            self.addresses[name] = f"127.0.0.{number}"
        while not self.take_ports():
            pass

    def links(self):
        return [*GOOD_PATHS, *INVALID_LINKS,
                *(f"http://{name}.test:{self.http}/" for name in self.plain_hosts),
                *(f"https://{name}.test:{self.https}/" for name in self.secure_hosts)]

    def take_ports(self):
        """Two ports that nobody has at any of the addresses."""
        self.listeners = []
        try:
            self.http = self.listen("good", 0, good)
            self.https = self.listen("good", 0, good, self.contexts["good"])
            for name, handler in PLAIN.items():
                self.listen(name, self.http, handler)
            for name, handler in BELOW_TLS.items():
                self.listen(name, self.https, handler)
            for name, context in self.contexts.items():
                if name != "good":
                    self.listen(name, self.https, WITHIN_TLS.get(name, good), context)
            self.fill(self.listen("full", self.http, None))
        except OSError:
            for listener, *_ in self.listeners:
                listener.close()
            return False
        return True

    def listen(self, name, port, handler, context=None):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listeners.append((listener, name, handler, context))
        listener.bind((self.addresses[name], port))
        listener.listen(128 if handler else 0)
        return listener.getsockname()[1]

    def fill(self, port):
        """Nobody accepts there, and these few are all that the system keeps waiting."""
        for _ in range(8):
            waiting = socket.socket()
            waiting.setblocking(False)
            waiting.connect_ex((self.addresses["full"], port))
            self.crowd.append(waiting)

    def serve(self):
        for listener, name, handler, context in self.listeners:
            if handler:
                start(self.accept, listener, name, handler, context)
        print(self.http, self.https)
        print(*(f"{name}.test={address}" for name, address in self.addresses.items()), flush=True)

    def accept(self, listener, name, handler, context):
        while True:
            channel, _ = listener.accept()
            start(self.handle, channel, name, handler, context)

    def handle(self, channel, name, handler, context):
        try:
            if context:
                channel = context.wrap_socket(channel, server_side=True,
                                              do_handshake_on_connect=False)
                self.shake_hands(channel)
            handler(Connection(self, name, channel))
        except (Gone, OSError):
            pass
        finally:
            channel.close()

    @staticmethod
    def shake_hands(channel):
        try:
            channel.do_handshake()
        except ssl.SSLError:
            # A close with something unread would be a reset, which may overtake the alert.
            while os.read(channel.fileno(), 65536):
                pass
            raise Gone from None


class NamelessSites(Sites):
    """The good site, and names that name servers do not know."""

    HOSTS = ["missing", "empty", "failing", "refusing", "unanswered", "private", "unroutable",
             "unreachable"]

    def __init__(self):
        self.listeners = []
        self.addresses = {"good": "127.0.0.1", "unroutable": "198.51.100.1",
                          "unreachable": "203.0.113.1"}
        self.http = self.listen("good", 80, good)
        self.https = 443
        names = socket.socket(type=socket.SOCK_DGRAM)
        names.bind(("127.0.0.1", 53))
        start(self.answer_names, names)

    def links(self):
        return ["/a", "/b", *(f"http://{name}.test/" for name in self.HOSTS)]

    @staticmethod
    def answer_names(names):
        codes = {b"missing": 3, b"empty": 0, b"failing": 2, b"refusing": 5, b"private": 0}
        while True:
            query, client = names.recvfrom(4096)
            label = query[13:13 + query[12]]
            if label not in codes:
                continue
            end = query.index(b"\0", 12) + 5  # of the question
            answer = b""
            if label == b"private" and query[end - 4:end - 2] == b"\0\1":
                answer = b"\xC0\x0C\0\1\0\1\0\0\0\x3C\0\4" + bytes([127, 0, 0, 1])
            names.sendto(query[:2] + bytes([0x81, 0x80 | codes[label], 0, 1, 0, bool(answer), 0, 0,
                                            0, 0]) + query[12:end] + answer, client)


def start(work, *arguments):
    threading.Thread(target=work, args=arguments, daemon=True).start()


if sys.argv[1] == "--name-server":
    NamelessSites().serve()
else:
    Sites(pathlib.Path(sys.argv[1])).serve()
sys.stdin.read()
