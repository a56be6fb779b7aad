"""What no code can do while it is graded, in words, where it was tried: processes, networks, compilers."""

from __future__ import annotations

import errno
import re
import traceback
from collections.abc import Sequence

from grader.source.absent import failed, is_absent, sentence, used

_REFUSED = (errno.EPERM, errno.EACCES, errno.EROFS, errno.ENOSYS)
_COMPILER = ("torch/_inductor/", "torch/_dynamo/", "torch/utils/cpp_extension")
_NETWORK = ("/socket.py", "/urllib/request.py", "/http/client.py", "/ssl.py", "torch/hub.py", "/requests/", "/urllib3/")
_NO_NAME = ("Temporary failure in name resolution", "Name or service not known", "getaddrinfo failed")
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,16}\b")


def explained(message: str, error: BaseException, stack: Sequence[traceback.FrameSummary]) -> str:
    """An exception's text with what it does not say itself, and without what differs from run to run."""
    first, newline, rest = _ADDRESS.sub("0x...", message).partition("\n")
    try:
        why = _why(error, message, stack)
    except BaseException:  # an exception of the learner's own may be of any kind and raise at every look
        why = ""
    return f"{first}{why if first else why.lstrip()}{newline}{rest}"


def _why(error: BaseException, message: str, stack: Sequence[traceback.FrameSummary]) -> str:
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "").partition(".")[0]
        said = package and message != sentence(package) and is_absent(package)
        return f" ({sentence(package)})" if said else ""
    if isinstance(error, NameError) and error.name in failed:
        worse = failed[error.name or ""]
        return f" (it could not be defined: {type(worse).__name__}: {worse})"
    if isinstance(error, (EOFError, OSError)) and stack and "input(" in (stack[-1].line or ""):
        return " (there is no keyboard while the checks run: take input() out)"
    what = _what(error, message, [frame.filename.replace("\\", "/") for frame in stack])
    if what:
        return f" ({what} is not possible while grading)"
    if isinstance(error, SystemExit):
        return " (that ends the program: take the line out)"
    return f" ({'; '.join(sentence(package) for package in used)})" if used else ""


def _what(error: BaseException, message: str, files: Sequence[str]) -> str:
    """What was tried, where that is something that cannot be."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    refused = isinstance(error, OSError) and error.errno in _REFUSED
    if isinstance(error, SystemExit) and _any(files, "/argparse.py"):
        return "reading arguments from a command line"
    if kinds & {"InductorError", "BackendCompilerFailed"} or (refused and _any(files, *_COMPILER)):
        return "compiling (torch.compile, C++ extensions)"
    if (refused or "RuntimeError" in kinds) and _any(files, "/multiprocessing/"):
        return "starting other processes (a DataLoader works with num_workers=0)"
    if refused and _any(files, "/subprocess.py", "/pty.py"):
        return "starting other programs"
    if "URLError" in kinds or any(words in message for words in _NO_NAME) or (refused and _any(files, *_NETWORK)):
        return "reaching the network, as for a download,"
    if isinstance(error, PermissionError) and error.errno == errno.EPERM and error.filename is None:
        return "starting processes, programs or connections"
    return ""


def _any(files: Sequence[str], *parts: str) -> bool:
    return any(part in file for file in files for part in parts)
