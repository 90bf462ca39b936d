"""Numbers from 0 to 999,999 in words: English, and Hindi, where each of the first hundred has a word of its own."""

from __future__ import annotations

_ENGLISH_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_ENGLISH_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_HINDI_WORDS = (
    "शून्य एक दो तीन चार पाँच छह सात आठ नौ दस ग्यारह बारह तेरह चौदह पंद्रह सोलह सत्रह अठारह उन्नीस बीस इक्कीस बाईस तेईस "
    "चौबीस पच्चीस छब्बीस सत्ताईस अट्ठाईस उनतीस तीस इकतीस बत्तीस तैंतीस चौंतीस पैंतीस छत्तीस सैंतीस अड़तीस उनतालीस चालीस इकतालीस "
    "बयालीस तैंतालीस चौवालीस पैंतालीस छियालीस सैंतालीस अड़तालीस उनचास पचास इक्यावन बावन तिरेपन चौवन पचपन छप्पन सत्तावन "
    "अट्ठावन उनसठ साठ इकसठ बासठ तिरेसठ चौंसठ पैंसठ छियासठ सड़सठ अड़सठ उनहत्तर सत्तर इकहत्तर बहत्तर तिहत्तर चौहत्तर पचहत्तर "
    "छिहत्तर सतहत्तर अठहत्तर उन्यासी अस्सी इक्यासी बयासी तिरासी चौरासी पचासी छियासी सत्तासी अट्ठासी नवासी नब्बे इक्यानवे बानवे "
    "तिरानवे चौरानवे पचानवे छियानवे सत्तानवे अट्ठानवे निन्यानवे"
)
_SMALL, _TENS, _HINDI = _ENGLISH_SMALL.split(), _ENGLISH_TENS.split(), _HINDI_WORDS.split()


def english(number: int) -> str:
    """Return a number in words.

    >>> english(999_999), english(40_017)
    ('nine hundred ninety nine thousand nine hundred ninety nine', 'forty thousand seventeen')
    """
    if number >= 1000:
        return _joined(english(number // 1000) + " thousand", english, number % 1000)
    if number >= 100:
        return _joined(_SMALL[number // 100] + " hundred", english, number % 100)
    return _SMALL[number] if number < 20 else _joined(_TENS[number // 10 - 2], english, number % 10)


def hindi(number: int) -> str:
    """Return a number in words, by hundreds of thousands (lakh), thousands and hundreds.

    >>> hindi(123_456), hindi(100)
    ('एक लाख तेईस हज़ार चार सौ छप्पन', 'एक सौ')
    """
    for unit, word in ((100_000, "लाख"), (1000, "हज़ार"), (100, "सौ")):
        if number >= unit:
            return _joined(f"{_HINDI[number // unit]} {word}", hindi, number % unit)
    return _HINDI[number]


def _joined(words: str, rest, number: int) -> str:
    return f"{words} {rest(number)}" if number else words


assert len(_HINDI) == len(set(_HINDI)) == 100
