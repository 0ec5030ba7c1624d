"""Fault twins written inside a test: a sample with a few lines of change, as samples/README.md explains them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from capture_variants import Packets
from judged import SAMPLES

from samples import build


@dataclass(frozen=True)
class Built:
    """A twin's packets, and the step that each belongs to."""

    packets: tuple[tuple[int, bytes], ...]
    steps: tuple[str, ...]

    def all(self) -> Packets:
        return list(self.packets)

    def frames(self, *names: str) -> tuple[int, ...]:
        """The first frame of each step; `name/2` is its second, `name/*` all of them."""
        found: list[int] = []
        for name in names:
            step, _, which = name.partition("/")
            own = [frame for frame, each in enumerate(self.steps, 1) if each == step]
            found += own if which == "*" else [own[int(which or 1) - 1]]
        return tuple(sorted(set(found)))


@cache
def twin(base: str, changes: str) -> Built:
    """Build a twin of a sample; `changes` is TOML without `base` and `title`."""
    with TemporaryDirectory() as folder:
        for sample in SAMPLES.iterdir():
            if (sample / "scenario.toml").exists():
                (Path(folder) / sample.name).symlink_to(sample)
        description = Path(folder) / "twin" / "scenario.toml"
        description.parent.mkdir()
        description.write_text(f'base = "{base}"\ntitle = "a twin"\n{changes}', encoding="utf-8")
        _, built = build.packets(description)
    return Built(tuple((each.time, each.data) for each in built), tuple(each.step for each in built))


def dropped(*patterns: str) -> str:
    """Leave out these steps."""
    return f"[[change]]\ndrop = {list(patterns)!r}\n"


def replaced(step: str, old: str, new: str) -> str:
    """Exchange a text that stands in a step once."""
    return f"[[change]]\nstep = {step!r}\nreplace = '''{old}'''\nwith = '''{new}'''\n"


def changed(step: str, **keys: object) -> str:
    """Exchange keys of a step: `at`, `do`."""
    return (
        f"[[change]]\nstep = {step!r}\nset = {{ {', '.join(f'{key} = {value!r}' for key, value in keys.items())} }}\n"
    )


def added(name: str, at: float, way: str, protocol: str = "msrp", text: str = "", **keys: str) -> str:
    """One more step."""
    lines = [f"[[step]]\nname = {name!r}\nat = {at}\n{protocol} = {way!r}"]
    lines += [f"{key} = {value!r}" for key, value in keys.items() if key != "content"]
    if text:
        lines.append(f"text = '''\n{text}'''")
    if "content" in keys:
        lines.append(f"content = '''\n{keys['content']}\n'''")
    return "\n".join(lines) + "\n"


def again(step: str, *times: float) -> str:
    """The message of a step once more at each of these times, as UDP has it."""
    return "".join(
        f"[[step]]\nname = '{step}-{number}'\nagain = {step!r}\nat = {at}\n" for number, at in enumerate(times, 2)
    )


MEDIA_STEPS = ("bind*", "nickname*", "chat-*", "agenda-*")
"What the sample tcp-dial-in says in MSRP."
