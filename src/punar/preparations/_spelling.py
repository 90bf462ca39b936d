"""How a learned vocabulary reads text of any script: one spelling for what reads the same, and where words lie."""

from __future__ import annotations

from typing import Any

from punar.core.scripts import stackers_class, unspaced_class

_CODE = "\\x{{{:X}}}"
# Marks of direction, soft hyphens and the stroke that lengthens Arabic words: they are seen, or not, and say nothing.
_SILENT = "\\x{AD}\\x{640}\\x{61C}\\x{200E}\\x{200F}\\x{202A}-\\x{202E}\\x{2066}-\\x{2069}"
# Of no width, but between words: what separates words of Khmer and Thai where anything does.
_THIN = "\\x{200B}\\x{2060}\\x{FEFF}"
_PICTURE = "\\p{Extended_Pictographic}"
_LOOKS = "\\x{FE00}-\\x{FE0F}"  # variation selectors: as text, as a picture
_TONES = "\\x{1F3FB}-\\x{1F3FF}"
_JOINERS = "\\x{200C}\\x{200D}"


def one_spelling() -> Any:
    """Return the normaliser: forms of one text that a reader takes for the same become the same.

    Unicode's NFKC (composed or not, full width, ligatures), small letters, straight quotation marks; no signs of
    direction; pictographs without colour of skin and variant. Marks of letters stay.
    """
    from tokenizers import Regex, normalizers

    changes = [
        (Regex(f"[{_SILENT}{_LOOKS}]"), ""),
        (Regex(f"[{_THIN}]"), " "),
        (Regex(f"(?<={_PICTURE})[{_TONES}]"), ""),
        (Regex("[\\x{2018}\\x{2019}\\x{201B}\\x{2BC}]"), "'"),
        (Regex("[\\x{201C}-\\x{201F}]"), '"'),
    ]
    replaced = [normalizers.Replace(pattern, content) for pattern, content in changes]
    # The last letter of a Greek word and the sharp s have no capitals of their own.
    folded = [normalizers.Replace(Regex("\\x{3C2}"), "σ"), normalizers.Replace("ß", "ss")]
    return normalizers.Sequence([*replaced, normalizers.NFKC(), normalizers.Lowercase(), *folded])


def any_script() -> Any:
    """Return the splitter: words between spaces and punctuation, and where a script has no spaces, its letters.

    A letter is one with its marks and what is stacked below it. A pictograph is one with all that is joined to it.
    """
    from tokenizers import Regex, pre_tokenizers

    letter = f"[{unspaced_class(_CODE)}]\\p{{M}}*"
    stacked = f"{letter}(?:(?<=[{stackers_class(_CODE)}]){letter})*"
    picture = f"{_PICTURE}(?:\\x{{200D}}{_PICTURE})*"
    flag = "[\\x{1F1E6}-\\x{1F1FF}]{2}"
    word = f"(?:(?![{unspaced_class(_CODE)}])[\\w{_JOINERS}])+"
    other = f"(?:(?!{_PICTURE})[^\\w\\s{_JOINERS}])+"
    pattern = "|".join([stacked, flag, picture, word, other])
    return pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
