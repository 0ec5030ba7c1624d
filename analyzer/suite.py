"""All flows and rules of one run: our own, those of installed packages, and those of `--plugin FILE.py`.

A plugin is a module with `CHECKS` (rules), `FLOWS` (flows), or both; docs/extend.md shows how to write one. What it
brings is looked at here, so that a mistake in it is told with its name, before any capture is read.
"""

from __future__ import annotations

import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar

from analyzer.checks import CHECKS
from analyzer.checks.rule import Rule
from analyzer.entry_points import entry_points
from analyzer.errors import UserError
from analyzer.evidence import Evidence
from analyzer.findings import Result
from analyzer.flows import FLOWS
from analyzer.flows.flow import Flow, Step
from analyzer.internal import PluginError
from analyzer.plugin_source import SourceFile

if TYPE_CHECKING:
    from importlib.abc import Loader

CHECKS_GROUP = "mrfscope.checks"
FLOWS_GROUP = "mrfscope.flows"
OURS = "mrfscope"
HINT = "docs/extend.md shows what a plugin looks like"
CODE = re.compile(r"[A-Z][A-Z0-9]*(-[A-Za-z0-9]+)*")

T = TypeVar("T")
V = TypeVar("V")


@dataclass(slots=True)
class Suite:
    """Flows and rules, each under a name of its own."""

    flows: list[Flow] = field(default_factory=list)
    checks: list[Rule] = field(default_factory=list)
    origins: dict[str, str] = field(default_factory=dict)
    "Code of a rule, or id of a flow -> where it comes from."
    _guards: dict[int, tuple[Rule, Rule]] = field(default_factory=dict, repr=False)
    "A plugin's rule by its identity, and the same rule with its faults told as the plugin's."

    @property
    def rules(self) -> dict[str, Rule]:
        """Every rule by its code: checks first, then the steps of flows."""
        found = {rule.code: rule for rule in self.checks}
        for flow in self.flows:
            for step in flow.steps:
                found.setdefault(step.rule.code, step.rule)
        return found

    def steps_with(self, code: str) -> list[tuple[Flow, Step]]:
        """The steps of flows that a rule stands for."""
        return [(flow, step) for flow in self.flows for step in flow.steps if step.rule.code == code]

    def add(self, checks: Iterable[Rule], flows: Iterable[Flow], origin: str) -> None:
        """Take in what a plugin brings. Raises UserError for a code or an id that is taken, or not to be used."""
        known = self.rules
        taken = {flow.id for flow in self.flows}
        for rule in checks:
            if known.get(rule.code) is not rule:
                self._claim(rule, known, origin)
            if rule not in self.checks:
                self.checks.append(rule)
        brought = list(flows)
        for flow in brought:
            if flow.id in taken:
                raise UserError(f"{origin}: the flow {flow.id} is already there, from {self.origins[flow.id]}", HINT)
            taken.add(flow.id)
            for step in flow.steps:
                if known.get(step.rule.code) is not step.rule:
                    self._claim(step.rule, known, origin)
            ids = {step.id for step in flow.steps}
            for step in flow.steps:
                for row in step.after:
                    if row not in ids:
                        raise UserError(
                            f"{origin}: flow {flow.id}: {step.id} comes after {row}, which is no step of it", HINT
                        )
            self.origins[flow.id] = origin
        # The first flow that applies is taken: one that somebody wrote for their network goes before ours.
        self.flows[:0] = brought

    def add_plugin(self, checks: Iterable[Rule], flows: Iterable[Flow], origin: str) -> None:
        """The same for a plugin: what goes wrong inside its functions is told with its name, as a PluginError."""
        self.add(
            [self._guarded(rule, origin) for rule in checks],
            [
                replace(
                    flow,
                    steps=tuple(replace(step, rule=self._guarded(step.rule, origin)) for step in flow.steps),
                    applies=_guarded_call(flow.applies, f"{origin}: flow {flow.id}", origin),
                )
                for flow in flows
            ],
            origin,
        )

    def _guarded(self, rule: Rule, origin: str) -> Rule:
        """A rule in its guarded form; one that is there already, ours or another plugin's, stays the one that it is."""
        if self.rules.get(rule.code) is rule:
            return rule
        return self._guards.setdefault(id(rule), (rule, replace(rule, judge=_guarded_judge(rule, origin))))[1]

    def _claim(self, rule: Rule, known: dict[str, Rule], origin: str) -> None:
        if rule.code in known:
            raise UserError(f"{origin}: the code {rule.code} is already there, from {self.origins[rule.code]}", HINT)
        if not CODE.fullmatch(rule.code):
            raise UserError(f"{origin}: {rule.code!r} is no code: capitals, digits and hyphens, as in ACME-1", HINT)
        known[rule.code] = rule
        self.origins[rule.code] = origin


def load_suite(files: Sequence[str] = (), plugins: Sequence[Sequence[SourceFile]] = ()) -> Suite:
    """Our own flows and rules, then those of installed packages, of plugins that were read, and of these files.

    Raises UserError.
    """
    suite = Suite()
    suite.add(CHECKS, FLOWS, OURS)
    for entry in entry_points((CHECKS_GROUP, FLOWS_GROUP)):
        origin = f"entry point {entry.name} of {entry.distribution}"
        found = _trying(origin, entry.load)
        if isinstance(found, ModuleType):
            checks, flows = _content(found, origin)
        elif entry.group == CHECKS_GROUP:
            checks, flows = _all([found] if isinstance(found, Rule) else found, Rule, origin, "it"), []
        else:
            checks, flows = [], _all([found] if isinstance(found, Flow) else found, Flow, origin, "it")
        suite.add_plugin(checks, flows, origin)
    for sources in plugins:
        name = str(sources[0].path)
        checks, flows = _content(_module_read(sources), name)
        suite.add_plugin(checks, flows, name)
    for name in dict.fromkeys(files):
        checks, flows = _content(_module(name), name)
        suite.add_plugin(checks, flows, name)
    return suite


def _module(name: str) -> ModuleType:
    """The module of a file, run; it may import modules beside it, which count as the same when they are plugins too."""
    path = Path(name).resolve()
    if not path.is_file():
        raise UserError(f"{name}: no such plugin file", HINT)
    known = _loaded(path)
    if known is not None:
        return known
    spec = importlib.util.spec_from_file_location(_module_name(path), path)
    if spec is None or spec.loader is None:
        raise UserError(f"{name}: not a Python file; its name must end with .py", HINT)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    return _run(name, spec, spec.loader)


def _module_read(sources: Sequence[SourceFile]) -> ModuleType:
    """The same of a plugin that was read, with what it imports from its folder: nothing else is imported from there."""
    from analyzer.plugin_finder import SourceFinder  # its imports take 10 ms, and few have plugins

    plugin = sources[0]
    known = _loaded(plugin.path)
    if known is not None:
        return known
    finder = SourceFinder(sources)
    spec = finder.spec(_module_name(plugin.path), plugin)
    sys.meta_path.append(finder)
    return _run(str(plugin.path), spec, finder)


def _loaded(path: Path) -> ModuleType | None:
    known = sys.modules.get(path.stem)
    return known if known is not None and getattr(known, "__file__", None) == str(path) else None


def _module_name(path: Path) -> str:
    """A plugin's own name, unless that means something else already."""
    free = path.stem not in sys.modules and path.stem.isidentifier() and importlib.util.find_spec(path.stem) is None
    return path.stem if free else f"mrfscope_plugin_{path.stem}"


def _run(name: str, spec: ModuleSpec, loader: Loader) -> ModuleType:
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module  # dataclasses look there
    _trying(name, lambda: loader.exec_module(module))
    return module


def _trying(origin: str, load: Callable[[], V]) -> V:
    try:
        return load()
    except (Exception, SystemExit) as error:
        raise UserError(f"{origin}: cannot be loaded: {described(error, origin)}", HINT) from error


def described(error: BaseException, file: str = "", *, words: bool = True) -> str:
    """`line 3: NameError: ...`: an exception with the last line of `file`, or of any other, that it went through.

    Without `words` its text, which may quote the capture, is left out.
    """
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {type(error).__name__}: {error.msg}"
    places = traceback.extract_tb(error.__traceback__)
    where = [place.lineno for place in places if file and Path(place.filename).name == Path(file).name]
    return f"{f'line {where[-1]}: ' if where else ''}{type(error).__name__}{f': {error}' if words else ''}"


def _content(module: ModuleType, origin: str) -> tuple[list[Rule], list[Flow]]:
    checks, flows = getattr(module, "CHECKS", None), getattr(module, "FLOWS", None)
    if checks is None and flows is None:
        raise UserError(f"{origin}: has neither CHECKS nor FLOWS", HINT)
    return _all(checks or (), Rule, origin, "CHECKS"), _all(flows or (), Flow, origin, "FLOWS")


def _all(found: object, kind: type[T], origin: str, name: str) -> list[T]:
    if not isinstance(found, list | tuple):
        raise UserError(
            f"{origin}: {name} must be a list of {kind.__name__} objects, is of type {type(found).__name__}", HINT
        )
    for index, each in enumerate(found):
        if not isinstance(each, kind):
            raise UserError(f"{origin}: {name}[{index}] is of type {type(each).__name__}, not {kind.__name__}", HINT)
    return list(found)


def _guarded_judge(rule: Rule, origin: str) -> Callable[[Evidence], Result]:
    call = _guarded_call(rule.judge, f"{origin}: rule {rule.code}", origin)

    def judge(evidence: Evidence) -> Result:
        result: object = call(evidence)
        if not isinstance(result, Result):
            raise PluginError(f"{origin}: rule {rule.code} answered with {type(result).__name__}, not with a Result")
        return result

    return judge


def _guarded_call(call: Callable[[Evidence], V], name: str, origin: str) -> Callable[[Evidence], V]:
    def guarded(evidence: Evidence) -> V:
        try:
            return call(evidence)
        except Exception as error:
            raise PluginError(f"{name} failed on this session: {described(error, origin, words=False)}") from error

    return guarded
