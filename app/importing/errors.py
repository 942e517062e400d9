"""Why a file cannot be imported at all. What is wrong with one row only is a Failure of that row."""

from collections.abc import Sequence


class UnusableFileError(Exception):
    """The file cannot be imported."""

    def __init__(self, **values: object) -> None:
        super().__init__(str(self.__doc__).format(**values))


class EmptyFileError(UnusableFileError):
    """The file is empty."""


class WorkbookError(UnusableFileError):
    """The file is an Excel workbook or another archive, not text. Save it as CSV UTF-8 first."""


class UnreadableTextError(UnusableFileError):
    """The file is not {encoding} text: {reason}."""


class UnknownFormatError(UnusableFileError):
    """The file must end in .csv, .tsv, .txt, .ndjson or .jsonl, not {suffix}."""


class MissingColumnsError(UnusableFileError):
    """A file of {kind} needs the column(s) {missing}. The file has: {header}. Use --map Header=field to name them."""

    def __init__(self, kind: str, missing: Sequence[str], header: Sequence[str]) -> None:
        super().__init__(kind=kind, missing=", ".join(missing), header=", ".join(header))


class UnclearKindError(UnusableFileError):
    """What the file holds is not clear from its columns ({header}). Say --kind {kinds}."""

    def __init__(self, header: Sequence[str], kinds: Sequence[str]) -> None:
        super().__init__(header=", ".join(header), kinds=" or ".join(kinds))


class UnknownHeaderError(UnusableFileError):
    """--map names the column {header}, which the file does not have. It has: {headers}."""


class UnknownFieldError(UnusableFileError):
    """--map names the field {field}, which {kind} do not have. They have: {fields}."""


class ColumnGivenTwiceError(UnusableFileError):
    """The columns {first} and {second} both say {field}. Leave one out with --map {second}=-."""


class UnknownRegionError(UnusableFileError):
    """{region} is not a country that phone numbers can be read for. Use two letters, such as NL."""


class ErrorsIntoInputError(UnusableFileError):
    """--errors names the file that is being imported. Name another one."""


class NoSuchAccountError(UnusableFileError):
    """There is no account named {name}."""
