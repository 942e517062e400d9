"""Where seeded people come from: how they are named there, how their mobile numbers look and how they type them."""

from dataclasses import dataclass

from mimesis.locales import Locale


@dataclass(frozen=True, slots=True)
class Country:
    """A country, as far as the people in it are concerned."""

    code: str
    """ISO 3166 alpha-2."""
    locale: Locale
    weight: int
    """How many of a hundred people live here."""
    calling_code: str
    mobile_prefixes: tuple[str, ...]
    """The first digits of a mobile number, after the calling code."""
    mobile_digits: int
    """The digits after the prefix; the first of them is never 0 or 1."""
    trunk: str = "0"
    """What people put before the number at home, instead of the calling code."""


COUNTRIES = (
    Country("NL", Locale.NL, 19, "31", ("61", "62", "63", "64", "65"), 7),
    Country("BE", Locale.NL_BE, 4, "32", ("470", "475", "484", "495"), 6),
    Country("DE", Locale.DE, 12, "49", ("160", "170", "171", "175"), 7),
    Country("AT", Locale.DE_AT, 2, "43", ("664", "676", "699"), 7),
    Country("CH", Locale.DE_CH, 2, "41", ("76", "78", "79"), 7),
    Country("FR", Locale.FR, 9, "33", ("61", "62", "66", "67", "68"), 7),
    Country("ES", Locale.ES, 6, "34", ("610", "620", "650", "660"), 6, ""),
    Country("IT", Locale.IT, 4, "39", ("320", "333", "347"), 7, ""),
    Country("PT", Locale.PT, 2, "351", ("912", "932", "962"), 6, ""),
    Country("PL", Locale.PL, 6, "48", ("501", "602", "693"), 6, ""),
    Country("CZ", Locale.CS, 2, "420", ("602", "721", "777"), 6, ""),
    Country("HU", Locale.HU, 2, "36", ("20", "30", "70"), 7, "06"),
    Country("SE", Locale.SV, 3, "46", ("70", "72", "73", "76"), 7),
    Country("GR", Locale.EL, 3, "30", ("694", "697", "698"), 7, ""),
    Country("TR", Locale.TR, 4, "90", ("532", "535", "542"), 7),
    Country("RU", Locale.RU, 2, "7", ("903", "916", "926"), 7, "8"),
    Country("UA", Locale.UK, 3, "380", ("50", "63", "67"), 7),
    Country("CN", Locale.ZH, 2, "86", ("135", "138", "139"), 8, ""),
    Country("JP", Locale.JA, 2, "81", ("80", "90"), 8),
    Country("GB", Locale.EN_GB, 7, "44", ("7400", "7520", "7712", "7890"), 6),
    Country("US", Locale.EN, 4, "1", ("212", "312", "415", "646"), 7, ""),
)

FAMILY_NAMES_WITH_APOSTROPHES = {
    "GB": ("O'Brien", "O'Connor", "O'Neill", "D'Arcy"),
    "US": ("O'Brien", "O'Hara", "D'Angelo"),
    "IT": ("D'Angelo", "D'Amico", "Dell'Acqua"),
    "FR": ("d'Estaing", "L'Hermite"),
    "NL": ("van 't Hoff", "in 't Veld", "van der Berg-Jansen"),
    "UA": ("Лук'яненко", "Дем'яненко"),
}
