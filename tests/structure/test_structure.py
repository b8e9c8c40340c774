"""The house rules hold for this tree; and for small bad trees each check says what is wrong with them."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import documents  # noqa: E402
import source  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("check", source.CHECKS + documents.CHECKS, ids=lambda check: check.__name__)
def test_this_tree(check):
    problems = check(ROOT)
    assert not problems, "\n" + "\n".join(problems)


def test_the_readme_names_commands_that_there_are():
    program = os.environ.get("GARNER_BIN")
    if not program:
        pytest.skip("GARNER_BIN is not set: ctest sets it")
    assert documents.verbs_named((ROOT / "README.md").read_text()), "the README names no command at all"
    problems = documents.check_verbs(ROOT, program)
    assert not problems, "\n" + "\n".join(problems)


# --- the checks can fail ---

@pytest.fixture
def tree(tmp_path):
    def make(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path
    return make


def header(guard, body=""):
    return f"/* A header. */\n#ifndef {guard}\n#define {guard}\n{body}\n#endif\n"


GOOD = {
    "common/a.h": header("GARNER_A_H"),
    "proto/p.h": header("GARNER_P_H", '#include "common/a.h"'),
    "worker/winnow/w.h": header("GARNER_W_H", '#include <time.h>\n#include "proto/p.h"'),
    "worker/winnow/w.c": '#include "worker/winnow/w.h"\n/* time() is not called */\nint w(struct s *s) '
                         '{ return s->time(1) + run_time(2) + x.rand(3); }\nconst char *t = "time()";\n',
    "worker/store/s.c": "#include <lmdb.h>\n",
    "cli/c.c": '#include "worker/winnow/w.h"\n#include "common/a.h"\n',
}


def problems_of(check, root, *wanted):
    """Asserts that the problems are these, each by a part of it."""
    problems = check(root)
    assert len(problems) == len(wanted), problems
    for part in wanted:
        assert any(part in problem for problem in problems), (part, problems)


@pytest.mark.parametrize("check", source.CHECKS, ids=lambda check: check.__name__)
def test_a_good_tree_has_no_problems(tree, check):
    assert check(tree(GOOD)) == []


@pytest.mark.parametrize("path, include, problem", [
    ("common/x.c", '"proto/p.h"', "common/x.c:1: common/ must not include proto/p.h"),
    ("common/x.c", "<proto/p.h>", "common/ must not include"),
    ("common/deep/x.c", '"../../proto/p.h"', "common/ must not include proto/p.h"),
    ("proto/x.c", '"worker/winnow/w.h"', "proto/ must not include worker/winnow/w.h"),
    ("worker/x.c", '"gateway/g.h"', "worker/ must not include gateway/g.h"),
    ("worker/x.c", '"cli/c.h"', "worker/ must not include cli/c.h"),
    ("coordinator/x.c", '"worker/winnow/w.h"', "coordinator/ must not include worker/winnow/w.h"),
    ("gateway/x.c", '"coordinator/c.h"', "gateway/ must not include coordinator/c.h"),
    ("client/x.c", '"worker/winnow/w.h"', "client/ must not include worker/winnow/w.h"),
    ("worker/x.c", '"worker/gone.h"', "which is not in this tree"),
    ("newfolder/x.c", '"common/a.h"', "newfolder/ has no line in MAY_INCLUDE"),
    ("worker/fetch/x.c", "<lmdb.h>", "<lmdb.h> is for worker/store/ and coordinator/state/ alone"),
    ("worker/run/x.c", "<curl/curl.h>", "<curl/curl.h> is for worker/fetch/ alone"),
])
def test_a_wrong_include_is_found(tree, path, include, problem):
    extra = {name: header(f"GARNER_{name[0].upper()}{len(name)}_H") for name in
             ("gateway/g.h", "coordinator/c.h", "cli/c.h")}
    root = tree({**GOOD, **extra, path: f"#include {include}\n"})
    problems_of(source.check_directions, root, problem)


def test_what_is_in_a_comment_is_no_include(tree):
    root = tree({**GOOD, "common/x.c": '/*\n#include "proto/p.h"\n*/\n// #include "proto/p.h"\n'})
    problems_of(source.check_directions, root)


@pytest.mark.parametrize("text, problem", [
    ("#include <curl/curl.h>\n", "a decider reaches curl/curl.h"),
    ("#include <nng/nng.h>\n", "a decider reaches nng/nng.h"),
    ('#include "common/clock.h"\n', "a decider reaches common/clock.h"),
    ('#include "worker/mid.h"\n', "worker/winnow/x.c -> worker/mid.h -> common/clock.h"),
    ("long f(void) { return time(0); }\n", "worker/winnow/x.c:1: a decider calls time()"),
    ("\nint f(void)\n{\n    return rand();\n}\n", "worker/winnow/x.c:4: a decider calls rand()"),
    ("int f(void) { return clock_gettime(0, 0); }\n", "calls clock_gettime()"),
])
def test_a_decider_that_does_more_is_found(tree, text, problem):
    root = tree({**GOOD, "common/clock.h": header("GARNER_CLOCK_H"), "worker/winnow/x.c": text,
                       "worker/mid.h": header("GARNER_MID_H", '#include "common/clock.h"')})
    problems_of(source.check_deciders, root, problem)


def test_a_named_decider_that_is_gone_is_found(tree):
    stems = [stem for stem in source.DECIDERS if stem.startswith("worker/fetch/")]
    root = tree({f"{stem}.h": header("GARNER_X_H") for stem in stems[1:]})
    problems_of(source.check_deciders, root, f"{stems[0]}.h: is named as a decider")


@pytest.mark.parametrize("text, problem", [
    ("int x;\n", "no header guard"),
    ("#ifndef GARNER_X_H\n#define GARNER_Y_H\n#endif\n", "no header guard"),
    ("#ifndef GARNER_X_H\n#define GARNER_X_H\n#endif\nint x;\n", "no header guard"),
    (header("X_H"), "guard X_H isn't GARNER_"),
    (header("GARNER_A_H"), "is common/a.h's, too"),
])
def test_a_header_without_its_guard_is_found(tree, text, problem):
    problems_of(source.check_guards, tree({**GOOD, "common/x.h": text}), problem)


def test_a_file_that_is_too_long_is_found(tree):
    root = tree({"common/x.c": "\n" * 501, "common/y.c": "\n" * 500, "tests/build/z.c": "\n" * 900})
    problems_of(source.check_files, root, "common/x.c: 501 lines")


def test_an_unfinished_file_is_found(tree):
    word = "TO" + "DO"
    root = tree({"common/x.c": f"\n/* {word}: more */\n", "docs/x.md": f"FIX{'ME'}\n", "a.c": f"int {word}S;\n"})
    problems_of(source.check_files, root, f"common/x.c:2: {word}", "docs/x.md:1")


# --- documents ---

LIMITS_H = """enum {
    LIMIT_A_BYTES = 64 << 20, /* of one thing */
    LIMIT_B_MS = 500,
    LIMIT_C = 0x10, LIMIT_D_PERCENT = 20,
    LIMIT_E_BYTES = LIMIT_A_BYTES * 2,
};
#define LIMIT_F_BYTES ((uint64_t)64 << 30)
"""
LIMITS_MD = """| name | value | for |
|---|---|---|
| `LIMIT_A_BYTES` | 64 MiB | x |
| `LIMIT_B_MS` | 500 ms | x |
| `LIMIT_C` | 16 | x |
| `LIMIT_D_PERCENT` | 20 % | x |
| `LIMIT_E_BYTES` | 128 MiB | x |
| `LIMIT_F_BYTES` | 64 GiB | x |
"""


@pytest.mark.parametrize("old, new, problems", [
    ("", "", []),
    ("64 MiB", "64 MB", ["LIMIT_A_BYTES is said to be 64 MB, and common/limits.h has 67,108,864"]),
    ("500 ms", "500", ["'500' is no value"]),
    ("500 ms", "500 s", ["LIMIT_B_MS is said to be 500 s"]),
    ("| `LIMIT_C` | 16 | x |\n", "", ["LIMIT_C (16) is missing"]),
    ("| 16 |", "| 1,6 |", ["'1,6' is no value"]),
    ("| 16 |", "| sixteen |", ["'sixteen' is no value"]),
    ("`LIMIT_C`", "`LIMIT_X`", ["LIMIT_X isn't in", "LIMIT_C (16) is missing"]),
    ("`LIMIT_E_BYTES` | 128 MiB", "`LIMIT_A_BYTES` | 64 MiB", ["stands here twice", "LIMIT_E_BYTES (134,217,728)"]),
])
def test_a_limit_that_is_told_wrongly_is_found(tree, old, new, problems):
    assert old in LIMITS_MD
    root = tree({"common/limits.h": LIMITS_H, "docs/limits.md": LIMITS_MD.replace(old, new)})
    problems_of(documents.check_limits, root, *problems)


def test_a_limit_that_nothing_keeps_to_is_found(tree):
    root = tree({"common/limits.h": "enum { LIMIT_A = 1, LIMIT_B = 2 };\n", "common/a.c": "/* LIMIT_B */\nint a = LIMIT_A;\n"})
    problems_of(documents.check_limits_hold, root, "LIMIT_B is used nowhere")


AWS_FILE = """provider: aws
auth: {kind: aws_sigv4, service: ec2}
regions: {permissions: [ec2:DescribeRegions]}
collections:
  - {type: aws.vpc, scope: region, permissions: [ec2:DescribeVpcs], request: {form: {Action: DescribeVpcs}}}
"""


@pytest.mark.parametrize("old, new, problems", [
    ("", "", []),
    ("DescribeVpcs]", "DescribeAll, ec2:DescribeVpcs]", ["'policy' isn't", "'table' isn't"]),
    ("scope: region", "every: 1h, ignore: [/x]", ["'table' isn't what providers/aws.yaml says: run deploy/aws-policy.py --write", "'ignored' isn't"]),
])
def test_a_page_that_lags_behind_the_provider_file_is_found(tree, old, new, problems):
    root = tree({"providers/aws.yaml": AWS_FILE})
    page = "".join(f"<!-- {name}: of x -->\n{text}<!-- end of {name} -->\n"
                   for name, text in documents.aws_policy().made(root / "providers/aws.yaml").items())
    tree({"docs/aws.md": page, "providers/aws.yaml": AWS_FILE.replace(old, new)})
    problems_of(documents.check_aws, root, *problems)
    tree({"docs/aws.md": page.replace("end of policy", "end")})
    assert "docs/aws.md: has no markers for 'policy'" in documents.check_aws(root)


def test_a_collection_that_names_no_permission_is_an_error(tree):
    root = tree({"providers/aws.yaml": AWS_FILE.replace("permissions: [ec2:DescribeVpcs], ", ""), "docs/aws.md": ""})
    with pytest.raises(ValueError, match="aws.vpc has no `permissions`"):
        documents.check_aws(root)


@pytest.mark.parametrize("link, problem", [
    ("[x](docs/a.md)", None),
    ("[x](docs/a.md#two-words-here)", None),
    ("[x](#own)", None),
    ("[x](https://example.com/none)", None),
    ("`[x](docs/gone.md)`", None),
    ("```\n[x](docs/gone.md)\n```", None),
    ("\n[x](docs/gone.md)", "README.md:4: link docs/gone.md leads to no file"),
    ("[x](docs/a.md#three)", "no heading 'three'"),
    ("[x](#none)", "no heading 'none'"),
    ("[x](../outside.md)", "leads to no file of this tree"),
    ("![x](picture.png)", "leads to no file"),
])
def test_a_link_that_leads_nowhere_is_found(tree, link, problem):
    root = tree({"README.md": f"# Own\n\n{link}\n", "docs/a.md": "## Two `words`, here!\n```\n# three\n```\n"})
    problems_of(documents.check_links, root, *[problem] * bool(problem))


def test_a_script_that_is_gone_is_found(tree):
    root = tree({"README.md": "run `deploy/here.sh`,\nthen deploy/gone.sh\n", "deploy/here.sh": ""})
    problems_of(documents.check_paths, root, "README.md:2: deploy/gone.sh isn't there")


def test_a_command_that_is_unknown_is_found(tree):
    root = tree({
        "README.md": "`garner run -c x`, garner prose\n```\n$ build/bin/garner hop x | garner list t\n```\n",
        "garner": "#!/bin/sh\ncase $1 in run|list) exit 0;; esac\nexit 2\n"})
    (root / "garner").chmod(0o755)
    assert documents.verbs_named((root / "README.md").read_text()) == {"run", "hop", "list"}
    problems_of(lambda r: documents.check_verbs(r, r / "garner"), root, "names `garner hop`")
