"""Everything that is measured, one after another: `make bench`, or `python -m bench.add` and so on for one."""

import subprocess
import sys

for name in ("refusing", "add", "search", "nested", "import", "watching", "reads", "memory"):
    print(f"\n== bench.{name}", flush=True)
    subprocess.run([sys.executable, "-m", f"bench.{name}"], check=True)
