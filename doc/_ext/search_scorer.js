/* How the search ranks what it finds; `search_words.py` reads the numbers from here.
 *
 * The points of each kind are those of Sphinx. On top of them a page gets the points of
 * its folder: a chapter that explains a word stands above the pages that only use it.
 */
var Scorer = {
  folders: {
    "user_guide/": 12,
    "user_guide/index": -8,
    "which_estimator": 10,
    "generated/": 5,
    "auto_examples/": -5,
    "whats_new/": -10
  },
  score: ([docname, title, anchor, descr, score]) =>
    Object.entries(Scorer.folders).reduce(
      (sum, [start, points]) => (docname.startsWith(start) ? sum + points : sum),
      score,
    ),
  objNameMatch: 25,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
