#!/usr/bin/python3
"""Attacks a running toriid through evil servers, in network namespaces of their own.

    attack.py [--toriid PATH] [--verbose] [--jobs N] [CASE ...]          (root)

A case is a letter and a number (R1, P6, D3 ...); all of them when none is named. For each, one line: `PASS` or `FAIL`,
the case, its figures; then what was not as it must be. TORII_ATTACK_SCALE multiplies the counts. Exit status 0 when
all passed.
"""

import argparse
import concurrent.futures
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time

import fallbacks
import poison
import proof
import work
from rig import PORT, Daemon, EvilServers, Hierarchy, Key, Latency, addresses, ask, prepare_namespace
from play import Clock, build_clock

CASES = {**fallbacks.CASES, **work.CASES, **poison.CASES, **proof.CASES}


class Stage:
    """What a case gets: servers, the tree of zones, a daemon, and places for figures and complaints."""

    def __init__(self, toriid):
        self.toriid = os.path.abspath(toriid)
        self.is_optimised = "/release/" in self.toriid
        self.servers = EvilServers()
        self.tree = Hierarchy(self.servers)
        self.key = Key
        self.figures, self.complaints, self.log = [], [], ""

    def figure(self, what, value):
        self.figures.append("%s %s" % (what, "%.2f" % value if isinstance(value, float) else value))

    def check(self, holds, complaint):
        if not holds and complaint not in self.complaints:
            self.complaints.append(complaint)

    @contextlib.contextmanager
    def daemon(self, extra="", apart=False, **words):
        self.tree.serve(apart)
        daemon = Daemon(self.tree, self.toriid, extra, **words)
        started, cpu = time.monotonic(), daemon.cpu
        try:
            yield daemon
            self.check(daemon.is_alive, "the daemon ended")
            if daemon.is_alive:
                self.figure("CPU s", daemon.cpu - cpu)
                self.figure("RSS MiB", daemon.rss / 1024)
            self.figure("s", time.monotonic() - started)
        finally:
            self.log += daemon.log()
            status = daemon.close()
            self.check(status == 0, "the daemon ended with status %s" % status)

    def idle(self):
        """The innocent's p99 before anything happens."""
        ask("hot.good.example.")
        with Latency(0.005) as latency:
            time.sleep(1)
        return latency.p99

    def latency(self, latency, idle):
        """The innocent is served; a release build serves it within three times the idle time and what a busy machine adds."""
        self.figure("innocent p99 ms", latency.p99 * 1000)
        self.figure("idle p99 ms", idle * 1000)
        self.check(latency.failed <= len(latency.times) // 100, "%d of %d innocent questions failed" % (latency.failed, len(latency.times)))
        if self.is_optimised:
            self.check(latency.p99 <= 3 * idle + 0.1, "innocent p99 %.0f ms" % (latency.p99 * 1000))

    def innocent(self):
        self.check(addresses(ask("after.good.example.")) == ["192.0.2.1"], "the innocent is not served")

    def clock(self, wall=0):
        """A clock for the daemon, `wall` seconds off, that can be moved on."""
        folder = tempfile.mkdtemp(prefix="torii-clock-")
        clock = Clock(folder, wall)
        clock.library = build_clock(folder)
        clock.environment = {"SCENARIO_CLOCK": clock.path}
        return clock

    def sender(self, source="127.0.0.1"):
        """A client socket that only sends; answers pile up and are lost."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((source, 0))
        sock.connect(("127.0.0.1", PORT))
        return sock


def play(case, arguments):
    prepare_namespace()
    stage = Stage(arguments.toriid)
    try:
        CASES[case](stage)
    except Exception as error:
        stage.check(False, "%s: %s" % (type(error).__name__, error))
        if arguments.verbose:
            import traceback
            traceback.print_exc()
    print("%s %s: %s" % ("FAIL" if stage.complaints else "PASS", case, ", ".join(stage.figures)))
    for text in stage.complaints:
        print("    " + text)
    if arguments.verbose:
        print("\n".join("    | " + line for line in stage.log.splitlines()))
    return 1 if stage.complaints else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cases", nargs="*")
    parser.add_argument("--toriid", default=os.path.join(os.environ.get("TORII_BIN", ".build/debug"), "toriid"))
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    cases = [c.upper() for c in arguments.cases] or list(CASES)
    if arguments.inside:
        # Threads of evil servers may still wait for connections.
        status = play(cases[0], arguments)
        sys.stdout.flush()
        os._exit(status)
    if os.geteuid() != 0:
        print("attack.py needs root: it makes network namespaces", file=sys.stderr)
        return 2

    def one(case):
        words = ["unshare", "-n", sys.executable, "-B", __file__, "--inside", "--toriid", arguments.toriid, case]
        return subprocess.run(words + (["--verbose"] if arguments.verbose else []), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for result in pool.map(one, cases):
            sys.stdout.write(result.stdout)
            sys.stdout.flush()
            failed += result.returncode != 0
    print("%d attacks, %d failed" % (len(cases), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
