"""The search of the built pages in Python: what Sphinx's ``searchtools.js`` finds.

A build has no browser, so the rules are written down here a second time. The points are
read from ``search_scorer.js``, which the built pages use too.
"""

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

SCORER = Path(__file__).with_name("search_scorer.js")


class Result(NamedTuple):
    """A result: the page, what is shown as its title, and its points."""

    page: str
    title: str
    score: float


def read_scorer(text):
    """Points by kind of match, of objects by priority, and by folder of the page."""
    objects = re.search(r"objPrio: \{(.*?)\}", text, re.DOTALL)[1]
    folders = re.search(r"folders: (\{.*?\})", text, re.DOTALL)[1]
    points = {name: int(value) for name, value in re.findall(r"(\w+): (-?\d+)", text)}
    by_priority = {int(a): int(b) for a, b in re.findall(r"(\d+): (-?\d+)", objects)}
    return points, by_priority, json.loads(folders)


class Search:
    """The search of an index, as the script of the built pages does it.

    Parameters
    ----------
    index : dict
        The content of ``searchindex.js``.
    language : sphinx.search.SearchLanguage
        What has the stop words, and stems.
    scorer : str
        The content of ``search_scorer.js``.
    """

    def __init__(self, index, language, scorer=None):
        self.index, self.language = index, language
        text = SCORER.read_text(encoding="utf-8") if scorer is None else scorer
        self.points, self.objects, self.folders = read_scorer(text)

    def find(self, query):
        """Return the results in the order in which the page lists them."""
        lower = query.lower().strip()
        words = re.findall(r"\w+", lower)
        stems = {
            self.language.stem(word): None
            for word in words
            if word not in self.language.stopwords and not word.isdigit()
        }
        main, others = self._index_entries(lower)
        main = [
            *self._titles(lower),
            *main,
            *(r for word in dict.fromkeys(words) for r in self._objects(word, words)),
            *self._texts(list(stems)),
        ]
        return self._ordered(main) + self._ordered(others)

    def _ordered(self, results):
        """Best first, then by title; of equal ones the last, as the script has it."""
        scored = [
            result._replace(score=result.score + self._of_folder(result.page))
            for result in results
        ]
        order = sorted(
            range(len(scored)),
            key=lambda i: (-scored[i].score, scored[i].title.lower(), -i),
        )
        return [scored[i] for i in order]

    def _of_folder(self, page):
        return sum(
            points for start, points in self.folders.items() if page.startswith(start)
        )

    def _page(self, number):
        return self.index["docnames"][number]

    def _titles(self, query):
        """Titles of pages and sections of which the query is at least one half."""
        titles = self.index["titles"]
        for title, places in self.index["alltitles"].items():
            if query in title.lower() and 2 * len(query) >= len(title):
                points = round(self.points["title"] * len(query) / len(title) + 1e-9)
                for page, _ in places:
                    own = titles[page] == title
                    shown = title if own else f"{titles[page]} > {title}"
                    yield Result(self._page(page), shown, points + own)

    def _index_entries(self, query):
        """Entries of the index: the main ones, and those that come after all else."""
        main, others = [], []
        for entry, places in self.index["indexentries"].items():
            if query in entry and 2 * len(query) >= len(entry):
                points = round(100 * len(query) / len(entry) + 1e-9)
                for page, _, is_main in places:
                    title = self.index["titles"][page]
                    found = Result(self._page(page), title, points)
                    (main if is_main else others).append(found)
        return main, others

    def _objects(self, word, words):
        """Names of the API that have the word; the other words are near it."""
        for prefix, objects in self.index["objects"].items():
            for page, kind, priority, _, name in objects:
                full = f"{prefix}.{name}" if prefix else name
                last = full.lower().split(".")[-1]
                if word not in full.lower():
                    continue
                kind_name = self.index["objnames"][str(kind)][2]
                title = self.index["titles"][page]
                near = f"{prefix} {name} {kind_name} {title}".lower()
                if any(other not in near for other in words):
                    continue
                points = self.objects.get(priority, self.points["objPrioDefault"])
                if word in (full.lower(), last):
                    points += self.points["objNameMatch"]
                elif word in last:
                    points += self.points["objPartialMatch"]
                yield Result(self._page(page), full, points)

    def _texts(self, stems):
        """Pages that have all of the words, in the text or in the title."""
        scores = defaultdict(dict)
        for stem in stems:
            for number, points in self._of_word(stem):
                scores[number][stem] = points
        enough = {len(stems), sum(len(stem) > 2 for stem in stems)}
        for number, of_words in scores.items():
            if len(of_words) in enough:
                title = self.index["titles"][number]
                yield Result(self._page(number), title, max(of_words.values()))

    def _of_word(self, stem):
        """Pages of a word with points; where there are several, the last ones count."""
        terms, titles = self.index["terms"], self.index["titleterms"]
        kinds = ((terms, "term", "partialTerm"), (titles, "title", "partialTitle"))
        for table, whole, _ in kinds:
            for number in numbers(table.get(stem, [])):
                yield number, self.points[whole]
        for table, _, part in kinds:
            if len(stem) > 2 and stem not in table:
                for term, places in table.items():
                    if stem in term:
                        for number in numbers(places):
                            yield number, self.points[part]


def numbers(places):
    """Numbers of pages, of which the index writes a single one without brackets."""
    return [places] if isinstance(places, int) else places
