"""The Trace of one training step: its tasks, how it is built, and its file."""

from hecasim.mapping.buffers import Buffer
from hecasim.mapping.work import Work
from hecasim.trace.mixed import MixedStep
from hecasim.trace.play import Body
from hecasim.trace.prepare import Prepared
from hecasim.trace.step import Step, assemble, build_trace, prepare
from hecasim.trace.task import After, BodyKind, Task, Trace

__all__ = [
    "After",
    "Body",
    "BodyKind",
    "Buffer",
    "MixedStep",
    "Prepared",
    "Step",
    "Task",
    "Trace",
    "Work",
    "assemble",
    "build_trace",
    "prepare",
]
