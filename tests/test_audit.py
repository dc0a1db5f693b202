"""CI hears of known faults in what is pinned, and is not told that there are none unseen."""

import subprocess

import pytest

from tools import audit

TODAY = "2026-11-28"


def pin(name, *faults):
    vulns = [{"id": f, "aliases": [f"CVE-{f}"], "fix_versions": ["2.0"]} for f in faults]
    return {"name": name, "version": "1.0", "vulns": vulns}


def skipped(name):
    return {"name": name, "skip_reason": "not found"}


def test_an_index_without_advisories_is_no_clean_bill():
    lines, bad = audit.verdict({"dependencies": [skipped("a"), skipped("b")]}, TODAY)
    assert lines == ["2026-11-28: none of 2 pins audited: there are no advisories here"]
    assert not bad


def test_a_known_fault_must_be_answered():
    lines, bad = audit.verdict({"dependencies": [pin("a"), pin("b", "X-1"), skipped("c")]}, TODAY)
    assert lines == ["2026-11-28: 2 of 3 pins audited", "b 1.0: X-1; cured in: 2.0"]
    assert bad


@pytest.mark.parametrize("name", ["X-1", "CVE-X-1"])
def test_an_accepted_fault_is_told_with_its_reason(monkeypatch, name):
    monkeypatch.setitem(audit.ACCEPTED, name, "never called here")
    lines, bad = audit.verdict({"dependencies": [pin("b", "X-1")]}, TODAY)
    assert lines[1] == "b 1.0: X-1; accepted: never called here"
    assert not bad


def test_without_the_tool_ci_goes_on_and_says_so(monkeypatch, capsys):
    def fails(lock):
        raise subprocess.CalledProcessError(1, ["pip"])

    monkeypatch.setattr(audit, "report", fails)
    assert audit.main() == 0
    assert "requirements.lock not audited: CalledProcessError" in capsys.readouterr().out


def test_every_accepted_fault_has_a_reason():
    assert all(reason.strip() for reason in audit.ACCEPTED.values())
