"""A GGUF file of some kilobytes that llama.cpp loads at once: a llama with random weights."""

from __future__ import annotations

import random
import struct
from array import array
from math import prod
from pathlib import Path

WIDTH, INNER, HEADS, CONTEXT = 32, 64, 2, 512
ALIGNMENT = 32
TEXT, UINT32, FLOAT32, INT32, ARRAY = 8, 4, 6, 5, 9
"""Types of values, as GGUF numbers them."""
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
"""Types of tokens."""

TOKENS = [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL)]
TOKENS += [(f"<0x{number:02X}>", BYTE) for number in range(256)]
TOKENS += [(letter, NORMAL) for letter in "\u2581abcdefghijklmnopqrstuvwxyz"]

VALUES: list[tuple[str, int, int | float | str]] = [
    ("general.architecture", TEXT, "llama"),
    ("general.alignment", UINT32, ALIGNMENT),
    ("llama.context_length", UINT32, CONTEXT),
    ("llama.embedding_length", UINT32, WIDTH),
    ("llama.block_count", UINT32, 1),
    ("llama.feed_forward_length", UINT32, INNER),
    ("llama.attention.head_count", UINT32, HEADS),
    ("llama.attention.layer_norm_rms_epsilon", FLOAT32, 1e-5),
    ("tokenizer.ggml.model", TEXT, "llama"),
    ("tokenizer.ggml.bos_token_id", UINT32, 1),
    ("tokenizer.ggml.eos_token_id", UINT32, 2),
]
LISTS: list[tuple[str, int, list[int] | list[float] | list[str]]] = [
    ("tokenizer.ggml.tokens", TEXT, [text for text, _ in TOKENS]),
    ("tokenizer.ggml.scores", FLOAT32, [0.0 for _ in TOKENS]),
    ("tokenizer.ggml.token_type", INT32, [kind for _, kind in TOKENS]),
]
TENSORS: list[tuple[str, tuple[int, ...]]] = [
    ("token_embd.weight", (WIDTH, len(TOKENS))),
    ("output.weight", (WIDTH, len(TOKENS))),
    ("output_norm.weight", (WIDTH,)),
    ("blk.0.attn_norm.weight", (WIDTH,)),
    ("blk.0.ffn_norm.weight", (WIDTH,)),
    *((f"blk.0.attn_{name}.weight", (WIDTH, WIDTH)) for name in ("q", "k", "v", "output")),
    ("blk.0.ffn_gate.weight", (WIDTH, INNER)),
    ("blk.0.ffn_up.weight", (WIDTH, INNER)),
    ("blk.0.ffn_down.weight", (INNER, WIDTH)),
]


def write_tiny_model(path: Path) -> Path:
    """Write the file, the same one each time, and return its path."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(TENSORS), len(VALUES) + len(LISTS))
    for name, kind, value in VALUES:
        head += _packed(TEXT, name) + struct.pack("<I", kind) + _packed(kind, value)
    for name, kind, values in LISTS:
        head += _packed(TEXT, name) + struct.pack("<IIQ", ARRAY, kind, len(values))
        head += b"".join(_packed(kind, value) for value in values)
    body, chance = b"", random.Random(1)
    for name, shape in TENSORS:
        head += _packed(TEXT, name) + struct.pack("<I", len(shape))
        head += struct.pack(f"<{len(shape)}QIQ", *shape, 0, len(body))  # 0 is float32
        body += array("f", (chance.uniform(-0.5, 0.5) for _ in range(prod(shape)))).tobytes()
    path.write_bytes(head + bytes(-len(head) % ALIGNMENT) + body)
    return path


def _packed(kind: int, value: float | str) -> bytes:
    if isinstance(value, str):
        text = value.encode()
        return struct.pack("<Q", len(text)) + text
    return struct.pack({UINT32: "<I", INT32: "<i", FLOAT32: "<f"}[kind], value)
