"""Names for generated entities: plausible, mostly unique, made of word lists. They name nobody and nothing.

A pattern is a row of word lists; a number below the product of their lengths is one name (mixed radix). Numbers are
drawn without care for repeats: with a million possible names and tens of thousands drawn a few occur twice, as names
do in a real catalogue.
"""

from __future__ import annotations

import numpy as np

_ADJECTIVES = """
amber ancient autumn bitter blind blue borrowed bright broken burning careful clever cold common crimson
crooked curious dark dear distant divided double early eastern electric empty endless faithful fallen false fearless
fifth final first floating foreign forgotten fourth fragile frozen gentle gilded golden grand green half hidden hollow
honest hungry idle inner iron ivory last late little lonely long lost lucky midnight modern narrow nameless new northern
old open other pale paper patient perfect plain private quiet rare restless rising royal sacred scarlet second secret
seventh shining silent silver simple sleeping slow small southern splendid strange sudden sunken tender third thirteenth
tidal twin uncertain unfinished unknown velvet violet wandering warm western white whole wild winter wooden young"""
_NOUNS = """
affair almanac anchor animal apple archive army arrow ashes atlas avenue bargain battle beacon bell bird book
border bottle breath bridge brother candle captain castle cathedral century chamber circle city clock cloud coast colony
compass confession cottage country crown current dance daughter dawn desert diary door dream drum echo ember emperor
empire engine error escape evening exile eye factory farewell father feast fever field fire fleet flight flood flower
forest fortune fountain fox frontier game garden gate ghost giant gift girl glass grave guest harbour harvest hawk heart
heir hermit highway horizon horse hotel hour house hunter hymn inheritance island journey judge jungle key king kingdom
labyrinth ladder lake lamp lantern legend letter library lie lighthouse lion lover machine magician mansion map market
mask meadow memory messenger mirror mistake monument moon morning mother mountain museum mystery neighbour nest night
nurse oath ocean orchard orchestra orphan painter palace paradox parade passenger path pearl pilgrim pilot pirate planet
poem poet prayer prince prisoner promise prophet puzzle queen question rain raven rebel refuge republic return riddle
ring river road rose ruin sailor saint scar school sea season shadow ship shore signal silence singer sister sky snow
soldier song sparrow spy staircase star station stone storm stranger street summer sun sword tailor teacher temple
theatre thief thunder tide tower town traitor treasure tree trial tunnel twilight valley verdict village violin visitor
voice voyage waiting wall war watch water wave wedding well widow wind window winter witness wolf woman word world"""
_GIVEN = """
Ada Adam Agnes Albert Alice Amir Amelie Ana Anders Andrea Anton Arthur Astrid Aylin Beatrice Benedict Bo Boris
Bruno Camille Carl Carmen Cecil Chiara Clara Cora Dag Dalia Daniel Daria David Diego Dora Edgar Edith Elena Eliot Elsa
Emil Emma Enzo Erik Esther Eva Felix Fiona Flora Francis Freya Gabriel Georg Greta Gustav Hana Hannah Harold Hector
Helen Henry Hugo Ida Igor Ines Ingrid Irene Isaac Iris Ivan Jack James Jana Jasper Joan Johan Jonas Jorge Judith Jules
Julia Karin Kasper Kenji Klara Lars Laura Lena Leo Lila Lina Livia Louis Lucas Lucia Magnus Marco Maria Marta Martin
Matteo Maud Max Mei Mila Mina Miriam Nadia Naomi Nils Nina Noah Nora Olga Oliver Olivia Omar Oscar Otto Pablo Paula
Pedro Petra Philip Ravi Rita Robert Rosa Ruben Ruth Samuel Sara Sami Sigrid Silas Simon Sofia Stella Sven Tamar Tara
Theo Thomas Tilda Tomas Ulla Una Vera Victor Viola Walter Wanda Yara Yusuf Zoe"""
_FIRST = """
Al An Ar Bal Bar Bel Ber Bor Bran Bro Cal Car Cor Dal Dar Del Dor Dun El Fal Far Fen Fer Gal Gar Gor Gran Hal
Han Har Hol Il Jar Kal Kar Kel Kor Lan Lar Len Lin Lor Mal Mar Mel Mor Nor Or Pel Per Por Ran Ros Sal San Sel Sol Tal
Tar Tor Val Var Ver Vol Wal Wen Wil"""
_MIDDLE = """
a e i o u ba be bi da de di do ga go ka ke ko la le li lo ma me mi mo na ne ni no ra re ri ro sa se si so ta te
ti to va ve vi za"""
_SURNAME_END = """
berg by croft dale den dez dy ellis er feld ford gren ham hart ini insky ka ker land ler ley lin man mann
mar more nen ner ovic quist ra ras ren rez ro ry sen shaw sky son stad stein ston strom ta tes ton tti vale var vell
ville wald wall well wick win worth yan"""
_PLACE_END = """
barrow bay borough bourne brook burg bury caster chester cliff dale den fell field ford gate ham haven holm
hurst ia mere minster mouth nia ona pool port rath shire stead ton vale ville wick wood worth"""
_THEME_END = """
adventure art ballad ceremony chronicle comedy craft drama essay fable fantasy fiction folklore history
horror humour industry jazz journey justice landscape law legend literature magic melodrama memoir metal music mystery
myth nature opera philosophy poetry politics pop portrait process realism rebellion rhythm rock romance satire science
sport story symbolism theory thriller tradition tragedy travel trade work writing"""
_COMPANY_END = (
    "Books;Brothers;Collective;House;Hall;Media;Press;Records;Room;Society;Studios;Union;Works;& Company;& Sons"
)
_AWARD_END = "Award;Competition;Festival;Laurel;Medal;Prize;Ribbon;Week"
_SCHOOL = "Academy of;College of;Conservatory of;High School of;Institute of;School of;University of"
_CYCLE_END = "Archive;Chronicles;Cycle;Files;Legacy;Mysteries;Quartet;Saga;Series;Tales;Trilogy"
_LANGUAGE_END = "ese;ian;ic;ish"
_ORDER = "Part One;Part Two;Part Three;Book One;Book Two;Book Three;Volume One;Volume Two"


def _capitalised(text: str) -> list[str]:
    return [word.capitalize() for word in text.split()]


#: For each way of naming, patterns of word lists; a text of one element stands for itself.
_PATTERNS: dict[str, list[list[list[str]]]] = {
    "person": [[_GIVEN.split(), [" "], _FIRST.split(), _MIDDLE.split(), _SURNAME_END.split()]],
    "title": [
        [["The "], _capitalised(_ADJECTIVES), [" "], _capitalised(_NOUNS)],
        [["The "], _capitalised(_NOUNS), [" of the "], _capitalised(_ADJECTIVES), [" "], _capitalised(_NOUNS)],
        [["A "], _capitalised(_NOUNS), [" in "], _FIRST.split(), _MIDDLE.split(), _PLACE_END.split()],
        [_FIRST.split(), _MIDDLE.split(), _PLACE_END.split(), ["’s "], _capitalised(_NOUNS)],
        [_capitalised(_ADJECTIVES), [" "], _capitalised(_NOUNS), [", "], _ORDER.split(";")],
    ],
    "cycle": [[["The "], _FIRST.split(), _MIDDLE.split(), _PLACE_END.split(), [" "], _CYCLE_END.split(";")]],
    "theme": [[_capitalised(_ADJECTIVES), [" "], _THEME_END.split()]],
    "company": [[_FIRST.split(), _MIDDLE.split(), _SURNAME_END.split(), [" "], _COMPANY_END.split(";")]],
    "award": [[_FIRST.split(), _MIDDLE.split(), _SURNAME_END.split(), [" "], _AWARD_END.split(";")]],
    "school": [[_SCHOOL.split(";"), [" "], _FIRST.split(), _MIDDLE.split(), _PLACE_END.split()]],
    "place": [[_FIRST.split(), _MIDDLE.split(), _PLACE_END.split()]],
    "language": [[_FIRST.split(), _MIDDLE.split(), _LANGUAGE_END.split(";")]],
}


def make_names(way: str, count: int, rng: np.random.Generator) -> list[str]:
    """``count`` names of one way of naming ("person", "title", "place", ...)."""
    patterns = _PATTERNS[way]
    sizes = np.array([np.prod([len(words) for words in pattern]) for pattern in patterns])
    # The square root lets short patterns be seen beside those with a hundred times as many names.
    which = rng.choice(len(patterns), count, p=np.sqrt(sizes) / np.sqrt(sizes).sum())
    names = np.empty(count, dtype=object)
    for number, pattern in enumerate(patterns):
        rows = np.flatnonzero(which == number)
        names[rows] = _spelled(pattern, rng.integers(sizes[number], size=len(rows)))
    result: list[str] = names.tolist()
    return result


def _spelled(pattern: list[list[str]], numbers: np.ndarray) -> np.ndarray:
    """The names (n,) that ``numbers`` stand for in ``pattern``."""
    parts = np.full(len(numbers), "", dtype=object)
    for words in reversed(pattern):
        numbers, digit = np.divmod(numbers, len(words))
        parts = np.array(words, dtype=object)[digit] + parts
    return parts
