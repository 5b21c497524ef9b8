# SPDX-License-Identifier: Apache-2.0
"""Who takes part: what each is written in, which Debian packages it needs, what is built for it,
and how it is started for which workload.

In a command {simul} is the folder that simul was built in, {built} that of the peers' programs and
{compare} bench/compare, {bench} bench and {include} the library's headers; the workload gives
{port}, {start}, {prefix}, {path}, {folder}, {state} or {case}.
What a program is for is the name of its workload; `sleepers`, `idle` and `echo-idle` are parts of
others."""

import dataclasses

PYTHON = "/usr/bin/python3"  # the one that has Debian's modules
EPOLL = {"SIMUL_BACKEND": "epoll"}
URING = {"SIMUL_BACKEND": "io_uring"}
ONE_PROCESSOR = {"GOMAXPROCS": "1"}


@dataclasses.dataclass(frozen=True)
class Program:
    command: tuple
    builds: tuple = ()  # a key of building.RECIPES, then its words
    environment: dict = dataclasses.field(default_factory=dict)
    may_fail: bool = False  # its exit status says that some pages were not found
    takes: float = 0.0  # seconds that a run of it takes longer than the workload says
    most: int = 0  # runs at most, for what takes long; 0: as many as were asked for

    def repetitions(self, asked):
        return min(self.most, asked) if self.most else asked


@dataclasses.dataclass(frozen=True)
class Peer:
    key: str
    name: str
    language: str
    packages: tuple  # of Debian; the first one's version is told in the tables
    programs: dict  # by workload

    @property
    def is_simul(self):
        return self.key.split("-")[0] == "simul"


def c(name, *libraries, words=("{port}",), **fields):
    return Program((f"{{built}}/{name}", *words), ("c", name, *libraries), **fields)


def cpp(name, *words, **fields):
    return Program((f"{{built}}/{name}", *words), ("c++", name), **fields)


def go(name, *words, **fields):
    return Program((f"{{built}}/go_{name}", *words), ("go", name), ONE_PROCESSOR, **fields)


def rust(name, *words, **fields):
    return Program((f"{{built}}/{name}", *words), ("rust", name), **fields)


def python(name, *words, **fields):
    return Program((PYTHON, f"{{compare}}/python/{name}.py", *words), **fields)


def node(name, *words, **fields):
    return Program(("node", f"{{compare}}/node/{name}.js", *words), **fields)


def compilation(library):
    return Program(("g++", "-std=c++23", "-O2", "-I{include}",
                    f"{{bench}}/compile/{library}_{{case}}.cpp"))


def crawl(program):
    """The same program crawls with and without latency."""
    return {"crawl": program, "crawl-latency": program}


def simul(backend):
    return {
        "micro": Program(("{simul}/bench/bench_core",), (), backend),
        "sleepers": Program(("{simul}/bench/bench_sleepers",), (), backend),
        "echo": Program(("{simul}/bench/bench_echo", "{port}"), (), backend),
        "echo-timeout": Program(("{simul}/bench/bench_echo_timeout", "{port}"), (), backend),
        "echo-leased": Program(("{simul}/bench/bench_echo_leased", "{port}"), (), backend),
        "echo-idle": Program(("{simul}/bench/bench_echo_idle", "{port}"), (), backend),
        "plaintext": Program(("{simul}/bench/bench_plaintext", "{port}"), (), backend),
        **crawl(Program(
            ("{simul}/apps/simul/simul", "crawl", "{start}", "--include", r"\.html$",
             "--concurrency", "100", "--per-host", "100", "--quiet", "--fresh", "--state",
             "{state}"), (), backend, may_fail=True)),
    }


def asyncio(loop, style):
    return {"echo": python("echo", loop, style, "{port}")}


def wget2(tags):
    return Program(("wget2", "-q", "-r", "-l", "inf", "-A", "*.html", "--max-threads=100",
                    "--no-robots", "--delete-after", "-P", "{state}", f"--follow-tags={tags}",
                    "{start}"), may_fail=True)


SITE = ("{start}", "{prefix}")
CARGO = ("cargo", "rustc", "librust-tokio-dev", "librust-hyper-dev")

PEERS = (
    # The floor, which everything is divided by.
    Peer("epoll", "C on epoll", "C", ("gcc",), {
        "echo": c("echo_epoll"), "echo-timeout": c("echo_epoll"),
        "echo-leased": c("echo_epoll"), "plaintext": c("http_epoll"),
        **crawl(c("crawl_epoll", words=("{port}", "{path}", "100")))}),
    Peer("uring", "C on io_uring", "C", ("liburing-dev", "gcc"), {
        "echo": c("echo_uring", "-luring"), "plaintext": c("http_uring", "-luring")}),
    # What does not depend on the backend, or measures both.
    Peer("simul", "simul", "C++", (), {
        "compile": compilation("simul"), "idle": Program(("{simul}/bench/bench_idle",))}),
    Peer("simul-epoll", "simul, epoll", "C++", (), simul(EPOLL)),
    Peer("simul-uring", "simul, io_uring", "C++", (), simul(URING)),
    Peer("libuv", "libuv", "C", ("libuv1-dev", "gcc"), {
        "echo": c("echo_libuv", "-luv"), "micro": c("micro_libuv", "-luv", words=())}),
    Peer("asio-callback", "asio, callbacks", "C++", ("libasio-dev",), {
        "echo": cpp("echo_asio_callback", "{port}")}),
    Peer("asio-awaitable", "asio, awaitable", "C++", ("libasio-dev",), {
        "echo": cpp("echo_asio_awaitable", "{port}"),
        "echo-timeout": cpp("echo_timeout_asio", "{port}"), "micro": cpp("micro_asio", takes=4.0),
        "sleepers": cpp("sleepers_asio", takes=2.0), "compile": compilation("asio")}),
    Peer("beast", "Beast", "C++", ("libboost-dev",), {"plaintext": cpp("http_beast", "{port}")}),
    Peer("tokio", "tokio", "Rust", ("librust-tokio-dev", *CARGO), {
        "echo": rust("echo_tokio", "{port}"),
        "echo-timeout": rust("echo_timeout_tokio", "{port}"),
        "micro": rust("micro_tokio", takes=2.0), "sleepers": rust("sleepers_tokio", takes=1.0)}),
    Peer("hyper", "hyper", "Rust", ("librust-hyper-dev", *CARGO), {
        "plaintext": rust("http_hyper", "{port}"), **crawl(rust("crawl_hyper", *SITE))}),
    Peer("go", "Go", "Go", ("golang-go",), {
        "echo": go("echo", "{port}"), "echo-timeout": go("echo_timeout", "{port}"),
        "plaintext": go("http", "{port}"), "micro": go("micro", takes=4.0),
        "sleepers": go("sleepers", takes=5.0), **crawl(go("crawl", *SITE, takes=1.0))}),
    Peer("node", "Node", "JavaScript", ("nodejs",), {
        "echo": node("echo", "{port}"), "plaintext": node("http", "{port}"),
        **crawl(node("crawl", *SITE, takes=1.0))}),
    Peer("asyncio-protocol", "asyncio, protocol", "Python", ("python3",),
         asyncio("asyncio", "protocol")),
    Peer("asyncio-streams", "asyncio, streams", "Python", ("python3",),
         asyncio("asyncio", "streams")),
    Peer("asyncio", "asyncio", "Python", ("python3",), {
        "micro": python("micro", "asyncio", takes=8.0, most=3)}),
    Peer("uvloop-protocol", "uvloop, protocol", "Python", ("python3-uvloop",),
         asyncio("uvloop", "protocol")),
    Peer("uvloop-streams", "uvloop, streams", "Python", ("python3-uvloop",),
         asyncio("uvloop", "streams")),
    Peer("uvloop", "uvloop", "Python", ("python3-uvloop",), {
        "micro": python("micro", "uvloop", takes=8.0, most=3)}),
    Peer("nginx", "nginx", "C", ("nginx-light",), {
        "plaintext": Program(("nginx", "-c", "{folder}/nginx.conf"))}),
    Peer("aiohttp", "aiohttp", "Python", ("python3-aiohttp",), {
        "plaintext": python("http_aiohttp", "asyncio", "{port}"),
        **crawl(python("crawl_aiohttp", "asyncio", *SITE, takes=3.5, most=3))}),
    Peer("aiohttp-uvloop", "aiohttp on uvloop", "Python", ("python3-aiohttp", "python3-uvloop"), {
        "plaintext": python("http_aiohttp", "uvloop", "{port}"),
        **crawl(python("crawl_aiohttp", "uvloop", *SITE, takes=3.5, most=3))}),
    Peer("wget2", "wget2", "C", ("wget2",), crawl(wget2("a,link"))),
    Peer("wget2-href", "wget2, href only", "C", ("wget2",), crawl(wget2("a/href,link/href"))),
    # One run without latency takes half a minute already.
    Peer("scrapy", "Scrapy", "Python", ("python3-scrapy",), {
        "crawl": python("crawl_scrapy", *SITE, takes=27.0, most=2)}),
)
FLOOR = "epoll"

# What the loads and the server of the crawl need.
WORKLOAD_PACKAGES = {
    "echo": ("gcc",),
    "echo-timeout": ("gcc",),
    "echo-leased": ("gcc",),
    "plaintext": ("wrk", "nginx-light"),
    "crawl": ("nginx-light", "libnginx-mod-http-echo", "python3.11-doc", "postgresql-doc-15"),
}
WORKLOAD_PACKAGES["crawl-latency"] = WORKLOAD_PACKAGES["crawl"]
LOAD = ("c", "echo_load")  # what builds the load of the echo

# Who has no server of its own for silent connections keeps them in that of the echo.
for _peer in PEERS:
    if "echo" in _peer.programs:
        _peer.programs.setdefault("echo-idle", _peer.programs["echo"])

# CPU nanoseconds of peers that are not in Debian, and bytes, measured once on another machine; see
# bench/README.md.
ELSEWHERE = {
    "await a ready child": "libcoro 18.5",
    "spawn and join one": "corral 88, libcoro 990",
    "spawn and join, 10,000 at a time": "corral 38",
    "reschedule, one task": "corral 8.8, libcoro 869",
    "reschedule, 100 tasks": "corral 8.7, libcoro 34",
    "round trip between two tasks by queues": "corral 45",
    "lock and unlock a free mutex": "corral 3.5, libcoro 20",
    "time-out around a ready child": "corral 777",
    "spawn, sleep and wake": "corral 2408, libcoro 3109",
    "memory of one of a million tasks that sleep": "libcoro 506, corral 753",
}


def chosen(words):
    """The peers that `words` name: by their key or its beginning up to a dash. simul and the floor
    are always among them."""
    unknown = [word for word in words if not any(matches(peer, word) for peer in PEERS)]
    if unknown:
        raise ValueError(f"no such peer: {', '.join(unknown)}")
    return [peer for peer in PEERS
            if not words or peer.is_simul or peer.key == FLOOR
            or any(matches(peer, word) for word in words)]


def matches(peer, word):
    return peer.key == word or peer.key.startswith(word + "-")
