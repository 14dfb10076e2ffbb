"""What the watch over hangs costs a host that is idle: its processor time in a minute, with the watch and without.

    python benchmarks/watchdog.py [--seconds 60]

Two hosts sit side by side, a span open on the main thread (where the watch looks closest), the drain off. What is
told is the processor time of each process over the same minute, as a share of one core, and how often its threads
were switched in.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile

HOST = """
import os, resource, sys, time
import clientobs
watched, seconds = sys.argv[1] == "watched", float(sys.argv[2])
clientobs.init("idle", drain="off", session_kind="interactive", hangs={"enabled": watched})
with clientobs.span("sit"):
    time.sleep(5)  # what starting costs is another matter
    def spent():
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime, used.ru_nvcsw + used.ru_nivcsw
    before = spent()
    time.sleep(seconds)
    after = spent()
print(after[0] - before[0], after[1] - before[1])
"""


def main() -> int:
    """Measure, and say it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        hosts = {
            name: subprocess.Popen(
                [sys.executable, "-c", HOST, name, str(seconds)],
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "CLIENTOBS_HOME": os.path.join(folder, name), "CLIENTOBS_EXIT_FLUSH": "0"},
            )
            for name in ("watched", "unwatched")
        }
        said = {name: host.communicate()[0].split() for name, host in hosts.items()}
    for name, (cpu, switches) in said.items():
        print(f"{name:10} {float(cpu) / seconds:8.3%} of a core, {float(switches) / seconds:5.1f} switches/s")
    share = (float(said["watched"][0]) - float(said["unwatched"][0])) / seconds
    print(f"the watch  {share:8.3%} of a core (budget: 0.1 %)")
    return 0 if share < 0.001 else 1


if __name__ == "__main__":
    sys.exit(main())
