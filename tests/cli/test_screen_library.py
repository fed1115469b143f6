"""The shared library: it shows the functions of include/dyepack.h and nothing else, the header is
C99 and C++, and the example builds against it and answers as the program does.

Wants the library that the build makes beside the program ($DYEPACK_BUILD), nm and a C compiler;
skipped, saying so, where they are missing.
"""
import os
import re
import shutil
import subprocess
import unittest

import dye

BUILD = os.environ.get("DYEPACK_BUILD", os.path.dirname(dye.DYEPACK))
LIBRARY = os.path.join(BUILD, "libdyepack.so")
HEADER = os.path.join(dye.ROOT, "include", "dyepack.h")
LAZARUS = "0x098B716B8Aaf21512996dC57EB0615e2383E2f96"


class Library(dye.Case):
    """What other programs are built against."""

    def need(self, *programs):
        for program in programs:
            if shutil.which(program) is None:
                self.skipTest("SKIPPED: %s is not installed" % program)
        if not os.path.exists(LIBRARY):
            self.skipTest("SKIPPED: %s is not there" % LIBRARY)

    def test_it_shows_the_header_s_functions_and_nothing_else(self):
        self.need("nm")
        out = subprocess.run(["nm", "-D", "--defined-only", LIBRARY], capture_output=True,
                             text=True, check=True).stdout
        shown = {line.split()[2].split("@")[0] for line in out.splitlines()
                 if line.split()[1] in "TDBRW"}
        with open(HEADER, encoding="ascii") as file:
            said = set(re.findall(r"DYEPACK_API\s[^;(]*?(dyepack_\w+)\(", file.read()))
        self.assertEqual({s for s in shown if not s.startswith("__")}, said)

    def test_the_header_is_c99_and_c_plus_plus(self):
        self.need("cc")
        languages = [("c", "-std=c99")] + ([("c++", "-std=c++11")] if shutil.which("c++") else [])
        for language, standard in languages:
            subprocess.run(["cc", "-x", language, standard, "-Wall", "-Wextra", "-pedantic",
                            "-Werror", "-fsyntax-only", HEADER], check=True)

    def test_the_example_answers(self):
        self.need("cc")
        example = self.path("screen")
        built = subprocess.run(
            ["cc", "-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror",
             os.path.join(dye.ROOT, "examples", "screen.c"), "-I", os.path.dirname(HEADER), "-L",
             BUILD, "-ldyepack", "-Wl,-rpath," + BUILD, "-o", example],
            capture_output=True, text=True, check=False)
        if "sanitizer" in built.stderr or "__asan" in built.stderr or "__tsan" in built.stderr:
            self.skipTest("SKIPPED: the library was built with a sanitizer")
        self.assertEqual(built.returncode, 0, built.stderr)
        tags = self.path("tags")
        self.assertEqual(dye.run("tag", "import", self.write("list.txt", LAZARUS + "\n"), "--tags",
                                 tags, "--abuse", "sanction", "--list", "OFAC SDN", "--label",
                                 "someone").returncode, 0)
        result = subprocess.run([example, tags, LAZARUS, "0x" + "11" * 20], capture_output=True,
                                text=True, check=False)
        self.assertEqual(result.returncode, 3, result.stderr)
        lines = result.stdout.splitlines()
        self.assertEqual(lines[0], LAZARUS + ": severe")
        self.assertIn("on the sanctions list OFAC SDN as someone [sanctioned]", result.stdout)
        self.assertEqual(lines[-1], "0x" + "11" * 20 + ": none")
        result = subprocess.run([example, self.path("none")], capture_output=True, text=True,
                                check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("none", result.stderr)


if __name__ == "__main__":
    unittest.main()
