"""Services as their users meet them: the binary is started and asked over real sockets, on SQLite and on PostgreSQL.

Called by `cargo xtask bench --services`:

    services.py BINARY SCALE

BINARY is the program with the settings of shipped ones, services among them. SCALE divides the numbers of sessions, requests and
connections, for a trial (1 is what is published). Prints Markdown; progress is on stderr. Everything is on loopback, and stops by itself.
"""

import concurrent.futures
import glob
import http.client
import json
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import argon2

PASSWORD = "four words of no sense 7"
STARTS = 7
SIGN_INS = 40
WORKERS = 8


def say(text):
    print(text, file=sys.stderr, flush=True)


class Services:
    """All services of one process, with somebody who may do everything."""

    def __init__(self, binary, folder, more=(), signs_in=True):
        began = time.perf_counter()
        record = os.path.join(folder, "recorded")
        os.makedirs(record, exist_ok=True)
        words = [binary, "serve", "--record", record, "--http", "127.0.0.1:0", "--json", *more]
        if not more:
            words += ["--data", os.path.join(folder, "services")]
        self.process = subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        up = json.loads(self.process.stdout.readline())
        self.address = up["http"].removeprefix("http://")
        assert Asker(self).ask("GET", "/ready")[0] == 200
        self.started_s = time.perf_counter() - began
        if signs_in:
            link = up["startup_notice"]["auth"].rsplit("#", 1)[1]
            body = {"link": link, "email": "ada@example.com", "name": "Ada", "password": PASSWORD}
            status, answer = Asker(self).ask("POST", "/auth/v1/links/finish", body)
            assert status in (200, 201), answer

    def resident_mb(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            line = next(line for line in file if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def stop(self):
        self.process.terminate()
        assert self.process.wait() == 0


class Asker:
    """One connection that stays."""

    def __init__(self, services):
        self.connection = http.client.HTTPConnection(services.address, timeout=60)

    def ask(self, method, path, body=None, token=None):
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body)
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        text = response.read()
        return response.status, json.loads(text) if text else None

    def sign_in(self):
        status, answer = self.ask("POST", "/auth/v1/sessions", {"email": "ada@example.com", "password": PASSWORD})
        assert status in (200, 201), answer
        return answer


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def spread(values, digits=1):
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def starts(binary):
    first, again, memory = [], [], []
    for _ in range(STARTS):
        with tempfile.TemporaryDirectory() as folder:
            services = Services(binary, folder)
            first.append(services.started_s)
            services.stop()
            services = Services(binary, folder, signs_in=False)
            again.append(services.started_s)
            memory.append(services.resident_mb())
            services.stop()
    row("start of all services until they are ready, s", "the first, which makes databases", spread(first, 3), "below 0.3")
    row("", "later ones", spread(again, 3), "below 0.3")
    row("resident at rest, MB", "all services, SQLite", spread(memory), "below 60")


def sign_ins(binary):
    with tempfile.TemporaryDirectory() as folder:
        services = Services(binary, folder)
        asker = Asker(services)
        hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1, hash_len=32, salt_len=16)
        known = hasher.hash(PASSWORD)
        ours, bare = [], []
        for _ in range(SIGN_INS):
            began = time.perf_counter()
            asker.sign_in()
            ours.append((time.perf_counter() - began) * 1e3)
            began = time.perf_counter()
            hasher.verify(known, PASSWORD)
            bare.append((time.perf_counter() - began) * 1e3)
        services.stop()
    row("sign-in, ms", "SQLite", spread(ours), "")
    row("", "argon2-cffi alone, the same parameters", spread(bare), f"{statistics.median(ours) / statistics.median(bare):.2f} x")


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def sessions(binary, count):
    with tempfile.TemporaryDirectory() as folder:
        services = Services(binary, folder)
        Asker(services).sign_in()
        before = services.resident_mb()
        # Two at a time, for two cores: more at once for one address count as guesses.
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            askers = [Asker(services), Asker(services)]
            list(pool.map(lambda asker: [asker.sign_in() for _ in range(count // 2)], askers))
        after = services.resident_mb()
        services.stop()
    row(f"{count:,} sessions, MB", "resident before, after", f"{before:.1f}, {after:.1f}", "")


def refreshes(binary, name, folder, more, count):
    services = Services(binary, folder, more)

    # One after another: many at once for one address count as guesses.
    held = [(asker, asker.sign_in()["refresh_token"]) for asker in (Asker(services) for _ in range(WORKERS))]

    def work(turn):
        (asker, refresh), times = held[turn], []
        for _ in range(count // WORKERS):
            began = time.perf_counter()
            status, answer = asker.ask("POST", "/auth/v1/tokens/refresh", {"refresh_token": refresh})
            times.append((time.perf_counter() - began) * 1e3)
            assert status in (200, 201), answer
            refresh = answer["refresh_token"]
        return times

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        began = time.perf_counter()
        times = [one for some in pool.map(work, range(WORKERS)) for one in some]
        took = time.perf_counter() - began
    services.stop()
    row(
        f"{count:,} refreshes by {WORKERS} at a time, ms",
        name,
        f"median {statistics.median(times):.1f}, p99 {percentile(times, 0.99):.1f}",
        f"{count / took:,.0f} a second",
    )


class Postgres:
    """A server of its own, not as root."""

    def __init__(self, folder):
        found = shutil.which("postgres") or sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))[-1]
        programs = os.path.dirname(os.path.realpath(found))
        user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        os.chmod(folder, 0o777)
        data = os.path.join(folder, "data")
        initdb = [f"{programs}/initdb", "--auth=trust", "--username=tickloom", "--encoding=UTF8", "--no-locale", "-D", data]
        subprocess.run([*user, *initdb], check=True, stdout=subprocess.DEVNULL)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        words = [f"{programs}/postgres", "-D", data, "-p", str(self.port), "-h", "127.0.0.1", "-k", folder]
        self.process = subprocess.Popen([*user, *words], stderr=subprocess.DEVNULL)
        ready = [f"{programs}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(ready).returncode:
            time.sleep(0.05)

    def url(self):
        return f"postgres://tickloom@127.0.0.1:{self.port}/postgres"

    def stop(self):
        self.process.terminate()
        self.process.wait()


def idle(binary, count):
    """Connections that say nothing, far more than are kept, from another address of loopback, while somebody asks."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with tempfile.TemporaryDirectory() as folder:
        services = Services(binary, folder)
        host, port = services.address.split(":")
        asker, alone, beside, opened = Asker(services), [], [], []
        for _ in range(500):
            began = time.perf_counter()
            assert asker.ask("GET", "/live")[0] == 200
            alone.append((time.perf_counter() - began) * 1e3)
        before = services.resident_mb()
        for number in range(count):
            one = socket.create_connection((host, int(port)), source_address=("127.0.0.2", 0))
            opened.append(one)
            if number % max(1, count // 500) == 0:
                began = time.perf_counter()
                assert asker.ask("GET", "/live")[0] == 200
                beside.append((time.perf_counter() - began) * 1e3)
        after = services.resident_mb()
        for one in opened:
            one.close()
        services.stop()
    row(f"{count:,} connections opened and left idle, of which at most 512 stay", "resident before, after, MB", f"{before:.1f}, {after:.1f}", "")
    row("", "a request while they are opened, p99 ms", f"{percentile(beside, 0.99):.2f}", f"{percentile(alone, 0.99):.2f} alone")


def main():
    binary, scale = os.path.abspath(sys.argv[1]), int(sys.argv[2])
    print("| what | how | found | beside it, or what is asked for |")
    print("|---|---|---|---|")
    say("starts")
    starts(binary)
    say("sign-ins")
    sign_ins(binary)
    say("refreshes")
    with tempfile.TemporaryDirectory() as folder:
        refreshes(binary, "SQLite", folder, [], 4_000 // scale)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as data:
        server = Postgres(data)
        refreshes(binary, "PostgreSQL", folder, ["--database", server.url()], 4_000 // scale)
        server.stop()
    say("idle connections")
    idle(binary, 10_000 // scale)
    say("sessions")
    sessions(binary, 10_000 // scale)


if __name__ == "__main__":
    main()
