# SPDX-License-Identifier: Apache-2.0
"""The rungs of the ladder: what is done on each, what is promised, and whether it was held."""

MEGABYTE = 1e6


class Rung:
    """What is done on a rung, and what is promised there."""

    def __init__(self, **given):
        self.processes = 1  # of servers
        self.loops = 1  # in each; there are as many loads as loops
        self.connections = 0
        self.open_rate = 24_000  # connections a second, all processes together
        self.seconds = 20.0
        self.busy = 0.0  # share of the connections that send a message every second
        self.others_every = 0.0  # seconds between two messages of one of the others; 0: none
        self.reset = 0.0  # share that the load resets; the server cancels the others
        self.own_namespace = False
        self.longest = 120  # seconds for one backend and attempt, then it is given up
        self.backends = ("epoll", "io_uring")
        self.needs_memory = 0  # bytes that must be available
        self.capacity = 0  # requests a second that the server can do
        self.times = 1  # how many times as many it is asked for
        self.longest_line = 0  # requests that may wait
        self.__dict__.update(given)

    def loops_in_all(self):
        return self.processes * self.loops

    def rate(self):
        """Messages a second that it asks for."""
        others = (1 - self.busy) / self.others_every if self.others_every else 0
        return self.connections * (self.busy + others)


RUNGS = {
    "c10k": Rung(connections=10_000, busy=1.0, reset=0.5),
    # A tenth of the connections sends half of the messages.
    "c100k": Rung(connections=100_000, processes=6, busy=0.1, others_every=9.0, own_namespace=True,
                  longest=240, needs_memory=3e9),
    # As many in one process; five times as many as it may have descriptors, each loop its own.
    "c90k": Rung(connections=90_000, loops=5, busy=0.1, others_every=9.0, own_namespace=True,
                 longest=240, needs_memory=3e9),
    "c1m": Rung(connections=1_000_000, processes=51, busy=0.01, own_namespace=True, longest=600,
                backends=("epoll",), needs_memory=18e9),
    "storm": Rung(seconds=30.0),
    # The server of hold/overload.cpp does 50 at once in 10 ms each, and lets 250 wait.
    "overload": Rung(connections=3_000, seconds=10.0, capacity=5_000, times=3, longest_line=250),
}


class Target:
    """One line of the table; without `most` and `least` it is told and not judged. `soft`: a slow moment can miss it."""

    def __init__(self, name, value, unit="", most=None, least=None, soft=False):
        self.name, self.value, self.unit = name, value, unit
        self.most, self.least, self.soft = most, least, soft

    def is_judged(self):
        return self.most is not None or self.least is not None

    def is_held(self):
        if self.value is None:
            return not self.is_judged()
        return ((self.most is None or self.value <= self.most)
                and (self.least is None or self.value >= self.least))

    def row(self):
        limits = []
        if self.least is not None and self.least == self.most:
            limits = [self.number(self.least)]
        else:
            limits += [f"≥ {self.number(self.least)}"] if self.least is not None else []
            limits += [f"≤ {self.number(self.most)}"] if self.most is not None else []
        unit = f", {self.unit}" if self.unit else ""
        verdict = ("held" if self.is_held() else "NOT HELD") if self.is_judged() else ""
        return f"| {self.name}{unit} | {' '.join(limits) or '–'} | {self.number(self.value)} " \
               f"| {verdict} |"

    @staticmethod
    def number(value):
        if value is None:
            return "not measured"
        if float(value).is_integer():
            return f"{int(value):,}"
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def quantile(histograms, share):
    """The time that this share of all entries does not exceed; None without any. The histograms
    are lists of [limit, count]."""
    counts = sorted((limit, count) for each in histograms for limit, count in each)
    rest = share * sum(count for _, count in counts)
    for limit, count in counts:
        rest -= count
        if rest <= 1e-6:
            return limit
    return None


def bytes_of_an_end(rung, found):
    """Of either end of a connection, without what others have made the kernel remember."""
    needed = (found["slab"] - found["looked_at"] + found["server_memory"] + found["load_memory"])
    return needed / (2 * rung.connections)


def judge_hold(name, rung, found):
    """The targets of a rung, with what was measured."""
    errors = sum(found["errors"].values())
    held = rung.connections - round(rung.connections * rung.reset)
    unanswered = found["asked"] - found["answered"]
    answers = found["answer"]

    def milliseconds(histograms, share):
        time_taken = quantile(histograms, share)
        return None if time_taken is None else time_taken / 1e3

    def for_message(seconds):
        return 1e6 * seconds / max(found["answered"], 1)

    connected = {"c10k": 2, "c100k": 10, "c90k": 10, "c1m": 120}[name]
    slowest = {"c10k": 50, "c100k": 250, "c90k": 250, "c1m": 1000}[name]
    targets = [
        Target("connections", found["open"], least=rung.connections, most=rung.connections),
        Target("all connected", found["open_seconds"], "s", most=connected, soft=True),
        Target("connect, 99 %", milliseconds(found["connect"], 0.99), "ms"),
        Target("errors", errors, most=0),
        Target("messages without answer", unanswered, most=0),
        Target("messages", found["answered"] / found["exchange_seconds"], "1/s",
               least=0.99 * rung.rate(), soft=True),
        Target("answer, 50 %", milliseconds(answers, 0.5), "ms"),
        Target("answer, 99 %", milliseconds(answers, 0.99), "ms", most=slowest, soft=True),
        Target("longest answer", milliseconds(answers, 1), "ms"),
        Target("memory of the servers", found["server_memory"] / MEGABYTE, "MB",
               most=40 if name == "c10k" else None),
        Target("memory of the servers for a connection",
               found["server_growth"] / rung.connections, "bytes",
               most=1536 if name in ("c100k", "c90k") else None),
        Target("memory of the loads", found["load_memory"] / MEGABYTE, "MB"),
        Target("memory of the kernel (slabs)", found["slab"] / MEGABYTE, "MB"),
        Target("of which for looks into /proc", found["looked_at"] / MEGABYTE, "MB"),
        Target("memory of an end, kernel and user", bytes_of_an_end(rung, found), "bytes",
               most=5000 if name == "c1m" else None),
        Target("memory of all", found["total_memory"] / MEGABYTE, "MB",
               most=14_000 if name == "c1m" else None),
        Target("CPU of the servers for a message", for_message(found["cpu"][0]), "µs"),
        Target("CPU of the loads for a message", for_message(found["cpu"][1]), "µs"),
        Target("waited for a CPU for a message", for_message(found["cpu"][2]), "µs"),
        Target("CPU of the busiest idle server", 100 * found["idle_cpu"], "%",
               most=1 if name == "c10k" else None, soft=True),
    ]
    if rung.reset:
        targets.append(Target("ended by a reset", found["reset"], least=rung.connections - held))
    return targets + [
        Target("cancelled at the end", found["cancelled"], least=held, most=held),
        Target("cancel all", found["cancel_seconds"], "s",
               most=1 if name in ("c100k", "c90k") else None, soft=True),
        Target("CPU to cancel one", 1e6 * found["cancel_cpu"] / max(found["cancelled"], 1), "µs"),
        Target("ends that the loads saw", found["ends"], least=held, most=held),
        Target("until everything is gone", found["end_seconds"], "s",
               most=30 if name == "c1m" else None, soft=True),
        Target("descriptors left", found["left"], most=0),
    ]


def judge_storm(found, backend):
    errors = sum(found["errors"].values())
    server, load, waited = (1e6 * seconds / max(found["done"], 1) for seconds in found["cpu"])
    return [
        Target("connect, message, reset", found["done"] / found["seconds"], "1/s",
               least=25_000 if backend == "epoll" else None, soft=True),
        Target("longest", (quantile(found["times"], 1) or 0) / 1e3, "ms"),
        Target("CPU of the server for one", server, "µs"),
        Target("CPU of the load for one", load, "µs"),
        Target("waited for a CPU for one", waited, "µs"),
        Target("refused", found["refused"]),
        Target("errors", errors, most=0),
        Target("growth of the server's memory", found["growth"] / MEGABYTE, "MB", most=1),
        Target("descriptors left", found["left"], most=0),
    ]


def judge_overload(rung, found):
    errors = sum(found["errors"].values())
    answered = found["done"] + found["refused"]
    server, load, waited = (1e6 * seconds / max(answered, 1) for seconds in found["cpu"])

    def milliseconds(histogram, share):
        time_taken = quantile([histogram], share)
        return None if time_taken is None else time_taken / 1e3

    return [
        Target("done when asked for as much as it can do", found["peak"], "1/s",
               least=0.9 * rung.capacity, soft=True),
        Target("asked for", found["asked_rate"], "1/s", least=0.9 * rung.times * rung.capacity,
               soft=True),
        Target("done", found["goodput"], "1/s", least=0.8 * found["peak"], soft=True),
        Target("done, share of that", found["goodput"] / max(found["peak"], 1)),
        Target("done, 99 % within", milliseconds(found["times"], 0.99), "ms"),
        Target("refused with 503", found["refused"]),
        Target("refused, longest", milliseconds(found["refusals"], 1), "ms", most=1000, soft=True),
        Target("without an answer", found["asked"] - answered, most=0),
        Target("errors", errors, most=0),
        Target("longest line", found["line"], most=rung.longest_line),
        Target("growth of the server's memory", found["growth"] / MEGABYTE, "MB", most=4),
        Target("CPU of the server for an answer", server, "µs"),
        Target("CPU of the load for an answer", load, "µs"),
        Target("waited for a CPU for an answer", waited, "µs"),
    ]
