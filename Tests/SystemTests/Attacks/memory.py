#!/usr/bin/python3
"""What a cached record set costs: the same names loaded into toriid and Unbound, growth of RSS divided by their number.

    memory.py [--toriid PATH] [--names N] [--signed]          (root; needs unbound, nsd, dnsperf)

Both forward to one NSD. Unsigned names are answered from a wildcard, so each is one set and one answer; with `--signed`
each has a set and a signature of its own below a trust anchor. Then the soak: three times as many names as the cache of
toriid holds, and RSS must stay flat.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FRONT = "127.80.0.4"


def rss(process):
    return int(Path("/proc/%d/statm" % process.pid).read_text().split()[1]) * 4096


def wait(port, address="127.0.0.1"):
    import dns.message
    for _ in range(200):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.2)
            try:
                sock.connect((address, port))
                sock.send(dns.message.make_query("warm.example.", "A").to_wire())
                sock.recv(4096)
                return
            except OSError:
                time.sleep(0.05)
    raise RuntimeError("port %d does not answer" % port)


def front(folder, names, signed):
    zone = ["$TTL 86400", "example. SOA ns.example. h.example. 1 3600 900 604800 300", "example. NS ns.example.", "ns.example. A " + FRONT]
    zone += ["n%d.example. A 192.0.2.%d" % (i, i % 250) for i in range(names)] if signed else ["*.example. A 192.0.2.1"]
    (folder / "zone").write_text("\n".join(zone) + "\n")
    anchor = ""
    if signed:
        key = subprocess.run(["dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", "example."], check=True, stdout=subprocess.PIPE, text=True, cwd=folder).stdout.strip()
        subprocess.run(["dnssec-signzone", "-q", "-P", "-z", "-S", "-K", ".", "-o", "example.", "-f", "signed", "zone"], check=True, cwd=folder, stdout=subprocess.DEVNULL)
        shutil.move(folder / "signed", folder / "zone")
        anchor = subprocess.run(["dnssec-dsfromkey", "-2", key + ".key"], check=True, stdout=subprocess.PIPE, text=True, cwd=folder).stdout.strip()
    (folder / "nsd.conf").write_text("""
server:
  ip-address: %s@53
  username: ""
  zonesdir: "%s"
  pidfile: ""
  xfrdfile: "%s/xfrd"
  zonelistfile: "%s/list"
  logfile: "%s/log"
  database: ""
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: "example."
  zonefile: "zone"
""" % (FRONT, folder, folder, folder, folder))
    process = subprocess.Popen(["nsd", "-d", "-c", str(folder / "nsd.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait(53, FRONT)
    return process, anchor


def load(port, folder, first, count):
    (folder / "names").write_text("".join("n%d.example A\n" % i for i in range(first, first + count)))
    out = subprocess.run(["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(folder / "names"), "-n", "1", "-q", "200", "-t", "10"],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    return int(next(line for line in out.splitlines() if "completed" in line).split()[2])


def toriid(program, folder, size, anchor):
    (folder / "torii.yaml").write_text("""
server: { workers: 1, state-directory: state }
listen: [ { address: 127.0.0.1, port: 5300 } ]
control: { socket: torii.sock }
log: { level: error }
nts: { enabled: false }
recursion: { forward: [ { zone: ".", servers: [ { address: %s } ] } ] }
dnssec: { trust-anchors: [ %s ], signal-trust-anchors: false, rfc5011: false }
cache: { size: %s }
""" % (FRONT, '"%s"' % anchor if anchor else "", size))
    process = subprocess.Popen([program, "--config", str(folder / "torii.yaml")], stderr=subprocess.DEVNULL)
    wait(5300)
    return process


def unbound(folder, anchor):
    (folder / "unbound.conf").write_text("""
server:
  interface: 127.0.0.1@5301
  username: ""
  chroot: ""
  pidfile: ""
  directory: "%s"
  use-syslog: no
  do-not-query-localhost: no
  num-threads: 1
  rrset-cache-size: 2g
  msg-cache-size: 1g
  module-config: "%s"
  %s
forward-zone:
  name: "."
  forward-addr: %s
remote-control:
  control-enable: no
""" % (folder, "validator iterator" if anchor else "iterator", 'trust-anchor: "%s"' % anchor if anchor else "", FRONT))
    process = subprocess.Popen(["unbound", "-d", "-c", str(folder / "unbound.conf")], stderr=subprocess.DEVNULL)
    wait(5301)
    return process


def measure(arguments):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    failures = 0
    with tempfile.TemporaryDirectory(prefix="torii-memory-") as name:
        folder = Path(name)
        server, anchor = front(folder, arguments.names, arguments.signed)
        processes = [server]
        try:
            costs = {}
            for label, port, process in (("toriid", 5300, toriid(arguments.toriid, folder, arguments.cache, anchor)), ("unbound", 5301, unbound(folder, anchor))):
                processes.append(process)
                # The first names make every table and buffer that comes with the first names.
                load(port, folder, 0, arguments.names // 100)
                before = rss(process)
                answered = load(port, folder, arguments.names // 100, arguments.names - arguments.names // 100)
                costs[label] = (rss(process) - before) / answered
                print("%s: %d names, RSS %.1f -> %.1f MiB, %.0f octets a set" % (label, answered, before / 2**20, rss(process) / 2**20, costs[label]))
                process.terminate()
                process.wait()
            failures += costs["toriid"] > costs["unbound"]
            if not arguments.signed:
                process = toriid(arguments.toriid, folder, "16MiB", "")
                processes.append(process)
                sizes = []
                for turn in range(10):
                    load(5300, folder, turn * arguments.names // 5, arguments.names // 5)
                    sizes.append(rss(process) / 2**20)
                print("soak with a cache of 16 MiB: RSS MiB after each %d names: %s" % (arguments.names // 5, " ".join("%.1f" % s for s in sizes)))
                failures += sizes[-1] > sizes[4] * 1.1
        finally:
            for process in processes:
                if process.poll() is None:
                    process.kill()
    return 1 if failures else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--toriid", default=os.path.join(os.environ.get("TORII_BIN", ".build/debug"), "toriid"))
    parser.add_argument("--names", type=int, default=200000)
    parser.add_argument("--cache", default="256MiB", help="of toriid; its table of slots is made for this size at the start")
    parser.add_argument("--signed", action="store_true")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        return measure(arguments)
    return subprocess.run(["unshare", "-n", sys.executable, "-B", __file__, "--inside"] + sys.argv[1:]).returncode


if __name__ == "__main__":
    sys.exit(main())
