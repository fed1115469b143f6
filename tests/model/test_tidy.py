"""Proves that tools/tidy.py bites: each house rule is broken once in a small tree of its own, and
the checker must name the file, the line and the rule; the same tree without the fault must pass.

A checker that silently stopped working would let everything through, and nobody would notice.
"""

import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TIDY = os.path.join(ROOT, "tools", "tidy.py")

HEADER = "// A header.\n#ifndef DP_{0}_H\n#define DP_{0}_H\n\n{1}#endif\n"
# A tree that keeps every rule; each test changes it in one place.
GOOD = {
    "src/base/mem.h": HEADER.format("BASE_MEM", "void *dp_alloc(int n);\n\n"),
    "src/base/mem.c": '// Memory.\n#include "base/mem.h"\n\n#include <stdlib.h>\n\n'
                      "void *dp_alloc(int n)\n{\n\treturn malloc(n);\n}\n",
    "src/codec/hex.h": HEADER.format("CODEC_HEX", ""),
    "src/codec/hex.c": '// Hex.\n#include "base/mem.h"\n#include "codec/hex.h"\n\n'
                       "int dp_hex(int a)\n{\n\treturn a;\n}\n",
    "src/source/csv.h": HEADER.format("SOURCE_CSV", ""),
    "src/ledger/tail.h": HEADER.format("LEDGER_TAIL", ""),
    "src/cli/main.c": '// The way in.\n#include "dp_version.h"\n#include "codec/hex.h"\n\n'
                      '#include <stdio.h>\n\nint main(void)\n{\n\tputs(DP_VERSION);\n}\n',
    "tests/unit/test_mem.c": "// Proves mem.\nint main(void)\n{\n\treturn 0;\n}\n",
    "tests/unit/test_codec.c": "// Proves codec.\n// Covers: codec/hex.c\n",
    "fuzz/fuzz_hex.c": "// Fuzzes hex.\n",
    "fuzz/corpus/hex/seed": "no newline at the end, and blanks \n ",
    "tools/gen": "#!/bin/sh\n# A tool.\ntrue\n",
}


def with_code(body):
    """The tree with `body` in a function of codec/hex.c."""
    return {"src/codec/hex.c": "// Hex.\n\nint dp_hex(int a)\n{\n" + body + "\n}\n"}


class TidyTest(unittest.TestCase):
    """Each test breaks one rule."""

    def run_tidy(self, changes, *flags):
        """Exit code and output of the checker on GOOD with `changes` (None removes a file)."""
        with tempfile.TemporaryDirectory() as root:
            for path, text in {**GOOD, **changes}.items():
                if text is None:
                    continue
                where = os.path.join(root, path)
                os.makedirs(os.path.dirname(where), exist_ok=True)
                with open(where, "w", encoding="utf-8") as file:
                    file.write(text)
            done = subprocess.run([sys.executable, TIDY, "--root", root, *flags], text=True,
                                  capture_output=True, check=False)
            return done.returncode, done.stdout

    def catches(self, changes, place, what, *flags):
        """The checker must fail with exactly one complaint, at `place`, saying `what`."""
        code, out = self.run_tidy(changes, *flags)
        self.assertEqual(code, 1, out)
        self.assertEqual(len(out.splitlines()), 1, out)
        self.assertTrue(out.startswith(place + ":"), f"{place} expected in: {out}")
        self.assertIn(what, out)

    def accepts(self, changes):
        """The checker must have nothing to say."""
        code, out = self.run_tidy(changes)
        self.assertEqual(code, 0, out)

    def test_a_good_tree_passes(self):
        self.accepts({})

    def test_an_include_of_a_higher_room(self):
        text = '// Memory.\n#include "codec/hex.h"\n'
        self.catches({"src/base/mem.c": text}, "src/base/mem.c:2", "a higher layer")
        self.catches({"src/base/mem.c": text}, "src/base/mem.c:2", "a higher layer", "--layers")

    def test_an_include_of_another_room_of_the_same_layer(self):
        header = HEADER.format("LEDGER_TAIL", '#include "source/csv.h"\n\n')
        self.catches({"src/ledger/tail.h": header}, "src/ledger/tail.h:5", "the same layer",
                     "--layers")

    def test_an_include_without_a_room(self):
        self.catches({"src/codec/hex.c": '// Hex.\n#include "hex.h"\n'}, "src/codec/hex.c:2",
                     "names no room", "--layers")

    def test_an_unknown_room_and_a_file_outside_of_rooms(self):
        self.catches({"src/util/x.h": "// X.\n"}, "src/util/x.h:1", "no room", "--layers")
        self.catches({"src/x.h": "// X.\n"}, "src/x.h:1", "stands in a room", "--layers")

    def test_layers_alone_says_nothing_of_the_rest(self):
        self.assertEqual(self.run_tidy(with_code("\tatoi(a);"), "--layers")[0], 0)

    def test_a_long_line_counting_tabs_as_eight(self):
        self.accepts(with_code("\t\t\tint x" + "x" * 70 + ";"))
        self.catches(with_code("\t\t\tint x" + "x" * 71 + ";"), "src/codec/hex.c:5",
                     "101 columns")

    def test_a_long_function(self):
        self.accepts(with_code("\n".join(["\ta++;"] * 70)))
        self.catches(with_code("\n".join(["\ta++;"] * 71)), "src/codec/hex.c:4",
                     "function of 71 lines")

    def test_a_brace_at_the_end_of_a_functions_first_line(self):
        self.catches({"src/codec/hex.c": "// Hex.\nint dp_hex(int a) {\n\treturn a;\n}\n"},
                     "src/codec/hex.c:2", "brace")

    def test_a_missing_or_wrong_include_guard(self):
        self.catches({"src/codec/hex.h": HEADER.format("HEX", "")}, "src/codec/hex.h:1",
                     "DP_CODEC_HEX_H")
        self.catches({"src/codec/hex.h": "// Hex.\n"}, "src/codec/hex.h:1", "DP_CODEC_HEX_H")

    def test_memory_outside_the_one_file(self):
        for call in ("malloc(1)", "calloc(1, 1)", "realloc(p, 1)", "free (p)", "strdup(p)"):
            self.catches(with_code(f"\t{call};"), "src/codec/hex.c:5", "outside base/mem.c")
        self.accepts(with_code("\tdp_free(p); x->free(p); // free(p) in a comment"))

    def test_printing_and_environment_in_a_library_room(self):
        self.catches(with_code('\tprintf("x");'), "src/codec/hex.c:5", "only cli prints")
        self.catches(with_code("\tputs(s);"), "src/codec/hex.c:5", "only cli prints")
        self.catches(with_code('\tfprintf(stderr, "x");'), "src/codec/hex.c:5", "only cli prints")
        self.catches(with_code('\tgetenv("HOME");'), "src/codec/hex.c:5", "environment")
        self.accepts(with_code('\tsnprintf(b, n, "printf(stdout)");'))

    def test_floating_point(self):
        self.catches(with_code("\tdouble x;"), "src/codec/hex.c:5", "double")
        self.catches(with_code("\treturn (float)a;"), "src/codec/hex.c:5", "float")
        self.accepts(with_code("\t/* never a double,\n\t   nor a float */\n\tx = y->valuedouble;"))

    def test_banned_functions_everywhere(self):
        for name in ("strcpy", "strcat", "sprintf", "gets", "atoi", "strtok", "strncpy"):
            self.catches(with_code(f"\t{name}(p);"), "src/codec/hex.c:5", f"{name}() is banned")
        self.catches({"tests/unit/test_mem.c": "// Mem.\n\nint main(void)\n{\n\tatoi(x);\n}\n"},
                     "tests/unit/test_mem.c:5", "atoi() is banned")

    def test_owed_work(self):
        for word in ("TO" + "DO", "FIX" + "ME", "XX" + "X"):
            self.catches(with_code(f"\treturn a; // {word}: later"), "src/codec/hex.c:5", word)
            self.catches({"tools/gen": f"#!/bin/sh\n# {word}\n"}, "tools/gen:2", word)
        self.accepts(with_code('\tmkstemp("XXXXXX");'))

    def test_blanks_at_the_end_of_a_line(self):
        self.catches(with_code("\treturn a; "), "src/codec/hex.c:5", "blanks")

    def test_the_last_newline(self):
        self.catches({"tools/gen": "#!/bin/sh\n# A tool.\ntrue"}, "tools/gen:3", "newline")
        self.catches({"tools/gen": "#!/bin/sh\n# A tool.\n\n"}, "tools/gen:4", "newline")

    def test_a_file_without_an_opening_comment(self):
        self.catches({"src/codec/hex.c": "int x;\n"}, "src/codec/hex.c:1", "comment")
        self.catches({"tools/gen": "#!/bin/sh\ntrue\n"}, "tools/gen:1", "comment")

    def test_a_module_without_a_test(self):
        self.catches({"tests/unit/test_mem.c": None}, "src/base/mem.c:1", "no test")
        self.catches({"tests/unit/test_codec.c": None}, "src/codec/hex.c:1", "no test")
        self.accepts({"src/base/mem_pool.c": "// A part of mem.\n"})

    def test_a_test_that_covers_what_is_not_there(self):
        self.catches({"tests/unit/test_x.c": "// X.\n// Covers: base/gone.c\n"}, "tests:0", "gone")

    def test_a_fuzz_target_without_seeds(self):
        self.catches({"fuzz/corpus/hex/seed": None}, "fuzz/fuzz_hex.c:1", "no seeds")

    def test_bytes_that_are_not_text(self):
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.join(root, "docs"))
            with open(os.path.join(root, "docs", "x.md"), "wb") as file:
                file.write(b"one\n\xff\n")
            done = subprocess.run([sys.executable, TIDY, "--root", root], text=True,
                                  capture_output=True, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("docs/x.md:2: not UTF-8", done.stdout)


if __name__ == "__main__":
    unittest.main()
