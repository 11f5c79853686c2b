"""What every description has in common: frozen, nothing unknown, short keys in a file and base units in Python."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

from hecasim.units import Quantity, as_text

SUFFIXES = ("_bytes_per_s", "_flop_per_s", "_j_per_bit", "_bytes", "_ps", "_hz", "_j")
WRITTEN = {"static_w_per_chiplet": "static_per_chiplet", "segment_bytes": "segment_bytes"}  # keys that break the rule
LARGEST_COUNT = 10**9

Count = Annotated[int, Field(gt=0, le=LARGEST_COUNT)]
Side = Annotated[int, Field(gt=0, le=4096)]  # of a grid: 4096 x 4096 tiles are beyond any package
Name = Annotated[str, Field(min_length=1, max_length=200)]


def yaml_key(name: str) -> str:
    """`latency_ps` is written `latency`: in a file the value carries its unit."""
    return WRITTEN.get(name) or next((name.removesuffix(end) for end in SUFFIXES if name.endswith(end)), name)


class Spec(BaseModel):
    """A frozen description: short keys and units in a file, field names and base units in Python."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        alias_generator=yaml_key,
        validate_by_alias=True,
        validate_by_name=True,
    )

    is_file: ClassVar[bool] = False  # a whole file, which may extend another, not a section of one

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """What editors are told: any key may come from the file named in `extends` or from a preset."""
        schema = handler.resolve_ref_schema(handler(core))
        needed = schema.pop("required", [])
        for key, name in cls.keys().items():
            quantity = quantity_of(cls, name)
            if quantity and "default" in schema["properties"][key]:
                schema["properties"][key]["default"] = as_text(cls.model_fields[name].default, quantity.base)
        if cls.is_file:
            schema["properties"]["extends"] = {"type": "string", "description": "the file this one is a change of"}
            schema["anyOf"] = [{"required": ["extends"]}, {"required": needed}]
        return schema

    @classmethod
    def keys(cls) -> dict[str, str]:
        """The key in a file of every field: {"latency": "latency_ps", ...}."""
        return {field.alias or name: name for name, field in cls.model_fields.items()}


def quantity_of(kind: type[Spec], name: str) -> Quantity | None:
    """The unit of a field, None where it has none."""
    return next((mark for mark in kind.model_fields[name].metadata if isinstance(mark, Quantity)), None)


def broken_rule(key: str, sentence: str) -> PydanticCustomError:
    """A fault between fields, told at *key* (a key of the file, `.` between levels)."""
    return PydanticCustomError("rule", "{sentence}", {"key": key, "sentence": sentence})


@dataclass(frozen=True)
class CountOr:
    """A whole number above 0, or one word."""

    word: str

    def read(self, value: Any) -> int | str:
        """The value as it is; pydantic calls this for the field."""
        if value == self.word:
            return self.word
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= LARGEST_COUNT:
            raise PydanticCustomError("count_or", "expected a whole number above 0, or '{word}'", {"word": self.word})
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [{"type": "integer", "exclusiveMinimum": 0}, {"const": self.word}]}


CountOrAuto = Annotated[int | Literal["auto"], CountOr("auto")]
