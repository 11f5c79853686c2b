"""A command line whose simulation is a fake: what is tested is how words become calls, files and exit codes."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from hecasim.cli import main
from hecasim.specs import resolved
from tests.report.documents import FakeResult, result_document
from tests.tiny import write_inputs


class Answer(NamedTuple):
    """What one call of the command line left behind."""

    code: int
    out: str
    err: str


class FakeSimulation:
    """Stands for hecasim.run: keeps what it was asked, gives a document with those inputs."""

    def __init__(self) -> None:
        self.calls: list[SimpleNamespace] = []
        self.raises: dict[str, BaseException] = {}  # method -> what its simulation raises

    def simulate(
        self, package: Any, model: Any, plan: Any, *, progress: Any = None, timeline: bool = False
    ) -> FakeResult:
        self.calls.append(SimpleNamespace(package=package, model=model, plan=plan, timeline=timeline))
        if plan.method in self.raises:
            raise self.raises[plan.method]
        if progress:
            progress(0.5, "backward")
        document = result_document(plan.method, slower=len(self.calls))
        document["inputs"] = {"package": resolved(package), "model": resolved(model), "plan": resolved(plan)}
        return FakeResult(document, timeline=timeline)

    def preview(self, package: Any, model: Any, plan: Any) -> dict[str, Any]:
        self.calls.append(SimpleNamespace(package=package, model=model, plan=plan))
        return {"bounds_s": {"compute": 0.25}, "sram": {"needed_bytes": 1024}}

    def build_trace(self, package: Any, model: Any, plan: Any) -> str:
        self.calls.append(SimpleNamespace(package=package, model=model, plan=plan))
        return f"trace of {plan.method}\n"


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch) -> FakeSimulation:
    fake = FakeSimulation()
    monkeypatch.setitem(sys.modules, "hecasim.run", fake)
    write = SimpleNamespace(write=lambda trace, path: Path(path).write_text(trace))
    monkeypatch.setitem(sys.modules, "hecasim.trace.file", write)
    return fake


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    def run(*words: object) -> Answer:
        with pytest.raises(SystemExit) as leaving:
            main([str(word) for word in words])
        code = leaving.value.code
        return Answer(code if isinstance(code, int) else 0 if code is None else 1, *capsys.readouterr())

    return run


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return write_inputs(tmp_path)


@pytest.fixture
def comparison(tmp_path: Path) -> Path:
    return write_inputs(tmp_path, ["megatron", "hecaton"])
