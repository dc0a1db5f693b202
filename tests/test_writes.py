"""Whoever writes a file goes through core/files.py, so that no reader ever meets half of one."""

import ast
import re

import nbformat
import pytest
from test_architecture import PACKAGE, ROOT

MODULES = [p for p in sorted(PACKAGE.rglob("*.py")) if p.name != "__init__.py"]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# calls by the end of their name; a mode is looked for where files are opened
WRITERS = {
    *("write_text", "write_bytes", "savefig", "write_table", "OSFile", "extractall"),
    *("np.save", "np.savez", "np.savez_compressed", "torch.save", "save_file", "json.dump"),
    *("shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.copytree", "shutil.move"),
    *("to_parquet", "to_pickle", "to_csv", "to_json", "dump", "symlink_to", "os.replace"),
}
ATOMIC = {"unfinished", "filling"}  # blocks of core/files.py
# the module, the call, and why it may
EXCEPTIONS = {
    ("core/resources.py", "write_text"): "tells the kernel something; no file on a disk",
    ("apps/download.py", "write_text"): "the name of the version beside a .part",
    ("apps/download.py", "open"): "a .part, which a cut download goes on with",
    ("apps/parallel.py", "open"): "a log, which grows while it is read",
    ("apps/page.py", "shutil.copy"): "a folder of one server's own, gone with it",
    ("apps/page.py", "write_text"): "a folder of one server's own, gone with it",
    ("apps/mlflow_page.py", "write_text"): "a folder of one server's own, gone with it",
    ("apps/explore/presets.py", "dump"): "into memory",
    ("apps/detection/uploads.py", "open"): "an upload, stored piece by piece until it is whole",
    ("reporting/html.py", "savefig"): "into memory",
    ("reporting/overlays.py", "savefig"): "into memory",
}


def writes(tree):
    """Calls that write a file, outside the blocks that make it whole or nothing."""
    found = set()

    def look(node, safe):
        if isinstance(node, ast.With):
            names = {_name(item.context_expr) for item in node.items}
            safe = safe or bool({name.rpartition(".")[2] for name in names} & ATOMIC)
        if isinstance(node, ast.Call) and not safe and (name := _writes(node)):
            found.add(name)
        for child in ast.iter_child_nodes(node):
            look(child, safe)

    look(tree, False)
    return found


def _writes(call):
    name = _name(call)
    last = name.rpartition(".")[2]
    if last == "open":
        modes = [a.value for a in [*call.args, *(k.value for k in call.keywords)] if _is_text(a)]
        return (
            "open" if any(re.fullmatch(r"[rwxa+b]*[wxa+][rwxa+b]*", mode) for mode in modes) else ""
        )
    if last in ("to_csv", "to_json") and not call.args:
        return ""  # returns text
    return next((w for w in WRITERS if name == w or ("." not in w and last == w)), "")


def _is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _name(node):
    if isinstance(node, ast.Call):
        node = node.func
    return ast.unparse(node)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_modules_write_whole_files_or_say_why_not(path):
    here = path.relative_to(PACKAGE).as_posix()
    found = {(here, name) for name in writes(ast.parse(path.read_text("utf-8")))}
    assert found - set(EXCEPTIONS) == set()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_notebooks_write_whole_files(path):
    cells = nbformat.read(path, as_version=4).cells
    code = "\n".join(c.source for c in cells if c.cell_type == "code")
    assert writes(ast.parse(re.sub(r"^\s*[%!].*$", "", code, flags=re.MULTILINE))) == set()


def test_every_exception_is_needed():
    for here, name in EXCEPTIONS:
        assert name in writes(ast.parse((PACKAGE / here).read_text("utf-8"))), here


@pytest.mark.parametrize(
    "line",
    ["p.write_text('x')", "p.open('wb')", "open(p, mode='a')", "t.to_csv(p)", "np.save(p, x)"],
)
def test_a_plain_write_is_noticed(line):
    assert writes(ast.parse(line))
    assert not writes(ast.parse(f"with files.unfinished(p) as part:\n    {line}"))


def test_reading_is_no_writing():
    assert not writes(ast.parse("p.open('rb').read(); open(p); t.to_csv(); p.read_text('utf-8')"))
