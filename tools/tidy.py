#!/usr/bin/env python3
"""The house rules that no other tool knows, checked by machine: layers, sizes, banned calls.

    tools/tidy.py              every rule
    tools/tidy.py --layers     only which room may include which (fast; part of `make test`)
    tools/tidy.py --root DIR   another tree than this one (its own test uses that)

A rule that is only written down is broken within a month; so each rule here has a test
(tests/model/test_tidy.py) that shows it biting. Every complaint is `file:line: what; what to
do`, and the exit code is 1 when there is any. The C rules work on text with comments and strings
blanked out, not on a parse: the code is formatted by clang-format, so text is enough.

How a file asks for an exception: not at all, except through the tables below, where the reason
stands beside it. A test that covers modules of other names than its own says so in a line
`// Covers: room/x.c room/y.c`.
"""

import argparse
import os
import re
import sys

# Rooms and their layers. A room includes rooms of a lower number and itself, nothing else.
ROOMS = {
    "base": 0,
    "codec": 1,
    "chain": 2,
    "source": 3, "ledger": 3, "tag": 3, "shape": 3,
    "taint": 4, "link": 4, "entity": 4,
    "engine": 5,
    "technique": 6, "casebook": 6,
    "alert": 7, "api": 7, "report": 7, "screen": 7,
    "live": 8,
    "cli": 9,
}

COLUMNS_MAX = 100
TAB_WIDTH = 8
FUNCTION_LINES_MAX = 70

# Who may allocate by hand, print, and read the environment; each a room ("cli/") or one file.
MAY_ALLOCATE = ("base/mem.c", "cli/")
MAY_PRINT = ("cli/", "base/check.c")  # check.c: the last words before it aborts
MAY_ENV = ("cli/",)
# Files of src that may use floating point: progress display only, never an amount (I-5).
MAY_FLOAT = ("cli/progress.c",)

# Functions nobody may call, each with what to call instead.
BANNED = {
    "strcpy": "memcpy with a length that was checked",
    "strcat": "snprintf into a buffer of known size",
    "strncpy": "memcpy and an explicit terminator",
    "strncat": "snprintf into a buffer of known size",
    "sprintf": "snprintf",
    "vsprintf": "vsnprintf",
    "gets": "dp_input_read",
    "atoi": "a parser that reports what is wrong",
    "atol": "a parser that reports what is wrong",
    "atoll": "a parser that reports what is wrong",
    "atof": "dp_u256_parse: amounts are never floating point",
    "strtok": "a loop over memchr: strtok keeps hidden state",
    "alloca": "a fixed array or an arena",
    "tmpnam": "mkstemp",
}
ALLOCATORS = ("malloc", "calloc", "realloc", "reallocarray", "free", "strdup", "strndup",
              "asprintf", "vasprintf", "aligned_alloc", "posix_memalign")
PRINTERS = ("printf", "vprintf", "puts", "putchar", "perror", "syslog")

C_FOLDERS = ("src", "tests", "fuzz", "bench", "tools")
TEXT_FOLDERS = C_FOLDERS + (".ci", "docs", "techniques", "web")
SKIPPED = ("tests/data", "tests/golden", "fuzz/corpus", "web/vendor", "web/node_modules")
TOP_FILES = ("Makefile", "meson.build", "meson_options.txt", "README.md", "CONTRIBUTING.md",
             ".clang-format", ".clang-tidy", ".gitignore", ".editorconfig")
OWED = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")


class Tidy:
    """One run over one tree."""

    def __init__(self, root):
        self.root = root
        self.complaints = []

    def complain(self, path, line, what):
        """Notes one broken rule."""
        self.complaints.append((path, line, what))

    def files(self, folders, suffixes=None):
        """Paths below the folders, relative to the root, sorted."""
        found = []
        for folder in folders:
            for where, names, files in os.walk(os.path.join(self.root, folder)):
                inside = os.path.relpath(where, self.root).replace(os.sep, "/")
                if inside.startswith(SKIPPED) or "__pycache__" in inside:
                    names[:] = []
                    continue
                for name in files:
                    if suffixes is None or name.endswith(suffixes):
                        found.append(f"{inside}/{name}")
        return sorted(found)

    def read(self, path):
        """The text of a file; None for what is not text."""
        with open(os.path.join(self.root, path), "rb") as file:
            data = file.read()
        if b"\0" in data:
            return None
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as wrong:
            self.complain(path, data[:wrong.start].count(b"\n") + 1, "not UTF-8; convert the file")
            return None

    # ---- layers -----------------------------------------------------------------------------

    def layers(self):
        """Each #include "room/x.h" of src points down, or into its own room."""
        for path in self.files(("src",), (".c", ".h")):
            parts = path.split("/")
            if len(parts) != 3:
                self.complain(path, 1, "a file of src stands in a room: move it to src/ROOM/")
                continue
            if parts[1] not in ROOMS:
                self.complain(path, 1, f"'{parts[1]}' is no room; add it to ROOMS in tools/tidy.py "
                              "and to docs/ARCHITECTURE.md, or use a room that exists")
                continue
            self.layers_of(path, parts[1])

    def layers_of(self, path, room):
        """The includes of one file of `room`."""
        for number, line in enumerate((self.read(path) or "").splitlines(), 1):
            include = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
            if not include or include.group(1) == "dp_version.h":
                continue
            other, slash, _ = include.group(1).partition("/")
            if not slash or other not in ROOMS:
                self.complain(path, number, f'include "{include.group(1)}" names no room; write '
                              '"room/x.h"')
            elif other != room and ROOMS[other] >= ROOMS[room]:
                what = "the same" if ROOMS[other] == ROOMS[room] else "a higher"
                self.complain(path, number, f"{room} ({ROOMS[room]}) includes {other} "
                              f"({ROOMS[other]}), a room of {what} layer; move what is shared "
                              "down, or pass it in")

    # ---- every text file --------------------------------------------------------------------

    def text(self):
        """Blanks at line ends, the last newline, the opening comment, owed work, long lines."""
        paths = self.files(TEXT_FOLDERS)
        paths += [p for p in TOP_FILES if os.path.exists(os.path.join(self.root, p))]
        for path in paths:
            text = self.read(path)
            if text is None:
                continue
            if not text.endswith("\n") or text.endswith("\n\n"):
                self.complain(path, text.count("\n") + 1, "end the file with exactly one newline")
            lines = text.splitlines()
            if lines and self.wants_comment(path) and not self.opens_with_comment(lines):
                self.complain(path, 1, "open the file with a comment: what it is, why so, and "
                              "where its algorithms come from")
            for number, line in enumerate(lines, 1):
                self.text_line(path, number, line)

    def text_line(self, path, number, line):
        """The rules for one line of any text file."""
        prose = path.endswith(".md")
        if line != line.rstrip() and not (prose and line.endswith("  ")):
            self.complain(path, number, "blanks at the end of the line; remove them")
        owed = OWED.search(line)
        if owed:
            self.complain(path, number, f"'{owed.group(1)}': finish it now or write down in docs/ "
                          "what is not done and why")
        width = len(line.expandtabs(TAB_WIDTH))
        if width > COLUMNS_MAX and not prose and "://" not in line:
            self.complain(path, number, f"{width} columns; break the line at {COLUMNS_MAX}")

    @staticmethod
    def wants_comment(path):
        """Programs and build files open with a comment; prose and lists need none."""
        name = path.rsplit("/", 1)[-1]
        return (path.endswith((".c", ".h", ".py", ".sh", ".js", "meson.build")) or
                name == "Makefile" or (path.startswith(("tools/", ".ci/")) and "." not in name))

    @staticmethod
    def opens_with_comment(lines):
        """Is there an opening comment, after an interpreter line?"""
        first = lines[1] if lines[0].startswith("#!") and len(lines) > 1 else lines[0]
        return first.startswith(("//", "/*", "# ", '"""', 'r"""')) or first == "#"

    # ---- C ----------------------------------------------------------------------------------

    def c_files(self):
        """Guards, function lengths, banned calls."""
        for path in self.files(C_FOLDERS, (".c", ".h")):
            text = self.read(path)
            if text is None:
                continue
            code = blank_out(text).split("\n")
            self.functions(path, code)
            self.calls(path, code)
            if path.startswith("src/"):
                self.src_words(path, code)
                if path.endswith(".h"):
                    self.guard(path, text)

    def guard(self, path, text):
        """src/room/x.h is guarded by DP_ROOM_X_H."""
        room, name = path.split("/")[1:3] if path.count("/") == 2 else ("", "")
        want = "DP_" + re.sub(r"[^A-Z0-9]", "_", f"{room}_{name}".upper())
        if not re.search(rf"^#ifndef {want}\n#define {want}$", text, re.M):
            self.complain(path, 1, f"no include guard {want} (#ifndef, then #define on the next "
                          "line)")

    def functions(self, path, code):
        """A function's opening brace stands alone at the margin; its lines are counted."""
        start = None
        for number, line in enumerate(code, 1):
            if re.match(r"(?!struct|union|enum|typedef)[A-Za-z_][^=;]*\)\s*\{\s*$", line):
                self.complain(path, number, "the brace that opens a function goes on a line of its "
                              "own; run 'make format'")
            elif line.rstrip() == "{":
                start = number
            elif line.startswith("}") and start is not None:
                length = number - start - 1
                if length > FUNCTION_LINES_MAX:
                    self.complain(path, start, f"a function of {length} lines; split it, "
                                  f"{FUNCTION_LINES_MAX} are the most")
                start = None

    def calls(self, path, code):
        """Functions that nobody may call, anywhere in C."""
        for number, line in enumerate(code, 1):
            for name in re.findall(r"(?<![\w.>])(\w+)\s*\(", line):
                if name in BANNED:
                    self.complain(path, number, f"{name}() is banned; use {BANNED[name]}")

    def src_words(self, path, code):
        """What library rooms leave to others: memory, printing, environment, floating point."""
        inside = path[len("src/"):]
        for number, line in enumerate(code, 1):
            if line.lstrip().startswith("#include"):
                continue
            called = re.findall(r"(?<![\w.>])(\w+)\s*\(", line)
            words = re.findall(r"\w+", line)
            for name in called:
                if name in ALLOCATORS and not inside.startswith(MAY_ALLOCATE):
                    self.complain(path, number, f"{name}() outside base/mem.c; use dp_alloc, "
                                  "dp_realloc, dp_grow or an arena, and dp_free")
                if name in PRINTERS and not inside.startswith(MAY_PRINT):
                    self.complain(path, number, f"{name}() in a library room; only cli prints: "
                                  "return the text or a dp_fault")
                if name in ("getenv", "secure_getenv") and not inside.startswith(MAY_ENV):
                    self.complain(path, number, f"{name}() in a library room; only cli reads the "
                                  "environment: pass the value in")
            for word in words:
                if word in ("stdout", "stderr") and not inside.startswith(MAY_PRINT):
                    self.complain(path, number, f"{word} in a library room; only cli prints: take "
                                  "a stream or a buffer from the caller")
                if word in ("float", "double") and inside not in MAY_FLOAT:
                    self.complain(path, number, f"{word}: amounts and their shares are exact (I-5);"
                                  " use dp_u256 or integers, or list a display file in MAY_FLOAT")

    # ---- every module has a test --------------------------------------------------------------

    def tested(self):
        """src/room/x_y.c has tests/*/test_x_y.c, test_room_x_y.c, test_x.c (it is a part of x), or
        a test that says it covers it."""
        tests = self.files(("tests",), (".c", ".py"))
        names = {re.sub(r"\.(c|py)$", "", p.rsplit("/", 1)[-1]) for p in tests}
        covered = set()
        for path in tests:
            for line in re.findall(r"^(?://|#)\s*Covers:(.*)$", self.read(path) or "", re.M):
                covered.update(line.split())
        modules = {p[len("src/"):] for p in self.files(("src",), (".c",))}
        for inside in sorted(modules - covered - {"cli/main.c"}):
            room, _, name = inside[:-len(".c")].partition("/")
            parts = name.split("_")
            whole = {f"test_{'_'.join(parts[:n])}" for n in range(1, len(parts) + 1)}
            if not names & (whole | {f"test_{room}_{name}"}):
                self.complain(f"src/{inside}", 1, f"no test; write tests/unit/test_{name}.c, or "
                              f"add '// Covers: {inside}' to the test that proves it")
        for inside in sorted(covered - modules):
            self.complain("tests", 0, f"'Covers: {inside}' names no file of src; correct the line")

    def seeds(self):
        """Every fuzz target has a corpus: `make test` replays it."""
        for path in self.files(("fuzz",), (".c",)):
            name = re.match(r"fuzz/fuzz_(\w+)\.c$", path)
            folder = os.path.join(self.root, "fuzz/corpus", name.group(1)) if name else ""
            if name and not (os.path.isdir(folder) and os.listdir(folder)):
                self.complain(path, 1, f"no seeds; put some files into fuzz/corpus/{name.group(1)}")


# An #include is matched first and kept, for its "string" is a name. Then comments, strings and
# characters; in C17 an apostrophe outside of those always opens a character.
INCLUDE_OR_BLANK = re.compile(
    r'(?P<include>^[ \t]*#[ \t]*include[^\n]*)'
    r'|//(?:\\\n|[^\n])*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"'
    r"|'(?:\\.|[^'\\\n])*'", re.M | re.S)


def blank_out(text):
    """The same text with comments, strings and characters as blanks, newlines kept."""
    def blank(match):
        return match.group(0) if match.group("include") else re.sub(r"[^\n]", " ", match.group(0))
    return INCLUDE_OR_BLANK.sub(blank, text)


def main():
    """Runs the rules and prints what they found."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--layers", action="store_true", help="only the layers of src")
    parser.add_argument("--root", default=here, help="the tree to check")
    args = parser.parse_args()
    tidy = Tidy(args.root)
    tidy.layers()
    if not args.layers:
        tidy.text()
        tidy.c_files()
        tidy.tested()
        tidy.seeds()
    for path, line, what in sorted(tidy.complaints):
        print(f"{path}:{line}: {what}")
    rules = "layers" if args.layers else "house rules"
    if tidy.complaints:
        print(f"{rules}: {len(tidy.complaints)} broken", file=sys.stderr)
        return 1
    print(f"{rules}: kept by {len(tidy.files(C_FOLDERS, ('.c', '.h')))} C files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
