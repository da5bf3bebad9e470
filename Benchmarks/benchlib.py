"""benchlib — what make-data and compare share: measuring a command, private PostgreSQL clusters, sizes.

Measuring (measure()):
  wall   monotonic clock around the whole command
  cpu    user+system of the command and every descendant (this process is their subreaper, so daemons
         that detach are reaped here too)
  srv    CPU the PostgreSQL servers named by the caller used meanwhile (postmaster + live and reaped backends)
  rss    peak over time of the SUM of RSS over the live process tree, sampled every 25 ms (pages that
         processes share are counted once per process; PostgreSQL servers are not in the tree)
  bg     noise: CPU the rest of the machine used meanwhile, as a share of all cores (0.5 on 2 cores = one core busy)
  sync   seconds a sync() took right after the command (not part of wall): what the command left dirty
"""
import ctypes, os, pwd, signal, subprocess, sys, time

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
CORES = os.cpu_count() or 1
PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def find_pgbin():
    """Folder of initdb/pg_ctl/pg_dump: $PGBIN, else the highest Debian version installed."""
    if os.environ.get("PGBIN"):
        return os.environ["PGBIN"]
    base = "/usr/lib/postgresql"
    vers = sorted((v for v in os.listdir(base) if os.path.exists(f"{base}/{v}/bin/initdb")), key=lambda v: int(v))
    return f"{base}/{vers[-1]}/bin"


# ---------------------------------------------------------------- processes
def _children(pid):
    out = []
    try:
        for tid in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{tid}/children") as f:
                out += [int(x) for x in f.read().split()]
    except OSError:
        pass
    return out


def tree(pid):
    todo, seen = [pid], []
    while todo:
        p = todo.pop()
        seen.append(p)
        todo += _children(p)
    return seen


def tree_rss(pid):
    total = 0
    for p in tree(pid):
        try:
            with open(f"/proc/{p}/statm") as f:
                total += int(f.read().split()[1]) * PAGE
        except OSError:
            pass
    return total


def server_cpu(postmasters):
    """CPU seconds so far of the servers: live processes + children the postmaster has reaped."""
    ticks = 0
    for pm in postmasters:
        for p in tree(pm):
            try:
                with open(f"/proc/{p}/stat") as f:
                    v = f.read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            ticks += int(v[11]) + int(v[12])
            if p == pm:
                ticks += int(v[13]) + int(v[14])
    return ticks / TICK


def machine_busy():
    """CPU seconds all cores have been busy since boot."""
    with open("/proc/stat") as f:
        v = [int(x) for x in f.readline().split()[1:9]]
    return (sum(v) - v[3] - v[4]) / TICK  # all but idle and iowait


def wait_quiet(limit, share=0.2):
    """Wait until the machine is at most `share` busy for a second, or `limit` seconds have passed."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        b = machine_busy()
        time.sleep(1)
        if machine_busy() - b <= share * CORES:
            return


def reap():
    """Collect finished descendants that came to us (daemons), so that their CPU lands in no later measurement."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def measure(argv, env=None, cwd=None, log=None, servers=(), timeout=1800):
    """Run argv; return dict(rc, wall, cpu, srv, rss, bg, sync)."""
    os.sync()
    reap()
    c0, s0, b0 = os.times(), server_cpu(servers), machine_busy()
    t0 = time.monotonic()
    with open(log, "ab") if log else open(os.devnull, "wb") as out:
        p = subprocess.Popen(argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                             start_new_session=True)
    peak, rc, deadline = 0, None, t0 + timeout
    try:
        while rc is None:
            peak = max(peak, tree_rss(p.pid))
            try:
                rc = p.wait(0.025)
            except subprocess.TimeoutExpired:
                if time.monotonic() > deadline:
                    os.killpg(p.pid, signal.SIGKILL)
    except BaseException:  # we are being stopped: leave nothing running
        os.killpg(p.pid, signal.SIGKILL)
        raise
    t1 = time.monotonic()
    reap()
    c1, s1, b1 = os.times(), server_cpu(servers), machine_busy()
    cpu = c1.children_user + c1.children_system - c0.children_user - c0.children_system
    own = c1.user + c1.system - c0.user - c0.system
    srv = max(0.0, s1 - s0)
    wall = t1 - t0
    bg = max(0.0, (b1 - b0 - cpu - srv - own) / (wall * CORES)) if wall > 0 else 0
    t2 = time.monotonic()
    os.sync()
    return dict(rc=rc, wall=wall, cpu=cpu, srv=srv, rss=peak, bg=bg, sync=time.monotonic() - t2)


def du(path):
    """Bytes of all regular files under path (apparent size)."""
    total = 0
    for d, _, names in os.walk(path):
        for n in names:
            try:
                total += os.lstat(os.path.join(d, n)).st_size
            except OSError:
                pass
    return total


def warm(path):
    """Read every file once, so that no peer pays for a cold page cache."""
    buf = bytearray(1 << 20)
    for d, _, names in os.walk(path):
        for n in names:
            try:
                with open(os.path.join(d, n), "rb", buffering=0) as f:
                    while f.readinto(buf):
                        pass
            except OSError:
                pass


# ---------------------------------------------------------------- PostgreSQL
class Cluster:
    """A private cluster: unix socket only, trust auth, superuser 'bench', owned by OS user postgres when we are root."""

    def __init__(self, data, port, sock, pgbin=None):
        self.data, self.port, self.sock = data, port, sock
        self.bin = pgbin or find_pgbin()

    @staticmethod
    def as_user(argv):
        return ["runuser", "-u", "postgres", "--"] + argv if os.getuid() == 0 else argv

    def run(self, tool, *args, **kw):
        return subprocess.run(self.as_user([f"{self.bin}/{tool}", *args]), check=True, **kw)

    def own(self, path):
        os.makedirs(path, exist_ok=True)
        if os.getuid() == 0:
            u = pwd.getpwnam("postgres")
            os.chown(path, u.pw_uid, u.pw_gid)

    def initdb(self, conf=""):
        self.own(os.path.dirname(self.data))
        self.own(self.sock)
        self.run("initdb", "-D", self.data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
                 "-N", stdout=subprocess.DEVNULL)
        with open(f"{self.data}/postgresql.conf", "a") as f:
            f.write(f"\nlisten_addresses=''\nunix_socket_directories='{self.sock}'\nport={self.port}\n{conf}\n")

    def start(self, opts=""):
        self.own(self.sock)
        self.run("pg_ctl", "-D", self.data, "-w", "-t", "120", "-l", f"{self.data}/server.log",
                 "-o", f"-p {self.port} -k {self.sock} {opts}", "start", stdout=subprocess.DEVNULL)

    def running(self):
        return subprocess.run(self.as_user([f"{self.bin}/pg_ctl", "-D", self.data, "status"]),
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    def stop(self):
        if os.path.exists(f"{self.data}/postmaster.pid") and self.running():
            self.run("pg_ctl", "-D", self.data, "-m", "fast", "-w", "stop", stdout=subprocess.DEVNULL)

    def pid(self):
        with open(f"{self.data}/postmaster.pid") as f:
            return int(f.readline())

    def psql_argv(self, db="postgres"):
        return [f"{self.bin}/psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.sock, "-p", str(self.port),
                "-U", "bench", "-d", db]

    def sql(self, text, db="postgres"):
        r = subprocess.run(self.psql_argv(db) + ["-At"], input=text, text=True, stdout=subprocess.PIPE, check=True)
        return r.stdout.strip()
