"""The mutations as the tests send them. Each answers under `done`."""

OPERATION = """operation {
  id kind status matchedCount addedCount removedCount alreadyMemberCount ineligibleCount overQuotaCount
  ineligible { code count }
}"""


def _mutation(name: str, fields: str) -> str:
    kind = f"{name[0].upper()}{name[1:]}Input"
    return f"mutation($input: {kind}!) {{ done: {name}(input: $input) {{ {fields} userErrors {{ code path }} }} }}"


ADD = _mutation("addCandidatesToSegment", OPERATION)
REMOVE = _mutation("removeCandidatesFromSegment", OPERATION)
CREATE = _mutation("createSegment", "segment { id }")
RENAME = _mutation("renameSegment", "segment { id name }")
ARCHIVE = _mutation("archiveSegment", "segment { id }")
RESTORE = _mutation("restoreSegment", "segment { id }")
DELETE = _mutation("deleteSegment", "deletedSegmentId")
CANCEL = _mutation("cancelOperation", OPERATION)
UNDO = _mutation("undoOperation", OPERATION)
UPSERT_CANDIDATES = _mutation("upsertCandidates", "createdCount updatedCount")
RECORD_CONSENTS = _mutation("recordConsents", "candidates { id }")
WITHDRAW_CONSENTS = _mutation("withdrawConsents", "removedMembershipCount")
