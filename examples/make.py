#!/usr/bin/env python3
"""Writes the spreadsheets of this directory anew, always the same ones. Needs nothing but Python.

People and addresses are invented: domains are the reserved example.com, .org and .net, phone numbers those that Ofcom
keeps for drama (07700 900000 to 900999).
"""

import csv
import io
import random
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).parent
PICK = random.Random(6011)

NAMES = [
    "Amala Bird", "Zoë Washburne", "Nguyễn Thị Hoa", "林美玲", "佐藤 さくら", "Олена Шевченко", "Иван Петров",
    "محمد الأحمد", "יעל כהן", "Γιώργος Παπαδόπουλος", "अनीता शर्मा", "김민준", "Siân Llewellyn-Jones", "Seán Ó Briain",
    "Łukasz Wiśniewski", "José María Núñez", "Fatima Begum", "D'Arcy O’Neill", "Åsa Söderström", "Mary-Jane Watson",
    "Ömer Yıldız", "Jean-François Lefèvre", "Thandiwe Nkosi", "Dr. Oluwaseun Adébáyò", "Chloe", "Prof Smith",
    "Håkon Ås", "Bjørg Ødegård", "Þórdís Jónsdóttir", "สมชาย ใจดี", "Ana-Maria Ștefănescu", "Owen", "Priya Patel",
    "X Æ", "Sinéad", "Tomás", "Ilse Müller-Groß", "Bob \"the Builder\" Brown", "Nia, Cerys & Dai Evans",
]
BRANCHES = ["Riverside", "Market Square", "St Mary’s", "Upper Green", "Castle Hill", "North Quay"]
DATES = ["Monday 2 March", "Tuesday 3 March", "Wednesday 4 March", "Thursday 5 March", "Friday 6 March"]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]
DOMAINS = ["example.com", "example.org", "example.net", "mail.example.com", "EXAMPLE.org"]


def address(number):
    style = number % 6
    domain = PICK.choice(DOMAINS)
    local = f"reader{number:03}"
    return [
        f"{local}@{domain}",
        f"first.last+{number}@{domain}",
        f"  {local}@{domain} ",
        f"{local.upper()}@{domain}",
        f"o'{local}@{domain}",
        f"{local}@{domain}\t",
    ][style]


def phone(number):
    last = f"{number % 1000:03}"
    return [
        f"07700 900{last}",
        f"07700900{last}",
        f"+44 7700 900{last}",
        f"+447700900{last}",
        f"00447700900{last}",
        f"(07700) 900 {last}",
        f"07700-900-{last}",
        f"44 7700 900 {last}",
        f" 0 7 7 0 0 9 0 0 {' '.join(last)} ",
        f"+44 (0)7700 900{last}",
    ][number % 10]


def library_cards():
    out = io.StringIO(newline="")
    write = csv.writer(out, lineterminator="\r\n")
    write.writerow(["Email address", "Name", "branch", " Date ", "Reference"])
    for number in range(200):
        name = NAMES[number % len(NAMES)]
        branch = PICK.choice(BRANCHES)
        if number % 17 == 0:
            branch = f"{branch}\n(side entrance)"
        if number % 13 == 0:
            name = f"  {name} "
        row = [address(number), name, branch, PICK.choice(DATES), f"card-{number + 1:04}"]
        # Programs drop empty cells at the end of a row: the reference is the reader's own, and may be missing.
        write.writerow(row[:4] if number % 11 == 0 else row)
    (HERE / "library-cards.csv").write_bytes(b"\xef\xbb\xbf" + out.getvalue().encode())


def bin_days():
    rows = [["Phone Number", "Name", "Day", "Street"]]
    for number in range(200):
        name = NAMES[(number * 7) % len(NAMES)].split()[0]
        if number % 19 == 0:
            name += "\u00a0"
        day = PICK.choice(DAYS)
        rows.append([phone(number), name, day if number % 9 else f"{day}\nand Saturday", f"{number + 1} River Street"])
    write_workbook(HERE / "bin-days.xlsx", "Round 12", rows)


def write_workbook(path, sheet, rows):
    cells = []
    for line, row in enumerate(rows, 1):
        inside = "".join(
            f'<c r="{chr(65 + column)}{line}" t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>'
            for column, text in enumerate(row)
        )
        cells.append(f'<row r="{line}">{inside}</row>')
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="rId1" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}">'
        f'<sheets><sheet name="{escape(sheet)}" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="rId1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{"".join(cells)}</sheetData></worksheet>',
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            info = zipfile.ZipInfo(name, (2026, 3, 2, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n' + text)


def bin_days_with_errors():
    out = io.StringIO(newline="")
    write = csv.writer(out, lineterminator="\n")
    write.writerow(["phone number", "name", "day"])
    for row in [
        ["07700 900001", "Amala", "Monday"],
        ["0770 900002", "Zoë", "Monday"],                # too short
        ["07700 9000033", "Hoa", "Tuesday"],             # too long
        ["07700 900004", "", "Tuesday"],                 # no name
        ["", "美玲", "Tuesday"],                          # no number
        ["07700 900005", "さくら", "Wednesday"],
        ["O7700 900006", "Олена", "Wednesday"],          # the letter O
        ["seven seven hundred", "محمد", "Thursday"],     # words
        ["07700 900007 / 07700 900008", "Yael", "Friday"],  # two of them
        [],                                              # a blank line
        ["020 7946 0009", "Γιώργος", "Friday"],          # a landline
        ["+1 202 555 0110", "Anita", "Friday"],          # abroad
        ["07700 900010", "Minjun"],                      # a short row
        ["amala@example.com", "Siân", "Monday"],         # an e-mail address
        ["07700 900011", "Seán", "   "],                 # only spaces
        ["", "", "Monday"],                              # only a day
        ["07700 900012", "Łukasz", "Monday" + " and the day after" * 55],  # too long for a text
        ["7.7009E+09", "José", "Tuesday"],               # what a spreadsheet makes of a number
        ["07700 900013", "Fatima", "Tuesday"],
    ]:
        write.writerow(row) if row else out.write("\n")
    (HERE / "bin-days-with-errors.csv").write_text(out.getvalue(), encoding="utf-8", newline="")


library_cards()
bin_days()
bin_days_with_errors()
