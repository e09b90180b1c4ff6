#!/usr/bin/env python3
"""Makes the subsets of the Noto fonts in typesetting/fonts, after a newer version was published upstream.

Needs fonttools (`pip install fonttools`) and the files of the Debian packages fonts-noto-core and fonts-noto-cjk:
    apt-get install fonts-noto-core fonts-noto-cjk
    scripts/letter-fonts.py /usr/share/fonts
Hints are dropped (printers do not need them), and so are tables for vertical text. What is chosen, and why, is in
docs/decisions/letters-fonts.md.
"""

import pathlib
import sys
import tempfile

from fontTools import subset
from fontTools.ttLib import TTFont

TARGET = pathlib.Path(__file__).parent.parent / "typesetting" / "fonts"
# Fonts of one script, shipped complete in two weights.
SCRIPTS = (
    "Arabic Hebrew Devanagari Bengali Gurmukhi Gujarati Tamil Telugu Kannada Malayalam Sinhala "
    "Armenian Georgian Ethiopic"
).split()
OPTIONS = [
    "--no-hinting",
    "--no-glyph-names",
    "--notdef-outline",
    "--name-IDs=0,1,2,3,4,5,6,13,14",
    "--drop-tables+=DSIG,BASE,meta,vhea,vmtx,VORG",
]


def make(source, name, *options, characters=None):
    arguments = [str(source), f"--output-file={TARGET / name}", *OPTIONS, *options]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        if characters is None:
            arguments.append("--unicodes=*")
        else:
            wanted.write("\n".join(f"{character:04X}" for character in sorted(characters)))
            wanted.flush()
            arguments.append(f"--unicodes-file={wanted.name}")
        subset.main(arguments)


def covered(path):
    return set(TTFont(path).getBestCmap())


def lacking_in_liberation(noto):
    """Letters that Liberation Sans lacks, with the marks that are set above and below them."""
    liberation = covered(TARGET / "LiberationSans-Regular.ttf") & covered(TARGET / "LiberationSans-Bold.ttf")
    # U+FFFD stands for characters that were lost on the way: a letter with one is to be refused.
    without = {*range(0x20), 0xFEFF, 0xFFFD, *range(0xFE00, 0xFE10)}
    return {c for c in noto if c not in liberation or 0x300 <= c < 0x370 or c in (0x20, 0x25CC)} - without


def decoded(encoding, leading, trailing):
    """The characters that a two-byte encoding has for these bytes."""
    found = set()
    for first in leading:
        for second in trailing:
            text = bytes((first, second)).decode(encoding, "ignore")
            if len(text) == 1:
                found.add(ord(text))
    return found


def east_asian():
    """GB 2312 (simplified), the common half of Big5 (traditional), JIS level 1, kana, the common Hangul syllables."""
    high = range(0xA1, 0xFF)
    chinese = decoded("gb2312", high, high) | decoded("big5", range(0xA4, 0xC7), range(0x40, 0xFF))
    japanese = decoded("shift_jis", range(0x88, 0x99), range(0x40, 0xFD))
    korean = decoded("euc_kr", range(0xB0, 0xC9), high)
    ideographs = {c for c in chinese | japanese if 0x4E00 <= c < 0xA000}
    signs = {*range(0x3000, 0x3100), *range(0xFF00, 0xFFEF)}
    return ideographs | signs | {c for c in korean if 0xAC00 <= c < 0xD7A4}


def symbols():
    """Tick boxes, ticks, telephones, arrows: what Liberation Sans lacks of it."""
    return {*range(0x2300, 0x2400), *range(0x25A0, 0x27C0)}


def main(installed):
    noto = installed / "truetype" / "noto"
    for weight in ("Regular", "Bold"):
        for script in SCRIPTS:
            name = f"NotoSans{script}-{weight}.ttf"
            make(noto / name, name, "--layout-features=*")
        name = f"NotoSans-{weight}.ttf"
        wanted = lacking_in_liberation(covered(noto / name))
        make(noto / name, name, "--layout-features=ccmp,mark,mkmk", characters=wanted)
    name = "NotoSansSymbols2-Regular.ttf"
    make(noto / name, name, "--layout-features=", characters=symbols())
    # The third font of the collection draws ideographs as mainland China does.
    collection = installed / "opentype" / "noto" / "NotoSansCJK-Regular.ttc"
    make(
        collection,
        "NotoSansCJKsc-Regular.otf",
        "--font-number=2",
        "--layout-features=",
        characters=east_asian(),
    )


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
