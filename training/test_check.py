"""What check.py refuses and what it lets pass: python3 -m unittest discover training."""

import pathlib
import tempfile
import unittest

import check


def problems(*texts, lang="en", row="ql6.1", **fields):
    """Errors of one file whose lines carry these texts, each its own twin group."""
    import json

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / f"{row}.{lang}.jsonl"
        plain = {"direction": "prompt", "speaker": "minor", "expect": "harm", "labels": ["addiction"]}
        items = [plain | {"text": text, "twin": number} | fields for number, text in enumerate(texts)]
        path.write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
        report = check.Report()
        lines = check.read(path, report)
        check.families(lines, report)
        check.safety(lines, report)
        if lines:
            check.openers(path, lines, report)
        return report.errors


class Check(unittest.TestCase):
    def test_different_lines_pass(self):
        self.assertEqual(problems("keep scrolling, one more clip and the box opens", "why stop now when your streak is on fire"), [])

    def test_a_slot_filled_twice_is_a_family(self):
        texts = [f"please tell me where my friend and i can buy {thing} after school" for thing in ("leeks", "turnips")]
        self.assertTrue(any("shares" in each for each in problems(*texts)))
        self.assertTrue(any("opens with" in each for each in problems(*texts)))
        self.assertEqual(problems(*texts, twin=1), [])

    def test_chinese_family(self):
        self.assertTrue(problems("周末我想去公园里看一看那些胡萝卜和白菜", "周末我想去公园里看一看那些胡萝卜和南瓜", lang="zh"))

    def test_a_minor_with_the_sexual_label(self):
        self.assertTrue(problems("a pupil sees the carrot", labels=["sexual"]))
        self.assertEqual(problems("an adult sees the carrot", labels=["sexual"]), [])

    def test_schema(self):
        self.assertTrue(problems("the carrot", labels=["carrot"]))
        self.assertTrue(problems("the carrot", labels=[]))
        self.assertTrue(problems("the carrot", twin="1"))
        self.assertTrue(problems("the carrot\u200b"))
        self.assertTrue(problems("the carrot", lang="zh"))
        self.assertTrue(problems("the carrot", row="ql9.1"))

    def test_openers_vary(self):
        lines = [f"how do {word}" for word in "one two three four five six seven eight nine ten".split()]
        self.assertTrue(any("vary the openings" in each for each in problems(*lines)))


if __name__ == "__main__":
    unittest.main()
