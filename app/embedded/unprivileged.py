"""Runs a command as an account without privileges: `unprivileged.py UID GID PATH... -- COMMAND...`, as root.

PostgreSQL refuses to run as root. When the account cannot read each PATH (the checkout is inside a closed home, say),
the command keeps one capability, CAP_DAC_OVERRIDE, so that nothing on the disk needs to be opened to others.

This file runs alone, before and outside the rest of Segments: it may import nothing but the standard library.
"""

import ctypes
import os
import sys
from collections.abc import Sequence

PR_SET_SECUREBITS = 28
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
SECBIT_NO_SETUID_FIXUP = 1 << 2
LINUX_CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1


def can_read(paths: Sequence[str], uid: int, gid: int) -> bool:
    """Whether the account can reach and read every path, tried as that account."""
    os.setegid(gid)
    os.seteuid(uid)
    try:
        for path in paths:
            os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except PermissionError:
        return False
    finally:
        os.seteuid(0)
        os.setegid(0)
    return True


def become(uid: int, gid: int) -> None:
    os.setgid(gid)
    os.setuid(uid)


def become_keeping_file_access(uid: int, gid: int) -> None:
    """As `become`, keeping CAP_DAC_OVERRIDE across the exec and nothing else."""
    assert sys.platform == "linux"
    libc = ctypes.CDLL(None, use_errno=True)
    # Without this bit access(2), by which PostgreSQL looks for its own programs, ignores capabilities of non-root.
    _check(libc.prctl(*map(ctypes.c_ulong, (PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0))))
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    bit = 1 << CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0)
    effective_permitted_inheritable = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    _check(libc.capset(header, effective_permitted_inheritable))
    _check(libc.prctl(*map(ctypes.c_ulong, (PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0))))


def _check(result: int) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def main(arguments: Sequence[str]) -> None:
    end = arguments.index("--")
    uid, gid = int(arguments[0]), int(arguments[1])
    paths, command = arguments[2:end], arguments[end + 1 :]
    try:
        os.setgroups([])
        if can_read(paths, uid, gid):
            become(uid, gid)
        elif sys.platform == "linux":
            become_keeping_file_access(uid, gid)
        else:
            sys.exit(f"uid {uid} cannot read all of: {', '.join(paths)}")
    except OSError as error:
        sys.exit(f"root may not become uid {uid} with access to {', '.join(paths)}: {error}")
    os.execv(command[0], list(command))  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
