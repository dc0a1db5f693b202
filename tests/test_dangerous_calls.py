"""No call that runs what a file or a name says: found in the syntax tree of all that is shipped."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NEVER = {
    # a shell, or code out of data
    *("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"),
    *("eval", "exec", "__import__", "asyncio.create_subprocess_shell"),
    # unpickling runs what the file says
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.load", "marshal.loads"),
    *(
        "shelve.open",
        "joblib.load",
        "dill.load",
        "dill.loads",
        "pd.read_pickle",
        "cloudpickle.load",
    ),
    # a name that another program can take first
    "tempfile.mktemp",
    # loaders that build any object
    *("yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load", "yaml.full_load_all"),
    # what is not escaped, and paths out of an archive that are taken as they are
    *("Markup", "markupsafe.Markup", "jinja2.Template", "shutil.unpack_archive", "tarfile.open"),
}
PROCESSES = ("run", "Popen", "call", "check_call", "check_output")


def problem(call: ast.Call) -> str:
    """What is wrong with a call; empty if nothing is."""
    name = ast.unparse(call.func)
    stated = {word.arg: ast.unparse(word.value) for word in call.keywords}
    last = name.rpartition(".")[2]
    if name in NEVER:
        return f"{name} is never called"
    if name == "torch.load" and stated.get("weights_only") != "True":
        return "torch.load without weights_only=True"
    if last == "fit" and "ckpt_path" in stated and stated.get("weights_only") != "True":
        return "a checkpoint that is gone on from without weights_only=True"
    if "allow_pickle" in stated and stated["allow_pickle"] != "False":
        return "numpy unpickles"
    if last == "YAML" and stated.get("typ", "'rt'") not in ("'rt'", "'safe'"):
        return "ruamel.yaml builds any object"
    if last == "Environment" and stated.get("autoescape") != "True":
        return "a jinja2 environment that does not escape"
    if name.startswith("subprocess.") and last in PROCESSES:
        if "shell" in stated:
            return "a shell"
        if not call.args or isinstance(call.args[0], ast.Constant | ast.JoinedStr | ast.BinOp):
            return "words of a program as one text, which only a shell takes apart"
    return ""


def encoding_missing(call: ast.Call) -> bool:
    """A text file whose bytes would depend on the machine's locale."""
    stated = {word.arg for word in call.keywords}
    if isinstance(call.func, ast.Name) and call.func.id == "open":
        return True  # paths have an open of their own
    if not isinstance(call.func, ast.Attribute) or "encoding" in stated:
        return False
    # write_text(text, encoding), read_text(encoding)
    needed = {"write_text": 2, "read_text": 1}.get(call.func.attr)
    if needed is not None:
        return len(call.args) < needed
    if call.func.attr == "open" and len(call.args) == 1 and isinstance(call.args[0], ast.Constant):
        mode = call.args[0].value
        return isinstance(mode, str) and set(mode) <= set("rwax+t")
    started = ast.unparse(call.func).startswith("subprocess.") and call.func.attr in PROCESSES
    return started and "text" in stated


def sources() -> Iterator[tuple[str, str]]:
    """Every module and every notebook's code, with where it is."""
    for folder in ("deepbench", "tools", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield str(path.relative_to(ROOT)), path.read_text("utf-8")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for place, cell in enumerate(json.loads(path.read_text("utf-8"))["cells"]):
            if cell["cell_type"] == "code":
                yield f"{path.relative_to(ROOT)} cell {place}", "".join(cell["source"])


def calls() -> Iterator[tuple[str, ast.Call]]:
    for where, text in sources():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call):
                yield f"{where}:{node.lineno}", node


def only_call(text: str) -> ast.Call:
    call = ast.parse(text, mode="eval").body
    assert isinstance(call, ast.Call)
    return call


def test_nothing_shipped_runs_what_a_file_or_a_name_says():
    assert [f"{where}: {said}" for where, call in calls() if (said := problem(call))] == []


def test_text_files_and_the_output_of_programs_have_a_stated_encoding():
    assert [where for where, call in calls() if encoding_missing(call)] == []


@pytest.mark.parametrize(
    "text",
    [
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "trainer.fit(model, ckpt_path=path)",
        "np.load(path, allow_pickle=True)",
        "pickle.load(file)",
        "yaml.load(text, Loader=yaml.Loader)",
        "YAML(typ='unsafe')",
        "subprocess.run('ls -l')",
        "subprocess.run(f'ls {name}')",
        "subprocess.run(['ls'], shell=True)",
        "os.system('ls')",
        "eval('1')",
        "jinja2.Environment(loader=loader)",
        "jinja2.Environment(autoescape=False)",
    ],
)
def test_the_search_finds_what_it_looks_for(text):
    assert problem(only_call(text))


@pytest.mark.parametrize(
    "text",
    [
        "torch.load(path, map_location='cpu', weights_only=True)",
        "model.load_state_dict(state)",
        "np.load(path, mmap_mode='r')",
        "yaml.safe_load(text)",
        "YAML()",
        "subprocess.run(['ls', name], check=True)",
        "jinja2.Environment(autoescape=True)",
        "module.eval()",
    ],
)
def test_the_search_lets_through_what_is_safe(text):
    assert not problem(only_call(text))


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("path.read_text()", True),
        ("path.read_text('utf-8')", False),
        ("path.write_text(text)", True),
        ("path.write_text(text, 'utf-8')", False),
        ("path.write_text(text, encoding='utf-8')", False),
        ("path.open('w')", True),
        ("path.open('wb')", False),
        ("path.open('w', encoding='utf-8')", False),
        ("av.open(name)", False),
        ("open(path, encoding='utf-8')", True),
        ("subprocess.run(words, text=True)", True),
        ("subprocess.run(words, text=True, encoding='utf-8')", False),
    ],
)
def test_the_search_for_encodings_knows_text_from_bytes(text, missing):
    assert encoding_missing(only_call(text)) == missing


def test_no_template_takes_a_text_as_it_is():
    templates = sorted((ROOT / "deepbench").rglob("*.html"))
    assert len(templates) > 5
    for path in templates:
        text = path.read_text("utf-8")
        for word in ("|safe", "| safe", "autoescape", "{% raw"):
            assert word not in text, f"{path.name} has {word}"


def test_no_script_of_ours_writes_markup():
    scripts = sorted((ROOT / "deepbench").rglob("*.js"))
    scripts += [
        p for p in (ROOT / "deepbench").rglob("*.html") if "<script" in p.read_text("utf-8")
    ]
    assert len(scripts) > 2
    for path in scripts:
        text = path.read_text("utf-8")
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert word not in text, f"{path.name} has {word}"
