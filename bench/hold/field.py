# SPDX-License-Identifier: Apache-2.0
"""Servers and loads for very many connections: starting, telling, measuring and ending them."""

import contextlib
import json
import os
import pathlib
import subprocess
import time

KERNEL_PAGE = os.sysconf("SC_PAGE_SIZE")
STORM_WORKERS = 64
IDLE_SECONDS = 5.0


# --- what the system tells ------------------------------------------------------------------------

def memory_of(process):
    """Resident bytes of a process."""
    with open(f"/proc/{process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * KERNEL_PAGE


def cpu_seconds_of(process):
    """(CPU time that its threads have used, system calls included; time that they waited for a
    CPU)."""
    threads = pathlib.Path(f"/proc/{process.pid}/task").glob("*/schedstat")
    words = [thread.read_text(encoding="ascii").split() for thread in threads]
    return sum(int(each[0]) for each in words) / 1e9, sum(int(each[1]) for each in words) / 1e9


def memory_of_system():
    """(bytes in the kernel's slabs, bytes that are available)."""
    with open("/proc/meminfo", encoding="ascii") as file:
        table = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in file}
    return table["Slab"], table["MemAvailable"]


def memory_of_looks_into_proc(slabinfo=pathlib.Path("/proc/slabinfo")):
    """Bytes in the kernel's slabs for entries of /proc that somebody has looked at: an inode, a name
    and what the security modules add. A program that watches others may look at /proc/PID/fd, and
    the kernel remembers each descriptor there until it needs the memory. 0 for who is not root."""
    try:
        lines = slabinfo.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    caches = {words[0]: words for words in map(str.split, lines) if len(words) > 3}
    if "proc_inode_cache" not in caches:
        return 0
    size_of_all = sum(int(caches[name][3]) for name in
                      ("proc_inode_cache", "dentry", "lsm_inode_cache") if name in caches)
    return int(caches["proc_inode_cache"][1]) * size_of_all


# --- the programs ---------------------------------------------------------------------------------

class Program:
    """One server or load. It ends itself when its input ends, also if this program is killed."""

    def __init__(self, command, backend):
        self.process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "SIMUL_BACKEND": backend})
        self.name = pathlib.Path(command[0]).name

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with {self.process.wait()}")
        return json.loads(line)

    def end_input(self):
        self.process.stdin.close()

    def destroy(self):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Field:
    """As many loops of servers as loads, each pair with an address of its own."""

    def __init__(self, folder, backend, processes, loops=1, server="server"):
        self.servers, self.loads, self.loops = [], [], loops
        try:
            addresses = [f"127.0.{1 + pair // 250}.{1 + pair % 250}"
                         for pair in range(processes * loops)]
            for first in range(0, len(addresses), loops):
                self.servers.append(Program([folder / f"bench_hold_{server}",
                                             *addresses[first:first + loops]], backend))
            for first, said in enumerate(self.answers_of_servers()):
                address = addresses[first // loops * loops + said.get("core", 0)]
                self.loads.append(Program([folder / "bench_hold_load", address, said["port"]],
                                          backend))
        except BaseException:
            self.destroy()
            raise

    def command(self, commands):
        """Gives each load its command, and waits for all answers. Returns them and the time."""
        began = time.monotonic()
        for load, command in zip(self.loads, commands):
            load.tell(command)
        answers = [load.answer() for load in self.loads]
        return answers, time.monotonic() - began

    def answers_of_servers(self):
        """A line of each loop, server by server."""
        return [server.answer() for server in self.servers for _ in range(self.loops)]

    def stop_servers(self):
        """Makes all servers cancel what they hold. Returns what they tell, and the time."""
        began = time.monotonic()
        for server in self.servers:
            server.end_input()
        answers = self.answers_of_servers()
        return answers, time.monotonic() - began

    def wait(self):
        for load in self.loads:
            load.end_input()
        for program in self.servers + self.loads:
            if program.process.wait() != 0:
                raise RuntimeError(f"{program.name} ended with {program.process.returncode}")

    def server_memory(self):
        return sum(memory_of(server.process) for server in self.servers)

    def load_memory(self):
        return sum(memory_of(load.process) for load in self.loads)

    def server_cpu(self):
        """CPU seconds of each server."""
        return [cpu_seconds_of(server.process)[0] for server in self.servers]

    def cpu(self):
        """CPU seconds of all servers, of all loads, and what all of them waited for a CPU."""
        loads = [cpu_seconds_of(load.process) for load in self.loads]
        servers = [cpu_seconds_of(server.process) for server in self.servers]
        return (sum(run for run, _ in servers), sum(run for run, _ in loads),
                sum(waited for _, waited in servers + loads))

    def destroy(self):
        for program in self.loads + self.servers:
            program.destroy()


@contextlib.contextmanager
def started(folder, backend, processes, loops=1, server="server"):
    made = Field(folder, backend, processes, loops, server)
    try:
        yield made
    finally:
        made.destroy()


# --- measuring ------------------------------------------------------------------------------------

def total(answers, name):
    return sum(answer[name] for answer in answers)


def add_errors(*answers):
    """What went wrong in any of the answers, with how often."""
    total = {}
    for answer in (each for some in answers for each in some):
        for what, count in answer["errors"].items():
            total[what] = total.get(what, 0) + count
    return total


def server_errors(answers):
    """The same for what the servers tell at their end."""
    counts = {"errors of connections at the server": total(answers, "errors"),
              "shortages at the server": total(answers, "shortages")}
    return {what: count for what, count in counts.items() if count}


def share_out(total, parts):
    """`total` in so many whole numbers that differ by one at most."""
    return [total // parts + (part < total % parts) for part in range(parts)]


def measure_hold(rung, folder, backend):
    """Opens, uses, holds and ends the connections of a rung. Returns everything measured."""
    found = {}
    counts = share_out(rung.connections, rung.loops_in_all())
    slab, available = memory_of_system()
    looked_at = memory_of_looks_into_proc()
    with started(folder, backend, rung.processes, rung.loops) as programs:
        memory = programs.server_memory()
        rate = rung.open_rate / rung.loops_in_all()
        opened, found["open_seconds"] = programs.command(f"open {count} {rate}" for count in counts)
        found["connect"] = [answer["times"] for answer in opened]
        found["open"] = total(opened, "done")

        before = programs.cpu()
        said, _ = programs.command(
            f"exchange {rung.seconds} {round(count * rung.busy)} 1 {rung.others_every}"
            for count in counts)
        found["asked"], found["answered"] = total(said, "begun"), total(said, "done")
        found["answer"] = [answer["times"] for answer in said]
        found["exchange_seconds"] = max(answer["seconds"] for answer in said)
        found["cpu"] = [now - then for now, then in zip(programs.cpu(), before)]

        time.sleep(1)
        before = programs.server_cpu()
        time.sleep(IDLE_SECONDS)
        idle = [now - then for now, then in zip(programs.server_cpu(), before)]
        found["idle_cpu"] = max(idle) / IDLE_SECONDS
        found["server_memory"] = programs.server_memory()
        found["server_growth"] = found["server_memory"] - memory
        found["load_memory"] = programs.load_memory()
        slab_now, available_now = memory_of_system()
        found["slab"] = slab_now - slab
        found["looked_at"] = max(0, memory_of_looks_into_proc() - looked_at)
        counted = found["slab"] + found["server_memory"] + found["load_memory"]
        found["total_memory"] = max(counted, available - available_now)

        reset, _ = programs.command(f"close {round(count * rung.reset)}" for count in counts)
        time.sleep(1 if rung.reset else 0)
        ended, found["cancel_seconds"] = programs.stop_servers()
        began = time.monotonic()
        seen, _ = programs.command("await_end" for _ in counts)
        programs.wait()
        found["end_seconds"] = found["cancel_seconds"] + time.monotonic() - began
        found["cancelled"], found["ends"] = total(ended, "held"), total(seen, "done")
        found["cancel_cpu"] = total(ended, "cancel_cpu")
        found["reset"] = total(reset, "done")
        found["left"] = total(ended, "descriptors_left") + total(ended, "active")
        found["errors"] = add_errors(opened, said, seen) | server_errors(ended)
    return found


def measure_storm(rung, folder, backend):
    """Connections that live for one message, as many as go. Returns everything measured."""
    found = {}
    with started(folder, backend, 1) as programs:
        programs.command([f"storm 2 {STORM_WORKERS}"])  # what a process takes once
        time.sleep(0.5)
        memory, before = programs.server_memory(), programs.cpu()
        answers, found["seconds"] = programs.command([f"storm {rung.seconds} {STORM_WORKERS}"])
        found["cpu"] = [now - then for now, then in zip(programs.cpu(), before)]
        time.sleep(0.5)
        found["growth"] = programs.server_memory() - memory
        ended, _ = programs.stop_servers()
        programs.wait()
        found["done"], found["times"] = total(answers, "done"), [answers[0]["times"]]
        found["errors"] = add_errors(answers) | server_errors(ended)
        found["refused"] = found["errors"].pop("Connection refused", 0)
        found["left"] = total(ended, "descriptors_left") + total(ended, "active")
    return found


def measure_overload(rung, folder, backend):
    """Requests at the rate that the server can do, then at a multiple of it. Returns everything
    measured."""
    found = {}
    with started(folder, backend, 1, server="overload") as programs:
        programs.command([f"open {rung.connections} {rung.open_rate}"])
        programs.command([f"request 2 {rung.capacity}"])  # what a process takes once
        at_peak, _ = programs.command([f"request {rung.seconds} {rung.capacity}"])
        memory, before = programs.server_memory(), programs.cpu()
        beyond, _ = programs.command([f"request {rung.seconds} {rung.times * rung.capacity}"])
        found["cpu"] = [now - then for now, then in zip(programs.cpu(), before)]
        found["growth"] = programs.server_memory() - memory
        ended, _ = programs.stop_servers()
        programs.wait()
        found["peak"] = at_peak[0]["done"] / at_peak[0]["seconds"]
        found["asked"] = beyond[0]["begun"]
        found["asked_rate"] = beyond[0]["begun"] / beyond[0]["seconds"]
        found["done"] = beyond[0]["done"]
        found["goodput"] = beyond[0]["done"] / beyond[0]["seconds"]
        found["times"], found["refusals"] = beyond[0]["times"], beyond[0]["refusals"]
        found["refused"] = sum(count for _, count in beyond[0]["refusals"])
        found["line"] = ended[0]["longest_line"]
        found["errors"] = add_errors(at_peak, beyond)
    return found
