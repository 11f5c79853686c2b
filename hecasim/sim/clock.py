"""Time: a SimPy clock in whole picoseconds whose every picosecond has two halves.

First all events of an instant, and the zero-time starts they cause, run to a fixpoint; then one grant pass
serves the resources that were asked for. So nothing depends on the order in which events were created.
Space is a part of the first half: when nothing more happens, the gates that were asked let in whom they have room for,
all at once; what then starts in this instant may ask again, until nobody does.
Every grant, computation and hop lasts at least one picosecond: a grant causes nothing in its own instant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import simpy
from simpy.events import NORMAL, EventPriority

GRANT_HALF = EventPriority(NORMAL + 1)
"""Priority of the grant pass: SimPy runs it after every normal event of the same instant."""


class Resource(Protocol):
    """Something that is asked for in the first half of a picosecond and granted in the second."""

    asking: bool

    def grant(self, now: int) -> None:
        """Serve whoever is first by the static order."""


class Gate(Protocol):
    """Something that is asked for space in the first half of a picosecond and gives it at the end of that half."""

    entering: bool
    begin: Callable[[Any], None]

    def admit(self, now: int) -> list[Any]:
        """Those that there is room for, in static order; each is handed to `begin` afterwards."""


class _Done(simpy.Event):
    """An event that is triggered when it is made, like SimPy's own Timeout."""

    def __init__(self, env: simpy.Environment, action: Callable[[simpy.Event], None]) -> None:
        super().__init__(env)
        self._ok = True
        self._value = None
        assert self.callbacks is not None
        self.callbacks.append(action)


class Clock:
    """The SimPy environment with an agenda: one SimPy event per instant, however much happens in it."""

    def __init__(self) -> None:
        self.env = simpy.Environment()
        self.now = 0
        self.happenings = 0
        self._agenda: dict[int, list[tuple[Callable[[Any], None], Any]]] = {}
        self._asked: list[Resource] = []
        self._entering: list[Gate] = []
        self._grant_due = False

    def at(self, time: int, action: Callable[[Any], None], argument: Any) -> None:
        """Do *action(argument)* in the first half of picosecond *time*."""
        happenings = self._agenda.get(time)
        if happenings is None:
            self._agenda[time] = [(action, argument)]
            instant = self.env.timeout(time - self.env.now)
            instant.callbacks.append(self._happen)
        else:
            happenings.append((action, argument))

    def _happen(self, _: simpy.Event) -> None:
        now = self.now = int(self.env.now)
        happenings = self._agenda.pop(now)
        self.happenings += len(happenings)
        for action, argument in happenings:
            action(argument)
        # Nothing else is due in this picosecond: its second half can follow without an event of its own
        # (measured: a quarter off the run time of a ring whose members are out of step).
        if (self._asked or self._entering) and not self._grant_due:
            if self.env.peek() > now:
                self._end_first_half(now)
            else:
                self.settle()

    def ask(self, resource: Resource) -> None:
        """Let *resource* take part in the grant pass at the end of this picosecond."""
        if resource.asking:
            return
        resource.asking = True
        self._asked.append(resource)

    def enter(self, gate: Gate) -> None:
        """Let *gate* look at the end of this half who fits."""
        if not gate.entering:
            gate.entering = True
            self._entering.append(gate)

    def settle(self) -> None:
        """After a SimPy process has acted: make sure that a grant pass ends this picosecond."""
        if (self._asked or self._entering) and not self._grant_due:
            self._grant_due = True
            self.env.schedule(_Done(self.env, self._grant), GRANT_HALF)

    def _grant(self, _: simpy.Event) -> None:
        self._grant_due = False
        self.now = int(self.env.now)
        self._end_first_half(self.now)

    def _end_first_half(self, now: int) -> None:
        """Nothing else happens: give space, round by round, then serve; unless what got space makes more happen."""
        while self._entering:
            gates, self._entering = self._entering, []
            for gate in gates:
                gate.entering = False
            # First all gates decide, then all that was let in begins: the order of the gates does not matter.
            admitted = [(gate.begin, entrant) for gate in gates for entrant in gate.admit(now)]
            for begin, entrant in admitted:
                begin(entrant)
            if self.env.peek() <= now:
                self.settle()
                return
        if self._asked:
            self._serve(now)

    def _serve(self, now: int) -> None:
        asked, self._asked = self._asked, []
        for resource in asked:
            resource.asking = False
            resource.grant(now)

    def run(self) -> None:
        """Until nothing is left to happen."""
        self.env.run()
        self.now = int(self.env.now)
        assert not self._asked, "a resource was asked for and never granted"
        assert not self._entering, "space was asked for and nobody looked"
