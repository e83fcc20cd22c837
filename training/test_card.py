"""Tests of card.py: tables are put in, words stay."""

import pathlib
import tempfile
import unittest

import card


class Put(unittest.TestCase):
    def written(self, text, parts):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "CARD.md"
            path.write_text(text, encoding="utf-8")
            card.put(path, parts)
            return path.read_text(encoding="utf-8")

    def test_a_table_is_replaced_and_words_stay(self):
        text = "by hand\n<!-- a: made -->\n| old |\n<!-- end of a -->\nby hand too\n"
        self.assertEqual(self.written(text, {"a": "| new |\n"}), text.replace("old", "new"))

    def test_a_card_without_the_place_is_refused(self):
        with self.assertRaises(ValueError):
            self.written("words\n", {"a": "| new |\n"})

    def test_the_shipped_card_has_every_place(self):
        text = card.SHIPPED.read_text(encoding="utf-8")
        for name in ("data", "own lines", "unseen", "by head", "labels", "dev sets", "honest dev sets", "labels on dev sets", "texts of the policies", "honest corpus"):
            self.assertEqual((text.count(f"<!-- {name}: made -->\n"), text.count(f"<!-- end of {name} -->\n")), (1, 1), name)
