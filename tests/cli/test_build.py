"""Proves the front door: installing only what is missing, finding new files, counting tests, and
naming the version.

Packages are never really installed here: apt-get, dpkg-query, sudo and id are replaced by small
scripts in a folder that stands first in PATH and write down how they were called.
"""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def run(command, **more):
    """Runs a command; output and errors are kept as text."""
    return subprocess.run(command, text=True, capture_output=True, check=False, **more)


class Folder(unittest.TestCase):
    """Gives each test a folder of its own."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="dyepack-test-")
        self.addCleanup(shutil.rmtree, self.folder)

    def write(self, path, text, mode=0o644):
        """Writes a file below the folder."""
        where = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(where), exist_ok=True)
        with open(where, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(where, mode)
        return where

    def copy(self, path):
        """Copies a file of the project to the same place below the folder."""
        where = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(where), exist_ok=True)
        shutil.copy(os.path.join(ROOT, path), where)


class InstallTest(Folder):
    """tools/install-packages against a pretended system."""

    def setUp(self):
        super().setUp()
        self.copy("tools/install-packages")
        self.write("tools/packages.txt", "# A list.\n\ngcc build to compile\n"
                   "libold|libnew build either will do\ncmocka test for tests\n")
        for name in ("sh", "dirname", "awk", "sed", "tr", "cat", "env"):
            os.makedirs(os.path.join(self.folder, "bin"), exist_ok=True)
            os.symlink(shutil.which(name), os.path.join(self.folder, "bin", name))

    def pretend(self, installed, uid=0, sudo=False, known=("libnew", "cmocka", "gcc"), fails=False):
        """A Debian on which `installed` is there and the archive knows `known`."""
        log = os.path.join(self.folder, "log")
        head = f'#!/bin/sh\necho "${{0##*/}} $*" >> {log}\n'
        self.write("bin/dpkg-query", "#!/bin/sh\nfor last; do :; done\ncase $last in "
                   f"{'|'.join(installed) or 'none'}) printf installed;; *) exit 1;; esac\n", 0o755)
        self.write("bin/apt-cache", f"#!/bin/sh\ncase $2 in {'|'.join(known)}) ;; "
                   "*) exit 100;; esac\n", 0o755)
        broken = 'case $1 in install) echo "E: no network" >&2; exit 100;; esac\n' if fails else ""
        self.write("bin/apt-get", head + broken, 0o755)
        self.write("bin/id", f"#!/bin/sh\necho {uid}\n", 0o755)
        if sudo:
            self.write("bin/sudo", head + '"$@"\n', 0o755)

    def install(self, *args):
        """Runs it on the pretended system; gives the result and the calls of apt-get and sudo."""
        done = run(["/bin/sh", os.path.join(self.folder, "tools/install-packages"), *args],
                   env={"PATH": os.path.join(self.folder, "bin")})
        log = os.path.join(self.folder, "log")
        calls = []
        if os.path.exists(log):
            with open(log, encoding="utf-8") as file:
                calls = file.read().splitlines()
        return done, calls

    def test_nothing_missing_is_silent_and_touches_nothing(self):
        self.pretend(["gcc", "libold"], uid=1000)
        done, calls = self.install("build")
        self.assertEqual((done.returncode, done.stdout, done.stderr, calls), (0, "", "", []))

    def test_only_what_is_missing_is_installed_and_said(self):
        self.pretend(["gcc"])
        done, calls = self.install("build", "test")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("cmocka for tests", done.stdout)
        self.assertNotIn("gcc to compile", done.stdout)
        self.assertEqual(calls[0], "apt-get update -qq")
        self.assertEqual(calls[1], "apt-get install -y -qq --no-install-recommends libnew cmocka")

    def test_a_group_that_is_not_asked_for_is_left_alone(self):
        self.pretend(["gcc", "libnew"])
        done, calls = self.install("build")
        self.assertEqual((done.returncode, calls), (0, []))

    def test_sudo_is_used_by_an_ordinary_user_only(self):
        self.pretend(["gcc", "libold"], uid=1000, sudo=True)
        done, calls = self.install("test")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(calls[0].startswith("sudo "), calls)

    def test_without_root_and_sudo_it_says_what_to_run(self):
        self.pretend(["gcc"], uid=1000)
        done, calls = self.install("build", "test")
        self.assertEqual((done.returncode, calls), (1, []))
        self.assertIn("apt-get install libold cmocka", done.stderr)

    def test_a_dry_run_only_says(self):
        self.pretend(["gcc", "libold"])
        done, calls = self.install("-n", "build", "test")
        self.assertEqual((done.returncode, calls), (1, []))
        self.assertIn("cmocka", done.stdout)

    def test_a_failing_apt_is_reported_with_what_to_do(self):
        self.pretend(["gcc", "libold"], fails=True)
        done, _ = self.install("test")
        self.assertEqual(done.returncode, 1)
        self.assertIn("Check the network", done.stderr)

    def test_a_system_without_apt_is_told_what_is_wanted(self):
        done, _ = self.install("build")
        self.assertEqual(done.returncode, 0)
        self.assertIn("no apt", done.stderr)
        self.assertIn("gcc to compile", done.stderr)

    def test_misuse(self):
        self.pretend([])
        self.assertEqual(self.install()[0].returncode, 2)
        self.assertEqual(self.install("everything")[0].returncode, 2)


class SourcesTest(Folder):
    """tools/sources finds files by where they stand."""

    def test_each_kind_is_found_and_a_missing_folder_is_empty(self):
        self.copy("tools/sources")
        for path in ("src/cli/main.c", "src/cli/trace.c", "src/base/mem.c", "src/base/mem.h",
                     "tests/unit/test_mem.c", "tests/unit/other.c", "tests/cli/test_trace.py",
                     "fuzz/fuzz_hex.c", "fuzz/replay.c", "tests/support/world.c"):
            self.write(path, "")
        done = run([os.path.join(self.folder, "tools/sources"), "all"])
        self.assertEqual(done.stdout.splitlines(), [
            "lib src/base/mem.c", "lib src/cli/trace.c", "main src/cli/main.c",
            "support tests/support/world.c", "unit tests/unit/test_mem.c", "fuzz fuzz/fuzz_hex.c",
            "py tests/cli/test_trace.py"])
        self.assertEqual(run([os.path.join(self.folder, "tools/sources"), "x"]).returncode, 2)


class CountTest(Folder):
    """tools/count-tests against made-up logs of Meson."""

    def count(self, *tests):
        """The last line and the exit code for a log of (result, stdout, stderr)."""
        lines = [json.dumps({"name": "x", "result": r, "stdout": o, "stderr": e})
                 for r, o, e in tests]
        self.write("meson-logs/testlog.json", "\n".join(lines) + "\n")
        done = run([os.path.join(ROOT, "tools/count-tests"), self.folder])
        return done.stdout.splitlines()[-1], done.returncode

    def test_functions_are_counted_not_programs(self):
        tap = "1..3\nok 1 - a\nok 2 - b\nnot ok 3 # SKIP c\n"
        self.assertEqual(self.count(("OK", tap, "")), ("2 passed, 0 failed, 1 skipped", 0))

    def test_a_failed_function(self):
        tap = "1..2\nok 1 - a\nnot ok 2 - b\n# 1 != 2\n# not ok - group\n"
        self.assertEqual(self.count(("FAIL", tap, "")), ("1 passed, 1 failed", 1))

    def test_a_failed_function_counts_whatever_the_exit_code_was(self):
        self.assertEqual(self.count(("OK", "ok 1 - a\nnot ok 2 - b\n", "")),
                         ("1 passed, 1 failed", 1))

    def test_a_crash_after_good_functions_is_a_failure(self):
        self.assertEqual(self.count(("FAIL", "1..9\nok 1 - a\n", "")), ("1 passed, 1 failed", 1))

    def test_programs_without_functions_count_as_one(self):
        self.assertEqual(self.count(("OK", "hello", ""), ("SKIP", "", ""), ("TIMEOUT", "", "")),
                         ("1 passed, 1 failed, 1 skipped", 1))

    def test_unittest_totals(self):
        good = "Ran 5 tests in 0.1s\n\nOK (skipped=2)\n"
        bad = "Ran 5 tests in 0.1s\n\nFAILED (failures=1, errors=2, skipped=1)\n"
        self.assertEqual(self.count(("OK", "", good)), ("3 passed, 0 failed, 2 skipped", 0))
        self.assertEqual(self.count(("FAIL", "", bad)), ("1 passed, 3 failed, 1 skipped", 1))

    def test_no_tests_at_all_is_no_success(self):
        self.assertEqual(self.count(("SKIP", "", ""))[1], 1)
        done = run([os.path.join(ROOT, "tools/count-tests"), "/nowhere"])
        self.assertNotEqual(done.returncode, 0)


class VersionTest(Folder):
    """tools/version inside and outside of git."""

    def setUp(self):
        super().setUp()
        self.copy("tools/version")
        self.write("VERSION", "1.2.3\n")

    def version(self):
        """What it prints."""
        return run([os.path.join(self.folder, "tools/version")]).stdout.strip()

    def git(self, *args):
        """Runs git in the folder, as nobody in particular."""
        who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        done = run(["git", "-C", self.folder, *who, *args])
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_tarball_has_the_version_of_its_file(self):
        self.assertEqual(self.version(), "1.2.3")

    def test_a_repository_adds_commit_change_or_tag(self):
        if not shutil.which("git"):
            self.skipTest("git is not installed")
        self.git("init", "-q")
        self.assertEqual(self.version(), "1.2.3")
        self.git("add", ".")
        self.git("commit", "-q", "-m", "x")
        self.assertRegex(self.version(), r"^1\.2\.3\+g[0-9a-f]{10}$")
        self.write("VERSION", "1.2.4\n")
        self.assertRegex(self.version(), r"^1\.2\.4\+g[0-9a-f]{10}-dirty$")
        self.git("commit", "-q", "-a", "-m", "y")
        self.git("tag", "v1.2.4")
        self.assertEqual(self.version(), "1.2.4")


if __name__ == "__main__":
    unittest.main()
