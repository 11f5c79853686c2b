"""A World: one handle to all tables of a run, through which compiled functions read and write their arrays.

numba's own structures count references to every array at every use, in steps that no other processor may disturb
(measured: a quarter of a run, and much of what could stay in registers). The tables live as long as the run, and their
places never change while compiled functions work; so a World is the address of a table of addresses, and what is read
through it is counted by nobody. Python's half keeps the arrays alive.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from llvmlite import ir
from numba import from_dtype
from numba.core import types
from numba.core.datamodel import models
from numba.core.typing.templates import AttributeTemplate
from numba.extending import NativeValue, infer_getattr, lower_getattr_generic, register_model, typeof_impl, unbox
from numba.np.arrayobj import make_array, populate_array
from numpy.typing import NDArray

from hecasim.sim.fast.tables import FIELDS

WORDS = 4
"""Kept of every array: its address and its shape."""
WORD = ir.IntType(64)


class World:
    """The arrays of a world by name, and where they stand."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.arrays = {name: arrays[name] for name in FIELDS}
        self._places = np.zeros((len(FIELDS), WORDS), dtype=np.int64)
        for place, (name, (kind, dimensions)) in zip(self._places, FIELDS.items(), strict=True):
            array = self.arrays[name]
            if array.dtype != kind or array.ndim != dimensions or not array.flags.c_contiguous:
                raise TypeError(f"table {name}: {array.dtype} in {array.ndim} dimensions is not what was compiled")
            place[0] = array.ctypes.data
            place[1 : 1 + dimensions] = array.shape
        self.address = self._places.ctypes.data


class WorldType(types.Type):
    """numba's type of a World; there is one."""

    def __init__(self) -> None:
        super().__init__("World")


WORLD = WorldType()
EXTENTS = {f"{name}_{word}": (name, axis) for name in FIELDS for axis, word in enumerate(("length", "width"))}
"""What a World is asked for the extents of a table: its arrays do not know them, see `_field`."""
ARRAYS = {
    name: types.Array(from_dtype(kind), dimensions, "C" if dimensions == 1 else "A")
    for name, (kind, dimensions) in FIELDS.items()
}
PLACES = {name: place for place, name in enumerate(FIELDS)}


@typeof_impl.register(World)
def _type_of(_value: World, _context: Any) -> WorldType:
    return WORLD


@register_model(WorldType)
class _Model(models.OpaqueModel):
    """An address."""


@unbox(WorldType)
def _unbox(_kind: WorldType, value: Any, c: Any) -> NativeValue:
    number = c.pyapi.object_getattr_string(value, "address")
    address = c.pyapi.long_as_voidptr(number)
    c.pyapi.decref(number)
    return NativeValue(address)


@infer_getattr
class _Fields(AttributeTemplate):
    """Every field is an array or an extent of one."""

    key = WorldType

    def generic_resolve(self, _world: Any, name: str) -> Any:  # type: ignore[override]
        return types.int64 if name in EXTENTS else ARRAYS.get(name)


@lower_getattr_generic(WorldType)
def _field(context: Any, builder: Any, _kind: WorldType, world: Any, name: str) -> Any:
    """An array, or an extent of one.

    The arrays say that they are 0 long: numba adds the length to an index below 0, which none is here, and so there is
    nothing to add. Those of several dimensions are found by their strides ("A").
    """
    if name in EXTENTS:
        table, axis = EXTENTS[name]
        return _word(builder, world, table, 1 + axis)
    kind = ARRAYS[name]
    array = make_array(kind)(context, builder)
    size = ir.Constant(WORD, context.get_abi_sizeof(context.get_data_type(kind.dtype)))
    strides = [size]
    for axis in range(kind.ndim - 1, 0, -1):
        strides.insert(0, builder.mul(strides[0], _word(builder, world, name, 1 + axis)))
    data = builder.inttoptr(_word(builder, world, name, 0), context.get_data_type(kind.dtype).as_pointer())
    shape = [ir.Constant(WORD, 0)] * kind.ndim
    populate_array(array, data=data, shape=shape, strides=strides, itemsize=size, meminfo=None)
    return array._getvalue()


def _word(builder: Any, world: Any, name: str, number: int) -> Any:
    """A number of a table's place, which never changes while a compiled function works."""
    place = ir.Constant(WORD, WORDS * PLACES[name] + number)
    found = builder.load(builder.gep(builder.bitcast(world, WORD.as_pointer()), [place], inbounds=True))
    found.set_metadata("invariant.load", builder.module.add_metadata([]))
    return found
