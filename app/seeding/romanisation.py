"""Names in the letters of an e-mail address."""

import re
import unicodedata

CYRILLIC = {
    "а": "a", "б": "b", "в": "v", "г": "h", "ґ": "g", "д": "d", "е": "e", "ё": "yo", "є": "ye", "ж": "zh", "з": "z",
    "и": "y", "і": "i", "ї": "yi", "й": "y", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r",
    "с": "s", "т": "t", "у": "u", "ф": "f", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "",
    "ы": "y", "ь": "", "э": "e", "ю": "yu", "я": "ya",
}  # fmt: skip
GREEK = {
    "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i", "κ": "k", "λ": "l",
    "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s", "ς": "s", "τ": "t", "υ": "y", "φ": "f",
    "χ": "ch", "ψ": "ps", "ω": "o",
}  # fmt: skip
LATIN = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
CYRILLIC_LETTERS = str.maketrans(CYRILLIC)
LETTERS = str.maketrans({**GREEK, **LATIN})
MARKS = re.compile("[\u0300-\u036f]+")
OTHER = re.compile("[^a-z0-9]+")

CHINESE_FAMILY = {
    "王": "wang", "李": "li", "张": "zhang", "刘": "liu", "陈": "chen", "杨": "yang", "黄": "huang", "赵": "zhao",
    "周": "zhou", "吴": "wu", "徐": "xu", "孙": "sun", "马": "ma", "朱": "zhu", "胡": "hu", "郭": "guo", "何": "he",
    "林": "lin", "高": "gao", "罗": "luo", "郑": "zheng", "梁": "liang", "谢": "xie", "宋": "song", "唐": "tang",
}  # fmt: skip
CHINESE_GIVEN = {
    "伟": "wei", "芳": "fang", "娜": "na", "敏": "min", "静": "jing", "秀英": "xiuying", "丽": "li", "强": "qiang",
    "磊": "lei", "军": "jun", "洋": "yang", "勇": "yong", "艳": "yan", "杰": "jie", "娟": "juan", "涛": "tao",
    "明": "ming", "超": "chao", "秀兰": "xiulan", "霞": "xia", "平": "ping", "刚": "gang", "桂英": "guiying",
    "文": "wen", "华": "hua", "建国": "jianguo", "晓明": "xiaoming", "欣怡": "xinyi", "子涵": "zihan", "浩然": "haoran",
}  # fmt: skip
JAPANESE_FAMILY = {
    "佐藤": "sato", "鈴木": "suzuki", "高橋": "takahashi", "田中": "tanaka", "伊藤": "ito", "渡辺": "watanabe",
    "山本": "yamamoto", "中村": "nakamura", "小林": "kobayashi", "加藤": "kato", "吉田": "yoshida", "山田": "yamada",
    "佐々木": "sasaki", "山口": "yamaguchi", "松本": "matsumoto", "井上": "inoue", "木村": "kimura", "林": "hayashi",
    "斎藤": "saito", "清水": "shimizu", "山崎": "yamazaki", "森": "mori", "池田": "ikeda", "橋本": "hashimoto",
}  # fmt: skip
JAPANESE_GIVEN = {
    "陽翔": "haruto", "蓮": "ren", "湊": "minato", "蒼": "ao", "樹": "itsuki", "大翔": "hiroto", "悠真": "yuma",
    "健太": "kenta", "翔太": "shota", "直樹": "naoki", "誠": "makoto", "隆": "takashi", "結菜": "yuina",
    "陽葵": "himari", "凛": "rin", "葵": "aoi", "さくら": "sakura", "美咲": "misaki", "愛": "ai", "陽子": "yoko",
    "恵子": "keiko", "由美": "yumi", "智子": "tomoko", "真理": "mari", "一輝": "kazuki", "ゆかり": "yukari",
}  # fmt: skip
WHOLE_NAMES = {**JAPANESE_FAMILY, **JAPANESE_GIVEN, **CHINESE_FAMILY, **CHINESE_GIVEN}


def romanise(name: str) -> str:
    """The name in a-z and 0-9; empty when it has no letter that could be written so."""
    whole = WHOLE_NAMES.get(name)
    if whole is not None:
        return whole
    letters = MARKS.sub("", unicodedata.normalize("NFKD", name.lower().translate(CYRILLIC_LETTERS)))
    return OTHER.sub("", letters.replace("ου", "ou").translate(LETTERS))
