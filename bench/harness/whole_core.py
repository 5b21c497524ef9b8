# SPDX-License-Identifier: Apache-2.0
"""A core of a virtual machine can be half there: somebody else uses the other hyper-thread, and code
with many instructions to a cycle takes up to 1.8 times as long. What was measured then is measured
again, within a bound. Nothing that is measured has a say in it, only a program that is nobody's."""

import json
import time

from harness import machine
from harness.machine import Failed

# The ratio that compare/c/whole_core.c prints, for a core that is all there: 0.43 to 0.47 were measured
# there (AMD EPYC), and 0.61 to 0.69 on half a core. Other processors may want another bound: one that
# is never at most this has all its patience used up, and "0 of N" in the head.
MOST = 0.54
PAUSE = 0.2  # seconds


class WholeCore:
    def __init__(self, builder, patience):
        """`patience` is how many seconds may be spent on it in all; 0 for not looking at all."""
        self.builder = builder
        self.left = patience
        self.looks = patience > 0
        self.kept = {True: 0, False: 0}

    def ratio(self, cpu):
        self.builder.build(("c", "whole_core"))
        line = machine.output_of(*machine.on_cpu(cpu, [self.builder.folder / "whole_core"]))
        return json.loads(line)["ratio"]

    def is_there(self, cpu):
        """Who cannot look takes every core for whole, and does not ask again."""
        if not self.looks:
            return True
        try:
            return self.ratio(cpu) <= MOST
        except (Failed, OSError, ValueError, KeyError):
            self.looks = False
            return True

    def wait(self, cpu):
        """Whether the core is there, after waiting for it as long as patience lasts."""
        began = time.monotonic()
        while not self.is_there(cpu):
            if self.left <= 0:
                return False
            time.sleep(PAUSE)
            self.left -= time.monotonic() - began
            began = time.monotonic()
        return True

    def measured(self, cpu, measure):
        """What `measure()` returns when the core was there before and after, or at last."""
        while True:
            there = self.wait(cpu)
            began = time.monotonic()
            found = measure()
            there = there and self.is_there(cpu)
            if there or self.left <= 0:
                self.kept[there] += 1
                return found
            self.left -= time.monotonic() - began

    def said(self):
        """A sentence for the head of the tables; nothing if nobody has looked."""
        if not self.looks:
            return ""
        return (f" The core was all there, before and after, for {self.kept[True]} of "
                f"{sum(self.kept.values())} measurements.")
