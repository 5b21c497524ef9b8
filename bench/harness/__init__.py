# SPDX-License-Identifier: Apache-2.0
"""The parts of bench/run.py.

    peers       who takes part, as data
    building    installs and builds them, or says why not
    machine     runs programs on one core, waits for quiet, describes the machine
    session     one run: who is there, in which order, who is left out
    workloads   what is measured, by the module that measures it: micro, memory, echo, plaintext,
                crawl, compilation, holding
    estimate    how long that will take
    tables      medians, ratios and spread, and Markdown
    plot        the same as a picture
    record      files of a run that is kept
    thresholds  the targets, as data, and whether they are held
"""
