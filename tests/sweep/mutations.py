"""Faulty YAML made from right YAML, and the loader's answer: a spec or a ConfigError, nothing else.

`python -m tests.sweep.mutations 100000 [SEED]` tries as many for longer than a test suite may; it stops at the first
traceback and prints the file that caused it.
"""

import random
import sys
import tempfile
import time
from pathlib import Path

from hecasim.errors import ConfigError
from hecasim.specs import load_model, load_package, load_plan, load_study
from hecasim.sweep.points import points_of
from tests.tiny import MODEL, PACKAGE

STUDY = """\
name: mutant
description: every key of a study
package: hecaton_4x4_standard
model: tinyllama-1.1b
plan: {batch: 4, sequence: 64, options: {ring: unidirectional}}
axes:
  package.link.bandwidth: {from: 16 GB/s, to: 64 GB/s, factor: 2}
  plan.micro_batch: [1, 2, auto]
  plan.method: [hecaton, megatron]
  model.layers: {from: 1, to: 8, steps: 3}
zip: [[package.link.bandwidth, model.layers]]
where: [plan.micro_batch <= 2 or plan.micro_batch == auto, "package.link.latency >= 1 ns"]
limit: 64
columns: [step_time_s]
baseline: plan.method == hecaton
"""
SAMPLED = """\
name: drawn
package: hecaton_4x4_standard
model: tinyllama-1.1b
axes:
  package.link.latency: {from: 1 ns, to: 100 ns}
  plan.schedule: [fused, layerwise]
sample: {points: 8, seed: 1}
limit: 64
"""
PLAN = "method: hecaton\nbatch: 4\nsequence: 64\noptions: {ring: unidirectional, chunks: 4}\nsegment_bytes: 64 KiB\n"
CONFIG = """\
{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64, "intermediate_size": 128,
 "num_hidden_layers": 2, "num_attention_heads": 4, "hidden_act": "silu", "vocab_size": 256,
 "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "tie_word_embeddings": false}
"""
BASES = {"package.yaml": PACKAGE, "model.yaml": MODEL, "plan.yaml": PLAN, "config.json": CONFIG,
         "study.yaml": STUDY, "sampled.yaml": SAMPLED}  # fmt: skip
WORDS = (
    "*a", "&a [*a, *a]", "!!python/object:os.system x", "!x", "<<: *a", "-1", "0", "1e999", "-.inf", ".nan", "null",
    "~", "true", "9" * 400, "0x10", "1_000", "[" * 60, "{a: " * 60, "'", '"', '"\\ud800"', '"\\UFFFFFFFF"', "\u2028",
    "\x00",
    "\ufeff", "\U0001f4a5", "? a", "- b", "---", "...", "%YAML 9.9", "# end", "32 GB/s", "5 parsecs", "32 GB/s/s",
    "unlimited", "auto", "extends: study", "extends: ../../../../etc/passwd", "name: ../../up", "@", "`", "|", ">",
    "\t", "{from: 1, to: 1000000, factor: 1.001}", "{from: 1, to: 9, steps: 100000}", "(((((plan.batch", "not not not",
    "plan.batch in [", "{points: 100000}", "package: .", "model: /", "package: ''", "limit: 7", "a.b.c: 1",
)  # fmt: skip


def mutated(text: str, draw: random.Random) -> bytes:
    """*text* with one to four faults: in bytes, in lines, or in words."""
    content = text.encode()
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        content = draw.choice((_bytes, _line, _line, _word, _word, _word, _cut))(content, draw)
    return content


def _bytes(content: bytes, draw: random.Random) -> bytes:
    changed = bytearray(content or b"x")
    for _ in range(draw.randrange(1, 4)):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def _line(content: bytes, draw: random.Random) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    at, to = draw.randrange(len(lines)), draw.randrange(len(lines))
    kind = draw.randrange(4)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(to, lines[at])
    elif kind == 2:
        lines[at], lines[to] = lines[to], lines[at]
    else:
        lines[at] = draw.choice((b"  ", b" ", b"- ", b"\t")) + lines[at]
    return b"".join(lines)


def _word(content: bytes, draw: random.Random) -> bytes:
    """Another word in place of one, or behind it."""
    words = content.replace(b"\n", b" \n ").split(b" ")
    at = draw.randrange(len(words))
    other = draw.choice((draw.choice(WORDS).encode("utf-8", "surrogatepass"), draw.choice(words)))
    words[at : at + draw.randrange(2)] = [other]
    return b" ".join(words).replace(b" \n ", b"\n")


def _cut(content: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(content) + 1)
    return content[:at] if draw.random() < 0.5 else content[:at] + content[at + draw.randrange(1, 30) :]


def load(file: Path) -> None:
    """Read *file* the way its verb would."""
    kind = file.name.partition(".")[0]
    if kind in ("study", "sampled"):
        study = load_study(file)
        if study.axes:
            points_of(study, str(file), "0")
        return
    {"package": load_package, "model": load_model, "config": load_model, "plan": load_plan}[kind](file)


def try_one(folder: Path, draw: random.Random) -> tuple[str, str, float]:
    """Write a faulty file, load it: its name, what was said about it ("" where it is right) and the time it took."""
    name = draw.choice(sorted(BASES))
    file = folder / name
    file.write_bytes(mutated(BASES[name], draw))
    began = time.perf_counter()
    try:
        load(file)
        said = ""
    except ConfigError as error:
        said = str(error)
        assert said
    return name, said, time.perf_counter() - began


def main() -> None:
    """Try many, print what was seen."""
    count, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    draw, refused, longest = random.Random(seed), 0, 0.0
    with tempfile.TemporaryDirectory() as place:
        for number in range(count):
            try:
                _, said, wall_s = try_one(Path(place), draw)
            except BaseException:
                for file in Path(place).iterdir():
                    sys.stderr.write(f"number {number}, {file.name}:\n{file.read_bytes()!r}\n")
                raise
            refused += bool(said)
            longest = max(longest, wall_s)
    sys.stdout.write(f"{count} files, {refused} refused, no traceback; the longest took {longest:.2f} s\n")


if __name__ == "__main__":
    main()
