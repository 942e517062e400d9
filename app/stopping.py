"""Being told to stop, by SIGTERM or SIGINT."""

import signal
from collections.abc import Callable

STOPPING = (signal.SIGTERM, signal.SIGINT)


def heed(told: Callable[[signal.Signals], None]) -> None:
    """Calls this at every signal to stop, for as long as the process lives.

    What is left to be done after it has stopped, for one to stop the embedded PostgreSQL, is therefore not broken off
    by a further signal. From the main thread only.
    """
    for each in STOPPING:
        signal.signal(each, lambda number, _: told(signal.Signals(number)))
