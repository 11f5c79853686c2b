"""The layerwise schedule: every operator by itself, its operands from DRAM and its results back to DRAM.

An inference design used for training: what the fused schedule hands on inside the package makes a round trip here.
A value that crosses from one section to a later one is stored where it is made and loaded where it is read.
"""

from __future__ import annotations

from dataclasses import replace

from hecasim.parallel.program import Program, Section, Step, Value, Wave


def through_dram(program: Program) -> Program:
    """*program*, with one section per level, so that no value waits on the package between sections."""
    journey = _Journey(program.sections)
    sections = [journey.through(number, section) for number, section in enumerate(program.sections)]
    return replace(program, sections=sections, reads_back=True)


class _Journey:
    """Follows every value through the sections; a later version of it has a name of its own."""

    def __init__(self, sections: list[Section]) -> None:
        self.sections = sections
        self.current: dict[str, Value] = {}
        """Name of a value -> its latest version."""
        self.maker: dict[str, Section] = {}
        """Name of a version -> the section that made it; versions that came from DRAM are not here."""

    def through(self, number: int, section: Section) -> Section:
        here: dict[str, str] = {}
        """Names of values on the package in this section -> their versions."""
        section = Section(section.tiled, [], list(section.loads), list(section.stores))
        for value in section.loads:
            here[value.name] = value.name
            self.current[value.name] = value
        for wave in self.sections[number].waves:
            section.waves.append(self._wave(number, wave, section, here))
        section.stores = [self.current.get(value.name, value) for value in section.stores]
        return section

    def _wave(self, number: int, wave: Wave, section: Section, here: dict[str, str]) -> Wave:
        return tuple(self._step(number, step, section, here) for step in wave)

    def _step(self, number: int, step: Step, section: Section, here: dict[str, str]) -> Step:
        reads = [self._read(number, name, section, here) for name in step.reads]
        makes = []
        for value in step.makes:
            version = value
            if value.name in here:  # added in place
                version = replace(value, name=here[value.name])
            elif value.name in self.current:  # added to what an earlier section stored
                reads.append(self._read(number, value.name, section, here))
                version = replace(value, name=f"{value.name}+{number}")
            makes.append(version)
            here[value.name] = version.name
            self.current[value.name] = version
            self.maker[version.name] = section
        return replace(step, reads=tuple(dict.fromkeys(reads)), makes=tuple(makes))

    def _read(self, number: int, name: str, section: Section, here: dict[str, str]) -> str:
        base = name if name in self.current else self._same_tensor(name)
        if base is None:
            return name
        if base not in here:
            version = self.current[base]
            maker = self.maker.get(version.name)
            if maker is not None and all(stored.name != version.name for stored in maker.stores):
                maker.stores.append(version)
            loaded = replace(version, name=f"{base}@{number}")
            section.loads.append(loaded)
            here[base] = loaded.name
        return here[base]

    def _same_tensor(self, name: str) -> str | None:
        """A free slice is read from the latest value of the same tensor."""
        tensor = name.split(" [", maxsplit=1)[0]
        return next((held for held in reversed(self.current) if held.split(" [")[0] == tensor), None)
