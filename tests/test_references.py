"""Sources are cited by names that a stranger can look up, and the page of references has each.

A planted "paper 004", or a name that the page lacks, fails.
"""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
KINDS = (".py", ".md", ".toml", ".yml", ".cff")
TEXTS = [
    path
    for folder in (ROOT, *map(ROOT.joinpath, ("jaxkin", "fitting", "tests", "docs", "benchmarks")))
    for path in (folder.iterdir() if folder == ROOT else folder.rglob("*"))
    if path.suffix in KINDS and path != Path(__file__)
]
PAGE = (ROOT / "docs" / "references.md").read_text()
SHORT = {name.rstrip(".") for name in re.findall(r"^\*\*(.+?)\*\*", PAGE, flags=re.MULTILINE)}
NUMBERED = re.compile(r"\bpaper 00\d\b|\(00[0-4]\b[ ,§)]|ORACLES", re.IGNORECASE)
ET_AL = re.compile(r"([A-ZÀ-Ý][\w’'-]+(?:\s(?:and\s)?[A-ZÀ-Ý][\w’'-]+)*)\s+et\s+al\b")
LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)]*)?\)")


def test_the_texts_are_found():
    assert len(TEXTS) > 200 and len(SHORT) > 30


@pytest.mark.parametrize("text", ["paper 004, §2", "see ORACLES", "(002, §3.1)", "by (001 §4)"])
def test_numbers_are_recognised(text):
    assert NUMBERED.search(text)


def test_no_paper_is_cited_by_a_number():
    wrong = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path in TEXTS
        for found in NUMBERED.finditer(path.read_text())
    ]
    assert not wrong, "\n".join(wrong)


def test_every_name_is_on_the_page():
    """All "X et al." of the code, the tests, the benchmarks and the pages."""
    cited = {
        f"{found[1]} et al": path.relative_to(ROOT)
        for path in TEXTS
        for found in ET_AL.finditer(path.read_text())
    }
    assert len(cited) >= 5
    short = {name.removesuffix(".") for name in SHORT}
    unknown = {name: str(path) for name, path in cited.items() if name not in short}
    assert not unknown, unknown


@pytest.mark.parametrize(
    "name",
    [
        *("Boublík", "Broadwell", "Genz", "Gillespie", "Giles", "Hammond", "Lawson", "Talbot"),
        *("Gamba and Rjasanow", "Wang and Cai", "Hu, Cai and Wang", "Jenkins and Mancini"),
        *("Krook and Wu", "Koura and Matsumoto", "Hochbruck and Ostermann", "van Kampen"),
        *("Welch and Satterthwaite", "Vico, Greengard and Ferrando", "Carnahan and Starling"),
    ],
)
def test_other_names_are_cited_and_on_the_page(name):
    """A name that nothing cites any more leaves the page."""
    cited = re.compile(r"\s+".join(map(re.escape, name.split())))
    places = [path for path in TEXTS if path != ROOT / "docs" / "references.md"]
    assert any(cited.search(path.read_text()) for path in places)
    assert name in SHORT


def test_citation_file_has_the_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()


def test_links_between_pages_lead_to_pages():
    """MkDocs lets a link to a file pass that it leaves out of the site, such as figures/*.md."""
    pages = [path for path in (ROOT / "docs").rglob("*.md") if path.parent.name != "figures"]
    wrong = []
    for page in pages:
        for target in LINK.findall(page.read_text()):
            place = (page.parent / target).resolve()
            if "://" not in target and (not place.exists() or place.match("figures/*.md")):
                wrong.append(f"{page.relative_to(ROOT)}: {target}")
    assert len(pages) > 15 and not wrong, "\n".join(wrong)
