"""What a file can hold, one module for each kind: its columns, what a row means and how a chunk of rows is written."""

from app.importing.kinds.applications import APPLICATIONS
from app.importing.kinds.candidates import CANDIDATES
from app.importing.kinds.consents import CONSENTS
from app.importing.kinds.kind import Kind
from app.importing.kinds.list_members import LIST_MEMBERS
from app.importing.kinds.vacancies import VACANCIES

ALL = (CANDIDATES, CONSENTS, VACANCIES, APPLICATIONS, LIST_MEMBERS)

KINDS: dict[str, Kind] = {kind.shape.kind: kind for kind in ALL}

__all__ = ["KINDS", "Kind"]
