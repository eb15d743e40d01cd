"""The servers: a configuration in a folder, and the words that start it in the foreground.

A role is `auth` (zone file `zone`), `update` (the same, changed by UPDATE from loopback), `rec` or `rec-miss` (everything
under `bench.example` comes from a server on the upstream port). Every server gets one worker.
"""

import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
BIN = Path(os.environ.get("TORII_BIN", HERE.parent / ".build/release"))
PORT, UPSTREAM = 5390, 5391
SCHEMA = Path("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql")


def toriid(folder, role):
    common = ["server: { workers: 1, state-directory: state, cookies: off }", "control: { socket: torii.sock }",
              "listen: [ { address: 127.0.0.1, port: %d } ]" % PORT, "log: { level: warning }", "nts: { enabled: false }"]
    if role.startswith("rec"):
        common += ["recursion: { enabled: true, stub: [ { zone: bench.example., servers: [ { address: 127.0.0.1, port: %d } ] } ] }" % UPSTREAM,
                   "dnssec: { validation: false }"]
    else:
        update = ", update: [ { from: 127.0.0.0/8, action: allow } ]" if role == "update" else ""
        common += ["recursion: { enabled: false }",
                   "zones: [ { name: bench.example, kind: primary, file: zone, transfer: [ { from: 127.0.0.0/8 } ]%s } ]" % update]
    Path(folder, "torii.yaml").write_text("\n".join(common) + "\n")
    return [str(BIN / "toriid"), "--config", folder + "/torii.yaml"]


def nsd(folder, role, port=PORT):
    Path(folder, "nsd.conf").write_text("""server:
  ip-address: 127.0.0.1@%d
  username: ""
  chroot: ""
  zonesdir: "%s"
  database: ""
  pidfile: ""
  xfrdfile: "%s/xfrd"
  zonelistfile: "%s/zone.list"
  server-count: 1
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: bench.example
  zonefile: zone
  provide-xfr: 127.0.0.0/8 NOKEY
""" % (port, folder, folder, folder))
    return ["nsd", "-d", "-c", folder + "/nsd.conf"]


def knotd(folder, role):
    journal = "zonefile-sync: -1\n    journal-content: changes\n    zonefile-load: difference" if role == "update" \
        else "journal-content: none"
    Path(folder, "knot.conf").write_text("""server:
    listen: 127.0.0.1@%d
    rundir: %s
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: %s
acl:
  - id: all
    address: 127.0.0.0/8
    action: [ transfer, update ]
zone:
  - domain: bench.example
    file: %s/zone
    acl: all
    %s
""" % (PORT, folder, folder, folder, journal))
    return ["knotd", "-c", folder + "/knot.conf"]


def named(folder, role):
    Path(folder, "named.conf").write_text("""options { directory "%s"; pid-file none; session-keyfile "%s/session.key";
  listen-on port %d { 127.0.0.1; }; listen-on-v6 { none; }; dnssec-validation no; recursion no; minimal-responses yes; };
controls { };
zone "bench.example" { type primary; file "zone"; allow-transfer { any; }; %s };
""" % (folder, folder, PORT, "allow-update { any; };" if role == "update" else ""))
    return ["named", "-g", "-n", "1", "-c", folder + "/named.conf"]


def pdns(folder, role):
    """PowerDNS with SQLite, synchronous=FULL: only for updates."""
    database = Path(folder, "pdns.db")
    Path(folder, "pdns.conf").write_text("""local-address=127.0.0.1
local-port=%d
socket-dir=%s
receiver-threads=1
distributor-threads=1
retrieval-threads=1
loglevel=0
security-poll-suffix=
launch=gsqlite3
gsqlite3-database=%s
gsqlite3-pragma-synchronous=2
dnsupdate=yes
allow-dnsupdate-from=127.0.0.0/8
query-cache-ttl=0
negquery-cache-ttl=0
cache-ttl=0
""" % (PORT, folder, database))
    if not database.exists():
        import sqlite3
        sqlite3.connect(database).executescript(SCHEMA.read_text())
        subprocess.run(["pdnsutil", "--config-dir=" + folder, "load-zone", "bench.example", folder + "/zone"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return ["pdns_server", "--config-dir=" + folder, "--daemon=no", "--guardian=no"]


def unbound(folder, role):
    Path(folder, "unbound.conf").write_text("""server:
  interface: 127.0.0.1@%d
  num-threads: 1
  username: ""
  chroot: ""
  directory: "%s"
  pidfile: ""
  use-syslog: no
  do-not-query-localhost: no
  module-config: "iterator"
  num-queries-per-thread: 4096
  outgoing-range: 8192
stub-zone:
  name: bench.example
  stub-addr: 127.0.0.1@%d
remote-control:
  control-enable: no
""" % (PORT, folder, UPSTREAM))
    return ["unbound", "-d", "-c", folder + "/unbound.conf"]


def available(make):
    """Whether the server is installed."""
    name = {"toriid": str(BIN / "toriid"), "pdns": "pdns_server"}.get(make.__name__, make.__name__)
    if make is pdns and not SCHEMA.exists():
        return False
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
