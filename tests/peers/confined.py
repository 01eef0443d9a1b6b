"""Runs a program under what a unit of systemd allows it, where no systemd runs. As root:

    confined.py UNIT [DROP-IN …] --folder DIRECTIVE=PATH … --keep PATH … [--sockets N,…] --program PROGRAM …

Does what systemd.exec(5) says: a read-only file system but for StateDirectory=, RuntimeDirectory= and LogsDirectory= (--folder
says where each is), a /tmp of its own (but for --keep), no home folders, the capabilities, the limits, the user, no new
privileges, and the system calls of SystemCallFilter= (libseccomp; the sets from systemd-analyze). A directive that it does not
know ends it: nothing is left out in silence. --sockets: descriptors that become 3, 4 …, as a service
manager's. Used by test_service.py and tests/tools/test_units.py.
"""
import argparse
import ctypes
import fcntl
import os
import pathlib
import pwd
import re
import resource
import subprocess

LIBC, SECCOMP = ctypes.CDLL(None, use_errno=True), ctypes.CDLL("libseccomp.so.2")
CLONE_NEWNS, MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 1, 32, 4096, 16384, 1 << 18
PR_CAPBSET_DROP, PR_SET_KEEPCAPS, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_SET_MDWE = 24, 8, 38, 47, 65
ALLOW, FAIL_WITH_EPERM, KILL, EQUAL = 0x7FFF0000, 0x00050001, 0x80000000, 4
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}
CAPABILITIES = {"CAP_CHOWN": 0, "CAP_DAC_OVERRIDE": 1, "CAP_FOWNER": 3, "CAP_KILL": 5, "CAP_SETGID": 6, "CAP_SETUID": 7,
                "CAP_NET_BIND_SERVICE": 10}
# About the service's life, or of systemd itself (cgroups, keyrings, user namespaces, modes of folders); and those that say of
# namespaces, devices, clocks and modules once more what capabilities and SystemCallFilter= say already.
LEFT_TO_SYSTEMD = set("""
    Type NotifyAccess ExecStart ExecReload Restart RestartSec WatchdogSec TimeoutStartSec TimeoutStopSec Group IPAccounting
    RuntimeDirectoryPreserve StateDirectoryMode RuntimeDirectoryMode LogsDirectoryMode KeyringMode RemoveIPC DevicePolicy
    LockPersonality PrivateDevices PrivateMounts PrivateUsers ProtectClock ProtectControlGroups ProtectHostname
    ProtectKernelLogs ProtectKernelModules ProtectKernelTunables ProtectProc RestrictNamespaces RestrictRealtime
    RestrictSUIDSGID SystemCallArchitectures EnvironmentFile SuccessExitStatus WorkingDirectory""".split())
HERE = set("""
    User UMask StateDirectory LogsDirectory RuntimeDirectory LimitNOFILE LimitCORE AmbientCapabilities CapabilityBoundingSet
    MemoryDenyWriteExecute NoNewPrivileges PrivateTmp ProtectHome ProtectSystem ReadWritePaths RestrictAddressFamilies
    SystemCallErrorNumber SystemCallFilter""".split())


class Argument(ctypes.Structure):
    _fields_ = [("at", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


SECCOMP.seccomp_init.restype = ctypes.c_void_p
SECCOMP.seccomp_load.argtypes = [ctypes.c_void_p]
SECCOMP.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint,
                                           ctypes.POINTER(Argument)]


def must(result, what):
    if result != 0:
        raise SystemExit(f"confined: {what}: {os.strerror(ctypes.get_errno() or -result)}")


def directives(files):
    """Each of [Service] with its values in order; an empty one takes away those before it (systemd.unit(5))."""
    found, section = {}, None
    for line in (line.strip() for file in files for line in pathlib.Path(file).read_text().splitlines()):
        if line.startswith("["):
            section = line
        elif section == "[Service]" and line and line[0] not in "#;":
            name, value = line.split("=", 1)
            found[name] = [*found.get(name, []), value] if value else []
    unknown = sorted(set(found) - HERE - LEFT_TO_SYSTEMD)
    if unknown:
        raise SystemExit(f"confined: not known here: {' '.join(unknown)}")
    return found


# ---- The file system ---------------------------------------------------------------------------------------------------

def mount(source, target, flags, kind=None):
    must(LIBC.mount(os.fsencode(source), os.fsencode(target), kind, ctypes.c_ulong(flags), None), f"mount {target}")


def mount_points():
    lines = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
    return [re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), line.split()[4]) for line in lines]


def make_read_only():
    for point in sorted(set(mount_points()), key=len):
        if not re.match(r"/(dev|proc|sys)(/|$)", point):
            flags = os.statvfs(point).f_flag & (os.ST_NOSUID | os.ST_NODEV | os.ST_NOEXEC)
            mount("none", point, MS_REMOUNT | MS_BIND | MS_RDONLY | flags)


def confine_files(unit, folders, keep):
    must(LIBC.unshare(CLONE_NEWNS), "a mount namespace")
    mount("none", "/", MS_REC | MS_PRIVATE)
    writable = [folders[name] for name in ("StateDirectory", "RuntimeDirectory", "LogsDirectory") if unit.get(name)]
    writable += [path for value in unit.get("ReadWritePaths", []) for path in value.split()]
    held = {path: os.open(path, os.O_PATH) for path in [*keep, *writable]}
    if unit["PrivateTmp"] == ["yes"]:
        mount("tmpfs", "/tmp", 0, b"tmpfs")
    if unit["ProtectHome"] == ["yes"]:
        mount("tmpfs", "/root", 0, b"tmpfs")
        mount("tmpfs", "/home", 0, b"tmpfs")
    for path, fd in held.items():
        pathlib.Path(path).mkdir(parents=True, exist_ok=True)
        mount(f"/proc/self/fd/{fd}", path, MS_BIND | MS_REC)
    assert unit["ProtectSystem"] == ["strict"]
    make_read_only()
    for path in writable:
        mount(f"/proc/self/fd/{held[path]}", path, MS_BIND)
        mount("none", path, MS_REMOUNT | MS_BIND)
    os.chdir("/")


# ---- Who it is ---------------------------------------------------------------------------------------------------------

def numbers(values):
    return {CAPABILITIES[name] for value in values or [] for name in value.split()}


def capabilities(held):
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    bits = sum(1 << number for number in held)
    must(LIBC.capset(header, (ctypes.c_uint32 * 6)(bits, bits, bits, 0, 0, 0)), "capset")


def become(unit):
    user = pwd.getpwnam(unit.get("User", ["root"])[0])
    for name, limit in (("LimitNOFILE", resource.RLIMIT_NOFILE), ("LimitCORE", resource.RLIMIT_CORE)):
        hard = resource.getrlimit(limit)[1]  # root of a container may not raise it
        if name not in unit:
            continue
        wanted = int(unit[name][0])
        resource.setrlimit(limit, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard),) * 2)
    os.umask(int(unit["UMask"][0], 8))
    for number in range(64):
        if number not in numbers(unit["CapabilityBoundingSet"]):
            LIBC.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
    must(LIBC.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), "keep capabilities")
    os.setgroups([])
    os.setresgid(*[user.pw_gid] * 3)
    os.setresuid(*[user.pw_uid] * 3)
    ambient = numbers(unit.get("AmbientCapabilities"))
    capabilities(ambient if user.pw_uid else numbers(unit["CapabilityBoundingSet"]))
    for number in ambient:
        must(LIBC.prctl(PR_CAP_AMBIENT, 2, number, 0, 0), "an ambient capability")
    assert unit["NoNewPrivileges"] == ["yes"]
    must(LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")


# ---- System calls ------------------------------------------------------------------------------------------------------

def calls_of(word):
    if not word.startswith("@"):
        return {word}
    shown = subprocess.run(["systemd-analyze", "syscall-filter", word], capture_output=True, text=True, check=True).stdout
    names = [line.strip() for line in shown.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    return set().union(*map(calls_of, names))


def allowed_calls(values):
    allowed = calls_of("@default")
    for value in values:
        calls = set().union(*map(calls_of, value.lstrip("~").split()))
        allowed = allowed - calls if value.startswith("~") else allowed | calls
    return allowed


def confine_calls(allowed, families, refusal):
    filter_ = SECCOMP.seccomp_init(FAIL_WITH_EPERM if refusal == ["EPERM"] else KILL)
    for name in allowed - {"socket"}:
        number = SECCOMP.seccomp_syscall_resolve_name(name.encode())
        if number != -1:
            must(SECCOMP.seccomp_rule_add_array(filter_, ALLOW, number, 0, None), name)
    for family in families:
        must(SECCOMP.seccomp_rule_add_array(filter_, ALLOW, SECCOMP.seccomp_syscall_resolve_name(b"socket"), 1,
                                            Argument(0, EQUAL, FAMILIES[family], 0)), family)
    must(SECCOMP.seccomp_load(filter_), "the filter")


def hand_over(sockets):
    """sd_listen_fds(3): from 3 on, and with whom they are for."""
    high = [fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 100) for number in sockets]
    for place, number in enumerate(high, 3):
        os.dup2(number, place)
    for number in set(sockets) - set(range(3, 3 + len(sockets))):
        os.close(number)
    if sockets:
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(sockets)), LISTEN_FDNAMES="")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+")
    parser.add_argument("--folder", action="append", default=[])
    parser.add_argument("--keep", action="append", default=[])
    parser.add_argument("--sockets", default="")
    parser.add_argument("--program", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    unit = directives(asked.files)
    allowed = allowed_calls(unit["SystemCallFilter"])
    confine_files(unit, dict(folder.split("=", 1) for folder in asked.folder), asked.keep)
    become(unit)
    hand_over([int(number) for number in asked.sockets.split(",") if number])
    if "WATCHDOG_USEC" in os.environ:
        os.environ["WATCHDOG_PID"] = str(os.getpid())
    if unit.get("MemoryDenyWriteExecute") == ["yes"]:
        LIBC.prctl(PR_SET_MDWE, 1, 0, 0, 0)  # of Linux 6.3
    confine_calls(allowed, unit["RestrictAddressFamilies"][0].split(), unit.get("SystemCallErrorNumber"))
    os.execv(asked.program[0], asked.program)


if __name__ == "__main__":
    main()
